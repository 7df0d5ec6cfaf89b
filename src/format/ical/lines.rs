//! Content lines: bytes to unfolded lines, a line to a property.
//!
//! Lenient: any line end, blank lines, any charset, parameters without values, quotes where none belong. A line that is
//! no content line becomes a property without a name whose value is the line; writing gives the line back.
//! Quoted-printable of vCalendar 1.0 is decoded here, so that nobody else need know of it.
//!
//! Spec: RFC 5545 3.1, RFC 6868; vCalendar 1.0 2.1.3.

use crate::format::content_line::quoted_printable;
use crate::model::component::{Parameter, Property};
use std::borrow::Cow;

/// The unfolded lines of a text, empty ones left out.
pub struct Lines<'a> {
    rest: &'a [u8],
}

/// The lines of a text.
pub fn lines(data: &[u8]) -> Lines<'_> {
    Lines { rest: data.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(data) }
}

impl<'a> Lines<'a> {
    fn physical(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let end = self.rest.iter().position(|b| matches!(b, b'\r' | b'\n')).unwrap_or(self.rest.len());
        let (line, rest) = self.rest.split_at(end);
        let rest = rest.strip_prefix(b"\r\n").or_else(|| rest.get(1..)).unwrap_or_default();
        self.rest = rest;
        Some(line)
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Cow<'a, [u8]>;

    fn next(&mut self) -> Option<Self::Item> {
        let first = loop {
            // What is folded onto an empty line begins a line of its own.
            let line = self.physical()?.trim_ascii_start();
            if !line.is_empty() {
                break line;
            }
        };
        let mut whole = Cow::Borrowed(first);
        let soft = is_quoted_printable(first);
        loop {
            if soft && whole.last() == Some(&b'=') && !self.rest.is_empty() {
                let more = self.physical().unwrap_or_default();
                let line = whole.to_mut();
                line.pop();
                line.extend_from_slice(more);
            } else if let Some(b' ' | b'\t') = self.rest.first() {
                self.rest = self.rest.get(1..).unwrap_or_default();
                let more = self.physical().unwrap_or_default();
                whole.to_mut().extend_from_slice(more);
            } else {
                return Some(whole);
            }
        }
    }
}

/// True when what stands before the value says so. What is no content line is not: it is written as it came, and folded.
fn is_quoted_printable(line: &[u8]) -> bool {
    let head = line.split(|b| *b == b':').next().unwrap_or_default();
    head.contains(&b';')
        && head.to_ascii_uppercase().windows(16).any(|w| w == b"QUOTED-PRINTABLE")
        && take_quoted_printable(&mut split(&String::from_utf8_lossy(line)))
}

/// The property of a line. Controls mean nothing in one, and are left out; None where nothing else is there.
pub fn property(line: &[u8]) -> Option<Property> {
    let mut property = match std::str::from_utf8(line) {
        Ok(text) => of_text(&without_controls(Cow::Borrowed(text)), None),
        Err(_) => {
            let (text, ..) = encoding_rs::WINDOWS_1252.decode(line);
            of_text(&without_controls(text), Some(line))
        }
    };
    // What was encoded can hold some too.
    if property.value.contains(is_stray) {
        property.value.retain(|c| !is_stray(c));
    }
    let is_blank = property.name.is_empty() && property.value.is_empty();
    (!is_blank).then_some(property)
}

fn is_stray(c: char) -> bool {
    c.is_control() && !matches!(c, '\t' | '\n')
}

fn without_controls(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.contains(is_stray) { Cow::Owned(text.replace(is_stray, "")) } else { text }
}

/// A line that is none: kept as it is.
fn raw(text: &str) -> Property {
    // A blank at its beginning would fold it onto the line before.
    Property { value: text.trim_start_matches([' ', '\t']).to_owned(), ..Property::default() }
}

/// True for what can be the name of a component, a property or a parameter: letters, digits, hyphens, and what producers
/// put in besides.
pub fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/'))
}

/// A line in its parts, its value as it stands.
fn split(text: &str) -> Property {
    let Some(end) = text.find([';', ':']) else { return raw(text) };
    let (name, mut rest) = text.split_at(end);
    if !is_token(name.trim()) {
        return raw(text);
    }
    let mut parameters = Vec::new();
    while let Some(after) = rest.strip_prefix(';') {
        let Some((parameter, left)) = parameter(after) else { return raw(text) };
        parameters.extend(parameter);
        rest = left;
    }
    let Some(value) = rest.strip_prefix(':') else { return raw(text) };
    Property { group: None, name: name.trim().to_ascii_uppercase(), parameters, value: value.to_owned() }
}

