//! The office: scheduling operations as steps over a transaction. Each checks the rights, decides, stores what becomes of
//! the item and posts the mails: all of it or nothing.
//!
//! Spec: XIMSS, "Calendar Operations".

use super::answer::{self, Answer, Reply};
use super::item::Item;
use super::letter::{self, Writing};
use super::people::key;
use super::publish::{self, Publishing};
use super::shelf::{self, Held};
use super::times::{Times, Which};
use super::{Becomes, Decision, Method, Notice, User, cancel, recurrence, reply};
use crate::domain::access::{Caller, Reached};
use crate::domain::delivery::{self, Posting, Prepared};
use crate::domain::messages::folder_mailbox;
use crate::domain::preferences::Preferences;
use crate::format::ical::dates::{Written, written};
use crate::model::calendar::Clock;
use crate::model::component::Component;
use crate::model::fault::{Fault, Outcome};
use crate::model::ids::{MailboxId, Uid};
use crate::model::limits::Limits;
use crate::model::mail::MailAddress;
use crate::model::names::{Address, DomainName, fold};
use crate::model::rights::{AccountRights, Rights};
use crate::model::time::{Timestamp, Zone};
use crate::store::{WriteTx, accounts};

/// What is needed to act for a user.
#[derive(Debug, Clone)]
pub struct Office {
    /// On whose behalf.
    pub caller: Caller,
    /// What mails come from.
    pub from: MailAddress,
    /// The session's preferences.
    pub preferences: Preferences,
    /// The house.
    pub domain: DomainName,
    /// Bounds.
    pub limits: Limits,
}

/// What goes with an item.
#[derive(Debug, Clone)]
pub enum Attachments {
    /// What went with the stored one.
    Kept,
    /// These: parts with their fields.
    Given(Vec<Vec<u8>>),
}

/// What is to be cancelled.
#[derive(Debug, Clone)]
pub enum Cancelled {
    /// What an item that was given stands for.
    Given(Box<Item>),
    /// The item in a message, or one recurrence of it.
    Message(Uid, Option<String>),
    /// The item of a UID, or one recurrence of it.
    Uid(String, Option<String>),
}

impl Attachments {
    fn of<'a>(&'a self, held: &'a Held) -> &'a [Vec<u8>] {
        match self {
            Self::Kept => &held.attachments,
            Self::Given(parts) => parts,
        }
    }
}

impl Office {
    /// The session's zone.
    pub fn zone(&self) -> Zone {
        self.preferences.zone()
    }

    /// The user, in no calendar in particular.
    pub fn user(&self) -> User {
        User::of(&self.caller, self.from.clone(), &self.preferences, None, Timestamp::now())
    }

    /// The user in a calendar of somebody: his deputy where he lets the user act for him in meetings (right `k` of his
    /// account), else only himself.
    fn user_in(&self, tx: &WriteTx, owner: &Caller) -> Outcome<User> {
        let is_deputy = owner.account != self.caller.account && {
            let record = accounts::get(tx, owner.account)?;
            record.acl.effective(&self.caller.address, &record.address).has(AccountRights::MEETINGS)
        };
        let calendar_of = Some(owner).filter(|_| is_deputy);
        Ok(User::of(&self.caller, self.from.clone(), &self.preferences, calendar_of, Timestamp::now()))
    }

    /// Refuses to act for the owner of a calendar where the user is not his deputy: as organizer, or as the one who is
    /// invited when the user himself is not.
    fn check_deputy(&self, user: &User, owner: &Caller, item: &Item) -> Outcome<()> {
        let address = fold(&owner.address.to_string());
        if user.stands_for(&address) {
            return Ok(());
        }
        let acts_for_owner = |entry: &Component| {
            let organized = entry.get("ORGANIZER").is_some_and(|organizer| key(organizer) == address);
            let invited = entry.all("ATTENDEE").any(|attendee| key(attendee) == address);
            organized && !user.organizes(entry) || invited && user.among(entry.all("ATTENDEE")).is_none() && !user.organizes(entry)
        };
        if item.entries.iter().any(acts_for_owner) { Err(Fault::denied()) } else { Ok(()) }
    }

    /// What messages are written with.
    pub fn writing(&self, now: Timestamp) -> Outcome<Writing> {
        let mut random = [0u8; 16];
        getrandom::fill(&mut random).map_err(|e| Fault::logged("no random numbers", e))?;
        Ok(Writing { from: self.from.clone(), zone: self.zone(), domain: self.domain.clone(), now, random })
    }

