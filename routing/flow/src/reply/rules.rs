//! Times and bounds of the way back.

use std::time::Duration;

/// `[replies]`: how long digits are kept, whose a reply without digits is, and how much of long replies may wait.
#[derive(Debug, Clone)]
pub struct ReplyRules {
    /// A reply without extension digits is that of the enterprise's newest message to the person, if that is no older.
    pub tie_break: Duration,
    /// How long extension digits rest after the grace before somebody else gets them.
    pub quarantine: Duration,
    /// How long parts of a long reply wait for the others.
    pub part_timeout: Duration,
    /// Parts that may wait in all.
    pub max_parts: usize,
    /// Parts of one writer that may wait.
    pub max_parts_per_writer: usize,
    /// The longest reply, octets of its text.
    pub max_octets: usize,
}

impl Default for ReplyRules {
    fn default() -> Self {
        const HOUR: Duration = Duration::from_secs(3600);
        Self {
            tie_break: HOUR * 72,
            quarantine: HOUR * 720,
            part_timeout: Duration::from_secs(600),
            max_parts: 100_000,
            max_parts_per_writer: 255,
            max_octets: 16_384,
        }
    }
}
