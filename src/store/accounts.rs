//! Domains and accounts: who lives here, their settings, verifiers, counters, activity and alerts.

use super::departed;
use super::engine::{Direction, Read};
use super::files;
use super::keys::{self, Key};
use super::meetings;
use super::offline;
use super::records;
use super::roster;
use super::tables::{ACCOUNT_NAMES, ACCOUNT_STATE, ACCOUNTS, ACTIVITY, ALERTS, CREDENTIALS, DOMAINS, META, PREFERENCES, PUBLIC_INFO};
use super::writer::WriteTx;
use crate::model::change::{Change, What};
use crate::model::credential::CredentialRecord;
use crate::model::fault::{Fault, Outcome};
use crate::model::ids::{AccountId, ItemId, ModSeq};
use crate::model::names::{AccountAddress, DomainName};
use crate::model::rights::{Acl, OnAccount};
use crate::model::time::Timestamp;
use crate::model::value::{Dictionary, Value};
use serde::{Deserialize, Serialize};
use std::ops::{Bound, ControlFlow};

/// A domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct DomainRecord {
    /// When it was made.
    pub created: Timestamp,
    /// Settings of the domain.
    pub settings: Dictionary,
    /// Default preferences of its accounts.
    pub preferences: Dictionary,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountRecord {
    /// Its full name.
    pub address: AccountAddress,
    /// When it was made.
    pub created: Timestamp,
    /// True for administrators of the server.
    pub admin: bool,
    /// Settings such as `RealName`, `PWDAllowed`; absent ones have their defaults (`setting`).
    pub settings: Dictionary,
    /// Rights others have on the account.
    pub acl: Acl<OnAccount>,
    /// Where a code to set a new password is mailed to.
    pub recovery: Option<String>,
}

/// Settings and what they are where nothing was set.
pub const SETTING_DEFAULTS: &[(&str, &str)] = &[
    ("AccessModes", "All"),
    ("PWDAllowed", "YES"),
    ("RulesAllowed", "Filter Only"),
    ("SignalRulesAllowed", "Any"),
    ("RPOPAllowed", "NO"),
    ("RSIPAllowed", "NO"),
    ("MaxAccountSize", "unlimited"),
    ("MaxMailboxes", "-1"),
    ("MaxMessageSize", "unlimited"),
    ("MaxWebSize", "100M"),
    ("MaxWebFiles", "1000"),
    ("MaxFileSize", "unlimited"),
    ("MaxRosterItems", "200"),
    ("MaxSignalContacts", "10"),
    ("PasswordRecovery", "YES"),
    ("CallLogs", "YES"),
    ("IMLogs", "YES"),
    ("QuotaNotice", "90"),
    ("QuotaAlert", "80"),
    ("DefaultWebPage", "default.html"),
];

/// What a setting is where nobody has set it.
pub fn default_setting(name: &str) -> Option<String> {
    SETTING_DEFAULTS.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
}

impl AccountRecord {
    /// A setting as text: the account's own value or the default.
    pub fn setting(&self, name: &str) -> Option<String> {
        match self.settings.get(name) {
            Some(Value::String(text)) => Some(text.clone()),
            Some(Value::Number(number)) => Some(number.to_string()),
            _ => default_setting(name),
        }
    }
    /// The person's name.
    pub fn real_name(&self) -> Option<&str> {
        self.settings.get("RealName").and_then(Value::as_str).filter(|n| !n.is_empty())
    }
    /// The storage quota in bytes; None for unlimited.
    pub fn quota(&self) -> Option<u64> {
        self.setting("MaxAccountSize").and_then(|text| size(&text))
    }
}

