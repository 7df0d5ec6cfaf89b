//! Whose files a path names, and who may reach them: the account itself, administrators, and those it gave the account
//! right `f` (reading outside `private`) or `w` (writing there too), or `c` (reading its logs of calls).
//!
//! Spec: XIMSS, "File Storage Operations" (`~accountName/fileName`), "Account Management".

use crate::domain::access::Caller;
use crate::model::fault::{Fault, Outcome};
use crate::model::files::{DirectoryPath, FileName, FilePath};
use crate::model::ids::AccountId;
use crate::model::names::AccountRef;
use crate::model::rights::AccountRights;
use crate::store::{Read, accounts};

/// What is to be done with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Nothing but looking.
    Reading,
    /// Changing it, making it, removing it.
    Writing,
}

/// The account whose file a path names, if the caller may do that with the file. Without any right it does not exist.
pub fn reach(tx: &dyn Read, caller: &Caller, path: &FilePath, need: Need) -> Outcome<AccountId> {
    checked(tx, caller, path.owner.as_ref(), Some(&path.name), need)
}

/// The same for a directory.
pub fn directory(tx: &dyn Read, caller: &Caller, path: &DirectoryPath, need: Need) -> Outcome<AccountId> {
    checked(tx, caller, path.owner.as_ref(), path.name.as_ref(), need)
}

/// A log of calls, as `domain::journal` writes them.
fn is_call_log(name: &FileName) -> bool {
    name.as_str().strip_prefix("private/logs/calls-").is_some_and(|rest| rest.ends_with(".log") && !rest.contains('/'))
}

fn checked(tx: &dyn Read, caller: &Caller, owner: Option<&AccountRef>, name: Option<&FileName>, need: Need) -> Outcome<AccountId> {
    let address = match owner.map(|owner| owner.within(&caller.address.domain)) {
        Some(address) if address != caller.address => address,
        _ => return Ok(caller.account),
    };
    let found = accounts::find(tx, &address)?;
    if accounts::get(tx, caller.account)?.admin {
        return found.ok_or_else(Fault::no_account);
    }
    let no_file = || Fault::not_found("file does not exist");
    let account = found.ok_or_else(no_file)?;
    let rights = accounts::get(tx, account)?.acl.effective(&caller.address, &address);
    if need == Need::Reading && rights.has(AccountRights::CALLS) && name.is_some_and(is_call_log) {
        return Ok(account);
    }
    let needed = match need {
        Need::Reading => AccountRights::READ_FILES,
        Need::Writing => AccountRights::READ_FILES.with(AccountRights::WRITE_FILES),
    };
    if !rights.has(AccountRights::READ_FILES) {
        return Err(no_file());
    }
    if !rights.has(needed) || name.is_some_and(FileName::is_private) {
        return Err(Fault::denied());
    }
    Ok(account)
}
