//! What others see of a call: that somebody is on the phone.
//!
//! Spec: XIMSS, "Roster and Presence" (presenceSet, `on-phone`).

use super::leg::State;
use crate::domain::access::Caller;
use crate::domain::house::House;
use crate::domain::presence::PresenceSource;
use crate::model::time::Timestamp;
use std::sync::Arc;

/// Whether others see that the leg's account is in a call.
pub(super) enum Shown {
    /// They do not.
    No,
    /// They will when it is.
    WhenConnected(Arc<House>, Caller),
    /// They do. Never looked at: others cease to see it when this goes.
    Now(#[allow(dead_code, reason = "a guard")] PresenceSource),
}

impl Shown {
    /// As the account's preferences say.
    pub fn of(house: &Arc<House>, owner: &Caller, shown: bool) -> Self {
        if shown { Self::WhenConnected(house.clone(), owner.clone()) } else { Self::No }
    }

    /// The leg is so far.
    pub fn follow(&mut self, state: State) {
        match (&*self, state) {
            (Self::WhenConnected(house, owner), State::Connected) => {
                let source = PresenceSource::new(house.clone(), owner.clone());
                source.is_on_phone(Timestamp::now());
                *self = Self::Now(source);
            }
            (Self::Now(_) | Self::WhenConnected(..), State::Dead) => *self = Self::No,
            _ => {}
        }
    }
}
