//! Recovery: a code that stands for a forgotten password.
//!
//! A code of 80 random bits is mailed to the address the owner has named for that. Only its keyed hash is kept. It is
//! good for an hour, for one login, and for one change of password: whoever has logged in with it gives it once more where
//! `passwordModify` asks for the old password. A new password ends it. A code is taken by every method that shows the
//! password (clear text, PLAIN, LOGIN), never by one that proves it.
//! Spec: XIMSS, "Pre-Login Operations" (recoverPassword).

use super::auth::Use;
use super::delivery::{self, Posting, Prepared};
use super::house::House;
use super::letters;
use crate::format::sasl::verifiers;
use crate::model::credential::{CredentialRecord, RecoveryCode};
use crate::model::fault::{Fault, Outcome};
use crate::model::ids::AccountId;
use crate::model::mail::MailAddress;
use crate::model::names::{AccountAddress, Address};
use crate::model::time::Timestamp;
use crate::store::accounts::{self, AccountRecord};
use crate::store::{Read, WriteTx};
use subtle::ConstantTimeEq;

/// Letters and digits of codes and generated passwords: 32 that are not taken for each other.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Characters of a code.
const LENGTH: usize = 16;
/// Minutes that a code is good for.
const MINUTES: i64 = 60;
/// Seconds after which another code may be mailed to the same account.
const PAUSE: i64 = 60;

/// Random characters in groups of this size.
pub(super) fn random_text<const N: usize>(group: usize) -> Outcome<String> {
    let mut random = [0u8; N];
    getrandom::fill(&mut random).map_err(|e| Fault::logged("no random numbers", e))?;
    let mut out = String::with_capacity(N + N / group);
    for (index, byte) in random.iter().enumerate() {
        if index > 0 && index % group == 0 {
            out.push('-');
        }
        out.extend(ALPHABET.get(usize::from(byte % 32)).map(|c| char::from(*c)));
    }
    Ok(out)
}

/// A code as people type it, to the code as it was made; None for what is none.
fn normal(text: &str) -> Option<String> {
    let letter = |c: char| match c.to_ascii_lowercase() {
        'o' => '0',
        'i' | 'l' => '1',
        c => c,
    };
    let clean: String = text.chars().filter(|c| !(*c == '-' || c.is_whitespace())).map(letter).collect();
    (clean.len() == LENGTH && clean.bytes().all(|byte| ALPHABET.contains(&byte))).then_some(clean)
}

fn hash(server_secret: &[u8; 32], account: AccountId, code: &str) -> [u8; 32] {
    verifiers::keyed_hash(server_secret, format!("recovery {account} {code}").as_bytes())
}

impl RecoveryCode {
    fn is_good_for(&self, purpose: Use, now: Timestamp) -> bool {
        now <= self.expires && (purpose == Use::Change || !self.opened)
    }
}

/// The hash of what was given for a password, if it is the account's code and good for this.
pub(super) fn recognise(
    record: &CredentialRecord,
    given: &str,
    account: AccountId,
    server_secret: &[u8; 32],
    (purpose, now): (Use, Timestamp),
) -> Option<[u8; 32]> {
    let code = record.code.as_ref().filter(|code| code.is_good_for(purpose, now))?;
    let given = hash(server_secret, account, &normal(given)?);
    bool::from(given.ct_eq(&code.hash)).then_some(given)
}

/// Uses a code up. Refused if it has been used or replaced in the meantime: of two who give it at once, one gets in.
pub(super) fn consume(tx: &WriteTx, account: AccountId, hash: &[u8; 32], purpose: Use, now: Timestamp) -> Outcome<()> {
    let mut record = accounts::credential(tx, account)?.ok_or_else(Fault::wrong_password)?;
    let good = record.code.take_if(|code| code.hash == *hash && code.is_good_for(purpose, now));
    let code = good.ok_or_else(Fault::wrong_password)?;
    record.code = (purpose == Use::Login).then_some(RecoveryCode { opened: true, ..code });
    accounts::put_credential(tx, account, &record)
}

/// A new code with the letter that brings it.
struct Issue {
    account: AccountId,
    code: RecoveryCode,
    to: Address,
    letter: Prepared,
}

/// Where a code may be mailed to; None where none may be, which nobody outside is told.
fn addressee(tx: &dyn Read, account: AccountId, now: Timestamp) -> Outcome<Option<(AccountRecord, Address)>> {
    let record = accounts::get(tx, account)?;
    let allowed = record.setting("PasswordRecovery").is_some_and(|value| value == "YES");
    let credential = accounts::credential(tx, account)?;
    let recent = |code: RecoveryCode| now < code.issued.plus(PAUSE);
    if !allowed || credential.is_none_or(|credential| credential.code.is_some_and(recent)) {
        return Ok(None);
    }
    let to = record.recovery.as_deref().and_then(|to| to.parse().ok());
    Ok(to.map(|to| (record, to)))
}

