//! Lists beside a naive model: entries, imports, octets, and the precedence of all levels.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;
use veilgate_names::{ListKey, ObjectId, Timestamp};

use super::*;
use crate::objects::{Object, Objects};

mod precedence;

pub(super) const HOUR: i64 = 3_600_000;
/// An hour of 2026.
pub(super) const NOW: Timestamp = Timestamp(491_000 * HOUR);

pub(super) fn id(text: &str) -> ObjectId {
    ObjectId::parse(text).unwrap()
}

fn after(hours: i64) -> EntryEnd {
    EntryEnd::at(Timestamp(NOW.0 + hours * HOUR))
}

/// A key anywhere, from a small number.
fn key(n: u64) -> ListKey {
    ListKey(n.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

fn rows(entries: &[(ListKey, EntryEnd)], now: Timestamp) -> ListRows {
    let mut rows = ListRows::new(now);
    for (key, end) in entries {
        rows.push(*key, *end).unwrap();
    }
    rows
}

fn set(entries: &[(ListKey, EntryEnd)]) -> EntrySet {
    ListImport::new(rows(entries, NOW), ImportMode::Replace).apply(&EntrySet::default(), NOW)
}

#[test]
fn an_entry_counts_until_its_last_hour_ends() {
    let exact = EntryEnd::at(Timestamp(NOW.0 + 2 * HOUR));
    let odd = EntryEnd::at(Timestamp(NOW.0 + HOUR + 1));
    let far = EntryEnd::at(Timestamp(NOW.0 + 100_000 * HOUR));
    let entries = set(&[(key(1), exact), (key(2), odd), (key(3), EntryEnd::NEVER), (key(4), far)]);
    let at = |ms: i64| [1, 2, 3, 4].map(|n| entries.contains(key(n), Timestamp(NOW.0 + ms)));
    assert_eq!(at(0), [true; 4]);
    assert_eq!(at(2 * HOUR - 1), [true; 4], "an end within an hour counts to the end of that hour");
    assert_eq!(at(2 * HOUR), [false, false, true, true]);
    assert_eq!(at(200_000 * HOUR), [false, false, true, true], "more than seven years is never");
    assert_eq!(at(-NOW.0 - 5), [true; 4], "a clock that is set back brings nobody off a list");
}

#[test]
fn rows_that_have_ended_are_counted_and_left_out() {
    let rows = rows(&[(key(1), after(0)), (key(2), after(1)), (key(1), after(-9))], NOW);
    assert_eq!((rows.len(), rows.over()), (1, 2));
    let entries = ListImport::new(rows, ImportMode::Replace).apply(&EntrySet::default(), NOW);
    assert_eq!(
        (entries.len(), entries.contains(key(1), NOW), entries.contains(key(2), NOW)),
        (1, false, true)
    );
}

#[test]
fn of_two_rows_for_one_number_the_later_end_counts() {
    let entries =
        set(&[(key(1), after(9)), (key(1), after(2)), (key(2), after(9)), (key(2), EntryEnd::NEVER)]);
    assert_eq!(entries.len(), 2);
    let later = Timestamp(NOW.0 + 8 * HOUR);
    assert!(entries.contains(key(1), later) && entries.contains(key(2), Timestamp(NOW.0 + 10_000 * HOUR)));
}

#[test]
fn single_changes_lie_over_the_bulk_and_share_it() {
    let bulk = set(&[(key(1), EntryEnd::NEVER), (key(2), EntryEnd::NEVER)]);
    let (fewer, gone) = bulk.changed(&[key(1), key(7)], ListChange::Remove, NOW);
    assert_eq!((gone, fewer.len(), fewer.overlaid()), (1, 1, 2), "who is not on it is not taken off");
    let (more, new) = fewer.changed(&[key(1), key(2), key(3)], ListChange::Put(after(5)), NOW);
    assert_eq!((new, more.len()), (2, 3));
    assert!(bulk.contains(key(1), NOW) && !fewer.contains(key(1), NOW) && more.contains(key(1), NOW));
    let later = Timestamp(NOW.0 + 5 * HOUR);
    assert!(
        [1, 2, 3].iter().all(|n| !more.contains(key(*n), later)),
        "an end of its own, also for who was there"
    );
    let folded = more.folded(later);
    assert_eq!((folded.len(), folded.overlaid(), more.folded(NOW).len()), (0, 0, 3));
}

#[test]
fn a_list_is_swept_in_steps_and_then_folded() {
    let lists = Lists::default();
    let entries: Vec<_> =
        (0..100).map(|n| (key(n), if n < 10 { after(1) } else { EntryEnd::NEVER })).collect();
    lists.held(&id("a")).install(set(&entries));
    lists.held(&id("b")).install(set(&[(key(1), EntryEnd::NEVER)]));
    let rounds = |now| (0..8).filter_map(|_| lists.sweep(now, 30)).collect::<Vec<_>>();
    assert_eq!(rounds(NOW), []);
    let later = Timestamp(NOW.0 + HOUR);
    assert!(rounds(later).contains(&id("a")));
    let held = lists.held(&id("a"));
    held.install(held.entries().folded(later));
    assert_eq!((lists.len(), lists.ids()), (91, vec![id("a"), id("b")]));
    assert_eq!(rounds(later), []);
}

#[test]
fn readers_see_one_whole_list_or_the_next() {
    let held = Lists::default().held(&id("l"));
    let half = |from: u64| set(&(from..from + 1000).map(|n| (key(n), EntryEnd::NEVER)).collect::<Vec<_>>());
    held.install(half(0));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = || {
            while !done.load(Ordering::Relaxed) {
                let entries = held.entries();
                let old = (0..1000).filter(|n| entries.contains(key(*n), NOW)).count();
                let new = (1000..2000).filter(|n| entries.contains(key(*n), NOW)).count();
                assert!(matches!((old, new), (1000, 0) | (0, 1000)), "{old} of the old and {new} of the new");
            }
        };
        let readers = [scope.spawn(reader), scope.spawn(reader)];
        for round in 0..200 {
            held.install(half(1000 * (round % 2)));
        }
        done.store(true, Ordering::Relaxed);
        readers.into_iter().for_each(|reader| reader.join().unwrap());
    });
}

