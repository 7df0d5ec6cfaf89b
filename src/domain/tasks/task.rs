//! `Task`: the actor around a program. It tells it what happens and does what it wants done.
//!
//! Spec: XIMSS, "Real-Time Application Management" (taskStart, taskSendEvent, taskEvent).

use super::programs::{Deed, Program};
use super::{Ear, Entry};
use crate::domain::access::Caller;
use crate::domain::call::actors::Call;
use crate::domain::house::House;
use crate::domain::im;
use crate::domain::rooms::OpenRoom;
use crate::domain::signals::{Inbox, Item, SignalsWaiting};
use crate::model::call::{CallParty, CallTarget};
use crate::model::fault::{Fault, Outcome};
use crate::model::signal::Signal;
use crate::model::task::{TaskEvent, TaskId};
use crate::model::value::Value;
use crate::store::accounts;
use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, Message, WrapFuture};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// How long a task may be idle.
const IDLE: Duration = Duration::from_secs(24 * 3_600);

/// Something happens. Bounded by the count that the directory of tasks keeps.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Happens(pub TaskEvent);

/// The actor.
pub struct Task {
    house: Arc<House>,
    owner: Caller,
    starter: TaskId,
    parameters: Vec<String>,
    program: Box<dyn Program>,
    waiting: Arc<AtomicUsize>,
    entry: Option<Entry>,
    /// Where the reports of a call come to.
    reports: Option<Inbox>,
    room: Option<OpenRoom>,
    last: tokio::time::Instant,
}

impl Task {
    /// Starts a program for a session. Gives the task.
    pub fn begin(house: Arc<House>, owner: Caller, starter: TaskId, program: Box<dyn Program>, parameters: Vec<String>) -> Outcome<TaskId> {
        let (waiting, tasks, account) = (Arc::new(AtomicUsize::new(0)), house.tasks.clone(), owner.account);
        let mut entered = Err(Fault::internal());
        Self::create(|ctx| {
            let entry = tasks.enter(account, Ear::Task(ctx.address(), waiting.clone()));
            entered = entry.as_ref().map(Entry::id).map_err(Clone::clone);
            let last = tokio::time::Instant::now();
            Self { house, owner, starter, parameters, program, waiting, entry: entry.ok(), reports: None, room: None, last }
        });
        entered
    }

    fn carry_out(&mut self, deeds: Vec<Deed>, ctx: &mut Context<Self>) {
        self.last = tokio::time::Instant::now();
        for deed in deeds {
            match deed {
                Deed::Tell(to, name, parameter) => {
                    let event = TaskEvent { from: self.entry.as_ref().map(Entry::id), name, parameter };
                    // One that has ended does not hear it.
                    let _ = self.house.tasks.tell(to, event);
                }
                Deed::Call(peer) => self.call(&peer, ctx),
                Deed::OpenRoom(name) => self.open_room(&name, ctx),
                Deed::End => ctx.stop(),
            }
        }
    }

    /// Opens a room, unless an account has the name. The starter hears of it, or of what stands in its way.
    fn open_room(&mut self, name: &str, ctx: &mut Context<Self>) {
        let address = im::peer(name, &self.owner).ok().and_then(|peer| peer.account());
        let address = address.filter(|address| address.domain == self.owner.address.domain);
        let Some(address) = address else { return self.room_opened(Err(Fault::incorrect("room")), ctx) };
        let (house, asked) = (self.house.clone(), address.clone());
        let work = async move {
            match house.store.read(move |tx| accounts::find(tx, &asked)).await? {
                Some(_) => Err(Fault::exists("an account has this name")),
                None => house.rooms.open(house.clone(), address),
            }
        };
        ctx.spawn(work.into_actor(self).map(|opened, task, ctx| task.room_opened(opened, ctx)));
    }

    fn room_opened(&mut self, opened: Outcome<OpenRoom>, ctx: &mut Context<Self>) {
        let tell = |name: &str, text: String| Deed::Tell(self.starter, name.to_owned(), Value::String(text));
        let deeds = match opened {
            Ok(room) => {
                let deeds = vec![tell("opened", room.address().to_string())];
                self.room = Some(room);
                deeds
            }
            Err(fault) => vec![tell("failed", fault.text.into_owned()), Deed::End],
        };
        self.carry_out(deeds, ctx);
    }

    fn call(&mut self, peer: &str, ctx: &mut Context<Self>) {
        let reports = Inbox::new(ctx.address().recipient());
        self.reports = Some(reports.clone());
        let from = CallParty { address: self.owner.address.to_string(), name: None };
        let target = im::peer(peer, &self.owner).ok().and_then(|peer| peer.account()).map(CallTarget::Account);
        let made = match target {
            Some(target) => {
                let to = CallParty { address: peer.to_owned(), name: None };
                Call::connect(self.house.clone(), &self.owner.address, from, target, to, reports)
            }
            None => Err(Fault::incorrect("peer")),
        };
        if let Err(fault) = made {
            let deeds = [&*fault.text, ""].iter().flat_map(|text| self.program.call_report(text)).collect();
            self.carry_out(deeds, ctx);
        }
    }
}

impl Actor for Task {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if self.entry.is_none() {
            return ctx.stop();
        }
        ctx.run_interval(IDLE / 24, |task, ctx| {
            if task.last.elapsed() >= IDLE {
                ctx.stop();
            }
        });
        let deeds = self.program.begin(self.starter, &self.parameters);
        self.carry_out(deeds, ctx);
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        // Whoever started it hears of its end.
        self.room.take();
        let event = TaskEvent { from: self.entry.as_ref().map(Entry::id), name: "[Dead]".to_owned(), parameter: Default::default() };
        let _ = self.house.tasks.tell(self.starter, event);
        self.entry.take();
    }
}

impl Handler<Happens> for Task {
    type Result = ();
    fn handle(&mut self, Happens(event): Happens, ctx: &mut Self::Context) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        let deeds = self.program.hear(&event);
        self.carry_out(deeds, ctx);
    }
}

impl Handler<SignalsWaiting> for Task {
    type Result = ();
    fn handle(&mut self, _: SignalsWaiting, ctx: &mut Self::Context) {
        let waiting = self.reports.as_ref().map(Inbox::take).unwrap_or_default();
        for item in waiting {
            if let Item::Signal(Signal::CallReport(text)) = item {
                let deeds = self.program.call_report(&text);
                self.carry_out(deeds, ctx);
            }
        }
    }
}
