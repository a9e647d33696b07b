//! Delivery receipts: read from an SMSC's TLVs and text, and written anew for the north. The `text:` part, which
//! holds what the subscriber was sent, is never looked at.

mod id;

#[cfg(test)]
mod tests;

pub use id::{IdFormat, IdKey};
use veilgate_names::{FinalState, Timestamp};

use super::TextError;
use crate::codec::{Tag, Tlvs};

/// The longest message id (SMPP 3.4, 5.3.2.12, without the NUL).
pub const MAX_ID: usize = 64;

/// What the TLVs of a receipt say, as they stood on the wire.
#[derive(Clone, Copy, Default)]
pub struct ReceiptTlvs<'b> {
    /// `receipted_message_id`, with or without its NUL.
    pub message_id: Option<&'b [u8]>,
    /// `message_state`.
    pub message_state: Option<u8>,
    /// `network_error_code`: network type and a 16-bit code.
    pub network_error: Option<[u8; 3]>,
}

impl<'b> ReceiptTlvs<'b> {
    /// Picks them out of a PDU's TLVs; one of a wrong length is not there.
    #[must_use]
    pub fn of(tlvs: Tlvs<'b>) -> Self {
        let network_error = tlvs.find(Tag::NETWORK_ERROR_CODE).map(|tlv| tlv.value);
        Self {
            message_id: tlvs.find(Tag::RECEIPTED_MESSAGE_ID).map(|tlv| tlv.c_octets()),
            message_state: tlvs.find(Tag::MESSAGE_STATE).and_then(|tlv| tlv.octet()),
            network_error: network_error.and_then(|value| value.as_bytes().try_into().ok()),
        }
    }
}

/// What became of a message, as its SMSC tells it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Receipt<'b> {
    /// The SMSC's message id, 1-64 octets; compare it by [`IdFormat`].
    pub id: &'b [u8],
    /// Where the message is.
    pub state: ReceiptState,
    /// Why, in the SMSC's own numbers; carrier staff only.
    pub error: Option<NetworkError>,
    /// Why, in the carrier's own word, such as `MK:0001`: an `err:` that is no number, or a `stat:` that is no state
    /// of SMPP. As it came, unbounded; carrier staff only.
    pub vendor: Option<&'b [u8]>,
}

/// Where a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReceiptState {
    /// Scheduled, on its way or accepted: another receipt follows.
    Underway,
    /// It has ended.
    Final(FinalState),
}

/// An SMSC's own error number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NetworkError {
    /// The network type of `network_error_code`; `None` when the number comes from the text.
    pub network: Option<u8>,
    /// The number; the text's `err:` is read as decimal.
    pub code: u16,
}

/// Reads a receipt. The text must be single-octet characters (decode a UCS-2 one first) and may be empty. TLVs win;
/// without a state a receipt that counts delivered parts is a delivery, and any other is unknown.
///
/// # Errors
/// [`TextError::ReceiptId`] when neither names a message, or with more than 64 octets.
pub fn parse<'b>(tlvs: ReceiptTlvs<'b>, text: &'b [u8]) -> Result<Receipt<'b>, TextError> {
    let fields = Fields::read(text);
    let mut ids = [tlvs.message_id, fields.id].into_iter().flatten().map(trim);
    let id = ids.find(|id| !id.is_empty()).ok_or(TextError::ReceiptId)?;
    if id.len() > MAX_ID {
        return Err(TextError::ReceiptId);
    }
    let state = match (tlvs.message_state, fields.stat) {
        (Some(value), _) => state_of_value(value),
        (None, Some(word)) => state_of_word(word),
        (None, None) if fields.delivered.is_some_and(|count| decimal(count) > Some(0)) => {
            ReceiptState::Final(FinalState::Delivered)
        }
        (None, None) => ReceiptState::Final(FinalState::Unknown),
    };
    let from_tlv = |[network, high, low]: [u8; 3]| NetworkError {
        network: Some(network),
        code: u16::from_be_bytes([high, low]),
    };
    let from_text = || fields.error.and_then(decimal).map(|code| NetworkError { network: None, code });
    let vendor_error = fields.error.filter(|word| decimal(word).is_none());
    let vendor = vendor_error.or_else(|| fields.stat.filter(|word| known_word(word).is_none()));
    Ok(Receipt { id, state, error: tlvs.network_error.map(from_tlv).or_else(from_text), vendor })
}

/// Appends the customary text `id:… sub:001 dlvrd:001 submit date:… done date:… stat:… err:… text:`, times in UTC,
/// `err` cut to 999. At most 156 octets.
///
/// # Errors
/// [`TextError::ReceiptId`] for an id that is empty or longer than 64 octets.
pub fn write_text(
    id: &[u8],
    submitted: Timestamp,
    done: Timestamp,
    state: FinalState,
    error: u16,
    out: &mut Vec<u8>,
) -> Result<(), TextError> {
    let delivered = state == FinalState::Delivered;
    write(id, submitted, done, (state.stat(), delivered), error, out)
}

/// Appends the same text for a message that is on its way: `stat:ENROUTE`, and when that was found as its done date.
///
/// # Errors
/// As [`write_text`].
pub fn write_underway(
    id: &[u8],
    submitted: Timestamp,
    found: Timestamp,
    out: &mut Vec<u8>,
) -> Result<(), TextError> {
    write(id, submitted, found, ("ENROUTE", false), 0, out)
}

