//! Drafts to raw messages: CRLF line ends, encoded headers, parts with the right transfer encoding.
//!
//! Header values are written by mail-builder, which folds and encodes; texts that reach it were checked when the draft
//! was read, and are cleaned of line breaks once more here, because a header must never be broken out of.
//! Spec: XIMSS, "Message Operations" (messageAppend, messageSubmit).

use super::header;
use super::structure::Node;
use super::wrap;
use crate::model::draft::{CopySource, Draft, DraftDisposition, DraftPart, Source};
use crate::model::fault::{Fault, Outcome};
use crate::model::mail::{Field, FieldValue, MailAddress, Priority, Report};
use crate::model::names::DomainName;
use crate::model::time::Timestamp;
use mail_builder::encoders::base64::Base64Encoder;
use mail_builder::encoders::quoted_printable::QuotedPrintableEncoder;
use mail_builder::headers::Header;
use mail_builder::headers::address::Address;
use mail_builder::headers::content_type::ContentType;
use mail_builder::headers::text::Text;
use memchr::memchr2;

/// A file to be attached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// `image`.
    pub kind: String,
    /// `gif`.
    pub subtype: String,
    /// The charset, for text.
    pub charset: Option<String>,
    /// The name of the file.
    pub file_name: Option<String>,
    /// Its bytes.
    pub data: Vec<u8>,
}

/// A stored message, or a part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CopiedPart {
    /// A whole message.
    Message(Vec<u8>),
    /// A part: the raw fields that describe its content, and its raw body.
    Part {
        /// `Content-*` fields, each with its line break.
        fields: Vec<u8>,
        /// The body as it is encoded.
        body: Vec<u8>,
    },
}

impl CopiedPart {
    /// A part of a message; header fields that do not describe the content are not copied.
    pub fn of(raw: &[u8], node: &Node) -> Self {
        let header = raw.get(node.header.clone()).unwrap_or_default();
        let mut fields = Vec::new();
        for field in header::fields(header).filter(|f| f.name.get(..8).is_some_and(|p| p.eq_ignore_ascii_case("content-"))) {
            fields.extend_from_slice(field.whole.trim_ascii_end());
            fields.extend_from_slice(b"\r\n");
        }
        Self::Part { fields, body: raw.get(node.body.clone()).unwrap_or_default().to_vec() }
    }
}

/// Where the content that a draft refers to comes from.
pub trait Sources {
    /// A file of the "uploaded file set".
    fn upload(&mut self, id: &str) -> Outcome<Attachment>;
    /// A file of the File Storage.
    fn stored_file(&mut self, name: &str) -> Outcome<Attachment>;
    /// A stored message or a part of one.
    fn copied(&mut self, source: &CopySource) -> Outcome<CopiedPart>;
}

/// How a message is finished.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The present.
    pub now: Timestamp,
    /// Seconds that the user's clock is ahead of Greenwich.
    pub shift: i32,
    /// The domain in what the server names itself.
    pub domain: DomainName,
    /// Add Message-ID, Date and MIME-Version where they are missing.
    pub fill_missing: bool,
    /// Encode header text that is not ASCII; without it, UTF-8 is written as it is.
    pub encode_headers: bool,
    /// Write Bcc fields.
    pub keep_bcc: bool,
    /// The column at which flowed text is wrapped.
    pub wrap: usize,
    /// Makes boundaries and the Message-ID unique.
    pub random: [u8; 16],
}

/// The bytes of a message.
pub fn build(draft: &Draft, sources: &mut dyn Sources, settings: &Settings) -> Outcome<Vec<u8>> {
    let mut building = Building { sources, settings, boundaries: 0, out: Vec::with_capacity(4096) };
    building.message(draft, settings.fill_missing)?;
    Ok(building.out)
}

/// The bytes of one part: its fields, an empty line, its body.
pub fn part(part: &DraftPart, sources: &mut dyn Sources, settings: &Settings) -> Outcome<Vec<u8>> {
    let mut building = Building { sources, settings, boundaries: 0, out: Vec::new() };
    building.part(part, false)?;
    Ok(building.out)
}

/// A unique text of letters and digits.
pub(super) fn unique(random: &[u8; 16]) -> String {
    random.iter().map(|b| format!("{b:02x}")).collect()
}

struct Building<'a> {
    sources: &'a mut dyn Sources,
    settings: &'a Settings,
    boundaries: u32,
    out: Vec<u8>,
}

