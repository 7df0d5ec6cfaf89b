//! A disk that is full, or takes no writes at all, under a server that runs: what needs it is refused, everything else
//! goes on, what was acknowledged stays, and when there is room again all is well without a restart.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on panics")]

mod support;

use posthouse::xml::Element;
use support::http::{get, request};
use support::server::{DOMAIN, Server, Setup};
use support::ximss::{Client, Reply};

fn user() -> String {
    format!("user@{DOMAIN}")
}

fn append(client: &mut Client, subject: &str, bytes: usize) -> Reply {
    let text = Element::new("MIME").with("type", "text").with("subtype", "plain").text("0123456789abcde\n".repeat(bytes / 16));
    let email = Element::new("EMail").child(Element::new("Subject").text(subject)).child(text);
    client.call(Element::new("messageAppend").with("targetMailbox", "Box").with("report", "uid").child(email))
}

/// The subjects of the mailbox, in order; each message is read to its end.
fn subjects(server: &Server) -> Vec<String> {
    let mut client = Client::connect(server.ximss());
    let session = client.log_in(&user(), "secret").ok()[0].get("urlID").unwrap().to_owned();
    client.ask(r#"<folderOpen folder="F" mailbox="Box" sortField="UID"><field>Subject</field><field>SIZE</field></folderOpen>"#).ok();
    let rows = client.ask(r#"<folderBrowse folder="F"><index from="0" till="1000"/></folderBrowse>"#).ok();
    let all = rows.iter().map(|row| {
        let raw = get(server.http(), &format!("/Session/{session}/MIME/F/{}-P.txt", row.get("UID").unwrap())).body;
        assert_eq!(raw.len().to_string(), row.first("SIZE").unwrap().body());
        row.first("Subject").unwrap().body()
    });
    all.collect()
}

/// Under a disk that takes files of at most so many bytes. `readable`: what is there can be read all the while.
fn under(limit: impl FnOnce(&Server) -> u64, readable: bool) {
    let mut server = Setup::default().account(&user(), "secret").start();
    let mut client = Client::connect(server.ximss());
    let session = client.log_in(&user(), "secret").ok()[0].get("urlID").unwrap().to_owned();
    client.ask(r#"<mailboxCreate mailbox="Box"/>"#).ok();
    let mut kept = Vec::new();
    for number in 0..5 {
        append(&mut client, &format!("before {number}"), 10_000).ok();
        kept.push(format!("before {number}"));
    }
    server.limit_files(Some(limit(&server)));
    let mut refused = 0;
    for number in 0..20 {
        let subject = format!("during {number}");
        match append(&mut client, &subject, 1 << 20).refusal() {
            Some((_, text)) => {
                assert!(!text.is_empty());
                refused += 1;
            }
            None => kept.push(subject),
        }
    }
    assert!(refused > 0, "{kept:?}");
    // What needs no room is done; an upload is refused as a whole.
    client.ask("<noop/>").ok();
    if readable {
        assert_eq!(subjects(&server), kept);
    }
    let upload = request(server.http(), "PUT", &format!("/Session/{session}/UPLOAD/x"), &[], &vec![b'x'; 3 << 20]);
    assert_eq!(upload.status, 500);
    assert!(client.ask("<listUploaded/>").ok().is_empty());
    assert!(!readable || get(server.http(), "/healthz").status == 200);
    server.limit_files(None);
    for number in 0..5 {
        append(&mut client, &format!("after {number}"), 10_000).ok();
        kept.push(format!("after {number}"));
    }
    assert_eq!(subjects(&server), kept);
    assert!(!server.log().contains("panic"), "{}", server.log());
    server.kill();
    server.start();
    assert_eq!(subjects(&server), kept);
}

#[test]
fn a_disk_without_room() {
    under(|server| std::fs::metadata(server.data().join("posthouse.redb")).unwrap().len() + (1 << 20), true);
}

#[test]
fn a_disk_that_takes_no_writes() {
    under(|_| 0, false);
}

/// Whoever has started the server and listened to it is gone.
#[test]
fn a_log_that_nobody_takes() {
    let mut server = Server::prepare("");
    server.add_account(&user(), "secret", "");
    server.start_unheard();
    for _ in 0..3 {
        // Each of these is worth a line in the log.
        server.reload();
        Client::login(server.ximss(), &user(), "secret").ask("<noop/>").ok();
    }
    server.stop();
}
