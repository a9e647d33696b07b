//! See the check, which is a file of its own because a plain test replays the corpus with it.
#![no_main]

#[path = "../checks/place_tables.rs"]
mod place_tables;

libfuzzer_sys::fuzz_target!(|input: &[u8]| place_tables::check(input));
