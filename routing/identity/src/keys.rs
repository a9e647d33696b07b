//! The key ring: every data key, wrapped by one master key for the disk and scheduled in memory. It refuses to
//! show a key, and it asks nobody for randomness: entropy is a parameter.

use std::fmt;
use std::sync::Arc;

use parking_lot::RwLock;
use rustc_hash::FxHashMap;
use veilgate_names::{EnterpriseId, KeyId};
use zeroize::Zeroizing;

use crate::cipher::{EdiKey, MacKey, NONCE, Sealer};

mod sealed_text;

/// What a data key seals. Each class of each tenant has a key of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// Numbers: the vault's and those of CDRs.
    Number,
    /// Texts of messages.
    Text,
    /// Pseudonyms and encrypted device IDs.
    Alias,
    /// The authorization registry.
    Registry,
}

/// Why a key ring does not open or take a key. Ours to mend; a retry does not help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The master key is neither 16 nor 32 octets long.
    #[error("the master key must be 16 or 32 octets")]
    MasterLength,
    /// The text was sealed under another master key.
    #[error("the key ring was sealed under another master key")]
    WrongMaster,
    /// The master key fits, but the text is damaged or of another version.
    #[error("the key ring is damaged")]
    Damaged,
}

/// All data keys. Shared behind an `Arc`; every method takes `&self`.
pub struct KeyRing {
    master: Master,
    index: Secret,
    subscriber: Secret,
    number: Arc<Sealer>,
    vault: Sealer,
    sealing: RwLock<FxHashMap<SealingName, DataKey>>,
    edi: RwLock<FxHashMap<Box<str>, EdiEntry>>,
}

/// What an encrypted device ID's key id leads to.
pub(crate) enum EdiLookup {
    /// The key, and whether it may open legacy ciphertexts.
    Active {
        key: Arc<EdiKey>,
        allow_legacy: bool,
    },
    Retired,
    Unknown,
}

/// What a data key is for.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct SealingName {
    class: Class,
    tenant: Option<EnterpriseId>,
}

/// A MAC key with the octets it came from, which are needed to wrap it.
struct Secret {
    octets: Zeroizing<Vec<u8>>,
    mac: MacKey,
}

struct DataKey {
    octets: Zeroizing<[u8; 16]>,
    sealer: Arc<Sealer>,
}

struct EdiEntry {
    octets: Zeroizing<[u8; 16]>,
    key: Arc<EdiKey>,
    allow_legacy: bool,
    retired: bool,
}

/// The two keys made from the master key; the master key itself is not kept.
struct Master {
    wrap: Sealer,
    nonces: MacKey,
}

impl KeyRing {
    /// A new ring with fresh random keys. `entropy` fills the whole buffer it is given.
    ///
    /// # Errors
    /// [`KeyError::MasterLength`].
    pub fn generate(master: &[u8], entropy: &mut dyn FnMut(&mut [u8])) -> Result<Self, KeyError> {
        let master = Master::new(master)?;
        let index = Secret::random(entropy);
        let subscriber = Secret::random(entropy);
        let number = DataKey::random(entropy);
        Ok(Self::assemble(master, index, subscriber, number))
    }

    /// The same ring with another device index key, for test vectors.
    #[must_use]
    pub fn with_index_key(mut self, key: &[u8]) -> Self {
        self.index = Secret::new(Zeroizing::new(key.to_vec()));
        self
    }

    /// Adds or replaces the key that opens the device IDs naming `kid`; it is active from now on.
    pub fn import_edi_key(&self, kid: &KeyId, key: [u8; 16], allow_legacy: bool) {
        let entry = EdiEntry::new(Zeroizing::new(key), allow_legacy, false);
        self.edi.write().insert(kid.as_str().into(), entry);
    }

    /// From now on device IDs naming `kid` are answered `KEY_EXPIRED`. False if there is no such key.
    pub fn retire_edi_key(&self, kid: &KeyId) -> bool {
        self.edi.write().get_mut(kid.as_str()).map(|entry| entry.retired = true).is_some()
    }

    /// The sealer of a class and tenant, if its key was made already.
    #[must_use]
    pub fn sealer(&self, class: Class, tenant: Option<&EnterpriseId>) -> Option<Arc<Sealer>> {
        if class == Class::Number && tenant.is_none() {
            return Some(Arc::clone(&self.number));
        }
        self.sealing
            .read()
            .get(&SealingName { class, tenant: tenant.cloned() })
            .map(|key| Arc::clone(&key.sealer))
    }

