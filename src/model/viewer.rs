//! Viewer fields: what a folder shows of a message and sorts by, by the specification's names.
//!
//! Spec: XIMSS, "Mailbox Operations", the list of sortField and viewer fields.

use super::fault::{Fault, Outcome};
use super::mail::{DATE_FIELDS, is_address_field};
use super::time::Timestamp;
use std::fmt;
use std::str::FromStr;

/// A field that a folder can show. Names are kept as the client wrote them: they come back as element names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ViewerField {
    /// A field of addresses: real names, or addresses where there are none.
    Email(String),
    /// A field of addresses as bare addresses (`E-From`); the name is without `E-`.
    EmailAddress(String),
    /// A field that holds a date.
    Date(String),
    /// Any other header field, decoded.
    Text(String),
    /// `Pty`: High, Low or nothing.
    Pty,
    /// The message's UID.
    Uid,
    /// The UID of its first version.
    OrigUid,
    /// Its raw size.
    Size,
    /// Its internal date.
    InternalDate,
    /// Its flags.
    Flags,
}

/// What a field shows of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ViewerValue {
    /// The message has no such field.
    Absent,
    /// Decoded text.
    Text(String),
    /// A date.
    Date {
        /// The instant.
        at: Timestamp,
        /// Seconds that the written clock was ahead of Greenwich.
        shift: i32,
    },
}

impl ViewerValue {
    /// True when there is nothing to show.
    pub fn is_absent(&self) -> bool {
        *self == Self::Absent
    }
}

impl FromStr for ViewerField {
    type Err = Fault;
    fn from_str(name: &str) -> Outcome<Self> {
        let good = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_' || c == '.';
        if name.len() > 64 || !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') || !name.chars().all(good) {
            return Err(Fault::bad("field name is incorrect"));
        }
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        let of_metadata = [
            ("Pty", Self::Pty),
            ("UID", Self::Uid),
            ("ORIGUID", Self::OrigUid),
            ("SIZE", Self::Size),
            ("INTERNALDATE", Self::InternalDate),
            ("FLAGS", Self::Flags),
        ];
        if let Some((_, field)) = of_metadata.into_iter().find(|(known, _)| is(known)) {
            return Ok(field);
        }
        if DATE_FIELDS.iter().any(|known| is(known)) {
            return Ok(Self::Date(name.to_owned()));
        }
        if is_address_field(name) {
            return Ok(Self::Email(name.to_owned()));
        }
        match name.get(..2).zip(name.get(2..)) {
            Some((prefix, rest)) if prefix.eq_ignore_ascii_case("E-") && is_address_field(rest) => Ok(Self::EmailAddress(rest.to_owned())),
            _ => Ok(Self::Text(name.to_owned())),
        }
    }
}

impl fmt::Display for ViewerField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Email(name) | Self::Date(name) | Self::Text(name) => f.write_str(name),
            Self::EmailAddress(name) => write!(f, "E-{name}"),
            Self::Pty => f.write_str("Pty"),
            Self::Uid => f.write_str("UID"),
            Self::OrigUid => f.write_str("ORIGUID"),
            Self::Size => f.write_str("SIZE"),
            Self::InternalDate => f.write_str("INTERNALDATE"),
            Self::Flags => f.write_str("FLAGS"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fall_into_categories() {
        let field = |name: &str| name.parse::<ViewerField>().unwrap();
        assert_eq!(field("from"), ViewerField::Email("from".into()));
        assert_eq!(field("E-To"), ViewerField::EmailAddress("To".into()));
        assert_eq!(field("E-Mail"), ViewerField::Text("E-Mail".into()));
        assert_eq!(field("Date"), ViewerField::Date("Date".into()));
        assert_eq!(
            (field("uid"), field("FLAGS"), field("X-Mailer")),
            (ViewerField::Uid, ViewerField::Flags, ViewerField::Text("X-Mailer".into()))
        );
        for name in ["From", "E-From", "Date", "Subject", "Pty", "UID", "ORIGUID", "SIZE", "INTERNALDATE", "FLAGS"] {
            assert_eq!(field(name).to_string(), name);
        }
        for bad in ["", "a b", "<x>", "1a", "-a", &"x".repeat(65)] {
            assert!(bad.parse::<ViewerField>().is_err(), "{bad:?}");
        }
    }
}
