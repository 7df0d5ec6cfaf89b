//! What a session has of signaling: its inbox, its entry among those that take signals, its conversations. Made when
//! the session first has to do with it, so that one that only reads mail does not pay for it.
//!
//! Spec: XIMSS, "Signaling", "Instant Messaging".

mod directed;

use super::form;
use super::outbox::{Outbox, Ticket};
use crate::domain::access::Caller;
use crate::domain::call::actors::{Ask, CallLeg, ClientBack, ClientLost, JoinWith, SessionEnded, Where};
use crate::domain::call::leg::{Command, Departure};
use crate::domain::house::House;
use crate::domain::im::{self, Conversations, Order};
use crate::domain::pace::Pace;
use crate::domain::presence::PresenceSource;
use crate::domain::signals::{Applicant, Bound, Inbox, Item, NameTaken, SignalsWaiting, Wants};
use crate::domain::tasks::Entry;
use crate::domain::tell::tell;
use crate::model::call::{CallEvent, LegName};
use crate::model::fault::{Fault, Outcome};
use crate::model::im::{HandedIm, InstantMessage};
use crate::model::names::AccountAddress;
use crate::model::presence::{Detail, Presence};
use crate::model::signal::{ClientId, Signal, SignalFailure};
use crate::model::task::TaskId;
use crate::model::time::Timestamp;
use crate::model::value::Value;
use crate::xml::Element;
use actix::{Addr, Recipient};
use directed::Directed;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

/// Instant messages and requests that a session may send: a second, and at once.
const MESSAGES: (u32, u32) = (1_000, 3_000);

/// Calls that a session may make: a second, and at once.
const CALLS: (u32, u32) = (100, 200);
/// The most other accounts whose calls a session takes.
const MOST_BOUND_FOR: usize = 16;
/// The most tasks that a session has names for.
const MOST_TASK_NAMES: usize = 256;
/// The most calls that a session has made at a time, and the most that others have made to it, those included that it has
/// not released. Apart, so that nobody keeps another from calling by calling.
const MOST_CALLS: usize = 64;

/// A call in which the session has a leg.
struct OpenCall {
    name: LegName,
    leg: Addr<CallLeg>,
    /// The client has been told so, and has not released it yet.
    is_over: bool,
}

/// What a session has of signaling.
pub struct Signaling {
    /// What it has not yet heard.
    pub inbox: Inbox,
    /// With whom it talks.
    pub conversations: RefCell<Conversations>,
    /// The order in which it sends messages.
    pub order: Order,
    bound: RefCell<Option<Bound>>,
    /// It was entered under a name that it would have or none: a client that is to be known again.
    fixed: Cell<bool>,
    /// Its connection was lost, which ends it.
    lost: Cell<bool>,
    /// The server goes down, which ends it.
    server_ends: Cell<bool>,
    /// Its entries for the calls of other accounts.
    bound_for: RefCell<Vec<Bound>>,
    /// As the last `signalBind` asked for it; it holds on after `signalUnbind` for what is still under way.
    wants: RefCell<Wants>,
    messages: RefCell<Pace>,
    dialling: RefCell<Pace>,
    calls: RefCell<Vec<OpenCall>>,
    presence: RefCell<Option<(PresenceSource, Presence)>>,
    /// To whom presence was sent alone: they hear of its end.
    directed: RefCell<Vec<Directed>>,
    /// Instant messages that were said and that the client may not have got.
    said: RefCell<VecDeque<(Option<Ticket>, Arc<HandedIm>)>>,
    /// Whose session it is, once it takes signals or has sent presence.
    owner: RefCell<Option<Caller>>,
    house: Arc<House>,
    outbox: Outbox,
    tasks: RefCell<TaskNames>,
}

/// The session as a task, and its names for others.
#[derive(Default)]
struct TaskNames {
    own: Option<Entry>,
    names: Vec<(String, TaskId)>,
    last: u64,
}

