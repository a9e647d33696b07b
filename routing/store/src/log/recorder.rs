//! A disk in memory that writes down everything asked of it, can be told to fail, and can be cut from its power at any
//! point of the recording.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;

use super::disk::{Disk, DiskFile};

/// Clones are the same disk.
#[derive(Clone, Default)]
pub(super) struct Recorder(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    contents: Vec<Vec<u8>>,
    names: BTreeMap<String, usize>,
    events: Vec<Event>,
    faults: Faults,
    /// Octets that cannot be read: file, from, to.
    lost: Vec<(usize, usize, usize)>,
}

/// What shall go wrong.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Faults {
    /// The next write stops half way with this error.
    pub(super) write: Option<io::ErrorKind>,
    /// The next sync fails and forgets what it was to write; later syncs succeed without it.
    pub(super) sync: Option<io::ErrorKind>,
    /// Every truncation fails.
    pub(super) truncate: Option<io::ErrorKind>,
    /// Every new file is refused.
    pub(super) create: Option<io::ErrorKind>,
    /// The next sync of names fails.
    pub(super) sync_names: Option<io::ErrorKind>,
}

#[derive(Clone)]
enum Event {
    Create { name: String, file: usize },
    Rename { from: String, to: String },
    Remove { name: String },
    SyncNames,
    Write { file: usize, offset: usize, octets: Vec<u8> },
    Truncate { file: usize, length: usize },
    Sync { file: usize },
    SyncFailed { file: usize },
}

struct RecordedFile {
    recorder: Recorder,
    file: usize,
}

/// splitmix64: enough chance for a test, and the same for the same seed.
pub(super) struct Chance(pub(super) u64);

impl Chance {
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(bound.max(1)).unwrap()).unwrap()
    }
}

impl Recorder {
    /// How many events have been written down.
    pub(super) fn events(&self) -> usize {
        self.0.lock().events.len()
    }

    pub(super) fn fail(&self, faults: Faults) {
        self.0.lock().faults = faults;
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.0.lock().names.keys().cloned().collect()
    }

    /// How often a former segment became the spare.
    pub(super) fn reused(&self) -> usize {
        let is_reuse =
            |event: &&Event| matches!(event, Event::Rename { from, .. } if from.starts_with("retired-"));
        self.0.lock().events.iter().filter(is_reuse).count()
    }

    /// From now on these octets of a file cannot be read.
    pub(super) fn lose(&self, name: &str, from: usize, to: usize) {
        let mut state = self.0.lock();
        let file = state.names[name];
        state.lost.push((file, from, to));
    }

    /// Everything can be read again.
    pub(super) fn find(&self) {
        self.0.lock().lost.clear();
    }

    /// Changes octets of a file behind the log's back.
    pub(super) fn spoil(&self, name: &str, offset: usize, mask: u8) {
        let mut state = self.0.lock();
        let file = state.names[name];
        state.contents[file][offset] ^= mask;
    }

    /// What is on the disk if the power fails after so many events. What was synced is there; of the rest anything
    /// may be: writes by sectors, lengths, names.
    pub(super) fn cut(&self, events: usize, chance: &mut Chance) -> Self {
        let state = self.0.lock();
        let mut after = AfterCut::new(state.contents.len());
        for event in &state.events[..events] {
            after.replay(event);
        }
        let survivor = after.end(chance);
        // What lies on the new disk lies there for sure.
        let mut events = Vec::new();
        for (name, file) in &survivor.names {
            events.push(Event::Create { name: name.clone(), file: *file });
            let octets = survivor.contents[*file].clone();
            events.push(Event::Write { file: *file, offset: 0, octets });
            events.push(Event::Sync { file: *file });
        }
        events.push(Event::SyncNames);
        Self(Arc::new(Mutex::new(State { events, ..survivor })))
    }

    fn file(&self, file: usize) -> Arc<dyn DiskFile> {
        Arc::new(RecordedFile { recorder: self.clone(), file })
    }
}

/// What is durable so far, and what is only under way.
struct AfterCut {
    durable: Vec<Vec<u8>>,
    pending: Vec<Vec<Event>>,
    names: BTreeMap<String, usize>,
    pending_names: Vec<Event>,
}

impl AfterCut {
    fn new(files: usize) -> Self {
        Self {
            durable: vec![Vec::new(); files],
            pending: vec![Vec::new(); files],
            names: BTreeMap::new(),
            pending_names: Vec::new(),
        }
    }

    fn replay(&mut self, event: &Event) {
        match event {
            Event::Write { file, .. } | Event::Truncate { file, .. } => {
                self.pending[*file].push(event.clone())
            }
            Event::Sync { file } => {
                for event in std::mem::take(&mut self.pending[*file]) {
                    apply(&mut self.durable[*file], &event);
                }
            }
            Event::SyncFailed { file } => self.pending[*file].clear(),
            Event::SyncNames => {
                for event in std::mem::take(&mut self.pending_names) {
                    apply_name(&mut self.names, &event);
                }
            }
            Event::Create { .. } | Event::Rename { .. } | Event::Remove { .. } => {
                self.pending_names.push(event.clone());
            }
        }
    }

