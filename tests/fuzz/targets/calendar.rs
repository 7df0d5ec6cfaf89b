//! See `bodies/calendar.rs`.
#![no_main]

#[path = "../bodies/calendar.rs"]
mod calendar;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| calendar::run(bytes));
