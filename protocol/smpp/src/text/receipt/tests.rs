use proptest::prelude::*;

use super::*;
use crate::codec::TlvList;

fn text(text: &[u8]) -> Receipt<'_> {
    parse(ReceiptTlvs::default(), text).unwrap()
}

fn ended(state: FinalState) -> ReceiptState {
    ReceiptState::Final(state)
}

fn from_text(code: u16) -> Option<NetworkError> {
    Some(NetworkError { network: None, code })
}

#[test]
fn the_customary_text() {
    let receipt = text(
        b"id:00f3A9 sub:001 dlvrd:001 submit date:2603010930 done date:2603010931 stat:DELIVRD err:000 text:hello",
    );
    assert_eq!(
        (receipt.id, receipt.state, receipt.error),
        (&b"00f3A9"[..], ended(FinalState::Delivered), from_text(0))
    );
}

#[test]
fn dates_of_twelve_digits_extra_blanks_and_any_case() {
    let receipt = text(
        b"  ID: 77  Sub:001   DLVRD:000 Submit Date:260301093000 Done Date: 260301093100 Stat: undeliv ERR:045 Text: x",
    );
    assert_eq!(
        (receipt.id, receipt.state, receipt.error),
        (&b"77"[..], ended(FinalState::Undeliverable), from_text(45))
    );
}

#[test]
fn missing_fields() {
    assert_eq!(text(b"id:5 stat:EXPIRED").state, ended(FinalState::Expired));
    assert_eq!(text(b"id:5 dlvrd:001").state, ended(FinalState::Delivered));
    assert_eq!(text(b"id:5 dlvrd:000").state, ended(FinalState::Unknown));
    assert_eq!(text(b"id:5 stat: err: text:").state, ended(FinalState::Unknown));
    assert_eq!(text(b"id:5 stat:ACCEPTD err:E7").error, None);
    for nothing in
        [&b""[..], b"hello", b"id: sub:001", b"stat:DELIVRD", b"id:", &[b"id:", &[b'1'; 65][..]].concat()]
    {
        assert_eq!(parse(ReceiptTlvs::default(), nothing), Err(TextError::ReceiptId));
    }
}

#[test]
fn an_id_of_nothing_but_nul_is_none() {
    assert_eq!(parse(ReceiptTlvs::default(), b"id:\t\0\0 stat:DELIVRD"), Err(TextError::ReceiptId));
    let tlvs = ReceiptTlvs { message_id: Some(b"\0"), ..ReceiptTlvs::default() };
    assert_eq!(parse(tlvs, b"id:5\0").unwrap().id, b"5");
}

#[test]
fn the_message_text_cannot_speak() {
    let receipt = text(b"id:5 text:id:6 stat:DELIVRD err:099");
    assert_eq!((receipt.id, receipt.state, receipt.error), (&b"5"[..], ended(FinalState::Unknown), None));
    assert_eq!(parse(ReceiptTlvs::default(), b"text:id:6 stat:DELIVRD"), Err(TextError::ReceiptId));
    let glued = text(b"id:5Text:id:6 stat:DELIVRD");
    assert_eq!((glued.id, glued.state), (&b"5"[..], ended(FinalState::Unknown)));
    let first = text(b"id:5 stat:REJECTD stat:DELIVRD");
    assert_eq!(first.state, ended(FinalState::Rejected));
}

#[test]
fn tlvs_win_over_text() {
    let tlvs =
        ReceiptTlvs { message_id: Some(b"abc\0"), message_state: Some(5), network_error: Some([3, 0, 69]) };
    let receipt = parse(tlvs, b"id:5 stat:DELIVRD err:000").unwrap();
    assert_eq!((receipt.id, receipt.state), (&b"abc"[..], ended(FinalState::Undeliverable)));
    assert_eq!(receipt.error, Some(NetworkError { network: Some(3), code: 69 }));
    let only_tlvs = parse(ReceiptTlvs { network_error: None, ..tlvs }, b"").unwrap();
    assert_eq!((only_tlvs.state, only_tlvs.error), (ended(FinalState::Undeliverable), None));
}

