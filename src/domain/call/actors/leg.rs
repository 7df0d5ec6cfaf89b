//! [`CallLeg`]: the actor around the machine of one client's leg.
//!
//! Spec: XIMSS, "Signaling".

use super::{Call, FromLeg, HearsAt, Join};
use crate::domain::call::counted::{Counted, LEGS};
use crate::domain::call::kept::Kept;
use crate::domain::call::leg::{Command, Departure, Leg, Said, State};
use crate::domain::call::shown::Shown;
use crate::domain::signals::{Inbox, Refused};
use crate::domain::tell::tell;
use crate::model::call::{CallSignal, LegId, LegName};
use crate::model::fault::Outcome;
use crate::model::signal::{Signal, SignalFailure};
use actix::{Actor, ActorContext, Addr, AsyncContext, Context, Handler, Message, SpawnHandle};
use std::time::Instant;

/// A client asks something of its leg.
#[derive(Message)]
#[rtype(result = "Outcome<()>")]
pub struct Ask(pub Command);

/// The other end of a leg is to be joined with the other end of another leg; None where that is not connected.
#[derive(Message)]
#[rtype(result = "Outcome<()>")]
pub struct JoinWith(pub Option<Place>);

/// Where a leg is.
#[derive(Message)]
#[rtype(result = "Option<Place>")]
pub struct Where;

/// A leg's place in its call.
#[derive(Clone)]
pub struct Place {
    pub(super) call: Addr<Call>,
    pub(super) leg: LegId,
}

/// The session of a leg has ended, in this way.
#[derive(Message)]
#[rtype(result = "()")]
pub struct SessionEnded(pub Departure);

/// The session of a leg has lost its connection, and is gone.
#[derive(Message)]
#[rtype(result = "()")]
pub struct ClientLost {
    /// That of the session.
    pub inbox: Inbox,
    /// The leg's place among those that wait.
    pub kept: Kept,
}

/// Another session takes the leg over: its client is back.
#[derive(Message)]
#[rtype(result = "()")]
pub struct ClientBack {
    /// That of the session.
    pub inbox: Inbox,
    /// Its name for the leg.
    pub name: LegName,
}

/// A call speaks to one of its legs.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct FromCall(pub CallSignal);

/// A leg belongs to another call from now on.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct BelongsTo(pub Place);

/// One client's leg.
pub struct CallLeg {
    machine: Leg,
    name: LegName,
    place: Place,
    inbox: Inbox,
    shown: Shown,
    timer: Option<(SpawnHandle, Instant)>,
    /// Where it is found while it waits for its client.
    kept: Option<Kept>,
    _counted: Counted,
}

impl CallLeg {
    /// A leg of a call, by the client's name for it.
    pub(super) fn new(machine: Leg, name: LegName, place: Place, inbox: Inbox, shown: Shown) -> Self {
        Self { machine, name, place, inbox, shown, timer: None, kept: None, _counted: Counted::new(LEGS) }
    }

    fn run(&mut self, ctx: &mut Context<Self>) {
        self.shown.follow(self.machine.state());
        let unheard = self.carry();
        if let Some(why) = unheard.filter(|_| self.machine.state() != State::Dead) {
            // How a session ended is still on its way here; a leg that can wait for that does.
            if why == Refused::Full || !self.machine.client_lost(Instant::now()) {
                return self.end(Departure::OfSession, ctx);
            }
            self.carry();
        }
        // Nobody is there to release it.
        if self.machine.is_away() && self.machine.state() == State::Dead {
            return self.end(Departure::OfSession, ctx);
        }
        self.watch_time(ctx);
    }

    /// Carries what the machine says. Gives why the client does not hear it, where it does not.
    fn carry(&mut self) -> Option<Refused> {
        let mut unheard = None;
        for said in self.machine.said() {
            match said {
                Said::Client(event) => unheard = self.inbox.push(Signal::Call(self.name.clone(), event)).err().or(unheard),
                Said::Call(signal) => tell(&self.place.call, FromLeg(self.place.leg, signal)),
            }
        }
        unheard
    }

    /// Nobody listens any more.
    fn end(&mut self, how: Departure, ctx: &mut Context<Self>) {
        self.machine.session_ended(how);
        for said in self.machine.said() {
            if let Said::Call(signal) = said {
                tell(&self.place.call, FromLeg(self.place.leg, signal));
            }
        }
        ctx.stop();
    }

