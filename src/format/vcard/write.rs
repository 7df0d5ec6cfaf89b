//! Components to the text of cards: 3.0, 4.0 for cards that are, and 2.1 for old readers.
//!
//! Nothing that a component holds can break out of its line. Spec: RFC 2425 5.8; RFC 2426; RFC 6350; vCard 2.1.

use super::version;
use crate::format::content_line::fold;
use crate::model::component::{Component, Parameter, Property, bare};

/// Which version is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// The card's own: 4.0 stays 4.0, everything else is 3.0.
    Own,
    /// 3.0.
    Third,
    /// 2.1, what is not ASCII in quoted-printable UTF-8.
    Old,
}

/// The text of a card or group.
pub fn card(card: &Component, style: Style) -> String {
    let mut out = String::with_capacity(512);
    append(&mut out, card, style);
    out
}

/// The text of several, one after the other.
pub fn cards<'a>(all: impl IntoIterator<Item = &'a Component>, style: Style) -> String {
    let mut out = String::new();
    all.into_iter().for_each(|one| append(&mut out, one, style));
    out
}

fn append(out: &mut String, card: &Component, style: Style) {
    let card = if style == Style::Own { std::borrow::Cow::Borrowed(card) } else { version::third(card) };
    let version = match style {
        Style::Old => "2.1",
        Style::Third => "3.0",
        Style::Own => {
            if version::is_new(&card) {
                "4.0"
            } else {
                "3.0"
            }
        }
    };
    begin_or_end(out, "BEGIN", &card.name);
    if card.is("VCARD") {
        out.push_str(&format!("VERSION:{version}\r\n"));
    }
    for property in card.properties.iter().filter(|p| p.name != "VERSION" || !card.is("VCARD")) {
        match style {
            Style::Old => old_line(out, property),
            _ => new_line(out, property),
        }
    }
    begin_or_end(out, "END", &card.name);
}

fn begin_or_end(out: &mut String, word: &str, name: &str) {
    out.push_str(&format!("{word}:{}\r\n", name.to_ascii_uppercase()));
}

/// The name of a property with its group.
fn named(property: &Property) -> String {
    match &property.group {
        Some(group) => format!("{group}.{}", property.name),
        None => property.name.clone(),
    }
}

/// A parameter's value, in quotes where it needs them. Nothing protects a quote or a line end there.
fn parameter_value(value: &str) -> String {
    let clean: String = value
        .chars()
        .map(|c| {
            if c == '"' {
                '\''
            } else if c.is_control() {
                ' '
            } else {
                c
            }
        })
        .collect();
    if clean.contains([',', ';', ':']) || clean.trim() != clean { format!("\"{clean}\"") } else { clean }
}

fn parameter(parameter: &Parameter) -> String {
    let values: Vec<String> = parameter.values.iter().map(|value| parameter_value(value)).collect();
    format!(";{}={}", parameter.name, values.join(","))
}

fn new_line(out: &mut String, property: &Property) {
    let parameters: String = property.parameters.iter().map(parameter).collect();
    // A value has no line ends of its own; one that was put there is part of the text.
    let value = if property.value.contains(['\r', '\n']) {
        property.value.replace("\r\n", "\n").replace(['\r', '\n'], "\\n")
    } else {
        property.value.clone()
    };
    fold(out, &format!("{}{parameters}:{value}", named(property)));
}

fn is_base64(property: &Property) -> bool {
    property.parameter("ENCODING").is_some_and(|e| e.eq_ignore_ascii_case("b") || e.eq_ignore_ascii_case("base64"))
}

/// True for a type that can stand alone: nothing that is taken for an encoding, or for more than a word.
fn is_plain_type(value: &str) -> bool {
    let means_something_else = ["QUOTED-PRINTABLE", "BASE64", "B", "7BIT", "8BIT", "INLINE", "URL", "CID", "CONTENT-ID"];
    super::line::is_name(value) && !means_something_else.iter().any(|word| word.eq_ignore_ascii_case(value))
}

fn old_line(out: &mut String, property: &Property) {
    out.push_str(&named(property));
    for of in property.parameters.iter().filter(|p| p.name != "ENCODING") {
        if of.name != "TYPE" {
            out.push_str(&parameter(of));
            continue;
        }
        for value in &of.values {
            out.push(';');
            if is_plain_type(value) {
                out.push_str(&value.to_ascii_uppercase());
            } else {
                out.push_str(&format!("TYPE={}", parameter_value(value)));
            }
        }
    }
    if is_base64(property) {
        out.push_str(";ENCODING=BASE64:\r\n");
        let data: Vec<char> = property.value.chars().filter(char::is_ascii_graphic).collect();
        data.chunks(72).for_each(|line| out.push_str(&format!(" {}\r\n", line.iter().collect::<String>())));
        out.push_str("\r\n");
        return;
    }
    // A card that is the value of a property stands on lines of its own, if it is one.
    if property.name == "AGENT"
        && let Ok([inner]) = <[Component; 1]>::try_from(super::parse(bare(&property.value).as_bytes(), None).unwrap_or_default())
    {
        out.push_str(":\r\n");
        append(out, &inner, Style::Old);
        return;
    }
    let value = old_value(property);
    if value.is_ascii() && !value.contains(char::is_control) && value.len() <= 200 {
        out.push_str(&format!(":{value}\r\n"));
    } else {
        out.push_str(";CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:");
        quoted_printable(out, &value);
        out.push_str("\r\n");
    }
}

/// A value in the syntax of 2.1, where only a semicolon is protected. A backslash is, too, where it would be taken to
/// protect what follows.
fn old_value(property: &Property) -> String {
    let is_list = matches!(property.name.as_str(), "CATEGORIES" | "NICKNAME");
    let mut out = String::with_capacity(property.value.len());
    let mut rest = property.value.chars().peekable();
    while let Some(c) = rest.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match rest.next() {
            Some('n' | 'N') => out.push_str("\r\n"),
            Some(',') if !is_list => out.push(','),
            Some(c @ (',' | ';')) => out.extend(['\\', c]),
            Some('\\') => match rest.peek() {
                Some('\\' | ';' | ',' | ':' | 'n' | 'N') => out.push_str("\\\\"),
                _ => out.push('\\'),
            },
            Some(other) => out.extend(['\\', other]),
            None => out.push('\\'),
        }
    }
    out
}

/// Appends a text in quoted-printable; its line ends are part of it, soft breaks keep its lines short.
fn quoted_printable(out: &mut String, text: &str) {
    let mut room = 40;
    for byte in text.bytes() {
        let plain = matches!(byte, b'!'..=b'<' | b'>'..=b'~' | b' ');
        let takes = if plain { 1 } else { 3 };
        if takes > room {
            out.push_str("=\r\n");
            room = 72;
        }
        if plain {
            out.push(char::from(byte))
        } else {
            out.push_str(&format!("={byte:02X}"))
        }
        room -= takes;
    }
}
