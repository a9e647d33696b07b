//! All persons' logs, each under a lock of its own kind: every limit is asked and the contact counted in one go, so that
//! of any number of messages at the same time exactly as many pass as may.

use hashbrown::HashMap;
use hashbrown::hash_map::Entry as Held;
use parking_lot::{Mutex, MutexGuard};
use rustc_hash::FxBuildHasher;
use veilgate_names::{
    Category, EnterpriseId, MessageId, Monotonic, ObjectId, Service, SubscriberKey, Timestamp,
};

use super::limits::{Exceeded, Limits};
use super::log::{Entry, Log, MAX_TIME, Sender};
use super::record::{ContactRecord, DamagedContact, read};
use super::steady::{Steady, TOLERANCE_MS};
use super::text::{TextMark, name_mark};

/// Each has a lock. So many that what has to look at a whole one (a sweep, a table that grows) is soon over.
const SHARDS: usize = 1024;

/// How often everybody was contacted lately. Bounded by how many subscribers there are, and [`MAX_STAMPS`] of each.
///
/// [`MAX_STAMPS`]: super::MAX_STAMPS
pub struct Contacts {
    shards: Box<[Mutex<Shard>]>,
    sweeper: Mutex<Sweeper>,
    text_key: [u8; 16],
}

/// A message or call that is about to be counted.
#[derive(Debug, Clone, Copy)]
pub struct Contact<'a> {
    /// Its id: what it is refunded by. It counts once, however often it is counted.
    pub id: MessageId,
    /// Which service it is.
    pub service: Service,
    /// What it is for.
    pub category: Category,
    /// Whose it is.
    pub enterprise: &'a EnterpriseId,
    /// Its signature's object.
    pub signature: Option<&'a ObjectId>,
    /// Its template.
    pub template: Option<&'a ObjectId>,
    /// Its text, by [`Contacts::mark`]; `None` for calls and for data that is no text.
    pub text: Option<TextMark>,
}

/// What a sweep did.
#[derive(Debug, Default)]
pub struct Swept {
    /// What the store is to forget. If that fails it is found again at the next start.
    pub deletions: Vec<ContactRecord>,
    /// How many persons have no contacts left.
    pub persons: usize,
}

#[derive(Default)]
struct Shard {
    persons: HashMap<SubscriberKey, Log, FxBuildHasher>,
    /// The latest time seen, unless the clock was set back since.
    latest: i64,
    /// What made room in a full log; its records are still to be deleted.
    dropped: Vec<MessageId>,
}

#[derive(Default)]
struct Sweeper {
    steady: Steady,
    latest: i64,
    /// The next shard.
    next: usize,
}

impl Contacts {
    /// Nobody was contacted. `text_key` is secret, and the same after a restart: marks of texts are made with it.
    #[must_use]
    pub fn new(text_key: [u8; 16]) -> Self {
        let shards = std::iter::repeat_with(Mutex::default).take(SHARDS).collect();
        Self { shards, sweeper: Mutex::default(), text_key }
    }

    /// The mark of a text, by which the same text is known again.
    #[must_use]
    pub fn mark(&self, text: &str) -> TextMark {
        TextMark::of(&self.text_key, text)
    }

    /// Counts a contact if all limits allow it, in one step. Who is `lifted` (by a white list) is counted and never
    /// refused. Gives the record to write with the message; `None` if no limit counts such contacts.
    ///
    /// # Errors
    /// [`Exceeded`] names the limit; nothing was counted.
    pub fn count(
        &self,
        person: SubscriberKey,
        contact: &Contact<'_>,
        limits: &Limits,
        lifted: bool,
        now: Timestamp,
    ) -> Result<Option<ContactRecord>, Exceeded> {
        let entry = contact.entry(now);
        if !limits.counts(&entry.sender) {
            return Ok(None);
        }
        let mut shard = self.shard(person, entry.at);
        let Shard { persons, dropped, .. } = &mut *shard;
        match persons.entry(person) {
            Held::Vacant(vacant) => {
                vacant.insert(Log::of(&entry));
            }
            Held::Occupied(mut held) => {
                let log = held.get_mut();
                if !lifted {
                    verdict(log, &entry, limits)?;
                }
                log.forget(entry.id);
                dropped.extend(make_room(log));
                log.add(&entry);
            }
        }
        Ok(Some(ContactRecord::of(person, &entry)))
    }

    /// What [`Self::count`] would say, without counting.
    ///
    /// # Errors
    /// [`Exceeded`] names the limit.
    pub fn check(
        &self,
        person: SubscriberKey,
        contact: &Contact<'_>,
        limits: &Limits,
        lifted: bool,
        now: Timestamp,
    ) -> Result<(), Exceeded> {
        let entry = contact.entry(now);
        if lifted || !limits.counts(&entry.sender) {
            return Ok(());
        }
        let shard = self.shard(person, entry.at);
        shard.persons.get(&person).map_or(Ok(()), |log| verdict(log, &entry, limits))
    }

    /// Takes a contact back, because it was our fault that it failed. Gives the deletion of its record; `None` if it is
    /// not counted (any more).
    pub fn refund(&self, person: SubscriberKey, id: MessageId) -> Option<ContactRecord> {
        let mut shard = self.shard_of(person).lock();
        let log = shard.persons.get_mut(&person)?;
        if !log.forget(id) {
            return None;
        }
        if log.is_empty() {
            shard.persons.remove(&person);
        }
        Some(ContactRecord::deletion(id))
    }

