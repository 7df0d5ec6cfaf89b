//! Auth: who somebody is. A wrong name and a wrong password cost the same work, take the same time and get the same
//! answer; failures are counted by account and by network address (`throttle`).
//!
//! Verifying gives a `Verified`, which `admit` turns into a login in one transaction: it looks once more whether the
//! account is there and its password still the same, uses up a recovery code, and notes the time. `conversation` leads
//! through a SASL mechanism, `nonce` takes what a client has computed from a nonce it was given before. Passwords that are
//! shown are verified on the thread for keys, proofs at once.
//! Spec: XIMSS, "Login Operations"; contract: the limits on failed logins.

pub mod conversation;
pub mod nonce;

use super::access::Caller;
use super::house::{ClearText, House, Settings};
use super::preferences::Preferences;
use super::recovery;
use super::settings;
use super::throttle::{self, Flow, Gauge, Purpose, Throttle, Verdict};
use super::turns::Turn;
use crate::format::sasl::{Mechanism, verifiers};
use crate::model::credential::CredentialRecord;
use crate::model::fault::{Fault, Outcome};
use crate::model::ids::ModSeq;
use crate::model::names::{AccountAddress, AccountRef, DomainName};
use crate::model::time::Timestamp;
use crate::store::accounts::{self, AccountRecord, Attempt};
use crate::store::{Read, WriteTx};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// What a password is given for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// To begin a session.
    Login,
    /// To change the password or what goes with it.
    Change,
}

/// Who somebody says to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The name, with or without a domain, as it was written.
    pub name: String,
    /// The domain of a name without one.
    pub domain: DomainName,
    /// The network address the claim comes from.
    pub from: IpAddr,
}

impl Claim {
    /// The account that is claimed; None for what cannot be the name of one.
    fn address(&self) -> Option<AccountAddress> {
        self.name.parse::<AccountRef>().ok().map(|name| name.within(&self.domain))
    }
}

/// Somebody who has shown to be the owner of an account. Good for `admit`, or for a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The account.
    pub caller: Caller,
    /// The account's change number when its verifiers were read.
    pub since: ModSeq,
    code: Option<[u8; 32]>,
}

impl Verified {
    /// To be called first in the transaction that acts on it: refused if the account is gone or has had its sessions
    /// ended in the meantime. Uses up the code if it was one.
    pub fn confirm(&self, tx: &WriteTx, purpose: Use, now: Timestamp) -> Outcome<AccountRecord> {
        let account = self.caller.account;
        let record = accounts::get(tx, account).map_err(|_| Fault::wrong_password())?;
        if accounts::state(tx, account)?.sessions_from > self.since {
            return Err(Fault::wrong_password());
        }
        if let Some(hash) = &self.code {
            recovery::consume(tx, account, hash, purpose, now)?;
        }
        Ok(record)
    }
}

/// A login that has been admitted.
#[derive(Debug, Clone)]
pub struct Admitted {
    /// The account's record.
    pub record: AccountRecord,
    /// The login before this one.
    pub previous: Option<Attempt>,
    /// The preferences as they are now.
    pub preferences: Preferences,
}

/// An account as verifying sees it.
struct Known {
    caller: Caller,
    since: ModSeq,
    credential: Option<CredentialRecord>,
    flow: Option<Flow>,
}

/// All that is read before verifying, whether or not there is such an account.
struct LookedUp {
    known: Option<Known>,
    server_secret: [u8; 32],
}

fn look_up(tx: &dyn Read, address: Option<&AccountAddress>) -> Outcome<LookedUp> {
    let server_secret = accounts::server_secret(tx)?;
    let found = address.map(|address| accounts::find(tx, address)).transpose()?.flatten();
    let known = found.map(|account| {
        let record = accounts::get(tx, account)?;
        Ok(Known {
            since: accounts::state(tx, account)?.modseq,
            credential: accounts::credential(tx, account)?,
            flow: settings::failed_login_flow(&record),
            caller: Caller { account, address: record.address },
        })
    });
    Ok(LookedUp { known: known.transpose()?, server_secret })
}

async fn looked_up(house: &House, claim: &Claim) -> Outcome<LookedUp> {
    let address = claim.address();
    house.store.read(move |tx| look_up(tx, address.as_ref())).await
}

