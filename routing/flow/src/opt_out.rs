//! Who does not want to hear from whom any more (requirements.md 3.7). A refusal holds for a person (a tenure) and an
//! enterprise or one of its service numbers, from the moment it is read; only an authorization that is newer than it
//! lifts it. It is stronger than any list that lets messages pass. People are known by key only.

mod refuse;
mod words;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::RwLock;
use rustc_hash::FxHashMap;
use sm3::{Digest as _, Sm3};
use veilgate_admission::Registered;
use veilgate_names::{AuthorizationId, EnterpriseId, ServiceNumber, SubscriberKey, Timestamp};

use crate::record::{Reader, RecordError, Writer};
pub(crate) use refuse::Refusal;
pub use words::Words;

const VERSION: u8 = 1;
const SHARDS: usize = 256;

/// `[opt_out]`: which replies are refusals, and what follows one.
#[derive(Debug, Clone)]
pub struct OptOutRules {
    /// Replies that say so.
    pub words: Words,
    /// What a refusal holds for.
    pub scope: OptOutScope,
    /// What the person is told, once; none: nothing.
    pub confirmation: Option<String>,
    /// The least time between two confirmations to one person.
    pub confirm_every: Duration,
}

impl Default for OptOutRules {
    fn default() -> Self {
        Self {
            words: Words::default(),
            scope: OptOutScope::default(),
            confirmation: None,
            confirm_every: Duration::from_secs(86_400),
        }
    }
}

/// What a refusal holds for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OptOutScope {
    /// Every service number of the enterprise.
    #[default]
    Enterprise,
    /// The service number that was written to.
    ServiceNumber,
}

/// A refusal as the shell hears of it, when it is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptedOut {
    /// Whose messages are refused.
    pub enterprise: EnterpriseId,
    /// The authorizations that the notary was told of.
    pub authorizations: Vec<AuthorizationId>,
    /// Whether the person is told, too.
    pub confirmed: bool,
}

/// What a refusal is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) subscriber: SubscriberKey,
    pub(crate) enterprise: EnterpriseId,
    /// None: all of the enterprise's.
    pub(crate) number: Option<ServiceNumber>,
}

struct Entry {
    enterprise: EnterpriseId,
    number: Option<ServiceNumber>,
    at: Timestamp,
    /// When the person was last told.
    confirmed: Option<Timestamp>,
    /// Whether record and notices are durable.
    told: bool,
}

/// A part of all people, and what each refuses.
#[derive(Default)]
struct Shard(FxHashMap<SubscriberKey, Vec<Entry>>);

/// What to do about a refusal that was read.
pub(crate) enum Noted {
    /// It stands already, and everybody knows.
    Known,
    /// It is in force now; `record` makes it durable. `confirm`: the person may be told.
    Fresh { record: OptOutRecord, confirm: bool },
    /// No room.
    Full,
}

/// A refusal for the store.
pub(crate) struct OptOutRecord {
    pub(crate) key: [u8; 32],
    pub(crate) value: Vec<u8>,
}

/// All refusals, bounded. A look-up where nobody ever refused is one atomic load.
pub struct OptOuts {
    shards: Box<[RwLock<Shard>]>,
    count: AtomicUsize,
    capacity: usize,
}

impl OptOuts {
    /// None yet, `capacity` at most.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let shards = (0..SHARDS).map(|_| RwLock::default()).collect();
        Self { shards, count: AtomicUsize::new(0), capacity }
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

    /// Whether a message under this authorization is one that the person refused. An authorization is newer than the
    /// refusal if it begins after it and came here after it.
    #[must_use]
    pub fn block(
        &self,
        subscriber: SubscriberKey,
        number: ServiceNumber,
        authorization: &Registered,
    ) -> bool {
        let newest = authorization.not_before().min(authorization.registered_at());
        !self.is_empty() && self.refused_since(subscriber, authorization.enterprise(), number, newest)
    }

    fn refused_since(
        &self,
        subscriber: SubscriberKey,
        enterprise: &EnterpriseId,
        number: ServiceNumber,
        newest: Timestamp,
    ) -> bool {
        let shard = self.shard(subscriber).read();
        let entries = shard.0.get(&subscriber).map(Vec::as_slice).unwrap_or_default();
        entries.iter().any(|entry| {
            entry.enterprise == *enterprise
                && entry.number.is_none_or(|refused| refused == number)
                && newest <= entry.at
        })
    }

