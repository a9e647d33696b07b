use proptest::prelude::*;
use veilgate_names::Reason;

use super::*;
use crate::json::{Fault, Field};

const EXAMPLE: &str = r#"{"authorization_id":"au-1","enterprise_id":"ent-1","pseudonym":"Zk3v8QpR2s","encrypted_device_ids":["edi1.k1.AAAA","edi1.k2.BBBB"],"as_of":"2026-03-01","not_before":"2026-03-01T00:00:00Z","expires_at":"2026-12-31T16:00:00Z","services":["sms","voice"],"limits":{"sms_per_day":3,"calls_per_day":2,"window":"09:00-20:00"},"service_numbers":["10690001"],"evidence_hash":"66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"}"#;

fn example() -> Authorization {
    Authorization::from_json(EXAMPLE.as_bytes()).unwrap()
}

fn signed() -> (Authorization, SecretKey) {
    let key = SecretKey::from_bytes(&[7; 32]).unwrap();
    let mut authorization = example();
    authorization.sign(&key).unwrap();
    (authorization, key)
}

#[test]
fn json_comes_back_as_it_went_in() {
    assert_eq!(String::from_utf8(example().to_json()).unwrap(), EXAMPLE);
    let (authorization, _) = signed();
    assert_eq!(Authorization::from_json(&authorization.to_json()).unwrap(), authorization);
    assert_eq!(Authorization::from_record(&authorization.to_record()).unwrap(), authorization);
}

