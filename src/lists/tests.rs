//! Lists over restarts: what was answered is there, what is damaged or missing is named, and no number lies on disk.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;
use veilgate_identity::{KeyRing, ListReader};
use veilgate_names::{ListKey, ObjectId, Timestamp};
use veilgate_policy::{EntryEnd, EntrySet, ImportMode, ListChange, Lists};

use super::{Done, ListFileError, ListRefusal, ListStore, Order};

const NOW: Timestamp = Timestamp(1_790_000_000_000);
const HOUR: i64 = 3_600_000;

fn ring(seed: u8) -> Arc<KeyRing> {
    let mut state = seed;
    let mut entropy = |octets: &mut [u8]| {
        for octet in octets {
            state = state.wrapping_mul(31).wrapping_add(11);
            *octet = state;
        }
    };
    Arc::new(KeyRing::generate(&[7; 16], &mut entropy).unwrap())
}

fn open(folder: &Path) -> ListStore {
    ListStore::open(folder.to_path_buf(), &ring(1), Lists::default()).unwrap()
}

fn refused(folder: &Path) -> String {
    ListStore::open(folder.to_path_buf(), &ring(1), Lists::default()).err().expect("a refusal").to_string()
}

fn id(name: &str) -> ObjectId {
    ObjectId::parse(name).unwrap()
}

/// The keys of these numbers.
fn keys(numbers: &[&str]) -> Vec<ListKey> {
    let (ring, file) = (ring(1), format!("msisdn\n{}\n", numbers.join("\n")));
    let mut reader = ListReader::open(file.as_bytes(), &ring).unwrap();
    numbers.iter().map(|_| reader.next_row().unwrap().unwrap().key).collect()
}

fn on(lists: &Lists, list: &str, numbers: &[&str]) -> Vec<bool> {
    let entries = lists.held(&id(list)).entries();
    keys(numbers).into_iter().map(|key| entries.contains(key, NOW)).collect()
}

fn order(mode: ImportMode, confirmed: bool) -> Order {
    Order { mode, dry_run: false, confirmed }
}

fn import(store: &ListStore, file: &str, order: Order) -> Result<Done, ListRefusal> {
    store.import(&id("dnc"), file.as_bytes(), order, NOW)
}

const A: &str = "19900000001";
const B: &str = "19900000002";
const C: &str = "19900000003";
const PUT: ListChange = ListChange::Put(EntryEnd::NEVER);

#[test]
fn what_was_answered_is_there_after_a_restart() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    let first = import(&store, &format!("msisdn\n{A}\n{B}\n"), order(ImportMode::Add, false)).unwrap();
    assert_eq!((first.counts.added, first.before), (2, None));
    assert_eq!(on(open(folder.path()).lists(), "dnc", &[A, B, C]), [true, true, false]);
    let single = store.change(&id("dnc"), &keys(&[C]), PUT, NOW).unwrap();
    assert_eq!((single.counts.added, single.before), (1, first.after));
    store.change(&id("dnc"), &keys(&[A]), ListChange::Remove, NOW).unwrap();
    let again = open(folder.path());
    assert_eq!(on(again.lists(), "dnc", &[A, B, C]), [false, true, true]);
    let last = again.change(&id("dnc"), &keys(&[A]), PUT, NOW).unwrap();
    assert_eq!(last.before, store.states()[0].2.into(), "the digest is that of the files");
    again.change(&id("other"), &keys(&[A]), PUT, NOW).unwrap();
    let names = |store: &ListStore| store.states().into_iter().map(|(id, _, _)| id).collect::<Vec<_>>();
    assert_eq!(names(&open(folder.path())), [id("dnc"), id("other")]);
}

