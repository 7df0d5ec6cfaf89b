//! What may be done with messages, and by whom: copy, move, mark, remove, expunge, empty, append, replace, attributes.
//!
//! Each function is one step over a transaction and checks rights before its first write. Long sets are cut into
//! steps by their callers, so that no commit holds the others up. Spec: XIMSS, "Mailbox Operations", "Message Operations".

use super::access::{self, Caller, Reached};
use crate::model::fault::{Fault, Outcome};
use crate::model::flags::{FlagChange, Flags};
use crate::model::ids::{MailboxId, Uid};
use crate::model::names::MailboxPath;
use crate::model::rights::Rights;
use crate::model::time::Timestamp;
use crate::model::value::{Dictionary, Value};
use crate::store::ledger::{self, Row};
use crate::store::mailboxes::{self, MailboxRecord};
use crate::store::messages::{self, NewMessage};
use crate::store::{Read, WriteTx, accounts};
use std::ops::ControlFlow;

/// Messages that one step of a long operation takes.
pub const STEP: usize = 500;

/// The mailbox of an open folder, looked at again: it may be gone, and the rights may have changed.
pub fn folder_mailbox(tx: &dyn Read, caller: &Caller, mailbox: MailboxId, needs: Rights) -> Outcome<Reached> {
    let record = mailboxes::get(tx, mailbox)?.ok_or_else(Fault::no_mailbox)?;
    access::reach_record(tx, caller, record, needs)
}

/// A message of an open folder that the caller may read.
pub fn readable(tx: &dyn Read, caller: &Caller, mailbox: MailboxId, uid: Uid) -> Outcome<(Reached, Row)> {
    let reached = folder_mailbox(tx, caller, mailbox, Rights::READ)?;
    let row = ledger::get(tx, mailbox, uid)?.filter(|row| visible(row, &reached)).ok_or_else(Fault::no_message)?;
    Ok((reached, row))
}

/// Hidden messages are for owners and administrators of the mailbox.
fn visible(row: &Row, reached: &Reached) -> bool {
    !row.flags.has(Flags::HIDDEN) || reached.rights.has(Rights::ADMINISTER)
}

/// The messages of a mailbox with UIDs in these ranges (both ends included), ascending.
pub fn in_ranges(tx: &dyn Read, mailbox: MailboxId, ranges: &[(Uid, Uid)]) -> Outcome<Vec<Uid>> {
    let mut sorted = ranges.to_vec();
    sorted.sort_unstable();
    let (mut out, mut from): (Vec<Uid>, Uid) = (Vec::new(), Uid(0));
    for (first, last) in sorted {
        ledger::visit(tx, mailbox, first.max(from), &mut |row| {
            if row.uid > last {
                return Ok(ControlFlow::Break(()));
            }
            out.push(row.uid);
            Ok(ControlFlow::Continue(()))
        })?;
        from = from.max(last.next());
    }
    Ok(out)
}

/// The mailbox messages go to: made if it is not there and a class says so.
pub fn target(tx: &WriteTx, caller: &Caller, path: &MailboxPath, class: Option<&str>, now: Timestamp) -> Outcome<Reached> {
    match access::reach(tx, caller, path, Rights::INSERT) {
        Err(fault) if fault == Fault::no_mailbox() && class.is_some() => {
            super::mailboxes::create(tx, caller, path, class.unwrap_or_default(), now)?;
            access::reach(tx, caller, path, Rights::INSERT)
        }
        reached => reached,
    }
}

/// Makes a mailbox with a class if it is not there.
pub fn ensure(tx: &WriteTx, caller: &Caller, path: &MailboxPath, class: &str, now: Timestamp) -> Outcome<()> {
    match access::reach(tx, caller, path, Rights::NONE) {
        Err(fault) if fault == Fault::no_mailbox() => super::mailboxes::create(tx, caller, path, class, now).map(drop),
        reached => reached.map(drop),
    }
}

/// Refuses what would take the owner's account over its quota.
pub fn check_quota(tx: &dyn Read, owner: &Caller, more: u64) -> Outcome<()> {
    let Some(quota) = accounts::get(tx, owner.account)?.quota() else { return Ok(()) };
    let used = accounts::state(tx, owner.account)?.used;
    if used.saturating_add(more) > quota { Err(Fault::quota("account storage is over quota")) } else { Ok(()) }
}

/// What a copy takes of a message. It is recent where it arrives (RFC 3501 6.4.7).
fn copied(tx: &dyn Read, mailbox: MailboxId, row: &Row) -> Outcome<NewMessage> {
    Ok(NewMessage {
        blob: row.blob,
        size: row.size,
        flags: row.flags.with(Flags::RECENT),
        internal: row.internal,
        envelope: messages::envelope(tx, mailbox, row.uid)?.unwrap_or_default(),
        original: None,
        attributes: messages::attributes(tx, mailbox, row.uid)?,
    })
}

