//! The submit_sm that the load generator sends: encoded once; length, sequence number, recipient, reference and the
//! message number in the text are patched in.

use super::recipients::Recipients;
use crate::message::{Address, tag};
use crate::raw;
use crate::text::{self, Coding, Part, Split};

/// Digits of the message number in a text.
const DIGITS: usize = 12;
/// Octets of a submit_sm's fields from `esm_class` to `sm_length`.
const FIELDS: usize = 10;
/// Where `registered_delivery` is among them.
const REGISTERED_DELIVERY: usize = 5;

/// What the messages of a plain run look like.
#[derive(Debug, Clone)]
pub struct Content {
    /// Service number they come from.
    pub source: Address,
    /// Text before the message number, for instance a signature.
    pub prefix: String,
    /// Characters of the whole text.
    pub length: usize,
    /// UCS-2 instead of GSM.
    pub wide: bool,
    /// `registered_delivery`.
    pub registered_delivery: u8,
}

/// One kind of message in a mix.
#[derive(Debug, Clone, PartialEq)]
pub struct Kind {
    /// How often it is sent, in proportion to the others of its mix.
    pub weight: u32,
    /// Text before the message number, for instance a signature.
    pub prefix: String,
    /// Characters of the whole text.
    pub length: usize,
    /// UCS-2 instead of GSM.
    pub wide: bool,
    /// How a text is sent that needs several messages; `None` sends up to 254 octets as one `short_message`.
    pub split: Option<Split>,
    /// `registered_delivery` of those that ask for a receipt; of several parts only the last asks.
    pub registered_delivery: u8,
    /// Share that asks for a receipt, 0-100.
    pub receipt_percent: f64,
}

/// A text that cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the text must be 13 characters longer than its prefix, fit 254 octets or 255 parts, and its number the first part"
)]
pub struct Misfit;

/// What is patched into a template.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fill<'a> {
    pub(super) sequence: u32,
    /// Stands in the text.
    pub(super) number: u64,
    /// Ask for a receipt?
    pub(super) receipt: bool,
    pub(super) recipients: &'a Recipients,
    /// Which recipient's turn it is.
    pub(super) turn: u64,
}

/// An encoded message: one submit_sm or one for each part.
#[derive(Debug, Clone)]
pub(super) struct Template {
    head: Vec<u8>,
    parts: Vec<Encoded>,
    step: usize,
}

#[derive(Debug, Clone)]
struct Encoded {
    /// From `esm_class` to the end, without the recipient's TLVs.
    middle: Vec<u8>,
    /// Where the message number begins.
    number_at: Option<usize>,
    /// Where the reference is, and its octets.
    reference_at: Option<(usize, usize)>,
}

impl Template {
    pub(super) fn new(source: &Address, kind: &Kind) -> Result<Self, Misfit> {
        let coding = if kind.wide { Coding::Ucs2 } else { Coding::Gsm };
        let step = 1 + usize::from(kind.wide);
        let prefix = format!("{}#", kind.prefix);
        let filler = kind.length.checked_sub(prefix.chars().count() + DIGITS).ok_or(Misfit)?;
        let words = "the quick brown fox jumps over the lazy dog ";
        let tail: String = std::iter::once(' ').chain(words.chars().cycle()).take(filler).collect();
        let whole = matches!(kind.split, None | Some(Split::Payload));
        let before = text::encode(&prefix, coding, true).ok_or(Misfit)?.parts.concat().len();
        let text = format!("{prefix}{}{tail}", "0".repeat(DIGITS));
        let parts = text::encode(&text, coding, whole).ok_or(Misfit)?.parts;
        if parts.first().is_none_or(|first| first.len() < before + DIGITS * step) {
            return Err(Misfit);
        }
        let total = u8::try_from(parts.len()).map_err(|_| Misfit)?;
        let mut head = vec![0, source.ton, source.npi];
        head.extend_from_slice(source.digits.as_bytes());
        head.push(0);
        let encoded = (1u8..).zip(&parts).map(|(index, octets)| {
            let number = (index == 1).then_some(before + usize::from(kind.wide));
            Encoded::new(kind, octets, Part { reference: 0, total, index }, number)
        });
        Ok(Self { head, parts: encoded.collect::<Result<_, _>>()?, step })
    }

