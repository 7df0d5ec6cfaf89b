//! Data objects as text: any text gives an object or a fault; what was read is written and read again the same.

use posthouse::format::object::{parse, to_line, to_lines};

/// The body of the target.
pub fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(value) = parse(text) else { return };
    assert_eq!(parse(&to_line(&value)).as_ref(), Ok(&value));
    assert_eq!(parse(&to_lines(&value)).as_ref(), Ok(&value));
}
