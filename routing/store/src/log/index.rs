//! Where each live record lies, and how much of each segment is still needed.
//!
//! Deletions are records too. One is needed as long as an older segment may still hold the key, or the key would come
//! back when the log is read again. `Location::oldest` remembers the oldest segment that may hold a key, and a
//! deletion of what an older segment holds becomes a `Guard`: a segment may go only when it has no live record and
//! none of its guards has anything left to guard against. Most keys live and die in one segment and need none.

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

/// About the octets of a deletion.
const DELETION_OCTETS: u64 = 32;

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
    /// Live records by the tag of their space.
    live_records: Vec<u32>,
    pub(super) live_octets: u64,
    /// Damaged records seen in it. Such a segment is never compacted nor removed.
    pub(super) damaged: u64,
    /// Whether nothing lies behind the records: what a file held before it became this segment is cut off.
    pub(super) sealed: bool,
    /// By their offsets.
    guards: Vec<Guard>,
}

/// A deletion whose key may still lie in older segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Guard {
    offset: u32,
    /// The segments that may hold the key.
    oldest: u32,
    newest: u32,
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
        if !self.segments.get(&segment).is_some_and(|holder| holder.has_live(space)) {
            return false;
        }
        let location = self.records(space).and_then(|records| records.find(key));
        location.is_some_and(|location| (location.segment(), location.offset()) == (segment, offset))
    }

    pub(super) fn put(&mut self, space: Space, key: &[u8], segment: u32, offset: u32, octets: u32) {
        let before = self
            .records_mut(space)
            .and_then(|records| records.put(key, Location::new(segment, offset, octets)));
        if let Some(segment) = self.segments.get_mut(&segment) {
            segment.count(space, |live| live.saturating_add(1));
            segment.live_octets += u64::from(octets);
        }
        self.live_records += 1;
        self.live_octets += u64::from(octets);
        if let Some(before) = before {
            self.release(space, before);
        }
    }

    pub(super) fn delete(&mut self, space: Space, key: &[u8], segment: u32, offset: u32) {
        let Some(before) = self.records_mut(space).and_then(|records| records.remove(key)) else { return };
        self.guard(segment, Guard { offset, oldest: before.oldest(), newest: before.segment() });
        self.release(space, before);
    }

    /// The deletion at its offset of `segment` guards against what older segments hold.
    pub(super) fn guard(&mut self, segment: u32, guard: Guard) {
        if guard.oldest < segment
            && let Some(holder) = self.segments.get_mut(&segment)
        {
            holder.guards.push(guard);
        }
    }

    /// A deletion is about to vanish although older segments may hold its key. If the key lives, the duty to guard
    /// against them passes to its record, and this is `true`; else the deletion must be written again.
    pub(super) fn inherit(&mut self, space: Space, key: &[u8], guard: Guard) -> bool {
        match self.records_mut(space).and_then(|records| records.find_mut(key)) {
            Some(location) => {
                *location = location.since(guard.oldest);
                true
            }
            None => false,
        }
    }

    /// The guard at this place, if there is still something to guard against.
    pub(super) fn guard_at(&self, segment: u32, offset: u32) -> Option<Guard> {
        let guards = &self.segments.get(&segment)?.guards;
        let at = guards.binary_search_by_key(&offset, |guard| guard.offset).ok()?;
        guards.get(at).copied().filter(|guard| self.is_needed(segment, *guard))
    }

    /// Forgets guards that have nothing left to guard against, from the last on: what remains ends with one that is
    /// needed.
    pub(super) fn relieve(&mut self, segment: u32) {
        while let Some(last) = self.segments.get(&segment).and_then(|holder| holder.guards.last().copied()) {
            if self.is_needed(segment, last) {
                return;
            }
            if let Some(holder) = self.segments.get_mut(&segment) {
                holder.guards.pop();
            }
        }
    }

    fn is_needed(&self, segment: u32, guard: Guard) -> bool {
        let end = guard.newest.saturating_add(1).min(segment);
        self.segments.range(guard.oldest..end.max(guard.oldest)).next().is_some()
    }

    pub(super) fn add_segment(&mut self, id: u32, file: Arc<dyn DiskFile>, length: u64) {
        let segment = Segment {
            file,
            end: 0,
            length,
            live_records: Vec::new(),
            live_octets: 0,
            damaged: 0,
            sealed: false,
            guards: Vec::new(),
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

    fn release(&mut self, space: Space, location: Location) {
        if let Some(segment) = self.segments.get_mut(&location.segment()) {
            segment.count(space, |live| live.saturating_sub(1));
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

impl Guard {
    /// The same duty for a deletion at another place.
    pub(super) fn at(self, offset: u32) -> Self {
        Self { offset, ..self }
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
    /// Whether nothing in it is needed, once [`Index::relieve`] has looked.
    pub(super) fn is_dead(&self) -> bool {
        self.live_records.iter().all(|live| *live == 0) && self.guards.is_empty()
    }

    /// Whether a record of this space in it is live.
    fn has_live(&self, space: Space) -> bool {
        self.live_records.get(usize::from(space.tag())).is_some_and(|live| *live > 0)
    }

    fn count(&mut self, space: Space, change: impl FnOnce(u32) -> u32) {
        let tag = usize::from(space.tag());
        if self.live_records.len() <= tag {
            self.live_records.resize(tag + 1, 0);
        }
        if let Some(live) = self.live_records.get_mut(tag) {
            *live = change(*live);
        }
    }

    /// Octets of it that are needed, about.
    pub(super) fn needed_octets(&self) -> u64 {
        let guards = u64::try_from(self.guards.len()).unwrap_or(u64::MAX);
        self.live_octets.saturating_add(guards.saturating_mul(DELETION_OCTETS))
    }

    pub(super) fn grow(&mut self, end: u64) {
        self.end = end;
        self.length = self.length.max(end);
    }
}
