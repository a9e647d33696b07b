//! What a client of SMPP 5.0 is told of the gateway's congestion, and what is done with requests beyond the window.

use std::time::Duration;

use veilgate_names::{Monotonic, Reason};
use veilgate_smpp::codec::Status;

use super::{Bound, Connection};
use crate::telemetry::events::RateRefused;

/// The first version with `congestion_state`.
const WITH_CONGESTION: u8 = 0x50;
/// It is worked out anew at most so often.
const ROUND: Duration = Duration::from_millis(100);

/// When it was last worked out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gauge {
    at: Monotonic,
    /// The account's submits so far, over all its binds.
    submits: u64,
}

impl Gauge {
    /// Nothing told yet; `submits` as the account's counter stands.
    pub(super) fn new(at: Monotonic, submits: u64) -> Self {
        Self { at, submits }
    }
}

impl Connection {
    /// Works out what the next answers say, if it is time to.
    pub(super) fn gauge(&mut self, now: Monotonic) {
        if self.session.interface_version() < WITH_CONGESTION {
            return;
        }
        let Some(bound) = &mut self.bound else { return };
        let elapsed = now.since(bound.gauge.at);
        if elapsed < ROUND {
            return;
        }
        let submits = bound.metrics.submits.get();
        let since = submits.saturating_sub(bound.gauge.submits);
        bound.gauge = Gauge { at: now, submits };
        let account = bound.ticket.account();
        let rate = account.config().rate_per_second.map_or(0, |rate| percent(since, rate.get(), elapsed));
        let state = state_of(self.shared.hub.fill(account), rate);
        self.session.set_congestion(Some(state));
    }

    /// A request was refused because the window was full.
    pub(super) fn overran(&self, status: Status) {
        let Some(bound) = self.bound.as_ref().filter(|_| status == Status::RTHROTTLED) else { return };
        let Bound { ticket, metrics, .. } = bound;
        metrics.submits.inc();
        metrics.refused(Reason::Tps);
        RateRefused { account: ticket.account().id().clone() }.emit(&self.shared.hub.telemetry);
    }
}

/// How much of a rate was used, percent.
fn percent(count: u64, per_second: u32, elapsed: Duration) -> usize {
    let used = u128::from(count) * 100_000_000;
    let allowed = u128::from(per_second) * elapsed.as_micros();
    usize::try_from(used / allowed.max(1)).unwrap_or(usize::MAX)
}

/// `congestion_state`: the fill in percent or nine tenths of the used rate in percent, whichever is more, at most 99. So
/// whoever uses just his rate is told 90, "nearing congestion", and stays below it at 80 to 89, "optimum load".
fn state_of(fill: usize, rate: usize) -> u8 {
    let state = fill.max(rate.saturating_mul(9) / 10).min(99);
    u8::try_from(state).unwrap_or(99)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_with_fill_and_rate_and_ends_at_99() {
        let states: Vec<u8> = (0..=120).map(|fill| state_of(fill, 0)).collect();
        assert!(states.is_sorted() && states[80] == 80 && states[99] == 99 && states[120] == 99);
        let states: Vec<u8> = (0..=200).map(|rate| state_of(0, rate)).collect();
        assert!(states.is_sorted() && states[89] == 80 && states[100] == 90 && states[110] == 99);
        assert_eq!(state_of(50, 100), 90);
        assert_eq!(state_of(95, 100), 95);
    }

    #[test]
    fn a_rate_is_measured_over_the_time_that_passed() {
        assert_eq!(percent(100, 1000, Duration::from_millis(100)), 100);
        assert_eq!(percent(50, 1000, Duration::from_millis(200)), 25);
        assert_eq!(percent(0, 1000, Duration::from_secs(10)), 0);
        assert_eq!(percent(u64::MAX, 1, Duration::ZERO), usize::MAX);
    }
}
