//! See `bodies/recurrence.rs`.
#![no_main]

#[path = "../bodies/recurrence.rs"]
mod recurrence;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| recurrence::run(bytes));
