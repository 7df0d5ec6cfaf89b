//! Preferences of an account: the values it has set itself. What they inherit is the domain floor's business.

use super::engine::Read;
use super::keys::Key;
use super::records;
use super::tables::PREFERENCES;
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
