//! `[registry]`, `[guessing]`: how long consents are kept, and what happens to who tries out recipients.

use std::num::NonZeroU32;
use std::time::Duration;

use serde::Deserialize;

use crate::text::{count, hours, seconds, text, whole};
use crate::words::GuessingAction;

/// `[registry]`: the authorizations held.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Registry {
    /// How long an authorization is kept after its end, as evidence and for what still refers to it; then it is
    /// forgotten. At least `flow.max_schedule`, `flow.max_validity` and `flow.report_timeout` together, and
    /// `flow.reply_grace`. Default 3672h, five months.
    #[serde(deserialize_with = "text")]
    pub keep_expired: Duration,
}

impl Default for Registry {
    fn default() -> Self {
        Self { keep_expired: hours::<3672>() }
    }
}

/// `[guessing]`: accounts that name recipients who do not exist.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Guessing {
    /// What is done about an account, unless it says otherwise itself. Default `freeze`.
    #[serde(deserialize_with = "text")]
    pub action: GuessingAction,
    /// So many failed look-ups of one account within `within`, 1-1000000, are an alarm, if their share is passed too.
    /// Default 200.
    #[serde(deserialize_with = "whole::<_, _, 1, 1_000_000>")]
    pub failures: NonZeroU32,
    /// The sliding window. Default 10m.
    #[serde(deserialize_with = "text")]
    pub within: Duration,
    /// Failed look-ups must be more than so much of the account's submits in the window, 0-99 percent. Default 20.
    #[serde(deserialize_with = "whole::<_, _, 0, 99>")]
    pub share_percent: u8,
}

impl Default for Guessing {
    fn default() -> Self {
        Self {
            action: GuessingAction::Freeze,
            failures: count::<200>(),
            within: seconds::<600>(),
            share_percent: 20,
        }
    }
}
