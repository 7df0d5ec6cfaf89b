//! The MIME structure of raw bytes: which parts there are, what they say they are, and where they lie.
//!
//! Parts are found by boundary lines inside ranges that only shrink, so hostile nesting costs no more than depth times
//! size, and both depth and number of parts are bounded. What lies beyond stays one part that is not looked into.
//!
//! Part IDs are two-digit ordinals joined by `-`. The children of a multipart message are `01`, `02`...; those of part
//! `02` are `02-01`...; if part `02` is itself a message, the children of its body are `02-01`..., and where that body
//! has no parts, it is `02-01` itself. The body of a message that is not multipart has no ID.

use super::header;
use crate::model::fault::{Fault, Outcome};
use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::charsets::map::charset_decoder;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;
use memchr::memchr;
use std::borrow::Cow;
use std::ops::Range;

/// Bounds on what is looked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Parts inside each other.
    pub depth: usize,
    /// Parts of a message.
    pub parts: usize,
    /// Bytes of one header.
    pub header_bytes: usize,
}

impl Limits {
    /// The bounds that the limits of the house set.
    pub fn of(limits: &crate::model::limits::Limits) -> Self {
        Self { depth: limits.mime_depth, parts: limits.mime_parts, header_bytes: limits.header_bytes }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::of(&crate::model::limits::Limits::default())
    }
}

/// How the bytes of a part are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// As they are: 7bit, 8bit, binary, or unknown.
    Identity,
    /// Quoted-printable.
    QuotedPrintable,
    /// Base64.
    Base64,
}

/// A part, and where it lies in the raw bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its ID; None for the root.
    pub part_id: Option<String>,
    /// Its header with the empty line.
    pub header: Range<usize>,
    /// The beginning of its header that is looked into.
    pub looked_at: Range<usize>,
    /// Its body.
    pub body: Range<usize>,
    /// What its header says of it.
    pub about: About,
    /// What is inside.
    pub inside: Inside,
}

/// What the header of a part says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// `text`, in lower case.
    pub kind: String,
    /// `plain`, in lower case.
    pub subtype: String,
    /// Parameters of `Content-Type`, names in the case they were written.
    pub type_parameters: Vec<(String, String)>,
    /// `Content-Disposition` in lower case, without parameters.
    pub disposition: Option<String>,
    /// Its parameters.
    pub disposition_parameters: Vec<(String, String)>,
    /// The transfer encoding.
    pub encoding: Encoding,
    /// `Content-ID` without brackets.
    pub content_id: Option<String>,
    /// `Content-Description`.
    pub description: Option<String>,
    /// `Content-Location`.
    pub location: Option<String>,
    /// `Content-Class` without `urn:` and `content-classes:`.
    pub class: Option<String>,
}

impl About {
    /// A parameter of `Content-Type`.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.type_parameters.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }
    /// True for this type and subtype.
    pub fn is(&self, kind: &str, subtype: &str) -> bool {
        self.kind == kind && self.subtype == subtype
    }
    /// True when it is to be kept apart from what is shown.
    pub fn is_attachment(&self) -> bool {
        self.disposition.as_deref() == Some("attachment")
    }
    /// The name the sender gave the file.
    pub fn file_name(&self) -> Option<&str> {
        let named = self.disposition_parameters.iter().find(|(n, _)| n.eq_ignore_ascii_case("filename")).map(|(_, v)| v.as_str());
        named.or_else(|| self.parameter("name"))
    }
}

/// What is inside a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inside {
    /// Data.
    Data,
    /// Parts of a multipart.
    Parts(Vec<Node>),
    /// A message: its root.
    Message(Box<Node>),
}

/// The structure of a message.
pub fn structure(raw: &[u8], limits: &Limits) -> Node {
    Walk { raw, limits, left: limits.parts }.node(0..raw.len(), None, "", 1, false)
}

struct Walk<'a> {
    raw: &'a [u8],
    limits: &'a Limits,
    left: usize,
}

