//! What is wrong with a configuration, in one line for the operator. Never holds a value from the file.

use std::path::PathBuf;

/// The first mistake found. Prints `veilgate.toml:12: accounts[0].kind: expected "notary" or "enterprise"`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}:{line}: {key}{}{problem}", file.display(), if key.is_empty() { "" } else { ": " })]
pub struct ConfigError {
    /// The file, as it was named.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// The key with its table, `accounts[0].kind`; empty where the text is not TOML at all.
    pub key: String,
    /// What is wrong with it.
    pub problem: String,
}

/// A mistake whose place in the file is not looked up yet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    pub(crate) key: String,
    pub(crate) problem: String,
}

impl Mistake {
    pub(crate) fn new(key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { key: key.into(), problem: problem.into() }
    }
}
