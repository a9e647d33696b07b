//! Finds one number in a text, however it is spelled, and strikes it out. One pass over the text and a search of
//! eleven digits: the cost is linear in its length.

mod digits;

use std::ops::Range;

use crate::subscriber::Msisdn;
use digits::{Spelled, is_plus, is_separator, spelled};

/// What stands in place of a number.
const MASK: &str = "***";
/// The fewest digits beside a gap that are taken for a piece of the number.
const EDGE: usize = 3;

/// A digit of the text and where it stands.
struct Mark {
    digit: u8,
    at: Range<usize>,
}

/// Which ends of a text are torn: a part that was beside them is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Torn {
    /// Something is missing before it.
    pub start: bool,
    /// Something is missing behind it.
    pub end: bool,
}

pub(crate) fn mask(number: &Msisdn, text: &mut String) -> bool {
    let digits = number.digits();
    let own = national(digits.as_bytes());
    let mut found = Vec::new();
    for run in runs(text) {
        occurrences(&run, own, &mut found);
    }
    strike_out(text, &found)
}

/// [`mask`] for a piece of a text: also what may be the rest of the number at an end where something is missing.
pub(crate) fn mask_torn(number: &Msisdn, text: &mut String, torn: Torn) -> bool {
    let whole = mask(number, text);
    let digits = number.digits();
    let own = national(digits.as_bytes());
    let mut found = Vec::new();
    let runs = runs(text);
    let touches_start =
        |run: &[Mark]| torn.start && run.first().is_some_and(|mark| is_bare(text.get(..mark.at.start)));
    let touches_end =
        |run: &[Mark]| torn.end && run.last().is_some_and(|mark| is_bare(text.get(mark.at.end..)));
    for run in &runs {
        let (start, end) = (touches_start(run), touches_end(run));
        if start && end && is_piece(run, own) {
            found.extend(span(run, 0, run.len()));
            continue;
        }
        let longest = run.len().min(own.len() - 1);
        let head = (EDGE..=longest).rev().find(|count| start && own.ends_with(&values(run, 0, *count)));
        found.extend(head.and_then(|count| span(run, 0, count)));
        let first = |count: usize| run.len() - count;
        let tail = (EDGE..=longest)
            .rev()
            .find(|count| end && own.starts_with(&values(run, first(*count), run.len())));
        found.extend(tail.and_then(|count| span(run, first(count), run.len())));
    }
    strike_out(text, &found) || whole
}

/// Whether octets hold the number in a reading other than the one they claim: as text, UTF-16, packed septets, BCD or
/// swapped BCD. Networks mislabel what they carry, and the receiver may read it rightly all the same.
pub(crate) fn occurs(number: &Msisdn, octets: &[u8]) -> bool {
    let digits = number.digits();
    let own = national(digits.as_bytes());
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

/// A mainland number is known by its national part, with or without the country code.
fn national(digits: &[u8]) -> &[u8] {
    digits.strip_prefix(b"86").unwrap_or(digits)
}

/// Digits that follow each other with nothing but separators between.
fn runs(text: &str) -> Vec<Vec<Mark>> {
    let mut runs = Vec::new();
    let mut run = Vec::new();
    for (start, c) in text.char_indices() {
        let at = start..start + c.len_utf8();
        match spelled(c) {
            Spelled::One(digit) => run.push(Mark { digit, at }),
            Spelled::Two(first, second) => {
                run.push(Mark { digit: first, at: at.clone() });
                run.push(Mark { digit: second, at });
            }
            Spelled::Nothing if is_separator(c) || run.is_empty() => {}
            Spelled::Nothing => runs.push(std::mem::take(&mut run)),
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
        found.extend(span(run, first, from + own.len()));
        from += own.len();
        behind_last = from;
    }
}

fn ends_with(marks: &[Mark], code: &[u8]) -> bool {
    marks.len() >= code.len()
        && marks.iter().rev().map(|mark| mark.digit).zip(code.iter().rev()).all(|(a, b)| a == *b)
}

fn values(run: &[Mark], from: usize, to: usize) -> Vec<u8> {
    run.get(from..to).unwrap_or_default().iter().map(|mark| mark.digit).collect()
}

fn span(run: &[Mark], from: usize, to: usize) -> Option<Range<usize>> {
    let marks = run.get(from..to)?;
    Some(marks.first()?.at.start..marks.last()?.at.end)
}

/// Whether a whole run, torn on both sides, can be from the middle of the number.
fn is_piece(run: &[Mark], own: &[u8]) -> bool {
    let all = values(run, 0, run.len());
    all.len() >= EDGE && own.windows(all.len()).any(|piece| piece == all)
}

/// Whether nothing but separators stands there.
fn is_bare(text: Option<&str>) -> bool {
    text.unwrap_or_default().chars().all(is_separator)
}

/// Puts the mask in place of each range; they are in order. True if there was any.
fn strike_out(text: &mut String, found: &[Range<usize>]) -> bool {
    let mut out = String::with_capacity(text.len());
    let mut kept = 0;
    for range in found {
        let between = text.get(kept..range.start).unwrap_or_default();
        out.push_str(without_plus(between));
        out.push_str(MASK);
        kept = range.end.max(kept);
    }
    if found.is_empty() {
        return false;
    }
    out.push_str(text.get(kept..).unwrap_or_default());
    *text = out;
    true
}

/// Takes off a plus sign at the end, and separators or a bracket between it and the digits.
fn without_plus(before: &str) -> &str {
    let trimmed = before.trim_end_matches(|c| is_separator(c) && !is_plus(c));
    trimmed.strip_suffix(is_plus).unwrap_or(before)
}

#[cfg(test)]
mod tests;
