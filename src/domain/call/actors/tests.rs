//! Calls of a house: that it asks its rules, and waits for what they say; what its accounts find in their logs.

use super::*;
use crate::domain::call::leg::Command;
use crate::domain::call::stages::{CallRules, Decision, Stage};
use crate::domain::files;
use crate::domain::journal;
use crate::domain::sessions::End;
use crate::domain::signals::{Applicant, Bound, Item, NameTaken, SignalsWaiting, Wants};
use crate::domain::testing::{house, new_account};
use crate::model::call::{Application, CallEvent};
use futures_util::future::BoxFuture;
use std::collections::VecDeque;
use tokio::sync::Notify;

/// Bob's calls go to his voice mail when they come, and those of nobody else anywhere.
struct BobIsOut;

impl CallRules for BobIsOut {
    fn decide(&self, question: &Question) -> Option<BoxFuture<'static, Verdict>> {
        let Point { callee, stage } = question.point.clone();
        let ours = callee.name.as_str() == "bob" && stage == Stage::Incoming;
        let to = Application::of("#voicemail", &callee).map(CallTarget::Application).ok()?;
        let verdict = async move {
            tokio::task::yield_now().await;
            Verdict { decision: Decision::Redirect(vec![to]), ask_at: None }
        };
        ours.then(|| -> BoxFuture<'static, Verdict> { Box::pin(verdict) })
    }
}

/// Wakes whoever waits for its inbox.
struct Listener(Arc<Notify>);

impl Actor for Listener {
    type Context = Context<Self>;
}

impl Handler<SignalsWaiting> for Listener {
    type Result = ();
    fn handle(&mut self, _: SignalsWaiting, _: &mut Self::Context) {
        self.0.notify_one();
    }
}

impl Handler<End> for Listener {
    type Result = ();
    fn handle(&mut self, _: End, _: &mut Self::Context) {}
}

/// A client that takes signals, and has one call at most.
struct Phone {
    inbox: Inbox,
    woken: Arc<Notify>,
    leg: Option<Addr<CallLeg>>,
    events: VecDeque<CallEvent>,
    _bound: Bound,
}

impl Phone {
    fn of(house: &Arc<House>, caller: &Caller) -> Self {
        let woken = Arc::new(Notify::new());
        let ear = Listener(woken.clone()).start();
        let (inbox, wants) = (Inbox::new(ear.clone().recipient()), Wants::default());
        let applicant =
            Applicant { caller: caller.clone(), real_name: None, client: None, wants, inbox: inbox.clone(), end: ear.recipient() };
        let _bound = house.signals.bind(applicant, NameTaken::Rename).unwrap();
        Self { inbox, woken, leg: None, events: VecDeque::new(), _bound }
    }

    /// Waits until it hears this, and forgets what it has heard before.
    async fn hears(&mut self, what: fn(&CallEvent) -> bool) {
        while !self.events.pop_front().is_some_and(|event| what(&event)) {
            while self.events.is_empty() {
                self.woken.notified().await;
                for item in self.inbox.take() {
                    match item {
                        Item::Call(_, leg) => self.leg = Some(leg),
                        Item::Signal(Signal::Call(_, event)) => self.events.push_back(event),
                        Item::Signal(_) => {}
                    }
                }
            }
        }
    }

    async fn ask(&self, command: Command) {
        self.leg.as_ref().unwrap().send(Ask(command)).await.unwrap().unwrap();
    }
}

/// What an account's log of this month says: how it came to each call, and who the other party was.
async fn logged(house: &Arc<House>, caller: &Caller) -> Vec<String> {
    let name = journal::file_of_month("calls", Timestamp::now()).parse().unwrap();
    let account = caller.account;
    loop {
        journal::write_all(house).await;
        let name = Clone::clone(&name);
        if let Some(written) = house.store.read(move |tx| files::read(tx, account, &name)).await.unwrap() {
            let fields = |line: &str| line.split('\t').skip(1).take(2).collect::<Vec<_>>().join(" ");
            return String::from_utf8(written).unwrap().lines().map(fields).collect();
        }
        tokio::task::yield_now().await;
    }
}

