//! See `bodies/xml.rs`.
#![no_main]

#[path = "../bodies/xml.rs"]
mod xml;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| xml::run(bytes));
