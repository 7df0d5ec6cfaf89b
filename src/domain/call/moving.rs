//! The part of a call's machine that gives an end to somebody else: by ringing, or by joining another call. Where it
//! fails, all is as it was.
//!
//! The end that stays is asked for an offer; that goes to whoever is to talk with it, and the answer comes back to it.
//! The end that leaves hears of success by the end of its leg, of failure by the failure of its operation.
//! Spec: XIMSS, "Signaling" (callTransfer, callTransferred, makeCall); RFC 5589, RFC 3725 (third-party control).

use super::fork::{Fork, Invitation};
use super::hub::{Caller, Effect, Hub, Phase};
use crate::model::call::{CallId, CallParty, CallSignal, CallTarget, Exchange, LegId};
use crate::model::signal::{Sdp, SignalFailure};
use std::time::{Duration, Instant};

/// The end that gives the other one away.
#[derive(Debug, Clone, Copy)]
pub(super) struct Leaving {
    pub leg: LegId,
    /// The transfer that it asked for.
    pub exchange: Exchange,
}

/// What the end that stays waits for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Pending {
    /// The answer to this offer of its.
    Offer(Exchange),
    /// The answer to the offer with which it took the call.
    Answer,
}

/// How far a transfer is.
#[derive(Debug)]
pub(super) enum Stage {
    /// The end that stays is asked for an offer; to whom it goes, or None for another call; and who wanted that, who may be
    /// gone by then.
    Soliciting { asked: Exchange, to: Option<CallTarget>, by: (LegId, String) },
    /// Somebody is rung with that offer.
    Ringing { fork: Box<Fork>, pending: Pending },
    /// The offer is with the other call.
    Joining { pending: Pending, since: Instant },
}

/// How long the other call of a transfer has for its answer. Its client has less.
pub(super) const JOINING: Duration = Duration::from_secs(30);

/// A transfer under way.
#[derive(Debug)]
pub(super) struct Moving {
    /// The end that stays.
    pub kept: LegId,
    /// The end that leaves; None where it has hung up, or where the server itself connects the two.
    pub leaving: Option<Leaving>,
    /// How far it is.
    pub stage: Stage,
}

impl Hub {
    /// The end that calls whoever is rung now; None where the server itself does.
    pub fn inviter(&self) -> Option<LegId> {
        match &self.phase {
            Phase::Ringing(_) => (self.caller == Caller::Leg).then_some(LegId::CALLER),
            Phase::Moving(moving) => Some(moving.kept),
            _ => None,
        }
    }

    /// The legs that talk, or will again when a transfer fails; of two that begin to, the one that has taken the call is the
    /// second.
    pub fn talking(&self) -> Vec<LegId> {
        match &self.phase {
            Phase::Talking { a, b, .. } => vec![*a, *b],
            Phase::Leaving { kept, leaving, .. } => vec![*kept, *leaving],
            // One with which the server is to connect somebody has talked with nobody yet.
            Phase::Moving(Moving { stage: Stage::Ringing { pending: Pending::Answer, .. }, .. }) => Vec::new(),
            Phase::Moving(Moving { kept, leaving, .. }) => [*kept].into_iter().chain(leaving.map(|leaving| leaving.leg)).collect(),
            Phase::Ringing(_) | Phase::Over => Vec::new(),
        }
    }

    /// The invitation that is out.
    pub fn inviting(&mut self) -> Option<&Invitation> {
        self.fork().map(|fork| fork.invitation())
    }

    /// A device of the account itself has taken the server's call: the peer is rung with its offer.
    pub(super) fn move_answered(&mut self, kept: LegId, offer: Option<Sdp>, then: CallTarget, now: Instant) {
        let mut invitation = Invitation { sdp: offer, ..self.invitation.clone() };
        invitation.askers.push(kept);
        let fork = Fork::new(invitation, then, now);
        self.phase =
            Phase::Moving(Moving { kept, leaving: None, stage: Stage::Ringing { fork: Box::new(fork), pending: Pending::Answer } });
        self.run_wishes();
    }

