//! What can go wrong in a store, and what the caller may do about it. No key or value octets in any text.

use std::io;

use crate::space::Space;

/// Why a store could not do what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The request breaks a bound of this crate; it will never succeed.
    #[error("beyond the bound on {0}")]
    Bounds(Bound),
    /// No room. Nothing of the commit was stored, and the store still reads and serves.
    #[error("storage is full")]
    Full,
    /// A record is damaged at rest. Other records are still served.
    #[error("damaged record in segment {} at octet {}", .0.segment, .0.offset)]
    Corrupt(Damage),
    /// The store takes no writes any more, because an earlier write or sync failed. Reads go on; open it again to write.
    #[error("store is read-only after a failed write")]
    ReadOnly,
    /// Another process, or this one, has the same folder open.
    #[error("store is in use elsewhere")]
    Locked,
    /// A file was not written by this software or by a version it knows.
    #[error("not a store of a known version")]
    Foreign,
    /// The system refused. If the call was a commit, its outcome is unknown until the store is opened again.
    #[error("storage failed: {0}")]
    Io(io::ErrorKind),
}

/// When the same request may be tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Never: the request or the data is at fault.
    Never,
    /// After a pause, on the same store.
    Later,
    /// Only after the store has been opened again; what an unfinished commit left behind shows then.
    Reopen,
}

/// Which bound a request broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// A key is empty or longer than [`MAX_KEY`](crate::MAX_KEY).
    Key,
    /// A value is longer than [`MAX_VALUE`](crate::MAX_VALUE).
    Value,
    /// A batch is longer than [`MAX_BATCH`](crate::MAX_BATCH).
    Batch,
    /// The batches of one commit are together longer than [`MAX_COMMIT`](crate::MAX_COMMIT).
    Commit,
    /// More keys in one read than [`MAX_KEYS`](crate::MAX_KEYS).
    Keys,
}

/// Where a damaged record lies, and which one it is, as far as that can still be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damage {
    /// The segment's number, as in its file name.
    pub segment: u32,
    /// Octets from the start of the segment.
    pub offset: u64,
    /// The space of the record.
    pub space: Option<Space>,
    /// Its key, if that is an identifier that the gateway gave itself. Other keys are not told: they name somebody.
    pub id: Option<u64>,
}

impl Damage {
    /// Something unreadable at this place.
    #[must_use]
    pub fn at(segment: u32, offset: u64) -> Self {
        Self { segment, offset, space: None, id: None }
    }

    /// The same, known to be the record of `key`.
    #[must_use]
    pub fn of(self, space: Space, key: &[u8]) -> Self {
        let id = if space.has_own_ids() { key.try_into().ok().map(u64::from_be_bytes) } else { None };
        Self { space: Some(space), id, ..self }
    }
}

impl StoreError {
    /// Whether trying again can help.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Bounds(_) | Self::Corrupt(_) | Self::Foreign => Retry::Never,
            Self::Full | Self::Locked => Retry::Later,
            Self::ReadOnly | Self::Io(_) => Retry::Reopen,
        }
    }
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            kind => Self::Io(kind),
        }
    }
}

impl std::fmt::Display for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Key => "key length",
            Self::Value => "value length",
            Self::Batch => "batch length",
            Self::Commit => "commit length",
            Self::Keys => "keys in one read",
        })
    }
}
