//! Days, free and busy times, and what a search finds.

use super::days::{Dealer, days};
use super::freebusy::{Period, merged};
use super::hits::{Hit, Hits, Window};
use crate::model::calendar::{Alarm, Busy, Clock, ItemKind, Trigger};
use crate::model::ids::Uid;
use crate::model::time::{Timestamp, Zone};
use crate::store::calendars::{Occurrence, Shown, ShownEntry};
use std::sync::Arc;

const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn berlin() -> Zone {
    Zone::named("Europe/Berlin").unwrap()
}

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
        summary: String::new(),
        location: String::new(),
        priority: None,
        percent: None,
        organizer: String::new(),
        attendees: 0,
    }
}

fn row(message: u32, entry: ShownEntry, occurrences: &[(&str, i64)]) -> Arc<Shown> {
    let occurrences: Vec<_> = occurrences
        .iter()
        .map(|(start, length)| Occurrence { start: at(start).0, length: u32::try_from(*length).unwrap(), entry: 0 })
        .collect();
    Arc::new(Shown {
        message: Uid(message),
        number: 0,
        kind: ItemKind::Event,
        item_uid: format!("item-{message}"),
        readable: true,
        recurring: occurrences.len() > 1,
        entries: vec![entry],
        undated: false,
        longest: occurrences.iter().map(|one| i64::from(one.length)).max().unwrap_or_default(),
        occurrences,
        covered: None,
    })
}

fn window(from: &str, till: &str, zone: Zone) -> Window {
    let clock = Clock::Known(zone);
    let local = |text: &str| clock.to_instant(crate::model::calendar::WallClock(at(text).0));
    Window { from: local(from), till: local(till), zone, by_alarm: false, kind: ItemKind::Event }
}

fn found(window: &Window, rows: &[Arc<Shown>]) -> Hits {
    let mut hits = Hits::default();
    rows.iter().for_each(|row| hits.add(window, &Clock::Known(window.zone), row, 100));
    hits.settle(0, usize::MAX);
    hits
}

/// For each day the messages shown on it.
fn dealt(window: &Window, hits: &Hits) -> Vec<Vec<u32>> {
    let mut dealer = Dealer::default();
    let message = |hit: &&Hit| hits.rows[hit.row as usize].message.0;
    let of_day = |day| dealer.deal(&hits.hits, &day).iter().map(message).collect();
    days(window.from, window.till, &window.zone, 3_700).unwrap().map(of_day).collect()
}

#[test]
fn days_have_as_many_hours_as_the_clock_says() {
    let hours = |from: &str, till: &str, zone: Zone| -> Vec<i64> {
        let window = window(from, till, zone);
        days(window.from, window.till, &zone, 10).unwrap().map(|day| (day.end.0 - day.start.0) / HOUR).collect()
    };
    assert_eq!(hours("20260328", "20260331", berlin()), [24, 23, 24]);
    assert_eq!(hours("20261024T120000", "20261026T000001", berlin()), [24, 25, 24]);
    // A day that begins at one o'clock, because midnight is left out.
    let beirut = Zone::named("Asia/Beirut").unwrap();
    let spring = window("20260329", "20260330", beirut);
    assert_eq!(
        days(spring.from, spring.till, &beirut, 10).unwrap().map(|day| day.start.local(&beirut)).collect::<Vec<_>>(),
        ["20260329T010000"]
    );
    let refused =
        |from: &str, till: &str, most| days(at(from), at(till), &Zone::GMT, most).map(Iterator::count).map_err(|fault| fault.number);
    assert_eq!((refused("20260101", "20260111", 10), refused("20260101", "20260111T000001", 10)), (Ok(10), Err(512)));
    assert_eq!((refused("20260101", "20260101", 10), refused("20260102", "20260101", 10)), (Err(500), Err(500)));
    assert_eq!(refused("00000101", "99991231", 3_700), Err(512));
}

#[test]
fn what_touches_several_days_is_shown_on_each_and_counted_once() {
    let week = window("20260105", "20260109", Zone::GMT);
    let rows = [
        row(1, entry(), &[("20260104T220000", 30 * HOUR)]),
        row(2, entry(), &[("20260106T000000", DAY)]),
        row(3, entry(), &[("20260106T120000", 0), ("20260108T120000", HOUR)]),
        row(4, entry(), &[("20260104T230000", HOUR), ("20260109T000000", HOUR)]),
    ];
    let hits = found(&week, &rows);
    assert_eq!(hits.hits.len(), 4);
    assert_eq!(dealt(&week, &hits), [vec![1], vec![1, 2, 3], vec![], vec![3]]);
    let mut some = hits.clone();
    assert_eq!(some.settle(1, 2), 4);
    assert_eq!(dealt(&week, &some), [vec![], vec![2, 3], vec![], vec![]]);
    assert_eq!((some.settle(9, 1), some.hits.len()), (2, 0));
}

