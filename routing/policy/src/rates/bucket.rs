//! One cell: when it would be full again, in nanoseconds.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};

use veilgate_names::Monotonic;

const SECOND: u64 = 1_000_000_000;

/// How fast a bucket fills and how much it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pace {
    /// Nanoseconds a segment.
    interval: u64,
    burst: u32,
}

/// The "theoretical arrival time" of GCRA: the bucket is full at this time, and lacks what lies between now and then.
#[derive(Debug, Default)]
pub(super) struct Bucket(AtomicU64);

impl Pace {
    pub(super) fn new(rate: NonZeroU32, burst: NonZeroU32) -> Self {
        Self { interval: (SECOND / u64::from(rate.get())).max(1), burst: burst.get() }
    }

    /// What segments cost, as time; a burst's worth at most.
    pub(super) fn cost(self, segments: u32) -> u64 {
        self.interval.saturating_mul(u64::from(segments.min(self.burst)))
    }

    /// What the bucket holds, as time.
    pub(super) fn capacity(self) -> u64 {
        self.interval.saturating_mul(u64::from(self.burst))
    }
}

impl Bucket {
    pub(super) fn has(&self, cost: u64, capacity: u64, now: Monotonic) -> bool {
        after(self.0.load(Ordering::Relaxed), cost, nanos(now)) <= nanos(now).saturating_add(capacity)
    }

    /// Takes `cost` if there is as much; whatever others take at the same time, never more than there is.
    pub(super) fn take(&self, cost: u64, capacity: u64, now: Monotonic) -> bool {
        let (now, most) = (nanos(now), nanos(now).saturating_add(capacity));
        let spend = |full_at| Some(after(full_at, cost, now)).filter(|then| *then <= most);
        cost == 0 || self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend).is_ok()
    }

    /// Takes `cost`, or what there is if that is less, and says how much.
    pub(super) fn press(&self, cost: u64, capacity: u64, now: Monotonic) -> u64 {
        let (now, most) = (nanos(now), nanos(now).saturating_add(capacity));
        let press = |full_at: u64| full_at.max(now).saturating_add(cost).min(most).max(full_at);
        let before =
            self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |full_at| Some(press(full_at)));
        before.map_or(0, |full_at| press(full_at) - full_at.max(now).min(press(full_at)))
    }

    pub(super) fn give_back(&self, cost: u64) {
        if cost > 0 {
            let give = |full_at: u64| Some(full_at.saturating_sub(cost));
            let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, give);
        }
    }
}

fn after(full_at: u64, cost: u64, now: u64) -> u64 {
    full_at.max(now).saturating_add(cost)
}

fn nanos(now: Monotonic) -> u64 {
    now.0.saturating_mul(1000)
}
