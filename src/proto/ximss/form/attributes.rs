//! How the model's types are written in attributes.

use crate::domain::remote_documents::RemoteUrl;
use crate::model::flags::FlagChange;
use crate::model::ids::Uid;
use crate::model::names::{AccountRef, Address, DomainName, ListPattern, MailboxPath, Picture};
use crate::model::time::{Duration, Timestamp};
use crate::xml::FromAttr;

impl FromAttr for MailboxPath {
    const KIND: &'static str = "mailbox name";
    const SAMPLE: &'static str = "INBOX";
    fn from_attr(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl FromAttr for RemoteUrl {
    const KIND: &'static str = "address of http or https";
    const SAMPLE: &'static str = "https://example.com/calendar.ics";
    fn from_attr(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl FromAttr for ListPattern {
    const KIND: &'static str = "IMAP list filter";
    const SAMPLE: &'static str = "*";
    fn from_attr(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl FromAttr for Picture {
    const KIND: &'static str = "picture with *";
    const SAMPLE: &'static str = "*";
    fn from_attr(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl FromAttr for AccountRef {
    const KIND: &'static str = "account name";
    const SAMPLE: &'static str = "alice";
    fn from_attr(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl FromAttr for DomainName {
    const KIND: &'static str = "domain name";
    const SAMPLE: &'static str = "example.test";
    fn from_attr(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

/// An e-mail address, or nothing where the text is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaybeAddress(pub Option<Address>);

impl FromAttr for MaybeAddress {
    const KIND: &'static str = "e-mail address, or empty";
    const SAMPLE: &'static str = "me@example.org";
    fn from_attr(text: &str) -> Option<Self> {
        if text.trim().is_empty() { Some(Self(None)) } else { text.parse().ok().map(|address| Self(Some(address))) }
    }
}

impl FromAttr for FlagChange {
    const KIND: &'static str = "message flags";
    const SAMPLE: &'static str = "Seen";
    fn from_attr(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl FromAttr for Timestamp {
    const KIND: &'static str = "date and time";
    const SAMPLE: &'static str = "20060410T201548Z";
    fn from_attr(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl FromAttr for Duration {
    const KIND: &'static str = "duration";
    const SAMPLE: &'static str = "7d";
    fn from_attr(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl FromAttr for Uid {
    const KIND: &'static str = "message UID";
    const SAMPLE: &'static str = "1";
    fn from_attr(text: &str) -> Option<Self> {
        text.trim().parse().ok().map(Self)
    }
}

/// The client's name for something it has open: any text of 1 to 255 bytes without control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientName(pub String);

impl FromAttr for ClientName {
    const KIND: &'static str = "name of the client's choice";
    const SAMPLE: &'static str = "INBOX";
    fn from_attr(text: &str) -> Option<Self> {
        let good = !text.is_empty() && text.len() <= 255 && !text.chars().any(char::is_control);
        good.then(|| Self(text.to_owned()))
    }
}

/// The class of a mailbox; `IPF.Note` is the same as the empty one, mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailboxClass(pub String);

impl FromAttr for MailboxClass {
    const KIND: &'static str = "mailbox class";
    const SAMPLE: &'static str = "IPF.StickyNote";
    fn from_attr(text: &str) -> Option<Self> {
        let text = text.trim();
        let good = text.len() <= 128 && text.chars().all(|c| c.is_ascii_graphic());
        good.then(|| Self(if text.eq_ignore_ascii_case("IPF.Note") { String::new() } else { text.to_owned() }))
    }
}

/// `uid`: the client wants to know the UIDs of what is added. Any other value is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportUids;

impl FromAttr for ReportUids {
    const KIND: &'static str = "uid";
    const SAMPLE: &'static str = "uid";
    fn from_attr(text: &str) -> Option<Self> {
        text.trim().eq_ignore_ascii_case("uid").then_some(Self)
    }
}
