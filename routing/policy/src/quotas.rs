//! Quotas of tenants: segments in a Beijing day and month, of a tenant and everyone below it. All of the chain's or none.
//!
//! They are exact while the gateway runs. They are written down from time to time and not with each message, so after a
//! crash what was counted since is free again.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use hashbrown::HashMap;
use parking_lot::Mutex;
use veilgate_names::{ObjectId, Reason, Timestamp, beijing_day};

use crate::record::{BadRecord, Reader, Record, Writer, key};
use crate::tenants::{Chain, Tree};

/// How the keys of quotas begin.
pub(crate) const TAG: u8 = b'q';
const VERSION: u8 = 1;
/// Bits of a count; the rest is the day or month, as `YYYYMMDD` or `YYYYMM`.
const COUNT_BITS: u32 = 36;
const MOST: u64 = (1 << COUNT_BITS) - 1;

/// What has been counted for each tenant that has, or had, a quota. It outlives policies, which refer to it.
#[derive(Debug, Default)]
pub struct Quotas(Mutex<HashMap<ObjectId, Arc<Counter>>>);

/// The quotas of a policy's tenants.
#[derive(Debug, Default)]
pub struct QuotaLimits {
    /// By tenant, from itself up.
    ways: Vec<Box<[Quota]>>,
}

/// A day, or month, and what was counted in it.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

#[derive(Debug, Default)]
struct Counter {
    day: Count,
    month: Count,
    is_unwritten: AtomicBool,
}

#[derive(Debug)]
struct Quota {
    id: ObjectId,
    per_day: u64,
    per_month: u64,
    counter: Arc<Counter>,
}

impl QuotaLimits {
    /// The quotas of all tenants, each going on where it stands in `quotas`.
    #[must_use]
    pub fn compile(tree: &Tree, quotas: &Quotas) -> Self {
        let ways = tree.iter().map(|(index, ..)| {
            let quota = |each| {
                let (id, tenant) = (tree.id(each)?, tree.tenant(each)?);
                let most =
                    |quota: Option<std::num::NonZeroU64>| quota.map_or(MOST, |quota| quota.get().min(MOST));
                let (per_day, per_month) = (most(tenant.per_day), most(tenant.per_month));
                let has_one = tenant.per_day.or(tenant.per_month).is_some();
                has_one.then(|| Quota { id: id.clone(), per_day, per_month, counter: quotas.counter(id) })
            };
            tree.chain_of(index).iter().filter_map(quota).collect()
        });
        Self { ways: ways.collect() }
    }

    /// Counts a message's segments for a tenant and everyone above, at this wall time.
    ///
    /// # Errors
    /// [`Reason::Quota`] with the tenant whose quota is used up; nothing is counted then.
    pub fn take(&self, chain: Chain<'_>, segments: u32, at: Timestamp) -> Result<(), (Reason, ObjectId)> {
        let quotas = self.quotas(chain);
        if quotas.is_empty() {
            return Ok(());
        }
        let day = u64::from(beijing_day(at));
        let segments = u64::from(segments);
        for (place, quota) in quotas.iter().enumerate() {
            if !quota.take(segments, day) {
                for taken in quotas.get(..place).unwrap_or_default() {
                    taken.counter.give_back(segments);
                }
                return Err((Reason::Quota, quota.id.clone()));
            }
        }
        Ok(())
    }

    /// Whether [`Self::take`] would count a message's segments now; counts nothing.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn check(&self, chain: Chain<'_>, segments: u32, at: Timestamp) -> Result<(), (Reason, ObjectId)> {
        let day = u64::from(beijing_day(at));
        let has = |counted: u64, most: u64| counted.saturating_add(segments.into()) <= most;
        let is_full = |quota: &&Quota| {
            let (today, this_month) =
                (quota.counter.day.in_period(day), quota.counter.month.in_period(day / 100));
            !has(today, quota.per_day) || !has(this_month, quota.per_month)
        };
        let full = self.quotas(chain).iter().find(is_full);
        full.map_or(Ok(()), |quota| Err((Reason::Quota, quota.id.clone())))
    }

    /// Gives back what [`Self::take`] counted with the same chain at `at`, unless a new day or month has begun since.
    pub fn give_back(&self, chain: Chain<'_>, segments: u32, at: Timestamp) {
        let (day, segments) = (u64::from(beijing_day(at)), u64::from(segments));
        for Quota { counter, .. } in self.quotas(chain) {
            counter.day.give_back(segments, Some(day));
            counter.month.give_back(segments, Some(day / 100));
            counter.is_unwritten.store(true, Ordering::Relaxed);
        }
    }

    fn quotas(&self, chain: Chain<'_>) -> &[Quota] {
        let way = usize::try_from(chain.own().0).ok().and_then(|own| self.ways.get(own));
        way.map_or(&[], |way| way)
    }
}

