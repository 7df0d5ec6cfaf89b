//! Publishing: what is stored of an item that the user has made or changed, and who is invited, told or cancelled.
//!
//! Spec: XIMSS, "Calendar Operations" (calendarPublish); RFC 5546 2.1.4, 3.2.2, 3.2.5, 3.4.2.

use super::item::{Item, age, recurs, sequence_of, stamp_of};
use super::people::{self, REPLY_SEQUENCE, REPLY_STAMP, User, answer, drop_parameter, key, mail_address, mailto};
use super::times::{Times, Which, incorrect};
use super::{Becomes, Decision, Method, Notice, cancel};
use crate::model::calendar::Clock;
use crate::model::component::{Component, Property};
use crate::model::fault::{Fault, Outcome};
use crate::model::time::Timestamp;
use std::collections::{HashMap, HashSet};

/// The most recipients of one mail, and so the most participants of an item that is sent.
pub const MOST_RECIPIENTS: usize = 1_000;

/// Who is sent a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tell {
    /// Nobody.
    Nobody,
    /// Every participant.
    All,
    /// Those who were not invited before.
    New,
}

/// How an item is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Publishing {
    /// Exceptions of the stored item stay with the new one.
    pub copy_exceptions: bool,
    /// Who is told.
    pub tell: Tell,
}

/// Checks an item that is to be kept and completes it: UID and zones. `fresh` is a UID that nobody else has.
pub fn prepared(item: Item, user: &User, fresh: &str) -> Outcome<Item> {
    if item.entries.iter().any(|entry| entry.is("VEVENT") && entry.get("DTSTART").is_none()) {
        return Err(incorrect("DTSTART is missing"));
    }
    completed(item, user, fresh)
}

/// The same for what only says something about an item, and so needs no time of its own.
pub fn completed(mut item: Item, user: &User, fresh: &str) -> Outcome<Item> {
    item.check_zones()?;
    item.complete_zones(&user.zone);
    let session = Clock::Known(user.zone);
    let uid = Some(item.uid()).filter(|uid| !uid.is_empty()).unwrap_or_else(|| fresh.to_owned());
    let calendar = item.calendar.clone();
    let mut times = Times::of(&calendar, &session);
    for entry in &mut item.entries {
        times.which(entry)?;
        for name in ["DTSTART", "DTEND", "DUE"] {
            if entry.get(name).is_some_and(|property| times.when(property).is_none()) {
                return Err(incorrect(&format!("{name} is no date")));
            }
        }
        entry.set(Property::of_text("UID", &uid));
    }
    item.define_zones(user.now);
    Ok(item)
}

/// What becomes of an item that is published: one entry, prepared. `old` is what the calendar holds under its UID.
pub fn publish(new: Item, old: Option<&Item>, how: &Publishing, user: &User) -> Outcome<Decision> {
    let session = Clock::Known(user.zone);
    let [entry] = new.entries.as_slice() else { return Err(incorrect("it must be exactly one event or task")) };
    let which = Times::of(&new.calendar, &session).which(entry)?;
    let versions = Versions { old, which, session: &session, user };
    let entry = with_organizer(entry.clone(), user);
    let sent = how.tell != Tell::Nobody && user.organizes(&entry) && !people::others([&entry].into_iter(), user).is_empty();
    let entry = versions.next(&new, entry, sent);
    let item = match (which, old) {
        (Which::Whole, old) => {
            let copied = old.filter(|_| how.copy_exceptions && recurs(&entry));
            with_exceptions(Item { entries: vec![entry.clone()], ..new }, copied, &session)
        }
        (Which::Instance(_), Some(old)) => {
            let mut item = old.clone();
            item.take_zones(&new.calendar);
            item.put(which, entry.clone(), &session);
            item
        }
        (Which::Instance(_), None) => Item { entries: vec![entry.clone()], ..new },
    };
    let item = item.with(item.entries.clone(), user.now);
    let notices = match how.tell {
        Tell::Nobody => Vec::new(),
        tell if user.organizes(&entry) => notices(&item, &entry, &versions, tell)?,
        _ => Vec::new(),
    };
    Ok(Decision { becomes: Becomes::New(item), notices })
}

/// Whoever publishes an item with attendees organizes it, unless it says who does.
fn with_organizer(mut entry: Component, user: &User) -> Component {
    if people::attendees(&entry).next().is_some() && entry.get("ORGANIZER").is_none() {
        entry.properties.push(user.as_participant("ORGANIZER"));
    }
    entry
}

