//! How long the longest slice of work takes that a hostile calendar causes, and how long another session waits meanwhile.
//!
//! A slice is what one thread does before others get their turn: to read a message and make its rows, to look for what
//! happens in a window, to reckon one item beyond its horizon, to export a message.

use crate::client::Client;
use crate::hostile::{self, Hostile};
use crate::server::Server;
use crate::{fresh, row};
use posthouse::domain::calendar::export::Document;
use posthouse::domain::calendar::hits::{Hits, Window};
use posthouse::domain::calendar::message;
use posthouse::domain::calendar::rows::{self, Work};
use posthouse::domain::scheduling::item::Item;
use posthouse::format::ical;
use posthouse::model::calendar::{Clock, ItemKind, Series};
use posthouse::model::ids::Uid;
use posthouse::model::limits::Limits;
use posthouse::model::time::{Timestamp, Zone};
use posthouse::store::calendars::Shown;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

fn timed<T>(worst: &mut Duration, work: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let done = work();
    *worst = (*worst).max(begun.elapsed());
    done
}

fn mail(hostile: &Hostile) -> String {
    format!("Subject: hostile\r\nContent-Type: text/calendar; charset=utf-8\r\n\r\n{}", hostile.text)
}

/// The rows of a message, as the index makes them.
fn read(raw: &[u8], limits: &Limits, now: Timestamp) -> Vec<(Series, Arc<Shown>)> {
    let calendars = message::calendars(raw, limits).ok().flatten().unwrap_or_default();
    let series: Vec<Series> = calendars.iter().flat_map(|calendar| ical::series(calendar, &Clock::GMT)).collect();
    let mut work = Work::default();
    let row = |(one, number): (Series, u32)| {
        let shown = rows::shown(&one, Uid(1), number, now, &mut work);
        (one, Arc::new(shown))
    };
    series.into_iter().zip(0..).map(row).collect()
}

/// The longest slice of each step, in milliseconds.
fn slices(hostile: &Hostile) -> [f64; 4] {
    let (raw, limits, now) = (mail(hostile).into_bytes(), Limits::default(), Timestamp::now());
    let mut worst = [Duration::ZERO; 4];
    let made = timed(&mut worst[0], || read(&raw, &limits, now));
    let zone = Zone::named("Europe/Berlin").expect("it is a zone");
    for by_alarm in [false, true] {
        let window = Window { from: now, till: now.plus(3_700 * 86_400), zone, by_alarm, kind: ItemKind::Event };
        let clock = Clock::Known(zone);
        let mut hits = Hits::default();
        for (series, shown) in made.iter().take(50) {
            timed(&mut worst[1], || hits.add_reckoned(&window, &clock, shown, series, limits.instances));
        }
        let mut hits = Hits::default();
        timed(&mut worst[1], || {
            made.iter().filter(|(_, shown)| window.is_covered(shown)).for_each(|(_, shown)| hits.add(&window, &clock, shown, 3_500))
        });
    }
    timed(&mut worst[2], || {
        let (mut document, mut out) = (Document::default(), String::new());
        document.message(&mut out, &raw, &limits);
        document.finish(&mut out);
    });
    timed(&mut worst[3], || {
        let calendars = message::calendars(&raw, &limits).ok().flatten().unwrap_or_default();
        if let Ok(mut item) = Item::only(calendars)
            && item.check_zones().is_ok()
        {
            item.define_zones(now);
        }
    });
    worst.map(|worst| worst.as_secs_f64() * 1e3)
}

/// One session sends `noop` all the time; how long it waited at most, in milliseconds.
fn bystander(server: &Server, work: impl FnOnce()) -> f64 {
    let (done, address) = (Arc::new(AtomicBool::new(false)), server.ximss);
    let end = done.clone();
    let other = std::thread::spawn(move || {
        let mut client = Client::login(address, "calm@bench.test");
        let mut worst = Duration::ZERO;
        while !end.load(Ordering::Relaxed) {
            timed(&mut worst, || client.ask("<noop/>"));
            std::thread::sleep(Duration::from_millis(1));
        }
        worst.as_secs_f64() * 1e3
    });
    work();
    done.store(true, Ordering::Relaxed);
    other.join().expect("the other session ends")
}

/// Hostile calendars, one after the other.
pub fn bad_input() {
    println!("{:<48} {:>8} {:>8} {:>8} {:>8}", "longest slice of work, ms", "index", "find", "export", "invite");
    let (mut longest, all) = (0f64, hostile::all());
    for hostile in &all {
        let [index, find, export, invite] = slices(hostile);
        println!("{:<48} {index:>8.1} {find:>8.1} {export:>8.1} {invite:>8.1}", hostile.name);
        longest = [index, find, export, invite].into_iter().fold(longest, f64::max);
    }
    row("longest slice of all", "ms", vec![longest]);

    let directory = fresh("bad-input");
    let mut server = Server::new(&directory);
    server.add_accounts(["big".to_owned(), "calm".to_owned()]);
    for (number, hostile) in all.iter().enumerate() {
        let path = directory.join(format!("{number}.eml"));
        std::fs::write(&path, mail(hostile)).expect("the disk has room");
        server.run(&["import", "--account", "big@bench.test", "--mailbox", "Hostile", path.to_str().expect("the path is text")], "");
    }
    server.start();
    let quiet = bystander(&server, || std::thread::sleep(Duration::from_secs(1)));
    let waited = bystander(&server, || {
        let mut client = Client::login(server.ximss, "big@bench.test");
        client.ask("<calendarOpen calendar=\"c\" mailbox=\"Hostile\"/>");
        for (from, till) in [("20250101", "20250201"), ("20300101", "20390101"), ("99800101", "99890101")] {
            for alarm in ["no", "yes"] {
                client.try_ask(&format!(
                    "<findEvents calendar=\"c\" timeFrom=\"{from}T000000\" timeTill=\"{till}T000000\" byAlarm=\"{alarm}\"/>"
                ));
            }
        }
    });
    row("another session waits at most, nothing going on", "ms", vec![quiet]);
    row("another session waits at most, all of it opened and searched", "ms", vec![waited]);
    server.stop();
}
