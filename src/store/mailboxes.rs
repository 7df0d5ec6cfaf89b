//! Mailboxes: names, records, counters; aliases and subscriptions. No rights are checked here.
//!
//! A name stands for up to two things: a mailbox of messages, and a folder of other mailboxes. Spec: XIMSS, "Mailbox Management".

use super::accounts;
use super::calendars;
use super::engine::{Direction, Read};
use super::keys::{self, Key};
use super::ledger;
use super::messages;
use super::orders;
use super::records;
use super::search;
use super::tables::{GARBAGE, LEDGER, MAILBOX_ALIASES, MAILBOX_NAMES, MAILBOXES, SUBSCRIPTIONS};
use super::writer::WriteTx;
use crate::model::change::{Change, What};
use crate::model::fault::{Fault, Outcome};
use crate::model::ids::{AccountId, MailboxId, ModSeq, Uid};
use crate::model::names::{MailboxName, MailboxPath};
use crate::model::rights::Acl;
use crate::model::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::ops::{Bound, ControlFlow};

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct NameEntry {
    /// The mailbox of messages, if there is one.
    pub mailbox: Option<MailboxId>,
    /// True when other mailboxes lie or may lie inside.
    pub folder: bool,
}

/// A mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailboxRecord {
    /// Its number.
    pub id: MailboxId,
    /// The account it belongs to.
    pub account: AccountId,
    /// Its name.
    pub name: MailboxName,
    /// Its class; empty for mail.
    pub class: String,
    /// Who else may do what.
    pub acl: Acl,
    /// Its UIDVALIDITY.
    pub uid_validity: u32,
}

/// Counters of a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct MailboxState {
    /// The UID the next message gets.
    pub uid_next: Uid,
    /// Messages.
    pub messages: u32,
    /// Messages without `Seen`.
    pub unseen: u32,
    /// Messages with `Media`.
    pub media: u32,
    /// Messages with `Media` and without `Seen`.
    pub unseen_media: u32,
    /// Raw bytes of all messages.
    pub size: u64,
    /// The least internal date of the messages.
    pub oldest: Option<Timestamp>,
    /// The account's change number when the mailbox last changed.
    pub modseq: ModSeq,
}

fn name_key(account: AccountId, name: &MailboxName) -> Key {
    Key::of(account.0).text(name.as_str())
}

/// What a name stands for.
pub fn entry(tx: &dyn Read, account: AccountId, name: &MailboxName) -> Outcome<Option<NameEntry>> {
    records::get(tx, MAILBOX_NAMES, &name_key(account, name))
}

fn put_entry(tx: &WriteTx, account: AccountId, name: &MailboxName, entry: NameEntry) -> Outcome<()> {
    if entry == NameEntry::default() {
        return tx.delete(MAILBOX_NAMES, name_key(account, name).bytes()).map(drop);
    }
    records::put(tx, MAILBOX_NAMES, &name_key(account, name), &entry)
}

/// The mailbox of a name.
pub fn find(tx: &dyn Read, account: AccountId, name: &MailboxName) -> Outcome<Option<MailboxRecord>> {
    match entry(tx, account, name)?.and_then(|e| e.mailbox) {
        Some(id) => get(tx, id),
        None => Ok(None),
    }
}

/// A mailbox by its number.
pub fn get(tx: &dyn Read, id: MailboxId) -> Outcome<Option<MailboxRecord>> {
    records::get(tx, MAILBOXES, &Key::of(id.0))
}

/// Stores a mailbox's record and tells the world that it changed.
pub fn put(tx: &WriteTx, record: &MailboxRecord) -> Outcome<()> {
    records::put(tx, MAILBOXES, &Key::of(record.id.0), record)?;
    changed(tx, record)
}

fn changed(tx: &WriteTx, record: &MailboxRecord) -> Outcome<()> {
    let modseq = accounts::advance(tx, record.account)?;
    let what = What::MailboxChanged { mailbox: record.id, name: record.name.clone() };
    tx.publish(Change { account: record.account, modseq, what });
    Ok(())
}

