//! Contacts in XML: `vCard` and `vCardGroup`, both ways. Spec: companion 8.1 (the vocabulary of XEP-0054).
//!
//! Types are empty elements before the value, and the value is the last child: clients depend on that order. Other
//! parameters, and the group of a property (`GROUP`), are attributes. What has no name of its own in the vocabulary has
//! `VALUE` elements, one for each field between semicolons. A card of version 4.0 says so; all others are 3.0.

mod words;

use crate::format::vcard::write::{Style, card as text_of};
use crate::format::vcard::{UNREADABLE_LINE, version};
use crate::model::component::{Component, Parameter, Property, bare, protected};
use crate::model::fault::{Fault, Outcome};
use crate::xml::write::is_name;
use crate::xml::{Element, Node};
use words::{Kind, binary_type, kind, media_type};

/// The element of a card or a group.
pub fn element(card: &Component) -> Element {
    let name = if card.is("VGROUP") { "vCardGroup" } else { "vCard" };
    let is_new = version::is_new(card);
    let told = card.properties.iter().filter(|p| p.name != "VERSION" || is_new || card.is("VGROUP"));
    Element::new(name).children(told.map(|property| shown(property, is_new)))
}

/// A text with the line ends of XML, which a value of its own has not.
fn text_element(name: &str, text: &str) -> Element {
    Element::new(name).text(text)
}

fn shown(property: &Property, is_new: bool) -> Element {
    if !is_name(&property.name) || property.name.contains(':') {
        // Nothing but the line itself tells all of it.
        let mut holder = Component::new("X");
        holder.properties.push(property.clone());
        let text = text_of(&holder, Style::Own).replace("\r\n ", "");
        let line = text.lines().nth(1).unwrap_or_default().to_owned();
        return Element::new(UNREADABLE_LINE).child(text_element("VALUE", &line));
    }
    let mut element = Element::new(property.name.as_str()).with_some("GROUP", property.group.as_ref());
    let kind = kind(property);
    let binary = (kind == Kind::Binary).then(|| Binary::of(property));
    let mut flags: Vec<String> = Vec::new();
    let mut others: Vec<String> = Vec::new();
    let mut media = None;
    for parameter in &property.parameters {
        let hidden = |names: &[&str]| names.contains(&parameter.name.as_str());
        match &binary {
            Some(Binary::Data { .. }) if hidden(&["ENCODING"]) => continue,
            Some(Binary::Address) if hidden(&["VALUE"]) => continue,
            _ => {}
        }
        if parameter.name != "TYPE" {
            element.set(attribute_name(&parameter.name), attribute(&parameter.values));
            continue;
        }
        for value in &parameter.values {
            let is_media = matches!(binary, Some(Binary::Data { kind: None, .. }))
                && media.is_none()
                && property.name != "KEY"
                && !words::is_flag(value);
            match words::flag(value) {
                _ if is_media => media = Some(media_type(&property.name, value)),
                Some(flag) => flags.push(flag),
                None => others.push(value.clone()),
            }
        }
    }
    if !others.is_empty() {
        element.set("TYPE", attribute(&others));
    }
    let element = element.children(flags.into_iter().map(Element::new));
    match (binary, kind) {
        (Some(Binary::Data { kind, data }), _) => {
            let media = media.or(kind);
            element.children(media.map(|media| text_element("TYPE", &media))).child(text_element("BINVAL", &data))
        }
        (Some(Binary::Address), _) => element.child(text_element("URI", &property.value)),
        (Some(Binary::Text), _) => element.child(text_element("VALUE", &property.text())),
        (None, kind) => element.children(values(property, kind, is_new)),
    }
}

/// The value of a property, by its kind.
fn values(property: &Property, kind: Kind, is_new: bool) -> Vec<Element> {
    let single = |name: &str| vec![text_element(name, &property.text())];
    match kind {
        Kind::Text(name) => single(name),
        Kind::Raw => vec![text_element(if property.name == "TEL" { "NUMBER" } else { "VALUE" }, &property.value)],
        Kind::List(name) => property.list().iter().map(|item| text_element(name, item)).collect(),
        Kind::Named(names) => {
            let fields = property.fields();
            let lists = property.name != "ORG";
            let one = |(at, field): (usize, &&str)| {
                let name = names.get(at).or(names.last().filter(|_| !lists)).copied().unwrap_or("VALUE");
                match lists {
                    true => Property::new("", *field).list().iter().map(|item| text_element(name, item)).collect::<Vec<_>>(),
                    false => vec![text_element(name, &bare(field))],
                }
            };
            let last = fields.iter().rposition(|field| !field.is_empty()).map_or(0, |at| at + 1);
            let used = if last > names.len() || !lists { fields.len() } else { last };
            fields.iter().take(used).enumerate().flat_map(one).collect()
        }
        Kind::Binary => single("VALUE"),
        Kind::Fields => match property.fields().as_slice() {
            [_] => single("VALUE"),
            fields => fields.iter().map(|field| text_element("VALUE", &bare(field))).collect(),
        },
        Kind::Version => vec![text_element("VALUE", if is_new { "4.0" } else { property.value.as_str() })],
    }
}

