use proptest::prelude::*;

use super::*;

const NUMBER: &str = "19900001234";

fn own() -> Msisdn {
    Msisdn::parse(NUMBER.as_bytes()).unwrap()
}

fn masked(text: &str) -> String {
    let mut text = text.to_owned();
    let before = text.clone();
    let changed = mask(&own(), &mut text);
    assert_eq!(changed, text != before);
    text
}

fn torn(text: &str, start: bool, end: bool) -> String {
    let mut text = text.to_owned();
    mask_torn(&own(), &mut text, Torn { start, end });
    text
}

#[test]
fn every_spelling_is_struck_out() {
    for spelling in [
        "19900001234",
        "8619900001234",
        "+8619900001234",
        "+86 199 0000 1234",
        "(+86)199-0000-1234",
        "0086-199-0000-1234",
        "019900001234",
        "１９９００００１２３４",
        "＋８６１９９００００１２３４",
        "一九九零零零零一二三四",
        "幺九九〇〇〇〇幺二三四",
        "幺勾勾洞洞洞洞幺两三四",
        "壹玖玖零零零零壹贰叁肆",
        "1.9.9.0.0.0.0.1.2.3.4",
        "1 . 9 . 9 . 0 . 0 . 0 . 0 . 1 . 2 . 3 . 4",
        "199----0000----1234",
        "199\n\n\n\n0000\n\n\n\n1234",
        "199+0000+1234",
        "199\u{200b}0000\u{200b}1234",
        "1\u{200d}\u{feff}\u{2060}\u{200c}\u{200e}9\u{3164}9 0000 1234",
        "[199]0000[1234",
        "199*0000'1234",
        "1\u{fe0f}\u{20e3}9\u{fe0f}\u{20e3}9\u{fe0f}\u{20e3}0000\u{0}1234",
        "一九九0000１２３４",
        "١٩٩٠٠٠٠١٢٣٤",
        "۱۹۹۰۰۰۰۱۲۳۴",
        "१९९००००१२३४",
        "⑲⑨⓪⓪⓪⓪⑫③④",
        "𝟙𝟡𝟡𝟘𝟘𝟘𝟘𝟙𝟚𝟛𝟜",
        "l99OOOOl234",
        "¹⁹⁹⁰⁰⁰⁰¹²³⁴",
    ] {
        let out = masked(&format!("我的号码是{spelling}请回电"));
        assert!(out.starts_with("我的号码是") && out.ends_with("***请回电"), "{spelling}: {out}");
        assert!(!out.contains("1234") && !out.contains("二三四"), "{spelling}: {out}");
    }
}

#[test]
fn octets_that_are_not_what_they_claim_are_seen() {
    let own = own();
    let wide: Vec<u8> = "19900001234".encode_utf16().flat_map(u16::to_le_bytes).collect();
    // The number's septets packed as TS 23.038 has it.
    let packed = [0xB1, 0x5C, 0x0E, 0x06, 0x83, 0xC1, 0x62, 0xB2, 0x19, 0x0D];
    for octets in [
        &b"tel: 199-0000-1234"[..],
        &wide,
        &[&b"x"[..], &wide].concat(),
        &packed,
        &[0x19, 0x90, 0x00, 0x01, 0x23, 0x4F],
        &[0x91, 0x68, 0x91, 0x09, 0x00, 0x10, 0x32, 0xF4],
    ] {
        assert!(occurs(&own, octets), "{octets:02x?}");
    }
    for octets in [&b""[..], b"19900001235", "谢谢".as_bytes(), &[0xFF; 200]] {
        assert!(!occurs(&own, octets), "{octets:02x?}");
    }
}

#[test]
fn it_is_found_twice_and_inside_longer_digits() {
    assert_eq!(masked("19900001234,19900001234"), "***,***");
    assert_eq!(masked("+8619900001234+8619900001234"), "******");
    assert_eq!(masked("77199000012345"), "77***5");
}

#[test]
fn other_text_stays() {
    for text in [
        "",
        "19900001235",
        "13800138000",
        "call 1990000",
        "退订",
        "1990000a1234",
        "R",
        "订单号 20261122000119900012 已发货",
        "2026-11-22 19:00, 1234 元",
        "取件码 9-9-0000，三楼，一共两件",
        "验证码1990，有效期00分",
        "+86 139 0000 1234",
    ] {
        assert_eq!(masked(text), text);
    }
}

#[test]
fn a_country_code_is_not_taken_from_the_number_before() {
    let mut text = "199000000861990000008619900000086".to_owned();
    assert!(mask(&Msisdn::parse(b"19900000086").unwrap(), &mut text));
    assert_eq!(text, "*********");
}

#[test]
fn what_is_left_beside_a_missing_part_is_struck_out_too() {
    assert_eq!(torn("call me at +86 199 0000", false, true), "call me at +86 ***");
    assert_eq!(torn("1234 is the end of it", true, false), "*** is the end of it");
    assert_eq!(torn("- 0000 -", true, true), "- *** -");
    assert_eq!(torn("call me at 199 0000", false, false), "call me at 199 0000", "nothing is missing");
    assert_eq!(torn("1234 yuan, room 199", false, true), "1234 yuan, room ***");
    assert_eq!(torn("room 12 of 34", true, true), "room 12 of 34", "two digits say little");
    assert_eq!(torn("19900001234", true, true), "***");
}