#[test]
fn the_canonical_text_is_nine_lines_in_the_notarys_spelling() {
    let mut authorization = example();
    authorization.not_before = Spelled::<Timestamp>::parse("2026-03-01T08:00:00+08:00").unwrap();
    assert_eq!(
        authorization.canonical_text(),
        "au-1\nent-1\nZk3v8QpR2s\nedi1.k1.AAAA,edi1.k2.BBBB\n2026-03-01\n2026-03-01T08:00:00+08:00\n\
         2026-12-31T16:00:00Z\nsms,voice\n66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    );
}

//= ASCS A-4-1
//= type=test
#[test]
fn an_altered_field_breaks_the_proof() {
    let (authorization, key) = signed();
    assert_eq!(authorization.verify_proof(&key.public_key()), Ok(()));
    let json = String::from_utf8(authorization.to_json()).unwrap();
    for (from, to) in [
        ("au-1", "au-2"),
        ("ent-1", "ent-2"),
        ("Zk3v8QpR2s", "Zk3v8QpR2t"),
        ("edi1.k1.AAAA", "edi1.k1.AAAB"),
        ("\"as_of\":\"2026-03-01\"", "\"as_of\":\"2026-03-02\""),
        ("\"as_of\":\"2026-03-01\"", "\"as_of\":\"20260301\""),
        ("2026-03-01T00:00:00Z", "2026-03-01T00:00:01Z"),
        ("2026-12-31T16:00:00Z", "2027-12-31T16:00:00Z"),
        ("[\"sms\",\"voice\"]", "[\"sms\"]"),
        ("[\"sms\",\"voice\"]", "[\"voice\",\"sms\"]"),
        ("66c7f0f4", "66c7f0f5"),
    ] {
        let altered = json.replacen(from, to, 1);
        assert_ne!(altered, json);
        let altered = Authorization::from_json(altered.as_bytes()).unwrap();
        assert_eq!(altered.verify_proof(&key.public_key()), Err(ProofError::Invalid), "{from} -> {to}");
    }
}

#[test]
fn the_proof_is_the_platforms_own() {
    let (mut authorization, _) = signed();
    let other = SecretKey::from_bytes(&[8; 32]).unwrap().public_key();
    assert_eq!(authorization.verify_proof(&other), Err(ProofError::Invalid));
    authorization.proof = None;
    assert_eq!(authorization.verify_proof(&other), Err(ProofError::Missing));
}

#[test]
fn a_refusal_names_the_field() {
    use Fault::{Alphabet, Form, Length, LooksLikeANumber, Missing, Time};
    for (from, to, field, fault) in [
        ("\"au-1\"", "\"\"", Field::AuthorizationId, Length),
        ("\"au-1\"", "null", Field::AuthorizationId, Missing),
        ("ent-1", "ent 1", Field::EnterpriseId, Alphabet),
        ("Zk3v8QpR2s", "13800138000", Field::Pseudonym, LooksLikeANumber),
        ("\"pseudonym\":\"Zk3v8QpR2s\",", "", Field::Pseudonym, Missing),
        ("edi1.k2.BBBB", "edi9.k2.BBBB", Field::EncryptedDeviceIds, Form),
        ("[\"edi1.k1.AAAA\",\"edi1.k2.BBBB\"]", "[]", Field::EncryptedDeviceIds, Length),
        ("\"as_of\":\"2026-03-01\"", "\"as_of\":\"2026-02-30\"", Field::AsOf, Time),
        ("2026-03-01T00:00:00Z", "soon", Field::NotBefore, Time),
        ("2026-12-31T16:00:00Z", "2026-03-01T00:00:00Z", Field::ExpiresAt, Time),
        ("[\"sms\",\"voice\"]", "[\"fax\"]", Field::Services, Form),
        ("[\"sms\",\"voice\"]", "[\"sms\",\"sms\"]", Field::Services, Form),
        ("09:00-20:00", "09:00", Field::Window, Form),
        ("[\"10690001\"]", "[\"1069000x\"]", Field::ServiceNumbers, Alphabet),
        ("[\"10690001\"]", "[]", Field::ServiceNumbers, Length),
        ("66c7f0f4", "66c7f0", Field::EvidenceHash, Length),
    ] {
        let altered = EXAMPLE.replacen(from, to, 1);
        let error = Authorization::from_json(altered.as_bytes()).unwrap_err();
        assert_eq!(error, AuthorizationError::Field(field, fault), "{from} -> {to}");
    }
}

#[test]
fn lists_and_the_whole_are_bounded() {
    let many = |n: usize, item: &str| format!("[{}]", vec![format!("\"{item}\""); n].join(","));
    let devices = "[\"edi1.k1.AAAA\",\"edi1.k2.BBBB\"]";
    assert!(Authorization::from_json(EXAMPLE.replace(devices, &many(8, "edi1.k.A")).as_bytes()).is_ok());
    assert!(Authorization::from_json(EXAMPLE.replace(devices, &many(9, "edi1.k.A")).as_bytes()).is_err());
    let numbers = "[\"10690001\"]";
    assert!(Authorization::from_json(EXAMPLE.replace(numbers, &many(16, "10690001")).as_bytes()).is_ok());
    assert!(Authorization::from_json(EXAMPLE.replace(numbers, &many(17, "10690001")).as_bytes()).is_err());
    let blanks = format!("{EXAMPLE}{}", " ".repeat(Authorization::MAX_JSON));
    assert_eq!(Authorization::from_json(blanks.as_bytes()), Err(AuthorizationError::TooLong));
}

#[test]
fn json_errors_repeat_nothing_and_have_a_reason() {
    for (from, to) in [
        ("\"limits\"", "\"13800138000\""),
        ("\"sms_per_day\"", "\"13800138000\""),
        ("\"au-1\"", "13800138000"),
    ] {
        let error = Authorization::from_json(EXAMPLE.replacen(from, to, 1).as_bytes()).unwrap_err();
        assert!(matches!(error, AuthorizationError::Json { .. }));
        assert!(!format!("{error} {error:?}").contains("138001"));
        assert_eq!(error.reason(), Reason::Schema);
    }
    assert_eq!(AuthorizationError::Field(Field::AsOf, Fault::Time).reason(), Reason::BadTime);
    let number = AuthorizationError::Field(Field::Pseudonym, Fault::LooksLikeANumber);
    assert_eq!(number.reason(), Reason::NotAPseudonym);
    assert!(!format!("{:?}", example()).contains("Zk3v8QpR2s"));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        let _ = Authorization::from_json(&bytes);
    }

    #[test]
    fn one_altered_octet_never_panics_and_what_is_read_is_read_again(at in 0..EXAMPLE.len(), byte in any::<u8>()) {
        let mut bytes = EXAMPLE.as_bytes().to_vec();
        bytes[at] = byte;
        if let Ok(authorization) = Authorization::from_json(&bytes) {
            prop_assert_eq!(Authorization::from_json(&authorization.to_json()).unwrap(), authorization.clone());
            prop_assert_eq!(authorization.canonical_text().split('\n').count(), 9);
        }
    }
}
