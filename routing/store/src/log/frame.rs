//! How batches lie in a segment. Everything is little-endian.
//!
//! ```text
//! segment  "VGSTORE2" | segment u32 | crc32 of the other fields u32 | first sequence u64 | frame | frame | ... | zeros
//! frame    magic u32 | crc32 of segment u32 and the rest of the header u32 | sequence u64 | group u64 | octets of the records u32
//!          | records u32 | digest u32 | record | record | ...
//! ```
//! One frame is one batch. A file may have been another segment before: what is left of that lies behind the frames, and
//! is told from them by the frame's checksum, which covers the number of the segment as well. `sequence` goes up by one
//! with each frame, from segment to segment, too. `group` is the sequence of the first frame of
//! the same commit: whatever is older was synced before this frame was written, which tells damage from a torn tail.
//! `digest` is a checksum over the checksums of the records, so a frame is whole or it is not.

use crate::batch::{Batch, Record, add_to_digest};

pub(super) const SEGMENT_HEADER: usize = 24;
pub(super) const FRAME_HEADER: usize = 36;
const SEGMENT_MAGIC: [u8; 8] = *b"VGSTORE2";
const FRAME_MAGIC: [u8; 4] = *b"\xF7vgB";

/// What the first octets of a segment say.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SegmentHeader {
    /// Ours.
    Known { segment: u32, first_sequence: u64 },
    /// Written by a version this one does not know.
    Foreign,
    /// Not written, torn or damaged.
    Unreadable,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameHeader {
    pub(super) sequence: u64,
    pub(super) group: u64,
    pub(super) octets: u32,
    pub(super) records: u32,
    pub(super) digest: u32,
}

/// A frame whose header is sound and whose records are all there, their checksums not looked at yet.
pub(super) struct Frame<'a> {
    pub(super) header: FrameHeader,
    pub(super) body: &'a [u8],
}

pub(super) fn write_segment_header(out: &mut Vec<u8>, segment: u32, first_sequence: u64) {
    out.extend_from_slice(&SEGMENT_MAGIC);
    out.extend_from_slice(&segment.to_le_bytes());
    out.extend_from_slice(&segment_checksum(&SEGMENT_MAGIC, segment, first_sequence).to_le_bytes());
    out.extend_from_slice(&first_sequence.to_le_bytes());
}

pub(super) fn read_segment_header(buffer: &[u8]) -> SegmentHeader {
    parse_segment_header(buffer).unwrap_or(SegmentHeader::Unreadable)
}

pub(super) fn write_frame(out: &mut Vec<u8>, batch: &Batch, segment: u32, sequence: u64, group: u64) {
    let header = FrameHeader {
        sequence,
        group,
        octets: u32::try_from(batch.octets()).unwrap_or(u32::MAX),
        records: u32::try_from(batch.len()).unwrap_or(u32::MAX),
        digest: batch.digest(),
    };
    let fields = header.fields();
    out.extend_from_slice(&FRAME_MAGIC);
    out.extend_from_slice(&frame_checksum(segment, &fields).to_le_bytes());
    out.extend_from_slice(&fields);
    out.extend_from_slice(batch.encoded());
}

/// The offset at or behind `from` of the next sound frame header of this segment.
pub(super) fn find_frame(buffer: &[u8], segment: u32, from: usize) -> Option<usize> {
    let places = memchr::memmem::find_iter(buffer.get(from..)?, &FRAME_MAGIC);
    let mut places = places.map(|place| from + place);
    places.find(|place| buffer.get(*place..).is_some_and(|rest| Frame::split(rest, segment).is_some()))
}

pub(super) fn is_zero(octets: &[u8]) -> bool {
    const ZEROS: [u8; 4096] = [0; 4096];
    octets.chunks(ZEROS.len()).all(|chunk| ZEROS.get(..chunk.len()) == Some(chunk))
}

