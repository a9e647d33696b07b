//! The tables that say where numbers are at home: taken over whole while traffic runs, on disk before they are in force.

use std::io::{self, BufWriter};
use std::path::Path;

use veilgate_identity::{Portability, Segments, StoredTableError, TableError, TableProblem, TableVersion};
use veilgate_ledger::{AuditEvent, PlaceTable, Sm3Hash};

use super::{auditor, wide};
use crate::admin::{Actor, PlacesStatus, Response, TableStatus};
use crate::app::App;
use crate::clock;
use crate::files;
use crate::keys::replace_file;
use crate::places::{portability_file, segments_file};
use crate::telemetry::events::{ImportRefused, Imported};
use crate::telemetry::words::{ImportKind, ImportRefusal};

/// Why a table was not taken.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("the file cannot be read")]
    Unreadable,
    #[error("{0}")]
    Wrong(#[from] TableError),
    #[error("{0}")]
    NoRoom(#[from] TableProblem),
    #[error("the table cannot be written")]
    Unwritable,
}

impl App {
    /// Takes a table over; the old one stays if anything is wrong with it.
    pub(super) fn import_places(&self, table: PlaceTable, path: &Path, actor: &Actor) -> Response {
        let _one_at_a_time = self.places.lock();
        let began = clock::mono();
        let (kind, taken) = match table {
            PlaceTable::Segments => (ImportKind::Segments, self.take_segments(path)),
            PlaceTable::Portability => (ImportKind::Portability, self.take_portability(path)),
        };
        let (rows, version) = match taken {
            Ok(taken) => taken,
            Err(refused) => {
                self.hub.ledger.audit(auditor(actor), AuditEvent::PlacesRefused { table });
                let (reason, import_line) = refused.told();
                ImportRefused { kind, reason, import_line }.emit(&self.hub.telemetry);
                return Response::refused(&refused.to_string());
            }
        };
        let event = AuditEvent::PlacesImported { table, rows, version: Sm3Hash(version.0) };
        self.hub.ledger.audit(auditor(actor), event);
        let took_ms = clock::mono().since(began);
        Imported { kind, put: rows, tenures: 0, refused: 0, took_ms }.emit(&self.hub.telemetry);
        Response::TableImported(TableStatus { rows, version: version.to_string() })
    }

    /// Which tables are in force.
    pub(super) fn places_status(&self) -> PlacesStatus {
        let (segments, portability) = (self.identity.segments(), self.identity.portability());
        let table =
            |rows, version: TableVersion| TableStatus { rows: wide(rows), version: version.to_string() };
        PlacesStatus {
            segments: table(segments.len(), segments.version()),
            portability: table(portability.len(), portability.version()),
        }
    }

    fn take_segments(&self, path: &Path) -> Result<(u64, TableVersion), Refused> {
        let file = files::open(path).map_err(|_| Refused::Unreadable)?;
        let segments = self.identity.prepare_segments(Segments::read(file)?)?;
        let taken = (wide(segments.len()), segments.version());
        let path = segments_file(&self.config());
        write(&path, |file| segments.write_to(file))?;
        self.identity.replace_segments(segments)?;
        Ok(taken)
    }

    fn take_portability(&self, path: &Path) -> Result<(u64, TableVersion), Refused> {
        let file = files::open(path).map_err(|_| Refused::Unreadable)?;
        let portability = Portability::read(file, self.keys.ring())?;
        let portability = self.identity.prepare_portability(portability)?;
        let taken = (wide(portability.len()), portability.version());
        let path = portability_file(&self.config());
        write(&path, |file| portability.write_to(file, self.keys.ring()))?;
        self.identity.replace_portability(portability)?;
        Ok(taken)
    }
}

fn write(
    path: &Path,
    table: impl FnOnce(BufWriter<&mut std::fs::File>) -> Result<(), StoredTableError>,
) -> Result<(), Refused> {
    let written = replace_file(path, |file| table(BufWriter::new(file)).map_err(io::Error::other));
    written.map_err(|_| Refused::Unwritable)
}

impl Refused {
    /// What the log says of it.
    fn told(&self) -> (ImportRefusal, Option<u64>) {
        match self {
            Self::Unreadable | Self::Wrong(TableError { problem: TableProblem::Read, .. }) => {
                (ImportRefusal::File, None)
            }
            Self::Wrong(error) => (ImportRefusal::Format, Some(error.line)),
            Self::NoRoom(_) => (ImportRefusal::Conflict, None),
            Self::Unwritable => (ImportRefusal::Store, None),
        }
    }
}
