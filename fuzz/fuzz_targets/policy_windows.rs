//! See the check, which is a file of its own because a plain test replays the corpus with it.
#![no_main]

#[path = "../checks/policy_windows.rs"]
mod policy_windows;

libfuzzer_sys::fuzz_target!(|input: &[u8]| policy_windows::check(input));
