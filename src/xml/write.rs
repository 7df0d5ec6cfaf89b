//! `Element` to bytes.
//!
//! Characters that XML 1.0 cannot carry become U+FFFD: nothing that a message holds may make the stream ill-formed.

use super::element::{Element, Node};

/// True for the characters XML 1.0 allows (production `Char`).
pub fn is_xml_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..='\u{10FFFF}')
}

/// The bytes of an element, without an XML declaration.
pub fn to_bytes(element: &Element) -> Vec<u8> {
    let mut out = String::with_capacity(128);
    write_element(&mut out, element);
    out.into_bytes()
}

/// Appends an element.
pub fn write_element(out: &mut String, element: &Element) {
    out.push('<');
    out.push_str(&element.name);
    for (name, value) in &element.attributes {
        out.push(' ');
        out.push_str(name);
        out.push_str("=\"");
        escape(out, value, true);
        out.push('"');
    }
    if element.children.is_empty() {
        out.push_str("/>");
        return;
    }
    out.push('>');
    for node in &element.children {
        match node {
            Node::Element(child) => write_element(out, child),
            Node::Text(text) => escape(out, text, false),
        }
    }
    out.push_str("</");
    out.push_str(&element.name);
    out.push('>');
}

/// Appends text with what must be escaped escaped. In attributes, white space other than blanks is written as
/// references, or a reader would turn it into blanks; CR is a reference everywhere, or a reader would drop it.
pub fn escape(out: &mut String, text: &str, in_attribute: bool) {
    // Nearly every text is as it is to be written, which its bytes tell faster than its characters. Those that XML cannot
    // carry are controls, or begin with this byte.
    if text.bytes().all(|b| b >= b' ' && !matches!(b, b'<' | b'>' | b'&' | b'"' | 0xEF)) {
        return out.push_str(text);
    }
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' if in_attribute => out.push_str("&quot;"),
            '\t' if in_attribute => out.push_str("&#9;"),
            '\n' if in_attribute => out.push_str("&#10;"),
            '\r' => out.push_str("&#13;"),
            c if is_xml_char(c) => out.push(c),
            _ => out.push('\u{FFFD}'),
        }
    }
}

/// True for a name that may stand as an element's or an attribute's name on the wire (no prefix tricks, no blanks).
pub fn is_name(text: &str) -> bool {
    let start = |c: char| c.is_alphabetic() || c == '_';
    let inside = |c: char| start(c) || c.is_ascii_digit() || matches!(c, '-' | '.' | ':' | '·');
    text.len() <= 256 && text.chars().next().is_some_and(start) && text.chars().all(inside)
}
