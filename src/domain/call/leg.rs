//! The machine of one client's leg of a call: what the client asks, what the call says, and the time come in; what is
//! to be told to either goes out. No I/O; the actor around it carries what is said.
//!
//! A leg is undead in no state: each ends by a word of either side, by the end of the session, or by the time. One whose
//! client has lost its connection waits a moment for it (`away`).
//! Spec: XIMSS, "Signaling"; RFC 3261 12 to 15, RFC 3264, RFC 3311 (updates before an answer), RFC 3262 (reliable
//! provisional responses, which between our own legs all are).

pub mod away;
mod hearing;
mod operations;

use super::slots::{Slot, Slots, Told};
use crate::model::call::{CallEvent, CallId, CallParty, CallSignal, CallTarget, Exchange, LegId, Tag};
use crate::model::fault::{Fault, Outcome};
use crate::model::signal::{Fragment, Sdp, SignalFailure};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How long a dead leg keeps its name for the client to release it.
const REAPED_AFTER: Duration = Duration::from_secs(300);

/// Which end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// It made the call.
    Caller,
    /// It is rung.
    Callee,
}

/// How a leg's client goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Departure {
    /// With its session, whatever ended that.
    OfSession,
    /// With the server.
    OfServer,
}

/// How far a leg is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// A caller whose call nobody has taken.
    Calling,
    /// A caller whose call was taken with an offer that it has not answered.
    Connecting,
    /// A callee that has not answered.
    Alerting,
    /// A callee that has answered and waits to hear that it was first.
    Accepting,
    /// Both ends talk.
    Connected,
    /// It is over; the client has not released it.
    Dead,
}

/// What the client asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// `callProvision`
    Provision(Option<Sdp>),
    /// `callAccept`
    Accept(Option<Sdp>),
    /// `callReject`
    Reject(SignalFailure),
    /// `callRedirect`
    Redirect {
        /// Whom to ring.
        targets: Vec<CallTarget>,
        /// This leg rings on.
        ring_on: bool,
    },
    /// `callUpdate`
    Update {
        /// The device, while the call is outgoing.
        tag: Option<Tag>,
        /// The offer.
        sdp: Option<Sdp>,
    },
    /// `callUpdateAccept`
    UpdateAccept {
        /// The device.
        tag: Option<Tag>,
        /// The answer.
        sdp: Option<Sdp>,
    },
    /// `callUpdateReject`
    UpdateReject {
        /// The device.
        tag: Option<Tag>,
        /// Why.
        failure: SignalFailure,
    },
    /// `callSendDTMF`
    Dtmf(u8),
    /// `callSendInfo`
    Info(Fragment),
    /// `callTransfer` to somebody.
    Transfer(CallTarget),
    /// `callKill`
    Kill,
}

/// What a leg says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// To its client.
    Client(CallEvent),
    /// To the call.
    Call(CallSignal),
}

/// A callee's session description before it has answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Early {
    /// None.
    Nothing,
    /// It has made an offer that the caller has not answered.
    Offered,
    /// Both sides have one.
    Settled,
}

/// The machine.
#[derive(Debug)]
pub struct Leg {
    id: LegId,
    side: Side,
    state: State,
    call_id: CallId,
    /// What callers know this device by; of a caller, what it knows the other by.
    tag: Tag,
    /// The invitation bore an offer.
    offered: bool,
    early: Early,
    /// A caller without an offer of its own: devices whose offer it has answered.
    settled: Vec<Tag>,
    /// Who is at the other end since a transfer, until the client has been told with an update.
    moved: Option<CallParty>,
    slots: Slots,
    held: VecDeque<CallSignal>,
    /// The offer or request of this leg that is under way.
    update: Option<(Exchange, Option<Tag>)>,
    operations: VecDeque<Exchange>,
    /// The last transfer that the client has asked for; it is under way while it is among the operations.
    transfer: Option<Exchange>,
    exchanges: u32,
    /// Who is at the other end.
    peer: CallParty,
    /// Since when its client is gone for whom it waits.
    away: Option<Instant>,
    since: Instant,
    out: Vec<Said>,
}

