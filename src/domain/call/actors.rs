//! The actors around the machines: [`CallLeg`] for one client's leg, [`Call`] for what the legs of a call have in common.
//!
//! They tell each other and never wait for one another. What a leg may say is bounded by what its client may ask (a
//! pace per session) and by its machine; a leg whose client does not listen ends as if the session had.
//! Spec: XIMSS, "Signaling".

mod leg;

pub use leg::{Ask, CallLeg, JoinWith, Place, SessionEnded, Where};

use super::counted::{CALLS, Counted};
use super::fork::{Device, Invitation};
use super::hub::{Caller as Maker, Effect, Hub};
use super::leg::Leg;
use super::log::CallLog;
use super::shown::Shown;
use super::stages::{Point, Question, Verdict};
use crate::domain::access::Caller;
use crate::domain::account_rights;
use crate::domain::house::House;
use crate::domain::sessions;
use crate::domain::signals::{Binding, Inbox};
use crate::domain::tasks::called;
use crate::domain::tell::tell;
use crate::model::call::{Application, CallId, CallParty, CallSignal, CallTarget, Exchange, LegId, LegName, Tag};
use crate::model::fault::{Fault, Outcome};
use crate::model::names::AccountAddress;
use crate::model::rights::AccountRights;
use crate::model::signal::{Sdp, Signal, SignalFailure};
use crate::model::time::Timestamp;
use crate::store::accounts;
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

/// Why a target has no device.
#[derive(Message)]
#[rtype(result = "()")]
struct LookedUp(CallTarget, SignalFailure);

/// An application that was called is found, or is not.
#[derive(Message)]
#[rtype(result = "()")]
struct Opened(CallTarget, Result<called::Found, SignalFailure>);

/// The sessions that ring for an account, those of others among them.
#[derive(Message)]
#[rtype(result = "()")]
struct Ringing(CallTarget, AccountAddress, Devices);

/// What a callee's rules have answered.
#[derive(Message)]
#[rtype(result = "()")]
struct Decided(Point, Verdict);

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
    sdp: Option<Sdp>,
}

