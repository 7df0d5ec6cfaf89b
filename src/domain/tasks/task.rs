//! `Task`: the actor around a program. It tells it what happens, one thing at a time, and does what it wants done.
//!
//! A program that may take its time is told on a thread of its own, and rests after that for so much longer than it took
//! that no task keeps such a thread busy. Whatever such a program does wrong ends its task and nothing else.
//! Spec: XIMSS, "Real-Time Application Management" (taskStart, taskSendEvent, taskEvent).

mod deeds;

use super::programs::{Happening, Program};
use super::{Ear, Entry, Waiting};
use crate::domain::access::Caller;
use crate::domain::call::actors::{CallLeg, SessionEnded};
use crate::domain::call::leg::Departure;
use crate::domain::house::House;
use crate::domain::im::Order;
use crate::domain::journal::{Kind, file_of_month};
use crate::domain::pace::Pace;
use crate::domain::rooms::OpenRoom;
use crate::domain::signals::{Inbox, Item, SignalsWaiting};
use crate::domain::tell::tell;
use crate::model::call::{CallEvent, LegName};
use crate::model::fault::{Fault, Outcome};
use crate::model::signal::Signal;
use crate::model::task::{TaskEvent, TaskId};
use crate::model::time::Timestamp;
use crate::model::value::Value;
use actix::{Actor, ActorContext, ActorFutureExt, Addr, AsyncContext, Context, Handler, Message, SpawnHandle, WrapFuture};
use futures_util::future::LocalBoxFuture;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a task may be idle.
const IDLE: Duration = Duration::from_secs(24 * 3_600);
/// How many times longer a program rests than it has taken.
const REST: u32 = 9;
/// What a script may want of others: a second, and at once.
const DEEDS: (u32, u32) = (20, 200);
/// The most calls that a task has a leg in.
const MOST_CALLS: usize = 64;
/// The most that waits for a program, past which it does not hear that something could not be done.
const MOST_FAILURES: usize = 256;

/// Something happens. Bounded by the counts that the directory of tasks keeps.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Happens(pub TaskEvent);

/// Who started the task has ended. At most once for each task.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct StarterEnded(pub TaskId);

/// Where a task comes from.
#[derive(Debug, Clone, Copy)]
pub struct Origin {
    /// The session or the task that started it; None where a call did.
    pub starter: Option<TaskId>,
    /// How many tasks started each other before it.
    pub generation: u32,
}

/// A program with its name and what it is given.
pub struct Running {
    /// The name it was found by.
    pub name: String,
    /// The program.
    pub program: Box<dyn Program>,
    /// What it is given.
    pub parameters: Vec<String>,
}

/// Something that takes a while, and what the program hears of it.
type Work = LocalBoxFuture<'static, Outcome<Option<Happening>>>;

/// The actor.
pub struct Task {
    house: Arc<House>,
    owner: Caller,
    origin: Origin,
    name: String,
    /// None while it hears something elsewhere, and when it has ended badly.
    program: Option<Box<dyn Program>>,
    takes_long: bool,
    /// What it has not yet heard.
    happenings: VecDeque<Happening>,
    waiting: Arc<Waiting>,
    entry: Option<Entry>,
    /// Where what its calls and messages bring comes to.
    inbox: Inbox,
    /// The order in which it sends messages.
    order: Order,
    legs: Vec<(LegName, Addr<CallLeg>)>,
    /// It was called.
    called: bool,
    /// It goes on after its calls.
    stays: bool,
    timers: Vec<(String, SpawnHandle)>,
    /// What is still to be done for the program, by its name.
    works: VecDeque<(&'static str, Work)>,
    at_work: bool,
    /// It has taken its time, and hears nothing for a while.
    rests: bool,
    /// Requests to legs that have not been answered.
    asking: usize,
    /// It has ended, and goes when all that it wanted is done.
    ends: bool,
    room: Option<OpenRoom>,
    pace: Pace,
    last: Instant,
}

impl Task {
    /// Starts a program. Gives the task, and where its calls come to.
    pub fn begin(house: Arc<House>, owner: Caller, origin: Origin, running: Running) -> Outcome<(TaskId, Inbox)> {
        let (waiting, tasks, account) = (Arc::<Waiting>::default(), house.tasks.clone(), owner.account);
        let mut begun = Err(Fault::internal());
        Self::create(|ctx| {
            let inbox = Inbox::new(ctx.address().recipient());
            let entry = tasks.enter(account, Ear::Task(ctx.address(), waiting.clone()), origin.starter);
            begun = entry.as_ref().map(|entry| (entry.id(), inbox.clone())).map_err(Clone::clone);
            let Running { name, program, parameters } = running;
            let (takes_long, now) = (program.takes_long(), Instant::now());
            Self {
                house,
                owner,
                origin,
                name,
                program: Some(program),
                takes_long,
                happenings: VecDeque::from([Happening::Begun { starter: origin.starter, parameters }]),
                waiting,
                entry: entry.ok(),
                inbox,
                order: Order::default(),
                legs: Vec::new(),
                called: false,
                stays: false,
                timers: Vec::new(),
                works: VecDeque::new(),
                at_work: false,
                rests: false,
                asking: 0,
                ends: false,
                room: None,
                pace: Pace::new(DEEDS.0, DEEDS.1, now),
                last: now,
            }
        });
        begun
    }