impl Walk<'_> {
    fn bytes(&self, range: &Range<usize>) -> &[u8] {
        self.raw.get(range.clone()).unwrap_or_default()
    }

    /// `prefix` is what the IDs of children begin with.
    fn node(&mut self, range: Range<usize>, part_id: Option<String>, prefix: &str, depth: usize, in_digest: bool) -> Node {
        let length = header::header_length(self.bytes(&range));
        let (header, body) = (range.start..range.start + length, range.start + length..range.end);
        let looked_at = header.start..header.end.min(header.start + self.limits.header_bytes);
        let about = about(self.bytes(&looked_at), in_digest);
        let inside = self.inside(&about, &body, part_id.as_deref().unwrap_or(prefix), depth);
        Node { part_id, header, looked_at, body, about, inside }
    }

    fn inside(&mut self, about: &About, body: &Range<usize>, prefix: &str, depth: usize) -> Inside {
        if depth >= self.limits.depth {
            return Inside::Data;
        }
        if about.kind == "multipart" {
            return Inside::Parts(self.parts(about, body, prefix, depth));
        }
        let is_message = about.kind == "message" && matches!(about.subtype.as_str(), "rfc822" | "global");
        if is_message && about.encoding == Encoding::Identity && self.left > 0 {
            self.left -= 1;
            let mut root = self.node(body.clone(), None, prefix, depth + 1, false);
            if !matches!(root.inside, Inside::Parts(_)) {
                root.part_id = Some(child_id(prefix, 0));
            }
            return Inside::Message(Box::new(root));
        }
        Inside::Data
    }

    fn parts(&mut self, about: &About, body: &Range<usize>, prefix: &str, depth: usize) -> Vec<Node> {
        let boundary = about.parameter("boundary").unwrap_or_default();
        let mut ranges = split(self.bytes(body), boundary.as_bytes(), self.left);
        if ranges.is_empty() && !body.is_empty() && self.left > 0 {
            // No boundary line: the text is there all the same, as one part without a header.
            self.left -= 1;
            return vec![Node {
                part_id: Some(child_id(prefix, 0)),
                header: body.start..body.start,
                looked_at: body.start..body.start,
                body: body.clone(),
                about: self::about(b"", false),
                inside: Inside::Data,
            }];
        }
        self.left = self.left.saturating_sub(ranges.len());
        let digest = about.subtype == "digest";
        let mut nodes = Vec::with_capacity(ranges.len());
        for (number, range) in ranges.drain(..).enumerate() {
            let range = body.start + range.start..body.start + range.end;
            nodes.push(self.node(range, Some(child_id(prefix, number)), "", depth + 1, digest));
        }
        nodes
    }
}

fn child_id(prefix: &str, number: usize) -> String {
    if prefix.is_empty() { format!("{:02}", number + 1) } else { format!("{prefix}-{:02}", number + 1) }
}

/// The ranges between boundary lines, at most `most`; the line break before a boundary belongs to the boundary.
fn split(body: &[u8], boundary: &[u8], most: usize) -> Vec<Range<usize>> {
    let (mut out, mut start, mut at) = (Vec::new(), None::<usize>, 0);
    if boundary.is_empty() || boundary.len() > 1_000 {
        return out;
    }
    while at < body.len() && out.len() < most {
        let rest = body.get(at..).unwrap_or_default();
        let end = memchr(b'\n', rest).map_or(body.len(), |i| at + i + 1);
        let line = body.get(at..end).unwrap_or_default().trim_ascii_end();
        let after = line.strip_prefix(b"--").and_then(|l| l.strip_prefix(boundary));
        if let Some(after @ (b"" | b"--")) = after {
            if let Some(start) = start {
                out.push(start..without_break(body, start, at));
            }
            start = (after.is_empty()).then_some(end);
            if start.is_none() {
                return out;
            }
        }
        at = end;
    }
    // The last part was never closed: it goes to the end.
    if let Some(start) = start.filter(|start| *start < body.len() && out.len() < most) {
        out.push(start..body.len());
    }
    out
}

fn without_break(body: &[u8], start: usize, end: usize) -> usize {
    let before = body.get(start..end).unwrap_or_default();
    let cut = before.strip_suffix(b"\r\n").or_else(|| before.strip_suffix(b"\n")).unwrap_or(before);
    start + cut.len()
}

fn about(header: &[u8], in_digest: bool) -> About {
    let (kind, subtype) = if in_digest { ("message", "rfc822") } else { ("text", "plain") };
    let mut about = About {
        kind: kind.into(),
        subtype: subtype.into(),
        type_parameters: Vec::new(),
        disposition: None,
        disposition_parameters: Vec::new(),
        encoding: Encoding::Identity,
        content_id: None,
        description: None,
        location: None,
        class: None,
    };
    let mut typed = false;
    for field in header::fields(header) {
        let Some(name) = field.name.get(..8).filter(|p| p.eq_ignore_ascii_case("content-")).and(field.name.get(8..)) else { continue };
        match name.to_ascii_lowercase().as_str() {
            "type" if !std::mem::replace(&mut typed, true) => {
                let (kind, subtype, parameters) = header::typed(field.value);
                if !kind.is_empty() {
                    (about.kind, about.subtype) = (kind, subtype.unwrap_or_default());
                    about.type_parameters = parameters;
                }
            }
            "disposition" if about.disposition.is_none() => {
                let (kind, _, parameters) = header::typed(field.value);
                (about.disposition, about.disposition_parameters) = (Some(kind).filter(|k| !k.is_empty()), parameters);
            }
            "transfer-encoding" => about.encoding = encoding(&header::text(field.value)),
            "id" => about.content_id = some(header::text(field.value).trim_matches(['<', '>', ' ']).to_owned()),
            "description" => about.description = some(header::text(field.value)),
            "location" => about.location = some(header::text(field.value)),
            "class" => {
                let class = header::text(field.value);
                let class = class.strip_prefix("urn:").unwrap_or(&class);
                about.class = some(class.strip_prefix("content-classes:").unwrap_or(class).to_owned());
            }
            _ => {}
        }
    }
    about
}

