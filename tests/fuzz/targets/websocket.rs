//! See `bodies/websocket.rs`.
#![no_main]

#[path = "../bodies/websocket.rs"]
mod websocket;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| websocket::run(bytes));