/// A size such as `10M`; None for `unlimited` and for what is no size.
pub fn size(text: &str) -> Option<u64> {
    let text = text.trim();
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let factor = match unit.trim().to_ascii_uppercase().as_str() {
        "" => 1,
        "K" | "KB" => 1 << 10,
        "M" | "MB" => 1 << 20,
        "G" | "GB" => 1 << 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(factor)
}

/// Counters of an account that change with its mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountState {
    /// The last change number.
    pub modseq: ModSeq,
    /// The number the next stored item gets; never given twice.
    pub next_item: ItemId,
    /// Bytes of all messages.
    pub used: u64,
    /// The last UIDVALIDITY given.
    pub uid_validity: u32,
    /// Sessions that began before this change of the account have ended or are about to.
    pub sessions_from: ModSeq,
}

impl Default for AccountState {
    fn default() -> Self {
        Self { modseq: ModSeq(0), next_item: ItemId(256), used: 0, uid_validity: 0, sessions_from: ModSeq(0) }
    }
}

/// A login, or an attempt at one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// When.
    pub at: Timestamp,
    /// From which network address, without a port.
    pub from: String,
}

/// The last logins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Activity {
    /// The current or last successful one.
    pub login: Option<Attempt>,
    /// The last one that failed.
    pub failed: Option<Attempt>,
}

/// A domain's record.
pub fn domain(tx: &dyn Read, name: &DomainName) -> Outcome<Option<DomainRecord>> {
    records::get(tx, DOMAINS, &Key::default().text(name.as_str()))
}

/// Makes a domain; refused if it is there.
pub fn create_domain(tx: &WriteTx, name: &DomainName, now: Timestamp) -> Outcome<()> {
    if domain(tx, name)?.is_some() {
        return Err(Fault::exists("domain already exists"));
    }
    records::put(tx, DOMAINS, &Key::default().text(name.as_str()), &DomainRecord { created: now, ..DomainRecord::default() })
}

/// Replaces the preferences that the accounts of a domain have from it.
pub fn put_domain_preferences(tx: &WriteTx, name: &DomainName, preferences: &Dictionary) -> Outcome<()> {
    let record = domain(tx, name)?.ok_or_else(|| Fault::not_found("domain does not exist"))?;
    let record = DomainRecord { preferences: preferences.clone(), ..record };
    records::put(tx, DOMAINS, &Key::default().text(name.as_str()), &record)
}

fn domain_files_key(name: &DomainName) -> Key {
    Key::default().text("files of domain").u8(0).text(name.as_str())
}

/// Where the files of a domain are: under a number of their own, like those of an account; None where it has none.
pub fn domain_files(tx: &dyn Read, name: &DomainName) -> Outcome<Option<AccountId>> {
    records::get(tx, META, &domain_files_key(name))
}

/// The same, made where the domain has none.
pub fn make_domain_files(tx: &WriteTx, name: &DomainName) -> Outcome<AccountId> {
    if let Some(known) = domain_files(tx, name)? {
        return Ok(known);
    }
    let id = next_account(tx)?;
    records::put(tx, META, &domain_files_key(name), &id)?;
    Ok(id)
}

/// A number that no account has had.
fn next_account(tx: &WriteTx) -> Outcome<AccountId> {
    let counter = Key::default().text("last account");
    let id = AccountId(records::get::<u64>(tx, META, &counter)?.unwrap_or(0) + 1);
    records::put(tx, META, &counter, &id.0)?;
    Ok(id)
}

/// Removes a domain that has no accounts.
pub fn remove_domain(tx: &WriteTx, name: &DomainName) -> Outcome<()> {
    domain(tx, name)?.ok_or_else(|| Fault::not_found("domain does not exist"))?;
    if !list(tx, Some(name))?.is_empty() {
        return Err(Fault::state("the domain still has accounts"));
    }
    if let Some(id) = domain_files(tx, name)? {
        files::forget(tx, id)?;
        tx.delete(META, domain_files_key(name).bytes())?;
    }
    tx.delete(DOMAINS, name.as_str().as_bytes()).map(drop)
}

