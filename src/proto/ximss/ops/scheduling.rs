//! What changes calendars: publish, cancel, update, accept, decline, import. Spec: XIMSS, "Calendar Operations".

use super::calendars::{CALENDAR, mailbox};
use super::messages::{materials, own_address};
use crate::domain::calendar::index;
use crate::domain::compose::{self, Finish};
use crate::domain::scheduling::answer::{Answer, Reply};
use crate::domain::scheduling::import::{self, Reading};
use crate::domain::scheduling::office::{Attachments, Cancelled, Office};
use crate::domain::scheduling::publish::{Publishing, Tell};
use crate::domain::scheduling::{Item, Method, invitations};
use crate::model::draft::DraftPart;
use crate::model::fault::{Fault, Outcome};
use crate::model::ids::{MailboxId, Uid};
use crate::proto::ximss::form::{calendar as form, mail};
use crate::proto::ximss::request::{Cx, Op, Request};
use crate::store::WriteTx;
use crate::xml::{Arg, Attr, Element, FromAttr};

/// The family.
pub const OPS: &[Op] =
    &[Op::of::<Publish>(), Op::of::<Cancel>(), Op::of::<Update>(), Op::of::<Accept>(), Op::of::<Decline>(), Op::of::<Import>()];

const SEND_REQUESTS: Attr<SendRequests> = Attr::new("sendRequests", "no: tell nobody; new: invite only those who were not invited before");
const COPY_EXCEPTIONS: Attr<NotNo> = Attr::new("copyExceptions", "no: leave the exceptions of the stored item behind");
const UID: Attr<Uid> = Attr::new("UID", "the message that holds the item");
const ITEM_UID: Attr<String> = Attr::new("itemUID", "the UID of the item");
const RECURRENCE_ID: Attr<String> = Attr::new("recurrenceId", "the one recurrence to cancel");
const PARTSTAT: Attr<Answer> = Attr::new("PARTSTAT", "ACCEPTED, TENTATIVE, or for tasks IN-PROCESS or COMPLETED");
const SEND_REPLY: Attr<NotNo> = Attr::new("sendReply", "no: do not tell the organizer");
const UPLOAD: Attr<String> = Attr::new("uploadID", "the uploaded file");

/// An item as requests have it in their body.
const SAMPLE_ITEM: &str = "<iCalendar><vCalendar><vevent><uid>1</uid><dtstart>20260101T100000Z</dtstart></vevent></vCalendar></iCalendar>";

/// Anything but `no`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct NotNo(bool);

