//! `Turns`: who is next on the thread for keys. Deriving a key is slow on purpose, so whoever may ask for it from outside
//! has to queue, and in this order: networks without failures go before those with, the first of a network goes before
//! the second of another, and networks that somebody has logged in from go before strangers. A flood of guesses holds up
//! those who guess; who logs in from home waits for one key or two. Those of one network go as they came: each begins a
//! round after the one before it, and rounds are counted on as turns are given (start-time fair queueing).
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
    /// The round, and what is put on top: failures of the network, and one for a stranger.
    rank: u64,
    /// Those of a rank have their turns as they come.
    order: u64,
    round: u64,
    network: Network,
}

/// Those of a network who wait or have the turn.
#[derive(Default)]
struct Crowd {
    count: u32,
    /// The round of the last of them.
    round: u64,
}

#[derive(Default)]
struct Queue {
    /// Who has the turn.
    holder: Option<Place>,
    waiting: BTreeMap<Place, oneshot::Sender<()>>,
    of_network: HashMap<Network, Crowd>,
    /// The latest round of which a turn was given.
    round: u64,
    /// Networks that somebody has logged in from, with when that was last, counted in places.
    familiar: HashMap<Network, u64>,
    order: u64,
}

impl Queue {
    /// Gives a place, and what tells when its turn has come where it has not.
    fn join(&mut self, network: Network, failures: u32) -> Outcome<(Place, Option<oneshot::Receiver<()>>)> {
        let round = self.of_network.get(&network).map_or(self.round, |crowd| self.round.max(crowd.round + 1));
        let stranger = u64::from(!self.familiar.contains_key(&network));
        self.order += 1;
        let place = Place { rank: round + u64::from(failures) + stranger, order: self.order, round, network };
        if self.holder.is_none() {
            self.hold(place);
            self.enter(place);
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
        self.enter(place);
        Ok((place, Some(told)))
    }

    fn hold(&mut self, place: Place) {
        self.holder = Some(place);
        self.round = self.round.max(place.round);
    }

    /// Gives a place up: the turn, if it has that, goes to the next.
    fn leave(&mut self, place: Place) {
        if self.holder == Some(place) {
            self.exit(place.network);
            self.holder = None;
            if let Some((next, tell)) = self.waiting.pop_first() {
                // One who has gone meanwhile is about to give this place up as well.
                let _ = tell.send(());
                self.hold(next);
            }
        } else if self.waiting.remove(&place).is_some() {
            self.exit(place.network);
        }
    }

    fn enter(&mut self, place: Place) {
        let crowd = self.of_network.entry(place.network).or_default();
        crowd.count += 1;
        crowd.round = place.round;
    }

    fn exit(&mut self, network: Network) {
        match self.of_network.get_mut(&network) {
            Some(crowd) if crowd.count > 1 => crowd.count -= 1,
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

    /// How many wait.
    #[cfg(test)]
    pub fn waiting(&self) -> usize {
        self.lock().waiting.len()
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