#[test]
fn parameters_are_picked_out_of_tlvs() {
    let mut tlvs = TlvList::new();
    for (tag, value) in [
        (Tag::MESSAGE_STATE, &b"\x02"[..]),
        (Tag::RECEIPTED_MESSAGE_ID, b"7b\0"),
        (Tag::NETWORK_ERROR_CODE, b"\x03\0\x05"),
    ] {
        tlvs.push(tag, value).unwrap();
    }
    let receipt = parse(ReceiptTlvs::of(tlvs.view()), b"").unwrap();
    assert_eq!((receipt.id, receipt.state), (&b"7b"[..], ended(FinalState::Delivered)));
    assert_eq!(receipt.error, Some(NetworkError { network: Some(3), code: 5 }));
    let mut spoilt = TlvList::new();
    spoilt.push(Tag::NETWORK_ERROR_CODE, b"\x03").unwrap();
    assert!(ReceiptTlvs::of(spoilt.view()).network_error.is_none());
}

#[test]
fn every_state_word_and_value() {
    let word = |word: &str| text(format!("id:1 stat:{word}").as_bytes()).state;
    let value = |value| {
        parse(ReceiptTlvs { message_id: Some(b"1"), message_state: Some(value), ..Default::default() }, b"")
            .unwrap()
            .state
    };
    for state in [0, 1, 2, 3, 4, 5, 6, 7, 8].into_iter().filter_map(FinalState::from_message_state) {
        assert_eq!(word(state.stat()), ended(state));
        assert_eq!(value(state.message_state()), ended(state));
    }
    for underway in ["ENROUTE", "ACCEPTD", "scheduled"] {
        assert_eq!(word(underway), ReceiptState::Underway);
    }
    for underway in [0, 1, 6] {
        assert_eq!(value(underway), ReceiptState::Underway);
    }
    assert_eq!(
        (word("WHATEVER"), value(9), value(77)),
        (ended(FinalState::Unknown), ended(FinalState::Undeliverable), ended(FinalState::Unknown))
    );
}

#[test]
fn ids_match_across_spellings() {
    let matches = |format: IdFormat, response: &str, receipt: &str| {
        let stored = format.response_key(response.as_bytes());
        stored.is_some() && format.receipt_keys(receipt.as_bytes()).contains(&stored)
    };
    let uuid = "5F0C6A3E-92B1-4C53-8B8F-0d6ab5b1c9d2";
    for (format, response, receipt) in [
        (IdFormat::AsIs, "abc", "abc"),
        (IdFormat::AsIs, "abc\0", " abc "),
        (IdFormat::Decimal, "0000123", "123"),
        (IdFormat::Hex, "00ABcd", "abCD"),
        (IdFormat::Hex, uuid, "5f0c6a3e92b14c538b8f0d6ab5b1c9d2"),
        (IdFormat::Hex, "0x1f", "1F"),
        (IdFormat::HexInResponseDecimalInReceipt, "7B", "0123"),
        (IdFormat::Auto, "7b", "123"),
        (IdFormat::Auto, "123", "0123"),
        (IdFormat::Auto, "0A1", "a1"),
        (IdFormat::Auto, "Msg-0042", "MSG-0042"),
        (IdFormat::Auto, uuid, uuid),
    ] {
        assert!(matches(format, response, receipt), "{format:?} {response} {receipt}");
    }
    for (format, response, receipt) in [
        (IdFormat::AsIs, "abc", "ABC"),
        (IdFormat::AsIs, "007", "7"),
        (IdFormat::Hex, "7b", "123"),
        (IdFormat::HexInResponseDecimalInReceipt, "123", "123"),
        (IdFormat::Auto, "xyz", "xyy"),
        (IdFormat::Auto, "", ""),
    ] {
        assert!(!matches(format, response, receipt), "{format:?} {response} {receipt}");
    }
    assert_eq!(IdFormat::AsIs.response_key(&[b'a'; 65]), None);
    assert!(matches(IdFormat::Hex, &"f".repeat(64), &"F".repeat(64)));
}

