//! Rates of tenants, numbers, signatures and the whole gateway (the carrier's is the gateway's): all of a message's or none,
//! and given back if something behind them refuses. governor, which limits accounts and binds, cannot give back, and would
//! take a clock for every limit; so a limit is a cell of our own here: GCRA in one atomic (ITU-T I.371, annex A).
//!
//! A tenant's rate is shared between those below it that ask for more than there is. Of the tenants directly below that
//! asked within this second or the one before (its *active* children), each may take `rate * weight / sum of their
//! weights` whatever the others do, with three quarters of the burst shared in the same way. What they leave fills the
//! bucket up, and whoever comes first takes from its upper quarter. A single active child has all of it.

mod bucket;
mod share;

#[cfg(test)]
mod tests;

use std::num::NonZeroU32;
use std::sync::Arc;

use hashbrown::HashMap;
use parking_lot::Mutex;
use veilgate_names::{Monotonic, ObjectId, Reason};

use self::bucket::{Bucket, Pace};
use self::share::{Child, Crowd};
use crate::content::Signature;
use crate::objects::{Kind, Objects};
use crate::tenants::{Chain, Tree};

/// The most limits of tenants on a way: one of each level.
const MAX_LEVELS: usize = 4;

/// What has been taken of every rate. It outlives policies, which refer to it.
#[derive(Debug, Default)]
pub struct Rates {
    buckets: Mutex<HashMap<(Kind, ObjectId), Arc<Bucket>>>,
    crowds: Mutex<HashMap<ObjectId, Arc<Crowd>>>,
    /// By tenant, and whether it is about those below it or about itself, as one among its children.
    children: Mutex<HashMap<(ObjectId, bool), Arc<Child>>>,
}

/// A rate that something has: so many segments a second, so many at once.
#[derive(Debug, Clone)]
pub struct Limit {
    id: ObjectId,
    pace: Pace,
    bucket: Arc<Bucket>,
}

/// The rates of a policy's tenants.
#[derive(Debug, Default)]
pub struct RateLimits {
    /// By tenant, from itself up.
    ways: Vec<Box<[Step]>>,
}

/// The rates of a policy's signatures. They are taken by themselves, when it is known which signature a text has.
#[derive(Debug, Default)]
pub struct SignatureRates(HashMap<ObjectId, Limit>);

/// What a message took, to be given back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RatesTaken {
    segments: u32,
    shares: [u64; MAX_LEVELS],
}

/// One limit on the way up, and who of those below it asks.
#[derive(Debug, Clone)]
struct Step {
    limit: Limit,
    crowd: Arc<Crowd>,
    child: Arc<Child>,
    weight: u32,
}

/// How a child takes: what goes to its share, and whether it has to be there.
#[derive(Debug, Clone, Copy, Default)]
struct Claim {
    charge: u64,
    is_left_over: bool,
}

impl Rates {
    /// The limit of this name, which goes on where it stands; `burst` is one second's worth if it is not given.
    #[must_use]
    pub fn limit(&self, kind: Kind, id: &ObjectId, rate: NonZeroU32, burst: Option<NonZeroU32>) -> Limit {
        let bucket = self.buckets.lock().entry((kind, id.clone())).or_default().clone();
        Limit { id: id.clone(), pace: Pace::new(rate, burst.unwrap_or(rate)), bucket }
    }

    /// Forgets what no policy refers to.
    fn forget_unused(&self) {
        self.buckets.lock().retain(|_, held| Arc::strong_count(held) > 1);
        self.crowds.lock().retain(|_, held| Arc::strong_count(held) > 1);
        self.children.lock().retain(|_, held| Arc::strong_count(held) > 1);
    }

    fn step(&self, limit: Limit, child: (&ObjectId, bool), weight: u32) -> Step {
        let crowd = self.crowds.lock().entry(limit.id.clone()).or_default().clone();
        let child = self.children.lock().entry((child.0.clone(), child.1)).or_default().clone();
        Step { limit, crowd, child, weight }
    }
}

impl RateLimits {
    /// The rates of all tenants, each going on where it stands in `rates`.
    #[must_use]
    pub fn compile(tree: &Tree, rates: &Rates) -> Self {
        rates.forget_unused();
        let ways = tree.iter().map(|(index, id, _)| {
            let chain = tree.chain_of(index);
            // The tenant itself stands as one more child beside those below it: enterprises without an object do so.
            let below = std::iter::once((id, true, 1));
            let below = below.chain(chain.iter().filter_map(|each| {
                Some((tree.id(each)?, false, u32::from(tree.tenant(each)?.weight.get())))
            }));
            let steps = chain.iter().zip(below).filter_map(|(each, (child, is_itself, weight))| {
                let (id, tenant) = (tree.id(each)?, tree.tenant(each)?);
                let limit = rates.limit(Kind::Tenant, id, tenant.rate_per_second?, tenant.burst);
                Some(rates.step(limit, (child, is_itself), weight))
            });
            steps.take(MAX_LEVELS).collect()
        });
        Self { ways: ways.collect() }
    }

