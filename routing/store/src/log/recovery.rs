//! Reads the segments back into an index when the log is opened.
//!
//! A sealed segment was synced to its end, so anything unreadable in it is damage: it is named, stepped over, and the
//! rest is served. In the last segment the frames of the last commit may be torn. They were never acknowledged and go,
//! each as a whole; a bad frame there is damage only if a later commit follows it, for that one was written after a
//! sync. What remains of the last commit is written once more and synced before it is served: it may have been seen
//! only in the page cache, and after a failed sync the cache calls pages clean that never reached the disk.

use std::sync::Arc;

use super::disk::{Disk, DiskFile};
use super::frame::{self, FRAME_HEADER, Frame, SEGMENT_HEADER, SegmentHeader};
use super::index::Index;
use super::segment_name;
use crate::batch::Record;
use crate::error::{Damage, StoreError};

/// The most damages listed one by one.
pub const MAX_LISTED: usize = 1000;

/// What was found when the log was opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Segments read.
    pub segments: u64,
    /// Whole batches read.
    pub batches: u64,
    /// Records in them, deletions included.
    pub records: u64,
    /// Octets of an unfinished commit that were discarded at the end of the last segment.
    pub torn_octets: u64,
    /// How many damages there are.
    pub damages: u64,
    /// The first [`MAX_LISTED`] of them.
    pub damaged: Vec<Damage>,
}

/// Everything recovery learns.
pub(super) struct Recovered {
    pub(super) index: Index,
    pub(super) report: Recovery,
    /// The sequence of the next frame.
    pub(super) sequence: u64,
    /// The number of the next segment.
    pub(super) next_segment: u32,
    /// The segment to go on writing, and where.
    pub(super) active: Option<(u32, Arc<dyn DiskFile>, u64)>,
}

/// Reads all segments. Files that are no segments are left alone.
pub(super) fn recover(disk: &dyn Disk) -> Result<Recovered, StoreError> {
    let mut segments: Vec<u32> = disk.list()?.iter().filter_map(|name| super::segment_number(name)).collect();
    segments.sort_unstable();
    let last = segments.last().copied();
    let mut recovered = Recovered {
        index: Index::default(),
        report: Recovery::default(),
        sequence: 1,
        next_segment: last.map_or(1, |last| last.saturating_add(1)),
        active: None,
    };
    let mut buffer = Vec::new();
    for id in segments {
        let file = disk.open(&segment_name(id))?;
        let length = file.length()?;
        buffer.resize(usize::try_from(length).map_err(|_| StoreError::Foreign)?, 0);
        file.read_at(&mut buffer, 0)?;
        recovered.index.add_segment(id, Arc::clone(&file), length);
        let read = SegmentReader::new(&mut recovered, &buffer, id, Some(id) == last)?.read();
        if read.frames == 0 && recovered.index.segment(id).is_none_or(|segment| segment.damaged == 0) {
            recovered.index.remove_segment(id);
            disk.remove(&segment_name(id))?;
            continue;
        }
        recovered.report.segments += 1;
        if Some(id) == last {
            recovered.settle_tail(id, &file, &buffer, &read)?;
        }
    }
    disk.sync_names()?;
    Ok(recovered)
}

/// What reading one segment found.
struct Read {
    frames: u64,
    /// Where the last whole frame ends.
    end: usize,
    /// Where the frames of the last commit begin.
    last_group: usize,
    /// Whether something unreadable lies behind `end`.
    torn: bool,
}

struct SegmentReader<'a> {
    recovered: &'a mut Recovered,
    buffer: &'a [u8],
    id: u32,
    last: bool,
    group: Option<u64>,
    /// Whether a frame sequence can be expected; not if the segment header cannot be read.
    begun: bool,
    read: Read,
}

impl Recovered {
    /// Makes the end of the last segment durable and decides whether to go on in it.
    fn settle_tail(
        &mut self,
        id: u32,
        file: &Arc<dyn DiskFile>,
        buffer: &[u8],
        read: &Read,
    ) -> Result<(), StoreError> {
        let end = u64::try_from(read.end).unwrap_or(u64::MAX);
        if let Some(octets) = buffer.get(read.last_group..read.end) {
            file.write_at(octets, u64::try_from(read.last_group).unwrap_or(u64::MAX))?;
        }
        if read.torn {
            file.truncate(end)?;
            self.report.torn_octets = u64::try_from(buffer.len() - read.end).unwrap_or(u64::MAX);
            if let Some(segment) = self.index.segment_mut(id) {
                segment.length = end;
            }
        }
        file.sync()?;
        // A segment with damage is kept as it is, for whoever looks into it.
        if !read.torn && self.index.segment(id).is_some_and(|segment| segment.damaged == 0) {
            self.active = Some((id, Arc::clone(file), end));
        }
        Ok(())
    }
}

impl<'a> SegmentReader<'a> {
    fn new(recovered: &'a mut Recovered, buffer: &'a [u8], id: u32, last: bool) -> Result<Self, StoreError> {
        let begun = match frame::read_segment_header(buffer) {
            SegmentHeader::Known { segment, first_sequence } if segment == id => {
                recovered.sequence = recovered.sequence.max(first_sequence);
                true
            }
            SegmentHeader::Known { .. } | SegmentHeader::Foreign => return Err(StoreError::Foreign),
            SegmentHeader::Unreadable => false,
        };
        let read = Read { frames: 0, end: SEGMENT_HEADER, last_group: SEGMENT_HEADER, torn: false };
        Ok(Self { recovered, buffer, id, last, group: None, begun, read })
    }

