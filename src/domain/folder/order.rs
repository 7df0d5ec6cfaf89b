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

/// An order and whether it is worth saving: it took long to make, and what is on disk is not it.
pub struct Sorted {
    /// The order.
    pub order: Arc<Order>,
    /// True when it should be saved.
    pub unsaved: bool,
}

/// All messages of `rows` (ascending UIDs) in order. Messages removed since may still be in it.
pub fn sorted(tx: &dyn Read, cache: &OrderCache, mailbox: MailboxId, rows: &[Row], sorting: &Sorting) -> Outcome<Sorted> {
    if sorts_by_row(&sorting.field) && rows.len() < WORTH_KEEPING {
        return Ok(Sorted { order: Arc::new(by_row(tx, mailbox, rows, sorting)?), unsaved: false });
    }
    let name = sorting.kept_as();
    let (kept, mut unsaved) = match cache.get(mailbox, &name) {
        Some(order) => (Some(order), false),
        None if rows.len() < WORTH_KEEPING || sorts_by_row(&sorting.field) => (None, false),
        None => (orders::load(tx, mailbox, &name)?.map(Arc::new), false),
    };
    let order = match kept {
        Some(order) => match refreshed(tx, mailbox, rows, sorting, &order)? {
            Some(newer) => Arc::new(newer),
            None => order,
        },
        None if sorts_by_row(&sorting.field) => Arc::new(by_row(tx, mailbox, rows, sorting)?),
        None => {
            unsaved = rows.len() >= WORTH_KEEPING;
            Arc::new(by_text(tx, mailbox, rows, sorting)?)
        }
    };
    cache.put(mailbox, &name, order.clone());
    Ok(Sorted { order, unsaved })
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

/// An order with the messages that came since; None where there are none.
fn refreshed(tx: &dyn Read, mailbox: MailboxId, rows: &[Row], sorting: &Sorting, order: &Order) -> Outcome<Option<Order>> {
    let (_, new) = rows.split_at(rows.partition_point(|row| row.uid < order.uid_next));
    let removed = order.uids.len() + new.len() > rows.len() + rows.len() / 8;
    if new.is_empty() && !removed {
        return Ok(None);
    }
    // Placing one message looks at some twenty others; when many are new, sorting all is quicker.
    if removed || new.len() > 64 + rows.len() / 256 {
        return if sorts_by_row(&sorting.field) { by_row(tx, mailbox, rows, sorting) } else { by_text(tx, mailbox, rows, sorting) }
            .map(Some);
    }
    let mut uids = order.uids.clone();
    for row in new {
        let key = Looked::new(tx, mailbox, *row).key(&sorting.field)?;
        let at = place(tx, mailbox, &uids, |uid| *uid, sorting, (&key, row.uid))?;
        uids.insert(at, row.uid);
    }
    Ok(Some(Order { uid_next: next_uid(rows), uids }))
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