fn gauges(house: &House, claim: &Claim, own: Option<Flow>) -> [Gauge; 2] {
    let flow = Flow::per_minute(house.settings().limits.failed_logins);
    let name = claim.address().map_or_else(|| claim.name.clone(), |address| address.to_string());
    [house.throttle.name(Purpose::Login, &name, own.unwrap_or(flow)), Throttle::address(Purpose::Login, claim.from, flow)]
}

/// Waits for a turn on the thread for keys.
pub async fn turn(house: &House, from: IpAddr) -> Outcome<Turn> {
    let limits = house.settings().limits.clone();
    let gauge = Throttle::address(Purpose::Login, from, Flow::per_minute(limits.failed_logins));
    let failures = house.throttle.failures(&gauge, Instant::now());
    house.turns.take(from.into(), failures, Duration::from_secs(limits.login_time)).await
}

/// Checks, verifies and counts in one go on the thread for keys, when it is this one's turn there. Who is to be refused
/// anyway has none.
async fn judge<F>(house: &Arc<House>, gauges: [Gauge; 2], from: IpAddr, verify: F) -> Outcome<Verdict<Verified>>
where
    F: FnOnce() -> Option<Verified> + Send + 'static,
{
    if let Err(fault) = house.throttle.check(&gauges, Instant::now()) {
        return Ok(Verdict::Refused(fault));
    }
    let turn = turn(house, from).await?;
    let its_house = house.clone();
    let judging = move || {
        // Until the work is done, though whoever asked for it may have gone.
        let _turn = turn;
        if let Err(fault) = its_house.throttle.check(&gauges, Instant::now()) {
            return Ok(Verdict::Refused(fault));
        }
        Ok(verify().map_or_else(|| Verdict::Wrong(its_house.throttle.count(&gauges, Instant::now())), Verdict::Right))
    };
    house.keys.run(judging).await
}

/// Turns a verdict into the answer, which for failures takes its time. Noting the failure falls into that time.
async fn answer<T>(house: &House, verdict: Verdict<T>, known: Option<Caller>, from: IpAddr) -> Outcome<T> {
    let start = tokio::time::Instant::now();
    let (fault, pause) = match verdict {
        Verdict::Right(right) => {
            house.turns.welcome(from.into());
            return Ok(right);
        }
        Verdict::Refused(fault) => (fault, throttle::LONGEST),
        Verdict::Wrong(pause) => {
            metrics::counter!("posthouse_failed_logins").increment(1);
            // The store has logged why it could not; the answer must be the same.
            let _ = note_failure(house, known, from).await;
            (Fault::wrong_password(), pause)
        }
    };
    tokio::time::sleep_until(start + pause).await;
    Err(fault)
}

/// Notes a failed login with the account. Where there is none, the writer is asked for as much and has nothing to do.
async fn note_failure(house: &House, known: Option<Caller>, from: IpAddr) -> Outcome<()> {
    let now = Timestamp::now();
    let note = move |tx: &WriteTx| {
        let Some(caller) = &known else { return Ok(()) };
        // The account may have been removed meanwhile.
        if accounts::find(tx, &caller.address)? != Some(caller.account) {
            return Ok(());
        }
        let mut activity = accounts::activity(tx, caller.account)?;
        activity.failed = Some(Attempt { at: now, from: from.to_canonical().to_string() });
        accounts::put_activity(tx, caller.account, &activity)
    };
    house.store.write(note).await
}

/// Verifies a password that was shown: the account's own, or a code that was mailed to its owner.
pub async fn verify_password(house: &Arc<House>, claim: &Claim, password: Zeroizing<String>, purpose: Use) -> Outcome<Verified> {
    let LookedUp { known, server_secret } = looked_up(house, claim).await?;
    let gauges = gauges(house, claim, known.as_ref().and_then(|known| known.flow));
    let caller = known.as_ref().map(|known| known.caller.clone());
    let verify = move || {
        let credential = known.as_ref().and_then(|known| known.credential.as_ref());
        let right = verifiers::is_password(credential.and_then(CredentialRecord::argon2id), &password);
        let Known { caller, since, credential, .. } = known?;
        if right {
            return Some(Verified { caller, since, code: None });
        }
        let code = recovery::recognise(&credential?, &password, caller.account, &server_secret, (purpose, Timestamp::now()))?;
        Some(Verified { caller, since, code: Some(code) })
    };
    let verdict = judge(house, gauges, claim.from, verify).await?;
    answer(house, verdict, caller, claim.from).await
}

