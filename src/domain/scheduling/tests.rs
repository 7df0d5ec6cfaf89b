//! Tests of the decisions.

mod answers;
mod arrivals;
mod mails;
mod publishing;

use super::people::{self, answer, key};
use super::{Becomes, Item, Method, Notice, testing};
use crate::model::component::Component;

/// The item that a calendar gets.
fn new(becomes: Becomes) -> Item {
    match becomes {
        Becomes::New(item) => item,
        other => panic!("{other:?}"),
    }
}

/// Who gets a notice, and what for.
fn told(notices: &[Notice]) -> Vec<(Method, Vec<String>)> {
    notices.iter().map(|notice| (notice.method, notice.to.iter().map(|to| to.address.clone()).collect())).collect()
}

/// What the attendees of an entry have answered.
fn answers(entry: &Component) -> Vec<(String, String)> {
    people::attendees(entry).map(|attendee| (key(attendee), answer(attendee))).collect()
}

fn value(entry: &Component, name: &str) -> String {
    entry.get(name).map(|property| property.value.clone()).unwrap_or_default()
}

/// The weekly meeting of the boss with two others, without times of its own making.
const MEETING: &str = "BEGIN:VEVENT
UID:m1
DTSTAMP:20060401T000000Z
SEQUENCE:0
ORGANIZER;CN=Big Boss:MAILTO:boss@company.dom
ATTENDEE;CN=Small Boy:MAILTO:boy@company.dom
ATTENDEE:MAILTO:girl@company.dom
DTSTART;TZID=America/New_York:20060515T100000
DTEND;TZID=America/New_York:20060515T110000
RRULE:FREQ=WEEKLY;BYDAY=MO,TH
SUMMARY:Report Meeting
END:VEVENT";

/// Another version of it.
fn meeting(changes: &[(&str, &str)]) -> Item {
    let text = changes.iter().fold(MEETING.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    });
    testing::item(&text)
}

const EXCEPTION: &str = "BEGIN:VEVENT
UID:m1
DTSTAMP:20060401T000000Z
SEQUENCE:0
RECURRENCE-ID;TZID=America/New_York:20060518T100000
ORGANIZER;CN=Big Boss:MAILTO:boss@company.dom
ATTENDEE;CN=Small Boy:MAILTO:boy@company.dom
DTSTART;TZID=America/New_York:20060518T150000
DTEND;TZID=America/New_York:20060518T160000
SUMMARY:Report Meeting, later
END:VEVENT";
