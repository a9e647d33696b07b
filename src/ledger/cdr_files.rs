//! The CDR files on disk: one open file a kind, closed with a trailer by age, size or shutdown.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use veilgate_ledger::{Cdr, CdrFile, CdrKind};
use veilgate_names::{MessageId, Timestamp};

use super::LedgerConfig;

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
    /// Makes the folder, and closes what a process that died left open.
    ///
    /// # Errors
    /// [`io::Error`] as the disk gives it; `InvalidData` for a file that holds no CDRs.
    pub fn open(config: LedgerConfig) -> io::Result<Self> {
        fs::create_dir_all(&config.cdr_dir)?;
        for (kind, path) in cdr_paths(&config.cdr_dir)? {
            close_abandoned(kind, &path)?;
        }
        Ok(Self { config, open: Vec::new(), sequence: 0 })
    }

    /// How long until a file is old enough to be closed; at most a minute.
    pub fn closes_in(&self, now: Timestamp) -> Duration {
        let age = |open: &OpenFile| self.config.rotate_every.saturating_sub(now.since(open.opened_at));
        self.open.iter().map(age).min().unwrap_or(Duration::MAX).min(Duration::from_secs(60))
    }

    /// Appends CDRs and syncs; also closes files whose time has come.
    ///
    /// # Errors
    /// [`io::Error`]: the CDRs are to be handed in again. A file that could not be written is given up as it is.
    pub fn append(&mut self, cdrs: &[Arc<Cdr>], now: Timestamp) -> io::Result<()> {
        self.rotate(now)?;
        for kind in KINDS {
            let of_kind: Vec<&Cdr> = cdrs.iter().map(|cdr| &**cdr).filter(|cdr| cdr.kind == kind).collect();
            if !of_kind.is_empty() {
                self.append_kind(kind, &of_kind, now)?;
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
            let file = match OpenOptions::new().append(true).create_new(true).mode(0o600).open(path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                opened => opened?,
            };
            let mut header = Vec::new();
            let content = CdrFile::begin(kind, &mut header);
            let mut open = OpenFile { kind, content, file, octets: 0, opened_at: now };
            open.file.write_all(&header)?;
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

/// The ids in the files that could hold CDRs the store still has: those of the last two hours' files.
///
/// # Errors
/// [`io::Error`] as the disk gives it.
pub fn written_ids(folder: &Path, since: Timestamp) -> io::Result<HashSet<MessageId>> {
    let mut ids = HashSet::new();
    for (_, path) in cdr_paths(folder)? {
        let modified = fs::metadata(&path)?.modified()?;
        let modified = modified.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        if i64::try_from(modified.as_millis()).unwrap_or(i64::MAX) < since.0 {
            continue;
        }
        for line in BufReader::new(File::open(path)?).split(b'\n') {
            if let Ok(cdr) = Cdr::parse_line(&line?) {
                ids.insert(cdr.id);
            }
        }
    }
    Ok(ids)
}

fn cdr_paths(folder: &Path) -> io::Result<Vec<(CdrKind, PathBuf)>> {
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

fn close_abandoned(kind: CdrKind, path: &Path) -> io::Result<()> {
    let mut reader = BufReader::new(File::open(path)?);
    let recovered = CdrFile::recover(kind, &mut reader).map_err(|broken| {
        io::Error::new(io::ErrorKind::InvalidData, format!("{}: {broken}", path.display()))
    })?;
    let Some((content, whole)) = recovered else { return Ok(()) };
    let mut file = OpenOptions::new().append(true).open(path)?;
    file.set_len(whole)?;
    let mut trailer = Vec::new();
    content.close(&mut trailer);
    file.write_all(&trailer)?;
    file.sync_data()
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
