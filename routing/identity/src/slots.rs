//! Which authorization a reply belongs to: behind each service number every subscriber has extension digits of
//! his own for each authorization. It knows subscribers only by key and touches no store; new slots are records
//! for the caller to persist.

use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::{Mutex, RwLock};
use rustc_hash::{FxHashMap, FxHasher};
use veilgate_names::{AuthorizationId, Extension, Reason, ServiceNumber, SubscriberKey};

mod entry;
mod record;

use entry::{OneOrMore, Slot};
pub use record::{SlotError, SlotRecord};

const SHARDS: usize = 64;

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
    extensions: Shards<(NumberId, Packed), u32>,
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

/// One map, cut in [`SHARDS`] by the hash of what is looked up together.
type Shards<K, V> = Box<[Mutex<FxHashMap<K, V>>]>;
/// A service number's place in [`Numbers`]; saves its 21 octets in every slot.
type NumberId = u32;
/// An extension in one word: `width << 24 | value`.
type Packed = u32;
/// A service number and a subscriber.
type Place = (NumberId, SubscriberKey);

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
            subscribers: shards(),
            authorizations: shards(),
            extensions: shards(),
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
        let place = (self.number_id(service_number), subscriber);
        let mut shard = shard(&self.subscribers, &subscriber.0).lock();
        let slots = shard.get(&place).map_or(&[][..], OneOrMore::as_slice);
        if let Some(slot) = slots.iter().find(|slot| slot.authorization == *authorization) {
            return Ok(Allocated { extension: unpack(slot.extension), record: None });
        }
        let extension = free_extension(slots, width, authorization).ok_or(Reason::NoSlot)?;
        service_number.extended(extension).map_err(|_| Reason::NoSlot)?;
        if self.count.fetch_add(1, Ordering::Relaxed) >= self.capacity {
            self.count.fetch_sub(1, Ordering::Relaxed);
            return Err(Reason::NoSlot);
        }
        let slot = Slot { extension: pack(extension), authorization: authorization.clone() };
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
            let shard = shard(&self.subscribers, &subscriber.0).lock();
            let slots = shard.get(&(number, subscriber)).map_or(&[][..], OneOrMore::as_slice);
            let packed = pack(extension);
            match slots {
                [only] if extension.width == 0 => return SlotMatch::Found(only.authorization.clone()),
                [_, _, ..] if extension.width == 0 => return SlotMatch::Ambiguous,
                slots => {
                    if let Some(slot) = slots.iter().find(|slot| slot.extension == packed) {
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
        let places = shard(&self.authorizations, authorization).lock().remove(authorization);
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
            let place = (self.number_id(number), subscriber);
            let mut shard = shard(&self.subscribers, &subscriber.0).lock();
            let slots = shard.get(&place).map_or(&[][..], OneOrMore::as_slice);
            if slots.iter().any(|slot| slot.extension == pack(extension)) {
                continue;
            }
            if self.count.fetch_add(1, Ordering::Relaxed) >= self.capacity {
                self.count.fetch_sub(1, Ordering::Relaxed);
                return Err(SlotError::Full);
            }
            self.insert(&mut shard, place, Slot { extension: pack(extension), authorization });
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
        let (packed, authorization) = (slot.extension, slot.authorization.clone());
        OneOrMore::push_into(shard, place, slot);
        OneOrMore::push_into(
            &mut self::shard(&self.authorizations, &authorization).lock(),
            authorization,
            place,
        );
        let digits = (place.0, packed);
        let mut extensions = self::shard(&self.extensions, &digits).lock();
        let users = extensions.entry(digits).or_insert(0);
        *users = users.saturating_add(1);
    }

    fn remove(&self, place: Place, authorization: &AuthorizationId) -> Option<SlotRecord> {
        let slot = {
            let mut shard = shard(&self.subscribers, &place.1.0).lock();
            OneOrMore::remove_from(&mut shard, &place, |slot| slot.authorization == *authorization)?
        };
        self.count.fetch_sub(1, Ordering::Relaxed);
        let digits = (place.0, slot.extension);
        {
            let mut extensions = shard(&self.extensions, &digits).lock();
            if let Some(users) = extensions.get_mut(&digits) {
                *users = users.saturating_sub(1);
                if *users == 0 {
                    extensions.remove(&digits);
                }
            }
        }
        let number = *self.numbers.read().numbers.get(usize::try_from(place.0).ok()?)?;
        Some(SlotRecord::encode(number, unpack(slot.extension), place.1, authorization))
    }

    fn somebody_has(&self, number: NumberId, extension: Extension) -> bool {
        let digits = (number, pack(extension));
        shard(&self.extensions, &digits).lock().contains_key(&digits)
    }

    fn known_number(&self, number: ServiceNumber) -> Option<NumberId> {
        self.numbers.read().ids.get(&number).copied()
    }

    fn number_id(&self, number: ServiceNumber) -> NumberId {
        if let Some(id) = self.known_number(number) {
            return id;
        }
        let mut numbers = self.numbers.write();
        let Numbers { ids, numbers } = &mut *numbers;
        *ids.entry(number).or_insert_with(|| {
            numbers.push(number);
            u32::try_from(numbers.len() - 1).unwrap_or(u32::MAX)
        })
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
        .find(|extension| !slots.iter().any(|slot| slot.extension == pack(*extension)))
}

fn pack(extension: Extension) -> Packed {
    (u32::from(extension.width) << 24) | (extension.value & 0x00ff_ffff)
}

fn unpack(packed: Packed) -> Extension {
    let [width, ..] = packed.to_be_bytes();
    Extension { width, value: packed & 0x00ff_ffff }
}

fn shards<T: Default>() -> Box<[Mutex<T>]> {
    (0..SHARDS).map(|_| Mutex::default()).collect()
}

fn shard<'a, T>(shards: &'a [Mutex<T>], key: &impl Hash) -> &'a Mutex<T> {
    let at = usize::try_from(hash(key) >> 32).unwrap_or(0) % SHARDS;
    #[expect(clippy::indexing_slicing, reason = "the shards are SHARDS in number, and `at` is below that")]
    &shards[at]
}

fn hash(key: &impl Hash) -> u64 {
    let mut hasher = FxHasher::default();
    key.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests;
