//! Invitations at delivery: what a mail says about an item is worked into the recipient's main calendar, or main list of
//! tasks, in the transaction that delivers it. The mail stays in INBOX whatever becomes of the item.
//!
//! Nothing that a mail holds makes its delivery fail: what cannot be read or must not be done is left to people. Who has
//! sent a mail is believed as far as it is known: of someone of this server the envelope says it, because he has logged
//! in; of others the header does, but not in the name of someone of this server.
//! Spec: RFC 6047 2, 3; XIMSS, "Calendar Operations"; the preference `ProcessInvitations`.

use super::arrival::{Arrival, arrive};
use super::item::Item;
use super::letter::Writing;
use super::publish::MOST_RECIPIENTS;
use super::{Method, User, shelf};
use crate::domain::access::{self, Caller, Reached};
use crate::domain::calendar::message;
use crate::domain::messages::check_quota;
use crate::domain::preferences::Preferences;
use crate::format::ical::series::address;
use crate::format::ical::{self, Bounds};
use crate::format::mime::header;
use crate::format::mime::structure::{self, Inside, Node};
use crate::model::component::Component;
use crate::model::fault::{Fault, Outcome};
use crate::model::ids::{MailboxId, Uid};
use crate::model::limits::Limits;
use crate::model::mail::MailAddress;
use crate::model::names::{Address, DomainName, MailboxName, MailboxPath, fold};
use crate::model::rights::Rights;
use crate::model::time::Timestamp;
use crate::model::value::Value;
use crate::store::calendars::{self, Head};
use crate::store::{Read, WriteTx, accounts, mailboxes};

/// Bytes of items that one delivery works in, all recipients together; the rest is left to people.
const MOST_BYTES: usize = 16 << 20;

/// What a mail says about items.
#[derive(Debug, Clone)]
pub struct Invitation {
    method: Method,
    item: Item,
    /// From and Sender.
    writers: Vec<Address>,
    bytes: usize,
    /// What is attached to it: parts with their fields.
    attachments: Vec<Vec<u8>>,
    limits: Limits,
}

/// Looks for an invitation in a message; None for what is none, or is one for people only.
pub fn in_message(raw: &[u8], limits: &Limits) -> Option<Invitation> {
    let mime = structure::Limits::of(limits);
    let header = raw.get(..header::header_length(raw))?;
    if !message::may_hold_items(header, &mime) {
        return None;
    }
    let root = structure::structure(raw, &mime);
    let node = part(&root)?;
    let text = structure::text(raw, node)?;
    let calendar = ical::parse_within(text.as_bytes(), Bounds::of(limits)).ok()?.into_iter().next()?;
    let method = Method::of(&calendar);
    if !matches!(method, Method::Request | Method::Cancel | Method::Reply) || !says_the_same(node, &calendar) {
        return None;
    }
    let writers = ["From", "Sender"].iter().flat_map(|name| header::addresses(header, name));
    let writers = writers.filter_map(|writer| writer.address.parse().ok()).collect();
    let item = Item::only(vec![calendar]).ok()?;
    item.check_zones().ok()?;
    let attachments = if method == Method::Request { attachments(raw, &root, node) } else { Vec::new() };
    let bytes = text.len() + attachments.iter().map(Vec::len).sum::<usize>();
    Some(Invitation { method, item, writers, bytes, attachments, limits: limits.clone() })
}

/// What goes with an invitation into the calendar: the files that are attached, but not the item itself once more, and
/// nothing where all of it is too much.
fn attachments(raw: &[u8], root: &Node, calendar: &Node) -> Vec<Vec<u8>> {
    let is_item = |part: &Node| part.about.is("text", "calendar") || part.about.is("application", "ics");
    let all: Vec<_> = shelf::attached(root, calendar).into_iter().filter(|part| !is_item(part)).collect();
    let bytes: usize = all.iter().map(|part| part.body.len()).sum();
    if bytes > MOST_BYTES { Vec::new() } else { all.into_iter().filter_map(|part| shelf::with_fields(raw, part)).collect() }
}

/// The calendar part; not one of a mail that is attached, and not one of a mail that comes back.
fn part(node: &Node) -> Option<&Node> {
    match &node.inside {
        Inside::Parts(_) if node.about.subtype == "report" => None,
        Inside::Parts(parts) => parts.iter().find_map(part),
        Inside::Message(_) => None,
        Inside::Data => node.about.is("text", "calendar").then_some(node),
    }
}

/// The `method` parameter, where there is one, must be the METHOD (RFC 6047 2.4).
fn says_the_same(node: &Node, calendar: &Component) -> bool {
    let parameter = node.about.parameter("method").map(str::trim);
    parameter.is_none_or(|said| calendar.text("METHOD").is_some_and(|method| method.trim().eq_ignore_ascii_case(said)))
}

impl Invitation {
    /// What it is sent for.
    pub fn method(&self) -> Method {
        self.method
    }

    /// The item it is about.
    pub fn item(&self) -> &Item {
        &self.item
    }

    /// How many recipients of one delivery it is worked in for.
    pub fn most_recipients(&self) -> usize {
        MOST_BYTES / self.bytes.max(1)
    }

    fn senders(&self, tx: &dyn Read, envelope: Option<&Address>) -> Outcome<Vec<String>> {
        let is_local = |address: &Address| Ok(accounts::domain(tx, &address.domain)?.is_some());
        let text = |address: &Address| fold(&address.to_string());
        match envelope {
            None => Ok(Vec::new()),
            Some(sender) if is_local(sender)? => Ok(vec![text(sender)]),
            Some(_) => {
                let mut out = Vec::new();
                for writer in &self.writers {
                    if !is_local(writer)? {
                        out.push(text(writer));
                    }
                }
                Ok(out)
            }
        }
    }

