//! See the check, which is a file of its own because a plain test replays the corpus with it.
#![no_main]

#[path = "../checks/policy_balances.rs"]
mod policy_balances;

libfuzzer_sys::fuzz_target!(|input: &[u8]| policy_balances::check(input));
