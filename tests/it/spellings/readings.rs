//! Ways to read octets as digits. Separators between digits are left out, anything else ends a run of digits.

/// Stands where a run of digits ends.
const BREAK: u8 = b'#';

/// Every reading: its name and the digits.
pub(super) fn all(octets: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut readings = vec![("in UTF-8".to_owned(), digits(String::from_utf8_lossy(octets).chars()))];
    for offset in 0..2 {
        let pairs = || octets.get(offset..).unwrap_or_default().chunks_exact(2);
        let wide = |unit: fn([u8; 2]) -> u16| {
            let units = pairs().map(move |pair| unit([pair[0], pair[1]]));
            let lossy = |read: Result<char, _>| read.unwrap_or(char::REPLACEMENT_CHARACTER);
            digits(char::decode_utf16(units).map(lossy))
        };
        readings.push((format!("in UTF-16BE from {offset}"), wide(u16::from_be_bytes)));
        readings.push((format!("in UTF-16LE from {offset}"), wide(u16::from_le_bytes)));
    }
    for offset in 0..8 {
        let septets = septets(octets, offset).into_iter().map(char::from);
        readings.push((format!("in packed GSM 7-bit from bit {offset}"), digits(septets)));
    }
    let high_first = octets.iter().flat_map(|octet| [octet >> 4, octet & 15]);
    readings.push(("in BCD".to_owned(), high_first.map(nibble).collect()));
    let low_first = octets.iter().flat_map(|octet| [octet & 15, octet >> 4]);
    readings.push(("in swapped BCD".to_owned(), low_first.map(nibble).collect()));
    readings
}

fn digits(chars: impl Iterator<Item = char>) -> Vec<u8> {
    chars.filter_map(|c| digit(c).or((!is_separator(c)).then_some(BREAK))).collect()
}

/// The octets' bits from `offset` on in sevens, the lowest first (3GPP TS 23.038).
fn septets(octets: &[u8], offset: usize) -> Vec<u8> {
    let mut septets = Vec::new();
    let (mut bits, mut held) = (0_u32, 0);
    for (index, octet) in octets.iter().enumerate() {
        let skip = if index == 0 { offset } else { 0 };
        bits |= (u32::from(*octet) >> skip) << held;
        held += 8 - skip;
        while held >= 7 {
            septets.push(u8::try_from(bits & 0x7F).unwrap());
            bits >>= 7;
            held -= 7;
        }
    }
    septets
}

fn nibble(value: u8) -> u8 {
    if value < 10 { b'0' + value } else { BREAK }
}

fn digit(c: char) -> Option<u8> {
    if let Some(value) = c.to_digit(10) {
        return u8::try_from(value).ok().map(|value| b'0' + value);
    }
    let zero = [0xFF10, 0x0660, 0x06F0, 0x0966].into_iter().find(|zero| (0..10).contains(&offset(c, *zero)));
    if let Some(zero) = zero {
        return u8::try_from(offset(c, zero)).ok().map(|value| b'0' + value);
    }
    let numerals = [
        "〇零○Ｏ",
        "一壹幺弌①",
        "二贰貳两②",
        "三叁參③",
        "四肆④",
        "五伍⑤",
        "六陆陸⑥",
        "七柒拐⑦",
        "八捌⑧",
        "九玖勾⑨",
    ];
    (b'0'..).zip(numerals).find(|(_, spellings)| spellings.contains(c)).map(|(digit, _)| digit)
}

fn offset(c: char, zero: i64) -> i64 {
    i64::from(u32::from(c)) - zero
}

/// What people put between digits: anything that is neither letter nor digit nor control nor structure.
fn is_separator(c: char) -> bool {
    c.is_whitespace()
        || matches!(
            c,
            ' ' | '-' | '_' | '.' | ',' | '/' | '(' | ')' | '[' | ']' | '~' | ':' | '|' | '*' | '\''
        )
        || matches!(c, '\u{b7}' | '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2010}'..='\u{2015}' | '\u{2060}')
        || matches!(c, '\u{2212}' | '\u{3001}' | '\u{3002}' | '\u{30fb}' | '\u{feff}')
        || matches!(
            c,
            '\u{ff08}' | '\u{ff09}' | '\u{ff0c}' | '\u{ff0d}' | '\u{ff0e}' | '\u{ff0f}' | '\u{ff3f}'
        )
}
