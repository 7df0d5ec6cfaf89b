//! Calendars: open, look, read, close; free and busy times. Spec: XIMSS, "Calendar Operations". What changes calendars is
//! in `scheduling`.

use super::messages::Reading;
use crate::domain::calendar::days::{self, Dealer};
use crate::domain::calendar::find::{self, Wanted};
use crate::domain::calendar::hits::{Hits, Window};
use crate::domain::calendar::view::{CalendarView, Close, Look, Opening, Show, Source};
use crate::domain::calendar::{boxes, freebusy, message};
use crate::domain::messages;
use crate::domain::remote_documents::RemoteUrl;
use crate::domain::tell::Line;
use crate::format::ical::Bounds;
use crate::model::calendar::{Clock, ItemKind};
use crate::model::fault::{Fault, Outcome};
use crate::model::ids::{MailboxId, Uid};
use crate::model::names::{AccountRef, MailboxPath};
use crate::model::time::Timestamp;
use crate::proto::ximss::form::attributes::ClientName;
use crate::proto::ximss::form::calendar as form;
use crate::proto::ximss::form::found::{LocalTime, Reader};
use crate::proto::ximss::form::messages::UID;
use crate::proto::ximss::request::{Cx, Op, Request};
use crate::store::blobs;
use crate::xml::attr::YesNo;
use crate::xml::{Arg, Attr, Element};

/// The family.
pub const OPS: &[Op] = &[
    Op::of::<Open>(),
    Op::of::<CloseCalendar>(),
    Op::of::<FindEvents>(),
    Op::of::<FindTasks>(),
    Op::of::<Read>(),
    Op::of::<ReadItem>(),
    Op::of::<FreeBusyRead>(),
];

/// The attribute `calendar`.
pub const CALENDAR: Attr<ClientName> = Attr::new("calendar", "the session's name for the calendar");
const URL: Attr<RemoteUrl> = Attr::new("url", "the address of a remote iCalendar document to open");
const MAILBOX: Attr<MailboxPath> = Attr::new("mailbox", "the mailbox; without it: the calendar's name");
const TIME_FROM: Attr<LocalTime> = Attr::new("timeFrom", "the beginning of the time interval");
const TIME_TILL: Attr<LocalTime> = Attr::new("timeTill", "the end of the time interval");
const BY_ALARM: Attr<YesNo> = Attr::new("byAlarm", "yes: look for alarms in the time interval");
const LIMIT: Attr<u32> = Attr::new("limit", "the most events to send");
const SKIP: Attr<u32> = Attr::new("skip", "how many events to leave out first");
const USER_NAME: Attr<AccountRef> = Attr::new("userName", "the account; without it: the current one");

/// Found things that are turned into XML in one go, so that other sessions get their turn.
const TURN: usize = 256;

struct Open {
    calendar: String,
    what: What,
}

enum What {
    Mailbox(MailboxPath),
    Document(RemoteUrl),
}

impl Request for Open {
    const NAME: &'static str = "calendarOpen";
    const DOC: &'static str = "Opens a mailbox, or a document from elsewhere, as a calendar.";
    const ARGS: &'static [Arg] = &[CALENDAR.required(), URL.optional(), MAILBOX.optional()];

    fn read(element: &Element) -> Outcome<Self> {
        let ClientName(calendar) = CALENDAR.need(element)?;
        let what = match (URL.get(element)?, MAILBOX.get(element)?) {
            (Some(url), _) => What::Document(url),
            (None, Some(mailbox)) => What::Mailbox(mailbox),
            (None, None) => What::Mailbox(calendar.parse().map_err(|_| Fault::incorrect("calendar"))?),
        };
        Ok(Self { calendar, what })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let Self { calendar, what } = self;
        cx.desk.calendars.check_new(&calendar)?;
        let (caller, session, name) = (cx.caller()?, Line::to(&cx.desk.session()?), calendar.clone());
        let view = match what {
            What::Mailbox(path) => {
                if let Some(class) = boxes::class(&path, &cx.preferences()) {
                    let (caller, path) = (caller.clone(), path.clone());
                    cx.write(move |tx| messages::ensure(tx, &caller, &path, class, Timestamp::now())).await?;
                }
                CalendarView::open(cx.house.clone(), Opening { calendar: name, caller, path, session }).await?
            }
            What::Document(url) => CalendarView::fetch(cx.house.clone(), name, url, Clock::Known(cx.zone()), session).await?,
        };
        cx.desk.calendars.add(calendar, view);
        Ok(())
    }
}

struct CloseCalendar {
    calendar: String,
}

