//! What a program wants done, done. What cannot be done the program hears of.

use super::{Origin, Running, Task};
use crate::domain::call::actors::{Ask, Call};
use crate::domain::call::address;
use crate::domain::call::leg::Command;
use crate::domain::im::{self, Sending};
use crate::domain::preferences::Preferences;
use crate::domain::rooms::OpenRoom;
use crate::domain::roster::own_address;
use crate::domain::tasks::meetings::{self, MeetingChange};
use crate::domain::tasks::programs::{Deed, Happening};
use crate::domain::tasks::{check_size, program};
use crate::model::call::{CallParty, LegName};
use crate::model::fault::{Fault, Outcome};
use crate::model::im::{ImContent, InstantMessage};
use crate::model::task::TaskEvent;
use crate::model::time::Timestamp;
use crate::model::value::Value;
use crate::store::accounts;
use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use std::time::{Duration, Instant};

/// The most times that a program sets at a time, and the longest in seconds.
const MOST_TIMERS: usize = 32;
const LONGEST_TIMER: u64 = 24 * 3_600;
/// The most bytes of a line for those who look for errors.
const MOST_LOGGED: usize = 1 << 10;
/// How many tasks may start each other in a row.
const MOST_GENERATIONS: u32 = 8;

impl Task {
    /// Does one thing.
    pub(super) fn carry_out(&mut self, deed: Deed, ctx: &mut Context<Self>) {
        let (of, done) = match deed {
            Deed::Tell(to, name, parameter) => {
                let event = TaskEvent { from: self.id(), name, parameter };
                // One that has ended does not hear it.
                ("send_event", self.step().and_then(|()| check_size(&event)).map(|()| drop(self.house.tasks.tell(to, event))))
            }
            Deed::MakeCall(peer) => {
                let made = self.step().and_then(|()| self.make_call(&peer));
                if let Err(fault) = made {
                    [fault.text.into_owned(), String::new()].map(Happening::Report).into_iter().for_each(|told| self.note_happening(told));
                }
                return;
            }
            Deed::OpenRoom(name) => return self.open_room(&name, ctx),
            Deed::Leg(leg, command) => ("call", self.ask(leg, command, ctx)),
            Deed::Redirect { leg, to, ring_on } => ("redirect", self.redirect(leg, &to, ring_on, ctx)),
            Deed::Transfer(leg, to) => {
                ("transfer", address::target(&to, &self.owner).and_then(|to| self.ask(leg, Command::Transfer(to), ctx)))
            }
            Deed::Write(to, text) => ("send_im", self.step().and_then(|()| self.write(&to, text, ctx))),
            Deed::Start { program, entry, parameters } => {
                ("start_task", self.step().and_then(|()| self.start(program, entry, parameters, ctx)))
            }
            Deed::FindMeeting(set, name) => ("meeting", self.step().map(|()| self.find_meeting(set, name, ctx))),
            Deed::ChangeMeeting(change, set, name) => ("meeting", self.step().map(|()| self.change_meeting(change, set, name, ctx))),
            Deed::ReadPreference(name) => ("preference", self.step().map(|()| self.read_preference(name, ctx))),
            Deed::After(seconds, name) => ("after", self.after(seconds, name, ctx)),
            Deed::Forget(name) => return self.forget(&name, ctx),
            Deed::Log(text) => {
                let end = text.floor_char_boundary(MOST_LOGGED);
                ("log", self.step().map(|()| self.note(text.get(..end).unwrap_or_default())))
            }
            Deed::Stay => {
                self.stays = true;
                return;
            }
            Deed::End => return self.end(ctx),
        };
        if let Err(fault) = done {
            self.note_happening(Happening::Failed(of, fault));
        }
    }

    /// A script does what costs others at a pace.
    fn step(&mut self) -> Outcome<()> {
        if self.takes_long { self.pace.step(Instant::now()) } else { Ok(()) }
    }

    /// What takes a while is done in order, one after the other; what comes of it, the program hears.
    fn later(&mut self, of: &'static str, work: impl Future<Output = Outcome<Option<Happening>>> + 'static, ctx: &mut Context<Self>) {
        self.works.push_back((of, Box::pin(work)));
        self.work_on(ctx);
    }

    fn work_on(&mut self, ctx: &mut Context<Self>) {
        if self.at_work {
            return;
        }
        let Some((of, work)) = self.works.pop_front() else { return };
        self.at_work = true;
        let done = work.into_actor(self).map(move |outcome, task, ctx| {
            task.at_work = false;
            task.work_on(ctx);
            task.done(ctx);
            match outcome {
                Ok(Some(what)) => task.happens(what, ctx),
                Ok(None) => {}
                Err(fault) => task.happens(Happening::Failed(of, fault), ctx),
            }
        });
        ctx.spawn(done);
    }

    /// Asks a leg of this task for something; one that ends by it is released.
    fn ask(&mut self, name: LegName, command: Command, ctx: &mut Context<Self>) -> Outcome<()> {
        let leg = self.legs.iter().find(|(known, _)| *known == name).map(|(_, leg)| leg.clone());
        let leg = leg.ok_or_else(|| Fault::state("call leg does not exist"))?;
        let ends = matches!(command, Command::Kill | Command::Reject(_) | Command::Redirect { ring_on: false, .. });
        self.asking += 1;
        let asked = leg.send(Ask(command)).into_actor(self).map(move |done, task, ctx| {
            task.asking -= 1;
            match done {
                Ok(Err(fault)) => task.happens(Happening::Failed("call", fault), ctx),
                Ok(Ok(())) if ends => task.release(&name, ctx),
                Ok(Ok(())) => {}
                Err(_) => task.release(&name, ctx),
            }
            task.done(ctx);
        });
        ctx.spawn(asked);
        Ok(())
    }

