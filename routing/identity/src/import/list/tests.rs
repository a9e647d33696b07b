//! Files of lists: spellings, refusals with line and column, and that keys outlive the master key.

use veilgate_names::{ListKey, Timestamp};

use super::{ListError, ListReader, ListRow};
use crate::carrier::{BINDINGS, NOW, TENURES, as_of, at, device, edi, entropy, identity, keys, number};
use crate::import::ImportProblem;
use crate::keys::KeyRing;

fn read(text: &str, keys: &KeyRing) -> Result<Vec<ListRow>, ListError> {
    let mut reader = ListReader::open(text.as_bytes(), keys)?;
    let mut rows = Vec::new();
    while let Some(row) = reader.next_row()? {
        rows.push(row);
    }
    Ok(rows)
}

#[test]
fn every_spelling_of_a_number_is_one_key() {
    let keys = keys();
    let rows =
        read("msisdn\n19900001234\n8619900001234\n+8619900001234\n008619900001234\r\n", &keys).unwrap();
    assert_eq!(rows.len(), 4);
    assert!(rows.iter().all(|row| *row == rows[0] && row.expires.is_none()));
    let other = read("msisdn\n19900001235\n", &keys).unwrap();
    assert_ne!(other[0].key, rows[0].key);
}

#[test]
fn a_person_is_found_by_the_key_of_the_number() {
    let keys = keys();
    let imsi = device("imsi", "d1");
    let bindings = format!("{BINDINGS}imsi,{imsi},{},2024-01-01,,1\n", number("M1"));
    let tenures = format!("{TENURES}{},h1,2023-01-01,,own,active\n", number("M1"));
    let identity = identity(&keys, &bindings, &tenures);
    let contact = identity.resolve(&[edi(&format!("imsi:{imsi}"))], as_of("2025-03-01"), at(NOW)).unwrap();
    let rows = read(&format!("msisdn\n{}\n", number("M1")), &keys).unwrap();
    assert_eq!(identity.list_key(&contact), rows[0].key);
}

#[test]
fn keys_stay_when_every_other_key_is_rotated() {
    let keys = keys();
    let file = "msisdn\n19900001234\n";
    let before = read(file, &keys).unwrap();
    let mut draft = keys.draft();
    draft.rewrap(&[9; 32], None).unwrap();
    draft.rotate(crate::Class::Number, None, &mut entropy(3)).unwrap();
    keys.install(draft);
    let text = keys.to_sealed_text().unwrap();
    let reopened = KeyRing::from_sealed_text(&[9; 32], &text).unwrap();
    assert_eq!(read(file, &reopened).unwrap(), before);
    let others = KeyRing::generate(&[7; 16], &mut entropy(2)).unwrap();
    assert_ne!(read(file, &others).unwrap(), before);
}

#[test]
fn keys_and_ends_are_read() {
    let keys = keys();
    let rows = read(
        "key,expires\n00000000000000ff,2026-03-01\nFFFFFFFFFFFFFFFF,\n0000000000000001,2026-03-01T12:30:00\n",
        &keys,
    );
    let day = Timestamp::parse("2026-03-01").unwrap();
    let noon = Timestamp::parse("2026-03-01T12:30:00").unwrap();
    let row = |key, expires| ListRow { key: ListKey(key), expires };
    assert_eq!(rows.unwrap(), [row(255, Some(day)), row(u64::MAX, None), row(1, Some(noon))]);
    assert_eq!(read("msisdn,expires\n", &keys), Ok(Vec::new()), "nobody is a list too");
}

#[test]
fn the_first_mistake_refuses_with_line_and_column_and_no_number() {
    use ImportProblem as P;
    let long = format!("msisdn\n{}\n", "1".repeat(200_000));
    let cases = [
        ("", 1, "-", P::Header),
        ("19900001234\n", 1, "-", P::Header),
        ("msisdn,until\n", 1, "-", P::Header),
        ("msisdn,expires,why\n", 1, "-", P::Header),
        ("msisdn\n19900001234\n1990000123\n", 3, "msisdn", P::Number),
        ("msisdn\n19900001234,2026-01-01\n", 2, "-", P::Columns),
        ("msisdn,expires\n19900001234,2026-13-01\n", 2, "expires", P::Time),
        ("msisdn\n 19900001234\n", 2, "msisdn", P::Number),
        ("key\n00ff\n", 2, "key", P::Key),
        ("key\n+000000000000001\n", 2, "key", P::Key),
        (long.as_str(), 2, "-", P::TooLong),
    ];
    for (text, line, column, problem) in cases {
        let error = read(text, &keys()).unwrap_err();
        assert_eq!(error, ListError { line, column, problem });
        assert!(!error.to_string().contains("1990000"), "{error}");
    }
}

proptest::proptest! {
    /// No octets panic, and no refusal shows them.
    #[test]
    fn any_octets_are_read_or_refused(noise in proptest::collection::vec(proptest::num::u8::ANY, 0..60), header in proptest::bool::ANY) {
        let mut octets = if header { b"msisdn,expires\n".to_vec() } else { Vec::new() };
        octets.extend(noise);
        let keys = keys();
        if let Ok(mut reader) = ListReader::open(&octets[..], &keys) {
            while let Ok(Some(_)) = reader.next_row() {}
        }
    }
}
