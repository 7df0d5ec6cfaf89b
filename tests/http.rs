//! XIMSS over HTTP: logging in in every spelling, batches and polls that get lost, sessions that are taken up again,
//! guarded and ended, and the other ways into one session. Companion 2.2, row by row.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on panics")]

mod support;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use posthouse::xml::Element;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use support::http::{Answer, get, request};
use support::server::{DOMAIN, Server, Setup};
use support::web::{Web, form, log_in, messages, names, wait_until_no_session};
use support::ximss::{Client, parse};

fn user() -> String {
    format!("user@{DOMAIN}")
}

fn server(config: &str) -> Server {
    Setup::default().account(&user(), "secret").account(&format!("other@{DOMAIN}"), "secret").config(config).start()
}

fn post(server: SocketAddr, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    request(server, "POST", path, headers, body.as_bytes())
}

fn text(answer: &Answer) -> String {
    String::from_utf8(answer.body.clone()).unwrap()
}

fn error(message: &Element) -> Option<&str> {
    message.get("errorText")
}

/// The status that a client hears which writes its whole body before it reads, and loses all where it cannot.
fn heard_by_who_writes_first(server: SocketAddr, path: &str, body: &[u8]) -> u16 {
    let mut stream = TcpStream::connect(server).unwrap();
    stream.write_all(&support::http::written(server, "POST", path, &[], body, true)).expect("all of it is read");
    let mut status = [0; 12];
    stream.read_exact(&mut status).unwrap();
    std::str::from_utf8(&status[9..]).unwrap().parse().unwrap()
}

#[test]
fn what_is_answered_without_its_body_is_read_all_the_same() {
    let server = server("");
    let web = Web::login(server.http(), &user(), "secret");
    let body = format!("<XIMSS><noop id=\"1\"/>{}</XIMSS>", " ".repeat(8 << 20)).into_bytes();
    let sync = format!("/Session/{}/sync?reqSeq=1", web.id);
    for _ in 0..2 {
        assert_eq!(heard_by_who_writes_first(server.http(), &sync, &body), 200, "the second is answered from what is kept");
    }
    for path in ["/Session/nobody/sync?reqSeq=1", "/Session/nobody/UPLOAD/x"] {
        assert_eq!(heard_by_who_writes_first(server.http(), path, &body), 550, "{path}");
    }
}

#[test]
fn what_can_be_asked_before_login() {
    let server = server("");
    let body = "<XIMSS><listFeatures id=\"A001\"/><noop id=\"A002\"/><unknown id=\"A003\"/></XIMSS>";
    for (path, kind) in [("/XIMSSLogin/", "text/xml"), ("/ximsslogin", "application/x-www-form-urlencoded"), ("/ximssLogin/?random=1", "")]
    {
        let answer = post(server.http(), path, &[("Content-Type", kind)], body);
        let messages = messages(&answer);
        assert_eq!(names(&messages), ["features", "response", "response", "response"], "{path}");
        assert!(messages[..2].iter().all(|message| message.get("id") == Some("A001")));
        assert!(messages[0].first("starttls").is_none(), "there is no connection to secure");
        assert_eq!((error(&messages[2]), messages[3].get("errorNum")), (Some("not logged in"), Some("500")));
    }
    assert!(names(&messages(&post(server.http(), "/XIMSSLogin/", &[], "<XIMSS/>"))).is_empty());
    // A conversation goes as far as the client has sent its answers along.
    let plain = STANDARD.encode(format!("\0{}\0secret", user()));
    let body = format!("<XIMSS><login id=\"1\" method=\"PLAIN\"/><auth id=\"1\" value=\"{plain}\"/></XIMSS>");
    let answered = messages(&post(server.http(), "/XIMSSLogin/", &[], &body));
    assert_eq!(names(&answered), ["session", "challenge", "response"]);
    let begun = messages(&post(server.http(), "/XIMSSLogin/", &[], "<login id=\"1\" method=\"LOGIN\"/>"));
    assert_eq!(names(&begun), ["challenge"], "and nothing waits for the rest");
    for (body, status) in [("<XIMSS><listFeatures>", 400), ("<!DOCTYPE x><XIMSS/>", 400)] {
        let refused = post(server.http(), "/XIMSSLogin/", &[], body);
        assert_eq!((refused.status, parse(&refused.body).first("response").unwrap().get("errorNum")), (status, Some("500")));
    }
}

