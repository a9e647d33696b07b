//! What is written down when the tables change that say where numbers are at home.

use super::{AuditEvent, JsonLine};

/// Which table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlaceTable {
    /// Province, city and operator by the first seven digits.
    Segments,
    /// Numbers that another operator serves.
    Portability,
}

impl PlaceTable {
    fn name(self) -> &'static str {
        match self {
            Self::Segments => "segments",
            Self::Portability => "portability",
        }
    }
}

impl AuditEvent {
    /// Those of events about these tables; other events have none here.
    pub(super) fn write_place_fields(&self, line: &mut JsonLine<'_>) {
        match self {
            Self::PlacesImported { table, rows, version } => {
                line.text("table", table.name());
                line.number("rows", *rows);
                line.quoted("version", |out| version.write_hex(out));
            }
            Self::PlacesRefused { table } => line.text("table", table.name()),
            _ => {}
        }
    }
}
