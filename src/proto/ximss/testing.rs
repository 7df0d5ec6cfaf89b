//! For tests only: a session without a transport, already logged in.

use super::desk::{After, Desk, Login, Peer, Way};
use super::entrance::Entrance;
use super::outbox::{Outbox, Outgoing};
use super::session::{Incoming, Session};
use crate::domain::access::Caller;
use crate::domain::house::House;
use crate::domain::preferences::Preferences;
use crate::domain::sessions::{Guard, Kind, Reach};
use crate::domain::tell::Line;
use crate::model::time::Timestamp;
use crate::store::accounts;
use crate::xml::Element;
use crate::xml::read::document;
use crate::xml::write::to_bytes;
use actix::Addr;
use futures_util::FutureExt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// A client's end of a session.
pub(crate) struct Client {
    pub(crate) session: Addr<Session>,
    pub(crate) outbox: Outbox,
    pub(crate) url_id: String,
}

/// A client on this machine.
pub(crate) fn peer() -> Peer {
    Peer { address: IpAddr::V4(Ipv4Addr::LOCALHOST), local: IpAddr::V4(Ipv4Addr::LOCALHOST), port: 11024 }
}

impl Client {
    /// A client that has just connected.
    pub(crate) fn connected(house: &Arc<House>) -> Self {
        let outbox = Outbox::new(house.settings().limits.unread_output);
        Self { session: Session::open(house.clone(), peer(), Way::CLEAR, outbox.clone()), outbox, url_id: String::new() }
    }

    /// A client that has logged in.
    pub(crate) async fn logged_in(house: &Arc<House>, caller: &Caller) -> Self {
        let client = Self { url_id: crate::domain::sessions::new_id().unwrap(), ..Self::connected(house) };
        let (store, account) = (house.store.clone(), caller.account);
        let since = store.read(move |tx| Ok(accounts::state(tx, account)?.modseq)).await.unwrap();
        let (house, caller, url_id, session) = (house.clone(), caller.clone(), client.url_id.clone(), client.session.clone());
        let enter = move |desk: &Desk| {
            let address = peer().address;
            let entrance = Arc::new(Entrance::new(session.clone(), desk.outbox.clone(), Kind::Connection));
            let reach = Reach {
                caller: caller.clone(),
                address,
                since: Timestamp::now(),
                kind: Kind::Connection,
                guard: Guard::default(),
                front: entrance.clone(),
                find_message: Line::to(&session),
                find_open: Line::to(&session),
                add_upload: Line::to(&session),
                find_upload: Line::to(&session),
                end: Line::to(&session),
            };
            let registration = house.sessions.register(&url_id, reach, 64).unwrap();
            let login =
                Login { caller, real_name: None, url_id, version: (6, 1), previous: None, since, cookie: None, entrance, registration };
            desk.begin(login, Preferences::default()).unwrap();
        };
        client.session.send(super::session::tests::AtDesk(Box::new(enter))).await.unwrap();
        client
    }

    /// Sends a request; what the transport is to do then.
    pub(crate) async fn send(&self, request: &str) -> After {
        let message = document(request.as_bytes(), &Default::default());
        self.session.send(Incoming { message, place: None, answers: None }).await.unwrap()
    }

    /// Sends a request and takes all that the session has said up to its response.
    pub(crate) async fn ask(&self, request: &str) -> Vec<String> {
        self.send(request).await;
        self.said()
    }

    /// The messages of an answer, without the response, which must be positive.
    pub(crate) async fn data(&self, request: &str) -> Vec<Element> {
        let mut all = self.ask(request).await;
        let response = all.pop().unwrap();
        assert!(!response.contains("errorText") && response.starts_with("<response"), "{request}: {response}");
        all.iter().map(|message| document(message.as_bytes(), &Default::default()).unwrap()).collect()
    }

    /// The response to a request, alone.
    pub(crate) async fn response(&self, request: &str) -> String {
        self.ask(request).await.pop().unwrap()
    }

    /// What the session has said so far.
    pub(crate) fn said(&self) -> Vec<String> {
        let taken = self.outbox.take().now_or_never().flatten().unwrap_or_default();
        taken.iter().map(|m| String::from_utf8(m.bytes().to_vec()).unwrap()).collect()
    }

    /// Waits for the next things that nobody asked for.
    pub(crate) async fn notices(&self) -> Vec<String> {
        let taken = self.outbox.take().await.unwrap_or_default();
        assert!(taken.iter().all(|m| matches!(m, Outgoing::Notice(_))), "{taken:?}");
        taken.iter().map(|m| String::from_utf8(m.bytes().to_vec()).unwrap()).collect()
    }
}

/// An element as text.
pub(crate) fn text(element: &Element) -> String {
    String::from_utf8(to_bytes(element)).unwrap()
}
