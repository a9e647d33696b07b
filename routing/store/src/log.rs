//! The durable default: segments that are only appended to, and an index of the live records in memory.
//!
//! A commit is one write and one `fdatasync`, whatever the number of batches, and readers see it afterwards. See
//! `frame` for what lies on disk, `recovery` for what happens at a crash, `writer` for what happens when a write or
//! sync fails, `housekeeping` for how room is won back, `index` for why deleted keys stay deleted.
//!
//! Ways to write one commit, p50 in microseconds at 345 octets / 80 kB / 330 kB (ext4, virtual disk, 2 cores):
//!
//! | file | fdatasync | O_DSYNC |
//! |---|---|---|
//! | growing | 105 / 200 / 321 | 95 / 195 / 316 |
//! | fallocate | 65 / 215 / 281 | - |
//! | filled with zeros | 82 / 102 / 164 | 106 / 95 / 184 |
//!
//! Writing over what was written before changes no metadata, so housekeeping keeps one such file ready: a former segment,
//! or one filled with zeros. Without it a segment just grows.
//! The index is in memory: 13 to 70 octets a live record under an identifier, about 70 under a name (`index`).

mod damages;
mod disk;
#[cfg(test)]
mod faults;
mod folder;
mod frame;
mod housekeeping;
mod index;
mod key;
#[cfg(test)]
mod power_cut;
mod reader;
#[cfg(test)]
mod recorder;
mod recovery;
#[cfg(test)]
mod tests;
mod untouched;
mod walk;
mod writer;

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Mutex, RwLock};

pub use disk::{Disk, DiskFile};
pub use folder::Folder;
pub use recovery::{MAX_LISTED, Recovery};

use crate::batch::Batch;
use crate::error::{Damage, StoreError};
use crate::space::Space;
use crate::store::{
    Budget, Durability, MAX_PAGE_OCTETS, Maintained, Page, PageBuilder, Store, Usage, check_commit,
    check_keys,
};
use damages::Damages;
use housekeeping::Upkeep;
use index::Found;
use reader::Reader;
use recovery::Recovered;
use untouched::Untouched;
use writer::{Active, Room, Shared, Writer};

/// The name of the file that becomes the next segment.
const SPARE: &str = "spare.new";

/// How often a read begins again because housekeeping took away what it was reading.
const PATIENCE: usize = 100;

/// How a log uses its folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// Octets in a segment, clamped to 4 KiB to 1 GiB. A commit that is longer gets a segment of its own.
    pub segment_octets: u32,
    /// Octets all segments may take together; beyond, commits are refused with [`StoreError::Full`]. Deletions and
    /// housekeeping may take two segments more; a spare segment and two former ones lie beside.
    pub capacity_octets: u64,
    /// A segment is compacted when less than this part of it is needed, in percent, clamped to 1 to 90.
    pub compact_below_percent: u8,
    /// Octets that may lie dead before any is compacted, but a quarter of the capacity at most. A start reads them, too.
    pub slack_octets: u64,
}

/// Why a record was not read.
enum Missed {
    /// Housekeeping took its file away meanwhile: look again where it lies.
    Moved,
    /// It is damaged, or the disk does not give it.
    Damaged(Damage),
}

/// How much one space holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpaceUsage {
    /// Which.
    pub space: Space,
    /// Records that live in it.
    pub records: u64,
    /// Octets of these records on disk.
    pub octets: u64,
}

/// Records in a folder of append-only files.
pub struct LogStore {
    shared: Shared,
    writer: Mutex<Writer>,
    upkeep: Mutex<Upkeep>,
    recovery: Recovery,
}

impl Default for Config {
    /// 64 MiB segments, 64 GiB in all, compaction below half and once 1 GiB is dead.
    fn default() -> Self {
        Self {
            segment_octets: 64 << 20,
            capacity_octets: 64 << 30,
            compact_below_percent: 50,
            slack_octets: 1 << 30,
        }
    }
}

