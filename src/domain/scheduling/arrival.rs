//! Invitations, cancellations and replies as they arrive by mail: what they change in the recipient's own calendar.
//!
//! Whoever writes a mail can write any name into it, so nothing that is there is changed for anyone but those whose it is:
//! an invitation and its cancellation by its organizer, or by whom the organizer has named before (SENT-BY); an answer by
//! the attendee himself. A new invitation is taken from its organizer, or from anyone where it invites the recipient.
//! What was taken in before changes nothing again. Spec: RFC 5546 2.1.5, 3.2; RFC 6047 3.

use super::answer::{self, Answer, BUSY_STATUS};
use super::item::{Item, age, sequence_of, uid_of};
use super::people::{self, REPLY_SEQUENCE, REPLY_STAMP, User, attendee_mut, drop_parameter, key};
use super::publish::{is_newer, prepared};
use super::times::{Times, Which};
use super::{Method, recurrence, reply};
use crate::format::ical::series::address;
use crate::model::calendar::Clock;
use crate::model::component::{Component, Property};
use crate::model::fault::Outcome;
use crate::model::names::fold;
use std::collections::BTreeSet;

/// A mail that is to change a calendar.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// What for.
    pub method: Method,
    /// The item it carries.
    pub item: &'a Item,
    /// The addresses that have sent it, folded, as far as they are to be believed.
    pub senders: &'a [String],
}

/// What the recipient's calendar is to hold after a mail; None where nothing changes.
pub fn arrive(arrival: Arrival, stored: Option<&Item>, user: &User) -> Outcome<Option<Item>> {
    // An event and a task may share a UID, and a mail may have none: neither is about the other item.
    let about = |item: &Item| (item.uid(), item.entries.first().map(|entry| entry.name.to_ascii_uppercase()));
    if stored.is_some_and(|stored| about(stored) != about(arrival.item)) {
        return Ok(None);
    }
    match (arrival.method, stored) {
        (Method::Request, None) => invited(arrival, user),
        (Method::Request, Some(stored)) if arrival.is_from_organizer(stored, user) => invited_again(arrival.item, stored, user),
        (Method::Cancel, Some(stored)) if arrival.is_from_organizer(stored, user) => cancelled(arrival.item, stored, user),
        (Method::Reply, Some(stored)) if stored.principal().is_some_and(|entry| user.organizes(entry)) => {
            let own = arrival.item.entries.iter().all(|entry| reply::attendee_of(entry).is_ok_and(|a| arrival.senders.contains(&key(a))));
            if own { reply::apply(stored, arrival.item, user) } else { Ok(None) }
        }
        _ => Ok(None),
    }
}

impl Arrival<'_> {
    /// True where the stored item is someone else's, who has sent this one too.
    fn is_from_organizer(&self, stored: &Item, user: &User) -> bool {
        let Some(known) = stored.principal().and_then(|entry| entry.get("ORGANIZER")) else { return false };
        let deputy = known.parameter("SENT-BY").map(|by| fold(address(by)));
        let sent = self.senders.iter().any(|sender| *sender == key(known) || Some(sender) == deputy.as_ref());
        let same = self.item.entries.iter().all(|entry| entry.get("ORGANIZER").is_some_and(|new| key(new) == key(known)));
        sent && same && !user.stands_for(&key(known))
    }
}

fn invited(arrival: Arrival, user: &User) -> Outcome<Option<Item>> {
    let Some(organizer) = arrival.item.principal().and_then(|entry| entry.get("ORGANIZER")).map(key) else { return Ok(None) };
    let listed = arrival.item.entries.iter().any(|entry| user.among(people::attendees(entry)).is_some());
    let uid = arrival.item.uid();
    if uid.is_empty() || user.stands_for(&organizer) || !(listed || arrival.senders.contains(&organizer)) {
        return Ok(None);
    }
    let mut item = prepared(arrival.item.clone(), user, &uid)?;
    item.entries.iter_mut().for_each(|entry| received(entry, user));
    Ok(Some(item))
}

/// An entry as it stands in the calendar of someone who has not answered.
fn received(entry: &mut Component, user: &User) {
    // Alarms that do anything but show or sound are not for others to set.
    let harmless =
        |alarm: &Component| matches!(alarm.text("ACTION").unwrap_or_default().to_ascii_uppercase().as_str(), "DISPLAY" | "AUDIO");
    entry.components.retain(|inner| !inner.is("VALARM") || harmless(inner));
    for attendee in entry.properties.iter_mut().filter(|p| p.name.eq_ignore_ascii_case("ATTENDEE")) {
        drop_parameter(attendee, REPLY_SEQUENCE);
        drop_parameter(attendee, REPLY_STAMP);
    }
    let own = user.among(people::attendees(entry)).map(key);
    let own = own.and_then(|own| attendee_mut(entry, &own));
    let answered = own.map(|own| {
        let answered = people::answer(own);
        own.set_parameter("PARTSTAT", answered.as_str());
        answered
    });
    if entry.is("VEVENT") {
        match answered.as_deref() {
            Some("ACCEPTED") => {}
            Some("DECLINED") => answer::count_as(entry, Answer::Declined),
            _ => answer::count_as(entry, Answer::Tentative),
        }
    }
}

