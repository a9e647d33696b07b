use proptest::prelude::*;

use super::*;
use crate::text::encoding::{UCS2, decode_text, encode_text, encode_ucs2};

/// Units of each part: septets and octets as they are, UTF-16 units in pairs of octets.
fn lengths(data_coding: u8, octets: &[u8], reference: Reference) -> Vec<usize> {
    lengths_in(data_coding, octets, DefaultAlphabet::Gsm7, reference)
}

fn lengths_in(data_coding: u8, octets: &[u8], default: DefaultAlphabet, reference: Reference) -> Vec<usize> {
    let parts = split(data_coding, octets, default, reference).unwrap();
    assert_eq!(usize::from(parts.total()), parts.clone().count());
    assert_eq!(parts.clone().collect::<Vec<_>>().concat(), octets);
    let unit = if data_coding == UCS2 { 2 } else { 1 };
    parts.map(|part| part.len() / unit).collect()
}

fn ucs2(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    encode_ucs2(text, &mut out);
    out
}

fn gsm(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    assert_eq!(encode_text(text, DefaultAlphabet::Gsm7, &mut out), 0);
    out
}

//= ASCS 3.5
//= type=test
#[test]
fn chinese_texts_have_70_and_67() {
    let cut = |count: usize| lengths(UCS2, &ucs2(&"验".repeat(count)), Reference::Narrow);
    for (count, parts) in [
        (70, vec![70]),
        (71, vec![67, 4]),
        (134, vec![67, 67]),
        (135, vec![67, 67, 1]),
        (160, vec![67, 67, 26]),
    ] {
        assert_eq!(cut(count), parts, "{count} characters");
    }
    assert_eq!(lengths(UCS2, &ucs2(&"验".repeat(71)), Reference::Wide), [66, 5]);
    assert_eq!(lengths(0x18, &ucs2(&"验".repeat(71)), Reference::Wide), [132, 10], "with a message class");
}

#[test]
fn septets_have_160_and_153() {
    let cut = |count: usize| lengths(0, &gsm(&"a".repeat(count)), Reference::Narrow);
    for (count, parts) in
        [(160, vec![160]), (161, vec![153, 8]), (306, vec![153, 153]), (307, vec![153, 153, 1])]
    {
        assert_eq!(cut(count), parts, "{count} septets");
    }
    assert_eq!(lengths(0, &gsm(&"a".repeat(161)), Reference::Wide), [152, 9]);
    assert_eq!(lengths(0xF0, &[b'a'; 161], Reference::Narrow), [153, 8]);
}

#[test]
fn octets_have_140_and_134() {
    for (data_coding, default) in [
        (4, DefaultAlphabet::Gsm7),
        (3, DefaultAlphabet::Gsm7),
        (0, DefaultAlphabet::Latin1),
        (99, DefaultAlphabet::Gsm7),
    ] {
        let cut = |count: usize, reference| lengths_in(data_coding, &vec![0xE9; count], default, reference);
        assert_eq!(cut(140, Reference::Narrow), [140]);
        assert_eq!(cut(141, Reference::Narrow), [134, 7]);
        assert_eq!(cut(141, Reference::Wide), [133, 8]);
    }
}

#[test]
fn an_extension_character_counts_two_and_is_not_cut() {
    assert_eq!(lengths(0, &gsm(&"€".repeat(80)), Reference::Narrow), [160]);
    assert_eq!(lengths(0, &gsm(&"€".repeat(81)), Reference::Narrow), [152, 10], "153 is odd");
    let at_the_seam = format!("{}€{}", "a".repeat(152), "b".repeat(20));
    assert_eq!(lengths(0, &gsm(&at_the_seam), Reference::Narrow), [152, 22]);
    let before_it = format!("{}€{}", "a".repeat(151), "b".repeat(20));
    assert_eq!(lengths(0, &gsm(&before_it), Reference::Narrow), [153, 20]);
    let one_too_many = format!("{}€", "a".repeat(159));
    assert_eq!(lengths(0, &gsm(&one_too_many), Reference::Narrow), [153, 8]);
    assert_eq!(lengths(1, &[b'['; 81], Reference::Narrow), [76, 5], "ASCII becomes septets");
    assert_eq!(lengths(0, &[&[b'a'; 160][..], &[gsm7::ESCAPE]].concat(), Reference::Narrow), [153, 8]);
}

