//! Objects in mail parts: parts of some types are shown as XML and composed from XML, not as text.
//!
//! A type is one arm in each function. Spec: XIMSS, "XML Data Formats" (MIME), "Contacts Operations".

use super::contact;
use crate::format::vcard;
use crate::format::vcard::write::Style;
use crate::model::fault::Outcome;
use crate::xml::Element;

/// What a part holds.
enum Object {
    Contacts,
}

/// The object of a type; None for parts that are text.
fn object(kind: &str, subtype: &str) -> Option<Object> {
    match (kind, subtype) {
        ("text", "directory" | "x-vcard" | "vcard" | "dictionary" | "x-vgroup" | "vgroup") => Some(Object::Contacts),
        _ => None,
    }
}

/// The elements that stand for the text of a part of this type; None for a type whose text is shown.
pub fn shown(kind: &str, subtype: &str, text: &str) -> Option<Outcome<Vec<Element>>> {
    Some(match object(kind, subtype)? {
        Object::Contacts => vcard::parse(text.as_bytes(), None).map(|cards| cards.iter().map(contact::element).collect()),
    })
}

/// The text of a part of this type that is composed from elements; None where elements are not taken for it.
pub fn composed(kind: &str, subtype: &str, elements: &[&Element]) -> Option<Outcome<String>> {
    Some(match object(kind, subtype)? {
        Object::Contacts => {
            let cards = elements.iter().map(|element| contact::component(element)).collect::<Outcome<Vec<_>>>();
            cards.map(|cards| vcard::write::cards(&cards, Style::Own))
        }
    })
}