    /// Legs speak while one of them is given to somebody else.
    pub(super) fn says_while_moving(&mut self, from: LegId, signal: CallSignal, now: Instant) {
        let Phase::Moving(moving) = &self.phase else { return };
        let leaving = moving.leaving.map(|leaving| leaving.leg);
        if from == moving.kept {
            self.kept_says(signal, now);
        } else if Some(from) == leaving {
            self.leaving_says(from, signal);
        } else {
            self.rung_says(from, signal, now);
        }
    }

    fn kept_says(&mut self, signal: CallSignal, now: Instant) {
        let Phase::Moving(Moving { kept, stage, .. }) = &self.phase else { return };
        let kept = *kept;
        match (signal, stage) {
            (CallSignal::OfferResult { exchange, result: Err(failure) }, Stage::Soliciting { asked, .. }) if exchange == *asked => {
                self.not_moved(failure);
            }
            (CallSignal::Offer { exchange, sdp: Some(sdp), .. }, Stage::Soliciting { .. }) => self.offered(exchange, sdp, now),
            (CallSignal::Offer { exchange, .. }, _) => self.refuse_offer(exchange, 491),
            (CallSignal::Bye(why), _) => self.kept_hangs_up(kept, why),
            (CallSignal::Refused(_) | CallSignal::Cancelled(_), _) => self.kept_hangs_up(kept, None),
            (CallSignal::Dtmf { exchange, .. } | CallSignal::Info { exchange, .. } | CallSignal::Transfer { exchange, .. }, _) => {
                self.refuse(exchange, SignalFailure::new(491, "a transfer is under way"));
            }
            (CallSignal::Done { exchange, result }, _) => self.tell(exchange.by, CallSignal::Done { exchange, result }),
            _ => {}
        }
    }

    /// The end that stays has made an offer.
    fn offered(&mut self, exchange: Exchange, sdp: Sdp, now: Instant) {
        let Phase::Moving(Moving { kept, leaving, stage: Stage::Soliciting { to, by, .. } }) = &mut self.phase else { return };
        let (kept, leaving, to, (asker, by)) = (*kept, *leaving, to.take(), std::mem::replace(by, (LegId::HUB, String::new())));
        let pending = Pending::Offer(exchange);
        let stage = match to {
            Some(to) => {
                self.transfers += 1;
                let call_id = CallId(format!("{}-{}", self.invitation.call_id.0, self.transfers));
                let askers = vec![kept, asker];
                let invitation = Invitation { call_id, from: self.party(kept), transferred_by: Some(by), sdp: Some(sdp), askers };
                Stage::Ringing { fork: Box::new(Fork::new(invitation, to, now)), pending }
            }
            None => {
                self.out.push(Effect::Join(sdp));
                Stage::Joining { pending, since: now }
            }
        };
        self.phase = Phase::Moving(Moving { kept, leaving, stage });
        self.run_wishes();
    }

    fn kept_hangs_up(&mut self, kept: LegId, why: Option<SignalFailure>) {
        if let Some(fork) = self.fork() {
            fork.cancel();
        }
        self.run_wishes();
        let Phase::Moving(Moving { leaving, .. }) = &self.phase else { return };
        match *leaving {
            Some(leaving) => self.hang_up(kept, leaving.leg, why),
            None => {
                self.parties.remove(&kept);
                self.end();
            }
        }
    }

    fn leaving_says(&mut self, from: LegId, signal: CallSignal) {
        let Phase::Moving(moving) = &mut self.phase else { return };
        match signal {
            // The transfer goes on without whoever asked for it.
            CallSignal::Bye(_) | CallSignal::Refused(_) | CallSignal::Cancelled(_) => {
                moving.leaving = None;
                self.parties.remove(&from);
            }
            CallSignal::Offer { exchange, .. } => self.refuse_offer(exchange, 491),
            CallSignal::Dtmf { exchange, .. } | CallSignal::Info { exchange, .. } | CallSignal::Transfer { exchange, .. } => {
                self.refuse(exchange, SignalFailure::new(491, "a transfer is under way"));
            }
            CallSignal::Done { exchange, .. } | CallSignal::OfferResult { exchange, .. } => self.tell(exchange.by, signal),
            _ => {}
        }
    }

