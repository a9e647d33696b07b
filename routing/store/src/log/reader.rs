//! Fetches records from segments. Records that lie near each other are read with one call: a walk over identifiers
//! meets them in about the order in which they were written.

use super::index::Found;
use crate::batch::Record;
use crate::space::Space;

/// Octets read at once where the next record is near.
const WINDOW: u64 = 256 << 10;
/// How far ahead the next record may begin to be near.
const NEAR: u32 = 16 << 10;

#[derive(Default)]
pub(super) struct Reader {
    segment: u32,
    start: u64,
    window: Vec<u8>,
}

impl Reader {
    /// The value of a record, `None` if it is damaged or the disk does not give it. `next` is the record that will be
    /// asked for next.
    pub(super) fn fetch(&mut self, space: Space, found: &Found, next: Option<&Found>) -> Option<Box<[u8]>> {
        let octets = usize::try_from(found.location.octets()).ok()?;
        if self.held(found, octets).is_none() && !self.fill(found, octets, next) {
            return None;
        }
        let record = Record::split(self.held(found, octets)?).filter(Record::is_whole)?;
        let change = record.change;
        let is_it = change.space == space && change.key == found.key.as_slice() && record.octets == octets;
        change.value.filter(|_| is_it).map(Box::from)
    }

    fn held(&self, found: &Found, octets: usize) -> Option<&[u8]> {
        if self.segment != found.location.segment() {
            return None;
        }
        let from = usize::try_from(u64::from(found.location.offset()).checked_sub(self.start)?).ok()?;
        self.window.get(from..from.checked_add(octets)?)
    }

    fn fill(&mut self, found: &Found, octets: usize, next: Option<&Found>) -> bool {
        let (segment, offset) = (found.location.segment(), found.location.offset());
        let is_near = |next: &Found| {
            next.location.segment() == segment
                && next.location.offset().checked_sub(offset).is_some_and(|distance| distance < NEAR)
        };
        let start = u64::from(offset);
        if next.is_some_and(is_near) {
            let left = usize::try_from(found.end.saturating_sub(start).min(WINDOW)).unwrap_or(octets);
            if self.read(found, left.max(octets)) {
                return true;
            }
        }
        // Alone: what cannot be read near it does not concern it.
        self.read(found, octets)
    }

    fn read(&mut self, found: &Found, octets: usize) -> bool {
        self.segment = found.location.segment();
        self.start = u64::from(found.location.offset());
        self.window.resize(octets, 0);
        let read = found.file.read_at(&mut self.window, self.start).is_ok();
        if !read {
            self.window.clear();
        }
        read
    }
}
