//! Rights that an account gives others on itself: looked at, and changed by those who may.
//!
//! What a right opens is decided where the thing itself is: files in `files`, for one.
//! Spec: XIMSS, "Account Management" (accountRightsGet, accountACLList, accountACLUpdate).

use super::access::Caller;
use crate::model::fault::{Fault, Outcome};
use crate::model::ids::AccountId;
use crate::model::names::AccountRef;
use crate::model::rights::{AccountRights, Acl, AclStep, OnAccount};
use crate::store::accounts::{self, AccountRecord};
use crate::store::{Read, WriteTx};

/// The account that is meant: the caller's own where none is named.
fn target(tx: &dyn Read, caller: &Caller, named: Option<&AccountRef>) -> Outcome<(AccountId, AccountRecord)> {
    let id = match named {
        Some(named) => accounts::find(tx, &named.within(&caller.address.domain))?.ok_or_else(Fault::no_account)?,
        None => caller.account,
    };
    Ok((id, accounts::get(tx, id)?))
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

/// Who may do what with an account; for those who administer its list.
pub fn list(tx: &dyn Read, caller: &Caller, named: Option<&AccountRef>) -> Outcome<Acl<OnAccount>> {
    Ok(administered(tx, caller, named)?.1.acl)
}

/// Changes who may do what with an account, all steps or none; for those who administer its list.
pub fn update(tx: &WriteTx, caller: &Caller, named: Option<&AccountRef>, steps: &[AclStep<OnAccount>]) -> Outcome<()> {
    let (id, mut record) = administered(tx, caller, named)?;
    record.acl.update(steps)?;
    accounts::put(tx, id, &record)
}
