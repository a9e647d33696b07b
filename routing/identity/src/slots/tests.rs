use proptest::prelude::*;

use super::*;

const ANN: SubscriberKey = SubscriberKey([1; 16]);
const BOB: SubscriberKey = SubscriberKey([2; 16]);

fn number() -> ServiceNumber {
    ServiceNumber::parse("10690001").unwrap()
}

/// The moment of every use that does not matter.
const NOW: Timestamp = Timestamp(1_000_000_000_000);
const DAY: Duration = Duration::from_secs(86_400);

fn given(slots: &Slots, width: u8, who: SubscriberKey, id: u32) -> Result<Allocated, Reason> {
    slots.allocate(number(), width, who, &authorization(id), NOW)
}

/// Frees what has to be freed `keep` after the end that `tenancy` tells.
fn sweep(slots: &Slots, now: Timestamp, tenancy: impl Fn(&AuthorizationId) -> Tenancy) -> Swept {
    let swept = slots.sweep(usize::MAX, DAY, now, tenancy);
    swept.changed.iter().for_each(|record| slots.stored(record));
    swept.freed.iter().for_each(|record| slots.freed(record));
    swept
}

fn authorization(n: u32) -> AuthorizationId {
    AuthorizationId::parse(&format!("au-{n}")).unwrap()
}

#[test]
fn a_reply_finds_its_authorization() {
    let slots = Slots::new(100);
    let one = given(&slots, 2, ANN, 1).unwrap();
    assert_eq!(slots.find(number(), Extension::NONE, ANN), SlotMatch::Found(authorization(1)));
    let two = given(&slots, 2, ANN, 2).unwrap();
    assert_ne!(one.extension, two.extension);
    assert_eq!(slots.find(number(), one.extension, ANN), SlotMatch::Found(authorization(1)));
    assert_eq!(slots.find(number(), two.extension, ANN), SlotMatch::Found(authorization(2)));
    let both = vec![(authorization(1), NOW), (authorization(2), NOW)];
    assert_eq!(slots.find(number(), Extension::NONE, ANN), SlotMatch::Several(both));
    assert_eq!(slots.of_subscriber(number(), ANN), [authorization(1), authorization(2)]);
    let again = slots.allocate(number(), 3, ANN, &authorization(1), NOW).unwrap();
    assert_eq!(again.extension, one.extension);
}

#[test]
fn a_record_goes_along_until_it_is_durable_and_when_the_use_is_old_news() {
    let slots = Slots::new(100);
    let at = |seconds: i64| Timestamp(NOW.0 + seconds * 1000);
    let first = slots.allocate(number(), 2, ANN, &authorization(1), at(0)).unwrap().record.unwrap();
    let second = slots.allocate(number(), 2, ANN, &authorization(1), at(1)).unwrap().record;
    assert!(second.is_some(), "the first may not be durable yet");
    slots.stored(&first);
    assert_eq!(slots.allocate(number(), 2, ANN, &authorization(1), at(59)).unwrap().record, None);
    assert_eq!(
        slots.allocate(number(), 2, ANN, &authorization(1), at(60)).unwrap().record,
        None,
        "his only one"
    );
    slots.allocate(number(), 2, ANN, &authorization(2), at(59)).unwrap();
    let later = slots.allocate(number(), 2, ANN, &authorization(1), at(60)).unwrap().record.unwrap();
    assert_ne!(later, first, "it has the later use");
    assert_eq!(later.key, first.key);
    let back = Slots::new(100);
    back.restore([(&later.key, &later.value)]).unwrap();
    assert_eq!(back.allocate(number(), 2, ANN, &authorization(1), at(61)).unwrap().record, None);
    back.allocate(number(), 2, ANN, &authorization(2), at(70)).unwrap();
    let SlotMatch::Several(used) = back.find(number(), Extension::NONE, ANN) else { panic!("two slots") };
    assert_eq!(used, [(authorization(1), at(61)), (authorization(2), at(70))]);
}

