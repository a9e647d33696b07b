//! Commands of the binary that have options of their own.

pub(crate) mod balances;
pub(crate) mod keys;
pub(crate) mod lists;
pub(crate) mod policy;
pub(crate) mod retry;
pub(crate) mod review;
pub(crate) mod segments;
pub(crate) mod store;
