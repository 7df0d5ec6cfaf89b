//! The desk: what a session has at hand, by the client's names. Operations borrow it for a moment, never across an await.

use super::entrance::Entrance;
use super::form;
use super::outbox::Outbox;
use super::session::Session;
use super::signaling::Signaling;
use super::views::Views;
use crate::domain::access::Caller;
use crate::domain::auth::conversation::Conversation;
use crate::domain::calendar::view::{self as calendar, CalendarView};
use crate::domain::folder::{Close, FolderView};
use crate::domain::house::House;
use crate::domain::preferences::Preferences;
use crate::domain::sessions::{Kind, Registration};
use crate::domain::tell::{Line, tell};
use crate::domain::uploads::Uploads;
use crate::domain::watch::Watch;
use crate::model::fault::{Fault, Outcome};
use crate::model::ids::ModSeq;
use crate::model::names::DomainName;
use crate::model::roster::RosterNews;
use crate::store::accounts::Attempt;
use crate::xml::Element;
use actix::{Addr, WeakAddr};
use std::cell::{Cell, RefCell};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;

/// The service of `AccessModes` that lets an account have sessions here.
pub const SERVICE: &str = "XIMSS";

/// How the client is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// Its network address.
    pub address: IpAddr,
    /// The address of ours it connected to.
    pub local: IpAddr,
    /// The port of ours it connected to.
    pub port: u16,
}

impl Peer {
    /// A client at this network address, connected to one of ours.
    pub fn at(address: IpAddr, local: SocketAddr) -> Self {
        Self { address, local: local.ip().to_canonical(), port: local.port() }
    }
}

/// What the transport of a session can do, and what the client has said beside its login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Way {
    /// The connection is encrypted.
    pub secure: bool,
    /// `starttls` can be offered.
    pub can_start_tls: bool,
    /// What the session is to live by.
    pub kind: Kind,
    /// Wishes for the login.
    pub wishes: Wishes,
}

impl Way {
    /// A connection in clear text that stays so.
    pub const CLEAR: Self = Self { secure: false, can_start_tls: false, kind: Kind::Connection, wishes: Wishes::NONE };
}

/// Wishes of a client that logs in over HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wishes {
    /// Its other sessions of this kind are to end.
    pub kill_old: bool,
    /// Whether the session is tied to the client's network address; None: as the preference `IPWatch` says.
    pub watch_address: Option<bool>,
    /// Whether requests must bring a cookie; None: as the preference `UseCookie` says. Never where none can be given.
    pub use_cookie: Option<bool>,
}

impl Wishes {
    /// Those of a transport that has no way to say them, or to give a cookie.
    pub const NONE: Self = Self { kill_old: false, watch_address: None, use_cookie: Some(false) };
}

/// Who is logged in.
pub struct Login {
    /// The account.
    pub caller: Caller,
    /// The person's name.
    pub real_name: Option<String>,
    /// The session's ID in URLs.
    pub url_id: String,
    /// The protocol version the client asked for, such as 6.1.
    pub version: (u32, u32),
    /// The login before this one, as it was recorded when this one was.
    pub previous: Option<Attempt>,
    /// The account's change number, read in the same question as the verifiers that admitted the client: when the
    /// account's sessions up to a later change must end (`accounts::end_sessions`), this one is among them.
    pub since: ModSeq,
    /// The cookie that requests for the session's URLs must bring.
    pub cookie: Option<String>,
    /// The way into the session from its URLs.
    pub entrance: Arc<Entrance>,
    /// The entry among the live sessions, which goes with the session.
    pub registration: Registration,
}

/// A login that goes on with the client's next `auth`.
#[derive(Debug)]
pub struct Exchange {
    /// The conversation so far.
    pub conversation: Box<Conversation>,
    /// The protocol version the client asked for.
    pub version: (u32, u32),
}

/// What the transport is to do once the response is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum After {
    /// Go on.
    #[default]
    GoOn,
    /// Begin TLS; what was sent in clear text behind the request is dropped.
    StartTls,
    /// Close the connection.
    Close,
    /// The client has logged in: larger messages are taken from now on.
    LoggedIn,
}

/// What a session has at hand.
pub struct Desk {
    /// How the client is connected.
    pub peer: Peer,
    /// True when the connection is encrypted.
    pub secure: Cell<bool>,
    /// True when `starttls` can be offered.
    pub can_start_tls: Cell<bool>,
    /// What the session lives by.
    pub kind: Kind,
    /// What the client wished for its login.
    pub wishes: Wishes,
    /// What the session says unasked, and its answers where the request did not name another place for them.
    pub outbox: Outbox,
    /// The domain that names without one belong to.
    pub domain: RefCell<DomainName>,
    /// The "uploaded file set".
    pub uploads: RefCell<Uploads>,
    /// Its open folders.
    pub folders: Views<FolderView>,
    /// Its open calendars.
    pub calendars: Views<CalendarView>,
    /// The session option `reportMailboxChanges`.
    pub report_mailbox_changes: Cell<bool>,
    /// Seconds without a request after which the session ends.
    pub idle_time: Cell<u64>,
    house: Arc<House>,
    exchange: RefCell<Option<Exchange>>,
    unanswered: Cell<bool>,
    login: RefCell<Option<Rc<Login>>>,
    watch: RefCell<Option<Rc<Watch>>>,
    preferences: RefCell<Rc<Preferences>>,
    after: Cell<After>,
    session: RefCell<Option<WeakAddr<Session>>>,
    signaling: RefCell<Option<Rc<Signaling>>>,
}

