//! `CalendarView`: a calendar as one client has it open.
//!
//! It says once that something has changed, until the client looks again. Two views of one mailbox know nothing of each
//! other. A calendar that is a document from elsewhere is fetched when it is opened, and again, at most every quarter of an
//! hour, when the client looks at it; where that fails, the document stays as it was. Spec: XIMSS, "Calendar Operations" (calendarOpen, calendarReport).

use super::document::Document;
use super::index;
use crate::domain::access::{self, Caller};
use crate::domain::house::House;
use crate::domain::remote_documents::{Bounds, Document as Fetched, RemoteUrl, Request, Validators};
use crate::domain::tell::Line;
use crate::model::calendar::Clock;
use crate::model::change::{Change, What};
use crate::model::fault::{Fault, Outcome};
use crate::model::ids::{AccountId, MailboxId};
use crate::model::names::MailboxPath;
use crate::model::rights::Rights;
use crate::store::feed::Inbox;
use actix::{
    Actor, ActorContext, ActorFutureExt, Addr, AsyncContext, AtomicResponse, Context, Handler, Message, MessageResult, WrapFuture,
};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A document that was fetched longer ago is fetched again.
const LASTING: Duration = Duration::from_secs(15 * 60);
/// The most bytes of a document from elsewhere.
const MOST_BYTES: usize = 16 << 20;

/// Told to the session: a calendar has changed.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[rtype(result = "()")]
pub struct CalendarModified {
    /// The session's name for the calendar.
    pub calendar: String,
}

/// What a calendar shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The items of a mailbox.
    Mailbox(MailboxId),
    /// The events of a document.
    Document(Arc<Document>),
}

impl Source {
    /// The mailbox, for what can be asked of mailboxes alone.
    pub fn mailbox(&self) -> Outcome<MailboxId> {
        match self {
            Self::Mailbox(mailbox) => Ok(*mailbox),
            Self::Document(_) => Err(Fault::bad("the calendar is a document from elsewhere")),
        }
    }
}

/// Asks what the calendar shows.
#[derive(Message)]
#[rtype(result = "Source")]
pub struct Show;

/// The same, from a client that is about to look at all of it: what changes from then on is told again.
#[derive(Message)]
#[rtype(result = "Source")]
pub struct Look;

/// Wakes the view: its inbox has something.
#[derive(Message)]
#[rtype(result = "()")]
struct Changed;

/// Ends the view.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Close;

/// The actor.
pub struct CalendarView {
    calendar: String,
    session: Line<CalendarModified>,
    source: Source,
    remote: Option<Remote>,
    notified: bool,
    inbox: Option<Inbox>,
}

/// Where a document comes from.
#[derive(Clone)]
struct Remote {
    house: Arc<House>,
    url: RemoteUrl,
    clock: Clock,
    known: Validators,
    fetched: Instant,
}

impl Remote {
    /// Fetches the document; None where it is still the one that is known.
    async fn fetch(&mut self) -> Outcome<Option<Arc<Document>>> {
        let bounds = Bounds::bytes(MOST_BYTES);
        let request = Request { url: self.url.clone(), accept: "text/calendar, */*;q=0.1", bounds, known: self.known.clone() };
        // Whatever comes of it, the server over there is left alone for a while.
        self.fetched = Instant::now();
        match self.house.documents.fetch(request).await? {
            Fetched::Unchanged => Ok(None),
            Fetched::Fetched { bytes, validators, .. } => {
                let document = Document::read(&self.house, bytes, self.clock.clone()).await?;
                self.known = validators;
                Ok(Some(Arc::new(document)))
            }
        }
    }
}

/// What is needed to open a mailbox as a calendar.
pub struct Opening {
    /// The session's name for it.
    pub calendar: String,
    /// On whose behalf.
    pub caller: Caller,
    /// The mailbox.
    pub path: MailboxPath,
    /// Who is told that it has changed.
    pub session: Line<CalendarModified>,
}

