//! Mail as a tree: what a message says, without its bytes.
//!
//! Spec: XIMSS, "XML Data Formats" (EMail, MIME, MIMEReport). `format::mime` makes it from bytes and bytes from it;
//! the XIMSS front end makes XML from it and it from XML.

use super::time::Timestamp;

/// The fields whose body is a list of addresses, as the specification lists them (`Resent-*` for its `Recent-*`).
pub const ADDRESS_FIELDS: &[&str] = &[
    "From",
    "To",
    "Cc",
    "Bcc",
    "Return-Path",
    "Sender",
    "Reply-To",
    "Disposition-Notification-To",
    "Resent-From",
    "Resent-To",
    "Resent-Cc",
    "Resent-Sender",
    "Resent-Bcc",
    "Return-Receipt-To",
    "Errors-To",
];

/// The fields whose body is a date.
pub const DATE_FIELDS: &[&str] = &["Date", "Resent-Date"];

/// A message or the header of one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mail {
    /// The header fields in order, without those that describe the content.
    pub fields: Vec<Field>,
    /// The body; None where there is none (a part of headers only).
    pub body: Option<Box<Part>>,
}

/// A header field: its name as written and what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The name, such as `X-Mailer`.
    pub name: String,
    /// The parsed body.
    pub value: FieldValue,
}

/// The body of a header field by its category.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldValue {
    /// One or more addresses.
    Addresses(Vec<MailAddress>),
    /// A date with the shift (seconds) written in it.
    Date {
        /// The instant.
        at: Timestamp,
        /// Seconds that the written clock was ahead of Greenwich.
        shift: i32,
    },
    /// `X-Priority`, shown as `Pty`: `High` or `Low`; a normal priority is no field.
    Priority(Priority),
    /// Telephone numbers (`X-Telnum`) with their types.
    Phones(Vec<Phone>),
    /// Anything else: decoded text.
    Text(String),
}

/// An address of a header field with the name beside it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MailAddress {
    /// The real name or comment, decoded.
    pub name: Option<String>,
    /// `user@domain`, or as much of it as there is.
    pub address: String,
}

/// What `X-Priority` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// 1 or 2.
    High,
    /// 4 or 5.
    Low,
}

/// A telephone number of `X-Telnum`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phone {
    /// `WORK`, `CELL`, ...
    pub kind: Option<String>,
    /// The number.
    pub number: String,
}

/// A MIME part.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Part {
    /// Its place: `01`, `02-01`; None for the body of a message that is not multipart.
    pub part_id: Option<String>,
    /// Bytes of the decoded data, estimated.
    pub estimated_size: Option<u64>,
    /// `text`, in lower case.
    pub kind: String,
    /// `plain`, in lower case.
    pub subtype: String,
    /// The charset as declared.
    pub charset: Option<String>,
    /// `Content-ID` without brackets.
    pub content_id: Option<String>,
    /// `Content-Disposition` without its parameters.
    pub disposition: Option<String>,
    /// `Content-Description`, decoded.
    pub description: Option<String>,
    /// `Content-Location`.
    pub location: Option<String>,
    /// `Content-Class` without `urn:` and `content-classes:`.
    pub class: Option<String>,
    /// Parameters of `Content-Type` but boundary and charset, decoded (RFC 2231).
    pub type_parameters: Vec<(String, String)>,
    /// Parameters of `Content-Disposition`, decoded.
    pub disposition_parameters: Vec<(String, String)>,
    /// What is inside.
    pub content: Content,
}

/// What a part holds, as far as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Content {
    /// Not shown: of another type, an attachment, or past the size limit. It can be fetched by its `part_id`.
    #[default]
    Omitted,
    /// `text/*`: decoded, lines end in LF.
    Text(String),
    /// `multipart/*`.
    Parts(Vec<Part>),
    /// `message/rfc822`, `text/rfc822-headers`.
    Mail(Mail),
    /// `message/delivery-status`, `message/disposition-notification`.
    Report(Report),
    /// `*/xml`: the source text of one well-formed document.
    Xml(String),
    /// The data could not be read (its transfer encoding is broken beyond repair).
    ReadError(String),
    /// The data could not be parsed as what it claims to be.
    ParserError(String),
}

/// A report: fields, and the groups of fields of each recipient.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Name and raw text of each field.
    pub fields: Vec<(String, String)>,
    /// The groups after the first.
    pub groups: Vec<Report>,
}

// STUB until the mime branch lands
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct Envelope {
    pub date: Option<(Timestamp, i32)>,
    pub media: bool,
}
