//! Where a request in the manner of XMPP goes, and who may answer it.
//!
//! A session of an account is reached by its name; what is asked of an account or of a domain the server answers. An
//! answer passes only to a session that has asked, from the session that was asked, and once: nobody can answer in
//! another's name. An account that does not exist is answered for like one that has nothing to say.
//! Spec: XIMSS, "XMPP-style requests"; RFC 6120 8.2.3, RFC 6121 8.5.

use super::access::Caller;
use super::avatar::PROFILE;
use super::files;
use super::presence::Presences;
use super::roster;
use super::signals::Bindings;
use crate::format::vcard;
use crate::model::component::Component;
use crate::model::fault::Outcome;
use crate::model::im::{Iq, IqKind};
use crate::model::names::{AccountAddress, Address};
use crate::model::presence::Detail;
use crate::model::rights::AccountRights;
use crate::model::signal::{ClientId, Signal};
use crate::model::time::Timestamp;
use crate::store::{Read, accounts};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
/// The most requests of all sessions that wait for answers; past it the oldest is given up.
const MOST_PENDING: usize = 16_384;
/// The most of one account; past it nothing more is asked, so that nobody's flood takes the place of others' requests.
const MOST_OF_ACCOUNT: usize = 1_024;

/// A session by its full name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    /// Its account.
    pub address: AccountAddress,
    /// Its name there.
    pub client: ClientId,
}

#[derive(Debug)]
struct Pending {
    asker: Party,
    asked: Party,
    id: String,
    since: Instant,
}

#[derive(Debug, Default)]
struct Waiting {
    /// In the order in which they were asked.
    requests: VecDeque<Pending>,
    /// How many are of an account.
    of: HashMap<AccountAddress, usize>,
}

impl Waiting {
    fn take(&mut self, at: usize) -> bool {
        let Some(taken) = self.requests.remove(at) else { return false };
        if let Some(count) = self.of.get_mut(&taken.asker.address) {
            *count -= 1;
            if *count == 0 {
                self.of.remove(&taken.asker.address);
            }
        }
        true
    }
}

/// Requests that wait for an answer. Cloning gives another handle.
#[derive(Debug, Clone, Default)]
pub struct PendingRequests(Arc<Mutex<Waiting>>);

impl PendingRequests {
    fn with<T>(&self, now: Instant, f: impl FnOnce(&mut Waiting) -> T) -> T {
        // A panic while the lock was held cannot leave the queue half changed.
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let too_many = |waiting: &Waiting| waiting.requests.len() > MOST_PENDING;
        while waiting.requests.front().is_some_and(|first| too_many(&waiting) || now.duration_since(first.since) > PATIENCE) {
            waiting.take(0);
        }
        f(&mut waiting)
    }

    /// A request waits from now on; false where its account has too many that do.
    fn ask(&self, asker: Party, asked: Party, id: String, now: Instant) -> bool {
        self.with(now, |waiting| {
            let count = waiting.of.entry(asker.address.clone()).or_default();
            if *count >= MOST_OF_ACCOUNT {
                return false;
            }
            *count += 1;
            waiting.requests.push_back(Pending { asker, asked, id, since: now });
            true
        })
    }

    /// True, once, where this answer was waited for.
    fn answer(&self, asker: &Party, answerer: &Party, id: &str, now: Instant) -> bool {
        self.with(now, |waiting| {
            let at = waiting.requests.iter().position(|p| p.asker == *asker && p.asked == *answerer && p.id == id);
            at.is_some_and(|at| waiting.take(at))
        })
    }
}

/// To whom a request is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// A session, or an account where none is named.
    Account(Address, Option<ClientId>),
    /// A domain: the server itself.
    Domain(String),
}

/// What is to happen with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Routed {
    /// It is on its way, or was an answer nobody waits for.
    Done,
    /// The server answers for the account or the domain.
    ServerAnswers,
    /// There is nobody to ask: the asker is told that the service is unavailable.
    Unavailable,
}

