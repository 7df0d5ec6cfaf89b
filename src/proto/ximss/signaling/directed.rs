//! To whom a session has said alone what its user is doing. They hear of its end, under the name under which they heard of
//! it: a room knows an occupant by that name, and a session may take another one, or none, before it ends.
//!
//! Spec: XIMSS, "Roster and Presence" (presenceSet with a peer).

use super::Signaling;
use crate::domain::access::Caller;
use crate::domain::presence;
use crate::model::fault::{Fault, Outcome};
use crate::model::names::{AccountAddress, Address};
use crate::model::presence::{Detail, Presence};
use crate::model::signal::ClientId;

/// The most others that a session sends its presence to alone.
const MOST_DIRECTED: usize = 64;

/// Somebody who was told alone.
pub(super) struct Directed {
    to: AccountAddress,
    client: Option<ClientId>,
    /// The session's name when it said so.
    by: ClientId,
}

impl Signaling {
    /// The session says it to somebody alone, who will hear when it ends. Refused where nobody more could be remembered: they
    /// would not hear of the end.
    pub fn direct_presence(&self, owner: &Caller, to: &Address, client: Option<ClientId>, presence: Presence) -> Outcome<()> {
        let Some(to) = to.account() else { return Ok(()) };
        // Others are told the session's name, and a room knows it by that.
        let by = self.client().ok_or_else(|| Fault::state("this session is not bound to signals"))?;
        {
            // A room has one place for a session, whatever it is called there.
            let place = client.clone().filter(|_| !self.house.rooms.is_one(&to));
            let mut directed = self.directed.borrow_mut();
            directed.retain(|known| known.to != to || known.client != place);
            if presence.detail != Detail::Offline {
                if directed.len() >= MOST_DIRECTED {
                    return Err(Fault::quota("presence is sent to too many alone"));
                }
                directed.push(Directed { to: to.clone(), client: place, by: by.clone() });
            }
        }
        presence::direct(&self.house, (&owner.address, by), &to, client.as_ref(), presence);
        Ok(())
    }

    /// The session is not there any more under the names that it had, but for the one that it keeps.
    pub(super) fn end_directed(&self, kept: Option<&ClientId>) {
        let ended: Vec<_> = self.directed.borrow_mut().extract_if(.., |told| Some(&told.by) != kept).collect();
        let owner = self.owner.borrow().clone();
        for (Directed { to, client, by }, owner) in ended.into_iter().filter_map(|told| Some((told, owner.as_ref()?))) {
            presence::direct(&self.house, (&owner.address, by), &to, client.as_ref(), Presence::default());
        }
    }
}
