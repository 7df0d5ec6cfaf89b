//! The lines of one card to a component.

use super::UNREADABLE_LINE;
use super::charset;
use super::line::{self, Encoding};
use super::write::{self, Style};
use crate::format::content_line::quoted_printable;
use crate::model::component::{Component, Parameter, Property, protected};

/// Properties whose value is a list in 2.1 too: there a comma is text everywhere else.
const LISTS: &[&str] = &["CATEGORIES", "NICKNAME"];

/// The most cards inside each other.
const DEEPEST: usize = 8;

/// What holds for all lines of a card.
struct Reading<'a> {
    /// The card is of version 2.1.
    old: bool,
    /// The charset of bytes that are not UTF-8, where the line names none.
    charset: Option<&'a str>,
}

/// Reads a card: its lines, between `BEGIN` and `END`, without their ends. `name`: what `BEGIN` says.
pub fn card(name: &str, lines: &[&[u8]], charset: Option<&str>) -> Component {
    card_at(name, lines, charset, 0)
}

fn card_at(name: &str, lines: &[&[u8]], charset: Option<&str>, depth: usize) -> Component {
    let reading = Reading { old: lines.iter().any(|line| is_old_version(line)), charset };
    let mut card = Component::new(name);
    let mut rest = lines.iter().copied();
    let mut own: Vec<&[u8]> = Vec::new();
    // A card stands inside another as the value of a property, on lines of its own.
    while let Some(line) = rest.next() {
        let Some(inner) = boundary(line, "BEGIN") else {
            own.push(line);
            continue;
        };
        let mut inside: Vec<&[u8]> = Vec::new();
        let mut open = 1;
        for line in rest.by_ref() {
            open += usize::from(boundary(line, "BEGIN").is_some());
            open -= usize::from(boundary(line, "END").is_some());
            if open == 0 {
                break;
            }
            inside.push(line);
        }
        reading.properties(&mut card, &own);
        own.clear();
        let text = match depth < DEEPEST {
            true => write::card(&card_at(&inner, &inside, charset, depth + 1), Style::Own),
            false => charset::plain(&inside.join(&b'\n'), None, charset),
        };
        match card.properties.last_mut().filter(|last| last.value.trim().is_empty()) {
            Some(last) => last.value = protected(&text),
            None => card.properties.push(Property::of_text("AGENT", &text)),
        }
    }
    reading.properties(&mut card, &own);
    card
}

/// The name behind `BEGIN:` or `END:`; None for another line.
pub fn delimiter(line: &[u8], word: &str) -> Option<String> {
    let line = std::str::from_utf8(line).ok()?.trim_start_matches('\u{feff}').trim();
    let (head, name) = line.split_once(':')?;
    let name = name.trim();
    (head.trim().eq_ignore_ascii_case(word) && line::is_name(name)).then(|| name.to_ascii_uppercase())
}

/// The same inside a card, where a line that begins with a blank goes on with the one before, whatever it says.
pub fn boundary(line: &[u8], word: &str) -> Option<String> {
    if line.starts_with(b" ") || line.starts_with(b"\t") { None } else { delimiter(line, word) }
}

fn is_old_version(line: &[u8]) -> bool {
    let value = line.get(..8).filter(|begin| begin.eq_ignore_ascii_case(b"VERSION:")).and_then(|_| line.get(8..));
    value.is_some_and(|value| value.trim_ascii().starts_with(b"2."))
}

/// True for the words that begin and end a card: no property has such a name, or it would end the card it is in.
fn is_delimiter(name: &str) -> bool {
    name.eq_ignore_ascii_case("BEGIN") || name.eq_ignore_ascii_case("END")
}

