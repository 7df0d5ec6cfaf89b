//! Scheduling: what becomes of an item, and who is told, when it is published, cancelled or answered, and when an
//! invitation arrives.
//!
//! Decisions are pure functions over items (`Item`); `shelf` takes items from calendars and puts them back, `letter`
//! writes the mails, `office` carries out what is asked for, `invitations` what arrives. What is decided where the specification leaves it open:
//! - SEQUENCE stays as it was given, but is never lower than that of the version that is replaced, and higher where the
//!   item was rescheduled (start, end, rules, dates, exclusions or status differ). Where its time has changed, the
//!   attendees have to answer again (PARTSTAT=NEEDS-ACTION).
//! - DTSTAMP and LAST-MODIFIED stay as they were given where that is later than in the version that is replaced; else
//!   they are the present, and so is the DTSTAMP of what is sent to others. CREATED stays that of the first version.
//! - Requests and cancellations go out for items that the user organizes, or the account in whose calendar the user works
//!   (then with SENT-BY). An item with attendees and without an organizer gets the user for one.
//! - Copied exceptions are those of an item that still recurs, as far as it does not exclude them.
//! - Replies count by SEQUENCE, then by DTSTAMP, of the same second the later one; those to an older version and those of
//!   people who were not invited change nothing. The organizer's copy remembers both with the attendee.
//! - Times that name no zone get the session's; the VTIMEZONEs of all zones that are used are in the item.
//!
//! Spec: XIMSS, "Calendar Operations"; RFC 5546; RFC 6047.

pub mod answer;
pub mod arrival;
pub mod cancel;
pub mod import;
pub mod invitations;
pub mod item;
pub mod letter;
pub mod office;
pub mod page;
pub mod people;
pub mod publish;
pub mod recurrence;
pub mod reply;
pub mod shelf;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
pub mod times;
pub mod words;

use crate::model::component::Component;
use crate::model::mail::MailAddress;
pub use item::Item;
pub use people::User;

/// What a calendar is sent for. RFC 5546 1.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// To be kept.
    Publish,
    /// To be answered.
    Request,
    /// An answer.
    Reply,
    /// It does not take place, or without the recipient.
    Cancel,
    /// A proposal of another time; read by people.
    Counter,
    /// REFRESH, ADD, DECLINECOUNTER and what nobody knows; read by people.
    Other,
}

impl Method {
    /// What a calendar says; PUBLISH where it says nothing.
    pub fn of(calendar: &Component) -> Self {
        let Some(text) = calendar.text("METHOD") else { return Self::Publish };
        match text.trim().to_ascii_uppercase().as_str() {
            "PUBLISH" | "" => Self::Publish,
            "REQUEST" => Self::Request,
            "REPLY" => Self::Reply,
            "CANCEL" => Self::Cancel,
            "COUNTER" => Self::Counter,
            _ => Self::Other,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Publish | Self::Other => "PUBLISH",
            Self::Request => "REQUEST",
            Self::Reply => "REPLY",
            Self::Cancel => "CANCEL",
            Self::Counter => "COUNTER",
        }
    }
}

/// A mail to be sent: one for all its recipients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What for.
    pub method: Method,
    /// What it says, before the word of the subject: `Invitation`, `Accepted`.
    pub headline: &'static str,
    /// The calendar it carries.
    pub item: Item,
    /// Who gets it.
    pub to: Vec<MailAddress>,
    /// A word from the sender.
    pub comment: Option<String>,
    /// The attachments of the item go with it.
    pub with_attachments: bool,
}

/// What becomes of an item in a calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Becomes {
    /// It stays as it is.
    Same,
    /// It is removed.
    Gone,
    /// It is this.
    New(Item),
}

impl From<Option<Item>> for Becomes {
    /// What is left of an item.
    fn from(left: Option<Item>) -> Self {
        left.map_or(Self::Gone, Self::New)
    }
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What becomes of the item in the calendar.
    pub becomes: Becomes,
    /// Who is to be told what.
    pub notices: Vec<Notice>,
}
