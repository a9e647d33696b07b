//! The GSM 7-bit default alphabet and its extension table (3GPP TS 23.038, 6.2.1), unpacked (one septet an octet, as
//! SMPP carries it) and packed (as it goes over the air). National shift tables are not read.
//!
//! Decoding gives what a handset shows, so that content rules see the same text: an escape followed by a septet the
//! extension table lacks is that septet of the default table, a second escape or one at the end is a blank. An octet
//! above 0x7F is refused.

mod table;

#[cfg(test)]
mod tests;

use table::{DEFAULT, EXTENSION};

use super::TextError;

/// The escape to the extension table.
pub const ESCAPE: u8 = 0x1B;

/// How many septets one character takes: 1, 2 (extension table) or `None` (not in the alphabet).
#[must_use]
pub fn septets_of(character: char) -> Option<usize> {
    match code(character)? {
        Code::Default(_) => Some(1),
        Code::Extension(_) => Some(2),
    }
}

/// How many septets the text takes; `None` when some character is not in the alphabet.
#[must_use]
pub fn septets(text: &str) -> Option<usize> {
    text.chars().try_fold(0, |sum, character| Some(sum + septets_of(character)?))
}

/// Whether every character of the text is in the alphabet.
#[must_use]
pub fn can_encode(text: &str) -> bool {
    text.chars().all(|character| code(character).is_some())
}

/// Appends the text as unpacked septets.
///
/// # Errors
/// [`TextError::NotEncodable`]; `out` then keeps what was written before the character.
pub fn encode(text: &str, out: &mut Vec<u8>) -> Result<(), TextError> {
    for character in text.chars() {
        match code(character).ok_or(TextError::NotEncodable)? {
            Code::Default(septet) => out.push(septet),
            Code::Extension(septet) => out.extend([ESCAPE, septet]),
        }
    }
    Ok(())
}

/// Appends the text of unpacked septets.
///
/// # Errors
/// [`TextError::NotASeptet`] for an octet above 0x7F.
pub fn decode(septets: &[u8], out: &mut String) -> Result<(), TextError> {
    let mut rest = septets.iter().copied();
    while let Some(septet) = rest.next() {
        let character = if septet == ESCAPE {
            match rest.next() {
                None => ' ',
                Some(after) => extension(after).map_or_else(|| default(after), Ok)?,
            }
        } else {
            default(septet)?
        };
        out.push(character);
    }
    Ok(())
}

/// Appends the septets packed, `fill_bits` (0-6) zero bits first: what aligns the text after a user data header.
/// Only the low seven bits of each octet count.
pub fn pack(septets: &[u8], fill_bits: u8, out: &mut Vec<u8>) {
    let mut bits = u32::from(fill_bits.min(6));
    let mut held = 0u32;
    for septet in septets {
        held |= u32::from(septet & 0x7F) << bits;
        bits += 7;
        while bits >= 8 {
            out.push(held.to_le_bytes()[0]);
            held >>= 8;
            bits -= 8;
        }
    }
    if bits > 0 && !septets.is_empty() {
        out.push(held.to_le_bytes()[0]);
    }
}

/// Appends `count` septets taken from packed octets after `fill_bits` (0-6) bits.
///
/// # Errors
/// [`TextError::TooLong`] when the octets hold fewer septets.
pub fn unpack(octets: &[u8], fill_bits: u8, count: usize, out: &mut Vec<u8>) -> Result<(), TextError> {
    let fill = usize::from(fill_bits.min(6));
    if count > (octets.len() * 8).saturating_sub(fill) / 7 {
        return Err(TextError::TooLong);
    }
    for position in 0..count {
        let bit = fill + position * 7;
        let low = octets.get(bit / 8).copied().unwrap_or(0);
        let high = octets.get(bit / 8 + 1).copied().unwrap_or(0);
        let [septet, _] = (u16::from_le_bytes([low, high]) >> (bit % 8) & 0x7F).to_le_bytes();
        out.push(septet);
    }
    Ok(())
}

/// The fill bits that bring the text after `header_octets` octets of header to a septet boundary.
#[must_use]
pub fn fill_bits(header_octets: usize) -> u8 {
    let past = u8::try_from(header_octets * 8 % 7).unwrap_or(0);
    (7 - past) % 7
}

enum Code {
    Default(u8),
    Extension(u8),
}

fn code(character: char) -> Option<Code> {
    if matches!(character, ' '..='#' | '%'..='?' | 'A'..='Z' | 'a'..='z' | '\n' | '\r') {
        return u8::try_from(character).ok().map(Code::Default);
    }
    if let Some((septet, _)) = EXTENSION.iter().find(|(_, other)| *other == character) {
        return Some(Code::Extension(*septet));
    }
    let at = DEFAULT.iter().position(|other| *other == character)?;
    u8::try_from(at).ok().filter(|septet| *septet != ESCAPE).map(Code::Default)
}

fn default(septet: u8) -> Result<char, TextError> {
    DEFAULT
        .get(usize::from(septet))
        .map(|character| if septet == ESCAPE { ' ' } else { *character })
        .ok_or(TextError::NotASeptet)
}

fn extension(septet: u8) -> Option<char> {
    EXTENSION.iter().find(|(other, _)| *other == septet).map(|(_, character)| *character)
}
