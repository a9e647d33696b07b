//! `[replies]`: whose a reply is, and how long ones are put together.

use std::num::NonZeroU32;
use std::time::Duration;

use serde::Deserialize;

use crate::text::{count, text, whole};

/// Replies of subscribers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Replies {
    /// A reply without extension digits is to the enterprise's newest message to that person, if it is no older than
    /// this. Default 72 h.
    #[serde(deserialize_with = "text")]
    pub tie_break: Duration,
    /// How long extension digits rest after `flow.reply_grace` before they are given again. Default 720 h.
    #[serde(deserialize_with = "text")]
    pub quarantine: Duration,
    /// How long parts of a long reply wait for the others. Default 10 min.
    #[serde(deserialize_with = "text")]
    pub part_timeout: Duration,
    /// Parts that may wait, 1-10000000; beyond it the SMSC is asked to send later. Default 100000.
    #[serde(deserialize_with = "whole::<_, _, 1, 10_000_000>")]
    pub max_parts: NonZeroU32,
    /// Parts of one person that may wait, 2-65536. Default 255.
    #[serde(deserialize_with = "whole::<_, _, 2, 65_536>")]
    pub max_parts_per_writer: NonZeroU32,
    /// The longest reply put together, octets of text, 280-32000; a part beyond it is refused. Default 16384.
    #[serde(deserialize_with = "whole::<_, _, 280, 32_000>")]
    pub max_octets: NonZeroU32,
}

impl Default for Replies {
    fn default() -> Self {
        const HOUR: u64 = 3600;
        Self {
            tie_break: Duration::from_secs(72 * HOUR),
            quarantine: Duration::from_secs(720 * HOUR),
            part_timeout: Duration::from_secs(600),
            max_parts: count::<100_000>(),
            max_parts_per_writer: count::<255>(),
            max_octets: count::<16_384>(),
        }
    }
}