    fn is_task(&self) -> bool {
        self.item.principal().is_some_and(|entry| entry.is("VTODO"))
    }
}

/// The main calendar of an account, or its main list of tasks; None where there is none that may be changed.
pub fn main_box(tx: &dyn Read, owner: &Caller, preferences: &Preferences, tasks: bool) -> Outcome<Option<Reached>> {
    let Some(path) = box_name(preferences, tasks) else { return Ok(None) };
    match access::reach(tx, owner, &path, Rights::READ.with(Rights::INSERT).with(Rights::DELETE)) {
        Ok(reached) => Ok(Some(reached)),
        Err(fault) if fault == Fault::internal() => Err(fault),
        Err(_) => Ok(None),
    }
}

fn box_name(preferences: &Preferences, tasks: bool) -> Option<MailboxPath> {
    let name = preferences.text(if tasks { "TasksBox" } else { "CalendarBox" });
    name.parse::<MailboxName>().ok().map(MailboxPath::own)
}

fn wants(preferences: &Preferences) -> bool {
    preferences.get("ProcessInvitations").is_none_or(Value::is_yes)
}

/// Messages of a calendar that are not in its index yet and that a delivery sees to itself.
const FEW: u32 = 200;

/// The main calendars of local recipients whose indexes are so far behind that they are to be brought up to date before the
/// delivery, in steps of their own.
pub fn behind(tx: &dyn Read, recipients: &[Address], invitation: &Invitation) -> Outcome<Vec<MailboxId>> {
    far_behind(tx, recipients.iter().take(invitation.most_recipients()), invitation.is_task())
}

/// The same for those who take part in items, who may get a mail about them.
pub fn behind_of(tx: &dyn Read, items: &[Item]) -> Outcome<Vec<MailboxId>> {
    let entries = || items.iter().flat_map(|item| &item.entries);
    let named = entries().flat_map(|entry| entry.all("ORGANIZER").chain(entry.all("ATTENDEE")));
    let mut people: Vec<Address> = named.filter_map(|p| address(&p.value).parse().ok()).take(MOST_RECIPIENTS * 2).collect();
    people.sort_unstable();
    people.dedup();
    far_behind(tx, people.iter(), entries().any(|entry| entry.is("VTODO")))
}

fn far_behind<'a>(tx: &dyn Read, recipients: impl Iterator<Item = &'a Address>, tasks: bool) -> Outcome<Vec<MailboxId>> {
    let mut out = Vec::new();
    for address in recipients.filter_map(Address::account) {
        let Some(account) = accounts::find(tx, &address)? else { continue };
        let owner = Caller { account, address };
        let preferences = Preferences::read(tx, &owner)?;
        let Some(reached) = main_box(tx, &owner, &preferences, tasks)?.filter(|_| wants(&preferences)) else { continue };
        let next = mailboxes::state(tx, reached.record.id)?.uid_next;
        let till = calendars::head(tx, reached.record.id)?.filter(Head::is_current).map_or(Uid(0), |head| head.till);
        if next.0.saturating_sub(till.0) > FEW && !out.contains(&reached.record.id) {
            out.push(reached.record.id);
        }
    }
    Ok(out)
}

/// Works a mail into the calendar of one of its recipients, as far as he wants that and it may be done.
pub fn work_in(
    tx: &WriteTx,
    house: &DomainName,
    owner: &Caller,
    invitation: &Invitation,
    envelope: Option<&Address>,
    now: Timestamp,
) -> Outcome<()> {
    let preferences = Preferences::read(tx, owner)?;
    if !wants(&preferences) {
        return Ok(());
    }
    let from = MailAddress { name: None, address: owner.address.to_string() };
    let user = User::of(owner, from.clone(), &preferences, None, now);
    let senders = invitation.senders(tx, envelope)?;
    let mut random = [0u8; 16];
    getrandom::fill(&mut random).map_err(|e| Fault::logged("no random numbers", e))?;
    let writing = Writing { from, zone: user.zone, domain: house.clone(), now, random };
    match change(tx, owner, &preferences, invitation, &senders, &user, &writing) {
        Err(fault) if fault == Fault::internal() => Err(fault),
        Err(fault) => {
            tracing::debug!(%fault, "an invitation is left to its recipient");
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

fn change(
    tx: &WriteTx,
    owner: &Caller,
    preferences: &Preferences,
    invitation: &Invitation,
    senders: &[String],
    user: &User,
    writing: &Writing,
) -> Outcome<()> {
    let (item, tasks) = (&invitation.item, invitation.is_task());
    let arrival = Arrival { method: invitation.method, item, senders };
    if let Some(reached) = main_box(tx, owner, preferences, tasks)? {
        let held = shelf::held(tx, &invitation.limits, reached.record.id, &item.uid())?;
        let Some(new) = arrive(arrival, held.item.as_ref(), user)? else { return Ok(()) };
        // A newer version without files leaves those that are there.
        let attachments = if invitation.attachments.is_empty() { &held.attachments } else { &invitation.attachments };
        return shelf::put(tx, &reached, &held, Some(&new), attachments, writing);
    }
    let (Some(new), Some(path)) = (arrive(arrival, None, user)?, box_name(preferences, tasks)) else { return Ok(()) };
    check_quota(tx, owner, invitation.bytes as u64 * 2)?;
    crate::domain::messages::ensure(tx, owner, &path, if tasks { "IPF.Task" } else { "IPF.Appointment" }, writing.now)?;
    let Some(reached) = main_box(tx, owner, preferences, tasks)? else { return Ok(()) };
    let held = shelf::held(tx, &invitation.limits, reached.record.id, &item.uid())?;
    shelf::put(tx, &reached, &held, Some(&new), &invitation.attachments, writing)
}
