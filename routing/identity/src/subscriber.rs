//! The number itself, private to this crate, and the contact that carries it to the doors of `egress.rs`.

use std::fmt;

use veilgate_names::{ListKey, Place, SubscriberKey};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::cipher::MacKey;

/// An E.164 number without its plus, as an integer of 7-15 digits. It cannot be printed or read outside this crate.
#[derive(Clone, PartialEq, Eq, Hash, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Msisdn(u64);

/// The digits of a number while they are being written somewhere; wiped when dropped.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct Digits {
    octets: [u8; 15],
    start: u8,
}

impl Digits {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.octets.get(usize::from(self.start)..).unwrap_or_default()
    }
}

impl Msisdn {
    /// Reads `+86…`, `0086…`, `86…`, a bare mainland number of 11 (or, for things, 13) digits, the same behind a
    /// trunk `0`, and any other country's number behind `+` or `00`.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        if let Some(rest) = text.strip_prefix(b"+").or_else(|| text.strip_prefix(b"00")) {
            return Self::international(rest);
        }
        if is_mainland(text) {
            return Self::national(text);
        }
        if let Some(rest) = text.strip_prefix(b"0") {
            return Self::national(rest);
        }
        if text.starts_with(b"86") && text.len() >= 11 { Self::international(text) } else { None }
    }

    /// Country code first, no prefix.
    pub(crate) fn international(digits: &[u8]) -> Option<Self> {
        if !(7..=15).contains(&digits.len()) || digits.first() == Some(&b'0') {
            return None;
        }
        value(digits).map(Self)
    }

    /// A mainland number without its country code.
    pub(crate) fn national(digits: &[u8]) -> Option<Self> {
        if !(9..=13).contains(&digits.len()) || digits.first() == Some(&b'0') {
            return None;
        }
        let scale = 10_u64.checked_pow(u32::try_from(digits.len()).ok()?)?;
        Some(Self(86 * scale + value(digits)?))
    }

    /// The packed form, only for sealing and hashing.
    pub(crate) fn packed(&self) -> u64 {
        self.0
    }

    /// The first seven digits of a mainland mobile number of eleven: its segment (号段). Numbers of things have none.
    pub(crate) fn segment(&self) -> Option<u32> {
        const MOBILE: u64 = 8_600_000_000_000;
        let national = self.0.checked_sub(MOBILE)?;
        let is_mobile = (10_000_000_000..20_000_000_000).contains(&national);
        if is_mobile { u32::try_from(national / 10_000).ok() } else { None }
    }

    /// Reads back [`Self::packed`].
    pub(crate) fn from_packed(packed: u64) -> Option<Self> {
        (1_000_000..1_000_000_000_000_000).contains(&packed).then_some(Self(packed))
    }

    /// As black and white lists know it.
    pub(crate) fn listed_as(&self, key: &MacKey) -> ListKey {
        let hash = key.short(&[b"list", &self.packed().to_be_bytes()]);
        ListKey(u64::from_be_bytes(hash.first_chunk().copied().unwrap_or_default()))
    }

    /// All digits, country code first.
    pub(crate) fn digits(&self) -> Digits {
        let mut digits = Digits { octets: [b'0'; 15], start: 15 };
        let mut rest = self.0;
        for slot in digits.octets.iter_mut().rev() {
            if rest == 0 {
                break;
            }
            *slot = b'0' + u8::try_from(rest % 10).unwrap_or(0);
            rest /= 10;
            digits.start -= 1;
        }
        digits
    }
}

impl fmt::Debug for Msisdn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Msisdn(***)")
    }
}

/// Whether a text is a mainland mobile number (11 digits) or a number of a thing (13 digits), bare.
pub(crate) fn is_mainland(text: &[u8]) -> bool {
    matches!(text.len(), 11 | 13) && text.first() == Some(&b'1') && text.iter().all(u8::is_ascii_digit)
}

fn value(digits: &[u8]) -> Option<u64> {
    digits
        .iter()
        .try_fold(0_u64, |value, octet| octet.is_ascii_digit().then(|| value * 10 + u64::from(octet - b'0')))
}

/// Somebody who may be contacted now. Everything but the doors of `egress.rs` sees only its [`SubscriberKey`].
#[derive(Clone)]
pub struct Contact {
    pub(crate) number: Msisdn,
    pub(crate) subscriber: SubscriberKey,
    pub(crate) place: Option<Place>,
}

impl Contact {
    /// Who it is to the gateway's rules: a keyed hash of number, holder and beginning of the tenure.
    #[must_use]
    pub fn subscriber(&self) -> SubscriberKey {
        self.subscriber
    }
}

impl fmt::Debug for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Contact(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_one_number() {
        let number = Msisdn::parse(b"+8619900001234").unwrap();
        for text in ["8619900001234", "008619900001234", "19900001234", "019900001234"] {
            assert_eq!(Msisdn::parse(text.as_bytes()).as_ref(), Some(&number), "{text}");
        }
        assert_eq!(number.digits().as_bytes(), b"8619900001234");
        assert_eq!(Msisdn::from_packed(number.packed()), Some(number));
        assert_eq!(Msisdn::parse(b"1064812345678").unwrap().digits().as_bytes(), b"861064812345678");
        assert_eq!(Msisdn::parse(b"+14155552671").unwrap().digits().as_bytes(), b"14155552671");
        assert_eq!(Msisdn::parse(b"01012345678").unwrap().digits().as_bytes(), b"861012345678");
    }

    #[test]
    fn anything_else_is_none() {
        for text in
            ["", "+", "00", "10086", "1990000123", "199000012345", "1990000123a", "+8619900001234567", "000"]
        {
            assert_eq!(Msisdn::parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(Msisdn::from_packed(0), None);
    }

    #[test]
    fn only_mobile_numbers_have_a_segment() {
        let segment = |text: &str| Msisdn::parse(text.as_bytes()).unwrap().segment();
        assert_eq!(segment("+8619900001234"), Some(1_990_000));
        assert_eq!(segment("13000009999"), Some(1_300_000));
        for other in ["1064812345678", "1440123456789", "01012345678", "+14155552671", "+886912345678"] {
            assert_eq!(segment(other), None, "{other}");
        }
    }

    #[test]
    fn debug_shows_nothing() {
        let number = Msisdn::parse(b"19900001234").unwrap();
        assert_eq!(format!("{number:?}"), "Msisdn(***)");
        let contact = Contact { number, subscriber: SubscriberKey([9; 16]), place: None };
        assert_eq!(format!("{contact:?}"), "Contact(***)");
    }
}
