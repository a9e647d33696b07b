//! Sealing of what the journal keeps: texts and aliases lie under the data key of their class and tenant. A sealed
//! record begins with the tenant's name and the key's version, so that its key can be found; dropping the key
//! destroys the record: `length:u8 tenant version:u32 nonce12 ciphertext tag16`. Where most of a record need not be
//! hidden (ids, times, encrypted device IDs), that lies open before the nonce, `length:u16 octets`, and is authenticated.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use veilgate_identity::{Class, KeyRing, Sealer};
use veilgate_names::{EnterpriseId, Reason};

use crate::record::RecordError;

/// What a sealed record says of its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedUnder {
    /// Whose key; `None` is the installation's.
    pub tenant: Option<EnterpriseId>,
    /// Which version of it.
    pub version: u32,
}

/// A record that lies partly open.
pub(crate) struct Behind<'a> {
    /// Whose it is; `None` is the installation's.
    pub(crate) tenant: Option<EnterpriseId>,
    /// What lay open.
    pub(crate) open: &'a [u8],
    /// What was sealed.
    pub(crate) plain: Vec<u8>,
}

/// Seals and opens records. Nonces are a start-up salt and a counter: unique while the salt is.
pub(crate) struct Seals {
    keys: Arc<KeyRing>,
    salt: [u8; 4],
    counter: AtomicU64,
}

impl Seals {
    /// `salt` and the counter's start must be fresh random octets at each start.
    pub(crate) fn new(keys: Arc<KeyRing>, entropy: [u8; 12]) -> Self {
        let [a, b, c, d, rest @ ..] = entropy;
        Self { keys, salt: [a, b, c, d], counter: AtomicU64::new(u64::from_be_bytes(rest)) }
    }

    /// Appends tenant and sealed octets to `out`.
    ///
    /// # Errors
    /// [`Reason::Internal`] where the tenant has no key: the shell makes keys for every configured enterprise.
    pub(crate) fn seal(
        &self,
        class: Class,
        tenant: Option<&EnterpriseId>,
        plain: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Reason> {
        let sealer = self.keys.sealer(class, tenant).ok_or(Reason::Internal)?;
        let name = tenant.map_or("", EnterpriseId::as_str).as_bytes();
        out.push(u8::try_from(name.len()).map_err(|_| Reason::Internal)?);
        out.extend_from_slice(name);
        out.extend_from_slice(&sealer.version().to_be_bytes());
        sealer.seal(self.nonce(), name, plain, out);
        Ok(())
    }

    /// Appends tenant, open octets (at most 65,535) and sealed octets to `out`.
    ///
    /// # Errors
    /// As [`Self::seal`].
    pub(crate) fn seal_behind(
        &self,
        class: Class,
        tenant: Option<&EnterpriseId>,
        open: &[u8],
        plain: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Reason> {
        let sealer = self.keys.sealer(class, tenant).ok_or(Reason::Internal)?;
        let start = out.len();
        let name = tenant.map_or("", EnterpriseId::as_str).as_bytes();
        out.push(u8::try_from(name.len()).map_err(|_| Reason::Internal)?);
        out.extend_from_slice(name);
        out.extend_from_slice(&sealer.version().to_be_bytes());
        out.extend_from_slice(&u16::try_from(open.len()).map_err(|_| Reason::Internal)?.to_be_bytes());
        out.extend_from_slice(open);
        sealer.seal_behind(self.nonce(), start, plain, out);
        Ok(())
    }

    /// Opens what [`Self::seal_behind`] made.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub(crate) fn open_behind<'a>(&self, class: Class, record: &'a [u8]) -> Result<Behind<'a>, RecordError> {
        let (SealedUnder { tenant, version }, rest) = SealedUnder::split(record).ok_or(RecordError)?;
        let (length, rest) = rest.split_first_chunk::<2>().ok_or(RecordError)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (open, sealed) = rest.split_at_checked(length).ok_or(RecordError)?;
        let head = record.get(..record.len() - sealed.len()).ok_or(RecordError)?;
        let sealer = self.keys.opener(class, tenant.as_ref(), version).ok_or(RecordError)?;
        let plain = sealer.open(head, sealed).map_err(|_| RecordError)?;
        Ok(Behind { tenant, open, plain })
    }

    /// Whose a record is that [`Self::seal_behind`] made, and what lies open of it. Nothing vouches for that yet.
    pub(crate) fn glance(record: &[u8]) -> Option<(EnterpriseId, &[u8])> {
        let (under, rest) = SealedUnder::split(record)?;
        let (length, rest) = rest.split_first_chunk::<2>()?;
        Some((under.tenant?, rest.get(..usize::from(u16::from_be_bytes(*length)))?))
    }

    /// Opens what [`Self::seal`] made.
    ///
    /// # Errors
    /// [`RecordError`] for damaged octets and for a tenant whose key is gone.
    pub(crate) fn open(
        &self,
        class: Class,
        record: &[u8],
    ) -> Result<(Option<EnterpriseId>, Vec<u8>), RecordError> {
        let (SealedUnder { tenant, version }, sealed) = SealedUnder::split(record).ok_or(RecordError)?;
        let sealer = self.keys.opener(class, tenant.as_ref(), version).ok_or(RecordError)?;
        let name = tenant.as_ref().map_or("", EnterpriseId::as_str).as_bytes();
        let plain = sealer.open(name, sealed).map_err(|_| RecordError)?;
        Ok((tenant, plain))
    }

    /// Whether a tenant has a key of this class.
    pub(crate) fn has_key(&self, class: Class, tenant: &EnterpriseId) -> bool {
        self.keys.sealer(class, Some(tenant)).is_some()
    }

    /// A sealer and a nonce, for fields that are sealed alone.
    pub(crate) fn sealer(
        &self,
        class: Class,
        tenant: Option<&EnterpriseId>,
    ) -> Option<(Arc<Sealer>, [u8; 12])> {
        Some((self.keys.sealer(class, tenant)?, self.nonce()))
    }

    fn nonce(&self) -> [u8; 12] {
        let mut nonce = [0; 12];
        let count = self.counter.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        for (slot, octet) in nonce.iter_mut().zip(self.salt.iter().chain(&count)) {
            *slot = *octet;
        }
        nonce
    }
}

impl SealedUnder {
    /// Reads the head of a sealed record; `None` if it is none.
    #[must_use]
    pub fn read(record: &[u8]) -> Option<Self> {
        Self::split(record).map(|(under, _)| under)
    }

    fn split(record: &[u8]) -> Option<(Self, &[u8])> {
        let (&length, rest) = record.split_first()?;
        let (name, rest) = rest.split_at_checked(usize::from(length))?;
        let (version, sealed) = rest.split_first_chunk::<4>()?;
        let tenant = match name {
            [] => None,
            name => Some(EnterpriseId::parse(std::str::from_utf8(name).ok()?).ok()?),
        };
        Some((Self { tenant, version: u32::from_be_bytes(*version) }, sealed))
    }
}