#[test]
fn keys_that_are_no_hashes_are_found_as_well() {
    let alike: Vec<_> = (0..5000).map(|n| (ListKey(n), EntryEnd::NEVER)).collect();
    let entries = set(&alike);
    assert!((0..5000).all(|n| entries.contains(ListKey(n), NOW)) && !entries.contains(ListKey(5000), NOW));
    let ends = set(&[(ListKey(0), EntryEnd::NEVER), (ListKey(u64::MAX), EntryEnd::NEVER)]);
    assert!(ends.contains(ListKey(0), NOW) && ends.contains(ListKey(u64::MAX), NOW));
    assert!(!EntrySet::default().contains(ListKey(0), NOW));
}

#[test]
fn an_entry_costs_twelve_octets_at_most() {
    let entries: Vec<_> =
        (0..100_000).map(|n| (key(n), if n % 2 == 0 { after(9) } else { EntryEnd::NEVER })).collect();
    let octets = set(&entries).octets();
    assert!(octets <= 12 * entries.len(), "{octets}");
    let without: Vec<_> = entries.iter().map(|(key, _)| (*key, EntryEnd::NEVER)).collect();
    assert!(set(&without).octets() <= 10 * entries.len());
}

#[test]
fn octets_that_are_cut_or_changed_are_refused_or_another_list() {
    let bulk = set(&[(key(1), after(7)), (key(2), EntryEnd::NEVER)]);
    let (whole, _) = bulk.changed(&[key(3)], ListChange::Put(after(3)), NOW);
    let (mut octets, mut overlay) = (Vec::new(), Vec::new());
    whole.write_bulk(&mut octets).unwrap();
    whole.write_overlay(&mut overlay).unwrap();
    for cut in 0..octets.len() {
        assert!(matches!(EntrySet::read_bulk(&octets[..cut]), Err(EntriesError::Damaged)), "{cut}");
    }
    for cut in 0..overlay.len() {
        assert!(EntrySet::default().read_overlay(&overlay[..cut]).is_err(), "{cut}");
    }
    octets.push(0);
    assert!(EntrySet::read_bulk(&octets[..]).is_err(), "something behind it");
    let mut huge = octets.clone();
    huge[8..16].fill(0x7f);
    assert!(EntrySet::read_bulk(&huge[..]).is_err(), "a wrong count reserves nothing");
    overlay[8..16].copy_from_slice(&u64::MAX.to_le_bytes());
    assert!(EntrySet::default().read_overlay(&overlay[..]).is_err());
}

