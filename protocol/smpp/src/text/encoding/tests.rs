use proptest::prelude::*;

use super::*;

#[test]
fn data_codings_name_their_alphabet_and_class() {
    let read = |value| DataCoding::parse(value).map(|coding| (coding.alphabet, coding.class));
    assert_eq!(read(0), Ok((Alphabet::Default, None)));
    assert_eq!(read(1), Ok((Alphabet::Ascii, None)));
    assert_eq!(read(3), Ok((Alphabet::Latin1, None)));
    assert_eq!(read(4), Ok((Alphabet::Binary, None)));
    assert_eq!(read(8), Ok((Alphabet::Ucs2, None)));
    assert_eq!(read(0x10), Ok((Alphabet::Default, Some(0))));
    assert_eq!(read(0x18), Ok((Alphabet::Ucs2, Some(0))));
    assert_eq!(read(0xF1), Ok((Alphabet::Default, Some(1))));
    assert_eq!(read(0xF6), Ok((Alphabet::Binary, Some(2))));
    for gbk_and_others in [15, 5, 6, 7, 14, 0x1C, 0x20, 0xC0, 0xE0, 0xF8, 0xFF] {
        assert_eq!(read(gbk_and_others), Err(TextError::UnsupportedCoding));
    }
}

#[test]
fn coding_zero_is_what_the_link_says() {
    let read = |default| decode_text(0, &[0x00, 0x24, 0x41], default).unwrap();
    assert_eq!(read(DefaultAlphabet::Gsm7), "@¤A");
    assert_eq!(read(DefaultAlphabet::Latin1), "\0$A");
}

#[test]
fn ucs2_takes_pairs_and_refuses_halves() {
    let smile = [0xD8, 0x3D, 0xDE, 0x00];
    assert_eq!(decode_text(8, &smile, DefaultAlphabet::Gsm7).unwrap(), "😀");
    for bad in [&smile[..2], &smile[2..], &smile[..3], &[0x4F], &[0xDE, 0x00, 0xD8, 0x3D]] {
        assert_eq!(decode_text(8, bad, DefaultAlphabet::Gsm7), Err(TextError::NotUtf16));
    }
}

#[test]
fn ascii_binary_and_gbk_say_what_they_are() {
    let read = |coding, bytes| decode_text(coding, bytes, DefaultAlphabet::Gsm7);
    assert_eq!(read(1, &[0x80]), Err(TextError::NotAscii));
    assert_eq!(read(1, b"a$").unwrap(), "a$");
    assert_eq!(read(3, &[0xE9]).unwrap(), "é");
    assert_eq!(read(4, b"a"), Err(TextError::Binary));
    assert_eq!(read(15, b"a"), Err(TextError::UnsupportedCoding));
}

#[test]
fn the_cheapest_coding_that_holds_everything() {
    let coded = |text, default| {
        let mut out = b"x".to_vec();
        (encode_text(text, default, &mut out), out.len() - 1)
    };
    assert_eq!(coded("a€", DefaultAlphabet::Gsm7), (0, 3));
    assert_eq!(coded("a€", DefaultAlphabet::Latin1), (8, 4));
    assert_eq!(coded("ab验", DefaultAlphabet::Gsm7), (8, 6));
    assert_eq!(coded("ÿ", DefaultAlphabet::Latin1), (0, 1));
}

proptest! {
    #[test]
    fn text_survives(text in "\\PC{0,80}", latin: bool) {
        let default = if latin { DefaultAlphabet::Latin1 } else { DefaultAlphabet::Gsm7 };
        let mut out = Vec::new();
        let coding = encode_text(&text, default, &mut out);
        prop_assert_eq!(decode_text(coding, &out, default).unwrap(), text);
    }

    #[test]
    fn any_bytes_are_safe(coding: u8, bytes in prop::collection::vec(any::<u8>(), 0..200), latin: bool) {
        let default = if latin { DefaultAlphabet::Latin1 } else { DefaultAlphabet::Gsm7 };
        if let Ok(text) = decode_text(coding, &bytes, default) {
            prop_assert!(text.chars().count() <= bytes.len());
        }
    }
}
