//! What every backend must do, told once. Backends call [`conformance`] and [`follows_a_model`], which also opens the
//! durable ones again.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::batch::{Batch, MAX_KEY, MAX_VALUE};
use crate::error::{Bound, StoreError};
use crate::space::Space;
use crate::store::{Budget, MAX_KEYS, Store};

/// Everything that can be seen of a store without opening it again. `open` makes a fresh, empty store.
pub(crate) fn conformance<S: Store>(open: impl Fn() -> S) {
    an_empty_store_answers(&open());
    puts_are_read_back(&open());
    overwrites_and_deletions(&open());
    spaces_do_not_meet(&open());
    scans_are_ordered_and_paged(&open());
    scans_of_names_meet_all(&open());
    a_walk_meets_all(&open());
    large_values(&open());
    bounds(&open());
    readers_see_whole_batches(&open());
}

fn an_empty_store_answers(store: &impl Store) {
    assert_eq!(read(store, Space::Message, b"k"), None);
    assert!(store.scan(Space::Message, None, 10).unwrap().entries.is_empty());
    assert_eq!(store.usage().live_records, 0);
    store.commit(&[]).unwrap();
    store.commit(&[Batch::new()]).unwrap();
    store.commit(&[deletion(Space::Meta, b"never there")]).unwrap();
    assert_eq!(store.read(Space::Meta, &[]).unwrap(), []);
    store.maintain(Budget::default()).unwrap();
    assert_eq!(store.usage().live_records, 0);
}

fn puts_are_read_back(store: &impl Store) {
    store.commit(&[put(Space::Message, b"b", b"2"), put(Space::Message, b"a", b"")]).unwrap();
    let values = store.read(Space::Message, &[b"a", b"x", b"b", b"a"]).unwrap();
    let values: Vec<_> = values.iter().map(|value| value.as_deref()).collect();
    assert_eq!(values, [Some(&b""[..]), None, Some(b"2"), Some(b"")]);
    assert_eq!(store.usage().live_records, 2);
}

fn overwrites_and_deletions(store: &impl Store) {
    let mut batch = Batch::new();
    batch.put(Space::State, b"k", b"1").unwrap();
    batch.put(Space::State, b"k", b"2").unwrap();
    batch.delete(Space::State, b"gone").unwrap();
    batch.put(Space::State, b"gone", b"back").unwrap();
    batch.delete(Space::State, b"gone").unwrap();
    store.commit(&[batch]).unwrap();
    assert_eq!(read(store, Space::State, b"k").as_deref(), Some(&b"2"[..]));
    assert_eq!(read(store, Space::State, b"gone"), None);
    store.commit(&[put(Space::State, b"k", b"3"), deletion(Space::State, b"k")]).unwrap();
    assert_eq!(read(store, Space::State, b"k"), None);
    store.commit(&[put(Space::State, b"k", b"4")]).unwrap();
    assert_eq!(read(store, Space::State, b"k").as_deref(), Some(&b"4"[..]));
    assert_eq!(store.usage().live_records, 1);
}

fn spaces_do_not_meet(store: &impl Store) {
    let mut batch = Batch::new();
    for space in Space::ALL {
        batch.put(space, b"k", &[space.tag()]).unwrap();
    }
    batch.delete(Space::Slot, b"k").unwrap();
    store.commit(&[batch]).unwrap();
    for space in Space::ALL {
        let expected = if space == Space::Slot { None } else { Some(vec![space.tag()].into_boxed_slice()) };
        assert_eq!(read(store, space, b"k"), expected);
        let page = store.scan(space, None, 10).unwrap();
        assert_eq!(page.entries.len(), usize::from(space != Space::Slot));
        assert_eq!(page.next, None);
    }
}

fn scans_are_ordered_and_paged(store: &impl Store) {
    let mut keys: Vec<Vec<u8>> = (0..100_u8).map(|n| vec![n.wrapping_mul(37), n]).collect();
    keys.extend([vec![0], vec![255; MAX_KEY], vec![255; MAX_KEY - 1]]);
    // Identifiers among them, dense and sparse, and what sorts beside them.
    keys.extend((0..90_u64).map(|n| (0x2500_0000_0000_0000 + n).to_be_bytes().to_vec()));
    keys.extend((0..20_u64).map(|n| (n << 60 | n).to_be_bytes().to_vec()));
    keys.extend([vec![0x25; 7], vec![0x25, 0, 0, 0, 0, 0, 0, 7, 0], vec![255; 8], vec![0; 8]]);
    keys.sort();
    keys.dedup();
    for key in keys.iter().rev() {
        store.commit(&[put(Space::Delivery, key, key)]).unwrap();
    }
    for limit in [1, 7, keys.len(), keys.len() + 1, usize::MAX] {
        assert_eq!(scan_keys(store, Space::Delivery, limit), keys, "limit {limit}");
    }
    for key in &keys {
        let next = keys.iter().find(|other| *other > key);
        let page = store.scan(Space::Delivery, Some(key), 1).unwrap();
        assert_eq!(page.entries.first().map(|entry| entry.key.to_vec()), next.cloned());
    }
    let page = store.scan(Space::Delivery, Some(&[0, 0]), 1).unwrap();
    assert!(page.entries[0].key.as_ref() > &[0, 0][..]);
    assert_eq!(page.next.as_deref(), Some(page.entries[0].key.as_ref()));
    assert!(store.scan(Space::Delivery, Some(&[255; MAX_KEY]), 9).unwrap().entries.is_empty());
    assert_eq!(store.scan(Space::Delivery, None, 0).unwrap().entries.len(), 1);
}

