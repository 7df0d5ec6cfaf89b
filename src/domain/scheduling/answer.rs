//! Answering: an invitation is accepted or declined, kept or removed, and its organizer is told.
//!
//! Spec: XIMSS, "Calendar Operations" (calendarAccept, calendarDecline); RFC 5546 3.2.3, 3.4.3.

use super::item::{Item, sequence_of, uid_of};
use super::people::{self, REPLY_SEQUENCE, REPLY_STAMP, User, attendee_mut, drop_parameter, key, mail_address};
use super::publish::{newest, whole_address};
use super::times::{Times, Which};
use super::{Becomes, Decision, Method, Notice, cancel, recurrence};
use crate::model::calendar::Clock;
use crate::model::component::{Component, Property};
use crate::model::fault::{Fault, Outcome};
use std::collections::BTreeSet;

/// How Outlook and others say how a time counts.
pub const BUSY_STATUS: &str = "X-MICROSOFT-CDO-BUSYSTATUS";
/// How it counts once the invitation is accepted.
pub const INTENDED_STATUS: &str = "X-MICROSOFT-CDO-INTENDEDSTATUS";

/// What an attendee answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// ACCEPTED.
    Accepted,
    /// TENTATIVE.
    Tentative,
    /// IN-PROCESS, for tasks.
    InProcess,
    /// COMPLETED, for tasks.
    Completed,
    /// DECLINED.
    Declined,
}

impl Answer {
    /// As PARTSTAT spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accepted => "ACCEPTED",
            Self::Tentative => "TENTATIVE",
            Self::InProcess => "IN-PROCESS",
            Self::Completed => "COMPLETED",
            Self::Declined => "DECLINED",
        }
    }

    fn headline(self) -> &'static str {
        match self {
            Self::Accepted => "Accepted",
            Self::Tentative => "Tentatively accepted",
            Self::InProcess => "In progress",
            Self::Completed => "Completed",
            Self::Declined => "Declined",
        }
    }

    fn is_for_tasks(self) -> bool {
        matches!(self, Self::InProcess | Self::Completed)
    }
}

/// What becomes of an item that is accepted. `given` is prepared; `old` is what the calendar holds under its UID.
pub fn accept(given: &Item, old: Option<&Item>, answer: Answer, reply: Reply, user: &User) -> Outcome<Decision> {
    if answer.is_for_tasks() && !given.entries.iter().all(|entry| entry.is("VTODO")) {
        return Err(Fault::incorrect("PARTSTAT"));
    }
    let session = Clock::Known(user.zone);
    let mut times = Times::of(&given.calendar, &session);
    let places = old.map(|old| old.places(&session)).unwrap_or_default();
    let mut marked = Vec::with_capacity(given.entries.len());
    for entry in &given.entries {
        let which = times.which(entry)?;
        let known = old.zip(places.get(&which)).and_then(|(old, at)| old.entries.get(*at));
        if known.is_some_and(|known| sequence_of(known) > sequence_of(entry)) {
            return Err(Fault::state("calendar item is out of date"));
        }
        let mut entry = entry.clone();
        mark(&mut entry, answer, user);
        marked.push((which, entry));
    }
    let notices = replies(given, answer, reply, user);
    let item = merged(given, marked, old, &session);
    Ok(Decision { becomes: Becomes::New(item.with(item.entries.clone(), user.now)), notices })
}

/// The answered entries and those stored ones that stay beside them: all others where only exceptions were answered, else
/// the exceptions of the same version.
fn merged(given: &Item, marked: Vec<(Which, Component)>, old: Option<&Item>, session: &Clock) -> Item {
    let there: BTreeSet<Which> = marked.iter().map(|(which, _)| *which).collect();
    let version = marked.iter().find(|(which, _)| *which == Which::Whole).map(|(_, main)| sequence_of(main));
    let mut entries: Vec<Component> = marked.into_iter().map(|(_, entry)| entry).collect();
    let mut calendar = given.calendar.clone();
    if let Some(old) = old {
        let mut times = Times::of(&old.calendar, session);
        let known = old.main().map_or(0, sequence_of);
        let stays = |entry: &&Component| {
            let replaced = times.which(entry).is_ok_and(|which| there.contains(&which));
            !replaced && version.is_none_or(|version| version <= known.max(sequence_of(entry)))
        };
        entries.extend(old.entries.iter().filter(stays).cloned());
        let mut both = Item { calendar, entries: Vec::new() };
        both.take_zones(&old.calendar);
        calendar = both.calendar;
    }
    entries.sort_by_key(|entry| entry.get("RECURRENCE-ID").is_some());
    Item { calendar, entries }
}

