//! See `bodies/sdp.rs`.
#![no_main]

#[path = "../bodies/sdp.rs"]
mod sdp;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sdp::run(bytes));
