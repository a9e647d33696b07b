//! A small seeded generator (SplitMix64): rule draws and test data, never secrets.

/// A reproducible sequence of numbers.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The sequence of `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }

    /// A number in `0..bound`; 0 if `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.draw() % bound }
    }

    /// True in `percent` of the cases (0-100).
    pub fn percent(&mut self, percent: f64) -> bool {
        #[expect(clippy::cast_precision_loss, reason = "53 bits are plenty for a draw")]
        let unit = (self.draw() >> 11) as f64 / (1u64 << 53) as f64;
        unit * 100.0 < percent
    }

    /// Fills `octets`.
    pub fn fill(&mut self, octets: &mut [u8]) {
        for chunk in octets.chunks_mut(8) {
            let word = self.draw().to_le_bytes();
            for (slot, octet) in chunk.iter_mut().zip(word) {
                *slot = octet;
            }
        }
    }
}

/// A bijection of 64-bit words that scatters neighbours.
#[must_use]
pub fn mix(word: u64) -> u64 {
    let a = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let b = (a ^ (a >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    b ^ (b >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_and_draws_stay_in_bounds() {
        let (mut a, mut b) = (Random::new(7), Random::new(7));
        assert!((0..100).all(|_| a.draw() == b.draw()));
        assert!((0..100).all(|_| a.below(10) < 10));
        let hits = (0..10_000).filter(|_| a.percent(25.0)).count();
        assert!((2_200..2_800).contains(&hits), "{hits}");
        assert!(!a.percent(0.0) && a.percent(100.0));
    }
}