    /// A UID that nobody else has.
    pub fn fresh_uid(&self) -> Outcome<String> {
        let random = self.writing(Timestamp(0))?.random;
        let digits: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(format!("{digits}@{}", self.domain))
    }

    fn reach(&self, tx: &WriteTx, mailbox: MailboxId, needs: Rights) -> Outcome<Reached> {
        folder_mailbox(tx, &self.caller, mailbox, Rights::READ.with(needs))
    }

    /// Stores what becomes of an item, and posts what is to be told of it.
    fn carry_out(
        &self,
        tx: &WriteTx,
        reached: &Reached,
        held: &Held,
        done: &Decision,
        attachments: &Attachments,
        now: Timestamp,
    ) -> Outcome<()> {
        let parts = attachments.of(held);
        let writing = self.writing(now)?;
        match &done.becomes {
            Becomes::Same => {}
            Becomes::Gone if held.is_empty() => {}
            Becomes::Gone => shelf::put(tx, reached, held, None, &[], &writing)?,
            Becomes::New(item) => shelf::put(tx, reached, held, Some(item), parts, &writing)?,
        }
        self.post(tx, &done.notices, parts, now)
    }

    fn post(&self, tx: &WriteTx, notices: &[Notice], attachments: &[Vec<u8>], now: Timestamp) -> Outcome<()> {
        let sender: Address = self.caller.address.to_string().parse()?;
        for notice in notices {
            let raw = letter::mail(notice, attachments, &self.writing(now)?)?;
            let recipients = notice.to.iter().filter_map(|to| to.address.parse().ok()).collect();
            let traced = delivery::with_trace(raw.clone(), Some(&sender), &self.domain, now);
            let posting = Posting { sender: Some(sender.clone()), recipients, raw, report_success: false };
            delivery::post(tx, &self.domain, &posting, &Prepared::for_delivery(traced, &self.limits), now)?;
        }
        Ok(())
    }

    /// Publishes an item. `fresh` is its UID where it has none.
    pub fn publish(
        &self,
        tx: &WriteTx,
        mailbox: MailboxId,
        given: &Item,
        how: &Publishing,
        with: &Attachments,
        fresh: &str,
    ) -> Outcome<()> {
        let reached = self.reach(tx, mailbox, Rights::INSERT)?;
        let user = self.user_in(tx, &reached.owner)?;
        let item = publish::prepared(given.clone(), &user, fresh)?;
        let held = shelf::held(tx, &self.limits, mailbox, &item.uid())?;
        self.check_deputy(&user, &reached.owner, &item)?;
        let done = publish::publish(item, held.item.as_ref(), how, &user)?;
        self.carry_out(tx, &reached, &held, &done, with, user.now)
    }

    /// Cancels an item or one of its instances.
    pub fn cancel(&self, tx: &WriteTx, mailbox: MailboxId, what: &Cancelled, tell: bool, comment: Option<&str>) -> Outcome<()> {
        let reached = self.reach(tx, mailbox, Rights::DELETE)?;
        let user = self.user_in(tx, &reached.owner)?;
        crate::domain::calendar::index::catch_up(tx, &self.limits, mailbox)?;
        let uid = match what {
            Cancelled::Given(item) => item.uid(),
            Cancelled::Message(message, _) => shelf::uid_in(tx, mailbox, *message)?,
            Cancelled::Uid(uid, _) => uid.clone(),
        };
        let held = shelf::held(tx, &self.limits, mailbox, &uid)?;
        let old = held.item.as_ref().ok_or_else(no_item)?;
        let session = Clock::Known(user.zone);
        let which = match what {
            Cancelled::Given(item) => {
                let given = publish::completed((**item).clone(), &user, &uid)?;
                let entry = given.principal().ok_or_else(no_item)?;
                Times::of(&given.calendar, &session).which(entry)?
            }
            Cancelled::Message(_, id) | Cancelled::Uid(_, id) => {
                id.as_ref().map_or(Ok(Which::Whole), |id| recurrence_id(old, id, &session))?
            }
        };
        if !matches!(which, Which::Whole) && !reached.rights.has(Rights::INSERT) {
            return Err(Fault::denied());
        }
        if tell {
            self.check_deputy(&user, &reached.owner, old)?;
        }
        let done = cancel::cancel(old, which, tell, comment, &user)?;
        self.carry_out(tx, &reached, &held, &done, &Attachments::Kept, user.now)
    }