impl LogStore {
    /// Opens the log in `folder`, making the folder if it is missing.
    ///
    /// # Errors
    /// [`StoreError::Locked`], [`StoreError::Foreign`], or [`StoreError::Io`]. Damaged records are no error here: see
    /// [`LogStore::recovery`].
    pub fn open(folder: &Path, config: Config) -> Result<Self, StoreError> {
        Self::on(Box::new(Folder::open(folder)?), config)
    }

    /// Reads the log in `folder` and changes nothing there: what would be cut off or written anew when it opens stays
    /// as it is. It takes no commits.
    ///
    /// # Errors
    /// As [`LogStore::open`]; also if there is no such folder or nobody ever opened it.
    pub fn examine(folder: &Path) -> Result<Self, StoreError> {
        Self::examine_on(Box::new(Folder::to_read(folder)?))
    }

    /// The same on any disk.
    ///
    /// # Errors
    /// As [`LogStore::examine`].
    pub fn examine_on(disk: Box<dyn Disk>) -> Result<Self, StoreError> {
        let log = Self::on(Box::new(Untouched(disk)), Config::default())?;
        log.shared.read_only.store(true, Ordering::Relaxed);
        Ok(log)
    }

    /// Opens the log on any disk.
    ///
    /// # Errors
    /// As [`LogStore::open`].
    pub fn on(disk: Box<dyn Disk>, config: Config) -> Result<Self, StoreError> {
        let names = disk.list()?;
        if names.iter().any(|name| name == SPARE) {
            disk.remove(SPARE)?;
        }
        let mut upkeep = Upkeep::default();
        upkeep.adopt(disk.as_ref(), &names)?;
        let Recovered { index, report, sequence, next_segment, active } = recovery::recover(disk.as_ref())?;
        let config = Config {
            segment_octets: config.segment_octets.clamp(4 << 10, 1 << 30),
            compact_below_percent: config.compact_below_percent.clamp(1, 90),
            ..config
        };
        let active = match active {
            Some((id, file, end)) => {
                let prepared = file.length()?;
                Some(Active { id, file, end, prepared })
            }
            None => None,
        };
        Ok(Self {
            shared: Shared {
                disk,
                config,
                index: RwLock::new(index),
                read_only: AtomicBool::new(false),
                damages: Mutex::new(Damages::new(&report.damaged, report.damages)),
            },
            writer: Mutex::new(Writer { active, spare: None, sequence, next_segment, buffer: Vec::new() }),
            upkeep: Mutex::new(upkeep),
            recovery: report,
        })
    }

    /// How much lies in each space that holds something.
    #[must_use]
    pub fn spaces(&self) -> Vec<SpaceUsage> {
        self.shared.index.read().tally()
    }

    /// What was found when the log was opened.
    #[must_use]
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// The values as of one moment.
    fn read_once(&self, space: Space, keys: &[&[u8]]) -> Result<Vec<Option<Box<[u8]>>>, Missed> {
        let found: Vec<_> = {
            let index = self.shared.index.read();
            keys.iter().map(|key| index.find(space, key)).collect()
        };
        let mut reader = Reader::default();
        let mut values = Vec::with_capacity(found.len());
        for (n, one) in found.iter().enumerate() {
            let Some(one) = one else {
                values.push(None);
                continue;
            };
            let next = found.get(n + 1).and_then(Option::as_ref);
            match reader.fetch(space, one, next) {
                Some(value) => values.push(Some(value)),
                None if self.is_moved(space, one) => return Err(Missed::Moved),
                None => return Err(Missed::Damaged(self.note_damage(space, one))),
            }
        }
        Ok(values)
    }

