//! What the log adds to the conformance suite: files, crashes, damage, a full disk, housekeeping.

use std::io;
use std::os::unix::fs::PermissionsExt;

use super::recorder::{Chance, Faults, Recorder};
use super::*;
use crate::conformance::{self, Model, deletion, put, read};
use crate::error::Damage;
use crate::store::{Budget, Maintained};

const SMALL: Config =
    Config { segment_octets: 4096, capacity_octets: 64 << 20, compact_below_percent: 50, slack_octets: 0 };

fn open(disk: &Recorder) -> LogStore {
    LogStore::on(Box::new(disk.clone()), SMALL).unwrap()
}

/// Housekeeping until nothing is left to do.
fn settle(store: &LogStore) -> Maintained {
    let mut all = Maintained::default();
    for _ in 0..10_000 {
        let step = store.maintain(Budget { octets: 1500 }).unwrap();
        all.segments_removed += step.segments_removed;
        all.octets_moved += step.octets_moved;
        if !step.more {
            return all;
        }
    }
    panic!("housekeeping does not come to rest");
}

/// Fills segments with records that do not matter.
fn fill(store: &LogStore, records: u8) {
    for n in 0..records {
        store.commit(&[put(Space::Delivery, &[n % 4], &[n; 600])]).unwrap();
    }
}

#[test]
fn conforms_on_a_disk_in_memory() {
    let config = Config { capacity_octets: 1 << 30, ..SMALL };
    conformance::conformance(|| LogStore::on(Box::new(Recorder::default()), config).unwrap());
    conformance::follows_a_model(150, true, Recorder::default, |disk| {
        LogStore::on(Box::new(disk.clone()), config).unwrap()
    });
}

#[test]
fn conforms_in_a_folder() {
    let folders = std::cell::RefCell::new(Vec::new());
    conformance::conformance(|| {
        folders.borrow_mut().push(tempfile::tempdir().unwrap());
        LogStore::open(folders.borrow().last().unwrap().path(), Config::default()).unwrap()
    });
    let place = || tempfile::tempdir().unwrap();
    conformance::follows_a_model(10, true, place, |folder| LogStore::open(folder.path(), SMALL).unwrap());
}

#[test]
fn one_opener_at_a_time_and_nobody_else_may_read() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("journal");
    let store = LogStore::open(&folder, SMALL).unwrap();
    store.commit(&[put(Space::Meta, b"k", b"v")]).unwrap();
    settle(&store);
    assert_eq!(LogStore::open(&folder, SMALL).err(), Some(StoreError::Locked));
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    let files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 3, "a lock, a segment, a spare");
    assert!(files.iter().all(|file| mode(file) == 0o600));
    drop(store);
    assert!(LogStore::open(&folder, SMALL).is_ok());
    assert_eq!(
        LogStore::open(&parent.path().join("no/such"), SMALL).err(),
        Some(StoreError::Io(io::ErrorKind::NotFound))
    );
}

#[test]
fn a_segment_that_grows_is_left_for_the_first_spare() {
    let newest =
        |disk: &Recorder| disk.list().unwrap().into_iter().filter(|name| name.ends_with("log")).max();
    let disk = Recorder::default();
    let store = open(&disk);
    store.commit(&[put(Space::Meta, b"a", b"1")]).unwrap();
    assert_eq!(newest(&disk).as_deref(), Some("segment-0000000001.log"));
    settle(&store);
    store.commit(&[put(Space::Meta, b"b", b"2")]).unwrap();
    assert_eq!(newest(&disk).as_deref(), Some("segment-0000000002.log"));
    settle(&store);
    store.commit(&[put(Space::Meta, b"c", b"3")]).unwrap();
    assert_eq!(newest(&disk).as_deref(), Some("segment-0000000002.log"), "it is of full length");
    drop(store);
    let store = open(&disk);
    settle(&store);
    store.commit(&[put(Space::Meta, b"d", b"4")]).unwrap();
    assert_eq!(newest(&disk).as_deref(), Some("segment-0000000002.log"), "after a restart, too");
    assert_eq!(Model::of(&store).0.len(), 4);
}

