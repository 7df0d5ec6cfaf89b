//! The actors around the machines: [`CallLeg`] for one client's leg, [`Call`] for what the legs of a call have in common.
//!
//! They tell each other and never wait for one another. What a leg may say is bounded by what its client may ask (a
//! pace per session) and by its machine; a leg whose client does not listen ends as if the session had.
//! Spec: XIMSS, "Signaling".

mod finding;
mod leg;

pub use leg::{Ask, CallLeg, ClientBack, ClientLost, JoinWith, Place, SessionEnded, Where};

use super::counted::{CALLS, Counted};
use super::fork::{Device, Invitation};
use super::hub::{Caller as Maker, Effect, Hub};
use super::leg::Leg;
use super::log::{CallLog, Line};
use super::shown::Shown;
use super::stages::{Point, Question, Verdict};
use crate::domain::access::Caller;
use crate::domain::house::House;
use crate::domain::sessions;
use crate::domain::signals::{Binding, Inbox};
use crate::domain::strangers::{Standing, standing_of_all};
use crate::domain::tell::tell;
use crate::model::call::{CallId, CallParty, CallSignal, CallTarget, Exchange, LegId, LegName, Tag};
use crate::model::fault::{Fault, Outcome};
use crate::model::names::AccountAddress;
use crate::model::signal::{Sdp, Signal, SignalFailure};
use crate::model::time::Timestamp;
use actix::{Actor, ActorContext, Addr, AsyncContext, Context, Handler, Message, SpawnHandle, WrapFuture};
use leg::{BelongsTo, FromCall};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a callee's rules may take.
const DECIDING: Duration = Duration::from_secs(5);

/// Sessions that are to ring.
type Devices = Vec<Arc<Binding>>;

/// A leg speaks to its call.
#[derive(Message)]
#[rtype(result = "()")]
struct FromLeg(LegId, CallSignal);

/// The client of a leg hears there from now on.
#[derive(Message)]
#[rtype(result = "()")]
struct HearsAt(LegId, Inbox);

/// What a callee's rules have answered, and how those who asked stand to its account.
#[derive(Message)]
#[rtype(result = "()")]
struct Decided(Point, Verdict, Standing);

/// An end of this call wants the other one joined with an end of another call.
#[derive(Message)]
#[rtype(result = "()")]
struct Join {
    leaving: LegId,
    exchange: Exchange,
    other: Place,
}

/// Another call asks for an end of this one, with an offer.
#[derive(Message)]
#[rtype(result = "()")]
struct Adopt {
    leaving: LegId,
    sdp: Sdp,
    by: Addr<Call>,
}

/// An end that another call has given. Where nobody takes it, because the call that asked has ended, it ends too.
struct Given {
    leg: Option<Addr<CallLeg>>,
    party: CallParty,
    owner: Option<AccountAddress>,
    sdp: Option<Sdp>,
    line: Option<Line>,
    house: Arc<House>,
}

impl Drop for Given {
    fn drop(&mut self) {
        if let Some(leg) = self.leg.take() {
            tell(&leg, FromCall(CallSignal::Bye(Some(SignalFailure::new(480, "the other call has ended")))));
        }
        if let Some(line) = self.line.take() {
            line.note(&self.house.journal, Timestamp::now());
        }
    }
}

#[derive(Message)]
#[rtype(result = "()")]
struct Adopted(Result<Given, SignalFailure>);

/// A call.
pub struct Call {
    house: Arc<House>,
    hub: Hub,
    legs: HashMap<LegId, Addr<CallLeg>>,
    /// Whose the legs are, those included that have gone; and whose the call is, where the server makes it.
    owners: HashMap<LegId, AccountAddress>,
    last_leg: u32,
    /// Where the client of each leg hears: whoever calls is not rung by its own call.
    inboxes: HashMap<LegId, Inbox>,
    /// Where reports go.
    reports: Inbox,
    /// The other call of a transfer, from this one's end that leaves.
    other: Option<Place>,
    /// Who asked this call for one of its ends.
    adopter: Option<Addr<Call>>,
    log: CallLog,
    timer: Option<(SpawnHandle, Instant)>,
    _counted: Counted,
}

/// A call to be made.
pub struct Making {
    /// Who calls.
    pub from: CallParty,
    /// Whom.
    pub target: CallTarget,
    /// Whom, as the client has named them.
    pub to: CallParty,
    /// The offer.
    pub sdp: Option<Sdp>,
    /// The session.
    pub inbox: Inbox,
    /// Its account.
    pub owner: Caller,
    /// Others see that the account is in a call.
    pub shown: bool,
}

