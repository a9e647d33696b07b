//! Disks that do not give what they hold, files that are used again, and disks that are full, slow or take nothing.

use std::io;
use std::sync::Arc;

use super::recorder::{Chance, Faults, Recorder};
use super::*;
use crate::conformance::{Model, deletion, put, read};
use crate::store::Budget;

const SMALL: Config = Config {
    segment_octets: 16 << 10,
    capacity_octets: 64 << 20,
    compact_below_percent: 50,
    slack_octets: 0,
};
const FIRST: &str = "segment-0000000001.log";

fn open(disk: &Recorder) -> LogStore {
    LogStore::on(Box::new(disk.clone()), SMALL).unwrap()
}

fn id(n: u64) -> [u8; 8] {
    n.to_be_bytes()
}

/// A message of 1000 octets in a commit of its own.
fn message(n: u64) -> Batch {
    put(Space::Message, &id(n), &[u8::try_from(n % 256).unwrap(); 1000])
}

fn settle(store: &LogStore) {
    while store.maintain(Budget { octets: 64 << 10 }).unwrap().more {}
}

/// Messages come and go until files have been used again.
fn churn(store: &LogStore, messages: std::ops::Range<u64>) {
    for n in messages {
        store.commit(&[message(n), deletion(Space::Message, &id(n.saturating_sub(10)))]).unwrap();
        settle(store);
    }
}

#[test]
fn what_the_disk_does_not_give_is_named_and_the_rest_is_served() {
    let disk = Recorder::default();
    let store = open(&disk);
    store.commit(&(1..=12).map(message).collect::<Vec<_>>()).unwrap();
    // The page from 4096 to 8192 holds parts of the messages 4 to 8.
    disk.lose(FIRST, 4096, 8192);
    let lost: Vec<u64> = (1..=12).filter(|n| store.read(Space::Message, &[&id(*n)]).is_err()).collect();
    assert_eq!(lost, [4, 5, 6, 7, 8]);
    let Err(StoreError::Corrupt(damage)) = store.read(Space::Message, &[&id(1), &id(6)]) else { panic!() };
    assert_eq!((damage.segment, damage.space, damage.id), (1, Some(Space::Message), Some(6)));
    let page = store.scan(Space::Message, None, 100).unwrap();
    assert_eq!((page.entries.len(), page.damaged.len()), (7, 5));
    let usage = store.usage();
    assert_eq!((usage.damaged, store.damages().len(), usage.live_records), (5, 5, 12), "each once");
    store.commit(&(13..=30).map(message).collect::<Vec<_>>()).unwrap();
    settle(&store);
    assert!(disk.names().contains(&FIRST.to_owned()), "it is kept");
}

#[test]
fn pages_lost_in_a_sealed_segment_do_not_keep_a_log_from_opening() {
    let disk = Recorder::default();
    let store = open(&disk);
    for n in 1..=30 {
        store.commit(&[message(n)]).unwrap();
    }
    drop(store);
    disk.lose(FIRST, 4096, 8192);
    let store = open(&disk);
    let damages = store.recovery().damages;
    assert!((1..=5).contains(&damages), "{damages}");
    let served =
        (1..=30).filter(|n| matches!(store.read(Space::Message, &[&id(*n)]), Ok(v) if v[0].is_some()));
    assert_eq!(served.count(), 25);
    churn(&store, 31..60);
    drop(store);
    disk.find();
    let store = open(&disk);
    assert_eq!(store.recovery().damages, 0);
    assert!(read(&store, Space::Message, &id(6)).is_some());
}

#[test]
fn a_page_lost_at_the_end_cuts_nothing_off() {
    let disk = Recorder::default();
    let store = open(&disk);
    for n in 1..=12 {
        store.commit(&[message(n)]).unwrap();
    }
    drop(store);
    disk.lose(FIRST, 8192, 16_384);
    let store = open(&disk);
    assert!(store.recovery().damages > 0);
    store.commit(&[message(50)]).unwrap();
    drop(store);
    disk.find();
    let store = open(&disk);
    let served: Vec<u64> = (1..=50).filter(|n| read(&store, Space::Message, &id(*n)).is_some()).collect();
    assert_eq!(served, (1..=12).chain([50]).collect::<Vec<_>>());
}