/// Verifies what proves the password without showing it. `check` is given what is kept of the account's password, nothing
/// where there is no such account, does the same work in both cases, and gives what a right proof is answered with.
async fn verify_proof<T>(
    house: &House,
    claim: &Claim,
    check: impl FnOnce(Option<&CredentialRecord>) -> Option<T>,
) -> Outcome<(Verified, T)> {
    let LookedUp { known, .. } = looked_up(house, claim).await?;
    let gauges = gauges(house, claim, known.as_ref().and_then(|known| known.flow));
    let caller = known.as_ref().map(|known| known.caller.clone());
    let verify = || {
        let proved = check(known.as_ref().and_then(|known| known.credential.as_ref()));
        let Known { caller, since, .. } = known?;
        Some((Verified { caller, since, code: None }, proved?))
    };
    let verdict = house.throttle.judge(&gauges, Instant::now(), verify);
    answer(house, verdict, caller, claim.from).await
}

/// Makes a login of somebody verified, and notes it with the account. `service`: what it is for, as the setting
/// `AccessModes` calls it.
pub async fn admit(house: &House, verified: Verified, from: IpAddr, service: &'static str) -> Outcome<Admitted> {
    let now = Timestamp::now();
    let admit = move |tx: &WriteTx| {
        let account = verified.caller.account;
        if !settings::may_use(&accounts::get(tx, account).map_err(|_| Fault::wrong_password())?, service) {
            return Err(Fault::not_allowed());
        }
        let record = verified.confirm(tx, Use::Login, now)?;
        let mut activity = accounts::activity(tx, account)?;
        let previous = activity.login.replace(Attempt { at: now, from: from.to_canonical().to_string() });
        accounts::put_activity(tx, account, &activity)?;
        Ok(Admitted { record, previous, preferences: Preferences::read(tx, &verified.caller)? })
    };
    house.store.write(admit).await
}

/// Whether passwords may cross a connection as they are.
pub fn takes_clear_text(settings: &Settings, secure: bool, from: IpAddr) -> bool {
    secure
        || match settings.clear_text {
            ClearText::Never => false,
            ClearText::Loopback => from.to_canonical().is_loopback(),
            ClearText::Always => true,
        }
}

/// The mechanisms that a connection is offered; `clear_text`: passwords may cross it as they are.
pub fn offered(settings: &Settings, clear_text: bool) -> impl Iterator<Item = Mechanism> + use<> {
    let legacy = settings.legacy_mechanisms;
    Mechanism::ALL.into_iter().filter(move |m| (legacy || !m.is_legacy()) && (clear_text || !m.shows_password()))
}

/// The mechanism that a client asks for by name; refused where it is not offered.
pub fn mechanism(settings: &Settings, clear_text: bool, name: &str) -> Outcome<Mechanism> {
    let mechanism = Mechanism::named(name).filter(|m| settings.legacy_mechanisms || !m.is_legacy()).ok_or_else(Fault::unsupported)?;
    if mechanism.shows_password() && !clear_text { Err(Fault::insecure()) } else { Ok(mechanism) }
}

/// The login methods that what is kept of a password serves, whether or not they are offered.
pub fn methods(kept: &CredentialRecord) -> Vec<&'static str> {
    let serves = |mechanism: Mechanism| match mechanism {
        Mechanism::Plain | Mechanism::Login => kept.argon2id().is_some(),
        Mechanism::ScramSha256 => kept.scram_sha256().is_some(),
        Mechanism::CramMd5 => kept.cram_md5().is_some(),
        Mechanism::DigestMd5 => kept.digest_ha1().next().is_some(),
    };
    let clear_text = kept.argon2id().map(|_| "clear text");
    let nonce = kept.cram_md5().map(|_| "nonce");
    clear_text.into_iter().chain(Mechanism::ALL.into_iter().filter(|m| serves(*m)).map(Mechanism::name)).chain(nonce).collect()
}

/// A password that nobody guesses: 100 random bits in groups that can be typed.
pub fn generate_password() -> Outcome<Zeroizing<String>> {
    recovery::random_text::<20>(5).map(Zeroizing::new)
}

#[cfg(test)]
mod tests;
