use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use veilgate_names::EnterpriseId;

use super::*;
use crate::objects::{Kind, Object, Objects};

fn id(text: &str) -> ObjectId {
    ObjectId::parse(text).unwrap()
}

fn most(count: u32) -> NonZeroU32 {
    NonZeroU32::new(count).unwrap()
}

fn number(name: &str) -> CallScope {
    CallScope::Number(id(name))
}

fn line(name: &str) -> CallScope {
    CallScope::Line(id(name))
}

#[test]
fn the_eleventh_of_ten_is_refused_until_one_has_ended() {
    let slots = Concurrency::default();
    let wanted = [(number("n1"), most(10))];
    for call in 0..10 {
        assert_eq!(slots.take(MessageId(call), &wanted, Monotonic(100)), Ok(()));
    }
    let busy = slots.take(MessageId(10), &wanted, Monotonic(100));
    assert_eq!(busy, Err(Busy { scope: Some(number("n1")) }));
    assert!(slots.release(MessageId(3)) && !slots.release(MessageId(3)));
    assert_eq!(slots.take(MessageId(10), &wanted, Monotonic(100)), Ok(()));
    assert_eq!((slots.taken(&number("n1")), slots.calls()), (10, 10));
}

#[test]
fn all_or_none_are_taken() {
    let slots = Concurrency::default();
    slots.take(MessageId(1), &[(line("l1"), most(1))], Monotonic(100)).unwrap();
    let wanted = [(number("n1"), most(5)), (line("l1"), most(1))];
    assert_eq!(slots.take(MessageId(2), &wanted, Monotonic(100)), Err(Busy { scope: Some(line("l1")) }));
    assert_eq!((slots.taken(&number("n1")), slots.calls()), (0, 1));
}

#[test]
fn a_line_is_added_and_given_back_alone() {
    let slots = Concurrency::default();
    let call = MessageId(1);
    slots.take(call, &[(number("n1"), most(1)), (number("n1"), most(1))], Monotonic(100)).unwrap();
    slots.take(call, &[(number("n1"), most(1)), (line("l1"), most(1))], Monotonic(100)).unwrap();
    assert_eq!((slots.taken(&number("n1")), slots.taken(&line("l1"))), (1, 1));
    assert!(slots.release_one(call, &line("l1")) && !slots.release_one(call, &line("l1")));
    assert_eq!((slots.taken(&number("n1")), slots.taken(&line("l1"))), (1, 0));
    assert!(slots.release(call) && slots.taken(&number("n1")) == 0);
}

#[test]
fn a_call_that_nobody_hears_of_gives_its_slot_back() {
    let slots = Concurrency::default();
    let wanted = [(number("n1"), most(2))];
    slots.take(MessageId(1), &wanted, Monotonic(100)).unwrap();
    slots.take(MessageId(2), &wanted, Monotonic(100)).unwrap();
    assert!(slots.put_off(MessageId(2), Monotonic(200)) && !slots.put_off(MessageId(3), Monotonic(200)));
    assert!(slots.sweep(Monotonic(99), 10).is_empty());
    assert_eq!(slots.sweep(Monotonic(100), 10), [MessageId(1)]);
    assert!(slots.sweep(Monotonic(199), 10).is_empty() && slots.taken(&number("n1")) == 1);
    assert_eq!(slots.sweep(Monotonic(u64::MAX), 0), []);
    assert_eq!(slots.sweep(Monotonic(u64::MAX), 10), [MessageId(2)]);
    assert!(!slots.put_off(MessageId(1), Monotonic(300)) && slots.calls() == 0);
}

#[test]
fn a_lower_limit_lets_nobody_in_before_there_is_room() {
    let slots = Concurrency::default();
    for call in 0..3 {
        slots.take(MessageId(call), &[(number("n1"), most(3))], Monotonic(100)).unwrap();
    }
    let lower = [(number("n1"), most(2))];
    for call in 0..2 {
        assert!(slots.take(MessageId(9), &lower, Monotonic(100)).is_err());
        slots.release(MessageId(call));
    }
    assert!(slots.take(MessageId(9), &lower, Monotonic(100)).is_ok());
}

#[test]
fn of_any_number_at_once_exactly_as_many_pass_as_may() {
    for _ in 0..20 {
        let (slots, passed) = (Concurrency::default(), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for call in 0..64 {
                let (slots, passed) = (&slots, &passed);
                scope.spawn(move || {
                    let wanted = [(number("n1"), most(10)), (line("l1"), most(64))];
                    let taken = slots.take(MessageId(call), &wanted, Monotonic(100)).is_ok();
                    passed.fetch_add(usize::from(taken), Ordering::Relaxed);
                });
            }
        });
        assert_eq!((passed.into_inner(), slots.taken(&line("l1"))), (10, 10));
    }
}

