//! All that the log asks of a disk, so that a test can stand in for one. Names are plain file names in one folder.

use std::io;
use std::sync::Arc;

/// A folder of files. Changes to names are durable only after [`Disk::sync_names`].
pub trait Disk: Send + Sync {
    /// A new, empty file.
    ///
    /// # Errors
    /// The system's; also if the name is taken.
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;

    /// An existing file, for reading and writing.
    ///
    /// # Errors
    /// The system's.
    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;

    /// Gives a file another name, which must be free.
    ///
    /// # Errors
    /// The system's.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Deletes a file; whoever has it open may read on.
    ///
    /// # Errors
    /// The system's.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// The names of all files, in no order.
    ///
    /// # Errors
    /// The system's.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Makes every change of names so far durable.
    ///
    /// # Errors
    /// The system's. Whether the changes are durable is then unknown for good.
    fn sync_names(&self) -> io::Result<()>;
}

/// An open file. Written octets are durable only after [`DiskFile::sync`].
pub trait DiskFile: Send + Sync {
    /// Fills `buffer` from `offset`.
    ///
    /// # Errors
    /// The system's; also if the file ends before the buffer is full.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;

    /// Writes all `octets` at `offset`, making the file longer if need be.
    ///
    /// # Errors
    /// The system's. Some of the octets may have been written.
    fn write_at(&self, octets: &[u8], offset: u64) -> io::Result<()>;

    /// Octets in the file.
    ///
    /// # Errors
    /// The system's.
    fn length(&self) -> io::Result<u64>;

    /// Cuts the file to `length` octets.
    ///
    /// # Errors
    /// The system's.
    fn truncate(&self, length: u64) -> io::Result<()>;

    /// Makes everything written so far, and the length, durable.
    ///
    /// # Errors
    /// The system's. What was written since the last sync may then be lost, even if a later sync succeeds.
    fn sync(&self) -> io::Result<()>;
}
