//! Rights on mailboxes: looked at and changed. Spec: XIMSS, "Mailbox Management" (mailboxRightsGet, mailboxACLList, mailboxACLUpdate).

use super::super::access::{self, Caller};
use crate::model::fault::Outcome;
use crate::model::names::MailboxPath;
use crate::model::rights::{Acl, AclStep, Rights};
use crate::store::{Read, WriteTx, mailboxes};

/// What the caller may do with a mailbox.
pub fn rights(tx: &dyn Read, caller: &Caller, path: &MailboxPath) -> Outcome<Rights> {
    Ok(access::reach(tx, caller, path, Rights::NONE)?.rights)
}

/// Who may do what with a mailbox; for those who administer it.
pub fn list(tx: &dyn Read, caller: &Caller, path: &MailboxPath) -> Outcome<Acl> {
    Ok(access::reach(tx, caller, path, Rights::ADMINISTER)?.record.acl)
}

/// Changes who may do what, all steps or none; for those who administer the mailbox.
pub fn update(tx: &WriteTx, caller: &Caller, path: &MailboxPath, steps: &[AclStep]) -> Outcome<()> {
    let mut record = access::reach(tx, caller, path, Rights::ADMINISTER)?.record;
    record.acl.update(steps)?;
    mailboxes::put(tx, &record)
}
