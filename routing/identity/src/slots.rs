//! Which authorization a reply belongs to: behind each service number every subscriber has extension digits of
//! his own for each authorization (requirements.md 4.2, A and B). It knows subscribers only by key and touches no
//! store; slots are records for the caller to persist.

use std::collections::hash_map::Entry;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::RwLock;
use rustc_hash::{FxHashMap, FxHasher};
use veilgate_names::{AuthorizationId, Extension, Reason, ServiceNumber, SubscriberKey, Timestamp};

mod entry;
mod record;
mod shards;

use entry::{Digits, OneOrMore, Slot};
pub use record::{SlotError, SlotRecord};
use shards::Shards;

/// The most distinct service numbers; an operator has hundreds.
const SERVICE_NUMBERS: usize = 1 << 16;

/// How exactly the store knows when a slot of several was last used: one used oftener is not written again.
const USED_PRECISION: Duration = Duration::from_secs(60);

/// All slots. Shared behind an `Arc`; locks are held for one look-up each, and never across shards of one kind.
///
/// ```text
/// allocate -> (used) -> its authorization ends -> kept: grace and quarantine -> freeing -> gone, digits free again
/// ```
pub struct Slots {
    capacity: usize,
    count: AtomicUsize,
    numbers: RwLock<Numbers>,
    /// By service number and subscriber.
    subscribers: Shards<Place, OneOrMore<Slot>>,
    /// How many subscribers have these digits behind this number.
    extensions: Shards<(NumberId, Digits), u32>,
    /// The next shard of `subscribers` that [`Self::sweep`] looks at.
    next_shard: AtomicUsize,
}

/// An allocated slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allocated {
    /// The digits to send behind the service number.
    pub extension: Extension,
    /// To be persisted with whatever uses the digits; `None` if the store has it already. [`Slots::stored`] is told.
    pub record: Option<SlotRecord>,
}

/// Whose reply it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SlotMatch {
    /// This authorization's.
    Found(AuthorizationId),
    /// The digits are somebody else's: a new holder answering an old thread, or a forged sender. Never deliver.
    OtherTenure,
    /// No digits came, and the subscriber has several slots behind this number: each with its last use.
    Several(Vec<(AuthorizationId, Timestamp)>),
    /// Nobody's.
    None,
}

/// What is known of a slot's authorization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tenancy {
    /// It has not ended.
    Live,
    /// It ended then.
    Ended(Timestamp),
    /// It is not known any more.
    Unknown,
}