    /// Notes a reply.
    pub fn update(&self, tx: &WriteTx, mailbox: MailboxId, given: &Item) -> Outcome<()> {
        let reached = self.reach(tx, mailbox, Rights::INSERT.with(Rights::DELETE))?;
        let user = self.user_in(tx, &reached.owner)?;
        let given = publish::completed(given.clone(), &user, "")?;
        let held = shelf::held(tx, &self.limits, mailbox, &given.uid())?;
        let stored = held.item.as_ref().ok_or_else(no_item)?;
        let Some(item) = reply::apply(stored, &given, &user)? else { return Ok(()) };
        let done = Decision { becomes: Becomes::New(item), notices: Vec::new() };
        self.carry_out(tx, &reached, &held, &done, &Attachments::Kept, user.now)
    }

    /// Accepts an item.
    pub fn accept(
        &self,
        tx: &WriteTx,
        mailbox: MailboxId,
        given: &Item,
        (answer, reply): (Answer, Reply),
        with: &Attachments,
        fresh: &str,
    ) -> Outcome<()> {
        let reached = self.reach(tx, mailbox, Rights::INSERT)?;
        let user = self.user_in(tx, &reached.owner)?;
        let item = publish::prepared(given.clone(), &user, fresh)?;
        let held = shelf::held(tx, &self.limits, mailbox, &item.uid())?;
        self.check_deputy(&user, &reached.owner, &item)?;
        let done = answer::accept(&item, held.item.as_ref(), answer, reply, &user)?;
        self.carry_out(tx, &reached, &held, &done, with, user.now)
    }

    /// Declines an item, and removes it from the calendar that is named. `main` finds the main calendar, where an invitation
    /// that was worked in waits for an answer.
    pub fn decline(&self, tx: &WriteTx, mailbox: Option<MailboxId>, given: &Item, method: Method, reply: Reply) -> Outcome<()> {
        let Some(mailbox) = mailbox else { return self.decline_outside(tx, given, method, reply) };
        let reached = self.reach(tx, mailbox, Rights::DELETE)?;
        let user = self.user_in(tx, &reached.owner)?;
        let item = publish::completed(given.clone(), &user, "")?;
        let held = shelf::held(tx, &self.limits, mailbox, &item.uid())?;
        self.check_deputy(&user, &reached.owner, &item)?;
        let done = answer::decline(&item, method, held.item.as_ref(), reply, &user)?;
        if matches!(done.becomes, Becomes::New(_)) && !reached.rights.has(Rights::INSERT) {
            return Err(Fault::denied());
        }
        self.carry_out(tx, &reached, &held, &done, &Attachments::Kept, user.now)
    }

    /// Declines an item that is in no calendar that was named. An invitation that was worked in at delivery and waits for
    /// an answer is marked.
    fn decline_outside(&self, tx: &WriteTx, given: &Item, method: Method, reply: Reply) -> Outcome<()> {
        let user = self.user();
        let item = publish::completed(given.clone(), &user, "")?;
        let done = answer::decline(&item, method, None, reply, &user)?;
        self.post(tx, &done.notices, &[], user.now)?;
        if method == Method::Cancel {
            return Ok(());
        }
        let is_task = item.principal().is_some_and(|entry| entry.is("VTODO"));
        let Some(reached) = super::invitations::main_box(tx, &self.caller, &self.preferences, is_task)? else { return Ok(()) };
        let held = shelf::held(tx, &self.limits, reached.record.id, &item.uid())?;
        let Some(stored) = &held.item else { return Ok(()) };
        let Some(marked) = answer::mark_declined(&item, stored, &user)? else { return Ok(()) };
        shelf::put(tx, &reached, &held, Some(&marked), &held.attachments, &self.writing(user.now)?)
    }
}

fn no_item() -> Fault {
    Fault::not_found("calendar item does not exist")
}

/// The recurrence that a client names, as `events` has it: an instant with `Z`, a day, or a time of the clock on the wall,
/// which is that of the item where it fits, else the session's.
fn recurrence_id(item: &Item, text: &str, session: &Clock) -> Outcome<Which> {
    let wrong = || Fault::incorrect("recurrenceId");
    let mut candidates = Vec::new();
    match written(text).ok_or_else(wrong)? {
        Written::Utc(at) => candidates.push(Timestamp(at)),
        Written::Date(wall) => candidates.push(session.to_instant(wall)),
        Written::Local(wall) => {
            let own = item.principal().map(|entry| crate::format::ical::series::clock_of(&item.calendar, entry, session));
            candidates.extend([session.to_instant(wall)].into_iter().chain(own.map(|clock| clock.to_instant(wall))));
        }
    }
    let there = candidates.iter().find(|at| recurrence::instance(item, **at, session).is_ok());
    there.or(candidates.first()).map(|at| Which::Instance(*at)).ok_or_else(wrong)
}
