//! Black-box tests of the whole gateway: one binary, one module a subject.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "tests"
)]

mod architecture;
mod at_rest;
mod audit;
mod canary;
mod corpus;
mod faults;
mod full_disk;
mod gateway;
mod groups;
mod guessing;
mod isolation;
mod keys;
mod kill;
mod lists;
mod long;
mod operations;
mod opt_out;
mod parked;
mod pins;
mod policy;
mod pressure;
mod registry;
mod replies;
mod retention;
mod retry;
mod review;
mod rules;
mod schedule;
mod segments;
mod smpp_abuse;
mod smpp_binds;
mod smpp_framing;
mod smpp_links;
mod smpp_multi;
mod smpp_query;
mod smpp_raw;
mod smpp_receipts;
mod smpp_recipients;
mod smpp_repeats;
mod smpp_stage;
mod smpp_submits;
mod smpp_tls;
mod smpp_unfetched;
mod smpp_windows;
mod spellings;
mod store;
mod subject;
