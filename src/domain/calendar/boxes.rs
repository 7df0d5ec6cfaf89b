//! The main calendar and the main list of tasks: mailboxes that a household expects to be there.
//!
//! An account is made with both. One that was removed, or another one that the preferences name, is made when it is
//! opened as a calendar. Any other mailbox must be there. Spec: XIMSS, "Calendar Operations", "Preferences".

use crate::domain::preferences::Preferences;
use crate::model::names::{MailboxName, MailboxPath};

/// The class that a mailbox of the account itself gets where it is made by being opened; None for one that must be there.
pub fn class(path: &MailboxPath, preferences: &Preferences) -> Option<&'static str> {
    let is = |preference: &str| preferences.text(preference).parse::<MailboxName>().is_ok_and(|name| name == path.name);
    match path.owner.is_none() && !path.only_folder {
        true if is("CalendarBox") => Some("IPF.Appointment"),
        true if is("TasksBox") => Some("IPF.Task"),
        _ => None,
    }
}
