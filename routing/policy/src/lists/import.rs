//! Many entries at once: what an import would change, and the entries after it.

use veilgate_names::Timestamp;

use super::entries::{EntrySet, hour_of};
use super::rows::ListRows;
use super::sorted::{Hour, Sorted};

/// What becomes of the entries that are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportMode {
    /// They go, unless they are in the file too.
    Replace,
    /// They stay; those of the file that are there already end as the file says.
    Add,
    /// They stay, unless they are in the file.
    Remove,
}

/// What an import changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ImportCounts {
    /// Entries that were not there.
    pub added: u64,
    /// Entries that are not there any more.
    pub removed: u64,
    /// Entries that stay.
    pub kept: u64,
    /// Those of them that end at another time than before.
    pub moved: u64,
}

/// The rows of a file, sorted, before they are applied.
#[derive(Debug)]
pub struct ListImport {
    rows: Sorted,
    mode: ImportMode,
}

impl ListImport {
    /// Sorts the rows, which takes some seconds for tens of millions.
    #[must_use]
    pub fn new(rows: ListRows, mode: ImportMode) -> Self {
        Self { rows: rows.into_sorted(), mode }
    }

    /// What it would change.
    #[must_use]
    pub fn counts(&self, entries: &EntrySet, now: Timestamp) -> ImportCounts {
        let mut counts = ImportCounts::default();
        for (_, before, after) in self.both(entries, hour_of(now)) {
            match (before, after) {
                (None, Some(_)) => counts.added += 1,
                (Some(_), None) => counts.removed += 1,
                (Some(before), Some(after)) => {
                    counts.kept += 1;
                    counts.moved += u64::from(before != after);
                }
                (None, None) => {}
            }
        }
        counts
    }

    /// The entries after it, as one bulk.
    #[must_use]
    pub fn apply(self, entries: &EntrySet, now: Timestamp) -> EntrySet {
        if self.mode == ImportMode::Replace {
            return EntrySet::of(self.rows);
        }
        let hour = hour_of(now);
        let expected = if self.mode == ImportMode::Add { self.rows.len() } else { 0 };
        let rows = self.both(entries, hour).filter_map(|(key, _, after)| Some((key, after?)));
        EntrySet::of(Sorted::build(rows, entries.len().saturating_add(expected), hour))
    }

    /// Every key of both, with its end before and after.
    fn both(&self, entries: &EntrySet, now: u32) -> impl Iterator<Item = (u64, Option<Hour>, Option<Hour>)> {
        let mut old = entries.live(now).peekable();
        let mut rows = self.rows.iter().peekable();
        let mode = self.mode;
        std::iter::from_fn(move || {
            let key = match (old.peek(), rows.peek()) {
                (Some((old, _)), Some((row, _))) => *old.min(row),
                (Some((key, _)), None) | (None, Some((key, _))) => *key,
                (None, None) => return None,
            };
            let before = old.next_if(|(old, _)| *old == key).map(|(_, end)| end);
            let row = rows.next_if(|(row, _)| *row == key).map(|(_, end)| end);
            let after = match (mode, row) {
                (ImportMode::Replace, row) => row,
                (ImportMode::Add, row) => row.or(before),
                (ImportMode::Remove, None) => before,
                (ImportMode::Remove, Some(_)) => None,
            };
            Some((key, before, after))
        })
    }
}