/// An item with the exceptions of another one that it does not exclude.
fn with_exceptions(mut item: Item, from: Option<&Item>, session: &Clock) -> Item {
    let Some(from) = from else { return item };
    let excluded = item.main().map(|main| Times::of(&item.calendar, session).excluded(main)).unwrap_or_default();
    let mut times = Times::of(&from.calendar, session);
    let stays = |entry: &&Component| !matches!(times.which(entry), Ok(Which::Instance(at)) if excluded.contains(&at.0));
    let copied: Vec<Component> = from.exceptions().filter(stays).cloned().collect();
    item.take_zones(&from.calendar);
    item.entries.extend(copied);
    item
}

/// The version that is published beside the one that is stored.
struct Versions<'a> {
    old: Option<&'a Item>,
    which: Which,
    session: &'a Clock,
    user: &'a User,
}

/// What a new version means for those who know the old one.
struct Change {
    /// It is at another time: all have to answer again.
    moved: bool,
    /// SEQUENCE must rise.
    revised: bool,
}

impl Versions<'_> {
    /// The stored entry of the same instance; for a new exception, the item itself.
    fn before(&self) -> Option<(&Component, bool)> {
        let old = self.old?;
        let same = old.entry(self.which, self.session).map(|entry| (entry, true));
        same.or_else(|| old.main().map(|main| (main, false)))
    }

    fn change(&self, new: &Item, entry: &Component, before: &Component, same: bool) -> Change {
        let mut times = Times::of(&new.calendar, self.session);
        let (schedule, excluded) = (times.schedule(entry), times.excluded(entry));
        let status = |entry: &Component| entry.text("STATUS").map(|text| text.trim().to_ascii_uppercase());
        if !same {
            // A new exception: it is moved where it does not start when the instance would have.
            let moved = matches!(self.which, Which::Instance(at) if schedule.start() != Some(at));
            return Change { moved, revised: moved };
        }
        let Some(old) = self.old else { return Change { moved: false, revised: false } };
        let mut old_times = Times::of(&old.calendar, self.session);
        let moved = schedule != old_times.schedule(before);
        Change { moved, revised: moved || excluded != old_times.excluded(before) || status(entry) != status(before) }
    }

    /// The entry as it is to be stored; `sent`: it goes out to others, too.
    fn next(&self, new: &Item, mut entry: Component, sent: bool) -> Component {
        let now = self.user.now;
        let Some((before, same)) = self.before() else {
            let sequence = sequence_of(&entry);
            stamp(&mut entry, None, sent, now);
            entry.set(Property::new("SEQUENCE", sequence.to_string()));
            return entry;
        };
        let change = self.change(new, &entry, before, same);
        let (given, known) = (sequence_of(&entry), sequence_of(before));
        let sequence = if change.revised && given <= known { known.saturating_add(1) } else { given.max(known) };
        stamp(&mut entry, Some(before), sent, now);
        entry.set(Property::new("SEQUENCE", sequence.to_string()));
        answers(&mut entry, before, change.moved, self.user);
        entry
    }
}

/// DTSTAMP, LAST-MODIFIED and CREATED of a new version.
fn stamp(entry: &mut Component, before: Option<&Component>, sent: bool, now: Timestamp) {
    let at = |entry: &Component, name: &str| entry.get(name).and_then(|p| p.value.parse::<Timestamp>().ok());
    for (name, renewed) in [("DTSTAMP", sent), ("LAST-MODIFIED", false)] {
        let (given, known) = (at(entry, name), before.and_then(|before| at(before, name)));
        if renewed || given.is_none_or(|given| known.is_some_and(|known| given <= known)) {
            // Two versions of the same second must still be told apart.
            let next = known.map_or(now, |known| now.max(known.plus(1)));
            entry.set(Property::new(name, next.gmt()));
        }
    }
    match before.and_then(|before| before.get("CREATED")) {
        Some(created) => entry.set(created.clone()),
        None if entry.get("CREATED").is_none() => entry.set(Property::new("CREATED", now.gmt())),
        None => {}
    }
}

/// What is known of the attendees' answers goes over to the new version, unless they have to answer again.
fn answers(entry: &mut Component, before: &Component, moved: bool, user: &User) {
    let organizer = entry.get("ORGANIZER").map(key);
    let known: HashMap<String, &Property> = people::attendees(before).map(|attendee| (key(attendee), attendee)).collect();
    for attendee in entry.properties.iter_mut().filter(|p| p.name.eq_ignore_ascii_case("ATTENDEE")) {
        let folded = key(attendee);
        let Some(old) = known.get(&folded) else { continue };
        if organizer.as_ref() == Some(&folded) || user.stands_for(&folded) {
            continue;
        }
        if moved {
            attendee.set_parameter("PARTSTAT", "NEEDS-ACTION");
            drop_parameter(attendee, REPLY_SEQUENCE);
            drop_parameter(attendee, REPLY_STAMP);
            continue;
        }
        if attendee.parameter("PARTSTAT").is_none() {
            attendee.set_parameter("PARTSTAT", answer(old));
        }
        for name in [REPLY_SEQUENCE, REPLY_STAMP] {
            if let Some(value) = old.parameter(name) {
                attendee.set_parameter(name, value);
            }
        }
    }
}