/// What a picture, a sound or a key is given as.
enum Binary {
    /// Base64, with the media type that a `data:` address says.
    Data { kind: Option<String>, data: String },
    /// An address.
    Address,
    /// A text.
    Text,
}

impl Binary {
    fn of(property: &Property) -> Self {
        if property.parameter("ENCODING").is_some_and(|encoding| encoding.eq_ignore_ascii_case("b")) {
            return Self::Data { kind: None, data: property.value.clone() };
        }
        if let Some((kind, data)) = version::data(&property.value) {
            return Self::Data { kind: Some(kind.to_owned()).filter(|kind| !kind.is_empty()), data: data.to_owned() };
        }
        let scheme = property.value.split_once(':').map_or("", |(scheme, _)| scheme);
        let said = property.parameter("VALUE").is_some_and(|value| value.eq_ignore_ascii_case("uri") || value.eq_ignore_ascii_case("url"));
        let good = !scheme.is_empty() && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
        if said || good { Self::Address } else { Self::Text }
    }
}

/// The attribute that stands for a parameter: one whose name is none is `X-` something.
fn attribute_name(name: &str) -> &str {
    if is_name(name) && !name.contains(':') { name } else { "X-PARAMETER" }
}

/// Values of a parameter as one attribute: in quotes where they would be taken for several.
fn attribute(values: &[String]) -> String {
    match values {
        [one] if !one.starts_with('"') => one.clone(),
        several => several.iter().map(|value| format!("\"{}\"", value.replace('"', "'"))).collect::<Vec<_>>().join(","),
    }
}

fn attribute_values(text: &str) -> Vec<String> {
    match text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) => inner.split("\",\"").map(str::to_owned).collect(),
        None => vec![text.to_owned()],
    }
}

/// The most properties of a card.
const MOST: usize = 10_000;

/// Reads a `vCard` or `vCardGroup` element.
pub fn component(element: &Element) -> Outcome<Component> {
    component_at(element, 0)
}

fn component_at(element: &Element, depth: usize) -> Outcome<Component> {
    let name = match element.name.as_str() {
        name if name.eq_ignore_ascii_case("vCard") => "VCARD",
        name if name.eq_ignore_ascii_case("vCardGroup") => "VGROUP",
        other => return Err(incorrect(other)),
    };
    let is_new = element.first("VERSION").is_some_and(|version| whole_text(version).trim().starts_with('4'));
    let mut card = Component::new(name);
    if name == "VCARD" {
        card.properties.push(Property::new("VERSION", if is_new { "4.0" } else { "3.0" }));
    }
    for child in element.elements() {
        if name == "VCARD" && child.name.eq_ignore_ascii_case("VERSION") {
            continue;
        }
        card.properties.push(property(child, is_new, depth)?);
    }
    if card.properties.len() > MOST { Err(Fault::bad("vCard is incorrect: it has too many properties")) } else { Ok(card) }
}

fn incorrect(what: &str) -> Fault {
    Fault::bad(format!("vCard is incorrect: {}", what.chars().take(40).collect::<String>()))
}

/// The text of an element or of its `VALUE`.
fn whole_text(element: &Element) -> String {
    element.first("VALUE").map_or_else(|| element.body(), Element::body)
}

/// True for names of what a value is put in, which are no types even where they are empty.
fn holds_value(name: &str, kind: Kind) -> bool {
    let is = |known: &str| known.eq_ignore_ascii_case(name);
    let general = ["VALUE", "BINVAL", "URI", "EXTVAL", "TYPE", "USERID", "NUMBER", "KEYWORD"].into_iter().any(is);
    general || matches!(kind, Kind::Named(names) if names.iter().any(|known| is(known)))
}

fn property(element: &Element, is_new: bool, depth: usize) -> Outcome<Property> {
    let name = element.name.to_ascii_uppercase();
    let good = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if !good(&name) || matches!(name.as_str(), "BEGIN" | "END") {
        return Err(incorrect(&element.name));
    }
    let mut out = Property::new(&name, "");
    for (attribute, value) in &element.attributes {
        let parameter = attribute.to_ascii_uppercase();
        match parameter.as_str() {
            "GROUP" if good(value) => out.group = Some(value.clone()),
            "XMLNS" => {}
            // How the text form is encoded is its own business.
            "ENCODING" | "CHARSET" if !value.eq_ignore_ascii_case("b") => {}
            _ if good(&parameter) && parameter != "GROUP" => {
                out.parameters.push(Parameter { name: parameter, values: attribute_values(value) })
            }
            _ => return Err(incorrect(attribute)),
        }
    }
    let kind = kind(&out);
    let mut values: Vec<&Element> = Vec::new();
    let mut types: Vec<String> = Vec::new();
    for child in element.elements() {
        if child.name.eq_ignore_ascii_case("vCard") && depth < 4 {
            out.value = protected(&text_of(&component_at(child, depth + 1)?, Style::Own));
            return Ok(out);
        }
        let empty = child.children.is_empty() && !holds_value(&child.name, kind);
        match empty {
            true if good(&child.name) => types.push(child.name.to_ascii_uppercase()),
            true => return Err(incorrect(&child.name)),
            false => values.push(child),
        }
    }
    if !types.is_empty() {
        out.parameters.insert(0, Parameter { name: "TYPE".to_owned(), values: types });
    }
    if kind == Kind::Binary {
        binary(&mut out, &values, is_new)?;
    } else {
        out.value = value(element, kind, &values)?;
    }
    if name == UNREADABLE_LINE { Ok(out) } else { Ok(without_breaks(out)) }
}

