//! The shelf: items as calendars keep them, one message for each UID.
//!
//! A message that came otherwise may hold several items; when one of them changes, each gets a message of its own. What is
//! put in the place of messages does so in one step with their removal. Spec: XIMSS, "Calendar Operations".

use super::Method;
use super::item::Item;
use super::letter::{self, Writing};
use crate::domain::access::Reached;
use crate::domain::calendar::{index, message};
use crate::domain::delivery::Prepared;
use crate::domain::messages::{allowed_flags, check_quota};
use crate::format::ical;
use crate::format::mime::build::CopiedPart;
use crate::format::mime::structure::{self, Inside, Node};
use crate::model::component::Component;
use crate::model::fault::{Fault, Outcome};
use crate::model::flags::Flags;
use crate::model::ids::{MailboxId, Uid};
use crate::model::limits::Limits;
use crate::model::rights::Rights;
use crate::model::time::Timestamp;
use crate::store::{Read, WriteTx, blobs, calendars, ledger, messages};

/// What a calendar holds under a UID.
#[derive(Debug, Clone, Default)]
pub struct Held {
    /// The item, where there is one that can be read.
    pub item: Option<Item>,
    /// Its attachments: parts with their fields.
    pub attachments: Vec<Vec<u8>>,
    /// The messages in which it is.
    messages: Vec<Uid>,
    /// Other items of these messages.
    beside: Vec<Item>,
    /// Bounds on what is put in its place.
    limits: Limits,
}

/// What a calendar holds under a UID, its index brought up to date.
pub fn held(tx: &WriteTx, limits: &Limits, mailbox: MailboxId, uid: &str) -> Outcome<Held> {
    index::catch_up(tx, limits, mailbox)?;
    let mut held = Held { limits: limits.clone(), ..Held::default() };
    for message in calendars::with_item_uid(tx, mailbox, uid)? {
        let Some(row) = ledger::get(tx, mailbox, message)? else { continue };
        held.take(&blobs::whole(tx, row.blob)?, limits, uid);
        held.messages.push(message);
    }
    Ok(held)
}

/// True where the calendar holds this text, which cannot be read, its index brought up to date.
pub fn holds_unreadable(tx: &WriteTx, limits: &Limits, mailbox: MailboxId, raw: &[u8]) -> Outcome<bool> {
    index::catch_up(tx, limits, mailbox)?;
    let name = calendars::name_of_unreadable(&String::from_utf8_lossy(raw));
    Ok(!calendars::with_item_uid(tx, mailbox, &name)?.is_empty())
}

/// The UID of the first item in a message.
pub fn uid_in(tx: &dyn Read, mailbox: MailboxId, message: Uid) -> Outcome<String> {
    let Some(item) = calendars::item(tx, mailbox, message)? else { return Err(Fault::no_message()) };
    match item.content {
        calendars::Content::Items(items) => items.into_iter().next().map(|series| series.uid).ok_or_else(Fault::no_message),
        calendars::Content::Unreadable { why, .. } => Err(Fault::bad(why)),
    }
}

impl Held {
    /// True where the calendar holds nothing under the UID.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Looks into one of its messages. What is found later is the newer one; exceptions that it does not know stay.
    fn take(&mut self, raw: &[u8], limits: &Limits, uid: &str) {
        let mime = structure::Limits::of(limits);
        let root = structure::structure(raw, &mime);
        let Ok(Some(found)) = message::calendars(raw, limits) else { return };
        let found = found.into_iter().filter(message::holds_items).collect();
        for item in Item::all(found) {
            match (item.uid() == uid, self.item.take()) {
                (true, Some(old)) => self.item = Some(newer(old, item)),
                (true, None) => self.item = Some(item),
                (false, same) => {
                    self.item = same;
                    self.beside.push(item);
                }
            }
        }
        let calendar = message::part(&root);
        let attached = calendar.map(|calendar| attached(&root, calendar)).unwrap_or_default();
        self.attachments.extend(attached.into_iter().filter_map(|part| with_fields(raw, part)));
    }
}

