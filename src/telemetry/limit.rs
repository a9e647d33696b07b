//! How many lines one kind of event may write in a second, so that no peer can fill the disk.

use std::sync::atomic::{AtomicU64, Ordering};

use veilgate_names::Timestamp;

use super::events::Kind;

/// Lines of one kind in one second.
const PER_SECOND: u64 = 50;

/// One counter per kind: the second in the upper half, the lines in it in the lower.
#[derive(Debug)]
pub(super) struct LineLimits([AtomicU64; Kind::COUNT]);

impl LineLimits {
    pub(super) fn allow(&self, kind: Kind, now: Timestamp) -> bool {
        let Some(slot) = self.0.get(kind.index()) else { return true };
        let second = u64::try_from(now.0 / 1000).unwrap_or(0) << 32;
        let step = |state: u64| {
            let lines = if state & !0xffff_ffff == second { state & 0xffff_ffff } else { 0 };
            (lines < PER_SECOND).then_some(second | (lines + 1))
        };
        slot.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step).is_ok()
    }
}

impl Default for LineLimits {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}
