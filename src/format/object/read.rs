//! Text to objects.

use super::{DEEPEST, Layout};
use crate::model::fault::{Fault, Outcome};
use crate::model::time::Timestamp;
use crate::model::value::{Dictionary, Value};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::net::IpAddr;

/// XML elements inside each other, at most.
const DEEPEST_XML: usize = 64;

/// Reads a file's text: one object with nothing but white space and comments around it.
pub fn parse(text: &str) -> Outcome<Value> {
    let mut reader = Reader { text, at: 0, layout: Layout::Lines };
    let value = reader.value(0)?;
    reader.blank()?;
    if reader.rest().is_empty() { Ok(value) } else { Err(reader.wrong("something follows the object")) }
}

/// Reads the object that a text begins with, and gives what follows it.
pub fn parse_first(text: &str, layout: Layout) -> Outcome<(Value, &str)> {
    let mut reader = Reader { text, at: 0, layout };
    let value = reader.value(0)?;
    Ok((value, reader.rest()))
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    layout: Layout,
}

fn is_atom(c: char) -> bool {
    c.is_ascii_alphanumeric() || !c.is_ascii() || "-_.@!#%:".contains(c)
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        // `at` only moves over whole characters.
        self.text.get(self.at..).unwrap_or_default()
    }

    fn wrong(&self, what: &str) -> Fault {
        let line = 1 + self.text.get(..self.at).unwrap_or_default().matches('\n').count();
        Fault::bad(format!("data object is malformed in line {line}: {what}"))
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn skip(&mut self, bytes: usize) {
        self.at += bytes;
    }

    fn take(&mut self, expected: char) -> bool {
        let there = self.peek() == Some(expected);
        if there {
            self.skip(expected.len_utf8());
        }
        there
    }

    /// Takes the characters that belong together.
    fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let (taken, _) = rest.split_at(rest.find(|c| !belongs(c)).unwrap_or(rest.len()));
        self.skip(taken.len());
        taken
    }

    /// Passes over white space, and comments where the layout has them.
    fn blank(&mut self) -> Outcome<()> {
        if self.layout == Layout::Line {
            self.take_while(|c| c == ' ');
            return Ok(());
        }
        loop {
            self.take_while(|c| " \t\r\n".contains(c));
            let rest = self.rest();
            if rest.starts_with("//") {
                self.skip(rest.find('\n').unwrap_or(rest.len()));
            } else if let Some(comment) = rest.strip_prefix("/*") {
                let end = comment.find("*/").ok_or_else(|| self.wrong("a comment has no end"))?;
                self.skip(end + 4);
            } else {
                return Ok(());
            }
        }
    }

    fn value(&mut self, depth: usize) -> Outcome<Value> {
        if depth > DEEPEST {
            return Err(self.wrong("it is nested too deep"));
        }
        self.blank()?;
        match self.peek() {
            None => Err(self.wrong("an object is missing")),
            Some('(') => self.array(depth),
            Some('{') => self.dictionary(depth),
            Some('[') => self.datablock(),
            Some('<') => self.xml(),
            Some('#') => self.special(),
            Some(_) => self.string().map(Value::String),
        }
    }

    fn array(&mut self, depth: usize) -> Outcome<Value> {
        self.take('(');
        self.blank()?;
        let mut values = Vec::new();
        if self.take(')') {
            return Ok(Value::Array(values));
        }
        loop {
            values.push(self.value(depth + 1)?);
            self.blank()?;
            if self.take(')') {
                return Ok(Value::Array(values));
            }
            if !self.take(',') {
                return Err(self.wrong("an array goes on with , or ends with )"));
            }
        }
    }

    fn dictionary(&mut self, depth: usize) -> Outcome<Value> {
        self.take('{');
        let mut entries = Dictionary::new();
        loop {
            self.blank()?;
            if self.take('}') {
                return Ok(Value::Dictionary(entries));
            }
            let key = self.string()?;
            self.blank()?;
            if !self.take('=') {
                return Err(self.wrong("= is missing behind a key"));
            }
            let value = self.value(depth + 1)?;
            self.blank()?;
            if !self.take(';') {
                return Err(self.wrong("; is missing behind an entry"));
            }
            // Of several entries with one key the last one counts.
            entries.insert(key, value);
        }
    }

    fn string(&mut self) -> Outcome<String> {
        if self.peek() != Some('"') {
            let atom = self.take_while(is_atom);
            return if atom.is_empty() { Err(self.wrong("a character that must be quoted")) } else { Ok(atom.to_owned()) };
        }
        let mut bytes = Vec::new();
        loop {
            self.quoted(&mut bytes)?;
            let end = self.at;
            if self.layout == Layout::Lines {
                self.blank()?;
                if self.peek() == Some('"') {
                    continue;
                }
            }
            self.at = end;
            return String::from_utf8(bytes).map_err(|_| self.wrong("a string is not UTF-8"));
        }
    }

    fn quoted(&mut self, out: &mut Vec<u8>) -> Outcome<()> {
        self.take('"');
        loop {
            let plain = self.take_while(|c| !"\"\\\r\n".contains(c));
            out.extend_from_slice(plain.as_bytes());
            if self.take('"') {
                return Ok(());
            }
            if !self.take('\\') {
                return Err(self.wrong("a quoted string has no end in its line"));
            }
            self.escaped(out)?;
        }
    }

    fn escaped(&mut self, out: &mut Vec<u8>) -> Outcome<()> {
        let rest = self.rest();
        let wrong = || self.wrong("an escape is unknown");
        let (byte, length) = match self.peek().ok_or_else(wrong)? {
            'r' => (b'\r', 1),
            // `\e` is the platform's line end, which here is LF.
            'n' | 'e' => (b'\n', 1),
            't' => (b'\t', 1),
            c @ ('"' | '\\') => (c as u8, 1),
            'u' => {
                let code = rest.strip_prefix("u'").and_then(|code| code.split_once('\'')).ok_or_else(wrong)?.0;
                let hex = (1..=6).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_hexdigit());
                let c = u32::from_str_radix(code, 16).ok().filter(|_| hex).and_then(char::from_u32).ok_or_else(wrong)?;
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                self.skip(code.len() + 3);
                return Ok(());
            }
            _ => {
                let digits = rest.get(..3).filter(|digits| digits.bytes().all(|b| b.is_ascii_digit())).ok_or_else(wrong)?;
                (digits.parse().map_err(|_| wrong())?, 3)
            }
        };
        out.push(byte);
        self.skip(length);
        Ok(())
    }

    /// One datablock, or several that follow each other.
    fn datablock(&mut self) -> Outcome<Value> {
        let mut bytes = Vec::new();
        loop {
            self.take('[');
            let inner = self.take_while(|c| c != ']');
            if !self.take(']') {
                return Err(self.wrong("a datablock has no end"));
            }
            let allowed = |c: &char| !(*c == ' ' || self.layout == Layout::Lines && "\t\r\n".contains(*c));
            let clean: String = inner.chars().filter(allowed).collect();
            bytes.extend(STANDARD.decode(clean).map_err(|_| self.wrong("a datablock is not base64"))?);
            let end = self.at;
            self.blank()?;
            if self.peek() != Some('[') {
                self.at = end;
                return Ok(Value::Data(bytes));
            }
        }
    }

    fn special(&mut self) -> Outcome<Value> {
        let rest = self.rest();
        if rest.starts_with("#NULL#") {
            self.skip(6);
            return Ok(Value::Null);
        }
        if rest.starts_with("#(") {
            return Err(self.wrong("an opaque object cannot be read"));
        }
        if rest.starts_with("#I") {
            self.skip(2);
            return self.address();
        }
        self.skip(1);
        let token = self.take_while(|c| c.is_ascii_alphanumeric() || "-_:".contains(c));
        if let Some(time) = token.strip_prefix('T') {
            return time_stamp(time).map(Value::Time).ok_or_else(|| self.wrong("a time-stamp is incorrect"));
        }
        number(token).map(Value::Number).ok_or_else(|| self.wrong("a number is incorrect"))
    }

    /// An address, in the one spelling of its kind: `[::0]` and `[::]` are the same.
    fn address(&mut self) -> Outcome<Value> {
        let wrong = |reader: &Self| reader.wrong("a network address is incorrect");
        if !self.take('[') {
            return Err(wrong(self));
        }
        let ip = self.take_while(|c| c.is_ascii_hexdigit() || ".:".contains(c)).parse::<IpAddr>();
        let (Ok(ip), true) = (ip, self.take(']')) else { return Err(wrong(self)) };
        if !self.take(':') {
            return Ok(Value::NetAddress(format!("[{ip}]")));
        }
        let port = self.take_while(|c| c.is_ascii_digit()).parse::<u16>().map_err(|_| wrong(self))?;
        Ok(Value::NetAddress(format!("[{ip}]:{port}")))
    }

    fn xml(&mut self) -> Outcome<Value> {
        let length = xml_length(self.rest()).ok_or_else(|| self.wrong("an XML element is malformed"))?;
        let source = self.rest().get(..length).unwrap_or_default().to_owned();
        self.skip(length);
        Ok(Value::Xml(source))
    }
}

