//! A calendar of 2,000 items, 300 of them recurring with exceptions in five zones: a month of it; and an answer of
//! 10,000 instances.

use crate::client::{Client, attribute};
use crate::server::Server;
use crate::{data, row};
use chrono::{Datelike, Duration, NaiveDate, NaiveDateTime, Utc};
use std::fmt::Write as _;
use std::path::Path;
use std::time::Instant;

/// What the data is made by: another number makes it anew.
const RECIPE: u32 = 1;
const ZONES: [&str; 5] = ["Europe/Berlin", "America/New_York", "Asia/Tokyo", "Australia/Sydney", "America/Sao_Paulo"];
const SINGLE: usize = 1_700;
const RECURRING: usize = 300;
/// Events of the second calendar, each on so many days.
const DAILY: usize = 40;
const DAYS: usize = 250;

/// The first day of this month.
fn month() -> NaiveDate {
    Utc::now().date_naive().with_day(1).expect("every month has a first day")
}

fn stamp(at: NaiveDateTime) -> String {
    at.format("%Y%m%dT%H%M%S").to_string()
}

/// An event: its number says which.
fn event(number: usize, zone: &str, start: NaiveDateTime, minutes: i64, more: &str) -> String {
    let end = start + Duration::minutes(minutes);
    format!(
        "BEGIN:VEVENT\r\nUID:item-{number}@bench.test\r\nDTSTAMP:20260101T000000Z\r\nDTSTART;TZID={zone}:{}\r\nDTEND;TZID={zone}:{}\r\n\
         SUMMARY:Meeting number {number} about the things of the day\r\nLOCATION:Room {}\r\nORGANIZER:MAILTO:big@bench.test\r\n\
         ATTENDEE;CN=Somebody:MAILTO:somebody{number}@bench.test\r\nDESCRIPTION:What is to be said of it takes a line or two.\r\n{more}\
         BEGIN:VALARM\r\nACTION:DISPLAY\r\nTRIGGER:-PT15M\r\nEND:VALARM\r\nEND:VEVENT\r\n",
        stamp(start),
        stamp(end),
        number % 17,
    )
}

/// A message that holds a calendar, as an mbox has it.
fn message(subject: &str, events: &str) -> String {
    format!(
        "From bench@example.org Tue Jan  1 00:00:00 2019\nFrom: big@bench.test\nSubject: {subject}\nMIME-Version: 1.0\n\
         Content-Class: urn:content-classes:appointment\nContent-Type: text/calendar; charset=utf-8; method=PUBLISH\n\n{}\n",
        format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//bench//\r\nMETHOD:PUBLISH\r\n{events}END:VCALENDAR\r\n").replace("\r\n", "\n")
    )
}

/// 1,700 events within a year of today, 300 that recur, each with one instance left out and one moved.
fn large() -> String {
    let (first, mut out) = (month(), String::new());
    for number in 0..SINGLE {
        let day = first + Duration::days((number * 7919 % 730) as i64 - 365);
        let start = day.and_hms_opt((number % 12 + 7) as u32, (number % 4 * 15) as u32, 0).expect("it is a time");
        out += &message(&format!("Meeting number {number}"), &event(number, ZONES[number % 5], start, 30 + (number % 5 * 30) as i64, ""));
    }
    for number in SINGLE..SINGLE + RECURRING {
        let zone = ZONES[number % 5];
        let day = first - Duration::days((number % 500) as i64);
        let start = day.and_hms_opt((number % 10 + 8) as u32, 0, 0).expect("it is a time");
        let (rule, step) = match number % 4 {
            0 => ("FREQ=WEEKLY", 7),
            1 => ("FREQ=WEEKLY;INTERVAL=2", 14),
            2 => ("FREQ=DAILY;COUNT=400", 1),
            _ => ("FREQ=DAILY;INTERVAL=3", 3),
        };
        let instance = |n: i64| start + Duration::days(step * n);
        let more = format!("RRULE:{rule}\r\nEXDATE;TZID={zone}:{}\r\n", stamp(instance(2)));
        let moved = format!("RECURRENCE-ID;TZID={zone}:{}\r\n", stamp(instance(3)));
        let mut events = event(number, zone, start, 60, &more);
        let _ = write!(events, "{}", event(number, zone, instance(3) + Duration::hours(2), 60, &moved));
        out += &message(&format!("Meeting number {number}"), &events);
    }
    out
}