    /// Takes in a record at the start, in whatever order they come.
    ///
    /// # Errors
    /// [`DamagedContact`] if it is none.
    pub fn restore(&self, key: &[u8], value: &[u8], now: Timestamp) -> Result<(), DamagedContact> {
        let (person, mut entry) = read(key, value)?;
        entry.at = entry.at.min(time_of(now));
        let mut shard = self.shard(person, time_of(now));
        let Shard { persons, dropped, .. } = &mut *shard;
        match persons.entry(person) {
            Held::Vacant(vacant) => {
                vacant.insert(Log::of(&entry));
            }
            Held::Occupied(held) if held.get().has(entry.id) => {}
            Held::Occupied(mut held) => {
                let log = held.get_mut();
                if log.is_full() && log.oldest().is_some_and(|oldest| oldest.at > entry.at) {
                    dropped.push(entry.id);
                } else {
                    dropped.extend(make_room(log));
                    log.add(&entry);
                }
            }
        }
        Ok(())
    }

    /// Forgets what no limit counts any more, and gives memory back: to be called again and again. Stops
    /// behind the first person at whom there are `most` deletions, and behind the first shard at which it has seen `most`
    /// persons.
    pub fn sweep(&self, limits: &Limits, now: Timestamp, monotonic: Monotonic, most: usize) -> Swept {
        let mut sweeper = self.sweeper.lock();
        let now = time_of(now);
        if now.saturating_add(TOLERANCE_MS) < sweeper.latest {
            self.shards.iter().for_each(|shard| shard.lock().pass(now));
        }
        sweeper.latest = now;
        let certain = sweeper.steady.pass(now, monotonic, limits.reach());
        let mut swept = Swept::default();
        let mut seen = 0;
        for _ in 0..SHARDS {
            let Some(shard) = self.shards.get(sweeper.next) else { break };
            let mut shard = shard.lock();
            seen += shard.persons.len();
            if !shard.sweep(limits, certain, most, &mut swept) {
                break;
            }
            sweeper.next = (sweeper.next + 1) % SHARDS;
            if seen >= most {
                break;
            }
        }
        swept
    }

    /// Forgets a person. Gives what the store is to forget.
    pub fn erase(&self, person: SubscriberKey) -> Vec<ContactRecord> {
        let log = self.shard_of(person).lock().persons.remove(&person);
        log.iter().flat_map(Log::ids).map(ContactRecord::deletion).collect()
    }

    /// How many persons have contacts.
    #[must_use]
    pub fn persons(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().persons.len()).sum()
    }

    fn shard(&self, person: SubscriberKey, now: i64) -> MutexGuard<'_, Shard> {
        let mut shard = self.shard_of(person).lock();
        shard.pass(now);
        shard
    }

    #[expect(clippy::indexing_slicing, reason = "there are as many shards as the remainder has values")]
    fn shard_of(&self, person: SubscriberKey) -> &Mutex<Shard> {
        let [first, second, ..] = person.0;
        &self.shards[usize::from(u16::from_be_bytes([first, second])) % SHARDS]
    }
}

impl std::fmt::Debug for Contacts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Contacts(***)")
    }
}

impl Contact<'_> {
    fn entry(&self, now: Timestamp) -> Entry {
        let mark = |id: &ObjectId| name_mark(id.as_str()).get();
        let sender = Sender {
            enterprise: name_mark(self.enterprise.as_str()).get(),
            signature: self.signature.map_or(0, mark),
            template: self.template.map_or(0, mark),
            category: self.category,
            service: self.service,
        };
        Entry { id: self.id, at: time_of(now), text: self.text.map_or(0, |text| text.value().get()), sender }
    }
}

impl Shard {
    /// Time goes on. If the clock was set back, what was before that is dated to then: else it would count for as much
    /// longer as the clock was set back by.
    fn pass(&mut self, now: i64) {
        if now.saturating_add(TOLERANCE_MS) < self.latest {
            self.persons.values_mut().for_each(|log| log.turn_back(now));
            self.latest = now;
        }
        self.latest = self.latest.max(now);
    }

    /// False if more than `most` deletions would have been needed.
    fn sweep(&mut self, limits: &Limits, certain: i64, most: usize, swept: &mut Swept) -> bool {
        let room = most.saturating_sub(swept.deletions.len()).min(self.dropped.len());
        let dropped = self.dropped.drain(..room);
        swept.deletions.extend(dropped.map(ContactRecord::deletion));
        let before = self.persons.len();
        let deletions = &mut swept.deletions;
        self.persons.retain(|_, log| {
            if deletions.len() < most {
                log.expire(
                    |entry| limits.is_over(entry, certain),
                    |id| deletions.push(ContactRecord::deletion(id)),
                );
            }
            !log.is_empty()
        });
        swept.persons += before - self.persons.len();
        if self.persons.capacity() / 4 > self.persons.len() {
            self.persons.shrink_to(2 * self.persons.len());
        }
        if self.dropped.is_empty() {
            self.dropped = Vec::new();
        }
        deletions.len() < most
    }
}

fn verdict(log: &Log, asked: &Entry, limits: &Limits) -> Result<(), Exceeded> {
    limits.check(log, asked)?;
    let needed = |oldest: &Entry| !limits.is_over(oldest, asked.at);
    match log.oldest().filter(needed) {
        Some(oldest) if log.is_full() && !log.has(asked.id) => {
            limits.full(&oldest, asked).map_or(Ok(()), Err)
        }
        _ => Ok(()),
    }
}

/// Takes the oldest out of a full log.
fn make_room(log: &mut Log) -> Option<MessageId> {
    let oldest = log.oldest().filter(|_| log.is_full())?;
    log.forget(oldest.id).then_some(oldest.id)
}

fn time_of(now: Timestamp) -> i64 {
    now.0.clamp(0, MAX_TIME)
}
