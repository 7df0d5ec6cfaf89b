//! A mailbox of 100,000 messages: open it sorted, show the first rows, filter it, start the server with it.

use crate::client::{Client, attribute};
use crate::mail::{Kind, Maker, RARE, SMALL};
use crate::server::Server;
use crate::{data, row, size};
use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

/// What the data is made by: another number makes it anew.
const RECIPE: u32 = 1;
const FIELDS: &[&str] = &["Date", "From", "Subject"];

/// The server with the large mailbox, made on the first call and kept for the next run.
fn server() -> Server {
    let count = size("POSTHOUSE_BENCH_MESSAGES", 100_000);
    let directory = data(&format!("large-{RECIPE}-{count}"));
    let server = Server::new(&directory);
    let done = directory.join("done");
    if !done.exists() {
        let _ = std::fs::remove_dir_all(directory.join("data"));
        eprintln!("making a mailbox of {count} messages, once...");
        server.add_accounts(["big".to_owned()]);
        let mbox = write_mbox(&directory, count, SMALL);
        let begun = Instant::now();
        server.run(&["import", "--account", "big@bench.test", "--mailbox", "big", mbox.to_str().expect("the path is text")], "");
        row("import of the large mailbox", "messages/s", vec![count as f64 / begun.elapsed().as_secs_f64()]);
        std::fs::remove_file(mbox).expect("the file is there");
        std::fs::write(done, "").expect("the directory can be written");
    }
    server
}

/// An mbox file of so many messages.
pub fn write_mbox(directory: &std::path::Path, count: usize, kind: Kind) -> PathBuf {
    let path = directory.join("large.mbox");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&path).expect("the file can be made"));
    for message in Maker::new(2, kind).take(count) {
        file.write_all(b"From bench@example.org Tue Jan  1 00:00:00 2019\n").expect("the disk has room");
        file.write_all(&message).expect("the disk has room");
        file.write_all(b"\n").expect("the disk has room");
    }
    path
}

/// Milliseconds since then.
pub fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

/// Opens the mailbox sorted and shows its first 50 rows; login is not counted.
pub fn view(server: &Server, field: &str) -> f64 {
    let mut client = Client::login(server.ximss, "big@bench.test");
    let begun = Instant::now();
    client.ask(&format!(
        "<folderOpen folder=\"v\" mailbox=\"big\" sortField=\"{field}\"><field>FLAGS</field><field>From</field><field>Subject</field><field>Date</field></folderOpen>"
    ));
    client.ask("<folderBrowse folder=\"v\"><index from=\"0\" till=\"49\"/></folderBrowse>");
    milliseconds(begun)
}

/// Open, sort, first 50 rows, warm and after a restart.
pub fn folders() {
    let mut server = server();
    server.start();
    for field in FIELDS {
        view(&server, field);
    }
    for field in FIELDS {
        row(&format!("open, sort by {field}, 50 rows, warm"), "ms", (0..9).map(|_| view(&server, field)).collect());
    }
    for field in FIELDS {
        let cold = (0..5).map(|_| {
            server.stop();
            server.start();
            view(&server, field)
        });
        let cold = cold.collect();
        row(&format!("open, sort by {field}, 50 rows, after a restart"), "ms", cold);
    }
    let mut client = Client::login(server.ximss, "big@bench.test");
    let mut open = |numbers: std::ops::Range<usize>| {
        for number in numbers {
            client.ask(&format!("<folderOpen folder=\"m{number}\" mailbox=\"big\" sortField=\"Date\"><field>From</field></folderOpen>"));
        }
        server.memory()
    };
    // The first ones also fill what all views share: the store's cache, and room to read in.
    let (few, many) = (open(0..16), open(16..48));
    row("memory of one more view of the large mailbox", "KB", vec![(many - few) / 32.0]);
    server.stop();
}

/// Filters by a header field and by the body.
pub fn filters() {
    let mut server = server();
    server.start();
    // The search index follows in the background.
    server.wait_until_quiet();
    for (what, field, text, runs) in [("From", "From", "Petrov", 5), ("the body", "body", RARE, 3)] {
        let times = (0..runs).map(|_| {
            let mut client = Client::login(server.ximss, "big@bench.test");
            let begun = Instant::now();
            let answer = client.ask(&format!(
                "<folderOpen folder=\"f\" mailbox=\"big\" sortField=\"Date\" filterField=\"{field}\" filter=\"{text}\"><field>From</field></folderOpen>"
            ));
            assert!(attribute(&answer, "messages") > 0, "the filter finds messages");
            milliseconds(begun)
        });
        let times = times.collect();
        row(&format!("open with a filter on {what}, warm"), "ms", times);
    }
    server.stop();
}

/// From the start of the process to ready, with the large mailbox, and the memory of a server nobody uses.
pub fn start() {
    let mut server = server();
    server.start();
    let mut clean = Vec::new();
    for _ in 0..7 {
        server.stop();
        clean.push(server.start().as_secs_f64() * 1e3);
    }
    row("start after a clean stop", "ms", clean);
    server.wait_until_quiet();
    row("memory when idle after a start", "MB", vec![server.memory() / 1024.0]);
    let mut killed = Vec::new();
    for _ in 0..5 {
        server.kill();
        killed.push(server.start().as_secs_f64() * 1e3);
    }
    row("start after a kill", "ms", killed);
    server.stop();
}