#[test]
fn a_torn_tail_is_discarded_whole() {
    let disk = Recorder::default();
    let store = open(&disk);
    store.commit(&[put(Space::Meta, b"a", b"1")]).unwrap();
    let end = store.usage().octets;
    store.commit(&[put(Space::Meta, b"b", &[7; 900])]).unwrap();
    drop(store);
    disk.spoil("segment-0000000001.log", usize::try_from(end).unwrap() + 800, 1);
    let store = open(&disk);
    assert_eq!(Model::of(&store).0.len(), 1);
    assert_eq!((store.recovery().damages, store.recovery().torn_octets), (0, 36 + 14 + 1 + 900));
    store.commit(&[put(Space::Meta, b"c", b"3")]).unwrap();
    drop(store);
    let store = open(&disk);
    assert_eq!((store.recovery().torn_octets, store.recovery().batches), (0, 2));
}

#[test]
fn damage_is_named_and_the_rest_is_served() {
    let disk = Recorder::default();
    let store = open(&disk);
    store.commit(&[put(Space::Meta, b"a", b"old")]).unwrap();
    let mut batch = put(Space::Meta, b"a", &[1; 100]);
    batch.put(Space::Meta, b"b", &[2; 100]).unwrap();
    let at = store.usage().octets;
    store.commit(&[batch]).unwrap();
    store.commit(&[put(Space::Meta, b"c", &[3; 100])]).unwrap();
    drop(store);
    disk.spoil("segment-0000000001.log", usize::try_from(at).unwrap() + 36 + 50, 1);
    let store = open(&disk);
    let damage = Damage::at(1, at + 36).of(Space::Meta, b"a");
    assert_eq!((store.recovery().damages, &store.recovery().damaged[..]), (1, &[damage][..]));
    assert_eq!(store.read(Space::Meta, &[b"a"]), Err(StoreError::Corrupt(damage)), "not the older value");
    assert_eq!(read(&store, Space::Meta, b"b").as_deref(), Some(&[2; 100][..]));
    let page = store.scan(Space::Meta, None, 1).unwrap();
    assert_eq!((page.entries.len(), page.damaged, page.next.as_deref()), (0, vec![damage], Some(&b"a"[..])));
    let page = store.scan(Space::Meta, page.next.as_deref(), 5).unwrap();
    assert_eq!((page.entries.len(), page.damaged.len(), page.next), (2, 0, None));
    store.commit(&[put(Space::Meta, b"a", b"new")]).unwrap();
    assert_eq!(read(&store, Space::Meta, b"a").as_deref(), Some(&b"new"[..]));
    settle(&store);
    assert!(disk.names().contains(&segment_name(1)), "a damaged segment is kept");
}

#[test]
fn every_bit_of_a_segment_may_rot() {
    let mut chance = Chance(7);
    for round in 0..300 {
        let disk = Recorder::default();
        let store = open(&disk);
        for n in 0..8 {
            store.commit(&[put(Space::Meta, &[n], &[n; 200]), put(Space::State, &[n], &[n])]).unwrap();
        }
        // A sealed segment: nothing in it can be torn.
        store.commit(&[put(Space::Reply, b"big", &[0; 3000])]).unwrap();
        drop(store);
        let at = chance.below(24 + 8 * (36 + 15 + 200 + 36 + 16));
        disk.spoil("segment-0000000001.log", at, 1 << chance.below(8));
        let store = open(&disk);
        assert!(store.recovery().damages >= 1, "round {round}: octet {at}");
        let served =
            (0..8).filter(|n| matches!(store.read(Space::Meta, &[&[*n]]), Ok(v) if v[0].is_some())).count();
        assert!(
            served >= 7 && read(&store, Space::Reply, b"big").is_some(),
            "round {round}: octet {at}: {served}"
        );
    }
}

#[test]
fn damage_that_comes_later_is_named_when_read() {
    let disk = Recorder::default();
    let store = open(&disk);
    store.commit(&[put(Space::Meta, b"a", &[1; 100]), put(Space::Meta, b"b", &[1; 100])]).unwrap();
    disk.spoil("segment-0000000001.log", 24 + 36 + 20, 8);
    let damage = Damage::at(1, 24 + 36).of(Space::Meta, b"a");
    assert_eq!(store.read(Space::Meta, &[b"b", b"a"]), Err(StoreError::Corrupt(damage)));
    assert!(read(&store, Space::Meta, b"b").is_some());
    assert_eq!(store.usage().damaged, 1);
}

#[test]
fn a_foreign_segment_is_refused() {
    let disk = Recorder::default();
    let file = disk.create(&segment_name(1)).unwrap();
    let mut header = Vec::new();
    frame::write_segment_header(&mut header, 2, 1);
    file.write_at(&header, 0).unwrap();
    assert_eq!(LogStore::on(Box::new(disk), SMALL).err(), Some(StoreError::Foreign));
}