#[test]
fn a_dry_run_tells_and_does_nothing() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    import(&store, &format!("msisdn\n{A}\n{B}\n"), order(ImportMode::Add, false)).unwrap();
    let octets = || fs::read(folder.path().join("dnc.vgl")).unwrap();
    let before = octets();
    let dry = Order { mode: ImportMode::Replace, dry_run: true, confirmed: false };
    let file = format!("msisdn,expires\n{B},2030-01-01\n{C},\n{A},2020-01-01\n");
    let told = import(&store, &file, dry).unwrap();
    assert_eq!((told.counts.added, told.counts.removed, told.counts.kept, told.counts.moved), (1, 1, 1, 1));
    assert_eq!((told.over, told.after, octets() == before), (1, None, true));
    let refusal = import(&store, &file, order(ImportMode::Replace, false)).unwrap_err();
    assert!(matches!(refusal, ListRefusal::Unconfirmed(1)), "{refusal}");
    assert_eq!((on(store.lists(), "dnc", &[A, B, C]), octets() == before), (vec![true, true, false], true));
    import(&store, &file, order(ImportMode::Replace, true)).unwrap();
    assert_eq!(on(store.lists(), "dnc", &[A, B, C]), [false, true, true]);
    import(&store, &format!("msisdn,expires\n{B},2020-01-01\n"), order(ImportMode::Remove, true)).unwrap();
    assert_eq!(on(open(folder.path()).lists(), "dnc", &[A, B, C]), [false, false, true]);
}

#[test]
fn a_file_with_a_mistake_changes_nothing() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    import(&store, &format!("msisdn\n{A}\n"), order(ImportMode::Add, false)).unwrap();
    let error =
        import(&store, &format!("msisdn\n{B}\n1990000000x\n"), order(ImportMode::Add, true)).unwrap_err();
    assert_eq!(error.to_string(), "line 3, column msisdn: not a number");
    assert_eq!(on(store.lists(), "dnc", &[A, B]), [true, false]);
    assert_eq!(on(open(folder.path()).lists(), "dnc", &[A, B]), [true, false]);
}

#[test]
fn a_damaged_list_is_named_and_not_taken_for_an_empty_one() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    import(&store, &format!("msisdn,expires\n{A},2030-01-01\n{B},\n"), order(ImportMode::Add, false))
        .unwrap();
    store.change(&id("dnc"), &keys(&[C]), PUT, NOW).unwrap();
    for name in ["dnc.vgl", "dnc.vgo", "index"] {
        let path = folder.path().join(name);
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            fs::write(&path, &whole[..at]).unwrap();
            assert!(refused(folder.path()).contains(name), "{name} cut at {at}");
            let mut changed = whole.clone();
            changed[at] ^= 1;
            fs::write(&path, &changed).unwrap();
            assert!(refused(folder.path()).contains(name), "{name} changed at {at}");
        }
        fs::write(&path, [&whole[..], b"x"].concat()).unwrap();
        assert!(refused(folder.path()).contains(name), "{name} with more behind");
        fs::write(&path, &whole).unwrap();
    }
    assert_eq!(on(open(folder.path()).lists(), "dnc", &[A, B, C]), [true; 3]);
}

#[test]
fn a_missing_swapped_or_foreign_list_is_named() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    store.change(&id("dnc"), &keys(&[A]), PUT, NOW).unwrap();
    store.change(&id("other"), &keys(&[B]), PUT, NOW).unwrap();
    let (one, two) = (folder.path().join("dnc.vgl"), folder.path().join("other.vgl"));
    let whole = fs::read(&one).unwrap();
    fs::remove_file(&one).unwrap();
    let error = ListStore::open(folder.path().to_path_buf(), &ring(1), Lists::default()).err().unwrap();
    assert!(matches!(&error, ListFileError::Missing(path) if *path == one), "{error}");
    fs::copy(&two, &one).unwrap();
    assert!(refused(folder.path()).contains("dnc.vgl"), "another list in its place");
    fs::write(&one, whole).unwrap();
    let foreign = ListStore::open(folder.path().to_path_buf(), &ring(2), Lists::default()).err().unwrap();
    assert!(matches!(foreign, ListFileError::Damaged(_)));
    fs::write(folder.path().join("not a name.vgl"), b"").unwrap();
    assert!(refused(folder.path()).contains("not a name.vgl"));
}

