//! Calendars that mean to take too long: for the test that counts steps and for the benchmark that takes the time.

use std::fmt::Write as _;

/// A calendar and what is wrong with it.
pub struct Hostile {
    /// What it tries.
    pub name: &'static str,
    /// The calendar.
    pub text: String,
}

fn numbers(from: usize, till: usize) -> String {
    (from..till).map(|n| n.to_string()).collect::<Vec<_>>().join(",")
}

fn day(number: usize) -> String {
    // Any day will do as long as they differ: 28 of each month.
    format!("{:04}{:02}{:02}", 1970 + number / 336, number / 28 % 12 + 1, number % 28 + 1)
}

fn event(uid: usize, lines: &str) -> String {
    format!("BEGIN:VEVENT\r\nUID:{uid}@hostile.test\r\nDTSTART:20240101T100000Z\r\nSUMMARY:hostile\r\n{lines}END:VEVENT\r\n")
}

fn calendar(components: &str) -> String {
    format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n{components}END:VCALENDAR\r\n")
}

fn of_lines(name: &'static str, lines: &str) -> Hostile {
    Hostile { name, text: calendar(&event(0, lines)) }
}

fn many(name: &'static str, count: usize, one: impl Fn(usize) -> String) -> Hostile {
    Hostile { name, text: calendar(&(0..count).map(one).collect::<String>()) }
}

fn zone(name: &str, rule: &str) -> String {
    format!(
        "BEGIN:VTIMEZONE\r\nTZID:{name}\r\nBEGIN:STANDARD\r\nDTSTART:19700101T000000\r\nTZOFFSETFROM:+0100\r\nTZOFFSETTO:+0200\r\n\
         RRULE:{rule}\r\nEND:STANDARD\r\nBEGIN:DAYLIGHT\r\nDTSTART:19700601T000000\r\nTZOFFSETFROM:+0200\r\nTZOFFSETTO:+0100\r\n\
         RRULE:{rule}\r\nEND:DAYLIGHT\r\nEND:VTIMEZONE\r\n"
    )
}

/// Dates of all kinds, each list as long as an item may be.
fn dates() -> Vec<Hostile> {
    let list = |name: &str, count: usize, one: &dyn Fn(usize) -> String| {
        let mut lines = String::new();
        for first in (0..count).step_by(1_000) {
            let some: Vec<String> = (first..(first + 1_000).min(count)).map(one).collect();
            let _ = write!(lines, "{name}:{}\r\n", some.join(","));
        }
        lines
    };
    let zoned = list("EXDATE;TZID=America/New_York", 61_000, &|n| format!("{}T100000", day(n)));
    let parameters = ";X=1".repeat(100_000);
    vec![
        of_lines("100,000 EXDATEs, days", &format!("RRULE:FREQ=DAILY\r\n{}", list("EXDATE;VALUE=DATE", 100_000, &day))),
        of_lines("60,000 EXDATEs, of another zone", &format!("RRULE:FREQ=DAILY;COUNT=100000\r\n{zoned}")),
        of_lines(
            "55,000 EXDATEs, instants",
            &format!("RRULE:FREQ=HOURLY\r\n{}", list("EXDATE", 55_000, &|n| format!("{}T100000Z", day(n)))),
        ),
        of_lines("55,000 RDATEs", &list("RDATE", 55_000, &|n| format!("{}T100000Z", day(n)))),
        of_lines(
            "100,000 parameters before 30,000 EXDATEs",
            &format!("EXDATE{parameters};TZID=Asia/Tokyo:{}\r\n", "20250101T100000,".repeat(30_000)),
        ),
    ]
}

