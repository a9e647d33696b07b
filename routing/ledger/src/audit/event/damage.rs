//! The fields of events about what is missing or damaged: counts.

use super::{AuditEvent, JsonLine};

impl AuditEvent {
    /// Those of events about damages; other events have none here.
    pub(super) fn write_damage_fields(&self, line: &mut JsonLine<'_>) {
        match self {
            Self::TailCut { octets } => line.number("octets", *octets),
            Self::TailMissing { records } | Self::JournalDamaged { records } => {
                line.number("records", *records);
            }
            Self::RecordsOmitted { refused_binds, others } => {
                line.number("refused_binds", *refused_binds);
                line.number("others", *others);
            }
            _ => {}
        }
    }
}