/// `bytes` are those of the line where they are not UTF-8.
fn of_text(text: &str, bytes: Option<&[u8]>) -> Property {
    let mut property = split(text);
    let charset = charset(&property);
    if take_quoted_printable(&mut property) {
        property.value = from_quoted_printable(&property.value, charset);
    } else if let (Some(bytes), Some(charset)) = (bytes, charset) {
        let text = charset.decode(bytes).0;
        let again = of_text(&text, None);
        property.value = again.value;
    }
    property
}

fn charset(property: &Property) -> Option<&'static encoding_rs::Encoding> {
    property.parameter("CHARSET").and_then(|name| encoding_rs::Encoding::for_label(name.as_bytes()))
}

/// A parameter, and what follows it: `;` or `:`. None where neither comes or it has no name; an empty one is passed over.
fn parameter(text: &str) -> Option<(Option<Parameter>, &str)> {
    let end = text.find(['=', ';', ':'])?;
    let (name, rest) = text.split_at(end);
    let name = name.trim().to_ascii_uppercase();
    let is_nothing = name.is_empty() && !rest.starts_with('=');
    if !is_nothing && !is_token(&name) {
        return None;
    }
    let Some(mut rest) = rest.strip_prefix('=') else {
        let flag = (!name.is_empty()).then_some(Parameter { name, values: Vec::new() });
        return Some((flag, rest));
    };
    let mut values = Vec::new();
    let is_zone = name == "TZID";
    loop {
        let (value, left) = parameter_value(rest, is_zone)?;
        values.push(value);
        match left.strip_prefix(',') {
            Some(more) => rest = more,
            None => return Some((Some(Parameter { name, values }), left)),
        }
    }
}

/// Bytes of the longest name of a zone with brackets in it.
const LONGEST_ZONE: usize = 128;

/// One value of a parameter. The names that Windows shows for its zones, `(UTC+01:00) Berlin, Rome`, come without the
/// quotes that they need.
fn parameter_value(text: &str, is_zone: bool) -> Option<(String, &str)> {
    let (mut quoted, mut braced, mut end) = (false, false, None);
    // What is looked for is ASCII, which is never a part of another character.
    for (at, b) in text.bytes().enumerate() {
        match b {
            // What was opened and is not closed for so long opened nothing: each value of a line is looked at once.
            _ if braced && at > LONGEST_ZONE => break,
            b'"' => quoted = !quoted,
            b'(' if is_zone && !quoted => braced = true,
            b')' if is_zone => braced = false,
            b',' if is_zone => {}
            b',' | b';' | b':' if !quoted && !braced => {
                end = Some(at);
                break;
            }
            _ => {}
        }
    }
    let (value, rest) = text.split_at(end.or_else(|| text.find(|c| matches!(c, ';' | ':') || c == ',' && !is_zone))?);
    let inner = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).filter(|v| !v.contains('"'));
    Some((unprotected(inner.unwrap_or(value)), rest))
}

/// RFC 6868.
fn unprotected(value: &str) -> String {
    if !value.contains('^') {
        return value.to_owned();
    }
    let mut out = String::with_capacity(value.len());
    let mut rest = value.chars();
    while let Some(c) = rest.next() {
        if c != '^' {
            out.push(c);
            continue;
        }
        match rest.clone().next() {
            Some('n') => out.push('\n'),
            Some('\'') => out.push('"'),
            Some('^') => out.push('^'),
            _ => {
                out.push('^');
                continue;
            }
        }
        rest.next();
    }
    out
}

/// Takes the parameters that say so away; true when they were there.
fn take_quoted_printable(property: &mut Property) -> bool {
    let says = |p: &Parameter| {
        let is = |text: &str| text.eq_ignore_ascii_case("QUOTED-PRINTABLE");
        is(&p.name) && p.values.is_empty() || p.name == "ENCODING" && p.values.iter().any(|v| is(v))
    };
    let before = property.parameters.len();
    property.parameters.retain(|p| !says(p));
    let found = property.parameters.len() < before;
    if found {
        property.parameters.retain(|p| p.name != "CHARSET");
    }
    found
}

/// A value of vCalendar 1.0: a backslash there protects nothing but a semicolon, line ends stand as they are.
fn from_quoted_printable(value: &str, charset: Option<&'static encoding_rs::Encoding>) -> String {
    let bytes = quoted_printable(value.as_bytes());
    let text = match (std::str::from_utf8(&bytes), charset) {
        (Ok(text), None) => Cow::Borrowed(text),
        (_, charset) => charset.unwrap_or(encoding_rs::WINDOWS_1252).decode(&bytes).0,
    };
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\n' => out.push_str("\\n"),
            '\\' if !matches!(chars.peek(), Some(';' | ',')) => out.push_str("\\\\"),
            _ => out.push(c),
        }
    }
    out
}
