//! Calls of a house: that it asks its rules, and waits for what they say.

use super::*;
use crate::domain::call::stages::{CallRules, Decision, Stage};
use crate::domain::signals::{Item, SignalsWaiting};
use crate::domain::testing::{house, new_account};
use crate::model::call::{Application, CallEvent};
use futures_util::future::BoxFuture;
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
