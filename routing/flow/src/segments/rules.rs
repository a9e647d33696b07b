//! Times and bounds of texts that come in parts.

use std::time::Duration;

/// `[flow] segments_*`: how long parts wait for the others, and how many may.
#[derive(Debug, Clone)]
pub struct SegmentRules {
    /// How long a part waits for the others.
    pub timeout: Duration,
    /// Parts that may wait in all; beyond it submits of parts get `queue_full`.
    pub max: usize,
    /// Parts of one account that may wait.
    pub max_per_account: usize,
}

impl Default for SegmentRules {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(60), max: 100_000, max_per_account: 20_000 }
    }
}