    /// How many submit_sm it takes.
    pub(super) fn parts(&self) -> usize {
        self.parts.len()
    }

    /// Appends part `part` (from 0) of a message.
    pub(super) fn put(&self, out: &mut Vec<u8>, part: usize, fill: Fill<'_>) {
        let Some(encoded) = self.parts.get(part) else { return };
        let (destination, tlvs) = fill.recipients.of(fill.turn);
        let mark = raw::begin(out, 4, 0, fill.sequence);
        out.extend_from_slice(&self.head);
        out.extend_from_slice(destination);
        let base = out.len();
        out.extend_from_slice(&encoded.middle);
        if let Some(at) = encoded.number_at {
            self.number(out, base + at, fill.number);
        }
        if let Some((at, octets)) = encoded.reference_at {
            // A person's next text must have another reference; those of others are their own.
            let reference = fill.recipients.round(fill.turn).to_be_bytes();
            raw::patch(out, base + at, reference.get(8 - octets..).unwrap_or_default());
        }
        if !fill.receipt || part + 1 < self.parts.len() {
            raw::patch(out, base + REGISTERED_DELIVERY, &[0]);
        }
        out.extend_from_slice(tlvs);
        raw::end(out, mark);
    }

    fn number(&self, out: &mut [u8], at: usize, number: u64) {
        let mut rest = number;
        for position in (0..DIGITS).rev() {
            if let Some(slot) = out.get_mut(at + position * self.step) {
                *slot = b'0' + u8::try_from(rest % 10).unwrap_or(0);
            }
            rest /= 10;
        }
    }
}

impl Encoded {
    /// `number` is where the message number begins in `octets`.
    fn new(kind: &Kind, octets: &[u8], part: Part, number: Option<usize>) -> Result<Self, Misfit> {
        let data_coding = if kind.wide { 8 } else { 0 };
        let mut middle = vec![0, 0, 0, 0, 0, kind.registered_delivery, 0, data_coding, 0, 0];
        let split = kind.split.filter(|split| part.total > 1 || *split == Split::Payload);
        let (mut esm_class, mut header, mut reference_at) = (0, Vec::new(), None);
        if let Some(split @ (Split::Udh | Split::Udh16)) = split {
            esm_class = 0x40;
            header = text::user_data_header(part, split == Split::Udh16);
            reference_at = Some((FIELDS + 3, if split == Split::Udh16 { 2 } else { 1 }));
        }
        let mut text_at = FIELDS + header.len();
        if split == Some(Split::Payload) {
            raw::put_tlv(&mut middle, tag::MESSAGE_PAYLOAD, octets);
            u16::try_from(octets.len()).map_err(|_| Misfit)?;
            text_at += 4;
        } else {
            let length = u8::try_from(header.len() + octets.len()).ok().filter(|length| *length < 255);
            raw::patch(&mut middle, FIELDS - 1, &[length.ok_or(Misfit)?]);
            middle.extend_from_slice(&header);
            middle.extend_from_slice(octets);
        }
        if split == Some(Split::Sar) {
            reference_at = Some((middle.len() + 4, 2));
            raw::put_tlv(&mut middle, tag::SAR_REFERENCE, &[0, 0]);
            raw::put_tlv(&mut middle, tag::SAR_TOTAL, &[part.total]);
            raw::put_tlv(&mut middle, tag::SAR_INDEX, &[part.index]);
        }
        raw::patch(&mut middle, 0, &[esm_class]);
        Ok(Self { middle, number_at: number.map(|at| text_at + at), reference_at })
    }
}

#[cfg(test)]
mod tests;