/// Whatever their order, it is the same for every walk, and nothing is met twice or left out.
fn scans_of_names_meet_all(store: &impl Store) {
    let mut keys: Vec<Vec<u8>> = (0..400).map(|n| format!("name {n}").into_bytes()).collect();
    keys.extend((0..100_u64).map(|n| n.to_be_bytes().to_vec()));
    for key in &keys {
        store.commit(&[put(Space::Authorization, key, key)]).unwrap();
    }
    keys.sort();
    let whole = scan_keys(store, Space::Authorization, usize::MAX);
    for limit in [1, 7, 500, 501] {
        assert_eq!(scan_keys(store, Space::Authorization, limit), whole, "limit {limit}");
    }
    let mut met = whole;
    met.sort();
    assert_eq!(met, keys);
}

fn a_walk_meets_all(store: &impl Store) {
    for space in [Space::Slot, Space::Message] {
        let value = |n: u32| vec![b'v'; usize::try_from(n % 300).unwrap()];
        for n in 0..3000_u32 {
            store.commit(&[put(space, &n.to_be_bytes(), &value(n))]).unwrap();
        }
        store.commit(&[put(space, &7_u32.to_be_bytes(), b"again")]).unwrap();
        store.commit(&[deletion(space, &8_u32.to_be_bytes())]).unwrap();
        let met = parking_lot::Mutex::new(BTreeMap::new());
        let visit = |key: &[u8], value: &[u8]| {
            assert!(met.lock().insert(key.to_vec(), value.to_vec()).is_none(), "met twice");
        };
        assert_eq!(store.walk(space, &visit).unwrap(), []);
        let met = met.into_inner();
        assert_eq!(met.len(), 2999);
        for (key, met) in &met {
            let n = u32::from_be_bytes(key.as_slice().try_into().unwrap());
            assert_eq!(*met, if n == 7 { b"again".to_vec() } else { value(n) });
        }
    }
}

fn large_values(store: &impl Store) {
    let value: Vec<u8> = (0..MAX_VALUE).map(|n| u8::try_from(n % 251).unwrap()).collect();
    for n in 0..10_u8 {
        store.commit(&[put(Space::Message, &[n], &value)]).unwrap();
    }
    assert_eq!(read(store, Space::Message, &[3]).as_deref(), Some(&value[..]));
    let page = store.scan(Space::Message, None, 100).unwrap();
    assert_eq!(page.entries.len(), 8, "a page is bounded in octets");
    assert_eq!(scan_keys(store, Space::Message, 100).len(), 10);
}

fn bounds(store: &impl Store) {
    let keys = vec![&b"k"[..]; MAX_KEYS + 1];
    assert_eq!(store.read(Space::Meta, &keys), Err(StoreError::Bounds(Bound::Keys)));
    assert_eq!(store.read(Space::Meta, &keys[..MAX_KEYS]).unwrap().len(), MAX_KEYS);
    let mut batch = Batch::new();
    while batch.put(Space::Meta, b"k", &vec![0; MAX_VALUE]).is_ok() {}
    assert_eq!(store.commit(&vec![batch; 5]), Err(StoreError::Bounds(Bound::Commit)));
    assert_eq!(read(store, Space::Meta, b"k"), None);
    assert_eq!(read(store, Space::Meta, &[b'k'; MAX_KEY + 1]), None);
}