fn number(text: &str) -> Option<i64> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let lower = digits.to_ascii_lowercase();
    let radix = [("0x", 16), ("0o", 8), ("0b", 2)].into_iter().find_map(|(prefix, radix)| Some((lower.strip_prefix(prefix)?, radix)));
    let (digits, radix) = radix.unwrap_or((digits, 10));
    let plain = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
    let magnitude = i128::from_str_radix(digits, radix).ok().filter(|_| plain)?;
    i64::try_from(sign * magnitude).ok()
}

/// `20-10-2002_07:45:30`, `20-10-2002`, and the two infinite times.
fn time_stamp(text: &str) -> Option<Timestamp> {
    match text {
        "PAST" => return Some(Timestamp(i64::MIN)),
        "FUTURE" => return Some(Timestamp(i64::MAX)),
        _ => {}
    }
    let (date, clock) = text.split_once('_').unwrap_or((text, "00:00:00"));
    let shaped = |text: &str, shape: &str| {
        text.len() == shape.len() && text.chars().zip(shape.chars()).all(|(c, s)| if s == '0' { c.is_ascii_digit() } else { c == s })
    };
    if !shaped(date, "00-00-0000") || !shaped(clock, "00:00:00") {
        return None;
    }
    let (day, month, year) = (date.get(..2)?, date.get(3..5)?, date.get(6..)?);
    format!("{year}{month}{day}T{}", clock.replace(':', "")).parse().ok()
}

