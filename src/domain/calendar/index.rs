//! The index follows the messages: whatever looks into a calendar brings the rows of the mailbox up to date first.
//!
//! What is removed leaves the index with its message (`store::messages`); here comes in what is new. Messages never
//! change, so those below a UID are done for good, until the index is made anew: for another version of it, or because
//! its horizon has come near. Work is cut into short questions and small commits, so that a mailbox of 100,000 messages
//! holds nobody up; whoever is late finds the work of another done and goes on from there.

use super::message;
use super::rows::{self, Work};
use crate::domain::access::Caller;
use crate::domain::house::House;
use crate::domain::preferences::Preferences;
use crate::domain::scheduling::people::own_addresses;
use crate::format::ical;
use crate::format::mime::structure;
use crate::model::calendar::{Clock, Entry, ItemKind};
use crate::model::fault::Outcome;
use crate::model::ids::{MailboxId, Uid};
use crate::model::limits::Limits;
use crate::model::mail::Kept;
use crate::model::time::Timestamp;
use crate::store::calendars::{self, Content, Head, Shown};
use crate::store::ledger::{self, Row};
use crate::store::{Read, WriteTx, accounts, blobs, mailboxes, messages};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

/// One question goes on for this long at most.
const TURN: Duration = Duration::from_millis(20);
/// Messages looked at in one question.
const STEP: usize = 2_000;
/// Rows of one commit, about.
const ROWS: usize = 256;
/// Bytes of the rows of one commit, about.
const BYTES: usize = 1 << 20;
/// Rows of an index of another version removed in one commit.
const REMOVED: usize = 2_000;

type NewRow = (Uid, Content, Vec<Shown>);

/// What the index of a mailbox needs.
pub enum Step {
    /// Nothing: it is as new as the messages.
    Current(Head),
    /// To be begun, or begun anew.
    Begin,
    /// What is new in it, and up to which message.
    New(Head),
}

/// What the index of a mailbox needs, as things are.
pub fn step(tx: &dyn Read, mailbox: MailboxId, now: Timestamp) -> Outcome<Step> {
    let Some(head) = calendars::head(tx, mailbox)?.filter(Head::is_current) else { return Ok(Step::Begin) };
    if now.0.saturating_sub(head.made.0) > rows::LASTING {
        return Ok(Step::Begin);
    }
    let next = mailboxes::state(tx, mailbox)?.uid_next;
    Ok(if head.till == next { Step::Current(head) } else { Step::New(head) })
}

/// Brings the index of a mailbox up to date.
pub async fn bring_up_to_date(house: &House, mailbox: MailboxId) -> Outcome<()> {
    loop {
        let now = Timestamp::now();
        match house.store.read(move |tx| step(tx, mailbox, now)).await? {
            Step::Current(_) => return Ok(()),
            Step::Begin => while house.store.write(move |tx| begin(tx, mailbox, now)).await? {},
            Step::New(head) => {
                let (new, till) = read_new(house, mailbox, head.till, now).await?;
                house.store.write(move |tx| put(tx, mailbox, &head, &new, till)).await?;
            }
        }
    }
}

/// Brings the index of a mailbox up to date as part of a larger transaction: for few messages, after
/// [`bring_up_to_date`] has seen to the many.
pub fn catch_up(tx: &WriteTx, limits: &Limits, mailbox: MailboxId) -> Outcome<()> {
    let now = Timestamp::now();
    loop {
        match step(tx, mailbox, now)? {
            Step::Current(_) => return Ok(()),
            Step::Begin => while begin(tx, mailbox, now)? {},
            Step::New(head) => {
                let read = read_some(tx, limits, mailbox, head.till, now)?;
                calendars::put(tx, mailbox, &head, &read.rows, read.till)?;
            }
        }
    }
}

fn begin(tx: &WriteTx, mailbox: MailboxId, now: Timestamp) -> Outcome<bool> {
    mailboxes::state(tx, mailbox)?;
    match step(tx, mailbox, now)? {
        Step::Begin => calendars::begin(tx, mailbox, now, REMOVED),
        // Another one has been quicker.
        Step::Current(_) | Step::New(_) => Ok(false),
    }
}

fn put(tx: &WriteTx, mailbox: MailboxId, base: &Head, new: &[NewRow], till: Uid) -> Outcome<()> {
    let head = calendars::head(tx, mailbox)?;
    // Another one has been quicker, or the mailbox is gone: what there is to do is looked at again.
    let Some(head) = head.filter(|head| head.is_current() && head.till == base.till && head.made == base.made) else { return Ok(()) };
    let uids: Vec<Uid> = new.iter().map(|(uid, ..)| *uid).collect();
    let there: Vec<Uid> = ledger::pick(tx, mailbox, &uids)?.iter().map(|row| row.uid).collect();
    if there.len() == uids.len() {
        return calendars::put(tx, mailbox, &head, new, till);
    }
    let still: Vec<NewRow> = new.iter().filter(|(uid, ..)| there.binary_search(uid).is_ok()).cloned().collect();
    calendars::put(tx, mailbox, &head, &still, till)
}