/// Marks an entry with the user's answer: as an attendee, and in how its time counts.
fn mark(entry: &mut Component, answer: Answer, user: &User) {
    let own = user.among(people::attendees(entry)).map(key);
    if let Some(attendee) = own.as_ref().and_then(|own| attendee_mut(entry, own)) {
        attendee.set_parameter("PARTSTAT", answer.name());
    } else if !user.organizes(entry) && entry.get("ORGANIZER").is_some() {
        entry.properties.push(user.as_participant("ATTENDEE").with("PARTSTAT", answer.name()));
    }
    if entry.is("VTODO") {
        progress(entry, answer, user);
    } else {
        count_as(entry, answer);
    }
}

fn progress(task: &mut Component, answer: Answer, user: &User) {
    match answer {
        Answer::InProcess => task.set(Property::new("STATUS", "IN-PROCESS")),
        Answer::Completed => {
            task.set(Property::new("STATUS", "COMPLETED"));
            task.set(Property::new("PERCENT-COMPLETE", "100"));
            if task.get("COMPLETED").is_none() {
                task.set(Property::new("COMPLETED", user.now.gmt()));
            }
        }
        Answer::Accepted | Answer::Tentative | Answer::Declined => {}
    }
}

/// How the time of an event counts after an answer.
pub fn count_as(event: &mut Component, answer: Answer) {
    let value = |event: &Component, name: &str| event.get(name).map(|p| p.value.trim().to_ascii_uppercase());
    let transparent = value(event, "TRANSP").is_some_and(|text| text == "TRANSPARENT");
    let said = value(event, BUSY_STATUS);
    let free = said.as_deref() == Some("FREE") && event.get(INTENDED_STATUS).is_none() || said.is_none() && transparent;
    let status = match answer {
        Answer::Declined => "FREE".to_owned(),
        _ if free => return,
        Answer::Tentative => "TENTATIVE".to_owned(),
        _ => match (value(event, INTENDED_STATUS), said.as_deref()) {
            (Some(intended), _) => intended,
            (None, Some("TENTATIVE")) => "BUSY".to_owned(),
            (None, _) => return,
        },
    };
    if event.get(INTENDED_STATUS).is_none() {
        let intended = said.filter(|said| said != "TENTATIVE").unwrap_or_else(|| if transparent { "FREE" } else { "BUSY" }.to_owned());
        event.set(Property::new(INTENDED_STATUS, intended));
    }
    event.set(Property::new(BUSY_STATUS, status));
}

/// Whether and how the organizer is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reply<'a> {
    /// He is told.
    pub send: bool,
    /// With this comment.
    pub comment: Option<&'a str>,
}

/// The reply about what was given: about the item itself, or about its exceptions where it came without.
fn replies(given: &Item, answer: Answer, reply: Reply, user: &User) -> Vec<Notice> {
    let Some(principal) = given.principal().filter(|entry| reply.send && !user.organizes(entry)) else { return Vec::new() };
    let Some(organizer) = principal.get("ORGANIZER").and_then(mail_address) else { return Vec::new() };
    let own = user.among(people::attendees(principal));
    let unasked = own.and_then(|own| own.parameter("RSVP")).is_some_and(|rsvp| rsvp.trim().eq_ignore_ascii_case("FALSE"));
    if unasked && answer != Answer::Declined && principal.is("VEVENT") {
        return Vec::new();
    }
    let about: Vec<&Component> = given.main().map_or_else(|| given.entries.iter().collect(), |main| vec![main]);
    let entries = about.into_iter().map(|entry| reply_entry(entry, answer, reply.comment, user)).collect();
    vec![Notice {
        method: Method::Reply,
        headline: answer.headline(),
        item: given.with(entries, user.now),
        to: vec![organizer],
        comment: reply.comment.map(str::to_owned),
        with_attachments: false,
    }]
}

