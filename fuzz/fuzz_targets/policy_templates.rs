//! See the check, which is a file of its own because a plain test replays the corpus with it.
#![no_main]

#[path = "../checks/policy_templates.rs"]
mod policy_templates;

libfuzzer_sys::fuzz_target!(|input: &[u8]| policy_templates::check(input));
