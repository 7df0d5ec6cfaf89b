//! Many sessions: what an idle one costs, and how soon a notice comes.

use crate::client::Client;
use crate::mail::{Maker, SMALL};
use crate::server::Server;
use crate::{fresh, percentile, row, size};
use std::time::Instant;

/// A running server with accounts `u0`, `u1` and so on.
pub fn server(name: &str, accounts: usize) -> Server {
    let mut server = Server::new(&fresh(name));
    server.start();
    server.add_accounts((0..accounts).map(|n| format!("u{n}")));
    server
}

/// A logged-in client with its INBOX open, as mail programs sit there all day.
pub fn listening(server: &Server, account: usize) -> Client {
    open_inbox(Client::login(server.ximss, &format!("u{account}@bench.test")))
}

fn open_inbox(mut client: Client) -> Client {
    client.ask("<folderOpen folder=\"INBOX\" sortField=\"INTERNALDATE\"><field>Subject</field></folderOpen>");
    client
}

/// Memory of sessions that sit there with an open folder, in clear text and over TLS.
pub fn idle() {
    let (accounts, most) = (50, size("POSTHOUSE_BENCH_SESSIONS", 2_000));
    let mut server = server("idle", accounts);
    for tls in [false, true] {
        server.stop();
        server.start();
        let open = |account: usize| {
            let account = format!("u{account}@bench.test");
            let client = if tls { Client::login_with_tls(server.ximss_tls, &account) } else { Client::login(server.ximss, &account) };
            open_inbox(client)
        };
        let first: Vec<Client> = (0..200).map(|n| open(n % accounts)).collect();
        server.wait_until_quiet();
        let before = server.memory();
        let all: Vec<Client> = (0..most).map(|n| open(n % accounts)).collect();
        server.wait_until_quiet();
        let how = if tls { "over TLS" } else { "in clear text" };
        let each = (server.memory() - before) / most as f64;
        row(&format!("memory of one of {most} idle sessions {how}, folder open"), "KB", vec![each]);
        drop((first, all));
    }
    server.stop();
}

/// How soon one client hears of what another one of the same account appends, in milliseconds.
pub struct Latency {
    /// From the request on.
    pub whole: Vec<f64>,
    /// From its acknowledgement on.
    pub after: Vec<f64>,
}

/// Appends messages to the INBOX of `u0`, where another client listens.
pub fn latency(server: &Server, count: usize) -> Latency {
    let (mut writer, mut listener) = (Client::login(server.ximss, "u0@bench.test"), listening(server, 0));
    let (mut whole, mut after) = (Vec::new(), Vec::new());
    for raw in Maker::new(5, SMALL).take(count) {
        let text = String::from_utf8(raw).expect("made of text").replace(['<', '>', '&'], " ");
        let begun = Instant::now();
        let id = writer.send(&format!(
            "<messageAppend targetMailbox=\"INBOX\"><EMail><MIME type=\"text\" subtype=\"plain\">{text}</MIME></EMail></messageAppend>"
        ));
        // The listener's clock runs in another thread, so that neither wait delays the other.
        let noticed = std::thread::scope(|scope| {
            let waits = scope.spawn(|| {
                while !listener.frame().contains("mode=\"notify\"") {}
                Instant::now()
            });
            writer.answer(&id);
            let acknowledged = Instant::now();
            (acknowledged, waits.join().expect("the listener ends well"))
        });
        whole.push((noticed.1 - begun).as_secs_f64() * 1e3);
        after.push(noticed.1.saturating_duration_since(noticed.0).as_secs_f64() * 1e3);
        listener.ask("<folderSync folder=\"INBOX\"/>");
    }
    Latency { whole, after }
}

/// From the acknowledgement of an append at one client to the notice at another of the same account.
pub fn notices() {
    let mut server = server("notices", 51);
    for bystanders in [0, 1_000] {
        let others: Vec<Client> = (0..bystanders).map(|n| listening(&server, 1 + n % 50)).collect();
        let Latency { mut whole, mut after } = latency(&server, 300);
        row(&format!("append until the notice, {bystanders} idle sessions beside, p50"), "ms", vec![percentile(&mut whole, 0.5)]);
        row(&format!("the same, {bystanders} idle sessions beside, p99"), "ms", vec![percentile(&mut whole, 0.99)]);
        row(&format!("notice after the acknowledgement, {bystanders} idle sessions beside, p50"), "ms", vec![percentile(&mut after, 0.5)]);
        drop(others);
    }
    server.stop();
}
