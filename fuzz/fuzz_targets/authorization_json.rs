//! See the check, which is a file of its own because a plain test replays the corpus with it.
#![no_main]

#[path = "../checks/authorization_json.rs"]
mod authorization_json;

libfuzzer_sys::fuzz_target!(|input: &[u8]| authorization_json::check(input));
