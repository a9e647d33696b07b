//! See the check, which is a file of its own because a plain test replays the corpus with it.
#![no_main]

#[path = "../checks/tlv_read.rs"]
mod tlv_read;

libfuzzer_sys::fuzz_target!(|input: &[u8]| tlv_read::check(input));
