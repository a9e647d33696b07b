//! Where the tables lie that say where numbers are at home, and how a start finds them.

use std::fs::File;
use std::io::{BufReader, ErrorKind};
use std::path::{Path, PathBuf};

use veilgate_config::Config;
use veilgate_identity::{Identity, Portability, Segments, StoredTableError};

use crate::app::StartError;

/// The segment table that staff imported; without it the one that comes along is in force.
#[must_use]
pub fn segments_file(config: &Config) -> PathBuf {
    config.data_dir.join("segments")
}

/// The portability table that staff imported; without it no number is ported. It holds keyed hashes.
#[must_use]
pub fn portability_file(config: &Config) -> PathBuf {
    config.data_dir.join("portability")
}

/// Puts the tables in force. The one that comes along is first, so that its names are known whatever was imported.
pub(crate) fn load(config: &Config, identity: &Identity) -> Result<(), StartError> {
    let segments = segments_file(config);
    let wrong = |path: &Path, error| StartError::Table { path: path.to_path_buf(), error };
    put(identity.replace_segments(Segments::shipped().map_err(|error| wrong(&segments, error))?), &segments)?;
    if let Some(file) = open(&segments)? {
        let table = Segments::read_from(file).map_err(|error| wrong(&segments, error))?;
        put(identity.replace_segments(table), &segments)?;
    }
    let portability = portability_file(config);
    if let Some(file) = open(&portability)? {
        let table =
            Portability::read_from(file, identity.keys()).map_err(|error| wrong(&portability, error))?;
        put(identity.replace_portability(table), &portability)?;
    }
    Ok(())
}

fn open(path: &Path) -> Result<Option<BufReader<File>>, StartError> {
    match File::open(path) {
        Ok(file) => Ok(Some(BufReader::new(file))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StartError::File { path: path.to_path_buf(), error }),
    }
}

/// What was imported had room for its names, and has it again.
fn put(done: Result<(), veilgate_identity::TableProblem>, path: &Path) -> Result<(), StartError> {
    done.map_err(|_| StartError::Table { path: path.to_path_buf(), error: StoredTableError::Damaged })
}
