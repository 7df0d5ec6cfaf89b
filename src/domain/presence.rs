//! `Presences`: what the accounts of this server are doing, as their clients say, and who is told. In memory only: a
//! server that starts knows nobody to be there.
//!
//! An account is what the first of the words wins that its clients say. Others are told when that changes: the first
//! change at once, further ones within a moment together.
//! Spec: XIMSS, "Roster and Presence" (presenceSet, presence); RFC 6121 4.

use super::access::Caller;
use super::account_rights::{self, Changed};
use super::avatar::{self, Avatar};
use super::house::House;
use super::rooms::room::Occupant;
use super::roster::{self, Sight, own_address};
use super::signals::Bindings;
use crate::model::fault::Outcome;
use crate::model::names::AccountAddress;
use crate::model::presence::{Detail, Presence, PresenceNews, PresenceSays, Source, aggregate};
use crate::model::rights::{AccountRights, Acl, OnAccount};
use crate::model::signal::{ClientId, Signal};
use crate::model::time::Timestamp;
use crate::store::accounts;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Changes within this time are told as one.
const TOGETHER: Duration = Duration::from_millis(200);

#[derive(Default)]
struct Account {
    sources: Vec<(u64, Source)>,
    /// What others have been told.
    told: Presence,
    /// Somebody is telling, and looks again when it is done.
    telling: bool,
    /// While somebody is telling: who has been told of what is.
    heard: HashSet<AccountAddress>,
    avatar: Avatar,
    /// Its rights let others see it who are not in its roster.
    granting: bool,
}

#[derive(Default)]
struct Known {
    accounts: HashMap<AccountAddress, Account>,
    /// When those who are not there went.
    left: HashMap<AccountAddress, Timestamp>,
    last_source: u64,
}

impl Account {
    /// What somebody is to be told who sees the account from now on, or does not any more; None where they have been told
    /// by whoever tells of a change at the moment.
    fn seen(&mut self, by: &AccountAddress, visible: bool) -> Option<Presence> {
        if !visible {
            self.heard.remove(by);
            return Some(Presence::default());
        }
        let is_first = !self.telling || self.heard.insert(by.clone());
        is_first.then(|| self.told.clone())
    }
}

/// What accounts are doing. Cloning gives another handle.
#[derive(Clone, Default)]
pub struct Presences(Arc<Mutex<Known>>);

impl Presences {
    fn with<T>(&self, f: impl FnOnce(&mut Known) -> T) -> T {
        // A panic while the lock was held cannot leave an account half changed.
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What an account is doing, as others have been told.
    pub fn of(&self, account: &AccountAddress) -> Presence {
        self.with(|known| known.accounts.get(account).map(|account| account.told.clone()).unwrap_or_default())
    }

    /// Since when an account is not there, as far as it has been since the server started.
    pub fn left(&self, account: &AccountAddress) -> Option<Timestamp> {
        self.with(|known| known.left.get(account).copied())
    }

    fn avatar(&self, account: &AccountAddress) -> Avatar {
        self.with(|known| known.accounts.get(account).map(|account| account.avatar.clone()).unwrap_or_default())
    }

    fn learn(&self, account: &AccountAddress, learn: impl FnOnce(&mut Account)) {
        self.with(|known| known.accounts.get_mut(account).map(learn));
    }

    /// Of those who see an account, the ones who have not been told of its last change.
    fn not_told(&self, account: &AccountAddress, mut watchers: Vec<AccountAddress>) -> Vec<AccountAddress> {
        self.learn(account, |account| watchers.retain(|watcher| account.heard.insert(watcher.clone())));
        watchers
    }

    /// A source says something, or nothing more. True where somebody must begin to tell.
    fn set(&self, account: &AccountAddress, id: u64, source: Option<Source>) -> bool {
        self.with(|known| {
            let account = known.accounts.entry(account.clone()).or_default();
            account.sources.retain(|(known, _)| *known != id);
            account.sources.extend(source.map(|source| (id, source)));
            !std::mem::replace(&mut account.telling, true)
        })
    }

    /// What is to be told next; None where all is told, and whoever asked is done.
    fn next(&self, address: &AccountAddress, at: Timestamp) -> Option<Presence> {
        self.with(|known| {
            let account = known.accounts.get_mut(address)?;
            let now = aggregate(account.sources.iter().map(|(_, source)| source));
            account.heard = HashSet::new();
            if now != account.told {
                account.told = now.clone();
                if now.detail == Detail::Offline {
                    known.left.insert(address.clone(), at);
                }
                return Some(now);
            }
            account.telling = false;
            if account.sources.is_empty() {
                known.accounts.remove(address);
            }
            None
        })
    }
}

/// Something that says what its account is doing: a session, a call. It says nothing more when it is dropped.
pub struct PresenceSource {
    house: Arc<House>,
    owner: Caller,
    id: u64,
}

impl PresenceSource {
    /// One that has said nothing yet.
    pub fn new(house: Arc<House>, owner: Caller) -> Self {
        let id = house.presences.with(|known| {
            known.last_source += 1;
            known.last_source
        });
        Self { house, owner, id }
    }

