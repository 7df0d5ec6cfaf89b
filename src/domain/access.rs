//! Who may reach which mailbox: the one place where rights are checked, for every way in.
//!
//! Spec: XIMSS, "Mailbox Management" (access rights, `~account@domain/mailbox`).

use crate::model::fault::{Fault, Outcome};
use crate::model::ids::AccountId;
use crate::model::names::{AccountAddress, MailboxPath};
use crate::model::rights::Rights;
use crate::store::mailboxes::MailboxRecord;
use crate::store::{Read, accounts, mailboxes};

/// On whose behalf something is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The account.
    pub account: AccountId,
    /// Its full name.
    pub address: AccountAddress,
}

/// A mailbox that the caller may reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    /// The mailbox.
    pub record: MailboxRecord,
    /// What the caller may do with it.
    pub rights: Rights,
    /// Whose it is.
    pub owner: Caller,
}

impl Reached {
    /// True when the mailbox is the caller's own and access is not restricted.
    pub fn unrestricted(&self) -> bool {
        self.rights == Rights::ALL
    }
}

/// The account a path leads into: the caller's own where none is named.
pub fn owner(tx: &dyn Read, caller: &Caller, path: &MailboxPath) -> Outcome<Caller> {
    let Some(named) = &path.owner else { return Ok(caller.clone()) };
    let address = named.within(&caller.address.domain);
    let account = accounts::find(tx, &address)?.ok_or_else(Fault::no_mailbox)?;
    Ok(Caller { account, address })
}

/// Where a path leads, aliases of the owner followed once.
fn follow(tx: &dyn Read, caller: &Caller, path: &MailboxPath) -> Outcome<(Caller, Option<MailboxRecord>)> {
    let owner_of = owner(tx, caller, path)?;
    if let Some(record) = mailboxes::find(tx, owner_of.account, &path.name)? {
        return Ok((owner_of, Some(record)));
    }
    let Some(target) = mailboxes::alias(tx, owner_of.account, &path.name)? else { return Ok((owner_of, None)) };
    let target_owner = owner(tx, &owner_of, &target)?;
    let record = mailboxes::find(tx, target_owner.account, &target.name)?;
    Ok((target_owner, record))
}

/// What the caller may do with a mailbox of `owner`.
pub fn rights(caller: &Caller, owner: &Caller, record: &MailboxRecord) -> Rights {
    record.acl.effective(&caller.address, &owner.address)
}

/// Finds a mailbox and checks that the caller has all rights of `needs`. Without any right on it, it does not exist.
pub fn reach(tx: &dyn Read, caller: &Caller, path: &MailboxPath, needs: Rights) -> Outcome<Reached> {
    let (owner, record) = follow(tx, caller, path)?;
    let record = record.ok_or_else(Fault::no_mailbox)?;
    checked(caller, owner, record, needs)
}

/// The same for a mailbox known by its record, as an open folder is: rights are looked at again each time.
pub fn reach_record(tx: &dyn Read, caller: &Caller, record: MailboxRecord, needs: Rights) -> Outcome<Reached> {
    let address = accounts::get(tx, record.account)?.address;
    let account = record.account;
    checked(caller, Caller { account, address }, record, needs)
}

fn checked(caller: &Caller, owner: Caller, record: MailboxRecord, needs: Rights) -> Outcome<Reached> {
    let rights = rights(caller, &owner, &record);
    if rights == Rights::NONE {
        return Err(Fault::no_mailbox());
    }
    if !rights.has(needs) {
        return Err(Fault::denied());
    }
    Ok(Reached { record, rights, owner })
}
