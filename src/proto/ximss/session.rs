//! `Session`: the actor of one client, whatever carries its messages.
//!
//! It handles one request at a time (`AtomicResponse`), so pipelined requests are answered in order and no notice
//! splits an answer. What is told to it (notices) waits meanwhile; each teller has at most one message under way.
//! Spec: XIMSS, "Protocol and Message Syntax", "Service Operations".

use super::desk::{After, Desk, Peer, Way};
use super::entrance::Entrance;
use super::form::session as form;
use super::measures;
use super::outbox::{AnswersTo, Outbox, Ticket};
use super::request::Cx;
use super::table;
use crate::domain::calendar::view as calendar;
use crate::domain::folder::{FolderModified, Show};
use crate::domain::house::House;
use crate::domain::messages;
use crate::domain::sessions::{AddUpload, End, FindMessage, FindOpen, FindUpload, Opened};
use crate::domain::signals::SignalsWaiting;
use crate::domain::uploads::Upload;
use crate::domain::watch::{AccountChanged, News};
use crate::model::fault::{Fault, Outcome};
use crate::model::ids::{BlobId, ModSeq, Uid};
use crate::model::time::Timestamp;
use crate::store::accounts;
use crate::xml::Element;
use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, AtomicResponse, Context, Handler, Message, SpawnHandle, WrapFuture};
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
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
    /// Where its answers go, if not where all goes that the session says.
    pub answers: Option<AnswersTo>,
}

/// A client has asked what there is to hear: somebody is there.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Touched;

/// Asks for the way into the session; None before login.
#[derive(Message)]
#[rtype(result = "Option<Entry>")]
pub struct Enter;

/// The way into a session, for a transport that is not to be its only one.
pub struct Entry {
    /// The session's ID in URLs.
    pub url_id: String,
    /// The cookie that requests must bring, if any.
    pub cookie: Option<String>,
    /// The entrance.
    pub entrance: Arc<Entrance>,
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
    begun: Instant,
    last_request: Instant,
    /// The timer, and when it looks whether the session has been idle for too long.
    timer: Option<(SpawnHandle, Instant)>,
    /// The last alert that was sent and not yet confirmed.
    alerted: Option<(Ticket, ModSeq)>,
    /// True while a confirmation is under way.
    confirming: bool,
}

impl Session {
    /// Starts the session of a client that has just connected, on the arbiter of the caller.
    pub fn open(house: Arc<House>, peer: Peer, way: Way, outbox: Outbox) -> actix::Addr<Self> {
        let desk = Rc::new(Desk::new(house.clone(), peer, way, outbox.clone()));
        let begun = Instant::now();
        Self::create(move |ctx| {
            desk.attach(ctx.address());
            Self { house, desk, outbox, begun, last_request: begun, timer: None, alerted: None, confirming: false }
        })
    }

    fn context_for(&self, element: &Element, outbox: Outbox) -> Cx {
        Cx { id: element.get("id").map(str::to_owned), house: self.house.clone(), desk: self.desk.clone(), outbox }
    }

    /// When the session ends unless something happens: a login in time, then a request now and then.
    fn deadline(&self) -> Instant {
        match self.desk.is_logged_in() {
            true => self.last_request + Duration::from_secs(self.desk.idle_time.get()),
            false => self.begun + Duration::from_secs(self.house.settings().limits.login_time),
        }
    }

