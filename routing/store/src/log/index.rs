//! Where each live record lies, and how much of each segment is still needed.
//!
//! Deletions are records too. One is needed as long as a segment older than its own may still hold the key, or the
//! key would come back when the log is read again. `Location::oldest` remembers the oldest segment that may hold a
//! key, `Segment::floor` the oldest that any deletion in a segment guards against: a segment may go only when it has
//! no live record and no segment from its floor up to itself is left.

mod location;
mod names;
mod pages;
mod records;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::SpaceUsage;
use super::disk::DiskFile;
use super::key::Key;
use crate::batch::RECORD_HEADER;
use crate::space::Space;
pub(super) use location::Location;
use records::Records;

pub(super) struct Index {
    /// By the tag of their space.
    spaces: Vec<Records>,
    segments: BTreeMap<u32, Segment>,
    live_records: u64,
    live_octets: u64,
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
    /// Whether nothing lies behind the records: what a file held before it became this segment is cut off.
    pub(super) sealed: bool,
    floor: Option<u32>,
}

/// A record to fetch, with the file that holds it; the file outlives its removal.
pub(super) struct Found {
    pub(super) key: Key,
    pub(super) location: Location,
    pub(super) file: Arc<dyn DiskFile>,
    /// Octets written to the file.
    pub(super) end: u64,
}

impl Index {
    pub(super) fn find(&self, space: Space, key: &[u8]) -> Option<Found> {
        let location = *self.records(space)?.find(key)?;
        self.found(Key::new(key), location)
    }

    /// The next `most` records behind `after`, in the order of [`Space::is_ordered`].
    pub(super) fn behind(&self, space: Space, after: Option<&[u8]>, most: usize) -> Vec<Found> {
        let next = self.records(space).map(|records| records.behind(after, most)).unwrap_or_default();
        next.into_iter().filter_map(|(key, location)| self.found(key, location)).collect()
    }

    /// Where the records of a space lie, in the order of the log.
    pub(super) fn places(&self, space: Space) -> Vec<Location> {
        let mut places = Vec::new();
        if let Some(records) = self.records(space) {
            records.each(|location| places.push(location));
        }
        places.sort_unstable_by_key(|location| (location.segment(), location.offset()));
        places
    }

    /// Records and octets of every space that is not empty.
    pub(super) fn tally(&self) -> Vec<SpaceUsage> {
        let of = |space: Space| {
            let (mut records, mut octets) = (0, 0);
            self.records(space)?.each(|location| {
                records += 1;
                octets += u64::from(location.octets());
            });
            (records > 0).then_some(SpaceUsage { space, records, octets })
        };
        Space::ALL.into_iter().filter_map(of).collect()
    }

    /// Whether the live record of `key` is the one at this place.
    pub(super) fn is_live(&self, space: Space, key: &[u8], segment: u32, offset: u32) -> bool {
        let location = self.records(space).and_then(|records| records.find(key));
        location.is_some_and(|location| (location.segment(), location.offset()) == (segment, offset))
    }

    pub(super) fn put(&mut self, space: Space, key: &[u8], segment: u32, offset: u32, octets: u32) {
        let before = self
            .records_mut(space)
            .and_then(|records| records.put(key, Location::new(segment, offset, octets)));
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
        let before = self.records_mut(space).and_then(|records| records.remove(key));
        if let Some(holder) = self.segments.get_mut(&segment) {
            holder.deletion_octets += u64::from(octets);
            if let Some(before) = before {
                holder.lower_floor(before.oldest());
            }
        }
        if let Some(before) = before {
            self.release(before);
        }
    }

    /// A deletion is about to vanish although segments from `floor` on may hold its key. If the key lives, the duty to
    /// guard against them passes to its record, and this is `true`; else the deletion must be written again.
    pub(super) fn inherit_floor(&mut self, space: Space, key: &[u8], floor: u32) -> bool {
        match self.records_mut(space).and_then(|records| records.find_mut(key)) {
            Some(location) => {
                *location = location.since(floor);
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
            sealed: false,
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

    fn records(&self, space: Space) -> Option<&Records> {
        self.spaces.get(usize::from(space.tag()))
    }

    fn records_mut(&mut self, space: Space) -> Option<&mut Records> {
        self.spaces.get_mut(usize::from(space.tag()))
    }

    fn found(&self, key: Key, location: Location) -> Option<Found> {
        let segment = self.segments.get(&location.segment())?;
        Some(Found { key, location, file: Arc::clone(&segment.file), end: segment.end })
    }

    fn release(&mut self, location: Location) {
        if let Some(segment) = self.segments.get_mut(&location.segment()) {
            segment.live_records = segment.live_records.saturating_sub(1);
            segment.live_octets = segment.live_octets.saturating_sub(u64::from(location.octets()));
        }
        self.live_records = self.live_records.saturating_sub(1);
        self.live_octets = self.live_octets.saturating_sub(u64::from(location.octets()));
    }
}

impl Default for Index {
    fn default() -> Self {
        let tags = 0..=Space::ALL.iter().map(|space| space.tag()).max().unwrap_or(0);
        let is_ordered = |tag| Space::from_tag(tag).is_none_or(Space::is_ordered);
        Self {
            spaces: tags.map(|tag| Records::new(is_ordered(tag))).collect(),
            segments: BTreeMap::new(),
            live_records: 0,
            live_octets: 0,
        }
    }
}

impl Found {
    /// Octets of the value, as the index knows them.
    pub(super) fn value_octets(&self) -> usize {
        let octets = usize::try_from(self.location.octets()).unwrap_or(0);
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
