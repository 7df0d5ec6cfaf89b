//! See `bodies/forms.rs`.
#![no_main]

#[path = "../bodies/forms.rs"]
mod forms;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| forms::run(bytes));