#[test]
fn auto_looks_for_the_same_spelling_first() {
    let [first, second] = IdFormat::Auto.receipt_keys(b"123");
    assert_eq!((first, second), (Some(IdKey::Number(0x123)), Some(IdKey::Number(123))));
    assert_eq!(IdFormat::Auto.receipt_keys(b"7")[1], None);
    assert_eq!(IdFormat::Auto.receipt_keys(b"7f")[1], None);
}

#[test]
fn what_is_written_reads_back() {
    let at = Timestamp::parse("2026-03-01T00:00:00Z").unwrap();
    let mut out = Vec::new();
    write_text(b"01ab", at, at, FinalState::Delivered, 0, &mut out).unwrap();
    assert_eq!(
        std::str::from_utf8(&out).unwrap(),
        "id:01ab sub:001 dlvrd:001 submit date:2603010000 done date:2603010000 stat:DELIVRD err:000 text:"
    );
    for (error, digits) in [(45, 45), (60_000, 999)] {
        out.clear();
        write_text(&[b'f'; MAX_ID], at, at, FinalState::Rejected, error, &mut out).unwrap();
        assert_eq!(out.len(), 156);
        let receipt = text(&out);
        assert_eq!((receipt.state, receipt.error), (ended(FinalState::Rejected), from_text(digits)));
    }
    for bad in [&b""[..], &[b'f'; 65]] {
        assert_eq!(write_text(bad, at, at, FinalState::Unknown, 0, &mut out), Err(TextError::ReceiptId));
    }
}

#[test]
fn debug_shows_no_id() {
    let receipt = text(b"id:13800138000 stat:DELIVRD");
    assert_eq!(format!("{receipt:?}"), "Receipt(id 11, Final(Delivered), None)");
    assert_eq!(format!("{:?}", IdFormat::Auto.response_key(b"13800138000")), "Some(IdKey(number))");
}

proptest! {
    #[test]
    fn any_bytes_are_safe(bytes in prop::collection::vec(any::<u8>(), 0..200), state: Option<u8>) {
        let _ = parse(ReceiptTlvs { message_state: state, ..Default::default() }, &bytes);
        for format in [IdFormat::AsIs, IdFormat::Decimal, IdFormat::Hex, IdFormat::Auto] {
            let stored = format.response_key(&bytes);
            prop_assert_eq!(&stored, &format.receipt_keys(&bytes)[0]);
        }
    }

    #[test]
    fn any_words_are_safe(words in "((id:|stat:|err:|text:|dlvrd:|submit date:)? ?[a-z0-9]{0,5} ?){0,12}") {
        if let Ok(receipt) = parse(ReceiptTlvs::default(), words.as_bytes()) {
            prop_assert!(receipt.id.len() <= MAX_ID && !receipt.id.contains(&b' '));
        }
    }

    #[test]
    fn decimal_receipts_find_hexadecimal_responses(id: u64) {
        let format = IdFormat::HexInResponseDecimalInReceipt;
        let stored = format.response_key(format!("{id:08X}").as_bytes());
        prop_assert_eq!(&stored, &format.receipt_keys(id.to_string().as_bytes())[0]);
        prop_assert!(IdFormat::Auto.receipt_keys(id.to_string().as_bytes()).contains(&stored));
    }
}

#[test]
fn a_carriers_own_words() {
    let vendor = |words: &[u8]| {
        let whole = [b"id:7 ", words, b" text:MK:9999"].concat();
        text(&whole).vendor.map(<[u8]>::to_vec)
    };
    assert_eq!(vendor(b"stat:MK:0001 err:000"), Some(b"MK:0001".to_vec()));
    assert_eq!(vendor(b"stat:UNDELIV err:MB:0069"), Some(b"MB:0069".to_vec()));
    assert_eq!(vendor(b"stat:UNDELIV err:005"), None);
    assert_eq!(vendor(b"stat:UNKNOWN err:"), None);
}
