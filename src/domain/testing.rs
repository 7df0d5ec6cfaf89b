//! For tests only: a house over a store in memory, and accounts in it.

use super::access::Caller;
use super::house::{ClearText, House, Settings};
use crate::model::limits::Limits;
use crate::model::names::MailboxName;
use crate::model::rights::Acl;
use crate::model::time::Timestamp;
use crate::store::accounts::{self, AccountRecord};
use crate::store::{Store, mailboxes};
use std::path::PathBuf;
use std::sync::Arc;

/// A house with the main domain `example.test`, whose data directory is not there.
pub(crate) fn house() -> Arc<House> {
    house_in(PathBuf::from("/nonexistent"), Limits::default())
}

/// A house with this data directory and these limits.
pub(crate) fn house_in(data: PathBuf, limits: Limits) -> Arc<House> {
    let domain = "example.test".parse().unwrap();
    let settings = Settings { domain, clear_text: ClearText::Always, legacy_mechanisms: false, signup: false, limits, data };
    Arc::new(House::new(settings, Store::in_memory()).unwrap())
}

/// Makes an account with an INBOX, and its domain.
pub(crate) async fn new_account(store: &Store, address: &str) -> Caller {
    let address: crate::model::names::AccountAddress = address.parse().unwrap();
    let make = move |tx: &crate::store::WriteTx| {
        if accounts::domain(tx, &address.domain)?.is_none() {
            accounts::create_domain(tx, &address.domain, Timestamp(0))?;
        }
        let (created, settings) = (Timestamp(0), Default::default());
        let record = AccountRecord { address: address.clone(), created, admin: false, settings, acl: Acl::default(), recovery: None };
        let account = accounts::create(tx, &record)?;
        mailboxes::create(tx, account, &MailboxName::inbox(), "", Acl::default(), Timestamp(1))?;
        Ok(Caller { account, address: address.clone() })
    };
    store.write(make).await.unwrap()
}
