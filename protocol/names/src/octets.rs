//! Bytes that must not be printed.

use std::fmt;
use std::ops::Deref;

/// A buffer of message text or ciphertext whose `Debug` is only its length, so that deriving `Debug` stays safe.
#[derive(Clone, PartialEq, Eq, Default, Hash)]
pub struct Octets(Box<[u8]>);

impl From<Vec<u8>> for Octets {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into_boxed_slice())
    }
}

impl From<&[u8]> for Octets {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }
}

impl Deref for Octets {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Octets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Octets({})", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_is_a_length() {
        assert_eq!(format!("{:?}", Octets::from(&b"13800138000"[..])), "Octets(11)");
    }
}
