//! A table over the leading bits of sorted, evenly spread keys: one look says in which few rows a key can be.

use std::ops::Range;

/// Rows per bucket aimed at.
const BUCKET: usize = 8;

#[derive(Default)]
pub(crate) struct Fanout {
    /// How far the first 32 bits of a key are shifted to give its bucket.
    shift: u32,
    /// Where each bucket begins, and behind the last one its end.
    starts: Vec<u32>,
}

impl Fanout {
    /// `keys` come sorted.
    pub(crate) fn new<'a, const N: usize>(keys: impl ExactSizeIterator<Item = &'a [u8; N]>) -> Self {
        let buckets = (keys.len() / BUCKET).next_power_of_two().clamp(2, 1 << 28);
        let shift = 32 - buckets.trailing_zeros();
        let mut starts = Vec::with_capacity(buckets + 1);
        let mut rows = 0_u32;
        for key in keys {
            let bucket = bucket(key, shift);
            while starts.len() <= bucket {
                starts.push(rows);
            }
            rows = rows.saturating_add(1);
        }
        starts.resize(buckets + 1, rows);
        Self { shift, starts }
    }

    /// The rows among which every row with this key is.
    pub(crate) fn range(&self, key: &[u8]) -> Range<usize> {
        let bucket = bucket(key, self.shift);
        let at =
            |place: usize| self.starts.get(place).and_then(|row| usize::try_from(*row).ok()).unwrap_or(0);
        at(bucket)..at(bucket + 1)
    }
}

fn bucket(key: &[u8], shift: u32) -> usize {
    let leading = key.first_chunk().map_or(0, |octets| u32::from_be_bytes(*octets));
    usize::try_from(leading.checked_shr(shift).unwrap_or(0)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_in_its_range() {
        for rows in [0_u32, 1, 7, 8, 1000] {
            let mut keys: Vec<[u8; 16]> = (0..rows)
                .map(|n| {
                    let mut key = [0; 16];
                    key[..4].copy_from_slice(&(n / 2).wrapping_mul(0x9e37_79b9).to_be_bytes());
                    key
                })
                .collect();
            keys.sort_unstable();
            let fanout = Fanout::new(keys.iter());
            for key in keys.iter().chain(&[[0; 16], [255; 16]]) {
                let range = fanout.range(key);
                for (at, other) in keys.iter().enumerate() {
                    assert!(other != key || range.contains(&at));
                }
            }
        }
    }
}
