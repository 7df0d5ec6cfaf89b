//! Bytes to `Element`, within limits.
//!
//! No DTD, no processing instructions beyond the XML declaration, no entities beyond the five and character references:
//! all are refused, so nothing is ever expanded or fetched. Depth, attributes and their bytes are bounded.

use super::element::{Element, Node};
use super::write::is_xml_char;
use crate::model::fault::{Fault, Outcome};
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;
use std::borrow::Cow;

/// Bounds on one document. The bytes of the whole are bounded by the frame it came in.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Elements inside each other, the root counted.
    pub depth: usize,
    /// Attributes of one element.
    pub attributes: usize,
    /// Bytes of all attributes of one element, names and values.
    pub attribute_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 64, attributes: 128, attribute_bytes: 64 * 1024 }
    }
}

fn syntax() -> Fault {
    Fault::bad("XML syntax error")
}

/// Parses one document: exactly one root element.
pub fn document(bytes: &[u8], limits: &Limits) -> Outcome<Element> {
    let text = std::str::from_utf8(bytes).map_err(|_| syntax())?;
    if !is_xml_text(text) {
        return Err(syntax());
    }
    let mut reader = Reader::from_str(text.trim_start_matches('\u{FEFF}').trim_start());
    reader.config_mut().expand_empty_elements = false;
    reader.config_mut().check_end_names = true;
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    loop {
        match reader.read_event().map_err(|_| syntax())? {
            Event::Start(start) => {
                if root.is_some() || open.len() >= limits.depth {
                    return Err(if root.is_some() { syntax() } else { Fault::bad("XML is nested too deep") });
                }
                open.push(element(&start, limits)?);
            }
            Event::Empty(start) => {
                if root.is_some() || open.len() >= limits.depth {
                    return Err(if root.is_some() { syntax() } else { Fault::bad("XML is nested too deep") });
                }
                close(&mut open, &mut root, element(&start, limits)?);
            }
            Event::End(_) => {
                let done = open.pop().ok_or_else(syntax)?;
                close(&mut open, &mut root, done);
            }
            Event::Text(text) => {
                let text: &str = &text;
                add_text(&mut open, text)?;
            }
            Event::CData(data) => {
                let text: &str = &data;
                match open.last_mut() {
                    Some(_) => add_text(&mut open, text)?,
                    None => return Err(syntax()),
                }
            }
            Event::GeneralRef(reference) => {
                let name: &str = &reference;
                let c = entity(name).ok_or_else(syntax)?;
                if open.is_empty() {
                    return Err(syntax());
                }
                add_text(&mut open, c.encode_utf8(&mut [0; 4]))?;
            }
            Event::Decl(_) if open.is_empty() && root.is_none() => {}
            Event::Comment(_) => {}
            Event::Eof => break,
            _ => return Err(syntax()),
        }
    }
    match root {
        Some(root) if open.is_empty() => Ok(root),
        _ => Err(syntax()),
    }
}

/// True where XML allows every character. Bytes are looked at many at once: only controls, and what begins a character
/// from U+F000 on, need a second look.
fn is_xml_text(text: &str) -> bool {
    // Without branches, so that the compiler makes few instructions of many bytes.
    let is_plain = |b: u8| ((b >= 0x20) | (b == b'\t') | (b == b'\n') | (b == b'\r')) & (b != 0xEF);
    let all_plain = text.as_bytes().chunks(64).all(|chunk| chunk.iter().fold(true, |plain, byte| plain & is_plain(*byte)));
    all_plain || text.chars().all(is_xml_char)
}

fn close(open: &mut [Element], root: &mut Option<Element>, done: Element) {
    match open.last_mut() {
        Some(parent) => parent.children.push(Node::Element(done)),
        None => *root = Some(done),
    }
}

fn add_text(open: &mut [Element], text: &str) -> Outcome<()> {
    // An empty CDATA section says nothing.
    if text.is_empty() {
        return Ok(());
    }
    let Some(parent) = open.last_mut() else {
        return if text.trim().is_empty() { Ok(()) } else { Err(syntax()) };
    };
    // Line ends are normalised as XML 1.0 2.11 asks; a reference to CR (&#13;) comes here alone and is kept.
    let text = match text.len() > 1 && text.contains('\r') {
        true => Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n")),
        false => Cow::Borrowed(text),
    };
    match parent.children.last_mut() {
        Some(Node::Text(last)) => last.push_str(&text),
        _ => parent.children.push(Node::Text(text.into_owned())),
    }
    Ok(())
}

fn element(start: &BytesStart<'_>, limits: &Limits) -> Outcome<Element> {
    let name: &str = start.name().into_inner();
    if !is_whole(name) {
        return Err(syntax());
    }
    let mut element = Element::new(name);
    let mut bytes = 0;
    for attribute in start.attributes().with_checks(false) {
        let attribute = attribute.map_err(|_| syntax())?;
        let key: &str = attribute.key.into_inner();
        let raw: &str = &attribute.value;
        bytes += key.len() + raw.len();
        if element.attributes.len() >= limits.attributes || bytes > limits.attribute_bytes {
            return Err(Fault::bad("too many attributes"));
        }
        if !is_whole(key) || raw.contains('<') || element.attributes.iter().any(|(n, _)| n == key) {
            return Err(syntax());
        }
        element.attributes.push((key.to_owned(), unescape(raw)?));
    }
    Ok(element)
}

