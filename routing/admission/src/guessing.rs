//! Who tries out recipients: submits of one account in a sliding window, and how many of them named nobody. The
//! window is a ring of counters, so an account costs the same however much it sends.

use std::num::NonZeroU32;
use std::time::Duration;

use veilgate_names::{Monotonic, Reason};

/// Parts of the window; the oldest is forgotten as a whole.
const PARTS: u64 = 10;

/// When failed look-ups count as guessing, and what is done then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GuessingPolicy {
    /// So many failures within the window raise the alarm, if they are more than `share_percent` as well.
    pub failures: NonZeroU32,
    /// The window.
    pub within: Duration,
    /// The failures' share of the submits in the window that must be passed, 0-100.
    pub share_percent: u8,
    /// What an alarm does to the account.
    pub action: GuessingAction,
}

/// What an alarm does to the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GuessingAction {
    /// Nothing is counted.
    Off,
    /// Staff are told.
    Alarm,
    /// Staff are told and the account is shut out until they let it in again.
    Freeze,
}

impl Default for GuessingPolicy {
    fn default() -> Self {
        Self {
            failures: NonZeroU32::MIN.saturating_add(199),
            within: Duration::from_secs(600),
            share_percent: 20,
            action: GuessingAction::Freeze,
        }
    }
}

/// An alarm: what the window held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GuessingAlarm {
    /// Failed look-ups.
    pub failures: u32,
    /// Submits, those included.
    pub submits: u32,
    /// Whether this alarm froze the account.
    pub frozen: bool,
}

/// Whether a refusal means that the sender named somebody who does not exist for it: what a scan of made-up pseudonyms,
/// device IDs or authorizations runs into. A person who moved, was ported or suspended was known once; such answers
/// come in ordinary service and are not counted.
#[must_use]
pub fn is_guess(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::AuthMissing
            | Reason::AuthInvalid
            | Reason::NotAPseudonym
            | Reason::DecryptFail
            | Reason::NotFoundAsof
            | Reason::NoTenureAsof
    )
}

/// The sliding counters of one account.
#[derive(Debug, Default)]
pub(crate) struct Guesses {
    parts: [Part; 10],
    /// The number of the newest part, counted from the clock's beginning.
    newest: u64,
    /// The window the parts are parts of; another one begins anew.
    within: Duration,
}

#[derive(Debug, Default, Clone, Copy)]
struct Part {
    submits: u32,
    failures: u32,
}

impl Guesses {
    /// Counts one submit. An alarm empties the window, so that the next one takes as many failures again.
    pub(crate) fn count(
        &mut self,
        failed: bool,
        policy: &GuessingPolicy,
        now: Monotonic,
    ) -> Option<(u32, u32)> {
        self.turn_to(now, policy.within);
        let index = usize::try_from(self.newest % PARTS).unwrap_or(0);
        let part = self.parts.get_mut(index)?;
        part.submits = part.submits.saturating_add(1);
        part.failures = part.failures.saturating_add(u32::from(failed));
        if !failed {
            return None;
        }
        let sum = |of: fn(&Part) -> u32| self.parts.iter().map(of).fold(0, u32::saturating_add);
        let (submits, failures) = (sum(|part| part.submits), sum(|part| part.failures));
        let passes_share = u64::from(failures) * 100 > u64::from(submits) * u64::from(policy.share_percent);
        if failures < policy.failures.get() || !passes_share {
            return None;
        }
        self.forget();
        Some((failures, submits))
    }

    pub(crate) fn forget(&mut self) {
        self.parts = Default::default();
    }

    /// Empties the parts that have passed since the last count.
    fn turn_to(&mut self, now: Monotonic, within: Duration) {
        if within != self.within {
            *self = Self { within, ..Self::default() };
        }
        let part_nanos = (within.as_nanos() / u128::from(PARTS)).max(1);
        let newest =
            u64::try_from(now.since(Monotonic::default()).as_nanos() / part_nanos).unwrap_or(u64::MAX);
        let passed = newest.saturating_sub(self.newest);
        for back in 0..passed.min(PARTS) {
            let index = usize::try_from((newest - back) % PARTS).unwrap_or(0);
            if let Some(part) = self.parts.get_mut(index) {
                *part = Part::default();
            }
        }
        self.newest = self.newest.max(newest);
    }
}

#[cfg(test)]
mod tests;
