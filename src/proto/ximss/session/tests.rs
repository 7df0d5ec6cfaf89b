//! A session as its client sees it, without a transport.

use super::*;
use crate::domain::access::Caller;
use crate::domain::testing::{house, house_in, new_account};
use crate::model::limits::Limits;
use crate::model::names::MailboxName;
use crate::proto::ximss::testing::Client;
use crate::store::{Store, mailboxes};

/// Lets a test put something on the desk.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct AtDesk(pub(crate) Box<dyn FnOnce(&Desk) + Send>);

impl Handler<AtDesk> for Session {
    type Result = ();
    fn handle(&mut self, AtDesk(act): AtDesk, _: &mut Self::Context) {
        act(&self.desk);
    }
}

async fn alert(store: &Store, of: &Caller, text: &'static str) {
    let account = of.account;
    store.write(move |tx| accounts::post_alert(tx, account, Timestamp(1_178_094_793), text)).await.unwrap();
}

async fn touch_inbox(store: &Store, of: &Caller, times: usize) {
    let account = of.account;
    let touch = move |tx: &crate::store::WriteTx| {
        let inbox = mailboxes::find(tx, account, &MailboxName::inbox())?.unwrap();
        (0..times).try_for_each(|_| mailboxes::put(tx, &inbox))
    };
    store.write(touch).await.unwrap();
}

#[test]
fn requests_are_answered_in_order_and_each_by_its_id() {
    actix::System::new().block_on(async {
        let house = house();
        let alice = new_account(&house.store, "alice@example.test").await;
        let client = Client::logged_in(&house, &alice).await;
        let asked = ["<noop id='1'/>", "<NOOP id='2'/>", "<myCommand id='3'/>", "<noop/>", "<bye id='5'/>"];
        let answers = futures_util::future::join_all(asked.iter().map(|request| client.send(request))).await;
        assert_eq!(answers.last(), Some(&After::Close));
        let expected = [
            "<response id=\"1\"/>",
            "<response id=\"2\"/>",
            "<response id=\"3\" errorText=\"unknown command\" errorNum=\"500\"/>",
            "<response/>",
            "<response id=\"5\"/>",
        ];
        assert_eq!(client.said(), expected);
        assert!(client.outbox.take().await.is_none(), "closed behind the last answer");
    });
}

#[test]
fn alerts_are_shown_after_login_and_when_posted_and_confirmed_once_taken() {
    actix::System::new().block_on(async {
        let house = house();
        let alice = new_account(&house.store, "alice@example.test").await;
        alert(&house.store, &alice, "over quota").await;
        let (one, two) = (Client::logged_in(&house, &alice).await, Client::logged_in(&house, &alice).await);
        // Behind the first look of each: whoever looks after another has confirmed has nothing to show.
        one.send("<noop id='a'/>").await;
        let seen_by_two = two.ask("<noop id='a'/>").await;
        let shown = one.said();
        let zone = crate::model::time::Zone::host();
        let local = Timestamp(1_178_094_793).local(&zone);
        let expected = format!("<alert gmtTime=\"20070502T083313\" localTime=\"{local}\">over quota</alert>");
        assert_eq!(shown, [expected, "<response id=\"a\"/>".to_owned()]);
        assert_eq!(seen_by_two, shown);
        alert(&house.store, &alice, "still").await;
        assert!(one.notices().await[0].ends_with(">still</alert>"));
        assert!(two.notices().await[0].ends_with(">still</alert>"));
        // Confirmed in the background; a session that logs in then has nothing to show.
        let account = alice.account;
        while !house.store.read(move |tx| Ok(accounts::alerts(tx, account, ModSeq(0))?.is_empty())).await.unwrap() {
            tokio::task::yield_now().await;
        }
        let three = Client::logged_in(&house, &alice).await;
        assert_eq!(three.ask("<noop id='a'/>").await, ["<response id=\"a\"/>"]);
    });
}

#[test]
fn mailbox_changes_are_told_only_when_asked_for_and_once_per_look() {
    actix::System::new().block_on(async {
        let house = house();
        let alice = new_account(&house.store, "alice@example.test").await;
        let client = Client::logged_in(&house, &alice).await;
        touch_inbox(&house.store, &alice, 3).await;
        assert_eq!(client.ask("<noop id='a'/>").await, ["<response id=\"a\"/>"]);
        let on = "<setSessionOption id='b' name='reportMailboxChanges' value='yes'/>";
        assert_eq!(client.ask(on).await, ["<response id=\"b\"/>"]);
        touch_inbox(&house.store, &alice, 3).await;
        assert_eq!(client.notices().await, ["<mailboxModified mailbox=\"INBOX\"/>"]);
        // More than is kept for a session: preferences may have changed among it, so that is said, too.
        touch_inbox(&house.store, &alice, 2000).await;
        assert_eq!(client.notices().await, ["<mailboxModified mailbox=\"INBOX\"/>", "<prefsModified/>"]);
        client.ask("<setSessionOption id='c' name='reportMailboxChanges' value='maybe'/>").await;
        touch_inbox(&house.store, &alice, 1).await;
        assert_eq!(client.ask("<noop id='d'/>").await, ["<response id=\"d\"/>"]);
        assert!(client.response("<setSessionOption id='e' name='x' value='1'/>").await.contains("name"));
    });
}

