//! The machine of a call: it rings, joins the two ends, carries what they say to each other, and moves an end to
//! somebody else. No I/O: the actor around it looks up devices, carries words and tells the time.
//!
//! A call is over when it has no two ends and nobody to ring; whoever is left is told. Two ends at most talk; a third
//! is there only while a transfer is under way, and then still talks with nobody else.
//! Spec: XIMSS, "Signaling" (callStart, callTransfer, makeCall); RFC 3261, RFC 5589 (transfer).

use super::fork::{Device, Fork, Invitation, TAKEN_ELSEWHERE, Wish};
use super::moving::{JOINING, Leaving, Moving, Pending, Stage};
use super::stages::{Point, Question, Verdict};
use crate::model::call::{CallParty, CallSignal, CallTarget, Exchange, LegId, Tag};
use crate::model::names::AccountAddress;
use crate::model::signal::{Sdp, SignalFailure};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long the account's own devices are rung by a call of the server's.
const SELF_CALL: Duration = Duration::from_secs(15);

/// What a call wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// A leg is to be told something.
    Tell(LegId, CallSignal),
    /// Somebody is to be rung: the devices come by [`Hub::rung`], or none by [`Hub::not_rung`].
    Ring(CallTarget),
    /// A callee's rules are asked, and answer by [`Hub::decided`] in any case.
    Consult(Box<Question>),
    /// Whoever asked for the call is told how far it is.
    Report(String),
    /// The offer of the end that stays goes to the other call of a transfer; its answer comes by [`Hub::joined`].
    Join(Sdp),
    /// The other call of a transfer hears how its end took the offer; where it did, the end is gone from here.
    Adopted(Result<(LegId, Option<Sdp>), SignalFailure>),
}

/// Who made the call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// A leg: [`LegId::CALLER`].
    Leg,
    /// This server, to connect an account's own device with somebody: `makeCall`.
    Server {
        /// With whom.
        then: CallTarget,
    },
}

/// How far a call is.
#[derive(Debug)]
pub(super) enum Phase {
    /// Devices ring.
    Ringing(Box<Fork>),
    /// Two ends talk. The callee may still wait for the caller's word.
    Talking {
        /// One end.
        a: LegId,
        /// The other.
        b: LegId,
        /// The offer that is under way between them.
        offer: Option<Exchange>,
    },
    /// One of two ends is being given to somebody else.
    Moving(Moving),
    /// One of two ends is being taken over by another call.
    Leaving {
        /// The end that is taken over.
        kept: LegId,
        /// The end that gives it away.
        leaving: LegId,
        /// The offer to the one that is taken over.
        exchange: Exchange,
    },
    /// It has ended.
    Over,
}

/// The machine.
#[derive(Debug)]
pub struct Hub {
    pub(super) caller: Caller,
    pub(super) phase: Phase,
    pub(super) parties: BTreeMap<LegId, CallParty>,
    pub(super) invitation: Invitation,
    pub(super) transfers: u32,
    exchanges: u32,
    /// Whoever asked for the call still hears how far it is.
    reports: bool,
    pub(super) out: Vec<Effect>,
}

impl Hub {
    /// A call to somebody.
    pub fn new(caller: Caller, invitation: Invitation, target: CallTarget, now: Instant) -> Self {
        let fork = match &caller {
            Caller::Leg => Fork::new(invitation.clone(), target, now),
            Caller::Server { .. } => Fork::to_own_devices(invitation.clone(), target, SELF_CALL, now),
        };
        let mut parties = BTreeMap::new();
        if caller == Caller::Leg {
            parties.insert(LegId::CALLER, invitation.from.clone());
        }
        let (phase, reports) = (Phase::Ringing(Box::new(fork)), caller != Caller::Leg);
        let mut hub = Self { caller, phase, parties, invitation, transfers: 0, exchanges: 0, reports, out: Vec::new() };
        hub.report("calling self");
        hub.run_wishes();
        hub
    }

