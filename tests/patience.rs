//! Clients that take their time: heads and bodies that do not end, one byte at a time, answers nobody reads, and logins
//! without end. They are let go, or borne within bounds; whoever comes from elsewhere is served meanwhile.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on panics")]

mod support;

use posthouse::xml::Element;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;
use support::http::get;
use support::server::{DOMAIN, Server, Setup};
use support::ximss::Client;

/// Where attackers come from; all other clients are 127.0.0.1.
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(127, 200, 0, 9);

fn address(name: &str) -> String {
    format!("{name}@{DOMAIN}")
}

fn server(config: &str) -> Server {
    Setup::default().account(&address("slow"), "secret").account(&address("witness"), "secret").config(config).start()
}

fn witness(server: &Server) -> Client {
    Client::login(server.ximss(), &address("witness"), "secret")
}

fn is_unharmed(server: &Server, witness: &mut Client) {
    witness.ask(r#"<messageAppend targetMailbox="Notes"><EMail><Subject>seen</Subject></EMail></messageAppend>"#).ok();
    assert_eq!(get(server.http(), "/healthz").status, 200);
    assert!(!server.log().contains("panic"), "{}", server.log());
}

fn stream(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream
}

/// All that comes until the server closes the connection.
fn rest(mut stream: TcpStream) -> String {
    let mut all = Vec::new();
    // It may be reset: that is an end as well.
    let _ = stream.read_to_end(&mut all);
    String::from_utf8_lossy(&all).into_owned()
}

fn metric(server: &Server, name: &str) -> u64 {
    let metrics = String::from_utf8(get(server.http(), "/metrics").body).unwrap();
    metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).map_or(0, |number| number.trim().parse().unwrap())
}

#[test]
fn one_byte_at_a_time_is_served() {
    let server = server("");
    let mut client = Client::connect(server.ximss());
    let login = format!("<login id=\"1\" authData=\"{}\" password=\"secret\"/>\0<noop id=\"2\"/>\0", address("slow"));
    login.bytes().for_each(|byte| client.send_raw(&[byte]));
    assert_eq!([client.receive().unwrap().name, client.receive().unwrap().name], ["session", "response"]);
    assert_eq!(client.receive().unwrap().get("id"), Some("2"));
    let mut web = stream(server.http());
    web.set_nodelay(true).unwrap();
    b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".iter().for_each(|byte| web.write_all(&[*byte]).unwrap());
    assert!(rest(web).starts_with("HTTP/1.1 200"));
}

#[test]
fn heads_and_bodies_that_do_not_end() {
    let server = server("[limits]\nlogin_time = 1");
    let mut witness = witness(&server);
    // Nothing at all; half a head; a head that comes byte by byte; the beginning of a handshake.
    let silent = stream(server.http());
    let mut half = stream(server.http());
    half.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow:").unwrap();
    let mut dripping = stream(server.http());
    dripping.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow:").unwrap();
    let mut handshake = stream(server.https());
    handshake.write_all(b"\x16\x03\x01\x02\x00\x01").unwrap();
    while dripping.write_all(b"x").is_ok() {
        witness.ask("<noop/>").ok();
    }
    assert_eq!(rest(silent), "");
    assert!(matches!(rest(half).get(..12), Some("HTTP/1.1 408") | None));
    rest(handshake);
    // A login whose form does not end.
    let mut form = stream(server.http());
    form.write_all(b"POST /XIMSSLogin/ HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nuserName=").unwrap();
    let told = rest(form);
    assert!(told.starts_with("HTTP/1.1 408"), "{told}");
    is_unharmed(&server, &mut witness);
}

/// Connections to the web port are counted as well: one address cannot have them all.
#[test]
fn web_connections_of_an_address() {
    let server = server("[limits]\nsessions_per_address = 2");
    let idle = |count: usize| (0..count).map(|_| from_elsewhere(server.http())).collect::<Vec<_>>();
    let mut held = idle(8);
    for stream in &mut held {
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200");
    }
    let told = rest(idle(1).remove(0));
    assert!(told.starts_with("HTTP/1.1 503"), "{told}");
    // Others come in all the same; and this one again, when it has let go.
    assert_eq!(get(server.http(), "/healthz").status, 200);
    drop(held);
    loop {
        let mut again = idle(1).remove(0);
        let _ = again.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        if rest(again).starts_with("HTTP/1.1 200") {
            break;
        }
    }
}

fn from_elsewhere(to: SocketAddr) -> TcpStream {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((ELSEWHERE, 0)).into()).unwrap();
    socket.connect(&to.into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream
}

