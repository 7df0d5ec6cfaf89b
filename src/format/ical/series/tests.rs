//! What items say of themselves.

use super::super::parse;
use super::*;
use crate::model::calendar::{Alarm, Trigger, WallClock, When};
use crate::model::time::Zone;

fn all(text: &str) -> Vec<Series> {
    series(&parse(text.as_bytes()).unwrap()[0], &Clock::GMT)
}

fn event(lines: &str) -> Entry {
    all(&format!("BEGIN:VEVENT\r\nUID:1\r\n{lines}\r\nEND:VEVENT\r\n")).remove(0).entries.remove(0)
}

fn wall(text: &str) -> WallClock {
    WallClock(text.parse::<Timestamp>().unwrap().0)
}

#[test]
fn times_have_their_forms() {
    let berlin = Clock::Known(Zone::named("Europe/Berlin").unwrap());
    assert_eq!(event("DTSTART:20250101T100000").start, Some(When::Floating(wall("20250101T100000"))));
    assert_eq!(event("DTSTART:20250101T100000Z").start, Some(When::Instant(Timestamp(wall("20250101T100000").0))));
    assert_eq!(event("DTSTART;TZID=Europe/Berlin:20250101T100000").start, Some(When::Zoned(wall("20250101T100000"), berlin)));
    assert_eq!(event("DTSTART;TZID=HostOS;VALUE=DATE:20230108").start, Some(When::Date(wall("20230108"))));
    assert_eq!(event("DTSTART;TZID=Nowhere:20250101T100000").start, Some(When::Zoned(wall("20250101T100000"), Clock::GMT)));
    assert_eq!(event("DTSTART:rubbish").start, None);
}

#[test]
fn lengths_follow_the_rules_for_whole_days() {
    let length = |lines: &str| event(lines).length;
    assert_eq!(length("DTSTART;VALUE=DATE:20250101"), Length::Days(1));
    assert_eq!(length("DTSTART;VALUE=DATE:20250101\r\nDTEND;VALUE=DATE:20250101"), Length::Days(1));
    assert_eq!(length("DTSTART;VALUE=DATE:20250101\r\nDTEND;VALUE=DATE:20250104"), Length::Days(3));
    assert_eq!(length("DTSTART;VALUE=DATE:20230724\r\nDTEND:20230817T000000Z"), Length::Days(24));
    assert_eq!(length("DTSTART:20250101T100000Z"), Length::Seconds(0));
    assert_eq!(length("DTSTART:20250101T100000Z\r\nDTEND:20250101T090000Z"), Length::Seconds(0));
    assert_eq!(length("DTSTART:20250101T100000Z\r\nDURATION:P1DT1H"), Length::Both(1, 3_600));
    assert_eq!(length("DTSTART;TZID=Europe/Berlin:20250330T013000\r\nDTEND;TZID=Europe/Berlin:20250330T033000"), Length::Seconds(3_600));
}

#[test]
fn alarms_are_relative_absolute_and_repeated() {
    let entry = event(
        "DTSTART:20250101T100000Z\r\nBEGIN:VALARM\r\nTRIGGER:-PT15M\r\nREPEAT:3\r\nDURATION:PT5M\r\nEND:VALARM\r\nBEGIN:VALARM\r\nTRIGGER;RELATED=END:P1D\r\n\
         END:VALARM\r\nBEGIN:VALARM\r\nTRIGGER;VALUE=DATE-TIME:20250101T000000Z\r\nREPEAT:3\r\nEND:VALARM\r\nBEGIN:VALARM\r\nTRIGGER:soon\r\nEND:VALARM",
    );
    let midnight = Timestamp(wall("20250101").0);
    assert_eq!(
        entry.alarms,
        [
            Alarm { trigger: Trigger::Start(-900), repeat: 3, every: 300 },
            Alarm { trigger: Trigger::End(86_400), repeat: 0, every: 0 },
            Alarm { trigger: Trigger::At(midnight), repeat: 0, every: 0 },
        ]
    );
}

#[test]
fn busy_is_what_the_item_says_first() {
    let busy = |lines: &str| event(lines).busy;
    assert_eq!(
        (busy("X-MICROSOFT-CDO-BUSYSTATUS:OOF"), busy("X-MICROSOFT-CDO-BUSYSTATUS:FREE\r\nTRANSP:OPAQUE")),
        (Busy::Unavailable, Busy::Free)
    );
    assert_eq!((busy("TRANSP:TRANSPARENT"), busy("STATUS:TENTATIVE"), busy("SUMMARY:x")), (Busy::Free, Busy::Tentative, Busy::Busy));
    assert_eq!(busy("STATUS:CANCELLED\r\nX-MICROSOFT-CDO-BUSYSTATUS:BUSY"), Busy::Free);
}

#[test]
fn items_and_exceptions_of_one_uid_are_one_series() {
    let text = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nRECURRENCE-ID;RANGE=THISANDFUTURE:20250102T100000Z\r\nDTSTART:20250102T110000Z\r\nEND:VEVENT\r\n\
        BEGIN:VEVENT\r\nUID:1\r\nDTSTART:20250101T100000Z\r\nRRULE:FREQ=DAILY\r\nORGANIZER:MAILTO:a@b.c\r\nATTENDEE:mailto:d@e.f\r\nATTENDEE:x\r\nEND:VEVENT\r\n\
        BEGIN:VEVENT\r\nUID:1\r\nDTSTART:20250101T100000Z\r\nSEQUENCE:2\r\nSUMMARY:newer\r\nRRULE:FREQ=DAILY\r\nEND:VEVENT\r\n\
        BEGIN:VTODO\r\nUID:1\r\nDUE:20250101T100000Z\r\nPERCENT-COMPLETE:50\r\nPRIORITY:5\r\nEND:VTODO\r\nBEGIN:VJOURNAL\r\nUID:2\r\nEND:VJOURNAL\r\nEND:VCALENDAR\r\n";
    let all = all(text);
    assert_eq!(all.iter().map(|s| (s.kind, s.entries.len())).collect::<Vec<_>>(), [(ItemKind::Event, 2), (ItemKind::Task, 1)]);
    assert_eq!((all[0].main().unwrap().summary.as_str(), all[0].entries[1].and_following), ("newer", true));
    assert_eq!((all[1].entries[0].percent, all[1].entries[0].priority, all[1].entries[0].busy), (Some(50), Some(5), Busy::Free));
}

#[test]
fn a_series_is_stored_with_each_of_its_clocks_once() {
    let text = std::fs::read(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/ics/own-zone.ics")).unwrap();
    let mut series = series(&parse(&text).unwrap()[0], &Clock::GMT).remove(0);
    let start = series.entries[0].start.clone().unwrap();
    assert!(matches!(&start, When::Zoned(_, Clock::Own(_))));
    assert_eq!(start.instant(&Clock::GMT).gmt(), "20250701T080000Z");
    series.entries[0].excluded = vec![start; 100];
    let bytes = postcard::to_stdvec(&series).unwrap();
    assert!(bytes.len() < 8_000, "{}", bytes.len());
    assert_eq!(postcard::from_bytes::<Series>(&bytes).unwrap(), series);
}