    /// The page as of one moment; `None` if housekeeping took a file away meanwhile.
    fn scan_once(&self, space: Space, after: Option<&[u8]>, limit: usize) -> Option<Page> {
        let mut page = PageBuilder::new(limit);
        let mut found = self.shared.index.read().behind(space, after, page.limit() + 1);
        let mut octets = 0;
        let fits = |found: &&Found| {
            let has_room = octets < MAX_PAGE_OCTETS;
            octets += found.value_octets();
            has_room
        };
        let fitting = found.iter().take(page.limit()).take_while(fits).count();
        let more = fitting < found.len();
        found.truncate(fitting);
        let mut reader = Reader::default();
        for (n, one) in found.iter().enumerate() {
            match reader.fetch(space, one, found.get(n + 1)) {
                Some(value) => page.push(one.key.as_slice().into(), value),
                None if self.is_moved(space, one) => return None,
                None => page.push_damage(self.note_damage(space, one)),
            }
        }
        let last = found.last().filter(|_| more).map(|found| found.key.as_slice().into());
        Some(page.finish(last))
    }

    /// Whether the record does not lie there any more: its file may hold something else by now.
    fn is_moved(&self, space: Space, found: &Found) -> bool {
        let (segment, offset) = (found.location.segment(), found.location.offset());
        !self.shared.index.read().is_live(space, found.key.as_slice(), segment, offset)
    }

    fn note_damage(&self, space: Space, found: &Found) -> Damage {
        let location = found.location;
        let damage =
            Damage::at(location.segment(), u64::from(location.offset())).of(space, found.key.as_slice());
        self.shared.note_damage(damage)
    }
}

impl Store for LogStore {
    fn commit(&self, batches: &[Batch]) -> Result<(), StoreError> {
        check_commit(batches)?;
        let only_deletions = batches.iter().flat_map(Batch::changes).all(|change| change.value.is_none());
        let room = if only_deletions { Room::Reserve } else { Room::Capacity };
        self.writer.lock().commit(&self.shared, batches, room).map(|_| ())
    }

    fn read(&self, space: Space, keys: &[&[u8]]) -> Result<Vec<Option<Box<[u8]>>>, StoreError> {
        check_keys(keys)?;
        for _ in 0..PATIENCE {
            match self.read_once(space, keys) {
                Ok(values) => return Ok(values),
                Err(Missed::Damaged(damage)) => return Err(StoreError::Corrupt(damage)),
                Err(Missed::Moved) => {}
            }
        }
        Err(StoreError::Io(io::ErrorKind::ResourceBusy))
    }

    fn scan(&self, space: Space, after: Option<&[u8]>, limit: usize) -> Result<Page, StoreError> {
        for _ in 0..PATIENCE {
            if let Some(page) = self.scan_once(space, after, limit) {
                return Ok(page);
            }
        }
        Err(StoreError::Io(io::ErrorKind::ResourceBusy))
    }

    fn walk(&self, space: Space, visit: &(dyn Fn(&[u8], &[u8]) + Sync)) -> Result<Vec<Damage>, StoreError> {
        let windows = walk::Windows::of(&self.shared.index.read(), space);
        let damaged = windows.show(visit);
        Ok(damaged.into_iter().map(|damage| self.shared.note_damage(damage)).collect())
    }

    fn durability(&self) -> Durability {
        Durability::Synced
    }

    fn usage(&self) -> Usage {
        let index = self.shared.index.read();
        Usage {
            octets: index.length(),
            live_octets: index.live_octets(),
            live_records: index.live_records(),
            segments: u64::try_from(index.segments().count()).unwrap_or(u64::MAX),
            damaged: self.shared.damages.lock().count(),
            read_only: self.shared.read_only.load(Ordering::Relaxed),
        }
    }

    fn damages(&self) -> Vec<Damage> {
        self.shared.damages.lock().listed().to_vec()
    }

    fn maintain(&self, budget: Budget) -> Result<Maintained, StoreError> {
        self.upkeep.lock().step(&self.shared, &self.writer, budget)
    }
}

fn segment_name(id: u32) -> String {
    format!("segment-{id:010}.log")
}

fn segment_number(name: &str) -> Option<u32> {
    let id = name.strip_prefix("segment-")?.strip_suffix(".log")?.parse().ok()?;
    (segment_name(id) == name).then_some(id)
}
