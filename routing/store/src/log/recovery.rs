//! Reads the segments back into an index when the log is opened.
//!
//! A sealed segment was synced to its end, so anything unreadable in it is damage: it is named, stepped over, and the
//! rest is served. Its end is where the next segment goes on, and what lies behind is left from a segment that the file
//! was before; housekeeping cuts that off before the next segment may go, so that an end can always be told. In the
//! last segment the frames of the last commit may be torn. They were never acknowledged and go,
//! each as a whole; a bad frame there is damage only if a later commit follows it, for that one was written after a
//! sync. What remains of the last commit is written once more and synced before it is served: it may have been seen
//! only in the page cache, and after a failed sync the cache calls pages clean that never reached the disk. Pages that the disk does not give are damage wherever they are.

use std::sync::Arc;

use super::disk::{Disk, DiskFile};
use super::frame::{self, FRAME_HEADER, Frame, SEGMENT_HEADER, SegmentHeader};
use super::index::Index;
use super::segment_name;
use crate::batch::Record;
use crate::error::{Damage, StoreError};

/// What a disk gives or does not give, in octets.
const PAGE: usize = 4096;
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
    let highest = segments.last().copied();
    let mut recovered = Recovered {
        index: Index::default(),
        report: Recovery::default(),
        sequence: 1,
        next_segment: highest.map_or(1, |highest| highest.saturating_add(1)),
        active: None,
    };
    let mut files = Vec::new();
    for id in segments {
        files.push(open_segment(disk, id)?);
    }
    let mut buffer = Vec::new();
    while let Some(opened) = files.last().filter(|opened| opened.first_sequence.is_none()) {
        if !is_void(opened, &mut buffer)? {
            break;
        }
        disk.remove(&segment_name(opened.id))?;
        files.pop();
    }
    let last = files.last().map(|opened| opened.id);
    for (n, opened) in files.iter().enumerate() {
        let next = files.get(n + 1).filter(|next| Some(next.id) == opened.id.checked_add(1));
        let ends_before = next.and_then(|next| next.first_sequence);
        recovered.read_segment(disk, opened, &mut buffer, ends_before, Some(opened.id) == last)?;
    }
    disk.sync_names()?;
    Ok(recovered)
}

/// A file that is named like a segment.
struct Opened {
    id: u32,
    file: Arc<dyn DiskFile>,
    length: u64,
    /// As its header says, if that can be read and is its own.
    first_sequence: Option<u64>,
}

fn open_segment(disk: &dyn Disk, id: u32) -> Result<Opened, StoreError> {
    let file = disk.open(&segment_name(id))?;
    let length = file.length()?;
    let mut header = [0; SEGMENT_HEADER];
    let is_read =
        length >= u64::try_from(SEGMENT_HEADER).unwrap_or(0) && file.read_at(&mut header, 0).is_ok();
    let first_sequence = match frame::read_segment_header(if is_read { &header } else { &[] }) {
        SegmentHeader::Known { segment, first_sequence } if segment == id => Some(first_sequence),
        // Made from an older one and never written: the first commit brings the header.
        SegmentHeader::Known { segment, .. } if segment < id => None,
        SegmentHeader::Known { .. } | SegmentHeader::Foreign => return Err(StoreError::Foreign),
        SegmentHeader::Unreadable => None,
    };
    Ok(Opened { id, file, length, first_sequence })
}

/// Whether nothing in a segment without a header of its own was ever acknowledged: so it is unless a frame of a second
/// commit shows that the first was synced.
fn is_void(opened: &Opened, buffer: &mut Vec<u8>) -> Result<bool, StoreError> {
    if !read_whole(opened, buffer)?.is_empty() {
        return Ok(false);
    }
    let group_at =
        |at: usize| frame::FrameHeader::parse(buffer.get(at..)?, opened.id).map(|header| header.group);
    let Some(mut at) = frame::find_frame(buffer, opened.id, 0) else { return Ok(true) };
    let first = group_at(at);
    while let Some(next) = frame::find_frame(buffer, opened.id, at + FRAME_HEADER) {
        if group_at(next) > first {
            return Ok(false);
        }
        at = next;
    }
    Ok(true)
}

