//! See the check, which is a file of its own because a plain test replays the corpus with it.
#![no_main]

#[path = "../checks/config_toml.rs"]
mod config_toml;

libfuzzer_sys::fuzz_target!(|input: &[u8]| config_toml::check(input));
