//! Identifiers that may be seen north, each a checked newtype. They know their alphabet and length, nothing else.

use std::fmt;
use std::sync::Arc;

/// Why a text is not the identifier it was taken for. Holds no part of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Shorter or longer than the identifier may be.
    #[error("wrong length")]
    Length,
    /// A character outside the identifier's alphabet.
    #[error("character not allowed")]
    Alphabet,
    /// A phone number stands where an alias belongs (interfaces.md section 6, code 1003).
    #[error("a number where an alias belongs")]
    LooksLikeANumber,
    /// The parts of a structured identifier are not as they must be.
    #[error("wrong form")]
    Form,
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $min:literal..=$max:literal, $allowed:expr $(, not $refused:ident)?) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The longest text accepted, in octets.
            pub const MAX: usize = $max;

            /// Checks length and alphabet, and where it could be mistaken for one, that it is no phone number.
            ///
            /// # Errors
            /// [`NameError`] says which is wrong.
            pub fn parse(text: &str) -> Result<Self, NameError> {
                $(if $refused(text) {
                    return Err(NameError::LooksLikeANumber);
                })?
                check(text, $min, $max, $allowed)?;
                Ok(Self(Arc::from(text)))
            }

            /// The text as it came.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::parse(text)
            }
        }
    };
}

text_id!(
    /// The notary's name for one consent (`authorization_id`): 1-64 printable ASCII characters without blanks, but no
    /// [phone number](is_phone_number): it stands in journal, CDRs and audit file, and goes north.
    AuthorizationId, 1..=64, graphic, not is_phone_number
);
text_id!(
    /// An enterprise (tenant): 1-64 of `[0-9A-Za-z_.-]`.
    EnterpriseId, 1..=64, word
);
text_id!(
    /// An object that staff manage, within its kind: 1-64 of `[0-9A-Za-z_.-]`, but no
    /// [phone number](is_phone_number): it stands in journal, CDRs and audit file.
    ObjectId, 1..=64, word, not is_phone_number
);
text_id!(
    /// A notary platform: 1-64 of `[0-9A-Za-z_.-]`.
    PlatformId, 1..=64, word
);
text_id!(
    /// A north account, which is its SMPP `system_id`: 1-15 printable ASCII characters.
    AccountId, 1..=15, graphic
);
text_id!(
    /// A south channel (an SMSC with its binds): 1-32 of `[0-9A-Za-z_.-]`.
    ChannelId, 1..=32, word
);
text_id!(
    /// The key an encrypted device ID was made with (`kid`): 1-32 of `[0-9A-Za-z_-]`.
    KeyId, 1..=32, alias
);

/// What the north calls a subscriber (匿名标识): 8-64 of `[0-9A-Za-z_-]`, never shaped like a phone number.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pseudonym(Arc<str>);

impl Pseudonym {
    /// Checks length, alphabet, and that no phone number stands in its place.
    ///
    /// # Errors
    /// [`NameError::LooksLikeANumber`] for any spelling of a number, also one too short for a pseudonym.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if looks_like_a_number(text) {
            return Err(NameError::LooksLikeANumber);
        }
        check(text, 8, 64, alias)?;
        Ok(Self(Arc::from(text)))
    }

    /// The text as it came.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Pseudonym {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a text is a phone number in any spelling an address field can carry: mainland mobile numbers
/// bare or with `86`, `0086`, `+86`; any digits behind `+` or `00`; separators and full-width digits ignored.
#[must_use]
pub fn looks_like_a_number(text: &str) -> bool {
    let Some(digits) = digits_of(text) else { return false };
    if let Some(rest) = digits.strip_prefix('+').or_else(|| digits.strip_prefix("00")) {
        return rest.len() >= 5;
    }
    is_mainland_mobile(&digits) || digits.strip_prefix("86").is_some_and(is_mainland_mobile)
}

/// Whether a text can only be meant as a phone number: a mainland mobile number in any spelling, or digits behind `+`.
/// Unlike for [`looks_like_a_number`], digits that begin with zeros may be a counter.
#[must_use]
pub fn is_phone_number(text: &str) -> bool {
    let Some(digits) = digits_of(text) else { return false };
    if let Some(rest) = digits.strip_prefix('+') {
        return rest.len() >= 5;
    }
    let rest = digits.strip_prefix("00").unwrap_or(&digits);
    is_mainland_mobile(rest) || rest.strip_prefix("86").is_some_and(is_mainland_mobile)
}

/// Digits and `+` of a text that holds only these and separators.
fn digits_of(text: &str) -> Option<String> {
    let mut digits = String::with_capacity(text.len().min(64));
    for c in text.trim().chars() {
        match c {
            '0'..='9' | '+' => digits.push(c),
            '\u{ff10}'..='\u{ff19}' => {
                digits.push(char::from_digit(u32::from(c) - 0xff10, 10).unwrap_or('0'));
            }
            '\u{ff0b}' => digits.push('+'),
            ' ' | '-' | '_' | '.' | '(' | ')' | '/' => {}
            _ => return None,
        }
    }
    Some(digits)
}