/// Copies messages of an open folder; returns old and new UIDs. `and_remove` makes it a move. The bytes are shared.
pub fn copy(
    tx: &WriteTx,
    caller: &Caller,
    from: MailboxId,
    uids: &[Uid],
    to: &MailboxPath,
    class: Option<&str>,
    and_remove: bool,
) -> Outcome<Vec<(Uid, Uid)>> {
    let needs = if and_remove { Rights::READ.with(Rights::DELETE) } else { Rights::READ };
    let source = folder_mailbox(tx, caller, from, needs)?;
    let rows: Vec<Row> = ledger::pick(tx, from, uids)?.into_iter().filter(|row| visible(row, &source)).collect();
    let target = target(tx, caller, to, class, Timestamp::now())?;
    if !and_remove || source.owner != target.owner {
        check_quota(tx, &target.owner, rows.iter().map(|r| u64::from(r.size)).sum())?;
    }
    let flags = |flags: Flags| if target.rights.has(Rights::WRITE) { flags } else { Flags::RECENT };
    let new: Vec<NewMessage> =
        rows.iter().map(|row| copied(tx, from, row).map(|new| NewMessage { flags: flags(new.flags), ..new })).collect::<Outcome<_>>()?;
    let added = messages::append(tx, &target.record, &new, &[])?;
    let old: Vec<Uid> = rows.iter().map(|row| row.uid).collect();
    if and_remove {
        messages::remove(tx, &source.record, &old)?;
    }
    Ok(old.into_iter().zip(added).collect())
}

/// Changes flags of messages of an open folder. `Seen` needs its own right, `Deleted` another, the rest a third.
pub fn mark(tx: &WriteTx, caller: &Caller, mailbox: MailboxId, uids: &[Uid], change: FlagChange) -> Outcome<()> {
    let touched = change.touched();
    if touched.any(Flags::RECENT) {
        return Err(Fault::bad("the Recent flag cannot be changed"));
    }
    let mut needs = Rights::READ;
    if touched.any(Flags::SEEN) {
        needs = needs.with(Rights::SEEN);
    }
    if touched.any(Flags::DELETED) {
        needs = needs.with(Rights::DELETE);
    }
    if touched.without(Flags::SEEN.with(Flags::DELETED)) != Flags::NONE {
        needs = needs.with(Rights::WRITE);
    }
    let reached = folder_mailbox(tx, caller, mailbox, needs)?;
    messages::set_flags(tx, &reached.record, &only_visible(tx, &reached, uids)?, change).map(drop)
}

fn only_visible(tx: &dyn Read, reached: &Reached, uids: &[Uid]) -> Outcome<Vec<Uid>> {
    let rows = ledger::pick(tx, reached.record.id, uids)?;
    Ok(rows.iter().filter(|row| visible(row, reached)).map(|row| row.uid).collect())
}

/// Removes messages for good.
pub fn remove(tx: &WriteTx, caller: &Caller, mailbox: MailboxId, uids: &[Uid]) -> Outcome<()> {
    let reached = folder_mailbox(tx, caller, mailbox, Rights::DELETE)?;
    messages::remove(tx, &reached.record, &only_visible(tx, &reached, uids)?).map(drop)
}

/// The messages that an expunge removes.
pub fn marked_deleted(tx: &dyn Read, caller: &Caller, mailbox: MailboxId) -> Outcome<Vec<Uid>> {
    folder_mailbox(tx, caller, mailbox, Rights::DELETE)?;
    older(tx, mailbox, &|row| row.flags.has(Flags::DELETED))
}

