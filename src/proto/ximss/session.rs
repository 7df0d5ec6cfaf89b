//! `Session`: the actor of one client, whatever carries its messages.
//!
//! It handles one request at a time (`AtomicResponse`), so pipelined requests are answered in order and no notice
//! splits an answer. What is told to it (notices) waits meanwhile; each teller has at most one message under way.
//! Spec: XIMSS, "Protocol and Message Syntax", "Service Operations".

use super::desk::{After, Desk, Peer};
use super::outbox::Outbox;
use super::request::Cx;
use super::table;
use crate::domain::folder::{FolderModified, Show};
use crate::domain::house::House;
use crate::domain::messages;
use crate::domain::sessions::{AddUpload, End, FindMessage, FindUpload};
use crate::domain::uploads::Upload;
use crate::model::fault::{Fault, Outcome};
use crate::model::ids::{BlobId, Uid};
use crate::xml::Element;
use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, AtomicResponse, Context, Handler, Message, WrapFuture};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::OwnedSemaphorePermit;

/// One message of the client, or why it could not be read.
#[derive(Message)]
#[rtype(result = "After")]
pub struct Incoming {
    /// The message.
    pub message: Outcome<Element>,
    /// Its place among the requests that may wait; given back when it has been answered.
    pub place: Option<OwnedSemaphorePermit>,
}

/// The transport has begun TLS on the connection.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Secured;

/// The connection is gone, and with it a session that lives by one.
#[derive(Message)]
#[rtype(result = "()")]
pub struct ConnectionGone;

/// The actor.
pub struct Session {
    house: Arc<House>,
    desk: Rc<Desk>,
    outbox: Outbox,
    last_request: Instant,
}

impl Session {
    /// Starts the session of a client that has just connected, on the arbiter of the caller.
    pub fn open(house: Arc<House>, peer: Peer, secure: bool, can_start_tls: bool, outbox: Outbox) -> actix::Addr<Self> {
        let settings = house.settings();
        let desk = Desk::new(peer, secure, can_start_tls, settings.domain.clone(), settings.limits.idle_time);
        let mut session = Self { house, desk: Rc::new(desk), outbox, last_request: Instant::now() };
        Self::create(move |ctx| {
            session.desk.attach(ctx.address());
            session.last_request = Instant::now();
            session
        })
    }

    fn context_for(&self, element: &Element) -> Cx {
        Cx { id: element.get("id").map(str::to_owned), house: self.house.clone(), desk: self.desk.clone(), outbox: self.outbox.clone() }
    }

    /// Looks again when the session may have been idle for too long. One timer, moved on by looking.
    fn watch(&self, ctx: &mut Context<Self>) {
        let limit = if self.desk.is_logged_in() { self.desk.idle_time.get() } else { self.house.settings().limits.login_time };
        let left = Duration::from_secs(limit).saturating_sub(self.last_request.elapsed());
        if left.is_zero() {
            self.say_bye();
            ctx.stop();
            return;
        }
        ctx.run_later(left + Duration::from_millis(50), |session, ctx| session.watch(ctx));
    }

    fn say_bye(&self) {
        self.outbox.notice(&Element::new("bye"));
        self.outbox.close();
    }
}

/// The response to a request.
pub fn response(id: Option<&str>, outcome: &Outcome<()>) -> Element {
    let response = Element::new("response").with_some("id", id);
    match outcome {
        Ok(()) => response,
        Err(fault) => response.with("errorText", &fault.text).with("errorNum", fault.number),
    }
}

impl Actor for Session {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        metrics::gauge!("posthouse_ximss_sessions").increment(1);
        self.watch(ctx);
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        metrics::gauge!("posthouse_ximss_sessions").decrement(1);
        self.outbox.close();
        self.desk.clear();
    }
}

impl Handler<Incoming> for Session {
    type Result = AtomicResponse<Self, After>;

    fn handle(&mut self, incoming: Incoming, _: &mut Self::Context) -> Self::Result {
        self.last_request = Instant::now();
        metrics::counter!("posthouse_ximss_requests").increment(1);
        let outbox = self.outbox.clone();
        let desk = self.desk.clone();
        let (id, answer) = match incoming.message {
            Err(fault) => (None, Err(fault)),
            Ok(element) => {
                let cx = self.context_for(&element);
                (cx.id.clone(), table::find(&element.name, desk.is_logged_in()).map(|op| (op.run)(element, cx)))
            }
        };
        let work = async move {
            let outcome = match answer {
                Ok(answer) => answer.await,
                Err(fault) => Err(fault),
            };
            if !desk.take_unanswered() {
                // A closed outbox means a client that is gone; there is nobody to tell.
                let _ = outbox.answer(&response(id.as_deref(), &outcome)).await;
            }
            drop(incoming.place);
            desk.take_after()
        };
        AtomicResponse::new(Box::pin(work.into_actor(self).map(|after, session, ctx| {
            session.last_request = Instant::now();
            if after == After::Close {
                session.outbox.close();
                ctx.stop();
            }
            after
        })))
    }
}

impl Handler<Secured> for Session {
    type Result = ();
    fn handle(&mut self, _: Secured, _: &mut Self::Context) {
        self.desk.secure.set(true);
        self.desk.can_start_tls.set(false);
    }
}

impl Handler<ConnectionGone> for Session {
    type Result = ();
    fn handle(&mut self, _: ConnectionGone, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

impl Handler<End> for Session {
    type Result = ();
    fn handle(&mut self, how: End, ctx: &mut Self::Context) {
        match how {
            End::Kill => self.outbox.abort(),
            End::ShuttingDown => {
                let text = "The server is shutting down.";
                self.outbox.notice(&super::form::session::alert(
                    crate::model::time::Timestamp::now(),
                    &self.desk.preferences().zone(),
                    text,
                ));
                self.say_bye();
            }
        }
        ctx.stop();
    }
}

impl Handler<FolderModified> for Session {
    type Result = ();
    fn handle(&mut self, FolderModified { folder }: FolderModified, _: &mut Self::Context) {
        self.outbox.notice(&Element::new("folderReport").with("folder", folder).with("mode", "notify"));
    }
}

impl Handler<FindMessage> for Session {
    type Result = actix::ResponseFuture<Outcome<BlobId>>;
    fn handle(&mut self, FindMessage { folder, uid }: FindMessage, _: &mut Self::Context) -> Self::Result {
        self.last_request = Instant::now();
        let (desk, store) = (self.desk.clone(), self.house.store.clone());
        Box::pin(async move {
            let (caller, view) = (desk.login()?.caller.clone(), desk.folder(&folder)?);
            let shown = view.send(Show).await.map_err(|_| Fault::closed())?;
            store.read(move |tx| Ok(messages::readable(tx, &caller, shown.mailbox, Uid(uid))?.1.blob)).await
        })
    }
}

impl Handler<AddUpload> for Session {
    type Result = Outcome<()>;
    fn handle(&mut self, AddUpload { id, upload }: AddUpload, _: &mut Self::Context) -> Self::Result {
        self.last_request = Instant::now();
        self.desk.uploads.borrow_mut().add(id.clone(), upload, self.house.settings().limits.uploads)?;
        self.outbox.notice(&Element::new("newUploaded").with("uploadID", id));
        Ok(())
    }
}

impl Handler<FindUpload> for Session {
    type Result = Outcome<Upload>;
    fn handle(&mut self, FindUpload { id }: FindUpload, _: &mut Self::Context) -> Self::Result {
        self.last_request = Instant::now();
        self.desk.uploads.borrow().get(&id)
    }
}
