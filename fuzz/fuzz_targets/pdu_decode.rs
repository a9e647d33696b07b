//! Any octets as a stream of PDUs. The check is a file of its own because a plain test replays the corpus with it.
#![no_main]

#[path = "../checks/pdu_decode.rs"]
mod pdu_decode;

libfuzzer_sys::fuzz_target!(|input: &[u8]| pdu_decode::check(input));