#[test]
fn files_are_used_again_and_what_they_held_does_not_come_back() {
    let disk = Recorder::default();
    let store = open(&disk);
    churn(&store, 100..400);
    assert!(disk.reused() > 10, "{}", disk.reused());
    let before = Model::of(&store);
    assert_eq!(before.0.len(), 10);
    drop(store);
    for round in 0..3 {
        let store = open(&disk);
        assert!(Model::of(&store) == before, "round {round}");
        assert_eq!((store.recovery().damages, store.recovery().torn_octets), (0, 0));
    }
    let store = open(&disk);
    churn(&store, 400..500);
    assert_eq!(Model::of(&store).0.len(), 10);
    // Nothing but segments, the spare and two former ones.
    let others = disk.names().into_iter().filter(|name| !name.starts_with("segment-")).count();
    assert!(others <= 3, "{:?}", disk.names());
}

#[test]
fn a_segment_whose_last_frames_vanished_is_told_as_damaged() {
    let disk = Recorder::default();
    let store = open(&disk);
    for n in 1..=20 {
        store.commit(&[message(n)]).unwrap();
    }
    drop(store);
    let file = disk.open(FIRST).unwrap();
    let frame = 36 + 14 + 8 + 1000;
    let end = 24 + (16_384 - 24) / frame * frame;
    file.write_at(&vec![0; usize::try_from(frame).unwrap()], end - frame).unwrap();
    let store = open(&disk);
    assert_eq!(store.recovery().damages, 1, "zeros where an acknowledged commit was");
    assert_eq!(Model::of(&store).0.len(), 19);
}

#[test]
fn a_read_goes_on_while_files_are_used_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = LogStore::open(folder.path(), SMALL).unwrap();
    let keys: Vec<[u8; 8]> = (0..40).map(id).collect();
    let keys: Vec<&[u8]> = keys.iter().map(<[u8; 8]>::as_slice).collect();
    store.commit(&(0..40).map(message).collect::<Vec<_>>()).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let values = store.read(Space::Message, &keys).unwrap();
                assert!(values.iter().all(Option::is_some));
                let page = store.scan(Space::Message, None, 40).unwrap();
                assert_eq!((page.entries.len(), page.damaged.len()), (40, 0));
            }
        });
        for round in 0..300 {
            let n = round % 40;
            store.commit(&[message(n), put(Space::Delivery, &id(round), &[7; 900])]).unwrap();
            store.commit(&[deletion(Space::Delivery, &id(round))]).unwrap();
            store.maintain(Budget { octets: 64 << 10 }).unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(store.usage().damaged, 0);
}

#[test]
fn a_log_that_is_only_looked_at_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    assert!(LogStore::examine(folder.path()).is_err(), "nobody ever opened it");
    let store = LogStore::open(folder.path(), SMALL).unwrap();
    for n in 1..=40 {
        store
            .commit(&[message(n), put(Space::State, &id(n), b"x"), deletion(Space::State, &id(n / 2))])
            .unwrap();
    }
    assert_eq!(LogStore::examine(folder.path()).err(), Some(StoreError::Locked));
    let expected = Model::of(&store);
    drop(store);
    let contents = || {
        let mut files: Vec<_> =
            std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().path()).collect();
        files.sort();
        files.into_iter().map(|file| (std::fs::read(&file).unwrap(), file)).collect::<Vec<_>>()
    };
    let torn = std::fs::OpenOptions::new().append(true).open(&contents().last().unwrap().1).unwrap();
    io::Write::write_all(&mut &torn, b"torn").unwrap();
    let before = contents();
    let looked_at = LogStore::examine(folder.path()).unwrap();
    assert!(Model::of(&looked_at) == expected);
    assert_eq!(looked_at.commit(&[message(1)]), Err(StoreError::ReadOnly));
    let spaces: Vec<_> = looked_at.spaces().iter().map(|usage| (usage.space, usage.records)).collect();
    assert_eq!(spaces, [(Space::Message, 40), (Space::State, 20)]);
    drop(looked_at);
    assert!(contents() == before);
}