#[test]
fn days_are_where_whoever_looks_is() {
    let day = ShownEntry { floating: true, all_day: true, ..entry() };
    let rows = [row(1, day, &[("20260329", DAY)]), row(2, ShownEntry { floating: true, ..entry() }, &[("20260329T233000", HOUR)])];
    for zone in [berlin(), Zone::GMT, Zone::named("Pacific/Kiritimati").unwrap(), Zone::named("Pacific/Pago_Pago").unwrap()] {
        let days = window("20260328", "20260331", zone);
        let hits = found(&days, &rows);
        assert_eq!(dealt(&days, &hits), [vec![], vec![1, 2], vec![2]], "{}", zone.name());
        assert_eq!(hits.hits[0].start.local(&zone), "20260329T000000");
    }
}

#[test]
fn alarms_are_found_when_they_go_off() {
    let alarm = |trigger, repeat| Alarm { trigger, repeat, every: 300 };
    let early = ShownEntry { alarms: vec![alarm(Trigger::Start(-7 * DAY), 0)], ..entry() };
    let late = ShownEntry { alarms: vec![alarm(Trigger::End(600), 2)], ..entry() };
    let absolute = ShownEntry { alarms: vec![alarm(Trigger::At(at("20260105T080000")), 0)], ..entry() };
    let rows = [
        row(1, early, &[("20260112T090000", HOUR), ("20260113T090000", HOUR)]),
        row(2, late, &[("20260104T225500", HOUR)]),
        row(3, absolute, &[("20261231T000000", HOUR)]),
        row(4, entry(), &[("20260105T120000", HOUR)]),
    ];
    let day = Window { by_alarm: true, ..window("20260105", "20260106", Zone::GMT) };
    let hits = found(&day, &rows);
    let times = hits.hits.iter().map(|hit| (hits.rows[hit.row as usize].message.0, hit.alarm.unwrap().gmt_bare()));
    let times: Vec<(u32, String)> = times.collect();
    let expected = [(2, "20260105T000500"), (2, "20260105T001000"), (2, "20260105T001500"), (3, "20260105T080000"), (1, "20260105T090000")];
    assert_eq!(times.iter().map(|(message, time)| (*message, time.as_str())).collect::<Vec<_>>(), expected);
    assert_eq!(dealt(&day, &hits), [vec![2, 2, 2, 3, 1]]);
}

#[test]
fn what_happens_too_often_is_cut_and_named() {
    let often: Vec<String> = (0..200).map(|n| at("20260105").plus(n * 60).gmt()).collect();
    let often: Vec<(&str, i64)> = often.iter().map(|start| (start.as_str(), 30)).collect();
    let hits = found(&window("20260105", "20260106", Zone::GMT), &[row(1, entry(), &often), row(2, entry(), &[("20260105", HOUR)])]);
    assert_eq!((hits.hits.len(), hits.cut.as_deref()), (101, Some("item-1")));
}

#[test]
fn what_lasts_for_years_is_not_shown_on_every_day_of_them() {
    let window = window("20200101", "20300101", Zone::GMT);
    let rows: Vec<_> = (1..=200).map(|message| row(message, entry(), &[("20200101", 9 * 365 * DAY)])).collect();
    let few = found(&window, &rows[..100]);
    assert_eq!((few.hits.len(), few.check_showings(&window.span())), (100, Ok(())));
    assert_eq!(found(&window, &rows).check_showings(&window.span()).unwrap_err().number, 512);
    let month = self::window("20250601", "20250701", Zone::GMT);
    assert_eq!(found(&month, &rows).check_showings(&month.span()), Ok(()), "only the days that are asked for count");
}

#[test]
fn a_row_covers_what_lies_well_within_its_horizon() {
    let covered = |from: &str, till: &str| {
        let mut one = (*row(1, entry(), &[("20260105", HOUR)])).clone();
        one.covered = Some(at("20260101").0..at("20260201").0);
        window(from, till, Zone::GMT).is_covered(&one)
    };
    assert_eq!((covered("20260103", "20260130"), covered("20260101", "20260103"), covered("20260105", "20260201")), (true, false, false));
}

#[test]
fn busy_times_are_joined_and_the_busiest_counts() {
    let busy = |busy| ShownEntry { busy, ..entry() };
    let rows = [
        row(1, busy(Busy::Busy), &[("20260105T090000", HOUR), ("20260105T100000", HOUR)]),
        row(2, busy(Busy::Tentative), &[("20260105T083000", 4 * HOUR)]),
        row(3, busy(Busy::Unavailable), &[("20260105T103000", HOUR)]),
        row(4, busy(Busy::Free), &[("20260105T000000", DAY)]),
        row(5, busy(Busy::Busy), &[("20260105T230000", 5 * HOUR)]),
    ];
    let day = window("20260105", "20260106", Zone::GMT);
    let told = merged(&found(&day, &rows), &day.span());
    let told: Vec<(String, Busy)> =
        told.iter().map(|Period { span, busy }| (span.start.gmt_bare()[9..].to_owned() + "-" + &span.end.gmt_bare()[9..], *busy)).collect();
    let expected = [
        ("083000-090000", Busy::Tentative),
        ("090000-103000", Busy::Busy),
        ("103000-113000", Busy::Unavailable),
        ("113000-123000", Busy::Tentative),
        ("230000-000000", Busy::Busy),
    ];
    assert_eq!(told.iter().map(|(span, busy)| (span.as_str(), *busy)).collect::<Vec<_>>(), expected);
}