    /// It says what the account is doing.
    pub fn says(&self, presence: Presence, now: Timestamp) {
        self.set(Some(Source { presence, since: now, implied: false }));
    }

    /// The server says that the account is in a call.
    pub fn is_on_phone(&self, now: Timestamp) {
        let presence = Presence { detail: Detail::OnPhone, status: None };
        self.set(Some(Source { presence, since: now, implied: true }));
    }

    fn set(&self, source: Option<Source>) {
        if !self.house.presences.set(&self.owner.address, self.id, source) {
            return;
        }
        // Outside the threads of actors the server is ending, and nobody is left to be told.
        if let Some(arbiter) = actix::Arbiter::try_current() {
            arbiter.spawn(tell_watchers(self.house.clone(), self.owner.clone()));
        }
    }
}

impl Drop for PresenceSource {
    fn drop(&mut self) {
        self.set(None);
    }
}

async fn tell_watchers(house: Arc<House>, owner: Caller) {
    while let Some(presence) = house.presences.next(&owner.address, Timestamp::now()) {
        let (of, known) = (owner.clone(), house.presences.avatar(&owner.address));
        let look = house.store.read(move |tx| {
            let acl = accounts::get(tx, of.account)?.acl;
            Ok((roster::watchers(tx, &of)?, acl, avatar::look(tx, of.account, &known)?))
        });
        // After a fault, which the store has logged, the next change is told.
        let Ok((mut watchers, acl, avatar)) = look.await else { continue };
        let news = news(&owner.address, None, presence, &avatar);
        house.presences.learn(&owner.address, |account| account.avatar = avatar);
        watchers
            .extend(granted(&house, &owner.address, &acl).into_iter().filter(|account| !watchers.contains(account)).collect::<Vec<_>>());
        for watcher in house.presences.not_told(&owner.address, watchers) {
            tell(&house.signals, &watcher, None, &news);
        }
        tokio::time::sleep(TOGETHER).await;
    }
}

/// The accounts with somebody there to hear it that may see an account without being in its roster.
fn granted(house: &House, of: &AccountAddress, acl: &Acl<OnAccount>) -> Vec<AccountAddress> {
    let grants = acl.0.iter().any(|(_, rights)| rights.has(AccountRights::PRESENCE));
    house.presences.learn(of, |account| account.granting = grants);
    let may = |account: &AccountAddress| account != of && acl.effective(account, of).has(AccountRights::PRESENCE);
    if grants { house.signals.hearing_presence().into_iter().filter(may).collect() } else { Vec::new() }
}

/// Who may see an account by its rights has changed: those who are there are told what they see now.
pub async fn rights_changed(house: &House, Changed { owner, before, after }: Changed) {
    let (was, is) = (granted(house, &owner.address, &before), granted(house, &owner.address, &after));
    let changed: Vec<_> = was.iter().chain(&is).filter(|account| was.contains(account) != is.contains(account)).cloned().collect();
    if changed.is_empty() {
        return;
    }
    let of = owner.address.clone();
    // After a fault, which the store has logged, all of them are told.
    let contacts = house.store.read(move |tx| roster::watchers(tx, &owner)).await.unwrap_or_default();
    let sight = |by: AccountAddress| Sight { of: of.clone(), visible: is.contains(&by), by };
    show(house, &changed.into_iter().filter(|account| !contacts.contains(account)).map(sight).collect::<Vec<_>>());
}

fn news(of: &AccountAddress, client: Option<ClientId>, presence: Presence, avatar: &Avatar) -> PresenceNews {
    let avatar = avatar.hash.clone().filter(|_| presence.detail != Detail::Offline);
    PresenceNews { peer: own_address(of), client, says: PresenceSays::Is(presence), avatar }
}

/// Tells the sessions of an account that want to hear of presence, or the one of a name.
fn tell(bindings: &Bindings, whom: &AccountAddress, client: Option<&ClientId>, news: &PresenceNews) {
    let hears = |binding: &&Arc<super::signals::Binding>| binding.wants.presence && client.is_none_or(|client| binding.client == *client);
    for binding in bindings.of(whom).iter().filter(hears) {
        // One that does not keep up is cut off by its own means.
        let _ = binding.inbox.push(Signal::Presence(news.clone()));
    }
}

/// Tells who sees whose presence from now on what it is, and who does not any more that there is nothing to see.
pub fn show(house: &House, sights: &[Sight]) {
    for Sight { of, by, visible } in sights {
        // Told under the lock, so that a change cannot be told before what it changes.
        house.presences.with(|known| {
            let account = known.accounts.get_mut(of);
            let avatar = account.as_ref().map(|account| account.avatar.clone()).unwrap_or_default();
            let presence = account.map_or(Some(Presence::default()), |account| account.seen(by, *visible));
            presence.into_iter().for_each(|presence| tell(&house.signals, by, None, &news(of, None, presence, &avatar)));
        });
    }
}

/// Sends what a session says to somebody alone.
pub fn direct(house: &House, from: (&AccountAddress, ClientId), to: &AccountAddress, client: Option<&ClientId>, presence: Presence) {
    if house.rooms.is_one(to) {
        let who = Occupant { account: from.0.clone(), client: from.1 };
        house.rooms.presence(&house.signals, to, who, client, presence);
        return;
    }
    tell(&house.signals, to, client, &news(from.0, Some(from.1), presence, &house.presences.avatar(from.0)));
}

/// What a session that wants to hear of presence is told first: who has asked and waits for an answer, and who is there.
pub async fn first(house: &House, owner: &Caller) -> Outcome<Vec<PresenceNews>> {
    let of = owner.clone();
    let granting: Vec<AccountAddress> = house.presences.with(|known| {
        let grants = known.accounts.iter().filter(|(_, account)| account.granting);
        grants.map(|(address, _)| address.clone()).filter(|address| *address != of.address).collect()
    });
    let (asking, watched) = house
        .store
        .read(move |tx| {
            let mut watched = roster::watched(tx, &of)?;
            for address in granting {
                let acl = account_rights::acl(tx, &address)?.unwrap_or_default();
                if acl.effective(&of.address, &address).has(AccountRights::PRESENCE) && !watched.contains(&address) {
                    watched.push(address);
                }
            }
            Ok((roster::asking(tx, &of)?, watched))
        })
        .await?;
    let asks = asking.into_iter().map(|peer| PresenceNews { peer, client: None, says: PresenceSays::Asks, avatar: None });
    let is = watched.into_iter().filter_map(|address| {
        let presence = house.presences.of(&address);
        (presence != Presence::default()).then(|| news(&address, None, presence, &house.presences.avatar(&address)))
    });
    Ok(asks.chain(is).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(detail: Detail) -> Option<Source> {
        Some(Source { presence: Presence { detail, status: None }, since: Timestamp(1), implied: false })
    }

    #[test]
    fn one_tells_and_nothing_is_told_twice() {
        let (presences, alice) = (Presences::default(), "alice@example.test".parse::<AccountAddress>().unwrap());
        assert!(presences.set(&alice, 1, source(Detail::Online)));
        assert_eq!(presences.next(&alice, Timestamp(7)).map(|p| p.detail), Some(Detail::Online));
        // While one tells, the next change waits for it.
        assert!(!presences.set(&alice, 2, source(Detail::Away)));
        assert!(!presences.set(&alice, 2, source(Detail::Busy)));
        assert_eq!(presences.next(&alice, Timestamp(7)).map(|p| p.detail), Some(Detail::Busy));
        assert_eq!(presences.next(&alice, Timestamp(7)), None);
        assert_eq!(presences.of(&alice).detail, Detail::Busy);
        assert!(presences.set(&alice, 1, None) && !presences.set(&alice, 2, None));
        assert_eq!((presences.next(&alice, Timestamp(7)), presences.next(&alice, Timestamp(7))), (Some(Presence::default()), None));
        assert!(presences.with(|known| known.accounts.is_empty()));
    }

    #[test]
    fn who_comes_to_see_a_change_while_it_is_told_hears_it_once() {
        let (presences, alice) = (Presences::default(), "alice@example.test".parse::<AccountAddress>().unwrap());
        let [bob, carol] = ["bob", "carol"].map(|name| format!("{name}@example.test").parse::<AccountAddress>().unwrap());
        let shown = |by: &AccountAddress, visible| presences.with(|known| known.accounts.get_mut(&alice).unwrap().seen(by, visible));
        presences.set(&alice, 1, source(Detail::Online));
        let online = presences.next(&alice, Timestamp(1));
        assert_eq!(shown(&bob, true), online);
        assert_eq!(presences.not_told(&alice, vec![bob.clone(), carol.clone()]), std::slice::from_ref(&carol));
        assert_eq!(shown(&carol, true), None);
        // Whoever was not to see it any more is told anew.
        assert_eq!((shown(&carol, false), shown(&carol, true)), (Some(Presence::default()), online.clone()));
        presences.set(&alice, 1, source(Detail::Busy));
        presences.next(&alice, Timestamp(2));
        assert_eq!(presences.not_told(&alice, vec![bob.clone(), carol]).len(), 2);
        assert_eq!(presences.next(&alice, Timestamp(3)), None);
        assert!(shown(&bob, true).is_some(), "nobody is telling");
        assert_eq!(presences.left(&alice), None);
        presences.set(&alice, 1, None);
        presences.next(&alice, Timestamp(4));
        assert_eq!(presences.left(&alice), Some(Timestamp(4)));
    }
}
