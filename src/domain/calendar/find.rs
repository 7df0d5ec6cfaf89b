//! Finds in a calendar that is a mailbox: rows of the window from memory or from the store, and what lies beyond their
//! horizon reckoned from the items, a few at a time.
//!
//! Spec: XIMSS, "Calendar Operations" (findEvents, findTasks).

use super::document::Document;
use super::hits::{Hits, Window};
use super::index::{self, Step};
use crate::domain::access::{Caller, Reached};
use crate::domain::house::House;
use crate::domain::messages;
use crate::model::calendar::{Clock, ItemKind};
use crate::model::fault::{Fault, Outcome};
use crate::model::flags::Flags;
use crate::model::ids::{MailboxId, Uid};
use crate::model::rights::Rights;
use crate::model::time::Timestamp;
use crate::store::calendar_cache::CalendarCache;
use crate::store::calendars::{self, Content, Head, Item, Part, Shown, slot_of};
use crate::store::{Read, ledger};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Reckoning goes on for this long at most, then others get their turn.
const TURN: Duration = Duration::from_millis(20);
/// So much is sorted where it is; more is for a thread of the store.
pub(super) const AT_ONCE: usize = 2_000;
/// How often a find begins anew because the mailbox changes under it.
const ATTEMPTS: usize = 16;

/// What is found, and what is still to be reckoned.
struct Gathered {
    hits: Hits,
    left: Vec<Arc<Shown>>,
}

/// What happens in a window, in order; `most` of each item. Of all that, what a client has asked for, and how much it is.
pub async fn find(
    house: &House,
    caller: &Caller,
    mailbox: MailboxId,
    window: &Window,
    most: usize,
    wanted: &Wanted,
) -> Outcome<(Hits, usize)> {
    let hits = all(house, caller, mailbox, window, most).await?;
    settled(house, hits, wanted).await
}

/// The same in a document from elsewhere.
pub async fn find_in_document(
    house: &House,
    document: &Arc<Document>,
    window: &Window,
    most: usize,
    wanted: &Wanted,
) -> Outcome<(Hits, usize)> {
    let hits = document.find(house, window, most).await?;
    settled(house, hits, wanted).await
}

async fn settled(house: &House, mut hits: Hits, wanted: &Wanted) -> Outcome<(Hits, usize)> {
    let Wanted { skip, limit } = *wanted;
    if hits.hits.len() < AT_ONCE {
        let found = hits.settle(skip, limit);
        return Ok((hits, found));
    }
    let sorted = move || {
        let found = hits.settle(skip, limit);
        Ok((hits, found))
    };
    house.store.compute(sorted).await
}

/// Which of all that is found is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// The first ones that are not.
    pub skip: usize,
    /// How many then are.
    pub limit: usize,
}

impl Wanted {
    /// All.
    pub const ALL: Self = Self { skip: 0, limit: usize::MAX };
}

async fn all(house: &House, caller: &Caller, mailbox: MailboxId, window: &Window, most: usize) -> Outcome<Hits> {
    for _ in 0..ATTEMPTS {
        let (asker, asked, cache) = (caller.clone(), window.clone(), house.store.calendars());
        let gathered = house.store.read(move |tx| gather(tx, &cache, &asker, mailbox, &asked, most)).await?;
        let Some(gathered) = gathered else {
            index::bring_up_to_date(house, mailbox).await?;
            continue;
        };
        return reckon(house, mailbox, window, most, gathered).await;
    }
    Err(Fault::state("the calendar is changing"))
}

/// What the rows say; None where the index is behind the mailbox.
fn gather(
    tx: &dyn Read,
    cache: &CalendarCache,
    caller: &Caller,
    mailbox: MailboxId,
    window: &Window,
    most: usize,
) -> Outcome<Option<Gathered>> {
    let reached = messages::folder_mailbox(tx, caller, mailbox, Rights::READ)?;
    let Step::Current(head) = index::step(tx, mailbox, Timestamp::now())? else { return Ok(None) };
    let mut found = candidates(tx, cache, mailbox, &head, window)?;
    hide(tx, mailbox, &reached, &mut found)?;
    let (mut hits, mut left, clock) = (Hits::default(), Vec::new(), Clock::Known(window.zone));
    for shown in found {
        if window.is_covered(&shown) {
            hits.add(window, &clock, &shown, most);
            hits.check_room()?;
        } else {
            left.push(shown);
        }
    }
    Ok(Some(Gathered { hits, left }))
}

