//! See the check, which is a file of its own because a plain test replays the corpus with it.
#![no_main]

#[path = "../checks/contact_records.rs"]
mod contact_records;

libfuzzer_sys::fuzz_target!(|input: &[u8]| contact_records::check(input));
