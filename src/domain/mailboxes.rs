//! Mailbox management: who may make, rename, remove and list what. Lists of rights are in `acl`.
//!
//! To make a mailbox inside another takes `c` on the outer one; at the top of an account only its owner may. To rename
//! or remove takes that and `d` on the mailbox itself. A new mailbox inherits the rights of the one around it.
//! Spec: XIMSS, "Mailbox Management".

pub mod acl;
pub mod listing;

use super::access::{self, Caller};
use super::strangers::is_stranger;
use crate::model::fault::{Fault, Outcome};
use crate::model::names::{MailboxName, MailboxPath};
#[cfg(test)]
use crate::model::rights::Acl;
use crate::model::rights::Rights;
use crate::model::time::Timestamp;
use crate::store::mailboxes::{self, MailboxRecord, NameEntry};
use crate::store::{Read, WriteTx, accounts};

/// The most mailboxes of an account, whatever its settings say.
const MOST_MAILBOXES: usize = 10_000;
/// The most levels of a name.
const DEEPEST: usize = 32;

/// The nearest mailbox around a name that has a record.
fn around(tx: &dyn Read, owner: &Caller, name: &MailboxName) -> Outcome<Option<MailboxRecord>> {
    let mut outer = name.parent();
    while let Some(name) = outer {
        if let Some(record) = mailboxes::find(tx, owner.account, &name)? {
            return Ok(Some(record));
        }
        outer = name.parent();
    }
    Ok(None)
}

/// Checks that the caller may change what lies directly around a name. Where a stranger to the account may not even see
/// that, there is nothing.
fn may_change_around(tx: &dyn Read, caller: &Caller, owner: &Caller, name: &MailboxName) -> Outcome<Option<MailboxRecord>> {
    let around = around(tx, owner, name)?;
    let rights = around.as_ref().map_or(Rights::NONE, |record| access::rights(caller, owner, record));
    if caller == owner || rights.has(Rights::CREATE) {
        return Ok(around);
    }
    let hidden = rights == Rights::NONE && is_stranger(tx, caller, &owner.address)?;
    Err(if hidden { Fault::no_mailbox() } else { Fault::denied() })
}

fn check_room(tx: &dyn Read, owner: &Caller) -> Outcome<()> {
    let count = mailboxes::names(tx, owner.account)?.len();
    let most = accounts::get(tx, owner.account)?.setting("MaxMailboxes").and_then(|n| n.parse::<usize>().ok()).unwrap_or(MOST_MAILBOXES);
    if count >= most.min(MOST_MAILBOXES) { Err(Fault::quota("too many mailboxes")) } else { Ok(()) }
}

fn check_depth(name: &MailboxName) -> Outcome<()> {
    if name.as_str().split('/').count() > DEEPEST { Err(Fault::bad("mailbox name has too many levels")) } else { Ok(()) }
}

/// Makes a mailbox, or only a folder for others where the path says so.
pub fn create(tx: &WriteTx, caller: &Caller, path: &MailboxPath, class: &str, now: Timestamp) -> Outcome<()> {
    let owner = access::owner(tx, caller, path)?;
    let outer = may_change_around(tx, caller, &owner, &path.name)?;
    check_depth(&path.name)?;
    check_room(tx, &owner)?;
    if mailboxes::alias(tx, owner.account, &path.name)?.is_some() {
        return Err(Fault::exists("mailbox already exists"));
    }
    if path.only_folder {
        return mailboxes::create_folder(tx, owner.account, &path.name);
    }
    let acl = outer.map(|record| record.acl).unwrap_or_default();
    mailboxes::create(tx, owner.account, &path.name, class, acl, now).map(drop)
}

/// What a name of an account stands for, and its record, for changing it: the caller must be allowed to.
fn changeable(tx: &dyn Read, caller: &Caller, owner: &Caller, name: &MailboxName) -> Outcome<(NameEntry, Option<MailboxRecord>)> {
    let entry = mailboxes::entry(tx, owner.account, name)?.ok_or_else(Fault::no_mailbox)?;
    let record = mailboxes::find(tx, owner.account, name)?;
    if caller != owner {
        let rights = record.as_ref().map_or(Rights::NONE, |record| access::rights(caller, owner, record));
        if record.is_some() && rights == Rights::NONE {
            return Err(Fault::no_mailbox());
        }
        may_change_around(tx, caller, owner, name)?;
        if record.is_some() && !rights.has(Rights::DELETE) {
            return Err(Fault::denied());
        }
    }
    Ok((entry, record))
}

