//! Any octets cut into parts. The check is a file of its own because a plain test runs it too.
#![no_main]

#[path = "../checks/text_split.rs"]
mod text_split;

libfuzzer_sys::fuzz_target!(|input: &[u8]| text_split::check(input));
