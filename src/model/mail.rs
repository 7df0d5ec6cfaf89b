//! Mail as a tree: what a message says, without its bytes.
//!
//! Spec: XIMSS, "XML Data Formats" (EMail, MIME, MIMEReport). `format::mime` makes it from bytes and bytes from it;
//! the XIMSS front end makes XML from it and it from XML.

use super::time::Timestamp;
use serde::{Deserialize, Serialize};

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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

/// True for a field whose body is a list of addresses; names are compared without case.
pub fn is_address_field(name: &str) -> bool {
    ADDRESS_FIELDS.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Decoded text as the index keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Kept {
    /// The message has no such field.
    #[default]
    Absent,
    /// The text.
    Text(String),
    /// Longer than is kept: the header has it.
    Long,
}

impl Kept {
    /// The longest text that is kept, in bytes.
    pub const MOST: usize = 600;

    /// Keeps a text.
    pub fn of(text: Option<String>) -> Self {
        match text {
            None => Self::Absent,
            Some(text) if text.len() > Self::MOST => Self::Long,
            Some(text) => Self::Text(text),
        }
    }
}

/// A field of addresses as the index keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct KeptAddresses {
    /// For each address the name beside it or else the address, joined with commas.
    pub shown: Kept,
    /// The bare addresses, joined with commas.
    pub addresses: Kept,
}

/// What the index keeps of every message: the decoded header fields that lists show and sort by most.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Envelope {
    /// `Date` and the shift written in it.
    pub date: Option<(Timestamp, i32)>,
    /// `X-Priority`.
    pub priority: Option<Priority>,
    /// `Subject`.
    pub subject: Kept,
    /// `From`.
    pub from: KeptAddresses,
    /// `To`.
    pub to: KeptAddresses,
    /// `Cc`.
    pub cc: KeptAddresses,
    /// `Message-ID`.
    pub message_id: Kept,
    /// True when the message holds audio or video.
    pub media: bool,
}