impl Request for CloseCalendar {
    const NAME: &'static str = "calendarClose";
    const DOC: &'static str = "Closes a calendar.";
    const ARGS: &'static [Arg] = &[CALENDAR.required()];

    fn read(element: &Element) -> Outcome<Self> {
        Ok(Self { calendar: CALENDAR.need(element)?.0 })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        cx.desk.calendars.take(&self.calendar)?.send(Close).await.map_err(|_| Fault::closed())
    }
}

/// What an open calendar shows.
pub(super) async fn shown(cx: &Cx, calendar: &str) -> Outcome<Source> {
    cx.desk.calendars.find(calendar)?.send(Show).await.map_err(|_| Fault::closed())
}

/// The mailbox of an open calendar; refused for a document from elsewhere.
pub(super) async fn mailbox(cx: &Cx, calendar: &str) -> Outcome<MailboxId> {
    shown(cx, calendar).await?.mailbox()
}

/// A find of either kind.
struct Find {
    calendar: String,
    from: LocalTime,
    till: LocalTime,
    by_alarm: bool,
    wanted: Wanted,
    echo: Vec<(String, String)>,
}

impl Find {
    const ARGS: &'static [Arg] =
        &[CALENDAR.required(), TIME_FROM.required(), TIME_TILL.required(), BY_ALARM.optional(), LIMIT.optional(), SKIP.optional()];

    fn read(element: &Element) -> Outcome<Self> {
        let echo = ["calendar", "timeFrom", "timeTill", "skip"];
        let echo = echo.iter().filter_map(|name| element.get(name).map(|value| ((*name).to_owned(), value.to_owned())));
        Ok(Self {
            calendar: CALENDAR.need(element)?.0,
            from: TIME_FROM.need(element)?,
            till: TIME_TILL.need(element)?,
            by_alarm: BY_ALARM.get(element)?.is_some_and(|yes| yes.0),
            wanted: Wanted {
                skip: SKIP.get(element)?.unwrap_or_default() as usize,
                limit: LIMIT.get(element)?.map_or(usize::MAX, |limit| limit as usize),
            },
            echo: echo.collect(),
        })
    }

    async fn run(self, cx: &Cx, kind: ItemKind) -> Outcome<()> {
        let (zone, settings) = (cx.zone(), cx.house.settings());
        let (from, till) = (self.from.within(&zone), self.till.within(&zone));
        let days = days::days(from, till, &zone, settings.limits.find_days)?;
        let window = Window { from, till, zone, by_alarm: self.by_alarm, kind };
        let view = cx.desk.calendars.find(&self.calendar)?;
        let source = view.send(Look).await.map_err(|_| Fault::closed())?;
        let most = settings.limits.instances;
        let (hits, items) = match source {
            Source::Mailbox(mailbox) => find::find(&cx.house, &cx.caller()?, mailbox, &window, most, &self.wanted).await?,
            Source::Document(document) => find::find_in_document(&cx.house, &document, &window, most, &self.wanted).await?,
        };
        hits.check_showings(&window.span())?;
        self.tell(cx, kind, days, &hits, items).await?;
        match &hits.cut {
            // All else has been told: one item that is out of bounds keeps nobody from the others.
            Some(item) => Err(Fault::quota(format!("calendar item has too many instances: {item}"))),
            None => Ok(()),
        }
    }

