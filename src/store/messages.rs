//! Messages in mailboxes: append, flags, removal, envelopes, attributes. Each change counts, takes the account's next
//! change number, and is published. No rights are checked here.

use super::accounts;
use super::blobs;
use super::calendars;
use super::engine::{Direction, Read};
use super::keys::{self, Key};
use super::ledger::{self, Row};
use super::mailboxes::{self, MailboxRecord, MailboxState};
use super::records;
use super::tables::{LEDGER, MESSAGE_ATTRIBUTES};
use super::writer::WriteTx;
use crate::model::change::{Change, What};
use crate::model::fault::{Fault, Outcome};
use crate::model::flags::{FlagChange, Flags};
use crate::model::ids::{BlobId, ItemId, MailboxId, ModSeq, Uid};
use crate::model::mail::Envelope;
use crate::model::time::Timestamp;
use crate::model::value::Dictionary;
use std::ops::ControlFlow;

/// A message to be stored.
#[derive(Debug, Clone)]
pub struct NewMessage {
    /// Its bytes, already stored.
    pub blob: BlobId,
    /// How many they are.
    pub size: u32,
    /// Its flags.
    pub flags: Flags,
    /// Its internal date.
    pub internal: Timestamp,
    /// What lists show of it.
    pub envelope: Envelope,
    /// The number of the first version of the message, where it replaces one.
    pub original: Option<Uid>,
    /// Its attributes.
    pub attributes: Dictionary,
}

fn count(state: &mut MailboxState, flags: Flags, size: u32, sign: i8) {
    let step = |counter: &mut u32, on: bool| {
        let by = u32::from(on);
        *counter = if sign > 0 { counter.saturating_add(by) } else { counter.saturating_sub(by) };
    };
    let unseen = !flags.has(Flags::SEEN);
    step(&mut state.messages, true);
    step(&mut state.unseen, unseen);
    step(&mut state.media, flags.has(Flags::MEDIA));
    step(&mut state.unseen_media, unseen && flags.has(Flags::MEDIA));
    state.size = if sign > 0 { state.size.saturating_add(size.into()) } else { state.size.saturating_sub(size.into()) };
}

/// What an append and a removal in one step tell the world.
#[derive(Default)]
struct Told {
    added: Vec<Uid>,
    updated: Vec<(Uid, Flags)>,
    removed: Vec<Uid>,
}

fn publish(tx: &WriteTx, mailbox: &MailboxRecord, modseq: ModSeq, told: Told) {
    let Told { added, updated, removed } = told;
    if added.is_empty() && updated.is_empty() && removed.is_empty() {
        return;
    }
    let what = What::Messages { mailbox: mailbox.id, name: mailbox.name.clone(), added, updated, removed };
    tx.publish(Change { account: mailbox.account, modseq, what });
}

