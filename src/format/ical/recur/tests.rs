//! Expansions against the definition of rules, day by day, and against what the crates rrule and calcard make of the same
//! rules. calcard's engine is a copy of an older state of rrule; the check by definition shares nothing with either.

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
        rule::Frequency::Yearly => i64::from(date.year()),
        rule::Frequency::Monthly => i64::from(date.year()) * 12 + i64::from(date.month0()),
        rule::Frequency::Weekly => week(date),
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
    let yearly = rule.frequency == rule::Frequency::Yearly;
    let monthly = rule.frequency == rule::Frequency::Monthly;
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
        && (!no_day || rule.frequency != rule::Frequency::Weekly || date.weekday() == first.weekday())
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

/// The steps that an item takes in a window, and whether it was capped.
fn work(lines: &str, from: &str, till: &str) -> (usize, bool) {
    let found = expand(&item(lines), at(from)..at(till), &Clock::GMT, Caps::default());
    (found.steps, found.capped)
}

#[test]
fn rules_that_never_match_end_after_one_round_of_the_calendar() {
    for rule in [
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=YEARLY;BYMONTH=4;BYMONTHDAY=31;BYHOUR=0,1,2,3;BYMINUTE=0,1,2;BYSETPOS=7",
        "FREQ=YEARLY;BYWEEKNO=20;BYMONTH=1",
        "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=6",
        "FREQ=MONTHLY;BYMONTHDAY=30;BYMONTH=2",
        "FREQ=WEEKLY;BYDAY=MO;BYSETPOS=2",
        "FREQ=YEARLY;INTERVAL=1000;BYYEARDAY=366;BYMONTHDAY=1",
    ] {
        let (steps, capped) = work(&format!("DTSTART:19700101T000000Z\r\nRRULE:{rule};COUNT=5"), "20250101", "99990101");
        assert!(steps < 21_000 && !capped, "{rule}: {steps}");
    }
}

#[test]
fn work_is_counted_and_never_more_than_its_budget() {
    let numbers = |from: usize, till: usize| (from..till).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    let times = format!("BYHOUR={};BYMINUTE={};BYSECOND={}", numbers(0, 24), numbers(0, 60), numbers(0, 60));
    let places = numbers(1, 367);
    for rule in [
        format!("FREQ=YEARLY;{times}"),
        format!("FREQ=YEARLY;{times};BYSETPOS=-1;BYDAY=MO,TU,WE,TH,FR,SA,SU;COUNT=1000000000"),
        format!("FREQ=DAILY;{times};BYSETPOS={places}"),
        format!("FREQ=MONTHLY;{times};BYDAY=-5MO,5MO;BYSETPOS=-366"),
        format!("FREQ=HOURLY;{times};BYSETPOS=-1;COUNT=1000000000"),
        "FREQ=SECONDLY;BYSECOND=59;BYMINUTE=59;BYHOUR=23;BYMONTHDAY=31;BYMONTH=12;COUNT=1000000000".to_owned(),
        "FREQ=MINUTELY;INTERVAL=7;BYSETPOS=2".to_owned(),
    ] {
        let lines = format!("DTSTART:19700101T000000Z\r\nDTEND:19990101T000000Z\r\nRRULE:{rule}\r\nEXRULE:{rule}");
        let (steps, _) = work(&lines, "00010101", "99990101");
        assert!(steps <= 2 * STEPS, "{rule}: {steps}");
    }
    let rules = "RRULE:FREQ=YEARLY;BYDAY=1MO\r\nEXRULE:FREQ=MONTHLY;BYDAY=-1MO\r\n".repeat(9_000);
    let (steps, capped) = work(&format!("DTSTART:19700101T000000Z\r\n{}", rules.trim_end()), "20250101", "20260101");
    assert!(steps <= 2 * STEPS && capped, "{steps}");
}

#[test]
fn a_hundred_thousand_exclusions_cost_only_those_in_the_window() {
    let days: Vec<String> = (0..100_000).map(|n| super::super::dates::date(WallClock(n * 86_400))).collect();
    let one_in_two: Vec<&str> = days.iter().step_by(2).map(String::as_str).collect();
    let series = |list: &[&str]| {
        let mut series = item("DTSTART;VALUE=DATE:19700101\r\nRRULE:FREQ=DAILY");
        series.entries[0].excluded = list.iter().rev().map(|day| When::Date(wall(day))).collect();
        series
    };
    let all = series(&days.iter().map(String::as_str).collect::<Vec<_>>());
    let some = series(&one_in_two);
    let found = |series: &Series, from: &str, till: &str| expand(series, at(from)..at(till), &Clock::GMT, Caps::default());
    let month = found(&all, "20250101", "20250201");
    assert_eq!((month.instances.len(), month.capped), (0, false));
    assert!(month.steps < 1_000, "{}", month.steps);
    let month = found(&some, "20250101", "20250201");
    assert_eq!((month.instances.len(), month.capped), (16, false));
    // All of time at once is too much: what is told is right, and it is told that there is more.
    let ever = found(&some, "19700101", "99990101");
    assert!(ever.capped && ever.steps <= 2 * STEPS && ever.instances.len() == 3_500);
    assert!(ever.instances.iter().all(|one| one.start.0 / 86_400 % 2 == 1));
}

