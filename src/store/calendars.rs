//! Index rows of calendars: what the items of a mailbox say, beside the messages that hold them.
//!
//! A mailbox that was never opened as a calendar has no rows. One that was has a head (`Head`), a row for each message
//! that holds items (`Item`), and for each series a row by time (`Shown`), which holds all that a find shows, so that
//! finds touch neither messages nor rules. Rows by time lie in one of three parts: items that touch few slots of eight
//! days, in each of those; all others, by their end; tasks without a date. What is removed from the mailbox leaves the
//! index in the same transaction; what comes is brought in by the domain floor (`domain::calendar::index`), which knows
//! how to read it. All of it can be made again from the messages: another version of it starts afresh.
//!
//! Spec: XIMSS, "Calendar Operations"; RFC 5545 3.6.

use super::engine::{Direction, Read};
use super::keys::{self, Key};
use super::records;
use super::tables::{CALENDAR_HEADS, CALENDAR_ITEMS, CALENDAR_TIMES, CALENDAR_UIDS, Table};
use super::writer::WriteTx;
use crate::model::calendar::{Alarm, Busy, ItemKind, Series, When};
use crate::model::fault::Outcome;
use crate::model::ids::{MailboxId, Uid};
use crate::model::time::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

/// The version of what is indexed and how. Raised when either changes.
const VERSION: u32 = 2;
/// Seconds of a slot.
const SLOT: i64 = 8 * 86_400;
/// An item that touches more slots lies by its end instead.
const MOST_SLOTS: i64 = 4;
/// A clock is at most this many seconds away from Greenwich, so that times of the clock on the wall lie in a slot near enough.
const FARTHEST: i64 = 15 * 3600;

/// How far the index of a mailbox is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    version: u32,
    /// When it was begun: what recurs has been expanded up to some time from then on.
    pub made: Timestamp,
    /// Messages with smaller UIDs are indexed.
    pub till: Uid,
    /// Another number after every change of the rows.
    pub change: u64,
}

impl Head {
    /// True for rows of this version.
    pub fn is_current(&self) -> bool {
        self.version == VERSION
    }
}

/// What a message holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Content {
    /// Items. Most messages hold one.
    Items(Vec<Series>),
    /// A calendar part that cannot be read.
    Unreadable {
        /// Why.
        why: String,
        /// What is found under this text's own name (`name_of_unreadable`).
        name: String,
    },
}

impl Content {
    /// The names under which the message is found.
    fn names(&self) -> Vec<&str> {
        match self {
            Self::Items(items) => items.iter().map(|series| series.uid.as_str()).collect(),
            Self::Unreadable { name, .. } => vec![name],
        }
    }
}

/// The name of a text that cannot be read as items, in the place of their UIDs: the same for the same text, whatever its
/// line ends are, and no UID, which have no controls.
pub fn name_of_unreadable(text: &str) -> String {
    let mut digest = Sha256::new();
    for line in text.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
        digest.update(line.as_bytes());
        digest.update(b"\n");
    }
    let digest: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\u{0}{digest}")
}

/// The row of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// What it holds.
    pub content: Content,
    places: Vec<(u32, Place)>,
}

/// Where a row by time lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Place {
    Slot(i64),
    Ending(i64),
    Undated,
}

impl Place {
    fn key(self, mailbox: MailboxId) -> Key {
        let (part, number) = match self {
            Self::Slot(slot) => (0, slot),
            Self::Ending(end) => (1, end),
            Self::Undated => (2, 0),
        };
        // Signed numbers in the order of unsigned ones.
        Key::of(mailbox.0).u8(part).u64((number as u64) ^ (1 << 63))
    }
}

/// A time at which a series happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Occurrence {
    /// When it starts: an instant, or a time of the clock on the wall where the entry is `floating`; seconds.
    pub start: i64,
    /// Seconds it takes.
    pub length: u32,
    /// Which of the entries it is.
    pub entry: u16,
}

impl Occurrence {
    /// When it ends.
    pub fn end(&self) -> i64 {
        self.start.saturating_add(self.length.into())
    }
}

/// What a list shows of an item or of one of its exceptions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownEntry {
    /// Its times are those of the clock on the wall, wherever one is.
    pub floating: bool,
    /// It is a matter of days.
    pub all_day: bool,
    /// A task has a start.
    pub has_start: bool,
    /// A task has a time when it is due.
    pub has_due: bool,
    /// The instance it stands for, where it is an exception; an instant where it had a zone.
    pub recurrence_id: Option<When>,
    /// Its alarms.
    pub alarms: Vec<Alarm>,
    /// How it counts.
    pub busy: Busy,
    /// It does not take place.
    pub cancelled: bool,
    /// SUMMARY, shortened.
    pub summary: String,
    /// LOCATION, shortened.
    pub location: String,
    /// PRIORITY.
    pub priority: Option<u8>,
    /// PERCENT-COMPLETE.
    pub percent: Option<u16>,
    /// The organizer's address; empty where there is none.
    pub organizer: String,
    /// How many attendees.
    pub attendees: u32,
}

