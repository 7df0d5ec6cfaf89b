//! The index follows the mailbox.

use super::*;
use crate::domain::calendar::find::{self, Wanted};
use crate::domain::calendar::hits::{Hits, Window};
use crate::domain::calendar::published;
use crate::domain::delivery::Prepared;
use crate::domain::files;
use crate::domain::messages::folder_mailbox;
use crate::domain::scheduling::letter::Writing;
use crate::domain::scheduling::shelf;
use crate::domain::scheduling::testing::item;
use crate::domain::testing::{house, new_account};
use crate::model::flags::Flags;
use crate::model::mail::MailAddress;
use crate::model::names::MailboxName;
use crate::model::rights::{Acl, Rights};
use crate::model::time::Zone;
use std::sync::Arc;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn message(body: &str) -> Prepared {
    let raw = format!("Subject: item\r\nContent-Type: text/calendar; charset=utf-8\r\n\r\n{}", body.replace('\n', "\r\n"));
    Prepared::of(raw.into_bytes())
}

fn calendar(components: &str) -> Prepared {
    message(&format!("BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//test//\n{components}END:VCALENDAR\n"))
}

fn event(uid: &str, start: &str, more: &str) -> Prepared {
    calendar(&format!(
        "BEGIN:VEVENT\nUID:{uid}\nDTSTAMP:20260101T000000Z\nDTSTART:{start}\nDURATION:PT1H\nSUMMARY:{uid}\n{more}END:VEVENT\n"
    ))
}

/// An account with a calendar.
struct Place {
    house: Arc<House>,
    caller: Caller,
    mailbox: MailboxId,
}

impl Place {
    async fn new() -> Self {
        let house = house();
        let caller = new_account(&house.store, "alice@example.test").await;
        let account = caller.account;
        let make =
            move |tx: &WriteTx| mailboxes::create(tx, account, &"Calendar".parse::<MailboxName>()?, "", Acl::default(), Timestamp(1));
        let mailbox = house.store.write(make).await.unwrap().id;
        Self { house, caller, mailbox }
    }

    async fn append(&self, new: Vec<Prepared>) -> Vec<Uid> {
        let mailbox = self.mailbox;
        let append = move |tx: &WriteTx| {
            let record = mailboxes::get(tx, mailbox)?.unwrap();
            let one = |prepared: &Prepared| Ok(prepared.message(prepared.store(tx)?, Flags::SEEN, at("20260301T120000Z")));
            messages::append(tx, &record, &new.iter().map(one).collect::<Outcome<Vec<_>>>()?, &[])
        };
        self.house.store.write(append).await.unwrap()
    }

    async fn remove(&self, uids: Vec<Uid>) {
        let mailbox = self.mailbox;
        self.house.store.write(move |tx| messages::remove(tx, &mailboxes::get(tx, mailbox)?.unwrap(), &uids).map(drop)).await.unwrap();
    }

    async fn find(&self, from: &str, till: &str) -> Hits {
        let window = Window { from: at(from), till: at(till), zone: Zone::GMT, by_alarm: false, kind: ItemKind::Event };
        find::find(&self.house, &self.caller, self.mailbox, &window, 100, &Wanted::ALL).await.unwrap().0
    }

    async fn found(&self, from: &str, till: &str) -> Vec<String> {
        let hits = self.find(from, till).await;
        hits.hits.iter().map(|hit| format!("{} {}", hits.rows[hit.row as usize].item_uid, hit.start.gmt_bare())).collect()
    }
}

fn run(test: impl Future<Output = ()>) {
    actix::System::new().block_on(test);
}

#[test]
fn what_comes_and_goes_is_found_and_not_found() {
    run(async {
        let place = Place::new().await;
        let uids = place.append(vec![event("a", "20260305T090000Z", ""), event("b", "20260305T080000Z", "RRULE:FREQ=WEEKLY\n")]).await;
        assert_eq!(place.found("20260305", "20260306").await, ["b 20260305T080000", "a 20260305T090000"]);
        place.append(vec![event("c", "20260305T085959Z", "")]).await;
        place.remove(vec![uids[0]]).await;
        assert_eq!(place.found("20260305", "20260306").await, ["b 20260305T080000", "c 20260305T085959"]);
        // Far beyond the horizon, where nothing was reckoned beforehand.
        assert_eq!(place.found("20560301", "20560308").await, ["b 20560302T080000"]);
        place.remove(vec![uids[1]]).await;
        assert_eq!(place.found("20560301", "20560308").await, [""; 0]);
    });
}

#[test]
fn what_is_no_item_has_no_row_and_what_cannot_be_read_has_one_that_says_so() {
    run(async {
        let place = Place::new().await;
        let letter = Prepared::of(b"Subject: letter\r\n\r\ntext\r\n".to_vec());
        let reply = calendar("METHOD:REPLY\nBEGIN:VEVENT\nUID:r\nDTSTART:20260301T090000Z\nEND:VEVENT\n");
        let timeless = calendar("BEGIN:VEVENT\nUID:t\nEND:VEVENT\n");
        place.append(vec![letter, reply, timeless, message("this is no calendar\n")]).await;
        assert_eq!(place.found("20260301", "20260302").await, [" 20260301T120000", " 20260301T120000"]);
        let hits = place.find("20260301", "20260302").await;
        assert!(hits.rows.iter().all(|row| !row.readable && row.entries[0].summary == "item"));
        let mailbox = place.mailbox;
        let items =
            place.house.store.read(move |tx| (1..=4).map(|uid| calendars::item(tx, mailbox, Uid(uid))).collect::<Outcome<Vec<_>>>());
        let readable: Vec<Option<bool>> =
            items.await.unwrap().iter().map(|item| item.as_ref().map(|item| matches!(item.content, Content::Items(_)))).collect();
        assert_eq!(readable, [None, None, Some(false), Some(false)]);
    });
}

