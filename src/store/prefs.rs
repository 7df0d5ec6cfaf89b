//! Preferences that were set: by accounts for themselves, by the administrator for all; and what accounts tell the public
//! of themselves. Those of a domain stand in its record. What is inherited from what is the domain floor's business.

use super::engine::Read;
use super::keys::Key;
use super::records;
use super::tables::{META, PREFERENCES, PUBLIC_INFO};
use super::writer::WriteTx;
use crate::model::fault::Outcome;
use crate::model::ids::AccountId;
use crate::model::value::Dictionary;

/// The account's own values.
pub fn custom(tx: &dyn Read, account: AccountId) -> Outcome<Dictionary> {
    Ok(records::get(tx, PREFERENCES, &Key::of(account.0))?.unwrap_or_default())
}

/// Replaces the account's own values.
pub fn put_custom(tx: &WriteTx, account: AccountId, values: &Dictionary) -> Outcome<()> {
    records::put(tx, PREFERENCES, &Key::of(account.0), values)
}

/// What an account tells the public of itself.
pub fn public(tx: &dyn Read, account: AccountId) -> Outcome<Dictionary> {
    Ok(records::get(tx, PUBLIC_INFO, &Key::of(account.0))?.unwrap_or_default())
}

/// Replaces what an account tells the public of itself.
pub fn put_public(tx: &WriteTx, account: AccountId, values: &Dictionary) -> Outcome<()> {
    records::put(tx, PUBLIC_INFO, &Key::of(account.0), values)
}

fn server_key() -> Key {
    Key::default().text("preferences")
}

/// The values for all accounts of the server.
pub fn server(tx: &dyn Read) -> Outcome<Dictionary> {
    Ok(records::get(tx, META, &server_key())?.unwrap_or_default())
}

/// Replaces the values for all accounts of the server.
pub fn put_server(tx: &WriteTx, values: &Dictionary) -> Outcome<()> {
    records::put(tx, META, &server_key(), values)
}
