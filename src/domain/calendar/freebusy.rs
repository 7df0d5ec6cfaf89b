//! Free and busy: when the owner of a main calendar has time, without a word of what for.
//!
//! Everybody who lives here may know as much as is published: from the day before today for as many days ahead as the
//! owner's preference `PublishFreeBusy` says; strangers (`domain::strangers`), who live in another domain, ask in vain.
//! The owner, whoever may read the main calendar, and whoever has the right
//! `l` on the account may ask for any time. Times of the clock on the wall are those of the owner's zone.
//! Spec: XIMSS, "Calendar Operations" (freeBusyRead); RFC 5545 3.6.4.

use super::find::{self, Wanted};
use super::hits::{Hits, Window};
use crate::domain::access::{self, Caller};
use crate::domain::house::House;
use crate::domain::preferences::Preferences;
use crate::domain::strangers::is_stranger;
use crate::model::calendar::{Busy, ItemKind};
use crate::model::fault::{Fault, Outcome};
use crate::model::ids::MailboxId;
use crate::model::names::{AccountRef, MailboxName};
use crate::model::rights::{AccountRights, Rights};
use crate::model::time::{Timestamp, Zone};
use crate::store::{Read, accounts, mailboxes};
use std::ops::Range;

const DAY: i64 = 86_400;

/// A time when somebody is busy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Period {
    /// From when to when.
    pub span: Range<Timestamp>,
    /// How busy.
    pub busy: Busy,
}

/// When an account is busy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreeBusy {
    /// The time that is told of.
    pub span: Range<Timestamp>,
    /// The periods in order; none touches another of its kind.
    pub periods: Vec<Period>,
}

/// An account whose free time somebody wants to know.
struct Asked {
    owner: Caller,
    calendar: Option<MailboxId>,
    zone: Zone,
    /// How many days ahead are published.
    days: i64,
    published: Option<Range<Timestamp>>,
}

/// When an account is busy in a span of time, as far as the caller may know.
pub async fn read(house: &House, caller: &Caller, of: Option<AccountRef>, span: Range<Timestamp>) -> Outcome<FreeBusy> {
    let asker = caller.clone();
    let asked = house.store.read(move |tx| look_up(tx, &asker, of.as_ref(), Timestamp::now())).await?;
    let span = match &asked.published {
        Some(published) => span.start.max(published.start)..span.end.min(published.end),
        None => span,
    };
    busy_in(house, &asked, span).await
}

/// When an account is busy, as far as everybody may know.
pub async fn published(house: &House, owner: &Caller, now: Timestamp) -> Outcome<FreeBusy> {
    let of = owner.clone();
    let (asked, span) = house
        .store
        .read(move |tx| {
            let asked = asked(tx, of)?;
            let span = horizon(asked.days, now);
            Ok((asked, span))
        })
        .await?;
    busy_in(house, &asked, span).await
}

/// What the published times of an account depend on, as a text to compare.
pub fn state(tx: &dyn Read, owner: &Caller, now: Timestamp) -> Outcome<String> {
    let asked = asked(tx, owner.clone())?;
    let mut state = format!("{} {} {}", now.0.div_euclid(DAY), asked.days, asked.zone.name());
    if let Some(mailbox) = asked.calendar {
        // Whatever came, went or was marked since has changed this number.
        state += &format!(" {mailbox} {}", mailboxes::state(tx, mailbox)?.modseq.0);
    }
    Ok(state)
}

async fn busy_in(house: &House, asked: &Asked, span: Range<Timestamp>) -> Outcome<FreeBusy> {
    let Some(mailbox) = asked.calendar.filter(|_| span.start < span.end) else {
        let end = span.end.max(span.start);
        return Ok(FreeBusy { span: span.start..end, periods: Vec::new() });
    };
    let window = Window { from: span.start, till: span.end, zone: asked.zone, by_alarm: false, kind: ItemKind::Event };
    let most = house.settings().limits.instances;
    let (hits, _) = find::find(house, &asked.owner, mailbox, &window, most, &Wanted::ALL).await?;
    if hits.hits.len() < find::AT_ONCE {
        return Ok(FreeBusy { periods: merged(&hits, &span), span });
    }
    let of = span.clone();
    Ok(FreeBusy { periods: house.store.compute(move || Ok(merged(&hits, &of))).await?, span })
}