impl Call {
    /// Makes a call from a session. Its leg answers what the client asks by this name.
    pub fn make(house: Arc<House>, name: LegName, making: Making) -> Outcome<Addr<CallLeg>> {
        let Making { from, target, to, sdp, inbox, owner, shown } = making;
        let shown = Shown::of(&house, &owner, shown);
        let call_id = CallId(sessions::new_id()?);
        let machine = Leg::caller(call_id.clone(), sdp.is_some(), Instant::now());
        let invitation = Invitation { call_id, from, transferred_by: None, sdp, askers: vec![LegId::CALLER] };
        let (reports, inboxes) = (inbox.clone(), HashMap::from([(LegId::CALLER, inbox.clone())]));
        // The call needs the leg's address and the leg the call's: the call is made first, and starts when it has both.
        let mut made = None;
        Self::create(|ctx| {
            let place = Place { call: ctx.address(), leg: LegId::CALLER };
            let leg = CallLeg::new(machine, name, place, inbox, shown).start();
            made = Some(leg.clone());
            let mut legs = HashMap::new();
            legs.insert(LegId::CALLER, leg);
            let log = CallLog::begin(&invitation.from, to, Timestamp::now());
            let hub = Hub::new(Maker::Leg, invitation, target, Instant::now());
            Self { legs, inboxes, ..Self::new(house, owner.address, hub, log, reports) }
        });
        made.ok_or_else(Fault::internal)
    }

    /// Rings an account's own devices and connects the one that answers with somebody, whom the client has named `to`.
    /// Reports go to `reports`.
    pub fn connect(
        house: Arc<House>,
        account: &AccountAddress,
        from: CallParty,
        then: CallTarget,
        to: CallParty,
        reports: Inbox,
    ) -> Outcome<()> {
        let log = CallLog::begin(&from, to, Timestamp::now());
        let call_id = CallId(sessions::new_id()?);
        let invitation = Invitation { call_id, from, transferred_by: None, sdp: None, askers: vec![LegId::CALLER] };
        let hub = Hub::new(Maker::Server { then }, invitation, CallTarget::Account(account.clone()), Instant::now());
        Self::new(house, account.clone(), hub, log, reports).start();
        Ok(())
    }

    fn new(house: Arc<House>, owner: AccountAddress, hub: Hub, log: CallLog, reports: Inbox) -> Self {
        Self {
            house,
            hub,
            legs: HashMap::new(),
            owners: HashMap::from([(LegId::CALLER, owner)]),
            last_leg: LegId::CALLER.0,
            inboxes: HashMap::new(),
            reports,
            other: None,
            adopter: None,
            log,
            timer: None,
            _counted: Counted::new(CALLS),
        }
    }

    fn next_leg(&mut self) -> LegId {
        self.last_leg += 1;
        LegId(self.last_leg)
    }

    fn run(&mut self, ctx: &mut Context<Self>) {
        loop {
            let effects = self.hub.effects();
            if effects.is_empty() {
                break;
            }
            effects.into_iter().for_each(|effect| self.carry_out(effect, ctx));
        }
        self.log.talk(self.hub.talking(), |leg| self.hub.party(leg), Timestamp::now());
        if self.hub.is_over() {
            return ctx.stop();
        }
        self.watch_time(ctx);
    }

    fn watch_time(&mut self, ctx: &mut Context<Self>) {
        let Some(deadline) = self.hub.deadline() else { return };
        if self.timer.is_some_and(|(_, at)| at <= deadline) {
            return;
        }
        let timer = ctx.run_later(deadline.saturating_duration_since(Instant::now()), |call, ctx| {
            call.timer = None;
            call.hub.tick(Instant::now());
            call.run(ctx);
        });
        if let Some((old, _)) = self.timer.replace((timer, deadline)) {
            ctx.cancel_future(old);
        }
    }

    fn carry_out(&mut self, effect: Effect, ctx: &mut Context<Self>) {
        match effect {
            Effect::Tell(leg, signal) => {
                if let Some(leg) = self.legs.get(&leg) {
                    tell(leg, FromCall(signal));
                }
            }
            Effect::Ring(target) => self.look_up(target, ctx),
            Effect::Consult(question) => self.consult(*question, ctx),
            // A session that is gone does not hear it.
            Effect::Report(text) => drop(self.reports.push(Signal::CallReport(text))),
            Effect::Join(sdp) => match self.other.take() {
                Some(other) if other.call.connected() => tell(&other.call, Adopt { leaving: other.leg, sdp, by: ctx.address() }),
                _ => self.hub.joined(Err(SignalFailure::new(481, "the other call does not exist"))),
            },
            Effect::Adopted(outcome) => {
                let Some(by) = self.adopter.take() else { return };
                let given = outcome.and_then(|(leg, sdp)| {
                    let gone = || SignalFailure::new(481, "the other call has ended");
                    let (party, owner) = (self.hub.party(leg), self.owners.get(&leg).cloned());
                    let (addr, house) = (self.legs.remove(&leg).ok_or_else(gone)?, self.house.clone());
                    Ok(Given { leg: Some(addr), party, owner, sdp, line: self.log.give(leg), house })
                });
                tell(&by, Adopted(given));
            }
        }
    }

