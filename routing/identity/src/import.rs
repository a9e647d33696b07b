//! The carrier's subscriber feed: two CSV files, all or nothing, and files of changes on top of a vault
//! (interfaces.md section 2). Errors name file, line and column, never what stood there.

use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use veilgate_names::Timestamp;

use crate::keys::KeyRing;
use crate::vault::Vault;
use crate::vault::parallel::join;

mod builder;
mod changes;
mod list;
pub(crate) mod rows;

pub use list::{ListError, ListReader, ListRow};

use builder::Builder;
use rows::{BINDING_COLUMNS, Feed, TENURE_COLUMNS};

/// Which file of the feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeedFile {
    /// `id_type,id,msisdn,from,to,primary`
    Bindings,
    /// `msisdn,holder,from,to,network,status`
    Tenures,
}

/// What is wrong with a field or line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ImportProblem {
    /// The stream failed, or a compressed stream is damaged.
    #[error("cannot be read")]
    Read,
    /// The first line is not the header of this file.
    #[error("not the header of this file")]
    Header,
    /// Too few or too many columns, or a quotation that does not end.
    #[error("wrong number of columns")]
    Columns,
    /// A line beyond 64 KiB.
    #[error("line too long")]
    TooLong,
    /// Not a device ID type.
    #[error("unknown device ID type")]
    DeviceType,
    /// Not a device ID of its type.
    #[error("not a device ID of this type")]
    DeviceId,
    /// Not a number.
    #[error("not a number")]
    Number,
    /// A holder of no or more than 256 octets.
    #[error("not a holder")]
    Holder,
    /// Not a date or date-time, or outside 1970-2105.
    #[error("not a date or date-time")]
    Time,
    /// `to` is not after `from`.
    #[error("ends before it begins")]
    Interval,
    /// Neither of the two words allowed here.
    #[error("not one of the allowed words")]
    Word,
    /// More numbers than a vault can hold, or entries than a list.
    #[error("too many numbers")]
    TooMany,
    /// Not the 16 hex digits of a hashed number.
    #[error("not a key of 16 hex digits")]
    Key,
}

/// Why a feed was refused as a whole. The carrier's to mend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{file:?}, line {line}, column {column}: {problem}")]
pub struct ImportError {
    /// The file.
    pub file: FeedFile,
    /// The line, from 1 for the header.
    pub line: u64,
    /// The column's name; `-` for the whole line.
    pub column: &'static str,
    /// What is wrong there.
    pub problem: ImportProblem,
}

/// Reads a whole feed into a new vault, both files at once on two threads.
///
/// # Errors
/// [`ImportError`] for the first thing that is wrong, with the tenures before the bindings; nothing is kept then.
pub fn import(
    bindings: impl Read + Send,
    tenures: impl Read + Send,
    keys: &KeyRing,
) -> Result<Vault, ImportError> {
    let given_up = AtomicBool::new(false);
    let (holders, devices) = thread::scope(|scope| {
        let devices = scope.spawn(|| read_bindings(bindings, keys, &given_up));
        let holders = read_tenures(tenures, keys);
        given_up.store(holders.is_err(), Ordering::Relaxed);
        (holders, join(devices))
    });
    let (mut builder, devices) = (holders?, devices?);
    builder.take_bindings(devices).ok_or(ImportError {
        file: FeedFile::Bindings,
        line: 0,
        column: "msisdn",
        problem: ImportProblem::TooMany,
    })?;
    Ok(builder.finish())
}

fn read_tenures(tenures: impl Read, keys: &KeyRing) -> Result<Builder<'_>, ImportError> {
    let mut builder = Builder::new(keys);
    let mut feed = Feed::open(tenures, FeedFile::Tenures)?;
    while feed.next_row(TENURE_COLUMNS.len())? {
        let row = feed.tenure(0, &mut builder)?;
        builder.tenures.push(row);
    }
    Ok(builder)
}

fn read_bindings<'a>(
    bindings: impl Read,
    keys: &'a KeyRing,
    given_up: &AtomicBool,
) -> Result<Builder<'a>, ImportError> {
    let mut builder = Builder::that_seals_nothing(keys);
    let mut feed = Feed::open(bindings, FeedFile::Bindings)?;
    while !given_up.load(Ordering::Relaxed) && feed.next_row(BINDING_COLUMNS.len())? {
        let row = feed.binding(0, &mut builder)?;
        builder.bindings.push(row);
    }
    Ok(builder)
}

/// Applies a file of changes, in order, to a vault and gives the new one. The file has the columns of bindings or of
/// tenures, told by its header, and `op` before or behind them. `put` adds a row or replaces the one with the same
/// device, number and `from` (bindings) or number and `from` (tenures); `del` removes it, and is no error if
/// it is not there, so that a file may be applied twice.
///
/// # Errors
/// [`ImportError`] for the first thing that is wrong; `base` is unchanged in any case.
pub fn apply_changes(base: &Vault, changes: impl Read, keys: &KeyRing) -> Result<Vault, ImportError> {
    changes::apply(base, changes, keys)
}

/// The whole second that holds an instant, as the vault keeps it.
fn seconds(at: Timestamp) -> Option<u32> {
    u32::try_from(at.0.div_euclid(1000)).ok().filter(|seconds| *seconds != crate::vault::Interval::OPEN)
}

#[cfg(test)]
mod tests;
