//! Content lines: put together from the lines of a card, and taken apart.
//!
//! Spec: RFC 2425 5.8; vCard 2.1, 2.1.3 (folding, quoted-printable lines that go on, base64 that ends at an empty line).

use std::borrow::Cow;

/// How a value is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// As it is.
    None,
    /// `QUOTED-PRINTABLE`.
    Quoted,
    /// `BASE64` or `B`.
    Base64,
}

/// A content line, as far as it has been put together.
struct Growing<'a> {
    bytes: Cow<'a, [u8]>,
    /// Known once the colon has been seen.
    encoding: Option<Encoding>,
}

impl<'a> Growing<'a> {
    fn new(line: &'a [u8]) -> Self {
        Self { bytes: Cow::Borrowed(line), encoding: encoding(line) }
    }

    fn add(&mut self, more: &[u8]) {
        self.bytes.to_mut().extend_from_slice(more);
        self.encoding = self.encoding.or_else(|| encoding(&self.bytes));
    }

    /// Takes a line that goes on with this one; false where it does not. `old`: by the rules of 2.1; `folded`: the line
    /// after it goes on with it in turn, as no line of bare base64 does, though the first piece of a long name may look like one.
    fn takes(&mut self, line: &[u8], old: bool, folded: bool) -> bool {
        match (self.encoding, line.split_first()) {
            (Some(Encoding::Quoted), _) if self.bytes.ends_with(b"=") => {
                self.bytes.to_mut().pop();
                self.add(line);
            }
            (encoding, Some((b' ' | b'\t', rest))) => {
                // In 2.1 lines are folded where a blank is, which is part of the text.
                let keeps_blank = old && encoding != Some(Encoding::Base64);
                self.add(if keeps_blank { line } else { rest });
            }
            (Some(Encoding::Base64), Some(_)) if !folded && is_base64(line) => self.add(line),
            _ => return false,
        }
        true
    }
}

fn is_base64(line: &[u8]) -> bool {
    line.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='))
}

/// Where the value begins: behind the first colon outside quotes.
pub fn colon(line: &[u8]) -> Option<usize> {
    let mut quoted = false;
    line.iter().position(|byte| {
        quoted ^= *byte == b'"';
        *byte == b':' && !quoted
    })
}

/// What the parameters say of the encoding; None as long as there is no colon.
fn encoding(line: &[u8]) -> Option<Encoding> {
    let head = line.get(..colon(line)?).unwrap_or_default().to_ascii_uppercase();
    let of = |piece: &[u8]| match piece.strip_prefix(b"ENCODING=").unwrap_or(piece).trim_ascii() {
        b"QUOTED-PRINTABLE" => Some(Encoding::Quoted),
        b"BASE64" | b"B" => Some(Encoding::Base64),
        _ => None,
    };
    let mut quoted = false;
    let ends = |byte: &u8| {
        quoted ^= *byte == b'"';
        *byte == b';' && !quoted
    };
    Some(head.split(ends).skip(1).find_map(of).unwrap_or(Encoding::None))
}

/// Puts the content lines of a card together. `old`: by the rules of 2.1.
pub fn unfolded<'a>(lines: impl Iterator<Item = &'a [u8]>, old: bool) -> Vec<(Cow<'a, [u8]>, Encoding)> {
    let mut out: Vec<Growing<'a>> = Vec::new();
    let mut lines = lines.peekable();
    while let Some(line) = lines.next() {
        let folded = lines.peek().is_some_and(|next| matches!(next.first(), Some(b' ' | b'\t')) && !next.trim_ascii().is_empty());
        if out.last_mut().is_some_and(|last| last.takes(line, old, folded)) || line.trim_ascii().is_empty() {
            continue;
        }
        out.push(Growing::new(line));
    }
    out.into_iter().map(|line| (line.bytes, line.encoding.unwrap_or(Encoding::None))).collect()
}

/// The pieces of the part before the colon, between semicolons (or commas, within a parameter) outside quotes.
pub fn pieces(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |c| {
        quoted ^= c == '"';
        c == separator && !quoted
    })
}

/// True for the name of a property, a parameter or a group.
pub fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}
