//! Rates: governor's cell algorithm (GCRA) under the gateway's clock. A limiter lets one second's worth through at
//! once after a rest.

use std::num::NonZeroU32;
use std::ops::Add;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use governor::clock::{Clock, Reference};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use veilgate_names::{Monotonic, Reason};

/// A limit of `rate` parts a second, shared by whoever holds it.
#[derive(Debug)]
pub(crate) struct Limiter {
    rate: NonZeroU32,
    clock: ClockCell,
    cells: RateLimiter<NotKeyed, InMemoryState, ClockCell, NoOpMiddleware<Instant>>,
}

impl Limiter {
    pub(crate) fn new(rate: NonZeroU32) -> Self {
        let clock = ClockCell::default();
        let cells = RateLimiter::direct_with_clock(Quota::per_second(rate), clock.clone());
        Self { rate, clock, cells }
    }

    pub(crate) fn rate(&self) -> NonZeroU32 {
        self.rate
    }

    /// A message of more parts than one second's worth costs one second's worth, so that it can pass at all.
    pub(crate) fn check(&self, now: Monotonic, parts: u32) -> Result<(), Reason> {
        let Some(parts) = NonZeroU32::new(parts.min(self.rate.get())) else { return Ok(()) };
        self.clock.set(now);
        match self.cells.check_n(parts) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Reason::Tps),
        }
    }
}

/// The limit of one bind. A change of the configured rate takes effect with the next check and starts it anew.
#[derive(Debug, Default)]
pub struct BindLimiter(Option<Limiter>);

impl BindLimiter {
    /// Takes `parts` out of the bind's rate; `rate` is what is configured now, `None` no limit.
    ///
    /// # Errors
    /// [`Reason::Tps`] if the rate is used up; nothing is taken then.
    pub fn check(&mut self, rate: Option<NonZeroU32>, now: Monotonic, parts: u32) -> Result<(), Reason> {
        if self.0.as_ref().map(Limiter::rate) != rate {
            self.0 = rate.map(Limiter::new);
        }
        self.0.as_ref().map_or(Ok(()), |limiter| limiter.check(now, parts))
    }
}

/// The time that governor sees: whatever the latest caller brought, in nanoseconds. It never goes back.
#[derive(Debug, Clone, Default)]
struct ClockCell(Arc<AtomicU64>);

impl ClockCell {
    fn set(&self, now: Monotonic) {
        let nanos = now.0.saturating_mul(1000);
        if self.0.load(Ordering::Relaxed) < nanos {
            self.0.fetch_max(nanos, Ordering::Relaxed);
        }
    }
}

impl Clock for ClockCell {
    type Instant = Instant;

    fn now(&self) -> Instant {
        Instant(self.0.load(Ordering::Relaxed))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Instant(u64);

impl Add<Nanos> for Instant {
    type Output = Self;

    fn add(self, other: Nanos) -> Self {
        Self(self.0.saturating_add(other.as_u64()))
    }
}

impl Reference for Instant {
    fn duration_since(&self, earlier: Self) -> Nanos {
        Nanos::new(self.0.saturating_sub(earlier.0))
    }

    fn saturating_sub(&self, duration: Nanos) -> Self {
        Self(self.0.checked_sub(duration.as_u64()).unwrap_or(self.0))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn rate(per_second: u32) -> Option<NonZeroU32> {
        NonZeroU32::new(per_second)
    }

    fn passed(limiter: &Limiter, now: Monotonic, tries: u32) -> usize {
        (0..tries).filter(|_| limiter.check(now, 1).is_ok()).count()
    }

    #[test]
    fn one_second_holds_one_seconds_worth() {
        let limiter = Limiter::new(rate(100).unwrap());
        let start = Monotonic(5_000_000);
        assert_eq!(passed(&limiter, start, 500), 100);
        assert_eq!(passed(&limiter, start.plus(Duration::from_millis(500)), 500), 50);
        assert_eq!(passed(&limiter, start.plus(Duration::from_secs(60)), 500), 100);
    }

    #[test]
    fn time_that_goes_back_gives_nothing() {
        let limiter = Limiter::new(rate(10).unwrap());
        assert_eq!(passed(&limiter, Monotonic(9_000_000), 50), 10);
        assert_eq!(passed(&limiter, Monotonic(1_000_000), 50), 0);
    }

    #[test]
    fn parts_are_counted_and_a_long_message_can_pass() {
        let limiter = Limiter::new(rate(5).unwrap());
        let at = |seconds: u64| Monotonic(seconds * 1_000_000);
        assert_eq!(limiter.check(at(1), 3), Ok(()));
        assert_eq!(limiter.check(at(1), 3), Err(Reason::Tps));
        assert_eq!(limiter.check(at(1), 2), Ok(()));
        assert_eq!(limiter.check(at(3), 255), Ok(()));
        assert_eq!(limiter.check(at(3), 1), Err(Reason::Tps));
        assert_eq!(limiter.check(at(3), 0), Ok(()));
    }

    #[test]
    fn a_binds_rate_follows_the_configuration() {
        let mut limiter = BindLimiter::default();
        let now = Monotonic(1_000_000);
        assert_eq!(limiter.check(None, now, 1000), Ok(()));
        assert_eq!(limiter.check(rate(1), now, 1), Ok(()));
        assert_eq!(limiter.check(rate(1), now, 1), Err(Reason::Tps));
        assert_eq!(limiter.check(rate(2), now, 1), Ok(()));
    }
}
