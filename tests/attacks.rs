//! Messages, mail, names and URLs that are made to break a server. Each is refused or borne, in words that say so, and
//! a second session finds the server as it was.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on panics")]

mod support;

use posthouse::xml::Element;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;
use support::http::{self, Answer, get};
use support::server::{DOMAIN, Server, Setup};
use support::ximss::Client;

/// A server, a session that attacks it and one that looks on.
struct Scene {
    server: Server,
    attacker: Client,
    session: String,
    witness: Client,
}

fn address(name: &str) -> String {
    format!("{name}@{DOMAIN}")
}

impl Scene {
    fn new(config: &str) -> Self {
        let server = Setup::default().account(&address("attacker"), "secret").account(&address("witness"), "secret").config(config).start();
        let mut attacker = Client::connect(server.ximss());
        let session = attacker.log_in(&address("attacker"), "secret").ok()[0].get("urlID").unwrap().to_owned();
        let witness = Client::login(server.ximss(), &address("witness"), "secret");
        Self { server, attacker, session, witness }
    }

    /// The server does for others what it did before, and nothing in it has broken.
    fn is_unharmed(&mut self) {
        self.witness.ask("<noop/>").ok();
        let note = r#"<messageAppend targetMailbox="Notes"><EMail><Subject>seen</Subject></EMail></messageAppend>"#;
        self.witness.ask(note).ok();
        Client::login(self.server.ximss(), &address("witness"), "secret").ask("<noop/>").ok();
        assert_eq!(get(self.server.http(), "/healthz").status, 200);
        let log = self.server.log();
        assert!(!log.contains("panic") && !log.contains("ERROR"), "{log}");
    }

    fn get(&self, rest: &str) -> Answer {
        get(self.server.http(), &format!("/Session/{}/{rest}", self.session))
    }

