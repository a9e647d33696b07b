//! A text cut into the parts of a concatenated message (3GPP TS 23.040, 9.2.3.24.1): 140 octets over the air, the
//! header's taken off. Octets are cut as they are, never coded anew: the parts put together are the text. No cut goes
//! through a surrogate pair, an escape and its septet or a two-octet character, nor before what belongs to the
//! character in front (combining marks, joiners, variation selectors, skin tones, the second half of a flag).

use super::TextError;
use super::encoding::{Alphabet, DataCoding, DefaultAlphabet};
use super::gsm7;

mod cluster;
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

/// User data of at most so many octets is one part in every coding: no character takes more than two units an octet.
pub const ALWAYS_ONE: usize = 80;

/// How many octets the reference takes in the header of each part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reference {
    /// One: the header has 6 octets.
    Narrow,
    /// Two: the header has 7 octets.
    Wide,
}

/// What a character takes, and which octets belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counting {
    /// One septet an octet; an escape and the octet behind it are one character.
    Septets,
    /// ASCII that the SMSC puts into septets.
    AsciiSeptets,
    Octets,
    /// Octets, of which one above 0x80 and the next are one character (GBK).
    DoubleOctets,
    Utf16,
}

/// The parts of a text, in order.
#[derive(Clone)]
pub struct Parts<'t> {
    rest: Option<&'t [u8]>,
    room: usize,
    counting: Counting,
    total: u8,
}

/// Cuts a message's text, which has no header. One part needs no header; an empty text is one empty part. Octets in a
/// coding that is not read here are cut by 134.
///
/// # Errors
/// [`TextError::TooLong`] for more than 255 parts.
pub fn split(
    data_coding: u8,
    text: &[u8],
    default: DefaultAlphabet,
    reference: Reference,
) -> Result<Parts<'_>, TextError> {
    let (counting, room) = counting(data_coding, default);
    let mut parts = Parts { rest: Some(text), room: room.alone, counting, total: 1 };
    if text.len() > ALWAYS_ONE && parts.cut(text) < text.len() {
        let [narrow, wide] = room.beside;
        parts.room = match reference {
            Reference::Narrow => narrow,
            Reference::Wide => wide,
        };
        parts.total = u8::try_from(parts.clone().count()).map_err(|_| TextError::TooLong)?;
    }
    Ok(parts)
}

fn counting(data_coding: u8, default: DefaultAlphabet) -> (Counting, Room) {
    /// GBK, by agreement with Chinese SMSCs (smpp-cases 14).
    const GBK: u8 = 15;
    match (DataCoding::parse(data_coding).map(|coding| coding.alphabet), default) {
        (Ok(Alphabet::Default), DefaultAlphabet::Gsm7) => (Counting::Septets, SEPTETS),
        (Ok(Alphabet::Ascii), _) => (Counting::AsciiSeptets, SEPTETS),
        (Ok(Alphabet::Ucs2), _) => (Counting::Utf16, UTF16_UNITS),
        (Err(_), _) if data_coding == GBK => (Counting::DoubleOctets, OCTETS),
        _ => (Counting::Octets, OCTETS),
    }
}

impl Parts<'_> {
    /// How many parts there are, 1-255.
    #[must_use]
    pub const fn total(&self) -> u8 {
        self.total
    }

    /// Where the part at the start of the text ends.
    fn cut(&self, text: &[u8]) -> usize {
        let (mut end, mut used) = (0, 0);
        loop {
            let rest = text.get(end..).unwrap_or_default();
            let (octets, units) = self.counting.first(rest);
            used += units;
            if octets == 0 || used > self.room {
                return end;
            }
            end += octets;
        }
    }
}

impl Counting {
    /// Octets and units of what must stay together at the start of a text; 0 octets at its end.
    fn first(self, text: &[u8]) -> (usize, usize) {
        match (self, text) {
            (_, []) => (0, 0),
            (Self::Septets, [gsm7::ESCAPE, _, ..]) | (Self::DoubleOctets, [0x81..=0xFE, _, ..]) => (2, 2),
            (Self::AsciiSeptets, [octet, ..]) => (1, gsm7::septets_of(char::from(*octet)).unwrap_or(1)),
            (Self::Septets | Self::Octets | Self::DoubleOctets, _) => (1, 1),
            (Self::Utf16, _) => {
                let octets = cluster::octets(text);
                (octets, octets.div_ceil(2))
            }
        }
    }
}

impl<'t> Iterator for Parts<'t> {
    type Item = &'t [u8];

    fn next(&mut self) -> Option<&'t [u8]> {
        let text = self.rest.take()?;
        let (part, rest) = text.split_at_checked(self.cut(text))?;
        self.rest = Some(rest).filter(|rest| !rest.is_empty());
        Some(part)
    }
}

impl std::fmt::Debug for Parts<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Parts({})", self.total)
    }
}
