//! `[opt_out]`: replies by which a person refuses further messages.

use std::time::Duration;

use serde::Deserialize;

use crate::text::{FromText, some_text, text};
use crate::words::OptOutScope;

/// Refusals.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OptOut {
    /// Texts that are a refusal, whole; case, width, spaces and punctuation do not count. Default: `TD`, `T`, `R`, `N`,
    /// `STOP` and the like; an empty list and empty `beginnings` switch refusals off.
    pub words: Option<Vec<String>>,
    /// Words that make a refusal of every text that begins so. Default `退订` and the like.
    pub beginnings: Option<Vec<String>>,
    /// What a refusal holds for: `enterprise` (all its numbers) or `service_number`. Default `enterprise`.
    #[serde(deserialize_with = "text")]
    pub scope: OptOutScope,
    /// What the person is answered, once, 1-70 characters. Default: nothing.
    #[serde(deserialize_with = "some_text")]
    pub confirmation: Option<Confirmation>,
    /// The least time between two confirmations to one person. Default 24 h.
    #[serde(deserialize_with = "text")]
    pub confirm_every: Duration,
}

impl Default for OptOut {
    fn default() -> Self {
        Self {
            words: None,
            beginnings: None,
            scope: OptOutScope::Enterprise,
            confirmation: None,
            confirm_every: Duration::from_secs(24 * 3600),
        }
    }
}

/// A text of one message: 1-70 UTF-16 units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmation(String);

impl Confirmation {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromText for Confirmation {
    const EXPECTED: &'static str = "1-70 characters";
    fn from_text(text: &str) -> Option<Self> {
        (1..=70).contains(&text.encode_utf16().count()).then(|| Self(text.to_owned()))
    }
}