    fn id(&self) -> Option<TaskId> {
        self.entry.as_ref().map(Entry::id)
    }

    /// Something happens.
    fn happens(&mut self, what: Happening, ctx: &mut Context<Self>) {
        self.note_happening(what);
        self.go_on(ctx);
    }

    fn note_happening(&mut self, what: Happening) {
        if matches!(what, Happening::Failed(..)) && self.happenings.len() >= MOST_FAILURES {
            return;
        }
        self.happenings.push_back(what);
    }

    /// The program hears what it has not yet heard.
    fn go_on(&mut self, ctx: &mut Context<Self>) {
        self.last = Instant::now();
        if self.ends {
            self.program = None;
        }
        while let Some(mut program) = self.program.take() {
            let next = if self.rests { None } else { self.happenings.pop_front() };
            let Some(what) = next else {
                self.program = Some(program);
                return;
            };
            if let Happening::Told(event) = &what {
                self.waiting.let_go(event.weight());
            }
            let ended = ended_call(&what);
            if self.takes_long {
                return self.think(program, what, ended, ctx);
            }
            let deeds = program.hear(what);
            self.program = Some(program);
            self.heard(deeds, ended, ctx);
            if self.ends {
                self.program = None;
            }
        }
    }

    /// The program hears something elsewhere, while nothing else happens here.
    fn think(&mut self, mut program: Box<dyn Program>, what: Happening, ended: Option<LegName>, ctx: &mut Context<Self>) {
        let scripts = self.house.scripts.clone();
        let work = async move {
            let heard = scripts.run(move || {
                let begun = Instant::now();
                let deeds = program.hear(what);
                Ok((program, deeds, begun.elapsed()))
            });
            heard.await
        };
        let thought = work.into_actor(self).map(|heard, task, ctx| match heard {
            Ok((program, deeds, took)) => {
                task.program = Some(program);
                task.rests = true;
                task.heard(deeds, ended, ctx);
                ctx.run_later(took * REST, |task, ctx| {
                    task.rests = false;
                    task.take_signals();
                    task.go_on(ctx);
                });
            }
            // It has panicked, and is gone.
            Err(fault) => task.fails(&fault, ctx),
        });
        ctx.wait(thought);
    }

    /// The program has heard something and wants something.
    fn heard(&mut self, deeds: Outcome<Vec<super::programs::Deed>>, ended: Option<LegName>, ctx: &mut Context<Self>) {
        match deeds {
            Ok(deeds) => deeds.into_iter().for_each(|deed| self.carry_out(deed, ctx)),
            Err(fault) => self.fails(&fault, ctx),
        }
        if let Some(leg) = ended {
            self.release(&leg, ctx);
        }
    }