/// All domains in order.
pub fn domains(tx: &dyn Read) -> Outcome<Vec<DomainName>> {
    let mut out = Vec::new();
    tx.scan(DOMAINS, (Bound::Unbounded, Bound::Unbounded), Direction::Forward, &mut |key, _| {
        out.extend(std::str::from_utf8(key).ok().and_then(|name| name.parse().ok()));
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(out)
}

/// The key of an account's name.
pub(super) fn name_key(address: &AccountAddress) -> Key {
    Key::default().text(address.domain.as_str()).u8(0).text(address.name.as_str())
}

/// The account of an address.
pub fn find(tx: &dyn Read, address: &AccountAddress) -> Outcome<Option<AccountId>> {
    records::get(tx, ACCOUNT_NAMES, &name_key(address))
}

/// An account's record; None where no account has the number.
pub fn find_record(tx: &dyn Read, id: AccountId) -> Outcome<Option<AccountRecord>> {
    records::get(tx, ACCOUNTS, &Key::of(id.0))
}

/// An account's record.
pub fn get(tx: &dyn Read, id: AccountId) -> Outcome<AccountRecord> {
    find_record(tx, id)?.ok_or_else(Fault::no_account)
}

/// Stores an account's record.
pub fn put(tx: &WriteTx, id: AccountId, record: &AccountRecord) -> Outcome<()> {
    records::put(tx, ACCOUNTS, &Key::of(id.0), record)
}

/// All accounts, of one domain or of all, in order of their names.
pub fn list(tx: &dyn Read, of: Option<&DomainName>) -> Outcome<Vec<(AccountId, AccountRecord)>> {
    let prefix = of.map_or_else(Key::default, |domain| Key::default().text(domain.as_str()).u8(0));
    let end = prefix.end();
    let mut ids = Vec::new();
    tx.scan(ACCOUNT_NAMES, keys::within(&prefix, &end), Direction::Forward, &mut |_, value| {
        ids.push(records::decode::<AccountId>(value)?);
        Ok(ControlFlow::Continue(()))
    })?;
    ids.into_iter().map(|id| Ok((id, get(tx, id)?))).collect()
}

/// Makes an account; its domain must be there and the name free, also of what a removed account has left behind. Its mailboxes are the domain floor's business.
pub fn create(tx: &WriteTx, record: &AccountRecord) -> Outcome<AccountId> {
    domain(tx, &record.address.domain)?.ok_or_else(|| Fault::not_found("domain does not exist"))?;
    if find(tx, &record.address)?.is_some() {
        return Err(Fault::exists("account already exists"));
    }
    if departed::is_marked(tx, &record.address)? {
        return Err(Fault::state("an account of this name is still being removed"));
    }
    let id = next_account(tx)?;
    records::put(tx, ACCOUNT_NAMES, &name_key(&record.address), &id)?;
    put(tx, id, record)?;
    put_state(tx, id, &AccountState::default())?;
    Ok(id)
}

/// Removes an account's records; its mailboxes must have been removed before. Its name is taken out of lists of rights
/// afterwards, by `departed::sweep`.
pub fn remove(tx: &WriteTx, id: AccountId) -> Outcome<()> {
    let record = get(tx, id)?;
    let state = state(tx, id)?;
    tx.delete(ACCOUNT_NAMES, name_key(&record.address).bytes())?;
    departed::mark(tx, &record.address)?;
    for table in [ACCOUNTS, ACCOUNT_STATE, CREDENTIALS, ACTIVITY, PREFERENCES, PUBLIC_INFO] {
        tx.delete(table, Key::of(id.0).bytes())?;
    }
    let prefix = Key::of(id.0);
    let end = prefix.end();
    tx.delete_range(ALERTS, keys::within(&prefix, &end))?;
    offline::forget(tx, id)?;
    roster::forget(tx, id)?;
    meetings::forget(tx, id)?;
    files::forget(tx, id)?;
    tx.publish(Change { account: id, modseq: ModSeq(state.modseq.0 + 1), what: What::Account });
    Ok(())
}

/// The verifiers of an account; None for one that cannot log in.
pub fn credential(tx: &dyn Read, id: AccountId) -> Outcome<Option<CredentialRecord>> {
    records::get(tx, CREDENTIALS, &Key::of(id.0))
}

/// Stores the verifiers of an account.
pub fn put_credential(tx: &WriteTx, id: AccountId, record: &CredentialRecord) -> Outcome<()> {
    records::put(tx, CREDENTIALS, &Key::of(id.0), record)
}

/// An account's counters.
pub fn state(tx: &dyn Read, id: AccountId) -> Outcome<AccountState> {
    records::get(tx, ACCOUNT_STATE, &Key::of(id.0))?.ok_or_else(Fault::no_account)
}

/// Stores an account's counters.
pub fn put_state(tx: &WriteTx, id: AccountId, state: &AccountState) -> Outcome<()> {
    records::put(tx, ACCOUNT_STATE, &Key::of(id.0), state)
}

/// Takes the account's next change number.
pub fn advance(tx: &WriteTx, id: AccountId) -> Outcome<ModSeq> {
    let mut state = state(tx, id)?;
    state.modseq.0 += 1;
    put_state(tx, id, &state)?;
    Ok(state.modseq)
}

/// The last logins of an account.
pub fn activity(tx: &dyn Read, id: AccountId) -> Outcome<Activity> {
    Ok(records::get(tx, ACTIVITY, &Key::of(id.0))?.unwrap_or_default())
}

/// Stores the last logins of an account.
pub fn put_activity(tx: &WriteTx, id: AccountId, activity: &Activity) -> Outcome<()> {
    records::put(tx, ACTIVITY, &Key::of(id.0), activity)
}

/// Ends the sessions that are there: another password holds, or nobody may log in any more. The session that asked for
/// it stays when it takes the returned number for its own beginning (`Desk::stay`).
pub fn end_sessions(tx: &WriteTx, id: AccountId) -> Outcome<ModSeq> {
    let mut state = state(tx, id)?;
    state.modseq.0 += 1;
    state.sessions_from = state.modseq;
    put_state(tx, id, &state)?;
    tx.publish(Change { account: id, modseq: state.modseq, what: What::Account });
    Ok(state.modseq)
}

/// An alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// The account's change number that came with it.
    pub modseq: ModSeq,
    /// When it was posted.
    pub at: Timestamp,
    /// Its text.
    pub text: String,
}

/// Posts an alert: every session of the account shows it, the first that does confirms it.
pub fn post_alert(tx: &WriteTx, id: AccountId, at: Timestamp, text: &str) -> Outcome<()> {
    let modseq = advance(tx, id)?;
    records::put(tx, ALERTS, &Key::of(id.0).u64(modseq.0), &(at, text))?;
    tx.publish(Change { account: id, modseq, what: What::Alert { at, text: text.to_owned() } });
    Ok(())
}

/// The alerts after a change number that nobody has been shown, oldest first.
pub fn alerts(tx: &dyn Read, id: AccountId, after: ModSeq) -> Outcome<Vec<Alert>> {
    let (from, end) = (Key::of(id.0).u64(after.0.saturating_add(1)), Key::of(id.0).end());
    let mut out = Vec::new();
    tx.scan(ALERTS, keys::within(&from, &end), Direction::Forward, &mut |key, value| {
        let (at, text) = records::decode(value)?;
        out.push(Alert { modseq: ModSeq(keys::u64_at(key, 8)), at, text });
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(out)
}

/// Takes all alerts up to this change number away.
pub fn confirm_alerts(tx: &WriteTx, id: AccountId, till: ModSeq) -> Outcome<()> {
    let (from, end) = (Key::of(id.0), Key::of(id.0).u64(till.0.saturating_add(1)));
    tx.delete_range(ALERTS, keys::between(&from, &end))
}

/// The secret of this server, made with the store: it seeds what must be stable but unguessable.
pub fn server_secret(tx: &dyn Read) -> Outcome<[u8; 32]> {
    records::get(tx, META, &Key::default().text("secret"))?.ok_or_else(|| Fault::logged("the store has no secret", ""))
}
