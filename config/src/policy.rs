//! `[policy]`: the rules whose objects are managed while the gateway runs (docs/policy.md).

use serde::Deserialize;

/// `[policy]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Whether the shipped limits on how often a person is contacted hold where no object has their id. Default true.
    pub shipped_limits: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self { shipped_limits: true }
    }
}
