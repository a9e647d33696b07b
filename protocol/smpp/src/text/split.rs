//! A text cut into the parts of a concatenated message (3GPP TS 23.040, 9.2.3.24.1): 140 octets over the air, the
//! header's taken off. No cut goes through a surrogate pair or an escape and its septet.

use super::TextError;
use super::encoding::{DefaultAlphabet, UCS2, encode_latin1, encode_ucs2};
use super::gsm7;

#[cfg(test)]
mod tests;

/// How many units a message has without a header and after one of 6 or 7 octets (8- or 16-bit reference).
struct Room {
    alone: usize,
    beside: [usize; 2],
}

const SEPTETS: Room = Room { alone: 160, beside: [153, 152] };
const OCTETS: Room = Room { alone: 140, beside: [134, 133] };
const UTF16_UNITS: Room = Room { alone: 70, beside: [67, 66] };

/// The parts of a text, in order.
#[derive(Clone)]
pub struct Parts<'t> {
    rest: Option<&'t str>,
    room: usize,
    data_coding: u8,
    total: u8,
    default: DefaultAlphabet,
}

/// Cuts a text, in the link's default alphabet if that has all of it and in UCS-2 otherwise. `wide` leaves room for a
/// 16-bit reference. One part needs no header; an empty text is one empty part.
///
/// # Errors
/// [`TextError::TooLong`] for more than 255 parts.
pub fn split(text: &str, default: DefaultAlphabet, wide: bool) -> Result<Parts<'_>, TextError> {
    let fits = match default {
        DefaultAlphabet::Gsm7 => gsm7::can_encode(text),
        DefaultAlphabet::Latin1 => text.chars().all(|character| u8::try_from(character).is_ok()),
    };
    let (data_coding, room) = match (fits, default) {
        (false, _) => (UCS2, UTF16_UNITS),
        (true, DefaultAlphabet::Gsm7) => (0, SEPTETS),
        (true, DefaultAlphabet::Latin1) => (0, OCTETS),
    };
    let mut parts = Parts { rest: Some(text), room: room.alone, data_coding, total: 1, default };
    if parts.cut(text) < text.len() {
        let [narrow_room, wide_room] = room.beside;
        parts.room = if wide { wide_room } else { narrow_room };
        parts.total = u8::try_from(parts.clone().count()).map_err(|_| TextError::TooLong)?;
    }
    Ok(parts)
}

impl Parts<'_> {
    /// The `data_coding` of every part: 0 or 8.
    #[must_use]
    pub const fn data_coding(&self) -> u8 {
        self.data_coding
    }

    /// How many parts there are, 1-255.
    #[must_use]
    pub const fn total(&self) -> u8 {
        self.total
    }

    /// Appends a part in the coding they all share; alone it might have had a cheaper one.
    ///
    /// # Errors
    /// [`TextError::NotEncodable`] for what is no part of this text.
    pub fn encode(&self, part: &str, out: &mut Vec<u8>) -> Result<(), TextError> {
        match (self.data_coding, self.default) {
            (UCS2, _) => {
                encode_ucs2(part, out);
                Ok(())
            }
            (_, DefaultAlphabet::Gsm7) => gsm7::encode(part, out),
            (_, DefaultAlphabet::Latin1) => encode_latin1(part, out),
        }
    }

    /// Where the part at the start of the text ends.
    fn cut(&self, text: &str) -> usize {
        let mut used = 0;
        let over = text.char_indices().find(|(_, character)| {
            used += self.units(*character);
            used > self.room
        });
        over.map_or(text.len(), |(at, _)| at)
    }

    fn units(&self, character: char) -> usize {
        match (self.data_coding, self.default) {
            (UCS2, _) => character.len_utf16(),
            (_, DefaultAlphabet::Gsm7) => gsm7::septets_of(character).unwrap_or(1),
            (_, DefaultAlphabet::Latin1) => 1,
        }
    }
}

impl<'t> Iterator for Parts<'t> {
    type Item = &'t str;

    fn next(&mut self) -> Option<&'t str> {
        let text = self.rest.take()?;
        let (part, rest) = text.split_at_checked(self.cut(text))?;
        self.rest = Some(rest).filter(|rest| !rest.is_empty());
        Some(part)
    }
}

impl std::fmt::Debug for Parts<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Parts({}, data_coding {})", self.total, self.data_coding)
    }
}