/// A text with the line ends of mail, and whether one of its lines is longer than mail allows (RFC 5322 2.1.1).
fn with_crlf(text: &str) -> (String, bool) {
    let (mut out, mut rest, mut long) = (String::with_capacity(text.len() + text.len() / 32 + 2), text, false);
    while let Some((line, after)) = memchr2(b'\r', b'\n', rest.as_bytes()).and_then(|at| rest.split_at_checked(at)) {
        long |= line.len() > 998;
        out.push_str(line);
        out.push_str("\r\n");
        rest = after.strip_prefix("\r\n").or_else(|| after.strip_prefix(['\r', '\n'])).unwrap_or_default();
    }
    out.push_str(rest);
    (out, long || rest.len() > 998)
}

/// Line breaks and other controls become blanks.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn address(a: &MailAddress) -> Address<'static> {
    Address::new_address(a.name.as_deref().map(clean), clean(&a.address))
}

/// Writes a field of addresses.
pub(super) fn write_addresses(out: &mut Vec<u8>, name: &str, addresses: &[MailAddress]) {
    if addresses.is_empty() {
        return;
    }
    start(out, name);
    Address::new_list(addresses.iter().map(address).collect()).write_header(out, name.len() + 2);
}

fn start(out: &mut Vec<u8>, name: &str) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
}

/// Writes a field of text, encoded where it must be.
pub(super) fn write_text(out: &mut Vec<u8>, name: &str, text: &str) {
    start(out, name);
    Text::new(clean(text)).write_header(out, name.len() + 2);
}

/// Writes a field as it is, but for line breaks.
pub(super) fn write_plain(out: &mut Vec<u8>, name: &str, text: &str) {
    start(out, name);
    out.extend_from_slice(clean(text).as_bytes());
    out.extend_from_slice(b"\r\n");
}

fn in_brackets(id: &str) -> String {
    let id = clean(id);
    let id = id.trim();
    if id.starts_with('<') { id.to_owned() } else { format!("<{id}>") }
}