/// Routes a request or an answer of a session.
pub fn route(bindings: &Bindings, pending: &PendingRequests, from: &Party, to: &Asked, iq: &Iq, now: Instant) -> Routed {
    let nobody = if iq.kind.asks() { Routed::Unavailable } else { Routed::Done };
    let Asked::Account(address, Some(client)) = to else {
        return if iq.kind.asks() { Routed::ServerAnswers } else { Routed::Done };
    };
    let Some(address) = address.account() else { return nobody };
    let named = Party { address, client: client.clone() };
    let Some(binding) = bindings.find(&named.address, &named.client) else { return nobody };
    if matches!(iq.kind, IqKind::Result | IqKind::Error) && !pending.answer(&named, from, &iq.id, now) {
        return Routed::Done;
    }
    // It waits before it is heard, or the answer could come too early.
    if iq.kind.asks() && !pending.ask(from.clone(), named.clone(), iq.id.clone(), now) {
        return Routed::Unavailable;
    }
    if binding.inbox.push(Signal::Iq(iq.clone())).is_err() {
        pending.answer(from, &named, &iq.id, now);
        return nobody;
    }
    Routed::Done
}

/// What the server tells of an account to whoever may see its presence.
#[derive(Debug, Default)]
pub struct Told {
    /// The person's name.
    pub name: Option<String>,
    /// The card of its profile.
    pub card: Option<Component>,
    /// When it was last there; now, where it is.
    pub last: Option<Timestamp>,
}

/// What may be told of an account; nothing is told to those who do not see its presence, as of one that does not exist.
pub fn told(tx: &dyn Read, presences: &Presences, caller: &Caller, address: &AccountAddress, now: Timestamp) -> Outcome<Told> {
    let Some(account) = accounts::find(tx, address)? else { return Ok(Told::default()) };
    let owner = Caller { account, address: address.clone() };
    let record = accounts::get(tx, account)?;
    let by_right = || record.acl.effective(&caller.address, address).has(AccountRights::PRESENCE);
    if !by_right() && !roster::watchers(tx, &owner)?.contains(&caller.address) {
        return Ok(Told::default());
    }
    let is_there = presences.of(address).detail != Detail::Offline;
    let login = || Ok(accounts::activity(tx, account)?.login.map(|attempt| attempt.at));
    let last = match presences.left(address) {
        _ if is_there => Some(now),
        Some(left) => Some(left),
        None => login()?,
    };
    let profile = files::read(tx, account, &PROFILE.parse()?).ok().flatten();
    let card = profile.and_then(|bytes| vcard::parse(&bytes, None).ok()?.into_iter().next());
    Ok(Told { name: record.real_name().map(str::to_owned), card, last })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn party(text: &str) -> Party {
        let (address, client) = text.split_once('/').unwrap();
        Party { address: address.parse().unwrap(), client: client.parse().unwrap() }
    }

    #[test]
    fn only_who_was_asked_answers_and_once() {
        let (pending, now) = (PendingRequests::default(), Instant::now());
        let (alice, bob, eve) = (party("alice@example.test/a"), party("bob@example.test/b"), party("eve@example.test/e"));
        pending.ask(alice.clone(), bob.clone(), "1".to_owned(), now);
        assert!(!pending.answer(&alice, &eve, "1", now));
        assert!(!pending.answer(&alice, &bob, "2", now));
        assert!(pending.answer(&alice, &bob, "1", now));
        assert!(!pending.answer(&alice, &bob, "1", now));
        pending.ask(alice.clone(), bob.clone(), "3".to_owned(), now);
        assert!(!pending.answer(&alice, &bob, "3", now + PATIENCE + Duration::from_secs(1)));
    }

    #[test]
    fn requests_that_wait_are_bounded() {
        let (pending, now) = (PendingRequests::default(), Instant::now());
        let (alice, bob) = (party("alice@example.test/a"), party("bob@example.test/b"));
        for n in 0..=MOST_PENDING + 1 {
            assert!(pending.ask(party(&format!("u{n}@example.test/a")), bob.clone(), n.to_string(), now));
        }
        let answered = |n: usize| pending.answer(&party(&format!("u{n}@example.test/a")), &bob, &n.to_string(), now);
        assert!(!answered(0) && answered(9));
        // A flood stays without an answer itself, and takes nobody's place.
        let passed = (0..MOST_PENDING).filter(|n| pending.ask(alice.clone(), bob.clone(), n.to_string(), now)).count();
        assert_eq!(passed, MOST_OF_ACCOUNT);
        assert!(pending.answer(&alice, &bob, "5", now) && pending.ask(alice.clone(), bob.clone(), "more".to_owned(), now));
        assert!(pending.ask(alice, bob, "later".to_owned(), now + PATIENCE + Duration::from_secs(1)));
        assert_eq!(pending.with(now, |waiting| (waiting.requests.len(), waiting.of.len())), (1, 1));
    }
}
