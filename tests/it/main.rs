//! Black-box tests of the whole gateway: one binary, one module a subject.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod canary;
mod gateway;
mod spellings;
