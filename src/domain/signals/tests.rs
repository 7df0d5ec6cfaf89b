//! Who is in the directory, and what an inbox holds.

use super::*;
use crate::model::ids::AccountId;
use crate::model::im::{HandedIm, ImContent, InstantMessage};
use crate::model::time::Timestamp;
use actix::{Actor, Context, Handler};

/// Counts what it is told.
#[derive(Default)]
struct Ear {
    woken: usize,
    ended: usize,
}

impl Actor for Ear {
    type Context = Context<Self>;
}

impl Handler<SignalsWaiting> for Ear {
    type Result = ();
    fn handle(&mut self, _: SignalsWaiting, _: &mut Self::Context) {
        self.woken += 1;
    }
}

impl Handler<End> for Ear {
    type Result = ();
    fn handle(&mut self, _: End, _: &mut Self::Context) {
        self.ended += 1;
    }
}

#[derive(Message)]
#[rtype(result = "(usize, usize)")]
struct Heard;

impl Handler<Heard> for Ear {
    type Result = actix::MessageResult<Heard>;
    fn handle(&mut self, _: Heard, _: &mut Self::Context) -> Self::Result {
        actix::MessageResult((self.woken, self.ended))
    }
}

fn applicant(ear: &actix::Addr<Ear>, client: Option<&str>) -> Applicant {
    Applicant {
        caller: Caller { account: AccountId(1), address: "alice@example.test".parse().unwrap() },
        real_name: None,
        client: client.map(|name| name.parse().unwrap()),
        wants: Wants::default(),
        inbox: Inbox::new(ear.clone().recipient()),
        end: ear.clone().recipient(),
    }
}

fn message(bytes: usize) -> Signal {
    let content = ImContent::Text { body: Some("x".repeat(bytes)), subject: None, extra: Default::default() };
    let from = "bob@example.test".parse().unwrap();
    let message = InstantMessage { from, from_name: None, from_client: None, kind: None, id: None, content, waited_since: None };
    Signal::Im(Arc::new(HandedIm::new(message, Timestamp(0))))
}

fn signal(item: Item) -> Option<Signal> {
    match item {
        Item::Signal(signal) => Some(signal),
        Item::Call(..) => None,
    }
}

#[actix::test]
async fn a_session_is_woken_once_and_gets_all_in_order() {
    let ear = Ear::default().start();
    let inbox = Inbox::new(ear.clone().recipient());
    for bytes in 1..=3 {
        assert_eq!(inbox.push(message(bytes)), Ok(()));
    }
    assert_eq!(ear.send(Heard).await.unwrap(), (1, 0));
    let signals: Vec<Signal> = inbox.take().into_iter().filter_map(signal).collect();
    assert_eq!(signals, [message(1), message(2), message(3)]);
    assert_eq!(inbox.push(message(4)), Ok(()));
    assert_eq!(ear.send(Heard).await.unwrap(), (2, 0));
}

#[actix::test]
async fn an_inbox_has_bounds_and_an_end() {
    let ear = Ear::default().start();
    let inbox = Inbox::new(ear.recipient());
    let big = message(MOST_BYTES / 2);
    assert_eq!(inbox.push(big.clone()), Ok(()));
    assert_eq!(inbox.push(big), Err(Refused::Full));
    assert_eq!(inbox.take().len(), 1);
    for _ in 0..MOST_WAITING {
        assert_eq!(inbox.push(message(0)), Ok(()));
    }
    assert_eq!(inbox.push(message(0)), Err(Refused::Full));
    assert_eq!(inbox.close().len(), MOST_WAITING);
    assert_eq!(inbox.push(message(0)), Err(Refused::Gone));
}

#[actix::test]
async fn a_name_belongs_to_one_session() {
    let (ear, bindings) = (Ear::default().start(), Bindings::default());
    let first = bindings.bind(applicant(&ear, Some("desk")), NameTaken::Rename).unwrap();
    let second = bindings.bind(applicant(&ear, Some("desk")), NameTaken::Rename).unwrap();
    let nameless = bindings.bind(applicant(&ear, None), NameTaken::Refuse).unwrap();
    assert_eq!((first.binding().client.as_str(), second.binding().client.as_str()), ("desk", "desk-2"));
    assert!(nameless.binding().client.as_str().len() == 12 && bindings.count() == 3);
    assert_eq!(bindings.bind(applicant(&ear, Some("desk")), NameTaken::Refuse).err().map(|fault| fault.number), Some(511));

    let third = bindings.bind(applicant(&ear, Some("desk")), NameTaken::Kill).unwrap();
    assert_eq!(ear.send(Heard).await.unwrap(), (0, 1));
    // The old one's entry is gone already; its end takes nothing else away.
    drop(first);
    let alice = third.binding().caller.address.clone();
    assert!(bindings.find(&alice, &third.binding().client).is_some_and(|found| found.serial == third.binding().serial));
    drop((second, nameless, third));
    assert_eq!((bindings.count(), bindings.of(&alice).len()), (0, 0));
}