fn older(tx: &dyn Read, mailbox: MailboxId, fits: &dyn Fn(&Row) -> bool) -> Outcome<Vec<Uid>> {
    let mut out = Vec::new();
    ledger::visit(tx, mailbox, Uid(0), &mut |row| {
        if fits(&row) {
            out.push(row.uid);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(out)
}

/// The messages that emptying a mailbox removes: those whose internal date is not after `till`; None for all.
pub fn to_empty(tx: &dyn Read, caller: &Caller, path: &MailboxPath, till: Option<Timestamp>) -> Outcome<(MailboxId, Vec<Uid>)> {
    let reached = access::reach(tx, caller, path, Rights::DELETE)?;
    let uids = older(tx, reached.record.id, &|row| till.is_none_or(|till| row.internal <= till))?;
    Ok((reached.record.id, uids))
}

/// Clears the `Recent` flag of what the caller has had in an open folder, as far as it may.
pub fn no_longer_recent(tx: &WriteTx, caller: &Caller, mailbox: MailboxId) -> Outcome<()> {
    let Ok(reached) = folder_mailbox(tx, caller, mailbox, Rights::SEEN) else { return Ok(()) };
    let recent = older(tx, mailbox, &|row| row.flags.has(Flags::RECENT))?;
    messages::set_flags(tx, &reached.record, &recent, FlagChange { set: Flags::NONE, clear: Flags::RECENT }).map(drop)
}

/// Which message an append takes the place of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replace {
    /// This one, if it is there.
    IfThere(Uid),
    /// This one, which must be there.
    CheckOld(Uid),
    /// This one, which must be there; its original UID goes over to the new message.
    CopyOriginal(Uid),
    /// The one whose original UID this is; it goes over to the new message.
    ByOriginal(Uid),
}

/// What a replacement means now: the message that goes, and the original UID that stays. One step with the append.
fn replaced(tx: &dyn Read, mailbox: MailboxId, replace: Option<Replace>) -> Outcome<(Option<Uid>, Option<Uid>)> {
    let there = |uid: Uid| ledger::get(tx, mailbox, uid);
    Ok(match replace {
        None => (None, None),
        Some(Replace::IfThere(uid)) => (there(uid)?.map(|row| row.uid), None),
        Some(Replace::CheckOld(uid)) => (Some(there(uid)?.ok_or_else(Fault::no_message)?.uid), None),
        Some(Replace::CopyOriginal(uid)) => {
            let row = there(uid)?.ok_or_else(Fault::no_message)?;
            (Some(row.uid), Some(row.original))
        }
        Some(Replace::ByOriginal(original)) => {
            let mut found = None;
            ledger::visit(tx, mailbox, Uid(0), &mut |row| {
                found = (row.original == original).then_some(row.uid).or(found);
                Ok(ControlFlow::Continue(()))
            })?;
            (Some(found.ok_or_else(Fault::no_message)?), Some(original))
        }
    })
}

/// Appends one message of `size` bytes to a mailbox that was reached with the right to insert; returns its UID. `new`
/// stores its bytes, once everything has been checked.
pub fn append(
    tx: &WriteTx,
    reached: &Reached,
    new: &dyn Fn(&WriteTx) -> Outcome<NewMessage>,
    size: u32,
    replace: Option<Replace>,
) -> Outcome<Uid> {
    let (gone, original) = replaced(tx, reached.record.id, replace)?;
    if gone.is_some() && !reached.rights.has(Rights::DELETE) {
        return Err(Fault::denied());
    }
    check_quota(tx, &reached.owner, size.into())?;
    let new = new(tx)?;
    let flags = allowed_flags(new.flags, reached.rights).with(Flags::RECENT);
    let new = NewMessage { original: original.or(new.original), flags, ..new };
    let gone: Vec<Uid> = gone.into_iter().collect();
    let added = messages::append(tx, &reached.record, std::slice::from_ref(&new), &gone)?;
    added.first().copied().ok_or_else(Fault::internal)
}

/// The flags a caller with these rights may give a new message.
pub fn allowed_flags(flags: Flags, rights: Rights) -> Flags {
    let mut forbidden = Flags::NONE;
    if !rights.has(Rights::SEEN) {
        forbidden = forbidden.with(Flags::SEEN);
    }
    if !rights.has(Rights::DELETE) {
        forbidden = forbidden.with(Flags::DELETED);
    }
    if !rights.has(Rights::WRITE) {
        forbidden = forbidden.with(flags.without(Flags::SEEN.with(Flags::DELETED).with(Flags::RECENT)));
    }
    flags.without(forbidden)
}

/// The attributes of a message, all or some.
pub fn attributes(tx: &dyn Read, caller: &Caller, mailbox: MailboxId, uid: Uid, names: &[String]) -> Outcome<Dictionary> {
    readable(tx, caller, mailbox, uid)?;
    let mut all = messages::attributes(tx, mailbox, uid)?;
    if !names.is_empty() {
        all.retain(|name, _| names.contains(name));
    }
    Ok(all)
}

/// Changes attributes of a message: null values remove. At most 64 of them, 64 KiB together.
pub fn set_attributes(tx: &WriteTx, caller: &Caller, mailbox: MailboxId, uid: Uid, changes: &Dictionary) -> Outcome<()> {
    let (_, row) = readable(tx, caller, mailbox, uid)?;
    let reached = folder_mailbox(tx, caller, mailbox, Rights::WRITE)?;
    let mut all = messages::attributes(tx, mailbox, row.uid)?;
    for (name, value) in changes {
        match value {
            Value::Null => drop(all.remove(name)),
            value => drop(all.insert(name.clone(), value.clone())),
        }
    }
    if all.len() > 64 || crate::store::records::encode(&all)?.len() > 64 << 10 {
        return Err(Fault::quota("too many message attributes"));
    }
    messages::put_attributes(tx, &reached.record, uid, &all)
}

/// The record of a mailbox that a path names, for those who need only its number.
pub fn find(tx: &dyn Read, caller: &Caller, path: &MailboxPath) -> Outcome<MailboxRecord> {
    Ok(access::reach(tx, caller, path, Rights::LOOKUP)?.record)
}