impl Signaling {
    /// For a session that says what it says to this outbox and is woken in this way.
    pub fn new(house: Arc<House>, outbox: Outbox, wake: Recipient<SignalsWaiting>) -> Self {
        Self {
            inbox: Inbox::new(wake),
            conversations: RefCell::default(),
            order: Order::default(),
            bound: RefCell::default(),
            fixed: Cell::default(),
            lost: Cell::default(),
            server_ends: Cell::default(),
            bound_for: RefCell::default(),
            wants: RefCell::default(),
            messages: RefCell::new(Pace::new(MESSAGES.0, MESSAGES.1, Instant::now())),
            dialling: RefCell::new(Pace::new(CALLS.0, CALLS.1, Instant::now())),
            calls: RefCell::default(),
            presence: RefCell::default(),
            directed: RefCell::default(),
            said: RefCell::default(),
            owner: RefCell::default(),
            house,
            outbox,
            tasks: RefCell::default(),
        }
    }

    /// Enters the session among those that take signals; an entry it had goes, and rooms that it entered under another name
    /// it leaves. Where it is refused, all stays. Under a fixed name it takes over the calls of a session of that name that
    /// has lost its connection just now.
    pub fn bind(&self, applicant: Applicant, taken: NameTaken) -> Outcome<()> {
        let (wants, owner) = (applicant.wants.clone(), applicant.caller.clone());
        let fixed = applicant.client.clone().filter(|_| taken == NameTaken::Refuse);
        let bound = self.house.signals.bind(applicant, taken)?;
        self.fixed.set(fixed.is_some());
        *self.owner.borrow_mut() = Some(owner.clone());
        (*self.wants.borrow_mut(), *self.bound.borrow_mut()) = (wants, Some(bound));
        self.end_directed(self.client().as_ref());
        for (name, leg) in fixed.map(|client| self.house.kept_legs.take(&owner.address, &client)).unwrap_or_default() {
            self.take_over(name, leg);
        }
        Ok(())
    }

    /// Takes a call over by the name that it had, or by another where this session has had that already. The client hears
    /// of it from the leg. Past the bound of calls it ends.
    fn take_over(&self, name: LegName, leg: Addr<CallLeg>) {
        let mut calls = self.calls.borrow_mut();
        calls.retain(|call| call.leg.connected());
        let name = match name.number() {
            Some(number) if self.inbox.take_number(number) => name,
            None if !calls.iter().any(|call| call.name == name) => name,
            _ => self.inbox.next_call(),
        };
        if calls.iter().filter(|call| call.name.is_reserved() == name.is_reserved()).count() >= MOST_CALLS {
            return tell(&leg, SessionEnded(Departure::OfSession));
        }
        calls.push(OpenCall { name: name.clone(), leg: leg.clone(), is_over: false });
        tell(&leg, ClientBack { inbox: self.inbox.clone(), name });
    }

    /// The connection that the session lives by is lost: the client may come back.
    pub fn connection_lost(&self) {
        self.lost.set(true);
    }

    /// The name under which the calls of a session are kept that has lost its connection.
    fn is_kept_as(&self) -> Option<(AccountAddress, ClientId)> {
        let bound = self.bound.borrow();
        let binding = bound.as_ref().filter(|_| self.lost.get() && self.fixed.get())?.binding();
        Some((binding.caller.address.clone(), binding.client.clone()))
    }

    /// Enters the session for the calls of another account, too.
    pub fn bind_for(&self, account: AccountAddress, applicant: Applicant) -> Outcome<()> {
        self.unbind_for(&account);
        if self.bound_for.borrow().len() >= MOST_BOUND_FOR {
            return Err(Fault::quota("too many accounts"));
        }
        let bound = self.house.signals.bind_for(account, applicant)?;
        self.bound_for.borrow_mut().push(bound);
        Ok(())
    }