fn write(
    id: &[u8],
    submitted: Timestamp,
    done: Timestamp,
    (stat, delivered): (&str, bool),
    error: u16,
    out: &mut Vec<u8>,
) -> Result<(), TextError> {
    if id.is_empty() || id.len() > MAX_ID {
        return Err(TextError::ReceiptId);
    }
    let delivered: &[u8] = if delivered { b"001" } else { b"000" };
    let digit = |value: u16| b'0' + u8::try_from(value % 10).unwrap_or(0);
    let error = error.min(999);
    let pieces: [&[u8]; 13] = [
        b"id:",
        id,
        b" sub:001 dlvrd:",
        delivered,
        b" submit date:",
        &submitted.receipt_date(),
        b" done date:",
        &done.receipt_date(),
        b" stat:",
        stat.as_bytes(),
        b" err:",
        &[digit(error / 100), digit(error / 10), digit(error)],
        b" text:",
    ];
    for piece in pieces {
        out.extend_from_slice(piece);
    }
    Ok(())
}

/// The words of a receipt text that count here.
#[derive(Default)]
struct Fields<'b> {
    id: Option<&'b [u8]>,
    delivered: Option<&'b [u8]>,
    stat: Option<&'b [u8]>,
    error: Option<&'b [u8]>,
}

/// Every key of the customary text; `text:` ends the reading.
const KEYS: [&[u8]; 8] =
    [b"id:", b"sub:", b"dlvrd:", b"submit date:", b"done date:", b"stat:", b"err:", b"text:"];

impl<'b> Fields<'b> {
    fn read(text: &'b [u8]) -> Self {
        let mut fields = Self::default();
        let mut rest = text.trim_ascii_start();
        while let Some((key, after)) = key_at(rest) {
            if key == b"text:" {
                break;
            }
            let (value, after) = value_at(after);
            let slot = match key {
                b"id:" => Some(&mut fields.id),
                b"dlvrd:" => Some(&mut fields.delivered),
                b"stat:" => Some(&mut fields.stat),
                b"err:" => Some(&mut fields.error),
                _ => None,
            };
            if let (Some(slot @ None), false) = (slot, value.is_empty()) {
                *slot = Some(value);
            }
            rest = next_key(after);
        }
        fields
    }
}

/// The key that starts here, and what follows its colon.
fn key_at(rest: &[u8]) -> Option<(&'static [u8], &[u8])> {
    KEYS.into_iter().find_map(|key| {
        let (start, after) = rest.split_at_checked(key.len())?;
        start.eq_ignore_ascii_case(key).then_some((key, after))
    })
}

/// The word after a colon, blanks before it skipped unless the next key follows them; and what is after it.
fn value_at(after: &[u8]) -> (&[u8], &[u8]) {
    let trimmed = after.trim_ascii_start();
    if trimmed.len() < after.len() && key_at(trimmed).is_some() {
        return (&[], trimmed);
    }
    let blank = trimmed.iter().position(u8::is_ascii_whitespace).unwrap_or(trimmed.len());
    let ends_reading = |window: &[u8]| window.eq_ignore_ascii_case(b"text:");
    let end = trimmed.windows(5).take(blank).position(ends_reading).unwrap_or(blank);
    trimmed.split_at(end)
}

/// Drops words until one is a key.
fn next_key(rest: &[u8]) -> &[u8] {
    let mut rest = rest.trim_ascii_start();
    while !rest.is_empty() && key_at(rest).is_none() {
        let end = rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len());
        rest = rest.split_at(end).1.trim_ascii_start();
    }
    rest
}

/// SMPP 3.4, 5.2.28, and SKIPPED of 5.0.
fn state_of_value(value: u8) -> ReceiptState {
    match value {
        0 | 1 | 6 => ReceiptState::Underway,
        9 => ReceiptState::Final(FinalState::Undeliverable),
        other => ReceiptState::Final(FinalState::from_message_state(other).unwrap_or(FinalState::Unknown)),
    }
}

/// SMPP 3.4, appendix B; the full words of 5.2.28 are taken too.
fn state_of_word(word: &[u8]) -> ReceiptState {
    known_word(word).unwrap_or(ReceiptState::Final(FinalState::Unknown))
}

fn known_word(word: &[u8]) -> Option<ReceiptState> {
    const WORDS: [(&[u8], ReceiptState); 12] = [
        (b"DELIV", ReceiptState::Final(FinalState::Delivered)),
        (b"UNKNO", ReceiptState::Final(FinalState::Unknown)),
        (b"DELET", ReceiptState::Final(FinalState::Cancelled)),
        (b"CANCE", ReceiptState::Final(FinalState::Cancelled)),
        (b"EXPIR", ReceiptState::Final(FinalState::Expired)),
        (b"UNDEL", ReceiptState::Final(FinalState::Undeliverable)),
        (b"FAILE", ReceiptState::Final(FinalState::Undeliverable)),
        (b"REJEC", ReceiptState::Final(FinalState::Rejected)),
        (b"ACCEP", ReceiptState::Underway),
        (b"ENROU", ReceiptState::Underway),
        (b"SCHED", ReceiptState::Underway),
        (b"BUFFE", ReceiptState::Underway),
    ];
    let starts = |start: &[u8]| word.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start));
    WORDS.iter().find(|(start, _)| starts(start)).map(|(_, state)| *state)
}

fn decimal(word: &[u8]) -> Option<u16> {
    std::str::from_utf8(word).ok()?.parse().ok()
}

/// Without blanks and NULs around.
fn trim(id: &[u8]) -> &[u8] {
    let end = id.iter().rposition(|octet| *octet != 0).map_or(0, |last| last + 1);
    id.get(..end).unwrap_or_default().trim_ascii()
}

impl std::fmt::Debug for ReceiptTlvs<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ReceiptTlvs")
    }
}

impl std::fmt::Debug for Receipt<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Receipt(id {}, {:?}, {:?})", self.id.len(), self.state, self.error)
    }
}