/// Who is told what of the item as it is stored, of which `entry` is what was published.
fn notices(item: &Item, entry: &Component, versions: &Versions, tell: Tell) -> Outcome<Vec<Notice>> {
    let user = versions.user;
    let whole = versions.which == Which::Whole;
    let (mut old, mut new): (Vec<&Component>, Vec<&Component>) = match (whole, versions.old) {
        (true, Some(old)) => (old.entries.iter().collect(), item.entries.iter().collect()),
        (true, None) => (Vec::new(), item.entries.iter().collect()),
        (false, _) => (Vec::new(), vec![entry]),
    };
    if let (false, Some((before, _))) = (whole, versions.before()) {
        old.push(before);
    }
    // What someone else has organized until now is no business of those whom that one invited.
    old.retain(|entry| user.organizes(entry));
    new.retain(|entry| user.organizes(entry));
    let before: HashMap<String, &Property> = people::others(old.into_iter(), user).into_iter().map(|p| (key(p), p)).collect();
    let present = people::others(new.into_iter(), user);
    let there: HashSet<String> = present.iter().map(|p| key(p)).collect();
    let mut gone: Vec<Property> = before.iter().filter(|(key, _)| !there.contains(*key)).map(|(_, p)| (*p).clone()).collect();
    gone.sort_by_key(key);
    let mut out: Vec<Notice> = cancel::excluded(item, entry, gone, user).into_iter().collect();
    let wanted = present.into_iter().filter(|p| tell == Tell::All || !before.contains_key(&key(p)));
    let to: Vec<_> = wanted.filter_map(mail_address).collect();
    if !to.is_empty() {
        let sent = if whole { item.entries.clone() } else { vec![entry.clone()] };
        let sent = sent.into_iter().map(|entry| request(entry, user)).collect();
        out.push(Notice {
            method: Method::Request,
            headline: if versions.old.is_some() && tell == Tell::All { "Updated invitation" } else { "Invitation" },
            item: item.with(sent, user.now),
            to,
            comment: None,
            with_attachments: true,
        });
    }
    check_recipients(&out)?;
    Ok(out)
}

/// Refuses what would be sent to too many.
pub fn check_recipients(notices: &[Notice]) -> Outcome<()> {
    let all: usize = notices.iter().map(|notice| notice.to.len()).sum();
    if all > MOST_RECIPIENTS { Err(Fault::quota("too many recipients")) } else { Ok(()) }
}

/// An entry as it is sent to those who are to answer.
fn request(mut entry: Component, user: &User) -> Component {
    if stamp_of(&entry).is_none() {
        entry.set(Property::new("DTSTAMP", user.now.gmt()));
    }
    for property in &mut entry.properties {
        if property.name.eq_ignore_ascii_case("ORGANIZER") {
            whole_address(property);
            user.sign(property);
        }
        if !property.name.eq_ignore_ascii_case("ATTENDEE") {
            continue;
        }
        whole_address(property);
        drop_parameter(property, REPLY_SEQUENCE);
        drop_parameter(property, REPLY_STAMP);
        if property.parameter("PARTSTAT").is_none() {
            property.set_parameter("PARTSTAT", "NEEDS-ACTION");
        }
        // Without it programs show no buttons: its default is FALSE (RFC 5545 3.2.17).
        if property.parameter("RSVP").is_none() && answer(property) == "NEEDS-ACTION" && !user.stands_for(&key(property)) {
            property.set_parameter("RSVP", "TRUE");
        }
    }
    entry
}

/// The DTSTAMP of a mail: the present, and never older than what is stored.
pub fn newest(entry: &Component, now: Timestamp) -> Timestamp {
    stamp_of(entry).map_or(now, |stamp| stamp.max(now))
}

/// Sees to it that a participant's address has its scheme.
pub fn whole_address(participant: &mut Property) {
    let value = participant.value.trim();
    if value.contains('@') && !value.contains(':') {
        participant.value = mailto(value);
    }
}

/// True where an entry is of a newer version than another one.
pub fn is_newer(new: &Component, old: &Component) -> bool {
    age(new, old).is_gt()
}