    fn read(mut self) -> Read {
        if !self.begun && !self.step_over_header() {
            return self.read;
        }
        loop {
            let at = self.read.end;
            let rest = self.buffer.get(at..).unwrap_or_default();
            match Frame::split(rest) {
                Some(frame) if frame.header.sequence == self.recovered.sequence && frame.is_whole() => {
                    self.take(at, &frame);
                }
                _ if frame::is_zero(rest) => return self.read,
                _ if self.last && !self.was_acknowledged(at) => {
                    self.read.torn = true;
                    return self.read;
                }
                Some(frame) if frame.header.sequence == self.recovered.sequence => self.salvage(at, &frame),
                _ => {
                    self.damage(at);
                    match self.next_frame(at + 1) {
                        Some(next) => self.skip_to(next),
                        None => return self.read,
                    }
                }
            }
        }
    }

    /// The segment header cannot be read. Nothing behind it counts unless a second commit shows that the first was
    /// synced. Whether there is something to read.
    fn step_over_header(&mut self) -> bool {
        let Some(first) = self.next_frame(0) else {
            if !self.last && !frame::is_zero(self.buffer) {
                self.damage(0);
            }
            return false;
        };
        let group = self.header_at(first).map_or(0, |header| header.group);
        if self.last && !self.any_frame_behind(first, |later| later > group) {
            return false;
        }
        self.damage(0);
        self.skip_to(first);
        true
    }

    /// Whether the frame expected at `at` had been synced: so it was if a frame of a later commit follows.
    fn was_acknowledged(&self, at: usize) -> bool {
        let expected = self.recovered.sequence;
        self.any_frame_behind(at, |group| group > expected)
    }

    fn any_frame_behind(&self, at: usize, is_such: impl Fn(u64) -> bool) -> bool {
        let mut from = at + 1;
        while let Some(next) = frame::find_frame(self.buffer, from) {
            if self.header_at(next).is_some_and(|header| is_such(header.group)) {
                return true;
            }
            from = next + FRAME_HEADER;
        }
        false
    }

    /// The next frame that can belong here.
    fn next_frame(&self, from: usize) -> Option<usize> {
        let mut from = from;
        loop {
            let next = frame::find_frame(self.buffer, from)?;
            if self.header_at(next).is_some_and(|header| header.sequence >= self.recovered.sequence) {
                return Some(next);
            }
            from = next + 1;
        }
    }

    fn header_at(&self, at: usize) -> Option<frame::FrameHeader> {
        frame::FrameHeader::parse(self.buffer.get(at..)?)
    }

    fn skip_to(&mut self, next: usize) {
        self.read.end = next;
        if let Some(header) = self.header_at(next) {
            self.recovered.sequence = header.sequence;
        }
    }

    fn take(&mut self, at: usize, frame: &Frame<'_>) {
        for (offset, record) in frame.records() {
            self.apply(at + offset, &record);
        }
        self.recovered.report.batches += 1;
        self.pass(at, frame);
    }

    /// A damaged frame that had been acknowledged: its sound records are served. One whose value alone is damaged is
    /// indexed as well, so that reading its key says what happened instead of giving an older value.
    fn salvage(&mut self, at: usize, frame: &Frame<'_>) {
        let mut rest = frame.body;
        while !rest.is_empty() {
            let here = at + frame.header.frame_octets() - rest.len();
            let record = Record::split(rest);
            if !record.as_ref().is_some_and(Record::is_whole) {
                let place = u64::try_from(here).unwrap_or(u64::MAX);
                let nothing = Damage::at(self.id, place);
                self.note(record.as_ref().map_or(nothing, |record| record.damage(self.id, place)));
            }
            let Some(record) = record else { break };
            let behind = rest.get(record.octets..).unwrap_or_default();
            if record.is_headed() {
                self.apply(here, &record);
            } else if !Record::split(behind).is_some_and(|next| next.is_headed()) {
                break;
            }
            rest = behind;
        }
        self.pass(at, frame);
    }

    fn apply(&mut self, at: usize, record: &Record<'_>) {
        let change = record.change;
        let octets = u32::try_from(record.octets).unwrap_or(u32::MAX);
        let offset = u32::try_from(at).unwrap_or(u32::MAX);
        match change.value {
            Some(_) => self.recovered.index.put(change.space, change.key, self.id, offset, octets),
            None if record.is_whole() => {
                self.recovered.index.delete(change.space, change.key, self.id, octets)
            }
            None => {}
        }
        self.recovered.report.records += 1;
    }

    fn pass(&mut self, at: usize, frame: &Frame<'_>) {
        if self.group != Some(frame.header.group) {
            self.group = Some(frame.header.group);
            self.read.last_group = if self.read.frames == 0 { 0 } else { at };
        }
        self.read.frames += 1;
        self.read.end = at + frame.header.frame_octets();
        self.recovered.sequence = frame.header.sequence.saturating_add(1);
        if let Some(segment) = self.recovered.index.segment_mut(self.id) {
            segment.grow(u64::try_from(self.read.end).unwrap_or(u64::MAX));
        }
    }

    fn damage(&mut self, at: usize) {
        self.note(Damage::at(self.id, u64::try_from(at).unwrap_or(u64::MAX)));
    }

    fn note(&mut self, damage: Damage) {
        let report = &mut self.recovered.report;
        report.damages += 1;
        if report.damaged.len() < MAX_LISTED {
            report.damaged.push(damage);
        }
        if let Some(segment) = self.recovered.index.segment_mut(self.id) {
            segment.damaged += 1;
        }
    }
}