/// Appends messages in order, and removes `replaced` in the same step. Their blobs gain a share each.
/// Refused when the mailbox has run out of UIDs; quotas are the domain floor's business (`used_after`).
pub fn append(tx: &WriteTx, mailbox: &MailboxRecord, new: &[NewMessage], replaced: &[Uid]) -> Outcome<Vec<Uid>> {
    let mut state = mailboxes::state(tx, mailbox.id)?;
    let mut counters = accounts::state(tx, mailbox.account)?;
    if u64::from(state.uid_next.0) + new.len() as u64 >= u64::from(u32::MAX) {
        return Err(Fault::quota("the mailbox has run out of message numbers"));
    }
    counters.modseq.0 += 1;
    let mut rows = Vec::with_capacity(new.len());
    for message in new {
        let uid = state.uid_next;
        state.uid_next = uid.next();
        count(&mut state, message.flags, message.size, 1);
        state.oldest = Some(state.oldest.map_or(message.internal, |oldest| oldest.min(message.internal)));
        counters.used = counters.used.saturating_add(message.size.into());
        let sent = message.envelope.date.map_or(message.internal, |(at, _)| at);
        let (item, original) = (counters.next_item, message.original.unwrap_or(uid));
        counters.next_item = ItemId(item.0 + 1);
        let (flags, size, internal, blob) = (message.flags, message.size, message.internal, message.blob);
        rows.push(Row { uid, original, flags, size, internal, sent, item, modseq: counters.modseq, blob });
        blobs::share(tx, blob, 1)?;
        records::put(tx, LEDGER, &ledger::envelope_key(mailbox.id, uid), &message.envelope)?;
        let key = Key::of(mailbox.id.0).u32(uid.0);
        if !message.attributes.is_empty() {
            records::put(tx, MESSAGE_ATTRIBUTES, &key, &message.attributes)?;
        }
    }
    ledger::append(tx, mailbox.id, &rows)?;
    let removed = take(tx, mailbox.id, &mut state, replaced)?;
    counters.used = counters.used.saturating_sub(removed.iter().map(|r| u64::from(r.size)).sum());
    state.modseq = counters.modseq;
    mailboxes::put_state(tx, mailbox.id, &state)?;
    accounts::put_state(tx, mailbox.account, &counters)?;
    let added: Vec<Uid> = rows.iter().map(|r| r.uid).collect();
    let told = Told { added: added.clone(), removed: removed.iter().map(|r| r.uid).collect(), ..Told::default() };
    publish(tx, mailbox, counters.modseq, told);
    Ok(added)
}

/// Takes rows out of the ledger and their content away; the counters are `state`'s.
fn take(tx: &WriteTx, mailbox: MailboxId, state: &mut MailboxState, uids: &[Uid]) -> Outcome<Vec<Row>> {
    let gone = ledger::rewrite(tx, mailbox, uids, &mut |_| None)?;
    for row in &gone {
        count(state, row.flags, row.size, -1);
        forget_content(tx, mailbox, row)?;
    }
    calendars::forget(tx, mailbox, uids)?;
    if gone.iter().any(|row| Some(row.internal) == state.oldest) {
        state.oldest = None;
        ledger::visit(tx, mailbox, Uid(0), &mut |row| {
            state.oldest = Some(state.oldest.map_or(row.internal, |oldest| oldest.min(row.internal)));
            Ok(ControlFlow::Continue(()))
        })?;
    }
    Ok(gone)
}

fn forget_content(tx: &WriteTx, mailbox: MailboxId, row: &Row) -> Outcome<()> {
    let key = Key::of(mailbox.0).u32(row.uid.0);
    tx.delete(LEDGER, ledger::envelope_key(mailbox, row.uid).bytes())?;
    tx.delete(MESSAGE_ATTRIBUTES, key.bytes())?;
    blobs::release(tx, row.blob)
}

/// Removes messages for good; `uids` must ascend, absent ones are passed over. Returns those that went.
pub fn remove(tx: &WriteTx, mailbox: &MailboxRecord, uids: &[Uid]) -> Outcome<Vec<Uid>> {
    let mut state = mailboxes::state(tx, mailbox.id)?;
    if ledger::pick(tx, mailbox.id, uids)?.is_empty() {
        return Ok(Vec::new());
    }
    let gone = take(tx, mailbox.id, &mut state, uids)?;
    let mut counters = accounts::state(tx, mailbox.account)?;
    counters.used = counters.used.saturating_sub(gone.iter().map(|r| u64::from(r.size)).sum());
    counters.modseq.0 += 1;
    state.modseq = counters.modseq;
    mailboxes::put_state(tx, mailbox.id, &state)?;
    accounts::put_state(tx, mailbox.account, &counters)?;
    let removed: Vec<Uid> = gone.iter().map(|r| r.uid).collect();
    publish(tx, mailbox, counters.modseq, Told { removed: removed.clone(), ..Told::default() });
    Ok(removed)
}

