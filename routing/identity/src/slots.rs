//! Which authorization a reply belongs to: behind each service number every subscriber has extension digits of
//! his own for each authorization. It knows subscribers only by key and touches no store; new slots are records
//! for the caller to persist.

use std::collections::hash_map::Entry;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::RwLock;
use rustc_hash::{FxHashMap, FxHasher};
use veilgate_names::{AuthorizationId, Extension, Reason, ServiceNumber, SubscriberKey};

mod entry;
mod record;
mod shards;

use entry::{Digits, OneOrMore, Slot};
pub use record::{SlotError, SlotRecord};
use shards::Shards;

/// The most distinct service numbers; an operator has hundreds.
const SERVICE_NUMBERS: usize = 1 << 16;

/// All slots. Shared behind an `Arc`; locks are held for one look-up each, and never across shards of one kind.
pub struct Slots {
    capacity: usize,
    count: AtomicUsize,
    numbers: RwLock<Numbers>,
    /// By service number and subscriber.
    subscribers: Shards<Place, OneOrMore<Slot>>,
    /// Where each authorization has slots, for its release.
    authorizations: Shards<AuthorizationId, OneOrMore<Place>>,
    /// How many subscribers have these digits behind this number.
    extensions: Shards<(NumberId, Digits), u32>,
}

/// An allocated slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allocated {
    /// The digits to send behind the service number.
    pub extension: Extension,
    /// To be persisted before the digits are used; `None` if the slot was there already.
    pub record: Option<SlotRecord>,
}

/// Whose reply it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SlotMatch {
    /// This authorization's.
    Found(AuthorizationId),
    /// The digits are somebody else's: a new holder answering an old thread, or a forged sender. Never deliver.
    OtherTenure,
    /// No digits came, and the subscriber has several slots behind this number.
    Ambiguous,
    /// Nobody's.
    None,
}

/// A service number's place in [`Numbers`]; saves its 21 octets in every slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct NumberId(u32);

/// A subscriber behind a service number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Place {
    number: NumberId,
    subscriber: SubscriberKey,
}

#[derive(Default)]
struct Numbers {
    ids: FxHashMap<ServiceNumber, NumberId>,
    numbers: Vec<ServiceNumber>,
}