fn some(text: String) -> Option<String> {
    Some(text).filter(|t| !t.is_empty())
}

fn encoding(text: &str) -> Encoding {
    match text.trim().to_ascii_lowercase().as_str() {
        "base64" => Encoding::Base64,
        "quoted-printable" => Encoding::QuotedPrintable,
        _ => Encoding::Identity,
    }
}

/// The part of an ID; `3` is taken for `03`.
pub fn find<'a>(root: &'a Node, part_id: &str) -> Option<&'a Node> {
    let wanted: Vec<String> = part_id.split('-').map(|n| format!("{:0>2}", n.trim())).collect();
    let wanted = wanted.join("-");
    let mut found = None;
    walk(root, &mut |node| {
        if node.part_id.as_deref() == Some(wanted.as_str()) {
            found = Some(node);
        }
        found.is_none()
    });
    found
}

/// Visits all parts, outer ones first, while `each` says so. True when it went to the end.
pub fn walk<'a>(node: &'a Node, each: &mut dyn FnMut(&'a Node) -> bool) -> bool {
    each(node)
        && match &node.inside {
            Inside::Data => true,
            Inside::Parts(parts) => parts.iter().all(|part| walk(part, each)),
            Inside::Message(root) => walk(root, each),
        }
}

/// The data of a part with its transfer encoding undone; None where that is broken beyond repair.
pub fn decoded<'a>(raw: &'a [u8], node: &Node) -> Option<Cow<'a, [u8]>> {
    let body = raw.get(node.body.clone()).unwrap_or_default();
    match node.about.encoding {
        Encoding::Identity => Some(Cow::Borrowed(body)),
        Encoding::QuotedPrintable => Some(quoted_printable_decode(body).map_or_else(|| Cow::Borrowed(body), Cow::Owned)),
        Encoding::Base64 => base64_decode(body).or_else(|| lenient_base64(body)).map(Cow::Owned),
    }
}

/// Base64 with what does not belong there left out. None where nothing is left of what was something.
fn lenient_base64(body: &[u8]) -> Option<Vec<u8>> {
    let clean: Vec<u8> = body.iter().copied().filter(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/')).collect();
    let whole = clean.len() / 4 * 4;
    base64_decode(clean.get(..whole).unwrap_or_default()).filter(|data| !data.is_empty())
}

/// Bytes of the decoded data, estimated from the encoded ones.
pub fn estimated_size(node: &Node) -> u64 {
    let length = node.body.len() as u64;
    match node.about.encoding {
        Encoding::Base64 => length / 78 * 57 + length % 78 * 3 / 4,
        _ => length,
    }
}

/// The text of a part: charset decoded, line ends LF, `format=flowed` unwrapped. Never refuses what can be read at all.
pub fn text(raw: &[u8], node: &Node) -> Option<String> {
    let data = decoded(raw, node)?;
    let text = decode_charset(&data, node.about.parameter("charset"));
    let text = if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n") } else { text };
    if node.about.is("text", "plain") && node.about.parameter("format").is_some_and(|f| f.eq_ignore_ascii_case("flowed")) {
        let delete_space = node.about.parameter("delsp").is_some_and(|d| d.eq_ignore_ascii_case("yes"));
        return Some(super::wrap::unflowed(&text, delete_space));
    }
    Some(text)
}

/// Bytes to text: the declared charset; else UTF-8; else Windows-1252, which every byte string is.
pub fn decode_charset(data: &[u8], charset: Option<&str>) -> String {
    let declared = charset.filter(|c| !c.eq_ignore_ascii_case("us-ascii") && !c.eq_ignore_ascii_case("utf-8"));
    if let Some(decode) = declared.and_then(|c| charset_decoder(c.as_bytes())) {
        return decode(data);
    }
    match std::str::from_utf8(data) {
        Ok(text) => text.to_owned(),
        Err(_) if charset.is_some_and(|c| c.eq_ignore_ascii_case("utf-8")) => String::from_utf8_lossy(data).into_owned(),
        Err(_) => encoding_rs::WINDOWS_1252.decode_without_bom_handling(data).0.into_owned(),
    }
}

/// The part with a Content-ID, nearest to the given one: in the innermost multipart around it that has such a part.
pub fn related<'a>(root: &'a Node, part_id: Option<&str>, cid: &str) -> Option<&'a Node> {
    let cid = cid.trim_matches(['<', '>']);
    let wanted = |within: &'a Node| {
        let mut found = None;
        walk(within, &mut |node| {
            if node.about.content_id.as_deref() == Some(cid) {
                found = Some(node);
            }
            found.is_none()
        });
        found
    };
    let mut outer = part_id.map(str::to_owned);
    while let Some(id) = outer {
        if let Some(found) = find(root, &id).and_then(wanted) {
            return Some(found);
        }
        outer = id.rsplit_once('-').map(|(before, _)| before.to_owned());
    }
    wanted(root)
}