    fn end(mut self, chance: &mut Chance) -> State {
        let keep_names = chance.below(4);
        let prefix = chance.below(self.pending_names.len() + 1);
        for (n, event) in self.pending_names.iter().enumerate() {
            let kept = match keep_names {
                0 => false,
                1 => true,
                2 => n < prefix,
                _ => chance.below(2) == 0,
            };
            if kept {
                apply_name(&mut self.names, event);
            }
        }
        let sector = [512, 4096][chance.below(2)];
        let keep_sectors = chance.below(5);
        for (contents, pending) in self.durable.iter_mut().zip(&self.pending) {
            for event in pending {
                match event {
                    Event::Write { offset, octets, .. } => {
                        write_sectors(contents, *offset, octets, sector, keep_sectors, chance);
                    }
                    event if chance.below(2) == 0 => apply(contents, event),
                    _ => {}
                }
            }
        }
        State { contents: self.durable, names: self.names, ..State::default() }
    }
}

/// Keeps `keep` of four sectors; sometimes the length grows though the octets are lost.
fn write_sectors(
    contents: &mut Vec<u8>,
    offset: usize,
    octets: &[u8],
    sector: usize,
    keep: usize,
    chance: &mut Chance,
) {
    let end = offset + octets.len();
    if chance.below(2) == 0 && contents.len() < end {
        contents.resize(end, 0);
    }
    let mut at = offset;
    while at < end {
        let next = ((at / sector + 1) * sector).min(end);
        if chance.below(4) < keep {
            write(contents, at, &octets[at - offset..next - offset]);
        }
        at = next;
    }
}

fn write(contents: &mut Vec<u8>, offset: usize, octets: &[u8]) {
    let end = offset + octets.len();
    if contents.len() < end {
        contents.resize(end, 0);
    }
    contents[offset..end].copy_from_slice(octets);
}

fn apply(contents: &mut Vec<u8>, event: &Event) {
    match event {
        Event::Write { offset, octets, .. } => write(contents, *offset, octets),
        Event::Truncate { length, .. } => contents.resize(*length, 0),
        _ => {}
    }
}

fn apply_name(names: &mut BTreeMap<String, usize>, event: &Event) {
    match event {
        Event::Create { name, file } => drop(names.insert(name.clone(), *file)),
        Event::Remove { name } => drop(names.remove(name)),
        Event::Rename { from, to } => {
            if let Some(file) = names.remove(from) {
                names.insert(to.clone(), file);
            }
        }
        _ => {}
    }
}

impl State {
    fn record(&mut self, event: Event) {
        apply_name(&mut self.names, &event);
        if let Event::Write { file, .. } | Event::Truncate { file, .. } = &event {
            apply(&mut self.contents[*file], &event);
        }
        self.events.push(event);
    }

    fn number(&self, name: &str) -> io::Result<usize> {
        self.names.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Disk for Recorder {
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.0.lock();
        if let Some(kind) = state.faults.create {
            return Err(kind.into());
        }
        if state.names.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let file = state.contents.len();
        state.contents.push(Vec::new());
        state.record(Event::Create { name: name.to_owned(), file });
        Ok(self.file(file))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        Ok(self.file(self.0.lock().number(name)?))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.0.lock();
        state.number(from)?;
        state.record(Event::Rename { from: from.to_owned(), to: to.to_owned() });
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.0.lock();
        state.number(name)?;
        state.record(Event::Remove { name: name.to_owned() });
        Ok(())
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.names())
    }

    fn sync_names(&self) -> io::Result<()> {
        let mut state = self.0.lock();
        if let Some(kind) = state.faults.sync_names.take() {
            return Err(kind.into());
        }
        state.record(Event::SyncNames);
        Ok(())
    }
}

impl DiskFile for RecordedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let state = self.recorder.0.lock();
        let offset = usize::try_from(offset).unwrap();
        let is_lost = |(file, from, to): &(usize, usize, usize)| {
            *file == self.file && *from < offset + buffer.len() && offset < *to
        };
        if state.lost.iter().any(is_lost) {
            return Err(io::ErrorKind::Other.into());
        }
        let octets = state.contents[self.file].get(offset..offset + buffer.len());
        buffer.copy_from_slice(octets.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_at(&self, octets: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.recorder.0.lock();
        let fault = state.faults.write.take();
        let octets = if fault.is_some() { &octets[..octets.len() / 2] } else { octets };
        let offset = usize::try_from(offset).unwrap();
        state.record(Event::Write { file: self.file, offset, octets: octets.to_vec() });
        fault.map_or(Ok(()), |kind| Err(kind.into()))
    }

    fn length(&self) -> io::Result<u64> {
        Ok(u64::try_from(self.recorder.0.lock().contents[self.file].len()).unwrap())
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        let mut state = self.recorder.0.lock();
        if let Some(kind) = state.faults.truncate {
            return Err(kind.into());
        }
        let length = usize::try_from(length).unwrap();
        state.record(Event::Truncate { file: self.file, length });
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.recorder.0.lock();
        if let Some(kind) = state.faults.sync.take() {
            state.record(Event::SyncFailed { file: self.file });
            return Err(kind.into());
        }
        state.record(Event::Sync { file: self.file });
        Ok(())
    }
}
