//! Who did these device IDs mean on that day, and may that person be contacted now? The answer is a contact or
//! a reason; every doubt is a refusal.
//!
//! Rows of one holder that follow each other without a gap are one tenure, so a port-out or a suspension can be told by
//! a row of its own (the old one ends when it begins) or by the flag on the whole row: both read the same.
//! A whole day on which something ended at midnight counts as a day of change, because a feed of dates cannot say when.

use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use veilgate_names::{
    AsOf, DeviceMark, EdiVersion, EncryptedDeviceId, Gazetteer, PlatformId, Reason, SubscriberKey, Timestamp,
};

use crate::device::{DeviceId, DeviceIndex};
use crate::keys::{EdiLookup, KeyRing};
use crate::pins::{Pin, PinKey, PinRecord, Pins};
use crate::segments::atlas::Atlas;
use crate::segments::{Portability, Segments, TableProblem};
use crate::subscriber::Contact;
use crate::vault::{Binding, NumberRef, NumberRow, Vault};

pub(crate) mod explain;
mod listed;
mod subject;
pub(crate) mod tenure;

use tenure::{Tenure, Window};

/// What the carrier decides about look-ups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// The oldest day the carrier keeps: dates before it are answered by the pin of an earlier look-up, or
    /// `HISTORY_EXPIRED`. Without a floor nothing is pinned.
    pub history_floor: Option<Timestamp>,
    /// How many pins are held, about 100 octets each. What comes beyond is not pinned.
    pub max_pins: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { history_floor: None, max_pins: 20_000_000 }
    }
}

/// The boundary: keys, the vault in force, and the look-ups in both directions.
pub struct Identity {
    keys: Arc<KeyRing>,
    vault: ArcSwap<Vault>,
    pins: Pins,
    atlas: ArcSwap<Atlas>,
    /// Held while the atlas is changed.
    drawing: Mutex<()>,
    config: Config,
}

impl Identity {
    /// Serves `vault` under `keys`, which must be the ring it was made with. Where numbers are at home is not known until
    /// it is told ([`Self::replace_segments`]).
    #[must_use]
    pub fn new(keys: Arc<KeyRing>, vault: Vault, config: Config) -> Self {
        let (vault, pins) = (ArcSwap::from_pointee(vault), Pins::new(config.max_pins));
        Self { keys, vault, pins, atlas: ArcSwap::default(), drawing: Mutex::default(), config }
    }

    /// Puts another vault in force; look-ups under way end on the old one. It is freed here, where nobody waits, and
    /// not by whichever look-up is the last to leave it: that takes a tenth of a second for ten million subscribers.
    pub fn replace(&self, vault: Vault) {
        retire(self.vault.swap(Arc::new(vault)));
    }

    /// Puts another segment table in force, whose names join those known; look-ups under way end on the old one.
    ///
    /// # Errors
    /// [`TableProblem::TooMany`] if there is no room for its names; the old one stays.
    pub fn replace_segments(&self, segments: Segments) -> Result<(), TableProblem> {
        let _drawing = self.drawing.lock();
        let drawn = self.atlas.load().with_segments(segments)?;
        retire(self.atlas.swap(Arc::new(drawn)));
        Ok(())
    }

    /// The same with the portability table, which must be of this key ring.
    ///
    /// # Errors
    /// As [`Self::replace_segments`].
    pub fn replace_portability(&self, portability: Portability) -> Result<(), TableProblem> {
        let _drawing = self.drawing.lock();
        let drawn = self.atlas.load().with_portability(portability)?;
        retire(self.atlas.swap(Arc::new(drawn)));
        Ok(())
    }

    /// The segment table in force.
    #[must_use]
    pub fn segments(&self) -> Arc<Segments> {
        self.atlas.load().segments()
    }

    /// The portability table in force.
    #[must_use]
    pub fn portability(&self) -> Arc<Portability> {
        self.atlas.load().portability()
    }

    /// The names of the places that contacts have. It only grows: a place that was found once keeps its meaning.
    #[must_use]
    pub fn gazetteer(&self) -> Arc<Gazetteer> {
        self.atlas.load().gazetteer()
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

    /// Whom earlier look-ups found.
    #[must_use]
    pub fn pins(&self) -> &Pins {
        &self.pins
    }

    /// Turns device IDs into somebody to contact, as of a date, if the number is still the same person's now.
    /// All IDs that resolve must agree on one subscriber, the one of that day. Pins nobody.
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
        self.answer(&self.vault.load(), Asking { edis, platform: None, mark: None }, as_of, now)
            .map(|(contact, _)| contact)
    }