/// Calls somebody and gives the code with which the call ends.
async fn code_of_call(house: &Arc<House>, caller: &Caller, to: &str) -> u16 {
    let woken = Arc::new(Notify::new());
    let inbox = Inbox::new(Listener(woken.clone()).start().recipient());
    let party = |address: &str| CallParty { address: address.to_owned(), name: None };
    let making = Making {
        from: party(&caller.address.to_string()),
        target: CallTarget::Account(to.parse().unwrap()),
        to: party(to),
        sdp: None,
        inbox: inbox.clone(),
        owner: caller.clone(),
        shown: false,
    };
    let _leg = Call::make(house.clone(), "c1".parse().unwrap(), making).unwrap();
    loop {
        woken.notified().await;
        for item in inbox.take() {
            if let Item::Signal(Signal::Call(_, CallEvent::Disconnected(Some(why)))) = item {
                return why.code;
            }
        }
    }
}

#[actix::test]
async fn the_rules_of_a_house_are_asked() {
    let mut house = house();
    Arc::get_mut(&mut house).unwrap().call_rules = Arc::new(BobIsOut);
    let alice = new_account(&house.store, "alice@example.test").await;
    new_account(&house.store, "bob@example.test").await;
    new_account(&house.store, "carol@example.test").await;
    assert_eq!(code_of_call(&house, &alice, "carol@example.test").await, 480);
    assert_eq!(code_of_call(&house, &alice, "nobody@example.test").await, 404);
    // His voice mail does not answer.
    assert_eq!(code_of_call(&house, &alice, "bob@example.test").await, 480);
    assert_eq!(house.signals.count(), 0);
}

#[actix::test]
async fn who_is_in_a_call_that_moves_has_one_line_of_it() {
    let house = house();
    let mut accounts = Vec::new();
    for name in ["xena", "yuri", "zoe"] {
        accounts.push(new_account(&house.store, &format!("{name}@example.test")).await);
    }
    let [mut xena, mut yuri, mut zoe] = [0, 1, 2].map(|at| Phone::of(&house, &accounts[at]));
    let party = |of: &Caller| CallParty { address: of.address.to_string(), name: None };
    let sdp = || Some(Sdp("v=0".to_owned()));
    let making = Making {
        from: party(&accounts[0]),
        target: CallTarget::Account(accounts[1].address.clone()),
        to: party(&accounts[1]),
        sdp: sdp(),
        inbox: xena.inbox.clone(),
        owner: accounts[0].clone(),
        shown: false,
    };
    xena.leg = Some(Call::make(house.clone(), "c1".parse().unwrap(), making).unwrap());
    yuri.hears(|event| matches!(event, CallEvent::Incoming { .. })).await;
    yuri.ask(Command::Accept(sdp())).await;
    xena.hears(|event| matches!(event, CallEvent::Connected { .. })).await;
    xena.ask(Command::Transfer(CallTarget::Account(accounts[2].address.clone()))).await;
    yuri.hears(|event| matches!(event, CallEvent::UpdateSolicited { .. })).await;
    yuri.ask(Command::Update { tag: None, sdp: sdp() }).await;
    zoe.hears(|event| matches!(event, CallEvent::Incoming { .. })).await;
    zoe.ask(Command::Accept(sdp())).await;
    xena.hears(|event| matches!(event, CallEvent::Disconnected(None))).await;
    zoe.ask(Command::Kill).await;
    yuri.hears(|event| matches!(event, CallEvent::Disconnected(None))).await;
    let mut lines = Vec::new();
    for account in &accounts {
        lines.extend(logged(&house, account).await);
    }
    assert_eq!(lines, ["placed yuri@example.test", "received xena@example.test", "received yuri@example.test"]);
}
