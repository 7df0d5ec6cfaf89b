//! The bounds of what a client may send, at the limit and one past it: past it there is a clear error, nothing is lost,
//! and the server goes on with others. XML bounds that can be written down are in `conversations/limits-xml.conv`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on panics")]

mod support;

use posthouse::xml::Element;
use support::http;
use support::server::{DOMAIN, Server, Setup};
use support::ximss::{Client, parse};

fn user() -> String {
    format!("user@{DOMAIN}")
}

fn server(config: &str) -> Server {
    Setup::default().account(&user(), "secret").config(config).start()
}

/// A request of exactly so many bytes, without the zero behind it.
fn request_of(bytes: usize, name: &str) -> Vec<u8> {
    let (begin, end) = (format!("<{name} id=\"L\">"), format!("</{name}>"));
    [begin.as_bytes(), &vec![b'x'; bytes - begin.len() - end.len()], end.as_bytes()].concat()
}

fn send(client: &mut Client, message: &[u8]) {
    client.send_raw(&[message, b"\0"].concat());
}

#[test]
fn a_message_before_login() {
    let server = server("");
    let mut client = Client::connect(server.ximss());
    send(&mut client, &request_of(64 << 10, "listFeatures"));
    assert_eq!(client.receive().unwrap().name, "features");
    assert_eq!(client.receive().unwrap().get("errorText"), None);
    // One byte more: the connection is closed, with a reason.
    let _ = client.try_send_raw(&[request_of((64 << 10) + 1, "listFeatures"), vec![0]].concat());
    let refusal = client.receive().expect("a reason before the end");
    assert_eq!((refusal.get("errorNum"), refusal.get("errorText")), (Some("500"), Some("message is too long")));
    assert!(client.receive().is_none(), "the connection is closed");
    // Never ending without a zero, too.
    let mut client = Client::connect(server.ximss());
    let _ = client.try_send_raw(&vec![b'x'; (64 << 10) + 1]);
    assert!(client.receive().is_some_and(|refusal| refusal.get("errorNum") == Some("500")));
    assert!(client.receive().is_none());
    Client::login(server.ximss(), &user(), "secret");
}

