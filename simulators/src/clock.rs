//! The simulators' only look at system time and the only source of an unpredictable seed.

use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use veilgate_names::Timestamp;

/// The present instant, for deadlines and latencies.
#[expect(clippy::disallowed_methods, reason = "the simulators' one clock")]
#[must_use]
pub fn now() -> Instant {
    Instant::now()
}

/// Nanoseconds since this process first asked; never goes back.
#[must_use]
pub fn nanos() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let start = *START.get_or_init(now);
    u64::try_from(now().saturating_duration_since(start).as_nanos()).unwrap_or(u64::MAX)
}

/// The present wall time.
#[expect(clippy::disallowed_methods, reason = "the simulators' one clock")]
#[must_use]
pub fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// A seed that differs from run to run; for message ids and rule draws, not for secrets.
#[expect(clippy::disallowed_methods, reason = "the simulators' one clock")]
#[must_use]
pub fn seed() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos() & u128::from(u64::MAX)).unwrap_or(0) ^ u64::from(std::process::id()) << 40
}
