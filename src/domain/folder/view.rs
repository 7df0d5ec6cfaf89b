//! The content of a folder as a client sees it, and the steps that lead from one content to the next. No actor, no
//! notices: plain functions over a snapshot of the store.

use super::fields::{Looked, SortKey, Sorting};
use super::filter::{Filter, Selection};
use super::order::{self, Refreshed};
use crate::model::fault::Outcome;
use crate::model::flags::Flags;
use crate::model::ids::{MailboxId, ModSeq, Uid};
use crate::model::rights::Rights;
use crate::model::viewer::{ViewerField, ViewerValue};
use crate::store::Read;
use crate::store::ledger::{self, Row};
use crate::store::mailboxes::MailboxRecord;
use crate::store::orders::{Order, OrderCache};
use crate::store::search;
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

/// One message of a folder: 8 bytes, so that 100,000 of them take 800 KB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The message.
    pub uid: Uid,
    /// Its flags as the client knows them.
    pub flags: Flags,
}

/// How a folder looks at its mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// The order.
    pub sorting: Sorting,
    /// What belongs to it.
    pub selection: Selection,
}

/// The messages of a mailbox that belong to a folder, in its order, and whether the order is worth saving.
pub struct Content {
    /// The messages.
    pub entries: Vec<Entry>,
    /// The mailbox's next UID when it was read.
    pub uid_next: Uid,
    /// The last change of the mailbox that was read.
    pub modseq: ModSeq,
    /// The order by itself, when it should be saved.
    pub to_save: Option<Arc<Order>>,
}

