//! STUB until the boxes branch lands
use super::access::Caller;
use crate::model::{fault::*, names::*, rights::*, time::*};
use crate::store::*;
pub fn create(tx: &WriteTx, caller: &Caller, path: &MailboxPath, class: &str, now: Timestamp) -> Outcome<()> {
    mailboxes::create(tx, caller.account, &path.name, class, Acl::default(), now).map(drop)
}
