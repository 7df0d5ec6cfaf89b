//! The server is killed while sixteen clients append. Whatever it has acknowledged is there and whole afterwards, what it
//! has not is there as a whole or not at all, and its counters say what the folders hold.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on panics")]

mod support;

use posthouse::xml::Element;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::mpsc::{Sender, channel};
use support::http;
use support::server::{DOMAIN, Server, Setup};
use support::ximss::Client;

const WRITERS: usize = 16;
/// How often the server is killed, unless `POSTHOUSE_KILLS` says it.
const ROUNDS: usize = 3;
/// Acknowledged appends of a round after which it is killed.
const ENOUGH: usize = 150;

fn rounds() -> usize {
    std::env::var("POSTHOUSE_KILLS").map_or(ROUNDS, |kills| kills.parse().expect("POSTHOUSE_KILLS is a number"))
}

/// The text of a message: long enough to be cut into several pieces in the store, and different for every number.
fn text(writer: usize, number: usize) -> String {
    let line = format!("writer {writer} message {number}\n");
    line.repeat(1 + (writer * 31 + number * 17) % 200 * 20)
}

fn append(writer: usize, number: usize) -> Element {
    let body = Element::new("MIME").with("type", "text").with("subtype", "plain").text(text(writer, number));
    let email = Element::new("EMail").child(Element::new("Subject").text(format!("{writer}/{number}"))).child(body);
    let flags = if number.is_multiple_of(2) { "Seen" } else { "Flagged" };
    Element::new("messageAppend").with("targetMailbox", "Box").with("flags", flags).with("report", "uid").child(email)
}

fn user(writer: usize) -> String {
    // Four accounts with four writers each: some share a mailbox, some do not.
    format!("writer{}@{DOMAIN}", writer % 4)
}

/// What has been acknowledged: account, subject, UID.
type Acknowledged = Mutex<Vec<(String, String, u32)>>;

/// Appends until the connection breaks; notes what the server has acknowledged.
fn write(mut client: Client, writer: usize, first: usize, done: &Sender<()>, acknowledged: &Acknowledged) {
    for number in first.. {
        let Some(uid) = uid_of(&mut client, append(writer, number)) else { return };
        acknowledged.lock().unwrap().push((user(writer), format!("{writer}/{number}"), uid));
        // Nobody listens once the server is being killed.
        let _ = done.send(());
    }
}

/// The UID of what was appended; None where the connection broke first.
fn uid_of(client: &mut Client, request: Element) -> Option<u32> {
    let bytes = [posthouse::xml::write::to_bytes(&request.with("id", "x")), vec![0]].concat();
    client.try_send_raw(&bytes).ok()?;
    let added = client.try_receive().ok()??;
    let response = client.try_receive().ok()??;
    assert_eq!((response.name.as_str(), response.get("errorText")), ("response", None), "{response:?}");
    added.get("UID")?.parse().ok()
}