/// Properties of an entry that the reply to it has too.
const REPEATED: &[&str] = &["UID", "RECURRENCE-ID", "DTSTART", "DTEND", "DUE", "DURATION", "SUMMARY", "LOCATION", "ORGANIZER"];

fn reply_entry(entry: &Component, answer: Answer, comment: Option<&str>, user: &User) -> Component {
    let mut out = Component::new(&entry.name);
    out.properties.extend(entry.properties.iter().filter(|p| REPEATED.iter().any(|name| p.name.eq_ignore_ascii_case(name))).cloned());
    if let Some(organizer) = out.properties.iter_mut().find(|p| p.name.eq_ignore_ascii_case("ORGANIZER")) {
        whole_address(organizer);
    }
    let own = user.among(people::attendees(entry)).cloned();
    let mut attendee = own.unwrap_or_else(|| user.as_participant("ATTENDEE"));
    whole_address(&mut attendee);
    for name in ["RSVP", REPLY_SEQUENCE, REPLY_STAMP] {
        drop_parameter(&mut attendee, name);
    }
    attendee.set_parameter("PARTSTAT", answer.name());
    user.sign(&mut attendee);
    out.properties.push(attendee);
    out.set(Property::new("DTSTAMP", newest(entry, user.now).gmt()));
    out.set(Property::new("SEQUENCE", sequence_of(entry).to_string()));
    if entry.is("VTODO") {
        let percent = entry.get("PERCENT-COMPLETE").cloned();
        out.properties.extend(percent);
        progress(&mut out, answer, user);
    }
    if let Some(comment) = comment {
        out.set(Property::of_text("COMMENT", comment));
    }
    out
}

/// What becomes of an item that is declined: `stored` is what the calendar that was named holds under its UID. Who declines
/// a cancellation only removes what was cancelled.
pub fn decline(given: &Item, method: Method, stored: Option<&Item>, reply: Reply, user: &User) -> Outcome<Decision> {
    if given.main().is_none() {
        given.check_few()?;
    }
    let send = reply.send && method != Method::Cancel;
    let notices = replies(given, Answer::Declined, Reply { send, ..reply }, user);
    let becomes = match stored {
        None => Becomes::Same,
        Some(_) if given.main().is_some() => Becomes::Gone,
        Some(stored) => without_each(given, stored, user)?,
    };
    Ok(Decision { becomes, notices })
}

fn without_each(given: &Item, stored: &Item, user: &User) -> Outcome<Becomes> {
    let session = Clock::Known(user.zone);
    let mut times = Times::of(&given.calendar, &session);
    let (mut left, mut changed) = (Some(stored.clone()), false);
    for entry in &given.entries {
        let (Which::Instance(at), Some(item)) = (times.which(entry)?, &left) else { continue };
        if recurrence::instance(item, at, &session).is_ok() {
            left = cancel::without(item, at, user)?;
            changed = true;
        }
    }
    Ok(if changed { left.into() } else { Becomes::Same })
}

/// A stored invitation that was declined without being removed is marked, so that its time counts as free. None where
/// there is nothing to mark: another item, or an answer that was given before.
pub fn mark_declined(given: &Item, stored: &Item, user: &User) -> Outcome<Option<Item>> {
    let session = Clock::Known(user.zone);
    let mut times = Times::of(&given.calendar, &session);
    let (mut item, mut changed) = (stored.clone(), false);
    for entry in given.main().map_or(given.entries.as_slice(), std::slice::from_ref) {
        let which = times.which(entry)?;
        let known = match which {
            Which::Whole => item.main().cloned(),
            Which::Instance(at) => recurrence::instance(&item, at, &session).ok(),
        };
        let Some(mut known) = known.filter(|known| uid_of(known) == uid_of(entry) && !user.organizes(known)) else { continue };
        let waits = user.among(people::attendees(&known)).is_none_or(|own| people::answer(own) == "NEEDS-ACTION");
        if waits && sequence_of(&known) <= sequence_of(entry) {
            mark(&mut known, Answer::Declined, user);
            item.put(which, known, &session);
            changed = true;
        }
    }
    Ok(changed.then_some(item))
}
