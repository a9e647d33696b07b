//! The real disk: one folder (mode 0700) with files of mode 0600, locked against a second opener.

use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::disk::{Disk, DiskFile};
use crate::error::StoreError;

/// The file whose lock says that the folder is in use.
const LOCK: &str = "lock";

/// A folder on a local file system. The lock goes with the value, or with the process however it ends.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    directory: File,
    _lock: File,
    /// How files that are there are opened.
    options: OpenOptions,
}

struct FolderFile(File);

impl Folder {
    /// Opens the folder, making it (not its parents) if it is missing, and locks it.
    ///
    /// # Errors
    /// [`StoreError::Locked`] if it is open elsewhere, [`StoreError::Io`] if the system refuses.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        match DirBuilder::new().mode(0o700).create(path) {
            Ok(()) => sync_parent(path)?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                std::fs::set_permissions(path, Permissions::from_mode(0o700))?;
            }
            Err(error) => return Err(error.into()),
        }
        let lock = options().create(true).truncate(false).open(path.join(LOCK))?;
        Self::locked(path, lock, options())
    }

    /// Locks a folder that is there, to read it: nothing in it is changed, and it may lie on a disk that takes nothing.
    ///
    /// # Errors
    /// As [`Folder::open`]; also if nobody ever opened it.
    pub fn to_read(path: &Path) -> Result<Self, StoreError> {
        let mut options = OpenOptions::new();
        options.read(true);
        let lock = options.open(path.join(LOCK))?;
        Self::locked(path, lock, options)
    }

    fn locked(path: &Path, lock: File, options: OpenOptions) -> Result<Self, StoreError> {
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::Locked),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        Ok(Self { path: path.to_owned(), directory: File::open(path)?, _lock: lock, options })
    }
}

impl Disk for Folder {
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(FolderFile(options().create_new(true).open(self.path.join(name))?)))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(FolderFile(self.options.open(self.path.join(name))?)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.path.join(name))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.path)? {
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn sync_names(&self) -> io::Result<()> {
        self.directory.sync_all()
    }
}

impl DiskFile for FolderFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.0.read_exact_at(buffer, offset)
    }

    fn write_at(&self, octets: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(octets, offset)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    options
}

fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}
