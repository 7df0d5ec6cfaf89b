//! See `bodies/compose.rs`.
#![no_main]

#[path = "../bodies/compose.rs"]
mod compose;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| compose::run(bytes));
