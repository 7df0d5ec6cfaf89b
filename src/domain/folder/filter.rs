//! Filters: which messages of a mailbox belong to a folder.
//!
//! Spec: XIMSS, "Mailbox Operations": filter, filterField, hideDeleted, UIDMin. Substrings are compared without case,
//! in decoded text.

use super::fields::Looked;
use crate::format::mime::{header, search};
use crate::model::fault::{Fault, Outcome};
use crate::model::flags::{FlagChange, Flags};
use crate::model::ids::Uid;
use crate::model::names::fold;
use crate::model::rights::Rights;
use crate::model::viewer::ViewerField;
use crate::store::ledger::Row;
use crate::store::search::Scope;

/// What a filter asks of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// These flags set and those not set.
    Flags(FlagChange),
    /// A header field that holds the text (folded).
    Header(ViewerField, String),
    /// Any part of the body that holds the text (folded).
    Body(String),
    /// Any header field or part of the body that holds the text (folded).
    Anything(String),
}

impl Filter {
    /// The longest text that is searched for, in bytes.
    const MOST: usize = 1024;

    /// Reads the attributes `filter` and `filterField`.
    pub fn read(text: &str, field: Option<&str>) -> Outcome<Self> {
        if text.len() > Self::MOST {
            return Err(Fault::incorrect("filter"));
        }
        match field {
            None => Ok(Self::Anything(fold(text))),
            Some(field) if field.eq_ignore_ascii_case("FLAGS") => Ok(Self::Flags(flags(text))),
            Some(field) if field.eq_ignore_ascii_case("body") => Ok(Self::Body(fold(text))),
            Some(field) => Ok(Self::Header(field.parse().map_err(|_| Fault::incorrect("filterField"))?, fold(text))),
        }
    }

    /// True when it must read more than the ledger's row.
    pub fn reads_content(&self) -> bool {
        !matches!(self, Self::Flags(_))
    }

    /// What the search index can say of it: where to look, and for which terms. None where it cannot help.
    pub fn index_question(&self) -> Option<(&'static [Scope], Vec<u32>)> {
        let (scopes, text): (&'static [Scope], _) = match self {
            Self::Header(ViewerField::Email(_) | ViewerField::EmailAddress(_) | ViewerField::Text(_), text) => (&[Scope::Header], text),
            Self::Body(text) => (&[Scope::Body], text),
            Self::Anything(text) => (&[Scope::Header, Scope::Body], text),
            Self::Flags(_) | Self::Header(..) => return None,
        };
        Some((scopes, search::terms(text))).filter(|(_, terms)| !terms.is_empty())
    }

    /// True when the message fits.
    pub fn fits(&self, message: &mut Looked<'_>) -> Outcome<bool> {
        Ok(match self {
            Self::Flags(change) => change.fits(message.row.flags),
            Self::Header(field, text) => holds(message, field, text)?,
            Self::Body(text) => search::body_contains(&message.raw()?, text),
            Self::Anything(text) => search::header_contains(message.header()?, text) || search::body_contains(&message.raw()?, text),
        })
    }
}

/// A list with an unknown name fits no message: the flag cannot be set.
fn flags(text: &str) -> FlagChange {
    text.parse().unwrap_or(FlagChange { set: Flags::SEEN, clear: Flags::SEEN })
}

/// A field of addresses is searched in names and addresses both.
fn holds(message: &mut Looked<'_>, field: &ViewerField, text: &str) -> Outcome<bool> {
    let mut contains = |field: &ViewerField| -> Outcome<bool> {
        let value = message.value(field)?;
        Ok(!value.is_absent() && header::sort_text(&value).contains(text))
    };
    if contains(field)? {
        return Ok(true);
    }
    match field {
        ViewerField::Email(name) => contains(&ViewerField::EmailAddress(name.clone())),
        _ => Ok(false),
    }
}

/// Everything that decides whether a message is in a folder.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    /// The filter.
    pub filter: Option<Filter>,
    /// Leave messages with the `Deleted` flag out.
    pub hide_deleted: bool,
    /// The least UID; taken only when the UIDVALIDITY the client named with it is the mailbox's.
    pub uid_min: Option<(u32, Uid)>,
}

impl Selection {
    /// What the row alone says: false is final, true may still be refused by the filter.
    pub fn admits(&self, row: &Row, rights: Rights, uid_validity: u32) -> bool {
        let asked = match &self.filter {
            Some(Filter::Flags(change)) => change.touched(),
            _ => Flags::NONE,
        };
        let hidden = row.flags.has(Flags::HIDDEN) && !rights.has(Rights::ADMINISTER);
        let service = row.flags.has(Flags::SERVICE) && !asked.any(Flags::SERVICE);
        let deleted = self.hide_deleted && row.flags.has(Flags::DELETED);
        let early = self.uid_min.is_some_and(|(validity, least)| validity == uid_validity && row.uid < least);
        let flags = match &self.filter {
            Some(Filter::Flags(change)) => change.fits(row.flags),
            _ => true,
        };
        !hidden && !service && !deleted && !early && flags
    }

    /// What must be read of the message itself.
    pub fn content(&self) -> Option<&Filter> {
        self.filter.as_ref().filter(|f| f.reads_content())
    }
}
