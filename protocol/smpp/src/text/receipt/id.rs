//! SMSCs write a message id one way in `submit_sm_resp` and another in the receipt. A link's [`IdFormat`] brings both
//! to one key. Keys are scoped by their SMSC; that is the caller's part.

use super::{MAX_ID, trim};

/// How an SMSC writes its message ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum IdFormat {
    /// Opaque: both spellings are the same octets.
    AsIs,
    /// Decimal in both; leading zeros do not count.
    Decimal,
    /// Hexadecimal in both (a UUID too); case, dashes and leading zeros do not count.
    Hex,
    /// Hexadecimal in the response, decimal in the receipt.
    HexInResponseDecimalInReceipt,
    /// Not known. The receipt is first looked up as if written like the response, then as decimal for a hexadecimal
    /// response. Digits alone can mean either, so name the format where ids are short.
    #[default]
    Auto,
}

/// What two spellings of one id have in common.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum IdKey {
    /// An id that is a number.
    Number(u128),
    /// Any other: its octets, at most 64, in lower case unless the format is `AsIs`.
    Text(Box<[u8]>),
}

impl IdFormat {
    /// The key of an id from a response; `None` when it is empty or longer than 64 octets.
    #[must_use]
    pub fn response_key(self, id: &[u8]) -> Option<IdKey> {
        match self {
            Self::AsIs => key(id, |_| None, false),
            Self::Decimal => key(id, decimal, true),
            Self::Hex | Self::HexInResponseDecimalInReceipt | Self::Auto => key(id, hexadecimal, true),
        }
    }

    /// The keys under which the response of this receipt may stand, likelier first.
    #[must_use]
    pub fn receipt_keys(self, id: &[u8]) -> [Option<IdKey>; 2] {
        match self {
            Self::AsIs | Self::Decimal | Self::Hex => [self.response_key(id), None],
            Self::HexInResponseDecimalInReceipt => [key(id, decimal, true), None],
            Self::Auto => {
                let other = decimal(trim(id)).map(IdKey::Number);
                let same = self.response_key(id);
                let differs = other != same;
                [same, other.filter(|_| differs)]
            }
        }
    }
}

fn key(id: &[u8], number: fn(&[u8]) -> Option<u128>, fold_case: bool) -> Option<IdKey> {
    let id = trim(id);
    if id.is_empty() || id.len() > MAX_ID {
        return None;
    }
    if let Some(value) = number(id) {
        return Some(IdKey::Number(value));
    }
    Some(IdKey::Text(if fold_case { id.to_ascii_lowercase().into() } else { id.into() }))
}

fn decimal(id: &[u8]) -> Option<u128> {
    radix(id, 10)
}

fn hexadecimal(id: &[u8]) -> Option<u128> {
    let bare = id.strip_prefix(b"0x").or_else(|| id.strip_prefix(b"0X")).unwrap_or(id);
    radix(bare, 16)
}

/// The number, dashes skipped in base 16; `None` for another character or 2^128 and more.
fn radix(id: &[u8], radix: u32) -> Option<u128> {
    let mut value = None;
    for octet in id.iter().filter(|octet| radix != 16 || **octet != b'-') {
        let digit = char::from(*octet).to_digit(radix)?;
        value = Some(value.unwrap_or(0u128).checked_mul(radix.into())?.checked_add(digit.into())?);
    }
    value
}

impl std::fmt::Debug for IdKey {
    /// Only which kind: an SMSC's id joins with the SMSC's own records.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Number(_) => "IdKey(number)",
            Self::Text(_) => "IdKey(text)",
        })
    }
}
