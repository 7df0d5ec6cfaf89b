//! Replies: what an attendee has answered goes into the organizer's copy.
//!
//! Only what comes from someone who was invited counts, and only what is newer: by SEQUENCE, then by DTSTAMP. A reply
//! about one instance makes it an exception. Spec: XIMSS, "Calendar Operations" (calendarUpdate); RFC 5546 2.1.5, 3.2.3, 3.4.3.

use super::item::{Item, sequence_of, stamp_of};
use super::people::{self, REPLY_SEQUENCE, REPLY_STAMP, User, answer, attendee_mut, drop_parameter, key};
use super::recurrence;
use super::times::{Times, Which, incorrect};
use crate::model::calendar::Clock;
use crate::model::component::{Component, Property};
use crate::model::fault::{Fault, Outcome};
use crate::model::time::Timestamp;

/// Parameters that a reply may change.
const ANSWERED: &[&str] = &["PARTSTAT", "DELEGATED-TO", "DELEGATED-FROM"];

/// The attendee who replies; refused where there is not exactly one.
pub fn attendee_of(reply: &Component) -> Outcome<&Property> {
    let mut attendees = people::attendees(reply);
    match (attendees.next(), attendees.next()) {
        (Some(attendee), None) => Ok(attendee),
        _ => Err(incorrect("a reply must have exactly one attendee")),
    }
}

/// What a stored item becomes by a reply; None where the reply says nothing new.
pub fn apply(stored: &Item, reply: &Item, user: &User) -> Outcome<Option<Item>> {
    reply.check_few()?;
    let session = Clock::Known(user.zone);
    let mut times = Times::of(&reply.calendar, &session);
    let (mut item, mut changed) = (stored.clone(), false);
    for entry in &reply.entries {
        changed |= match times.which(entry)? {
            Which::Whole => to_whole(&mut item, entry, user.now)?,
            Which::Instance(at) => to_instance(&mut item, entry, at, &session, user.now)?,
        };
    }
    Ok(changed.then(|| item.with(item.entries.clone(), user.now)))
}

fn not_invited() -> Fault {
    Fault::not_found("participant is not invited")
}

/// A reply about an item as a whole goes for its exceptions too, as far as they have not been answered since.
fn to_whole(item: &mut Item, reply: &Component, now: Timestamp) -> Outcome<bool> {
    let attendee = attendee_of(reply)?;
    let main = item.main().ok_or_else(|| Fault::not_found("calendar item does not exist"))?;
    if !people::attendees(main).any(|known| key(known) == key(attendee)) {
        return Err(not_invited());
    }
    let mut changed = false;
    for entry in &mut item.entries {
        changed |= answered(entry, attendee, reply, now);
    }
    Ok(changed)
}

fn to_instance(item: &mut Item, reply: &Component, at: Timestamp, session: &Clock, now: Timestamp) -> Outcome<bool> {
    let attendee = attendee_of(reply)?;
    let mut entry = recurrence::instance(item, at, session)?;
    if !people::attendees(&entry).any(|known| key(known) == key(attendee)) {
        return Err(not_invited());
    }
    let changed = answered(&mut entry, attendee, reply, now);
    if changed {
        item.put(Which::Instance(at), entry, session);
    }
    Ok(changed)
}

/// Marks what an attendee has answered. False where that is no news.
fn answered(entry: &mut Component, attendee: &Property, reply: &Component, now: Timestamp) -> bool {
    let version = sequence_of(entry);
    let Some(known) = attendee_mut(entry, &key(attendee)) else { return false };
    let last = known.parameter(REPLY_SEQUENCE).and_then(|text| text.parse::<u32>().ok());
    let last = last.map(|sequence| (sequence, known.parameter(REPLY_STAMP).and_then(|text| text.parse::<Timestamp>().ok())));
    let this = (sequence_of(reply), stamp_of(reply));
    // Of two answers of the same second the one that comes later counts.
    let again = last == Some(this) && answer(known) == answer(attendee);
    if this.0 < version || again || last.is_some_and(|last| this < last) {
        return false;
    }
    for name in ANSWERED {
        match attendee.parameter(name) {
            Some(value) => known.set_parameter(name, value.trim().to_owned()),
            None => drop_parameter(known, name),
        }
    }
    known.set_parameter("PARTSTAT", answer(attendee));
    // There is nothing left to ask for.
    drop_parameter(known, "RSVP");
    known.set_parameter(REPLY_SEQUENCE, this.0.to_string());
    known.set_parameter(REPLY_STAMP, this.1.unwrap_or(now).gmt());
    if entry.is("VTODO") {
        progress(entry, reply);
    }
    entry.set(Property::new("LAST-MODIFIED", now.gmt()));
    true
}

/// How far a task is that one person alone works on.
fn progress(task: &mut Component, reply: &Component) {
    let organizer = task.get("ORGANIZER").map(key);
    if people::attendees(task).filter(|a| Some(key(a)) != organizer).count() != 1 {
        return;
    }
    for name in ["PERCENT-COMPLETE", "STATUS", "COMPLETED"] {
        if let Some(property) = reply.get(name) {
            task.set(property.clone());
        }
    }
}
