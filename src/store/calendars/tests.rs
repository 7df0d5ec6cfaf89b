//! Rows of calendars: found by message, by time, by UID; gone with what they tell of.

use super::*;
use crate::model::calendar::{Length, Trigger};
use crate::store::calendar_cache::CalendarCache;
use crate::store::{Store, mailboxes};

const MAILBOX: MailboxId = MailboxId(7);
const DAY: i64 = 86_400;

fn entry() -> ShownEntry {
    ShownEntry {
        floating: false,
        all_day: false,
        has_start: true,
        has_due: false,
        recurrence_id: None,
        alarms: Vec::new(),
        busy: Busy::Busy,
        cancelled: false,
        summary: "s".into(),
        location: String::new(),
        priority: None,
        percent: None,
        organizer: String::new(),
        attendees: 0,
    }
}

fn shown(message: u32, occurrences: &[(i64, i64)], covered: Option<Range<i64>>) -> Shown {
    let occurrences: Vec<_> =
        occurrences.iter().map(|(start, length)| Occurrence { start: *start, length: u32::try_from(*length).unwrap(), entry: 0 }).collect();
    Shown {
        message: Uid(message),
        number: 0,
        kind: ItemKind::Event,
        item_uid: format!("item-{message}"),
        readable: true,
        recurring: false,
        entries: vec![entry()],
        undated: false,
        longest: 0,
        occurrences,
        covered,
    }
}

fn series(uid: &str) -> Series {
    Series { kind: ItemKind::Event, uid: uid.to_owned(), entries: Vec::new() }
}

/// Rows of four messages: a short event, a long one, one without an end, a task without a date.
fn rows() -> Vec<(Uid, Content, Vec<Shown>)> {
    let row = |shown: Shown| (shown.message, Content::Items(vec![series(&shown.item_uid)]), vec![shown]);
    vec![
        row(shown(1, &[(1_000 * DAY, 3600)], None)),
        row(shown(2, &[(1_000 * DAY, 90 * DAY)], None)),
        row(shown(3, &[(1_000 * DAY, 60)], Some(900 * DAY..1_100 * DAY))),
        row(Shown { undated: true, kind: ItemKind::Task, ..shown(4, &[], None) }),
    ]
}

async fn filled(store: &Store) {
    store
        .write(|tx| {
            assert!(!begin(tx, MAILBOX, Timestamp(5), 100)?);
            put(tx, MAILBOX, &head(tx, MAILBOX)?.unwrap(), &rows(), Uid(5))
        })
        .await
        .unwrap();
}

async fn found(store: &Store, wanted: Part) -> Vec<u32> {
    store.read(move |tx| Ok(part(tx, MAILBOX, wanted)?.iter().map(|shown| shown.message.0).collect())).await.unwrap()
}

async fn head_now(store: &Store) -> Option<Head> {
    store.read(|tx| head(tx, MAILBOX)).await.unwrap()
}

#[test]
fn rows_lie_where_they_are_looked_for_and_go_with_their_messages() {
    actix::System::new().block_on(async {
        let store = Store::in_memory();
        filled(&store).await;
        let slot = slot_of(1_000 * DAY);
        assert_eq!(found(&store, Part::Slot(slot)).await, [1]);
        assert_eq!(found(&store, Part::Slot(slot + 3)).await, [0; 0]);
        assert_eq!(found(&store, Part::Long).await, [2, 3]);
        assert_eq!(found(&store, Part::Undated).await, [4]);
        assert_eq!(store.read(|tx| with_item_uid(tx, MAILBOX, "item-2")).await.unwrap(), [Uid(2)]);
        let before = head_now(&store).await.unwrap();
        assert_eq!((before.till, before.made), (Uid(5), Timestamp(5)));
        store.write(|tx| forget(tx, MAILBOX, &[Uid(1), Uid(2), Uid(9)])).await.unwrap();
        assert_eq!(found(&store, Part::Slot(slot)).await, [0; 0]);
        assert_eq!(found(&store, Part::Long).await, [3]);
        assert!(
            store.read(|tx| Ok(item(tx, MAILBOX, Uid(2))?.is_none() && with_item_uid(tx, MAILBOX, "item-2")?.is_empty())).await.unwrap()
        );
        assert!(head_now(&store).await.unwrap().change > before.change);
    });
}

