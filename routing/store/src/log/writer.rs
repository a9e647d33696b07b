//! The one place that appends. A commit goes into one segment with one write and one sync.
//!
//! When a write fails, the segment is cut back to what was acknowledged and sealed, and nothing of the commit is
//! stored; if even that fails, and whenever a sync fails, the log takes no more writes until it is opened again. A
//! failed sync is never repeated: the system may have dropped the pages and call the next sync a success.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Mutex, RwLock};

use super::damages::Damages;
use super::disk::{Disk, DiskFile};
use super::frame::{self, FRAME_HEADER, SEGMENT_HEADER};
use super::index::Index;
use super::{Config, SPARE, segment_name};
use crate::batch::{Batch, Record};
use crate::error::{Damage, StoreError};

/// What commits, reads and housekeeping share.
pub(super) struct Shared {
    pub(super) disk: Box<dyn Disk>,
    pub(super) config: Config,
    pub(super) index: RwLock<Index>,
    pub(super) read_only: AtomicBool,
    pub(super) damages: Mutex<Damages>,
}

pub(super) struct Writer {
    pub(super) active: Option<Active>,
    /// A file of full length whose blocks have been written before, ready to become a segment.
    pub(super) spare: Option<Arc<dyn DiskFile>>,
    pub(super) sequence: u64,
    pub(super) next_segment: u32,
    pub(super) buffer: Vec<u8>,
}

pub(super) struct Active {
    pub(super) id: u32,
    pub(super) file: Arc<dyn DiskFile>,
    pub(super) end: u64,
    /// How far its blocks were there before: writing beyond makes the file longer, and every sync dearer.
    pub(super) prepared: u64,
}

/// Which commits may pass the capacity, so that a full log can be emptied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    Capacity,
    Reserve,
}

impl Shared {
    pub(super) fn writable(&self) -> Result<(), StoreError> {
        if self.read_only.load(Ordering::Acquire) { Err(StoreError::ReadOnly) } else { Ok(()) }
    }

    /// Takes no more writes. The caller's outcome is unknown, so even a full disk is told as a failure.
    pub(super) fn poison(&self, error: &io::Error) -> StoreError {
        self.read_only.store(true, Ordering::Release);
        StoreError::Io(error.kind())
    }

    /// Keeps the segment from being touched by housekeeping.
    pub(super) fn note_damage(&self, damage: Damage) -> Damage {
        if self.damages.lock().add(damage)
            && let Some(segment) = self.index.write().segment_mut(damage.segment)
        {
            segment.damaged += 1;
        }
        damage
    }
}

impl Writer {
    /// Appends, syncs, then shows the batches to readers. Gives the segment they are in and where its first frame
    /// begins, unless all are empty.
    pub(super) fn commit(
        &mut self,
        shared: &Shared,
        batches: &[Batch],
        room: Room,
    ) -> Result<Option<(u32, u32)>, StoreError> {
        shared.writable()?;
        let batches = batches.iter().filter(|batch| !batch.is_empty());
        let octets: usize = batches.clone().map(|batch| FRAME_HEADER + batch.octets()).sum();
        if octets == 0 {
            return Ok(None);
        }
        let mut active = self.take_active(shared, u64::try_from(octets).unwrap_or(u64::MAX), room)?;
        let group = self.sequence;
        self.buffer.clear();
        if active.end == 0 {
            frame::write_segment_header(&mut self.buffer, active.id, group);
        }
        let mut sequence = group;
        for batch in batches.clone() {
            frame::write_frame(&mut self.buffer, batch, active.id, sequence, group);
            sequence += 1;
        }
        let start = active.end.max(u64::try_from(SEGMENT_HEADER).unwrap_or(0));
        if let Err(error) = active.file.write_at(&self.buffer, active.end) {
            return Err(cut_back(shared, &active, &error));
        }
        active.file.sync().map_err(|error| shared.poison(&error))?;
        active.end += u64::try_from(self.buffer.len()).unwrap_or(0);
        self.sequence = sequence;
        let start = u32::try_from(start).unwrap_or(u32::MAX);
        show(shared, &active, start, batches);
        let id = active.id;
        self.active = Some(active);
        Ok(Some((id, start)))
    }

