use veilgate_names::{
    AuthorizationId, Extension, MessageId, Monotonic, ServiceNumber, SubscriberKey, Timestamp,
};

use super::*;
use crate::reply::ReplyRules;
use crate::reply::parts::{Part, Parts, TextKey};

/// A text of `total` parts of which these came: number, coding, octets.
fn text(total: u8, parts: &[(u8, u8, &[u8])]) -> Text {
    let key = TextKey {
        subscriber: SubscriberKey([1; 16]),
        service_number: ServiceNumber::parse("10690001").unwrap(),
        extension: Extension::NONE,
        reference: 7,
        total,
    };
    let mut waiting = Parts::new(ReplyRules::default());
    for (number, data_coding, octets) in parts {
        let octets = Octets::from(*octets);
        let piece = Piece {
            id: MessageId((*number).into()),
            data_coding: *data_coding,
            alphabet: DefaultAlphabet::Gsm7,
            octets,
        };
        let authorization = AuthorizationId::parse("au-1").unwrap();
        let part = Part { key, number: *number, authorization, piece, received: Timestamp(0), writer: None };
        waiting.insert(part, Monotonic(0));
    }
    waiting.next_ready(Monotonic(i64::MAX.unsigned_abs())).unwrap()
}

fn ucs2(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

fn read(text: &Text) -> Vec<Option<String>> {
    stretches(text)
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn a_character_cut_in_two_is_whole_again() {
    let octets = ucs2("好😀的");
    let (head, tail) = octets.split_at(4);
    assert_eq!(read(&text(2, &[(1, 8, head), (2, 8, tail)])), [some("好😀的")]);
    let odd = octets.split_at(3);
    assert_eq!(read(&text(2, &[(1, 8, odd.0), (2, 8, odd.1)])), [some("好😀的")]);
}

#[test]
fn parts_of_several_codings_are_one_text() {
    let wide = ucs2("你好");
    assert_eq!(read(&text(3, &[(1, 0, b"a"), (2, 8, &wide), (3, 0, b"b")])), [some("a你好b")]);
}

#[test]
fn what_is_missing_or_unreadable_is_a_gap() {
    assert_eq!(read(&text(5, &[(2, 0, b"b"), (5, 0, b"e")])), [None, some("b"), None, some("e")]);
    assert_eq!(read(&text(3, &[(1, 0, b"a"), (2, 4, b"\x01\x02")])), [some("a"), None]);
    let broken = [0xD8, 0x3D];
    let wide = ucs2("好");
    assert_eq!(
        read(&text(3, &[(1, 8, &wide), (2, 8, &broken), (3, 8, &wide)])),
        [some("好"), None, some("好")]
    );
    let many: Vec<_> = (1..=255).map(|number| (number, 0, &b"x"[..])).collect();
    assert_eq!(read(&text(255, &many)), [some(&"x".repeat(255))]);
    assert_eq!(read(&text(255, &many[254..])), [None, some("x")]);
}

#[test]
fn the_beginning_is_what_came_of_it() {
    assert_eq!(beginning(&text(2, &[(1, 0, b"a"), (2, 0, b"b")])), ("ab".to_owned(), true));
    assert_eq!(beginning(&text(3, &[(1, 0, b"a"), (3, 0, b"c")])), ("a".to_owned(), false));
    assert_eq!(beginning(&text(2, &[(2, 0, b"b")])), (String::new(), false));
}
