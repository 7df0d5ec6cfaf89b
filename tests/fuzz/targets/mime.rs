//! See `bodies/mime.rs`.
#![no_main]

#[path = "../bodies/mime.rs"]
mod mime;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| mime::run(bytes));