    /// Takes what it wants.
    pub fn effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.out)
    }

    /// True when it has ended.
    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over)
    }

    /// When it wants to be told the time.
    pub fn deadline(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Ringing(fork) => Some(fork.deadline()),
            Phase::Moving(Moving { stage: Stage::Ringing { fork, .. }, .. }) => Some(fork.deadline()),
            Phase::Moving(Moving { stage: Stage::Joining { since, .. }, .. }) => Some(*since + JOINING),
            _ => None,
        }
    }

    pub(super) fn tell(&mut self, leg: LegId, signal: CallSignal) {
        self.out.push(Effect::Tell(leg, signal));
    }

    pub(super) fn report(&mut self, text: &str) {
        if self.reports {
            self.out.push(Effect::Report(text.to_owned()));
        }
    }

    /// The attempt is complete, however it ended: what becomes of the call then is for those who talk.
    pub(super) fn last_report(&mut self, text: &str) {
        self.report(text);
        if !text.is_empty() {
            self.report("");
        }
        self.reports = false;
    }

    pub(super) fn end(&mut self) {
        if !self.is_over() {
            self.phase = Phase::Over;
            self.last_report("");
        }
    }

    pub(super) fn exchange(&mut self) -> Exchange {
        self.exchanges += 1;
        Exchange { by: LegId::HUB, number: self.exchanges }
    }

    /// Who an end is.
    pub fn party(&self, leg: LegId) -> CallParty {
        self.parties.get(&leg).cloned().unwrap_or(CallParty { address: String::new(), name: None })
    }

    pub(super) fn fork(&mut self) -> Option<&mut Fork> {
        match &mut self.phase {
            Phase::Ringing(fork) => Some(fork),
            Phase::Moving(Moving { stage: Stage::Ringing { fork, .. }, .. }) => Some(fork),
            _ => None,
        }
    }

    /// Carries out what the fork wants.
    pub(super) fn run_wishes(&mut self) {
        let Some(fork) = self.fork() else { return };
        let (wishes, invitation) = (fork.wishes(), fork.invitation().clone());
        for wish in wishes {
            match wish {
                Wish::Tell(leg, signal) => self.tell(leg, signal),
                Wish::Ring(target) => self.out.push(Effect::Ring(target)),
                Wish::Consult(point, failure) => {
                    self.out.push(Effect::Consult(Box::new(Question { point, invitation: invitation.clone(), failure })));
                }
                Wish::Exhausted(failure) => self.not_taken(failure),
            }
        }
    }

    /// The devices of a target are rung: their legs are made and wait for the invitation.
    pub fn rung(&mut self, target: &CallTarget, devices: Vec<Device>, now: Instant) {
        let Some(fork) = self.fork() else {
            return devices.into_iter().for_each(|device| self.tell(device.leg, CallSignal::Cancelled(None)));
        };
        fork.rung(target, devices, now);
        self.run_wishes();
    }

    /// A target has no device.
    pub fn not_rung(&mut self, target: &CallTarget, failure: SignalFailure) {
        if let Some(fork) = self.fork() {
            fork.not_rung(target, failure);
            self.run_wishes();
        }
    }

    /// The legs that hear what becomes of the invitation that is out.
    pub fn askers(&mut self) -> Vec<LegId> {
        self.fork().map(|fork| fork.invitation().askers.clone()).unwrap_or_default()
    }

    /// One of those is a stranger to an account. To be said before what became of it.
    pub fn stranger_to(&mut self, account: AccountAddress) {
        if let Some(fork) = self.fork() {
            fork.stranger_to(account);
        }
    }

    /// A callee's rules have answered.
    pub fn decided(&mut self, point: &Point, verdict: Verdict, now: Instant) {
        if let Some(fork) = self.fork() {
            fork.decided(point, verdict, now);
            self.run_wishes();
        }
    }

    /// Nobody takes the call.
    fn not_taken(&mut self, failure: SignalFailure) {
        match &self.phase {
            Phase::Ringing(_) => {
                if self.caller == Caller::Leg {
                    self.tell(LegId::CALLER, CallSignal::Failed(failure));
                } else {
                    self.last_report(&failure.text);
                }
                self.end();
            }
            Phase::Moving(_) => self.not_moved(failure),
            _ => {}
        }
    }

    /// The time.
    pub fn tick(&mut self, now: Instant) {
        if let Some(fork) = self.fork() {
            fork.tick(now);
            return self.run_wishes();
        }
        if self.deadline().is_some_and(|deadline| now >= deadline) {
            self.not_moved(SignalFailure::new(408, "the other call does not answer"));
        }
    }

    /// A leg says.
    pub fn hear(&mut self, from: LegId, signal: CallSignal, now: Instant) {
        match &self.phase {
            Phase::Ringing(_) if from == LegId::CALLER && self.caller == Caller::Leg => self.caller_says(signal),
            Phase::Ringing(_) => self.device_says(from, signal, now),
            Phase::Talking { a, b, .. } => match (*a, *b) {
                (a, b) if a == from => self.end_says(from, b, signal),
                (a, b) if b == from => self.end_says(from, a, signal),
                _ => self.stranger_says(from, signal),
            },
            Phase::Moving(_) => self.says_while_moving(from, signal, now),
            Phase::Leaving { .. } => self.says_while_leaving(from, signal),
            Phase::Over => self.stranger_says(from, signal),
        }
    }

    /// Whoever has no part in the call any more.
    pub(super) fn stranger_says(&mut self, from: LegId, signal: CallSignal) {
        match signal {
            CallSignal::Answer { .. } => self.too_late(from),
            CallSignal::Offer { exchange, .. } => self.refuse_offer(exchange, 481),
            CallSignal::Dtmf { exchange, .. } | CallSignal::Info { exchange, .. } | CallSignal::Transfer { exchange, .. } => {
                self.refuse(exchange, SignalFailure::new(481, "the call does not exist"));
            }
            _ => {}
        }
    }

    /// Another device has taken the call.
    pub(super) fn too_late(&mut self, leg: LegId) {
        self.tell(leg, CallSignal::Cancelled(Some(TAKEN_ELSEWHERE.to_owned())));
    }

    pub(super) fn refuse_offer(&mut self, exchange: Exchange, code: u16) {
        let text = if code == 491 { "another update of this call is under way" } else { "the call does not exist" };
        self.tell(exchange.by, CallSignal::OfferResult { exchange, result: Err(SignalFailure::new(code, text)) });
    }

    pub(super) fn refuse(&mut self, exchange: Exchange, failure: SignalFailure) {
        self.tell(exchange.by, CallSignal::Done { exchange, result: Err(failure) });
    }

    fn caller_says(&mut self, signal: CallSignal) {
        let Phase::Ringing(fork) = &mut self.phase else { return };
        match signal {
            CallSignal::Cancelled(_) | CallSignal::Bye(_) => {
                fork.cancel();
                self.run_wishes();
                self.end();
            }
            CallSignal::Offer { exchange, tag, sdp } => match tag.as_ref().and_then(|tag| fork.tagged(tag)) {
                // Nothing is to change, and a device that rings is never asked for an offer.
                Some(_) if sdp.is_none() => self.tell(LegId::CALLER, CallSignal::OfferResult { exchange, result: Ok(None) }),
                Some(device) => self.tell(device, CallSignal::Offer { exchange, tag, sdp }),
                None => self.refuse_offer(exchange, 481),
            },
            CallSignal::OfferResult { exchange, .. } => self.tell(exchange.by, signal),
            CallSignal::ProvisionalAnswered { ref tag, .. } => {
                if let Some(device) = fork.tagged(tag) {
                    self.tell(device, signal);
                }
            }
            CallSignal::Dtmf { exchange, .. } | CallSignal::Info { exchange, .. } | CallSignal::Transfer { exchange, .. } => {
                self.refuse(exchange, SignalFailure::new(481, "nobody has taken the call"));
            }
            _ => {}
        }
    }

    fn device_says(&mut self, from: LegId, signal: CallSignal, now: Instant) {
        let Phase::Ringing(fork) = &mut self.phase else { return };
        let by_leg = self.caller == Caller::Leg;
        match signal {
            CallSignal::Provisional { ref sdp, .. } => {
                let known = fork.provisional(from, sdp.as_ref(), now);
                if known && by_leg {
                    self.tell(LegId::CALLER, signal);
                } else if known {
                    self.report("ringing");
                }
            }
            CallSignal::Answer { tag, sdp, .. } => self.taken(from, tag, sdp, now),
            CallSignal::Refused(failure) => {
                fork.refused(from, failure);
                self.run_wishes();
            }
            CallSignal::Redirected { targets, ring_on } => {
                fork.redirected(from, targets, ring_on);
                self.run_wishes();
            }
            CallSignal::Offer { .. } if by_leg && fork.device(from).is_some() => self.tell(LegId::CALLER, signal),
            CallSignal::OfferResult { exchange, .. } if exchange.by == LegId::CALLER => self.tell(LegId::CALLER, signal),
            other => self.stranger_says(from, other),
        }
    }

    /// A device takes the call.
    fn taken(&mut self, from: LegId, tag: Tag, sdp: Option<Sdp>, now: Instant) {
        let Phase::Ringing(fork) = &mut self.phase else { return };
        let call_id = fork.invitation().call_id.clone();
        let Some((device, early)) = fork.taken(from) else {
            return self.too_late(from);
        };
        self.run_wishes();
        let by = device.party.clone();
        self.parties.insert(from, device.party);
        match self.caller.clone() {
            Caller::Leg => {
                self.phase = Phase::Talking { a: LegId::CALLER, b: from, offer: None };
                self.tell(LegId::CALLER, CallSignal::Answer { tag, by, call_id, sdp });
            }
            Caller::Server { then } => {
                self.report(&format!("connected to {}", by.address));
                self.report("calling peer");
                self.move_answered(from, sdp.or(early), then, now);
            }
        }
    }

    /// One of two ends speaks to the other.
    fn end_says(&mut self, from: LegId, to: LegId, signal: CallSignal) {
        let Phase::Talking { offer, .. } = &mut self.phase else { return };
        match signal {
            CallSignal::Offer { exchange, ref sdp, .. } => {
                // One at a time; the offer that a request has asked for takes its place.
                if sdp.is_some() && offer.is_some_and(|waiting| waiting.by == to) || offer.is_some_and(|waiting| waiting.by == from) {
                    return self.refuse_offer(exchange, 491);
                }
                *offer = Some(exchange);
                self.tell(to, signal);
            }
            CallSignal::OfferResult { exchange, .. } => {
                if *offer == Some(exchange) {
                    *offer = None;
                }
                self.tell(exchange.by, signal);
            }
            CallSignal::Acknowledged { .. } | CallSignal::Dtmf { .. } | CallSignal::Info { .. } => self.tell(to, signal),
            CallSignal::Done { exchange, .. } => self.tell(exchange.by, signal),
            CallSignal::Transfer { exchange, to: target } => self.begin(from, to, exchange, Some(target)),
            CallSignal::Bye(why) => self.hang_up(from, to, why),
            CallSignal::Refused(_) | CallSignal::Cancelled(_) => self.hang_up(from, to, None),
            // Late answers to early offers, and what only callers and devices say.
            _ => {}
        }
    }

    pub(super) fn hang_up(&mut self, from: LegId, to: LegId, why: Option<SignalFailure>) {
        self.parties.remove(&from);
        self.tell(to, CallSignal::Bye(why));
        self.end();
    }

    /// Another call asks for the end that is not `leaving`, with an offer of its own end.
    pub fn adopt(&mut self, leaving: LegId, sdp: Sdp) {
        let kept = match self.phase {
            Phase::Talking { a, b, offer: None } if a == leaving => b,
            Phase::Talking { a, b, offer: None } if b == leaving => a,
            _ => return self.out.push(Effect::Adopted(Err(SignalFailure::new(481, "the other call is not connected")))),
        };
        let exchange = self.exchange();
        self.phase = Phase::Leaving { kept, leaving, exchange };
        self.tell(kept, CallSignal::Offer { exchange, tag: None, sdp: Some(sdp) });
    }

    fn says_while_leaving(&mut self, from: LegId, signal: CallSignal) {
        let Phase::Leaving { kept, leaving, exchange } = self.phase else { return };
        match signal {
            CallSignal::OfferResult { exchange: answered, result } if answered == exchange => match result {
                Ok(sdp) => {
                    self.out.push(Effect::Adopted(Ok((kept, sdp))));
                    self.tell(leaving, CallSignal::Bye(None));
                    self.end();
                }
                Err(failure) => {
                    self.phase = Phase::Talking { a: kept, b: leaving, offer: None };
                    self.out.push(Effect::Adopted(Err(failure)));
                }
            },
            CallSignal::Bye(why) if from == kept || from == leaving => {
                self.out.push(Effect::Adopted(Err(SignalFailure::new(480, "the other call has ended"))));
                let to = if from == kept { leaving } else { kept };
                self.hang_up(from, to, why);
            }
            CallSignal::Offer { exchange, .. } => self.refuse_offer(exchange, 491),
            CallSignal::Dtmf { .. } | CallSignal::Info { .. } => {
                let to = if from == kept { leaving } else { kept };
                self.tell(to, signal);
            }
            CallSignal::Done { exchange, .. } => self.tell(exchange.by, signal),
            CallSignal::Transfer { exchange, .. } => self.refuse(exchange, SignalFailure::new(491, "a transfer is under way")),
            _ => {}
        }
    }

    /// An end wants the other one joined with the other end of another call: the actor around knows which.
    pub fn join(&mut self, leaving: LegId, exchange: Exchange) {
        match self.phase {
            Phase::Talking { a, b, .. } if a == leaving => self.begin(leaving, b, exchange, None),
            Phase::Talking { a, b, .. } if b == leaving => self.begin(leaving, a, exchange, None),
            _ => self.refuse(exchange, SignalFailure::new(481, "the call is not connected")),
        }
    }

    fn begin(&mut self, leaving: LegId, kept: LegId, exchange: Exchange, to: Option<CallTarget>) {
        if matches!(self.phase, Phase::Talking { offer: Some(_), .. }) {
            return self.refuse(exchange, SignalFailure::new(491, "an update of this call is under way"));
        }
        let asked = self.exchange();
        let by = (leaving, self.party(leaving).address);
        let leaving = Some(Leaving { leg: leaving, exchange });
        self.phase = Phase::Moving(Moving { kept, leaving, stage: Stage::Soliciting { asked, to, by } });
        self.tell(kept, CallSignal::Offer { exchange: asked, tag: None, sdp: None });
    }

    /// The end that stays is told how its offer was taken.
    pub(super) fn complete(&mut self, kept: LegId, pending: Pending, result: Result<Option<Sdp>, SignalFailure>) {
        match (pending, result) {
            (Pending::Offer(exchange), result) => self.tell(kept, CallSignal::OfferResult { exchange, result }),
            (Pending::Answer, Ok(sdp)) => self.tell(kept, CallSignal::Acknowledged { sdp }),
            (Pending::Answer, Err(failure)) => self.tell(kept, CallSignal::Bye(Some(failure))),
        }
    }
}

#[cfg(test)]
mod tests;
