//! A household: three accounts, ten sessions on every way in, and a model of what their mailboxes hold. One deed after
//! the other, so that it is always known what every open folder must be told.

use crate::link::{Doors, Kind, Link, Outcome};
use crate::mail::Random;
use crate::tally::Tally;
use crate::view::View;
use crate::web::Web;
use posthouse::xml::{Element, write};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Instant;

/// Sessions of a household, beside the visitors who come and go.
pub const SEATS: usize = 10;
/// Rounds after which what has not been told counts as lost.
pub const PATIENCE: u64 = 60;
/// The parts of a subject that filters ask for.
pub const COLOURS: [&str; 3] = ["red", "green", "blue"];

const KINDS: [Kind; 4] = [Kind::Clear, Kind::Tls, Kind::WebSocket, Kind::Http];
const SORTS: [&str; 5] = ["UID", "INTERNALDATE", "Subject", "From", "SIZE"];

/// What all households share.
pub struct Run {
    /// Where the server is.
    pub doors: Doors,
    /// Bodies for messages, as XML text.
    pub letters: Vec<String>,
    /// The count.
    pub tally: Rc<Tally>,
    /// Households that have logged in, or failed to.
    pub begun: Cell<usize>,
    /// When the days end; unknown until all have begun.
    pub end: Cell<Option<Instant>>,
}

impl Run {
    /// True when it is time to go home.
    pub fn is_over(&self) -> bool {
        self.end.get().is_some_and(|end| Instant::now() >= end)
    }
}

/// A message of the model.
#[derive(Clone)]
pub struct Message {
    /// Its subject.
    pub subject: String,
    /// It is flagged.
    pub flagged: bool,
    /// It is marked as deleted.
    pub deleted: bool,
}

/// A mailbox of the model.
#[derive(Default)]
pub struct Mailbox {
    /// Its messages by UID, as far as they are known.
    pub messages: BTreeMap<u32, Message>,
    gone: BTreeSet<u32>,
}

/// A session.
pub struct Seat {
    /// Its connection.
    pub link: Link,
    /// The account.
    pub account: usize,
    kind: Kind,
    /// The session's ID.
    pub session: String,
    /// Its name among sessions that take instant messages.
    pub client: String,
    /// Its open folders.
    pub views: Vec<View>,
    /// Other notices that are owed: what they contain, and since when.
    pub awaited: Vec<(String, u64)>,
}

/// A household.
pub struct Household {
    /// Its number.
    pub number: usize,
    /// What it shares with others.
    pub run: Rc<Run>,
    /// Its dice.
    pub random: Random,
    /// Deeds done.
    pub round: u64,
    /// The mailboxes by owner and name.
    pub mailboxes: BTreeMap<String, Mailbox>,
    /// The sessions.
    pub seats: Vec<Seat>,
    /// The passwords of the accounts.
    pub passwords: [String; 3],
    /// For the URLs of sessions.
    pub web: Web,
    serial: u64,
}

/// The accounts of a household. The last one belongs to somebody who changes its password now and then.
pub fn accounts(household: usize) -> [String; 3] {
    ["anna", "ben", "eve"].map(|name| format!("{name}{household}@{}", crate::support::server::DOMAIN))
}

/// Two more of them, who have no sessions but those that they need at the time.
pub fn callers(household: usize) -> [String; 2] {
    ["tom", "pia"].map(|name| format!("{name}{household}@{}", crate::support::server::DOMAIN))
}

/// The password of all accounts in the beginning.
pub const PASSWORD: &str = "first secret";

/// The mailbox that Anna shares with Ben.
pub const SHARED: &str = "0/Shared";

