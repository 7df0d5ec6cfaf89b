//! XML: any bytes give an element or a fault; what was read is written and read again the same.

use posthouse::proto::ximss::table;
use posthouse::xml::read::{Limits, document};
use posthouse::xml::write::to_bytes;

/// The body of the target.
pub fn run(bytes: &[u8]) {
    let Ok(element) = document(bytes, &Limits::default()) else { return };
    let again = document(&to_bytes(&element), &Limits { attribute_bytes: usize::MAX, ..Limits::default() });
    assert_eq!(again.as_ref(), Ok(&element));
    // And whatever it is called, every operation reads it or says what is wrong.
    for (_, op) in table::all() {
        let _ = (op.read)(&element);
    }
}
