use super::*;
use crate::carrier::{BINDINGS, NOW, TENURES, as_of, at, edi, keys};
use crate::resolve::Identity;
use crate::{Asking, Config};
use veilgate_names::Reason;

const HISTORY: &str = "cuid,a,19900000001,2024-01-01,2024-06-01,0\ncuid,b,19900000002,2024-01-01,,0\n";

fn identity(bindings: &str, tenures: &str, floor: &str, max_pins: usize) -> Identity {
    let keys = keys();
    let (bindings, tenures) = (format!("{BINDINGS}{bindings}"), format!("{TENURES}{tenures}"));
    let vault = crate::import(bindings.as_bytes(), tenures.as_bytes(), &keys).unwrap();
    Identity::new(keys, vault, Config { history_floor: Some(at(floor)), max_pins })
}

fn tenures(first: &str) -> String {
    format!("{first}\n19900000002,h2,2023-01-01,,own,active\n")
}

fn pinning(identity: &Identity, plain: &str) -> Result<(SubscriberKey, Option<PinRecord>), Reason> {
    let answer = identity.resolve_pinning(
        Asking { edis: &[edi(plain)], platform: None, mark: None },
        as_of("2024-03-01"),
        at("2026-01-01"),
        at(NOW),
    );
    answer.map(|(contact, record)| (contact.subscriber(), record))
}

/// What a later start with another feed and floor says, given what was stored.
fn later(records: &[PinRecord], bindings: &str, tenures: &str) -> Identity {
    let identity = identity(bindings, tenures, "2025-01-01", 10);
    for record in records {
        identity.pins().restore(&record.key, &record.value).unwrap();
    }
    identity
}

#[test]
fn whoever_was_found_stays_found_beyond_the_floor() {
    let open = tenures("19900000001,h1,2023-01-01,,own,active");
    let before = identity(HISTORY, &open, "2024-01-01", 10);
    let (subscriber, record) = pinning(&before, "cuid:a").unwrap();
    let record = [record.unwrap()];
    assert_eq!(pinning(&later(&record, "", &open), "cuid:a").unwrap().0, subscriber, "no binding is needed");
    assert_eq!(
        pinning(&later(&[], HISTORY, &open), "cuid:a"),
        Err(Reason::HistoryExpired),
        "never found before"
    );
    assert_eq!(
        pinning(&later(&record, HISTORY, &open), "cuid:b"),
        Err(Reason::HistoryExpired),
        "another device"
    );
    let of_another_day = |day| later(&record, "", &open).resolve(&[edi("cuid:a")], as_of(day), at(NOW)).err();
    assert_eq!(of_another_day("2024-03-02"), Some(Reason::HistoryExpired), "another date");
    assert_eq!(
        of_another_day("2024-03-01T00:00:00+08:00"),
        Some(Reason::HistoryExpired),
        "an instant is no day"
    );
}

#[test]
fn a_pinned_tenure_must_still_be_open() {
    let before = identity(HISTORY, &tenures("19900000001,h1,2023-01-01,,own,active"), "2024-01-01", 10);
    let record = [pinning(&before, "cuid:a").unwrap().1.unwrap()];
    for (rows, reason) in [
        ("19900000001,h1,2023-01-01,2025-02-01,own,active", Reason::NumberDisconnected),
        ("19900000001,h9,2025-01-01,,own,active", Reason::NumberReassigned),
        (
            "19900000001,h1,2023-01-01,2025-02-01,own,active\n19900000001,h9,2025-02-01,,own,active",
            Reason::NumberReassigned,
        ),
        (
            "19900000001,h1,2023-01-01,2025-02-01,own,active\n19900000001,h1,2025-03-01,,own,active",
            Reason::NumberRetakenSameHolder,
        ),
        (
            "19900000001,h1,2023-01-01,2025-02-01,own,active\n19900000001,h1,2025-02-01,,out,active",
            Reason::PortedOut,
        ),
        ("19900000001,h1,2023-01-01,,own,suspended", Reason::Suspended),
        ("19900000003,h1,2023-01-01,,own,active", Reason::NumberDisconnected),
    ] {
        assert_eq!(pinning(&later(&record, "", &tenures(rows)), "cuid:a"), Err(reason), "{rows}");
    }
}

