//! What every backend does. Nothing is held from one call to the next, and each call has a bound, so that a backend
//! across a network can stand here as well.

use crate::batch::Batch;
use crate::error::{Bound, Damage, StoreError};
use crate::space::Space;

/// The most keys in one [`Store::read`].
pub const MAX_KEYS: usize = 4096;
/// The most records in one [`Page`].
pub const MAX_PAGE_RECORDS: usize = 4096;
/// A page ends with the record that brings its values to this many octets.
pub const MAX_PAGE_OCTETS: usize = 8 << 20;
/// The most octets in one [`Store::commit`], over all batches.
pub const MAX_COMMIT: usize = 32 << 20;

/// Octets kept under keys, changed in batches.
pub trait Store: Send + Sync {
    /// Stores the batches in order. Each is atomic: readers, and whoever opens the store after a crash, see all of it
    /// or nothing. When this returns `Ok` all are as safe as [`Store::durability`] says. One call costs one sync, so
    /// merge what is waiting.
    ///
    /// # Errors
    /// [`StoreError::Full`] and [`StoreError::Bounds`]: nothing was stored. [`StoreError::Io`]: unknown which batches
    /// were stored; the store may be read-only from now on ([`StoreError::ReadOnly`]) and opening it again tells.
    fn commit(&self, batches: &[Batch]) -> Result<(), StoreError>;

    /// The values of `keys`, in their order, `None` where there is none; at most [`MAX_KEYS`], all as of one moment.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if one of the records is damaged or the disk does not give it: read the others without
    /// it.
    fn read(&self, space: Space, keys: &[&[u8]]) -> Result<Vec<Option<Box<[u8]>>>, StoreError>;

    /// Records in the order of their keys (see [`Space::is_ordered`]), beginning behind `after`. At most `limit` (clamped to 1 to
    /// [`MAX_PAGE_RECORDS`]) and about [`MAX_PAGE_OCTETS`]; each page is one moment, a walk over pages is not.
    ///
    /// # Errors
    /// [`StoreError::Io`]. Damaged records, and those that the disk does not give, do not fail the page: they are listed
    /// in it.
    fn scan(&self, space: Space, after: Option<&[u8]>, limit: usize) -> Result<Page, StoreError>;

    /// Shows every record of a space to `visit`, in whatever order and on as many threads as is quickest: for a start,
    /// when nothing is committed meanwhile. Gives what is damaged and was not shown; keys are not told.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    fn walk(&self, space: Space, visit: &(dyn Fn(&[u8], &[u8]) + Sync)) -> Result<Vec<Damage>, StoreError> {
        let (mut damaged, mut after) = (Vec::new(), None::<Box<[u8]>>);
        loop {
            let page = self.scan(space, after.as_deref(), MAX_PAGE_RECORDS)?;
            page.entries.iter().for_each(|entry| visit(&entry.key, &entry.value));
            damaged.extend(page.damaged);
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(damaged),
            }
        }
    }

    /// What an `Ok` from [`Store::commit`] is worth.
    fn durability(&self) -> Durability;

    /// How much is stored.
    fn usage(&self) -> Usage;

    /// The damages counted in [`Usage::damaged`], in the order in which they were found; a thousand at most.
    fn damages(&self) -> Vec<Damage> {
        Vec::new()
    }

    /// One bounded step of housekeeping. Call it off the hot path, again at once while [`Maintained::more`], else
    /// every second or so. It may be called beside commits and reads.
    ///
    /// # Errors
    /// [`StoreError::Full`]: no room to tidy up; what could be deleted was. Others as for [`Store::commit`].
    fn maintain(&self, budget: Budget) -> Result<Maintained, StoreError>;
}

/// What an `Ok` from a commit is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Durability {
    /// Gone when the process ends.
    Volatile,
    /// Survives the process; a power cut may take the last seconds. For what can be rebuilt.
    Eventual,
    /// Survives a power cut. The only kind on which an acknowledgement may rest.
    Synced,
}

/// One page of a scan.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// The records, in the order of the scan.
    pub entries: Vec<Entry>,
    /// Records passed over because they are damaged.
    pub damaged: Vec<Damage>,
    /// Where the next page begins (pass it as `after`), `None` if this was the last.
    pub next: Option<Box<[u8]>>,
}

/// One record of a page.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// 1 to 80 octets.
    pub key: Box<[u8]>,
    /// Up to 1 MiB.
    pub value: Box<[u8]>,
}

/// How much is stored. Figures a backend cannot know are 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Octets taken on disk (or in memory, if there is no disk).
    pub octets: u64,
    /// Octets of these that hold live records.
    pub live_octets: u64,
    /// Records that can be read.
    pub live_records: u64,
    /// Files that hold records.
    pub segments: u64,
    /// Damaged records seen since the store was opened.
    pub damaged: u64,
    /// Whether the store refuses commits since a write or sync failed.
    pub read_only: bool,
}

/// How much one step of housekeeping may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Octets to read or write; passed by at most one batch.
    pub octets: u64,
}

/// What a step of housekeeping did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Maintained {
    /// Segments deleted.
    pub segments_removed: u64,
    /// Octets of live records written anew.
    pub octets_moved: u64,
    /// Whether there is more to do now.
    pub more: bool,
}

impl Default for Budget {
    /// 1 MiB: housekeeping then holds up commits for a millisecond or two.
    fn default() -> Self {
        Self { octets: 1 << 20 }
    }
}

/// Counts only: keys and values may be personal.
impl std::fmt::Debug for Page {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Page")
            .field("entries", &self.entries.len())
            .field("damaged", &self.damaged)
            .field("more", &self.next.is_some())
            .finish()
    }
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entry")
            .field("key_octets", &self.key.len())
            .field("value_octets", &self.value.len())
            .finish()
    }
}

/// Refuses a commit that is too long.
pub(crate) fn check_commit(batches: &[Batch]) -> Result<(), StoreError> {
    let octets: usize = batches.iter().map(Batch::octets).sum();
    if octets > MAX_COMMIT { Err(StoreError::Bounds(Bound::Commit)) } else { Ok(()) }
}

/// Refuses a read of too many keys.
pub(crate) fn check_keys(keys: &[&[u8]]) -> Result<(), StoreError> {
    if keys.len() > MAX_KEYS { Err(StoreError::Bounds(Bound::Keys)) } else { Ok(()) }
}

/// Collects a page and knows when it is full.
pub(crate) struct PageBuilder {
    page: Page,
    limit: usize,
    octets: usize,
}

impl PageBuilder {
    pub(crate) fn new(limit: usize) -> Self {
        Self { page: Page::default(), limit: limit.clamp(1, MAX_PAGE_RECORDS), octets: 0 }
    }

    /// Whether another record fits; if not, the page goes on behind the last key.
    pub(crate) fn has_room(&self) -> bool {
        self.page.entries.len() < self.limit && self.octets < MAX_PAGE_OCTETS
    }

    pub(crate) fn push(&mut self, key: Box<[u8]>, value: Box<[u8]>) {
        self.octets += value.len();
        self.page.entries.push(Entry { key, value });
    }

    pub(crate) fn push_damage(&mut self, damage: Damage) {
        self.page.damaged.push(damage);
    }

    /// The most records the page takes.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// The page; if there is more, it goes on behind `next`.
    pub(crate) fn finish(mut self, next: Option<Box<[u8]>>) -> Page {
        self.page.next = next;
        self.page
    }

    /// The page; it goes on behind its last record.
    pub(crate) fn finish_full(self) -> Page {
        let next = self.page.entries.last().map(|entry| entry.key.clone());
        self.finish(next)
    }
}