impl Drop for Given {
    fn drop(&mut self) {
        if let Some(leg) = self.leg.take() {
            tell(&leg, FromCall(CallSignal::Bye(Some(SignalFailure::new(480, "the other call has ended")))));
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
    last_leg: u32,
    /// Whose session made the call: it is not rung. Reports go there too.
    maker: Inbox,
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
        let invitation = Invitation { call_id, from, transferred_by: None, sdp };
        let maker = inbox.clone();
        // The call needs the leg's address and the leg the call's: the call is made first, and starts when it has both.
        let mut made = None;
        Self::create(|ctx| {
            let place = Place { call: ctx.address(), leg: LegId::CALLER };
            let leg = CallLeg::new(machine, name, place, inbox, shown).start();
            made = Some(leg.clone());
            let mut legs = HashMap::new();
            legs.insert(LegId::CALLER, leg);
            let log = CallLog::begin(invitation.from.clone(), to, Timestamp::now());
            Self::new(house, Hub::new(Maker::Leg, invitation, target, Instant::now()), log, legs, maker)
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
        let log = CallLog::begin(from.clone(), to, Timestamp::now());
        let invitation = Invitation { call_id: CallId(sessions::new_id()?), from, transferred_by: None, sdp: None };
        let hub = Hub::new(Maker::Server { then }, invitation, CallTarget::Account(account.clone()), Instant::now());
        Self::new(house, hub, log, HashMap::new(), reports).start();
        Ok(())
    }

    fn new(house: Arc<House>, hub: Hub, log: CallLog, legs: HashMap<LegId, Addr<CallLeg>>, maker: Inbox) -> Self {
        Self {
            house,
            hub,
            legs,
            last_leg: LegId::CALLER.0,
            maker,
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
                if let CallSignal::Answer { by, .. } | CallSignal::Moved { to: by, .. } = &signal {
                    self.log.taken(by, Timestamp::now());
                }
                if let Some(leg) = self.legs.get(&leg) {
                    tell(leg, FromCall(signal));
                }
            }
            Effect::Ring(target) => self.look_up(target, ctx),
            Effect::Consult(question) => self.consult(*question, ctx),
            // A session that is gone does not hear it.
            Effect::Report(text) => drop(self.maker.push(Signal::CallReport(text))),
            Effect::Join(sdp) => match self.other.take() {
                Some(other) if other.call.connected() => tell(&other.call, Adopt { leaving: other.leg, sdp, by: ctx.address() }),
                _ => self.hub.joined(Err(SignalFailure::new(481, "the other call does not exist"))),
            },
            Effect::Adopted(outcome) => {
                let Some(by) = self.adopter.take() else { return };
                let given = outcome.and_then(|(leg, sdp)| {
                    let gone = || SignalFailure::new(481, "the other call has ended");
                    let party = self.hub.party(leg);
                    self.legs.remove(&leg).map(|leg| Given { leg: Some(leg), party, sdp }).ok_or_else(gone)
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
        let call = ctx.address();
        let work = async move {
            let verdict = tokio::time::timeout(DECIDING, decision).await.unwrap_or_else(|_| Verdict::none());
            tell(&call, Decided(question.point, verdict));
        };
        ctx.spawn(work.into_actor(self));
    }

    /// Finds the devices of a target: at once where there are any, else the store is asked whether there is somebody.
    fn look_up(&mut self, target: CallTarget, ctx: &mut Context<Self>) {
        let bindings = &self.house.signals;
        let (address, found) = match &target {
            CallTarget::Account(address) => (address.clone(), bindings.of(address)),
            CallTarget::Device(address, client) => (address.clone(), bindings.find(address, client).into_iter().collect()),
            CallTarget::Application(application) => return self.open(application.clone(), ctx),
            CallTarget::Foreign(_) => return self.hub.not_rung(&target, SignalFailure::new(404, "there is no way to this address")),
        };
        let found: Vec<_> = found.into_iter().filter(|binding| self.rings(binding)).collect();
        if matches!(target, CallTarget::Account(_)) {
            let others: Vec<_> = bindings.on_behalf_of(&address).into_iter().filter(|binding| self.rings(binding)).collect();
            if !others.is_empty() {
                return self.ring_others_too(target, address, (found, others), ctx);
            }
        }
        if !found.is_empty() {
            return self.rung(target, found, ctx);
        }
        self.find_out_why(target, address, ctx);
    }

    /// Sessions of others ring that take the calls of an account, as far as its rights let them.
    fn ring_others_too(&mut self, target: CallTarget, account: AccountAddress, rung: (Devices, Devices), ctx: &mut Context<Self>) {
        let (store, call, (mut devices, others)) = (self.house.store.clone(), ctx.address(), rung);
        let asked = account.clone();
        let work = async move {
            // After a fault, which the store has logged, nobody has rights.
            let acl = store.read(move |tx| account_rights::acl(tx, &asked)).await.unwrap_or_default().unwrap_or_default();
            let may = |binding: &Arc<Binding>| acl.effective(&binding.caller.address, &account).has(AccountRights::CALLS);
            devices.extend(others.into_iter().filter(may));
            tell(&call, Ringing(target, account, devices));
        };
        ctx.spawn(work.into_actor(self));
    }

    /// Nothing rings: why.
    fn find_out_why(&mut self, target: CallTarget, address: AccountAddress, ctx: &mut Context<Self>) {
        let (store, call) = (self.house.store.clone(), ctx.address());
        let work = async move {
            let known =
                store.read(move |tx| Ok((accounts::domain(tx, &address.domain)?.is_some(), accounts::find(tx, &address)?.is_some())));
            let why = match known.await {
                Ok((_, true)) => SignalFailure::new(480, "the user is not reachable"),
                Ok((true, false)) => SignalFailure::new(404, "account does not exist"),
                Ok((false, _)) => SignalFailure::new(404, "there is no way to this address"),
                Err(fault) => SignalFailure::new(500, fault.text),
            };
            tell(&call, LookedUp(target, why));
        };
        ctx.spawn(work.into_actor(self));
    }

    /// The session that made the call is not rung by it, unless the server makes the call for it.
    fn rings(&self, binding: &Binding) -> bool {
        !self.legs.contains_key(&LegId::CALLER) || !binding.inbox.is(&self.maker)
    }

    /// Finds an application that is called.
    fn open(&mut self, application: Application, ctx: &mut Context<Self>) {
        let (house, call) = (self.house.clone(), ctx.address());
        let work = async move {
            let target = CallTarget::Application(application.clone());
            tell(&call, Opened(target, called::find(&house, application).await));
        };
        ctx.spawn(work.into_actor(self));
    }

    fn rung(&mut self, target: CallTarget, bindings: Vec<Arc<Binding>>, ctx: &mut Context<Self>) {
        let devices = bindings.iter().filter_map(|binding| self.device(binding, ctx.address()).ok()).collect();
        self.hub.rung(&target, devices, Instant::now());
    }

    fn device(&mut self, binding: &Binding, call: Addr<Self>) -> Outcome<Device> {
        let shown = Shown::of(&self.house, &binding.caller, binding.wants.show_calls);
        self.log.rung(&binding.caller.address);
        let party = CallParty { address: binding.caller.address.to_string(), name: binding.real_name.clone() };
        self.leg(binding.inbox.clone(), party, shown, call)
    }

    /// A leg for whoever takes its signals there.
    fn leg(&mut self, inbox: Inbox, party: CallParty, shown: Shown, call: Addr<Self>) -> Outcome<Device> {
        let (leg, tag) = (self.next_leg(), Tag(sessions::new_id()?.get(..8).unwrap_or("device").to_owned()));
        let machine = Leg::callee(leg, tag.clone(), Instant::now());
        let actor = CallLeg::new(machine, inbox.next_call(), Place { call, leg }, inbox, shown).start();
        self.legs.insert(leg, actor);
        Ok(Device { leg, tag, party })
    }

    /// An application that was found is started with its leg.
    fn opened(&mut self, target: &CallTarget, found: Result<called::Found, SignalFailure>, call: Addr<Self>) {
        let rung = found.and_then(|found| {
            let party = CallParty { address: found.address(), name: None };
            let inbox = found.start(self.house.clone())?;
            self.leg(inbox, party, Shown::No, call).map_err(|fault| SignalFailure::new(500, fault.text))
        });
        match rung {
            Ok(device) => self.hub.rung(target, vec![device], Instant::now()),
            Err(failure) => self.hub.not_rung(target, failure),
        }
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

impl Handler<LookedUp> for Call {
    type Result = ();
    fn handle(&mut self, LookedUp(target, failure): LookedUp, ctx: &mut Self::Context) {
        self.hub.not_rung(&target, failure);
        self.run(ctx);
    }
}

impl Handler<Opened> for Call {
    type Result = ();
    fn handle(&mut self, Opened(target, found): Opened, ctx: &mut Self::Context) {
        self.opened(&target, found, ctx.address());
        self.run(ctx);
    }
}

impl Handler<Ringing> for Call {
    type Result = ();
    fn handle(&mut self, Ringing(target, account, devices): Ringing, ctx: &mut Self::Context) {
        if devices.is_empty() {
            return self.find_out_why(target, account, ctx);
        }
        self.log.rung(&account);
        self.rung(target, devices, ctx);
        self.run(ctx);
    }
}

impl Handler<Decided> for Call {
    type Result = ();
    fn handle(&mut self, Decided(point, verdict): Decided, ctx: &mut Self::Context) {
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
            if let Some(leg) = given.leg.take() {
                tell(&leg, BelongsTo(Place { call: ctx.address(), leg: id }));
                self.legs.insert(id, leg);
            }
            (id, given.party.clone(), given.sdp.take())
        });
        self.hub.joined(joined);
        self.run(ctx);
    }
}

#[cfg(test)]
mod tests;