#[test]
fn a_large_mailbox_is_indexed_in_steps() {
    run(async {
        let place = Place::new().await;
        let mut new: Vec<Prepared> = (0..3_000).map(|n| Prepared::of(format!("Subject: {n}\r\n\r\ntext\r\n").into_bytes())).collect();
        new.extend((0..600).map(|n| event(&format!("item-{n}"), "20260305T090000Z", "")));
        place.append(new).await;
        let both = futures_util::future::join(bring_up_to_date(&place.house, place.mailbox), place.found("20260305", "20260306"));
        let (done, found) = both.await;
        assert!(done.is_ok());
        assert_eq!(found.len(), 600);
        let mailbox = place.mailbox;
        let uids = place.house.store.read(move |tx| calendars::with_item_uid(tx, mailbox, "item-599")).await.unwrap();
        assert_eq!(uids, [Uid(3_600)]);
    });
}

#[test]
fn a_transaction_brings_in_what_it_needs() {
    run(async {
        let place = Place::new().await;
        place.append(vec![event("a", "20260305T090000Z", "")]).await;
        let (mailbox, limits) = (place.mailbox, Limits::default());
        let ask = move |tx: &WriteTx| {
            catch_up(tx, &limits, mailbox)?;
            calendars::with_item_uid(tx, mailbox, "a")
        };
        assert_eq!(place.house.store.write(ask).await.unwrap(), [Uid(1)]);
    });
}

#[test]
fn an_item_that_is_put_there_comes_with_its_rows() {
    run(async {
        let place = Place::new().await;
        place.append(vec![event("a", "20260305T090000Z", ""), event("b", "20260306T090000Z", "")]).await;
        let (mailbox, caller, limits) = (place.mailbox, place.caller.clone(), Limits::default());
        let from = MailAddress { name: None, address: "alice@example.test".into() };
        let writing = Writing { from, zone: Zone::GMT, domain: "example.test".parse().unwrap(), now: Timestamp::now(), random: [7; 16] };
        let put = move |tx: &WriteTx| {
            let reached = folder_mailbox(tx, &caller, mailbox, Rights::READ.with(Rights::INSERT).with(Rights::DELETE))?;
            let held = shelf::held(tx, &limits, mailbox, "a")?;
            let moved = item("BEGIN:VEVENT\nUID:a\nDTSTART:20260307T090000Z\nDURATION:PT1H\nEND:VEVENT");
            shelf::put(tx, &reached, &held, Some(&moved), &[], &writing)?;
            assert!(matches!(step(tx, mailbox, Timestamp::now())?, Step::Current(_)), "nobody has to look at it again");
            Ok((calendars::with_item_uid(tx, mailbox, "a")?, calendars::with_item_uid(tx, mailbox, "b")?))
        };
        assert_eq!(place.house.store.write(put).await.unwrap(), (vec![Uid(3)], vec![Uid(2)]));
    });
}

#[test]
fn one_item_that_happens_all_the_time_leaves_the_others_alone() {
    run(async {
        let place = Place::new().await;
        place.append(vec![event("tick", "20260101T000000Z", "RRULE:FREQ=SECONDLY\n"), event("a", "20260305T090000Z", "")]).await;
        let hits = place.find("20260305", "20260306").await;
        assert_eq!(hits.cut.as_deref(), Some("tick"));
        assert_eq!(hits.hits.len(), 101);
        assert!(hits.rows.iter().any(|row| row.item_uid == "a"));
    });
}

#[test]
fn published_times_are_a_file_that_follows_the_calendar() {
    run(async {
        let place = Place::new().await;
        let soon = Timestamp::now().plus(2 * 86_400).gmt();
        let (name, account) = (published::name().unwrap(), place.caller.account);
        let text = async || String::from_utf8(published::document(&place.house, &place.caller).await.unwrap()).unwrap();
        let stored = async || {
            let name = name.clone();
            place.house.store.read(move |tx| files::read(tx, account, &name)).await.unwrap().map(|bytes| String::from_utf8(bytes).unwrap())
        };
        assert_eq!(stored().await, None);
        let before = text().await;
        assert!(before.contains("BEGIN:VFREEBUSY") && !before.contains("FBTYPE"));
        assert_eq!(stored().await.as_ref(), Some(&before));
        let uids = place.append(vec![event("a", &soon, ""), event("far", "20990101T000000Z", "")]).await;
        let busy = text().await;
        assert!(busy.contains(&format!("FREEBUSY;FBTYPE=BUSY:{soon}/")) && !busy.contains("2099"));
        assert_eq!((stored().await.as_ref(), &text().await), (Some(&busy), &busy));
        place.remove(uids).await;
        assert!(!text().await.contains("FBTYPE"));
    });
}