impl FromAttr for NotNo {
    const KIND: &'static str = "no, or anything else for yes";
    const SAMPLE: &'static str = "yes";
    fn from_attr(text: &str) -> Option<Self> {
        Some(Self(!text.trim().eq_ignore_ascii_case("no")))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct SendRequests(Tell);

impl FromAttr for SendRequests {
    const KIND: &'static str = "no, new, or anything else for all";
    const SAMPLE: &'static str = "new";
    fn from_attr(text: &str) -> Option<Self> {
        let is = |name: &str| text.trim().eq_ignore_ascii_case(name);
        Some(Self(if is("no") {
            Tell::Nobody
        } else if is("new") {
            Tell::New
        } else {
            Tell::All
        }))
    }
}

impl FromAttr for Answer {
    const KIND: &'static str = "ACCEPTED, TENTATIVE, IN-PROCESS or COMPLETED";
    const SAMPLE: &'static str = "ACCEPTED";
    fn from_attr(text: &str) -> Option<Self> {
        let known = [Self::Accepted, Self::Tentative, Self::InProcess, Self::Completed];
        known.into_iter().find(|answer| text.trim().eq_ignore_ascii_case(answer.name()))
    }
}

/// The item in the body of a request, with what it is sent for.
fn item(element: &Element) -> Outcome<Option<(Method, Item)>> {
    let Some(found) = element.elements().find(|e| e.name.eq_ignore_ascii_case("iCalendar")) else { return Ok(None) };
    let calendar = form::read(found)?;
    Ok(Some((Method::of(&calendar), Item::only(vec![calendar])?)))
}

fn need_item(element: &Element) -> Outcome<(Method, Item)> {
    item(element)?.ok_or_else(|| Fault::missing("iCalendar"))
}

/// A word for those who are told.
fn comment(element: &Element, name: &str) -> Option<String> {
    let text = element.elements().find(|e| e.name.eq_ignore_ascii_case(name))?.body();
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// The parts that go with an item, composed on a reading thread.
async fn attachments(cx: &Cx, parts: Option<Vec<DraftPart>>) -> Outcome<Attachments> {
    let Some(parts) = parts else { return Ok(Attachments::Kept) };
    if parts.is_empty() {
        return Ok(Attachments::Given(Vec::new()));
    }
    let (materials, preferences) = (materials(cx).await?, (*cx.preferences()).clone());
    let finish = Finish { domain: cx.house.settings().domain.clone(), fill_missing: true };
    let encoded = cx.read(move |tx| compose::parts(tx, &parts, &materials, &preferences, &finish)).await?;
    Ok(Attachments::Given(encoded))
}

fn office(cx: &Cx) -> Outcome<Office> {
    let settings = cx.house.settings();
    Ok(Office {
        caller: cx.caller()?,
        from: own_address(cx)?,
        preferences: (*cx.preferences()).clone(),
        domain: settings.domain.clone(),
        limits: settings.limits.clone(),
    })
}

/// One step of the office over an open calendar, whose index is brought up to date before; then the queue is woken.
async fn act(
    cx: &Cx,
    calendar: Option<&str>,
    mut step: impl FnMut(&Office, &WriteTx, Option<MailboxId>) -> Outcome<()> + Send + 'static,
) -> Outcome<()> {
    let mailbox = match calendar {
        Some(calendar) => Some(mailbox(cx, calendar).await?),
        None => None,
    };
    if let Some(mailbox) = mailbox {
        index::bring_up_to_date(&cx.house, mailbox).await?;
    }
    let office = office(cx)?;
    cx.write(move |tx| step(&office, tx, mailbox)).await?;
    cx.house.queue_wake.notify_one();
    Ok(())
}

/// The same for operations that always name a calendar.
async fn act_in(
    cx: &Cx,
    calendar: &str,
    mut step: impl FnMut(&Office, &WriteTx, MailboxId) -> Outcome<()> + Send + 'static,
) -> Outcome<()> {
    act(cx, Some(calendar), move |office, tx, mailbox| step(office, tx, mailbox.ok_or_else(Fault::internal)?)).await
}

/// Brings the main calendars of those up to date who may get a mail about an item, so that the step itself is short.
async fn ready(cx: &Cx, item: &Item) -> Outcome<()> {
    let items = [item.clone()];
    for mailbox in cx.read(move |tx| invitations::behind_of(tx, &items)).await? {
        index::bring_up_to_date(&cx.house, mailbox).await?;
    }
    Ok(())
}

struct Publish {
    calendar: String,
    item: Item,
    how: Publishing,
    parts: Option<Vec<DraftPart>>,
}

impl Request for Publish {
    const NAME: &'static str = "calendarPublish";
    const DOC: &'static str = "Stores an item in a calendar and invites those who take part.";
    const ARGS: &'static [Arg] = &[CALENDAR.required(), SEND_REQUESTS.optional(), COPY_EXCEPTIONS.optional()];
    const SAMPLE_BODY: &'static str = SAMPLE_ITEM;

    fn read(element: &Element) -> Outcome<Self> {
        let tell = SEND_REQUESTS.get(element)?.map_or(Tell::All, |send| send.0);
        let how = Publishing { copy_exceptions: COPY_EXCEPTIONS.get(element)?.is_none_or(|copy| copy.0), tell };
        Ok(Self { calendar: CALENDAR.need(element)?.0, item: need_item(element)?.1, how, parts: mail::parts(element)? })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let Self { calendar, item, how, parts } = self;
        let (with, fresh) = (attachments(&cx, parts).await?, office(&cx)?.fresh_uid()?);
        if how.tell != Tell::Nobody {
            ready(&cx, &item).await?;
        }
        act_in(&cx, &calendar, move |office, tx, mailbox| office.publish(tx, mailbox, &item, &how, &with, &fresh)).await
    }
}

struct Cancel {
    calendar: String,
    what: Cancelled,
    tell: bool,
    comment: Option<String>,
}

impl Request for Cancel {
    const NAME: &'static str = "calendarCancel";
    const DOC: &'static str = "Removes an item, or one recurrence of it, from a calendar and tells those who take part.";
    const ARGS: &'static [Arg] =
        &[CALENDAR.required(), UID.optional(), ITEM_UID.optional(), RECURRENCE_ID.optional(), SEND_REQUESTS.optional()];
    const SAMPLE_BODY: &'static str = SAMPLE_ITEM;

    fn read(element: &Element) -> Outcome<Self> {
        let recurrence = RECURRENCE_ID.get(element)?.map(|id| id.trim().to_owned()).filter(|id| !id.is_empty());
        let what = match (item(element)?, ITEM_UID.get(element)?, UID.get(element)?) {
            (Some((_, item)), ..) => Cancelled::Given(Box::new(item)),
            (None, Some(uid), _) => Cancelled::Uid(uid.trim().to_owned(), recurrence),
            (None, None, Some(message)) => Cancelled::Message(message, recurrence),
            (None, None, None) => return Err(Fault::missing("itemUID")),
        };
        let tell = SEND_REQUESTS.get(element)?.is_none_or(|send| send.0 != Tell::Nobody);
        Ok(Self { calendar: CALENDAR.need(element)?.0, what, tell, comment: comment(element, "requestComment") })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let Self { calendar, what, tell, comment } = self;
        act_in(&cx, &calendar, move |office, tx, mailbox| office.cancel(tx, mailbox, &what, tell, comment.as_deref())).await
    }
}

struct Update {
    calendar: String,
    item: Item,
}

impl Request for Update {
    const NAME: &'static str = "calendarUpdate";
    const DOC: &'static str = "Notes in a calendar what an attendee has replied.";
    const ARGS: &'static [Arg] = &[CALENDAR.required()];
    const SAMPLE_BODY: &'static str = SAMPLE_ITEM;

    fn read(element: &Element) -> Outcome<Self> {
        let calendar = CALENDAR.need(element)?.0;
        let (method, item) = need_item(element)?;
        // An item without a method is taken for what the operation is for.
        if !matches!(method, Method::Reply | Method::Publish) {
            return Err(Fault::bad("calendar item is incorrect: it is no reply"));
        }
        Ok(Self { calendar, item })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let Self { calendar, item } = self;
        act_in(&cx, &calendar, move |office, tx, mailbox| office.update(tx, mailbox, &item)).await
    }
}

struct Accept {
    calendar: String,
    item: Item,
    answer: Answer,
    send: bool,
    comment: Option<String>,
    parts: Option<Vec<DraftPart>>,
}

impl Request for Accept {
    const NAME: &'static str = "calendarAccept";
    const DOC: &'static str = "Stores an invitation as accepted in a calendar and tells its organizer.";
    const ARGS: &'static [Arg] = &[CALENDAR.required(), PARTSTAT.required(), SEND_REPLY.optional()];
    const SAMPLE_BODY: &'static str = SAMPLE_ITEM;

    fn read(element: &Element) -> Outcome<Self> {
        Ok(Self {
            calendar: CALENDAR.need(element)?.0,
            answer: PARTSTAT.need(element)?,
            item: need_item(element)?.1,
            send: SEND_REPLY.get(element)?.is_none_or(|send| send.0),
            comment: comment(element, "replyComment"),
            parts: mail::parts(element)?,
        })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let Self { calendar, item, answer, send, comment, parts } = self;
        let (with, fresh) = (attachments(&cx, parts).await?, office(&cx)?.fresh_uid()?);
        ready(&cx, &item).await?;
        act_in(&cx, &calendar, move |office, tx, mailbox| {
            let reply = Reply { send, comment: comment.as_deref() };
            office.accept(tx, mailbox, &item, (answer, reply), &with, &fresh)
        })
        .await
    }
}

struct Decline {
    calendar: Option<String>,
    method: Method,
    item: Item,
    send: bool,
    comment: Option<String>,
}

impl Request for Decline {
    const NAME: &'static str = "calendarDecline";
    const DOC: &'static str = "Declines an invitation: tells its organizer, and removes the item from a calendar if one is named.";
    const ARGS: &'static [Arg] = &[CALENDAR.optional(), SEND_REPLY.optional()];
    const SAMPLE_BODY: &'static str = SAMPLE_ITEM;

    fn read(element: &Element) -> Outcome<Self> {
        let (method, item) = need_item(element)?;
        let send = SEND_REPLY.get(element)?.is_none_or(|send| send.0);
        Ok(Self { calendar: CALENDAR.get(element)?.map(|c| c.0), method, item, send, comment: comment(element, "replyComment") })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let Self { calendar, method, item, send, comment } = self;
        ready(&cx, &item).await?;
        act(&cx, calendar.as_deref(), move |office, tx, mailbox| {
            let reply = Reply { send, comment: comment.as_deref() };
            office.decline(tx, mailbox, &item, method, reply)
        })
        .await
    }
}

struct Import {
    calendar: String,
    upload: String,
}

impl Request for Import {
    const NAME: &'static str = "calendarImport";
    const DOC: &'static str = "Stores the items of an uploaded file in a calendar.";
    const ARGS: &'static [Arg] = &[CALENDAR.required(), UPLOAD.required()];

    fn read(element: &Element) -> Outcome<Self> {
        Ok(Self { calendar: CALENDAR.need(element)?.0, upload: UPLOAD.need(element)? })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let mailbox = mailbox(&cx, &self.calendar).await?;
        let upload = cx.desk.uploads.borrow().get(&self.upload)?;
        index::bring_up_to_date(&cx.house, mailbox).await?;
        let office = office(&cx)?;
        let (limits, domain, path) = (office.limits.clone(), office.domain.clone(), upload.file.path().to_owned());
        let mut reading = cx.store().compute(move || Reading::of(&path, &limits, domain)).await?;
        let (mut readable, mut too_large, mut first) = (0, 0, None);
        loop {
            let step = move || {
                let mut reading = reading;
                reading.next_batch().map(|batch| (reading, batch))
            };
            let (went_on, batch) = cx.store().compute(step).await?;
            reading = went_on;
            (readable, too_large) = (readable + batch.readable, too_large + batch.too_large);
            first = first.or(batch.first);
            let (office, found, is_last) = (office.clone(), batch.found, batch.is_last);
            cx.write(move |tx| import::store(tx, &office, mailbox, &found)).await?;
            if is_last {
                break;
            }
        }
        match first {
            Some(why) if readable == 0 => Err(why),
            Some(_) if too_large > 0 => Err(Fault::quota(format!("{too_large} calendar items are too large; {readable} are imported"))),
            _ => Ok(()),
        }
    }
}
