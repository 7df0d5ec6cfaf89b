//! Rosters: what a user does about contacts, carried through to the other side in the same transaction, so that two local
//! rosters never disagree and their order is one.
//!
//! A contact elsewhere, or one that does not exist, looks like one that says nothing: nobody can learn by asking whether
//! an account exists.
//! Spec: XIMSS, "Roster and Presence" (rosterList, rosterSet, rosterGroupSet); RFC 6121 2, 3.

pub mod subscription;

use super::access::Caller;
use super::account_rights;
use crate::model::fault::{Fault, Outcome};
use crate::model::names::{AccountAddress, AccountRef, Address};
use crate::model::rights::AccountRights;
use crate::model::roster::{RosterItem, RosterNews};
use crate::store::{Read, WriteTx, accounts, roster};
use std::collections::VecDeque;
use subscription::{Verb, Word, by_contact, by_user};

/// The most groups of a roster.
const MOST_GROUPS: usize = 200;
/// The most groups of a contact.
const MOST_GROUPS_OF_ITEM: usize = 32;
/// The most bytes of a group's or a contact's name.
const MOST_NAME: usize = 255;
/// The most that others may ask of an account without having been answered.
const MOST_ASKING: usize = 1_000;
/// The contacts of an account where its settings say nothing.
const DEFAULT_MOST: usize = 200;

/// Somebody sees somebody's presence from now on, or does not any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sight {
    /// Whose presence.
    pub of: AccountAddress,
    /// Who sees it.
    pub by: AccountAddress,
    /// From now on; else not any more.
    pub visible: bool,
}

/// Whose roster is meant: the caller's own, or that of an account whose rights let them, to read it or to change it.
pub fn owner(tx: &dyn Read, caller: &Caller, named: Option<&AccountRef>, change: bool) -> Outcome<Caller> {
    let address = match named.map(|named| named.within(&caller.address.domain)) {
        Some(address) if address != caller.address => address,
        _ => return Ok(caller.clone()),
    };
    // Whoever has no right does not learn whether there is such an account.
    let account = accounts::find(tx, &address)?.ok_or_else(Fault::denied)?;
    let rights = accounts::get(tx, account)?.acl.effective(&caller.address, &address);
    let needed = if change { AccountRights::LOOK.with(AccountRights::ADMINISTER) } else { AccountRights::LOOK };
    if !rights.has(needed) && !accounts::get(tx, caller.account)?.admin {
        return Err(Fault::denied());
    }
    Ok(Caller { account, address })
}

/// The contacts of a roster, by address.
pub fn list(tx: &dyn Read, owner: &Caller) -> Outcome<Vec<RosterItem>> {
    Ok(roster::items(tx, owner.account)?.into_iter().filter(|item| item.listed).collect())
}

/// Who has asked to see the owner's presence and has no answer.
pub fn asking(tx: &dyn Read, owner: &Caller) -> Outcome<Vec<Address>> {
    let items = roster::items(tx, owner.account)?.into_iter();
    Ok(items.filter(|item| item.subscription.asking).map(|item| item.peer).collect())
}

/// The local accounts that stand so to the owner: those whose presence it sees, or those that see its.
fn local(tx: &dyn Read, owner: &Caller, stands: impl Fn(&RosterItem) -> bool) -> Outcome<Vec<AccountAddress>> {
    let items = roster::items(tx, owner.account)?.into_iter();
    Ok(items.filter(|item| stands(item)).filter_map(|item| item.peer.account()).collect())
}

/// The local accounts that see the owner's presence.
pub fn watchers(tx: &dyn Read, owner: &Caller) -> Outcome<Vec<AccountAddress>> {
    local(tx, owner, |item| item.subscription.from)
}

/// The local accounts whose presence the owner sees.
pub fn watched(tx: &dyn Read, owner: &Caller) -> Outcome<Vec<AccountAddress>> {
    local(tx, owner, |item| item.subscription.to)
}

/// True where the owner knows this address: it is in the roster, in whatever way.
pub fn knows(tx: &dyn Read, owner: &Caller, peer: &Address) -> Outcome<bool> {
    Ok(roster::item(tx, owner.account, peer)?.is_some_and(|item| item.listed && (item.subscription.to || item.subscription.from)))
}