    /// The segment to write into: the present one if there is room in it, else the spare, else a new file. The first
    /// one of a folder grows as it is written; it is left as soon as there is a spare.
    fn take_active(&mut self, shared: &Shared, octets: u64, room: Room) -> Result<Active, StoreError> {
        let segment_octets = u64::from(shared.config.segment_octets);
        match self.active.take() {
            Some(active) if active.end.saturating_add(octets) <= segment_octets => {
                let grows = active.end.saturating_add(octets) > active.prepared;
                if !grows || self.spare.is_none() || !has_room(shared, room) {
                    return Ok(active);
                }
            }
            full if has_room(shared, room) => drop(full),
            full => {
                self.active = full;
                return Err(StoreError::Full);
            }
        }
        let id = self.next_segment;
        let after = id.checked_add(1).ok_or(StoreError::Full)?;
        let name = segment_name(id);
        let file = if let Some(spare) = self.spare.take() {
            shared.disk.rename(SPARE, &name).map_err(|error| shared.poison(&error))?;
            spare
        } else {
            shared.disk.create(&name).map_err(|error| match StoreError::from(error) {
                StoreError::Full => StoreError::Full,
                other => {
                    shared.read_only.store(true, Ordering::Release);
                    other
                }
            })?
        };
        shared.disk.sync_names().map_err(|error| shared.poison(&error))?;
        let length = file.length().map_err(|error| shared.poison(&error))?;
        shared.index.write().add_segment(id, Arc::clone(&file), length);
        self.next_segment = after;
        Ok(Active { id, file, end: 0, prepared: length })
    }
}

/// Whether a new segment stays within the capacity.
fn has_room(shared: &Shared, room: Room) -> bool {
    let segment_octets = u64::from(shared.config.segment_octets);
    let reserve = match room {
        Room::Capacity => 0,
        Room::Reserve => segment_octets.saturating_mul(2),
    };
    let needed = shared.index.read().length().saturating_add(segment_octets);
    needed <= shared.config.capacity_octets.saturating_add(reserve)
}

/// After a failed write: nothing behind the acknowledged end may stay, for it was never acknowledged.
fn cut_back(shared: &Shared, active: &Active, error: &io::Error) -> StoreError {
    match active.file.truncate(active.end).and_then(|()| active.file.sync()) {
        Ok(()) => {
            if let Some(segment) = shared.index.write().segment_mut(active.id) {
                segment.length = active.end;
            }
            io::Error::from(error.kind()).into()
        }
        Err(error) => shared.poison(&error),
    }
}

/// Makes the batches visible, each as a whole.
fn show<'a>(shared: &Shared, active: &Active, start: u32, batches: impl Iterator<Item = &'a Batch>) {
    let mut index = shared.index.write();
    for (offset, record) in places(start, batches) {
        let change = record.change;
        match change.value {
            Some(_) => {
                let octets = u32::try_from(record.octets).unwrap_or(u32::MAX);
                index.put(change.space, change.key, active.id, offset, octets);
            }
            None => index.delete(change.space, change.key, active.id, offset),
        }
    }
    if let Some(segment) = index.segment_mut(active.id) {
        segment.grow(active.end);
    }
}

/// The records of batches written from `start` on, and where each lies.
pub(super) fn places<'a>(
    start: u32,
    batches: impl IntoIterator<Item = &'a Batch>,
) -> impl Iterator<Item = (u32, Record<'a>)> {
    let mut offset = start;
    batches.into_iter().filter(|batch| !batch.is_empty()).flat_map(move |batch| {
        let mut at = offset + u32::try_from(FRAME_HEADER).unwrap_or(0);
        offset = at + u32::try_from(batch.octets()).unwrap_or(0);
        batch.records().map(move |record| {
            let place = at;
            at += u32::try_from(record.octets).unwrap_or(0);
            (place, record)
        })
    })
}
