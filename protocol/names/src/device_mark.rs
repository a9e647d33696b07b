//! Sixteen octets that the boundary keeps beside a device ID, so that it is decrypted once and not for each message.

use std::sync::atomic::{AtomicU64, Ordering};

/// Written by `routing/identity` and of use only there: the keyed index of a device ID. Empty until then.
#[derive(Default)]
pub struct DeviceMark([AtomicU64; 2]);

impl DeviceMark {
    /// What was kept; `None` if nothing was, or only half of it yet.
    #[must_use]
    pub fn read(&self) -> Option<[u8; 16]> {
        let [high, low] = &self.0;
        let (high, low) = (high.load(Ordering::Relaxed), low.load(Ordering::Relaxed));
        (high != 0 && low != 0).then(|| ((u128::from(high) << 64) | u128::from(low)).to_be_bytes())
    }

    /// Keeps it. All writers of one mark write the same.
    pub fn keep(&self, octets: [u8; 16]) {
        let [high, low] = &self.0;
        let [h0, h1, h2, h3, h4, h5, h6, h7, rest @ ..] = octets;
        high.store(u64::from_be_bytes([h0, h1, h2, h3, h4, h5, h6, h7]), Ordering::Relaxed);
        low.store(u64::from_be_bytes(rest), Ordering::Relaxed);
    }
}

impl std::fmt::Debug for DeviceMark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DeviceMark(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_empty_or_whole() {
        let mark = DeviceMark::default();
        assert_eq!(mark.read(), None);
        let octets: [u8; 16] = std::array::from_fn(|n| u8::try_from(n).unwrap() + 1);
        mark.keep(octets);
        assert_eq!(mark.read(), Some(octets));
        assert_eq!(format!("{mark:?}"), "DeviceMark(***)");
    }
}