    fn rung_says(&mut self, from: LegId, signal: CallSignal, now: Instant) {
        let Some(fork) = self.fork() else { return self.stranger_says(from, signal) };
        match signal {
            CallSignal::Provisional { sdp, .. } => {
                fork.provisional(from, sdp.as_ref(), now);
            }
            CallSignal::Answer { sdp, .. } => match fork.taken(from) {
                Some((device, early)) => {
                    let call_id = fork.invitation().call_id.clone();
                    self.run_wishes();
                    self.moved(from, device.party, call_id, sdp.or(early));
                }
                None => self.too_late(from),
            },
            CallSignal::Refused(failure) => {
                fork.refused(from, failure);
                self.run_wishes();
            }
            CallSignal::Redirected { targets, ring_on } => {
                fork.redirected(from, targets, ring_on);
                self.run_wishes();
            }
            CallSignal::Offer { exchange, .. } => self.refuse_offer(exchange, 491),
            other => self.stranger_says(from, other),
        }
    }

    /// Somebody has taken the call: the end that stays talks with them now.
    fn moved(&mut self, to: LegId, party: CallParty, call_id: CallId, sdp: Option<Sdp>) {
        let Phase::Moving(Moving { kept, leaving, stage: Stage::Ringing { pending, .. } }) = &self.phase else { return };
        let (kept, leaving, pending) = (*kept, *leaving, *pending);
        self.parties.insert(to, party.clone());
        self.phase = Phase::Talking { a: kept, b: to, offer: None };
        if matches!(pending, Pending::Offer(_)) {
            self.tell(kept, CallSignal::Moved { to: party.clone(), call_id: call_id.clone() });
        }
        self.complete(kept, pending, Ok(sdp));
        if matches!(pending, Pending::Answer) {
            self.tell(kept, CallSignal::Moved { to: party, call_id });
            self.last_report("connected");
        }
        self.tell(to, CallSignal::Acknowledged { sdp: None });
        self.dismiss(leaving);
    }

    fn dismiss(&mut self, leaving: Option<Leaving>) {
        if let Some(leaving) = leaving {
            self.parties.remove(&leaving.leg);
            self.tell(leaving.leg, CallSignal::Bye(None));
        }
    }

    /// The transfer has failed: all is as it was, or over where nobody is left to talk with.
    pub(super) fn not_moved(&mut self, failure: SignalFailure) {
        let Phase::Moving(Moving { kept, leaving, stage }) = &self.phase else { return };
        let (kept, leaving) = (*kept, *leaving);
        let pending = match stage {
            Stage::Soliciting { .. } => None,
            Stage::Ringing { pending, .. } | Stage::Joining { pending, .. } => Some(*pending),
        };
        if let Some(pending) = pending {
            self.complete(kept, pending, Err(failure.clone()));
        }
        match leaving {
            Some(leaving) => {
                self.phase = Phase::Talking { a: kept, b: leaving.leg, offer: None };
                self.refuse(leaving.exchange, failure);
            }
            None => {
                self.last_report(&failure.text);
                if !matches!(pending, Some(Pending::Answer)) {
                    self.tell(kept, CallSignal::Bye(Some(failure)));
                }
                self.parties.remove(&kept);
                self.end();
            }
        }
    }

    /// The other call of a transfer has given its end, which has a leg here now, or has not.
    pub fn joined(&mut self, outcome: Result<(LegId, CallParty, Option<Sdp>), SignalFailure>) {
        let Phase::Moving(Moving { kept, leaving, stage: Stage::Joining { pending, .. } }) = &self.phase else {
            // The call ended meanwhile: whoever came to it is told.
            if let Ok((leg, ..)) = outcome {
                self.tell(leg, CallSignal::Bye(None));
            }
            return;
        };
        let (kept, leaving, pending) = (*kept, *leaving, *pending);
        let (other, party, sdp) = match outcome {
            Ok(joined) => joined,
            Err(failure) => return self.not_moved(failure),
        };
        self.transfers += 1;
        let call_id = CallId(format!("{}-{}", self.invitation.call_id.0, self.transfers));
        let stays = self.party(kept);
        self.parties.insert(other, party.clone());
        self.phase = Phase::Talking { a: kept, b: other, offer: None };
        self.tell(kept, CallSignal::Moved { to: party, call_id: call_id.clone() });
        self.complete(kept, pending, Ok(sdp));
        self.tell(other, CallSignal::Moved { to: stays, call_id });
        self.dismiss(leaving);
    }
}