    /// The sealer of a class and tenant, whose key is made on first use. True means that the ring has changed
    /// and must be persisted before the sealer is used.
    pub fn ensure_sealer(
        &self,
        class: Class,
        tenant: Option<&EnterpriseId>,
        entropy: &mut dyn FnMut(&mut [u8]),
    ) -> (Arc<Sealer>, bool) {
        if let Some(sealer) = self.sealer(class, tenant) {
            return (sealer, false);
        }
        let mut changed = false;
        let mut sealing = self.sealing.write();
        let key = sealing.entry(SealingName { class, tenant: tenant.cloned() }).or_insert_with(|| {
            changed = true;
            DataKey::random(entropy)
        });
        (Arc::clone(&key.sealer), changed)
    }

    /// Forgets every key of a tenant, which destroys what they sealed once the ring is persisted again.
    /// False if there was none.
    pub fn drop_tenant(&self, tenant: &EnterpriseId) -> bool {
        let mut sealing = self.sealing.write();
        let before = sealing.len();
        sealing.retain(|name, _| name.tenant.as_ref() != Some(tenant));
        sealing.len() != before
    }

    pub(crate) fn index_key(&self) -> &MacKey {
        &self.index.mac
    }

    pub(crate) fn subscriber_key(&self) -> &MacKey {
        &self.subscriber.mac
    }

    /// What seals the vault's numbers: a key made from the number key, so that the vault's nonces, which are hashes, and
    /// those of callers never meet.
    pub(crate) fn vault_sealer(&self) -> &Sealer {
        &self.vault
    }

    pub(crate) fn edi_key(&self, kid: &str) -> EdiLookup {
        match self.edi.read().get(kid) {
            None => EdiLookup::Unknown,
            Some(entry) if entry.retired => EdiLookup::Retired,
            Some(entry) => {
                EdiLookup::Active { key: Arc::clone(&entry.key), allow_legacy: entry.allow_legacy }
            }
        }
    }

    fn assemble(master: Master, index: Secret, subscriber: Secret, number: DataKey) -> Self {
        let sealer = Arc::clone(&number.sealer);
        let vault = Zeroizing::new(MacKey::new(number.octets.as_slice()).short(&[b"veilgate vault"]));
        let mut sealing = FxHashMap::default();
        sealing.insert(SealingName { class: Class::Number, tenant: None }, number);
        Self {
            master,
            index,
            subscriber,
            number: sealer,
            vault: Sealer::new(&vault),
            sealing: RwLock::new(sealing),
            edi: RwLock::default(),
        }
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyRing(***)")
    }
}

impl Secret {
    fn new(octets: Zeroizing<Vec<u8>>) -> Self {
        let mac = MacKey::new(&octets);
        Self { octets, mac }
    }

    fn random(entropy: &mut dyn FnMut(&mut [u8])) -> Self {
        let mut octets = Zeroizing::new(vec![0; 32]);
        entropy(&mut octets);
        Self::new(octets)
    }
}

impl DataKey {
    fn new(octets: Zeroizing<[u8; 16]>) -> Self {
        let sealer = Arc::new(Sealer::new(&octets));
        Self { octets, sealer }
    }

    fn random(entropy: &mut dyn FnMut(&mut [u8])) -> Self {
        let mut octets = Zeroizing::new([0; 16]);
        entropy(octets.as_mut_slice());
        Self::new(octets)
    }
}

impl EdiEntry {
    fn new(octets: Zeroizing<[u8; 16]>, allow_legacy: bool, retired: bool) -> Self {
        let key = Arc::new(EdiKey::new(&octets));
        Self { octets, key, allow_legacy, retired }
    }
}

impl Master {
    fn new(master: &[u8]) -> Result<Self, KeyError> {
        if !matches!(master.len(), 16 | 32) {
            return Err(KeyError::MasterLength);
        }
        let kdf = MacKey::new(master);
        let wrap = Zeroizing::new(kdf.short(&[b"veilgate wrap"]));
        let nonces = Zeroizing::new(kdf.full(&[b"veilgate wrap nonce"]));
        Ok(Self { wrap: Sealer::new(&wrap), nonces: MacKey::new(nonces.as_slice()) })
    }

    /// Wraps a key under its name. The nonce is a MAC of both, so the same key wraps to the same octets and no
    /// nonce serves two keys.
    fn wrap(&self, name: &str, key: &[u8]) -> Vec<u8> {
        let mac = self.nonces.full(&[name.as_bytes(), &[0], key]);
        let nonce = mac.first_chunk::<NONCE>().copied().unwrap_or_default();
        let mut out = Vec::with_capacity(key.len() + 28);
        self.wrap.seal(nonce, name.as_bytes(), key, &mut out);
        out
    }

    fn unwrap(&self, name: &str, wrapped: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        self.wrap.open(name.as_bytes(), wrapped).ok().map(Zeroizing::new)
    }
}

#[cfg(test)]
mod tests;
