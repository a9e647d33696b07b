//! Who did these device IDs mean on that day, and may that person be contacted now? The answer is a contact or
//! a reason; every doubt is a refusal.
//!
//! Rows of one holder that follow each other without a gap are one tenure, so a port-out or a suspension can be told by
//! a row of its own (the old one ends when it begins) or by the flag on the whole row: both read the same.
//! A whole day on which something ended at midnight counts as a day of change, because a feed of dates cannot say when.

use std::sync::Arc;

use arc_swap::ArcSwap;
use veilgate_names::{AsOf, EdiVersion, EncryptedDeviceId, Reason, SubscriberKey, Timestamp};

use crate::cipher::EdiPlain;
use crate::device::{DeviceId, DeviceIndex};
use crate::keys::{EdiLookup, KeyRing};
use crate::subscriber::Contact;
use crate::vault::{Binding, NumberRef, NumberRow, Vault};

pub(crate) mod tenure;

use tenure::{Tenure, Window};

/// What the carrier decides about look-ups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Config {
    /// The oldest day the carrier keeps: dates before it are answered `HISTORY_EXPIRED`.
    pub history_floor: Option<Timestamp>,
}

/// The boundary: keys, the vault in force, and the look-ups in both directions.
pub struct Identity {
    keys: Arc<KeyRing>,
    vault: ArcSwap<Vault>,
    config: Config,
}

impl Identity {
    /// Serves `vault` under `keys`, which must be the ring it was made with.
    #[must_use]
    pub fn new(keys: Arc<KeyRing>, vault: Vault, config: Config) -> Self {
        Self { keys, vault: ArcSwap::from_pointee(vault), config }
    }

    /// Puts another vault in force; look-ups under way end on the old one.
    pub fn replace(&self, vault: Vault) {
        self.vault.store(Arc::new(vault));
    }

    /// The vault in force.
    #[must_use]
    pub fn vault(&self) -> Arc<Vault> {
        self.vault.load_full()
    }

    /// The keys in force.
    #[must_use]
    pub fn keys(&self) -> &Arc<KeyRing> {
        &self.keys
    }

    /// Turns device IDs into somebody to contact, as of a date, if the number is still the same person's now.
    /// All IDs that resolve must agree on one subscriber.
    ///
    /// # Errors
    /// The inside [`Reason`]; of several, the first that says more than "not found".
    //= ASCS A-6.3.2.1-1
    pub fn resolve(
        &self,
        edis: &[EncryptedDeviceId],
        as_of: AsOf,
        now: Timestamp,
    ) -> Result<Contact, Reason> {
        if as_of.start() > now {
            return Err(Reason::BadAsofFuture);
        }
        if self.config.history_floor.is_some_and(|floor| as_of.start() < floor) {
            return Err(Reason::HistoryExpired);
        }
        let vault = self.vault.load();
        let lookup = Lookup { vault: &vault, keys: &self.keys, window: Window::from(as_of), now };
        let mut found: Option<Found<'_>> = None;
        let mut refusal = None;
        for edi in edis {
            match lookup.edi(edi) {
                Ok(other) if found.as_ref().is_some_and(|found| found.subscriber != other.subscriber) => {
                    return Err(Reason::AmbiguousDevice);
                }
                Ok(other) => found = Some(other),
                Err(reason) => refusal = Some(more_telling(refusal, reason)),
            }
        }
        let found = found.ok_or(refusal.unwrap_or(Reason::NotFoundAsof))?;
        let number = found.number.open(&self.keys).ok_or(Reason::Internal)?;
        Ok(Contact { number, subscriber: found.subscriber })
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Identity({:?})", self.vault.load())
    }
}

/// One question: this vault, that day, now.
struct Lookup<'a> {
    vault: &'a Vault,
    keys: &'a KeyRing,
    window: Window,
    now: Timestamp,
}

/// Somebody, the number still sealed.
struct Found<'a> {
    number: &'a NumberRow,
    subscriber: SubscriberKey,
}