/// True for a name that is one: a quote or an equals sign in it says that the reader and the writer of the tag disagree
/// on where something ends.
fn is_whole(name: &str) -> bool {
    !name.is_empty() && !name.contains(['<', '"', '\'', '='])
}

/// The value of an attribute: references resolved, literal white space turned into blanks (XML 1.0 3.3.3).
fn unescape(raw: &str) -> Outcome<String> {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('&') {
        blanks(&mut out, &rest[..at]);
        let tail = &rest[at + 1..];
        let end = tail.find(';').filter(|end| *end <= 12).ok_or_else(syntax)?;
        out.push(entity(&tail[..end]).ok_or_else(syntax)?);
        rest = &tail[end + 1..];
    }
    blanks(&mut out, rest);
    Ok(out)
}

fn blanks(out: &mut String, text: &str) {
    out.extend(text.chars().map(|c| if matches!(c, '\t' | '\n' | '\r') { ' ' } else { c }));
}

/// The five names, and character references to characters that XML allows.
fn entity(name: &str) -> Option<char> {
    match name {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) if hex.chars().all(|c| c.is_ascii_hexdigit()) => u32::from_str_radix(hex, 16).ok()?,
                None if number.chars().all(|c| c.is_ascii_digit()) => number.parse().ok()?,
                _ => return None,
            };
            char::from_u32(code).filter(|c| is_xml_char(*c))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::write::to_bytes;
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Outcome<Element> {
        document(text.as_bytes(), &Limits::default())
    }

    #[test]
    fn reads_a_request() {
        let e = read("\r\n<?xml version=\"1.0\"?>\n<noop id='A001'> a<b x=\"1\"/>&#x0A;&amp;</noop> ").unwrap();
        assert_eq!((e.name.as_str(), e.get("ID")), ("noop", Some("A001")));
        assert_eq!(e.body(), " a\n&");
        assert_eq!(e.first("B").unwrap().get("x"), Some("1"));
    }

    #[test]
    fn refuses_what_must_not_come_in() {
        let deep = "<a>".repeat(65) + "</a>".repeat(65).as_str();
        let many = format!("<a {}/>", (0..129).map(|i| format!("b{i}='' ")).collect::<String>());
        let long = format!("<a b='{}'/>", "x".repeat(64 * 1024));
        for bad in [
            "",
            " ",
            "text",
            "<a>",
            "</a>",
            "<a></b>",
            "<a/><b/>",
            "<a/>text",
            "<a b='1' b='2'/>",
            "<!DOCTYPE a><a/>",
            "<a>&lol;</a>",
            "<a b='&lol;'/>",
            "<?php ?><a/>",
            "<a>\u{1}</a>",
            "<a>&#0;</a>",
            "<a>&#1;</a>",
            "<a b='<'/>",
            "<a b=c/>",
            "<a>&amp</a>",
            &deep,
            &many,
            &long,
        ] {
            assert!(read(bad).is_err(), "{:.60}", bad);
        }
        assert!(document(b"<a>\xff</a>", &Limits::default()).is_err());
        let ok = "<a>".repeat(64) + "</a>".repeat(64).as_str();
        assert!(read(&ok).is_ok());
    }

    #[test]
    fn an_equals_sign_inside_a_value_is_fine() {
        assert_eq!(read("<a b='c=d'/>").unwrap().get("b"), Some("c=d"));
    }

    fn tree() -> impl Strategy<Value = Element> {
        let name = "[a-zA-Z][a-zA-Z0-9-]{0,8}";
        let text = "[^\u{0}-\u{8}\u{b}\u{c}\u{e}-\u{1f}\u{fffe}\u{ffff}]{0,12}";
        let leaf = (name, proptest::collection::btree_map(name, text, 0..4), text)
            .prop_map(|(name, attributes, text)| Element { attributes: attributes.into_iter().collect(), ..Element::new(name) }.text(text));
        leaf.prop_recursive(3, 24, 4, move |inner| {
            (name, proptest::collection::vec(inner, 0..4)).prop_map(|(name, inner)| Element::new(name).children(inner))
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(e in tree()) {
            prop_assert_eq!(document(&to_bytes(&e), &Limits::default()).unwrap(), e);
        }

        #[test]
        fn looking_at_bytes_finds_what_looking_at_characters_does(text in any::<String>(), odd in "[\u{9}-\u{d}\u{1f}\u{20}\u{fffd}-\u{ffff}]") {
            for text in [&text, &format!("{text}{odd}"), &format!("{odd}{}", "x".repeat(70))] {
                prop_assert_eq!(is_xml_text(text), text.chars().all(is_xml_char));
            }
        }

        #[test]
        fn any_bytes_give_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = document(&bytes, &Limits::default());
        }

        #[test]
        fn any_markup_gives_an_answer(text in "[<>/&;='\"a# \\[\\]!?-]{0,60}") {
            if let Ok(e) = document(text.as_bytes(), &Limits::default()) {
                prop_assert_eq!(document(&to_bytes(&e), &Limits::default()).unwrap(), e);
            }
        }
    }
}
