//! Rights that an account gives others on itself: looked at, and changed by those who may.
//!
//! What a right opens is decided where the thing itself is: files in `files`, for one.
//! Spec: XIMSS, "Account Management" (accountRightsGet, accountACLList, accountACLUpdate).

use super::access::Caller;
use super::strangers::is_stranger;
use crate::model::fault::{Fault, Outcome};
use crate::model::ids::AccountId;
use crate::model::names::{AccountAddress, AccountRef, Address};
use crate::model::rights::{AccountRights, Acl, AclStep, OnAccount};
use crate::store::accounts::{self, AccountRecord};
use crate::store::{Read, WriteTx};

/// The account that is meant: the caller's own where none is named. To strangers there is none.
fn target(tx: &dyn Read, caller: &Caller, named: Option<&AccountRef>) -> Outcome<(AccountId, AccountRecord)> {
    let id = match named.map(|named| named.within(&caller.address.domain)) {
        Some(address) if is_stranger(tx, caller, &address)? => return Err(Fault::no_account()),
        Some(address) => accounts::find(tx, &address)?.ok_or_else(Fault::no_account)?,
        None => caller.account,
    };
    Ok((id, accounts::get(tx, id)?))
}

/// Who may do what with the account of an address; None where there is none.
pub fn acl(tx: &dyn Read, address: &AccountAddress) -> Outcome<Option<Acl<OnAccount>>> {
    accounts::find(tx, address)?.map(|id| Ok(accounts::get(tx, id)?.acl)).transpose()
}

/// What the caller may do with an account.
pub fn rights(tx: &dyn Read, caller: &Caller, named: Option<&AccountRef>) -> Outcome<AccountRights> {
    let (_, record) = target(tx, caller, named)?;
    Ok(record.acl.effective(&caller.address, &record.address))
}

fn administered(tx: &dyn Read, caller: &Caller, named: Option<&AccountRef>) -> Outcome<(AccountId, AccountRecord)> {
    let (id, record) = target(tx, caller, named)?;
    let may = record.acl.effective(&caller.address, &record.address).has(AccountRights::ADMINISTER);
    if may { Ok((id, record)) } else { Err(Fault::denied()) }
}

/// Refuses these addresses as those of who writes a mail, where one is that of another account of this server that does
/// not let the caller write in its name (right `m`). In domains of this server in which the caller does not live, all names
/// are others': nobody learns in this way which of them are taken.
pub fn check_writers(tx: &dyn Read, caller: &Caller, writers: &[Address]) -> Outcome<()> {
    for address in writers.iter().filter_map(Address::account).filter(|address| *address != caller.address) {
        let may = match acl(tx, &address)? {
            Some(acl) => acl.effective(&caller.address, &address).has(AccountRights::MAIL),
            None => address.domain == caller.address.domain || accounts::domain(tx, &address.domain)?.is_none(),
        };
        if !may {
            return Err(Fault::denied());
        }
    }
    Ok(())
}

/// Who may do what with an account; for those who administer its list.
pub fn list(tx: &dyn Read, caller: &Caller, named: Option<&AccountRef>) -> Outcome<Acl<OnAccount>> {
    Ok(administered(tx, caller, named)?.1.acl)
}

/// A list of rights that was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// Whose.
    pub owner: Caller,
    /// The list before.
    pub before: Acl<OnAccount>,
    /// The list now.
    pub after: Acl<OnAccount>,
}

/// Changes who may do what with an account, all steps or none; for those who administer its list.
pub fn update(tx: &WriteTx, caller: &Caller, named: Option<&AccountRef>, steps: &[AclStep<OnAccount>]) -> Outcome<Changed> {
    let (id, mut record) = administered(tx, caller, named)?;
    let before = record.acl.clone();
    record.acl.update(steps)?;
    accounts::put(tx, id, &record)?;
    Ok(Changed { owner: Caller { account: id, address: record.address }, before, after: record.acl })
}

/// The account on whose behalf the caller wants to act, if it has given them this right. Whoever has it not does not
/// learn whether there is such an account.
pub fn acting_for(tx: &dyn Read, caller: &Caller, named: &AccountRef, right: AccountRights) -> Outcome<Caller> {
    let address = named.within(&caller.address.domain);
    let account = accounts::find(tx, &address)?.ok_or_else(Fault::denied)?;
    let may = accounts::get(tx, account)?.acl.effective(&caller.address, &address).has(right);
    if may { Ok(Caller { account, address }) } else { Err(Fault::denied()) }
}
