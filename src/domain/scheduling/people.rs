//! Who takes part: organizers and attendees by their addresses, and the user on whose behalf something is done.
//!
//! An address is compared without its `MAILTO:` and without regard to case. Spec: RFC 5545 3.3.3, 3.8.4.1, 3.8.4.3.

use crate::domain::access::Caller;
use crate::domain::preferences::Preferences;
use crate::format::ical::series::address;
use crate::format::mime::header;
use crate::model::component::{Component, Property};
use crate::model::mail::MailAddress;
use crate::model::names::{Address, fold};
use crate::model::time::{Timestamp, Zone};
use std::collections::HashSet;

/// On whose behalf a decision is taken, and when.
#[derive(Debug, Clone)]
pub struct User {
    /// What it writes as.
    pub writes_as: MailAddress,
    /// Its addresses, folded.
    pub own: Vec<String>,
    /// The address of the account whose calendar it is, folded, where that is somebody else's: the user is its deputy there.
    pub calendar_of: Option<String>,
    /// Its zone.
    pub zone: Zone,
    /// The present.
    pub now: Timestamp,
}

impl User {
    /// The user of an account, in the calendar of somebody else where there is one.
    pub fn of(caller: &Caller, writes_as: MailAddress, preferences: &Preferences, calendar_of: Option<&Caller>, now: Timestamp) -> Self {
        let mut own = own_addresses(caller, preferences);
        own.push(fold(&writes_as.address));
        let calendar_of = calendar_of.map(|owner| fold(&owner.address.to_string()));
        Self { writes_as, own, calendar_of, zone: preferences.zone(), now }
    }

    /// True for an address that is the user's own, or that of the account in whose calendar the user works.
    pub fn stands_for(&self, address: &str) -> bool {
        self.is_own(address) || self.calendar_of.as_deref().is_some_and(|of| of == fold(address))
    }

    fn is_own(&self, address: &str) -> bool {
        self.own.contains(&fold(address))
    }

    /// True for the organizer of an item.
    pub fn organizes(&self, entry: &Component) -> bool {
        entry.get("ORGANIZER").is_some_and(|organizer| self.stands_for(address(&organizer.value)))
    }

    /// Notes who has written in the name of someone else.
    pub fn sign(&self, participant: &mut Property) {
        if !self.is_own(address(&participant.value)) {
            participant.set_parameter("SENT-BY", mailto(&self.writes_as.address));
        }
    }

    /// A property that stands for the user.
    pub fn as_participant(&self, name: &str) -> Property {
        let property = Property::new(name, mailto(&self.writes_as.address));
        match &self.writes_as.name {
            Some(real) if !real.trim().is_empty() => property.with("CN", real.trim()),
            _ => property,
        }
    }

    /// The user among the attendees: the account whose calendar it is comes first.
    pub fn among<'a>(&self, attendees: impl Iterator<Item = &'a Property>) -> Option<&'a Property> {
        let mut found: Option<&Property> = None;
        for attendee in attendees {
            let folded = fold(address(&attendee.value));
            if self.calendar_of.as_ref() == Some(&folded) {
                return Some(attendee);
            }
            if found.is_none() && self.own.contains(&folded) {
                found = Some(attendee);
            }
        }
        found
    }
}

/// The addresses of an account, folded: its own, and those elsewhere that it says are its own. Nobody is believed to be
/// someone else of this server because he says so.
pub fn own_addresses(caller: &Caller, preferences: &Preferences) -> Vec<String> {
    let header = format!("From: {}", preferences.text("UserFrom").replace(char::is_control, " "));
    let said = header::addresses(header.as_bytes(), "From").into_iter().filter_map(|said| said.address.parse::<Address>().ok());
    let elsewhere = said.filter(|said| said.domain != caller.address.domain).map(|said| fold(&said.to_string()));
    std::iter::once(fold(&caller.address.to_string())).chain(elsewhere).collect()
}

/// An address as the value of a property.
pub fn mailto(address: &str) -> String {
    format!("MAILTO:{address}")
}

/// The address of a participant, as it is compared.
pub fn key(participant: &Property) -> String {
    fold(address(&participant.value))
}

/// The attendees of an entry.
pub fn attendees(entry: &Component) -> impl Iterator<Item = &Property> {
    entry.all("ATTENDEE")
}

