//! The files of lists: `<id>.vgl` the bulk, `<id>.vgo` single changes since, `index` the names of all. Each ends with a keyed
//! MAC over its name and its SM3; it is written beside, synced and renamed. Single changes name the bulk they belong to, so
//! that those of an older bulk, left by a crash, are told from those that count.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sm3::{Digest as _, Sm3};
use veilgate_identity::KeyRing;
use veilgate_ledger::Sm3Hash;
use veilgate_names::ObjectId;
use veilgate_policy::{EntriesError, EntrySet};

use crate::keys::replace_file;

const BULK: &str = "vgl";
const OVERLAY: &str = "vgo";
const INDEX: &str = "index";
/// Octets of the MAC at the end.
const TAG: usize = 32;
/// More than an index of all lists can have.
const MAX_INDEX: u64 = 1 << 20;

/// Why the gateway does not start: a black list that cannot be read would silently let through.
#[derive(Debug, thiserror::Error)]
pub enum ListFileError {
    /// It is cut, changed, or of another key ring.
    #[error("{}: the list is damaged, or belongs to another key ring; put back a copy, or move it away and its name out of the index", .0.display())]
    Damaged(PathBuf),
    /// The index names it, and it is not there.
    #[error("{}: the list is missing; put back a copy, or remove the index to go on without it", .0.display())]
    Missing(PathBuf),
    /// The system says so.
    #[error("{}: {error}", path.display())]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// What it says.
        error: io::Error,
    },
}

/// The folder.
pub(super) struct Folder {
    path: PathBuf,
    ring: Arc<KeyRing>,
}

/// A list as it lies there.
pub(super) struct Stored {
    pub(super) entries: EntrySet,
    pub(super) bulk: Sm3Hash,
    pub(super) whole: Sm3Hash,
}

impl Folder {
    pub(super) fn open(path: PathBuf, ring: Arc<KeyRing>) -> Result<Self, ListFileError> {
        fs::create_dir_all(&path).map_err(|error| io_error(&path, error))?;
        Ok(Self { path, ring })
    }

    /// Everything there is.
    pub(super) fn read(&self) -> Result<Vec<(ObjectId, Stored)>, ListFileError> {
        let mut ids = BTreeSet::new();
        for entry in fs::read_dir(&self.path).map_err(|error| io_error(&self.path, error))? {
            let path = entry.map_err(|error| io_error(&self.path, error))?.path();
            if path.extension().is_some_and(|extension| extension == BULK) {
                let name = path.file_stem().and_then(|name| name.to_str());
                let id = name.and_then(|name| ObjectId::parse(name).ok());
                ids.insert(id.ok_or(ListFileError::Damaged(path))?);
            }
        }
        if let Some(id) = self.read_index()?.iter().find(|id| !ids.contains(*id)) {
            return Err(ListFileError::Missing(self.file(id, BULK)));
        }
        ids.into_iter().map(|id| Ok((id.clone(), self.read_list(&id)?))).collect()
    }

    /// Gives the SM3 of what was written, without the MAC.
    pub(super) fn write_bulk(&self, id: &ObjectId, entries: &EntrySet) -> io::Result<Sm3Hash> {
        self.write(&self.file(id, BULK), &[BULK.as_bytes(), id.as_str().as_bytes()], |out| {
            entries.write_bulk(out)
        })
    }

    /// As [`Self::write_bulk`].
    pub(super) fn write_overlay(
        &self,
        id: &ObjectId,
        bulk: Sm3Hash,
        entries: &EntrySet,
    ) -> io::Result<Sm3Hash> {
        let about = [OVERLAY.as_bytes(), id.as_str().as_bytes()];
        self.write(&self.file(id, OVERLAY), &about, |out| {
            out.write_all(&bulk.0)?;
            entries.write_overlay(out)
        })
    }

