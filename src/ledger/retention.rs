//! CDR files are kept as long as the configuration says, and then go (B-4.1.6d, B-A.2.4e). The audit file says so before.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use veilgate_ledger::{CdrFile, Sm3Hash};
use veilgate_names::Timestamp;

use super::cdr_files::{cdr_paths, sync_folder};

/// Files that go at once.
const MOST: usize = 100;

/// Closed files that are old enough to go.
pub(super) struct Expired {
    paths: Vec<PathBuf>,
    /// Octets of all.
    pub(super) octets: u64,
    /// SM3 over name and trailer of each, a line feed behind each, in the order of names.
    pub(super) sm3: Sm3Hash,
}

impl Expired {
    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.paths.len()
    }

    /// Deletes them.
    pub(super) fn remove(self, folder: &Path) -> io::Result<()> {
        for path in &self.paths {
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        sync_folder(folder)
    }
}

/// The oldest closed files whose last octet was written before `before`; those without a trailer stay, whatever their
/// age.
pub(super) fn expired(folder: &Path, before: Timestamp) -> io::Result<Expired> {
    let mut paths: Vec<PathBuf> = cdr_paths(folder)?.into_iter().map(|(_, path)| path).collect();
    paths.sort_unstable_by(|one, other| one.file_name().cmp(&other.file_name()));
    let mut expired = Expired { paths: Vec::new(), octets: 0, sm3: Sm3Hash::of(b"") };
    let mut evidence = Vec::new();
    for path in paths {
        if expired.paths.len() == MOST {
            break;
        }
        if let Some((octets, end)) = closed_before(&path, before)? {
            evidence.extend_from_slice(path.file_name().unwrap_or_default().as_encoded_bytes());
            evidence.push(b'\n');
            evidence.extend_from_slice(trailer(&end));
            expired.octets += octets;
            expired.paths.push(path);
        }
    }
    expired.sm3 = Sm3Hash::of(&evidence);
    Ok(expired)
}

/// The length and the last octets of a closed file that was last written before `before`.
fn closed_before(path: &Path, before: Timestamp) -> io::Result<Option<(u64, Vec<u8>)>> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let facts = file.metadata()?;
    let modified = facts.modified()?.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    if i64::try_from(modified.as_millis()).unwrap_or(i64::MAX) >= before.0 {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(facts.len().saturating_sub(CdrFile::TAIL)))?;
    let mut end = Vec::new();
    file.take(CdrFile::TAIL).read_to_end(&mut end)?;
    Ok(CdrFile::is_closed(&end).then_some((facts.len(), end)))
}

/// The last line, its end included.
fn trailer(end: &[u8]) -> &[u8] {
    let whole = end.strip_suffix(b"\n").unwrap_or(end);
    let start = whole.iter().rposition(|octet| *octet == b'\n').map_or(0, |feed| feed + 1);
    end.get(start..).unwrap_or_default()
}