impl CalendarView {
    /// Opens a mailbox as a calendar; the actor runs on the caller's arbiter.
    pub async fn open(house: Arc<House>, opening: Opening) -> Outcome<Addr<Self>> {
        let Opening { calendar, caller, path, session } = opening;
        let reached = house.store.read(move |tx| access::reach(tx, &caller, &path, Rights::READ)).await?;
        let mailbox = reached.record.id;
        index::bring_up_to_date(&house, mailbox).await?;
        let source = Source::Mailbox(mailbox);
        let view = Self { calendar, session, source, remote: None, notified: false, inbox: None };
        Ok(Self::watching(&house, reached.owner.account, view))
    }

    /// Opens a document from elsewhere as a calendar. `clock` is for times whose zone nobody knows.
    pub async fn fetch(
        house: Arc<House>,
        calendar: String,
        url: RemoteUrl,
        clock: Clock,
        session: Line<CalendarModified>,
    ) -> Outcome<Addr<Self>> {
        let mut remote = Remote { house, url, clock, known: Validators::default(), fetched: Instant::now() };
        let document = remote.fetch().await?.unwrap_or_default();
        let source = Source::Document(document);
        Ok(Self { calendar, session, source, remote: Some(remote), notified: false, inbox: None }.start())
    }

    /// The view begins to listen; whatever is found later is as new as that.
    fn watching(house: &House, owner: AccountId, view: Self) -> Addr<Self> {
        Self::create(|ctx| {
            let me = Line::to(&ctx.address());
            let inbox = house.store.feed().listen(owner, move || me.tell(Changed));
            Self { inbox: Some(inbox), ..view }
        })
    }

    /// True where something that concerns this calendar has come since this was last asked.
    fn has_changed(&self) -> bool {
        let Some(inbox) = &self.inbox else { return false };
        let drained = inbox.drain();
        drained.overflowed || drained.changes.iter().any(|change| self.concerns(change))
    }

    fn concerns(&self, change: &Change) -> bool {
        let Source::Mailbox(mine) = &self.source else { return false };
        match &change.what {
            What::Messages { mailbox, .. } | What::MailboxRemoved { mailbox, .. } | What::MailboxChanged { mailbox, .. } => mailbox == mine,
            _ => false,
        }
    }
}

impl Actor for CalendarView {
    type Context = Context<Self>;
}

impl Handler<Changed> for CalendarView {
    type Result = ();
    fn handle(&mut self, _: Changed, _: &mut Self::Context) {
        if self.has_changed() && !self.notified {
            self.notified = true;
            self.session.tell(CalendarModified { calendar: self.calendar.clone() });
        }
    }
}

impl Handler<Show> for CalendarView {
    type Result = MessageResult<Show>;
    fn handle(&mut self, _: Show, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.source.clone())
    }
}

impl Handler<Look> for CalendarView {
    type Result = AtomicResponse<Self, Source>;
    fn handle(&mut self, _: Look, _: &mut Self::Context) -> Self::Result {
        // What has come so far is seen by the look that follows.
        self.has_changed();
        self.notified = false;
        let stale = self.remote.clone().filter(|remote| remote.fetched.elapsed() >= LASTING);
        let work = async move {
            let mut remote = stale?;
            let fetched = remote.fetch().await;
            Some((remote, fetched))
        };
        AtomicResponse::new(Box::pin(work.into_actor(self).map(|done, view, _| {
            if let Some((remote, fetched)) = done {
                match fetched {
                    Ok(Some(document)) => view.source = Source::Document(document),
                    Ok(None) => {}
                    Err(fault) => tracing::info!(%fault, url = %remote.url, "a calendar from elsewhere stays as it was"),
                }
                view.remote = Some(remote);
            }
            view.source.clone()
        })))
    }
}

impl Handler<Close> for CalendarView {
    type Result = ();
    fn handle(&mut self, _: Close, ctx: &mut Self::Context) {
        ctx.stop();
    }
}
