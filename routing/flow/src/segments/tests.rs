use proptest::prelude::*;
use veilgate_admission::{PlatformProfile, ProofPolicy, Registry, ShortForm};
use veilgate_names::{
    AccountKind, AsOf, AuthorizationId, EncryptedDeviceId, Extension, Octets, PlatformId, Pseudonym, Reason,
    ServiceNumber, Timestamp,
};

use super::*;
use crate::content::judge;
use crate::live::Body;
use crate::multi::Member;
use crate::record::MessageRecord;
use crate::service::ServiceType;

const NOW: Timestamp = Timestamp(1_790_000_000_000);

fn rules() -> SegmentRules {
    SegmentRules { max: 6, max_per_account: 4, ..SegmentRules::default() }
}

fn segments() -> Segments {
    Segments::new(rules(), 20)
}

fn authorization() -> Arc<Registered> {
    let form = ShortForm {
        authorization_id: &AuthorizationId::parse("au-1").unwrap(),
        enterprise_id: &EnterpriseId::parse("ent-1").unwrap(),
        pseudonym: &Pseudonym::parse("Zk3v8QpR2s").unwrap(),
        device: &EncryptedDeviceId::parse("edi1.k1.AAAA").unwrap(),
        as_of: AsOf::parse("2026-03-01").unwrap(),
    };
    let short_form_lifetime = Duration::from_secs(3600);
    let profile = PlatformProfile { proof: ProofPolicy::Optional(None), short_form_lifetime };
    let platform = PlatformId::parse("notary-1").unwrap();
    Registry::new(10).register_short(form, &platform, &profile, NOW).unwrap().authorization
}

fn record(account: &str, body: Body) -> MessageRecord {
    MessageRecord {
        account: AccountId::parse(account).unwrap(),
        kind: AccountKind::Enterprise,
        authorization: AuthorizationId::parse("au-1").unwrap(),
        service_number: ServiceNumber::parse("10690001").unwrap(),
        extension: Extension::NONE,
        registered_delivery: 1,
        accepted_at: NOW,
        expires_at: NOW.plus(Duration::from_secs(60)),
        body,
        scheduled_at: None,
        member: Member::default(),
        ruled: crate::ruling::Ruled::unasked(Timestamp(0)),
        north: Vec::new(),
    }
}

/// A part under an 8-bit reference.
fn piece(account: &str, [reference, total, number]: [u8; 3], text: &str, id: u64) -> Piece {
    let octets = [&[5, 0, 3, reference, total, number], text.as_bytes()].concat();
    let body = Body {
        data_coding: 0,
        esm_class: Body::HEADER,
        protocol_id: 0,
        priority: 0,
        text: Octets::from(octets),
        segment: None,
        service: ServiceType::default(),
    };
    Piece::new(MessageId(id), authorization(), record(account, body)).unwrap()
}

/// Admits and inserts.
fn put(segments: &mut Segments, piece: Piece) -> Admission {
    let admission = segments.admit(&piece, Monotonic(0));
    if admission == Admission::Take {
        assert_eq!(segments.insert(piece, Monotonic(0)), Inserted::New);
    }
    admission
}

fn said(text: &Text) -> String {
    String::from_utf8(text.pieces().flat_map(|piece| piece.text().to_vec()).collect()).unwrap()
}

fn after(seconds: u64) -> Monotonic {
    Monotonic(0).plus(Duration::from_secs(seconds))
}

#[test]
fn parts_in_any_order_make_one_text_once() {
    let mut segments = segments();
    assert_eq!(put(&mut segments, piece("shop", [7, 3, 3], "c", 1)), Admission::Take);
    assert_eq!(put(&mut segments, piece("shop", [7, 3, 1], "a", 2)), Admission::Take);
    let again = put(&mut segments, piece("shop", [7, 3, 1], "a", 3));
    assert_eq!(again, Admission::Again(MessageId(2)), "under the id it has");
    assert!(!segments.has_ready());
    assert_eq!(put(&mut segments, piece("shop", [7, 3, 2], "b", 4)), Admission::Take);
    assert!(segments.has_ready());
    let text = segments.next_ready(Monotonic(0)).unwrap();
    assert_eq!((said(&text), text.is_whole()), ("abc".to_owned(), true));
    assert_eq!(text.north().iter().map(|part| part.id.0).collect::<Vec<_>>(), [2, 4, 1]);
    assert!(segments.next_ready(after(100_000)).is_none(), "once");
    let [shop, rival] = ["shop", "rival"].map(|name| AccountId::parse(name).unwrap());
    assert!(segments.number_of(&shop, MessageId(4)).is_some(), "known until it has left");
    assert!(segments.number_of(&rival, MessageId(4)).is_none());
    segments.left(&text);
    assert!(segments.number_of(&shop, MessageId(4)).is_none());
    assert_eq!(segments.len(), 0);
}