/// The rows that may have something in the window, each once.
fn candidates(tx: &dyn Read, cache: &CalendarCache, mailbox: MailboxId, head: &Head, window: &Window) -> Outcome<Vec<Arc<Shown>>> {
    let (first, last) = (slot_of(window.from.0), slot_of(window.till.0.saturating_sub(1)));
    let mut parts: Vec<Part> = (first..=last).map(Part::Slot).collect();
    parts.push(Part::Long);
    if window.kind == ItemKind::Task {
        parts.push(Part::Undated);
    }
    let mut found: Vec<Arc<Shown>> = Vec::new();
    for part in parts {
        let rows = cache.rows(tx, mailbox, head, part)?;
        found.extend(rows.iter().filter(|shown| shown.kind == window.kind).cloned());
    }
    // An item that touches several slots lies in each.
    found.sort_unstable_by_key(|shown| (shown.message, shown.number));
    found.dedup_by_key(|shown| (shown.message, shown.number));
    Ok(found)
}

/// What is marked as deleted is not shown until that mark is taken away again; hidden messages are for owners and
/// administrators of the mailbox.
fn hide(tx: &dyn Read, mailbox: MailboxId, reached: &Reached, found: &mut Vec<Arc<Shown>>) -> Outcome<()> {
    let mut uids: Vec<Uid> = found.iter().map(|shown| shown.message).collect();
    uids.dedup();
    let sees_hidden = reached.rights.has(Rights::ADMINISTER);
    let is_away = |flags: Flags| flags.has(Flags::DELETED) || flags.has(Flags::HIDDEN) && !sees_hidden;
    let away: Vec<Uid> = ledger::pick(tx, mailbox, &uids)?.iter().filter(|row| is_away(row.flags)).map(|row| row.uid).collect();
    if !away.is_empty() {
        found.retain(|shown| away.binary_search(&shown.message).is_err());
    }
    Ok(())
}

/// Reckons what lies beyond the horizon of the rows.
async fn reckon(house: &House, mailbox: MailboxId, window: &Window, most: usize, gathered: Gathered) -> Outcome<Hits> {
    let Gathered { mut hits, left } = gathered;
    let (left, mut done) = (Arc::new(left), 0);
    while done < left.len() {
        let (rest, asked) = (left.clone(), window.clone());
        (hits, done) = house.store.read(move |tx| reckon_some(tx, mailbox, &asked, most, hits, &rest, done)).await?;
        hits.check_room()?;
    }
    Ok(hits)
}

fn reckon_some(
    tx: &dyn Read,
    mailbox: MailboxId,
    window: &Window,
    most: usize,
    mut hits: Hits,
    left: &[Arc<Shown>],
    from: usize,
) -> Outcome<(Hits, usize)> {
    let (begun, clock) = (Instant::now(), Clock::Known(window.zone));
    // The rows of one message follow each other.
    let mut read: Option<(Uid, Option<Item>)> = None;
    for (at, shown) in left.iter().enumerate().skip(from) {
        if at > from && begun.elapsed() > TURN {
            return Ok((hits, at));
        }
        if read.as_ref().is_none_or(|(message, _)| *message != shown.message) {
            read = Some((shown.message, calendars::item(tx, mailbox, shown.message)?));
        }
        // A message that has gone meanwhile takes its items with it.
        let Some((_, Some(item))) = &read else { continue };
        let Content::Items(items) = &item.content else { continue };
        let Some(series) = items.get(shown.number as usize) else { continue };
        hits.add_reckoned(window, &clock, shown, series, most);
    }
    Ok((hits, left.len()))
}