#[test]
fn digits_come_back_after_end_and_quarantine_and_not_before() {
    let slots = Slots::new(100);
    for id in 0..10 {
        given(&slots, 1, ANN, id).unwrap();
    }
    let ended = |id: &AuthorizationId| {
        if *id == authorization(3) { Tenancy::Ended(NOW) } else { Tenancy::Live }
    };
    let swept = sweep(&slots, NOW.plus(DAY / 2), ended);
    assert_eq!((swept.changed.len(), swept.freed.len()), (1, 0), "its end is written down");
    assert_eq!(given(&slots, 1, ANN, 10), Err(Reason::NoSlot), "quarantine");
    let held = slots.find(number(), Extension { width: 1, value: 0 }, ANN);
    assert!(matches!(held, SlotMatch::Found(_)), "late replies still find it");
    let swept = slots.sweep(usize::MAX, DAY, NOW.plus(DAY), ended);
    assert_eq!((swept.changed.len(), swept.freed.len()), (0, 1));
    assert_eq!(given(&slots, 1, ANN, 10), Err(Reason::NoSlot), "its deletion is not durable yet");
    assert_eq!(
        slots.sweep(usize::MAX, DAY, NOW.plus(DAY), ended).freed,
        swept.freed,
        "told again until it is"
    );
    slots.freed(&swept.freed[0]);
    slots.freed(&swept.freed[0]);
    assert_eq!(slots.len(), 9);
    assert!(given(&slots, 1, ANN, 10).is_ok());
}

#[test]
fn an_end_is_remembered_when_the_authorization_is_forgotten() {
    let slots = Slots::new(100);
    given(&slots, 2, ANN, 1).unwrap();
    let swept = sweep(&slots, NOW.plus(DAY / 4), |_| Tenancy::Ended(NOW));
    let back = Slots::new(100);
    back.restore(swept.changed.iter().map(|record| (&record.key, &record.value))).unwrap();
    assert!(sweep(&back, NOW.plus(DAY / 2), |_| Tenancy::Unknown).freed.is_empty());
    assert_eq!(sweep(&back, NOW.plus(DAY), |_| Tenancy::Unknown).freed.len(), 1);
    assert!(back.is_empty());
    let unknown = Slots::new(100);
    given(&unknown, 2, ANN, 1).unwrap();
    assert!(
        sweep(&unknown, NOW.plus(DAY * 9), |_| Tenancy::Unknown).freed.is_empty(),
        "it ended when it was missed"
    );
    assert_eq!(sweep(&unknown, NOW.plus(DAY * 10), |_| Tenancy::Unknown).freed.len(), 1);
}

#[test]
fn an_authorization_that_lives_again_keeps_its_digits() {
    let slots = Slots::new(100);
    let one = given(&slots, 2, ANN, 1).unwrap();
    sweep(&slots, NOW.plus(DAY / 4), |_| Tenancy::Ended(NOW));
    assert_eq!(sweep(&slots, NOW.plus(DAY / 2), |_| Tenancy::Live).changed.len(), 1);
    assert!(sweep(&slots, NOW.plus(DAY * 2), |_| Tenancy::Live).freed.is_empty());
    assert_eq!(given(&slots, 2, ANN, 1).unwrap().extension, one.extension);
}

#[test]
fn a_reply_from_another_tenure_goes_nowhere() {
    let slots = Slots::new(100);
    let ann = given(&slots, 2, ANN, 1).unwrap();
    assert_eq!(slots.find(number(), ann.extension, BOB), SlotMatch::OtherTenure);
    assert_eq!(slots.find(number(), Extension::NONE, BOB), SlotMatch::None);
    let unused = Extension { width: 2, value: (ann.extension.value + 1) % 100 };
    assert_eq!(slots.find(number(), unused, BOB), SlotMatch::None);
    let other = ServiceNumber::parse("10690002").unwrap();
    assert_eq!(slots.find(other, ann.extension, ANN), SlotMatch::None);
    assert_eq!(
        slots.find(number(), Extension { width: 3, value: ann.extension.value }, ANN),
        SlotMatch::None
    );
}

#[test]
fn digits_run_out_one_subscriber_at_a_time() {
    let slots = Slots::new(100);
    for n in 0..10 {
        given(&slots, 1, ANN, n).unwrap();
    }
    assert_eq!(given(&slots, 1, ANN, 10), Err(Reason::NoSlot));
    assert!(given(&slots, 1, BOB, 10).is_ok());
    assert!(given(&slots, 2, ANN, 10).is_ok());
}

