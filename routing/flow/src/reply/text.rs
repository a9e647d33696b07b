//! What of a reply's text passes: of a header only what orders the parts, of the text everything but the writer's own
//! number. A text that cannot be read cannot be searched, so it does not pass; the fact of the reply does.

use veilgate_identity::{Known, Torn};
use veilgate_names::Octets;
use veilgate_smpp::text::encoding::{DefaultAlphabet, decode_text, encode_text};
use veilgate_smpp::text::udh::{Segment, UserDataHeader};

use super::Incoming;
use super::parts::{Piece, Text};
use crate::delivery::Content;

/// The user data header indicator of `esm_class`.
const UDHI: u8 = 0x40;
/// Stands where a part is missing.
const GAP: &str = " [...] ";
/// The longest text that a `message_payload` can hold.
const LONGEST: usize = 65_000;

/// Which part it is, if one, and the text behind the header. A header that cannot be read hides what follows it.
pub(super) fn dissect<'a>(incoming: &Incoming<'a>) -> (Option<Segment>, &'a [u8]) {
    let whole = incoming.text.as_bytes();
    if incoming.esm_class & UDHI == 0 {
        return (incoming.segment, whole);
    }
    match UserDataHeader::parse(whole) {
        Ok((header, text)) => (header.segment.or(incoming.segment), text),
        Err(_) => (None, &[]),
    }
}

/// A reply of one piece.
pub(super) fn single(data_coding: u8, alphabet: DefaultAlphabet, text: &[u8], writer: &Known) -> Content {
    let mut out = Vec::with_capacity(text.len() + 8);
    let data_coding = match decode_text(data_coding, text, alphabet) {
        Ok(mut readable) => {
            if writer.mask(&mut readable) {
                encode_text(&readable, alphabet, &mut out)
            } else {
                out.extend_from_slice(text);
                data_coding
            }
        }
        Err(_) => 0,
    };
    content(data_coding, out, writer)
}

/// The parts of a long reply as one text. Where parts are missing it says so, and what could be a piece of the
/// writer's number beside the gap is struck out.
pub(super) fn joined(text: &Text, writer: &Known) -> Content {
    if let Some((data_coding, octets)) = as_it_came(text, writer) {
        return content(data_coding, octets, writer);
    }
    let stretches = stretches(text);
    let last = stretches.len().saturating_sub(1);
    let mut readable = String::new();
    for (place, stretch) in stretches.into_iter().enumerate() {
        match stretch {
            None => readable.push_str(GAP),
            Some(mut piece) => {
                writer.mask_torn(&mut piece, Torn { start: place > 0, end: place < last });
                readable.push_str(&piece);
            }
        }
    }
    writer.mask(&mut readable);
    let mut out = Vec::with_capacity(readable.len());
    let data_coding = encode_text(readable.trim(), text.alphabet(), &mut out);
    content(data_coding, out, writer)
}

/// The text of a writer who is not known any more: that he wrote.
pub(super) fn unsearched() -> Content {
    Content::Reply { data_coding: 0, has_header: false, text: Octets::from(Vec::new()), code: None }
}

/// What can be read of a text from its beginning on, and whether that is all of it.
pub(super) fn beginning(text: &Text) -> (String, bool) {
    let mut stretches = stretches(text).into_iter();
    let first = stretches.next().flatten().unwrap_or_default();
    (first, stretches.next().is_none())
}

fn content(data_coding: u8, mut octets: Vec<u8>, writer: &Known) -> Content {
    // Octets that are not what `data_coding` says could still be read rightly at the other end.
    if octets.len() > LONGEST || writer.occurs_in(&octets) {
        octets.clear();
    }
    let data_coding = if octets.is_empty() { 0 } else { data_coding };
    Content::Reply { data_coding, has_header: false, text: Octets::from(octets), code: None }
}

/// Whole, of one coding, readable and without the writer's number: the octets need no other coding.
fn as_it_came(text: &Text, writer: &Known) -> Option<(u8, Vec<u8>)> {
    let run = alike_from(text, 1);
    let first = run.first().filter(|_| run.len() == usize::from(text.total()))?;
    let octets: Vec<u8> = run.iter().flat_map(|piece| piece.octets.iter().copied()).collect();
    let mut readable = read(first, &octets)?;
    (!writer.mask(&mut readable)).then_some((first.data_coding, octets))
}

/// The text in order: what can be read, and none for each gap, where parts are missing or cannot be read. Neighbours
/// are never of one kind.
fn stretches(text: &Text) -> Vec<Option<String>> {
    let mut stretches: Vec<Option<String>> = Vec::new();
    let mut push = |read: Option<String>| match (stretches.last_mut(), read) {
        (Some(Some(before)), Some(read)) => before.push_str(&read),
        (Some(None), None) => {}
        (_, read) => stretches.push(read),
    };
    let mut number = 1;
    while number <= text.total() {
        let run = alike_from(text, number);
        let octets: Vec<u8> = run.iter().flat_map(|piece| piece.octets.iter().copied()).collect();
        let together = run.first().and_then(|piece| read(piece, &octets));
        match together {
            Some(read) => push(Some(read)),
            None if run.is_empty() => push(None),
            None => run.iter().for_each(|piece| push(read(piece, &piece.octets))),
        }
        let next = u8::try_from(run.len().max(1)).ok().and_then(|count| number.checked_add(count));
        let Some(next) = next else { break };
        number = next;
    }
    stretches
}

/// The parts from `number` on without a gap and of one coding: a character may be cut in two between such.
fn alike_from(text: &Text, number: u8) -> Vec<&Piece> {
    let mut run: Vec<&Piece> = Vec::new();
    for piece in (number..=text.total()).map_while(|number| text.piece(number)) {
        if run.first().is_some_and(|first| !first.is_like(piece)) {
            break;
        }
        run.push(piece);
    }
    run
}

fn read(piece: &Piece, octets: &[u8]) -> Option<String> {
    decode_text(piece.data_coding, octets, piece.alphabet).ok()
}

#[cfg(test)]
mod tests;