/// Events that fill many days.
fn many() -> String {
    let first = month().and_hms_opt(6, 0, 0).expect("it is a time");
    let one = |number: usize| {
        let start = first + Duration::minutes(number as i64 * 20);
        message("daily", &event(number, "UTC", start, 15, &format!("RRULE:FREQ=DAILY;COUNT={DAYS}\r\n")))
    };
    (0..DAILY).map(one).collect()
}

fn import(server: &Server, directory: &Path, mailbox: &str, text: &str) {
    let path = directory.join("calendar.mbox");
    std::fs::write(&path, text).expect("the disk has room");
    server.run(&["import", "--account", "big@bench.test", "--mailbox", mailbox, path.to_str().expect("the path is text")], "");
    std::fs::remove_file(path).expect("the file is there");
}

/// The server with both calendars, made once a month: they lie around today.
fn server() -> Server {
    let directory = data(&format!("calendar-{RECIPE}-{}", month()));
    let server = Server::new(&directory);
    let done = directory.join("done");
    if !done.exists() {
        let _ = std::fs::remove_dir_all(directory.join("data"));
        server.add_accounts(["big".to_owned()]);
        import(&server, &directory, "Large", &large());
        import(&server, &directory, "Many", &many());
        std::fs::write(done, "").expect("the directory can be written");
    }
    server
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

fn open(client: &mut Client, mailbox: &str) {
    client.ask(&format!("<calendarOpen calendar=\"c\" mailbox=\"{mailbox}\"/>"));
}

fn find(client: &mut Client, days: i64) -> String {
    let (from, till) = (month(), month() + Duration::days(days));
    client.ask(&format!(
        "<findEvents calendar=\"c\" timeFrom=\"{}T000000\" timeTill=\"{}T000000\"/>",
        from.format("%Y%m%d"),
        till.format("%Y%m%d")
    ))
}

/// A month of the large calendar, warm and after a restart; 10,000 instances in one answer.
pub fn calendar() {
    let mut server = server();
    server.start();
    let mut client = Client::login(server.ximss, "big@bench.test");
    let begun = Instant::now();
    open(&mut client, "Large");
    let first = milliseconds(begun);
    let found = attribute(&find(&mut client, 31), "items");
    row("the index of 2,000 items, made or found", "ms", vec![first]);
    row("events of the month", "events", vec![found as f64]);
    let month = |client: &mut Client| {
        let begun = Instant::now();
        find(client, 31);
        milliseconds(begun)
    };
    row("find of a month among 2,000 items, warm", "ms", (0..21).map(|_| month(&mut client)).collect());
    let cold = (0..7).map(|_| {
        server.stop();
        server.start();
        let mut client = Client::login(server.ximss, "big@bench.test");
        let begun = Instant::now();
        open(&mut client, "Large");
        find(&mut client, 31);
        milliseconds(begun)
    });
    let cold = cold.collect();
    row("open and find of a month, after a restart", "ms", cold);
    ten_thousand(&mut server);
    server.stop();
}

fn ten_thousand(server: &mut Server) {
    server.stop();
    server.start();
    let mut client = Client::login(server.ximss, "big@bench.test");
    open(&mut client, "Many");
    find(&mut client, 1);
    server.forget_peak();
    let (before, peak) = (server.memory(), server.peak());
    let mut times = Vec::new();
    for _ in 0..5 {
        let begun = Instant::now();
        let answer = find(&mut client, DAYS as i64 + 1);
        times.push(milliseconds(begun));
        assert_eq!(attribute(&answer, "items"), DAILY * DAYS, "all instances are there");
    }
    row("find of 10,000 instances in 251 days", "ms", times);
    row("memory that it takes at most", "KB", vec![server.peak() - peak]);
    row("memory that it leaves", "KB", vec![server.memory() - before]);
}