impl Reading<'_> {
    fn properties(&self, card: &mut Component, lines: &[&[u8]]) {
        for (line, encoding) in line::unfolded(lines.iter().copied(), self.old) {
            let property = self.property(&line, encoding);
            card.properties
                .push(property.unwrap_or_else(|| Property::of_text(UNREADABLE_LINE, &charset::plain(&line, None, self.charset))));
        }
    }

    /// Takes a content line apart; None where it is none.
    fn property(&self, line: &[u8], encoding: Encoding) -> Option<Property> {
        let (head, value) = line.split_at_checked(line::colon(line)?)?;
        let value = value.get(1..).unwrap_or_default();
        let head = charset::plain(head, None, self.charset);
        let mut pieces = line::pieces(&head, ';');
        let name = pieces.next()?.trim();
        let (group, name) = name.split_once('.').map_or((None, name), |(group, name)| (Some(group), name));
        if !line::is_name(name) || is_delimiter(name) || group.is_some_and(|group| !line::is_name(group)) {
            return None;
        }
        let (mut parameters, mut charset) = (Vec::new(), None);
        for piece in pieces.filter(|piece| !piece.trim().is_empty()) {
            let parameter = parameter(piece)?;
            match parameter.name.as_str() {
                "CHARSET" => charset = parameter.values.into_iter().next(),
                "ENCODING" if encoding != Encoding::Base64 => {}
                _ => parameters.push(parameter),
            }
        }
        let name = name.to_ascii_uppercase();
        let charset = charset.as_deref();
        let value = match encoding {
            Encoding::Base64 => {
                parameters.iter_mut().filter(|p| p.name == "ENCODING").for_each(|p| p.values = vec!["b".to_owned()]);
                value.iter().filter(|b| b.is_ascii_graphic()).map(|b| char::from(*b)).collect()
            }
            Encoding::Quoted => self.modern(&name, &charset::encoded(&quoted_printable(value), charset, self.charset)),
            Encoding::None => self.modern(&name, &charset::plain(value, charset, self.charset)),
        };
        Some(Property { group: group.map(str::to_owned), name, parameters, value })
    }

    /// A value in the syntax of 3.0: line ends are protected, and in 2.1 what means nothing there.
    fn modern(&self, name: &str, value: &str) -> String {
        if self.old && name == "VERSION" {
            return "3.0".to_owned();
        }
        let mut out = String::with_capacity(value.len());
        let mut rest = value.chars().peekable();
        while let Some(c) = rest.next() {
            match c {
                '\r' => {
                    rest.next_if_eq(&'\n');
                    out.push_str("\\n");
                }
                '\n' => out.push_str("\\n"),
                '\\' if self.old => match rest.next_if(|next| matches!(next, '\\' | ';' | ',' | ':' | 'n' | 'N')) {
                    Some(':') => out.push(':'),
                    Some(escaped) => out.extend(['\\', escaped]),
                    None => out.push_str("\\\\"),
                },
                ',' if self.old && !LISTS.contains(&name) => out.push_str("\\,"),
                _ => out.push(c),
            }
        }
        out
    }
}

/// `NAME=value,"other, value"`, or a bare word of 2.1; None where it is neither.
fn parameter(piece: &str) -> Option<Parameter> {
    let Some((name, values)) = piece.split_once('=') else { return Some(bare(piece.trim())) };
    let name = name.trim().to_ascii_uppercase();
    let unquoted = |value: &str| {
        let value = value.trim();
        value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or(value).to_owned()
    };
    let values: Vec<String> = line::pieces(values, ',').map(unquoted).collect();
    // The examples of RFC 6350 have lists of types in quotes.
    let values = match name.as_str() {
        "TYPE" => values.iter().flat_map(|value| value.split(',')).map(str::to_owned).collect(),
        _ => values,
    };
    line::is_name(&name).then_some(Parameter { name, values })
}

/// A value whose parameter is known by itself.
fn bare(word: &str) -> Parameter {
    let name = match word.to_ascii_uppercase().as_str() {
        "QUOTED-PRINTABLE" | "BASE64" | "B" | "7BIT" | "8BIT" => "ENCODING",
        "INLINE" | "URL" | "CID" | "CONTENT-ID" => "VALUE",
        _ => "TYPE",
    };
    // Written with a name it is a list.
    Parameter { name: name.to_owned(), values: word.trim_matches('"').split(',').map(str::to_owned).collect() }
}
