//! What is told of the room left on disk.

use std::borrow::Cow;

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::{Label, family, gauge};
use crate::telemetry::words::{StorageUse, Word as _};

/// Room left on disk.
pub struct SpaceMetrics {
    /// Whether room is short and traffic put off: 1 or 0.
    pub low: Gauge,
    free: Family<[Label; 1], Gauge>,
}

impl SpaceMetrics {
    /// Octets free on the file system of one use.
    pub fn free(&self, storage: StorageUse, octets: u64) {
        let labels = [("storage", Cow::Borrowed(storage.name()))];
        self.free.get_or_create(&labels).set(i64::try_from(octets).unwrap_or(i64::MAX));
    }

    pub(super) fn new(into: &mut Registry) -> Self {
        Self {
            low: gauge(into, "storage_low", "Whether room on disk is short and submits are refused"),
            free: family(into, "storage_free_bytes", "Octets free on the file system, by use"),
        }
    }
}