/// What a sweep found.
#[derive(Debug, Default)]
pub struct Swept {
    /// Slots whose authorization ended (or lives again): to be persisted; [`Slots::stored`] is told.
    pub changed: Vec<SlotRecord>,
    /// Slots to be deleted from the store; when that is durable, [`Slots::freed`] is told.
    pub freed: Vec<SlotRecord>,
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
            extensions: Shards::default(),
            next_shard: AtomicUsize::new(0),
        }
    }

    /// Gives an authorization its digits (`width` of them, 0-6) behind a service number, and notes the use. The same
    /// authorization gets the same digits again, whatever the width asked for. Digits differ among a subscriber's
    /// authorizations; with width 0 there are none to differ by, and [`Self::find`] tells all.
    ///
    /// # Errors
    /// [`Reason::NoSlot`] if all digits of this subscriber are taken (those in quarantine too), the digits do not fit
    /// behind the number, or the capacity is reached.
    pub fn allocate(
        &self,
        service_number: ServiceNumber,
        width: u8,
        subscriber: SubscriberKey,
        authorization: &AuthorizationId,
        now: Timestamp,
    ) -> Result<Allocated, Reason> {
        let number = self.number_id(service_number).ok_or(Reason::NoSlot)?;
        let place = Place { number, subscriber };
        let mut shard = self.subscribers.lock(&place);
        let mine = |slot: &&mut Slot| slot.authorization == *authorization && !slot.freeing;
        let held = shard.get_mut(&place).map(OneOrMore::as_mut_slice).unwrap_or_default();
        // Which use was the last matters only among several.
        let precision = if held.len() > 1 { USED_PRECISION } else { Duration::MAX };
        if let Some(slot) = held.iter_mut().find(mine) {
            slot.used = slot.used.max(now);
            let stale = slot.stored.is_none_or(|stored| slot.used.since(stored) >= precision);
            let record = stale.then(|| SlotRecord::encode(service_number, subscriber, slot));
            return Ok(Allocated { extension: slot.digits.extension(), record });
        }
        let slots = shard.get(&place).map_or(&[][..], OneOrMore::as_slice);
        let extension = free_extension(slots, width, authorization).ok_or(Reason::NoSlot)?;
        service_number.extended(extension).map_err(|_| Reason::NoSlot)?;
        self.reserve().ok_or(Reason::NoSlot)?;
        let slot = Slot::new(extension.into(), authorization.clone(), now);
        let record = SlotRecord::encode(service_number, subscriber, &slot);
        self.insert(&mut shard, place, slot);
        Ok(Allocated { extension, record: Some(record) })
    }

    /// A record is durable: it need not go along with the next use.
    pub fn stored(&self, record: &SlotRecord) {
        let Some(kept) = record.decode() else { return };
        let Some(number) = self.known_number(kept.number) else { return };
        let place = Place { number, subscriber: kept.subscriber };
        let mut shard = self.subscribers.lock(&place);
        let slots = shard.get_mut(&place).map(OneOrMore::as_mut_slice).unwrap_or_default();
        if let Some(slot) = slots.iter_mut().find(|slot| slot.is(&kept.slot) && slot.ended == kept.slot.ended)
        {
            slot.stored = slot.stored.max(Some(kept.slot.used));
        }
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
                [_, _, ..] if extension.width == 0 => {
                    let used = slots.iter().map(|slot| (slot.authorization.clone(), slot.used));
                    let mut used: Vec<_> = used.collect();
                    used.sort();
                    return SlotMatch::Several(used);
                }
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

    /// Every authorization that has a slot of this subscriber behind a service number.
    #[must_use]
    pub fn of_subscriber(
        &self,
        service_number: ServiceNumber,
        subscriber: SubscriberKey,
    ) -> Vec<AuthorizationId> {
        let Some(number) = self.known_number(service_number) else { return Vec::new() };
        let place = Place { number, subscriber };
        let shard = self.subscribers.lock(&place);
        let slots = shard.get(&place).map_or(&[][..], OneOrMore::as_slice);
        slots.iter().map(|slot| slot.authorization.clone()).collect()
    }

    /// Looks at about `budget` slots, a shard at a time, round and round. One whose authorization ended at least `keep`
    /// ago (grace and quarantine) is to be freed. Its digits stay taken until [`Self::freed`].
    pub fn sweep(
        &self,
        budget: usize,
        keep: Duration,
        now: Timestamp,
        tenancy: impl Fn(&AuthorizationId) -> Tenancy,
    ) -> Swept {
        let mut swept = Swept::default();
        let mut looked_at = 0;
        for _ in 0..Shards::<Place, OneOrMore<Slot>>::COUNT {
            let next = self.next_shard.fetch_add(1, Ordering::Relaxed);
            let mut shard = self.subscribers.lock_nth(next);
            for (place, slots) in shard.iter_mut() {
                let slots = slots.as_mut_slice();
                looked_at += slots.len();
                for slot in slots {
                    self.judge(*place, slot, (keep, now), &tenancy, &mut swept);
                }
            }
            if looked_at >= budget {
                break;
            }
        }
        swept
    }

    fn judge(
        &self,
        place: Place,
        slot: &mut Slot,
        (keep, now): (Duration, Timestamp),
        tenancy: &impl Fn(&AuthorizationId) -> Tenancy,
        swept: &mut Swept,
    ) {
        let ended = match tenancy(&slot.authorization) {
            Tenancy::Live => None,
            Tenancy::Ended(at) => Some(at),
            Tenancy::Unknown => Some(slot.ended.unwrap_or(now)),
        };
        let due = ended.is_some_and(|at| at.plus(keep) <= now);
        if !due && ended == slot.ended && !slot.freeing {
            return;
        }
        let Some(number) = self.number_of(place.number) else { return };
        slot.ended = ended;
        slot.freeing |= due;
        let record = SlotRecord::encode(number, place.subscriber, slot);
        if slot.freeing { &mut swept.freed } else { &mut swept.changed }.push(record);
    }

    /// The deletion of a swept slot is durable: its digits may be given again.
    pub fn freed(&self, record: &SlotRecord) {
        let Some(kept) = record.decode() else { return };
        let Some(number) = self.known_number(kept.number) else { return };
        let place = Place { number, subscriber: kept.subscriber };
        let gone = |slot: &Slot| slot.freeing && slot.is(&kept.slot);
        if OneOrMore::remove_from(&mut *self.subscribers.lock(&place), &place, gone).is_none() {
            return;
        }
        self.count.fetch_sub(1, Ordering::Relaxed);
        let digits = (place.number, kept.slot.digits);
        if let Entry::Occupied(mut users) = self.extensions.lock(&digits).entry(digits) {
            *users.get_mut() -= 1;
            if *users.get() == 0 {
                users.remove();
            }
        }
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
            let kept = record::decode(key.as_ref(), value.as_ref()).ok_or(SlotError::Damaged)?;
            let number = self.number_id(kept.number).ok_or(SlotError::Full)?;
            let place = Place { number, subscriber: kept.subscriber };
            let mut shard = self.subscribers.lock(&place);
            let slots = shard.get(&place).map_or(&[][..], OneOrMore::as_slice);
            if slots.iter().any(|slot| slot.is(&kept.slot)) {
                continue;
            }
            self.reserve().ok_or(SlotError::Full)?;
            self.insert(&mut shard, place, kept.slot);
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

    fn reserve(&self) -> Option<()> {
        if self.count.fetch_add(1, Ordering::Relaxed) < self.capacity {
            return Some(());
        }
        self.count.fetch_sub(1, Ordering::Relaxed);
        None
    }

    fn insert(&self, shard: &mut FxHashMap<Place, OneOrMore<Slot>>, place: Place, slot: Slot) {
        let digits = (place.number, slot.digits);
        OneOrMore::push_into(shard, place, slot);
        let mut extensions = self.extensions.lock(&digits);
        let users = extensions.entry(digits).or_insert(0);
        *users = users.saturating_add(1);
    }

    fn somebody_has(&self, number: NumberId, extension: Extension) -> bool {
        let digits = (number, Digits::from(extension));
        self.extensions.lock(&digits).contains_key(&digits)
    }

    fn known_number(&self, number: ServiceNumber) -> Option<NumberId> {
        self.numbers.read().ids.get(&number).copied()
    }

    fn number_of(&self, id: NumberId) -> Option<ServiceNumber> {
        self.numbers.read().numbers.get(usize::try_from(id.0).ok()?).copied()
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
        // Without digits slots differ by their authorization; one that is being freed is still there.
        let taken = slots.iter().any(|slot| slot.digits.is_none() && slot.authorization == *authorization);
        return (!taken).then_some(Extension::NONE);
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