#[test]
fn an_exclusion_that_nobody_had_time_to_look_at_leaves_its_start_out() {
    let mut series = item("DTSTART:20250101T000000Z\r\nRRULE:FREQ=DAILY;COUNT=300");
    series.entries[0].excluded = (0..300).map(|day| When::Instant(at("20250101").plus(day * 86_400))).collect();
    for steps in [0, 1, 10, 100, 299, 1_000] {
        let found = expand(&series, at("20240101")..at("20300101"), &Clock::GMT, Caps { steps, instances: 1_000 });
        assert_eq!((found.instances.len(), found.capped), (0, steps <= 300), "{steps}");
    }
    series.entries[0].excluded.clear();
    series.entries[0].exclusion_rules = vec!["FREQ=DAILY".to_owned(); 3];
    for steps in [0, 10, 100, 1_000] {
        let found = expand(&series, at("20240101")..at("20300101"), &Clock::GMT, Caps { steps, instances: 1_000 });
        assert!(found.instances.is_empty(), "{steps}");
    }
}

#[test]
fn places_from_the_end_of_a_month_may_be_the_fifth() {
    assert_eq!(
        starts("FREQ=MONTHLY;BYDAY=-5MO", "20250101T090000", "20250101", "20250801"),
        ["20250303T090000", "20250602T090000"],
        "the fifth last Monday, where there are five"
    );
    assert_eq!(starts("FREQ=MONTHLY;BYDAY=5FR;COUNT=2", "20250131T090000", "20250101", "20260101"), ["20250131T090000", "20250530T090000"]);
    assert_eq!(starts("FREQ=YEARLY;BYDAY=-53WE", "20250101T000000", "20250101", "20260101"), ["20250101T000000"]);
    assert_eq!(
        starts("FREQ=YEARLY;BYWEEKNO=53;BYDAY=SU", "20230101T000000", "20230102", "20440101"),
        ["20270103T000000", "20330102T000000", "20380103T000000"],
        "the 53rd week, in years that have one"
    );
    assert_eq!(starts("FREQ=YEARLY;INTERVAL=70000", "20250101T000000", "20250101", "20260101"), ["20250101T000000"]);
}

/// What the crate rrule makes of a rule; None where it refuses it.
fn by_crate(rule: &str, start: &str, most: u16) -> Option<Vec<i64>> {
    let set: rrule::RRuleSet = format!("DTSTART:{start}Z\nRRULE:{rule}").parse().ok()?;
    Some(set.all(most).dates.iter().map(chrono::DateTime::timestamp).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn another_engine_agrees(text in rule_text(), week in proptest::option::of(-5i16..=53), year_day in proptest::option::of(-366i16..=366),
        hours in proptest::option::of(proptest::collection::btree_set(0u8..24, 1..4)), day in 0i64..1_000, count in 1usize..40) {
        let mut text = text;
        let yearly = text.starts_with("FREQ=YEARLY");
        // Where the standard leaves open what is meant, so does this.
        // The crate also finds days of a 53rd week in years that have 52, as on 2 January 2039.
        if let Some(week) = week.filter(|n| yearly && ![0, -5, 53].contains(n) && !text.contains("BYDAY") && !text.contains("BYMONTH")) {
            // The crate takes all days of the week where no weekday is named.
            text += &format!(";BYWEEKNO={week};BYDAY=TU,SU");
        } else if let Some(day) = year_day.filter(|n| yearly && *n != 0 && !text.contains("BYDAY") && !text.contains("BYMONTH")) {
            text += &format!(";BYYEARDAY={day}");
        }
        if let Some(hours) = hours {
            text += &format!(";BYHOUR={}", hours.iter().map(u8::to_string).collect::<Vec<_>>().join(","));
        }
        // The crate takes only what both give where a weekday stands with a place and another without.
        let mixed = text.split(';').filter_map(|part| part.strip_prefix("BYDAY=")).any(|days| {
            let places = days.split(',').filter(|day| day.len() > 2).count();
            places > 0 && places < days.split(',').count()
        });
        // Its first week begins with DTSTART where places are asked for.
        let first_week = text.contains("WEEKLY") && text.contains("BYSETPOS");
        prop_assume!(!mixed && !first_week);
        let start = local(wall("20230101T093000").plus(day * 86_400));
        let Some(theirs) = by_crate(&text, &start, count as u16) else { return Ok(()) };
        let mut own = Vec::new();
        let range = (wall(&start), wall("22000101"));
        Rule::read(&text).unwrap().starts(wall(&start), None, range, &mut Budget::new(100_000), &mut own);
        let own: Vec<i64> = own.iter().map(|at| at.0).take(count).collect();
        let theirs: Vec<i64> = theirs.into_iter().filter(|at| *at <= range.1.0).collect();
        prop_assert_eq!(own.iter().map(|at| local(WallClock(*at))).collect::<Vec<_>>(), theirs.iter().map(|at| local(WallClock(*at))).collect::<Vec<_>>(), "{} from {}", text, start);
    }
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
