//! Whom device IDs meant on a date, kept from the first look-up on: the carrier's history may be cut at its floor,
//! but an agreement lives until it ends (requirements.md 1.6, "History depth"). A pin holds keyed hashes only.
//!
//! While the history reaches the date, the history answers and a pin is renewed if the answer changed, since the
//! carrier may have corrected it. Beyond the floor the pin answers, and without one the look-up is refused.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use veilgate_names::{AsOf, EncryptedDeviceId, SubscriberKey, Timestamp};

use crate::cipher::MacKey;
use crate::vault::NumberHash;

/// One for each value of a key's first octet.
const SHARDS: usize = 256;
const VALUE: usize = 36;
/// How long a pin outlives the last agreement that needs it: longer than a clock is off, and than a turn is under way.
const GRACE_S: i64 = 86_400;

/// Which device IDs and which date: a keyed hash, cut to 16 octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct PinKey(pub(crate) [u8; 16]);

/// Who it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pin {
    pub(crate) number: NumberHash,
    pub(crate) subscriber: SubscriberKey,
}

/// A pin as it goes into the store. The same key again replaces the value. It holds keyed hashes and a time, but ties
/// an agreement to a person, so the caller seals the value.
#[derive(Clone, PartialEq, Eq)]
pub struct PinRecord {
    /// 16 octets.
    pub key: [u8; 16],
    /// 36 octets.
    pub value: [u8; VALUE],
}

/// Why a stored pin was not taken. Ours to mend; a retry does not help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PinError {
    /// A record is not a pin.
    #[error("a pin is damaged")]
    Damaged,
    /// More records than the configured capacity.
    #[error("more pins than the configured capacity")]
    Full,
}

/// All pins, by device IDs and date. Shared; every method takes `&self`.
pub struct Pins {
    shards: [Mutex<FxHashMap<PinKey, Held>>; SHARDS],
    count: AtomicUsize,
    capacity: usize,
    next_swept: AtomicUsize,
}

struct Held {
    pin: Pin,
    /// The last second in which somebody may ask, since 1970.
    until: u32,
    /// Whether it is known to be in the store.
    durable: bool,
}

impl PinKey {
    pub(crate) fn new(edis: &[EncryptedDeviceId], as_of: AsOf, key: &MacKey) -> Self {
        let (kind, start) = match as_of {
            AsOf::Day { from, .. } => ([b'd'], from.0.to_be_bytes()),
            AsOf::At(at) => ([b't'], at.0.to_be_bytes()),
        };
        let mut parts: Vec<&[u8]> = vec![b"pin", &kind, &start];
        for edi in edis {
            parts.push(b"\n");
            parts.push(edi.as_str().as_bytes());
        }
        Self(key.short(&parts))
    }
}

impl Pins {
    pub(crate) fn new(capacity: usize) -> Self {
        let shards = std::array::from_fn(|_| Mutex::default());
        Self { shards, count: AtomicUsize::new(0), capacity, next_swept: AtomicUsize::new(0) }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The record is in the store; until then everybody who finds the pin writes it again.
    pub fn written(&self, record: &PinRecord) {
        let key = PinKey(record.key);
        if let Some(held) = self.shard(key).lock().get_mut(&key)
            && held.record(key) == *record
        {
            held.durable = true;
        }
    }

    /// Takes back what was stored.
    ///
    /// # Errors
    /// [`PinError`]; what was there before stays.
    pub fn restore(&self, key: &[u8], value: &[u8]) -> Result<(), PinError> {
        let key = PinKey(key.try_into().map_err(|_| PinError::Damaged)?);
        let held = Held::read(value).ok_or(PinError::Damaged)?;
        let mut shard = self.shard(key).lock();
        if !shard.contains_key(&key) && !self.count_one() {
            return Err(PinError::Full);
        }
        shard.insert(key, held);
        Ok(())
    }

    /// Drops pins nobody may ask for since a day, in one of 256 parts at a time, and gives the keys to delete from the store.
    pub fn sweep(&self, now: Timestamp) -> Vec<[u8; 16]> {
        let at = self.next_swept.fetch_add(1, Ordering::Relaxed) % SHARDS;
        let mut gone = Vec::new();
        if let Some(shard) = self.shards.get(at) {
            shard.lock().retain(|key, held| {
                let over = i64::from(held.until) + GRACE_S < now.0.div_euclid(1000);
                if over {
                    gone.push(key.0);
                }
                !over
            });
        }
        self.count.fetch_sub(gone.len(), Ordering::Relaxed);
        gone
    }

    pub(crate) fn find(&self, key: PinKey) -> Option<Pin> {
        self.shard(key).lock().get(&key).map(|held| held.pin)
    }

    /// Keeps a pin until `until`. The record is to be stored with whatever is decided now; `None` if it is there
    /// already, or if there is no room, in which case the agreement ends with the history.
    pub(crate) fn keep(&self, key: PinKey, pin: Pin, until: Timestamp) -> Option<PinRecord> {
        let until = u32::try_from(until.0.div_euclid(1000).max(0)).unwrap_or(u32::MAX);
        let mut shard = self.shard(key).lock();
        if let Some(held) = shard.get_mut(&key) {
            if held.pin != pin || held.until < until {
                *held = Held { pin, until: until.max(held.until), durable: false };
            }
            return (!held.durable).then(|| held.record(key));
        }
        if !self.count_one() {
            return None;
        }
        let held = Held { pin, until, durable: false };
        let record = held.record(key);
        shard.insert(key, held);
        Some(record)
    }

    fn count_one(&self) -> bool {
        let more = |count| (count < self.capacity).then_some(count + 1);
        self.count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    fn shard(&self, key: PinKey) -> &Mutex<FxHashMap<PinKey, Held>> {
        #[expect(clippy::indexing_slicing, reason = "an octet has 256 values, and there are as many shards")]
        &self.shards[usize::from(key.0[0])]
    }
}

impl Held {
    fn record(&self, key: PinKey) -> PinRecord {
        let mut value = [0; VALUE];
        let octets =
            self.pin.number.0.into_iter().chain(self.pin.subscriber.0).chain(self.until.to_be_bytes());
        value.iter_mut().zip(octets).for_each(|(to, from)| *to = from);
        PinRecord { key: key.0, value }
    }

    fn read(value: &[u8]) -> Option<Self> {
        let (number, rest) = value.split_first_chunk::<16>()?;
        let (subscriber, rest) = rest.split_first_chunk::<16>()?;
        let pin = Pin { number: NumberHash(*number), subscriber: SubscriberKey(*subscriber) };
        Some(Self { pin, until: u32::from_be_bytes(rest.try_into().ok()?), durable: true })
    }
}

impl fmt::Debug for Pins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pins({})", self.len())
    }
}

impl fmt::Debug for PinRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PinRecord(***)")
    }
}

#[cfg(test)]
mod tests;