    /// Sees to it that the deadline is looked at. One timer, which moves itself on when it finds that there is time left;
    /// it is set anew only when the deadline has come nearer.
    fn watch_time(&mut self, ctx: &mut Context<Self>) {
        let deadline = self.deadline();
        if self.timer.is_some_and(|(_, at)| at <= deadline) {
            return;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let timer = ctx.run_later(left + Duration::from_millis(50), |session, ctx| {
            session.timer = None;
            if session.deadline() <= Instant::now() { session.end(ctx) } else { session.watch_time(ctx) }
        });
        if let Some((old, _)) = self.timer.replace((timer, deadline)) {
            ctx.cancel_future(old);
        }
    }

    /// The server ends the session and says so.
    fn end(&self, ctx: &mut Context<Self>) {
        self.end_with(Vec::new(), ctx);
    }

    /// The same, with more to say.
    fn end_with(&self, mut last: Vec<Element>, ctx: &mut Context<Self>) {
        last.push(Element::new("bye"));
        self.outbox.close_with(&last);
        ctx.stop();
    }

    /// Says something nobody asked for; a session whose client does not listen ends.
    fn say(&self, message: &Element, ctx: &mut Context<Self>) -> Option<Ticket> {
        let ticket = self.outbox.notice(message);
        if ticket.is_none() {
            // The network may be to blame as well as the client.
            self.desk.connection_lost();
            ctx.stop();
        }
        ticket
    }

    fn tell_news(&mut self, news: News, ctx: &mut Context<Self>) {
        if news.ended {
            return self.end(ctx);
        }
        let zone = self.desk.preferences().zone();
        for alert in news.alerts {
            if let Some(ticket) = self.say(&form::alert(alert.at, &zone, &alert.text), ctx) {
                self.alerted = Some((ticket, alert.modseq));
            }
        }
        for mailbox in &news.mailboxes {
            self.say(&form::mailbox_modified(mailbox), ctx);
        }
        if news.preferences {
            self.say(&Element::new("prefsModified"), ctx);
        }
        for message in self.desk.told_of_roster(&news.roster) {
            self.say(&message, ctx);
        }
        self.confirm(ctx);
    }

    /// Confirms the alerts that were sent, once the transport has taken them; one confirmation at a time.
    fn confirm(&mut self, ctx: &mut Context<Self>) {
        let (Some((ticket, till)), false, Ok(login)) = (self.alerted, self.confirming, self.desk.login()) else { return };
        self.confirming = true;
        let (outbox, store, account) = (self.outbox.clone(), self.house.store.clone(), login.caller.account);
        let work = async move {
            if outbox.taken(ticket).await {
                // One that stays is shown again at the next login, and the store has logged why.
                let _ = store.write(move |tx| accounts::confirm_alerts(tx, account, till)).await;
            }
        };
        ctx.spawn(work.into_actor(self).map(move |(), session, ctx| {
            session.confirming = false;
            if session.alerted == Some((ticket, till)) {
                session.alerted = None;
            }
            session.confirm(ctx);
        }));
    }
}

impl Drop for Session {
    /// However the session ended, its transport hears of it.
    fn drop(&mut self) {
        metrics::gauge!(measures::SESSIONS).decrement(1);
        self.outbox.close();
        self.desk.clear();
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
        metrics::gauge!(measures::SESSIONS).increment(1);
        self.watch_time(ctx);
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.outbox.close();
        self.desk.clear();
    }
}

impl Handler<Incoming> for Session {
    type Result = AtomicResponse<Self, After>;

