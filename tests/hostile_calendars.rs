//! Calendars that mean to take too long take no more steps than a calendar may, and lose nothing. Times are taken by
//! `cargo bench --bench house -- badinput`; here steps are counted.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on panics")]

#[path = "support/hostile.rs"]
mod hostile;

use posthouse::domain::calendar::export::Document;
use posthouse::domain::calendar::rows::{self, Work};
use posthouse::format::ical::recur::{self, Caps, STEPS};
use posthouse::format::ical::{self, zone::Zones};
use posthouse::model::calendar::Clock;
use posthouse::model::ids::Uid;
use posthouse::model::limits::Limits;
use posthouse::model::time::Timestamp;

const NOW: Timestamp = Timestamp(1_700_000_000);

#[test]
fn every_hostile_calendar_is_answered_within_its_steps() {
    for hostile in hostile::all() {
        let calendars = match ical::parse(hostile.text.as_bytes()) {
            Ok(calendars) => calendars,
            Err(fault) => {
                assert!(fault.text.contains("calendar item"), "{}: {}", hostile.name, fault.text);
                continue;
            }
        };
        for calendar in &calendars {
            let mut zones = Zones::of(calendar, &Clock::GMT);
            for name in ical::zone::names(calendar) {
                zones.clock(&name);
            }
            assert!(zones.steps() <= STEPS, "{}: {} steps for zones", hostile.name, zones.steps());
            let mut work = Work::default();
            for (series, number) in ical::series(calendar, &Clock::GMT).iter().zip(0..) {
                rows::shown(series, Uid(1), number, NOW, &mut work);
                if number < 3 {
                    let found = recur::expand(series, NOW..NOW.plus(3_000 * 86_400), &Clock::GMT, Caps::default());
                    assert!(found.steps <= 2 * STEPS, "{}: {} steps in a window", hostile.name, found.steps);
                    assert!(found.instances.len() <= Caps::default().instances, "{}", hostile.name);
                }
            }
            assert!(work.spent() <= 4 * STEPS, "{}: {} steps for the rows", hostile.name, work.spent());
        }
    }
}

/// The lines of a text, unfolded.
fn lines(text: &str) -> Vec<String> {
    ical::lines::lines(text.as_bytes()).map(|line| String::from_utf8_lossy(&line).into_owned()).collect()
}

#[test]
fn what_cannot_be_read_comes_out_as_it_went_in() {
    let mut unreadable = 0;
    for hostile in hostile::all().into_iter().filter(|hostile| hostile.text.len() < 2 << 20) {
        if ical::parse(hostile.text.as_bytes()).is_ok() {
            continue;
        }
        let mail = format!("Subject: x\r\nContent-Type: text/calendar; charset=utf-8\r\n\r\n{}", hostile.text);
        let (mut document, mut out) = (Document::default(), String::new());
        document.message(&mut out, mail.as_bytes(), &Limits::default());
        document.finish(&mut out);
        assert_eq!(lines(&out), lines(&hostile.text), "{}", hostile.name);
        unreadable += 1;
    }
    assert!(unreadable > 0);
}