    /// Takes single changes away that are part of the bulk by now.
    pub(super) fn drop_overlay(&self, id: &ObjectId) -> io::Result<()> {
        match fs::remove_file(self.file(id, OVERLAY)) {
            Ok(()) => File::open(&self.path)?.sync_all(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    pub(super) fn write_index<'a>(&self, ids: impl Iterator<Item = &'a ObjectId>) -> io::Result<()> {
        let names: String = ids.map(|id| format!("{id}\n")).collect();
        self.write(&self.path.join(INDEX), &[INDEX.as_bytes()], |out| out.write_all(names.as_bytes()))
            .map(|_| ())
    }

    fn read_index(&self) -> Result<Vec<ObjectId>, ListFileError> {
        let path = self.path.join(INDEX);
        if !path.exists() {
            return Ok(Vec::new());
        }
        let (names, _) = self.read_file(&path, &[INDEX.as_bytes()], |input| {
            let mut names = String::new();
            input.take(MAX_INDEX).read_to_string(&mut names)?;
            Ok(names)
        })?;
        let ids: Result<Vec<_>, _> = names.lines().map(ObjectId::parse).collect();
        ids.map_err(|_| ListFileError::Damaged(path))
    }

    fn read_list(&self, id: &ObjectId) -> Result<Stored, ListFileError> {
        let name = id.as_str().as_bytes();
        let path = self.file(id, BULK);
        let (entries, bulk) =
            self.read_file(&path, &[BULK.as_bytes(), name], |input| EntrySet::read_bulk(input))?;
        let path = self.file(id, OVERLAY);
        if !path.exists() {
            return Ok(Stored { entries, bulk, whole: bulk });
        }
        let read = self.read_file(&path, &[OVERLAY.as_bytes(), name], |input| {
            let mut of = [0; 32];
            input.read_exact(&mut of)?;
            Ok((Sm3Hash(of), EntrySet::default().read_overlay(input)?))
        })?;
        let ((of, changes), whole) = read;
        if of != bulk {
            return Ok(Stored { entries, bulk, whole: bulk });
        }
        Ok(Stored { entries: entries.with_changes_of(changes), bulk, whole })
    }

    fn write(
        &self,
        path: &Path,
        about: &[&[u8]],
        body: impl FnOnce(&mut Hashed<BufWriter<&mut File>>) -> io::Result<()>,
    ) -> io::Result<Sm3Hash> {
        let mut digest = [0; 32];
        replace_file(path, |file| {
            let mut out = Hashed { stream: BufWriter::with_capacity(1 << 20, file), hash: Sm3::new() };
            body(&mut out)?;
            digest = out.hash.finalize().into();
            let tag = self.ring.list_tag(&[about, &[&digest]].concat());
            out.stream.write_all(&tag)?;
            out.stream.flush()
        })?;
        Ok(Sm3Hash(digest))
    }

    fn read_file<T>(
        &self,
        path: &Path,
        about: &[&[u8]],
        body: impl FnOnce(&mut dyn Read) -> Result<T, EntriesError>,
    ) -> Result<(T, Sm3Hash), ListFileError> {
        let damaged = || ListFileError::Damaged(path.to_path_buf());
        let file = File::open(path).map_err(|error| io_error(path, error))?;
        let octets = file.metadata().map_err(|error| io_error(path, error))?.len();
        let length = octets.checked_sub(TAG as u64).ok_or_else(damaged)?;
        let mut file = BufReader::with_capacity(1 << 20, file);
        let mut input = Hashed { stream: (&mut file).take(length), hash: Sm3::new() };
        let value = body(&mut input).map_err(|error| match error {
            EntriesError::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => damaged(),
            EntriesError::Io(error) => io_error(path, error),
            EntriesError::Damaged => damaged(),
        })?;
        let rest = input.stream.limit();
        let digest: [u8; 32] = input.hash.finalize().into();
        let mut tag = [0; TAG];
        file.read_exact(&mut tag).map_err(|_| damaged())?;
        let is_whole = rest == 0 && self.ring.is_list_tag(&[about, &[&digest]].concat(), &tag);
        if is_whole { Ok((value, Sm3Hash(digest))) } else { Err(damaged()) }
    }

    fn file(&self, id: &ObjectId, extension: &str) -> PathBuf {
        self.path.join(format!("{id}.{extension}"))
    }
}

/// A stream whose octets are hashed as they pass.
struct Hashed<S> {
    stream: S,
    hash: Sm3,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.stream.read(buffer)?;
        self.hash.update(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let count = self.stream.write(octets)?;
        self.hash.update(octets.get(..count).unwrap_or_default());
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

fn io_error(path: &Path, error: io::Error) -> ListFileError {
    ListFileError::Io { path: path.to_path_buf(), error }
}
