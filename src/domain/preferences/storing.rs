//! Storing preferences: of an account by its user, of a domain and of the server by the administrator; and what an
//! account tells the public of itself.
//!
//! The text `default` takes a value away, and so does the null object. Names nobody here knows are kept: clients have
//! some of their own. Sessions hear of what was changed, all of them.
//! Spec: XIMSS, "Preferences" (prefsStore).

use super::default_of;
use crate::domain::access::Caller;
use crate::model::change::{Change, What};
use crate::model::fault::{Fault, Outcome};
use crate::model::ids::AccountId;
use crate::model::names::DomainName;
use crate::model::value::{Dictionary, Value};
use crate::store::{Read, WriteTx, accounts, prefs};
use std::str::FromStr;

/// The most values of one layer of one account.
const MOST_VALUES: usize = 200;
/// The most bytes of one value.
const LARGEST_VALUE: usize = 32 << 10;
/// The longest name, in bytes.
const LONGEST_NAME: usize = 64;

/// The name of a preference: up to 64 ASCII letters, digits, `_` and `-`, as a name in XML may begin.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PreferenceName(String);

impl PreferenceName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PreferenceName {
    type Err = Fault;
    fn from_str(text: &str) -> Outcome<Self> {
        let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let is_name = begins && text.len() <= LONGEST_NAME && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        if is_name { Ok(Self(text.to_owned())) } else { Err(Fault::bad("preference name is incorrect")) }
    }
}

/// Bytes of a value, each thing in it counted with a few of its own.
fn weight(value: &Value) -> usize {
    match value {
        Value::Null | Value::Number(_) | Value::Time(_) => 8,
        Value::String(text) | Value::NetAddress(text) | Value::Xml(text) => text.len(),
        Value::Data(data) => data.len(),
        Value::Array(values) => values.iter().map(|value| weight(value) + 4).sum(),
        Value::Dictionary(entries) => entries.iter().map(|(key, value)| key.len() + weight(value) + 4).sum(),
    }
}

/// What is stored for a name: None takes it away. An empty text stands for an empty array where the name is known to
/// have arrays, since XML cannot tell them apart.
fn wanted(name: &PreferenceName, value: &Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::String(text) if text.trim() == "default" => None,
        Value::String(text) if text.trim().is_empty() && matches!(default_of(name.as_str()), Some(Value::Array(_))) => {
            Some(Value::Array(Vec::new()))
        }
        value => Some(value.clone()),
    }
}

/// The values after the changes, or None where these change nothing. The last of several changes of a name counts.
fn changed(old: &Dictionary, changes: &[(PreferenceName, Value)]) -> Outcome<Option<Dictionary>> {
    let mut values = old.clone();
    for (name, value) in changes {
        match wanted(name, value) {
            None => drop(values.remove(name.as_str())),
            Some(value) if weight(&value) > LARGEST_VALUE => return Err(Fault::quota("preference value is too large")),
            Some(value) => drop(values.insert(name.as_str().to_owned(), value)),
        }
    }
    if values.len() > MOST_VALUES && values.len() > old.len() {
        return Err(Fault::quota("too many preferences"));
    }
    Ok((values != *old).then_some(values))
}

/// All sessions of the account hear that its preferences were modified.
fn publish(tx: &WriteTx, account: AccountId) -> Outcome<()> {
    let modseq = accounts::advance(tx, account)?;
    tx.publish(Change { account, modseq, what: What::Preferences });
    Ok(())
}

/// Changes the account's own values, all or none.
pub fn store(tx: &WriteTx, of: &Caller, changes: &[(PreferenceName, Value)]) -> Outcome<()> {
    let Some(values) = changed(&prefs::custom(tx, of.account)?, changes)? else { return Ok(()) };
    prefs::put_custom(tx, of.account, &values)?;
    publish(tx, of.account)
}

/// Changes what the account tells the public of itself, all or nothing.
pub fn store_public(tx: &WriteTx, of: &Caller, changes: &[(PreferenceName, Value)]) -> Outcome<()> {
    let Some(values) = changed(&prefs::public(tx, of.account)?, changes)? else { return Ok(()) };
    prefs::put_public(tx, of.account, &values)
}

/// Changes the values that the accounts of a domain have from it.
pub fn set_domain(tx: &WriteTx, domain: &DomainName, changes: &[(PreferenceName, Value)]) -> Outcome<()> {
    let record = accounts::domain(tx, domain)?.ok_or_else(|| Fault::not_found("domain does not exist"))?;
    let Some(values) = changed(&record.preferences, changes)? else { return Ok(()) };
    accounts::put_domain_preferences(tx, domain, &values)?;
    publish_to_all(tx, Some(domain))
}

/// Changes the values that all accounts of the server have from it.
pub fn set_server(tx: &WriteTx, changes: &[(PreferenceName, Value)]) -> Outcome<()> {
    let Some(values) = changed(&prefs::server(tx)?, changes)? else { return Ok(()) };
    prefs::put_server(tx, &values)?;
    publish_to_all(tx, None)
}

fn publish_to_all(tx: &WriteTx, domain: Option<&DomainName>) -> Outcome<()> {
    accounts::list(tx as &dyn Read, domain)?.into_iter().try_for_each(|(account, _)| publish(tx, account))
}
