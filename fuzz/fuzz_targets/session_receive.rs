//! Any octets at a session, cut anywhere. The check is a file of its own because a plain test runs it too.
#![no_main]

#[path = "../checks/session_receive.rs"]
mod session_receive;

libfuzzer_sys::fuzz_target!(|input: &[u8]| session_receive::check(input));