#[test]
fn logging_in_in_every_spelling() {
    let server = server("");
    let http = server.http();
    let basic = format!("Basic {}", STANDARD.encode(format!("{}:secret", user())));
    let query = form(&[("USERNAME", &user()), ("Password", "secret"), ("version", "6.1"), ("x2auth", "1"), ("canUpdatePwd", "1")]);
    for answer in [
        get(http, &format!("/XIMSSLogin/?{query}")),
        get(http, &format!("/ximsslogin?{query}")),
        post(http, "/ximssLogin/", &[("Content-Type", "application/x-www-form-urlencoded")], &query),
        post(http, "/XIMSSLogin/?errorAsXML=1", &[("Content-Type", "text/xml")], &query),
        post(http, "/XIMSSLogin/", &[], &form(&[("username", "user"), ("password", "secret")])),
        post(http, "/XIMSSLogin/", &[("Authorization", &basic)], ""),
        get(http, "/XIMSSLogin/").status_is(401).with(|| request(http, "GET", "/XIMSSLogin/", &[("Authorization", &basic)], b"")),
    ] {
        assert!(answer.header("set-cookie").is_none() && answer.header("cache-control") == Some("no-store"));
        let session = messages(&answer).remove(0);
        assert_eq!((session.get("userName"), session.get("version")), (Some(user().as_str()), Some("6.1")));
        assert_eq!(names(&Web::of(http, &answer).sync("<noop id=\"1\"/>")), ["response"]);
    }
    // As an operation: whatever stands before it, the session comes first; behind it, the session has its own URL.
    let body =
        format!("<XIMSS><listFeatures id=\"1\"/><login id=\"2\" authData=\"{}\" password=\"secret\"/><noop id=\"3\"/></XIMSS>", user());
    let answered = messages(&post(http, "/XIMSSLogin/", &[], &body));
    assert_eq!(names(&answered), ["session", "features", "response", "response", "response"]);
    assert_eq!(answered.iter().map(|m| m.get("id").unwrap()).collect::<String>(), "21123");
    assert!(error(&answered[4]).unwrap().contains("own URL"));
}

/// Small steps in the table above.
trait Check: Sized {
    fn status_is(self, status: u16) -> Self;
    fn with(self, then: impl FnOnce() -> Self) -> Self;
}

impl Check for Answer {
    fn status_is(self, status: u16) -> Self {
        assert_eq!(self.status, status);
        self
    }
    fn with(self, then: impl FnOnce() -> Self) -> Self {
        then()
    }
}

#[test]
fn a_login_that_fails() {
    let server = server("[limits]\nfailed_logins = 100");
    let wrong = |user: &str, password: &str, more: &[(&str, &str)]| log_in(server.http(), user, password, more, &[]);
    for refused in [wrong(&user(), "wrong", &[]), wrong("nobody", "wrong", &[]), wrong("", "", &[]), wrong(&user(), "", &[])] {
        assert_eq!((refused.status, refused.header("content-type")), (401, Some("text/plain; charset=utf-8")), "{}", text(&refused));
        assert!(refused.header("www-authenticate").is_some_and(|scheme| !scheme.starts_with("Basic")), "browsers would ask their user");
    }
    assert_eq!(text(&wrong(&user(), "wrong", &[])), "incorrect password or account name\n");
    let told = messages(&wrong(&user(), "wrong", &[("errorAsXML", "1")]));
    assert_eq!(
        (told[0].get("errorText"), told[0].get("errorNum"), told.len()),
        (Some("incorrect password or account name"), Some("515"), 1)
    );
    let basic = format!("Basic {}", STANDARD.encode(format!("{}:wrong", user())));
    let refused = post(server.http(), "/XIMSSLogin/", &[("Authorization", &basic)], "");
    assert!(refused.status == 401 && refused.header("www-authenticate").unwrap().starts_with("Basic"));
    // There is no nonce to log in with where the features carry none.
    assert_eq!(wrong(&user(), "", &[("nonce", "x"), ("authData", "x")]).status, 401);
    let log = server.log();
    assert!(!log.contains("secret") && !log.contains("wrong"), "{log}");
}

