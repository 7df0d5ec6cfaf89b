//! [`CallLeg`]: the actor around the machine of one client's leg.
//!
//! Spec: XIMSS, "Signaling".

use super::{Call, FromLeg, Join};
use crate::domain::call::counted::{Counted, LEGS};
use crate::domain::call::leg::{Command, Leg, Said, State};
use crate::domain::call::shown::Shown;
use crate::domain::signals::Inbox;
use crate::domain::tell::tell;
use crate::model::call::{CallSignal, LegId, LegName};
use crate::model::fault::Outcome;
use crate::model::signal::Signal;
use actix::{Actor, ActorContext, Addr, AsyncContext, Context, Handler, Message, SpawnHandle};
use std::time::Instant;

/// A client asks something of its leg.
#[derive(Message)]
#[rtype(result = "Outcome<()>")]
pub struct Ask(pub Command);

/// The other end of a leg is to be joined with the other end of another leg.
#[derive(Message)]
#[rtype(result = "Outcome<()>")]
pub struct JoinWith(pub Place);

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

/// The session of a leg has ended.
#[derive(Message)]
#[rtype(result = "()")]
pub struct SessionEnded;

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
    _counted: Counted,
}

impl CallLeg {
    /// A leg of a call, by the client's name for it.
    pub(super) fn new(machine: Leg, name: LegName, place: Place, inbox: Inbox, shown: Shown) -> Self {
        Self { machine, name, place, inbox, shown, timer: None, _counted: Counted::new(LEGS) }
    }

    fn run(&mut self, ctx: &mut Context<Self>) {
        self.shown.follow(self.machine.state());
        let mut gone = false;
        for said in self.machine.said() {
            match said {
                Said::Client(event) => gone |= self.inbox.push(Signal::Call(self.name.clone(), event)).is_err(),
                Said::Call(signal) => tell(&self.place.call, FromLeg(self.place.leg, signal)),
            }
        }
        if gone && self.machine.state() != State::Dead {
            return self.end(ctx);
        }
        self.watch_time(ctx);
    }

    /// Nobody listens any more.
    fn end(&mut self, ctx: &mut Context<Self>) {
        self.machine.session_ended();
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
            if leg.machine.tick(Instant::now()) { leg.end(ctx) } else { leg.run(ctx) }
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
            self.end(ctx);
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
        let exchange = self.machine.begin_operation()?;
        tell(&self.place.call, Join { leaving: self.place.leg, exchange, other });
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
        self.run(ctx);
    }
}

impl Handler<SessionEnded> for CallLeg {
    type Result = ();
    fn handle(&mut self, _: SessionEnded, ctx: &mut Self::Context) {
        self.end(ctx);
    }
}