/// What a user wants of a contact.
#[derive(Debug, Clone)]
pub struct Setting {
    /// Which.
    pub peer: Address,
    /// What.
    pub verb: Verb,
    /// A new name; None leaves it.
    pub name: Option<String>,
    /// New groups; None leaves them.
    pub groups: Option<Vec<String>>,
}

/// Does it. Gives who sees whose presence from now on, or not any more.
pub fn set(tx: &WriteTx, owner: &Caller, setting: &Setting) -> Outcome<Vec<Sight>> {
    let known = roster::item(tx, owner.account, &setting.peer)?;
    let is_listed = known.as_ref().is_some_and(|item| item.listed);
    if !is_listed && !setting.verb.creates() && !known.as_ref().is_some_and(|item| item.subscription.asking) {
        return Err(Fault::not_found("contact does not exist"));
    }
    if setting.peer.account().as_ref() == Some(&owner.address) {
        return Err(Fault::incorrect("peer"));
    }
    check(tx, owner, setting, is_listed)?;
    let mut item = known.unwrap_or_else(|| RosterItem::new(setting.peer.clone()));
    let before = item.subscription;
    let (subscription, words) = by_user(before, setting.verb);
    item.subscription = subscription;
    let mut sights = Vec::new();
    if setting.verb == Verb::Remove {
        roster::remove(tx, owner.account, &item)?;
    } else {
        // To turn somebody away who has only asked does not make a contact of them.
        item.listed |= setting.verb.creates();
        describe(tx, owner, &mut item, setting)?;
        store(tx, owner, &item, true)?;
    }
    note_sight(&mut sights, owner, &item.peer, before.from, item.subscription.from);
    tell(tx, owner, &item.peer, words, &mut sights)?;
    let mut changed = Vec::new();
    for sight in sights {
        // Whoever sees an account by its rights sees it on.
        if sight.visible || !sees_by_right(tx, &sight)? {
            changed.push(sight);
        }
    }
    Ok(changed)
}

fn sees_by_right(tx: &dyn Read, Sight { of, by, .. }: &Sight) -> Outcome<bool> {
    let acl = account_rights::acl(tx, of)?.unwrap_or_default();
    Ok(acl.effective(by, of).has(AccountRights::PRESENCE))
}

fn check(tx: &dyn Read, owner: &Caller, setting: &Setting, is_listed: bool) -> Outcome<()> {
    let too_long = |text: &String| text.len() > MOST_NAME || text.chars().any(char::is_control);
    if setting.name.as_ref().is_some_and(too_long) {
        return Err(Fault::incorrect("name"));
    }
    let groups = setting.groups.as_deref().unwrap_or_default();
    if groups.len() > MOST_GROUPS_OF_ITEM || groups.iter().any(|group| group.is_empty() || too_long(group)) {
        return Err(Fault::incorrect("group"));
    }
    if !is_listed && setting.verb.creates() {
        let setting = accounts::get(tx, owner.account)?.setting("MaxRosterItems");
        let most = setting.and_then(|text| text.trim().parse::<i64>().ok());
        let most = most.map_or(DEFAULT_MOST, |most| usize::try_from(most).unwrap_or(usize::MAX));
        if list(tx, owner)?.len() >= most {
            return Err(Fault::quota("too many contacts"));
        }
    }
    Ok(())
}

fn describe(tx: &WriteTx, owner: &Caller, item: &mut RosterItem, setting: &Setting) -> Outcome<()> {
    if let Some(name) = &setting.name {
        item.name = Some(name.clone()).filter(|name| !name.is_empty());
    }
    let Some(groups) = &setting.groups else { return Ok(()) };
    let mut known = roster::groups(tx, owner.account)?;
    item.groups.clear();
    for group in groups {
        if !known.contains(group) {
            add_group(tx, owner, group, known.len())?;
            known.push(group.clone());
        }
        if !item.groups.contains(group) {
            item.groups.push(group.clone());
        }
    }
    Ok(())
}

/// Stores an item, or drops it where it says nothing any more.
fn store(tx: &WriteTx, owner: &Caller, item: &RosterItem, seen: bool) -> Outcome<()> {
    let says_nothing = !item.listed && item.subscription == Default::default();
    if says_nothing { roster::remove(tx, owner.account, item) } else { roster::put(tx, owner.account, item, seen) }
}

