//! Ways to read octets as digits. Separators between digits are left out, anything else ends a run of digits.

use std::sync::LazyLock;

/// Stands where a run of digits ends.
const BREAK: u8 = b'#';

/// Stands for nothing: a separator.
const SKIP: u8 = 0;

/// Every reading: its name and the digits. Written with plain loops: it runs without optimisation.
pub(super) fn all(octets: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut readings = vec![("in UTF-8", narrow(octets))];
    for offset in 0..2 {
        let octets = octets.get(offset..).unwrap_or_default();
        readings.push(("in UTF-16BE", wide(octets, u16::from_be_bytes)));
        readings.push(("in UTF-16LE", wide(octets, u16::from_le_bytes)));
    }
    for offset in 0..7 {
        readings.push(("in packed GSM 7-bit", septets(octets, offset)));
    }
    readings.push(("in BCD", nibbles(octets, 4, 0)));
    readings.push(("in swapped BCD", nibbles(octets, 0, 4)));
    readings
}

fn narrow(octets: &[u8]) -> Vec<u8> {
    let mut digits = Vec::with_capacity(octets.len());
    for chunk in octets.utf8_chunks() {
        for c in chunk.valid().chars() {
            put(u32::from(c), &mut digits);
        }
        if !chunk.invalid().is_empty() {
            digits.push(BREAK);
        }
    }
    digits
}

fn wide(octets: &[u8], unit: fn([u8; 2]) -> u16) -> Vec<u8> {
    let mut digits = Vec::with_capacity(octets.len() / 2);
    for pair in octets.as_chunks::<2>().0 {
        put(u32::from(unit(*pair)), &mut digits);
    }
    digits
}

/// The octets' bits from `offset` on in sevens, the lowest first (3GPP TS 23.038).
fn septets(octets: &[u8], offset: u32) -> Vec<u8> {
    let mut digits = Vec::with_capacity(octets.len());
    let (mut bits, mut held) = (0_u32, 0);
    let mut skip = offset;
    for octet in octets {
        bits |= (u32::from(*octet) >> skip) << held;
        held += 8 - skip;
        skip = 0;
        while held >= 7 {
            put(bits & 0x7F, &mut digits);
            bits >>= 7;
            held -= 7;
        }
    }
    digits
}

fn nibbles(octets: &[u8], first: u32, second: u32) -> Vec<u8> {
    let mut digits = Vec::with_capacity(octets.len() * 2);
    for octet in octets {
        for shift in [first, second] {
            let value = (octet >> shift) & 15;
            digits.push(if value < 10 { b'0' + value } else { BREAK });
        }
    }
    digits
}

fn put(code: u32, digits: &mut Vec<u8>) {
    static ASCII: LazyLock<[u8; 128]> = LazyLock::new(|| {
        std::array::from_fn(|code| u32::try_from(code).ok().and_then(char::from_u32).map_or(BREAK, read))
    });
    let place = usize::try_from(code).unwrap();
    let digit = match ASCII.get(place) {
        Some(digit) => *digit,
        None => char::from_u32(code).map_or(BREAK, read),
    };
    if digit != SKIP {
        digits.push(digit);
    }
}

fn read(c: char) -> u8 {
    match c {
        '0'..='9' => u8::try_from(c).unwrap(),
        '\u{ff10}'..='\u{ff19}' => from(c, '\u{ff10}'),
        '\u{660}'..='\u{669}' => from(c, '\u{660}'),
        '\u{6f0}'..='\u{6f9}' => from(c, '\u{6f0}'),
        '\u{2460}'..='\u{2468}' => from(c, '\u{2460}') + 1,
        '〇' | '零' | '○' | 'Ｏ' => b'0',
        '一' | '壹' | '幺' => b'1',
        '二' | '贰' | '貳' | '两' => b'2',
        '三' | '叁' | '參' => b'3',
        '四' | '肆' => b'4',
        '五' | '伍' => b'5',
        '六' | '陆' | '陸' => b'6',
        '七' | '柒' | '拐' => b'7',
        '八' | '捌' => b'8',
        '九' | '玖' | '勾' => b'9',
        _ if is_separator(c) => SKIP,
        _ => BREAK,
    }
}

fn from(c: char, zero: char) -> u8 {
    b'0' + u8::try_from(u32::from(c) - u32::from(zero)).unwrap()
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
