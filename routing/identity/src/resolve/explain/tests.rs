use super::*;
use crate::carrier::{BINDINGS, NOW, TENURES, as_of, at, edi, identity, keys, legacy, pad};
use crate::resolve::{Asking, Config};

/// One person for each thing that can be told.
fn people() -> Identity {
    let mut bindings = BINDINGS.to_owned();
    let mut tenures = TENURES.to_owned();
    for (name, number, rows) in [
        ("a", 1, "h1,2023-01-01,,own,active"),
        ("b", 2, "h2,2023-01-01,2025-06-01,own,active\n19900000002,h9,2025-08-01,,own,active"),
        ("c", 3, "h3,2023-01-01,,out,active"),
        ("d", 4, "h4,2023-01-01,,own,suspended"),
        ("e", 5, "h5,2023-01-01,2025-06-01,own,active"),
        ("f", 6, "h6,2023-01-01,2025-06-01,own,active\n19900000006,h6,2025-07-01,,own,active"),
        ("g", 7, "h7,2023-01-01,2025-05-01,own,active\n19900000007,h8,2025-05-01,,own,active"),
    ] {
        bindings.push_str(&format!("cuid,{name},1990000000{number},2024-01-01,,0\n"));
        tenures.push_str(&format!("1990000000{number},{rows}\n"));
    }
    bindings.push_str("cuid,dual,19900000001,2024-01-01,2025-05-01,0\ncuid,dual,19900000002,2025-05-01,,1\n");
    identity(&keys(), &bindings, &tenures)
}

fn text(identity: &Identity, edis: &[EncryptedDeviceId]) -> String {
    identity.explain(None, edis, as_of("2025-05-01"), at(NOW)).to_string()
}

#[test]
fn everything_is_told_line_by_line() {
    assert_eq!(
        text(&people(), &[edi("cuid:b")]),
        "asked: who was it on 2025-05-01, seen from 2025-11-21 12:00:00\n\
         device 1 of 1: edi1 under key k1: opens, a device ID of kind cuid\n  \
         bindings: 1 known, 1 in force then, 0 ended that midnight, 1 different numbers\n    \
         number 1 from 2024-01-01, still open\n  \
         number 1: 2 tenures known, 1 in force then, 0 ended that midnight\n    \
         tenure from 2023-01-01 to 2025-06-01\n    \
         today: somebody else holds the number\n  \
         this device: one tenure\n\
         outcome: NUMBER_REASSIGNED"
    );
}

#[test]
fn each_person_has_an_explanation_of_their_own() {
    let identity = people();
    for (name, today, outcome) in [
        ("a", "the same tenure, own network, active", "may be contacted"),
        ("c", "but in another carrier's network", "PORTED_OUT"),
        ("d", "but suspended", "SUSPENDED"),
        ("e", "nobody holds the number", "NUMBER_DISCONNECTED"),
        ("f", "the same holder again, after a gap", "NUMBER_RETAKEN_SAME_HOLDER"),
        ("g", "1 in force then, 1 ended that midnight", "AMBIGUOUS_TENURE"),
        ("dual", "1 in force then, 1 ended that midnight, 2 different numbers", "AMBIGUOUS_DEVICE"),
        ("x", "bindings: 0 known", "NOT_FOUND_ASOF"),
    ] {
        let text = text(&identity, &[edi(&format!("cuid:{name}"))]);
        assert!(text.contains(today), "{text}");
        assert!(text.ends_with(&format!("outcome: {outcome}")), "{text}");
    }
}

#[test]
fn what_does_not_open_is_told_apart_inside() {
    let identity = people();
    let other_kid = EncryptedDeviceId::parse(&edi("cuid:a").as_str().replace(".k1.", ".k9.")).unwrap();
    for (edi, told) in [
        (other_kid, "edi1 under key k9: there is no such key"),
        (edi("nonsense"), "edi1 under key k1: does not open, or holds no device ID"),
        (legacy("k1", &pad("cuid:a")), "edi0 under key k1: the key's profile does not allow this form"),
        (legacy("k0", &[0; 16]), "edi0 under key k0: does not open"),
    ] {
        let text = text(&identity, &[edi]);
        assert!(text.contains(told) && text.ends_with("outcome: DECRYPT_FAIL"), "{text}");
    }
    assert!(text(&identity, &[legacy("k0", &pad("cuid:a"))]).ends_with("outcome: may be contacted"));
    identity.keys().retire_edi_key(&veilgate_names::KeyId::parse("k1").unwrap());
    assert!(text(&identity, &[edi("cuid:a")]).contains("the key is retired"));
}

#[test]
fn several_devices_are_told_one_by_one() {
    let text = text(&people(), &[edi("cuid:a"), edi("cuid:x")]);
    assert!(text.contains("device 1 of 2") && text.contains("device 2 of 2"), "{text}");
    assert!(text.ends_with("outcome: may be contacted"), "{text}");
}

#[test]
fn a_pin_is_told() {
    let tenures = |rows: &str| format!("{TENURES}{rows}\n");
    let bindings = format!("{BINDINGS}cuid,a,19900000001,2024-01-01,,0\n");
    let keys = keys();
    let with = |rows: &str, floor: &str| {
        let vault = crate::import(bindings.as_bytes(), tenures(rows).as_bytes(), &keys).unwrap();
        let config = Config { history_floor: Some(at(floor)), ..Config::default() };
        Identity::new(std::sync::Arc::clone(&keys), vault, config)
    };
    let before = with("19900000001,h1,2023-01-01,,own,active", "2025-01-01");
    let asked = [edi("cuid:a")];
    let record = before
        .resolve_pinning(
            Asking { edis: &asked, platform: None, mark: None },
            as_of("2025-05-01"),
            at("2026-01-01"),
            at(NOW),
        )
        .unwrap()
        .1
        .unwrap();
    for (rows, told, outcome) in [
        ("19900000001,h1,2023-01-01,,own,active", "today: the same tenure", "may be contacted"),
        ("19900000001,h2,2023-01-01,,own,active", "today: somebody else", "NUMBER_REASSIGNED"),
        ("19900000002,h2,2023-01-01,,own,active", "kept number: 0 tenures known", "NUMBER_DISCONNECTED"),
    ] {
        let later = with(rows, "2025-10-01");
        let text_of = |identity: &Identity| text(identity, &asked);
        assert!(text_of(&later).contains("no earlier look-up is kept\n"));
        assert!(text_of(&later).ends_with("outcome: HISTORY_EXPIRED"));
        later.pins().restore(&record.key, &record.value).unwrap();
        let text = text_of(&later);
        assert!(text.contains("begins 2025-10-01, later than asked; an earlier look-up is kept\n"), "{text}");
        assert!(text.contains(told) && text.ends_with(&format!("outcome: {outcome}")), "{text}");
    }
}