/// What is published: from the day before today for so many days ahead; nothing for none.
fn horizon(days: i64, now: Timestamp) -> Range<Timestamp> {
    let today = now.0.div_euclid(DAY) * DAY;
    Timestamp(today - DAY)..Timestamp(if days == 0 { today - DAY } else { today + (days + 1) * DAY })
}

fn asked(tx: &dyn Read, owner: Caller) -> Outcome<Asked> {
    let preferences = Preferences::read(tx, &owner)?;
    let name = preferences.text("CalendarBox").parse::<MailboxName>();
    let record = name.ok().map(|name| mailboxes::find(tx, owner.account, &name)).transpose()?.flatten();
    let days = preferences.number("PublishFreeBusy").unwrap_or_default().clamp(0, 3_660);
    Ok(Asked { owner, calendar: record.map(|record| record.id), zone: preferences.zone(), days, published: None })
}

fn look_up(tx: &dyn Read, caller: &Caller, of: Option<&AccountRef>, now: Timestamp) -> Outcome<Asked> {
    let owner = match of {
        None => caller.clone(),
        Some(named) => {
            let address = named.within(&caller.address.domain);
            Caller { account: accounts::find(tx, &address)?.ok_or_else(Fault::no_account)?, address }
        }
    };
    let asked = asked(tx, owner)?;
    let record = asked.calendar.map(|mailbox| mailboxes::get(tx, mailbox)).transpose()?.flatten();
    let owner = &asked.owner;
    let may_read = record.as_ref().is_some_and(|record| access::rights(caller, owner, record).has(Rights::READ));
    let may_know = accounts::get(tx, owner.account)?.acl.effective(&caller.address, &owner.address).has(AccountRights::LOOK);
    if !may_read && is_stranger(tx, caller, &owner.address)? {
        return Err(Fault::no_account());
    }
    let published = (caller != owner && !may_read && !may_know).then(|| horizon(asked.days, now));
    Ok(Asked { published, ..asked })
}

/// The periods of what was found, cut to a span: where several overlap, the busiest counts.
pub fn merged(hits: &Hits, span: &Range<Timestamp>) -> Vec<Period> {
    let mut edges: Vec<(Timestamp, Busy, i32)> = Vec::with_capacity(hits.hits.len() * 2);
    for hit in &hits.hits {
        let entry = hits.rows.get(hit.row as usize).and_then(|row| row.entries.get(usize::from(hit.entry)));
        let Some(busy) = entry.map(|entry| entry.busy).filter(|busy| *busy != Busy::Free) else { continue };
        let (from, till) = (hit.start.max(span.start), hit.end.min(span.end));
        if from < till {
            edges.extend([(from, busy, 1), (till, busy, -1)]);
        }
    }
    edges.sort_unstable_by_key(|(at, ..)| *at);
    let (mut open, mut periods): ([i32; 3], Vec<Period>) = ([0; 3], Vec::new());
    let levels = [Busy::Tentative, Busy::Busy, Busy::Unavailable];
    let mut edges = edges.into_iter().peekable();
    while let Some((at, busy, step)) = edges.next() {
        for (level, count) in levels.iter().zip(&mut open) {
            *count += if *level == busy { step } else { 0 };
        }
        let Some((next, ..)) = edges.peek() else { break };
        let busiest = levels.iter().zip(&open).rev().find(|(_, count)| **count > 0).map(|(level, _)| *level);
        let Some(busy) = busiest.filter(|_| at < *next) else { continue };
        match periods.last_mut().filter(|last| last.busy == busy && last.span.end == at) {
            Some(last) => last.span.end = *next,
            None => periods.push(Period { span: at..*next, busy }),
        }
    }
    periods
}