    /// A leg is not used any more. A task that was called ends with its last call.
    fn release(&mut self, leg: &LegName, ctx: &mut Context<Self>) {
        for (_, leg) in self.legs.extract_if(.., |(name, _)| name == leg) {
            tell(&leg, SessionEnded(Departure::OfSession));
        }
        if self.called && self.legs.is_empty() && !self.stays {
            self.end(ctx);
        }
    }

    /// Nothing more happens to it; it goes when all that it wanted is done.
    fn end(&mut self, ctx: &mut Context<Self>) {
        self.ends = true;
        if !self.at_work && self.works.is_empty() && self.asking == 0 {
            ctx.stop();
        }
    }

    /// Something that it wanted is done.
    fn done(&mut self, ctx: &mut Context<Self>) {
        if self.ends {
            self.end(ctx);
        }
    }

    /// The program cannot go on: whoever started it hears why, and its owner finds it written.
    fn fails(&mut self, fault: &Fault, ctx: &mut Context<Self>) {
        self.note(&format!("failed: {}", fault.text));
        self.program = None;
        if let Some(starter) = self.origin.starter {
            let event = TaskEvent { from: self.id(), name: "[Failed]".to_owned(), parameter: Value::from(&*fault.text) };
            let _ = self.house.tasks.tell(starter, event);
        }
        self.end(ctx);
    }

    /// Writes a line where the owner finds it.
    fn note(&self, text: &str) {
        tracing::info!(owner = %self.owner.address, application = self.name, "{text}");
        let now = Timestamp::now();
        let file = file_of_month("apps", now);
        self.house.journal.note(&self.owner.address, Kind::Application, file, now, &[&self.name, text]);
    }

    /// Takes what its calls and messages have brought. While it rests they stay where their number is bounded.
    fn take_signals(&mut self) {
        if self.rests {
            return;
        }
        for item in self.inbox.take() {
            match item {
                Item::Call(name, leg) => self.rings(name, leg),
                Item::Signal(Signal::Call(leg, event)) => self.note_happening(Happening::Call(leg, event)),
                Item::Signal(Signal::CallReport(text)) => self.note_happening(Happening::Report(text)),
                Item::Signal(Signal::ImFailed(failure)) => self.note_happening(Happening::ImFailed(failure)),
                Item::Signal(_) => {}
            }
        }
    }

    /// A call rings here.
    fn rings(&mut self, name: LegName, leg: Addr<CallLeg>) {
        if self.legs.len() >= MOST_CALLS {
            return tell(&leg, SessionEnded(Departure::OfSession));
        }
        self.called = true;
        self.legs.push((name, leg));
    }
}

/// The call that ends with this.
fn ended_call(what: &Happening) -> Option<LegName> {
    match what {
        Happening::Call(leg, CallEvent::Disconnected(_) | CallEvent::TakenElsewhere(_)) => Some(leg.clone()),
        _ => None,
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
        self.go_on(ctx);
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.room.take();
        let unheard = self.inbox.close().into_iter().filter_map(|item| match item {
            Item::Call(_, leg) => Some(leg),
            Item::Signal(_) => None,
        });
        self.legs.drain(..).map(|(_, leg)| leg).chain(unheard).for_each(|leg| tell(&leg, SessionEnded(Departure::OfSession)));
        // Whoever started it hears of its end.
        if let (Some(starter), Some(_)) = (self.origin.starter, &self.entry) {
            let event = TaskEvent { from: self.id(), name: "[Dead]".to_owned(), parameter: Default::default() };
            let _ = self.house.tasks.tell(starter, event);
        }
        self.entry.take();
    }
}

impl Handler<Happens> for Task {
    type Result = ();
    fn handle(&mut self, Happens(event): Happens, ctx: &mut Self::Context) {
        self.happens(Happening::Told(event), ctx);
    }
}

impl Handler<StarterEnded> for Task {
    type Result = ();
    fn handle(&mut self, StarterEnded(starter): StarterEnded, ctx: &mut Self::Context) {
        self.happens(Happening::StarterEnded(starter), ctx);
    }
}

impl Handler<SignalsWaiting> for Task {
    type Result = ();
    fn handle(&mut self, _: SignalsWaiting, ctx: &mut Self::Context) {
        self.take_signals();
        self.go_on(ctx);
    }
}