#[test]
fn a_pin_opens_nothing_whose_key_is_gone() {
    let open = tenures("19900000001,h1,2023-01-01,,own,active");
    let record = [pinning(&identity(HISTORY, &open, "2024-01-01", 10), "cuid:a").unwrap().1.unwrap()];
    let later = later(&record, "", &open);
    later.keys().retire_edi_key(&veilgate_names::KeyId::parse("k1").unwrap());
    assert_eq!(pinning(&later, "cuid:a"), Err(Reason::KeyExpired));
}

#[test]
fn a_record_is_given_until_it_is_written() {
    let open = tenures("19900000001,h1,2023-01-01,,own,active");
    let identity = identity(HISTORY, &open, "2024-01-01", 10);
    let record = pinning(&identity, "cuid:a").unwrap().1.unwrap();
    assert_eq!(pinning(&identity, "cuid:a").unwrap().1.as_ref(), Some(&record), "the commit may have failed");
    identity.pins().written(&record);
    assert_eq!(pinning(&identity, "cuid:a").unwrap().1, None);
    let moved = identity.resolve_pinning(
        Asking { edis: &[edi("cuid:a")], platform: None, mark: None },
        as_of("2024-03-01"),
        at("2027-01-01"),
        at(NOW),
    );
    let longer = moved.unwrap().1.expect("an agreement that holds longer");
    identity.pins().written(&record);
    assert!(pinning(&identity, "cuid:a").unwrap().1.is_some(), "an older record is not this one");
    identity.pins().written(&longer);
    assert_eq!(pinning(&identity, "cuid:a").unwrap().1, None);
    assert_eq!(identity.pins().len(), 1);
}

#[test]
fn a_corrected_history_corrects_the_pin() {
    let identity = identity(HISTORY, &tenures("19900000001,h1,2023-01-01,,own,active"), "2024-01-01", 10);
    let (wrong, record) = pinning(&identity, "cuid:a").unwrap();
    identity.pins().written(&record.unwrap());
    let corrected = tenures("19900000001,h3,2023-01-01,,own,active");
    identity.replace(
        crate::import(
            format!("{BINDINGS}{HISTORY}").as_bytes(),
            format!("{TENURES}{corrected}").as_bytes(),
            identity.keys(),
        )
        .unwrap(),
    );
    let (right, record) = pinning(&identity, "cuid:a").unwrap();
    assert_ne!(right, wrong);
    assert_eq!(pinning(&later(&[record.unwrap()], "", &corrected), "cuid:a").unwrap().0, right);
}

#[test]
fn pins_are_bounded_and_end() {
    let open = tenures("19900000001,h1,2023-01-01,,own,active");
    let identity = identity(HISTORY, &open, "2024-01-01", 1);
    let record = pinning(&identity, "cuid:a").unwrap().1.unwrap();
    assert_eq!(pinning(&identity, "cuid:b").unwrap().1, None, "no room");
    let other = PinRecord { key: [1; 16], ..record.clone() };
    assert_eq!(identity.pins().restore(&other.key, &other.value), Err(PinError::Full));
    let sweep = |now: &str| (0..256).flat_map(|_| identity.pins().sweep(at(now))).collect::<Vec<_>>();
    assert!(sweep("2026-01-02").is_empty());
    assert_eq!(sweep("2026-01-02T00:00:01"), [record.key]);
    assert!(identity.pins().is_empty());
    assert!(pinning(&identity, "cuid:b").unwrap().1.is_some());
}

#[test]
fn damaged_records_are_refused_and_nothing_is_printed() {
    let pins = Pins::new(10);
    for (key, value) in [(&[0; 15][..], &[0; 36][..]), (&[0; 16], &[0; 35]), (&[0; 16], &[0; 37]), (&[], &[])]
    {
        assert_eq!(pins.restore(key, value), Err(PinError::Damaged));
    }
    let record = PinRecord { key: [7; 16], value: [7; 36] };
    assert_eq!(format!("{record:?} {pins:?}"), "PinRecord(***) Pins(0)");
}

#[test]
fn without_a_floor_nothing_is_pinned() {
    let keys = keys();
    let (bindings, tenures) = (
        format!("{BINDINGS}{HISTORY}"),
        format!("{TENURES}{}", tenures("19900000001,h1,2023-01-01,,own,active")),
    );
    let identity = crate::carrier::identity(&keys, &bindings, &tenures);
    assert_eq!(pinning(&identity, "cuid:a").unwrap().1, None);
    assert!(identity.pins().is_empty());
}