#[test]
fn notices_that_nobody_reads_end_the_session() {
    let server = server("[limits]\nunread_output = \"256 KiB\"");
    let mut witness = witness(&server);
    witness.ask(r#"<signalBind clientID="witness"/>"#).ok();
    let mut deaf = Client::login(server.ximss(), &address("slow"), "secret");
    deaf.ask(r#"<signalBind clientID="deaf"/>"#).ok();
    assert_eq!(metric(&server, "posthouse_ximss_sessions"), 2);
    let text = "x".repeat(50_000);
    let mut sent = 0;
    while metric(&server, "posthouse_ximss_sessions") == 2 {
        // Whoever sends is not held up, and is told nothing else than before.
        witness.call(Element::new("sendIM").with("peer", address("slow")).text(text.as_str())).ok();
        sent += 1;
        assert!(sent < 2_000, "the session is cut off");
    }
    // What was on its way may still be read; then there is the end.
    while deaf.try_receive().is_ok_and(|message| message.is_some()) {}
    is_unharmed(&server, &mut witness);
}

#[test]
fn answers_that_nobody_reads_end_the_session() {
    let server = server("[limits]\nidle_time = 2");
    let mut deaf = Client::login(server.ximss(), &address("slow"), "secret");
    let body = Element::new("MIME").with("type", "text").with("subtype", "plain").text("0123456789abcde\n".repeat(1 << 16));
    deaf.call(Element::new("messageAppend").with("targetMailbox", "Notes").child(Element::new("EMail").child(body))).ok();
    deaf.ask(r#"<folderOpen folder="F" mailbox="Notes"/>"#).ok();
    for _ in 0..200 {
        deaf.send(Element::new("folderRead").with("folder", "F").with("UID", 1));
    }
    let before = server.peak_memory();
    while metric(&server, "posthouse_ximss_sessions") > 0 {}
    let grown = server.peak_memory() - before;
    assert!(grown < 64 << 20, "{grown} bytes");
    is_unharmed(&server, &mut witness(&server));
}

#[test]
fn downloads_that_nobody_reads_cost_little() {
    let server = server("");
    let mut witness = witness(&server);
    let mut client = Client::connect(server.ximss());
    let session = client.log_in(&address("slow"), "secret").ok()[0].get("urlID").unwrap().to_owned();
    let body = Element::new("MIME").with("type", "text").with("subtype", "plain").text("0123456789abcde\n".repeat(15 << 14));
    client.call(Element::new("messageAppend").with("targetMailbox", "Notes").child(Element::new("EMail").child(body))).ok();
    client.ask(r#"<folderOpen folder="F" mailbox="Notes"/>"#).ok();
    let before = server.peak_memory();
    let mut held = Vec::new();
    for number in 0..60 {
        let mut stream = stream(server.http());
        let form = if number % 2 == 0 { "P.txt" } else { "B.txt" };
        stream.write_all(format!("GET /Session/{session}/MIME/F/1-{form} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).unwrap();
        held.push(stream);
    }
    // Each has its answer begun.
    for stream in &mut held {
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200");
    }
    let grown = server.peak_memory() - before;
    assert!(grown < 128 << 20, "{grown} bytes");
    is_unharmed(&server, &mut witness);
}

#[test]
fn floods_of_logins() {
    let server = server("");
    let mut witness = witness(&server);
    let flood = |number: usize| {
        for attempt in 0..6 {
            let Ok(mut client) = Client::try_connect_from(ELSEWHERE, server.ximss()) else { continue };
            let name = if attempt % 2 == 0 { address("slow") } else { address(&format!("nobody{number}-{attempt}")) };
            let login = format!("<login id=\"1\" authData=\"{name}\" password=\"wrong{attempt}\"/>\0");
            // Many at once, and some that do not wait for an answer.
            let _ = client.try_send_raw(login.repeat(5).as_bytes());
            if !number.is_multiple_of(3) {
                while let Ok(Some(answer)) = client.try_receive() {
                    assert_ne!(answer.name, "session");
                    if answer.name == "response" && attempt % 2 == 0 {
                        break;
                    }
                }
            }
        }
    };
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..60).map(|number| scope.spawn(move || flood(number))).collect();
        while !all.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            // Whoever is there works on, and from another address another account is logged in to.
            witness.ask("<noop/>").ok();
            Client::login(server.ximss(), &address("witness"), "secret").ask("<bye/>").ok();
        }
    });
    is_unharmed(&server, &mut witness);
}
