//! See the check, which is a file of its own because a plain test replays the corpus with it.
#![no_main]

#[path = "../checks/list_file.rs"]
mod list_file;

libfuzzer_sys::fuzz_target!(|input: &[u8]| list_file::check(input));
