//! The command `preferences`: the values that the server, a domain or an account sets, shown and changed.
//!
//! A value is text, or an object in text form where it begins as one: `WorkDays=(Mon,Tue)`. No value takes one away.

use super::admin::client::Agent;
use super::admin::{AdminReply, AdminRequest};
use super::commands::say;
use super::problem::Done;
use crate::domain::access::Caller;
use crate::domain::accounts::find;
use crate::domain::preferences::{PreferenceName, set_domain, set_server, store};
use crate::format::object;
use crate::model::fault::{Fault, Outcome};
use crate::model::names::{AccountAddress, DomainName};
use crate::model::value::{Dictionary, Value};
use crate::store::{Read, Store, accounts, prefs};
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// Whose values they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scope {
    /// Those that all accounts have.
    Server,
    /// Those that the accounts of a domain have.
    Domain(DomainName),
    /// Those of one account.
    Account(AccountAddress),
}

impl FromStr for Scope {
    type Err = Fault;
    fn from_str(text: &str) -> Outcome<Self> {
        match text {
            "server" => Ok(Self::Server),
            text if text.contains('@') => text.parse().map(Self::Account),
            text => text.parse().map(Self::Domain),
        }
    }
}

/// Changes values, if there are any changes, and gives those that are there then: names with values in text form.
pub async fn execute(store_of: &Store, scope: Scope, changes: Vec<(String, String)>) -> Outcome<Vec<(String, String)>> {
    let changes = changes.iter().map(|(name, value)| Ok((name.parse()?, value_of(value)?))).collect::<Outcome<Vec<_>>>()?;
    if !changes.is_empty() {
        let scope = scope.clone();
        store_of.write(move |tx| change(tx, &scope, &changes)).await?;
    }
    let values = store_of.read(move |tx| values(tx, &scope)).await?;
    Ok(values.iter().map(|(name, value)| (name.clone(), object::to_line(value))).collect())
}

fn value_of(text: &str) -> Outcome<Value> {
    match text.trim() {
        "" => Ok(Value::Null),
        text if text.starts_with(['(', '{', '[', '#', '"', '<']) => object::parse(text),
        text => Ok(text.into()),
    }
}

fn caller(tx: &dyn Read, address: &AccountAddress) -> Outcome<Caller> {
    Ok(Caller { account: find(tx, address)?, address: address.clone() })
}

fn change(tx: &crate::store::WriteTx, scope: &Scope, changes: &[(PreferenceName, Value)]) -> Outcome<()> {
    match scope {
        Scope::Server => set_server(tx, changes),
        Scope::Domain(domain) => set_domain(tx, domain, changes),
        Scope::Account(address) => store(tx, &caller(tx, address)?, changes),
    }
}

fn values(tx: &dyn Read, scope: &Scope) -> Outcome<Dictionary> {
    match scope {
        Scope::Server => prefs::server(tx),
        Scope::Domain(domain) => Ok(accounts::domain(tx, domain)?.ok_or_else(|| Fault::not_found("domain does not exist"))?.preferences),
        Scope::Account(address) => prefs::custom(tx, find(tx, address)?),
    }
}

/// Asks for the changes and, where there are none, prints what is there.
pub async fn run(scope: &Scope, changes: &[(String, String)], agent: &mut Agent) -> Done {
    let mut text = String::new();
    let mut take = |reply| {
        if let AdminReply::Preferences(values) = reply {
            values.iter().for_each(|(name, value)| text.push_str(&format!("{name}={value}\n")));
        }
        Ok(())
    };
    agent.ask(AdminRequest::Preferences { scope: scope.clone(), changes: changes.to_vec() }, &mut take).await?;
    if changes.is_empty() { say(&text) } else { Ok(()) }
}