fn rules() -> Vec<Hostile> {
    let times = format!("BYHOUR={};BYMINUTE={};BYSECOND={}", numbers(0, 24), numbers(0, 60), numbers(0, 60));
    let rule = |name: &'static str, rule: &str| of_lines(name, &format!("DURATION:PT1H\r\nRRULE:{rule}\r\n"));
    vec![
        rule("every second without end", "FREQ=SECONDLY"),
        rule("every second, COUNT=10^9", "FREQ=SECONDLY;COUNT=1000000000"),
        rule("one second of a year, COUNT=10^9", "FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=29;BYHOUR=1;BYMINUTE=1;BYSECOND=1;COUNT=1000000000"),
        rule("the 30th of February", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30;COUNT=3"),
        rule("the sixth Monday of a month", "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=6;COUNT=3"),
        rule("two Mondays in a week", "FREQ=WEEKLY;BYDAY=MO;BYSETPOS=2;COUNT=3"),
        rule("the 31st of April, by the day", "FREQ=DAILY;BYMONTH=4;BYMONTHDAY=31;COUNT=3"),
        rule("every second of the year", &format!("FREQ=YEARLY;{times};COUNT=1000000000")),
        rule("the last second of the year", &format!("FREQ=YEARLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;{times};BYSETPOS=-1;COUNT=1000000000")),
        rule("366 seconds of each day", &format!("FREQ=DAILY;{times};BYSETPOS={};COUNT=1000000000", numbers(1, 367))),
        of_lines("40,000 rules", &"RRULE:FREQ=YEARLY;BYDAY=1MO\r\n".repeat(36_000)),
        of_lines("rules against rules", &"RRULE:FREQ=MONTHLY\r\nEXRULE:FREQ=WEEKLY\r\n".repeat(25_000)),
        of_lines("a rule of 200,000 weekdays", &format!("RRULE:FREQ=YEARLY;BYDAY={}MO\r\n", "1MO,".repeat(200_000))),
        of_lines("instances of 30,000 years", "DURATION:P9999999D\r\nRRULE:FREQ=MINUTELY\r\n"),
    ]
}

fn shapes() -> Vec<Hostile> {
    let exception = |n: usize| event(0, &format!("RECURRENCE-ID;TZID=Europe/Paris:{}T110000\r\n", day(n)));
    let nested = format!("{}{}", "BEGIN:VEVENT\r\nBEGIN:X\r\n".repeat(200_000 / 20), "END:X\r\n".repeat(10_000));
    let alarm = "BEGIN:VALARM\r\nTRIGGER:-PT1S\r\nREPEAT:1000\r\nDURATION:PT1S\r\nEND:VALARM\r\n".repeat(200);
    vec![
        many("4,900 exceptions", 4_900, |n| if n == 0 { event(0, "RRULE:FREQ=DAILY\r\n") } else { exception(n) }),
        many("5,000 items of one UID", 5_000, |n| event(0, &format!("X-N:{n}\r\nDTSTART;VALUE=DATE:{}\r\n", day(n)))),
        many("4,000 endless items in one message", 4_000, |n| event(n, "RRULE:FREQ=MINUTELY;BYSECOND=1,2,3;COUNT=99999999\r\n")),
        of_lines(
            "10,000 attendees",
            &(0..10_000)
                .fold(String::new(), |all, n| all + format!("ATTENDEE;CN=\"A{n}\";RSVP=TRUE:MAILTO:a{n}@hostile.test\r\n").as_str()),
        ),
        of_lines("250,000 properties", &"A:\r\n".repeat(250_000)),
        Hostile { name: "recursive components", text: calendar(&nested) },
        of_lines("a folded line of 10 MB", &format!("DESCRIPTION:{}\r\n", "x\r\n ".repeat(2_500_000))),
        of_lines("a folded line of 900 KB", &format!("DESCRIPTION:{}\r\n", "x\r\n ".repeat(225_000))),
        of_lines("brackets that nobody closes", &format!("DTEND{}:20240101T110000Z\r\n", ";TZID=(a".repeat(120_000))),
        of_lines("quotes that nobody closes", &format!("DTEND{}:20240101T110000Z\r\n", ";TZID=\"a,\"".repeat(90_001))),
        of_lines("200 alarms of 1,000 repetitions every minute", &format!("RRULE:FREQ=MINUTELY\r\n{alarm}")),
    ]
}

fn zones() -> Vec<Hostile> {
    let own = |n: usize| zone(&format!("Own {n}"), "FREQ=SECONDLY");
    let used = |n: usize| event(n, &format!("DTEND;TZID=Own {n}:20250101T100000\r\n"));
    vec![
        many("1,500 zones that change every second", 3_000, |n| if n < 1_500 { own(n) } else { used(n - 1_500) }),
        many("2,500 zones of one name", 2_500, |n| if n == 0 { used(0) } else { zone("Own 0", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30") }),
        many("4,000 zones that nobody knows", 4_000, used),
    ]
}

/// All of them.
pub fn all() -> Vec<Hostile> {
    [dates(), rules(), shapes(), zones()].into_iter().flatten().collect()
}