#[test]
fn a_part_that_comes_again_after_its_text_has_left_is_known_for_a_while() {
    let mut segments = segments();
    put(&mut segments, piece("shop", [7, 2, 1], "a", 1));
    put(&mut segments, piece("shop", [7, 2, 2], "b", 2));
    let late = piece("shop", [7, 2, 2], "b", 3);
    assert_eq!(segments.admit(&late, after(59)), Admission::Again(MessageId(2)));
    assert_eq!(segments.admit(&late, after(60)), Admission::Take, "a text of its own by now");
    segments.give_back(late.account(), 1);
    let other = piece("shop", [7, 2, 2], "B", 4);
    assert_eq!(segments.admit(&other, after(1)), Admission::Take, "another text under the same reference");
}

#[test]
fn the_same_part_under_way_twice_counts_once() {
    let mut segments = segments();
    let twice = [piece("shop", [7, 2, 1], "a", 1), piece("shop", [7, 2, 1], "a", 2)];
    for piece in &twice {
        assert_eq!(segments.admit(piece, Monotonic(0)), Admission::Take);
    }
    let inserted = twice.map(|piece| segments.insert(piece, Monotonic(0)));
    assert_eq!(inserted, [Inserted::New, Inserted::Again(MessageId(1))]);
    assert_eq!((segments.take_spare(), segments.len()), (vec![MessageId(2)], 1));
    // The same with the part that makes the text whole.
    let twice = [piece("shop", [7, 2, 2], "b", 3), piece("shop", [7, 2, 2], "b", 4)];
    for piece in &twice {
        assert_eq!(segments.admit(piece, Monotonic(0)), Admission::Take);
    }
    let inserted = twice.map(|piece| segments.insert(piece, Monotonic(0)));
    assert_eq!(inserted, [Inserted::New, Inserted::Again(MessageId(3))]);
    assert_eq!(said(&segments.next_ready(Monotonic(0)).unwrap()), "ab");
}

#[test]
fn a_text_without_all_its_parts_comes_out_of_time() {
    let mut segments = segments();
    put(&mut segments, piece("shop", [7, 3, 1], "a", 1));
    put(&mut segments, piece("shop", [7, 3, 3], "c", 2));
    assert!(segments.next_ready(after(59)).is_none());
    let text = segments.next_ready(after(60)).unwrap();
    assert_eq!((said(&text), text.is_whole()), ("ac".to_owned(), false));
    segments.again(text, after(70));
    assert!(segments.next_ready(after(69)).is_none());
    assert!(segments.next_ready(after(70)).is_some());
}

#[test]
fn another_part_under_the_same_numbers_ends_the_text_that_was_there() {
    let mut segments = segments();
    put(&mut segments, piece("shop", [7, 2, 1], "old", 1));
    assert_eq!(put(&mut segments, piece("shop", [7, 2, 1], "new", 2)), Admission::Take);
    put(&mut segments, piece("shop", [7, 2, 2], "er", 3));
    let texts = [(); 2].map(|()| said(&segments.next_ready(Monotonic(0)).unwrap()));
    assert_eq!(texts, ["old", "newer"]);
}