impl Leg {
    /// A leg that makes a call, with an offer or without.
    pub fn caller(call_id: CallId, offered: bool, now: Instant) -> Self {
        Self::new(LegId::CALLER, Side::Caller, call_id, Tag(String::new()), offered, now)
    }

    /// A leg that is rung. It learns who calls by the invitation.
    pub fn callee(id: LegId, tag: Tag, now: Instant) -> Self {
        Self::new(id, Side::Callee, CallId(String::new()), tag, false, now)
    }

    fn new(id: LegId, side: Side, call_id: CallId, tag: Tag, offered: bool, now: Instant) -> Self {
        let state = if side == Side::Caller { State::Calling } else { State::Alerting };
        Self {
            id,
            side,
            state,
            call_id,
            tag,
            offered,
            early: Early::Nothing,
            settled: Vec::new(),
            moved: None,
            slots: Slots::default(),
            held: VecDeque::new(),
            update: None,
            operations: VecDeque::new(),
            transfer: None,
            exchanges: 0,
            peer: CallParty { address: String::new(), name: None },
            away: None,
            since: now,
            out: Vec::new(),
        }
    }

    /// How far it is.
    pub fn state(&self) -> State {
        self.state
    }

    /// When the machine wants to be told the time.
    pub fn deadline(&self) -> Option<Instant> {
        if self.state == State::Dead {
            return Some(self.since + REAPED_AFTER);
        }
        self.slots.deadline().into_iter().chain(self.grace_ends()).min()
    }

    /// Takes what is to be said.
    pub fn said(&mut self) -> Vec<Said> {
        std::mem::take(&mut self.out)
    }

    fn tell(&mut self, event: CallEvent) {
        // A client that is away does not hear it, and learns how things are when it is back.
        if self.away.is_none() {
            self.out.push(Said::Client(event));
        }
    }

    fn call(&mut self, signal: CallSignal) {
        self.out.push(Said::Call(signal));
    }

    fn updated(&mut self, tag: Option<Tag>, result: Result<Option<Sdp>, SignalFailure>) {
        let peer = self.moved.take();
        self.tell(CallEvent::Updated { tag, peer, result });
    }

    fn die(&mut self, why: Option<SignalFailure>, now: Instant) {
        self.die_with(CallEvent::Disconnected(why), now);
    }

    fn die_with(&mut self, last: CallEvent, now: Instant) {
        if self.state != State::Dead {
            (self.state, self.since) = (State::Dead, now);
            self.slots.clear();
            self.held.clear();
            (self.update, self.early) = (None, Early::Nothing);
            self.operations.clear();
            self.tell(last);
        }
    }

    fn exchange(&mut self) -> Exchange {
        self.exchanges += 1;
        Exchange { by: self.id, number: self.exchanges }
    }

    /// The client asks. What is refused changes nothing.
    pub fn command(&mut self, command: Command, now: Instant) -> Outcome<()> {
        if self.state == State::Dead && command != Command::Kill {
            return Err(Fault::state("call is disconnected"));
        }
        match command {
            Command::Provision(sdp) => self.provision(sdp),
            Command::Accept(sdp) => self.accept(sdp),
            Command::Reject(failure) => self.reject(failure, now),
            Command::Redirect { targets, ring_on } => self.redirect(targets, ring_on, now),
            Command::Update { tag, sdp } => self.offer(tag, sdp),
            Command::UpdateAccept { tag, sdp } => self.answer(tag.as_ref(), sdp, now),
            Command::UpdateReject { tag, failure } => {
                let slot = self.slots.reject(tag.as_ref())?;
                self.rejected(slot, failure, now);
                self.unhold(now);
                Ok(())
            }
            Command::Dtmf(key) => self.operate(|exchange| CallSignal::Dtmf { exchange, key }),
            Command::Info(body) => self.operate(|exchange| CallSignal::Info { exchange, body }),
            Command::Transfer(to) => {
                let exchange = self.begin_transfer()?;
                self.call(CallSignal::Transfer { exchange, to });
                Ok(())
            }
            Command::Kill => {
                self.kill();
                Ok(())
            }
        }
    }

