//! `Turns`: who is next on the thread for keys. Deriving a key is slow on purpose, so whoever may ask for it from outside
//! has to queue, and in this order: networks without failures go before those with, the first of a network goes before
//! the second of another, and networks that somebody has logged in from go before strangers. A flood of guesses holds up
//! those who guess; who logs in from home waits for one key or two.
//!
//! One turn at a time; it goes to the next when it is dropped, wherever that happens. Memory is bounded: past the bound,
//! whoever would be the last to have a turn is sent away. Commands on this machine do not queue here.

use super::throttle::Network;
use crate::model::fault::{Fault, Outcome};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// The most that wait.
const MOST: usize = 4096;
/// The most networks that are remembered for a login.
const MOST_FAMILIAR: usize = 1024;

/// A place in the queue: the least is next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    /// Failures of the network, others of it that queue, and one for a stranger.
    rank: u32,
    /// Those of a rank have their turns as they come.
    order: u64,
    network: Network,
}

#[derive(Default)]
struct Queue {
    /// Who has the turn.
    holder: Option<Place>,
    waiting: BTreeMap<Place, oneshot::Sender<()>>,
    /// How many of a network wait or have the turn.
    of_network: HashMap<Network, u32>,
    /// Networks that somebody has logged in from, with when that was last, counted in places.
    familiar: HashMap<Network, u64>,
    order: u64,
}

impl Queue {
    /// Gives a place, and what tells when its turn has come where it has not.
    fn join(&mut self, network: Network, failures: u32) -> Outcome<(Place, Option<oneshot::Receiver<()>>)> {
        let others = self.of_network.get(&network).copied().unwrap_or_default();
        let stranger = u32::from(!self.familiar.contains_key(&network));
        self.order += 1;
        let place = Place { rank: failures.saturating_add(others).saturating_add(stranger), order: self.order, network };
        if self.holder.is_none() {
            self.holder = Some(place);
            self.enter(network);
            return Ok((place, None));
        }
        if self.waiting.len() >= MOST {
            match self.waiting.pop_last() {
                Some((last, _)) if place < last => self.exit(last.network),
                last => {
                    self.waiting.extend(last);
                    return Err(busy());
                }
            }
        }
        let (tell, told) = oneshot::channel();
        self.waiting.insert(place, tell);
        self.enter(network);
        Ok((place, Some(told)))
    }

    /// Gives a place up: the turn, if it has that, goes to the next.
    fn leave(&mut self, place: Place) {
        if self.holder == Some(place) {
            self.exit(place.network);
            self.holder = self.waiting.pop_first().map(|(next, tell)| {
                // One who has gone meanwhile is about to give this place up as well.
                let _ = tell.send(());
                next
            });
        } else if self.waiting.remove(&place).is_some() {
            self.exit(place.network);
        }
    }

    fn enter(&mut self, network: Network) {
        *self.of_network.entry(network).or_default() += 1;
    }

    fn exit(&mut self, network: Network) {
        match self.of_network.get_mut(&network) {
            Some(count) if *count > 1 => *count -= 1,
            // Networks of which nobody queues are not remembered.
            _ => drop(self.of_network.remove(&network)),
        }
    }

    fn welcome(&mut self, network: Network) {
        self.order += 1;
        self.familiar.insert(network, self.order);
        if self.familiar.len() > MOST_FAMILIAR
            && let Some(oldest) = self.familiar.iter().min_by_key(|(_, order)| **order).map(|(network, _)| *network)
        {
            self.familiar.remove(&oldest);
        }
    }
}

fn busy() -> Fault {
    Fault::state("the server is busy: try again later")
}

/// The queue. Cloning gives another handle.
#[derive(Clone, Default)]
pub struct Turns {
    queue: Arc<Mutex<Queue>>,
}

/// A turn, or the place of one who waits for it.
pub struct Turn {
    place: Place,
    of: Turns,
}

impl Turns {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Nothing between the first change and the last of a step can panic.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a turn on behalf of a network with so many recent failures, at most for so long.
    pub async fn take(&self, network: Network, failures: u32, patience: Duration) -> Outcome<Turn> {
        let (place, told) = self.lock().join(network, failures)?;
        let turn = Turn { place, of: self.clone() };
        match told {
            None => Ok(turn),
            Some(told) => match tokio::time::timeout(patience, told).await {
                Ok(Ok(())) => Ok(turn),
                _ => Err(busy()),
            },
        }
    }

    /// Somebody has logged in from there.
    pub fn welcome(&self, network: Network) {
        self.lock().welcome(network);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.of.lock().leave(self.place);
    }
}

#[cfg(test)]
mod tests;