    /// Asks the callee's rules, who have only so long.
    fn consult(&mut self, question: Question, ctx: &mut Context<Self>) {
        let Some(decision) = self.house.call_rules.decide(&question) else {
            return self.hub.decided(&question.point, Verdict::none(), Instant::now());
        };
        let (call, store, askers) = (ctx.address(), self.house.store.clone(), self.askers());
        let work = async move {
            let verdict = tokio::time::timeout(DECIDING, decision).await.unwrap_or_else(|_| Verdict::none());
            let standing = standing_of_all(&store, askers, &question.point.callee).await;
            tell(&call, Decided(question.point, verdict, standing));
        };
        ctx.spawn(work.into_actor(self));
    }

    fn rung(&mut self, target: CallTarget, bindings: Vec<Arc<Binding>>, ctx: &mut Context<Self>) {
        let devices = bindings.iter().filter_map(|binding| self.device(binding, ctx.address()).ok()).collect();
        self.hub.rung(&target, devices, Instant::now());
    }

    fn device(&mut self, binding: &Binding, call: Addr<Self>) -> Outcome<Device> {
        let shown = Shown::of(&self.house, &binding.caller, binding.shows_calls());
        self.log.rung(&binding.caller.address, Timestamp::now());
        let owner = binding.caller.address.clone();
        let party = CallParty { address: binding.caller.address.to_string(), name: binding.real_name.clone() };
        self.leg(binding.inbox.clone(), owner, party, shown, call)
    }

    /// A leg for whoever takes its signals there.
    fn leg(&mut self, inbox: Inbox, owner: AccountAddress, party: CallParty, shown: Shown, call: Addr<Self>) -> Outcome<Device> {
        let (leg, tag) = (self.next_leg(), Tag(sessions::new_id()?.get(..8).unwrap_or("device").to_owned()));
        let machine = Leg::callee(leg, tag.clone(), Instant::now());
        self.inboxes.insert(leg, inbox.clone());
        let actor = CallLeg::new(machine, inbox.next_call(), Place { call, leg }, inbox, shown).start();
        self.legs.insert(leg, actor);
        self.owners.insert(leg, owner);
        Ok(Device { leg, tag, party })
    }
}

impl Actor for Call {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.run(ctx);
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.log.end(&self.house.journal, Timestamp::now());
    }
}

impl Handler<FromLeg> for Call {
    type Result = ();
    fn handle(&mut self, FromLeg(leg, signal): FromLeg, ctx: &mut Self::Context) {
        self.hub.hear(leg, signal, Instant::now());
        self.run(ctx);
    }
}

impl Handler<HearsAt> for Call {
    type Result = ();
    fn handle(&mut self, HearsAt(leg, inbox): HearsAt, _: &mut Self::Context) {
        self.inboxes.insert(leg, inbox);
    }
}

impl Handler<Decided> for Call {
    type Result = ();
    fn handle(&mut self, Decided(point, verdict, standing): Decided, ctx: &mut Self::Context) {
        self.note_standing(&point.callee, standing);
        self.hub.decided(&point, verdict, Instant::now());
        self.run(ctx);
    }
}

impl Handler<Join> for Call {
    type Result = ();
    fn handle(&mut self, Join { leaving, exchange, other }: Join, ctx: &mut Self::Context) {
        self.other = Some(other);
        self.hub.join(leaving, exchange);
        self.run(ctx);
    }
}

impl Handler<Adopt> for Call {
    type Result = ();
    fn handle(&mut self, Adopt { leaving, sdp, by }: Adopt, ctx: &mut Self::Context) {
        if self.adopter.is_some() {
            return tell(&by, Adopted(Err(SignalFailure::new(491, "a transfer is under way"))));
        }
        self.adopter = Some(by);
        self.hub.adopt(leaving, sdp);
        self.run(ctx);
    }
}

impl Handler<Adopted> for Call {
    type Result = ();
    fn handle(&mut self, Adopted(given): Adopted, ctx: &mut Self::Context) {
        let joined = given.map(|mut given| {
            let id = self.next_leg();
            self.log.take_in(given.line.take(), id);
            if let Some(leg) = given.leg.take() {
                tell(&leg, BelongsTo(Place { call: ctx.address(), leg: id }));
                self.legs.insert(id, leg);
                self.owners.extend(given.owner.take().map(|owner| (id, owner)));
            }
            (id, given.party.clone(), given.sdp.take())
        });
        self.hub.joined(joined);
        self.run(ctx);
    }
}

#[cfg(test)]
mod tests;