/// The bytes of a message inside a message: the content of a `message/rfc822` part.
pub fn embedded_message(raw: &[u8], root: &Node, part_id: &str) -> Outcome<Vec<u8>> {
    let node = find(root, part_id).ok_or_else(|| Fault::not_found("message part does not exist"))?;
    match (&node.inside, node.about.kind.as_str()) {
        (Inside::Message(_), _) | (_, "message") => {
            decoded(raw, node).map(Cow::into_owned).ok_or_else(|| Fault::bad("message part cannot be read"))
        }
        _ => Err(Fault::bad("message part is not a message")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ids(root: &Node) -> Vec<String> {
        let mut out = Vec::new();
        walk(root, &mut |node| {
            out.extend(node.part_id.clone());
            true
        });
        out
    }

    const NESTED: &str = "From: a@b.c\r\nContent-Type: multipart/mixed; boundary=\"o\"\r\n\r\npreamble\r\n--o\r\n\r\nfirst\r\n--o\r\n\
        Content-Type: message/rfc822\r\n\r\nSubject: inner\r\nContent-Type: multipart/alternative; boundary=oo\r\n\r\n--oo\r\n\r\nA\r\n--oo\r\n\
        Content-Type: text/html\r\n\r\nB\r\n--oo--\r\n--o\r\nContent-Type: message/rfc822\r\n\r\nSubject: single\r\n\r\nC\r\n--o--\r\nepilogue";

    #[test]
    fn every_part_has_an_address() {
        let root = structure(NESTED.as_bytes(), &Limits::default());
        assert_eq!(ids(&root), ["01", "02", "02-01", "02-02", "03", "03-01"]);
        let text = |id: &str| text(NESTED.as_bytes(), find(&root, id).unwrap()).unwrap();
        assert_eq!((text("1"), text("2-2"), text("03-01")), ("first".into(), "B".into(), "C".into()));
        assert_eq!(embedded_message(NESTED.as_bytes(), &root, "03").unwrap(), b"Subject: single\r\n\r\nC");
    }

    #[test]
    fn bombs_stay_small() {
        let mut nested = String::new();
        for level in 0..5_000 {
            nested += &format!("Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n");
        }
        let root = structure(nested.as_bytes(), &Limits::default());
        assert!(ids(&root).len() <= 32);
        let messages = "Content-Type: message/rfc822\r\n\r\n".repeat(50_000);
        assert!(ids(&structure(messages.as_bytes(), &Limits::default())).len() <= 32);
        let wide = format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n{}", "--b\r\n\r\nx\r\n".repeat(100_000));
        assert_eq!(ids(&structure(wide.as_bytes(), &Limits::default())).len(), 2_000);
    }

    #[test]
    fn broken_multiparts_still_show_their_text() {
        let raw = b"Content-Type: multipart/mixed; boundary=x\r\n\r\nno boundary here";
        let root = structure(raw, &Limits::default());
        assert_eq!(text(raw, find(&root, "01").unwrap()).unwrap(), "no boundary here");
    }

    #[test]
    fn the_nearest_related_part_is_found() {
        let raw = b"Content-Type: multipart/mixed; boundary=m\n\n--m\nContent-Type: multipart/related; boundary=r\n\n--r\nContent-Type: text/html\n\nx\n\
            --r\nContent-ID: <a>\nContent-Type: image/gif\n\ninner\n--r--\n--m\nContent-ID: <a>\n\nouter\n--m--\n";
        let root = structure(raw, &Limits::default());
        assert_eq!(related(&root, Some("01-01"), "a").unwrap().part_id.as_deref(), Some("01-02"));
        assert_eq!(related(&root, Some("02"), "<a>").unwrap().part_id.as_deref(), Some("02"));
        assert_eq!(related(&root, None, "b"), None);
    }

    proptest! {
        #[test]
        fn any_bytes_have_a_structure(raw in "([-ab:;=\"/\r\n ]|Content-Type|multipart/mixed|boundary|--b|message/rfc822|base64){0,80}") {
            let root = structure(raw.as_bytes(), &Limits::default());
            walk(&root, &mut |node| {
                assert!(node.header.end <= node.body.start && node.body.end <= raw.len());
                let _ = text(raw.as_bytes(), node);
                true
            });
        }
    }
}
