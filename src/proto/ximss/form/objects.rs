//! Objects in mail parts: parts of some types are shown as XML and composed from XML, not as text.
//!
//! A type is one arm in each function. Spec: XIMSS, "XML Data Formats" (MIME), "Contacts Operations".

use super::{calendar, contact};
use crate::format::vcard;
use crate::format::vcard::write::Style;
use crate::model::fault::Outcome;
use crate::xml::Element;

/// What a part holds.
enum Object {
    Calendar,
    Contacts,
}

/// The object of a type; None for parts that are text.
fn object(kind: &str, subtype: &str) -> Option<Object> {
    match (kind, subtype) {
        ("text", "calendar") => Some(Object::Calendar),
        ("text", "directory" | "x-vcard" | "vcard" | "dictionary" | "x-vgroup" | "vgroup") => Some(Object::Contacts),
        _ => None,
    }
}

/// The elements that stand for the text of a part of this type; None for a type whose text is shown.
pub fn shown(kind: &str, subtype: &str, text: &str) -> Option<Outcome<Vec<Element>>> {
    Some(match object(kind, subtype)? {
        Object::Calendar => calendar::shown(text),
        Object::Contacts => vcard::parse(text.as_bytes(), None).map(|cards| cards.iter().map(contact::element).collect()),
    })
}

/// The text of a part of this type that is composed from elements; None where elements are not taken for it.
pub fn composed(kind: &str, subtype: &str, elements: &[&Element]) -> Option<Outcome<String>> {
    Some(match object(kind, subtype)? {
        Object::Calendar => calendar::composed(elements),
        Object::Contacts => {
            let cards = elements.iter().map(|element| contact::component(element)).collect::<Outcome<Vec<_>>>();
            cards.map(|cards| vcard::write::cards(&cards, Style::Own))
        }
    })
}

/// The type of a part that says none, by the element in it.
pub fn type_of(element: &Element) -> Option<(&'static str, &'static str)> {
    const TYPES: [(&str, (&str, &str)); 3] =
        [("iCalendar", ("text", "calendar")), ("vCard", ("text", "x-vcard")), ("vCardGroup", ("text", "x-vgroup"))];
    TYPES.iter().find(|(name, _)| element.name.eq_ignore_ascii_case(name)).map(|(_, of)| *of)
}

/// The parameters of the type that must say what the element says: the method of an iCalendar (RFC 6047 2.4).
pub fn parameters(element: &Element) -> Vec<(String, String)> {
    let method = element.name.eq_ignore_ascii_case("iCalendar").then(|| element.first("vCalendar")?.get("method")).flatten();
    let method =
        method.map(str::trim).filter(|method| !method.is_empty() && method.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'));
    method.map(|method| ("method".to_owned(), method.to_owned())).into_iter().collect()
}