    /// The same, for an agreement that holds until `until`: whoever is found stays found when the carrier's history
    /// no longer reaches the date. The record, if there is one, is to be stored with what is decided now, and
    /// [`Pins::written`] told.
    ///
    /// # Errors
    /// As [`Self::resolve`].
    pub fn resolve_pinning(
        &self,
        asking: Asking<'_>,
        as_of: AsOf,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<(Contact, Option<PinRecord>), Reason> {
        let (contact, pin) = self.answer(&self.vault.load(), asking, as_of, now)?;
        Ok((contact, pin.and_then(|(key, pin)| self.pins.keep(key, pin, until))))
    }

    fn lookup<'a>(
        &'a self,
        vault: &'a Vault,
        platform: Option<&'a PlatformId>,
        as_of: AsOf,
        now: Timestamp,
    ) -> Lookup<'a> {
        Lookup { vault, keys: &self.keys, platform, mark: None, window: Window::from(as_of), now }
    }

    fn answer(
        &self,
        vault: &Vault,
        Asking { edis, platform, mark }: Asking<'_>,
        as_of: AsOf,
        now: Timestamp,
    ) -> Result<(Contact, Option<(PinKey, Pin)>), Reason> {
        if as_of.start() > now {
            return Err(Reason::BadAsofFuture);
        }
        let lookup = Lookup { mark, ..self.lookup(vault, platform, as_of, now) };
        let Some(floor) = self.config.history_floor else {
            return Ok((lookup.agreed(edis)?.contact(&self.keys, &self.atlas.load())?, None));
        };
        let key = PinKey::new(edis, as_of, self.keys.subscriber_key());
        let found = if as_of.start() < floor {
            lookup.pinned(edis, self.pins.find(key).ok_or(Reason::HistoryExpired)?)?
        } else {
            lookup.agreed(edis)?
        };
        let pin = Pin { number: found.number.hash, subscriber: found.subscriber };
        Ok((found.contact(&self.keys, &self.atlas.load())?, Some((key, pin))))
    }
}

/// Frees what was replaced here, where nobody waits, and not wherever it was used last.
fn retire<T>(mut old: Arc<T>) {
    /// A look-up takes microseconds; whoever keeps the old one longer frees it.
    const PATIENCE: usize = 10_000;
    for _ in 0..PATIENCE {
        match Arc::try_unwrap(old) {
            Ok(alone) => return drop(alone),
            Err(shared) => old = shared,
        }
        std::thread::yield_now();
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Identity({:?})", self.vault.load())
    }
}

/// Whom is asked about.
#[derive(Clone, Copy)]
pub struct Asking<'a> {
    /// The device IDs as they came.
    pub edis: &'a [EncryptedDeviceId],
    /// Who gave them: keys of other platforms open none of them. `None`: whoever.
    pub platform: Option<&'a PlatformId>,
    /// Where the index of the only device ID is kept, so that it is decrypted once. `None` decrypts each time.
    pub mark: Option<&'a DeviceMark>,
}

/// One question: this vault, that day, now.
struct Lookup<'a> {
    vault: &'a Vault,
    keys: &'a KeyRing,
    /// Whose device IDs they are.
    platform: Option<&'a PlatformId>,
    /// Where the index of the only device ID is kept.
    mark: Option<&'a DeviceMark>,
    window: Window,
    now: Timestamp,
}

/// A number and who held it when asked about.
struct Held<'a> {
    number: NumberRef,
    tenure: Tenure<'a>,
}

impl Held<'_> {
    fn is(&self, other: &Self) -> bool {
        self.number == other.number && self.tenure.interval() == other.tenure.interval()
    }
}

/// Somebody who may be contacted, the number still sealed.
struct Found<'a> {
    number: &'a NumberRow,
    subscriber: SubscriberKey,
}

impl Found<'_> {
    fn contact(&self, keys: &KeyRing, atlas: &Atlas) -> Result<Contact, Reason> {
        let number = self.number.open(keys).ok_or(Reason::Internal)?;
        let place = atlas.place(&number, &self.number.hash);
        Ok(Contact { number, subscriber: self.subscriber, place })
    }
}