fn compose(account: AccountId, record: &AccountRecord, to: Address, server_secret: &[u8; 32], now: Timestamp) -> Outcome<Issue> {
    let (code, domain) = (random_text::<LENGTH>(4)?, &record.address.domain);
    let (address, minutes) = (record.address.to_string(), MINUTES.to_string());
    let name = record.real_name().unwrap_or(record.address.name.as_str());
    let values = [("account", address.as_str()), ("name", name), ("code", code.as_str()), ("minutes", minutes.as_str())];
    let addressee = MailAddress { name: record.real_name().map(str::to_owned), address: to.to_string() };
    let raw = letters::write(letters::RECOVERY, &values, addressee, domain, now)?;
    let letter = Prepared::of(delivery::with_trace(raw, None, domain, now));
    let kept = normal(&code).ok_or_else(Fault::internal)?;
    let code = RecoveryCode { hash: hash(server_secret, account, &kept), issued: now, expires: now.plus(MINUTES * 60), opened: false };
    Ok(Issue { account, code, to, letter })
}

fn issue(tx: &WriteTx, issue: &Issue, house: &crate::model::names::DomainName, now: Timestamp) -> Outcome<bool> {
    // Looked at again: another request may have been faster.
    let Some((_, to)) = addressee(tx, issue.account, now)? else { return Ok(false) };
    let Some(credential) = accounts::credential(tx, issue.account)?.filter(|_| to == issue.to) else { return Ok(false) };
    accounts::put_credential(tx, issue.account, &CredentialRecord { code: Some(issue.code.clone()), ..credential })?;
    let posting = Posting { sender: None, recipients: vec![to], raw: Vec::new(), report_success: false };
    delivery::post(tx, house, &posting, &issue.letter, now).map(|()| true)
}

/// Mails a code to the owner of an account, where there is such an account and a place to mail to. The caller answers the
/// same in all cases, and after the same time.
pub async fn recover(house: &House, address: AccountAddress) -> Outcome<()> {
    let now = Timestamp::now();
    let found = house.store.read(move |tx| {
        let Some(account) = accounts::find(tx, &address)? else { return Ok(None) };
        Ok(addressee(tx, account, now)?.map(|(record, to)| (account, record, to, accounts::server_secret(tx))))
    });
    let Some((account, record, to, server_secret)) = found.await? else { return Ok(()) };
    let new = compose(account, &record, to, &server_secret?, now)?;
    let domain = house.settings().domain.clone();
    if house.store.write(move |tx| issue(tx, &new, &domain, now)).await? {
        tracing::info!(account = account.0, "a code to set a new password was mailed");
        house.queue_wake.notify_one();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_as_people_type_them() {
        assert_eq!(normal(" ABCD-efgh 01O1-il23 ").as_deref(), Some("abcdefgh01011123"));
        assert_eq!(normal("abcd-efgh-0101-12"), None);
        assert_eq!(normal("abcd-efgh-0101-122\u{e4}"), None);
        assert_eq!(normal("uuuu-uuuu-uuuu-uuuu"), None);
        let made = random_text::<LENGTH>(4).unwrap();
        assert_eq!((made.len(), normal(&made)), (19, Some(made.replace('-', ""))));
        assert_ne!(made, random_text::<LENGTH>(4).unwrap());
    }

    #[test]
    fn a_code_is_good_for_its_account_its_purpose_and_its_time() {
        let (secret, account) = ([7; 32], AccountId(1));
        let text = "abcdefgh01234567";
        let code = RecoveryCode { hash: hash(&secret, account, text), issued: Timestamp(0), expires: Timestamp(10), opened: false };
        let record = CredentialRecord { code: Some(code.clone()), ..CredentialRecord::default() };
        let good = |record: &CredentialRecord, given, account, at| recognise(record, given, account, &secret, at).is_some();
        assert!(good(&record, text, account, (Use::Login, Timestamp(10))));
        assert!(!good(&record, text, account, (Use::Login, Timestamp(11))));
        assert!(!good(&record, text, AccountId(2), (Use::Login, Timestamp(1))));
        assert!(!good(&record, "abcdefgh01234568", account, (Use::Login, Timestamp(1))));
        let opened = CredentialRecord { code: Some(RecoveryCode { opened: true, ..code }), ..CredentialRecord::default() };
        assert!(!good(&opened, text, account, (Use::Login, Timestamp(1))));
        assert!(good(&opened, text, account, (Use::Change, Timestamp(1))));
        assert!(!good(&CredentialRecord::default(), text, account, (Use::Login, Timestamp(1))));
    }
}
