//! Data objects as text: any text gives an object or a fault; what was read is written and read again the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use posthouse::format::object::{parse, to_line, to_lines};

fuzz_target!(|text: &str| {
    let Ok(value) = parse(text) else { return };
    assert_eq!(parse(&to_line(&value)).as_ref(), Ok(&value));
    assert_eq!(parse(&to_lines(&value)).as_ref(), Ok(&value));
});