/// A crash between the new bulk and the end of the old changes leaves both.
#[test]
fn single_changes_of_an_older_bulk_do_not_count() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    import(&store, &format!("msisdn\n{A}\n"), order(ImportMode::Add, false)).unwrap();
    store.change(&id("dnc"), &keys(&[B]), PUT, NOW).unwrap();
    let path = folder.path().join("dnc.vgo");
    let changes = fs::read(&path).unwrap();
    import(&store, &format!("msisdn\n{C}\n"), order(ImportMode::Replace, true)).unwrap();
    assert!(!path.exists());
    fs::write(&path, changes).unwrap();
    let again = open(folder.path());
    assert_eq!(on(again.lists(), "dnc", &[A, B, C]), [false, false, true]);
    again.change(&id("dnc"), &keys(&[A]), PUT, NOW).unwrap();
    assert_eq!(on(open(folder.path()).lists(), "dnc", &[A, B, C]), [true, false, true]);
}

#[test]
fn what_has_ended_goes_from_disk_and_many_changes_become_one_file() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    import(&store, &format!("msisdn,expires\n{A},2030-01-01\n{B},\n"), order(ImportMode::Add, false))
        .unwrap();
    let later = Timestamp(Timestamp::parse("2030-01-01").unwrap().0 + HOUR);
    let done = store.fold(&id("dnc"), later).unwrap();
    assert_eq!((done.counts.removed, store.lists().len()), (1, 1));
    let many: Vec<ListKey> =
        (0..20_000_u64).map(|n| ListKey(n.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
    store.change(&id("dnc"), &many, PUT, NOW).unwrap();
    let states = open(folder.path()).states();
    let (_, entries, _) = &states[0];
    assert_eq!((entries.len(), entries.overlaid()), (20_001, 0));
    assert!(many.len() > EntrySet::MAX_OVERLAY);
}

#[test]
fn changes_at_once_are_all_kept() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let store = &store;
            scope.spawn(move || {
                for n in 0..20 {
                    store.change(&id("dnc"), &[ListKey(1000 * thread + n)], PUT, NOW).unwrap();
                }
            });
        }
    });
    let again = open(folder.path());
    let entries = again.lists().held(&id("dnc")).entries();
    let all = (0..4).flat_map(|thread| (0..20).map(move |n| ListKey(1000 * thread + n)));
    assert_eq!((entries.len(), all.filter(|key| entries.contains(*key, NOW)).count()), (80, 80));
}

#[test]
fn a_refused_import_of_a_new_list_leaves_a_folder_that_opens() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    assert!(import(&store, "msisdn\nx\n", order(ImportMode::Add, true)).is_err());
    let dry = Order { mode: ImportMode::Add, dry_run: true, confirmed: false };
    import(&store, &format!("msisdn\n{A}\n"), dry).unwrap();
    store.change(&id("other"), &keys(&[A]), PUT, NOW).unwrap();
    assert_eq!(open(folder.path()).states().len(), 1);
}

#[test]
fn no_number_lies_in_the_folder() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    import(&store, &format!("msisdn\n+86{A}\n{B}\n"), order(ImportMode::Add, false)).unwrap();
    store.change(&id("dnc"), &keys(&[C]), PUT, NOW).unwrap();
    for entry in fs::read_dir(folder.path()).unwrap() {
        let octets = fs::read(entry.unwrap().path()).unwrap();
        for number in [A, B, C] {
            let value: u64 = number.parse().unwrap();
            let packed = value + 8_600_000_000_000;
            let swapped: Vec<u8> = number
                .as_bytes()
                .chunks(2)
                .map(|pair| {
                    let low = pair[0] - b'0';
                    low | pair.get(1).map_or(0xf0, |high| (high - b'0') << 4)
                })
                .collect();
            let spellings = [
                number.as_bytes().to_vec(),
                value.to_le_bytes()[..5].to_vec(),
                value.to_be_bytes()[3..].to_vec(),
                packed.to_le_bytes()[..6].to_vec(),
                packed.to_be_bytes()[2..].to_vec(),
                swapped,
            ];
            for spelling in spellings {
                assert!(!octets.windows(spelling.len()).any(|window| window == spelling), "a number on disk");
            }
        }
    }
}
