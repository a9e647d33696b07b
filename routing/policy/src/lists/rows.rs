//! Rows of an import in any order, on their way into a sorted list: ten octets each, in bins by the first octet of the key, so
//! that sorting stays in the cache and memory is given back bin by bin.

use veilgate_names::{ListKey, Timestamp};

use super::entries::{EntryEnd, hour_of};
use super::sorted::{Hour, Sorted};

/// The most entries of one list.
const MAX_ENTRIES: usize = 100_000_000;
/// Bins, by the first octet.
const BINS: usize = 256;

/// The list would have more than a hundred million entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more than 100,000,000 entries")]
pub struct TooManyEntries;

/// Rows as they are read. Of rows with the same key the one that ends last counts.
#[derive(Debug)]
pub struct ListRows {
    bins: Vec<Vec<Row>>,
    /// The hour now, after which ends are counted.
    base: u32,
    count: usize,
    over: u64,
}

/// A key, highest part first, and when it ends, as hours after the base. As it has the alignment of `u16`, it takes ten octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Row([u16; 5]);

impl ListRows {
    /// None yet.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self { bins: vec![Vec::new(); BINS], base: hour_of(now), count: 0, over: 0 }
    }

    /// Adds a row, unless it has ended already.
    ///
    /// # Errors
    /// [`TooManyEntries`].
    pub fn push(&mut self, key: ListKey, end: EntryEnd) -> Result<(), TooManyEntries> {
        if end.hour().is_over(self.base) {
            self.over += 1;
            return Ok(());
        }
        if self.count >= MAX_ENTRIES {
            return Err(TooManyEntries);
        }
        let [bin, _, _, _, _, _, _, _] = key.0.to_be_bytes();
        if let Some(bin) = self.bins.get_mut(usize::from(bin)) {
            bin.push(Row::new(key.0, end.hour().after(self.base)));
        }
        self.count += 1;
        Ok(())
    }

    /// How many there are, the same one several times if it came several times.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many had ended already and were left out.
    #[must_use]
    pub fn over(&self) -> u64 {
        self.over
    }

    pub(super) fn into_sorted(self) -> Sorted {
        let base = self.base;
        let rows = self.bins.into_iter().flat_map(move |bin| sorted_bin(bin, base));
        Sorted::build(rows, self.count, base)
    }
}

impl Row {
    fn new(key: u64, after: u16) -> Self {
        let part = |shift: u32| u16::try_from(key >> shift & 0xffff).unwrap_or(0);
        Self([part(48), part(32), part(16), part(0), after])
    }

    fn key(self) -> u64 {
        let [a, b, c, d, _] = self.0;
        u64::from(a) << 48 | u64::from(b) << 32 | u64::from(c) << 16 | u64::from(d)
    }

    fn end(self, base: u32) -> Hour {
        let [_, _, _, _, after] = self.0;
        Hour::from_after(base, after)
    }
}

/// The rows of one bin in order, each key once.
fn sorted_bin(mut bin: Vec<Row>, base: u32) -> impl Iterator<Item = (u64, Hour)> {
    bin.sort_unstable();
    let mut rows = bin.into_iter().peekable();
    std::iter::from_fn(move || {
        let first = rows.next()?;
        let mut end = first.end(base);
        while let Some(same) = rows.next_if(|row| row.key() == first.key()) {
            end = end.later(same.end(base));
        }
        Some((first.key(), end))
    })
}