impl<'a> Lookup<'a> {
    fn edi(&self, edi: &EncryptedDeviceId) -> Result<Found<'a>, Reason> {
        let (key, allow_legacy) = match self.keys.edi_key(edi.kid()) {
            EdiLookup::Active { key, allow_legacy } => (key, allow_legacy),
            EdiLookup::Retired => return Err(Reason::KeyExpired),
            EdiLookup::Unknown => return Err(Reason::DecryptFail),
        };
        match edi.version() {
            EdiVersion::Gcm => {
                let index = self.index(key.open(edi)).ok_or(Reason::DecryptFail)?;
                self.bindings(self.vault.bindings_of(&index))
            }
            EdiVersion::Legacy if allow_legacy => self.legacy(key.open(edi)),
            EdiVersion::Legacy => Err(Reason::DecryptFail),
        }
    }

    /// A legacy ciphertext carries no MAC, so whoever can alter one must not learn whether it unpadded or
    /// parsed: a bad one is looked up as an index that is nobody's, and an unknown device is answered the same.
    fn legacy(&self, plain: Option<EdiPlain>) -> Result<Found<'a>, Reason> {
        let nobody = || DeviceIndex(self.keys.index_key().short(&[b"nobody:", &[0; 36]]));
        let index = self.index(plain).unwrap_or_else(nobody);
        match self.vault.bindings_of(&index) {
            [] => Err(Reason::DecryptFail),
            bindings => self.bindings(bindings),
        }
    }

    fn index(&self, plain: Option<EdiPlain>) -> Option<DeviceIndex> {
        Some(DeviceId::parse(plain?.as_bytes())?.index(self.keys.index_key()))
    }

    /// From all bindings of one device to its one subscriber.
    fn bindings(&self, all: &[Binding]) -> Result<Found<'a>, Reason> {
        let mut in_force = all.iter().filter(|binding| self.window.overlaps(binding.interval));
        let number = in_force.next().ok_or(Reason::NotFoundAsof)?.number();
        let several =
            all.iter().any(|other| other.number() != number && self.window.concerns(other.interval));
        let number = if several { self.primary_of_one_holder(all)? } else { number };
        let tenure = self.tenure(number)?;
        tenure.still_contactable(self.now)?;
        let row = self.vault.number(number).ok_or(Reason::Internal)?;
        Ok(Found { number: row, subscriber: tenure.subscriber(&row.hash, self.keys) })
    }

    /// Several numbers in one device: only if one person holds them all, and then the one marked primary.
    fn primary_of_one_holder(&self, all: &[Binding]) -> Result<NumberRef, Reason> {
        let mut holder = None;
        let mut primary = None;
        for binding in all.iter().filter(|binding| self.window.concerns(binding.interval)) {
            let tenure = self.tenure(binding.number()).map_err(|_| Reason::AmbiguousDevice)?;
            if *holder.get_or_insert(tenure.holder()) != tenure.holder() {
                return Err(Reason::AmbiguousDevice);
            }
            let marked = binding.primary() && self.window.overlaps(binding.interval);
            if marked && *primary.get_or_insert(binding.number()) != binding.number() {
                return Err(Reason::AmbiguousDevice);
            }
        }
        primary.ok_or(Reason::AmbiguousDevice)
    }

    fn tenure(&self, number: NumberRef) -> Result<Tenure<'a>, Reason> {
        Tenure::as_of(self.vault.tenures_of(number), self.window)
    }
}

/// Of two refusals the earlier, unless only the later says more than "not found".
fn more_telling(earlier: Option<Reason>, later: Reason) -> Reason {
    let rank = |reason| match reason {
        Reason::DecryptFail | Reason::KeyExpired => 0,
        Reason::NotFoundAsof => 1,
        _ => 2,
    };
    match earlier {
        Some(earlier) if rank(earlier) >= rank(later) => earlier,
        _ => later,
    }
}

#[cfg(test)]
mod tests;
