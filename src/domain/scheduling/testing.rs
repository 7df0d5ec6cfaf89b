//! Items for tests.

use super::{Item, User};
use crate::format::ical;
use crate::model::component::{Component, Property};
use crate::model::mail::MailAddress;
use crate::model::names::fold;
use crate::model::time::Zone;

/// A user with this address, in New York, on 1 May 2006.
pub fn user(address: &str) -> User {
    User {
        writes_as: MailAddress { name: None, address: address.into() },
        own: vec![fold(address)],
        calendar_of: None,
        zone: Zone::named("America/New_York").unwrap(),
        now: "20060501T120000Z".parse().unwrap(),
    }
}

/// An event of one hour.
pub fn event(uid: &str, start: &str) -> Component {
    let mut event = Component::new("VEVENT");
    event.properties.push(Property::of_text("UID", uid));
    event.properties.push(Property::new("DTSTART", start));
    event.properties.push(Property::new("DURATION", "PT1H"));
    event
}

/// A calendar with these lines inside.
pub fn calendar(lines: &str) -> Component {
    let text = format!("BEGIN:VCALENDAR\nVERSION:2.0\n{}\nEND:VCALENDAR\n", lines.trim());
    ical::parse(text.as_bytes()).unwrap().remove(0)
}

/// The item of a calendar with these lines inside.
pub fn item(lines: &str) -> Item {
    Item::only(vec![calendar(lines)]).unwrap()
}
