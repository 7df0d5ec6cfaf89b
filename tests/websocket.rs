//! XIMSS over WebSocket: one text frame, one document; sessions that outlive their connection.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on panics")]

mod support;

use support::server::{DOMAIN, Server, Setup};
use support::web::{Web, form, messages, names, wait_until_no_session};
use support::websocket::{Frame, Socket};
use support::ximss::Client;

fn user() -> String {
    format!("user@{DOMAIN}")
}

fn server(config: &str) -> Server {
    Setup::default().account(&user(), "secret").config(config).start()
}

fn connect(server: &Server) -> Socket {
    Socket::connect(server.http(), "/ximss/ws", &[]).unwrap()
}

/// A socket that is logged in, and the ID of its session.
fn logged_in(server: &Server) -> (Socket, String) {
    let mut socket = connect(server);
    let answered = socket.ask(&format!("<login id=\"1\" authData=\"{}\" password=\"secret\"/>", user()));
    assert_eq!(names(&answered), ["session", "response"], "{answered:?}");
    (socket, answered[0].get("urlID").unwrap().to_owned())
}

fn take_up(server: &Server, id: &str) -> Socket {
    Socket::connect(server.http(), &format!("/Session/{id}/ws"), &[]).unwrap()
}

#[test]
fn documents_go_both_ways() {
    let server = server("");
    let mut socket = connect(&server);
    assert_eq!(names(&socket.ask("<listFeatures id=\"1\"/>")), ["features", "response"]);
    assert_eq!(names(&socket.ask("<login id=\"1\" method=\"PLAIN\"/><x/>")), ["response"], "one frame is one document");
    let (mut socket, id) = logged_in(&server);
    // In pieces, with a question between them, and with the zero of the TCP form.
    socket.send_frame(0x01, b"<noop ");
    socket.send_frame(0x89, b"?");
    socket.send_frame(0x80, b"id=\"2\"/>\0");
    assert_eq!(socket.receive(), Frame::Text("pong ?".into()));
    assert_eq!(socket.message().get("id"), Some("2"));
    for number in 0..500 {
        socket.send(&format!("<noop id=\"{number}\"/>"));
    }
    for number in 0..500 {
        assert_eq!(socket.message().get("id"), Some(number.to_string().as_str()), "answered in order");
    }
    // What it says unasked comes as well, and requests may come another way.
    let mut same = Web::known(server.http(), &id);
    assert_eq!(names(&same.sync("<readTime/>")), ["currentTime", "response"]);
    assert_eq!(same.request("POST", "UPLOAD/one", "text").status, 200);
    assert_eq!(socket.message().name, "newUploaded");
    assert_eq!(names(&socket.ask("<bye id=\"9\"/>")), ["response"]);
    assert_eq!(socket.receive(), Frame::Close(1000));
    assert_eq!(same.post("async", "<noop/>").status, 550);
}

#[test]
fn what_is_no_message_closes_the_connection() {
    let server = server("[limits]\nmessage_before_login = 1024\nmessage = 100000");
    let long = |bytes: usize| format!("<listFeatures id=\"1\">{}</listFeatures>", "x".repeat(bytes - 36));
    let mut socket = connect(&server);
    assert_eq!(names(&socket.ask(&long(1024))), ["features", "response"]);
    socket.send(&long(1025));
    assert_eq!(socket.message().get("errorText"), Some("message is too long"));
    assert_eq!(socket.receive(), Frame::Close(1009));
    // A message that says it will be endless is not waited for.
    let mut socket = connect(&server);
    socket.send_frame(0x01, &[b'x'; 1025]);
    assert_eq!(socket.message().get("errorText"), Some("message is too long"));
    assert_eq!(socket.receive(), Frame::Close(1009));
    for (first, code) in [(0x82, 1003), (0x83, 1002), (0xC1, 1002), (0x80, 1002), (0x88, 1000)] {
        let (mut socket, id) = logged_in(&server);
        socket.send_frame(first, b"\x03\xe8");
        assert_eq!(socket.receive(), Frame::Close(code), "{first:x}");
        assert_eq!(names(&take_up(&server, &id).ask("<noop/>")), ["response"], "the session lives on");
    }
    // In a session a message that is too long is refused, and the next one taken.
    let (mut socket, _) = logged_in(&server);
    socket.send(&format!("<noop id=\"1\">{}</noop>", "x".repeat(100_000)));
    assert_eq!(socket.message().get("errorText"), Some("message is too long"));
    assert_eq!(names(&socket.ask("<noop id=\"2\"/>")), ["response"]);
}