impl Quotas {
    /// What has changed since it was written last, for the space of balances; at most `most`. Each is the newest when it
    /// is made, so write them in the order in which they are made.
    #[must_use]
    pub fn unwritten(&self, most: usize) -> Vec<Record> {
        let counters = self.0.lock();
        let changed =
            counters.iter().filter(|(_, counter)| counter.is_unwritten.swap(false, Ordering::AcqRel));
        changed.take(most).map(|(id, counter)| counter.record(id)).collect()
    }

    /// What [`Self::unwritten`] gave could not be written: it is given again.
    pub fn write_failed(&self) {
        self.0.lock().values().for_each(|counter| counter.is_unwritten.store(true, Ordering::Release));
    }

    /// What was counted for a tenant in the day and the month of `at`; 0 for one that has no quota.
    #[must_use]
    pub fn counted(&self, tenant: &ObjectId, at: Timestamp) -> (u64, u64) {
        let day = u64::from(beijing_day(at));
        let counters = self.0.lock();
        counters
            .get(tenant)
            .map_or((0, 0), |counter| (counter.day.in_period(day), counter.month.in_period(day / 100)))
    }

    /// Takes back a record of the last run.
    pub(crate) fn restore(&self, value: &[u8]) -> Result<(), BadRecord> {
        let mut reader = Reader::new(value, VERSION)?;
        let id = ObjectId::parse(reader.name()?).map_err(|_| BadRecord)?;
        let (day, month) = (reader.number()?, reader.number()?);
        reader.finish()?;
        let counter = self.counter(&id);
        counter.day.0.store(day, Ordering::Relaxed);
        counter.month.0.store(month, Ordering::Relaxed);
        Ok(())
    }

    fn counter(&self, id: &ObjectId) -> Arc<Counter> {
        self.0.lock().entry(id.clone()).or_default().clone()
    }
}

impl Quota {
    fn take(&self, segments: u64, day: u64) -> bool {
        if !self.counter.day.take(segments, day, self.per_day) {
            return false;
        }
        let taken = self.counter.month.take(segments, day / 100, self.per_month);
        if taken {
            self.counter.is_unwritten.store(true, Ordering::Relaxed);
        } else {
            self.counter.day.give_back(segments, None);
        }
        taken
    }
}

impl Counter {
    fn give_back(&self, segments: u64) {
        self.day.give_back(segments, None);
        self.month.give_back(segments, None);
    }

    fn record(&self, id: &ObjectId) -> Record {
        let day = self.day.0.load(Ordering::Relaxed);
        let month = self.month.0.load(Ordering::Relaxed);
        let value = Writer::new(VERSION).name(id.as_str()).number(day).number(month).finish();
        Record { key: key(TAG, &[id.as_str()]).into(), value: Some(value) }
    }
}

impl Count {
    /// A clock that was set back goes on counting in the later day, so that nothing is free again.
    pub(crate) fn take(&self, segments: u64, period: u64, most: u64) -> bool {
        let count = |packed: u64| {
            let (held, count) = (packed >> COUNT_BITS, packed & MOST);
            let (period, count) = if held < period { (period, 0) } else { (held, count) };
            let count = count.saturating_add(segments).min(MOST);
            (count <= most).then_some(period << COUNT_BITS | count)
        };
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, count).is_ok()
    }

    pub(crate) fn give_back(&self, segments: u64, of: Option<u64>) {
        let give = |packed: u64| {
            let (period, count) = (packed >> COUNT_BITS, packed & MOST);
            of.is_none_or(|of| of >= period).then_some(period << COUNT_BITS | count.saturating_sub(segments))
        };
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, give);
    }

    pub(crate) fn in_period(&self, period: u64) -> u64 {
        let packed = self.0.load(Ordering::Relaxed);
        if packed >> COUNT_BITS >= period { packed & MOST } else { 0 }
    }
}