#[test]
fn only_parts_of_one_kind_meet() {
    let mut segments = segments();
    put(&mut segments, piece("shop", [7, 2, 1], "a", 1));
    put(&mut segments, piece("rival", [7, 2, 2], "other account", 2));
    put(&mut segments, piece("shop", [8, 2, 2], "other text", 3));
    let text = Octets::from(&b"b"[..]);
    let tlvs =
        Body { segment: Some((7, 2, 2)), esm_class: 0, text, ..piece("shop", [7, 2, 2], "", 0).record.body };
    let tlvs = Piece::new(MessageId(4), authorization(), record("shop", tlvs)).unwrap();
    assert_eq!(put(&mut segments, tlvs), Admission::Take);
    assert!(!segments.has_ready());
    let coded = Body { data_coding: 8, ..piece("shop", [7, 2, 2], "b", 0).record.body };
    let coded = Piece::new(MessageId(5), authorization(), record("shop", coded)).unwrap();
    assert_eq!(segments.admit(&coded, Monotonic(0)), Admission::OtherCoding);
}

#[test]
fn it_is_bounded_in_all_per_account_and_per_text() {
    let mut segments = segments();
    assert_eq!(put(&mut segments, piece("shop", [1, 2, 1], &"x".repeat(21), 1)), Admission::TooLong);
    put(&mut segments, piece("shop", [1, 3, 1], &"x".repeat(15), 1));
    assert_eq!(put(&mut segments, piece("shop", [1, 3, 2], &"x".repeat(6), 2)), Admission::TooLong);
    for reference in 2..5 {
        assert_eq!(put(&mut segments, piece("shop", [reference, 2, 1], "x", 3)), Admission::Take);
    }
    assert_eq!(put(&mut segments, piece("shop", [5, 2, 1], "x", 9)), Admission::Full, "this account");
    for reference in 2..4 {
        assert_eq!(put(&mut segments, piece("rival", [reference, 2, 1], "x", 5)), Admission::Take);
    }
    assert_eq!(put(&mut segments, piece("third", [9, 2, 1], "x", 9)), Admission::Full, "all of them");
    segments.give_back(&AccountId::parse("shop").unwrap(), 1);
    assert_eq!(put(&mut segments, piece("third", [9, 2, 1], "x", 9)), Admission::Take);
}

#[test]
fn what_is_restored_has_the_time_that_is_left() {
    let mut segments = segments();
    segments.restore(piece("shop", [7, 2, 1], "a", 1), Duration::from_secs(50), after(1000));
    assert!(segments.next_ready(after(1009)).is_none());
    assert!(segments.next_ready(after(1010)).is_some_and(|text| !text.is_whole()));
}

/// A rule of content sees what a handset shows, wherever it was cut.
#[test]
fn a_word_over_two_parts_is_one_word_to_the_judge() {
    let mut segments = segments();
    for (number, text) in [(2, "poon"), (1, "har")] {
        let part = piece("shop", [7, 2, number], text, number.into());
        assert_eq!(judge(&part.record.body), Err(Reason::Schema), "a part alone is never judged");
        put(&mut segments, part);
    }
    let whole = joining::joined(&segments.next_ready(Monotonic(0)).unwrap()).unwrap();
    assert_eq!((&*whole.body.text, judge(&whole.body)), (&b"harpoon"[..], Ok(())));
}

proptest! {
    #[test]
    fn no_order_loses_or_mixes(order in prop::collection::vec((0..3_u8, 1..=3_u8), 0..60)) {
        let rules = SegmentRules { max: 1000, max_per_account: 1000, ..rules() };
        let mut segments = Segments::new(rules, 100);
        let mut seen = std::collections::BTreeSet::new();
        for (id, (reference, number)) in (0..).zip(order) {
            let text = format!("{reference}{number}");
            put(&mut segments, piece("shop", [reference, 3, number], &text, id));
            seen.insert((reference, number));
        }
        let mut out = Vec::new();
        while let Some(text) = segments.next_ready(after(1_000)) {
            segments.left(&text);
            out.push(said(&text));
        }
        let of = |reference| seen.iter().filter(move |(other, _)| *other == reference);
        let mut expected: Vec<String> = (0..3)
            .map(|reference| of(reference).map(|(reference, number)| format!("{reference}{number}")).collect())
            .filter(|text: &String| !text.is_empty())
            .collect();
        out.sort();
        expected.sort();
        prop_assert_eq!(out, expected);
        prop_assert_eq!(segments.len(), 0);
    }
}