/// The attendee with an address.
pub fn attendee_mut<'a>(entry: &'a mut Component, key_of: &str) -> Option<&'a mut Property> {
    entry.properties.iter_mut().find(|p| p.name.eq_ignore_ascii_case("ATTENDEE") && key(p) == key_of)
}

/// A participant as mail names it; None where there is no address to write to.
pub fn mail_address(participant: &Property) -> Option<MailAddress> {
    let parsed: Address = address(&participant.value).parse().ok()?;
    let name = participant.parameter("CN").map(|name| name.trim().trim_matches('"').trim().to_owned());
    let address = parsed.to_string();
    let name = name.filter(|name| !name.is_empty() && !name.eq_ignore_ascii_case(&address));
    Some(MailAddress { name, address })
}

/// Who takes part in any of these entries, the organizer and the user left out, each once and in order.
pub fn others<'a>(entries: impl Iterator<Item = &'a Component>, user: &User) -> Vec<&'a Property> {
    let mut known: HashSet<String> = HashSet::new();
    let mut out = Vec::new();
    for entry in entries {
        let organizer = entry.get("ORGANIZER").map(key);
        for attendee in attendees(entry) {
            let folded = key(attendee);
            if organizer.as_ref() != Some(&folded) && !user.stands_for(&folded) && known.insert(folded) {
                out.push(attendee);
            }
        }
    }
    out
}

/// What an attendee has answered, in upper case.
pub fn answer(attendee: &Property) -> String {
    attendee.parameter("PARTSTAT").map_or_else(|| "NEEDS-ACTION".to_owned(), |text| text.trim().to_ascii_uppercase())
}

/// Parameters in which an organizer's copy remembers the last reply of an attendee.
pub const REPLY_SEQUENCE: &str = "X-REPLY-SEQUENCE";
/// The DTSTAMP of that reply.
pub const REPLY_STAMP: &str = "X-REPLY-DTSTAMP";

/// Takes a parameter away.
pub fn drop_parameter(property: &mut Property, name: &str) {
    property.parameters.retain(|p| !p.name.eq_ignore_ascii_case(name));
}

#[cfg(test)]
mod tests {
    use super::super::testing::{event, user};
    use super::*;

    #[test]
    fn others_are_named_once_and_without_organizer_and_user() {
        let mut entry = event("1", "20060515T100000");
        for attendee in ["MAILTO:boss@company.dom", "mailto:Boy@company.dom", "MAILTO:boy@COMPANY.dom", "girl@company.dom"] {
            entry.properties.push(Property::new("ATTENDEE", attendee));
        }
        let found: Vec<String> = others([&entry, &entry].into_iter(), &user("boss@company.dom")).into_iter().map(key).collect();
        assert_eq!(found, ["boy@company.dom", "girl@company.dom"]);
    }

    #[test]
    fn names_and_addresses_go_to_mail_as_they_may() {
        let named = Property::new("ATTENDEE", "MAILTO:boy@company.dom").with("CN", "\"Small Boy\"");
        let expected = MailAddress { name: Some("Small Boy".into()), address: "boy@company.dom".into() };
        assert_eq!(mail_address(&named), Some(expected));
        for odd in ["urn:uuid:1", "MAILTO:", "MAILTO:a b@c.dom", "MAILTO:a@b.dom,c@d.dom"] {
            assert_eq!(mail_address(&Property::new("ATTENDEE", odd)), None, "{odd}");
        }
    }

    #[test]
    fn a_deputy_signs_what_it_does_for_another() {
        let mut deputy = user("deputy@company.dom");
        deputy.calendar_of = Some("boss@company.dom".into());
        let mut organizer = Property::new("ORGANIZER", "MAILTO:Boss@company.dom");
        assert!(deputy.stands_for("BOSS@company.dom") && !deputy.stands_for("boy@company.dom"));
        deputy.sign(&mut organizer);
        assert_eq!(organizer.parameter("SENT-BY"), Some("MAILTO:deputy@company.dom"));
        let mut own = Property::new("ORGANIZER", "MAILTO:deputy@company.dom");
        deputy.sign(&mut own);
        assert_eq!(own.parameter("SENT-BY"), None);
    }
}