fn note_sight(sights: &mut Vec<Sight>, owner: &Caller, peer: &Address, before: bool, after: bool) {
    if let (true, Some(by)) = (before != after, peer.account()) {
        sights.push(Sight { of: owner.address.clone(), by, visible: after });
    }
}

/// Carries words to the other side, and its answers back, until nothing more is said.
fn tell(tx: &WriteTx, owner: &Caller, peer: &Address, words: Vec<Word>, sights: &mut Vec<Sight>) -> Outcome<()> {
    let Some(address) = peer.account() else { return Ok(()) };
    let Some(account) = accounts::find(tx, &address)? else { return Ok(()) };
    let other = Caller { account, address };
    let mut on_the_way: VecDeque<(bool, Word)> = words.into_iter().map(|word| (true, word)).collect();
    while let Some((to_other, word)) = on_the_way.pop_front() {
        let (speaker, listener) = if to_other { (owner, &other) } else { (&other, owner) };
        if let Some(answer) = hear(tx, listener, &own_address(&speaker.address), word, sights)? {
            on_the_way.push_back((!to_other, answer));
        }
    }
    Ok(())
}

/// An account as an address.
pub fn own_address(address: &AccountAddress) -> Address {
    Address { local: address.name.as_str().to_owned(), domain: address.domain.clone() }
}

/// One side hears a word of the other.
fn hear(tx: &WriteTx, owner: &Caller, from: &Address, word: Word, sights: &mut Vec<Sight>) -> Outcome<Option<Word>> {
    let mut item = roster::item(tx, owner.account, from)?.unwrap_or_else(|| RosterItem::new(from.clone()));
    let before = item.subscription;
    let (after, answer) = by_contact(before, word);
    if after.asking && !before.asking && asking(tx, owner)?.len() >= MOST_ASKING {
        // Nobody can fill another's roster by asking.
        return Ok(None);
    }
    item.subscription = after;
    if after != before {
        // That a contact asks shows in no item.
        let seen = (after.to, after.from, after.asked) != (before.to, before.from, before.asked);
        store(tx, owner, &item, seen)?;
        note_sight(sights, owner, from, before.from, after.from);
    }
    if after.asking && word == Word::Subscribe {
        roster::publish(tx, owner.account, RosterNews::Asked(from.clone()))?;
    }
    Ok(answer)
}

fn add_group(tx: &WriteTx, owner: &Caller, group: &str, known: usize) -> Outcome<()> {
    if known >= MOST_GROUPS {
        return Err(Fault::quota("too many groups"));
    }
    roster::put_group(tx, owner.account, group)
}

/// What is to happen to a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupChange {
    /// It is made.
    Add,
    /// It goes; its contacts stay.
    Delete,
    /// It gets another name.
    Rename(String),
}

/// Makes, removes or renames a group, in the contacts too.
pub fn set_group(tx: &WriteTx, owner: &Caller, group: &str, change: &GroupChange) -> Outcome<()> {
    let good = |name: &str| !name.is_empty() && name.len() <= MOST_NAME && !name.chars().any(char::is_control);
    let groups = roster::groups(tx, owner.account)?;
    let is_there = groups.iter().any(|known| known == group);
    let renamed = match change {
        GroupChange::Add if !good(group) => return Err(Fault::incorrect("group")),
        GroupChange::Add if is_there => return Err(Fault::exists("group already exists")),
        GroupChange::Add => return add_group(tx, owner, group, groups.len()),
        _ if !is_there => return Err(Fault::not_found("group does not exist")),
        GroupChange::Rename(name) if !good(name) => return Err(Fault::incorrect("newName")),
        GroupChange::Rename(name) if groups.contains(name) => return Err(Fault::exists("group already exists")),
        GroupChange::Rename(name) => Some(name),
        GroupChange::Delete => None,
    };
    roster::remove_group(tx, owner.account, group)?;
    if let Some(name) = renamed {
        roster::put_group(tx, owner.account, name)?;
    }
    for mut item in roster::items(tx, owner.account)?.into_iter().filter(|item| item.groups.iter().any(|of| of == group)) {
        item.groups = item.groups.into_iter().filter_map(|of| if of == group { renamed.cloned() } else { Some(of) }).collect();
        roster::put(tx, owner.account, &item, true)?;
    }
    Ok(())
}
