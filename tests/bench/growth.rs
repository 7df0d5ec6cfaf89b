//! How costs grow: opening, synchronising and appending with ten times, a hundred times, a thousand times the messages;
//! memory and notices with so many more sessions. `POSTHOUSE_BENCH_MILLION=1` adds the mailbox of a million messages.

use crate::client::Client;
use crate::folders::{milliseconds, view, write_mbox};
use crate::mail::TINY;
use crate::server::Server;
use crate::sessions::{Latency, latency, listening};
use crate::{fresh, percentile, sessions, short, size};
use std::time::Instant;

/// Rows of a table: what is measured at every size.
type Figures = Vec<(&'static str, f64)>;

/// Prints a table: a row for each figure, a column for each size, and how much more it is than at the size before.
fn table(what: &str, sizes: &[usize], columns: &[Figures]) {
    let heads: String = sizes.iter().map(|size| format!("{size:>18}")).collect();
    println!("{what:<40}{heads}");
    for (at, (name, _)) in columns.first().into_iter().flatten().enumerate() {
        let mut before = None;
        let cells = columns.iter().map(|column| {
            let figure = column[at].1;
            let ratio = before.map_or(String::new(), |before: f64| format!(" x{}", short(figure / before)));
            before = Some(figure);
            format!("{:>18}", format!("{}{ratio}", short(figure)))
        });
        println!("{name:<40}{}", cells.collect::<String>());
    }
}

fn median(mut figures: Vec<f64>) -> f64 {
    percentile(&mut figures, 0.5)
}

/// A mailbox of this many messages.
fn messages(count: usize) -> Figures {
    let directory = fresh("growth");
    let mut server = Server::new(&directory);
    server.add_accounts(["big".to_owned()]);
    let mbox = write_mbox(&directory, count, TINY);
    let begun = Instant::now();
    server.run(&["import", "--account", "big@bench.test", "--mailbox", "big", mbox.to_str().expect("the path is text")], "");
    let import = begun.elapsed().as_secs_f64() * 1e6 / count as f64;
    std::fs::remove_file(mbox).expect("the file is there");
    let ready = server.start().as_secs_f64() * 1e3;
    server.wait_until_quiet();
    view(&server, "Date");
    let open = median((0..9).map(|_| view(&server, "Date")).collect());
    let (mut writer, mut reader) = (Client::login(server.ximss, "big@bench.test"), Client::login(server.ximss, "big@bench.test"));
    reader.ask("<folderOpen folder=\"v\" mailbox=\"big\" sortField=\"Date\"><field>Subject</field></folderOpen>");
    let (mut append, mut sync) = (Vec::new(), Vec::new());
    for number in 0..200 {
        let begun = Instant::now();
        writer.ask(&format!("<messageAppend targetMailbox=\"big\"><EMail><Subject>{number}</Subject></EMail></messageAppend>"));
        append.push(milliseconds(begun));
        let begun = Instant::now();
        let told = reader.ask("<folderSync folder=\"v\"/>");
        sync.push(milliseconds(begun));
        assert!(told.contains("mode=\"added\""), "{told}");
    }
    let memory = server.memory() / 1024.0;
    server.stop();
    let (append, sync) = (median(append), median(sync));
    vec![
        ("import, microseconds each", import),
        ("start, ms", ready),
        ("open by Date, 50 rows, ms", open),
        ("append, ms", append),
        ("synchronise one new message, ms", sync),
        ("memory of the server, MB", memory),
    ]
}

/// All these sessions with their INBOX open; sessions are added to those that are there.
fn with_sessions(server: &Server, all: &mut Vec<Client>, count: usize, empty: f64) -> Figures {
    let accounts = 50;
    for number in all.len()..count {
        all.push(listening(server, 1 + number % accounts));
    }
    server.wait_until_quiet();
    let each = (server.memory() - empty) / count as f64;
    let Latency { mut whole, mut after } = latency(server, 200);
    vec![
        ("memory of one more session, KB", each),
        ("append until the notice, p50, ms", percentile(&mut whole, 0.5)),
        ("append until the notice, p99, ms", percentile(&mut whole, 0.99)),
        ("notice after acknowledgement, p50, ms", percentile(&mut after, 0.5)),
    ]
}

/// Both tables.
pub fn growth() {
    let mut sizes = vec![1_000, 10_000, 100_000];
    if std::env::var_os("POSTHOUSE_BENCH_MILLION").is_some() {
        sizes.push(1_000_000);
    }
    let columns: Vec<Figures> = sizes.iter().map(|count| messages(*count)).collect();
    table("messages in the mailbox", &sizes, &columns);
    let mut server = sessions::server("growth", 51);
    // What all sessions share is there before the first one counts.
    drop(listening(&server, 0));
    server.wait_until_quiet();
    let (empty, mut all, most) = (server.memory(), Vec::new(), size("POSTHOUSE_BENCH_SESSIONS", 10_000));
    let sizes: Vec<usize> = [100, 1_000, 10_000].into_iter().filter(|count| *count <= most).collect();
    let columns: Vec<Figures> = sizes.iter().map(|count| with_sessions(&server, &mut all, *count, empty)).collect();
    table("sessions with an open folder", &sizes, &columns);
    drop(all);
    server.stop();
}