impl<'a> Lookup<'a> {
    /// The one tenure on which all device IDs agree that resolve, if it is still open. That they meant one person on
    /// that day is asked first: two who have both gone are still two.
    fn agreed(&self, edis: &[EncryptedDeviceId]) -> Result<Found<'a>, Reason> {
        if let Some(found) = self.marked(edis) {
            return Ok(found);
        }
        let mut found: Option<Held<'_>> = None;
        let mut refusal = None;
        for edi in edis {
            match self.edi(edi) {
                Ok(other) if found.as_ref().is_some_and(|found| !found.is(&other)) => {
                    return Err(Reason::AmbiguousDevice);
                }
                Ok(other) => found = Some(other),
                Err(reason) => refusal = Some(more_telling(refusal, reason)),
            }
        }
        let held = found.ok_or(refusal.unwrap_or(Reason::NotFoundAsof))?;
        held.tenure.still_contactable(self.now)?;
        let row = self.vault.number(held.number).ok_or(Reason::Internal)?;
        Ok(Found { number: row, subscriber: held.tenure.subscriber(&row.hash, self.keys) })
    }

    /// Somebody found before, without decrypting again: if the key still stands and nothing refuses. Whatever does refuse
    /// is found anew on the way that all refusals take, so that it takes as long.
    fn marked(&self, edis: &[EncryptedDeviceId]) -> Option<Found<'a>> {
        let [edi] = edis else { return None };
        let index = DeviceIndex(self.mark?.read()?);
        let EdiLookup::Open(_) = self.keys.edi_key(edi, self.platform) else { return None };
        let held = self.bindings(self.vault.bindings_of(&index)).ok()?;
        held.tenure.still_contactable(self.now).ok()?;
        let row = self.vault.number(held.number)?;
        Some(Found { number: row, subscriber: held.tenure.subscriber(&row.hash, self.keys) })
    }

    /// What does not open takes the way of what does: decrypted, hashed, looked up, as an index that is nobody's.
    fn edi(&self, edi: &EncryptedDeviceId) -> Result<Held<'a>, Reason> {
        let opened = self.device(edi).map(|device| device.index(self.keys.index_key()));
        let nobody = |_| DeviceIndex(self.keys.index_key().short(&[b"nobody:", &[0; 36]]));
        let bindings = self.vault.bindings_of(&opened.unwrap_or_else(nobody));
        let index = opened?;
        // A legacy ciphertext carries no MAC, so whoever can alter one must not learn whether it unpadded or
        // parsed: an unknown device is answered as a bad ciphertext is.
        if bindings.is_empty() && edi.version() == EdiVersion::Legacy {
            return Err(Reason::DecryptFail);
        }
        let held = self.bindings(bindings)?;
        if let Some(mark) = self.mark {
            mark.keep(index.0);
        }
        Ok(held)
    }

    /// Opens a device ID. One whose key is unknown, retired or not allowed is decrypted all the same, with a key that
    /// opens nothing, so that the reason cannot be timed.
    fn device(&self, edi: &EncryptedDeviceId) -> Result<DeviceId, Reason> {
        let (key, refusal) = match self.keys.edi_key(edi, self.platform) {
            EdiLookup::Open(key) => (key, None),
            EdiLookup::Refused { decoy, why } => (decoy, Some(why.reason())),
        };
        let device = key.open(edi).and_then(|plain| DeviceId::parse(plain.as_bytes()));
        refusal.map_or_else(|| device.ok_or(Reason::DecryptFail), Err)
    }

    /// Who was found earlier, if that tenure is still open. Whether the device ID opens is asked all the same.
    fn pinned(&self, edis: &[EncryptedDeviceId], pin: Pin) -> Result<Found<'a>, Reason> {
        let mut refusal = Reason::DecryptFail;
        let opens = |edi| self.device(edi).map_err(|reason| refusal = reason).is_ok();
        if !edis.iter().any(opens) {
            return Err(refusal);
        }
        let number = self.vault.find_number(&pin.number).ok_or(Reason::NumberDisconnected)?;
        let row = self.vault.number(number).ok_or(Reason::Internal)?;
        let is_pinned = |tenure: &Tenure<'_>| tenure.subscriber(&row.hash, self.keys) == pin.subscriber;
        Tenure::still_open(self.vault.tenures_of(number), is_pinned, self.now)?;
        Ok(Found { number: row, subscriber: pin.subscriber })
    }

    /// From all bindings of one device to the one tenure it meant.
    fn bindings(&self, all: &[Binding]) -> Result<Held<'a>, Reason> {
        let mut in_force = all.iter().filter(|binding| self.window.overlaps(binding.interval));
        let number = in_force.next().ok_or(Reason::NotFoundAsof)?.number();
        let several =
            all.iter().any(|other| other.number() != number && self.window.concerns(other.interval));
        let number = if several { self.primary_of_one_holder(all)? } else { number };
        Ok(Held { number, tenure: self.tenure(number)? })
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