#[test]
fn a_pair_is_not_cut() {
    let emoji = format!("{}😀{}", "验".repeat(66), "验".repeat(10));
    assert_eq!(lengths(UCS2, &ucs2(&emoji), Reference::Narrow), [66, 12]);
    assert_eq!(lengths(UCS2, &ucs2(&"😀".repeat(35)), Reference::Narrow), [70]);
    assert_eq!(lengths(UCS2, &ucs2(&"😀".repeat(36)), Reference::Narrow), [66, 6]);
    assert_eq!(lengths(15, &[0xC4, 0xE3].repeat(71), Reference::Wide), [132, 10], "GBK");
    let mixed = [&b"a"[..], &[0xC4, 0xE3].repeat(70)].concat();
    assert_eq!(lengths(15, &mixed, Reference::Narrow), [133, 8]);
}

#[test]
fn what_belongs_to_a_character_stays_with_it() {
    for together in [
        "e\u{301}",
        "e\u{323}\u{302}",
        "👍🏽",
        "👩\u{200D}👩\u{200D}👧",
        "❤\u{FE0F}",
        "🇨🇳",
        "1\u{FE0F}\u{20E3}",
        "か\u{3099}",
        "ก\u{0E34}",
    ] {
        let units = together.encode_utf16().count();
        for before in 67 - units + 1..67 {
            let text = format!("{}{together}{}", "验".repeat(before), "验".repeat(10));
            let rest = units + 10;
            assert_eq!(lengths(UCS2, &ucs2(&text), Reference::Narrow), [before, rest], "{together}");
        }
    }
    let flags = format!("{}🇨🇳🇫🇷{}", "验".repeat(61), "验".repeat(10));
    assert_eq!(lengths(UCS2, &ucs2(&flags), Reference::Narrow), [65, 14], "two flags are two characters");
    let endless = format!("a{}", "\u{301}".repeat(200));
    assert_eq!(lengths(UCS2, &ucs2(&endless), Reference::Narrow), [64, 64, 64, 9]);
}

#[test]
fn the_ends_of_the_range() {
    let empty = split(0, b"", DefaultAlphabet::Gsm7, Reference::Narrow).unwrap();
    assert_eq!((empty.total(), empty.collect::<Vec<_>>()), (1, vec![&b""[..]]));
    let most = vec![b'a'; 153 * 255];
    assert_eq!(split(0, &most, DefaultAlphabet::Gsm7, Reference::Narrow).unwrap().total(), 255);
    let more = vec![b'a'; 153 * 255 + 1];
    assert_eq!(split(0, &more, DefaultAlphabet::Gsm7, Reference::Narrow).unwrap_err(), TextError::TooLong);
    assert_eq!(lengths(UCS2, &[0; 141], Reference::Narrow), [67, 3], "an octet without its other half");
    let shown = split(0, b"13800138000", DefaultAlphabet::Gsm7, Reference::Narrow).unwrap();
    assert_eq!(format!("{shown:?}"), "Parts(1)");
    for data_coding in 0..=255 {
        let text = [b'['; ALWAYS_ONE];
        assert_eq!(split(data_coding, &text, DefaultAlphabet::Gsm7, Reference::Wide).unwrap().total(), 1);
    }
}

proptest! {
    #[test]
    fn the_parts_make_the_text(text in "[a-z€{😀验é\u{301}\u{200D}]{0,300}", latin: bool, wide: bool) {
        let default = if latin { DefaultAlphabet::Latin1 } else { DefaultAlphabet::Gsm7 };
        let reference = if wide { Reference::Wide } else { Reference::Narrow };
        let mut octets = Vec::new();
        let coding = encode_text(&text, default, &mut octets);
        let parts = split(coding, &octets, default, reference).unwrap();
        let mut again = String::new();
        for part in parts.clone() {
            let header = if parts.total() > 1 { 6 + usize::from(wide) } else { 0 };
            let on_air = if coding == 0 && !latin { (part.len() * 7).div_ceil(8) } else { part.len() };
            prop_assert!(header + on_air <= 140);
            again.push_str(&decode_text(coding, part, default).unwrap());
        }
        prop_assert_eq!(again, text);
    }

    #[test]
    fn any_octets_are_cut(coding: u8, octets in prop::collection::vec(any::<u8>(), 0..1000), wide: bool) {
        let reference = if wide { Reference::Wide } else { Reference::Narrow };
        let parts = split(coding, &octets, DefaultAlphabet::Gsm7, reference).unwrap();
        prop_assert_eq!(usize::from(parts.total()), parts.clone().count());
        prop_assert_eq!(parts.collect::<Vec<_>>().concat(), octets);
    }
}
