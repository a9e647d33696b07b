//! See the check, which is a file of its own because a plain test replays the corpus with it.
#![no_main]

#[path = "../checks/identity_feed.rs"]
mod identity_feed;

libfuzzer_sys::fuzz_target!(|input: &[u8]| identity_feed::check(input));
