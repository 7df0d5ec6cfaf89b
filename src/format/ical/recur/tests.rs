//! Expansions against the definition of rules, day by day, and against what the crate calcard makes of the same items.
//!
//! calcard's own engine is a copy of an older state of the crate rrule, so that its agreement says little of rules by the
//! month and year; the check by definition below shares nothing with either.

use super::super::dates::{local, naive};
use super::super::{parse, series};
use super::*;
use chrono::{Datelike, NaiveDate};
use proptest::prelude::*;

fn wall(text: &str) -> WallClock {
    WallClock(text.parse::<Timestamp>().unwrap().0)
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn starts(rule: &str, start: &str, from: &str, till: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut budget = Budget::new(50_000);
    Rule::read(rule).unwrap().starts(wall(start), None, (wall(from), wall(till)), &mut budget, &mut out);
    out.into_iter().map(local).collect()
}

fn item(lines: &str) -> Series {
    let text = format!("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\n{lines}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n");
    series(&parse(text.as_bytes()).unwrap()[0], &Clock::GMT).remove(0)
}

fn shown(series: &Series, from: &str, till: &str) -> Vec<String> {
    expand(series, at(from)..at(till), &Clock::GMT, Caps::default()).instances.iter().map(|i| i.start.gmt()).collect()
}

/// All days that a rule means by its definition, in the order of time.
fn by_definition(rule: &Rule, start: WallClock, till: WallClock) -> Vec<WallClock> {
    let first = naive(start).date();
    let from_ce = |date: NaiveDate| i64::from(date.num_days_from_ce());
    let week = |date: NaiveDate| {
        let back = (7 + date.weekday().num_days_from_monday() - rule.week_start.num_days_from_monday()) % 7;
        (from_ce(date) - i64::from(back)).div_euclid(7)
    };
    let period = |date: NaiveDate| match rule.frequency {
        rrule::Frequency::Yearly => i64::from(date.year()),
        rrule::Frequency::Monthly => i64::from(date.year()) * 12 + i64::from(date.month0()),
        rrule::Frequency::Weekly => week(date),
        _ => from_ce(date),
    };
    let mut days: Vec<(i64, WallClock)> = Vec::new();
    let mut date = first - chrono::Days::new(400);
    while from_ce(date) <= from_ce(naive(till).date()) + 400 {
        let at = WallClock((from_ce(date) - 719_163) * 86_400 + start.0.rem_euclid(86_400));
        if (period(date) - period(first)).rem_euclid(rule.interval) == 0 && meets(rule, date, first) {
            days.push((period(date), at));
        }
        date = date.succ_opt().unwrap();
    }
    let chosen = |(of, at): &(i64, WallClock)| {
        let same: Vec<WallClock> = days.iter().filter(|(other, _)| other == of).map(|(_, at)| *at).collect();
        let place = same.iter().position(|other| other == at).unwrap() as i16;
        rule.positions.is_empty() || rule.positions.iter().any(|p| *p == place + 1 || *p == place - same.len() as i16)
    };
    let kept = days.iter().filter(|day| chosen(day)).map(|(_, at)| *at);
    kept.filter(|at| *at >= start && *at <= till).collect()
}

fn meets(rule: &Rule, date: NaiveDate, first: NaiveDate) -> bool {
    let length = |date: NaiveDate| i64::from(date.num_days_in_month());
    let among = |list: &[i16], value: u32, length: i64| {
        list.iter().any(|n| i64::from(*n) == i64::from(value) || i64::from(*n) + length + 1 == i64::from(value))
    };
    let year = if date.leap_year() { 366 } else { 365 };
    let no_day = rule.month_days.is_empty() && rule.year_days.is_empty() && rule.weekdays.is_empty();
    let yearly = rule.frequency == rrule::Frequency::Yearly;
    let monthly = rule.frequency == rrule::Frequency::Monthly;
    let in_month = monthly || yearly && !rule.months.is_empty();
    let nth = |(n, day): &(i16, chrono::Weekday)| {
        let (ordinal, length) = if in_month { (i64::from(date.day()), length(date)) } else { (i64::from(date.ordinal()), year) };
        let place = if *n > 0 { (ordinal - 1) / 7 + 1 } else { -((length - ordinal) / 7 + 1) };
        *day == date.weekday() && (*n == 0 || !monthly && !yearly || place == i64::from(*n))
    };
    (rule.months.is_empty() && !(yearly && no_day)
        || among(&rule.months, date.month(), 1_000)
        || rule.months.is_empty() && date.month() == first.month())
        && (rule.month_days.is_empty() || among(&rule.month_days, date.day(), length(date)))
        && (rule.year_days.is_empty() || among(&rule.year_days, date.ordinal(), year))
        && (rule.weekdays.is_empty() || rule.weekdays.iter().any(nth))
        && (!no_day || !(monthly || yearly) || date.day() == first.day())
        && (!no_day || rule.frequency != rrule::Frequency::Weekly || date.weekday() == first.weekday())
}

fn rule_text() -> impl Strategy<Value = String> {
    let list = |least: i16, most: i16, name: &'static str| {
        proptest::option::of(
            proptest::collection::vec((least..=most).prop_filter("zero", |n| *n != 0), 1..4)
                .prop_map(move |list| format!(";{name}={}", list.iter().map(ToString::to_string).collect::<Vec<_>>().join(","))),
        )
    };
    let days = proptest::option::of(proptest::collection::vec((-3i16..=3, 0usize..7), 1..4));
    (0usize..4, 1u32..5, list(1, 12, "BYMONTH"), list(-31, 31, "BYMONTHDAY"), days, list(-3, 3, "BYSETPOS"), 0usize..7).prop_map(
        |(frequency, interval, months, month_days, days, positions, week_start)| {
            const DAYS: [&str; 7] = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];
            let frequency = ["DAILY", "WEEKLY", "MONTHLY", "YEARLY"][frequency];
            let ordinals = matches!(frequency, "MONTHLY" | "YEARLY");
            let day = |(n, day): &(i16, usize)| if *n == 0 || !ordinals { DAYS[*day].to_owned() } else { format!("{n}{}", DAYS[*day]) };
            let days = days.map(|days| format!(";BYDAY={}", days.iter().map(day).collect::<Vec<_>>().join(",")));
            let month_days = month_days.filter(|_| frequency != "WEEKLY");
            let parts = [months, month_days, days];
            let positions = positions.filter(|_| parts.iter().any(Option::is_some));
            let parts: String = parts.into_iter().flatten().chain(positions).collect();
            format!("FREQ={frequency};INTERVAL={interval};WKST={}{parts}", DAYS[week_start])
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn rules_mean_what_the_standard_says(text in rule_text(), start in 0i64..1_000, from in 0i64..2_000) {
        let rule = Rule::read(&text).unwrap();
        let start = wall("20230101T093000").plus(start * 86_400);
        let (from, till) = (start.plus(from * 86_400), start.plus(from * 86_400 + 800 * 86_400));
        let mut out = Vec::new();
        rule.starts(start, None, (from, till), &mut Budget::new(50_000), &mut out);
        let expected: Vec<_> = by_definition(&rule, start, till).into_iter().filter(|at| *at >= from).collect();
        prop_assert_eq!(out.into_iter().map(local).collect::<Vec<_>>(), expected.into_iter().map(local).collect::<Vec<_>>(), "{}", text);
    }

    #[test]
    fn counts_count_from_the_first(text in rule_text(), start in 0i64..1_000, count in 1usize..12) {
        let start = wall("20230101T093000").plus(start * 86_400);
        let till = start.plus(1_500 * 86_400);
        let all = by_definition(&Rule::read(&text).unwrap(), start, till);
        let wanted = count - usize::from(all.first() != Some(&start) && !all.is_empty());
        let mut out = Vec::new();
        Rule::read(&format!("{text};COUNT={count}")).unwrap().starts(start, None, (start, till), &mut Budget::new(50_000), &mut out);
        prop_assert_eq!(out, all.into_iter().take(wanted).collect::<Vec<_>>(), "{}", text);
    }

    #[test]
    fn any_rule_ends(text in "(FREQ=(SECONDLY|MINUTELY|HOURLY|DAILY|WEEKLY|MONTHLY|YEARLY))(;(BYMONTH=2|BYMONTHDAY=30|BYMONTHDAY=-31|BYDAY=5MO|BYSETPOS=-366|BYHOUR=3|BYSECOND=59|BYYEARDAY=366|BYWEEKNO=53|COUNT=1000000000|INTERVAL=65535|INTERVAL=999999999999)){0,4}") {
        let series = item(&format!("DTSTART:19000101T000000Z\r\nRRULE:{text}"));
        let found = expand(&series, at("20250101")..at("20250201"), &Clock::GMT, Caps::default());
        prop_assert!(found.instances.len() <= 3_500);
    }
}

#[test]
fn rules_by_the_week_of_the_year() {
    assert_eq!(
        starts("FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO", "19970512T090000", "19970101", "20000101"),
        ["19970512T090000", "19980511T090000", "19990517T090000"]
    );
    assert_eq!(
        starts("FREQ=YEARLY;BYWEEKNO=20", "19970512T090000", "19970101", "19990101"),
        ["19970512T090000", "19980511T090000"],
        "the weekday of DTSTART"
    );
    assert_eq!(starts("FREQ=YEARLY;BYYEARDAY=1,-1", "20230101T000000", "20230601", "20240601"), ["20231231T000000", "20240101T000000"]);
}

#[test]
fn rules_finer_than_days() {
    assert_eq!(
        starts("FREQ=HOURLY;INTERVAL=6;BYDAY=WE", "20250101T010000", "20300101", "20300103T000000"),
        ["20300102T010000", "20300102T070000", "20300102T130000", "20300102T190000"]
    );
    assert_eq!(starts("FREQ=SECONDLY;INTERVAL=40000;BYHOUR=11", "20250101", "20250101", "20250103"), ["20250101T110640"]);
    assert_eq!(
        starts("FREQ=MINUTELY;INTERVAL=90;COUNT=3", "20250101", "20250101", "20250103"),
        ["20250101T000000", "20250101T013000", "20250101T030000"]
    );
    assert_eq!(
        starts("FREQ=DAILY;BYHOUR=9,17;BYMINUTE=0,30;BYSETPOS=1,-1", "20250101T090000", "20250101", "20250101T235959"),
        ["20250101T090000", "20250101T173000"]
    );
    assert_eq!(
        starts("FREQ=SECONDLY;BYMONTH=1", "20250201", "20260101", "20260101T000002"),
        ["20260101T000000", "20260101T000001", "20260101T000002"]
    );
}

#[test]
fn the_first_is_always_there_and_exclusions_take_it_too() {
    let rule = "DTSTART:20250101T100000Z\r\nRRULE:FREQ=WEEKLY;BYDAY=FR;COUNT=3";
    assert_eq!(shown(&item(rule), "20250101", "20260101"), ["20250101T100000Z", "20250103T100000Z", "20250110T100000Z"]);
    let series = item(&format!("{rule}\r\nEXDATE:20250101T100000Z,20250110T100000Z\r\nRDATE:20250105T100000Z"));
    assert_eq!(shown(&series, "20250101", "20260101"), ["20250103T100000Z", "20250105T100000Z"]);
    let by_day = item(&format!("{rule}\r\nEXDATE;VALUE=DATE:20250103"));
    assert_eq!(shown(&by_day, "20250101", "20260101").len(), 2);
    let exrule = item("DTSTART:20250101T100000Z\r\nRRULE:FREQ=DAILY;COUNT=10\r\nEXRULE:FREQ=WEEKLY;BYDAY=SA,SU");
    assert_eq!(shown(&exrule, "20250101", "20260101").len(), 8, "EXRULE with the first outside of it");
}

#[test]
fn daylight_saving_time_moves_the_instants_and_not_the_clock() {
    let series = item(
        "DTSTART;TZID=Europe/Berlin:20250329T023000\r\nDTEND;TZID=Europe/Berlin:20250329T033000\r\nRRULE:FREQ=DAILY;UNTIL=20250331T003000Z",
    );
    assert_eq!(
        shown(&series, "20250301", "20250501"),
        ["20250329T013000Z", "20250330T013000Z", "20250331T003000Z"],
        "UNTIL in Greenwich is the last"
    );
    let days = item("DTSTART;VALUE=DATE:20250329\r\nRRULE:FREQ=DAILY;UNTIL=20250331");
    let berlin = Clock::Known(crate::model::time::Zone::named("Europe/Berlin").unwrap());
    let found = expand(&days, at("20250301")..at("20250501"), &berlin, Caps::default());
    let spans: Vec<_> = found.instances.iter().map(|i| (i.end.0 - i.start.0) / 3_600).collect();
    assert_eq!((spans, found.instances[0].all_day), (vec![24, 23, 24], true));
}

#[test]
fn exceptions_stand_for_their_instances() {
    let text = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART:20250101T100000Z\r\nDURATION:PT1H\r\nRRULE:FREQ=DAILY\r\nEND:VEVENT\r\n\
        BEGIN:VEVENT\r\nUID:1\r\nRECURRENCE-ID:20250103T100000Z\r\nDTSTART:20250103T150000Z\r\nDURATION:PT2H\r\nEND:VEVENT\r\n\
        BEGIN:VEVENT\r\nUID:1\r\nRECURRENCE-ID;RANGE=THISANDFUTURE:20250105T100000Z\r\nDTSTART:20250105T120000Z\r\nDURATION:PT3H\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
    let series = series(&parse(text.as_bytes()).unwrap()[0], &Clock::GMT).remove(0);
    let found = expand(&series, at("20250102")..at("20250107"), &Clock::GMT, Caps::default());
    let seen: Vec<_> =
        found.instances.iter().map(|i| (i.entry, i.start.gmt(), i.end.0 - i.start.0, i.recurrence_id.map(Timestamp::gmt))).collect();
    let id = |text: &str| Some(text.to_owned());
    assert_eq!(
        seen,
        [
            (0, "20250102T100000Z".to_owned(), 3_600, None),
            (1, "20250103T150000Z".to_owned(), 7_200, id("20250103T100000Z")),
            (0, "20250104T100000Z".to_owned(), 3_600, None),
            (2, "20250105T120000Z".to_owned(), 10_800, id("20250105T100000Z")),
            (2, "20250106T120000Z".to_owned(), 10_800, id("20250106T100000Z")),
        ]
    );
    assert_eq!(first(&series, 2, at("20300101"), &Clock::GMT).instances.len(), 2);
}

#[test]
fn hostile_series_are_capped() {
    let endless = item("DTSTART:19700101T000000Z\r\nRRULE:FREQ=SECONDLY");
    let found = expand(&endless, at("20250101")..at("20350101"), &Clock::GMT, Caps::default());
    assert_eq!((found.instances.len(), found.capped), (3_500, true));
    let many = item("DTSTART:19700101T000000Z\r\nRRULE:FREQ=SECONDLY;COUNT=1000000000;BYSECOND=1");
    assert!(expand(&many, at("20250101")..at("20350101"), &Clock::GMT, Caps::default()).capped);
    let never = item("DTSTART:20250101T000000Z\r\nRRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30");
    assert_eq!(shown(&never, "20240101", "90000101"), ["20250101T000000Z"]);
}

/// What calcard makes of an item: the starts, where it could expand it.
fn by_calcard(text: &str) -> Option<Vec<i64>> {
    let calendar = calcard::icalendar::ICalendar::parse(text).ok()?;
    let found = calendar.expand_dates(calcard::common::timezone::Tz::UTC, 300);
    let mut starts: Vec<i64> = found.events.iter().map(|event| event.start.timestamp()).collect();
    starts.sort_unstable();
    starts.dedup();
    found.errors.is_empty().then_some(starts)
}

/// Items of `tests/corpus/ics` whose names do not say that the other library is known to differ.
#[test]
fn another_library_agrees_on_our_corpus() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/ics");
    let mut compared = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        if !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("recur-")) {
            continue;
        }
        let calendar = parse(text.as_bytes()).unwrap().remove(0);
        let mut own: Vec<i64> = Vec::new();
        for series in series(&calendar, &Clock::GMT) {
            own.extend(expand(&series, at("19000101")..at("21000101"), &Clock::GMT, Caps::default()).instances.iter().map(|i| i.start.0));
        }
        own.sort_unstable();
        own.dedup();
        assert_eq!(by_calcard(&text), Some(own), "{}", path.display());
        compared += 1;
    }
    assert!(compared >= 8);
}