#[test]
fn without_digits_authorizations_share_the_number() {
    let slots = Slots::new(100);
    let one = given(&slots, 0, ANN, 1).unwrap();
    assert_eq!(one.extension, Extension::NONE);
    assert_eq!(slots.find(number(), Extension::NONE, ANN), SlotMatch::Found(authorization(1)));
    let two = given(&slots, 0, ANN, 2).unwrap();
    let records = [one.record.unwrap(), two.record.unwrap()];
    assert_ne!(records[0].key, records[1].key);
    assert!(
        matches!(slots.find(number(), Extension::NONE, ANN), SlotMatch::Several(both) if both.len() == 2)
    );
    let back = Slots::new(100);
    back.restore(records.iter().map(|record| (&record.key, &record.value))).unwrap();
    assert_eq!(back.find(number(), Extension::NONE, ANN), slots.find(number(), Extension::NONE, ANN));
    let swept = sweep(&back, NOW.plus(DAY), |id| {
        if *id == authorization(1) { Tenancy::Ended(NOW) } else { Tenancy::Live }
    });
    assert_eq!(swept.freed.len(), 1);
    assert_eq!(back.find(number(), Extension::NONE, ANN), SlotMatch::Found(authorization(2)));
}

#[test]
fn limits_are_kept() {
    let slots = Slots::new(1);
    let long = ServiceNumber::parse("1069000112345678901").unwrap();
    assert_eq!(slots.allocate(long, 2, ANN, &authorization(1), NOW), Err(Reason::NoSlot));
    assert_eq!(given(&slots, 7, ANN, 1), Err(Reason::NoSlot));
    assert!(slots.allocate(long, 1, ANN, &authorization(1), NOW).is_ok());
    assert_eq!(given(&slots, 1, BOB, 2), Err(Reason::NoSlot));
    sweep(&slots, NOW.plus(DAY), |_| Tenancy::Ended(NOW));
    assert!(slots.is_empty());
    assert!(given(&slots, 1, BOB, 2).is_ok());
}

#[test]
fn damaged_records_are_refused() {
    let slots = Slots::new(10);
    let record = given(&slots, 2, ANN, 1).unwrap().record.unwrap();
    for at in 0..record.key.len() {
        let key = &record.key[..at];
        let cut = Slots::new(10).restore([(key, &record.value)]);
        assert!(cut.is_err() || at > 16 + 5 + 2, "cut at {at}");
    }
    for at in 0..=17 {
        let cut = Slots::new(10).restore([(&record.key, &record.value[..at])]);
        assert_eq!(cut, Err(SlotError::Damaged), "cut at {at}");
    }
    let earlier = Slots::new(10);
    earlier.restore([(&record.key, b"au-1")]).unwrap();
    assert_eq!(earlier.find(number(), Extension::NONE, ANN), SlotMatch::Found(authorization(1)));
    assert_eq!(Slots::new(10).restore([(&record.key, b"")]), Err(SlotError::Damaged));
    assert_eq!(Slots::new(0).restore([(&record.key, &record.value)]), Err(SlotError::Full));
    assert!(!format!("{record:?}").contains("au-1"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Whatever is allocated and released: no two authorizations of a subscriber share digits, and the records kept
    /// by a caller rebuild the same slots.
    #[test]
    fn records_rebuild_the_slots(steps in prop::collection::vec((0_u8..3, 0_u8..4, 0_u32..12, prop::bool::weighted(0.7)), 0..120)) {
        let slots = Slots::new(1000);
        let mut store = std::collections::BTreeMap::new();
        for (who, width, id, put) in steps {
            let who = SubscriberKey([who; 16]);
            if put {
                if let Ok(Allocated { record: Some(record), .. }) = given(&slots, width, who, id) {
                    slots.stored(&record);
                    prop_assert!(store.insert(record.key, record.value).is_none(), "digits given twice");
                }
            } else {
                let ended = authorization(id);
                let tenancy = |id: &AuthorizationId| {
                    if *id == ended { Tenancy::Ended(NOW.minus(DAY)) } else { Tenancy::Live }
                };
                for record in sweep(&slots, NOW, tenancy).freed {
                    prop_assert!(store.remove(&record.key).is_some());
                }
            }
        }
        prop_assert_eq!(slots.len(), store.len());
        let back = Slots::new(1000);
        back.restore(store.iter()).unwrap();
        for who in 0..3 {
            for width in 0..4 {
                for value in 0..10_u32.pow(u32::from(width)) {
                    let (extension, who) = (Extension { width, value }, SubscriberKey([who; 16]));
                    prop_assert_eq!(slots.find(number(), extension, who), back.find(number(), extension, who));
                }
            }
        }
    }
}
