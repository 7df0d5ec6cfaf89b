//! Accounts: making them with all that belongs to one, their passwords and settings, and their end.
//!
//! Deriving what is kept of a password takes long, so it happens on the thread for keys, before the transaction.
//! Another password, and the end of the account, end its sessions (`store::accounts::end_sessions`).
//! Spec: XIMSS, "Pre-Login Operations" (signup), "Service Operations" (passwordModify).

use super::access::Caller;
use super::auth;
use super::delivery::{self, Prepared};
use super::letters;
use super::settings;
use crate::format::sasl::verifiers;
use crate::model::change::{Change, What};
use crate::model::credential::CredentialRecord;
use crate::model::fault::{Fault, Outcome};
use crate::model::flags::Flags;
use crate::model::ids::{AccountId, ModSeq};
use crate::model::mail::MailAddress;
use crate::model::names::{AccountAddress, Address, DomainName, MailboxName};
use crate::model::time::Timestamp;
use crate::model::value::Value;
use crate::store::accounts::{self, AccountRecord};
use crate::store::workers::Workers;
use crate::store::{Read, Store, WriteTx, mailboxes};
use zeroize::Zeroizing;

/// The mailboxes of a new account with their classes.
pub const MAILBOXES: &[(&str, &str)] = &[
    ("INBOX", ""),
    ("Sent", ""),
    ("Drafts", ""),
    ("Trash", ""),
    ("Junk", ""),
    ("Contacts", "IPF.Contact"),
    ("Calendar", "IPF.Appointment"),
    ("Tasks", "IPF.Task"),
    ("Notes", "IPF.StickyNote"),
];

/// The longest password, in bytes.
const LONGEST_PASSWORD: usize = 1024;
/// The name of the administrator that a server makes for itself.
const POSTMASTER: &str = "postmaster";

/// An account to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAccount {
    /// Its full name.
    pub address: AccountAddress,
    /// The person's name.
    pub real_name: Option<String>,
    /// Whether it administers the server.
    pub admin: bool,
    /// Where a code to set a new password is mailed to.
    pub recovery: Option<Address>,
}

impl NewAccount {
    /// An account with this name and nothing else said of it.
    pub fn named(address: AccountAddress) -> Self {
        Self { address, real_name: None, admin: false, recovery: None }
    }
}

/// The account of an address.
pub fn find(tx: &dyn Read, address: &AccountAddress) -> Outcome<AccountId> {
    accounts::find(tx, address)?.ok_or_else(Fault::no_account)
}

/// Refuses what cannot be a password: nothing, something endless, or something that no mechanism could carry.
pub fn check_new_password(password: &str) -> Outcome<()> {
    match password {
        "" => Err(Fault::bad("a password must not be empty")),
        long if long.len() > LONGEST_PASSWORD => Err(Fault::bad("the password is too long")),
        text if text.contains(['\0', '\r', '\n']) => Err(Fault::bad("a password must not hold line breaks")),
        _ => Ok(()),
    }
}

/// What is kept of a new password, derived on the thread for keys.
pub async fn derive(keys: &Workers, address: &AccountAddress, password: Zeroizing<String>, legacy: bool) -> Outcome<CredentialRecord> {
    check_new_password(&password)?;
    let address = address.clone();
    keys.run(move || verifiers::derive(&password, &address, legacy, Timestamp::now())).await
}

/// Makes an account with its mailboxes, its password and a letter of welcome. Its domain must be there.
pub async fn create_with_password(
    store: &Store,
    keys: &Workers,
    new: NewAccount,
    password: Zeroizing<String>,
    legacy: bool,
) -> Outcome<AccountId> {
    let credential = derive(keys, &new.address, password, legacy).await?;
    let now = Timestamp::now();
    let welcome = welcome(&new, now)?;
    store.write(move |tx| create(tx, &new, &credential, &welcome, now)).await
}

fn welcome(new: &NewAccount, now: Timestamp) -> Outcome<Prepared> {
    let (account, domain) = (new.address.to_string(), &new.address.domain);
    let name = new.real_name.as_deref().filter(|name| !name.trim().is_empty()).unwrap_or(new.address.name.as_str());
    let values = [("account", account.as_str()), ("name", name), ("domain", domain.as_str())];
    let to = MailAddress { name: new.real_name.clone(), address: account.clone() };
    let raw = letters::write(letters::WELCOME, &values, to, domain, now)?;
    Ok(Prepared::of(delivery::with_trace(raw, None, domain, now)))
}

fn create(tx: &WriteTx, new: &NewAccount, credential: &CredentialRecord, welcome: &Prepared, now: Timestamp) -> Outcome<AccountId> {
    let mut record = AccountRecord {
        address: new.address.clone(),
        created: now,
        admin: new.admin,
        settings: Default::default(),
        acl: Default::default(),
        recovery: new.recovery.as_ref().map(ToString::to_string),
    };
    if let Some(name) = new.real_name.as_ref().filter(|name| !name.trim().is_empty()) {
        let name = settings::find("RealName")?.checked(name)?;
        record.settings.insert("RealName".into(), Value::String(name));
    }
    let id = accounts::create(tx, &record)?;
    accounts::put_credential(tx, id, credential)?;
    for (name, class) in MAILBOXES {
        let name: MailboxName = name.parse()?;
        mailboxes::create(tx, id, &name, class, Default::default(), now)?;
    }
    let owner = Caller { account: id, address: new.address.clone() };
    delivery::into_inbox(tx, &owner, &welcome.message(welcome.store(tx)?, Flags::RECENT, now), now)?;
    Ok(id)
}