#[test]
fn every_decimal_digit_is_read_as_what_it_is() {
    for start in ['0', '０', '٠', '०', '𝟶'] {
        for value in 0..10_u8 {
            let c = char::from_u32(u32::from(start) + u32::from(value)).unwrap();
            assert_eq!(spelled(c), Spelled::One(b'0' + value), "{c}");
        }
    }
    for c in ['a', '/', ':', '@', ' ', 'é', '中', '\u{0}', '\u{10FFFF}', '\u{66A}', '⑳', '〸'] {
        assert!(!matches!(spelled(c), Spelled::One(_)), "{c}");
    }
    assert_eq!(spelled('⑳'), Spelled::Two(b'2', b'0'));
}

/// One digit in some way of writing it.
fn digit(value: u32) -> impl Strategy<Value = String> {
    let rows = [
        "0123456789",
        "０１２３４５６７８９",
        "〇一二三四五六七八九",
        "零壹贰叁肆伍陆柒捌玖",
        "٠١٢٣٤٥٦٧٨٩",
        "۰۱۲۳۴۵۶۷۸۹",
        "⓪①②③④⑤⑥⑦⑧⑨",
        "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗",
    ];
    (0..rows.len())
        .prop_map(move |row| rows[row].chars().nth(usize::try_from(value).unwrap()).unwrap().to_string())
}

fn spelling(number: &str) -> impl Strategy<Value = String> + use<> {
    let separators = prop::sample::select(vec![
        "",
        "",
        "",
        " ",
        "-",
        ".",
        "　",
        "\u{200b}",
        "\u{200d}\u{200c}\u{feff}",
        " - - - - ",
        "(",
        ")",
        "【",
        "·",
        "/",
        "\n\n",
        "_",
        "，",
        "\u{2060}\u{2060}\u{2060}\u{2060}\u{2060}",
    ]);
    let digits: Vec<_> =
        number.chars().map(|c| (digit(c.to_digit(10).unwrap()), separators.clone())).collect();
    let prefix = prop::sample::select(vec!["", "+86", "86", "0086", "+86 ", "(+86)", "＋８６", "0", "八六"]);
    (prefix, digits).prop_map(|(prefix, digits)| {
        let mut text = prefix.to_owned();
        let last = digits.len() - 1;
        for (place, (digit, separator)) in digits.into_iter().enumerate() {
            text.push_str(&digit);
            if place < last {
                text.push_str(separator);
            }
        }
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Any number, any spelling of it, anything around it: it is gone, what is around it stays.
    #[test]
    fn any_spelling_of_any_number_is_struck_out(
        (number, written) in "1[3-9][0-9]{9}".prop_flat_map(|n| { let w = spelling(&n); (Just(n), w) }),
        before in "[请回电我的号码是 a-km-np-zA-HJ-NP-Z,]{0,20}x",
        after in "[谢再见了 a-km-np-zA-HJ-NP-Z,]{0,20}",
    ) {
        let mut text = format!("{before}{written}y{after}");
        prop_assert!(mask(&Msisdn::parse(number.as_bytes()).unwrap(), &mut text));
        // A bracket before the country code may stay.
        prop_assert_eq!(text.replacen("x(***", "x***", 1), format!("{before}***y{after}"));
    }

    /// Another number, in any spelling, stays as it is.
    #[test]
    fn other_numbers_stay(written in "1[3-9][0-9]{9}".prop_filter("another", |n| n != NUMBER).prop_flat_map(|n| spelling(&n))) {
        let mut text = written.clone();
        prop_assert!(!mask(&Msisdn::parse(NUMBER.as_bytes()).unwrap(), &mut text));
        prop_assert_eq!(text, written);
    }

    /// However a text is cut, no three digits of the number are left beside the cut.
    #[test]
    fn no_cut_leaves_a_piece(cut in 0_usize..=11) {
        let (head, tail) = NUMBER.split_at(cut);
        let (head, tail) = (torn(&format!("call {head}"), false, true), torn(&format!("{tail} now"), true, false));
        prop_assert!(head.chars().filter(char::is_ascii_digit).count() < EDGE);
        prop_assert!(tail.chars().filter(char::is_ascii_digit).count() < EDGE);
    }

    /// Whatever stands around it: the number is gone afterwards, a second look finds nothing, the rest stays.
    #[test]
    fn nothing_is_left(parts in prop::collection::vec("[0-9０-９一二九零+ 　，x中é-]{0,12}", 1..6), plain in prop::bool::ANY) {
        let number = if plain { "19900001234" } else { "１９９零０００-1234" };
        let mut text = parts.join(number);
        let there = parts.len() > 1;
        prop_assert!(mask(&own(), &mut text) || !there);
        prop_assert!(!text.contains(number));
        prop_assert!(!mask(&own(), &mut text), "found again");
    }
}

/// A text of nothing but digits and separators, as long as any reply may be: linear, so far below a second.
#[test]
fn a_long_text_is_masked_once_through() {
    let mut text = "1-9-9-0-0-0-0-1-2-3-4,".repeat(3000);
    assert!(mask(&own(), &mut text));
    assert_eq!(text, "***,".repeat(3000));
    let mut digits = "1990000123".repeat(6000);
    assert!(!mask(&own(), &mut digits));
    let mut separators = "-".repeat(60_000);
    assert!(!mask(&own(), &mut separators));
}
