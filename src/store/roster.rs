//! Rosters on disk: the contacts of each account, and its groups, which may be empty.
//!
//! Spec: XIMSS, "Roster and Presence".

use super::accounts;
use super::engine::{Direction, Read};
use super::keys::{self, Key};
use super::records;
use super::tables::{ROSTER, ROSTER_GROUPS};
use super::writer::WriteTx;
use crate::model::change::{Change, What};
use crate::model::fault::Outcome;
use crate::model::ids::AccountId;
use crate::model::names::{Address, fold};
use crate::model::roster::{RosterItem, RosterNews};
use std::ops::ControlFlow;

fn key(account: AccountId, peer: &Address) -> Key {
    Key::of(account.0).text(&fold(&peer.to_string()))
}

/// A contact.
pub fn item(tx: &dyn Read, account: AccountId, peer: &Address) -> Outcome<Option<RosterItem>> {
    records::get(tx, ROSTER, &key(account, peer))
}

/// All contacts, and those who have only asked, by address.
pub fn items(tx: &dyn Read, account: AccountId) -> Outcome<Vec<RosterItem>> {
    let prefix = Key::of(account.0);
    let mut out = Vec::new();
    tx.scan(ROSTER, keys::within(&prefix, &prefix.end()), Direction::Forward, &mut |_, value| {
        out.push(records::decode(value)?);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(out)
}

/// Stores a contact, and says so where there is something to see.
pub fn put(tx: &WriteTx, account: AccountId, item: &RosterItem, seen: bool) -> Outcome<()> {
    records::put(tx, ROSTER, &key(account, &item.peer), item)?;
    if item.listed && seen { publish(tx, account, RosterNews::Item(item.clone())) } else { Ok(()) }
}

/// Takes a contact out and says so, where it was in the roster.
pub fn remove(tx: &WriteTx, account: AccountId, item: &RosterItem) -> Outcome<()> {
    tx.delete(ROSTER, key(account, &item.peer).bytes())?;
    if item.listed { publish(tx, account, RosterNews::Removed(item.peer.clone())) } else { Ok(()) }
}

/// Says what is new.
pub fn publish(tx: &WriteTx, account: AccountId, news: RosterNews) -> Outcome<()> {
    let modseq = accounts::advance(tx, account)?;
    tx.publish(Change { account, modseq, what: What::Roster(news) });
    Ok(())
}

/// The groups of a roster, by name.
pub fn groups(tx: &dyn Read, account: AccountId) -> Outcome<Vec<String>> {
    let prefix = Key::of(account.0);
    let mut out = Vec::new();
    tx.scan(ROSTER_GROUPS, keys::within(&prefix, &prefix.end()), Direction::Forward, &mut |key, _| {
        out.push(String::from_utf8_lossy(key.get(8..).unwrap_or_default()).trim_end_matches('\0').to_owned());
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(out)
}

/// Keeps a group.
pub fn put_group(tx: &WriteTx, account: AccountId, group: &str) -> Outcome<()> {
    tx.put(ROSTER_GROUPS, Key::of(account.0).text(group).bytes(), &[])
}

/// Forgets a group; false where there was none.
pub fn remove_group(tx: &WriteTx, account: AccountId, group: &str) -> Outcome<bool> {
    tx.delete(ROSTER_GROUPS, Key::of(account.0).text(group).bytes())
}

/// Forgets an account's roster: it is gone.
pub fn forget(tx: &WriteTx, account: AccountId) -> Outcome<()> {
    let prefix = Key::of(account.0);
    for table in [ROSTER, ROSTER_GROUPS] {
        tx.delete_range(table, keys::within(&prefix, &prefix.end()))?;
    }
    Ok(())
}