/// Sets another password; the account's sessions end.
pub async fn set_password(
    store: &Store,
    keys: &Workers,
    address: &AccountAddress,
    password: Zeroizing<String>,
    legacy: bool,
) -> Outcome<()> {
    let credential = derive(keys, address, password, legacy).await?;
    let address = address.clone();
    store.write(move |tx| replace_password(tx, find(tx, &address)?, &credential).map(drop)).await
}

/// Puts a new password in the place of the old one and of a code that was mailed for it; secrets of devices stay. Gives
/// the change up to which sessions end.
pub fn replace_password(tx: &WriteTx, id: AccountId, new: &CredentialRecord) -> Outcome<ModSeq> {
    let devices = accounts::credential(tx, id)?.map(|old| old.devices).unwrap_or_default();
    accounts::put_credential(tx, id, &CredentialRecord { devices, ..new.clone() })?;
    accounts::end_sessions(tx, id)
}

/// Changes settings: all of them or, where one is wrong, none. An empty value brings a default back.
pub fn set_settings(tx: &WriteTx, id: AccountId, changes: &[(String, String)]) -> Outcome<()> {
    let mut record = accounts::get(tx, id)?;
    for (name, value) in changes {
        let setting = settings::find(name)?;
        if value.trim().is_empty() {
            record.settings.remove(setting.name);
        } else {
            record.settings.insert(setting.name.to_owned(), Value::String(setting.checked(value)?));
        }
    }
    accounts::put(tx, id, &record)?;
    let modseq = accounts::advance(tx, id)?;
    tx.publish(Change { account: id, modseq, what: What::Account });
    Ok(())
}

/// Removes an account with all it has. Its mailboxes, and the rights that others gave it, are cleared away afterwards
/// (`sweeper`), and its sessions are to be ended (`Sessions::end`).
pub fn remove(tx: &WriteTx, id: AccountId) -> Outcome<()> {
    accounts::get(tx, id)?;
    mailboxes::remove_all(tx, id)?;
    accounts::remove(tx, id)
}

/// Removes a domain without accounts; the main domain stays.
pub fn remove_domain(tx: &WriteTx, domain: &DomainName, main: &DomainName) -> Outcome<()> {
    if domain == main {
        return Err(Fault::state("the main domain cannot be removed"));
    }
    accounts::remove_domain(tx, domain)
}

/// Makes the main domain where it is not there.
pub async fn ensure_main_domain(store: &Store, domain: &DomainName) -> Outcome<()> {
    let (asked, made) = (domain.clone(), domain.clone());
    if store.read(move |tx| accounts::domain(tx, &asked)).await?.is_some() {
        return Ok(());
    }
    let make = move |tx: &WriteTx| match accounts::domain(tx, &made)? {
        Some(_) => Ok(()),
        None => accounts::create_domain(tx, &made, Timestamp::now()),
    };
    store.write(make).await
}

/// True when some account administers the server.
pub fn has_admin(tx: &dyn Read) -> Outcome<bool> {
    Ok(accounts::list(tx, None)?.iter().any(|(_, record)| record.admin))
}

/// What became of the wish for an administrator.
#[derive(Debug, PartialEq, Eq)]
pub enum FirstAdmin {
    /// There is one.
    There,
    /// This one was made, with this password, which is to be shown once.
    Made(AccountAddress, Zeroizing<String>),
    /// This account was there and administers the server from now on, with the password it has.
    Promoted(AccountAddress),
}

/// Makes `postmaster` of the main domain an administrator where the server has none. The domain must be there.
pub async fn ensure_admin(store: &Store, keys: &Workers, domain: &DomainName, legacy: bool) -> Outcome<FirstAdmin> {
    if store.read(has_admin).await? {
        return Ok(FirstAdmin::There);
    }
    let address = AccountAddress { name: POSTMASTER.parse()?, domain: domain.clone() };
    let there = address.clone();
    // Only administrators make an account of this name: signup refuses it.
    let promoted = store.write(move |tx| {
        let Some(id) = accounts::find(tx, &there)? else { return Ok(false) };
        let record = AccountRecord { admin: true, ..accounts::get(tx, id)? };
        accounts::put(tx, id, &record).map(|()| true)
    });
    if promoted.await? {
        return Ok(FirstAdmin::Promoted(address));
    }
    let password = auth::generate_password()?;
    let new = NewAccount { real_name: Some("Postmaster".into()), admin: true, ..NewAccount::named(address.clone()) };
    create_with_password(store, keys, new, password.clone(), legacy).await?;
    Ok(FirstAdmin::Made(address, password))
}

/// Names of accounts that people take for the server's own voice, or that mean something else: nobody signs up under them.
pub fn is_reserved(address: &AccountAddress) -> bool {
    let reserved = [
        "anyone",
        "postmaster",
        "hostmaster",
        "webmaster",
        "mailer-daemon",
        "abuse",
        "security",
        "root",
        "admin",
        "administrator",
        "info",
        "all",
    ];
    reserved.contains(&address.name.as_str())
}

#[cfg(test)]
mod tests;
