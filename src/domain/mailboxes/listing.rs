//! Lists of mailboxes as one caller sees them. Spec: XIMSS, "Mailbox Management" (mailboxList, the mailbox message).

use super::super::access::{self, Caller};
use super::super::strangers::is_stranger;
use crate::model::fault::{Fault, Outcome};
use crate::model::names::{ListPattern, MailboxName, MailboxPath};
use crate::model::rights::Rights;
use crate::store::mailboxes::{self, MailboxRecord, MailboxState, NameEntry};
use crate::store::{Read, accounts};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Names that fit this.
    pub pattern: ListPattern,
    /// Mailboxes of this class only; others are told of as pure folders, if there is something inside.
    pub class: Option<String>,
    /// True: pure folders too; false: not. None is the same as true.
    pub pure_folders: Option<bool>,
}

/// One line of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name, with the account before it where one was asked for.
    pub name: String,
    /// The mailbox, its counters and what the caller may do; None for a pure folder.
    pub mailbox: Option<(MailboxRecord, MailboxState, Rights)>,
    /// True when other mailboxes lie or may lie inside.
    pub folder: bool,
}

/// The mailboxes that the caller may see, in order of their names.
pub fn list(tx: &dyn Read, caller: &Caller, asked: &Asked) -> Outcome<Vec<Listed>> {
    let owner = match &asked.pattern.owner {
        None => caller.clone(),
        Some(named) => {
            let address = named.within(&caller.address.domain);
            match accounts::find(tx, &address)? {
                Some(account) => Caller { account, address },
                // To strangers no account shows more than one in which they may see nothing.
                None if is_stranger(tx, caller, &address)? => return Ok(Vec::new()),
                None => return Err(Fault::no_account()),
            }
        }
    };
    let prefix = asked.pattern.owner.as_ref().map(|owner| format!("~{owner}/")).unwrap_or_default();
    let names = mailboxes::names(tx, owner.account)?;
    let mut out = Vec::new();
    for (name, entry) in &names {
        if !asked.pattern.matches(name.as_str()) {
            continue;
        }
        let mailbox = seen(tx, caller, &owner, *entry)?;
        // A folder is seen by the owner, and by others when they may see something inside.
        let folder = entry.folder && (caller == &owner || sees_inside(tx, caller, &owner, name, &names)?);
        let fits = |record: &MailboxRecord| asked.class.as_ref().is_none_or(|class| record.class == *class);
        let mailbox = mailbox.filter(|(record, _, _)| fits(record));
        if mailbox.is_none() && !(folder && asked.pure_folders != Some(false)) {
            continue;
        }
        out.push(Listed { name: format!("{prefix}{name}"), mailbox, folder });
    }
    if caller == &owner {
        add_aliases(tx, caller, asked, &prefix, &mut out)?;
    }
    Ok(out)
}

fn seen(tx: &dyn Read, caller: &Caller, owner: &Caller, entry: NameEntry) -> Outcome<Option<(MailboxRecord, MailboxState, Rights)>> {
    let Some(record) = entry.mailbox.map(|id| mailboxes::get(tx, id)).transpose()?.flatten() else { return Ok(None) };
    let rights = access::rights(caller, owner, &record);
    if !rights.has(Rights::LOOKUP) {
        return Ok(None);
    }
    let state = mailboxes::state(tx, record.id)?;
    Ok(Some((record, state, rights)))
}

fn sees_inside(tx: &dyn Read, caller: &Caller, owner: &Caller, outer: &MailboxName, names: &[(MailboxName, NameEntry)]) -> Outcome<bool> {
    for (_, entry) in names.iter().filter(|(name, _)| name.is_inside(outer)) {
        if seen(tx, caller, owner, *entry)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Aliases look like mailboxes of the account; one that leads nowhere is not shown.
fn add_aliases(tx: &dyn Read, caller: &Caller, asked: &Asked, prefix: &str, out: &mut Vec<Listed>) -> Outcome<()> {
    for (name, _) in mailboxes::aliases(tx, caller.account)?.iter().filter(|(name, _)| asked.pattern.matches(name.as_str())) {
        let Ok(reached) = access::reach(tx, caller, &MailboxPath::own(name.clone()), Rights::LOOKUP) else { continue };
        if asked.class.as_ref().is_none_or(|class| reached.record.class == *class) {
            let state = mailboxes::state(tx, reached.record.id)?;
            out.push(Listed { name: format!("{prefix}{name}"), mailbox: Some((reached.record, state, reached.rights)), folder: false });
        }
    }
    Ok(())
}