/// Two keys always change together; no reader may see them differ, nor a step back.
fn readers_see_whole_batches(store: &impl Store) {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut last = None;
                while !done.load(Ordering::Relaxed) {
                    let pair = store.read(Space::State, &[b"a", b"b"]).unwrap();
                    assert_eq!(pair[0], pair[1]);
                    assert!(pair[0] >= last);
                    last.clone_from(&pair[0]);
                    let page = store.scan(Space::State, None, 10).unwrap();
                    assert!(page.entries.iter().all(|entry| entry.value == page.entries[0].value));
                }
            });
        }
        for n in 0..200_u32 {
            let mut batch = Batch::new();
            batch.put(Space::State, b"a", &n.to_be_bytes()).unwrap();
            batch.put(Space::State, b"b", &n.to_be_bytes()).unwrap();
            store.commit(&[batch.clone(), batch]).unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
}

/// What a store holds, told by a map.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Model(pub(crate) BTreeMap<(Space, Vec<u8>), Vec<u8>>);

impl Model {
    pub(crate) fn apply(&mut self, batch: &Batch) {
        for change in batch.changes() {
            let key = (change.space, change.key.to_vec());
            match change.value {
                Some(value) => self.0.insert(key, value.to_vec()),
                None => self.0.remove(&key),
            };
        }
    }

    /// Everything in the store, by pages.
    pub(crate) fn of(store: &impl Store) -> Self {
        let mut model = Self::default();
        for space in Space::ALL {
            let mut after = None;
            loop {
                let page = store.scan(space, after.as_deref(), 7).unwrap();
                assert_eq!(page.damaged, []);
                model.0.extend(page.entries.into_iter().map(|e| ((space, e.key.to_vec()), e.value.to_vec())));
                match page.next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
        }
        model
    }
}

/// One thing done to a store under test.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Commit(Vec<Batch>),
    Maintain(u64),
    Reopen,
}

/// Random steps; after each the store holds what a map holds. `place` makes room for a fresh store, `open` opens what
/// is there; a store that cannot be opened again says `reopens = false`.
pub(crate) fn follows_a_model<P, S: Store>(
    cases: u32,
    reopens: bool,
    place: impl Fn() -> P,
    open: impl Fn(&P) -> S,
) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let steps = proptest::collection::vec(step(), 1..40);
    let result = TestRunner::new(config).run(&steps, |steps| {
        let place = place();
        let mut store = open(&place);
        let mut model = Model::default();
        for step in steps {
            match step {
                Step::Commit(batches) => {
                    store.commit(&batches).unwrap();
                    batches.iter().for_each(|batch| model.apply(batch));
                }
                Step::Maintain(octets) => drop(store.maintain(Budget { octets }).unwrap()),
                Step::Reopen if reopens => {
                    drop(store);
                    store = open(&place);
                }
                Step::Reopen => {}
            }
            prop_assert!(Model::of(&store) == model);
            prop_assert_eq!(store.usage().live_records, u64::try_from(model.0.len()).unwrap());
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => proptest::collection::vec(batch(), 0..4).prop_map(Step::Commit),
        3 => (1_u64..20_000).prop_map(Step::Maintain),
        1 => Just(Step::Reopen),
    ]
}

fn batch() -> impl Strategy<Value = Batch> {
    let change = (0_usize..3, 0_u8..12, proptest::option::weighted(0.6, 0_usize..900));
    proptest::collection::vec(change, 0..6).prop_map(|changes| {
        let mut batch = Batch::new();
        for (space, key, octets) in changes {
            // Two spaces with an order and one without; names, and identifiers near each other.
            let space = [Space::Message, Space::State, Space::Authorization][space];
            let key = match key {
                0..6 => vec![key; 1 + usize::from(key) * 5],
                _ => (u64::from(key) * 40).to_be_bytes().to_vec(),
            };
            match octets {
                Some(octets) => batch.put(space, &key, &vec![key[0] ^ key[key.len() - 1]; octets]).unwrap(),
                None => batch.delete(space, &key).unwrap(),
            }
        }
        batch
    })
}

pub(crate) fn put(space: Space, key: &[u8], value: &[u8]) -> Batch {
    let mut batch = Batch::new();
    batch.put(space, key, value).unwrap();
    batch
}

pub(crate) fn deletion(space: Space, key: &[u8]) -> Batch {
    let mut batch = Batch::new();
    batch.delete(space, key).unwrap();
    batch
}

pub(crate) fn read(store: &impl Store, space: Space, key: &[u8]) -> Option<Box<[u8]>> {
    store.read(space, &[key]).unwrap().remove(0)
}

pub(crate) fn scan_keys(store: &impl Store, space: Space, limit: usize) -> Vec<Vec<u8>> {
    let mut keys = Vec::new();
    let mut after = None;
    loop {
        let page = store.scan(space, after.as_deref(), limit).unwrap();
        assert!(page.entries.len() <= limit && page.damaged.is_empty());
        keys.extend(page.entries.iter().map(|entry| entry.key.to_vec()));
        match page.next {
            Some(next) => after = Some(next),
            None => return keys,
        }
    }
}