#[test]
fn a_tenant_has_its_own_limit_and_those_above_it() {
    let mut objects = Objects::default();
    for (name, json) in [
        ("carrier", r#"{"level":"carrier","concurrent_calls":9}"#),
        ("dist-1", r#"{"level":"distributor","parent":"carrier"}"#),
        ("ent-1", r#"{"level":"enterprise","parent":"dist-1","concurrent_calls":3}"#),
    ] {
        objects.put(id(name), Object::parse(Kind::Tenant, &id(name), json.as_bytes()).unwrap());
    }
    let tree = Tree::compile(&objects).unwrap();
    let of = |name: &str| {
        CallScope::of_tenants(&tree, tree.chain(&EnterpriseId::parse(name).unwrap())).collect::<Vec<_>>()
    };
    let carrier = (CallScope::Tenant(id("carrier")), most(9));
    assert_eq!(of("ent-1"), [(CallScope::Tenant(id("ent-1")), most(3)), carrier.clone()]);
    assert_eq!(of("unknown"), [carrier]);
}

#[derive(Debug, Clone)]
enum Op {
    Take(u64, Vec<(usize, u32)>, u64),
    PutOff(u64, u64),
    ReleaseOne(u64, usize),
    Release(u64),
    Sweep(u64),
}

fn op() -> impl Strategy<Value = Op> {
    let call = || 0..12_u64;
    prop_oneof![
        6 => (call(), prop::collection::vec((0..4_usize, 1..4_u32), 0..4), 0..100_u64).prop_map(|(c, w, u)| Op::Take(c, w, u)),
        1 => (call(), 0..100_u64).prop_map(|(c, u)| Op::PutOff(c, u)),
        1 => (call(), 0..4_usize).prop_map(|(c, s)| Op::ReleaseOne(c, s)),
        2 => call().prop_map(Op::Release),
        1 => (0..100_u64).prop_map(Op::Sweep),
    ]
}

fn scope(place: usize) -> CallScope {
    [number("n1"), number("n2"), line("l1"), CallScope::Tenant(id("n1"))][place].clone()
}

proptest! {
    #[test]
    fn slots_are_what_calls_hold(ops in prop::collection::vec(op(), 0..80)) {
        let slots = Concurrency::default();
        let mut model: BTreeMap<u64, (u64, Vec<usize>)> = BTreeMap::new();
        for op in ops {
            let taken = |model: &BTreeMap<u64, (u64, Vec<usize>)>, place| {
                model.values().filter(|(_, held)| held.contains(&place)).count()
            };
            match op {
                Op::Take(call, wanted, until) => {
                    let asked: Vec<_> = wanted.iter().map(|(place, count)| (scope(*place), most(*count))).collect();
                    let mut held = model.get(&call).map_or(Vec::new(), |(_, held)| held.clone());
                    let mut fits = true;
                    for (place, count) in wanted {
                        if fits && !held.contains(&place) {
                            fits = taken(&model, place) < usize::try_from(count).unwrap();
                            held.push(place);
                        }
                    }
                    prop_assert_eq!(slots.take(MessageId(call), &asked, Monotonic(until)).is_ok(), fits);
                    if fits {
                        model.insert(call, (until, held));
                    }
                }
                Op::PutOff(call, until) => {
                    let held = model.get_mut(&call).map(|held| held.0 = until).is_some();
                    prop_assert_eq!(slots.put_off(MessageId(call), Monotonic(until)), held);
                }
                Op::ReleaseOne(call, place) => {
                    let held = model.get_mut(&call).map(|(_, held)| held);
                    let was = held.is_some_and(|held| held.iter().position(|h| *h == place).map(|at| held.remove(at)).is_some());
                    prop_assert_eq!(slots.release_one(MessageId(call), &scope(place)), was);
                }
                Op::Release(call) => prop_assert_eq!(slots.release(MessageId(call)), model.remove(&call).is_some()),
                Op::Sweep(now) => {
                    let mut gone: Vec<_> = slots.sweep(Monotonic(now), usize::MAX);
                    gone.sort();
                    let over = model.iter().filter(|(_, (until, _))| *until <= now).map(|(call, _)| MessageId(*call));
                    prop_assert_eq!(gone, over.collect::<Vec<_>>());
                    model.retain(|_, (until, _)| *until > now);
                }
            }
            prop_assert_eq!(slots.calls(), model.len());
            for place in 0..4 {
                prop_assert_eq!(usize::try_from(slots.taken(&scope(place))).unwrap(), taken(&model, place));
            }
        }
    }
}
