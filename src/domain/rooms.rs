//! `Rooms`: where several sessions write to each other under names of their own. A room has an address like an account;
//! it is there while the task that opened it runs. Whoever sends it presence comes in, and out by the end of it.
//!
//! Spec: XIMSS, "Instant Messaging" (type groupchat), "Roster and Presence" (presenceSet to a room); XEP-0045.

pub mod room;

use super::house::House;
use super::signals::Bindings;
use crate::model::fault::{Fault, Outcome};
use crate::model::im::InstantMessage;
use crate::model::names::AccountAddress;
use crate::model::presence::Presence;
use crate::model::signal::{ClientId, SignalFailure};
use crate::model::time::Timestamp;
use room::{Occupant, Room, Words};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The most rooms of the server.
const MOST_ROOMS: usize = 1_000;

/// The rooms that are open. Cloning gives another handle.
#[derive(Clone, Default)]
pub struct Rooms(Arc<Mutex<HashMap<AccountAddress, Room>>>);

/// An open room; it closes when this is dropped.
pub struct OpenRoom {
    house: Arc<House>,
    address: AccountAddress,
}

impl OpenRoom {
    /// Its address.
    pub fn address(&self) -> &AccountAddress {
        &self.address
    }
}

impl Drop for OpenRoom {
    fn drop(&mut self) {
        let closed = self.house.rooms.with(|rooms| rooms.remove(&self.address));
        say(&self.house.signals, closed.map(|mut room| room.close()).unwrap_or_default());
    }
}

/// Tells each its words. One that does not keep up is cut off by its own means.
fn say(bindings: &Bindings, words: Words) {
    for (to, signal) in words {
        if let Some(binding) = bindings.find(&to.account, &to.client) {
            let _ = binding.inbox.push(signal);
        }
    }
}

impl Rooms {
    fn with<T>(&self, f: impl FnOnce(&mut HashMap<AccountAddress, Room>) -> T) -> T {
        // A panic while the lock was held cannot leave a room half changed: what it says is said after.
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Opens a room; refused where there is one of the address. The caller has seen that no account has it.
    pub fn open(&self, house: Arc<House>, address: AccountAddress) -> Outcome<OpenRoom> {
        self.with(|rooms| {
            if rooms.contains_key(&address) {
                return Err(Fault::exists("room already exists"));
            }
            if rooms.len() >= MOST_ROOMS {
                return Err(Fault::quota("too many rooms"));
            }
            rooms.insert(address.clone(), Room::new(address.clone()));
            Ok(())
        })?;
        Ok(OpenRoom { house, address })
    }

    /// An account has the address from now on: a room that has it closes, or nobody could write to the account.
    pub fn give_way(&self, bindings: &Bindings, address: &AccountAddress) {
        let closed = self.with(|rooms| rooms.remove(address));
        say(bindings, closed.map(|mut room| room.close()).unwrap_or_default());
    }

    /// True where an address is that of a room.
    pub fn is_one(&self, address: &AccountAddress) -> bool {
        self.with(|rooms| rooms.contains_key(address))
    }

    /// A session's presence for a room: it comes in, says what it does, or leaves. None where there is no room.
    pub fn presence(
        &self,
        bindings: &Bindings,
        room: &AccountAddress,
        from: Occupant,
        nick: Option<&ClientId>,
        presence: Presence,
    ) -> Option<()> {
        let words = self.with(|rooms| rooms.get_mut(room).map(|room| room.presence(from, nick, presence)))?;
        say(bindings, words);
        Some(())
    }

    /// A message to a room, or to one in it. None where there is no room.
    pub fn message(
        &self,
        bindings: &Bindings,
        room: &AccountAddress,
        from: &Occupant,
        nick: Option<&ClientId>,
        message: &InstantMessage,
        now: Timestamp,
    ) -> Option<Result<(), SignalFailure>> {
        let words = self.with(|rooms| rooms.get_mut(room).map(|room| room.message(from, nick, message, now)))?;
        Some(words.map(|words| say(bindings, words)))
    }
}
