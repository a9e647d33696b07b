//! The only call to system time and entropy. Everything below takes both as parameters.

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use veilgate_flow::Moment;
use veilgate_names::{Monotonic, Timestamp};

static START: OnceLock<Instant> = OnceLock::new();

/// The present on both clocks.
#[must_use]
pub fn now() -> Moment {
    Moment { wall: wall(), mono: mono() }
}

/// Wall time.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
pub fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Monotonic time since the first call.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
pub fn mono() -> Monotonic {
    let start = *START.get_or_init(Instant::now);
    Monotonic(u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX))
}

/// The instant of tokio's timer at which a monotonic time will have come.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
pub fn timer(at: Monotonic) -> tokio::time::Instant {
    let start = *START.get_or_init(Instant::now);
    tokio::time::Instant::from_std(start + Duration::from_micros(at.0))
}

/// Octets from the operating system's generator.
///
/// # Panics
/// Never; where the system has no entropy the process ends, for no key made then would be one.
#[expect(clippy::disallowed_methods, reason = "this is the source of entropy")]
pub fn entropy(out: &mut [u8]) {
    if getrandom::fill(out).is_err() {
        std::process::abort();
    }
}
