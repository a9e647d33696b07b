//! The entries of one list as they are at one moment: the sorted bulk, and over it what was changed one by one since.

use std::fmt;
use std::sync::Arc;

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;
use veilgate_names::{ListKey, Timestamp};

use super::sorted::{Hour, Sorted};

/// Milliseconds of an hour.
const HOUR_MS: i64 = 3_600_000;

/// When an entry ends, rounded up to the whole hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryEnd(Hour);

impl EntryEnd {
    /// It does not end.
    pub const NEVER: Self = Self(Hour::NEVER);

    /// It counts until then. More than seven years from when it is put in is never.
    #[must_use]
    pub fn at(end: Timestamp) -> Self {
        let hour = end.0.saturating_add(HOUR_MS - 1).div_euclid(HOUR_MS).max(1);
        Self(Hour(u32::try_from(hour).unwrap_or(u32::MAX)))
    }

    pub(super) fn from_hour(hour: u32) -> Self {
        Self(Hour(hour))
    }

    pub(super) fn hour(self) -> Hour {
        self.0
    }
}

/// What happens to one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListChange {
    /// It is there from now on, until then.
    Put(EntryEnd),
    /// It is not there any more.
    Remove,
}

/// The entries of a list. Immutable: a change makes another one, which shares the bulk.
#[derive(Clone, Default)]
pub struct EntrySet {
    base: Arc<Sorted>,
    overlay: HashMap<u64, ListChange, FxBuildHasher>,
}

impl EntrySet {
    /// Single changes kept over the bulk; with more, [`Self::folded`] is due. Each change copies them.
    pub const MAX_OVERLAY: usize = 16_384;

    pub(super) fn of(base: Sorted) -> Self {
        Self { base: Arc::new(base), overlay: HashMap::default() }
    }

    pub(super) fn overlaid_with(self, overlay: Vec<(u64, ListChange)>) -> Self {
        Self { overlay: overlay.into_iter().collect(), ..self }
    }

    /// Whether somebody is on the list.
    #[must_use]
    pub fn contains(&self, key: ListKey, now: Timestamp) -> bool {
        self.has(key.0, hour_of(now))
    }

    #[inline]
    pub(super) fn has(&self, key: u64, now: u32) -> bool {
        if !self.overlay.is_empty()
            && let Some(change) = self.overlay.get(&key)
        {
            return matches!(change, ListChange::Put(end) if !end.0.is_over(now));
        }
        self.base.find(key).is_some_and(|end| !end.is_over(now))
    }

    /// How many entries there are, those counted too that are over but not swept yet.
    #[must_use]
    pub fn len(&self) -> usize {
        let added = |(key, change): (&u64, &ListChange)| match (change, self.base.find(*key).is_some()) {
            (ListChange::Put(_), false) => 1_isize,
            (ListChange::Remove, true) => -1,
            _ => 0,
        };
        self.base.len().saturating_add_signed(self.overlay.iter().map(added).sum())
    }

    /// Whether there are none at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many single changes lie over the bulk.
    #[must_use]
    pub fn overlaid(&self) -> usize {
        self.overlay.len()
    }

    /// Octets of memory, about.
    #[must_use]
    pub fn octets(&self) -> usize {
        self.base.octets() + self.overlay.allocation_size()
    }

    /// The same with single changes, and how many entries that puts there or takes away that were not, or were, before.
    /// What changed nothing is not counted.
    #[must_use]
    pub fn changed(&self, keys: &[ListKey], change: ListChange, now: Timestamp) -> (Self, u64) {
        let (mut next, mut counted, hour) = (self.clone(), 0, hour_of(now));
        for key in keys {
            let before = next.has(key.0, hour);
            next.overlay.insert(key.0, change);
            counted += u64::from(before != next.has(key.0, hour));
        }
        (next, counted)
    }

    /// The same bulk with the single changes of another, in place of its own.
    #[must_use]
    pub fn with_changes_of(self, other: Self) -> Self {
        Self { overlay: other.overlay, ..self }
    }

    /// The same as one bulk, without what is over.
    #[must_use]
    pub fn folded(&self, now: Timestamp) -> Self {
        let hour = hour_of(now);
        Self::of(Sorted::build(self.live(hour), self.len(), hour))
    }

    /// Every entry that is not over, by key.
    pub(super) fn live(&self, now: u32) -> impl Iterator<Item = (u64, Hour)> {
        let mut base = self.base.iter().peekable();
        let mut overlay = self.overlay_in_order().into_iter().peekable();
        let merged = std::iter::from_fn(move || {
            loop {
                let next = base.peek().map(|(key, _)| *key);
                let over = overlay.next_if(|(key, _)| next.is_none_or(|next| *key <= next));
                let Some((key, change)) = over else { return base.next() };
                let _ = base.next_if(|(same, _)| *same == key);
                if let ListChange::Put(end) = change {
                    return Some((key, end.0));
                }
            }
        });
        merged.filter(move |(_, end)| !end.is_over(now))
    }

    pub(super) fn base(&self) -> &Sorted {
        &self.base
    }

    /// The single changes, by key.
    pub(super) fn overlay_in_order(&self) -> Vec<(u64, ListChange)> {
        let mut overlay: Vec<(u64, ListChange)> =
            self.overlay.iter().map(|(key, change)| (*key, *change)).collect();
        overlay.sort_unstable_by_key(|(key, _)| *key);
        overlay
    }
}

impl fmt::Debug for EntrySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EntrySet({} and {} changes)", self.base.len(), self.overlay.len())
    }
}

/// The whole hour since 1970 that holds an instant.
pub(super) fn hour_of(now: Timestamp) -> u32 {
    u32::try_from(now.0.div_euclid(HOUR_MS).max(0)).unwrap_or(u32::MAX)
}
