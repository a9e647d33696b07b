//! Finds one number in a text, however it is spelled, and strikes it out.

use std::ops::Range;

use crate::subscriber::Msisdn;

/// What stands in place of a number.
const MASK: &str = "***";
/// The most separators between two digits of one number.
const SEPARATORS: usize = 3;

/// A digit of the text and where it stands.
struct Mark {
    digit: u8,
    at: Range<usize>,
}

pub(crate) fn mask(number: &Msisdn, text: &mut String) -> bool {
    let digits = number.digits();
    let whole = digits.as_bytes();
    let own = whole.strip_prefix(b"86").unwrap_or(whole);
    let mut found = Vec::new();
    for run in runs(text) {
        occurrences(&run, own, &mut found);
    }
    for range in found.iter().rev() {
        let range = with_plus(text, range.clone());
        text.replace_range(range, MASK);
    }
    !found.is_empty()
}

/// Whether octets hold the number in a reading other than the one they claim: as text, UTF-16, packed septets, BCD or
/// swapped BCD. Networks mislabel what they carry, and the receiver may read it rightly all the same.
pub(crate) fn occurs(number: &Msisdn, octets: &[u8]) -> bool {
    let digits = number.digits();
    let whole = digits.as_bytes();
    let own = whole.strip_prefix(b"86").unwrap_or(whole);
    let mut found = Vec::new();
    let mut look = |text: &str| {
        for run in runs(text) {
            occurrences(&run, own, &mut found);
        }
        !found.is_empty()
    };
    let nibble = |value: u8| char::from_digit(value.into(), 10).unwrap_or('x');
    look(&String::from_utf8_lossy(octets))
        || (0..2).any(|start| {
            let (units, _) = octets.get(start..).unwrap_or_default().as_chunks::<2>();
            let wide = |order: fn([u8; 2]) -> u16| {
                let units = char::decode_utf16(units.iter().map(|unit| order(*unit)));
                units.map(|read| read.unwrap_or(char::REPLACEMENT_CHARACTER)).collect::<String>()
            };
            look(&wide(u16::from_be_bytes)) || look(&wide(u16::from_le_bytes))
        })
        || (0..7).any(|start| look(&septets(octets, start)))
        || look(&octets.iter().flat_map(|octet| [octet >> 4, octet & 15]).map(nibble).collect::<String>())
        || look(&octets.iter().flat_map(|octet| [octet & 15, octet >> 4]).map(nibble).collect::<String>())
}

/// The bits from `start` on in sevens, the lowest first (3GPP TS 23.038, 6.1.2.1).
fn septets(octets: &[u8], start: u32) -> String {
    let mut text = String::with_capacity(octets.len() * 8 / 7);
    let (mut bits, mut held, mut skip) = (0_u32, 0, start);
    for octet in octets {
        bits |= (u32::from(*octet) >> skip) << held;
        held += 8 - skip;
        skip = 0;
        while held >= 7 {
            text.push(char::from_u32(bits & 0x7F).unwrap_or('x'));
            bits >>= 7;
            held -= 7;
        }
    }
    text
}

/// Digits that follow each other with at most a few separators between.
fn runs(text: &str) -> Vec<Vec<Mark>> {
    let mut runs = Vec::new();
    let mut run = Vec::new();
    let mut separators = 0;
    for (start, c) in text.char_indices() {
        if let Some(digit) = digit(c) {
            run.push(Mark { digit, at: start..start + c.len_utf8() });
            separators = 0;
        } else if is_separator(c) && separators < SEPARATORS {
            separators += 1;
        } else if !run.is_empty() {
            runs.push(std::mem::take(&mut run));
        }
    }
    runs.push(run);
    runs
}

/// Where `own` stands in a run, with a country code before it.
fn occurrences(run: &[Mark], own: &[u8], found: &mut Vec<Range<usize>>) {
    let mut from = 0;
    let mut behind_last = 0;
    while let Some(candidate) = run.get(from..from + own.len()) {
        if !candidate.iter().map(|mark| mark.digit).eq(own.iter().copied()) {
            from += 1;
            continue;
        }
        let before = run.get(behind_last..from).unwrap_or_default();
        let code = [&b"0086"[..], b"86", b"0"].into_iter().find(|code| ends_with(before, code));
        let first = from - code.map_or(0, <[u8]>::len);
        if let (Some(first), Some(last)) = (run.get(first), candidate.last()) {
            found.push(first.at.start..last.at.end);
        }
        from += own.len();
        behind_last = from;
    }
}