/// Looks at everything in a mailbox: the counters are those of the folder, and messages that were not `seen` whole before
/// are whole.
fn check(server: &Server, account: &str, seen: &mut BTreeSet<u32>) -> BTreeMap<u32, String> {
    let mut client = Client::connect(server.ximss());
    let session = client.log_in(account, "secret").ok()[0].get("urlID").unwrap().to_owned();
    let listed = client.ask(r#"<mailboxList filter="Box"/>"#).ok().remove(0);
    let init = client.ask(r#"<folderOpen folder="F" mailbox="Box" hideDeleted="no"><field>Subject</field><field>SIZE</field><field>FLAGS</field></folderOpen>"#);
    let init = init.ok().remove(0);
    let rows = client.ask(r#"<folderBrowse folder="F"><index from="0" till="1000000"/></folderBrowse>"#).ok();
    let field = |row: &Element, name: &str| row.first(name).unwrap().body();
    let size: u64 = rows.iter().map(|row| field(row, "SIZE").parse::<u64>().unwrap()).sum();
    let unseen = rows.iter().filter(|row| !field(row, "FLAGS").split(',').any(|flag| flag == "Seen")).count();
    let counted = |name: &str| listed.get(name).unwrap().parse::<u64>().unwrap();
    assert_eq!(counted("MESSAGES"), rows.len() as u64);
    assert_eq!(counted("UNSEEN"), unseen as u64);
    assert_eq!(counted("SIZE"), size);
    assert_eq!(init.get("messages"), listed.get("MESSAGES"));
    assert_eq!(init.get("unseen"), listed.get("UNSEEN"));
    let mut found = BTreeMap::new();
    for row in &rows {
        let (uid, subject) = (row.get("UID").unwrap(), field(row, "Subject"));
        let (writer, number) = subject.split_once('/').unwrap();
        let number_of = uid.parse().unwrap();
        found.insert(number_of, subject.clone());
        if !seen.insert(number_of) {
            continue;
        }
        let raw = http::get(server.http(), &format!("/Session/{session}/MIME/F/{uid}-P.txt"));
        assert_eq!(raw.body.len().to_string(), field(row, "SIZE"), "{subject}: the size of the row is that of the message");
        let body = http::get(server.http(), &format!("/Session/{session}/MIME/F/{uid}-B.txt"));
        let wanted = text(writer.parse().unwrap(), number.parse().unwrap());
        assert!(String::from_utf8(body.body).unwrap().replace("\r\n", "\n") == wanted, "{subject} is not whole");
        assert!(number_of < counted("UIDNEXT") as u32);
    }
    found
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let mut setup = Setup::default();
    for writer in 0..4 {
        setup = setup.account(&user(writer), "secret");
    }
    let mut server = setup.start();
    for writer in 0..4 {
        Client::login(server.ximss(), &user(writer), "secret").ask(r#"<mailboxCreate mailbox="Box"/>"#).ok();
    }
    let acknowledged = Acknowledged::default();
    let mut seen: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
    for round in 0..rounds() {
        let clients: Vec<Client> = (0..WRITERS).map(|writer| Client::login(server.ximss(), &user(writer), "secret")).collect();
        let (done, heard) = channel();
        std::thread::scope(|scope| {
            for (writer, client) in clients.into_iter().enumerate() {
                let (done, acknowledged) = (done.clone(), &acknowledged);
                scope.spawn(move || write(client, writer, round * 1_000_000, &done, acknowledged));
            }
            drop(done);
            (0..ENOUGH).for_each(|_| heard.recv().expect("the writers write"));
            server.kill();
        });
        server.start();
        // In the end all of it is read once more, however often it has seen the store recovered.
        if round + 1 == rounds() {
            seen.clear();
        }
        let mut look = |account: String| (account.clone(), check(&server, &account, seen.entry(account.clone()).or_default()));
        let found: BTreeMap<String, BTreeMap<u32, String>> = (0..4).map(|writer| look(user(writer))).collect();
        let acknowledged = acknowledged.lock().unwrap();
        for (account, subject, uid) in acknowledged.iter() {
            assert_eq!(found[account].get(uid), Some(subject), "{account}: acknowledged, and not there");
        }
        let there: usize = found.values().map(BTreeMap::len).sum();
        println!("round {round}: {} acknowledged, {there} there", acknowledged.len());
        // At most one append of each writer can have been on its way, in each round.
        assert!(there <= acknowledged.len() + WRITERS * (round + 1), "{there} are there");
        drop(acknowledged);
    }
    assert!(!server.log().contains("panic: "), "{}", server.log());
}

/// Appends and the removal that goes with them are one step: a kill never leaves both messages, or none.
#[test]
fn a_replacement_is_never_half_done() {
    let mut server = Setup::default().account(&user(0), "secret").start();
    Client::login(server.ximss(), &user(0), "secret").ask(r#"<mailboxCreate mailbox="Box"/>"#).ok();
    Client::login(server.ximss(), &user(0), "secret").call(append(0, 0)).ok();
    for round in 1..=rounds() {
        let mut client = Client::login(server.ximss(), &user(0), "secret");
        let init = client.ask(r#"<folderOpen folder="F" mailbox="Box"/>"#).ok().remove(0);
        assert_eq!(init.get("messages"), Some("1"), "round {round}");
        let mut last: u32 =
            client.ask(r#"<folderBrowse folder="F"><index>0</index></folderBrowse>"#).ok()[0].get("UID").unwrap().parse().unwrap();
        let (done, heard) = channel();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                for number in 0.. {
                    let mut request = append(0, number);
                    request.attributes.retain(|(name, _)| name != "targetMailbox");
                    let request = request.with("folder", "F").with("replacesUID", last).with("replaceMode", "checkOld").with("id", "x");
                    if client.try_send_raw(&[posthouse::xml::write::to_bytes(&request), vec![0]].concat()).is_err() {
                        return;
                    }
                    loop {
                        match client.try_receive() {
                            Ok(Some(message)) if message.name == "messageAdded" => last = message.get("UID").unwrap().parse().unwrap(),
                            Ok(Some(message)) if message.name == "response" => break assert_eq!(message.get("errorText"), None),
                            Ok(Some(_)) => {}
                            _ => return,
                        }
                    }
                    // Nobody listens once the server is being killed.
                    let _ = done.send(());
                }
            });
            (0..40).for_each(|_| heard.recv().expect("the writer writes"));
            server.kill();
        });
        server.start();
        assert_eq!(check(&server, &user(0), &mut BTreeSet::new()).len(), 1, "round {round}");
    }
}
