//! SM3 (GB/T 32905) values and their hex.

use std::fmt;

use sm3::{Digest as _, Sm3};

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// An SM3 value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sm3Hash(pub [u8; 32]);

impl Sm3Hash {
    /// The hash of some bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sm3::digest(bytes).into())
    }

    /// Reads 64 lower-case hex digits; `None` for anything else.
    #[must_use]
    pub fn from_hex(text: &[u8]) -> Option<Self> {
        let mut octets = [0; 32];
        if text.len() != 64 {
            return None;
        }
        for (octet, pair) in octets.iter_mut().zip(text.chunks_exact(2)) {
            let [high, low] = pair else { return None };
            *octet = digit(*high)? << 4 | digit(*low)?;
        }
        Some(Self(octets))
    }

    /// Writes 64 lower-case hex digits.
    pub(crate) fn write_hex(&self, out: &mut Vec<u8>) {
        push_hex(out, &self.0);
    }
}

impl fmt::Display for Sm3Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl fmt::Debug for Sm3Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sm3Hash({self})")
    }
}

pub(crate) fn push_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    for byte in bytes {
        let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or(b'0');
        out.extend_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
    }
}

pub(crate) fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // GB/T 32905-2016, appendix A.
    #[test]
    fn the_standards_values_come_out() {
        let abc = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0";
        assert_eq!(Sm3Hash::of(b"abc").to_string(), abc);
        let long = "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732";
        assert_eq!(Sm3Hash::of(&b"abcd".repeat(16)).to_string(), long);
    }

    #[test]
    fn hex_is_lower_case_and_exact() {
        let hash = Sm3Hash::of(b"abc");
        assert_eq!(Sm3Hash::from_hex(hash.to_string().as_bytes()), Some(hash));
        assert_eq!(Sm3Hash::from_hex(hash.to_string().to_uppercase().as_bytes()), None);
        assert_eq!(Sm3Hash::from_hex(b"66"), None);
        let mut out = Vec::new();
        hash.write_hex(&mut out);
        assert_eq!(out, hash.to_string().into_bytes());
    }
}
