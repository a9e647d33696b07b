//! The codec from outside: round trips, cuts, refusals, what Debug shows, and rusmpp as the other opinion.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

mod corpus;
mod debug;
mod differential;
mod oracle_defects;
mod outgoing;
mod properties;
mod refusals;
mod wire;