#[test]
fn objects_say_whom_they_belong_to_and_nothing_else() {
    let parse = |json: &str| Object::parse(Kind::PersonList, &id("l"), json.as_bytes());
    let good = [
        r#"{"level":"global","kind":"black"}"#,
        r#"{"level":"tenant","kind":"white","tenant":"ent-1","categories":["marketing"],"services":["sms"]}"#,
        r#"{"level":"number","kind":"black","number":"10690001","description":"投诉","enabled":false}"#,
        r#"{"level":"signature","kind":"black","signature":"bank"}"#,
    ];
    for json in good {
        let object = parse(json).unwrap();
        assert_eq!(parse(std::str::from_utf8(&object.to_json()).unwrap()), Ok(object), "{json}");
    }
    let wrong = [
        (r#"{"level":"tenant","kind":"black"}"#, "tenant"),
        (r#"{"level":"global","kind":"black","tenant":"ent-1"}"#, "tenant"),
        (r#"{"level":"number","kind":"black","signature":"bank","number":"10690001"}"#, "signature"),
        (r#"{"level":"global","kind":"black","description":"a\nb"}"#, "description"),
        (r#"{"level":"global","kind":"grey"}"#, "kind"),
        (r#"{"level":"global","kind":"black","entries":[]}"#, "entries"),
        (r#"{"level":"global","kind":"black","categories":["spam"]}"#, "categories"),
        ("[]", ""),
    ];
    for (json, field) in wrong {
        let mistake = parse(json).unwrap_err();
        assert!(mistake.field.starts_with(field), "{json}: {mistake}");
    }
}

#[derive(Debug, Clone)]
enum Step {
    Import(Vec<(u8, i8)>, u8),
    Change(Vec<u8>, Option<i8>),
    Fold,
    Store,
    Wait(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let rows = proptest::collection::vec((any::<u8>(), -2..20_i8), 0..60);
    let step = prop_oneof![
        (rows, 0..3_u8).prop_map(|(rows, mode)| Step::Import(rows, mode)),
        (proptest::collection::vec(any::<u8>(), 0..9), proptest::option::of(-1..9_i8))
            .prop_map(|(keys, end)| Step::Change(keys, end)),
        Just(Step::Fold),
        Just(Step::Store),
        (0..5_u8).prop_map(Step::Wait),
    ];
    proptest::collection::vec(step, 1..24)
}

/// The naive list: each key with the hour since `NOW` in which it ends; 0 is never.
#[derive(Debug, Default, Clone, PartialEq)]
struct Model(BTreeMap<u8, i64>);

impl Model {
    fn live(&self, hours: i64) -> Self {
        Self(
            self.0
                .iter()
                .filter(|(_, end)| **end == 0 || **end > hours)
                .map(|(key, end)| (*key, *end))
                .collect(),
        )
    }

    fn import(&self, file: &Self, mode: ImportMode, hours: i64) -> Self {
        let old = self.live(hours);
        match mode {
            ImportMode::Replace => file.clone(),
            ImportMode::Add => Self(old.0.into_iter().chain(file.0.clone()).collect()),
            ImportMode::Remove => {
                Self(old.0.into_iter().filter(|(key, _)| !file.0.contains_key(key)).collect())
            }
        }
    }
}

fn end(hour: i64) -> EntryEnd {
    if hour == 0 { EntryEnd::NEVER } else { after(hour) }
}

fn do_import(
    rows: &[(u8, i8)],
    mode: u8,
    hours: i64,
    entries: &EntrySet,
    model: &Model,
) -> (EntrySet, Model) {
    let now = Timestamp(NOW.0 + hours * HOUR);
    let mode = [ImportMode::Replace, ImportMode::Add, ImportMode::Remove][usize::from(mode)];
    let mut file: BTreeMap<u8, i64> = BTreeMap::new();
    let mut list = ListRows::new(now);
    for (n, offset) in rows {
        let hour = if *offset == 0 { 0 } else { hours + i64::from(*offset) };
        // An hour that happens to be NOW itself would read as never in the model.
        let hour = if *offset != 0 && hour == 0 { -1 } else { hour };
        list.push(key(u64::from(*n)), end(hour)).unwrap();
        if hour == 0 || hour > hours {
            let later = |old: &mut i64| *old = if *old == 0 || hour == 0 { 0 } else { (*old).max(hour) };
            file.entry(*n).and_modify(later).or_insert(hour);
        }
    }
    let import = ListImport::new(list, mode);
    let (before, after) = (model.live(hours), model.import(&Model(file), mode, hours));
    let counts = import.counts(entries, now);
    let wide = |count: usize| u64::try_from(count).unwrap();
    let kept = after.0.keys().filter(|key| before.0.contains_key(key)).count();
    assert_eq!(counts.added, wide(after.0.len() - kept));
    assert_eq!(counts.removed, wide(before.0.len() - kept));
    assert_eq!(counts.kept, wide(kept));
    assert_eq!(
        counts.moved,
        wide(after.0.iter().filter(|(key, end)| before.0.get(key).is_some_and(|old| old != *end)).count())
    );
    let applied = import.apply(entries, now);
    assert_eq!(applied.len(), after.0.len());
    (applied, after)
}

fn stored(entries: &EntrySet) -> EntrySet {
    let (mut bulk, mut overlay) = (Vec::new(), Vec::new());
    entries.write_bulk(&mut bulk).unwrap();
    entries.write_overlay(&mut overlay).unwrap();
    EntrySet::read_bulk(&bulk[..]).unwrap().read_overlay(&overlay[..]).unwrap()
}

proptest! {
    /// Whatever is done to a list, it holds whom the naive list holds.
    #[test]
    fn a_list_is_what_the_naive_list_is(steps in steps()) {
        let (mut entries, mut model, mut hours) = (EntrySet::default(), Model::default(), 0);
        for step in steps {
            match step {
                Step::Wait(more) => hours += i64::from(more),
                Step::Fold => entries = entries.folded(Timestamp(NOW.0 + hours * HOUR)),
                Step::Store => entries = stored(&entries),
                Step::Import(rows, mode) => (entries, model) = do_import(&rows, mode, hours, &entries, &model),
                Step::Change(keys, None) => {
                    let gone: Vec<_> = keys.iter().map(|n| key(u64::from(*n))).collect();
                    entries = entries.changed(&gone, ListChange::Remove, Timestamp(NOW.0 + hours * HOUR)).0;
                    keys.iter().for_each(|n| { model.0.remove(n); });
                }
                Step::Change(keys, Some(offset)) => {
                    let hour = hours + i64::from(offset);
                    let hour = if hour == 0 { -1 } else { hour };
                    let put: Vec<_> = keys.iter().map(|n| key(u64::from(*n))).collect();
                    entries = entries.changed(&put, ListChange::Put(end(hour)), Timestamp(NOW.0 + hours * HOUR)).0;
                    keys.iter().for_each(|n| { model.0.insert(*n, hour); });
                }
            }
            let live = model.live(hours);
            for n in 0..=u8::MAX {
                let listed = entries.contains(key(u64::from(n)), Timestamp(NOW.0 + hours * HOUR));
                prop_assert_eq!(listed, live.0.contains_key(&n), "{}", n);
            }
        }
    }

    /// No octets panic.
    #[test]
    fn any_octets_are_read_or_refused(noise in proptest::collection::vec(any::<u8>(), 0..200), magic in any::<bool>()) {
        let mut octets = if magic { b"VGLIST01".to_vec() } else { b"VGLOVR01".to_vec() };
        octets.extend(noise);
        let _ = EntrySet::read_bulk(&octets[..]);
        let _ = EntrySet::default().read_overlay(&octets[..]);
    }
}

pub(super) fn objects(lists: &[(&str, &str)]) -> Objects {
    let mut objects = Objects::default();
    for (name, json) in lists {
        let object = Object::parse(Kind::PersonList, &id(name), json.as_bytes()).unwrap();
        objects.put(id(name), object);
    }
    objects
}

pub(super) fn put(lists: &Lists, name: &str, who: ListKey) {
    let held = lists.held(&id(name));
    let (entries, _) = held.entries().changed(&[who], ListChange::Put(EntryEnd::NEVER), NOW);
    held.install(entries);
}