fn is_mainland_mobile(digits: &str) -> bool {
    digits.len() == 11 && digits.starts_with('1') && !digits.starts_with("10") && !digits.contains('+')
}

/// One message inside the gateway, unique for the life of the data folder. North it is 16 lower-case hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId(pub u64);

impl MessageId {
    /// Reads the 16 hex digits of [`Self::to_ascii`]; upper case is accepted.
    ///
    /// # Errors
    /// [`NameError::Form`] for anything else.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text.len() != 16 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(NameError::Form);
        }
        u64::from_str_radix(text, 16).map(Self).map_err(|_| NameError::Form)
    }

    /// The 16 lower-case hex digits, without an allocation.
    #[must_use]
    pub fn to_ascii(self) -> [u8; 16] {
        let mut out = [b'0'; 16];
        let mut value = self.0;
        for slot in out.iter_mut().rev() {
            let nibble = u8::try_from(value & 0xf).unwrap_or(0);
            *slot = if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
            value >>= 4;
        }
        out
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A number as black and white lists know it: the first 8 octets of a keyed HMAC-SM3 of the number. It tells nothing to
/// anyone without the key. Unlike a [`SubscriberKey`] it stays when the number gets a new holder.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ListKey(pub u64);

impl fmt::Debug for ListKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ListKey(***)")
    }
}

/// Who somebody is to the gateway's rules: a keyed HMAC-SM3 of one tenure (number and holder), cut to 16 octets.
/// It tells nothing to anyone without the key, and it ends with the tenure.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubscriberKey(pub [u8; 16]);

impl fmt::Debug for SubscriberKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SubscriberKey(***)")
    }
}

pub(crate) fn check(text: &str, min: usize, max: usize, allowed: fn(u8) -> bool) -> Result<(), NameError> {
    if text.len() < min || text.len() > max {
        return Err(NameError::Length);
    }
    if !text.bytes().all(allowed) {
        return Err(NameError::Alphabet);
    }
    Ok(())
}

fn graphic(b: u8) -> bool {
    b.is_ascii_graphic()
}

fn word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-')
}

pub(crate) fn alias(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_never_pseudonyms() {
        for number in [
            "13800138000",
            "8613800138000",
            "+8613800138000",
            "008613800138000",
            "138-0013-8000",
            "1 380 013 8000",
            "１３８００１３８０００",
            "+14155552671",
            "0014155552671",
        ] {
            assert_eq!(Pseudonym::parse(number), Err(NameError::LooksLikeANumber), "{number}");
        }
        for alias in ["Zk3v8QpR2s", "20250001", "abcdefgh", "u-13800138000", "10690001"] {
            assert!(Pseudonym::parse(alias).is_ok(), "{alias}");
        }
    }

    #[test]
    fn numbers_are_never_authorizations_but_counters_may_be() {
        for number in [
            "13800138000",
            "8613800138000",
            "+8613800138000",
            "008613800138000",
            "138-0013-8000",
            "+14155552671",
        ] {
            assert_eq!(AuthorizationId::parse(number), Err(NameError::LooksLikeANumber), "{number}");
        }
        for id in ["au-1", "1", "0000000042", "20260301000017", "au-13800138000", "22345678901"] {
            assert!(AuthorizationId::parse(id).is_ok(), "{id}");
        }
    }

    #[test]
    fn message_ids_round_trip() {
        for id in [0, 1, 0xdead_beef, u64::MAX] {
            let text = String::from_utf8(MessageId(id).to_ascii().to_vec()).unwrap();
            assert_eq!(text, MessageId(id).to_string());
            assert_eq!(MessageId::parse(&text), Ok(MessageId(id)));
        }
        assert!(MessageId::parse("12").is_err());
        assert!(MessageId::parse("+23456789abcdef0").is_err());
    }

    #[test]
    fn lengths_and_alphabets_are_checked() {
        assert_eq!(Pseudonym::parse("short"), Err(NameError::Length));
        assert_eq!(AuthorizationId::parse(""), Err(NameError::Length));
        assert_eq!(AuthorizationId::parse("a b"), Err(NameError::Alphabet));
        assert_eq!(KeyId::parse("k.1"), Err(NameError::Alphabet));
        assert!(EnterpriseId::parse("ent-1").is_ok());
    }

    #[test]
    fn a_subscriber_key_prints_nothing() {
        assert_eq!(format!("{:?}", SubscriberKey([7; 16])), "SubscriberKey(***)");
    }
}
