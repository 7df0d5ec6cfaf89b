//! Cancelling: an item, or one instance of it, leaves a calendar, and those who were invited are told.
//!
//! Spec: XIMSS, "Calendar Operations" (calendarCancel); RFC 5546 3.2.5, 3.4.5.

use super::item::{Item, sequence_of};
use super::people::{self, REPLY_SEQUENCE, REPLY_STAMP, User, drop_parameter, mail_address};
use super::publish::{check_recipients, newest, whole_address};
use super::times::{Times, Which, incorrect, like};
use super::{Decision, Method, Notice, recurrence};
use crate::model::calendar::Clock;
use crate::model::component::{Component, Property};
use crate::model::fault::Outcome;
use crate::model::time::Timestamp;

/// Properties of an entry that its cancellation has too.
const KEPT: &[&str] = &[
    "UID",
    "RECURRENCE-ID",
    "DTSTART",
    "DTEND",
    "DUE",
    "DURATION",
    "RRULE",
    "RDATE",
    "EXDATE",
    "SUMMARY",
    "LOCATION",
    "ORGANIZER",
    "ATTENDEE",
    "CREATED",
    "PRIORITY",
];

/// What becomes of an item of which the whole or one instance is cancelled; `tell`: those who take part are told.
pub fn cancel(old: &Item, which: Which, tell: bool, comment: Option<&str>, user: &User) -> Outcome<Decision> {
    let session = Clock::Known(user.zone);
    let (item, cancelled) = match which {
        Which::Whole => (None, old.main().map_or_else(|| old.entries.iter().collect(), |main| vec![main]).into_iter().cloned().collect()),
        Which::Instance(at) => {
            let instance = recurrence::instance(old, at, &session)?;
            (without(old, at, user)?, vec![instance])
        }
    };
    let notices = if tell { told(old, which, cancelled, comment, user)? } else { Vec::new() };
    Ok(Decision { becomes: item.into(), notices })
}

/// An item without one of its instances: an exception goes, and the item itself excludes the date.
pub fn without(old: &Item, at: Timestamp, user: &User) -> Outcome<Option<Item>> {
    let session = Clock::Known(user.zone);
    let mut item = old.clone();
    if let Some(exception) = item.position(Which::Instance(at), &session) {
        item.entries.remove(exception);
    }
    let calendar = item.calendar.clone();
    if let Some(main) = item.main_mut() {
        let mut times = Times::of(&calendar, &session);
        let anchor = main.get("DTSTART").or_else(|| main.get("DUE")).cloned().ok_or_else(|| incorrect("it has no start"))?;
        let when = times.when(&anchor).ok_or_else(|| incorrect("DTSTART is no date"))?;
        if !times.excluded(main).contains(&at.0) {
            main.properties.push(like("EXDATE", at, &anchor, &when, &session));
        }
        main.set(Property::new("LAST-MODIFIED", user.now.gmt()));
    }
    Ok(Some(item).filter(|item| !item.entries.is_empty()))
}

fn told(old: &Item, which: Which, cancelled: Vec<Component>, comment: Option<&str>, user: &User) -> Outcome<Vec<Notice>> {
    if !cancelled.iter().all(|entry| user.organizes(entry)) {
        return Ok(Vec::new());
    }
    let everyone = match which {
        Which::Whole => people::others(old.entries.iter(), user),
        Which::Instance(_) => people::others(cancelled.iter(), user),
    };
    let to: Vec<_> = everyone.into_iter().filter_map(mail_address).collect();
    if to.is_empty() {
        return Ok(Vec::new());
    }
    let entries = cancelled.iter().map(|entry| cancellation(entry, user, comment));
    let entries = entries.map(whole).collect();
    let notice = Notice {
        method: Method::Cancel,
        headline: "Cancelled",
        item: old.with(entries, user.now),
        to,
        comment: comment.map(str::to_owned),
        with_attachments: false,
    };
    let notices = vec![notice];
    check_recipients(&notices)?;
    Ok(notices)
}

fn whole(mut entry: Component) -> Component {
    entry.set(Property::new("STATUS", "CANCELLED"));
    let sequence = sequence_of(&entry).saturating_add(1);
    entry.set(Property::new("SEQUENCE", sequence.to_string()));
    entry
}

/// What tells those who do not take part any more: a cancellation without STATUS, because the item takes place.
pub fn excluded(item: &Item, entry: &Component, gone: Vec<Property>, user: &User) -> Option<Notice> {
    let to: Vec<_> = gone.iter().filter_map(mail_address).collect();
    if to.is_empty() {
        return None;
    }
    let mut cancelled = cancellation(entry, user, None);
    cancelled.remove("ATTENDEE");
    cancelled.properties.extend(gone.into_iter().map(bare));
    Some(Notice {
        method: Method::Cancel,
        headline: "Cancelled",
        item: item.with(vec![cancelled], user.now),
        to,
        comment: None,
        with_attachments: false,
    })
}

fn bare(mut participant: Property) -> Property {
    whole_address(&mut participant);
    for name in [REPLY_SEQUENCE, REPLY_STAMP, "RSVP"] {
        drop_parameter(&mut participant, name);
    }
    participant
}

/// An entry as its cancellation carries it.
fn cancellation(entry: &Component, user: &User, comment: Option<&str>) -> Component {
    let mut out = Component::new(&entry.name);
    let kept = entry.properties.iter().filter(|p| KEPT.iter().any(|name| p.name.eq_ignore_ascii_case(name)));
    out.properties.extend(kept.cloned().map(|p| if p.name.eq_ignore_ascii_case("ATTENDEE") { bare(p) } else { p }));
    for organizer in out.properties.iter_mut().filter(|p| p.name.eq_ignore_ascii_case("ORGANIZER")) {
        whole_address(organizer);
        user.sign(organizer);
    }
    out.set(Property::new("DTSTAMP", newest(entry, user.now).gmt()));
    out.set(Property::new("SEQUENCE", sequence_of(entry).to_string()));
    if let Some(comment) = comment {
        out.set(Property::of_text("COMMENT", comment));
    }
    out
}