/// RFC 2104 over MD5, in hexadecimal.
fn hmac_md5(key: &[u8], text: &[u8]) -> String {
    use md5::{Digest, Md5};
    let pad = |with: u8| -> Vec<u8> { (0..64).map(|at| key.get(at).copied().unwrap_or_default() ^ with).collect() };
    let inner = Md5::digest([pad(0x36), text.to_vec()].concat());
    Md5::digest([pad(0x5C), inner.to_vec()].concat()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_nonce_instead_of_the_password() {
    let server = server("[auth]\nlegacy_mechanisms = true");
    let nonce = || {
        let features = messages(&post(server.http(), "/XIMSSLogin/", &[], "<XIMSS><listFeatures/></XIMSS>")).remove(0);
        features.first("nonce").unwrap().body()
    };
    let log_in = |nonce: &str, user: Option<&str>, data: &str| {
        let user = user.map(|user| ("userName", user));
        let more: Vec<(&str, &str)> = user.into_iter().chain([("nonce", nonce), ("authData", data), ("errorAsXML", "1")]).collect();
        get(server.http(), &format!("/XIMSSLogin/?{}", form(&more)))
    };
    let (first, second) = (nonce(), nonce());
    // The two spellings there are: what CRAM-MD5 answers, and its digest alone.
    let answer = STANDARD.encode(format!("{} {}", user(), hmac_md5(b"secret", first.as_bytes())));
    Web::of(server.http(), &log_in(&first, None, &answer));
    assert_eq!(messages(&log_in(&first, None, &answer))[0].get("errorNum"), Some("515"), "once");
    let answer = STANDARD.encode(hmac_md5(b"secret", second.as_bytes()));
    Web::of(server.http(), &log_in(&second, Some(&user()), &answer));
    let third = nonce();
    let wrong = STANDARD.encode(hmac_md5(b"wrong", third.as_bytes()));
    assert_eq!(messages(&log_in(&third, Some(&user()), &wrong))[0].get("errorNum"), Some("515"));
}

#[test]
fn requests_are_answered_in_order_and_not_executed_again() {
    let server = server("");
    let mut web = Web::login(server.http(), &user(), "secret");
    let answered = web.sync("<mailboxCreate id=\"A1\" mailbox=\"one\"/><readTime id=\"A2\"/><readTime/><nonsense id=\"A3\"/>");
    assert_eq!(names(&answered), ["response", "currentTime", "response", "currentTime", "response", "response"]);
    assert_eq!(answered.iter().map(|m| m.get("id").unwrap_or("-")).collect::<String>(), "A1A2A2--A3");
    assert_eq!((error(&answered[5]), answered[5].get("errorNum")), (Some("unknown command"), Some("500")));

    let create = "<XIMSS><mailboxCreate id=\"B\" mailbox=\"two\"/></XIMSS>";
    let first = web.request("POST", "sync?reqSeq=0", create);
    assert_eq!(error(&messages(&first)[0]), None);
    for _ in 0..2 {
        // The answer was lost: the same again is the same answer, however the batch looks.
        assert_eq!(web.request("POST", "sync?reqSeq=0", create).body, first.body);
    }
    assert!(error(&messages(&web.request("POST", "sync?reqSeq=1", create))[0]).is_some(), "another number is executed");
    assert!(error(&messages(&web.request("POST", "sync?reqSeq=0", create))[0]).is_some(), "and only the last is kept");
    // Without a number nothing is kept; names, types and methods are as they are.
    for (method, rest) in [("POST", "sync"), ("GET", "sync"), ("POST", "SYNC?random=7")] {
        assert!(error(&messages(&web.request(method, rest, create))[0]).is_some());
    }
    web.headers = vec![("Content-Type".into(), "application/json".into())];
    assert_eq!(names(&web.sync("<noop/>")), ["response"]);
    assert!(messages(&web.request("POST", "sync", "")).is_empty());
    assert_eq!(web.request("POST", "sync", "<XIMSS><noop>").status, 400);
    assert_eq!(web.request("POST", &format!("sync?reqSeq={}", "1".repeat(40)), "").status, 400);
    assert_eq!(web.request("PUT", "sync", "").status, 405);
}

#[test]
fn the_same_number_at_the_same_time_is_executed_once() {
    let server = server("");
    let web = Web::login(server.http(), &user(), "secret");
    for round in 0..20 {
        let body = format!("<XIMSS><mailboxCreate id=\"1\" mailbox=\"m{round}\"/></XIMSS>");
        let answers: Vec<Answer> = thread::scope(|scope| {
            let one = || web.request("POST", &format!("sync?reqSeq={round}"), &body);
            let all: Vec<_> = (0..4).map(|_| scope.spawn(one)).collect();
            all.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(answers.iter().all(|answer| error(&messages(answer)[0]).is_none()), "not executed twice, and heard by everybody");
    }
}

#[test]
fn queued_requests_are_answered_by_the_polls() {
    let server = server("");
    let mut web = Web::login(server.http(), &user(), "secret");
    let queued = web.request("POST", "async?reqSeq=1", "<XIMSS><readTime id=\"1\"/><mailboxCreate id=\"2\" mailbox=\"one\"/></XIMSS>");
    assert_eq!((queued.status, queued.body.len()), (200, 0));
    let again = web.request("POST", "async?reqSeq=1", "<XIMSS><mailboxCreate id=\"3\" mailbox=\"one\"/></XIMSS>");
    assert_eq!((again.status, again.body.len()), (200, 0));
    let mut got = Vec::new();
    while got.len() < 3 {
        got.extend(web.poll(60));
    }
    assert_eq!(names(&got), ["currentTime", "response", "response"]);
    assert!(got.iter().all(|message| error(message).is_none()));
    assert!(web.poll(0).is_empty());
}

/// A session that watches its INBOX, and somebody who sends to it.
fn watched(server: &Server) -> (Web, Client) {
    let mut web = Web::login(server.http(), &user(), "secret");
    let opened = web.sync("<folderOpen id=\"1\" folder=\"INBOX\" sortField=\"INTERNALDATE\"><field>Subject</field></folderOpen>");
    assert_eq!(names(&opened), ["folderReport", "response"]);
    (web, Client::login(server.ximss(), &user(), "secret"))
}

fn append(client: &mut Client, subject: &str) {
    client.ask(&format!("<messageAppend targetMailbox=\"INBOX\"><EMail><Subject>{subject}</Subject></EMail></messageAppend>")).ok();
}

#[test]
fn lost_polls_are_answered_again() {
    let server = server("");
    let (mut web, mut sender) = watched(&server);
    assert!(web.poll(0).is_empty());
    append(&mut sender, "one");
    let poll = |web: &Web, rest: &str| parse(&web.request("GET", rest, "").body);
    let first = poll(&web, "?ackSeq=0&maxWait=60");
    assert_eq!(first, parse(b"<XIMSS respSeq=\"1\"><folderReport folder=\"INBOX\" mode=\"notify\"/></XIMSS>"));
    // Not confirmed: it comes again, by either spelling, and at once.
    assert_eq!(poll(&web, "get?maxWait=60&ackSeq=0"), first);
    assert_eq!(poll(&web, "?ackSeq=0"), first);
    // Confirmed: nothing is left, and the next has the next number.
    assert_eq!(poll(&web, "?ackSeq=1"), parse(b"<XIMSS/>"));
    assert_eq!(names(&web.sync("<folderSync id=\"2\" folder=\"INBOX\"/>")), ["folderReport", "response"]);
    append(&mut sender, "two");
    assert_eq!(poll(&web, "?ackSeq=1&maxWait=60").get("respSeq"), Some("2"));
    assert_eq!(poll(&web, "?maxWait=0"), parse(b"<XIMSS/>"), "who names no number has it");
    assert_eq!(web.request("GET", "?ackSeq=x", "").status, 400);
}

#[test]
fn one_poll_waits_and_a_newer_one_takes_its_place() {
    let server = server("");
    let (web, mut sender) = watched(&server);
    thread::scope(|scope| {
        let poll = || scope.spawn(|| messages(&web.request("GET", "?ackSeq=0&maxWait=60", "")));
        let polls: Vec<_> = (0..3).map(|_| poll()).collect();
        // Two of them come back at once, without anything having happened.
        while polls.iter().filter(|poll| poll.is_finished()).count() < 2 {
            thread::yield_now();
        }
        append(&mut sender, "one");
        let all: Vec<Element> = polls.into_iter().flat_map(|poll| poll.join().unwrap()).collect();
        assert_eq!(names(&all), ["folderReport"], "and the message has come once");
    });
}

#[test]
fn clients_without_polls_get_all_with_their_answers() {
    let server = server("");
    let (web, mut sender) = watched(&server);
    append(&mut sender, "one");
    let mut got = Vec::new();
    let mut number = 7;
    while !got.iter().any(|message: &Element| message.get("mode") == Some("notify")) {
        number += 1;
        let answer = web.request("POST", &format!("sync?reqSeq={number}&syncAsync=1"), "<XIMSS><noop id=\"n\"/></XIMSS>");
        got = messages(&answer);
        assert_eq!(got[0].name, "response", "the answers come first");
        let again = web.request("POST", &format!("sync?reqSeq={number}&syncAsync=1"), "<XIMSS><noop id=\"n\"/></XIMSS>");
        assert_eq!(again.body, answer.body, "and with the rest when they are repeated");
    }
    // What a poll has brought and nobody has confirmed is brought this way too.
    web.request("POST", "sync", "<XIMSS><folderSync id=\"1\" folder=\"INBOX\"/></XIMSS>");
    append(&mut sender, "two");
    assert_eq!(messages(&web.request("GET", "?ackSeq=0&maxWait=60", "")).len(), 1);
    assert_eq!(messages(&web.request("POST", "sync?syncAsync=1", "")).len(), 1);
    assert!(messages(&web.request("GET", "?ackSeq=0", "")).is_empty());
}

#[test]
fn a_session_that_is_not_there_answers_550() {
    let server = server("");
    let mut web = Web::login(server.http(), &user(), "secret");
    let dead = |answer: Answer| {
        assert_eq!((answer.status, answer.header("content-type")), (550, Some("text/plain; charset=utf-8")));
        assert_eq!(text(&answer), "session is closed\n");
    };
    for rest in ["sync", "async?reqSeq=1", "?ackSeq=0", "get", "", "MIME/INBOX/1-P.txt", "KILL", "ws", "anything"] {
        dead(get(server.http(), &format!("/Session/none/{rest}")));
    }
    // The end is answered, and again if that was lost; what stands behind it is not done.
    let last = web.post("sync", "<noop id=\"1\"/><bye id=\"2\"/><mailboxCreate id=\"3\" mailbox=\"never\"/>");
    assert_eq!(messages(&last).iter().map(|m| m.get("id").unwrap()).collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(web.request("POST", "sync?reqSeq=1", "<XIMSS/>").body, last.body);
    dead(web.post("sync", "<noop/>"));
    dead(web.post("async", "<noop/>"));
    dead(web.request("GET", "?ackSeq=0&maxWait=60", ""));
    let web = Web::login(server.http(), &user(), "secret");
    assert_eq!(web.request("GET", "KILL", "").status, 200);
    dead(web.request("POST", "sync", "<XIMSS><noop/></XIMSS>"));
    assert_eq!(get(server.http(), "/Session/").status, 404);
}

#[test]
fn killing_old_sessions() {
    let server = server("");
    let mut by_connection = Client::login(server.ximss(), &user(), "secret");
    let mut old = Web::login(server.http(), &user(), "secret");
    let mut other = Web::login(server.http(), &format!("other@{DOMAIN}"), "secret");
    thread::scope(|scope| {
        let poll = scope.spawn(|| old.request("GET", "?ackSeq=0&maxWait=60", ""));
        let mut new = Web::of(server.http(), &log_in(server.http(), &user(), "secret", &[("killOld", "1")], &[]));
        assert_eq!(names(&messages(&poll.join().unwrap())), ["bye"], "it is told so");
        assert_eq!(names(&new.sync("<noop/>")), ["response"]);
    });
    old.ack = 1;
    assert_eq!(old.request("GET", "?ackSeq=1", "").status, 550);
    assert_eq!(old.post("sync", "<noop/>").status, 550);
    other.sync("<noop/>");
    by_connection.ask("<noop/>").ok();
}

#[test]
fn a_session_is_taken_up_again_by_its_id() {
    let server = server("[limits]\nfailed_logins = 100");
    let (mut web, mut sender) = watched(&server);
    append(&mut sender, "one");
    // Both are counted, and neither is known to have arrived.
    web.sync("<noop id=\"1\"/>");
    assert_eq!(messages(&web.request("GET", "?ackSeq=0&maxWait=60", "")).len(), 1);
    let again = |user: &str, id: &str| {
        let query = form(&[("userName", user), ("sessionid", id), ("errorAsXML", "1")]);
        get(server.http(), &format!("/XIMSSLogin/?{query}"))
    };
    for (user, id) in [(format!("other@{DOMAIN}"), web.id.as_str()), (user(), "123456-AbCdEfGhIjKlMnOpQrSt"), (user(), "")] {
        assert!(messages(&again(&user, id))[0].get("errorNum").is_some(), "{user} {id}");
    }
    for name in [user(), "user".into(), "USER".into(), String::new()] {
        assert_eq!(Web::of(server.http(), &again(&name, &web.id)).id, web.id, "{name}");
    }
    // Numbers begin anew: the first request is no repetition, and what did not arrive is batch 1.
    let mut resumed = web.again();
    assert_eq!(resumed.sync("<readTime id=\"1\"/>").len(), 2);
    assert_eq!(names(&resumed.poll(60)), ["folderReport"]);
    assert_eq!(names(&resumed.sync("<folderSync id=\"1\" folder=\"INBOX\"/>")), ["folderReport", "response"], "its folders are open");
    // A session on a connection can be asked by its ID too.
    let session = sender.ask("<readSession/>").ok().remove(0);
    let id = session.get("urlID").unwrap();
    assert_eq!(Web::of(server.http(), &again(&user(), id)).id, id);
}

#[test]
fn several_ways_into_one_session() {
    let server = server("");
    let mut client = Client::login(server.ximss(), &user(), "secret");
    let id = client.ask("<readSession/>").ok().remove(0).get("urlID").unwrap().to_owned();
    let url = |rest: &str| format!("/Session/{id}/{rest}");
    let answered = messages(&post(
        server.http(),
        &url("sync?reqSeq=1"),
        &[],
        "<XIMSS><readTime id=\"1\"/><mailboxCreate id=\"2\" mailbox=\"x\"/></XIMSS>",
    ));
    assert_eq!(names(&answered), ["currentTime", "response", "response"]);
    client.ask("<mailboxRemove mailbox=\"x\"/>").ok();
    // What it says unasked comes by its connection, and so do answers that nobody waits for.
    assert_eq!(post(server.http(), &url("UPLOAD/one"), &[], "text").status, 200);
    assert_eq!(client.receive().unwrap().name, "newUploaded");
    assert_eq!(post(server.http(), &url("async"), &[], "<XIMSS><noop id=\"late\"/></XIMSS>").status, 200);
    assert_eq!(client.receive().unwrap().get("id"), Some("late"));
    assert!(messages(&get(server.http(), &url("?ackSeq=0&maxWait=1"))).is_empty());
    // And it ends with its connection.
    drop(client);
    while get(server.http(), &url("?ackSeq=0&maxWait=0")).status == 200 {}
    assert_eq!(get(server.http(), &url("?ackSeq=0&maxWait=0")).status, 550);
}

#[test]
fn a_session_tied_to_a_cookie() {
    let server = server("");
    let answer = log_in(server.http(), &user(), "secret", &[("EnableUseCookie", "1")], &[]);
    let cookie = answer.header("set-cookie").unwrap().to_owned();
    assert!(cookie.contains("; HttpOnly") && cookie.contains("; SameSite=Strict") && !cookie.contains("Secure"), "{cookie}");
    let mut web = Web::of(server.http(), &answer);
    assert!(!cookie.contains(&web.id));
    for rest in ["sync", "?ackSeq=0", "MIME/INBOX/1-P.txt", "UPLOAD/x", "KILL"] {
        assert_eq!(web.request("POST", rest, "").status, 550, "{rest}");
    }
    let again = form(&[("userName", &user()), ("sessionid", &web.id)]);
    assert_eq!(get(server.http(), &format!("/XIMSSLogin/?{again}")).status, 401);
    let (pair, _) = cookie.split_once(';').unwrap();
    web.headers = vec![("Cookie".into(), format!("theme=dark; {pair}"))];
    assert_eq!(names(&web.sync("<noop/>")), ["response"]);
    assert_eq!(web.request("POST", "UPLOAD/x", "text").status, 200);
    assert_eq!(request(server.http(), "GET", &format!("/XIMSSLogin/?{again}"), &[("Cookie", pair)], b"").status, 200);
    web.headers = vec![("Cookie".into(), format!("{pair}x"))];
    assert_eq!(web.post("sync", "<noop/>").status, 550);
}

#[test]
fn a_session_tied_to_an_address() {
    let server = server("[web]\ntrusted_proxies = [\"127.0.0.1\"]");
    let from = |address: &'static str| [("X-Forwarded-For", address), ("X-Forwarded-Proto", "https")];
    let begin = |more: &[(&str, &str)], address| Web::of(server.http(), &log_in(server.http(), &user(), "secret", more, &from(address)));
    let status = |web: &Web, address: &'static str, rest: &str| {
        request(server.http(), "POST", &format!("/Session/{}/{rest}", web.id), &from(address), b"").status
    };
    let web = begin(&[], "192.0.2.1");
    assert_eq!(status(&web, "192.0.2.1", "sync"), 200);
    for rest in ["sync", "async", "?ackSeq=0", "UPLOAD/x", "MIME/INBOX/1-P.txt", "KILL"] {
        assert_eq!(status(&web, "192.0.2.2", rest), 550, "{rest}");
    }
    assert_eq!(web.request("POST", "sync", "").status, 550, "nor from this machine itself");
    assert_eq!(status(&web, "192.0.2.1", "UPLOAD/x"), 200);
    let free = begin(&[("DisableIPWatch", "1")], "192.0.2.1");
    assert_eq!(status(&free, "192.0.2.2", "sync"), 200);
    // Without TLS on the way a password is not taken from there.
    let refused = log_in(server.http(), &user(), "secret", &[], &[("X-Forwarded-For", "192.0.2.1")]);
    assert_eq!((refused.status, text(&refused).trim()), (401, "secure connection is required"));
}

#[test]
fn a_stranger_in_between_is_not_this_machine() {
    let server = server("");
    let refused = log_in(server.http(), &user(), "secret", &[], &[("X-Forwarded-For", "192.0.2.1")]);
    assert_eq!(refused.status, 403);
    assert!(text(&refused).contains("trusted_proxies"));
}

#[test]
fn the_first_byte_tells_what_is_spoken() {
    let server = server("");
    let mut client = Client::login(server.http(), &user(), "secret");
    client.ask("<noop/>").ok();
    let mut secure = Client::connect(server.http());
    secure.ask("<starttls/>").ok();
    secure.start_tls();
    secure.log_in(&user(), "secret").ok();
    let mut secure = Client::connect_tls(server.https());
    let features = secure.ask("<listFeatures/>").ok().remove(0);
    assert!(features.first("starttls").is_none());
    secure.log_in(&user(), "secret").ok();
    assert_eq!(get(server.http(), "/healthz").status, 200);
}

#[test]
fn bounds_of_a_body() {
    let server = server("[limits]\nmessage = \"100 KiB\"\nwaiting_requests = 4");
    let padded = |bytes: usize| format!("<XIMSS><listFeatures>{}</listFeatures></XIMSS>", "x".repeat(bytes));
    let status = |body: &str| post(server.http(), "/XIMSSLogin/", &[], body).status;
    assert_eq!([status(&padded(64 << 10)), status(&padded(66 << 10)), status(&padded(1 << 20))], [200, 413, 413]);
    assert_eq!([status(&"<noop/>".repeat(16).wrapped()), status(&"<noop/>".repeat(17).wrapped())], [200, 413]);
    let web = Web::login(server.http(), &user(), "secret");
    let padded = |bytes: usize| format!("<XIMSS><noop id=\"1\">{}</noop></XIMSS>", "x".repeat(bytes));
    assert_eq!(messages(&web.request("POST", "sync", &padded(100 << 10))).len(), 1);
    let refused = web.request("POST", "sync", &padded(102 << 10));
    assert_eq!(
        (refused.status, parse(&refused.body).first("response").and_then(|r| r.get("errorText").map(str::to_owned))),
        (413, Some("message is too long".into()))
    );
    // More than may wait are answered all the same, one after the other; only so many may come at once.
    let many: String = (0..1_024).map(|i| format!("<noop id=\"{i}\"/>")).collect();
    let answered = messages(&web.request("POST", "sync", &many.wrapped()));
    assert!(answered.iter().enumerate().all(|(i, m)| m.get("id") == Some(i.to_string().as_str())) && answered.len() == 1_024);
    assert_eq!(web.request("POST", "sync", &"<noop/>".repeat(1_025).wrapped()).status, 413);
    assert_eq!(messages(&web.request("POST", "sync", "<XIMSS><noop/></XIMSS>")).len(), 1);
}

trait Wrapped {
    fn wrapped(&self) -> String;
}

impl Wrapped for String {
    fn wrapped(&self) -> String {
        format!("<XIMSS>{self}</XIMSS>")
    }
}

#[test]
fn long_answers_come_as_they_are_made_and_are_kept_up_to_a_limit() {
    let server = server("[limits]\nunread_output = \"300 KiB\"");
    let mut web = Web::login(server.http(), &user(), "secret");
    let long = "y".repeat(100_000);
    let stored = web.sync(&format!(
        "<messageAppend id=\"1\" targetMailbox=\"Notes\"><EMail><Subject>long</Subject><MIME type=\"text\" subtype=\"plain\">{long}</MIME></EMail></messageAppend>\
         <folderOpen id=\"2\" folder=\"Notes\"><field>Subject</field></folderOpen>"
    ));
    assert!(stored.iter().all(|message| error(message).is_none()), "{stored:?}");
    let read = |times: usize| "<folderRead id=\"r\" folder=\"Notes\" UID=\"1\" totalSizeLimit=\"1000000\"/>".repeat(times).wrapped();
    let short = web.request("POST", "sync?reqSeq=10", &read(2));
    assert_eq!(names(&messages(&short)), ["folderMessage", "response", "folderMessage", "response"]);
    assert!(web.request("POST", "sync?reqSeq=10", "").body == short.body);
    // Longer than what is kept: whole the first time, and an error for each request the second.
    let all = messages(&web.request("POST", "sync?reqSeq=11", &read(30)));
    assert_eq!((all.len(), all[0].name.as_str(), error(&all[59])), (60, "folderMessage", None));
    let lost = messages(&web.request("POST", "sync?reqSeq=11", ""));
    assert_eq!(lost.len(), 30);
    assert!(lost.iter().all(|response| response.get("id") == Some("r") && response.get("errorNum") == Some("512")));
    assert_eq!(messages(&web.request("POST", "sync", &read(30))).len(), 60);

    // Texts are compressed for whoever takes that, but nothing that carries the ID.
    web.headers = vec![("Accept-Encoding".into(), "gzip, deflate".into())];
    let compressed = web.request("POST", "sync", &read(1));
    assert_eq!((compressed.header("content-encoding"), &compressed.body[..2]), (Some("gzip"), &[0x1F, 0x8B][..]));
    assert!(compressed.body.len() < 10_000);
    for plain in [web.request("POST", "sync", "<XIMSS><noop/></XIMSS>"), web.request("POST", "sync", "<XIMSS><readSession/></XIMSS>")] {
        assert_eq!(plain.header("content-encoding"), None);
    }
    let login = log_in(server.http(), &user(), "secret", &[], &[("Accept-Encoding", "gzip")]);
    assert_eq!(login.header("content-encoding"), None);
}

#[test]
fn a_session_outlives_its_connections_by_the_idle_time() {
    let server = server("[limits]\nidle_time = 2");
    let web = Web::login(server.http(), &user(), "secret");
    // A poll that waits longer is a sign of life.
    assert!(messages(&web.request("GET", "?ackSeq=0&maxWait=4", "")).is_empty());
    assert_eq!(web.request("POST", "sync", "").status, 200);
    wait_until_no_session(server.http());
    assert_eq!(names(&messages(&web.request("GET", "?ackSeq=0&maxWait=60", ""))), ["bye"], "its last word can be fetched");
    assert_eq!(web.request("POST", "sync", "<XIMSS><noop/></XIMSS>").status, 550);
    assert_eq!(web.request("GET", "?ackSeq=1&maxWait=60", "").status, 550);
}

#[test]
fn a_password_that_changes_ends_the_session_and_says_so() {
    let server = server("");
    let web = Web::login(server.http(), &user(), "secret");
    thread::scope(|scope| {
        let poll = scope.spawn(|| messages(&web.request("GET", "?ackSeq=0&maxWait=60", "")));
        server.run(&["account", "password", &user(), "--password-stdin"], "another\n");
        assert_eq!(names(&poll.join().unwrap()), ["bye"]);
    });
    assert_eq!(web.request("POST", "sync", "<XIMSS><noop/></XIMSS>").status, 550);
}

#[test]
fn a_server_that_stops_says_so() {
    let mut server = server("");
    let web = Web::login(server.http(), &user(), "secret");
    thread::scope(|scope| {
        let poll = || scope.spawn(|| messages(&web.request("GET", "?ackSeq=0&maxWait=60", "")));
        let polls = [poll(), poll()];
        // One has been sent away by the other, which waits.
        while !polls.iter().any(|poll| poll.is_finished()) {
            thread::yield_now();
        }
        server.stop();
        let said: Vec<Element> = polls.into_iter().flat_map(|poll| poll.join().unwrap()).collect();
        assert_eq!(names(&said), ["alert", "bye"], "{said:?}");
    });
}

#[test]
fn scripts_of_other_origins_are_answered_as_configured() {
    let ask = |server: &Server, path: &str| {
        let headers = [("Origin", "https://mail.example.test"), ("Access-Control-Request-Method", "POST")];
        request(server.http(), "OPTIONS", path, &headers, b"")
    };
    let open = server("[web]\nallowed_origins = [\"https://mail.example.test\"]");
    let closed = server("");
    for path in ["/XIMSSLogin/", "/Session/x/sync"] {
        let answer = ask(&open, path);
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, Some("https://mail.example.test")), "{path}");
        let answer = ask(&closed, path);
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (204, None), "{path}");
    }
}

#[test]
fn sessions_of_an_address() {
    let server = server("[limits]\nsessions_per_address = 3");
    let mut all: Vec<Web> = (0..3).map(|_| Web::login(server.http(), &user(), "secret")).collect();
    assert_eq!(log_in(server.http(), &user(), "secret", &[], &[]).status, 503);
    all[0].sync("<bye/>");
    while log_in(server.http(), &user(), "secret", &[], &[]).status == 503 {}
}