#[test]
fn sessions_end_when_the_account_ends_them_and_say_so() {
    actix::System::new().block_on(async {
        let house = house();
        let alice = new_account(&house.store, "alice@example.test").await;
        let bob = new_account(&house.store, "bob@example.test").await;
        let (client, other) = (Client::logged_in(&house, &alice).await, Client::logged_in(&house, &bob).await);
        let account = alice.account;
        house.store.write(move |tx| accounts::end_sessions(tx, account)).await.unwrap();
        assert_eq!(client.notices().await, ["<bye/>"]);
        assert!(client.outbox.take().await.is_none());
        assert_eq!(other.ask("<noop id='a'/>").await, ["<response id=\"a\"/>"]);
        assert_eq!(house.sessions.count(), 1);
        house.sessions.end(None, End::ShuttingDown);
        let farewell = other.notices().await;
        assert!(farewell[0].contains(">The server is shutting down.</alert>") && farewell[1] == "<bye/>", "{farewell:?}");
        assert!(other.outbox.take().await.is_none());
    });
}

#[test]
fn a_session_ends_when_its_client_logs_in_too_late_or_is_idle_too_long() {
    actix::System::new().block_on(async {
        let limits = Limits { login_time: 1, idle_time: 1, ..Limits::default() };
        let house = house_in("/nonexistent".into(), limits);
        let alice = new_account(&house.store, "alice@example.test").await;
        let (late, idle) = (Client::connected(&house), Client::logged_in(&house, &alice).await);
        let patient = Client::logged_in(&house, &alice).await;
        assert_eq!(patient.ask("<setSessionOption id='a' name='idleTimeout' value='5m'/>").await, ["<response id=\"a\"/>"]);
        assert_eq!(late.notices().await, ["<bye/>"]);
        assert_eq!(idle.notices().await, ["<bye/>"]);
        assert!(late.outbox.take().await.is_none() && idle.outbox.take().await.is_none());
        assert_eq!(patient.ask("<noop id='b'/>").await, ["<response id=\"b\"/>"]);
    });
}

#[test]
fn a_shorter_idle_time_holds_at_once() {
    actix::System::new().block_on(async {
        let house = house();
        let alice = new_account(&house.store, "alice@example.test").await;
        let client = Client::logged_in(&house, &alice).await;
        client.session.send(AtDesk(Box::new(|desk| desk.idle_time.set(1)))).await.unwrap();
        assert_eq!(client.ask("<noop id='a'/>").await, ["<response id=\"a\"/>"]);
        assert_eq!(client.notices().await, ["<bye/>"]);
    });
}

#[test]
fn a_client_that_does_not_listen_loses_its_session() {
    actix::System::new().block_on(async {
        let house = house_in("/nonexistent".into(), Limits { unread_output: 2000, ..Limits::default() });
        let alice = new_account(&house.store, "alice@example.test").await;
        let client = Client::logged_in(&house, &alice).await;
        for _ in 0..20 {
            alert(&house.store, &alice, "again").await;
        }
        client.outbox.aborted().await;
        assert_eq!(client.said(), Vec::<String>::new());
        while house.sessions.count() > 0 {
            tokio::task::yield_now().await;
        }
    });
}

/// A broken invariant in one session costs that session: its client is let go, and all others are served.
#[test]
fn a_session_that_panics_ends_alone() {
    actix::System::new().block_on(async {
        let house = house();
        let alice = new_account(&house.store, "alice@example.test").await;
        let (client, other) = (Client::logged_in(&house, &alice).await, Client::logged_in(&house, &alice).await);
        let broken = client.session.send(AtDesk(Box::new(|_| panic!("as this test asks")))).await;
        assert!(broken.is_err());
        assert!(client.outbox.take().await.is_none(), "its connection is closed");
        assert_eq!(other.ask("<noop id='a'/>").await, ["<response id=\"a\"/>"]);
        assert_eq!(house.sessions.count(), 1);
        assert!(house.sessions.find(&client.url_id).is_none());
        assert_eq!(Client::logged_in(&house, &alice).await.ask("<noop id='b'/>").await, ["<response id=\"b\"/>"]);
    });
}