/// Fills the buffer with the file. Pages that the disk does not give are filled with what no record begins with, and
/// where they begin is given back.
fn read_whole(opened: &Opened, buffer: &mut Vec<u8>) -> Result<Vec<usize>, StoreError> {
    buffer.clear();
    buffer.resize(usize::try_from(opened.length).map_err(|_| StoreError::Foreign)?, 0);
    let mut missing = Vec::new();
    if opened.file.read_at(buffer, 0).is_err() {
        for (n, page) in buffer.chunks_mut(PAGE).enumerate() {
            let at = n * PAGE;
            if opened.file.read_at(page, u64::try_from(at).unwrap_or(u64::MAX)).is_err() {
                page.fill(0xFF);
                missing.push(at);
            }
        }
    }
    Ok(missing)
}

/// What reading one segment found.
struct Read {
    frames: u64,
    /// Where the last whole frame ends.
    end: usize,
    /// Where the frames of the last commit begin.
    last_group: usize,
    /// Whether it is sure that nothing acknowledged lies behind `end`.
    ended: bool,
    /// Whether frames that were never acknowledged lie there.
    torn: bool,
}

/// Why no whole frame is where one is expected.
enum Trouble<'a> {
    /// The segment ends here; what follows may be torn off a commit that was never acknowledged.
    End { torn: bool },
    /// This frame had been acknowledged, and not all of it can be read any more.
    Damaged(Frame<'a>),
    /// Nothing can be read here although something had been acknowledged.
    Gap,
}

struct SegmentReader<'a> {
    recovered: &'a mut Recovered,
    buffer: &'a [u8],
    id: u32,
    last: bool,
    group: Option<u64>,
    /// The sequence with which the next segment begins.
    ends_before: Option<u64>,
    /// Where pages begin that the disk does not give.
    missing: Vec<usize>,
    read: Read,
}

impl Recovered {
    fn read_segment(
        &mut self,
        disk: &dyn Disk,
        opened: &Opened,
        buffer: &mut Vec<u8>,
        ends_before: Option<u64>,
        last: bool,
    ) -> Result<(), StoreError> {
        let id = opened.id;
        let missing = read_whole(opened, buffer)?;
        let all_there = missing.is_empty();
        self.index.add_segment(id, Arc::clone(&opened.file), opened.length);
        let read =
            Read { frames: 0, end: SEGMENT_HEADER, last_group: SEGMENT_HEADER, ended: false, torn: false };
        let reader =
            SegmentReader { recovered: self, buffer, id, last, group: None, ends_before, missing, read };
        let read = reader.read(opened.first_sequence);
        let is_sound = self.index.segment(id).is_none_or(|segment| segment.damaged == 0);
        if read.frames == 0 && is_sound {
            self.index.remove_segment(id);
            disk.remove(&segment_name(id))?;
            return Ok(());
        }
        self.report.segments += 1;
        let goes_on = last && is_sound && read.ended && !read.torn;
        if last {
            // What stands in for missing pages must not be written over them.
            let tail = if all_there { buffer.get(read.last_group..read.end) } else { None };
            self.settle_tail(opened, tail, &read, goes_on)?;
        }
        if read.ended && !goes_on {
            self.seal(opened, &read)?;
        }
        Ok(())
    }

    /// Makes the last commit of the last segment durable, whether or not the segment goes on.
    fn settle_tail(
        &mut self,
        opened: &Opened,
        last_commit: Option<&[u8]>,
        read: &Read,
        goes_on: bool,
    ) -> Result<(), StoreError> {
        if let Some(octets) = last_commit {
            opened.file.write_at(octets, u64::try_from(read.last_group).unwrap_or(u64::MAX))?;
        }
        opened.file.sync()?;
        if read.torn {
            let end = u64::try_from(read.end).unwrap_or(u64::MAX);
            self.report.torn_octets = opened.length.saturating_sub(end);
        }
        if !read.ended {
            // What cannot be read now may be read another time: its numbers are not given again.
            self.sequence = self.sequence.saturating_add(1 << 32);
        }
        if goes_on {
            let end = u64::try_from(read.end).unwrap_or(u64::MAX);
            self.active = Some((opened.id, Arc::clone(&opened.file), end));
        }
        Ok(())
    }