impl Slots {
    /// Empty, for at most `capacity` slots.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity,
            count: AtomicUsize::new(0),
            numbers: RwLock::default(),
            subscribers: Shards::default(),
            authorizations: Shards::default(),
            extensions: Shards::default(),
        }
    }

    /// Gives an authorization its digits (`width` of them, 0-6) behind a service number. The same authorization gets
    /// the same digits again, whatever the width asked for. With width 0 a subscriber can have one slot only.
    ///
    /// # Errors
    /// [`Reason::NoSlot`] if all digits of this subscriber are taken, the digits do not fit behind the number, or
    /// the capacity is reached.
    pub fn allocate(
        &self,
        service_number: ServiceNumber,
        width: u8,
        subscriber: SubscriberKey,
        authorization: &AuthorizationId,
    ) -> Result<Allocated, Reason> {
        let number = self.number_id(service_number).ok_or(Reason::NoSlot)?;
        let place = Place { number, subscriber };
        let mut shard = self.subscribers.lock(&place);
        let slots = shard.get(&place).map_or(&[][..], OneOrMore::as_slice);
        if let Some(slot) = slots.iter().find(|slot| slot.authorization == *authorization) {
            return Ok(Allocated { extension: slot.digits.extension(), record: None });
        }
        let extension = free_extension(slots, width, authorization).ok_or(Reason::NoSlot)?;
        service_number.extended(extension).map_err(|_| Reason::NoSlot)?;
        if self.count.fetch_add(1, Ordering::Relaxed) >= self.capacity {
            self.count.fetch_sub(1, Ordering::Relaxed);
            return Err(Reason::NoSlot);
        }
        let slot = Slot { digits: Digits::from(extension), authorization: authorization.clone() };
        self.insert(&mut shard, place, slot);
        let record = SlotRecord::encode(service_number, extension, subscriber, authorization);
        Ok(Allocated { extension, record: Some(record) })
    }

    /// Whose a reply from `subscriber` to `service_number` and these digits is. Without digits it is his only slot's.
    #[must_use]
    pub fn find(
        &self,
        service_number: ServiceNumber,
        extension: Extension,
        subscriber: SubscriberKey,
    ) -> SlotMatch {
        let Some(number) = self.known_number(service_number) else { return SlotMatch::None };
        {
            let place = Place { number, subscriber };
            let shard = self.subscribers.lock(&place);
            let slots = shard.get(&place).map_or(&[][..], OneOrMore::as_slice);
            let digits = Digits::from(extension);
            match slots {
                [only] if extension.width == 0 => return SlotMatch::Found(only.authorization.clone()),
                [_, _, ..] if extension.width == 0 => return SlotMatch::Ambiguous,
                slots => {
                    if let Some(slot) = slots.iter().find(|slot| slot.digits == digits) {
                        return SlotMatch::Found(slot.authorization.clone());
                    }
                }
            }
        }
        if extension.width > 0 && self.somebody_has(number, extension) {
            SlotMatch::OtherTenure
        } else {
            SlotMatch::None
        }
    }

    /// Takes back every slot of an authorization; the records are to be deleted from the store.
    pub fn release(&self, authorization: &AuthorizationId) -> Vec<SlotRecord> {
        let places = self.authorizations.lock(authorization).remove(authorization);
        let places = places.as_ref().map_or(&[][..], OneOrMore::as_slice);
        places.iter().filter_map(|place| self.remove(*place, authorization)).collect()
    }

    /// Puts persisted records back, key and value of each. Says how many slots there are now.
    ///
    /// # Errors
    /// [`SlotError`] at the first record that is not understood or does not fit; those before it are kept.
    pub fn restore<K, V>(&self, records: impl IntoIterator<Item = (K, V)>) -> Result<usize, SlotError>
    where
        K: AsRef<[u8]>,
        V: AsRef<[u8]>,
    {
        for (key, value) in records {
            let (number, extension, subscriber, authorization) =
                record::decode(key.as_ref(), value.as_ref()).ok_or(SlotError::Damaged)?;
            let number = self.number_id(number).ok_or(SlotError::Full)?;
            let place = Place { number, subscriber };
            let mut shard = self.subscribers.lock(&place);
            let slots = shard.get(&place).map_or(&[][..], OneOrMore::as_slice);
            if slots.iter().any(|slot| slot.digits == Digits::from(extension)) {
                continue;
            }
            if self.count.fetch_add(1, Ordering::Relaxed) >= self.capacity {
                self.count.fetch_sub(1, Ordering::Relaxed);
                return Err(SlotError::Full);
            }
            self.insert(&mut shard, place, Slot { digits: Digits::from(extension), authorization });
        }
        Ok(self.len())
    }

    /// How many slots there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn insert(&self, shard: &mut FxHashMap<Place, OneOrMore<Slot>>, place: Place, slot: Slot) {
        let (digits, authorization) = ((place.number, slot.digits), slot.authorization.clone());
        OneOrMore::push_into(shard, place, slot);
        OneOrMore::push_into(&mut *self.authorizations.lock(&authorization), authorization, place);
        let mut extensions = self.extensions.lock(&digits);
        let users = extensions.entry(digits).or_insert(0);
        *users = users.saturating_add(1);
    }

    fn remove(&self, place: Place, authorization: &AuthorizationId) -> Option<SlotRecord> {
        let slot = OneOrMore::remove_from(&mut *self.subscribers.lock(&place), &place, |slot| {
            slot.authorization == *authorization
        })?;
        self.count.fetch_sub(1, Ordering::Relaxed);
        let digits = (place.number, slot.digits);
        if let Entry::Occupied(mut users) = self.extensions.lock(&digits).entry(digits) {
            *users.get_mut() -= 1;
            if *users.get() == 0 {
                users.remove();
            }
        }
        let number = *self.numbers.read().numbers.get(usize::try_from(place.number.0).ok()?)?;
        Some(SlotRecord::encode(number, slot.digits.extension(), place.subscriber, authorization))
    }

    fn somebody_has(&self, number: NumberId, extension: Extension) -> bool {
        let digits = (number, Digits::from(extension));
        self.extensions.lock(&digits).contains_key(&digits)
    }

    fn known_number(&self, number: ServiceNumber) -> Option<NumberId> {
        self.numbers.read().ids.get(&number).copied()
    }

    /// The number's place, given now if it has none; `None` if there are too many.
    fn number_id(&self, number: ServiceNumber) -> Option<NumberId> {
        if let Some(id) = self.known_number(number) {
            return Some(id);
        }
        let mut numbers = self.numbers.write();
        let Numbers { ids, numbers } = &mut *numbers;
        match ids.entry(number) {
            Entry::Occupied(entry) => Some(*entry.get()),
            Entry::Vacant(entry) => {
                let next = u32::try_from(numbers.len()).ok().filter(|_| numbers.len() < SERVICE_NUMBERS)?;
                numbers.push(number);
                Some(*entry.insert(NumberId(next)))
            }
        }
    }
}

impl std::fmt::Debug for Slots {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Slots({})", self.len())
    }
}

/// The first free digits from a place that depends on the authorization, so that digits just released are not
/// soon given to another one and an old thread does not become his.
fn free_extension(slots: &[Slot], width: u8, authorization: &AuthorizationId) -> Option<Extension> {
    if width == 0 {
        return slots.is_empty().then_some(Extension::NONE);
    }
    let space = 10_u32.checked_pow(u32::from(width)).filter(|_| width <= 6)?;
    let start = u32::try_from(hash(authorization) % u64::from(space)).ok()?;
    (0..space)
        .map(|step| Extension { width, value: (start + step) % space })
        .find(|extension| !slots.iter().any(|slot| slot.digits == Digits::from(*extension)))
}

fn hash(key: &impl Hash) -> u64 {
    let mut hasher = FxHasher::default();
    key.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests;