/// Fills up whenever it holds so many octets; takes deletions of files.
#[test]
fn a_disk_that_runs_full_at_any_point_loses_nothing() {
    for seed in 0..60 {
        let (mut chance, disk) = (Chance(seed), Recorder::default());
        let store = open(&disk);
        let mut model = Model::default();
        for n in 0..200_u64 {
            let kind = Some(io::ErrorKind::StorageFull);
            match chance.below(12) {
                0 => disk.fail(Faults { write: kind, ..Faults::default() }),
                1 => disk.fail(Faults { create: kind, ..Faults::default() }),
                _ => disk.fail(Faults::default()),
            }
            let batch = match chance.below(3) {
                0 => deletion(Space::Message, &id(n.saturating_sub(5))),
                _ => message(n),
            };
            match store.commit(std::slice::from_ref(&batch)) {
                Ok(()) => model.apply(&batch),
                Err(error) => assert_eq!(error, StoreError::Full, "seed {seed}"),
            }
            if chance.below(2) == 0 {
                let step = store.maintain(Budget { octets: 8000 });
                assert!(matches!(step, Ok(_) | Err(StoreError::Full)), "seed {seed}: {step:?}");
            }
        }
        disk.fail(Faults::default());
        store.commit(&[message(999)]).unwrap();
        model.apply(&message(999));
        assert!(Model::of(&store) == model, "seed {seed}: it goes on by itself");
        drop(store);
        let store = open(&disk.cut(disk.events(), &mut chance));
        assert!(Model::of(&store) == model, "seed {seed}");
        assert_eq!(store.recovery().damages, 0);
    }
}

#[test]
fn a_disk_that_turns_read_only_keeps_what_was_acknowledged() {
    let disk = Recorder::default();
    let store = open(&disk);
    churn(&store, 0..40);
    let before = Model::of(&store);
    let kind = Some(io::ErrorKind::ReadOnlyFilesystem);
    disk.fail(Faults { write: kind, truncate: kind, create: kind, ..Faults::default() });
    let error = store.commit(&[message(50)]).unwrap_err();
    assert_eq!(error, StoreError::Io(io::ErrorKind::ReadOnlyFilesystem));
    assert_eq!(store.commit(&[message(51)]), Err(StoreError::ReadOnly));
    assert!(Model::of(&store) == before, "reads go on");
    drop(store);
    disk.fail(Faults::default());
    let store = open(&disk);
    assert!(Model::of(&store) == before);
    store.commit(&[message(52)]).unwrap();
}

/// Every sync takes its time.
struct Slow(Recorder);
struct SlowFile(Arc<dyn DiskFile>);

#[test]
fn a_slow_sync_only_slows_down() {
    let disk = Recorder::default();
    let store = LogStore::on(Box::new(Slow(disk.clone())), SMALL).unwrap();
    std::thread::scope(|scope| {
        for writer in 0..4_u64 {
            let store = &store;
            scope.spawn(move || (0..5).for_each(|n| store.commit(&[message(writer * 100 + n)]).unwrap()));
        }
        scope.spawn(|| (0..10).for_each(|_| assert!(store.maintain(Budget { octets: 4 << 10 }).is_ok())));
    });
    assert_eq!(Model::of(&store).0.len(), 20);
    drop(store);
    assert_eq!(Model::of(&open(&disk.cut(disk.events(), &mut Chance(1)))).0.len(), 20);
}

impl Disk for Slow {
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(SlowFile(self.0.create(name)?)))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(SlowFile(self.0.open(name)?)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.0.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.0.remove(name)
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.0.list()
    }

    fn sync_names(&self) -> io::Result<()> {
        self.0.sync_names()
    }
}

impl DiskFile for SlowFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.0.read_at(buffer, offset)
    }

    fn write_at(&self, octets: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_at(octets, offset)
    }

    fn length(&self) -> io::Result<u64> {
        self.0.length()
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.0.truncate(length)
    }

    fn sync(&self) -> io::Result<()> {
        std::thread::sleep(std::time::Duration::from_millis(20));
        self.0.sync()
    }
}
