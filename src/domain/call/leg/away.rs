//! A leg whose client has lost its connection: where both ends talk, it waits for the client to come back under its name
//! in another session. An extension of ours; a call is not worth less than a moment without a network.
//!
//! Meanwhile the other end hears nothing new. An offer of its waits for the client; keys and informations are refused at
//! once, as nobody knows whether they will be heard; if it hangs up, that is the end. What the lost session was told and
//! had not answered counts as not answered.
//!
//! Whoever takes the leg over is told what it is by `callConnected`, without a description, since none of the old session's
//! holds on its side; and is asked by `callUpdateSolicited` for an offer, since its media come from another place now (an
//! ICE restart). It may refuse that, or be silent.
//! Spec: XIMSS, "Signaling" (callConnected, callUpdateSolicited); RFC 8445 2.4 (ICE restart).

use super::{Departure, Leg, State};
use crate::domain::call::slots::Told;
use crate::model::call::{CallEvent, CallSignal};
use crate::model::signal::SignalFailure;
use std::time::{Duration, Instant};

/// How long a leg waits for its client.
pub const GRACE: Duration = Duration::from_secs(15);
/// The most offers that wait with it.
const MOST_HELD: usize = 32;

impl Leg {
    /// The client has lost its connection. True where the leg waits for it; else it has ended as with a session.
    pub fn client_lost(&mut self, now: Instant) -> bool {
        if self.state != State::Connected {
            self.session_ended(Departure::OfSession);
            return false;
        }
        if self.away.is_none() {
            while let Some(slot) = self.slots.take_oldest() {
                self.unanswered(slot, now);
            }
            self.operations.clear();
            (self.update, self.moved, self.away) = (None, None, Some(now));
        }
        true
    }

    /// True while the leg waits for its client, and after it has ended so.
    pub fn is_away(&self) -> bool {
        self.away.is_some()
    }

    /// When it has waited long enough.
    pub(super) fn grace_ends(&self) -> Option<Instant> {
        self.away.map(|since| since + GRACE)
    }

    /// The client is back, in another session.
    pub fn client_back(&mut self, now: Instant) {
        if self.state != State::Connected || self.away.take().is_none() {
            return;
        }
        let (tag, call_id, by) = (self.tag.clone(), self.call_id.clone(), self.peer.clone());
        self.tell(CallEvent::Connected { tag, call_id, by, sdp: None });
        self.slots.open(Told::Back, None, false, now);
        self.tell(CallEvent::UpdateSolicited { tag: None });
        self.unhold(now);
    }

    /// The call says something while nobody is there to hear it.
    pub(super) fn hear_away(&mut self, signal: CallSignal, now: Instant) {
        let gone = || SignalFailure::new(480, "the client has lost its connection");
        match signal {
            CallSignal::Offer { exchange, .. } if self.held.len() >= MOST_HELD => {
                self.call(CallSignal::OfferResult { exchange, result: Err(gone()) });
            }
            CallSignal::Offer { .. } => self.held.push_back(signal),
            CallSignal::Dtmf { exchange, .. } | CallSignal::Info { exchange, .. } => {
                self.call(CallSignal::Done { exchange, result: Err(gone()) });
            }
            other => self.take_in(other, now),
        }
    }
}