fn ends_with(marks: &[Mark], code: &[u8]) -> bool {
    marks.len() >= code.len()
        && marks.iter().rev().map(|mark| mark.digit).zip(code.iter().rev()).all(|(a, b)| a == *b)
}

/// Takes in a plus sign, and separators or a bracket between it and the digits.
fn with_plus(text: &str, range: Range<usize>) -> Range<usize> {
    let before = text.get(..range.start).unwrap_or_default();
    let trimmed = before.trim_end_matches(is_separator);
    match trimmed.chars().next_back() {
        Some(plus @ ('+' | '\u{ff0b}')) => trimmed.len() - plus.len_utf8()..range.end,
        _ => range,
    }
}

/// Whatever is neither letter nor digit, plus signs aside.
fn is_separator(c: char) -> bool {
    !c.is_alphanumeric() && !matches!(c, '+' | '\u{ff0b}')
}

/// The ASCII digit a character stands for: ASCII, full-width, circled, and Chinese numerals in all three ways of writing.
fn digit(c: char) -> Option<u8> {
    let value = match c {
        '0'..='9' => u32::from(c) - u32::from('0'),
        '\u{ff10}'..='\u{ff19}' => u32::from(c) - 0xff10,
        '\u{2460}'..='\u{2468}' => u32::from(c) - 0x245f,
        '〇' | '零' | '○' | 'Ｏ' => 0,
        '一' | '壹' | '幺' => 1,
        '二' | '贰' | '貳' | '两' => 2,
        '三' | '叁' | '參' => 3,
        '四' | '肆' => 4,
        '五' | '伍' => 5,
        '六' | '陆' | '陸' => 6,
        '七' | '柒' | '拐' => 7,
        '八' | '捌' => 8,
        '九' | '玖' | '勾' => 9,
        _ => return None,
    };
    u8::try_from(value).ok().map(|value| b'0' + value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(text: &str) -> String {
        let mut text = text.to_owned();
        let before = text.clone();
        let changed = mask(&Msisdn::parse(b"19900001234").unwrap(), &mut text);
        assert_eq!(changed, text != before);
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
            "壹玖玖零零零零壹贰叁肆",
            "1.9.9.0.0.0.0.1.2.3.4",
            "199\u{200b}0000\u{200b}1234",
            "[199]0000[1234",
            "199*0000'1234",
            "1\u{fe0f}\u{20e3}9\u{fe0f}\u{20e3}9\u{fe0f}\u{20e3}0000\u{0}1234",
            "一九九0000１２３４",
        ] {
            let out = masked(&format!("我的号码是{spelling}请回电"));
            assert!(out.starts_with("我的号码是") && out.ends_with("***请回电"), "{spelling}: {out}");
            assert!(!out.contains("1234") && !out.contains("二三四"), "{spelling}: {out}");
        }
    }

    #[test]
    fn octets_that_are_not_what_they_claim_are_seen() {
        let own = Msisdn::parse(b"19900001234").unwrap();
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
        assert_eq!(masked("77199000012345"), "77***5");
    }

    #[test]
    fn other_text_stays() {
        for text in ["", "19900001235", "call 1990000", "退订", "1990000a1234", "R", "199----0000----1234"]
        {
            assert_eq!(masked(text), text);
        }
    }

    #[test]
    fn a_country_code_is_not_taken_from_the_number_before() {
        let mut text = "199000000861990000008619900000086".to_owned();
        assert!(mask(&Msisdn::parse(b"19900000086").unwrap(), &mut text));
        assert_eq!(text, "*********");
    }

    proptest::proptest! {
        /// Whatever stands around it: the number is gone afterwards, a second look finds nothing, the rest stays.
        #[test]
        fn nothing_is_left(parts in proptest::collection::vec("[0-9０-９一二九零+ 　，x中é-]{0,12}", 1..6), plain in proptest::bool::ANY) {
            let number = if plain { "19900001234" } else { "１９９零０００-1234" };
            let own = Msisdn::parse(b"19900001234").unwrap();
            let mut text = parts.join(number);
            let there = parts.len() > 1;
            proptest::prop_assert!(mask(&own, &mut text) || !there);
            proptest::prop_assert!(!text.contains(number));
            proptest::prop_assert!(!mask(&own, &mut text), "found again");
        }
    }
}