/// Reads messages until there is enough for a commit.
async fn read_new(house: &House, mailbox: MailboxId, from: Uid, now: Timestamp) -> Outcome<(Vec<NewRow>, Uid)> {
    let (mut rows, mut till, mut bytes) = (Vec::new(), from, 0);
    let settings = house.settings();
    loop {
        let (limits, start) = (settings.limits.clone(), till);
        let read = house.store.read(move |tx| read_some(tx, &limits, mailbox, start, now)).await?;
        bytes += read.bytes;
        till = read.till;
        rows.extend(read.rows);
        if read.all || rows.len() >= ROWS || bytes >= BYTES {
            return Ok((rows, till));
        }
    }
}

/// What one question has brought.
struct Reading {
    rows: Vec<NewRow>,
    bytes: usize,
    till: Uid,
    all: bool,
}

/// Reads some messages with UIDs from `from` on.
fn read_some(tx: &dyn Read, limits: &Limits, mailbox: MailboxId, from: Uid, now: Timestamp) -> Outcome<Reading> {
    let begun = Instant::now();
    let mut next: Vec<Row> = Vec::new();
    ledger::visit(tx, mailbox, from, &mut |row| {
        next.push(row);
        Ok(if next.len() < STEP { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    })?;
    let owner = owner_of(tx, mailbox)?;
    let uid_next = mailboxes::state(tx, mailbox)?.uid_next;
    let mut read = Reading { rows: Vec::new(), bytes: 0, till: uid_next, all: next.len() < STEP };
    for row in &next {
        if begun.elapsed() > TURN && row.uid > from {
            return Ok(Reading { till: row.uid, all: false, ..read });
        }
        if let Some((content, shown)) = read_one(tx, limits, mailbox, row, &owner, now)? {
            read.bytes += shown.iter().map(Shown::weight).sum::<usize>();
            read.rows.push((row.uid, content, shown));
        }
    }
    if !read.all {
        read.till = next.last().map_or(uid_next, |row| row.uid.next());
    }
    Ok(read)
}

/// Whose the items are.
struct Owner {
    /// For times whose zone nobody knows.
    clock: Clock,
    /// His addresses, folded.
    addresses: Vec<String>,
}

fn owner_of(tx: &dyn Read, mailbox: MailboxId) -> Outcome<Owner> {
    let Some(record) = mailboxes::get(tx, mailbox)? else { return Ok(Owner { clock: Clock::GMT, addresses: Vec::new() }) };
    let owner = Caller { account: record.account, address: accounts::get(tx, record.account)?.address };
    let preferences = Preferences::read(tx, &owner)?;
    Ok(Owner { clock: Clock::Known(preferences.zone()), addresses: own_addresses(&owner, &preferences) })
}

/// The row of a message; None where it has no calendar part.
fn read_one(
    tx: &dyn Read,
    limits: &Limits,
    mailbox: MailboxId,
    row: &Row,
    owner: &Owner,
    now: Timestamp,
) -> Outcome<Option<(Content, Vec<Shown>)>> {
    let mime = structure::Limits::of(limits);
    if !message::may_hold_items(&blobs::header(tx, row.blob)?, &mime) {
        return Ok(None);
    }
    let raw = blobs::read(tx, row.blob, 0..message::MOST)?;
    let unreadable = |why: String| -> Outcome<_> {
        let subject = match messages::envelope(tx, mailbox, row.uid)?.map(|envelope| envelope.subject) {
            Some(Kept::Text(subject)) => subject,
            Some(Kept::Absent | Kept::Long) | None => String::new(),
        };
        let name = message::text(&raw, limits).map(|text| calendars::name_of_unreadable(&text)).unwrap_or_default();
        Ok(Some((Content::Unreadable { why, name }, vec![rows::unreadable(row.uid, row.internal, &subject)])))
    };
    let calendars = match message::calendars(&raw, limits) {
        Ok(None) => return Ok(None),
        Ok(Some(calendars)) => calendars,
        Err(fault) => return unreadable(fault.text.into_owned()),
    };
    let mut items = message::with_items(&calendars).peekable();
    if items.peek().is_none() && !calendars.is_empty() {
        return Ok(None);
    }
    let series: Vec<_> = items.flat_map(|calendar| ical::series_of(calendar, &owner.clock, &owner.addresses)).collect();
    let good = |kind: ItemKind, entries: &[Entry]| kind == ItemKind::Task || entries.iter().all(|e| e.start.is_some());
    if series.is_empty() || series.iter().any(|s| !good(s.kind, &s.entries)) {
        return unreadable("calendar item is incorrect: it has no time".into());
    }
    let mut work = Work::default();
    let shown = series.iter().zip(0..).map(|(series, number)| rows::shown(series, row.uid, number, now, &mut work)).collect();
    Ok(Some((Content::Items(series), shown)))
}

#[cfg(test)]
mod tests;
