//! See `bodies/urls.rs`.
#![no_main]

#[path = "../bodies/urls.rs"]
mod urls;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| urls::run(bytes));
