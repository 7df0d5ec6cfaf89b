//! See `bodies/names.rs`.
#![no_main]

#[path = "../bodies/names.rs"]
mod names;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| names::run(bytes));
