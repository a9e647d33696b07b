//! An ESME for any SMSC or for the gateway's north side.

mod client;
mod incoming;
mod submission;

pub use client::{BindMode, Client, ConnectOptions, EsmeError, Response};
pub use incoming::{Incoming, IncomingKind};
pub use submission::{Inexpressible, Recipient, Submission};

#[cfg(test)]
mod tests;
