//! Forgets authorizations that ended long ago, a few thousand at a time, and writes down that it did (D-13, B-A.2.5a).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use veilgate_flow::{Moment, Turn};
use veilgate_ledger::{Actor, AuditEvent};
use veilgate_names::Monotonic;

use crate::clock;
use crate::hub::Hub;
use crate::telemetry::events::Purged;

/// The pause between steps.
const PAUSE: Duration = Duration::from_secs(1);
/// Authorizations forgotten in one step.
const MOST: usize = 5000;
/// A clock that has moved further than this against the time that passed since the start is not believed: what is
/// forgotten too early does not come back.
const CLOCK_SLACK_MS: i64 = 3_600_000;

/// See the module.
pub(crate) struct Purger {
    keep: Duration,
    began: Moment,
    last: Monotonic,
    under_way: Arc<AtomicBool>,
    erasing: Arc<AtomicBool>,
}

impl Purger {
    /// Forgets what has ended `keep` ago.
    pub(crate) fn new(keep: Duration) -> Self {
        let began = clock::now();
        Self { keep, began, last: began.mono, under_way: Arc::default(), erasing: Arc::default() }
    }

    /// Makes the next step if it is time and the one before is durable.
    pub(crate) fn step(&mut self, hub: &Arc<Hub>) {
        let now = clock::now();
        if now.mono.since(self.last) < PAUSE {
            return;
        }
        self.last = now.mono;
        self.erase(hub, now);
        if self.under_way.load(Ordering::Acquire) || has_jumped(self.began, now) {
            return;
        }
        self.under_way.store(true, Ordering::Release);
        let mut turn = Turn::default();
        let (under_way, to_hub) = (Arc::clone(&self.under_way), Arc::downgrade(hub));
        let done = move |durable: bool, count: usize| {
            under_way.store(false, Ordering::Release);
            if let Some(hub) = to_hub.upgrade().filter(|_| durable) {
                let count = u64::try_from(count).unwrap_or(u64::MAX);
                hub.ledger.audit(Actor::System, AuditEvent::AuthorizationsPurged { count });
                Purged { count }.emit(&hub.telemetry);
            }
        };
        if hub.flow.purge(now.wall.minus(self.keep), MOST, &mut turn, done) == 0 {
            self.under_way.store(false, Ordering::Release);
        }
        hub.commit(turn);
    }

    /// Erases what a person's rights ask for, as soon as nothing is under way under it.
    fn erase(&self, hub: &Arc<Hub>, now: Moment) {
        if self.erasing.swap(true, Ordering::AcqRel) {
            return;
        }
        let mut turn = Turn::default();
        let (erasing, to_hub) = (Arc::clone(&self.erasing), Arc::downgrade(hub));
        let done = move |durable: bool, count: usize| {
            erasing.store(false, Ordering::Release);
            if let Some(hub) = to_hub.upgrade().filter(|_| durable) {
                let count = u64::try_from(count).unwrap_or(u64::MAX);
                hub.ledger.audit(Actor::System, AuditEvent::AuthorizationsErased { count });
            }
        };
        if hub.flow.erase(MOST, now, &mut turn, done) == 0 {
            self.erasing.store(false, Ordering::Release);
        }
        hub.commit(turn);
    }
}

/// Whether the clock has moved otherwise than time since the start.
pub(crate) fn has_jumped(began: Moment, now: Moment) -> bool {
    let passed = i64::try_from(now.mono.since(began.mono).as_millis()).unwrap_or(i64::MAX);
    let by_clock = now.wall.0.saturating_sub(began.wall.0);
    by_clock.saturating_sub(passed).saturating_abs() > CLOCK_SLACK_MS
}

#[cfg(test)]
mod tests {
    use veilgate_names::Timestamp;

    use super::*;

    #[test]
    fn a_clock_that_jumps_is_not_believed() {
        let at = |wall, mono_ms: u64| Moment { wall: Timestamp(wall), mono: Monotonic(mono_ms * 1000) };
        let began = at(1_000_000_000, 5000);
        assert!(!has_jumped(began, at(1_000_000_000 + 86_400_000, 5000 + 86_400_000)));
        assert!(!has_jumped(began, at(1_000_000_000 - 60_000, 6000)));
        assert!(has_jumped(began, at(1_000_000_000 + 86_400_000, 6000)));
        assert!(has_jumped(began, at(1_000_000_000 - 86_400_000, 6000)));
    }
}