    /// Takes a message's segments of the rates of a tenant and everyone above, and of `more` (those of number and
    /// signature); 0 takes nothing. A message of more segments than a burst takes the burst, so that it can pass.
    ///
    /// # Errors
    /// [`Reason::Tps`] with the tenant, number or signature whose rate is used up; nothing is taken then.
    pub fn take(
        &self,
        chain: Chain<'_>,
        more: &[&Limit],
        segments: u32,
        now: Monotonic,
    ) -> Result<RatesTaken, (Reason, ObjectId)> {
        let steps = self.steps(chain);
        let mut taken = RatesTaken { segments, ..RatesTaken::default() };
        let refused = |limit: &Limit| Err((Reason::Tps, limit.id.clone()));
        // Looked at first: what is refused for long does not disturb the others even for a moment.
        if let Some(limit) = more.iter().find(|limit| !limit.has(segments, now)) {
            return refused(limit);
        }
        let mut claims = [Claim::default(); MAX_LEVELS];
        for (step, claim) in steps.iter().zip(&mut claims) {
            let crowd = step.crowd.hear(&step.child, step.weight, now);
            match step.claim(crowd, segments, now) {
                Some(allowed) => *claim = allowed,
                None => return refused(&step.limit),
            }
        }
        for ((place, step), (claim, share)) in
            steps.iter().enumerate().zip(claims.iter().zip(&mut taken.shares))
        {
            match step.take(*claim, segments, now) {
                Some(charged) => *share = charged,
                None => {
                    self.undo(steps.get(..place).unwrap_or_default(), &[], taken);
                    return refused(&step.limit);
                }
            }
        }
        for (place, limit) in more.iter().enumerate() {
            if !limit.take(segments, now) {
                self.undo(steps, more.get(..place).unwrap_or_default(), taken);
                return refused(limit);
            }
        }
        Ok(taken)
    }

    /// Gives back what [`Self::take`] took with the same chain and limits; for the decision that took it, at once.
    pub fn give_back(&self, chain: Chain<'_>, more: &[&Limit], taken: RatesTaken) {
        self.undo(self.steps(chain), more, taken);
    }

    fn undo(&self, steps: &[Step], more: &[&Limit], taken: RatesTaken) {
        for (step, share) in steps.iter().zip(taken.shares) {
            step.child.spent.give_back(share);
            step.limit.bucket.give_back(step.limit.pace.cost(taken.segments));
        }
        for limit in more {
            limit.bucket.give_back(limit.pace.cost(taken.segments));
        }
    }

    fn steps(&self, chain: Chain<'_>) -> &[Step] {
        let way = usize::try_from(chain.own().0).ok().and_then(|own| self.ways.get(own));
        way.map_or(&[], |way| way)
    }
}

impl SignatureRates {
    /// The rates of all signatures that have one, each going on where it stands in `rates`.
    #[must_use]
    pub fn compile(objects: &Objects, rates: &Rates) -> Self {
        let limit = |(id, signature): (&ObjectId, &Arc<Signature>)| {
            let limit = rates.limit(Kind::Signature, id, signature.rate_per_second?, signature.burst);
            Some((id.clone(), limit))
        };
        Self(objects.signatures.iter().filter_map(limit).collect())
    }

    /// Takes a message's segments of the rate of its signature.
    ///
    /// # Errors
    /// [`Reason::Tps`] with the signature if its rate is used up; nothing is taken then.
    pub fn take(
        &self,
        signature: &ObjectId,
        segments: u32,
        now: Monotonic,
    ) -> Result<(), (Reason, ObjectId)> {
        match self.0.get(signature) {
            Some(limit) if !limit.take(segments, now) => Err((Reason::Tps, limit.id.clone())),
            _ => Ok(()),
        }
    }
}

impl Limit {
    /// The object it is of.
    #[must_use]
    pub fn id(&self) -> &ObjectId {
        &self.id
    }

    fn has(&self, segments: u32, now: Monotonic) -> bool {
        self.bucket.has(self.pace.cost(segments), self.pace.capacity(), now)
    }

    fn take(&self, segments: u32, now: Monotonic) -> bool {
        self.bucket.take(self.pace.cost(segments), self.pace.capacity(), now)
    }
}

impl Step {
    /// How the child may take so many segments; `None` if it may not.
    fn claim(&self, crowd: u32, segments: u32, now: Monotonic) -> Option<Claim> {
        let Limit { pace, bucket, .. } = &self.limit;
        let cost = pace.cost(segments);
        if !bucket.has(cost, pace.capacity(), now) {
            return None;
        }
        let charge = cost.saturating_mul(u64::from(crowd)) / u64::from(self.weight.max(1));
        let is_left_over = crowd <= self.weight || bucket.has(cost, (pace.capacity() / 4).max(cost), now);
        let claim = Claim { charge, is_left_over };
        (is_left_over || self.child.spent.has(charge, self.guaranteed(charge), now)).then_some(claim)
    }

    /// Takes, and says what was charged to the child's share: what it takes of the others' leavings uses up its own share
    /// too, as far as there is any, so that it has none saved when the others come back.
    fn take(&self, claim: Claim, segments: u32, now: Monotonic) -> Option<u64> {
        let (spent, guaranteed) = (&self.child.spent, self.guaranteed(claim.charge));
        let charged = if claim.is_left_over {
            spent.press(claim.charge, guaranteed, now)
        } else {
            spent.take(claim.charge, guaranteed, now).then_some(claim.charge)?
        };
        let Limit { pace, bucket, .. } = &self.limit;
        if !bucket.take(pace.cost(segments), pace.capacity(), now) {
            spent.give_back(charged);
            return None;
        }
        Some(charged)
    }

    /// How much of the burst is shared, as time. A share's pace is slower as it is smaller, so in time it is the same for
    /// each child.
    fn guaranteed(&self, charge: u64) -> u64 {
        let capacity = self.limit.pace.capacity();
        (capacity - capacity / 4).max(charge)
    }
}