    /// A refusal was read. In force when this returns. `lifted`: some authorization is newer than the one that stands.
    pub(crate) fn note(&self, refused: &Refused, lifted: bool, every: Duration, now: Timestamp) -> Noted {
        let mut shard = self.shard(refused.subscriber).write();
        let entries = shard.0.entry(refused.subscriber).or_default();
        if !entries.iter().any(|entry| entry.is(refused)) {
            if self.count.fetch_add(1, Ordering::Relaxed) >= self.capacity {
                self.count.fetch_sub(1, Ordering::Relaxed);
                return Noted::Full;
            }
            entries.push(Entry::new(refused, now));
        }
        let Some(entry) = entries.iter_mut().find(|entry| entry.is(refused)) else { return Noted::Full };
        if entry.told && !lifted {
            return Noted::Known;
        }
        entry.at = entry.at.max(now);
        entry.told = false;
        let confirm = entry.confirmed.is_none_or(|last| now.since(last) >= every);
        Noted::Fresh { record: encode(refused, entry), confirm }
    }

    /// The person is being told: noted before, so that nothing tells them twice.
    pub(crate) fn confirming(&self, refused: &Refused, now: Timestamp) -> Option<OptOutRecord> {
        let mut shard = self.shard(refused.subscriber).write();
        let entry = shard.0.get_mut(&refused.subscriber)?.iter_mut().find(|entry| entry.is(refused))?;
        entry.confirmed = Some(now);
        Some(encode(refused, entry))
    }

    /// Record and notices are durable.
    pub(crate) fn told(&self, refused: &Refused) {
        let mut shard = self.shard(refused.subscriber).write();
        let entries = shard.0.get_mut(&refused.subscriber).map(Vec::as_mut_slice).unwrap_or_default();
        if let Some(entry) = entries.iter_mut().find(|entry| entry.is(refused)) {
            entry.told = true;
        }
    }

    /// A refusal from the store.
    pub(crate) fn restore(&self, key: &[u8], value: &[u8]) -> Result<(), RecordError> {
        let (refused, at, confirmed) = decode(key, value)?;
        if self.count.fetch_add(1, Ordering::Relaxed) >= self.capacity {
            self.count.fetch_sub(1, Ordering::Relaxed);
            return Err(RecordError);
        }
        let entry = Entry { confirmed, told: true, ..Entry::new(&refused, at) };
        self.shard(refused.subscriber).write().0.entry(refused.subscriber).or_default().push(entry);
        Ok(())
    }

    fn shard(&self, subscriber: SubscriberKey) -> &RwLock<Shard> {
        let [first, ..] = subscriber.0;
        #[expect(clippy::indexing_slicing, reason = "there are as many shards as an octet has values")]
        &self.shards[usize::from(first)]
    }
}

impl Entry {
    fn new(refused: &Refused, at: Timestamp) -> Self {
        let Refused { enterprise, number, .. } = refused;
        Self { enterprise: enterprise.clone(), number: *number, at, confirmed: None, told: false }
    }

    fn is(&self, refused: &Refused) -> bool {
        self.enterprise == refused.enterprise && self.number == refused.number
    }
}

/// Key: `subscriber16 ‖ 16 octets of SM3(enterprise ‖ 0 ‖ number)`; the value is to be sealed.
fn encode(refused: &Refused, entry: &Entry) -> OptOutRecord {
    let number = refused.number.as_ref().map_or("", ServiceNumber::as_str);
    let mut hash = Sm3::new();
    hash.update(refused.enterprise.as_str());
    hash.update([0]);
    hash.update(number);
    let mut key = [0; 32];
    for (slot, octet) in key.iter_mut().zip(refused.subscriber.0.into_iter().chain(hash.finalize())) {
        *slot = octet;
    }
    let mut value = Vec::with_capacity(96);
    let mut w = Writer(&mut value);
    w.u8(VERSION);
    w.i64(entry.at.0);
    w.i64(entry.confirmed.map_or(0, |at| at.0));
    w.text(refused.enterprise.as_str());
    w.text(number);
    OptOutRecord { key, value }
}

fn decode(key: &[u8], value: &[u8]) -> Result<(Refused, Timestamp, Option<Timestamp>), RecordError> {
    let (subscriber, _) = key.split_first_chunk::<16>().ok_or(RecordError)?;
    let mut r = Reader::versioned(value)?;
    let at = Timestamp(r.i64()?);
    let confirmed = Some(r.i64()?).filter(|at| *at != 0).map(Timestamp);
    let enterprise = EnterpriseId::parse(r.text()?).map_err(|_| RecordError)?;
    let number = match r.text()? {
        "" => None,
        text => Some(ServiceNumber::parse(text).map_err(|_| RecordError)?),
    };
    Ok((Refused { subscriber: SubscriberKey(*subscriber), enterprise, number }, at, confirmed))
}

#[cfg(test)]
mod tests;
