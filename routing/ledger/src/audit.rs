//! The audit file: JSON lines, each bound to the one before by SM3, with signed checkpoints in between.
//! An edit, a deletion, an insertion or another order shows by itself; a cut tail shows against an anchor.

pub(crate) mod anchor;
pub(crate) mod chain;
pub(crate) mod event;
pub(crate) mod verify;

#[cfg(test)]
mod tests;