/// All mailboxes of this server.
pub fn all(tx: &dyn Read) -> Outcome<Vec<MailboxId>> {
    let mut out = Vec::new();
    tx.scan(MAILBOXES, (Bound::Unbounded, Bound::Unbounded), Direction::Forward, &mut |key, _| {
        out.push(MailboxId(keys::u64_at(key, 0)));
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(out)
}

/// A mailbox's counters.
pub fn state(tx: &dyn Read, id: MailboxId) -> Outcome<MailboxState> {
    records::get(tx, LEDGER, &ledger::state_key(id))?.ok_or_else(Fault::no_mailbox)
}

/// Stores a mailbox's counters.
pub(super) fn put_state(tx: &WriteTx, id: MailboxId, state: &MailboxState) -> Outcome<()> {
    records::put(tx, LEDGER, &ledger::state_key(id), state)
}

/// All names of an account in byte order, with what they stand for.
pub fn names(tx: &dyn Read, account: AccountId) -> Outcome<Vec<(MailboxName, NameEntry)>> {
    let prefix = Key::of(account.0);
    let end = prefix.end();
    let mut out = Vec::new();
    tx.scan(MAILBOX_NAMES, keys::within(&prefix, &end), Direction::Forward, &mut |key, value| {
        let name = std::str::from_utf8(key.get(8..).unwrap_or_default()).ok().and_then(|n| n.parse().ok());
        out.extend(name.map(|name| records::decode(value).map(|entry| (name, entry))).transpose()?);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(out)
}

/// The names inside a name.
pub fn inside(tx: &dyn Read, account: AccountId, outer: &MailboxName) -> Outcome<Vec<(MailboxName, NameEntry)>> {
    Ok(names(tx, account)?.into_iter().filter(|(name, _)| name.is_inside(outer)).collect())
}

/// Makes folders of all outer names.
fn make_outer(tx: &WriteTx, account: AccountId, name: &MailboxName) -> Outcome<()> {
    let mut outer = name.parent();
    while let Some(name) = outer {
        let old = entry(tx, account, &name)?.unwrap_or_default();
        if old.folder {
            break;
        }
        put_entry(tx, account, &name, NameEntry { folder: true, ..old })?;
        outer = name.parent();
    }
    Ok(())
}

/// Makes a mailbox of messages; refused if the name has one.
pub fn create(tx: &WriteTx, account: AccountId, name: &MailboxName, class: &str, acl: Acl, now: Timestamp) -> Outcome<MailboxRecord> {
    let old = entry(tx, account, name)?.unwrap_or_default();
    if old.mailbox.is_some() {
        return Err(Fault::exists("mailbox already exists"));
    }
    let mut counters = accounts::state(tx, account)?;
    counters.uid_validity = counters.uid_validity.saturating_add(1).max(u32::try_from(now.0).unwrap_or(u32::MAX));
    accounts::put_state(tx, account, &counters)?;
    let id = next_id(tx)?;
    let record = MailboxRecord { id, account, name: name.clone(), class: class.to_owned(), acl, uid_validity: counters.uid_validity };
    make_outer(tx, account, name)?;
    put_entry(tx, account, name, NameEntry { mailbox: Some(id), ..old })?;
    put_state(tx, id, &MailboxState { uid_next: Uid(1), ..MailboxState::default() })?;
    put(tx, &record)?;
    Ok(record)
}

fn next_id(tx: &WriteTx) -> Outcome<MailboxId> {
    let counter = Key::default().text("last mailbox");
    let id = records::get::<u64>(tx, super::tables::META, &counter)?.unwrap_or(0) + 1;
    records::put(tx, super::tables::META, &counter, &id)?;
    Ok(MailboxId(id))
}

/// Makes a folder for other mailboxes, without messages; refused if it is there.
pub fn create_folder(tx: &WriteTx, account: AccountId, name: &MailboxName) -> Outcome<()> {
    let old = entry(tx, account, name)?.unwrap_or_default();
    if old.folder {
        return Err(Fault::exists("mailbox already exists"));
    }
    make_outer(tx, account, name)?;
    put_entry(tx, account, name, NameEntry { folder: true, ..old })
}

/// Moves one mailbox of messages to a name that has none. What lies inside stays where it is.
pub fn rename(tx: &WriteTx, record: &MailboxRecord, to: &MailboxName) -> Outcome<MailboxRecord> {
    let target = entry(tx, record.account, to)?.unwrap_or_default();
    if target.mailbox.is_some() {
        return Err(Fault::exists("mailbox already exists"));
    }
    let source = entry(tx, record.account, &record.name)?.unwrap_or_default();
    make_outer(tx, record.account, to)?;
    put_entry(tx, record.account, &record.name, NameEntry { mailbox: None, ..source })?;
    put_entry(tx, record.account, to, NameEntry { mailbox: Some(record.id), ..target })?;
    let record = MailboxRecord { name: to.clone(), ..record.clone() };
    put(tx, &record)?;
    Ok(record)
}

/// Takes the folder half of a name away; the caller has seen to what lies inside.
pub fn remove_folder(tx: &WriteTx, account: AccountId, name: &MailboxName) -> Outcome<()> {
    let old = entry(tx, account, name)?.unwrap_or_default();
    put_entry(tx, account, name, NameEntry { folder: false, ..old })
}

/// Makes sure that a name is a folder.
pub fn ensure_folder(tx: &WriteTx, account: AccountId, name: &MailboxName) -> Outcome<()> {
    let old = entry(tx, account, name)?.unwrap_or_default();
    make_outer(tx, account, name)?;
    put_entry(tx, account, name, NameEntry { folder: true, ..old })
}

/// Removes a mailbox at once for everyone; its rows are cleared away afterwards by `sweep`, a few at a time.
pub fn remove(tx: &WriteTx, record: &MailboxRecord) -> Outcome<()> {
    let old = entry(tx, record.account, &record.name)?.unwrap_or_default();
    put_entry(tx, record.account, &record.name, NameEntry { mailbox: None, ..old })?;
    tx.delete(MAILBOXES, Key::of(record.id.0).bytes())?;
    let state = state(tx, record.id)?;
    let mut counters = accounts::state(tx, record.account)?;
    counters.used = counters.used.saturating_sub(state.size);
    counters.modseq.0 += 1;
    accounts::put_state(tx, record.account, &counters)?;
    tx.put(GARBAGE, Key::of(record.id.0).bytes(), &[])?;
    let what = What::MailboxRemoved { mailbox: record.id, name: record.name.clone() };
    tx.publish(Change { account: record.account, modseq: counters.modseq, what });
    Ok(())
}

/// Clears away up to `most` messages of removed mailboxes. True while there is more.
pub fn sweep(tx: &WriteTx, most: usize) -> Outcome<bool> {
    let mut first = None;
    tx.scan(GARBAGE, (Bound::Unbounded, Bound::Unbounded), Direction::Forward, &mut |key, _| {
        first = Some(MailboxId(keys::u64_at(key, 0)));
        Ok(ControlFlow::Break(()))
    })?;
    let Some(mailbox) = first else { return Ok(false) };
    let mut uids = Vec::new();
    ledger::visit(tx, mailbox, Uid(0), &mut |row| {
        uids.push(row.uid);
        Ok(if uids.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    })?;
    messages::clear(tx, mailbox, &uids)?;
    if uids.len() < most && !search::forget(tx, mailbox, most)? && !calendars::clear(tx, mailbox, most)? {
        orders::forget(tx, mailbox)?;
        tx.delete(LEDGER, ledger::state_key(mailbox).bytes())?;
        tx.delete(GARBAGE, Key::of(mailbox.0).bytes())?;
    }
    Ok(true)
}

/// The mailbox an alias leads to.
pub fn alias(tx: &dyn Read, account: AccountId, name: &MailboxName) -> Outcome<Option<MailboxPath>> {
    records::get(tx, MAILBOX_ALIASES, &name_key(account, name))
}

/// All aliases of an account in order.
pub fn aliases(tx: &dyn Read, account: AccountId) -> Outcome<Vec<(MailboxName, MailboxPath)>> {
    let prefix = Key::of(account.0);
    let end = prefix.end();
    let mut out = Vec::new();
    tx.scan(MAILBOX_ALIASES, keys::within(&prefix, &end), Direction::Forward, &mut |key, value| {
        let name = std::str::from_utf8(key.get(8..).unwrap_or_default()).ok().and_then(|n| n.parse().ok());
        out.extend(name.map(|name| records::decode(value).map(|target| (name, target))).transpose()?);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(out)
}

/// Sets or removes an alias.
pub fn put_alias(tx: &WriteTx, account: AccountId, name: &MailboxName, target: Option<&MailboxPath>) -> Outcome<()> {
    match target {
        Some(target) => records::put(tx, MAILBOX_ALIASES, &name_key(account, name), target),
        None => tx.delete(MAILBOX_ALIASES, name_key(account, name).bytes()).map(drop),
    }
}

/// The subscription set in order. The names need not exist.
pub fn subscriptions(tx: &dyn Read, account: AccountId) -> Outcome<Vec<String>> {
    let prefix = Key::of(account.0);
    let end = prefix.end();
    let mut out = Vec::new();
    tx.scan(SUBSCRIPTIONS, keys::within(&prefix, &end), Direction::Forward, &mut |key, _| {
        out.extend(std::str::from_utf8(key.get(8..).unwrap_or_default()).map(str::to_owned));
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(out)
}

/// Adds a name to the subscription set or takes it out.
pub fn subscribe(tx: &WriteTx, account: AccountId, name: &str, on: bool) -> Outcome<()> {
    let key = Key::of(account.0).text(name);
    if on { tx.put(SUBSCRIPTIONS, key.bytes(), &[]) } else { tx.delete(SUBSCRIPTIONS, key.bytes()).map(drop) }
}

/// Removes the names, aliases and subscriptions of an account and all its mailboxes.
pub fn remove_all(tx: &WriteTx, account: AccountId) -> Outcome<()> {
    for (_, entry) in names(tx, account)? {
        if let Some(record) = entry.mailbox.map(|id| get(tx, id)).transpose()?.flatten() {
            remove(tx, &record)?;
        }
    }
    let prefix = Key::of(account.0);
    let end = prefix.end();
    for table in [MAILBOX_NAMES, MAILBOX_ALIASES, SUBSCRIPTIONS] {
        tx.delete_range(table, keys::within(&prefix, &end))?;
    }
    Ok(())
}