/// Clears rows of a mailbox that is gone already: nothing is counted or told.
pub(super) fn clear(tx: &WriteTx, mailbox: MailboxId, uids: &[Uid]) -> Outcome<()> {
    let gone = ledger::rewrite(tx, mailbox, uids, &mut |_| None)?;
    gone.iter().try_for_each(|row| forget_content(tx, mailbox, row))
}

/// Changes flags; `uids` must ascend. Returns the messages that changed with their new flags: those that had them
/// already are not told of.
pub fn set_flags(tx: &WriteTx, mailbox: &MailboxRecord, uids: &[Uid], change: FlagChange) -> Outcome<Vec<(Uid, Flags)>> {
    let rows = ledger::pick(tx, mailbox.id, uids)?;
    if rows.iter().all(|row| change.apply(row.flags) == row.flags) {
        return Ok(Vec::new());
    }
    let modseq = accounts::advance(tx, mailbox.account)?;
    let before = ledger::rewrite(tx, mailbox.id, uids, &mut |row| {
        let flags = change.apply(row.flags);
        Some(if flags == row.flags { row } else { Row { flags, modseq, ..row } })
    })?;
    let mut state = mailboxes::state(tx, mailbox.id)?;
    for row in &before {
        count(&mut state, row.flags, row.size, -1);
        count(&mut state, change.apply(row.flags), row.size, 1);
    }
    state.modseq = modseq;
    mailboxes::put_state(tx, mailbox.id, &state)?;
    let updated: Vec<(Uid, Flags)> = before.iter().map(|row| (row.uid, change.apply(row.flags))).collect();
    publish(tx, mailbox, modseq, Told { updated: updated.clone(), ..Told::default() });
    Ok(updated)
}

/// The envelope of a message.
pub fn envelope(tx: &dyn Read, mailbox: MailboxId, uid: Uid) -> Outcome<Option<Envelope>> {
    records::get(tx, LEDGER, &ledger::envelope_key(mailbox, uid))
}

/// Visits the envelopes of a mailbox from `from` on, in UID order.
pub fn envelopes(
    tx: &dyn Read,
    mailbox: MailboxId,
    from: Uid,
    each: &mut dyn FnMut(Uid, Envelope) -> Outcome<ControlFlow<()>>,
) -> Outcome<()> {
    let (first, end) = (ledger::envelope_key(mailbox, from), ledger::state_key(mailbox));
    tx.scan(LEDGER, keys::between(&first, &end), Direction::Forward, &mut |key, value| {
        each(Uid(keys::u32_at(key, 12)), records::decode(value)?)
    })
}

/// The attributes of a message.
pub fn attributes(tx: &dyn Read, mailbox: MailboxId, uid: Uid) -> Outcome<Dictionary> {
    Ok(records::get(tx, MESSAGE_ATTRIBUTES, &Key::of(mailbox.0).u32(uid.0))?.unwrap_or_default())
}

/// Replaces the attributes of a message, and tells that the message changed.
pub fn put_attributes(tx: &WriteTx, mailbox: &MailboxRecord, uid: Uid, attributes: &Dictionary) -> Outcome<()> {
    let row = ledger::get(tx, mailbox.id, uid)?.ok_or_else(Fault::no_message)?;
    let key = Key::of(mailbox.id.0).u32(uid.0);
    if attributes.is_empty() {
        tx.delete(MESSAGE_ATTRIBUTES, key.bytes())?;
    } else {
        records::put(tx, MESSAGE_ATTRIBUTES, &key, attributes)?;
    }
    let modseq = accounts::advance(tx, mailbox.account)?;
    ledger::rewrite(tx, mailbox.id, &[uid], &mut |row| Some(Row { modseq, ..row }))?;
    let mut state = mailboxes::state(tx, mailbox.id)?;
    state.modseq = modseq;
    mailboxes::put_state(tx, mailbox.id, &state)?;
    publish(tx, mailbox, modseq, Told { updated: vec![(uid, row.flags)], ..Told::default() });
    Ok(())
}