/// Renames a mailbox, with `children` all that lies inside too. In one step, or not at all.
pub fn rename(tx: &WriteTx, caller: &Caller, path: &MailboxPath, to: &MailboxPath, children: bool, now: Timestamp) -> Outcome<()> {
    let named = |path: &MailboxPath| path.owner.as_ref().map_or(caller.address.clone(), |owner| owner.within(&caller.address.domain));
    // Before anything is looked up: whether there is such an account is not for all to know.
    if named(path) != named(to) {
        return Err(Fault::bad("a mailbox cannot be moved to another account"));
    }
    let owner = access::owner(tx, caller, path)?;
    let (from, to) = (&path.name, &to.name);
    if let Some(target) = mailboxes::alias(tx, owner.account, from)?.filter(|_| caller == &owner) {
        free(tx, &owner, to)?;
        mailboxes::put_alias(tx, owner.account, from, None)?;
        return mailboxes::put_alias(tx, owner.account, to, Some(&target));
    }
    let (entry, record) = changeable(tx, caller, &owner, from)?;
    may_change_around(tx, caller, &owner, to)?;
    if to == from || children && to.is_inside(from) {
        return Err(Fault::bad("a mailbox cannot be renamed into itself"));
    }
    let mut moves: Vec<(MailboxName, NameEntry, MailboxName)> = Vec::new();
    if record.is_some() || children {
        moves.push((from.clone(), if children { entry } else { NameEntry { folder: false, ..entry } }, to.clone()));
    }
    if children {
        for (name, entry) in mailboxes::inside(tx, owner.account, from)? {
            let target = name.moved(from, to)?;
            moves.push((name, entry, target));
        }
    }
    if moves.is_empty() {
        return Err(Fault::bad("a folder is renamed with all that is inside it"));
    }
    for (_, _, target) in &moves {
        check_depth(target)?;
        free(tx, &owner, target)?;
    }
    for (name, entry, target) in &moves {
        move_one(tx, &owner, name, *entry, target)?;
    }
    if from.is_inbox() {
        let acl = record.map(|record| record.acl).unwrap_or_default();
        mailboxes::create(tx, owner.account, from, "", acl, now)?;
    }
    Ok(())
}

/// Refuses a name that is taken.
fn free(tx: &dyn Read, owner: &Caller, name: &MailboxName) -> Outcome<()> {
    let taken = mailboxes::find(tx, owner.account, name)?.is_some() || mailboxes::alias(tx, owner.account, name)?.is_some();
    if taken { Err(Fault::exists("mailbox already exists")) } else { Ok(()) }
}

fn move_one(tx: &WriteTx, owner: &Caller, name: &MailboxName, entry: NameEntry, target: &MailboxName) -> Outcome<()> {
    if let Some(record) = mailboxes::find(tx, owner.account, name)? {
        mailboxes::rename(tx, &record, target)?;
    }
    if entry.folder {
        mailboxes::ensure_folder(tx, owner.account, target)?;
        mailboxes::remove_folder(tx, owner.account, name)?;
    }
    Ok(())
}

/// Removes a mailbox, with `children` all that lies inside too. Without, what lies inside stays, and so does the folder.
pub fn remove(tx: &WriteTx, caller: &Caller, path: &MailboxPath, children: bool) -> Outcome<()> {
    let owner = access::owner(tx, caller, path)?;
    if mailboxes::entry(tx, owner.account, &path.name)?.is_none()
        && mailboxes::alias(tx, owner.account, &path.name)?.is_some()
        && caller == &owner
    {
        return mailboxes::put_alias(tx, owner.account, &path.name, None);
    }
    let (entry, record) = changeable(tx, caller, &owner, &path.name)?;
    if path.name.is_inbox() {
        return Err(Fault::bad("INBOX cannot be removed"));
    }
    let inner = mailboxes::inside(tx, owner.account, &path.name)?;
    if record.is_none() && !inner.is_empty() && !children {
        return Err(Fault::bad("the folder has mailboxes inside"));
    }
    if children && caller != &owner {
        inner.iter().try_for_each(|(name, _)| changeable(tx, caller, &owner, name).map(drop))?;
    }
    if let Some(record) = record {
        mailboxes::remove(tx, &record)?;
    }
    if children {
        for (name, entry) in &inner {
            if let Some(record) = mailboxes::find(tx, owner.account, name)? {
                mailboxes::remove(tx, &record)?;
            }
            if entry.folder {
                mailboxes::remove_folder(tx, owner.account, name)?;
            }
        }
    }
    if entry.folder && (children || inner.is_empty()) {
        mailboxes::remove_folder(tx, owner.account, &path.name)?;
    }
    Ok(())
}

/// The most names of a subscription set or of an alias set.
const MOST_NAMES: usize = 10_000;

/// Adds names to the caller's subscription set and takes names out, in order.
pub fn subscribe(tx: &WriteTx, caller: &Caller, changes: &[(String, bool)]) -> Outcome<()> {
    let adds = changes.iter().filter(|(_, add)| *add).count();
    if mailboxes::subscriptions(tx, caller.account)?.len() + adds > MOST_NAMES {
        return Err(Fault::quota("too many subscriptions"));
    }
    changes.iter().try_for_each(|(name, add)| mailboxes::subscribe(tx, caller.account, name, *add))
}

/// Sets and removes aliases of the caller's account, in order.
pub fn set_aliases(tx: &WriteTx, caller: &Caller, changes: &[(MailboxName, Option<MailboxPath>)]) -> Outcome<()> {
    if mailboxes::aliases(tx, caller.account)?.len() + changes.len() > MOST_NAMES {
        return Err(Fault::quota("too many mailbox aliases"));
    }
    for (name, target) in changes {
        if target.is_some() && mailboxes::find(tx, caller.account, name)?.is_some() {
            return Err(Fault::exists("mailbox already exists"));
        }
    }
    changes.iter().try_for_each(|(name, target)| mailboxes::put_alias(tx, caller.account, name, target.as_ref()))
}

#[cfg(test)]
mod tests;