/// A newer version of an invitation takes the place of the one that is there; what the recipient has answered to the same
/// SEQUENCE stays answered, and the recipient's alarms stay.
fn invited_again(new: &Item, stored: &Item, user: &User) -> Outcome<Option<Item>> {
    let session = Clock::Known(user.zone);
    let new = prepared(new.clone(), user, &new.uid())?;
    let mut times = Times::of(&new.calendar, &session);
    let (mut item, mut changed) = (stored.clone(), false);
    item.take_zones(&new.calendar);
    let mut places = item.places(&session);
    let mut named: BTreeSet<Which> = BTreeSet::new();
    let version = item.main().map(sequence_of);
    for entry in &new.entries {
        let which = times.which(entry)?;
        named.insert(which);
        let place = places.get(&which).copied();
        let known = place.and_then(|at| item.entries.get(at));
        if known.is_some_and(|known| !is_newer(entry, known)) {
            continue;
        }
        // An exception of an older version than the item is history.
        if known.is_none() && version.is_some_and(|version| version > sequence_of(entry)) {
            continue;
        }
        let entry = updated(entry.clone(), known, user);
        match place.and_then(|at| item.entries.get_mut(at)) {
            Some(known) => *known = entry,
            None => {
                places.insert(which, item.entries.len());
                item.entries.push(entry);
            }
        }
        changed = true;
    }
    item.arrange();
    if named.contains(&Which::Whole) && changed {
        drop_outdated(&mut item, &named, &session);
    }
    Ok(changed.then(|| item.with(item.entries.clone(), user.now)))
}

/// Exceptions of older versions that the new version does not have go.
fn drop_outdated(item: &mut Item, named: &BTreeSet<Which>, session: &Clock) {
    let version = item.main().map_or(0, sequence_of);
    let calendar = item.calendar.clone();
    let mut times = Times::of(&calendar, session);
    item.entries.retain(|entry| sequence_of(entry) >= version || times.which(entry).is_ok_and(|which| named.contains(&which)));
}

fn updated(mut entry: Component, known: Option<&Component>, user: &User) -> Component {
    received(&mut entry, user);
    let Some(known) = known else { return entry };
    let alarms = known.inside("VALARM").cloned();
    entry.components.retain(|inner| !inner.is("VALARM"));
    entry.components.extend(alarms);
    let answered = user.among(people::attendees(known)).map(people::answer);
    let own = user.among(people::attendees(&entry)).map(key);
    if sequence_of(&entry) == sequence_of(known)
        && let (Some(answered), Some(own)) = (answered, own)
        && let Some(attendee) = attendee_mut(&mut entry, &own)
    {
        attendee.set_parameter("PARTSTAT", answered);
        for name in [BUSY_STATUS, answer::INTENDED_STATUS] {
            if let Some(property) = known.get(name) {
                entry.set(property.clone());
            }
        }
    }
    entry
}

/// A cancelled item stays where it is and says so.
fn cancelled(new: &Item, stored: &Item, user: &User) -> Outcome<Option<Item>> {
    new.check_few()?;
    let session = Clock::Known(user.zone);
    let mut times = Times::of(&new.calendar, &session);
    let (mut item, mut changed) = (stored.clone(), false);
    for entry in new.entries.iter().filter(|entry| uid_of(entry) == stored.uid()) {
        match times.which(entry)? {
            Which::Whole if item.principal().is_some_and(|known| age(entry, known).is_gt()) => {
                item.entries.iter_mut().for_each(|known| mark_cancelled(known, entry));
                changed = true;
            }
            Which::Whole => {}
            Which::Instance(at) => {
                let Ok(mut known) = recurrence::instance(&item, at, &session) else { continue };
                if age(entry, &known).is_gt() {
                    mark_cancelled(&mut known, entry);
                    item.put(Which::Instance(at), known, &session);
                    changed = true;
                }
            }
        }
    }
    Ok(changed.then(|| item.with(item.entries.clone(), user.now)))
}

fn mark_cancelled(known: &mut Component, by: &Component) {
    known.set(Property::new("STATUS", "CANCELLED"));
    known.set(Property::new("SEQUENCE", sequence_of(known).max(sequence_of(by)).to_string()));
    if let Some(stamp) = by.get("DTSTAMP") {
        known.set(stamp.clone());
    }
    if known.is("VEVENT") {
        answer::count_as(known, Answer::Declined);
    }
}
