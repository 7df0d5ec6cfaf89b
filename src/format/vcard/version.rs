//! Cards of version 4.0 as cards of 3.0, for those who ask for 3.0. What 3.0 has no word for stays as it is: readers
//! pass over what they do not know.
//!
//! Spec: RFC 6350, RFC 2426.

use crate::model::component::{Component, Parameter, Property, protected};
use std::borrow::Cow;

/// True for a card of version 4.0.
pub fn is_new(card: &Component) -> bool {
    card.get("VERSION").is_some_and(|version| version.value.trim().starts_with('4'))
}

/// A card as one of version 3.0.
pub fn third(card: &Component) -> Cow<'_, Component> {
    if !is_new(card) {
        return Cow::Borrowed(card);
    }
    let mut out = Component { properties: card.properties.iter().map(property).collect(), ..card.clone() };
    out.set(Property::new("VERSION", "3.0"));
    if out.is("VCARD") && out.get("N").is_none() {
        let name = out.get("FN").map_or_else(String::new, |name| name.value.clone());
        out.properties.push(Property::new("N", format!("{name};;;;")));
    }
    Cow::Owned(out)
}

fn property(of_four: &Property) -> Property {
    let mut out = of_four.clone();
    if out.parameter("PREF") == Some("1") {
        out.parameters.retain(|p| p.name != "PREF");
        out.parameters.push(Parameter { name: "TYPE".to_owned(), values: vec!["pref".to_owned()] });
    }
    if let Some((kind, data)) = data(&out.value) {
        let subtype = kind.rsplit('/').next().unwrap_or_default().to_ascii_uppercase();
        let (data, kind) = (data.to_owned(), kind.to_owned());
        out.parameters.retain(|p| p.name != "VALUE" && p.name != "MEDIATYPE" && p.name != "ENCODING");
        out.parameters.push(Parameter { name: "ENCODING".to_owned(), values: vec!["b".to_owned()] });
        if !kind.is_empty() {
            out.parameters.push(Parameter { name: "TYPE".to_owned(), values: vec![subtype] });
        }
        out.value = data;
    } else if out.name == "TEL"
        && let Some(number) = out.value.get(..4).filter(|scheme| scheme.eq_ignore_ascii_case("tel:")).and_then(|_| out.value.get(4..))
    {
        out.parameters.retain(|p| p.name != "VALUE");
        out.value = protected(number);
    }
    out
}

/// Media type and base64 data of a `data:` address.
pub fn data(value: &str) -> Option<(&str, &str)> {
    let rest = value.get(..5).filter(|scheme| scheme.eq_ignore_ascii_case("data:")).and_then(|_| value.get(5..))?;
    let (head, data) = rest.split_once(',')?;
    let kind = head.trim_end_matches('\\').strip_suffix(";base64").or_else(|| head.trim_end_matches('\\').strip_suffix("\\;base64"))?;
    Some((kind, data))
}
