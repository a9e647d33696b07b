//! Any octets as text, header, receipt and time. The check is a file of its own because a plain test runs it too.
#![no_main]

#[path = "../checks/text_parse.rs"]
mod text_parse;

libfuzzer_sys::fuzz_target!(|input: &[u8]| text_parse::check(input));
