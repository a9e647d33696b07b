//! The CDR files on disk: one open file a kind, closed with a trailer by age, size or shutdown.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use veilgate_ledger::{Cdr, CdrFile, CdrKind};
use veilgate_names::{MessageId, Timestamp};

use super::LedgerConfig;
use crate::telemetry::Telemetry;
use crate::telemetry::events::StorageFailed;
use crate::telemetry::words::StorageUse;

/// Octets read at once.
const READ: usize = 1 << 20;
const KINDS: [CdrKind; 2] = [CdrKind::MobileTerminated, CdrKind::MobileOriginated];

/// The open files and when they are closed.
pub struct CdrFiles {
    config: LedgerConfig,
    open: Vec<OpenFile>,
    sequence: u32,
}

struct OpenFile {
    kind: CdrKind,
    content: CdrFile,
    file: File,
    octets: u64,
    opened_at: Timestamp,
}

impl CdrFiles {
    /// Makes the folder, and closes what a process that died left open. Closed files are not touched, whatever they
    /// hold. One that cannot be taken up is set apart as `<name>.damaged`: its CDRs that the store still has are
    /// written again.
    ///
    /// # Errors
    /// [`io::Error`] if the folder cannot be made or listed.
    pub fn open(config: LedgerConfig, telemetry: &Telemetry) -> io::Result<Self> {
        fs::create_dir_all(&config.cdr_dir)?;
        for (kind, path) in cdr_paths(&config.cdr_dir)? {
            if let Err(error) = close_abandoned(kind, &path) {
                StorageFailed { storage: StorageUse::Cdr, error: error.kind() }.emit(telemetry);
            }
        }
        Ok(Self { config, open: Vec::new(), sequence: 0 })
    }

    /// Where the files lie, and how long they are kept.
    pub(super) fn kept(&self) -> (&Path, Duration) {
        (&self.config.cdr_dir, self.config.keep)
    }

    /// How long until a file is old enough to be closed; at most a minute.
    pub fn closes_in(&self, now: Timestamp) -> Duration {
        let age = |open: &OpenFile| self.config.rotate_every.saturating_sub(now.since(open.opened_at));
        self.open.iter().map(age).min().unwrap_or(Duration::MAX).min(Duration::from_secs(60))
    }

    /// Appends CDRs and syncs; also closes files whose time has come. Those that are safe move from `cdrs` to `written`.
    ///
    /// # Errors
    /// [`io::Error`]: the CDRs that are left are to be handed in again. A file that could not be written is given up
    /// as it is.
    pub fn append(
        &mut self,
        cdrs: &mut Vec<Arc<Cdr>>,
        written: &mut Vec<MessageId>,
        now: Timestamp,
    ) -> io::Result<()> {
        self.rotate(now)?;
        for kind in KINDS {
            let of_kind: Vec<&Cdr> = cdrs.iter().map(|cdr| &**cdr).filter(|cdr| cdr.kind == kind).collect();
            if !of_kind.is_empty() {
                self.append_kind(kind, &of_kind, now)?;
                written.extend(of_kind.iter().map(|cdr| cdr.id));
                cdrs.retain(|cdr| cdr.kind != kind);
            }
        }
        Ok(())
    }

    /// Closes every file.
    ///
    /// # Errors
    /// [`io::Error`] of the first that could not be closed.
    pub fn close_all(&mut self) -> io::Result<()> {
        self.open.drain(..).try_for_each(OpenFile::close)
    }

    fn rotate(&mut self, now: Timestamp) -> io::Result<()> {
        let mut index = 0;
        while let Some(open) = self.open.get(index) {
            let old = now.since(open.opened_at) >= self.config.rotate_every;
            if old || open.octets >= self.config.rotate_octets {
                self.open.swap_remove(index).close()?;
            } else {
                index += 1;
            }
        }
        Ok(())
    }

    fn append_kind(&mut self, kind: CdrKind, cdrs: &[&Cdr], now: Timestamp) -> io::Result<()> {
        let position = match self.open.iter().position(|open| open.kind == kind) {
            Some(position) => position,
            None => self.begin(kind, now)?,
        };
        let Some(open) = self.open.get_mut(position) else { return Ok(()) };
        let before = (open.content.clone(), open.octets);
        let mut out = Vec::with_capacity(cdrs.len() * 512);
        for cdr in cdrs {
            open.content.append(cdr, &mut out).map_err(io::Error::other)?;
        }
        let written = open.file.write_all(&out).and_then(|()| open.file.sync_data());
        match written {
            Ok(()) => {
                open.octets += u64::try_from(out.len()).unwrap_or(0);
                Ok(())
            }
            Err(error) => {
                // Back to the last whole group; if even that fails, a new file is begun next time.
                (open.content, open.octets) = before;
                if open.file.set_len(open.octets).is_err() {
                    self.open.remove(position);
                }
                Err(error)
            }
        }
    }

