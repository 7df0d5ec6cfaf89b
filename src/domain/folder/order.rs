//! Orders: all messages of a mailbox sorted by a field. Made once, kept by the store, and brought up to date from
//! what came since instead of being sorted again.

use super::fields::{Looked, SortKey, Sorting, sorts_by_row};
use crate::model::fault::Outcome;
use crate::model::ids::{MailboxId, Uid};
use crate::store::ledger::{self, Row};
use crate::store::orders::{self, Order, OrderCache};
use crate::store::{Read, messages};
use std::cmp::Ordering;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Mailboxes with fewer messages are sorted anew: reading what was kept would take as long.
const WORTH_KEEPING: usize = 2_000;

/// True when orders of a mailbox of this size are worth saving: neither quick to make, nor made from numbers.
pub fn worth_saving(messages: usize, sorting: &Sorting) -> bool {
    messages >= WORTH_KEEPING && !sorts_by_row(&sorting.field)
}

/// The order as it was last kept, in memory or on disk. Messages may have come and gone since.
pub fn kept(tx: &dyn Read, cache: &OrderCache, mailbox: MailboxId, messages: usize, sorting: &Sorting) -> Outcome<Option<Arc<Order>>> {
    if messages < WORTH_KEEPING && sorts_by_row(&sorting.field) {
        return Ok(None);
    }
    let name = sorting.kept_as();
    match cache.get(mailbox, &name) {
        Some(order) => Ok(Some(order)),
        None if worth_saving(messages, sorting) => Ok(orders::load(tx, mailbox, &name)?.map(Arc::new)),
        None => Ok(None),
    }
}

/// Keeps an order in memory, unless reading it would take as long as making it.
pub fn keep(cache: &OrderCache, mailbox: MailboxId, messages: usize, sorting: &Sorting, order: &Arc<Order>) {
    if messages >= WORTH_KEEPING || !sorts_by_row(&sorting.field) {
        cache.put(mailbox, &sorting.kept_as(), order.clone());
    }
}

/// All messages of `rows` (ascending UIDs) in order.
pub fn made(tx: &dyn Read, mailbox: MailboxId, rows: &[Row], sorting: &Sorting) -> Outcome<Order> {
    if sorts_by_row(&sorting.field) { by_row(tx, mailbox, rows, sorting) } else { by_text(tx, mailbox, rows, sorting) }
}

fn next_uid(rows: &[Row]) -> Uid {
    rows.last().map_or(Uid(1), |row| row.uid.next())
}

fn by_row(tx: &dyn Read, mailbox: MailboxId, rows: &[Row], sorting: &Sorting) -> Outcome<Order> {
    let mut keyed = Vec::with_capacity(rows.len());
    for row in rows {
        let SortKey::Number(number) = Looked::new(tx, mailbox, *row).key(&sorting.field)? else { continue };
        keyed.push((if sorting.descending { !number } else { number }, row.uid));
    }
    keyed.sort_unstable();
    Ok(Order { uid_next: next_uid(rows), uids: keyed.into_iter().map(|(_, uid)| uid).collect() })
}

fn by_text(tx: &dyn Read, mailbox: MailboxId, rows: &[Row], sorting: &Sorting) -> Outcome<Order> {
    let mut keyed = Vec::with_capacity(rows.len());
    let mut rest = rows.iter();
    messages::envelopes(tx, mailbox, Uid(0), &mut |uid, envelope| {
        // Both run in UID order; an envelope without a row cannot be, but would only be passed over.
        while let Some(row) = rest.as_slice().first().filter(|row| row.uid <= uid) {
            rest.next();
            if row.uid == uid {
                keyed.push((Looked::new(tx, mailbox, *row).with_envelope(envelope).key(&sorting.field)?, uid));
                break;
            }
        }
        Ok(ControlFlow::Continue(()))
    })?;
    keyed.sort_unstable_by(|a, b| sorting.compare((&a.0, a.1), (&b.0, b.1)));
    Ok(Order { uid_next: next_uid(rows), uids: keyed.into_iter().map(|(_, uid)| uid).collect() })
}

/// What became of a kept order.
pub enum Refreshed {
    /// Nothing came.
    Same,
    /// Messages came, and are in it.
    Newer(Order),
    /// So much came or went that it is quicker to make it anew.
    TooOld,
}

/// A kept order with the messages that came since: `new`, ascending, of `messages` that there are in all.
pub fn refreshed(tx: &dyn Read, mailbox: MailboxId, new: &[Row], messages: usize, sorting: &Sorting, order: &Order) -> Outcome<Refreshed> {
    let many_are_gone = order.uids.len() + new.len() > messages + messages / 8;
    // Placing one message looks at some twenty others; when many are new, sorting all is quicker.
    if many_are_gone || new.len() > 64 + messages / 256 {
        return Ok(Refreshed::TooOld);
    }
    if new.is_empty() {
        return Ok(Refreshed::Same);
    }
    let mut uids = order.uids.clone();
    for row in new {
        let key = Looked::new(tx, mailbox, *row).key(&sorting.field)?;
        let at = place(tx, mailbox, &uids, |uid| *uid, sorting, (&key, row.uid))?;
        uids.insert(at, row.uid);
    }
    Ok(Refreshed::Newer(Order { uid_next: next_uid(new), uids }))
}

/// Where a message belongs among sorted ones, by looking at some of them. Those that are gone meanwhile are passed over.
pub fn place<T>(
    tx: &dyn Read,
    mailbox: MailboxId,
    among: &[T],
    uid_of: impl Fn(&T) -> Uid,
    sorting: &Sorting,
    new: (&SortKey, Uid),
) -> Outcome<usize> {
    let (mut low, mut high) = (0, among.len());
    while low < high {
        let middle = low + (high - low) / 2;
        let mut probe = None;
        for (at, entry) in among.iter().enumerate().take(high).skip(middle) {
            if let Some(row) = ledger::get(tx, mailbox, uid_of(entry))? {
                probe = Some((at, Looked::new(tx, mailbox, row).key(&sorting.field)?, row.uid));
                break;
            }
        }
        match probe {
            Some((at, key, uid)) if sorting.compare((&key, uid), new) == Ordering::Less => low = at + 1,
            _ => high = middle,
        }
    }
    Ok(low)
}
