//! What a leg makes of what its call says.

use super::{Early, Leg, State};
use crate::domain::call::slots::Told;
use crate::model::call::{CallEvent, CallId, CallParty, CallSignal, Exchange, Tag};
use crate::model::signal::{Sdp, SignalFailure};
use std::time::Instant;

/// The most messages that wait behind an offer.
const MOST_HELD: usize = 32;

impl Leg {
    /// The call says.
    pub fn hear(&mut self, signal: CallSignal, now: Instant) {
        if self.state == State::Dead {
            // What an ended leg is asked is answered for it, so that nobody waits.
            if let CallSignal::Offer { exchange, .. } = signal {
                let result = Err(SignalFailure::new(481, "call is disconnected"));
                self.call(CallSignal::OfferResult { exchange, result });
            }
            return;
        }
        if self.is_away() {
            return self.hear_away(signal, now);
        }
        if self.slots.holds_offer() && self.bears_offer(&signal) && self.held.len() < MOST_HELD {
            self.held.push_back(signal);
            return;
        }
        self.take_in(signal, now);
    }

    fn bears_offer(&self, signal: &CallSignal) -> bool {
        match signal {
            CallSignal::Offer { sdp, .. } => sdp.is_some(),
            CallSignal::Provisional { tag, sdp, .. } => sdp.is_some() && self.is_offer_from(tag),
            _ => false,
        }
    }

    /// True where a description from a device is an offer: the call was made without one, and the device has not been
    /// answered yet.
    fn is_offer_from(&self, tag: &Tag) -> bool {
        !self.offered && !self.settled.contains(tag)
    }

    pub(super) fn unhold(&mut self, now: Instant) {
        while !self.slots.holds_offer() && self.state != State::Dead {
            let Some(signal) = self.held.pop_front() else { return };
            self.take_in(signal, now);
        }
    }

    pub(super) fn take_in(&mut self, signal: CallSignal, now: Instant) {
        match signal {
            CallSignal::Invite { call_id, from, transferred_by, sdp } => {
                (self.call_id, self.offered, self.peer) = (call_id.clone(), sdp.is_some(), from.clone());
                self.tell(CallEvent::Incoming { call_id, from, transferred_by, sdp });
            }
            CallSignal::Provisional { tag, sdp, .. } => self.provisioned(tag, sdp, now),
            CallSignal::ProvisionalAnswered { result, .. } => {
                self.early = if result.is_ok() { Early::Settled } else { Early::Nothing };
                self.updated(None, result);
            }
            CallSignal::Answer { tag, by, call_id, sdp } => self.taken(tag, by, call_id, sdp, now),
            CallSignal::Acknowledged { sdp } => {
                if self.state == State::Accepting {
                    self.state = State::Connected;
                    self.updated(None, Ok(sdp));
                }
            }
            CallSignal::Failed(failure) => self.die(Some(failure), now),
            CallSignal::Cancelled(why) => self.cancelled(why, now),
            CallSignal::Offer { exchange, tag, sdp } => self.asked(exchange, tag, sdp, now),
            CallSignal::OfferResult { exchange, result } => self.update_ended(exchange, result),
            CallSignal::Dtmf { exchange, key } => {
                self.tell(CallEvent::Dtmf(key));
                self.call(CallSignal::Done { exchange, result: Ok(()) });
            }
            CallSignal::Info { exchange, body } => {
                self.tell(CallEvent::Info(body));
                self.call(CallSignal::Done { exchange, result: Ok(()) });
            }
            CallSignal::Done { exchange, result } => {
                if let Some(at) = self.operations.iter().position(|waiting| *waiting == exchange) {
                    self.operations.remove(at);
                    self.tell(CallEvent::OpDone(result));
                }
            }
            CallSignal::Moved { to, call_id } => {
                (self.call_id, self.peer) = (call_id.clone(), to.clone());
                self.moved = self.update.is_some().then(|| to.clone());
                self.tell(CallEvent::Transferred { to, call_id });
            }
            CallSignal::Bye(why) => {
                if self.state == State::Accepting {
                    self.updated(None, Err(why.clone().unwrap_or_else(|| SignalFailure::new(487, "the caller has hung up"))));
                }
                self.die(why, now);
            }
            // What only the call itself is told.
            CallSignal::Refused(_) | CallSignal::Redirected { .. } | CallSignal::Transfer { .. } => {}
        }
    }

    fn provisioned(&mut self, tag: Tag, sdp: Option<Sdp>, now: Instant) {
        if self.state != State::Calling {
            return;
        }
        let offer = sdp.is_some() && self.is_offer_from(&tag);
        self.slots.open(Told::Provisioned, Some(tag.clone()), offer, now);
        self.tell(CallEvent::Provisioned { tag, call_id: self.call_id.clone(), sdp });
    }

    fn taken(&mut self, tag: Tag, by: CallParty, call_id: CallId, sdp: Option<Sdp>, now: Instant) {
        if self.state != State::Calling {
            return;
        }
        let offer = sdp.is_some() && self.is_offer_from(&tag);
        self.slots.only(&tag);
        self.held.clear();
        self.slots.open(Told::Connected, Some(tag.clone()), offer, now);
        self.state = if offer { State::Connecting } else { State::Connected };
        if let Some((_, other)) = self.update.take_if(|(_, other)| other.as_ref() != Some(&tag)) {
            self.updated(other, Err(SignalFailure::new(487, "another device has taken the call")));
        }
        (self.call_id, self.peer, self.tag) = (call_id.clone(), by.clone(), tag.clone());
        self.tell(CallEvent::Connected { tag, call_id, by, sdp });
        if !offer {
            self.call(CallSignal::Acknowledged { sdp: None });
        }
    }

    fn cancelled(&mut self, why: Option<String>, now: Instant) {
        if self.state == State::Accepting {
            let late = why.as_deref().unwrap_or("the caller has hung up");
            self.updated(None, Err(SignalFailure::new(487, late)));
        }
        self.die_with(why.map_or(CallEvent::Disconnected(None), CallEvent::TakenElsewhere), now);
    }

    fn asked(&mut self, exchange: Exchange, tag: Option<Tag>, sdp: Option<Sdp>, now: Instant) {
        let told = if sdp.is_some() { Told::Request(exchange) } else { Told::Solicited(exchange) };
        // A device is told apart only while several ring.
        let tag = tag.filter(|_| self.state == State::Calling);
        self.slots.open(told, tag.clone(), sdp.is_some(), now);
        match sdp {
            Some(_) => self.tell(CallEvent::UpdateRequest { call_id: self.call_id.clone(), tag, sdp }),
            None => self.tell(CallEvent::UpdateSolicited { tag }),
        }
    }

    fn update_ended(&mut self, exchange: Exchange, result: Result<Option<Sdp>, SignalFailure>) {
        match self.update.take_if(|(waiting, _)| *waiting == exchange) {
            Some((_, tag)) => {
                if self.state == State::Alerting && matches!(result, Ok(Some(_))) {
                    self.early = Early::Settled;
                }
                self.updated(tag, result);
            }
            // The other end has withdrawn what it asked for.
            None => self.slots.withdraw(exchange),
        }
    }
}