    fn begin(&mut self, kind: CdrKind, now: Timestamp) -> io::Result<usize> {
        loop {
            self.sequence += 1;
            let path =
                self.config.cdr_dir.join(CdrFile::name(kind, &self.config.carrier, now, self.sequence));
            let file = match OpenOptions::new().append(true).create_new(true).mode(0o600).open(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                opened => opened?,
            };
            let mut header = Vec::new();
            let content = CdrFile::begin(kind, &mut header);
            let mut open = OpenFile { kind, content, file, octets: 0, opened_at: now };
            if let Err(error) = open.file.write_all(&header) {
                fs::remove_file(path)?;
                return Err(error);
            }
            open.octets = u64::try_from(header.len()).unwrap_or(0);
            sync_folder(&self.config.cdr_dir)?;
            self.open.push(open);
            return Ok(self.open.len() - 1);
        }
    }
}

impl OpenFile {
    fn close(mut self) -> io::Result<()> {
        let mut trailer = Vec::new();
        self.content.close(&mut trailer);
        self.file.write_all(&trailer)?;
        self.file.sync_data()
    }
}

/// The ids in the files written to at or after `since`: of CDRs that the store may still have.
///
/// # Errors
/// [`io::Error`] as the disk gives it.
pub fn written_ids(folder: &Path, since: Timestamp) -> io::Result<HashSet<MessageId>> {
    let mut ids = HashSet::new();
    for (_, path) in cdr_paths(folder)? {
        match read_ids(&path, since, &mut ids) {
            // Collected in this moment: closed files may go any time.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            read => read?,
        }
    }
    Ok(ids)
}

/// Reads every CDR of every file, in no order. Lines that are none, or are being written, are passed over; files that go
/// meanwhile, too.
///
/// # Errors
/// [`io::Error`] as the disk gives it.
pub fn read_cdrs(folder: &Path, mut each: impl FnMut(Cdr)) -> io::Result<()> {
    for (_, path) in cdr_paths(folder)? {
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            opened => opened?,
        };
        let (mut reader, mut line) = (BufReader::with_capacity(READ, file), Vec::new());
        while reader.read_until(b'\n', &mut line)? > 0 {
            if let Ok(cdr) = Cdr::parse_line(&line) {
                each(cdr);
            }
            line.clear();
        }
    }
    Ok(())
}

fn read_ids(path: &Path, since: Timestamp, ids: &mut HashSet<MessageId>) -> io::Result<()> {
    let file = File::open(path)?;
    let modified = file.metadata()?.modified()?;
    let modified = modified.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    if i64::try_from(modified.as_millis()).unwrap_or(i64::MAX) < since.0 {
        return Ok(());
    }
    let (mut reader, mut line) = (BufReader::with_capacity(READ, file), Vec::new());
    // A line without its end is a record that was not written.
    while reader.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
        ids.extend(Cdr::id_of_line(&line));
        line.clear();
    }
    Ok(())
}

/// The CDR files of a folder, closed or not.
pub(super) fn cdr_paths(folder: &Path) -> io::Result<Vec<(CdrKind, PathBuf)>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| name.ends_with(".csv")) else { continue };
        let kind = KINDS.into_iter().find(|kind| name.starts_with(&format!("ASCS_{}_", kind.name())));
        paths.extend(kind.map(|kind| (kind, entry.path())));
    }
    Ok(paths)
}

/// Ends a file that has no trailer. What cannot be read as a CDR file is set apart; what only cannot be written now
/// stays for the next start.
fn close_abandoned(kind: CdrKind, path: &Path) -> io::Result<()> {
    let recovered = match take_up(kind, path) {
        Ok(None) => return Ok(()),
        Ok(Some(recovered)) => recovered,
        Err(error) => {
            let mut damaged = path.as_os_str().to_owned();
            damaged.push(".damaged");
            fs::rename(path, damaged)?;
            return Err(error);
        }
    };
    let (content, whole) = recovered;
    let mut out = Vec::new();
    if whole == 0 {
        CdrFile::begin(kind, &mut out);
    }
    content.close(&mut out);
    let mut file = OpenOptions::new().append(true).open(path)?;
    file.set_len(whole)?;
    file.write_all(&out)?;
    file.sync_data()
}

/// A file without trailer and how many octets of it are whole; `None` for a closed one, of which only the end is read.
fn take_up(kind: CdrKind, path: &Path) -> io::Result<Option<(CdrFile, u64)>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(CdrFile::TAIL)))?;
    let mut end = Vec::new();
    (&mut file).take(CdrFile::TAIL).read_to_end(&mut end)?;
    if CdrFile::is_closed(&end) {
        return Ok(None);
    }
    file.rewind()?;
    CdrFile::recover(kind, &mut BufReader::with_capacity(READ, file))
        .map_err(|broken| io::Error::new(io::ErrorKind::InvalidData, broken))
}

pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
pub(super) mod tests;
