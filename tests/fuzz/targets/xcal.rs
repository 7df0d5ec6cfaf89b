//! See `bodies/xcal.rs`.
#![no_main]

#[path = "../bodies/xcal.rs"]
mod xcal;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| xcal::run(bytes));