    fn need(&self, states: &[State]) -> Outcome<()> {
        if states.contains(&self.state) { Ok(()) } else { Err(Fault::state("this is not possible in the state of the call")) }
    }

    fn provision(&mut self, sdp: Option<Sdp>) -> Outcome<()> {
        self.need(&[State::Alerting])?;
        let code = if sdp.is_some() { 183 } else { 180 };
        match (&sdp, self.offered, self.early) {
            (Some(_), false, Early::Nothing) => self.early = Early::Offered,
            (Some(_), false, _) => return Err(Fault::state("an offer of this leg waits for its answer, or has it")),
            (Some(_), true, _) => self.early = Early::Settled,
            (None, ..) => {}
        }
        let waits = self.early == Early::Offered && sdp.is_some();
        self.call(CallSignal::Provisional { tag: self.tag.clone(), code, sdp });
        if !waits {
            self.updated(None, Ok(None));
        }
        Ok(())
    }

    fn accept(&mut self, sdp: Option<Sdp>) -> Outcome<()> {
        self.need(&[State::Alerting])?;
        match (&sdp, self.offered, self.early) {
            (_, _, Early::Offered) => return Err(Fault::state("the caller has not answered the offer of this leg yet")),
            (None, _, Early::Nothing) => return Err(Fault::missing("SDP")),
            (Some(_), false, Early::Settled) => return Err(Fault::state("the offer of this leg has its answer")),
            _ => {}
        }
        self.state = State::Accepting;
        let by = CallParty { address: String::new(), name: None };
        self.call(CallSignal::Answer { tag: self.tag.clone(), by, call_id: self.call_id.clone(), sdp });
        Ok(())
    }

    fn reject(&mut self, failure: SignalFailure, now: Instant) -> Outcome<()> {
        self.need(&[State::Alerting])?;
        self.call(CallSignal::Refused(failure));
        self.end_quietly(now);
        Ok(())
    }

    fn redirect(&mut self, targets: Vec<CallTarget>, ring_on: bool, now: Instant) -> Outcome<()> {
        self.need(&[State::Alerting])?;
        self.call(CallSignal::Redirected { targets, ring_on });
        if !ring_on {
            self.end_quietly(now);
        }
        Ok(())
    }

    /// The client has ended it and knows.
    fn end_quietly(&mut self, now: Instant) {
        self.die(None, now);
        self.out.retain(|said| !matches!(said, Said::Client(CallEvent::Disconnected(_))));
    }

    /// An offer of this leg's, the request for one from a callee that has not answered, or the word that all is well; of a
    /// device that a caller names the call knows that.
    fn offer(&mut self, tag: Option<Tag>, sdp: Option<Sdp>) -> Outcome<()> {
        self.need(&[State::Calling, State::Alerting, State::Connected])?;
        let names_none = self.state == State::Calling && tag.is_none();
        if sdp.is_none() && (self.state == State::Connected || names_none) {
            self.updated(None, Ok(None));
            return Ok(());
        }
        if self.update.is_some() {
            return Err(Fault::state("another update of this call is under way"));
        }
        let (tag, solicited) = self.concerned(tag, sdp.is_some())?;
        if let Some(Slot { told: Told::Solicited(exchange), .. }) = solicited {
            self.call(CallSignal::OfferResult { exchange, result: Ok(None) });
        }
        let exchange = self.exchange();
        self.update = Some((exchange, tag.clone()));
        let named = if self.side == Side::Callee && self.state == State::Alerting { Some(self.tag.clone()) } else { tag };
        self.call(CallSignal::Offer { exchange, tag: named, sdp });
        Ok(())
    }

    /// Which device an update concerns, and the request it answers.
    fn concerned(&mut self, tag: Option<Tag>, offers: bool) -> Outcome<(Option<Tag>, Option<Slot>)> {
        let solicited = if offers { self.slots.solicited(tag.as_ref()) } else { None };
        if self.state != State::Calling {
            return Ok((None, solicited));
        }
        let tag = tag.or_else(|| solicited.as_ref().and_then(|slot| slot.tag.clone()));
        match tag {
            Some(tag) => Ok((Some(tag), solicited)),
            None => Err(Fault::state("no device has asked for an offer, or several have: the tag says which is meant")),
        }
    }

