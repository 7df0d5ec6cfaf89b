//! Legs whose clients have lost their connections: for a while they wait for a client of the same account and the same
//! fixed name to come back and take them over. An extension of ours.
//!
//! A leg decides itself how long it waits (`leg::away`); here is only where it is found meanwhile. Whoever takes the legs
//! of a name takes all of them, once.
//! Spec: XIMSS, "Signaling" (signalBind, clientID and mode).

use super::actors::CallLeg;
use crate::model::call::LegName;
use crate::model::names::AccountAddress;
use crate::model::signal::ClientId;
use actix::Addr;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The most legs of an account that wait, however many of its clients are gone; past it they end at once.
const MOST_OF_ACCOUNT: usize = 64;

struct Waiting {
    serial: u64,
    client: ClientId,
    name: LegName,
    leg: Addr<CallLeg>,
}

#[derive(Default)]
struct Known {
    of: HashMap<AccountAddress, Vec<Waiting>>,
    last: u64,
}

/// The legs that wait. Cloning gives another handle.
#[derive(Clone, Default)]
pub struct KeptLegs(Arc<Mutex<Known>>);

/// A leg's place among them; it goes when this is dropped.
pub struct Kept {
    legs: KeptLegs,
    account: AccountAddress,
    serial: u64,
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.legs.with(|known| known.take(&self.account, |waiting| waiting.serial == self.serial));
    }
}

impl Known {
    fn take(&mut self, account: &AccountAddress, which: impl Fn(&Waiting) -> bool) -> Vec<Waiting> {
        let Some(all) = self.of.get_mut(account) else { return Vec::new() };
        let taken = all.extract_if(.., |waiting| which(waiting)).collect();
        if all.is_empty() {
            self.of.remove(account);
        }
        taken
    }
}

impl KeptLegs {
    fn with<T>(&self, f: impl FnOnce(&mut Known) -> T) -> T {
        // A panic while the lock was held cannot leave an account half entered: each change is one insertion or removal.
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A leg of a client that is gone waits from now on; None where too many of the account do.
    pub fn keep(&self, account: &AccountAddress, client: &ClientId, name: LegName, leg: Addr<CallLeg>) -> Option<Kept> {
        self.with(|known| {
            known.last += 1;
            let serial = known.last;
            let all = known.of.entry(account.clone()).or_default();
            if all.len() >= MOST_OF_ACCOUNT {
                return None;
            }
            all.push(Waiting { serial, client: client.clone(), name, leg });
            Some(Kept { legs: self.clone(), account: account.clone(), serial })
        })
    }

    /// Takes those of a name, in the order of their numbers where they have such.
    pub fn take(&self, account: &AccountAddress, client: &ClientId) -> Vec<(LegName, Addr<CallLeg>)> {
        let taken = self.with(|known| known.take(account, |waiting| waiting.client == *client));
        let mut taken: Vec<_> = taken.into_iter().map(|waiting| (waiting.name, waiting.leg)).collect();
        taken.sort_by_key(|(name, _)| name.number());
        taken
    }
}