    /// Puts mail into the box, as it is. Gives its UID.
    fn import(&mut self, name: &str, raw: &[u8]) -> u32 {
        let file = self.server.folder().join(format!("{name}.eml"));
        fs::write(&file, raw).unwrap();
        let said = self.server.run(&["import", "--account", &address("attacker"), "--mailbox", "Box", file.to_str().unwrap()], "");
        assert!(said.trim_end().ends_with("imported 1, skipped 0, failed 0"), "{name}: {said}");
        let opened = self.attacker.ask(r#"<folderOpen folder="B" mailbox="Box" sortField="UID"/>"#).ok();
        let messages: u32 = opened[0].get("messages").unwrap().parse().unwrap();
        let row = self.attacker.ask(&format!(r#"<folderBrowse folder="B"><index>{}</index></folderBrowse>"#, messages - 1)).ok().remove(0);
        self.attacker.ask(r#"<folderClose folder="B"/>"#).ok();
        row.get("UID").unwrap().parse().unwrap()
    }

    /// Reads a message in its ways. Gives the part IDs that are told.
    fn read(&mut self, name: &str, uid: u32, raw: &[u8]) -> Vec<String> {
        let open = r#"<folderOpen folder="F" mailbox="Box"><field>From</field><field>Subject</field><field>SIZE</field></folderOpen>"#;
        // Open from the message before, or not yet.
        let _ = self.attacker.ask(r#"<folderClose folder="F"/>"#);
        self.attacker.ask(open).ok();
        self.attacker.ask(r#"<folderBrowse folder="F"><index from="0" till="1000"/></folderBrowse>"#).ok();
        let read = self.attacker.call(Element::new("folderRead").with("folder", "F").with("UID", uid)).ok().remove(0);
        let mut parts = Vec::new();
        part_ids(&read, &mut parts);
        assert!(self.get(&format!("MIME/F/{uid}-P.txt")).body == raw, "{name}: it is stored as it came");
        assert_eq!(self.get(&format!("MIME/F/{uid}-B.txt")).status, 200, "{name}");
        assert!(raw.starts_with(&self.get(&format!("MIME/F/{uid}-H.txt")).body), "{name}");
        self.attacker.ask(r#"<folderReopen folder="F" filter="x"/>"#).ok();
        for mode in ["replyAll", "replyFrom"] {
            self.attacker.call(Element::new("folderRead").with("folder", "F").with("UID", uid).with("mode", mode)).ok();
        }
        for part in parts.iter().step_by(1 + parts.len() / 5).chain(parts.last()) {
            assert_eq!(self.get(&format!("MIME/F/{uid}-{part}-B.bin")).status, 200, "{name}: {part}");
        }
        parts
    }
}

fn part_ids(element: &Element, out: &mut Vec<String>) {
    out.extend(element.get("partID").map(str::to_owned));
    element.elements().for_each(|inner| part_ids(inner, out));
}

/// So many multiparts inside each other, with a text inside the last.
fn nested(depth: usize) -> String {
    let begin = |level| format!("Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n");
    let levels: String = (0..depth).map(begin).collect();
    format!("From: a@b.c\r\n{levels}\r\ninnermost\r\n")
}

fn wide(parts: usize) -> String {
    format!("From: a@b.c\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n{}--b--\r\n", "--b\r\n\r\nx\r\n".repeat(parts))
}

#[test]
fn mail_with_more_parts_or_levels_than_are_looked_at() {
    let mut scene = Scene::new("");
    let mut parts = |name: &str, raw: &str| {
        let uid = scene.import(name, raw.as_bytes());
        (scene.read(name, uid, raw.as_bytes()), uid)
    };
    let (at, uid_at) = parts("as many parts as are looked at", &wide(2_000));
    let (past, uid_past) = parts("one more", &wide(2_001));
    let (bomb, uid_bomb) = parts("a hundred thousand", &wide(100_000));
    assert_eq!([at.len(), past.len(), bomb.len()], [2_000; 3]);
    let (inside, _) = parts("as deep as is looked at", &nested(31));
    let (deeper, _) = parts("one deeper", &nested(32));
    let (deepest, _) = parts("much deeper", &nested(3_000));
    let (messages, _) = parts("messages in messages", &"Content-Type: message/rfc822\r\n\r\n".repeat(30_000));
    assert_eq!([inside.len(), deeper.len(), deepest.len()], [31; 3]);
    assert!(messages.len() < 32);
    assert_eq!(scene.get(&format!("MIME/F/{uid_at}-2000-B.txt")).body, b"x");
    for uid in [uid_past, uid_bomb] {
        assert_eq!(scene.get(&format!("MIME/F/{uid}-2000-B.txt")).status, 200);
        assert_eq!(scene.get(&format!("MIME/F/{uid}-2001-B.txt")).status, 404);
    }
    scene.is_unharmed();
}

#[test]
fn mail_with_a_header_longer_than_is_looked_at() {
    let mut scene = Scene::new("");
    let mut subject = |name: &str, before: usize| {
        let pad = format!("X-Pad: {}\r\n", "x".repeat(before - 9));
        let raw = format!("{pad}Subject: here\r\n\r\ntext\r\n");
        let uid = scene.import(name, raw.as_bytes());
        scene.read(name, uid, raw.as_bytes());
        let read = scene.attacker.call(Element::new("folderRead").with("folder", "F").with("UID", uid)).ok().remove(0);
        read.first("EMail").unwrap().first("Subject").map(Element::body)
    };
    let limit = 256 << 10;
    assert_eq!(subject("inside", limit - 64).as_deref(), Some("here"));
    assert_eq!(subject("behind", limit + 1), None);
    assert_eq!(subject("far behind", 20 << 20), None);
    scene.is_unharmed();
}

/// What fuzzing was fed with goes through the whole house as well.
#[test]
fn mail_that_is_hard_to_read() {
    let mut scene = Scene::new("");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/found/mime");
    for entry in fs::read_dir(folder).unwrap() {
        let (path, name) = {
            let entry = entry.unwrap();
            (entry.path(), entry.file_name().into_string().unwrap())
        };
        let raw = fs::read(path).unwrap();
        let uid = scene.import(&name, &raw);
        scene.read(&name, uid, &raw);
    }
    scene.is_unharmed();
}

#[test]
fn messages_without_end() {
    let mut scene = Scene::new("");
    let before = scene.server.peak_memory();
    let piece = vec![b'x'; 1 << 20];
    // In a session: what is past the limit is not kept.
    scene.attacker.send_raw(b"<noop id=\"");
    for _ in 0..100 {
        scene.attacker.send_raw(&piece);
    }
    scene.witness.ask("<noop/>").ok();
    scene.attacker.send_raw(b"\"/>\0<noop id=\"after\"/>\0");
    assert_eq!(scene.attacker.receive().unwrap().get("errorText"), Some("message is too long"));
    assert_eq!(scene.attacker.receive().unwrap().get("id"), Some("after"));
    // Over HTTP, with a length that is told and without, in a session and before login.
    for path in [format!("/Session/{}/sync", scene.session), "/XIMSSLogin/".to_owned(), format!("/Session/{}/UPLOAD/x", scene.session)] {
        let told = raw(
            scene.server.http(),
            format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n").as_bytes(),
            &piece,
            300,
        );
        let untold = raw(
            scene.server.http(),
            format!("POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n").as_bytes(),
            &[b"100000\r\n", piece.as_slice(), b"\r\n"].concat(),
            300,
        );
        for status in [told, untold] {
            assert!(matches!(status, Some(413 | 500) | None), "{path}: {status:?}");
        }
    }
    let grown = scene.server.peak_memory() - before;
    assert!(grown < 128 << 20, "{grown} bytes");
    scene.is_unharmed();
}

/// Sends a head and a piece so many times, or until the server has had enough; gives the status it answers, if any.
fn raw(server: SocketAddr, head: &[u8], piece: &[u8], times: usize) -> Option<u16> {
    let mut stream = TcpStream::connect(server).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(60))).unwrap();
    let _ = stream.write_all(head).and_then(|()| (0..times).try_for_each(|_| stream.write_all(piece)));
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).split(' ').nth(1)?.parse().ok()
}

#[test]
fn zeros_and_bytes_that_are_no_text() {
    let mut scene = Scene::new("");
    let refused: &[&[u8]] = &[
        b"<noop id=\"a",
        b"\"/>",
        b"\xff\xfe<\0noop/>",
        b"<noop id=\"\xff\"/>",
        b"<noop>\xc0\x80</noop>",
        b"<noop>\xed\xa0\x80</noop>",
        b"<noop id=\"&#0;\"/>",
        b"<no\xe4p/>",
        b"\x1b",
        b"<noop \x01=\"\"/>",
        b"<noop id=\"\x08\"/>",
    ];
    for message in refused {
        let messages = 1 + message.iter().filter(|byte| **byte == 0).count();
        scene.attacker.send_raw(&[*message, b"\0"].concat());
        for _ in 0..messages {
            let answer = scene.attacker.receive().unwrap();
            assert_eq!((answer.name.as_str(), answer.get("errorNum")), ("response", Some("500")), "{message:?}");
        }
    }
    // Deep without end: refused where it becomes too deep.
    scene.attacker.send_raw(&[b"<a>".repeat(5 << 20), vec![0]].concat());
    assert_eq!(scene.attacker.receive().unwrap().get("errorNum"), Some("500"));
    // As a client before login, and over HTTP.
    let mut stranger = Client::connect(scene.server.ximss());
    stranger.send_raw(b"\0\0\xff\0");
    assert!((0..3).all(|_| stranger.receive().is_some_and(|answer| answer.get("errorNum") == Some("500"))));
    let post = |body: &[u8]| http::request(scene.server.http(), "POST", &format!("/Session/{}/sync", scene.session), &[], body).status;
    assert_eq!(
        [
            post(b"<XIMSS>\0</XIMSS>"),
            post(b"<XIMSS>\xff</XIMSS>"),
            post(b"\0\0"),
            post(b"<!DOCTYPE x [<!ENTITY a 'b'>]><XIMSS>&a;</XIMSS>")
        ],
        [400; 4]
    );
    scene.attacker.ask("<noop/>").ok();
    scene.is_unharmed();
}

/// What would be fields of a header, if it could begin a line.
const EVIL: &str = "x\r\nBcc: evil@example.org\r\nX-Evil: 1\r\n\r\nSet-Cookie: a=b";

/// Names of the fields of a header.
fn field_names(header: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(header);
    let lines = text.split("\r\n").filter(|line| !line.is_empty() && !line.starts_with([' ', '\t']));
    lines.map(|line| line.split(':').next().unwrap().to_ascii_lowercase()).collect()
}

#[test]
fn names_cannot_smuggle_header_fields_in() {
    let mut scene = Scene::new("");
    scene.server.run(&["account", "set", &address("attacker"), &format!("RealName={}", EVIL.replace("\r\n", " "))], "");
    let refused = scene.server.try_run(&["account", "set", &address("attacker"), &format!("RealName={EVIL}")], "");
    assert!(!refused.status.success(), "a name in several lines");
    // A file whose name and type are evil, in the headers of the upload as far as HTTP can carry that.
    let disposition = "attachment; filename*=UTF-8''x%0d%0aBcc:%20evil@example.org%0d%0aX-Evil:%201";
    let headers = [("Content-Type", "text/plain; charset=\"x%0d%0aX-Evil: 1\""), ("Content-Disposition", disposition)];
    let upload =
        |id: &str| http::request(scene.server.http(), "PUT", &format!("/Session/{}/UPLOAD/{id}", scene.session), &headers, b"file");
    assert_eq!([upload("x%0d%0aX-Evil:1").status, upload("x").status], [500, 200]);
    let back = scene.get("DOWNLOAD/$UPLOAD$/x");
    assert_eq!((back.status, back.header("x-evil"), back.header("bcc"), back.header("set-cookie")), (200, None, None, None));
    assert!(back.header("content-disposition").unwrap().contains("filename="), "{back:?}");
    scene.is_unharmed();
}

#[test]
fn messages_cannot_smuggle_header_fields_in() {
    let mut scene = Scene::new("");
    scene.attacker.ask(r#"<mailboxCreate mailbox="Evil"/>"#).ok();
    let put = http::request(scene.server.http(), "PUT", &format!("/Session/{}/UPLOAD/x", scene.session), &[], b"file");
    assert_eq!(put.status, 200);
    let append = |email: Element| Element::new("messageAppend").with("targetMailbox", "Evil").child(email);
    let text = || Element::new("MIME").with("type", "text").with("subtype", "plain").text("body");
    assert!(scene.attacker.call(append(Element::new("EMail").child(text())).with("flags", EVIL)).refusal().is_some());
    // What a part says of itself, and addresses: refused, or made harmless.
    let said =
        ["type", "subtype", "charset", "disposition", "description", "Type-name", "Disposition-filename", "contentID", "contentClass"];
    let mut doubtful: Vec<Element> = said.iter().map(|name| text().with(name, EVIL)).collect();
    let addresses = ["From", "To", "Cc", "Reply-To", "Sender"];
    doubtful.extend(addresses.map(|name| Element::new(name).text(format!("a@example.org{EVIL}"))));
    let refused: Vec<bool> =
        doubtful.into_iter().map(|child| scene.attacker.call(append(Element::new("EMail").child(child))).refusal().is_some()).collect();
    println!("refused: {refused:?}");
    // Names and texts may say what they like. One at a time, all together, and sent to somebody.
    let attached = Element::new("MIME")
        .with("type", "multipart")
        .with("subtype", "mixed")
        .child(text())
        .child(Element::new("MIME").with("uploadID", "x"));
    let mut email = Element::new("EMail").child(attached);
    for field in ["Subject", "Message-ID", "In-Reply-To", "References", "X-Mailer", "X-Other", "Organization", "Comments"] {
        email = email.child(Element::new(field).text(EVIL));
    }
    for field in addresses {
        // Nobody writes in the name of another account.
        let who = if ["From", "Sender"].contains(&field) { "attacker" } else { "witness" };
        email = email.child(Element::new(field).with("realName", EVIL).with("comment", EVIL).text(address(who)));
    }
    assert_eq!(scene.attacker.call(append(email.clone())).refusal(), None);
    assert_eq!(scene.attacker.call(Element::new("messageSubmit").child(email.clone())).refusal(), None);
    for child in email.elements() {
        assert_eq!(scene.attacker.call(append(Element::new("EMail").child(child.clone()))).refusal(), None, "{child:?}");
    }
    nothing_was_smuggled_in(&mut scene);
    nothing_arrived_smuggled_in(&mut scene);
    scene.is_unharmed();
}

/// Neither into what was kept, nor into what HTTP says of it.
fn nothing_was_smuggled_in(scene: &mut Scene) {
    let opened = scene.attacker.ask(r#"<folderOpen folder="E" mailbox="Evil"/>"#).ok().remove(0);
    let count: u32 = opened.get("messages").unwrap().parse().unwrap();
    assert!(count >= 10, "{count}");
    for uid in 1..=count {
        let header = scene.get(&format!("MIME/E/{uid}-H.txt"));
        let names = field_names(&header.body);
        assert!(
            !names.iter().any(|name| ["bcc", "x-evil", "set-cookie"].contains(&name.as_str())),
            "{}",
            String::from_utf8_lossy(&header.body)
        );
        for part in ["01", "02", "03"] {
            for form in ["H.txt", "B.bin/x%0d%0aX-Evil:%201%0d%0a", "P"] {
                let answer = scene.get(&format!("MIME/E/{uid}-{part}-{form}"));
                assert!(["x-evil", "bcc", "set-cookie"].iter().all(|name| answer.header(name).is_none()), "{answer:?}");
                if form == "H.txt" && answer.status == 200 {
                    let names = field_names(&answer.body);
                    assert!(names.iter().all(|name| name.starts_with("content-")), "{}", String::from_utf8_lossy(&answer.body));
                }
            }
        }
    }
}

/// Nor into what somebody else gets.
fn nothing_arrived_smuggled_in(scene: &mut Scene) {
    let opened =
        scene.witness.ask(r#"<folderOpen folder="I" mailbox="INBOX" sortField="UID"><field>UID</field></folderOpen>"#).ok().remove(0);
    let session = scene.witness.ask("<readSession/>").ok().remove(0).get("urlID").unwrap().to_owned();
    let rows = scene.witness.ask(r#"<folderBrowse folder="I"><index from="0" till="100"/></folderBrowse>"#).ok();
    assert_ne!(opened.get("messages"), Some("0"));
    for row in rows {
        let path = format!("/Session/{session}/MIME/I/{}-H.txt", row.get("UID").unwrap());
        let names = field_names(&get(scene.server.http(), &path).body);
        assert!(!names.iter().any(|name| ["bcc", "x-evil", "set-cookie"].contains(&name.as_str())), "{names:?}");
    }
}

const STRANGE_PATHS: &[&str] = &[
    "/../../../../etc/passwd",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/..%2f..%2fetc%2fpasswd",
    "//etc/passwd",
    "/%00",
    "/\u{7f}",
    "/Session",
    "/Session/",
    "/Session/%00/sync",
    "/Session/../XIMSSLogin/",
    "/Session/%2e%2e/KILL",
    "/Session/..%2f/KILL",
    "/ximss/../metrics",
];

#[test]
fn urls_that_lead_elsewhere() {
    let mut scene = Scene::new("");
    scene.import("one", b"Subject: one\r\n\r\ntext\r\n");
    scene.attacker.ask(r#"<folderOpen folder="F" mailbox="Box"/>"#).ok();
    let server = scene.server.http();
    let up = "..%2f..%2f..%2f..%2f..%2f..%2fetc%2fpasswd";
    for path in STRANGE_PATHS {
        let status = get(server, path).status;
        assert!(matches!(status, 400 | 404 | 550), "{path}: {status}");
    }
    for rest in [
        format!("MIME/F/{up}"),
        format!("MIME/{up}/1-P"),
        "MIME/F%00/1-P.txt".into(),
        "MIME/F/1-P%00.txt/..".into(),
        "MIME/%2e%2e/1-P.txt".into(),
        format!("DOWNLOAD/$UPLOAD$/{up}"),
        format!("DOWNLOAD/{up}"),
        "DOWNLOAD/../../metrics".into(),
        "MIME/F/1-9999-9999-9999-B".into(),
        "MIME/F/4294967295-P".into(),
        "%2e%2e/x/KILL".into(),
    ] {
        let status = scene.get(&rest).status;
        assert!(matches!(status, 400 | 404), "{rest}: {status}");
    }
    // A file is known by its name and lies nowhere near it.
    let put = |id: &str| http::request(server, "PUT", &format!("/Session/{}/UPLOAD/{id}", scene.session), &[], b"file").status;
    assert_eq!(
        [put(&up.replace("etc%2fpasswd", "posthouse-was-here")), put("%2e%2e"), put("%2fabsolute"), put("a%00b")],
        [200, 200, 200, 500]
    );
    assert_eq!(scene.get("DOWNLOAD/$UPLOAD$/%2e%2e").body, b"file");
    assert!(
        !Path::new("/posthouse-was-here").exists()
            && !Path::new("/absolute").exists()
            && !scene.server.data().join("../posthouse-was-here").exists()
    );
    // Names that the operations take.
    for name in ["../x", "a/../../b", "..", "/", "~witness/INBOX", "~../x", "~witness@example.dom/../attacker/INBOX"] {
        let reply = scene.attacker.call(Element::new("mailboxCreate").with("mailbox", name));
        assert!(reply.refusal().is_some(), "{name:?}");
    }
    scene.is_unharmed();
}

/// Longer than any name is, and than the head of a request may be.
#[test]
fn urls_that_are_too_long() {
    let mut scene = Scene::new("");
    let server = scene.server.http();
    for length in [300, 5_000, 60_000, 2_000_000] {
        let long = "n".repeat(length);
        for rest in [
            format!("MIME/{long}/1-P"),
            format!("MIME/F/1-P/{long}"),
            format!("UPLOAD/{long}"),
            format!("{long}/sync"),
            format!("sync?reqSeq={long}"),
        ] {
            let method = if rest.starts_with("UPLOAD") { "PUT" } else { "GET" };
            let head =
                format!("{method} /Session/{}/{rest} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", scene.session);
            let status = raw(server, head.as_bytes(), b"", 0);
            assert!(matches!(status, Some(200 | 400 | 404 | 413 | 414 | 431 | 500) | None), "{length}: {status:?}");
        }
        let head = format!("GET / HTTP/1.1\r\nHost: x\r\nX-Long: {long}\r\nConnection: close\r\n\r\n");
        assert!(matches!(raw(server, head.as_bytes(), b"", 0), Some(200 | 400 | 413 | 431) | None));
        assert_eq!(get(server, &format!("/Session/{}/sync", "s".repeat(length.min(50_000)))).status, 550);
    }
    let many: String = (0..5_000).map(|i| format!("X-{i}: 1\r\n")).collect();
    assert!(matches!(raw(server, format!("GET / HTTP/1.1\r\nHost: x\r\n{many}\r\n").as_bytes(), b"", 0), Some(400 | 431) | None));
    scene.is_unharmed();
}
