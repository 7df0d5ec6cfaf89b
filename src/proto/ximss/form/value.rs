//! Data objects in XML. Written exactly as the table of the specification says, read leniently.
//!
//! Spec: XIMSS, "XML Data Formats" (XML presentation of objects).

use crate::format::base64_text;
use crate::model::fault::{Fault, Outcome};
use crate::model::time::Timestamp;
use crate::model::value::{Dictionary, Value};
use crate::xml::namespaces::standing_alone;
use crate::xml::write::{is_xml_char, to_bytes, write_element};
use crate::xml::{Element, Node};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Objects inside each other, at most.
const DEEPEST: usize = 32;

/// Adds the presentation of an object to an element.
pub fn with_value(element: Element, value: &Value) -> Element {
    let stamp = |at: &Timestamp| Element::new("date").text(at.gmt());
    match value {
        Value::Null => element.child(Element::new("null")),
        Value::String(text) if text.chars().all(is_xml_char) => element.text(text.as_str()),
        Value::String(text) => element.child(Element::new("base64").text(STANDARD.encode(text))),
        Value::Number(number) => element.child(Element::new("number").text(number.to_string())),
        Value::Time(at) => element.child(stamp(at)),
        Value::NetAddress(address) => element.child(Element::new("ipAddress").text(address.as_str())),
        Value::Data(data) => element.child(Element::new("base64").text(STANDARD.encode(data))),
        Value::Array(values) => element.children(values.iter().map(|value| with_value(Element::new("subValue"), value))),
        Value::Dictionary(entries) => with_dictionary(element, entries),
        Value::Xml(source) => match crate::xml::read::document(source.as_bytes(), &Default::default()) {
            Ok(root) => element.child(root),
            Err(_) => element.text(source.as_str()),
        },
    }
}

/// Adds the entries of a dictionary to an element.
pub fn with_dictionary(element: Element, entries: &Dictionary) -> Element {
    element.children(entries.iter().map(|(key, value)| with_value(Element::new("subKey").with("key", key), value)))
}

/// The object that an element holds.
pub fn to_value(element: &Element) -> Outcome<Value> {
    value_at(element, 0)
}

/// The dictionary that an element holds; an empty element holds an empty one.
pub fn to_dictionary(element: &Element) -> Outcome<Dictionary> {
    match value_at(element, 0)? {
        Value::Dictionary(entries) => Ok(entries),
        Value::String(text) if text.trim().is_empty() => Ok(Dictionary::new()),
        _ => Err(Fault::bad("a dictionary is expected")),
    }
}

fn value_at(element: &Element, depth: usize) -> Outcome<Value> {
    if depth > DEEPEST {
        return Err(Fault::bad("data is nested too deep"));
    }
    let Some(first) = element.elements().next() else { return Ok(Value::String(element.body())) };
    let is = |names: &[&str]| names.iter().any(|name| first.name.eq_ignore_ascii_case(name));
    let mixed = element.children.iter().any(|node| matches!(node, Node::Text(text) if !text.trim().is_empty()));
    if mixed {
        return Err(Fault::bad("data is mixed with text"));
    }
    if is(&["subKey"]) {
        let all = element.elements().map(|e| match e.get("key") {
            Some(key) if e.name.eq_ignore_ascii_case("subKey") => Ok((key.to_owned(), value_at(e, depth + 1)?)),
            _ => Err(Fault::bad("a dictionary holds subKey elements with a key")),
        });
        return all.collect::<Outcome<Dictionary>>().map(Value::Dictionary);
    }
    if is(&["subValue"]) {
        let all = element.elements().map(|e| {
            if e.name.eq_ignore_ascii_case("subValue") {
                value_at(e, depth + 1)
            } else {
                Err(Fault::bad("an array holds subValue elements"))
            }
        });
        return all.collect::<Outcome<Vec<_>>>().map(Value::Array);
    }
    if element.elements().count() > 1 {
        return Err(Fault::bad("data holds more than one value"));
    }
    let body = first.body();
    let text = body.trim();
    if is(&["null"]) {
        return Ok(Value::Null);
    }
    if is(&["number"]) {
        return text.parse().map(Value::Number).map_err(|_| Fault::incorrect("number"));
    }
    if is(&["base64"]) {
        return base64_text::decode(text).map(Value::Data).ok_or_else(|| Fault::incorrect("base64"));
    }
    if is(&["date", "timeStamp", "time"]) {
        return text.parse().map(Value::Time).map_err(|_| Fault::incorrect("date"));
    }
    if is(&["ipAddress", "ip", "ipaddr", "netAddress"]) {
        return Ok(Value::NetAddress(text.to_owned()));
    }
    String::from_utf8(to_bytes(&standing_alone(first, element)?)).map(Value::Xml).map_err(|_| Fault::incorrect("XML"))
}

/// The source text of an element, for objects that are XML documents.
pub fn source_of(element: &Element) -> String {
    let mut out = String::new();
    write_element(&mut out, element);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::read::document;
    use proptest::prelude::*;

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i64>().prop_map(Value::Number),
            "[ -~\u{e4}]{0,12}".prop_map(Value::String),
            proptest::collection::vec(any::<u8>(), 0..12).prop_map(Value::Data),
            (0i64..4_000_000_000).prop_map(|s| Value::Time(Timestamp(s))),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 1..4).prop_map(Value::Array),
                proptest::collection::btree_map("[ -~]{0,8}", inner, 1..4).prop_map(Value::Dictionary),
            ]
        })
    }

    proptest! {
        #[test]
        fn objects_come_back(value in value()) {
            let bytes = to_bytes(&with_value(Element::new("x"), &value));
            prop_assert_eq!(to_value(&document(&bytes, &Default::default()).unwrap()).unwrap(), value);
        }
    }

    #[test]
    fn what_is_no_object_is_refused() {
        let read = |body: &str| to_value(&document(format!("<x>{body}</x>").as_bytes(), &Default::default()).unwrap());
        for bad in
            ["text<subKey key='a'>b</subKey>", "<subKey>b</subKey>", "<subKey key='a'/><subValue/>", "<number>x</number>", "<null/><null/>"]
        {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert_eq!(read("").unwrap(), Value::String(String::new()));
    }
}