    /// Takes it out there.
    pub fn unbind_for(&self, account: &AccountAddress) {
        self.bound_for.borrow_mut().retain(|bound| bound.on_behalf() != Some(account));
    }

    /// Takes it out again, also for other accounts; whoever was told alone of its presence hears of the end.
    pub fn unbind(&self) {
        self.end_directed(None);
        self.bound.take();
        self.bound_for.take();
    }

    /// The session's name among those that take signals; None where it is not among them.
    pub fn client(&self) -> Option<ClientId> {
        self.bound.borrow().as_ref().map(|bound| bound.binding().client.clone())
    }

    /// True where the session wants to hear of presence.
    pub fn hears_presence(&self) -> bool {
        self.bound.borrow().as_ref().is_some_and(|bound| bound.binding().wants.presence)
    }

    /// The session says what the user is doing. Without a status the one there was stays; an empty one takes it away.
    pub fn set_presence(&self, house: &Arc<House>, owner: &Caller, detail: Detail, status: Option<String>, now: Timestamp) {
        let mut presence = self.presence.borrow_mut();
        let source = || (PresenceSource::new(house.clone(), owner.clone()), Presence::default());
        let (source, said) = presence.get_or_insert_with(source);
        said.detail = detail;
        if let Some(status) = status {
            said.status = Some(status).filter(|status| !status.is_empty());
        }
        source.says(said.clone(), now);
    }

    /// The session as a task that others can tell events.
    pub fn own_task(&self, house: &House, owner: &Caller) -> Outcome<TaskId> {
        let mut tasks = self.tasks.borrow_mut();
        if let Some(own) = &tasks.own {
            return Ok(own.id());
        }
        let entry = house.tasks.enter_session(owner.account, self.inbox.clone())?;
        let id = entry.id();
        tasks.own = Some(entry);
        Ok(id)
    }

    /// The session's name for a task; a new one gets one. Bounded: the oldest goes first.
    pub fn task_reference(&self, task: TaskId) -> String {
        let tasks = &mut *self.tasks.borrow_mut();
        if let Some((name, _)) = tasks.names.iter().find(|(_, known)| *known == task) {
            return name.clone();
        }
        if tasks.names.len() >= MOST_TASK_NAMES {
            tasks.names.remove(0);
        }
        tasks.last += 1;
        let name = format!("t{}", tasks.last);
        tasks.names.push((name.clone(), task));
        name
    }

    /// The task of a name.
    pub fn task(&self, name: &str) -> Outcome<TaskId> {
        let tasks = self.tasks.borrow();
        let found = tasks.names.iter().find(|(known, _)| known == name).map(|(_, task)| *task);
        found.ok_or_else(|| Fault::state("task does not exist"))
    }

    /// Releases a name.
    pub fn close_task(&self, name: &str) -> Outcome<()> {
        self.task(name)?;
        self.tasks.borrow_mut().names.retain(|(known, _)| known != name);
        Ok(())
    }

    /// One message more may be sent now.
    pub fn may_write(&self) -> Outcome<()> {
        self.messages.borrow_mut().step(Instant::now())
    }

    /// One call more may be made now.
    pub fn may_dial(&self) -> Outcome<()> {
        self.dialling.borrow_mut().step(Instant::now())
    }

    /// One call more may be made now, by this name.
    pub fn may_call(&self, name: &LegName) -> Outcome<()> {
        let mut calls = self.calls.borrow_mut();
        // Those that nobody has released end with the time.
        calls.retain(|call| call.leg.connected());
        if calls.iter().any(|call| call.name == *name) {
            return Err(Fault::exists("call leg already exists"));
        }
        if calls.iter().filter(|call| !call.name.is_reserved()).count() >= MOST_CALLS {
            return Err(Fault::state("too many calls"));
        }
        self.may_dial()
    }

    /// A call has a leg here.
    pub fn add_call(&self, name: LegName, leg: Addr<CallLeg>) {
        self.calls.borrow_mut().push(OpenCall { name, leg, is_over: false });
    }