    /// `callUpdateAccept`.
    fn answer(&mut self, tag: Option<&Tag>, sdp: Option<Sdp>, now: Instant) -> Outcome<()> {
        let slot = self.slots.accept(tag, sdp.as_ref())?;
        match slot.told {
            Told::Provisioned if slot.offer => {
                let tag = slot.tag.unwrap_or_else(|| Tag(String::new()));
                self.settled.push(tag.clone());
                self.call(CallSignal::ProvisionalAnswered { tag, result: Ok(sdp) });
            }
            Told::Provisioned => {}
            Told::Connected => {
                if self.state == State::Connecting {
                    self.state = State::Connected;
                    self.call(CallSignal::Acknowledged { sdp });
                }
            }
            Told::Request(exchange) => {
                self.settled.extend(slot.tag);
                if self.state == State::Alerting {
                    self.early = Early::Settled;
                }
                self.call(CallSignal::OfferResult { exchange, result: Ok(sdp) });
            }
            // Without an offer nothing is answered: it is refused.
            Told::Solicited(exchange) => {
                let result = Err(SignalFailure::new(488, "no offer was made"));
                self.call(CallSignal::OfferResult { exchange, result });
            }
            Told::Back => {}
        }
        self.unhold(now);
        Ok(())
    }

    fn rejected(&mut self, slot: Slot, failure: SignalFailure, now: Instant) {
        match slot.told {
            Told::Provisioned if slot.offer => {
                let tag = slot.tag.unwrap_or_else(|| Tag(String::new()));
                self.call(CallSignal::ProvisionalAnswered { tag, result: Err(failure) });
            }
            Told::Provisioned => {}
            Told::Connected => {
                self.call(CallSignal::Bye(Some(failure.clone())));
                self.die(Some(failure), now);
            }
            Told::Request(exchange) | Told::Solicited(exchange) => {
                self.call(CallSignal::OfferResult { exchange, result: Err(failure) });
            }
            Told::Back => {}
        }
    }

    fn kill(&mut self) {
        match self.state {
            State::Calling => self.call(CallSignal::Cancelled(None)),
            State::Alerting => self.call(CallSignal::Refused(SignalFailure::new(603, "Declined"))),
            State::Accepting | State::Connecting | State::Connected => self.call(CallSignal::Bye(None)),
            State::Dead => {}
        }
        self.state = State::Dead;
    }

    /// The session is gone, and the client with it.
    pub fn session_ended(&mut self, how: Departure) {
        let why = |text| match how {
            Departure::OfSession => SignalFailure::new(480, text),
            Departure::OfServer => SignalFailure::server_ends(),
        };
        match self.state {
            State::Calling => self.call(CallSignal::Cancelled(None)),
            State::Alerting => self.call(CallSignal::Refused(why("the client is gone"))),
            State::Accepting | State::Connecting | State::Connected => self.call(CallSignal::Bye(Some(why("session closed")))),
            State::Dead => {}
        }
        self.state = State::Dead;
    }

    /// The client will not answer this any more.
    fn unanswered(&mut self, slot: Slot, now: Instant) {
        if slot.offer || matches!(slot.told, Told::Solicited(_)) {
            let code = match slot.told {
                Told::Solicited(_) => 480,
                Told::Connected => 408,
                _ => 488,
            };
            self.rejected(slot, SignalFailure::new(code, "the client did not answer"), now);
        }
    }

    /// The time. True where the leg is to be let go.
    pub fn tick(&mut self, now: Instant) -> bool {
        if self.grace_ends().is_some_and(|end| now >= end) {
            self.session_ended(Departure::OfSession);
            return true;
        }
        while let Some(slot) = self.slots.expired(now) {
            self.unanswered(slot, now);
            self.unhold(now);
        }
        self.state == State::Dead && now.saturating_duration_since(self.since) >= REAPED_AFTER
    }
}