/// The length of the one XML element that a text begins with. Tags must match; the rest is the XML reader's business.
pub(super) fn xml_length(text: &str) -> Option<usize> {
    let mut open: Vec<&str> = Vec::new();
    let mut at = 0;
    loop {
        let rest = text.get(at..)?;
        at += rest.find('<')?;
        let markup = text.get(at..)?;
        if !open.is_empty() && markup.starts_with("<!--") {
            at += 4 + markup.get(4..)?.find("-->")? + 3;
            continue;
        }
        if !open.is_empty() && markup.starts_with("<![CDATA[") {
            at += 9 + markup.get(9..)?.find("]]>")? + 3;
            continue;
        }
        let length = tag_length(markup)?;
        let tag = markup.get(1..length - 1)?;
        at += length;
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop()? != name.trim_end() {
                return None;
            }
        } else {
            let name = tag.split(|c: char| c.is_ascii_whitespace() || c == '/').next()?;
            if !name.starts_with(|c: char| c.is_alphabetic() || c == '_') || open.len() >= DEEPEST_XML {
                return None;
            }
            if !tag.ends_with('/') {
                open.push(name);
            }
        }
        if open.is_empty() {
            return Some(at);
        }
    }
}

/// The length of a tag with its brackets; values in quotes may hold brackets.
fn tag_length(markup: &str) -> Option<usize> {
    let mut quote = None;
    for (at, c) in markup.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, '>') => return Some(at + 1),
            (None, '<') if at > 0 => return None,
            _ => {}
        }
    }
    None
}