    /// A call rings. A session that has too many is busy.
    fn ring(&self, name: LegName, leg: Addr<CallLeg>) {
        let mut calls = self.calls.borrow_mut();
        calls.retain(|call| call.leg.connected());
        if calls.iter().filter(|call| call.name.is_reserved()).count() >= MOST_CALLS {
            let busy = SignalFailure::new(486, "the user has too many calls");
            tell(&leg, Ask(Command::Reject(busy)));
            return tell(&leg, SessionEnded(Departure::OfSession));
        }
        calls.push(OpenCall { name, leg, is_over: false });
    }

    /// The client has been told that a call is over.
    fn is_over(&self, name: &LegName) {
        if let Some(call) = self.calls.borrow_mut().iter_mut().find(|call| call.name == *name) {
            call.is_over = true;
        }
    }

    /// The server ends: what the session says of its calls. Whoever has a part in them hears no other reason, though this
    /// session may be gone before theirs.
    pub fn farewell(&self) -> Vec<Element> {
        self.server_ends.set(true);
        let why = CallEvent::Disconnected(Some(SignalFailure::server_ends()));
        let (calls, sdp_text) = (self.calls.borrow(), self.wants.borrow().sdp_text);
        // A leg may have ended with the other side's session, before its word has been heard here.
        let open = calls.iter().filter(|call| !call.is_over);
        open.map(|call| form::call::told(&call.name, &why, sdp_text)).collect()
    }

    fn call(&self, name: &LegName) -> Outcome<Addr<CallLeg>> {
        let calls = self.calls.borrow();
        let found = calls.iter().find(|call| call.name == *name).map(|call| call.leg.clone());
        found.ok_or_else(|| Fault::state("call leg does not exist"))
    }

    /// Ends a leg: its name is free again. What it has put in and nobody has heard yet is forgotten, or the client would
    /// take it for news of the next call of that name.
    pub async fn release(&self, name: &LegName) -> Outcome<()> {
        let leg = self.call(name)?;
        self.calls.borrow_mut().retain(|call| call.leg != leg);
        let done = self.ask(&leg, Command::Kill).await;
        self.inbox.forget_call(name);
        done
    }

    /// Asks a leg for something; one that has ended by itself has nothing more to do.
    async fn ask(&self, leg: &Addr<CallLeg>, command: Command) -> Outcome<()> {
        let ends = command == Command::Kill;
        match leg.send(Ask(command)).await {
            Ok(done) => done,
            Err(_) if ends => Ok(()),
            Err(_) => Err(Fault::state("call is disconnected")),
        }
    }

    /// Asks the leg of a name for something.
    pub async fn command(&self, name: &LegName, command: Command) -> Outcome<()> {
        let leg = self.call(name)?;
        self.ask(&leg, command).await
    }

    /// Joins the other ends of two calls. That the other one is not connected the client hears as it hears of any transfer
    /// that fails.
    pub async fn join(&self, name: &LegName, other: &LegName) -> Outcome<()> {
        let (leg, other) = (self.call(name)?, self.call(other)?);
        if leg == other {
            return Err(Fault::incorrect("otherLeg"));
        }
        let place = other.send(Where).await.ok().flatten();
        leg.send(JoinWith(place)).await.map_err(|_| Fault::state("call is disconnected"))?
    }

    /// Takes in what waits; gives what the session is to say, and the instant messages among it.
    pub fn news(&self) -> Vec<(Element, Option<Arc<HandedIm>>)> {
        let told = |item| match item {
            // Of a call that it was too busy for the client hears nothing.
            Item::Signal(Signal::Call(name, _)) if name.is_reserved() && self.call(&name).is_err() => None,
            Item::Signal(Signal::Im(handed)) => Some((self.told_im(&handed.message), Some(handed))),
            Item::Signal(signal) => Some((self.told(&signal), None)),
            Item::Call(name, leg) => {
                self.ring(name, leg);
                None
            }
        };
        self.inbox.take().into_iter().filter_map(told).collect()
    }

