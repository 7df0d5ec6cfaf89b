//! Viewer fields: what a folder shows and sorts by, from the ledger, the envelope, or, for rarer fields, the header.
//!
//! Spec: XIMSS, "Mailbox Operations", the list of sortField and viewer fields.

use crate::format::mime::header;
use crate::model::fault::Outcome;
use crate::model::flags::Flags;
use crate::model::ids::{MailboxId, Uid};
use crate::model::mail::Envelope;
use crate::model::time::Timestamp;
use crate::model::viewer::{ViewerField, ViewerValue};
use crate::store::ledger::Row;
use crate::store::{Read, blobs, messages};
use std::cmp::Ordering;

/// A message while its fields are being looked at: envelope and header are read once, and only when needed.
pub struct Looked<'a> {
    tx: &'a dyn Read,
    mailbox: MailboxId,
    /// Its row.
    pub row: Row,
    envelope: Option<Envelope>,
    header: Option<Vec<u8>>,
}

impl<'a> Looked<'a> {
    /// A message of a mailbox.
    pub fn new(tx: &'a dyn Read, mailbox: MailboxId, row: Row) -> Self {
        Self { tx, mailbox, row, envelope: None, header: None }
    }

    /// The same with an envelope that has been read already.
    pub fn with_envelope(mut self, envelope: Envelope) -> Self {
        self.envelope = Some(envelope);
        self
    }

    fn envelope(&mut self) -> Outcome<&Envelope> {
        if self.envelope.is_none() {
            self.envelope = Some(messages::envelope(self.tx, self.mailbox, self.row.uid)?.unwrap_or_default());
        }
        Ok(self.envelope.get_or_insert_default())
    }

    /// The raw header.
    pub fn header(&mut self) -> Outcome<&[u8]> {
        if self.header.is_none() {
            self.header = Some(blobs::header(self.tx, self.row.blob)?);
        }
        Ok(self.header.get_or_insert_default())
    }

    /// All bytes.
    pub fn raw(&self) -> Outcome<Vec<u8>> {
        blobs::whole(self.tx, self.row.blob)
    }

    /// What a field shows.
    pub fn value(&mut self, field: &ViewerField) -> Outcome<ViewerValue> {
        let text = |text: String| ViewerValue::Text(text);
        Ok(match field {
            ViewerField::Uid => text(self.row.uid.to_string()),
            ViewerField::OrigUid => text(self.row.original.to_string()),
            ViewerField::Size => text(self.row.size.to_string()),
            ViewerField::Flags => text(self.row.flags.to_string()),
            ViewerField::InternalDate => ViewerValue::Date { at: self.row.internal, shift: 0 },
            other => match header::from_envelope(self.envelope()?, other) {
                Some(value) => value,
                None => header::from_header(self.header()?, other),
            },
        })
    }

    /// What it is sorted by.
    pub fn key(&mut self, field: &ViewerField) -> Outcome<SortKey> {
        if let Some(number) = number(&self.row, field) {
            return Ok(SortKey::Number(number));
        }
        Ok(match self.value(field)? {
            ViewerValue::Date { at, .. } => SortKey::Number(at.0),
            other => SortKey::Text(header::sort_text(&other)),
        })
    }
}

/// The field as a number, where the row alone says it.
fn number(row: &Row, field: &ViewerField) -> Option<i64> {
    match field {
        ViewerField::Uid => Some(row.uid.0.into()),
        ViewerField::OrigUid => Some(row.original.0.into()),
        ViewerField::Size => Some(row.size.into()),
        ViewerField::InternalDate => Some(row.internal.0),
        ViewerField::Date(name) if name.eq_ignore_ascii_case("Date") => Some(row.sent.0),
        _ => None,
    }
}

/// True when the row alone says what to sort by, so that no order needs to be kept.
pub fn sorts_by_row(field: &ViewerField) -> bool {
    let row = Row {
        uid: Uid(0),
        original: Uid(0),
        flags: Flags::NONE,
        size: 0,
        internal: Timestamp(0),
        sent: Timestamp(0),
        item: Default::default(),
        modseq: Default::default(),
        blob: Default::default(),
    };
    number(&row, field).is_some()
}

/// What a message is sorted by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum SortKey {
    /// By number: dates, sizes.
    Number(i64),
    /// By text, case folded.
    Text(String),
}

/// How a folder is sorted. Without a field: by UID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sorting {
    /// The field.
    pub field: ViewerField,
    /// Greatest first. Messages that are equal are in UID order all the same.
    pub descending: bool,
}

impl Sorting {
    /// The order of two messages.
    pub fn compare(&self, a: (&SortKey, Uid), b: (&SortKey, Uid)) -> Ordering {
        let by_key = if self.descending { b.0.cmp(a.0) } else { a.0.cmp(b.0) };
        by_key.then(a.1.cmp(&b.1))
    }

    /// The name under which an order by this field is kept.
    pub fn kept_as(&self) -> String {
        let name = crate::model::names::fold(&self.field.to_string());
        if self.descending { format!("-{name}") } else { name }
    }
}
