//! What is asked and told about entries of lists. Nobody who is on one is ever told.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use veilgate_names::{AuthorizationId, ObjectId};

use super::{Secret, read_one, read_some, write_one, write_some};

/// A file of entries to take over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListImportAsked {
    /// The list.
    #[serde(serialize_with = "write_one", deserialize_with = "read_one")]
    pub list: ObjectId,
    /// A CSV of numbers or keys that the gateway can read.
    pub path: PathBuf,
    /// What becomes of the entries that are there.
    pub mode: ListImportMode,
    /// Only tell what would change.
    #[serde(default)]
    pub dry_run: bool,
    /// Whether entries may go.
    #[serde(default)]
    pub yes: bool,
}

/// What becomes of the entries of a list at an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ListImportMode {
    /// Those that are not in the file go.
    Replace,
    /// They stay.
    Add,
    /// Those that are in the file go.
    Remove,
}

/// A few to be put on a list or taken off. Exactly one of `authorization` and `numbers` is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListChangeAsked {
    /// The list.
    #[serde(serialize_with = "write_one", deserialize_with = "read_one")]
    pub list: ObjectId,
    /// Whether they are put on it; otherwise they are taken off.
    pub put: bool,
    /// Whoever this authorization means now.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "write_some",
        deserialize_with = "read_some"
    )]
    pub authorization: Option<AuthorizationId>,
    /// Numbers, one a line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub numbers: Option<Secret>,
    /// Until when they are on it, a date or date-time; `None` for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
}

/// What a change did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListChanged {
    /// Entries that were not there before.
    pub added: u64,
    /// Entries that are not there any more.
    pub removed: u64,
    /// Entries that stay; of single changes not counted.
    pub kept: u64,
    /// Those of them that end at another time.
    pub moved: u64,
    /// Rows of the file that had ended already, and were left out.
    pub over: u64,
    /// Whether nothing was done.
    pub dry_run: bool,
    /// The SM3 of the list's file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sm3: Option<String>,
}

/// A list as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListState {
    /// Its name.
    pub list: String,
    /// How many are on it, those counted who have ended and are not swept yet.
    pub entries: u64,
    /// Changed one by one since the file was last written whole.
    pub changes: u64,
    /// Octets of memory.
    pub memory: u64,
    /// The SM3 of its file.
    pub sm3: String,
}
