//! See the check, which is a file of its own because a plain test replays the corpus with it.
#![no_main]

#[path = "../checks/ledger_lines.rs"]
mod ledger_lines;

libfuzzer_sys::fuzz_target!(|input: &[u8]| ledger_lines::check(input));
