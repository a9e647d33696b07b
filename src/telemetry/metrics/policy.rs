//! Which policy is in force.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use veilgate_names::Timestamp;

use super::{counter, gauge};

/// The objects that rules are made of.
pub struct PolicyMetrics {
    /// The number of the policy in force.
    pub number: Gauge,
    /// Since when, seconds since 1970.
    pub changed_at: Gauge,
    /// Objects there are.
    pub objects: Gauge,
    /// Changes made.
    pub changes: Counter,
    /// Changes refused.
    pub refusals: Counter,
    /// Requests to the ops API without a token, or with a wrong one.
    pub tokens_refused: Counter,
}

impl PolicyMetrics {
    pub(super) fn new(into: &mut Registry) -> Self {
        Self {
            number: gauge(
                into,
                "policy_version",
                "The number of the policy in force: counts up with every change",
            ),
            changed_at: gauge(
                into,
                "policy_changed_seconds",
                "When the last change took hold, seconds since 1970",
            ),
            objects: gauge(into, "policy_objects", "Objects that rules are made of"),
            changes: counter(into, "policy_changes", "Changes of objects made"),
            refusals: counter(into, "policy_changes_refused", "Changes of objects refused"),
            tokens_refused: counter(
                into,
                "ops_tokens_refused",
                "Requests to the ops API without a token, or with a wrong one",
            ),
        }
    }

    /// Notes that a policy took hold.
    pub fn in_force(&self, number: u64, at: Timestamp) {
        self.number.set(i64::try_from(number).unwrap_or(i64::MAX));
        self.changed_at.set(at.0 / 1000);
    }
}
