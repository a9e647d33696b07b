//! Where each live record lies, and how much of each segment is still needed.
//!
//! Deletions are records too. One is needed as long as a segment older than its own may still hold the key, or the
//! key would come back when the log is read again. `Location::oldest` remembers the oldest segment that may hold a
//! key, `Segment::floor` the oldest that any deletion in a segment guards against: a segment may go only when it has
//! no live record and no segment from its floor up to itself is left.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::Arc;

use super::disk::DiskFile;
use super::key::Key;
use crate::batch::RECORD_HEADER;
use crate::space::Space;

#[derive(Default)]
pub(super) struct Index {
    spaces: BTreeMap<Space, Tree>,
    segments: BTreeMap<u32, Segment>,
    live_records: u64,
    live_octets: u64,
}

#[derive(Default)]
struct Tree(BTreeMap<Key, Location>);

/// 16 octets. With the key 40 a record, and 56 to 80 in the tree, depending on how full its nodes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Location {
    pub(super) segment: u32,
    pub(super) offset: u32,
    /// The whole record, header included.
    pub(super) octets: u32,
    oldest: u32,
}

pub(super) struct Segment {
    pub(super) file: Arc<dyn DiskFile>,
    /// Octets written.
    pub(super) end: u64,
    /// Octets of the file.
    pub(super) length: u64,
    pub(super) live_records: u64,
    pub(super) live_octets: u64,
    pub(super) deletion_octets: u64,
    /// Damaged records seen in it. Such a segment is never compacted nor removed.
    pub(super) damaged: u64,
    floor: Option<u32>,
}

/// A record to fetch, with the file that holds it; the file outlives its removal.
pub(super) struct Found {
    pub(super) key: Key,
    pub(super) location: Location,
    pub(super) file: Arc<dyn DiskFile>,
}

impl Index {
    pub(super) fn find(&self, space: Space, key: &[u8]) -> Option<Found> {
        let (key, location) = self.spaces.get(&space)?.0.get_key_value(key)?;
        self.found(key, *location)
    }

    /// Records behind `after` in the order of their keys.
    pub(super) fn walk(&self, space: Space, after: Option<&[u8]>) -> impl Iterator<Item = Found> {
        let bounds = (after.map_or(Unbounded, Excluded), Unbounded);
        let records = self.spaces.get(&space).map(|tree| tree.0.range::<[u8], _>(bounds));
        records.into_iter().flatten().filter_map(|(key, location)| self.found(key, *location))
    }

    /// Whether the live record of `key` is the one at this place.
    pub(super) fn is_live(&self, space: Space, key: &[u8], segment: u32, offset: u32) -> bool {
        let location = self.spaces.get(&space).and_then(|tree| tree.0.get(key));
        location.is_some_and(|location| (location.segment, location.offset) == (segment, offset))
    }

    pub(super) fn put(&mut self, space: Space, key: &[u8], segment: u32, offset: u32, octets: u32) {
        let mut location = Location { segment, offset, octets, oldest: segment };
        let tree = &mut self.spaces.entry(space).or_default().0;
        let before = if let Some(slot) = tree.get_mut(key) {
            location.oldest = slot.oldest;
            Some(std::mem::replace(slot, location))
        } else {
            tree.insert(Key::new(key), location);
            None
        };
        if let Some(segment) = self.segments.get_mut(&segment) {
            segment.live_records += 1;
            segment.live_octets += u64::from(octets);
        }
        self.live_records += 1;
        self.live_octets += u64::from(octets);
        if let Some(before) = before {
            self.release(before);
        }
    }

    pub(super) fn delete(&mut self, space: Space, key: &[u8], segment: u32, octets: u32) {
        let before = self.spaces.get_mut(&space).and_then(|tree| tree.0.remove(key));
        if let Some(holder) = self.segments.get_mut(&segment) {
            holder.deletion_octets += u64::from(octets);
            if let Some(before) = before {
                holder.lower_floor(before.oldest);
            }
        }
        if let Some(before) = before {
            self.release(before);
        }
    }

    /// A deletion is about to vanish although segments from `floor` on may hold its key. If the key lives, the duty to
    /// guard against them passes to its record, and this is `true`; else the deletion must be written again.
    pub(super) fn inherit_floor(&mut self, space: Space, key: &[u8], floor: u32) -> bool {
        let location = self.spaces.get_mut(&space).and_then(|tree| tree.0.get_mut(key));
        match location {
            Some(location) => {
                location.oldest = location.oldest.min(floor);
                true
            }
            None => false,
        }
    }

    /// The oldest segment left that a deletion in `id` still guards against.
    pub(super) fn pinned_by(&self, id: u32) -> Option<u32> {
        let floor = self.segments.get(&id)?.floor?;
        self.segments.range(floor..id).next().map(|(oldest, _)| *oldest)
    }

    pub(super) fn add_segment(&mut self, id: u32, file: Arc<dyn DiskFile>, length: u64) {
        let segment = Segment {
            file,
            end: 0,
            length,
            live_records: 0,
            live_octets: 0,
            deletion_octets: 0,
            damaged: 0,
            floor: None,
        };
        self.segments.insert(id, segment);
    }

    pub(super) fn remove_segment(&mut self, id: u32) {
        self.segments.remove(&id);
    }

    pub(super) fn segment(&self, id: u32) -> Option<&Segment> {
        self.segments.get(&id)
    }

    pub(super) fn segment_mut(&mut self, id: u32) -> Option<&mut Segment> {
        self.segments.get_mut(&id)
    }

    pub(super) fn segments(&self) -> impl Iterator<Item = (u32, &Segment)> {
        self.segments.iter().map(|(id, segment)| (*id, segment))
    }

    pub(super) fn live_records(&self) -> u64 {
        self.live_records
    }

    pub(super) fn live_octets(&self) -> u64 {
        self.live_octets
    }

    /// Octets of all files.
    pub(super) fn length(&self) -> u64 {
        self.segments.values().map(|segment| segment.length).sum()
    }

    fn found(&self, key: &Key, location: Location) -> Option<Found> {
        let file = Arc::clone(&self.segments.get(&location.segment)?.file);
        Some(Found { key: key.clone(), location, file })
    }

    fn release(&mut self, location: Location) {
        if let Some(segment) = self.segments.get_mut(&location.segment) {
            segment.live_records = segment.live_records.saturating_sub(1);
            segment.live_octets = segment.live_octets.saturating_sub(u64::from(location.octets));
        }
        self.live_records = self.live_records.saturating_sub(1);
        self.live_octets = self.live_octets.saturating_sub(u64::from(location.octets));
    }
}

impl Found {
    /// Octets of the value, as the index knows them.
    pub(super) fn value_octets(&self) -> usize {
        let octets = usize::try_from(self.location.octets).unwrap_or(0);
        octets.saturating_sub(RECORD_HEADER + self.key.as_slice().len())
    }
}

impl Segment {
    /// A deletion in this segment guards against segments from `floor` on.
    pub(super) fn lower_floor(&mut self, floor: u32) {
        self.floor = Some(self.floor.map_or(floor, |before| before.min(floor)));
    }

    pub(super) fn grow(&mut self, end: u64) {
        self.end = end;
        self.length = self.length.max(end);
    }
}
