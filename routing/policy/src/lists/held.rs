//! The entries in force of all lists, which stay while policies come and go.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::{ArcSwap, Guard};
use parking_lot::Mutex;
use veilgate_names::{ObjectId, Timestamp};

use super::entries::{EntrySet, ListChange, hour_of};

/// Of how many entries one has to be over before the bulk is made anew.
const WORTH_FOLDING: usize = 16;

/// The entries of all lists by the name of their list, whether or not there is an object of that name. A copy is the same.
#[derive(Debug, Clone, Default)]
pub struct Lists {
    /// By their places. One swap for all of them: a look-up in ten lists waits for one atomic access, and for memory once
    /// instead of ten times.
    table: Arc<ArcSwap<Vec<Arc<EntrySet>>>>,
    places: Arc<Mutex<BTreeMap<ObjectId, usize>>>,
    sweep: Arc<Mutex<Sweep>>,
    edition: Arc<AtomicU64>,
}

/// One of them. Who reads sees the entries before a change or those after it.
#[derive(Debug, Clone)]
pub struct HeldList {
    lists: Lists,
    place: usize,
}

impl HeldList {
    /// The entries in force.
    #[must_use]
    pub fn entries(&self) -> Arc<EntrySet> {
        self.lists.table.load().get(self.place).cloned().unwrap_or_default()
    }

    /// Puts other entries in force, at once. They are durable already. The old ones are freed here and not by whichever
    /// look-up leaves them last: hundreds of megabytes take a while.
    pub fn install(&self, entries: EntrySet) {
        /// A look-up takes a microsecond; whoever keeps them longer frees them.
        const PATIENCE: usize = 10_000;
        /// From how many octets on it is worth waiting for them.
        const LARGE: usize = 1 << 24;
        let patience = if self.entries().octets() < LARGE { 0 } else { PATIENCE };
        let mut old = self.swap(Arc::new(entries));
        for _ in 0..patience {
            match Arc::try_unwrap(old) {
                Ok(alone) => return drop(alone),
                Err(shared) => old = shared,
            }
            std::thread::yield_now();
        }
    }

    pub(super) fn place(&self) -> usize {
        self.place
    }

    /// Gives the table before.
    fn swap(&self, entries: Arc<EntrySet>) -> Arc<Vec<Arc<EntrySet>>> {
        // Who changes the table holds this.
        let _alone = self.lists.places.lock();
        let mut table = Vec::clone(&self.lists.table.load());
        if let Some(held) = table.get_mut(self.place) {
            *held = entries;
        }
        let before = self.lists.table.swap(Arc::new(table));
        self.lists.edition.fetch_add(1, Ordering::Release);
        before
    }
}

/// How far the sweep has come.
#[derive(Debug, Default)]
struct Sweep {
    list: Option<ObjectId>,
    at: usize,
    over: usize,
}

impl Lists {
    /// The list of this name; empty if it is new.
    #[must_use]
    pub fn held(&self, id: &ObjectId) -> HeldList {
        let mut places = self.places.lock();
        let place = places.get(id).copied().unwrap_or_else(|| {
            let mut table = Vec::clone(&self.table.load());
            let place = table.len();
            table.push(Arc::default());
            self.table.store(Arc::new(table));
            places.insert(id.clone(), place);
            place
        });
        HeldList { lists: self.clone(), place }
    }

    /// Counts up with every change of entries, once it is in force.
    #[must_use]
    pub fn edition(&self) -> u64 {
        self.edition.load(Ordering::Acquire)
    }

    /// The names of all lists with entries, in order.
    #[must_use]
    pub fn ids(&self) -> Vec<ObjectId> {
        let (places, table) = (self.places.lock(), self.table.load());
        let has_any = |place: &usize| table.get(*place).is_some_and(|entries| !entries.is_empty());
        places.iter().filter(|(_, place)| has_any(place)).map(|(id, _)| id.clone()).collect()
    }

    /// Entries of all lists together.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.load().iter().map(|entries| entries.len()).sum()
    }

    /// Whether nobody is on any list.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.table.load().iter().all(|entries| entries.is_empty())
    }

    /// The entries of all lists at this moment, by their places.
    pub(super) fn table(&self) -> Guard<Arc<Vec<Arc<EntrySet>>>> {
        self.table.load()
    }

    /// Looks at up to `budget` entries of one list, and goes on there the next time. Gives the name of a list that is to be
    /// [folded](EntrySet::folded), because entries of it are over or because of many single changes. Entries that are over
    /// do not count in any case.
    #[must_use]
    pub fn sweep(&self, now: Timestamp, budget: usize) -> Option<ObjectId> {
        let mut sweep = self.sweep.lock();
        let id = match sweep.list.take() {
            Some(id) => id,
            None => self.behind(None)?,
        };
        let (entries, hour) = (self.held(&id).entries(), hour_of(now));
        sweep.over += entries.base().over(sweep.at, budget, hour);
        sweep.at = sweep.at.saturating_add(budget);
        if sweep.at < entries.base().len() {
            sweep.list = Some(id);
            return None;
        }
        let is_over =
            |change: &ListChange| matches!(change, ListChange::Put(end) if end.hour().is_over(hour));
        let over =
            sweep.over + entries.overlay_in_order().iter().filter(|(_, change)| is_over(change)).count();
        *sweep = Sweep { list: self.behind(Some(&id)), ..Sweep::default() };
        let is_worth_it = over > 0 && over.saturating_mul(WORTH_FOLDING) >= entries.base().len();
        (is_worth_it || entries.overlaid() > EntrySet::MAX_OVERLAY / 2).then_some(id)
    }

    /// The list behind this one, in the end the first again.
    fn behind(&self, id: Option<&ObjectId>) -> Option<ObjectId> {
        use std::ops::Bound::{Excluded, Unbounded};
        let places = self.places.lock();
        let next = id.and_then(|id| places.range((Excluded(id.clone()), Unbounded)).next());
        next.or_else(|| places.iter().next()).map(|(id, _)| id.clone())
    }
}