impl Desk {
    /// The desk of a client that has just connected.
    pub fn new(house: Arc<House>, peer: Peer, way: Way, outbox: Outbox) -> Self {
        let settings = house.settings();
        Self {
            house,
            peer,
            secure: Cell::new(way.secure),
            can_start_tls: Cell::new(way.can_start_tls),
            kind: way.kind,
            wishes: way.wishes,
            outbox,
            domain: RefCell::new(settings.domain.clone()),
            uploads: RefCell::default(),
            folders: Views::new("folder"),
            calendars: Views::new("calendar"),
            report_mailbox_changes: Cell::new(false),
            idle_time: Cell::new(settings.limits.idle_time),
            exchange: RefCell::default(),
            unanswered: Cell::new(false),
            login: RefCell::default(),
            watch: RefCell::default(),
            preferences: RefCell::default(),
            after: Cell::default(),
            session: RefCell::default(),
            signaling: RefCell::default(),
        }
    }

    /// The session this desk belongs to.
    pub(super) fn attach(&self, session: Addr<Session>) {
        *self.session.borrow_mut() = Some(session.downgrade());
    }

    /// The address of the session, for those who are to tell it something.
    pub fn session(&self) -> Outcome<Addr<Session>> {
        self.session.borrow().as_ref().and_then(WeakAddr::upgrade).ok_or_else(Fault::closed)
    }

    /// Lets go of everything: the session has ended.
    pub(super) fn clear(&self) {
        self.folders.take_all().iter().for_each(|(_, folder)| tell(folder, Close));
        self.calendars.take_all().iter().for_each(|(_, view)| tell(view, calendar::Close));
        self.uploads.borrow_mut().clear();
        self.signaling.take();
        self.exchange.take();
        self.watch.take();
        self.login.take();
    }

    /// What the session has of signaling, made at the first use.
    pub fn signaling(&self) -> Outcome<Rc<Signaling>> {
        if let Some(signaling) = self.signaling.borrow().as_ref() {
            return Ok(signaling.clone());
        }
        let signaling = Rc::new(Signaling::new(self.house.clone(), self.outbox.clone(), self.session()?.recipient()));
        *self.signaling.borrow_mut() = Some(signaling.clone());
        Ok(signaling)
    }

    /// The connection is gone, and with it a session that lives by one. One that lives by the time has had its time when
    /// it ends: nobody waits for its client then.
    pub(super) fn connection_lost(&self) {
        if let Some(signaling) = self.signaling.borrow().as_ref().filter(|_| self.kind == Kind::Connection) {
            signaling.connection_lost();
        }
    }

    /// What the session says of its calls where the server ends.
    pub(super) fn farewell(&self) -> Vec<Element> {
        self.signaling.borrow().as_ref().map(|signaling| signaling.farewell()).unwrap_or_default()
    }

    /// What the session says of news about its roster: nothing, unless it wants to hear of them.
    pub fn told_of_roster(&self, news: &[RosterNews]) -> Vec<Element> {
        let signaling = self.signaling.borrow();
        let hears = signaling.as_ref().is_some_and(|signaling| signaling.hears_presence());
        news.iter().filter(|_| hears).map(form::roster::news).collect()
    }

    /// Who is logged in.
    pub fn login(&self) -> Outcome<Rc<Login>> {
        self.login.borrow().clone().ok_or_else(|| Fault::state("not logged in"))
    }

    /// True once somebody is.
    pub fn is_logged_in(&self) -> bool {
        self.login.borrow().is_some()
    }

    /// A login waits for the client's next `auth`, in the place of any other. The request has been answered with a
    /// challenge and gets no response: that comes with the last `auth`.
    pub fn expect_auth(&self, exchange: Exchange) {
        *self.exchange.borrow_mut() = Some(exchange);
        self.unanswered.set(true);
    }

    /// Takes the login that waits for `auth`.
    pub fn take_exchange(&self) -> Option<Exchange> {
        self.exchange.take()
    }

    /// True, once, when the request at hand gets no response of its own.
    pub(super) fn take_unanswered(&self) -> bool {
        self.unanswered.take()
    }

    /// Somebody has logged in: from now on the session hears what happens to the account. Refused once it has ended.
    pub fn begin(&self, login: Login, preferences: Preferences) -> Outcome<()> {
        let (session, account) = (self.session()?, login.caller.account);
        let watch = Watch::begin(self.house.store.feed(), account, SERVICE, login.since, Line::to(&session));
        *self.watch.borrow_mut() = Some(Rc::new(watch));
        *self.login.borrow_mut() = Some(Rc::new(login));
        self.set_preferences(preferences);
        Ok(())
    }

    /// This session's ear on the account; None before login.
    pub(super) fn watch(&self) -> Option<Rc<Watch>> {
        self.watch.borrow().clone()
    }

    /// This session stays although it has ended the account's sessions up to this change, as whoever changes the
    /// password does. To be called in the request that made the change.
    pub fn stay(&self, change: ModSeq) {
        if let Some(watch) = self.watch.borrow().as_ref() {
            watch.stay(change);
        }
    }

    /// The preferences as they were at login or at the last reload.
    pub fn preferences(&self) -> Rc<Preferences> {
        self.preferences.borrow().clone()
    }

    /// New preferences hold from now on.
    pub fn set_preferences(&self, preferences: Preferences) {
        *self.preferences.borrow_mut() = Rc::new(preferences);
    }

    /// Notes what the transport is to do.
    pub fn set_after(&self, after: After) {
        self.after.set(after);
    }

    /// Takes the note.
    pub fn take_after(&self) -> After {
        self.after.take()
    }
}