impl FrameHeader {
    fn fields(&self) -> [u8; FRAME_HEADER - 8] {
        let mut fields = [0; FRAME_HEADER - 8];
        let all = self.sequence.to_le_bytes().into_iter().chain(self.group.to_le_bytes());
        let all = all.chain(self.octets.to_le_bytes()).chain(self.records.to_le_bytes());
        for (slot, octet) in fields.iter_mut().zip(all.chain(self.digest.to_le_bytes())) {
            *slot = octet;
        }
        fields
    }

    pub(super) fn parse(buffer: &[u8], segment: u32) -> Option<Self> {
        let rest = buffer.strip_prefix(&FRAME_MAGIC)?;
        let (checksum, rest) = rest.split_first_chunk()?;
        let fields = rest.get(..FRAME_HEADER - 8)?;
        if frame_checksum(segment, fields) != u32::from_le_bytes(*checksum) {
            return None;
        }
        let (sequence, rest) = fields.split_first_chunk()?;
        let (group, rest) = rest.split_first_chunk()?;
        let (octets, rest) = rest.split_first_chunk()?;
        let (records, rest) = rest.split_first_chunk()?;
        Some(Self {
            sequence: u64::from_le_bytes(*sequence),
            group: u64::from_le_bytes(*group),
            octets: u32::from_le_bytes(*octets),
            records: u32::from_le_bytes(*records),
            digest: u32::from_le_bytes(*rest.first_chunk()?),
        })
    }

    /// Octets of the frame, header included.
    pub(super) fn frame_octets(&self) -> usize {
        FRAME_HEADER.saturating_add(usize::try_from(self.octets).unwrap_or(usize::MAX))
    }
}

impl<'a> Frame<'a> {
    /// The frame at the start of `buffer`.
    pub(super) fn split(buffer: &'a [u8], segment: u32) -> Option<Self> {
        let header = FrameHeader::parse(buffer, segment)?;
        let body = buffer.get(FRAME_HEADER..header.frame_octets())?;
        Some(Self { header, body })
    }

    /// Whether every record, and the number of them, is as it was written.
    pub(super) fn is_whole(&self) -> bool {
        let (mut digest, mut records, mut octets) = (0, 0_u32, 0);
        for (_, record) in self.records() {
            if !record.is_whole() {
                return false;
            }
            digest = add_to_digest(digest, record.checksum);
            records = records.saturating_add(1);
            octets += record.octets;
        }
        (digest, records, octets) == (self.header.digest, self.header.records, self.body.len())
    }

    /// The records and their offsets in the frame, up to the first that is no record.
    pub(super) fn records(&self) -> impl Iterator<Item = (usize, Record<'a>)> {
        let body = self.body;
        let mut offset = 0;
        std::iter::from_fn(move || {
            let record = Record::split(body.get(offset..)?)?;
            let at = FRAME_HEADER + offset;
            offset += record.octets;
            Some((at, record))
        })
    }
}

fn parse_segment_header(buffer: &[u8]) -> Option<SegmentHeader> {
    let (magic, rest) = buffer.split_first_chunk::<8>()?;
    let (segment, rest) = rest.split_first_chunk()?;
    let (checksum, rest) = rest.split_first_chunk()?;
    let first_sequence = u64::from_le_bytes(*rest.first_chunk()?);
    let segment = u32::from_le_bytes(*segment);
    if segment_checksum(magic, segment, first_sequence) != u32::from_le_bytes(*checksum) {
        return None;
    }
    if *magic == SEGMENT_MAGIC {
        Some(SegmentHeader::Known { segment, first_sequence })
    } else {
        Some(SegmentHeader::Foreign)
    }
}

fn frame_checksum(segment: u32, fields: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&segment.to_le_bytes());
    hasher.update(fields);
    hasher.finalize()
}

fn segment_checksum(magic: &[u8; 8], segment: u32, first_sequence: u64) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(magic);
    hasher.update(&segment.to_le_bytes());
    hasher.update(&first_sequence.to_le_bytes());
    hasher.finalize()
}