fn newer(old: Item, mut new: Item) -> Item {
    new.take_zones(&old.calendar);
    let id = |entry: &Component| entry.get("RECURRENCE-ID").map(|id| id.value.clone());
    let known: Vec<Option<String>> = new.entries.iter().map(id).collect();
    let others = old.entries.into_iter().filter(|entry| !known.contains(&id(entry)));
    new.entries.extend(others);
    new.entries.sort_by_key(|entry| entry.get("RECURRENCE-ID").is_some());
    new
}

/// The parts of a message that go with its calendar part: neither that part nor another form of it.
pub(super) fn attached<'a>(root: &'a Node, calendar: &Node) -> Vec<&'a Node> {
    let mut out = Vec::new();
    let Inside::Parts(parts) = &root.inside else { return out };
    if root.about.subtype == "alternative" {
        return out;
    }
    for part in parts {
        let holds = part.header.start <= calendar.header.start && calendar.body.end <= part.body.end;
        match holds {
            true if part.header != calendar.header => out.extend(attached(part, calendar)),
            true => {}
            false => out.push(part),
        }
    }
    out
}

/// A part as it is stored, with its fields.
pub(super) fn with_fields(raw: &[u8], part: &Node) -> Option<Vec<u8>> {
    let CopiedPart::Part { mut fields, body } = CopiedPart::of(raw, part) else { return None };
    fields.extend_from_slice(b"\r\n");
    fields.extend_from_slice(&body);
    Some(fields)
}

/// Puts an item in the place of what a calendar holds under its UID; None removes that. The index goes with it. The rights
/// have been checked but for that to delete.
pub fn put(tx: &WriteTx, reached: &Reached, held: &Held, item: Option<&Item>, attachments: &[Vec<u8>], writing: &Writing) -> Outcome<()> {
    if !held.is_empty() && !reached.rights.has(Rights::DELETE) {
        return Err(Fault::denied());
    }
    if let Some(item) = item {
        check_size(item, &held.limits)?;
    }
    let mut raws = Vec::new();
    for (at, other) in held.beside.iter().enumerate() {
        // What was attached stays with one of those that it was attached to.
        let with = if at == 0 && item.is_none() { held.attachments.as_slice() } else { &[] };
        raws.push(letter::stored(other, with, writing)?);
    }
    raws.extend(item.map(|item| letter::stored(item, attachments, writing)).transpose()?);
    place(tx, reached, &held.messages, raws, writing.now)?;
    // Whoever looks next would have to do it, in a transaction of its own.
    index::catch_up(tx, &held.limits, reached.record.id)
}

/// Refuses an item that is larger than what is read of one.
fn check_size(item: &Item, limits: &Limits) -> Outcome<()> {
    let calendar = item.to_calendar(Method::Publish);
    if ical::write(&calendar).len() > limits.calendar_item {
        return Err(Fault::quota("calendar item is too large"));
    }
    fn count(component: &Component) -> usize {
        1 + component.components.iter().map(count).sum::<usize>()
    }
    if count(&calendar) > limits.calendar_components { Err(Fault::quota("calendar item has too many components")) } else { Ok(()) }
}

/// Puts messages in the place of others, or beside what is there where there are none.
pub fn place(tx: &WriteTx, reached: &Reached, replaced: &[Uid], raws: Vec<Vec<u8>>, now: Timestamp) -> Outcome<()> {
    let prepared: Vec<Prepared> = raws.into_iter().map(Prepared::of).collect();
    check_quota(tx, &reached.owner, prepared.iter().map(|p| u64::from(p.size())).sum())?;
    let flags = allowed_flags(Flags::SEEN, reached.rights);
    let new = prepared.iter().map(|p| Ok(p.message(p.store(tx)?, flags, now))).collect::<Outcome<Vec<_>>>()?;
    messages::append(tx, &reached.record, &new, replaced).map(drop)
}