/// Nothing that a client sends may break out of its line.
fn without_breaks(property: Property) -> Property {
    match property.value.contains(['\r', '\n']) {
        true => Property { value: property.value.replace("\r\n", "\n").replace(['\r', '\n'], "\\n"), ..property },
        false => property,
    }
}

/// The value of a property in the syntax of the text form.
fn value(element: &Element, kind: Kind, values: &[&Element]) -> Outcome<String> {
    let texts = || values.iter().map(|child| child.body());
    if values.is_empty() {
        let text = element.children.iter().map(|node| if let Node::Text(text) = node { text.as_str() } else { "" }).collect::<String>();
        let text = if element.elements().next().is_some() { text.trim().to_owned() } else { text };
        return Ok(match kind {
            Kind::Raw | Kind::Version => text.trim().to_owned(),
            Kind::Named(names) if text.trim().is_empty() && !element.name.eq_ignore_ascii_case("ORG") => ";".repeat(names.len() - 1),
            _ => protected(&text),
        });
    }
    Ok(match kind {
        Kind::Named(names) => named(names, values, element.name.eq_ignore_ascii_case("ORG"))?,
        Kind::Raw | Kind::Version => texts().map(|text| text.trim().to_owned()).collect::<Vec<_>>().join(";"),
        Kind::List(_) => texts().map(|text| protected(&text)).collect::<Vec<_>>().join(","),
        Kind::Text(_) | Kind::Fields | Kind::Binary => texts().map(|text| protected(&text)).collect::<Vec<_>>().join(";"),
    })
}

/// Fields by the names of their elements, wherever they stand.
fn named(names: &[&str], values: &[&Element], last_repeats: bool) -> Outcome<String> {
    let mut fields: Vec<Vec<String>> = vec![Vec::new(); names.len()];
    for child in values {
        let text = protected(&child.body());
        match names.iter().position(|name| name.eq_ignore_ascii_case(&child.name)) {
            Some(at) if last_repeats && at + 1 == names.len() => fields.push(vec![text]),
            Some(at) => {
                if let Some(field) = fields.get_mut(at) {
                    field.push(text);
                }
            }
            None if child.name.eq_ignore_ascii_case("VALUE") => fields.push(vec![text]),
            None => return Err(incorrect(&child.name)),
        }
    }
    if last_repeats {
        // The place of the repeated one was kept by nothing.
        fields.remove(names.len() - 1);
    }
    Ok(fields.iter().map(|field| field.join(",")).collect::<Vec<_>>().join(";"))
}

/// A picture, a sound or a key: base64, an address, or a text.
fn binary(out: &mut Property, values: &[&Element], is_new: bool) -> Outcome<()> {
    let named = |name: &str| values.iter().find(|child| child.name.eq_ignore_ascii_case(name)).map(|child| child.body());
    let media = named("TYPE").map(|media| media.trim().to_owned()).filter(|media| !media.is_empty());
    if let Some(data) = named("BINVAL") {
        let data: String = data.split_whitespace().collect();
        if !data.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=')) {
            return Err(incorrect("BINVAL"));
        }
        if is_new {
            out.value = format!("data:{};base64,{data}", media.unwrap_or_default());
            return Ok(());
        }
        out.parameters.push(Parameter { name: "ENCODING".to_owned(), values: vec!["b".to_owned()] });
        out.parameters.extend(media.map(|media| Parameter { name: "TYPE".to_owned(), values: vec![binary_type(&media)] }));
        out.value = data;
        return Ok(());
    }
    out.parameters.extend(media.map(|media| Parameter { name: "TYPE".to_owned(), values: vec![binary_type(&media)] }));
    match named("URI").or_else(|| named("EXTVAL")) {
        Some(address) => {
            if !is_new {
                out.parameters.push(Parameter { name: "VALUE".to_owned(), values: vec!["uri".to_owned()] });
            }
            out.value = address.trim().to_owned();
        }
        None => out.value = protected(&named("VALUE").unwrap_or_default()),
    }
    Ok(())
}

#[cfg(test)]
mod tests;