    /// An instant message has been said; None where the outbox did not take it.
    pub fn has_said(&self, message: Arc<HandedIm>, ticket: Option<Ticket>) {
        let mut said = self.said.borrow_mut();
        self.forget_heard(&mut said);
        said.push_back((ticket, message));
    }

    /// Those that the transport has taken are the client's.
    fn forget_heard(&self, said: &mut VecDeque<(Option<Ticket>, Arc<HandedIm>)>) {
        let taken = self.outbox.taken_so_far();
        while let Some((_, message)) = said.pop_front_if(|(ticket, _)| ticket.is_some_and(|ticket| ticket <= taken)) {
            message.is_heard();
        }
    }

    fn told_im(&self, message: &InstantMessage) -> Element {
        // In a room, and among the sessions of one account, an answer is not for the one that spoke last.
        let from = message.from.account();
        let own = |from: &AccountAddress| self.owner.borrow().as_ref().is_some_and(|owner| owner.address == *from);
        if !from.is_some_and(|from| own(&from) || self.house.rooms.is_one(&from)) {
            self.conversations.borrow_mut().heard(message);
        }
        form::im::read_im(message, self.wants.borrow().extended_im)
    }

    fn told(&self, signal: &Signal) -> Element {
        match signal {
            Signal::Call(leg, event) => {
                if matches!(event, CallEvent::Disconnected(_) | CallEvent::TakenElsewhere(_)) {
                    self.is_over(leg);
                }
                form::call::told(leg, event, self.wants.borrow().sdp_text)
            }
            Signal::CallReport(text) => Element::new("makeCallReport").text(text.as_str()),
            Signal::Im(handed) => self.told_im(&handed.message),
            Signal::Task(event) => {
                let from = event.from.map(|task| self.task_reference(task));
                let message = Element::new("taskEvent").with_some("taskRef", from).with("eventName", &event.name);
                if event.parameter == Value::Null { message } else { form::value::with_value(message, &event.parameter) }
            }
            Signal::ImFailed(failure) => form::im::error_im(failure),
            Signal::Presence(news) => {
                self.conversations.borrow_mut().unlock(&news.peer);
                form::roster::presence(news)
            }
            Signal::Iq(iq) => form::im::iq_read(iq),
        }
    }
}

impl Drop for Signaling {
    /// However the session ended: nothing more is put in, and who holds the inbox learns it.
    fn drop(&mut self) {
        let how = if self.server_ends.get() { Departure::OfServer } else { Departure::OfSession };
        self.presence.take();
        // Entered there before the name is free here, or whoever takes that would not find them.
        let kept_as = self.is_kept_as();
        for OpenCall { name, leg, .. } in self.calls.take() {
            let kept = kept_as.as_ref().and_then(|(account, client)| self.house.kept_legs.keep(account, client, name, leg.clone()));
            match kept {
                Some(kept) => tell(&leg, ClientLost { inbox: self.inbox.clone(), kept }),
                None => tell(&leg, SessionEnded(how)),
            }
        }
        self.unbind();
        let owner = self.owner.take();
        let mut messages = self.said.take();
        self.forget_heard(&mut messages);
        let mut messages: Vec<Arc<HandedIm>> = messages.into_iter().map(|(_, message)| message).collect();
        for item in self.inbox.close() {
            match item {
                Item::Call(_, leg) => tell(&leg, SessionEnded(how)),
                Item::Signal(Signal::Im(message)) => messages.push(message),
                Item::Signal(_) => {}
            }
        }
        if let Some(owner) = owner {
            im::put_back(self.house.clone(), owner, messages.into_iter().filter_map(HandedIm::unheard).collect());
        }
    }
}

#[cfg(test)]
mod tests;
