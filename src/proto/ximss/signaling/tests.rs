//! What a session leaves behind when it ends, and what others see of a profile.

use super::{Command, Signaling};
use crate::domain::avatar::PROFILE;
use crate::domain::call::actors::{Call, Making};
use crate::domain::files;
use crate::domain::signals::SignalsWaiting;
use crate::domain::testing::{house, new_account};
use crate::model::call::{CallParty, CallTarget, LegName};
use crate::model::files::WriteAt;
use crate::model::limits::Limits;
use crate::model::time::Timestamp;
use crate::proto::ximss::outbox::Outbox;
use crate::proto::ximss::session::ConnectionGone;
use crate::proto::ximss::testing::Client;

use actix::{Actor, Context, Handler};
use std::sync::Arc;
use tokio::sync::Notify;

const BIND: &str = r#"<signalBind id="s"/>"#;
const RESPONSE: &str = r#"<response id="s"/>"#;

/// What a client is told after its answers, once something has come.
async fn told(client: &Client) -> Vec<String> {
    let mut said = client.ask(BIND).await;
    said.retain(|message| message != RESPONSE);
    if said.is_empty() { client.notices().await } else { said }
}

#[actix::test]
async fn what_a_client_has_not_got_waits_for_the_next_session() {
    let house = house();
    let (alice, bob) = (new_account(&house.store, "alice@example.test").await, new_account(&house.store, "bob@example.test").await);
    let (writer, first) = (Client::logged_in(&house, &alice).await, Client::logged_in(&house, &bob).await);
    assert_eq!(first.ask(BIND).await, [RESPONSE]);
    writer.ask(r#"<sendIM id="1" peer="bob">heard</sendIM>"#).await;
    assert!(first.notices().await.concat().contains(">heard<"));
    for text in ["unread", "on its way"] {
        writer.ask(&format!(r#"<sendIM id="2" peer="bob">{text}</sendIM>"#)).await;
    }
    writer.ask(r#"<sendIM id="3" peer="bob"><composing/></sendIM>"#).await;
    first.outbox.abort();
    first.session.send(ConnectionGone).await.unwrap();
    let second = Client::logged_in(&house, &bob).await;
    let mut all = told(&second).await;
    while all.len() < 2 {
        all.extend(second.notices().await);
    }
    assert!(all[0].contains("gmtTime=") && all[0].ends_with(">unread</readIM>") && all[1].ends_with(">on its way</readIM>"), "{all:?}");
    assert_eq!(second.said(), Vec::<String>::new());
}

#[actix::test]
async fn what_another_session_has_got_does_not_come_again() {
    let house = house();
    let (alice, bob) = (new_account(&house.store, "alice@example.test").await, new_account(&house.store, "bob@example.test").await);
    let writer = Client::logged_in(&house, &alice).await;
    let (first, second) = (Client::logged_in(&house, &bob).await, Client::logged_in(&house, &bob).await);
    assert_eq!((first.ask(BIND).await, second.ask(BIND).await), (vec![RESPONSE.to_owned()], vec![RESPONSE.to_owned()]));
    writer.ask(r#"<sendIM id="1" peer="bob">to both</sendIM>"#).await;
    assert!(second.notices().await.concat().contains(">to both<"));
    first.outbox.abort();
    first.session.send(ConnectionGone).await.unwrap();
    drop(first);
    second.session.send(ConnectionGone).await.unwrap();
    let third = Client::logged_in(&house, &bob).await;
    assert_eq!(third.ask(BIND).await, [RESPONSE]);
    writer.ask(r#"<sendIM id="2" peer="bob">later</sendIM>"#).await;
    assert!(third.notices().await.concat().ends_with(">later</readIM>"));
}

#[actix::test]
async fn a_profile_shows_in_presence_and_in_answers() {
    let house = house();
    let (alice, bob) = (new_account(&house.store, "alice@example.test").await, new_account(&house.store, "bob@example.test").await);
    let card = "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Alice\r\nPHOTO;ENCODING=b;TYPE=GIF:YWJj\r\nEND:VCARD\r\n";
    let account = alice.account;
    let written = house.store.write(move |tx| {
        files::write(tx, account, &PROFILE.parse()?, card.as_bytes(), WriteAt::Replace, &Limits::default(), Timestamp::now()).map(drop)
    });
    written.await.unwrap();
    let (shown, sees) = (Client::logged_in(&house, &alice).await, Client::logged_in(&house, &bob).await);
    shown.ask(BIND).await;
    sees.ask(r#"<signalBind id="s" presence="yes"/>"#).await;
    shown.ask(r#"<accountACLUpdate id="1"><aclElem pattern="bob">p</aclElem></accountACLUpdate>"#).await;
    assert!(sees.notices().await.concat().contains("offline"));
    shown.ask(r#"<presenceSet id="2"/>"#).await;
    let told = sees.notices().await.concat();
    let hash = "a9993e364706816aba3e25717850c26c9cd0d89d";
    assert!(
        told.ends_with(&format!("<presence>online</presence><x xmlns=\"jabber:iq:avatar\"><hash>{hash}</hash></x></presence>")),
        "{told}"
    );
    let mut said = sees.ask(r#"<iqSend id="3" peer="alice@example.test" type="get" iqid="v"><vCard xmlns="vcard-temp"/></iqSend>"#).await;
    while !said.last().is_some_and(|message| message.starts_with("<iqRead")) {
        said.extend(sees.notices().await);
    }
    let card = "<FN>Alice</FN><PHOTO><TYPE>image/gif</TYPE><BINVAL>YWJj</BINVAL></PHOTO></vCard></iqRead>";
    assert!(said.last().unwrap().ends_with(card), "{said:?}");
}

/// Tells whoever waits that a session is woken, which does not look itself.
struct Sleeper(Arc<Notify>);

impl Actor for Sleeper {
    type Context = Context<Self>;
}

impl Handler<SignalsWaiting> for Sleeper {
    type Result = ();
    fn handle(&mut self, _: SignalsWaiting, _: &mut Self::Context) {
        self.0.notify_one();
    }
}

#[actix::test]
async fn nothing_of_a_released_call_is_told_of_the_next_one_of_its_name() {
    let house = house();
    let alice = new_account(&house.store, "alice@example.test").await;
    let woken = Arc::new(Notify::new());
    let signaling = Signaling::new(house.clone(), Outbox::new(1 << 20), Sleeper(woken.clone()).start().recipient());
    let name: LegName = "r".parse().unwrap();
    let call = || {
        signaling.may_call(&name).unwrap();
        let party = |address: &str| CallParty { address: address.to_owned(), name: None };
        let making = Making {
            from: party("alice@example.test"),
            target: CallTarget::Account("nobody@example.test".parse().unwrap()),
            to: party("nobody@example.test"),
            sdp: None,
            inbox: signaling.inbox.clone(),
            owner: alice.clone(),
            shown: false,
        };
        signaling.add_call(name.clone(), Call::make(house.clone(), name.clone(), making).unwrap());
    };
    call();
    woken.notified().await;
    // The first call has failed, and its word of that is waiting.
    signaling.release(&name).await.unwrap();
    call();
    assert!(signaling.news().is_empty());
    assert!(signaling.command(&name, Command::Dtmf(1)).await.is_err(), "the second one is there, and not connected");
}

#[actix::test]
async fn whoever_could_not_hear_of_the_end_is_not_told_alone() {
    let house = house();
    let (alice, bob) = (new_account(&house.store, "alice@example.test").await, new_account(&house.store, "bob@example.test").await);
    let (says, hears) = (Client::logged_in(&house, &alice).await, Client::logged_in(&house, &bob).await);
    says.ask(BIND).await;
    hears.ask(r#"<signalBind id="s" clientID="n64" presence="yes"/>"#).await;
    let said = async |n: u32, rest: &str| says.response(&format!(r#"<presenceSet id="1" peer="bob" clientID="n{n}"{rest}/>"#)).await;
    for n in 0..64 {
        assert_eq!(said(n, "").await, r#"<response id="1"/>"#);
    }
    assert!(said(64, "").await.contains("presence is sent to too many alone"));
    assert_eq!((said(63, "").await.contains("error"), hears.said()), (false, Vec::new()));
    assert_eq!(said(0, r#" type="unavailable""#).await, r#"<response id="1"/>"#);
    assert_eq!(said(64, "").await, r#"<response id="1"/>"#);
    assert!(hears.notices().await.concat().contains("online"));
    says.session.send(ConnectionGone).await.unwrap();
    drop(says);
    assert!(hears.notices().await.concat().contains("unavailable"));
}

#[actix::test]
async fn events_are_bounded() {
    let house = house();
    let alice = new_account(&house.store, "alice@example.test").await;
    let client = Client::logged_in(&house, &alice).await;
    let mut said = client.ask(r#"<taskStart id="1" programName="echo"/>"#).await;
    while !said.concat().contains("started") {
        said.extend(client.notices().await);
    }
    let event = |bytes: usize| format!(r#"<taskSendEvent id="2" taskRef="t1" eventName="x">{}</taskSendEvent>"#, "x".repeat(bytes));
    let refused = client.ask(&event(64 << 10)).await.concat();
    assert!(refused.contains("event is too large"), "{refused:.200}");
    // What holds much though little is said of it counts for what it holds.
    let empty = format!(r#"<taskSendEvent id="2" taskRef="t1" eventName="x">{}</taskSendEvent>"#, "<subValue/>".repeat(4_000));
    assert!(client.ask(&empty).await.concat().contains("event is too large"));
    let mut said = client.ask(&event(60 << 10)).await;
    while said.len() < 2 {
        said.extend(client.notices().await);
    }
    assert!(said.concat().len() > 60 << 10, "{:.200}", said.concat());
}