#[test]
fn a_series_lies_in_the_slots_that_its_alarms_touch() {
    let alarm = Alarm { trigger: Trigger::Start(-20 * DAY), repeat: 0, every: 0 };
    let mut one = shown(1, &[(1_000 * DAY, 3600)], None);
    one.entries[0].alarms.push(alarm);
    let slots: Vec<Place> = one.places();
    assert_eq!(slots.first(), Some(&Place::Slot(slot_of(980 * DAY - FARTHEST))));
    assert_eq!(slots.last(), Some(&Place::Slot(slot_of(1_000 * DAY + 3600 + FARTHEST))));
    one.entries[0].alarms[0].trigger = Trigger::Start(-100 * DAY);
    assert_eq!(one.places(), [Place::Ending(1_000 * DAY + 3600 + FARTHEST)]);
    assert_eq!(shown(1, &[], None).places(), []);
    assert!(Place::Ending(-5).key(MAILBOX).bytes() < Place::Ending(5).key(MAILBOX).bytes());
}

#[test]
fn an_index_is_begun_anew_a_little_at_a_time_and_cleared_with_its_mailbox() {
    actix::System::new().block_on(async {
        let store = Store::in_memory();
        filled(&store).await;
        let change = head_now(&store).await.unwrap().change;
        assert!(store.write(|tx| begin(tx, MAILBOX, Timestamp(9), 3)).await.unwrap());
        assert!(!head_now(&store).await.unwrap().is_current());
        while store.write(|tx| begin(tx, MAILBOX, Timestamp(9), 3)).await.unwrap() {}
        let head = head_now(&store).await.unwrap();
        assert!(head.is_current() && head.till == Uid(0) && head.change > change);
        store.write(move |tx| put(tx, MAILBOX, &head, &rows(), Uid(5))).await.unwrap();
        while store.write(|tx| clear(tx, MAILBOX, 2)).await.unwrap() {}
        assert_eq!(head_now(&store).await, None);
        assert_eq!(found(&store, Part::Long).await, [0; 0]);
        // Rows that are gone cost nothing where there never were any.
        store.write(|tx| forget(tx, MailboxId(99), &[Uid(1)])).await.unwrap();
        assert!(store.read(|tx| mailboxes::get(tx, MAILBOX)).await.unwrap().is_none());
    });
}

#[test]
fn rows_in_memory_are_those_of_the_index_as_it_is() {
    actix::System::new().block_on(async {
        let store = Store::in_memory();
        filled(&store).await;
        let cache = Arc::new(CalendarCache::default());
        let ask = |cache: Arc<CalendarCache>| {
            let store = store.clone();
            async move {
                let asked = move |tx: &dyn Read| cache.rows(tx, MAILBOX, &head(tx, MAILBOX)?.unwrap(), Part::Long);
                store.read(asked).await.unwrap()
            }
        };
        let first = ask(cache.clone()).await;
        assert!(Arc::ptr_eq(&first, &ask(cache.clone()).await));
        store.write(|tx| forget(tx, MAILBOX, &[Uid(2)])).await.unwrap();
        assert_eq!(ask(cache).await.iter().map(|shown| shown.message.0).collect::<Vec<_>>(), [3]);
        assert_eq!(first.len(), 2);
    });
}

#[test]
fn rows_come_back_as_they_went() {
    let mut one = shown(3, &[(-5, 60), (9, 0)], Some(-10..20));
    one.entries[0].recurrence_id = Some(When::Date(crate::model::calendar::WallClock(86_400)));
    one.entries[0].alarms.push(Alarm { trigger: Trigger::At(Timestamp(4)), repeat: 2, every: 60 });
    let bytes = records::encode(&one).unwrap();
    assert_eq!(records::decode::<Shown>(&bytes).unwrap(), one);
    assert!(one.weight() > bytes.len());
    let length = Length::Days(1);
    assert_eq!(records::decode::<Length>(&records::encode(&length).unwrap()).unwrap(), length);
}
