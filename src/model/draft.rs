//! Drafts: a message as a client describes it, before there are bytes. Every text has been checked for what must not
//! get into a header.

use super::mail::{Field, Report};

/// A message to be composed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Draft {
    /// Header fields in order, without those that describe the content.
    pub fields: Vec<Field>,
    /// The body.
    pub body: Option<DraftPart>,
    /// Sign it.
    pub sign: bool,
    /// Encrypt it.
    pub encrypt: bool,
}

/// A part to be composed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DraftPart {
    /// `text`; None where the source says it.
    pub kind: Option<String>,
    /// `plain`; None where the source says it.
    pub subtype: Option<String>,
    /// The charset of an upload; text that came as XML is always UTF-8.
    pub charset: Option<String>,
    /// `Content-Disposition`.
    pub disposition: DraftDisposition,
    /// `Content-ID` without brackets.
    pub content_id: Option<String>,
    /// `Content-Description`.
    pub description: Option<String>,
    /// `Content-Location`.
    pub location: Option<String>,
    /// `Content-Class` without its prefixes.
    pub class: Option<String>,
    /// More parameters of `Content-Type`.
    pub type_parameters: Vec<(String, String)>,
    /// Parameters of `Content-Disposition`.
    pub disposition_parameters: Vec<(String, String)>,
    /// Where the content comes from.
    pub source: Source,
}

/// What is said of how a part is to be shown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum DraftDisposition {
    /// Nothing: files become attachments, the rest goes without the field.
    #[default]
    ByContent,
    /// No field, and no name in the type.
    None,
    /// This.
    Named(String),
}

/// Where the content of a part comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Text of the request, lines ended by LF.
    Text {
        /// The text.
        text: String,
        /// To be written as RFC 3676 says.
        flowed: bool,
    },
    /// Bytes of the request.
    Data(Vec<u8>),
    /// The source of an XML document.
    Xml(String),
    /// A file of the "uploaded file set".
    Upload(String),
    /// A file of the File Storage.
    StoredFile(String),
    /// A stored message or a part of one.
    Copy(CopySource),
    /// Parts.
    Parts(Vec<DraftPart>),
    /// A whole message.
    Mail(Box<Draft>),
    /// A report.
    Report(Report),
    /// A part as it is on the wire: its fields, an empty line, its body.
    Encoded(Vec<u8>),
}

/// A stored message or a part of one, by the client's names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopySource {
    /// The open folder or calendar.
    pub folder: String,
    /// True for a calendar.
    pub calendar: bool,
    /// The message.
    pub uid: u32,
    /// The part; None for the whole message.
    pub part: Option<String>,
}

impl Default for DraftPart {
    fn default() -> Self {
        Self {
            kind: None,
            subtype: None,
            charset: None,
            disposition: DraftDisposition::ByContent,
            content_id: None,
            description: None,
            location: None,
            class: None,
            type_parameters: Vec::new(),
            disposition_parameters: Vec::new(),
            source: Source::Parts(Vec::new()),
        }
    }
}