#[test]
fn a_failed_sync_ends_all_writing_and_is_never_taken_for_success() {
    let disk = Recorder::default();
    let store = open(&disk);
    store.commit(&[put(Space::Meta, b"a", b"1")]).unwrap();
    disk.fail(Faults { sync: Some(io::ErrorKind::Other), ..Faults::default() });
    let error = store.commit(&[put(Space::Meta, b"b", b"2")]).unwrap_err();
    assert_eq!((error, error.retry()), (StoreError::Io(io::ErrorKind::Other), crate::Retry::Reopen));
    assert_eq!(store.commit(&[put(Space::Meta, b"c", b"3")]), Err(StoreError::ReadOnly));
    assert_eq!(store.maintain(Budget::default()), Err(StoreError::ReadOnly));
    assert!(store.usage().read_only);
    assert_eq!(read(&store, Space::Meta, b"a").as_deref(), Some(&b"1"[..]), "reads go on");
    assert_eq!(read(&store, Space::Meta, b"b"), None);
    drop(store);
    // The page cache still shows the lost write. What the next opener serves must be on the disk.
    let store = open(&disk);
    let seen = Model::of(&store);
    assert_eq!(seen.0.len(), 2);
    for seed in 0..20 {
        let after = open(&disk.cut(disk.events(), &mut Chance(seed)));
        assert!(Model::of(&after) == seen, "seed {seed}");
    }
    disk.fail(Faults { sync: Some(io::ErrorKind::Other), ..Faults::default() });
    assert!(LogStore::on(Box::new(disk.clone()), SMALL).is_err(), "an opener that cannot sync does not open");
}

#[test]
fn a_failed_write_leaves_nothing_behind() {
    let disk = Recorder::default();
    let store = open(&disk);
    store.commit(&[put(Space::Meta, b"a", b"1")]).unwrap();
    disk.fail(Faults { write: Some(io::ErrorKind::StorageFull), ..Faults::default() });
    assert_eq!(store.commit(&[put(Space::Meta, b"b", &[2; 500])]), Err(StoreError::Full));
    store.commit(&[put(Space::Meta, b"c", b"3")]).unwrap();
    disk.fail(Faults { create: Some(io::ErrorKind::StorageFull), ..Faults::default() });
    assert_eq!(store.commit(&[put(Space::Meta, b"d", &[2; 4000])]), Err(StoreError::Full));
    assert_eq!(store.maintain(Budget::default()), Err(StoreError::Full));
    disk.fail(Faults::default());
    store.commit(&[put(Space::Meta, b"e", b"5")]).unwrap();
    let seen = Model::of(&store);
    drop(store);
    let store = open(&disk.cut(disk.events(), &mut Chance(1)));
    assert!(Model::of(&store) == seen && seen.0.len() == 3);
    assert_eq!((store.recovery().damages, store.recovery().torn_octets), (0, 0));
}

#[test]
fn a_write_that_cannot_be_taken_back_ends_all_writing() {
    for faults in [
        Faults {
            write: Some(io::ErrorKind::Other),
            truncate: Some(io::ErrorKind::Other),
            ..Faults::default()
        },
        Faults { write: Some(io::ErrorKind::Other), sync: Some(io::ErrorKind::Other), ..Faults::default() },
        Faults { sync_names: Some(io::ErrorKind::Other), ..Faults::default() },
    ] {
        let disk = Recorder::default();
        let store = open(&disk);
        store.commit(&[put(Space::Meta, b"a", b"1")]).unwrap();
        disk.fail(faults);
        assert!(store.commit(&[put(Space::Meta, b"b", &[2; 4000])]).is_err());
        assert_eq!(store.commit(&[put(Space::Meta, b"b", b"2")]), Err(StoreError::ReadOnly), "{faults:?}");
    }
}

#[test]
fn a_full_log_takes_deletions_and_recovers() {
    let config = Config { capacity_octets: 6 * 4096, ..SMALL };
    let store = LogStore::on(Box::new(Recorder::default()), config).unwrap();
    let mut kept = Vec::new();
    while store.commit(&[put(Space::Message, &[u8::try_from(kept.len()).unwrap()], &[1; 1000])]).is_ok() {
        kept.push(u8::try_from(kept.len()).unwrap());
    }
    assert_eq!(kept.len(), 21);
    for key in kept.drain(3..) {
        store.commit(&[deletion(Space::Message, &[key])]).unwrap();
    }
    settle(&store);
    store.commit(&[put(Space::Message, b"new", &[1; 1000])]).unwrap();
    assert_eq!(Model::of(&store).0.len(), 4);
}