#[test]
fn a_lost_connection_is_taken_up_again() {
    let server = server("");
    let (mut socket, id) = logged_in(&server);
    assert_eq!(
        names(&socket.ask("<folderOpen id=\"2\" folder=\"INBOX\"><field>Subject</field></folderOpen>")),
        ["folderReport", "response"]
    );
    drop(socket);
    let mut sender = Client::login(server.ximss(), &user(), "secret");
    let mut append = || sender.ask("<messageAppend targetMailbox=\"INBOX\"><EMail><Subject>x</Subject></EMail></messageAppend>").ok();
    // By an HTTP login with its ID, and a poll.
    let query = form(&[("userName", &user()), ("sessionid", &id)]);
    let mut web = Web::of(server.http(), &support::http::get(server.http(), &format!("/XIMSSLogin/?{query}")));
    assert_eq!(web.id, id);
    append();
    let first = web.request("GET", "?ackSeq=0&maxWait=60", "");
    assert_eq!(names(&messages(&first)), ["folderReport"]);
    // By another WebSocket, which finds what the poll has brought and nobody has confirmed.
    let mut socket = take_up(&server, &id);
    assert_eq!(socket.message().get("mode"), Some("notify"));
    assert_eq!(names(&socket.ask("<folderSync id=\"3\" folder=\"INBOX\"/>")), ["folderReport", "response"]);
    // The newest reader has it: the one before is told to go.
    let mut newer = take_up(&server, &id);
    assert_eq!(socket.receive(), Frame::Close(4001));
    append();
    assert_eq!(newer.message().get("mode"), Some("notify"));
    assert!(web.poll(0).is_empty());
    assert_eq!(newer.receive(), Frame::Close(4001));
    assert_eq!(Socket::connect(server.http(), "/Session/none/ws", &[]).err(), Some(550));
    let by_connection = sender.ask("<readSession/>").ok().remove(0).get("urlID").unwrap().to_owned();
    assert_eq!(Socket::connect(server.http(), &format!("/Session/{by_connection}/ws"), &[]).err(), Some(409));
}

#[test]
fn a_session_without_a_connection_ends_when_it_is_idle() {
    let server = server("[limits]\nidle_time = 1\nlogin_time = 1");
    let mut stranger = connect(&server);
    assert_eq!(stranger.message().name, "bye");
    assert_eq!(stranger.receive(), Frame::Close(1000));
    let (mut socket, _) = logged_in(&server);
    assert_eq!(socket.message().name, "bye", "with one as well");
    assert_eq!(socket.receive(), Frame::Close(1000));
    let (socket, id) = logged_in(&server);
    drop(socket);
    wait_until_no_session(server.http());
    assert_eq!(names(&Web::known(server.http(), &id).poll(60)), ["bye"]);
}

#[test]
fn pages_of_other_sites_connect_only_where_they_may() {
    let server = server("[web]\nallowed_origins = [\"https://mail.example.test\"]");
    let status = |origin: &str| Socket::connect(server.http(), "/ximss/ws", &[("Origin", origin)]).err();
    assert_eq!(status("https://evil.example"), Some(403));
    assert_eq!([status("https://mail.example.test"), status(&format!("http://{}", server.http()))], [None, None]);
    assert_eq!(support::http::get(server.http(), "/ximss/ws").status, 400);
}