    fn redirect(&mut self, leg: LegName, to: &[String], ring_on: bool, ctx: &mut Context<Self>) -> Outcome<()> {
        let targets = to.iter().map(|to| address::target(to, &self.owner)).collect::<Outcome<Vec<_>>>()?;
        if targets.is_empty() {
            return Err(Fault::missing("To"));
        }
        self.ask(leg, Command::Redirect { targets, ring_on }, ctx)
    }

    fn write(&mut self, to: &str, text: String, ctx: &mut Context<Self>) -> Outcome<()> {
        let content = ImContent::Text { body: Some(text), subject: None, extra: Default::default() };
        let from = own_address(&self.owner.address);
        let kind = Some("chat".to_owned());
        let message = InstantMessage { from, from_name: None, from_client: None, kind, id: None, content, waited_since: None };
        let sending = Sending { to: im::peer(to, &self.owner)?, client: None, message, request: None };
        let (house, failures, order) = (self.house.clone(), self.inbox.clone(), self.order.clone());
        let work = async move {
            im::send(&house, &failures, &order, sending).await;
            Ok(None)
        };
        self.later("send_im", work, ctx);
        Ok(())
    }

    fn start(&mut self, name: String, entry: Option<String>, parameters: Vec<String>, ctx: &mut Context<Self>) -> Outcome<()> {
        let generation = self.origin.generation + 1;
        if generation > MOST_GENERATIONS {
            return Err(Fault::state("too many tasks have started each other"));
        }
        let (house, owner, origin) = (self.house.clone(), self.owner.clone(), Origin { starter: self.id(), generation });
        let work = async move {
            let found = program(&house, &owner, &name, entry.as_deref()).await?;
            let (task, _) = Self::begin(house, owner, origin, Running { name: name.clone(), program: found, parameters })?;
            Ok(Some(Happening::Started(name, task)))
        };
        self.later("start_task", work, ctx);
        Ok(())
    }

    fn find_meeting(&mut self, set: String, name: String, ctx: &mut Context<Self>) {
        let (house, key) = (self.house.clone(), (self.owner.account, set, name));
        let work = async move {
            let asked = key.clone();
            let meeting = house.store.read(move |tx| meetings::find(tx, &asked, Timestamp::now())).await?;
            let task = house.tasks.active(&key);
            Ok(Some(Happening::Found { named: (key.1, key.2), meeting, task }))
        };
        self.later("meeting", work, ctx);
    }

    fn change_meeting(&mut self, change: MeetingChange, set: String, name: String, ctx: &mut Context<Self>) {
        let (house, own, key) = (self.house.clone(), self.id(), (self.owner.account, set, name));
        let work = async move { meetings::change(&house, key, change, own).await.map(|()| None) };
        self.later("meeting", work, ctx);
    }

    fn read_preference(&mut self, name: String, ctx: &mut Context<Self>) {
        let (house, owner) = (self.house.clone(), self.owner.clone());
        let work = async move {
            let asked = name.clone();
            let value = house.store.read(move |tx| Ok(Preferences::read(tx, &owner)?.get(&asked).cloned())).await?;
            Ok(Some(Happening::Preference(name, value.unwrap_or(Value::Null))))
        };
        self.later("preference", work, ctx);
    }

    fn forget(&mut self, name: &str, ctx: &mut Context<Self>) {
        for (_, timer) in self.timers.extract_if(.., |(known, _)| known == name) {
            ctx.cancel_future(timer);
        }
    }

    /// Sets a time; one of the name that was set before is forgotten.
    fn after(&mut self, seconds: u64, name: String, ctx: &mut Context<Self>) -> Outcome<()> {
        if !(1..=LONGEST_TIMER).contains(&seconds) {
            return Err(Fault::incorrect("seconds"));
        }
        self.forget(&name, ctx);
        if self.timers.len() >= MOST_TIMERS {
            return Err(Fault::quota("too many times are set"));
        }
        let set = name.clone();
        let timer = ctx.run_later(Duration::from_secs(seconds), move |task, ctx| {
            task.timers.retain(|(known, _)| *known != set);
            task.happens(Happening::Timer(set), ctx);
        });
        self.timers.push((name, timer));
        Ok(())
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
        let (name, text, ends) = match opened {
            Ok(room) => {
                let address = room.address().to_string();
                self.room = Some(room);
                ("opened", address, false)
            }
            Err(fault) => ("failed", fault.text.into_owned(), true),
        };
        if let Some(starter) = self.origin.starter {
            self.carry_out(Deed::Tell(starter, name.to_owned(), Value::String(text)), ctx);
        }
        if ends {
            self.end(ctx);
        }
    }

    fn make_call(&mut self, peer: &str) -> Outcome<()> {
        let from = CallParty { address: self.owner.address.to_string(), name: None };
        let target = address::target(peer, &self.owner)?;
        let to = CallParty { address: peer.to_owned(), name: None };
        Call::connect(self.house.clone(), &self.owner.address, from, target, to, self.inbox.clone())
    }
}