/// A series as finds need it: a row by time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// The message.
    pub message: Uid,
    /// Which of the message's series it is.
    pub number: u32,
    /// An event or a task.
    pub kind: ItemKind,
    /// The item's UID.
    pub item_uid: String,
    /// False for what stands for a message that cannot be read.
    pub readable: bool,
    /// It recurs.
    pub recurring: bool,
    /// The item and its exceptions.
    pub entries: Vec<ShownEntry>,
    /// A task that has neither a start nor a time when it is due.
    pub undated: bool,
    /// The most seconds that one of its occurrences takes.
    pub longest: i64,
    /// When it happens, by start.
    pub occurrences: Vec<Occurrence>,
    /// Where these are all: what happens outside must be expanded. None: there is nothing outside.
    pub covered: Option<Range<i64>>,
}

impl Shown {
    /// Bytes that it takes in memory, about.
    pub fn weight(&self) -> usize {
        let texts: usize = self.entries.iter().map(|e| e.summary.len() + e.location.len() + e.organizer.len() + e.alarms.len() * 40).sum();
        let (entry, occurrence) = (size_of::<ShownEntry>(), size_of::<Occurrence>());
        size_of::<Self>() + self.item_uid.len() + texts + self.entries.len() * entry + self.occurrences.len() * occurrence
    }

    /// The first and the last second that any of it concerns, alarms included; None where it never happens.
    fn span(&self) -> Option<(i64, i64)> {
        if self.covered.is_some() {
            return Some((i64::MIN, i64::MAX));
        }
        if self.occurrences.is_empty() {
            return None;
        }
        let (mut first, mut last) = (i64::MAX, i64::MIN);
        for one in &self.occurrences {
            let end = one.end();
            let entry = self.entries.get(usize::from(one.entry));
            let alarms = entry.into_iter().flat_map(|e| &e.alarms).flat_map(|alarm| {
                let at = alarm.at(one.start, end);
                [at, at.saturating_add(alarm.every.saturating_mul(alarm.repeat.into()))]
            });
            for at in alarms.chain([one.start, end]) {
                (first, last) = (first.min(at), last.max(at));
            }
        }
        Some((first.saturating_sub(FARTHEST), last.saturating_add(FARTHEST)))
    }

    fn places(&self) -> Vec<Place> {
        if self.undated {
            return vec![Place::Undated];
        }
        let Some((first, last)) = self.span() else { return Vec::new() };
        let (from, till) = (slot_of(first), slot_of(last));
        if till.saturating_sub(from) >= MOST_SLOTS { vec![Place::Ending(last)] } else { (from..=till).map(Place::Slot).collect() }
    }
}

/// The slot of a second.
pub fn slot_of(second: i64) -> i64 {
    second.div_euclid(SLOT)
}

fn item_key(mailbox: MailboxId, message: Uid) -> Key {
    Key::of(mailbox.0).u32(message.0)
}

/// Item UIDs are as long as their makers like; their digests are not.
fn uid_key(mailbox: MailboxId, item_uid: &str) -> Key {
    let digest = Sha256::digest(item_uid.as_bytes());
    Key::of(mailbox.0).u64(keys::u64_at(&digest, 0)).u64(keys::u64_at(&digest, 8))
}

/// How far the index of a mailbox is; None where there is none.
pub fn head(tx: &dyn Read, mailbox: MailboxId) -> Outcome<Option<Head>> {
    records::get(tx, CALENDAR_HEADS, &Key::of(mailbox.0))
}

fn put_head(tx: &WriteTx, mailbox: MailboxId, head: &Head) -> Outcome<()> {
    records::put(tx, CALENDAR_HEADS, &Key::of(mailbox.0), head)
}

/// Begins the index of a mailbox that has none, after up to `most` rows of another one have been removed. True while
/// there are more of those: then nothing has begun.
pub fn begin(tx: &WriteTx, mailbox: MailboxId, now: Timestamp, most: usize) -> Outcome<bool> {
    let change = head(tx, mailbox)?.map_or(0, |old| old.change + 1);
    let more = clear_rows(tx, mailbox, most)?;
    // An index of which some rows are gone is nobody's.
    let version = if more { 0 } else { VERSION };
    put_head(tx, mailbox, &Head { version, made: now, till: Uid(0), change })?;
    Ok(more)
}

/// Adds the rows of messages, each with its series as they are shown, and notes that all messages below `till` are indexed.
pub fn put(tx: &WriteTx, mailbox: MailboxId, head: &Head, rows: &[(Uid, Content, Vec<Shown>)], till: Uid) -> Outcome<()> {
    for (message, content, shown) in rows {
        let mut places = Vec::new();
        for one in shown {
            let record = records::encode(one)?;
            for place in one.places() {
                tx.put(CALENDAR_TIMES, place.key(mailbox).u32(message.0).u32(one.number).bytes(), &record)?;
                places.push((one.number, place));
            }
        }
        for name in content.names() {
            tx.put(CALENDAR_UIDS, uid_key(mailbox, name).u32(message.0).bytes(), &[])?;
        }
        records::put(tx, CALENDAR_ITEMS, &item_key(mailbox, *message), &Item { content: content.clone(), places })?;
    }
    let change = head.change + u64::from(!rows.is_empty());
    put_head(tx, mailbox, &Head { till, change, ..head.clone() })
}

