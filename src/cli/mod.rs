//! Commands of the binary that have options of their own.

pub(crate) mod keys;
pub(crate) mod retry;
pub(crate) mod store;