impl Household {
    /// Logs everybody in.
    pub async fn begin(number: usize, run: Rc<Run>) -> Outcome<Self> {
        let (random, web) = (Random::new(number as u64 + 1), Web::new(run.doors.http));
        let passwords = [0; 3].map(|_| PASSWORD.to_owned());
        let (mailboxes, seats) = (BTreeMap::new(), Vec::new());
        let mut home = Self { number, run, random, round: 0, mailboxes, seats, passwords, web, serial: 0 };
        let two = [0, 1].into_iter().flat_map(|account| KINDS.map(|kind| (account, kind)));
        for (account, kind) in two.chain([(1, Kind::Clear), (2, Kind::Clear)]) {
            let client = format!("{kind:?}-{}", home.seats.len()).to_lowercase();
            let mut link = Link::connect(&home.run.doors, kind, &home.run.tally).await?;
            let session = link.log_in(&home.address(account), PASSWORD).await?;
            if home.seats.is_empty() {
                link.ask(r#"<mailboxCreate mailbox="Shared"/>"#).await?;
                let rights = format!(r#"<aclElem pattern="ben{number}">lrswipcd</aclElem>"#);
                link.ask(&format!(r#"<mailboxACLUpdate mailbox="Shared">{rights}</mailboxACLUpdate>"#)).await?;
            }
            home.seats.push(Seat { link, account, kind, session, client, views: Vec::new(), awaited: Vec::new() });
            home.sit_down(home.seats.len() - 1).await?;
        }
        Ok(home)
    }

    /// The address of an account.
    pub fn address(&self, account: usize) -> String {
        let [anna, ben, eve] = accounts(self.number);
        [anna, ben, eve].into_iter().nth(account).unwrap_or_default()
    }

    /// A connection of a kind with nobody logged in.
    pub async fn visitor(&self, kind: Kind) -> Outcome<Link> {
        Link::connect(&self.run.doors, kind, &self.run.tally).await
    }

    /// What a session does once it has begun: it takes messages and opens its folders.
    async fn sit_down(&mut self, seat: usize) -> Outcome {
        let client = self.seats[seat].client.clone();
        self.seats[seat].link.ask(&format!(r#"<signalBind clientID="{client}"/>"#)).await?;
        if seat == 0 {
            self.seats[seat].link.ask(r#"<setSessionOption name="reportMailboxChanges" value="yes"/>"#).await?;
        }
        self.seats[seat].views.clear();
        self.seats[seat].awaited.clear();
        let account = self.seats[seat].account;
        self.open(seat, &format!("{account}/INBOX"), "").await?;
        if account < 2 {
            let filter = if self.seats[seat].kind == Kind::Tls { COLOURS[0] } else { "" };
            self.open(seat, SHARED, filter).await?;
        }
        Ok(())
    }

    /// Logs a session out.
    pub async fn leave(&mut self, seat: usize) -> Outcome {
        // HTTP has its own way to end.
        if self.seats[seat].kind != Kind::Http {
            return self.seats[seat].link.ask("<bye/>").await.map(drop);
        }
        let path = format!("/Session/{}/KILL", self.seats[seat].session);
        self.web.request("GET", &path, &[], b"").await.map(drop)
    }

    /// Logs a session out and another one in, which takes its place.
    pub async fn relog(&mut self, seat: usize) -> Outcome {
        self.leave(seat).await?;
        self.seats[seat].link = self.visitor(self.seats[seat].kind).await?;
        let account = self.seats[seat].account;
        let (user, password) = (self.address(account), self.passwords[account].clone());
        self.seats[seat].session = self.seats[seat].link.log_in(&user, &password).await?;
        self.sit_down(seat).await
    }

    /// A mailbox as an account names it.
    pub fn path(&self, mailbox: &str, account: usize) -> String {
        let (owner, name) = mailbox.split_once('/').unwrap_or_default();
        if owner == account.to_string() { name.to_owned() } else { format!("~{}/{name}", self.address(owner.parse().unwrap_or_default())) }
    }

    /// The attributes of a folder that is opened: an order, and perhaps a filter.
    pub fn look(&mut self, filter: &str) -> String {
        let (sort, order) = (SORTS[self.random.below(5)], ["asc", "desc"][self.random.below(2)]);
        let filter = if filter.is_empty() { String::new() } else { format!(r#" filterField="Subject" filter="{filter}""#) };
        format!(r#"sortField="{sort}" sortOrder="{order}" hideDeleted="no"{filter}"#)
    }

    /// The messages that a folder with this filter shows.
    pub fn shown(&self, mailbox: &str, filter: &str) -> BTreeSet<u32> {
        let messages = self.mailboxes.get(mailbox).into_iter().flat_map(|known| &known.messages);
        messages.filter(|(_, message)| message.subject.contains(filter)).map(|(uid, _)| *uid).collect()
    }

    /// Opens a mailbox as a folder.
    pub async fn open(&mut self, seat: usize, mailbox: &str, filter: &'static str) -> Outcome {
        let (path, look) = (self.path(mailbox, self.seats[seat].account), self.look(filter));
        let name = format!("{}{}", mailbox.replace('/', "-"), filter);
        let fields = "<field>FLAGS</field><field>From</field><field>Subject</field>";
        let request = format!(r#"<folderOpen folder="{name}" mailbox="{path}" {look}>{fields}</folderOpen>"#);
        self.seats[seat].link.ask(&request).await?;
        let known = self.shown(mailbox, filter);
        self.seats[seat].views.push(View::opened(&name, mailbox, filter, known));
        Ok(())
    }

    /// A subject that no other message of the household has.
    pub fn subject(&mut self) -> String {
        self.serial += 1;
        format!("{} {}-{}.", COLOURS[self.random.below(3)], self.number, self.serial)
    }

    /// A message in the EMail form.
    pub fn email(&mut self, subject: &str, more: &str) -> String {
        let text = &self.run.letters[self.random.below(self.run.letters.len())];
        format!(r#"<EMail><Subject>{subject}</Subject>{more}<MIME type="text" subtype="plain">{text}</MIME></EMail>"#)
    }

    fn views(&mut self, mailbox: &str) -> impl Iterator<Item = &mut View> {
        self.seats.iter_mut().flat_map(|seat| &mut seat.views).filter(move |view| view.mailbox == mailbox)
    }

    /// Anna's first session has asked to hear of every mailbox of hers that is modified.
    fn modified(&mut self, mailbox: &str) {
        let round = self.round;
        if let (Some(name), Some(seat)) = (mailbox.strip_prefix("0/"), self.seats.first_mut()) {
            let awaited = format!(r#"<mailboxModified mailbox="{name}""#);
            if !seat.awaited.iter().any(|(known, _)| *known == awaited) {
                seat.awaited.push((awaited, round));
            }
        }
    }

    /// A message has come into a mailbox.
    pub fn added(&mut self, mailbox: &str, uid: u32, subject: &str) {
        let round = self.round;
        let message = Message { subject: subject.to_owned(), flagged: false, deleted: false };
        self.mailboxes.entry(mailbox.to_owned()).or_default().messages.insert(uid, message);
        self.views(mailbox).for_each(|view| view.added(uid, subject, round));
        self.modified(mailbox);
    }

    /// A message has been sent to a mailbox: it has a UID that nobody knows yet.
    pub fn posted(&mut self, mailbox: &str, subject: &str) {
        let round = self.round;
        self.views(mailbox).for_each(|view| view.posted(subject, round));
        self.modified(mailbox);
    }

    /// A message has other flags or attributes.
    pub fn updated(&mut self, mailbox: &str, uid: u32) {
        let round = self.round;
        self.views(mailbox).for_each(|view| view.updated(uid, round));
        self.modified(mailbox);
    }

    /// A message has left its mailbox.
    pub fn removed(&mut self, mailbox: &str, uid: u32) {
        let round = self.round;
        let known = self.mailboxes.entry(mailbox.to_owned()).or_default();
        let subject = known.messages.remove(&uid).map(|message| message.subject).unwrap_or_default();
        known.gone.insert(uid);
        self.views(mailbox).for_each(|view| view.removed(uid, &subject, round));
        self.modified(mailbox);
    }

    /// A mailbox has been emptied.
    pub fn emptied(&mut self, mailbox: &str) {
        let uids: Vec<u32> = self.shown(mailbox, "").into_iter().collect();
        uids.into_iter().for_each(|uid| self.removed(mailbox, uid));
        self.views(mailbox).for_each(View::emptied);
    }

    /// A message that a folder of a session is known to show, if there is one: seat, folder, UID.
    pub fn pick(&mut self, seat: usize) -> Option<(usize, u32)> {
        let view = self.random.below(self.seats[seat].views.len().max(1));
        let shown = self.seats[seat].views.get(view)?;
        let messages = &self.mailboxes.get(&shown.mailbox)?.messages;
        let both: Vec<u32> = shown.known.iter().copied().filter(|uid| messages.contains_key(uid)).collect();
        (!both.is_empty()).then(|| (view, both[self.random.below(both.len())]))
    }

    /// Looks after every session that is owed something; what is overdue is a failure.
    pub async fn settle(&mut self) -> Outcome {
        for seat in 0..self.seats.len() {
            let waits = !self.seats[seat].awaited.is_empty() || self.seats[seat].views.iter().any(|view| !view.is_settled());
            if waits {
                self.seats[seat].link.look().await?;
            }
            self.hear(seat)?;
            for view in 0..self.seats[seat].views.len() {
                if self.seats[seat].views[view].told {
                    self.synchronise(seat, view).await?;
                }
            }
        }
        let last = self.round.saturating_sub(PATIENCE);
        for seat in &mut self.seats {
            let lost = |what: String| format!("household {}, {}: lost notice: {what}", self.number, seat.client);
            let views = seat.views.iter_mut().flat_map(|view| {
                let name = view.name.clone();
                view.overdue(last).into_iter().map(move |what| format!("{name}: {what}"))
            });
            views.map(&lost).for_each(|what| self.run.tally.failed(what));
            seat.awaited.iter().filter(|(_, since)| *since < last).for_each(|(what, _)| self.run.tally.failed(lost(what.clone())));
            seat.awaited.retain(|(_, since)| *since >= last);
        }
        Ok(())
    }

    /// True where nobody is owed anything.
    pub fn is_settled(&self) -> bool {
        self.seats.iter().all(|seat| seat.awaited.is_empty() && seat.views.iter().all(View::is_settled))
    }

    fn hear(&mut self, seat: usize) -> Outcome {
        let seat = &mut self.seats[seat];
        for notice in std::mem::take(&mut seat.link.notices) {
            match notice.name.as_str() {
                "folderReport" => {
                    let folder = notice.get("folder").unwrap_or_default();
                    // A notice about a folder that was closed meanwhile may still have been under way.
                    seat.views.iter_mut().filter(|view| view.name == folder).for_each(|view| view.told = true);
                }
                "mailboxModified" | "readIM" | "newUploaded" | "iqRead" => {
                    let text = String::from_utf8(write::to_bytes(&notice)).unwrap_or_default();
                    let before = seat.awaited.len();
                    seat.awaited.retain(|(awaited, _)| !text.contains(awaited.as_str()));
                    self.run.tally.noticed(before - seat.awaited.len());
                }
                _ => return Err(format!("household {}, {}: unexpected {notice:?}", self.number, seat.client)),
            }
        }
        Ok(())
    }

    async fn synchronise(&mut self, seat: usize, view: usize) -> Outcome {
        let name = self.seats[seat].views[view].name.clone();
        let reports: Vec<Element> = self.seats[seat].link.ask(&format!(r#"<folderSync folder="{name}"/>"#)).await?;
        let shown = &mut self.seats[seat].views[view];
        let (added, told) = shown.synchronised(&reports);
        let known = self.mailboxes.entry(shown.mailbox.clone()).or_default();
        for (uid, subject) in added {
            if !known.gone.contains(&uid) {
                known.messages.entry(uid).or_insert(Message { subject, flagged: false, deleted: false });
            }
        }
        self.run.tally.noticed(told);
        Ok(())
    }
}