/// Removes the rows of messages that are gone.
pub(super) fn forget(tx: &WriteTx, mailbox: MailboxId, gone: &[Uid]) -> Outcome<()> {
    let Some(head) = head(tx, mailbox)?.filter(Head::is_current) else { return Ok(()) };
    let mut changed = false;
    for message in gone.iter().filter(|uid| **uid < head.till) {
        let Some(item) = item(tx, mailbox, *message)? else { continue };
        for (number, place) in &item.places {
            tx.delete(CALENDAR_TIMES, place.key(mailbox).u32(message.0).u32(*number).bytes())?;
        }
        for name in item.content.names() {
            tx.delete(CALENDAR_UIDS, uid_key(mailbox, name).u32(message.0).bytes())?;
        }
        tx.delete(CALENDAR_ITEMS, item_key(mailbox, *message).bytes())?;
        changed = true;
    }
    if changed { put_head(tx, mailbox, &Head { change: head.change + 1, ..head }) } else { Ok(()) }
}

/// Removes up to `most` rows of the index of a mailbox that is gone. True while there are more.
pub(super) fn clear(tx: &WriteTx, mailbox: MailboxId, most: usize) -> Outcome<bool> {
    let more = clear_rows(tx, mailbox, most)?;
    if !more {
        tx.delete(CALENDAR_HEADS, Key::of(mailbox.0).bytes())?;
    }
    Ok(more)
}

fn clear_rows(tx: &WriteTx, mailbox: MailboxId, most: usize) -> Outcome<bool> {
    let (prefix, mut gone) = (Key::of(mailbox.0), Vec::<(Table, Vec<u8>)>::new());
    let end = prefix.end();
    for table in [CALENDAR_TIMES, CALENDAR_UIDS, CALENDAR_ITEMS] {
        tx.scan(table, keys::within(&prefix, &end), Direction::Forward, &mut |key, _| {
            gone.push((table, key.to_vec()));
            Ok(if gone.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })?;
    }
    gone.iter().try_for_each(|(table, key)| tx.delete(*table, key).map(drop))?;
    Ok(gone.len() >= most)
}

/// The row of a message; None where it holds no calendar part.
pub fn item(tx: &dyn Read, mailbox: MailboxId, message: Uid) -> Outcome<Option<Item>> {
    records::get(tx, CALENDAR_ITEMS, &item_key(mailbox, message))
}

/// The messages that hold an item of this UID, ascending.
pub fn with_item_uid(tx: &dyn Read, mailbox: MailboxId, item_uid: &str) -> Outcome<Vec<Uid>> {
    let (prefix, mut out) = (uid_key(mailbox, item_uid), Vec::new());
    let end = prefix.end();
    tx.scan(CALENDAR_UIDS, keys::within(&prefix, &end), Direction::Forward, &mut |key, _| {
        out.push(Uid(keys::u32_at(key, 24)));
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(out)
}

/// Visits the messages that have rows, ascending from `from` on.
pub fn items(tx: &dyn Read, mailbox: MailboxId, from: Uid, each: &mut dyn FnMut(Uid, Item) -> Outcome<ControlFlow<()>>) -> Outcome<()> {
    let (first, end) = (item_key(mailbox, from), Key::of(mailbox.0 + 1));
    tx.scan(CALENDAR_ITEMS, keys::between(&first, &end), Direction::Forward, &mut |key, value| {
        each(Uid(keys::u32_at(key, 8)), records::decode(value)?)
    })
}

/// A part of the rows by time, which is read and kept as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// The items that touch a slot.
    Slot(i64),
    /// All that touch many slots, by their end.
    Long,
    /// Tasks without a date.
    Undated,
}

/// Rows by time of one part.
pub type Rows = Arc<Vec<Arc<Shown>>>;

/// The rows of a part.
pub fn part(tx: &dyn Read, mailbox: MailboxId, part: Part) -> Outcome<Vec<Arc<Shown>>> {
    let (first, end) = match part {
        Part::Slot(slot) => (Place::Slot(slot).key(mailbox), Place::Slot(slot.saturating_add(1)).key(mailbox)),
        Part::Long => (Place::Ending(i64::MIN).key(mailbox), Place::Undated.key(mailbox)),
        Part::Undated => (Place::Undated.key(mailbox), Key::of(mailbox.0 + 1)),
    };
    let mut out = Vec::new();
    tx.scan(CALENDAR_TIMES, keys::between(&first, &end), Direction::Forward, &mut |_, value| {
        out.push(Arc::new(records::decode(value)?));
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(out)
}

#[cfg(test)]
mod tests;