    fn handle(&mut self, incoming: Incoming, _: &mut Self::Context) -> Self::Result {
        self.last_request = Instant::now();
        metrics::counter!(measures::REQUESTS).increment(1);
        let outbox = incoming.answers.as_ref().map_or(&self.outbox, AnswersTo::outbox).clone();
        let desk = self.desk.clone();
        let (id, answer) = match incoming.message {
            Err(fault) => (None, Err(fault)),
            Ok(element) => {
                let cx = self.context_for(&element, outbox.clone());
                (cx.id.clone(), table::find(&element.name, desk.is_logged_in()).map(|op| (op.run)(element, cx)))
            }
        };
        let work = async move {
            let outcome = match answer {
                // A panic is our own failure; it costs the request, not the session.
                Ok(answer) => AssertUnwindSafe(answer).catch_unwind().await.unwrap_or_else(|_| Err(Fault::internal())),
                Err(fault) => Err(fault),
            };
            if outcome.is_err() {
                metrics::counter!(measures::REFUSALS).increment(1);
            }
            if !desk.take_unanswered() {
                // A closed outbox means a client that is gone; there is nobody to tell.
                let _ = outbox.answer(&response(id.as_deref(), &outcome)).await;
            }
            drop((incoming.place, incoming.answers));
            desk.take_after()
        };
        AtomicResponse::new(Box::pin(work.into_actor(self).map(|after, session, ctx| {
            session.last_request = Instant::now();
            if after == After::Close || session.outbox.is_closed() {
                if after != After::Close {
                    session.desk.connection_lost();
                }
                session.outbox.close();
                ctx.stop();
            } else {
                session.watch_time(ctx);
            }
            after
        })))
    }
}

impl Handler<Touched> for Session {
    type Result = ();
    fn handle(&mut self, _: Touched, _: &mut Self::Context) {
        self.last_request = Instant::now();
    }
}

impl Handler<Enter> for Session {
    type Result = Option<Entry>;
    fn handle(&mut self, _: Enter, _: &mut Self::Context) -> Self::Result {
        let login = self.desk.login().ok()?;
        Some(Entry { url_id: login.url_id.clone(), cookie: login.cookie.clone(), entrance: login.entrance.clone() })
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
        self.desk.connection_lost();
        ctx.stop();
    }
}

impl Handler<End> for Session {
    type Result = ();
    fn handle(&mut self, how: End, ctx: &mut Self::Context) {
        match how {
            End::Kill => {
                self.outbox.abort();
                ctx.stop();
            }
            End::ShuttingDown => {
                let (now, zone, mut last) = (Timestamp::now(), self.desk.preferences().zone(), self.desk.farewell());
                last.push(form::alert(now, &zone, "The server is shutting down."));
                self.end_with(last, ctx);
            }
            End::Replaced => self.end(ctx),
        }
    }
}

impl Handler<AccountChanged> for Session {
    type Result = AtomicResponse<Self, ()>;
    fn handle(&mut self, _: AccountChanged, _: &mut Self::Context) -> Self::Result {
        let (watch, store, mailboxes) = (self.desk.watch(), self.house.store.clone(), self.desk.report_mailbox_changes.get());
        let work = async move {
            // After a fault, which the store has logged, the next change finds what this one should have.
            watch?.news(&store, mailboxes).await.ok()
        };
        AtomicResponse::new(Box::pin(work.into_actor(self).map(|news: Option<News>, session, ctx| {
            news.into_iter().for_each(|news| session.tell_news(news, ctx));
        })))
    }
}

impl Handler<FolderModified> for Session {
    type Result = ();
    fn handle(&mut self, FolderModified { folder }: FolderModified, ctx: &mut Self::Context) {
        self.say(&Element::new("folderReport").with("folder", folder).with("mode", "notify"), ctx);
    }
}

impl Handler<SignalsWaiting> for Session {
    type Result = ();
    fn handle(&mut self, _: SignalsWaiting, ctx: &mut Self::Context) {
        let Ok(signaling) = self.desk.signaling() else { return };
        for (news, message) in signaling.news() {
            let ticket = self.say(&news, ctx);
            message.into_iter().for_each(|message| signaling.has_said(message, ticket));
        }
    }
}

impl Handler<calendar::CalendarModified> for Session {
    type Result = ();
    fn handle(&mut self, calendar::CalendarModified { calendar }: calendar::CalendarModified, ctx: &mut Self::Context) {
        self.say(&Element::new("calendarReport").with("calendar", calendar).with("mode", "notify"), ctx);
    }
}

impl Handler<FindMessage> for Session {
    type Result = actix::ResponseFuture<Outcome<BlobId>>;
    fn handle(&mut self, FindMessage { folder, uid }: FindMessage, _: &mut Self::Context) -> Self::Result {
        self.last_request = Instant::now();
        let (desk, store) = (self.desk.clone(), self.house.store.clone());
        Box::pin(async move {
            let caller = desk.login()?.caller.clone();
            let mut mailboxes = Vec::with_capacity(2);
            let folder_view = desk.folders.find(&folder);
            if let Ok(view) = &folder_view {
                mailboxes.push(view.send(Show).await.map_err(|_| Fault::closed())?.mailbox);
            }
            // The name may be that of a calendar as well.
            if let Ok(view) = desk.calendars.find(&folder) {
                mailboxes.extend(view.send(calendar::Show).await.map_err(|_| Fault::closed())?.mailbox().ok());
            }
            let named = folder_view.map(drop);
            store
                .read(move |tx| {
                    let found = mailboxes.iter().map(|mailbox| messages::readable(tx, &caller, *mailbox, Uid(uid)));
                    let blob = found.map(|found| Ok(found?.1.blob)).reduce(|first: Outcome<BlobId>, other| first.or(other));
                    blob.unwrap_or_else(|| named.and_then(|()| Err(Fault::no_message())))
                })
                .await
        })
    }
}

impl Handler<FindOpen> for Session {
    type Result = actix::ResponseFuture<Outcome<Opened>>;
    fn handle(&mut self, FindOpen { name }: FindOpen, _: &mut Self::Context) -> Self::Result {
        self.last_request = Instant::now();
        let desk = self.desk.clone();
        Box::pin(async move {
            if let Ok(calendar) = desk.calendars.find(&name) {
                let source = calendar.send(calendar::Show).await.map_err(|_| Fault::closed())?;
                return Ok(Opened::Calendar { mailbox: source.mailbox()? });
            }
            let shown = desk.folders.find(&name)?.send(Show).await.map_err(|_| Fault::closed())?;
            Ok(Opened::Folder { mailbox: shown.mailbox, uids: shown.entries.iter().map(|entry| entry.uid).collect() })
        })
    }
}

impl Handler<AddUpload> for Session {
    type Result = Outcome<()>;
    fn handle(&mut self, AddUpload { id, upload }: AddUpload, ctx: &mut Self::Context) -> Self::Result {
        self.last_request = Instant::now();
        self.desk.uploads.borrow_mut().add(id.clone(), upload, self.house.settings().limits.uploads)?;
        self.say(&Element::new("newUploaded").with("uploadID", id), ctx);
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

#[cfg(test)]
pub(super) mod tests;
