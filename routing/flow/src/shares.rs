//! How many messages are live, in all and of each enterprise, and how many may be. Whoever has used up the share of one
//! enterprise is refused alone; the others have room left.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use veilgate_admission::{Account, Tenant};
use veilgate_names::{EnterpriseId, Reason};

use crate::flow::Flow;

type Counts = FxHashMap<EnterpriseId, Arc<AtomicUsize>>;

/// See the module. Messages on their way to the journal are counted, too.
pub(crate) struct Shares {
    all: AtomicUsize,
    most: usize,
    most_of_one: AtomicUsize,
    of: ArcSwap<Counts>,
    growing: Mutex<()>,
}

impl Shares {
    /// Nothing is live; one enterprise may have all until [`Self::divide`].
    pub(crate) fn new(most: usize) -> Self {
        Self {
            all: AtomicUsize::new(0),
            most,
            most_of_one: AtomicUsize::new(most),
            of: ArcSwap::default(),
            growing: Mutex::new(()),
        }
    }

    /// Gives each of several enterprises at most so many percent; one alone has everything.
    pub(crate) fn divide(&self, enterprises: usize, percent: u8) {
        let share = self.most.saturating_mul(usize::from(percent)) / 100;
        let most = if enterprises > 1 { share.clamp(1, self.most.max(1)) } else { self.most };
        self.most_of_one.store(most, Ordering::Relaxed);
    }

    /// How many are live.
    pub(crate) fn all(&self) -> usize {
        self.all.load(Ordering::Relaxed)
    }

    /// How many of an enterprise are live.
    pub(crate) fn of(&self, enterprise: &EnterpriseId) -> usize {
        self.of.load().get(enterprise).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// Whether another message may come in, of whomever.
    ///
    /// # Errors
    /// [`Reason::QueueFull`].
    pub(crate) fn check(&self) -> Result<(), Reason> {
        if self.all() >= self.most { Err(Reason::QueueFull) } else { Ok(()) }
    }

    /// Whether another message of this enterprise may come in.
    ///
    /// # Errors
    /// [`Reason::QueueFull`].
    pub(crate) fn check_of(&self, enterprise: &EnterpriseId) -> Result<(), Reason> {
        let full = self.of(enterprise) >= self.most_of_one.load(Ordering::Relaxed);
        if full { Err(Reason::QueueFull) } else { Ok(()) }
    }

    /// How full it is for this enterprise, or for all, whichever is more: percent, 100 and more is full.
    pub(crate) fn fill(&self, enterprise: Option<&EnterpriseId>) -> usize {
        let percent = |count: usize, most: usize| count.saturating_mul(100) / most.max(1);
        let own = enterprise.map_or(0, |id| percent(self.of(id), self.most_of_one.load(Ordering::Relaxed)));
        percent(self.all(), self.most).max(own)
    }

    /// Counts a message that comes in; whether it may was asked before.
    pub(crate) fn enter(&self, enterprise: &EnterpriseId) {
        self.all.fetch_add(1, Ordering::Relaxed);
        if let Some(count) = self.of.load().get(enterprise) {
            count.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let _one_at_a_time = self.growing.lock();
        let mut counts = Counts::clone(&self.of.load());
        counts.entry(enterprise.clone()).or_default().fetch_add(1, Ordering::Relaxed);
        self.of.store(Arc::new(counts));
    }

    /// Counts a message that is gone.
    pub(crate) fn leave(&self, enterprise: &EnterpriseId) {
        self.all.fetch_sub(1, Ordering::Relaxed);
        if let Some(count) = self.of.load().get(enterprise) {
            count.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Flow {
    /// How full the gateway is for an account, percent: live messages of all or, for an enterprise's own account, of its
    /// share, or deliveries that the account does not fetch, whichever is more. 100 and more is full.
    #[must_use]
    pub fn fill(&self, account: &Account) -> usize {
        let enterprise = match account.tenant() {
            Tenant::Enterprise(enterprise) => Some(enterprise),
            Tenant::Platform(_) => None,
        };
        self.shares.fill(enterprise).max(self.outbox(account.id()).lock().fill())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enterprise(name: &str) -> EnterpriseId {
        EnterpriseId::parse(name).unwrap()
    }

    #[test]
    fn one_that_floods_is_refused_alone() {
        let shares = Shares::new(10);
        shares.divide(3, 50);
        let [flood, other] = ["flood", "other"].map(enterprise);
        for _ in 0..5 {
            assert_eq!(shares.check().and(shares.check_of(&flood)), Ok(()));
            shares.enter(&flood);
        }
        assert_eq!(shares.check_of(&flood), Err(Reason::QueueFull));
        assert_eq!(shares.check().and(shares.check_of(&other)), Ok(()));
        assert_eq!((shares.fill(None), shares.fill(Some(&flood)), shares.fill(Some(&other))), (50, 100, 50));
        shares.leave(&flood);
        assert_eq!(shares.check_of(&flood), Ok(()));
        assert_eq!((shares.all(), shares.of(&flood)), (4, 4));
    }

    #[test]
    fn all_together_have_no_more_than_all() {
        let shares = Shares::new(3);
        shares.divide(2, 100);
        for name in ["a", "b", "c"] {
            shares.enter(&enterprise(name));
        }
        assert_eq!(shares.check(), Err(Reason::QueueFull));
    }

    #[test]
    fn one_alone_has_everything_and_the_least_share_is_one() {
        let shares = Shares::new(2);
        shares.divide(1, 1);
        shares.enter(&enterprise("only"));
        assert_eq!(shares.check_of(&enterprise("only")), Ok(()));
        shares.divide(2, 1);
        assert_eq!(shares.check_of(&enterprise("only")), Err(Reason::QueueFull));
        assert_eq!(shares.check_of(&enterprise("other")), Ok(()));
    }
}
