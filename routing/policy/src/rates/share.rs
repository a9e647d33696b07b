//! Who of a tenant's children asked of late, as a sum of weights: the whole that each child's share is a part of.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use veilgate_names::Monotonic;

use super::bucket::Bucket;

/// How long children count as active together, in microseconds: this stretch and the one before.
const STRETCH: u64 = 1_000_000;
/// Bits of a sum of weights: 10,000 children of the highest weight. Beyond, shares are larger than they should be.
const WEIGHT_BITS: u32 = 20;
const MOST: u64 = (1 << WEIGHT_BITS) - 1;
const STRETCH_BITS: u32 = 64 - 2 * WEIGHT_BITS;
const MOST_STRETCH: u64 = (1 << STRETCH_BITS) - 1;

/// The active children of one tenant: number of the stretch, sum of the one before it, sum of this one.
#[derive(Debug, Default)]
pub(super) struct Crowd(AtomicU64);

/// One child.
#[derive(Debug, Default)]
pub(super) struct Child {
    /// What it took of its share.
    pub(super) spent: Bucket,
    /// In which stretch it was counted last.
    heard: AtomicU32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sums {
    stretch: u64,
    before: u64,
    now: u64,
}

impl Crowd {
    /// Counts a child that asks as active, and says the sum of all who are, itself among them.
    pub(super) fn hear(&self, child: &Child, weight: u32, now: Monotonic) -> u32 {
        // Never 0, which is the stretch of a child that was never heard.
        let stretch = 1 + (now.0 / STRETCH) % MOST_STRETCH;
        let mark = u32::try_from(stretch).unwrap_or(u32::MAX);
        let is_new =
            child.heard.load(Ordering::Relaxed) != mark && child.heard.swap(mark, Ordering::Relaxed) != mark;
        let add = if is_new { u64::from(weight) } else { 0 };
        let count = |packed| {
            let sums = Sums::unpack(packed).at(stretch, add);
            Some(sums.pack()).filter(|new| *new != packed)
        };
        let packed = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, count);
        let sums = packed.map_or_else(Sums::unpack, |old| Sums::unpack(old).at(stretch, add));
        u32::try_from(sums.before.max(sums.now)).unwrap_or(u32::MAX).max(weight)
    }
}

impl Sums {
    /// The sums as of a stretch; one that has passed already, by the clock of a thread that is late, counts as this one.
    fn at(self, stretch: u64, add: u64) -> Self {
        let (stretch, before, now) = match stretch.checked_sub(self.stretch) {
            Some(0) => (stretch, self.before, self.now),
            None if self.stretch - stretch < MOST_STRETCH / 2 => (self.stretch, self.before, self.now),
            Some(1) => (stretch, self.now, 0),
            // Long ago; or the numbers of stretches began anew, after half a year.
            Some(_) | None => (stretch, 0, 0),
        };
        Self { stretch, before, now: (now + add).min(MOST) }
    }

    fn pack(self) -> u64 {
        self.stretch << (2 * WEIGHT_BITS) | self.before << WEIGHT_BITS | self.now
    }

    fn unpack(packed: u64) -> Self {
        Self {
            stretch: packed >> (2 * WEIGHT_BITS),
            before: packed >> WEIGHT_BITS & MOST,
            now: packed & MOST,
        }
    }
}
