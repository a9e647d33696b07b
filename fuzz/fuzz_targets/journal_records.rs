//! See the check, which is a file of its own because a plain test replays the corpus with it.
#![no_main]

#[path = "../checks/journal_records.rs"]
mod journal_records;

libfuzzer_sys::fuzz_target!(|input: &[u8]| journal_records::check(input));