    fn watch_time(&mut self, ctx: &mut Context<Self>) {
        let Some(deadline) = self.machine.deadline() else { return };
        if self.timer.is_some_and(|(_, at)| at <= deadline) {
            return;
        }
        let timer = ctx.run_later(deadline.saturating_duration_since(Instant::now()), |leg, ctx| {
            leg.timer = None;
            if leg.machine.tick(Instant::now()) { leg.end(Departure::OfSession, ctx) } else { leg.run(ctx) }
        });
        if let Some((old, _)) = self.timer.replace((timer, deadline)) {
            ctx.cancel_future(old);
        }
    }
}

impl Actor for CallLeg {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        // An incoming call: what the client does with it is to find its leg.
        if self.place.leg != LegId::CALLER && self.inbox.push_call(self.name.clone(), ctx.address()).is_err() {
            self.end(Departure::OfSession, ctx);
        }
    }
}

impl Handler<Ask> for CallLeg {
    type Result = Outcome<()>;
    fn handle(&mut self, Ask(command): Ask, ctx: &mut Self::Context) -> Self::Result {
        let ends = command == Command::Kill;
        self.machine.command(command, Instant::now())?;
        self.run(ctx);
        if ends {
            ctx.stop();
        }
        Ok(())
    }
}

impl Handler<Where> for CallLeg {
    type Result = Option<Place>;
    fn handle(&mut self, _: Where, _: &mut Self::Context) -> Self::Result {
        (self.machine.state() == State::Connected).then(|| self.place.clone())
    }
}

impl Handler<JoinWith> for CallLeg {
    type Result = Outcome<()>;
    fn handle(&mut self, JoinWith(other): JoinWith, ctx: &mut Self::Context) -> Self::Result {
        let exchange = self.machine.begin_transfer()?;
        match other {
            Some(other) => tell(&self.place.call, Join { leaving: self.place.leg, exchange, other }),
            None => {
                let result = Err(SignalFailure::new(481, "the other call is not connected"));
                self.machine.hear(CallSignal::Done { exchange, result }, Instant::now());
            }
        }
        self.run(ctx);
        Ok(())
    }
}

impl Handler<FromCall> for CallLeg {
    type Result = ();
    fn handle(&mut self, FromCall(signal): FromCall, ctx: &mut Self::Context) {
        self.machine.hear(signal, Instant::now());
        self.run(ctx);
    }
}

impl Handler<BelongsTo> for CallLeg {
    type Result = ();
    fn handle(&mut self, BelongsTo(place): BelongsTo, ctx: &mut Self::Context) {
        self.machine.belongs_to(place.leg);
        self.place = place;
        tell(&self.place.call, HearsAt(self.place.leg, self.inbox.clone()));
        self.run(ctx);
    }
}

impl Handler<ClientLost> for CallLeg {
    type Result = ();
    fn handle(&mut self, ClientLost { inbox, kept }: ClientLost, ctx: &mut Self::Context) {
        // Whoever has taken it over meanwhile has taken it out of those that wait, too.
        if !self.inbox.is(&inbox) {
            return;
        }
        if !self.machine.client_lost(Instant::now()) {
            return self.end(Departure::OfSession, ctx);
        }
        self.kept = Some(kept);
        self.run(ctx);
    }
}

impl Handler<ClientBack> for CallLeg {
    type Result = ();
    fn handle(&mut self, ClientBack { inbox, name }: ClientBack, ctx: &mut Self::Context) {
        // That the old session is gone may be on its way here still.
        if !self.machine.client_lost(Instant::now()) {
            return self.end(Departure::OfSession, ctx);
        }
        self.kept = None;
        (self.inbox, self.name) = (inbox, name);
        tell(&self.place.call, HearsAt(self.place.leg, self.inbox.clone()));
        self.machine.client_back(Instant::now());
        self.run(ctx);
    }
}

impl Handler<SessionEnded> for CallLeg {
    type Result = ();
    fn handle(&mut self, SessionEnded(how): SessionEnded, ctx: &mut Self::Context) {
        self.end(how, ctx);
    }
}