/// All rows of a mailbox.
fn all_rows(tx: &dyn Read, mailbox: MailboxId, most: usize) -> Outcome<Vec<Row>> {
    let mut rows = Vec::with_capacity(most);
    ledger::visit(tx, mailbox, Uid(0), &mut |row| {
        rows.push(row);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(rows)
}

/// Flags of messages by UID: a plain array where UIDs are dense, as they mostly are, else a sorted list.
enum FlagsByUid {
    Dense { first: u32, flags: Vec<u16> },
    Sparse(Vec<Entry>),
}

const ABSENT: u16 = u16::MAX;

impl FlagsByUid {
    /// `entries` must be in the order of their UIDs.
    fn of(entries: Vec<Entry>) -> Self {
        let first = entries.first().map_or(0, |entry| entry.uid.0);
        let span = entries.last().map_or(0, |entry| (entry.uid.0 - first) as usize + 1);
        if span > entries.len().saturating_mul(4) + 1_024 {
            return Self::Sparse(entries);
        }
        let mut flags = vec![ABSENT; span];
        for entry in &entries {
            if let Some(slot) = flags.get_mut((entry.uid.0 - first) as usize) {
                *slot = entry.flags.0;
            }
        }
        Self::Dense { first, flags }
    }

    fn get(&self, uid: Uid) -> Option<Flags> {
        match self {
            Self::Dense { first, flags } => {
                let slot = flags.get(uid.0.checked_sub(*first)? as usize).copied()?;
                (slot != ABSENT).then_some(Flags(slot))
            }
            Self::Sparse(entries) => {
                let at = entries.binary_search_by_key(&uid, |entry| entry.uid).ok()?;
                entries.get(at).map(|entry| entry.flags)
            }
        }
    }
}

/// Reads the content of a folder, but for a filter that must read messages: that is applied to the result in slices.
/// Messages that the search index rules out are left out here.
pub fn content(tx: &dyn Read, cache: &OrderCache, mailbox: &MailboxRecord, rights: Rights, look: &Look) -> Outcome<Content> {
    let state = crate::store::mailboxes::state(tx, mailbox.id)?;
    let kept = order::kept(tx, cache, mailbox.id, state.messages as usize, &look.sorting)?;
    // Of what a kept order has already, no more than UIDs and flags is held: a large mailbox is read in little memory.
    let from = kept.as_ref().map_or(Uid(0), |order| order.uid_next);
    let (mut admitted, mut rows) = (Vec::with_capacity(state.messages as usize), Vec::new());
    ledger::visit(tx, mailbox.id, Uid(0), &mut |row| {
        if look.selection.admits(&row, rights, mailbox.uid_validity) {
            admitted.push(Entry { uid: row.uid, flags: row.flags });
        }
        if row.uid >= from {
            rows.push(row);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    let (order, is_new) = ordered(tx, mailbox.id, state.messages as usize, rows, kept, &look.sorting)?;
    order::keep(cache, mailbox.id, state.messages as usize, &look.sorting, &order);
    let known = FlagsByUid::of(admitted);
    let question = look.selection.content().and_then(Filter::index_question);
    let candidates = question.map(|(scopes, terms)| search::candidates(tx, mailbox.id, scopes, &terms)).transpose()?;
    let possible = |uid: &Uid| candidates.as_ref().is_none_or(|all| all.may_be(*uid));
    let entry = |uid: &Uid| known.get(*uid).filter(|_| possible(uid)).map(|flags| Entry { uid: *uid, flags });
    let entries = order.uids.iter().filter_map(entry).collect();
    let to_save = (is_new && order::worth_saving(state.messages as usize, &look.sorting)).then_some(order);
    Ok(Content { entries, uid_next: state.uid_next, modseq: state.modseq, to_save })
}

/// The order of a mailbox's messages: the kept one brought up to date, or one made from all; then the second is true.
fn ordered(
    tx: &dyn Read,
    mailbox: MailboxId,
    messages: usize,
    rows: Vec<Row>,
    kept: Option<Arc<Order>>,
    sorting: &Sorting,
) -> Outcome<(Arc<Order>, bool)> {
    let Some(order) = kept else { return Ok((Arc::new(order::made(tx, mailbox, &rows, sorting)?), true)) };
    match order::refreshed(tx, mailbox, &rows, messages, sorting, &order)? {
        Refreshed::Same => Ok((order, false)),
        Refreshed::Newer(newer) => Ok((Arc::new(newer), false)),
        Refreshed::TooOld => Ok((Arc::new(order::made(tx, mailbox, &all_rows(tx, mailbox, messages)?, sorting)?), true)),
    }
}

/// Keeps the messages of a slice that a content filter admits.
pub fn filtered(tx: &dyn Read, mailbox: MailboxId, slice: &[Entry], look: &Look) -> Outcome<Vec<Entry>> {
    let Some(filter) = look.selection.content() else { return Ok(slice.to_vec()) };
    let mut kept = Vec::new();
    for entry in slice {
        let Some(row) = ledger::get(tx, mailbox, entry.uid)? else { continue };
        if filter.fits(&mut Looked::new(tx, mailbox, row))? {
            kept.push(*entry);
        }
    }
    Ok(kept)
}

/// The values of viewer fields of some messages; None for one that is gone.
pub fn values(tx: &dyn Read, mailbox: MailboxId, uids: &[Uid], fields: &[ViewerField]) -> Outcome<Vec<Option<Vec<ViewerValue>>>> {
    let of = |uid: &Uid| -> Outcome<Option<Vec<ViewerValue>>> {
        let Some(row) = ledger::get(tx, mailbox, *uid)? else { return Ok(None) };
        let mut looked = Looked::new(tx, mailbox, row);
        fields.iter().map(|field| looked.value(field)).collect::<Outcome<_>>().map(Some)
    };
    uids.iter().map(of).collect()
}

/// What has changed in the mailbox and the client has not been told yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pending {
    /// Messages of the folder that are gone from it.
    pub removed: BTreeSet<Uid>,
    /// Messages of the mailbox that are new.
    pub added: BTreeSet<Uid>,
    /// Messages of the folder whose flags or attributes changed.
    pub updated: BTreeSet<Uid>,
}

impl Pending {
    /// True when there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.removed.is_empty() && self.added.is_empty() && self.updated.is_empty()
    }
}

/// One report of a synchronisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What happened.
    pub kind: ReportKind,
    /// The position, in the list as it was after all reports before this one.
    pub index: usize,
    /// The message.
    pub uid: Uid,
    /// Messages in the folder after this report.
    pub messages: usize,
    /// Messages without `Seen` after this report.
    pub unseen: usize,
}

/// What a report says of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportKind {
    /// It is gone.
    Removed,
    /// It has come.
    Added,
    /// Its flags or attributes changed.
    Updated,
}

/// The content after a synchronisation, what is left to tell, and the reports that lead there.
pub struct Synchronised {
    /// The messages now.
    pub entries: Vec<Entry>,
    /// What was not told for want of room.
    pub left: Pending,
    /// The reports in order.
    pub reports: Vec<Report>,
}

/// Messages without `Seen`.
pub fn unseen(entries: &[Entry]) -> usize {
    entries.iter().filter(|e| !e.flags.has(Flags::SEEN)).count()
}

/// Brings a folder up to date, with at most `limit` reports: first what is gone, then what is new, then what changed.
/// Each kind is told in the order of positions, so that one pass over the list is enough for any number of changes.
pub fn synchronise(
    tx: &dyn Read,
    mailbox: &MailboxRecord,
    rights: Rights,
    look: &Look,
    entries: &[Entry],
    pending: Pending,
    limit: usize,
) -> Outcome<Synchronised> {
    let mut step = Step { reports: Vec::new(), unseen: unseen(entries), limit };
    let Pending { removed, added, updated } = pending;
    let (mut entries, removed) = step.remove(entries, removed);
    let added = step.add(tx, mailbox, rights, look, &mut entries, added)?;
    let updated = step.update(tx, mailbox.id, &mut entries, updated)?;
    Ok(Synchronised { entries, left: Pending { removed, added, updated }, reports: step.reports })
}

/// A folder whose mailbox is gone, or may no longer be read, loses its messages.
pub fn emptied(entries: &[Entry], limit: usize) -> Synchronised {
    let mut step = Step { reports: Vec::new(), unseen: unseen(entries), limit };
    let (entries, removed) = step.remove(entries, entries.iter().map(|e| e.uid).collect());
    Synchronised { entries, left: Pending { removed, ..Pending::default() }, reports: step.reports }
}

struct Step {
    reports: Vec<Report>,
    unseen: usize,
    limit: usize,
}

impl Step {
    fn full(&self) -> bool {
        self.reports.len() >= self.limit
    }

    fn report(&mut self, kind: ReportKind, index: usize, uid: Uid, messages: usize) {
        self.reports.push(Report { kind, index, uid, messages, unseen: self.unseen });
    }

    fn remove(&mut self, entries: &[Entry], mut removed: BTreeSet<Uid>) -> (Vec<Entry>, BTreeSet<Uid>) {
        if removed.is_empty() {
            return (entries.to_vec(), removed);
        }
        let mut kept: Vec<Entry> = Vec::with_capacity(entries.len());
        for (at, entry) in entries.iter().enumerate() {
            if self.full() || !removed.remove(&entry.uid) {
                kept.push(*entry);
                continue;
            }
            self.unseen -= usize::from(!entry.flags.has(Flags::SEEN));
            let left = kept.len() + entries.len() - at - 1;
            self.report(ReportKind::Removed, kept.len(), entry.uid, left);
        }
        if !self.full() {
            // What is not in the list needs no telling.
            removed.clear();
        }
        (kept, removed)
    }

    fn add(
        &mut self,
        tx: &dyn Read,
        mailbox: &MailboxRecord,
        rights: Rights,
        look: &Look,
        entries: &mut Vec<Entry>,
        mut added: BTreeSet<Uid>,
    ) -> Outcome<BTreeSet<Uid>> {
        let room = self.limit.saturating_sub(self.reports.len());
        let mut fresh: Vec<(SortKey, Entry)> = Vec::new();
        while fresh.len() < room {
            let Some(uid) = added.pop_first() else { break };
            let Some(row) = ledger::get(tx, mailbox.id, uid)? else { continue };
            let mut looked = Looked::new(tx, mailbox.id, row);
            let fits = look.selection.admits(&row, rights, mailbox.uid_validity)
                && look.selection.content().map_or(Ok(true), |filter| filter.fits(&mut looked))?;
            if fits {
                fresh.push((looked.key(&look.sorting.field)?, Entry { uid, flags: row.flags }));
            }
        }
        fresh.sort_by(|a, b| look.sorting.compare((&a.0, a.1.uid), (&b.0, b.1.uid)));
        let mut places = Vec::with_capacity(fresh.len());
        for (key, entry) in &fresh {
            places.push(order::place(tx, mailbox.id, entries, |e| e.uid, &look.sorting, (key, entry.uid))?);
        }
        let (before, mut merged) = (entries.len(), Vec::with_capacity(entries.len() + fresh.len()));
        let mut from = 0;
        for (number, ((_, entry), place)) in fresh.iter().zip(&places).enumerate() {
            merged.extend_from_slice(entries.get(from..*place).unwrap_or_default());
            from = *place;
            merged.push(*entry);
            self.unseen += usize::from(!entry.flags.has(Flags::SEEN));
            self.report(ReportKind::Added, merged.len() - 1, entry.uid, before + number + 1);
        }
        merged.extend_from_slice(entries.get(from..).unwrap_or_default());
        *entries = merged;
        Ok(added)
    }

    fn update(&mut self, tx: &dyn Read, mailbox: MailboxId, entries: &mut [Entry], mut updated: BTreeSet<Uid>) -> Outcome<BTreeSet<Uid>> {
        if updated.is_empty() || self.full() {
            return Ok(updated);
        }
        let messages = entries.len();
        for (at, entry) in entries.iter_mut().enumerate() {
            if self.full() {
                return Ok(updated);
            }
            if !updated.remove(&entry.uid) {
                continue;
            }
            let Some(row) = ledger::get(tx, mailbox, entry.uid)? else { continue };
            self.unseen = self.unseen + usize::from(!row.flags.has(Flags::SEEN)) - usize::from(!entry.flags.has(Flags::SEEN));
            entry.flags = row.flags;
            self.report(ReportKind::Updated, at, entry.uid, messages);
        }
        updated.clear();
        Ok(updated)
    }
}

/// Up to where a client knows its mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Horizon {
    /// Messages from this UID on are new to it.
    pub uid_next: Uid,
    /// Changes after this one are unknown to it.
    pub modseq: ModSeq,
}

/// What differs between a folder and its mailbox, found by looking at all of it: for when details were lost. What was
/// pending is told as well: a change that the horizon covers may be among it, if there was no room to tell it.
pub fn differences(
    tx: &dyn Read,
    mailbox: &MailboxRecord,
    entries: &[Entry],
    horizon: Horizon,
    hide_deleted: bool,
    mut pending: Pending,
) -> Outcome<Pending> {
    let mut there = Vec::with_capacity(entries.len());
    ledger::visit(tx, mailbox.id, Uid(0), &mut |row| {
        there.push(Entry { uid: row.uid, flags: row.flags });
        if row.uid >= horizon.uid_next {
            pending.added.insert(row.uid);
        } else if row.modseq > horizon.modseq {
            // Attributes may have changed where flags have not.
            pending.updated.insert(row.uid);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    let known = FlagsByUid::of(there);
    for entry in entries {
        match known.get(entry.uid) {
            None => drop(pending.removed.insert(entry.uid)),
            Some(flags) if hide_deleted && flags.has(Flags::DELETED) => drop(pending.removed.insert(entry.uid)),
            Some(_) => {}
        }
    }
    Ok(pending)
}
