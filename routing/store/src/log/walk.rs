//! A walk over all records of a space, as a start needs it: in the order in which they lie, read a window at a time, on
//! all processors.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use parking_lot::Mutex;

use super::disk::DiskFile;
use super::index::{Index, Location};
use crate::batch::Record;
use crate::error::Damage;
use crate::space::Space;

/// Octets read at once, unless one record is longer.
const WINDOW: u32 = 1 << 20;
/// Records of a window at most.
const MOST: usize = 8192;
/// More threads than this gain nothing: who is shown the records takes locks.
const MAX_THREADS: usize = 8;

struct Window {
    segment: u32,
    file: Arc<dyn DiskFile>,
    places: Vec<Location>,
}

/// Records that lie near each other in one file, by their places.
pub(super) struct Windows {
    space: Space,
    windows: Vec<Window>,
}

impl Windows {
    pub(super) fn of(index: &Index, space: Space) -> Self {
        Self { space, windows: windows(index, index.places(space)) }
    }

    /// Shows every record; gives those that are damaged, without their keys.
    pub(super) fn show(&self, visit: &(dyn Fn(&[u8], &[u8]) + Sync)) -> Vec<Damage> {
        let Self { space, windows } = self;
        let (next, damaged) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        let work = || {
            let mut octets = Vec::new();
            while let Some(window) = windows.get(next.fetch_add(1, Ordering::Relaxed)) {
                let found = window.show(*space, &mut octets, visit);
                if !found.is_empty() {
                    damaged.lock().extend(found);
                }
            }
        };
        let threads =
            thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS).min(windows.len());
        thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(work);
            }
            work();
        });
        damaged.into_inner()
    }
}

fn windows(index: &Index, places: Vec<Location>) -> Vec<Window> {
    let mut windows: Vec<Window> = Vec::new();
    for place in places {
        if let Some(window) = windows.last_mut().filter(|window| window.has_room(place)) {
            window.places.push(place);
        } else if let Some(segment) = index.segment(place.segment()) {
            let file = Arc::clone(&segment.file);
            windows.push(Window { segment: place.segment(), file, places: vec![place] });
        }
    }
    windows
}

impl Window {
    fn has_room(&self, place: Location) -> bool {
        let first = self.places.first().map_or(0, |first| first.offset());
        self.segment == place.segment()
            && self.places.len() < MOST
            && place.offset().saturating_add(place.octets()).saturating_sub(first) <= WINDOW
    }

    /// Shows its records; gives those that are damaged.
    fn show(&self, space: Space, octets: &mut Vec<u8>, visit: &(dyn Fn(&[u8], &[u8]) + Sync)) -> Vec<Damage> {
        let start = self.places.first().map_or(0, |first| first.offset());
        let end = self.places.last().map_or(0, |last| last.offset().saturating_add(last.octets()));
        if !self.read(start, end, octets) {
            // Something in it cannot be read: each by itself.
            octets.clear();
        }
        let mut damaged = Vec::new();
        let mut alone = Vec::new();
        for place in &self.places {
            let (offset, length) = (place.offset(), place.octets());
            let held = range(offset.saturating_sub(start), length).and_then(|range| octets.get(range));
            let held = match held {
                Some(held) => held,
                None if self.read(offset, offset.saturating_add(length), &mut alone) => &alone,
                None => &[],
            };
            let record =
                Record::split(held).filter(|record| record.is_whole() && record.change.space == space);
            match record.and_then(|record| Some((record.change.key, record.change.value?))) {
                Some((key, value)) => visit(key, value),
                None => damaged.push(Damage::at(self.segment, u64::from(offset)).of(space, &[])),
            }
        }
        damaged
    }

    fn read(&self, start: u32, end: u32, into: &mut Vec<u8>) -> bool {
        into.resize(usize::try_from(end.saturating_sub(start)).unwrap_or(0), 0);
        self.file.read_at(into, u64::from(start)).is_ok()
    }
}

fn range(start: u32, length: u32) -> Option<std::ops::Range<usize>> {
    let start = usize::try_from(start).ok()?;
    Some(start..start.checked_add(usize::try_from(length).ok()?)?)
}