#[test]
fn dead_segments_go_though_an_older_one_lives() {
    let disk = Recorder::default();
    let store = open(&disk);
    for n in 0..3 {
        store.commit(&[put(Space::Authorization, &[n], &[n; 1200])]).unwrap();
    }
    fill(&store, 60);
    let before = store.usage();
    let done = settle(&store);
    assert!(before.segments > 9 && store.usage().segments <= 3, "{:?}", store.usage());
    assert!(disk.names().contains(&segment_name(1)));
    assert!(done.octets_moved < 3 * 700, "the dead cost nothing to remove");
}

#[test]
fn deleted_keys_stay_deleted() {
    let disk = Recorder::default();
    let store = open(&disk);
    store.commit(&[put(Space::Message, b"key", b"v"), put(Space::Slot, b"pin", &[1; 3000])]).unwrap();
    fill(&store, 8);
    store.commit(&[deletion(Space::Message, b"key"), put(Space::State, b"near", b"x")]).unwrap();
    fill(&store, 20);
    settle(&store);
    assert!(disk.names().contains(&segment_name(1)), "the value is still there");
    drop(store);
    let store = open(&disk);
    assert_eq!(read(&store, Space::Message, b"key"), None);
    // Put back, deleted again; then everything in between goes.
    store.commit(&[put(Space::Message, b"key", b"again")]).unwrap();
    fill(&store, 20);
    settle(&store);
    store.commit(&[deletion(Space::Message, b"key")]).unwrap();
    fill(&store, 20);
    settle(&store);
    drop(store);
    let store = open(&disk);
    assert_eq!(read(&store, Space::Message, b"key"), None);
    // Once the first segment is gone its deletions may go as well.
    store.commit(&[deletion(Space::Slot, b"pin"), deletion(Space::State, b"near")]).unwrap();
    fill(&store, 20);
    settle(&store);
    fill(&store, 20);
    settle(&store);
    drop(store);
    let store = open(&disk);
    assert_eq!((Model::of(&store).0.len(), disk.names().contains(&segment_name(1))), (4, false));
}

#[test]
fn compaction_keeps_what_lives_and_its_order() {
    let disk = Recorder::default();
    let store = open(&disk);
    let mut model = Model::default();
    let mut chance = Chance(3);
    for round in 0..400_u32 {
        let key = [u8::try_from(chance.below(40)).unwrap()];
        let batch = match chance.below(4) {
            0 => deletion(Space::State, &key),
            _ => put(Space::State, &key, &round.to_be_bytes().repeat(1 + chance.below(100))),
        };
        store.commit(std::slice::from_ref(&batch)).unwrap();
        model.apply(&batch);
        if round % 7 == 0 {
            store.maintain(Budget { octets: 2000 }).unwrap();
        }
    }
    settle(&store);
    let usage = store.usage();
    assert!(usage.live_octets * 3 > usage.octets - 2 * 4096, "{usage:?}");
    assert!(Model::of(&store) == model);
    drop(store);
    let store = open(&disk);
    assert!(Model::of(&store) == model);
    assert_eq!(
        (store.usage().live_octets, store.usage().live_records),
        (usage.live_octets, usage.live_records)
    );
}

#[test]
fn nothing_is_moved_before_there_is_much_to_be_won() {
    let disk = Recorder::default();
    let config = Config { slack_octets: 8 * 4096, ..SMALL };
    let store = LogStore::on(Box::new(disk), config).unwrap();
    let moved = |store: &LogStore| store.maintain(Budget::default()).unwrap().octets_moved;
    let mut moved_at = None;
    for round in 0_u64..200 {
        let stays = put(Space::Authorization, &round.to_be_bytes(), b"stays");
        store.commit(&[put(Space::State, b"goes", &[0; 1000]), stays]).unwrap();
        if moved(&store) > 0 {
            moved_at.get_or_insert(round);
        }
    }
    let moved_at = moved_at.expect("in the end it is moved");
    assert!((28..60).contains(&moved_at), "32 KiB are dead after some 32 rounds: {moved_at}");
    assert_eq!(store.usage().live_records, 201);
}

#[test]
fn a_long_commit_gets_a_segment_of_its_own() {
    let disk = Recorder::default();
    let store = open(&disk);
    fill(&store, 3);
    store.commit(&[put(Space::Message, b"long", &vec![5; 100_000])]).unwrap();
    fill(&store, 3);
    assert_eq!(store.usage().segments, 3);
    drop(store);
    assert_eq!(read(&open(&disk), Space::Message, b"long").map(|value| value.len()), Some(100_000));
}
