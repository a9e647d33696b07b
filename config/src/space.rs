//! `[space]`: when storage counts as nearly full.

use serde::Deserialize;

use crate::text::whole;

/// When submits and replies are put off because storage runs low. What ends messages still finds room then.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Space {
    /// Octets that must stay free on the file systems of journal, CDR files and audit file, 0-16 TiB; 0 watches none.
    /// Traffic is taken again at five quarters of it. Default 512 MiB.
    #[serde(deserialize_with = "whole::<_, _, 0, 17_592_186_044_416>")]
    pub min_free_bytes: u64,
    /// How much of `journal.capacity_bytes` may be taken, percent, 10-100. Traffic is taken again 5 below. Default 90.
    #[serde(deserialize_with = "whole::<_, _, 10, 100>")]
    pub journal_percent: u8,
}

impl Default for Space {
    fn default() -> Self {
        Self { min_free_bytes: 512 << 20, journal_percent: 90 }
    }
}
