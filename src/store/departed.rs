//! Names of removed accounts. A name stays taken until it is out of all lists of rights of this server, a few lists to a
//! commit: rights that were given to an account must not come to a later one of the same name.
//!
//! Lists are gone through in the order of their numbers. A list that is made meanwhile may be a copy of an older one: its
//! number is higher, so it is still to come.

use super::accounts::{self, name_key};
use super::engine::{Direction, Read};
use super::keys::{self, Key};
use super::mailboxes::{self, MailboxRecord};
use super::records;
use super::tables::{ACCOUNTS, DEPARTED, MAILBOXES, Table};
use super::writer::WriteTx;
use crate::model::fault::Outcome;
use crate::model::ids::AccountId;
use crate::model::names::AccountAddress;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::ops::{Bound, ControlFlow};

/// A name that is being taken out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Departed {
    address: AccountAddress,
    /// The first mailbox that has not been looked at.
    mailbox: u64,
    /// The first account that has not been looked at; they come after the mailboxes.
    account: u64,
}

/// An account of this name has been removed.
pub(super) fn mark(tx: &WriteTx, address: &AccountAddress) -> Outcome<()> {
    let departed = Departed { address: address.clone(), mailbox: 0, account: 0 };
    records::put(tx, DEPARTED, &name_key(address), &departed)
}

/// True while lists may still have the name of a removed account.
pub(super) fn is_marked(tx: &dyn Read, address: &AccountAddress) -> Outcome<bool> {
    Ok(tx.get(DEPARTED, name_key(address).bytes())?.is_some())
}

/// Takes the name of a removed account out of up to `most` lists. True while there is more.
pub fn sweep(tx: &WriteTx, most: usize) -> Outcome<bool> {
    let mut first: Option<Departed> = None;
    tx.scan(DEPARTED, (Bound::Unbounded, Bound::Unbounded), Direction::Forward, &mut |_, value| {
        first = Some(records::decode(value)?);
        Ok(ControlFlow::Break(()))
    })?;
    let Some(mut departed) = first else { return Ok(false) };
    let looked_at = sweep_mailboxes(tx, &mut departed, most)?;
    let left = most.saturating_sub(looked_at);
    if left > 0 && sweep_accounts(tx, &mut departed, left)? < left {
        tx.delete(DEPARTED, name_key(&departed.address).bytes())?;
    } else {
        records::put(tx, DEPARTED, &name_key(&departed.address), &departed)?;
    }
    Ok(true)
}

/// Up to `most` records of a table from a number on, with their numbers.
fn some<T: DeserializeOwned>(tx: &WriteTx, table: Table, from: u64, most: usize) -> Outcome<Vec<(u64, T)>> {
    let mut out = Vec::new();
    tx.scan(table, (Bound::Included(Key::of(from).bytes()), Bound::Unbounded), Direction::Forward, &mut |key, value| {
        if out.len() == most {
            return Ok(ControlFlow::Break(()));
        }
        out.push((keys::u64_at(key, 0), records::decode(value)?));
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(out)
}

fn sweep_mailboxes(tx: &WriteTx, departed: &mut Departed, most: usize) -> Outcome<usize> {
    let records = some::<MailboxRecord>(tx, MAILBOXES, departed.mailbox, most)?;
    let looked_at = records.len();
    for (number, mut record) in records {
        departed.mailbox = number + 1;
        if !record.acl.0.is_empty() && record.acl.forget(&departed.address, &accounts::get(tx, record.account)?.address) {
            mailboxes::put(tx, &record)?;
        }
    }
    Ok(looked_at)
}

fn sweep_accounts(tx: &WriteTx, departed: &mut Departed, most: usize) -> Outcome<usize> {
    let records = some::<accounts::AccountRecord>(tx, ACCOUNTS, departed.account, most)?;
    let looked_at = records.len();
    for (number, mut record) in records {
        departed.account = number + 1;
        if record.acl.forget(&departed.address, &record.address) {
            accounts::put(tx, AccountId(number), &record)?;
        }
    }
    Ok(looked_at)
}
