//! The octets of a key: filled from outside, seen by nobody outside.

use std::fmt;

use zeroize::Zeroizing;

/// Sixteen octets of a key, wiped when dropped. They lie on the heap, so that moving them leaves no copy behind.
pub struct KeyOctets(Box<Zeroizing<[u8; 16]>>);

impl KeyOctets {
    /// Octets that `fill` writes.
    #[must_use]
    pub fn filled(fill: impl FnOnce(&mut [u8; 16])) -> Self {
        let mut octets = Box::new(Zeroizing::new([0; 16]));
        fill(&mut octets);
        Self(octets)
    }

    pub(super) fn bare(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for KeyOctets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyOctets(***)")
    }
}