#[test]
fn a_message_in_a_session() {
    let server = server("");
    let mut client = Client::login(server.ximss(), &user(), "secret");
    send(&mut client, &request_of(16 << 20, "noop"));
    assert_eq!(client.receive().unwrap(), parse(br#"<response id="L"/>"#));
    // One byte more is skipped to its end; what follows is answered.
    send(&mut client, &request_of((16 << 20) + 1, "noop"));
    send(&mut client, br#"<noop id="after"/>"#);
    assert_eq!(client.receive().unwrap(), parse(br#"<response errorText="message is too long" errorNum="500"/>"#));
    assert_eq!(client.receive().unwrap(), parse(br#"<response id="after"/>"#));
}

#[test]
fn attributes_of_an_element() {
    let server = server("");
    let mut client = Client::login(server.ximss(), &user(), "secret");
    let with = |count: usize| format!("<noop id=\"L\" {}/>", (1..count).map(|i| format!("a{i}=\"\" ")).collect::<String>());
    send(&mut client, with(128).as_bytes());
    assert_eq!(client.receive().unwrap(), parse(br#"<response id="L"/>"#));
    send(&mut client, with(129).as_bytes());
    assert_eq!(client.receive().unwrap(), parse(br#"<response errorText="too many attributes" errorNum="500"/>"#));
}

#[test]
fn the_limits_of_the_configuration_hold() {
    let server = server("[limits]\nmessage_before_login = \"1 KiB\"\nmessage = 2048\nxml_depth = 3");
    let mut client = Client::connect(server.ximss());
    let _ = client.try_send_raw(&[request_of(1025, "listFeatures"), vec![0]].concat());
    assert_eq!(client.receive().unwrap().get("errorText"), Some("message is too long"));
    let mut client = Client::login(server.ximss(), &user(), "secret");
    send(&mut client, &request_of(2048, "noop"));
    assert_eq!(client.receive().unwrap().get("errorText"), None);
    send(&mut client, &request_of(2049, "noop"));
    assert_eq!(client.receive().unwrap().get("errorText"), Some("message is too long"));
    send(&mut client, b"<noop><a><b/></a></noop>");
    assert_eq!(client.receive().unwrap().get("errorText"), None);
    send(&mut client, b"<noop><a><b><c/></b></a></noop>");
    assert!(client.receive().unwrap().get("errorText").is_some());
}

/// More requests than may wait, sent at once by a client that does not read: all are answered, in order.
#[test]
fn requests_that_wait() {
    let server = server("");
    let mut client = Client::login(server.ximss(), &user(), "secret");
    let all: Vec<u8> = (0..5_000).flat_map(|i| format!("<noop id=\"{i}\"/>\0").into_bytes()).collect();
    client.send_raw(&all);
    for i in 0..5_000 {
        assert_eq!(client.receive().unwrap().get("id"), Some(i.to_string().as_str()));
    }
}

#[test]
fn sessions_of_an_account() {
    let server = server("[limits]\nsessions_per_account = 3");
    let mut clients: Vec<Client> = (0..3).map(|_| Client::login(server.ximss(), &user(), "secret")).collect();
    let mut fourth = Client::connect(server.ximss());
    assert!(fourth.log_in(&user(), "secret").refusal().is_some());
    // One that ends makes room; a refused login leaves the connection as it was.
    clients[0].ask("<bye/>").ok();
    assert!(clients[0].receive().is_none());
    fourth.log_in(&user(), "secret").ok();
    clients[1].ask("<noop/>").ok();
}

#[test]
fn connections_from_an_address() {
    let server = server("[limits]\nsessions_per_address = 3");
    let mut clients: Vec<Client> = (0..3).map(|_| Client::login(server.ximss(), &user(), "secret")).collect();
    let refused = Client::try_connect(server.ximss()).and_then(|mut fourth| {
        fourth.try_send_raw(b"<listFeatures id=\"x\"/>\0")?;
        fourth.try_receive()
    });
    // It may be told why; it is not served.
    assert!(!matches!(refused, Ok(Some(message)) if message.name == "features"));
    clients[2].ask("<noop/>").ok();
}

#[test]
fn time_to_log_in_and_idle_time() {
    let server = server("[limits]\nlogin_time = 1\nidle_time = 1");
    // Both are closed by the server: there is nothing to measure, only to wait for.
    let mut client = Client::connect(server.ximss());
    let last = std::iter::from_fn(|| client.receive()).last();
    assert!(last.is_none_or(|message| message.name == "bye"));
    let mut client = Client::login(server.ximss(), &user(), "secret");
    let last = std::iter::from_fn(|| client.receive()).last().expect("a session is told that it ends");
    assert_eq!(last, parse(b"<bye/>"));
}

/// The time to log in is one for all that is said before: whoever dawdles, drips or chatters is let go like the silent.
#[test]
fn slow_logins() {
    let server = server("[limits]\nlogin_time = 1\nmessage_before_login = \"16 MiB\"\n[auth]\nlegacy_mechanisms = true");
    // A login in the middle of its exchange.
    for method in ["LOGIN", "CRAM-MD5", "DIGEST-MD5"] {
        let mut client = Client::connect(server.ximss());
        client.send_text(&format!("<login id=\"x\" method=\"{method}\"/>"));
        assert_eq!(client.receive().expect("a challenge").name, "challenge");
        let last = std::iter::from_fn(|| client.receive()).last();
        assert!(last.is_none_or(|message| message.name == "bye"), "{method}");
    }
    // A message that comes byte by byte and has no end; a session that goes on beside sets the pace.
    let (mut client, mut beside) = (Client::connect(server.ximss()), Client::login(server.ximss(), &user(), "secret"));
    while client.try_send_raw(b"<").is_ok() {
        beside.ask("<noop/>").ok();
    }
    // Requests without end, none of them a login that succeeds.
    let mut client = Client::connect(server.ximss());
    while client.try_call(Element::new("listFeatures")).is_some() {}
    beside.ask("<noop/>").ok();
}

#[test]
fn failed_logins() {
    let server = server("[limits]\nfailed_logins = 3");
    let wrong = |name: &str, password: &str| {
        let reply = Client::connect(server.ximss()).log_in(name, password);
        let (number, text) = reply.refusal().expect("refused");
        (number.to_owned(), text.to_owned())
    };
    let told = ("515".to_owned(), "incorrect password or account name".to_owned());
    // A wrong name and a wrong password are told in the same words.
    assert_eq!(wrong(&user(), "wrong"), told);
    assert_eq!(wrong("nobody@example.dom", "wrong"), told);
    assert_eq!(wrong(&user(), "wrong"), told);
    // Past the limit the right password does not help either.
    assert_eq!(wrong(&user(), "secret"), ("515".to_owned(), "too many failed attempts".to_owned()));
}

/// A client that asks for much and reads nothing: its answers are made as it reads them, so the session lives.
#[test]
fn a_long_answer_does_not_count_as_unread() {
    let server = server("[limits]\nunread_output = \"64 KiB\"");
    let mut client = Client::login(server.ximss(), &user(), "secret");
    let body = Element::new("MIME").with("type", "text").with("subtype", "plain").text("0123456789abcde\n".repeat(1 << 16));
    client.call(Element::new("messageAppend").with("targetMailbox", "Notes").child(Element::new("EMail").child(body))).ok();
    client.ask(r#"<folderOpen folder="F" mailbox="Notes"/>"#).ok();
    let ids: Vec<String> = (0..20).map(|_| client.send(Element::new("folderRead").with("folder", "F").with("UID", 1))).collect();
    for id in ids {
        let reply = client.reply(&id).expect("the session lives");
        assert!(reply.ok()[0].first("EMail").unwrap().first("MIME").unwrap().body().len() == 1 << 20);
    }
}

fn upload(server: &Server, session: &str, id: &str, bytes: usize) -> u16 {
    http::request(server.http(), "POST", &format!("/Session/{session}/UPLOAD/{id}"), &[("Content-Type", "text/plain")], &vec![b'x'; bytes])
        .status
}

#[test]
fn uploads_of_a_session() {
    let server = server("[limits]\nuploads = 2\nfile_size = \"64 KiB\"");
    let mut client = Client::connect(server.ximss());
    let session = client.log_in(&user(), "secret").ok()[0].get("urlID").unwrap().to_owned();
    assert_eq!(upload(&server, &session, "one", 64 << 10), 200);
    assert_ne!(upload(&server, &session, "two", (64 << 10) + 1), 200);
    assert_eq!(upload(&server, &session, "two", 1), 200);
    assert_ne!(upload(&server, &session, "three", 1), 200);
    // One that takes the place of another is none too many.
    assert_eq!(upload(&server, &session, "one", 2), 200);
    let sizes: Vec<String> = client.ask("<listUploaded/>").ok().iter().map(|file| file.get("size").unwrap().to_owned()).collect();
    assert_eq!(sizes, ["2", "1"]);
}

#[test]
fn the_size_of_a_mail() {
    let server = server("[limits]\nmail_size = \"64 KiB\"");
    let mut client = Client::login(server.ximss(), &user(), "secret");
    // Header, empty line and text together: as many bytes of text fit as the rest leaves room for.
    let append = |bytes: usize| {
        let text = Element::new("MIME").with("type", "text").with("subtype", "plain").text("x".repeat(70) + "\nx".repeat(bytes).as_str());
        Element::new("messageAppend").with("targetMailbox", "Notes").child(Element::new("EMail").child(text))
    };
    client.ask(r#"<folderOpen folder="F" mailbox="Notes"><field>SIZE</field></folderOpen>"#).ok();
    client.call(append(1)).ok();
    client.ask(r#"<folderSync folder="F"/>"#).ok();
    let row = client.ask(r#"<folderBrowse folder="F"><index>0</index></folderBrowse>"#).ok().remove(0);
    let rest: usize = row.first("SIZE").unwrap().body().parse::<usize>().unwrap() - 3;
    let most = ((64 << 10) - rest) / 3;
    client.call(append(most)).ok();
    assert_eq!(client.call(append(most + 1)).refusal(), Some(("512", "message is too large")));
    client.ask("<noop/>").ok();
}

#[test]
fn tasks_of_an_account() {
    let server = server("");
    let (mut starter, mut other) = (Client::login(server.ximss(), &user(), "secret"), Client::login(server.ximss(), &user(), "secret"));
    let echo = r#"<taskStart programName="echo"/>"#;
    for _ in 0..20 {
        starter.ask(echo).ok();
    }
    assert_eq!(starter.ask(echo).refusal(), Some(("512", "too many tasks")));
    assert_eq!(other.ask(echo).refusal(), Some(("512", "too many tasks")));
    // They end with the session that started them: there is room for as many again.
    starter.ask("<bye/>").ok();
    for _ in 0..20 {
        while other.ask(echo).refusal().is_some() {}
    }
    assert_eq!(other.ask(echo).refusal(), Some(("512", "too many tasks")));
}
