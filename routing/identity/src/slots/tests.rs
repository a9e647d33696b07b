use proptest::prelude::*;

use super::*;

const ANN: SubscriberKey = SubscriberKey([1; 16]);
const BOB: SubscriberKey = SubscriberKey([2; 16]);

fn number() -> ServiceNumber {
    ServiceNumber::parse("10690001").unwrap()
}

fn authorization(n: u32) -> AuthorizationId {
    AuthorizationId::parse(&format!("au-{n}")).unwrap()
}

#[test]
fn a_reply_finds_its_authorization() {
    let slots = Slots::new(100);
    let one = slots.allocate(number(), 2, ANN, &authorization(1)).unwrap();
    assert_eq!(slots.find(number(), Extension::NONE, ANN), SlotMatch::Found(authorization(1)));
    let two = slots.allocate(number(), 2, ANN, &authorization(2)).unwrap();
    assert_ne!(one.extension, two.extension);
    assert_eq!(slots.find(number(), one.extension, ANN), SlotMatch::Found(authorization(1)));
    assert_eq!(slots.find(number(), two.extension, ANN), SlotMatch::Found(authorization(2)));
    assert_eq!(slots.find(number(), Extension::NONE, ANN), SlotMatch::Ambiguous);
    let again = slots.allocate(number(), 3, ANN, &authorization(1)).unwrap();
    assert_eq!(again, Allocated { extension: one.extension, record: None });
}

#[test]
fn a_reply_from_another_tenure_goes_nowhere() {
    let slots = Slots::new(100);
    let ann = slots.allocate(number(), 2, ANN, &authorization(1)).unwrap();
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
        slots.allocate(number(), 1, ANN, &authorization(n)).unwrap();
    }
    assert_eq!(slots.allocate(number(), 1, ANN, &authorization(10)), Err(Reason::NoSlot));
    assert!(slots.allocate(number(), 1, BOB, &authorization(10)).is_ok());
    assert!(slots.allocate(number(), 2, ANN, &authorization(10)).is_ok());
}

#[test]
fn without_digits_there_is_one_slot() {
    let slots = Slots::new(100);
    assert_eq!(slots.allocate(number(), 0, ANN, &authorization(1)).unwrap().extension, Extension::NONE);
    assert_eq!(slots.allocate(number(), 0, ANN, &authorization(2)), Err(Reason::NoSlot));
    assert!(slots.allocate(number(), 0, ANN, &authorization(1)).is_ok());
    assert_eq!(slots.find(number(), Extension::NONE, ANN), SlotMatch::Found(authorization(1)));
}

#[test]
fn limits_are_kept() {
    let slots = Slots::new(1);
    let long = ServiceNumber::parse("1069000112345678901").unwrap();
    assert_eq!(slots.allocate(long, 2, ANN, &authorization(1)), Err(Reason::NoSlot));
    assert_eq!(slots.allocate(number(), 7, ANN, &authorization(1)), Err(Reason::NoSlot));
    assert!(slots.allocate(long, 1, ANN, &authorization(1)).is_ok());
    assert_eq!(slots.allocate(number(), 1, BOB, &authorization(2)), Err(Reason::NoSlot));
    slots.release(&authorization(1));
    assert!(slots.is_empty());
    assert!(slots.allocate(number(), 1, BOB, &authorization(2)).is_ok());
}

#[test]
fn damaged_records_are_refused() {
    let slots = Slots::new(10);
    let record = slots.allocate(number(), 2, ANN, &authorization(1)).unwrap().record.unwrap();
    for at in 0..record.key.len() {
        let key = &record.key[..at];
        let cut = Slots::new(10).restore([(key, &record.value)]);
        assert!(cut.is_err() || at > 16 + 5 + 2, "cut at {at}");
    }
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
                if let Ok(Allocated { record: Some(record), .. }) = slots.allocate(number(), width, who, &authorization(id)) {
                    prop_assert!(store.insert(record.key, record.value).is_none(), "digits given twice");
                }
            } else {
                for record in slots.release(&authorization(id)) {
                    prop_assert_eq!(store.remove(&record.key), Some(record.value));
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