impl Building<'_> {
    fn message(&mut self, draft: &Draft, fill_missing: bool) -> Outcome<()> {
        let has = |name: &str| draft.fields.iter().any(|f| f.name.eq_ignore_ascii_case(name));
        let mut seen: Vec<&str> = Vec::new();
        for field in &draft.fields {
            if field.name.eq_ignore_ascii_case("Bcc") && !self.settings.keep_bcc || field.name.eq_ignore_ascii_case("MIME-Version") {
                continue;
            }
            // Addresses of one name come as several fields and go out as one.
            if matches!(field.value, FieldValue::Addresses(_)) {
                if seen.iter().any(|name| name.eq_ignore_ascii_case(&field.name)) {
                    continue;
                }
                seen.push(&field.name);
                let all = draft.fields.iter().filter(|f| f.name.eq_ignore_ascii_case(&field.name));
                let all: Vec<MailAddress> =
                    all.flat_map(|f| if let FieldValue::Addresses(list) = &f.value { list.clone() } else { Vec::new() }).collect();
                write_addresses(&mut self.out, &field.name, &all);
                continue;
            }
            self.field(field);
        }
        if fill_missing && !has("Date") {
            write_plain(&mut self.out, "Date", &self.settings.now.rfc5322(self.settings.shift));
        }
        if fill_missing && !has("Message-ID") {
            let id = format!("<ximss-{}@{}>", unique(&self.settings.random), self.settings.domain);
            write_plain(&mut self.out, "Message-ID", &id);
        }
        match &draft.body {
            Some(body) => {
                write_plain(&mut self.out, "MIME-Version", "1.0");
                self.part(body, true)
            }
            None => {
                if fill_missing {
                    write_plain(&mut self.out, "MIME-Version", "1.0");
                }
                self.out.extend_from_slice(b"\r\n");
                Ok(())
            }
        }
    }

    fn field(&mut self, field: &Field) {
        let name = field.name.as_str();
        match &field.value {
            FieldValue::Addresses(list) => write_addresses(&mut self.out, name, list),
            FieldValue::Date { at, shift } => write_plain(&mut self.out, name, &at.rfc5322(*shift)),
            FieldValue::Priority(Priority::High) => write_plain(&mut self.out, "X-Priority", "1 (High)"),
            FieldValue::Priority(Priority::Low) => write_plain(&mut self.out, "X-Priority", "5 (Low)"),
            FieldValue::Phones(phones) => {
                let one = |p: &crate::model::mail::Phone| match &p.kind {
                    Some(kind) => format!("{};type={kind}", p.number),
                    None => p.number.clone(),
                };
                write_text(&mut self.out, name, &phones.iter().map(one).collect::<Vec<_>>().join(", "));
            }
            FieldValue::Text(text) if name.eq_ignore_ascii_case("Message-ID") || name.eq_ignore_ascii_case("Resent-Message-ID") => {
                write_plain(&mut self.out, name, &in_brackets(text));
            }
            FieldValue::Text(text) if self.settings.encode_headers || text.is_ascii() => write_text(&mut self.out, name, text),
            FieldValue::Text(text) => write_plain(&mut self.out, name, text),
        }
    }

    /// Writes the fields that describe a part, an empty line, and its body. `top`: the body of a message.
    fn part(&mut self, part: &DraftPart, top: bool) -> Outcome<()> {
        match &part.source {
            Source::Parts(parts) => self.multipart(part, parts),
            Source::Text { text, flowed } => {
                let text = if *flowed { wrap::flowed(text, self.settings.wrap) } else { text.clone() };
                let format = flowed.then(|| ("format".to_owned(), "flowed".to_owned()));
                self.text(part, ("text", "plain"), format, &text)
            }
            Source::Xml(text) => self.text(part, ("text", "xml"), None, text),
            Source::Report(report) => self.text(part, ("message", "delivery-status"), None, &report_text(report)),
            Source::Data(data) => {
                let file = Attachment {
                    kind: "application".into(),
                    subtype: "octet-stream".into(),
                    charset: None,
                    file_name: None,
                    data: data.clone(),
                };
                self.file(part, file)
            }
            Source::Upload(id) => {
                let file = self.sources.upload(id)?;
                self.file(part, file)
            }
            Source::StoredFile(name) => {
                let file = self.sources.stored_file(name)?;
                self.file(part, file)
            }
            Source::Encoded(part) => {
                self.out.extend_from_slice(part);
                Ok(())
            }
            Source::Mail(mail) => {
                self.described(part, ("message", "rfc822"), Vec::new(), None);
                self.out.extend_from_slice(b"\r\n");
                self.message(mail, false)
            }
            Source::Copy(source) => match self.sources.copied(source)? {
                CopiedPart::Message(raw) => {
                    if top && part.kind.is_none() {
                        // The whole message as the body of another: it stays a message of its own.
                        self.described(part, ("message", "rfc822"), Vec::new(), None);
                    } else {
                        self.described(&DraftPart { kind: None, subtype: None, ..part.clone() }, ("message", "rfc822"), Vec::new(), None);
                    }
                    self.out.extend_from_slice(b"\r\n");
                    self.out.extend_from_slice(&raw);
                    Ok(())
                }
                CopiedPart::Part { fields, body } => {
                    self.out.extend_from_slice(&fields);
                    self.out.extend_from_slice(b"\r\n");
                    self.out.extend_from_slice(&body);
                    Ok(())
                }
            },
        }
    }

    fn multipart(&mut self, part: &DraftPart, parts: &[DraftPart]) -> Outcome<()> {
        self.boundaries += 1;
        let boundary = format!("_==={}-{}=_", unique(&self.settings.random), self.boundaries);
        self.described(part, ("multipart", "mixed"), vec![("boundary".to_owned(), boundary.clone())], None);
        self.out.extend_from_slice(b"\r\n");
        for inner in parts {
            self.out.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
            self.part(inner, false)?;
            self.out.extend_from_slice(b"\r\n");
        }
        self.out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        Ok(())
    }

    fn text(&mut self, part: &DraftPart, default: (&str, &str), format: Option<(String, String)>, text: &str) -> Outcome<()> {
        let (crlf, long) = with_crlf(text);
        let encoding = match (long || crlf.contains('\0'), crlf.is_ascii()) {
            (true, _) => "quoted-printable",
            (false, true) => "7bit",
            (false, false) => "8bit",
        };
        let mut parameters: Vec<(String, String)> = format.into_iter().collect();
        let is_text = part.kind.as_deref().unwrap_or(default.0) == "text";
        if is_text {
            parameters.push(("charset".into(), "utf-8".into()));
        }
        self.described(part, default, parameters, None);
        write_plain(&mut self.out, "Content-Transfer-Encoding", encoding);
        self.out.extend_from_slice(b"\r\n");
        if encoding == "quoted-printable" {
            QuotedPrintableEncoder::new().preserve_line_breaks().encode_into(crlf.as_bytes(), &mut self.out);
        } else {
            self.out.extend_from_slice(crlf.as_bytes());
        }
        Ok(())
    }

    fn file(&mut self, part: &DraftPart, file: Attachment) -> Outcome<()> {
        let kind = part.kind.clone().unwrap_or(file.kind);
        let subtype = part.subtype.clone().unwrap_or(file.subtype);
        if kind == "multipart" || kind == "message" && !matches!(subtype.as_str(), "external-body" | "partial") && part.kind.is_some() {
            return Err(Fault::bad("a file cannot have this type"));
        }
        let mut parameters = Vec::new();
        if kind == "text" {
            parameters.extend(part.charset.clone().or(file.charset).map(|charset| ("charset".to_owned(), charset)));
        }
        let named = part.disposition_parameters.iter().find(|(n, _)| n.eq_ignore_ascii_case("filename")).map(|(_, v)| v.clone());
        let name = named.or(file.file_name);
        let typed = DraftPart { kind: Some(kind.clone()), subtype: Some(subtype.clone()), ..part.clone() };
        self.described(&typed, (&kind, &subtype), parameters, Some(name));
        write_plain(&mut self.out, "Content-Transfer-Encoding", "base64");
        self.out.extend_from_slice(b"\r\n");
        Base64Encoder::new().wrap_lines().encode_into(&file.data, &mut self.out);
        Ok(())
    }

    /// Writes the `Content-*` fields. `file`: the part is a file, with this name if it has one.
    fn described(&mut self, part: &DraftPart, default: (&str, &str), own: Vec<(String, String)>, file: Option<Option<String>>) {
        let kind = part.kind.as_deref().unwrap_or(default.0);
        let subtype = part.subtype.as_deref().unwrap_or(default.1);
        let mut typed = ContentType::new(format!("{kind}/{subtype}"));
        let name = file.clone().flatten().filter(|_| part.disposition != DraftDisposition::None);
        let is_own = |parameter: &str| own.iter().any(|(n, _)| n.eq_ignore_ascii_case(parameter));
        for (name, value) in part
            .type_parameters
            .iter()
            .filter(|(n, _)| !is_own(n) && !n.eq_ignore_ascii_case("boundary") && !n.eq_ignore_ascii_case("name"))
        {
            typed = typed.attribute(name.clone(), clean(value));
        }
        for (name, value) in own {
            typed = typed.attribute(name, clean(&value));
        }
        let given = part.type_parameters.iter().find(|(n, _)| n.eq_ignore_ascii_case("name")).map(|(_, v)| v.clone());
        if let Some(name) = name.clone().or(given.filter(|_| part.disposition != DraftDisposition::None)) {
            typed = typed.attribute("name", clean(&name));
        }
        start(&mut self.out, "Content-Type");
        typed.write_header(&mut self.out, 14);
        let disposition = match (&part.disposition, file.is_some()) {
            (DraftDisposition::Named(text), _) => Some(text.clone()),
            (DraftDisposition::ByContent, true) => Some("attachment".to_owned()),
            _ => None,
        };
        if let Some(disposition) = disposition {
            let mut field = ContentType::new(clean(&disposition));
            let has_name = part.disposition_parameters.iter().any(|(n, _)| n.eq_ignore_ascii_case("filename"));
            if let Some(name) = name.filter(|_| !has_name) {
                field = field.attribute("filename", clean(&name));
            }
            for (name, value) in &part.disposition_parameters {
                field = field.attribute(name.clone(), clean(value));
            }
            start(&mut self.out, "Content-Disposition");
            field.write_header(&mut self.out, 21);
        }
        let bracketed = part.content_id.as_deref().map(in_brackets);
        let class =
            part.class.as_deref().map(|class| if class.contains(':') { class.to_owned() } else { format!("urn:content-classes:{class}") });
        for (name, value) in [("Content-ID", bracketed), ("Content-Location", part.location.clone()), ("Content-Class", class)] {
            if let Some(value) = value {
                write_plain(&mut self.out, name, &value);
            }
        }
        if let Some(description) = &part.description {
            write_text(&mut self.out, "Content-Description", description);
        }
    }
}

/// The text of a report part: groups of fields separated by empty lines.
fn report_text(report: &Report) -> String {
    let group = |report: &Report| report.fields.iter().map(|(n, v)| format!("{n}: {}\n", clean(v))).collect::<String>();
    let mut text = group(report);
    report.groups.iter().for_each(|inner| {
        text.push('\n');
        text.push_str(&group(inner));
    });
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn lines_end_as_those_of_mail(text in "[a\r\n\u{e4}]{0,40}", long in 990usize..1_010) {
            let (crlf, is_long) = with_crlf(&text);
            prop_assert_eq!(&crlf, &text.replace("\r\n", "\n").replace('\r', "\n").replace('\n', "\r\n"));
            prop_assert!(!is_long);
            let line = "x".repeat(long);
            for text in [format!("{text}\n{line}"), format!("{line}\r{text}"), format!("{text}\r\n{line}\n{text}")] {
                prop_assert_eq!(with_crlf(&text).1, long > 998);
            }
        }
    }
}
