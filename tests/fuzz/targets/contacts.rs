//! See `bodies/contacts.rs`.
#![no_main]

#[path = "../bodies/contacts.rs"]
mod contacts;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| contacts::run(bytes));