    /// Cuts off what lies behind the frames: what was never acknowledged, and what the file held before it became this
    /// segment.
    fn seal(&mut self, opened: &Opened, read: &Read) -> Result<(), StoreError> {
        let end = u64::try_from(read.end).unwrap_or(u64::MAX).min(opened.length);
        if opened.length > end {
            opened.file.truncate(end)?;
            opened.file.sync()?;
        }
        if let Some(segment) = self.index.segment_mut(opened.id) {
            (segment.length, segment.sealed) = (end, true);
        }
        Ok(())
    }
}

impl SegmentReader<'_> {
    fn read(mut self, first_sequence: Option<u64>) -> Read {
        match first_sequence {
            Some(first) => self.recovered.sequence = self.recovered.sequence.max(first),
            None if self.step_over_header() => {}
            None => return self.read,
        }
        loop {
            let at = self.read.end;
            let rest = self.buffer.get(at..).unwrap_or_default();
            match Frame::split(rest, self.id) {
                Some(frame) if frame.header.sequence == self.recovered.sequence && frame.is_whole() => {
                    self.take(at, &frame);
                }
                found => match self.trouble(at, found.as_ref()) {
                    Trouble::End { torn } => {
                        (self.read.ended, self.read.torn) = (true, torn);
                        return self.read;
                    }
                    Trouble::Damaged(frame) => self.salvage(at, &frame),
                    Trouble::Gap => {
                        self.damage(at);
                        match self.next_frame(at + 1) {
                            Some(next) => self.skip_to(next),
                            None => return self.read,
                        }
                    }
                },
            }
        }
    }

    /// What it means that no whole frame is here.
    fn trouble<'f>(&self, at: usize, found: Option<&Frame<'f>>) -> Trouble<'f> {
        let expected = self.recovered.sequence;
        let missing = self.missing.iter().any(|page| page + PAGE > at);
        let damaged = found.filter(|frame| frame.header.sequence == expected);
        if self.last {
            return match damaged {
                _ if !missing && !self.was_acknowledged(at) => {
                    Trouble::End { torn: self.header_at(at).is_some() || self.next_frame(at + 1).is_some() }
                }
                Some(frame) => Trouble::Damaged(Frame { header: frame.header, body: frame.body }),
                None => Trouble::Gap,
            };
        }
        match (damaged, self.ends_before) {
            (Some(frame), _) => Trouble::Damaged(Frame { header: frame.header, body: frame.body }),
            (None, Some(next)) if next == expected => Trouble::End { torn: false },
            (None, None) if frame::is_zero(self.buffer.get(at..).unwrap_or_default()) => {
                Trouble::End { torn: false }
            }
            _ => Trouble::Gap,
        }
    }

    /// The segment header cannot be read, but the segment is not void. Whether there is something to read.
    fn step_over_header(&mut self) -> bool {
        let Some(first) = self.next_frame(0) else {
            let lost =
                self.ends_before.map_or(!frame::is_zero(self.buffer), |next| next != self.recovered.sequence);
            if !self.last && lost || !self.missing.is_empty() {
                self.damage(0);
            }
            return false;
        };
        self.damage(0);
        self.skip_to(first);
        true
    }

    /// Whether the frame expected at `at` had been synced: so it was if a frame of a later commit follows.
    fn was_acknowledged(&self, at: usize) -> bool {
        let expected = self.recovered.sequence;
        let mut from = at + 1;
        while let Some(next) = frame::find_frame(self.buffer, self.id, from) {
            if self.header_at(next).is_some_and(|header| header.group > expected) {
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
            let next = frame::find_frame(self.buffer, self.id, from)?;
            if self.header_at(next).is_some_and(|header| header.sequence >= self.recovered.sequence) {
                return Some(next);
            }
            from = next + 1;
        }
    }

    fn header_at(&self, at: usize) -> Option<frame::FrameHeader> {
        frame::FrameHeader::parse(self.buffer.get(at..)?, self.id)
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
                self.recovered.index.delete(change.space, change.key, self.id, offset);
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
