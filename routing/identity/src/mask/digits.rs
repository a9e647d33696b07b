//! Which characters stand for digits, and which for nothing.

/// What a character says of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelled {
    /// No digit.
    Nothing,
    /// One digit, as ASCII.
    One(u8),
    /// Two digits: `⑬` is 13.
    Two(u8, u8),
}

/// Where the digits 0-9 of a script begin, in order (Unicode general category Nd, and subscripts), the mathematical ones
/// apart.
const DECIMALS: [u32; 43] = [
    0x0030, 0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66,
    0x0DE6, 0x0E50, 0x0ED0, 0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50,
    0x1BB0, 0x1C40, 0x1C50, 0x2080, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10, 0x104A0,
    0x11066, 0x1E140, 0x1E950, 0x1FBF0,
];
/// The mathematical digits: five alphabets, one after the other.
const MATHEMATICAL: std::ops::RangeInclusive<u32> = 0x1D7CE..=0x1D7FF;
/// Where 1-9 of circled, bracketed, dotted and rod numerals begin, and how far the row counts.
const ENCLOSED: [(u32, u32); 10] = [
    (0x2460, 20), // circled
    (0x2474, 20), // in brackets
    (0x2488, 20), // with a full stop
    (0x24F5, 10), // double circled
    (0x2776, 10), // negative circled
    (0x2780, 10), // sans-serif circled
    (0x278A, 10), // sans-serif negative circled
    (0x3021, 9),  // Suzhou
    (0x3220, 10), // Chinese in brackets
    (0x3280, 10), // Chinese circled
];

/// The digits a character stands for: of any script, enclosed, as Chinese numeral in any way of writing or saying it, or
/// a letter that looks like one.
pub(super) fn spelled(c: char) -> Spelled {
    let code = u32::from(c);
    if c.is_ascii() {
        return one(code.wrapping_sub(0x30)).or_else(|| letter(c)).map_or(Spelled::Nothing, Spelled::One);
    }
    if let Some(digit) = decimal(code).or_else(|| superscript(c)).or_else(|| chinese(c)).or_else(|| letter(c))
    {
        return Spelled::One(digit);
    }
    match enclosed(code) {
        Some(value @ 1..=9) => one(value).map_or(Spelled::Nothing, Spelled::One),
        Some(value @ 10..=20) => match (one(value / 10), one(value % 10)) {
            (Some(tens), Some(ones)) => Spelled::Two(tens, ones),
            _ => Spelled::Nothing,
        },
        _ => Spelled::Nothing,
    }
}

/// Whatever is neither letter nor digit, and letters that show nothing.
pub(super) fn is_separator(c: char) -> bool {
    !c.is_alphanumeric() || matches!(c, '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}')
}

/// A plus sign of any width.
pub(super) fn is_plus(c: char) -> bool {
    matches!(c, '+' | '\u{ff0b}' | '\u{fe62}' | '\u{2795}')
}

fn one(value: u32) -> Option<u8> {
    u8::try_from(value).ok().filter(|value| *value < 10).map(|value| b'0' + value)
}

fn decimal(code: u32) -> Option<u8> {
    if MATHEMATICAL.contains(&code) {
        return one((code - MATHEMATICAL.start()) % 10);
    }
    let start = DECIMALS.get(DECIMALS.partition_point(|start| *start <= code).checked_sub(1)?)?;
    one(code - start)
}

fn superscript(c: char) -> Option<u8> {
    match c {
        '\u{00b9}' => Some(b'1'),
        '\u{00b2}' => Some(b'2'),
        '\u{00b3}' => Some(b'3'),
        '\u{2070}' | '\u{2074}'..='\u{2079}' => one(u32::from(c) - 0x2070),
        _ => None,
    }
}

fn enclosed(code: u32) -> Option<u32> {
    match code {
        0x1F51F => Some(10),
        0x24EB..=0x24F4 => Some(code - 0x24EB + 11),
        code if !(0x2460..0x32A0).contains(&code) => None,
        code => ENCLOSED
            .iter()
            .find(|(start, count)| (*start..start + count).contains(&code))
            .map(|(start, _)| code - start + 1),
    }
}

fn chinese(c: char) -> Option<u8> {
    Some(match c {
        '〇' | '零' | '○' | '◯' | '洞' | '⓪' | '⓿' | '⭕' => b'0',
        '一' | '壹' | '壱' | '弌' | '幺' | '么' => b'1',
        '二' | '贰' | '貳' | '弍' | '两' | '兩' => b'2',
        '三' | '叁' | '參' | '叄' | '弎' => b'3',
        '四' | '肆' => b'4',
        '五' | '伍' => b'5',
        '六' | '陆' | '陸' => b'6',
        '七' | '柒' | '拐' => b'7',
        '八' | '捌' => b'8',
        '九' | '玖' | '勾' => b'9',
        _ => return None,
    })
}

/// Letters written for digits.
fn letter(c: char) -> Option<u8> {
    match c {
        'O' | 'o' | 'Ｏ' | 'ｏ' | 'О' | 'о' | 'Ο' | 'ο' => Some(b'0'),
        'l' | 'I' | 'ｌ' | 'Ｉ' => Some(b'1'),
        _ => None,
    }
}