    /// One message for each day, made as the client reads.
    async fn tell(&self, cx: &Cx, kind: ItemKind, days: days::Days, hits: &Hits, items: usize) -> Outcome<()> {
        let name = match kind {
            ItemKind::Event => "events",
            ItemKind::Task => "tasks",
        };
        let (reader, mut dealer, mut told) = (reader(cx)?, Dealer::default(), 0);
        for day in days {
            let mut pen = cx.pen(name);
            self.echo.iter().for_each(|(name, value)| pen.attribute(name, value));
            pen.plain("items", items);
            for hit in dealer.deal(&hits.hits, &day) {
                reader.found(&mut pen, hits, hit);
                told += 1;
                if told % TURN == 0 {
                    tokio::task::yield_now().await;
                }
            }
            cx.send_written(pen).await?;
            told += 1;
            if told % TURN == 0 {
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }
}

/// Who asks, for what depends on it.
fn reader(cx: &Cx) -> Outcome<Reader> {
    let preferences = cx.preferences();
    let written = preferences.text("UserFrom");
    let bare = written.rsplit_once('<').map_or(written, |(_, address)| address).trim_end_matches('>').trim();
    let addresses = vec![cx.caller()?.address.to_string(), bare.to_owned()];
    Ok(Reader { addresses: addresses.into_iter().filter(|address| !address.is_empty()).collect(), zone: cx.zone() })
}

struct FindEvents(Find);

impl Request for FindEvents {
    const NAME: &'static str = "findEvents";
    const DOC: &'static str = "Sends the events of a time interval, a message for each day.";
    const ARGS: &'static [Arg] = Find::ARGS;

    fn read(element: &Element) -> Outcome<Self> {
        Find::read(element).map(Self)
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        self.0.run(&cx, ItemKind::Event).await
    }
}

struct FindTasks(Find);

impl Request for FindTasks {
    const NAME: &'static str = "findTasks";
    const DOC: &'static str = "Sends the tasks of a time interval, a message for each day.";
    const ARGS: &'static [Arg] = Find::ARGS;

    fn read(element: &Element) -> Outcome<Self> {
        Find::read(element).map(Self)
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        self.0.run(&cx, ItemKind::Task).await
    }
}

struct Read {
    calendar: String,
    reading: Reading,
    echo: Vec<(String, String)>,
}

impl Request for Read {
    const NAME: &'static str = "calendarRead";
    const DOC: &'static str = "Sends a message of a calendar, or a part of it, as XML; or a reply to it, ready to be sent.";
    const ARGS: &'static [Arg] = &Reading::args(CALENDAR.required());

    fn read(element: &Element) -> Outcome<Self> {
        let echo = Reading::echo(element, "calendar");
        Ok(Self { calendar: CALENDAR.need(element)?.0, reading: Reading::read(element)?, echo })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let mailbox = mailbox(&cx, &self.calendar).await?;
        let content = self.reading.content(&cx, mailbox).await?;
        let message = self.echo.iter().fold(Element::new("calendarMessage"), |message, (name, value)| message.with(name, value));
        cx.send(message.child(content)).await
    }
}

struct ReadItem {
    calendar: String,
    uid: Uid,
}

impl Request for ReadItem {
    const NAME: &'static str = "calendarReadItem";
    const DOC: &'static str = "Sends the items of a message of a calendar as XML.";
    const ARGS: &'static [Arg] = &[CALENDAR.required(), UID.required()];

    fn read(element: &Element) -> Outcome<Self> {
        Ok(Self { calendar: CALENDAR.need(element)?.0, uid: UID.need(element)? })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let (caller, uid, limits) = (cx.caller()?, self.uid, cx.house.settings().limits.clone());
        let source = shown(&cx, &self.calendar).await?;
        let items = cx
            .read(move |tx| {
                let calendars = match source {
                    Source::Document(document) => document.item(uid, Bounds::of(&limits))?,
                    Source::Mailbox(mailbox) => {
                        let (_, row) = messages::readable(tx, &caller, mailbox, uid)?;
                        message::calendars(&blobs::read(tx, row.blob, 0..message::MOST)?, &limits)?.unwrap_or_default()
                    }
                };
                let components = calendars.iter().flat_map(|calendar| &calendar.components);
                Ok(components.filter(|c| c.is("VEVENT") || c.is("VTODO")).map(form::element).collect::<Vec<Element>>())
            })
            .await?;
        if items.is_empty() {
            return Err(Fault::bad("calendar item is incorrect: the message has none"));
        }
        cx.send(Element::new("calendarItem").with("calendar", self.calendar).with("UID", uid).children(items)).await
    }
}

struct FreeBusyRead {
    user: Option<AccountRef>,
    from: LocalTime,
    till: LocalTime,
    echo: Option<String>,
}

impl Request for FreeBusyRead {
    const NAME: &'static str = "freeBusyRead";
    const DOC: &'static str = "Sends when an account is busy.";
    const ARGS: &'static [Arg] = &[USER_NAME.optional(), TIME_FROM.required(), TIME_TILL.required()];

    fn read(element: &Element) -> Outcome<Self> {
        Ok(Self {
            user: USER_NAME.get(element)?,
            from: TIME_FROM.need(element)?,
            till: TIME_TILL.need(element)?,
            echo: element.get("userName").map(str::to_owned),
        })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let zone = cx.zone();
        let (from, till) = (self.from.within(&zone), self.till.within(&zone));
        // Nobody is told more days at once than a find tells.
        days::days(from, till, &zone, cx.house.settings().limits.find_days)?;
        let times = freebusy::read(&cx.house, &cx.caller()?, self.user, from..till).await?;
        cx.send(Element::new("freeBusyData").with_some("userName", self.echo).child(reader(&cx)?.free_busy(&times))).await
    }
}

#[cfg(test)]
mod tests;
