//! Mail as it really comes: every message is imported, listed, searched, read as XML with all its parts, and is still
//! what it was. Nothing is refused, nothing is lost, whatever it looks like.
//!
//! `tests/corpus/` is ours; `POSTHOUSE_CORPUS` names a folder with more (`.eml` files, at any depth).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on panics")]

mod support;

use posthouse::xml::Element;
use std::fs;
use std::path::{Path, PathBuf};
use support::http;
use support::server::{DOMAIN, Server, Setup};
use support::ximss::Client;

fn messages(folder: &Path) -> Vec<PathBuf> {
    let (mut folders, mut out) = (vec![folder.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "eml") {
                out.push(path);
            }
        }
    }
    out.sort();
    out
}

/// Every element below one, itself included.
fn all<'a>(element: &'a Element, out: &mut Vec<&'a Element>) {
    out.push(element);
    element.elements().for_each(|inner| all(inner, out));
}

struct Reader {
    server: Server,
    client: Client,
    session: String,
}

impl Reader {
    fn new() -> Self {
        let user = format!("reader@{DOMAIN}");
        let server = Setup::default().account(&user, "secret").start();
        let mut client = Client::connect(server.ximss());
        let session = client.log_in(&user, "secret").ok()[0].get("urlID").unwrap().to_owned();
        Self { server, client, session }
    }

    fn fetch(&self, uid: &str, suffix: &str) -> http::Answer {
        http::get(self.server.http(), &format!("/Session/{}/MIME/F/{uid}-{suffix}", self.session))
    }

    /// Reads a message in every way there is. Returns how many parts it has.
    fn read(&mut self, uid: &str, file: &Path) -> usize {
        let name = file.display();
        let raw = fs::read(file).unwrap();
        let whole = self.fetch(uid, "P.txt");
        assert_eq!(whole.status, 200, "{name}");
        assert!(whole.body == raw, "{name}: {} bytes were stored, {} came back", raw.len(), whole.body.len());
        assert!(raw.starts_with(&self.fetch(uid, "H.txt").body), "{name}: the header is the beginning");

        let read = self.client.call(Element::new("folderRead").with("folder", "F").with("UID", uid));
        assert_eq!(read.refusal(), None, "{name}");
        let data = read.ok();
        assert_eq!((data.len(), data[0].name.as_str()), (1, "folderMessage"), "{name}");
        let email = data[0].elements().next().unwrap_or_else(|| panic!("{name}: nothing was sent"));
        assert_eq!(email.name, "EMail", "{name}");
        let mut elements = Vec::new();
        all(email, &mut elements);
        assert!(elements.iter().all(|element| element.get("readError").is_none()), "{name}: {email:?}");

        let parts: Vec<&str> = elements.iter().filter(|e| e.name == "MIME").filter_map(|e| e.get("partID")).collect();
        // Each part by itself: of a message with thousands of them, some.
        for part in parts.iter().step_by(1 + parts.len() / 50) {
            let request = Element::new("folderRead").with("folder", "F").with("UID", uid).with("partID", part);
            assert_eq!(self.client.call(request).refusal(), None, "{name}: part {part}");
            for suffix in ["P.txt", "H.txt", "B.bin"] {
                assert_eq!(self.fetch(uid, &format!("{part}-{suffix}")).status, 200, "{name}: part {part}, {suffix}");
            }
        }
        for mode in ["replyFrom", "replyAll"] {
            let reply = self.client.call(Element::new("folderRead").with("folder", "F").with("UID", uid).with("mode", mode));
            assert_eq!(reply.refusal(), None, "{name}: {mode}");
        }
        parts.len()
    }
}

fn read_all(folder: &Path) {
    let files = messages(folder);
    assert!(!files.is_empty(), "{} has no messages", folder.display());
    let mut reader = Reader::new();
    for file in &files {
        let user = format!("reader@{DOMAIN}");
        let said = reader.server.run(&["import", "--account", &user, "--mailbox", "Box", file.to_str().unwrap()], "");
        assert!(said.trim_end().ends_with("imported 1, skipped 0, failed 0"), "{}: {said}", file.display());
    }

    let open = r#"<folderOpen folder="F" mailbox="Box" sortField="UID"><field>UID</field><field>From</field><field>E-From</field><field>To</field>
        <field>Subject</field><field>Date</field><field>SIZE</field><field>FLAGS</field><field>Message-ID</field><field>Pty</field></folderOpen>"#;
    let init = reader.client.ask(open).ok();
    assert_eq!(init[0].get("messages"), Some(files.len().to_string().as_str()));
    let rows = reader.client.ask(r#"<folderBrowse folder="F"><index from="0" till="100000"/></folderBrowse>"#).ok();
    assert_eq!(rows.len(), files.len());
    for (row, file) in rows.iter().zip(&files) {
        let size = row.first("SIZE").unwrap().body();
        assert_eq!(size, fs::metadata(file).unwrap().len().to_string(), "{}", file.display());
    }
    for sort in ["From", "Subject", "Date", "To", "X-Mailer", "SIZE"] {
        let request = Element::new("folderReopen").with("folder", "F").with("sortField", sort);
        assert_eq!(reader.client.call(request).ok()[0].get("messages"), init[0].get("messages"), "sorted by {sort}");
    }
    let request = Element::new("folderReopen").with("folder", "F").with("filter", "e");
    reader.client.call(request).ok();
    reader.client.ask(r#"<folderReopen folder="F"/>"#).ok();

    let parts: usize = rows.iter().zip(&files).map(|(row, file)| reader.read(row.get("UID").unwrap(), file)).sum();
    println!("{} messages with {parts} parts", files.len());
    assert!(!reader.server.log().contains("panic: "), "{}", reader.server.log());
}

#[test]
fn our_own_messages() {
    read_all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus"));
}

#[test]
fn messages_of_the_folder_that_the_environment_names() {
    match std::env::var_os("POSTHOUSE_CORPUS") {
        Some(folder) => read_all(Path::new(&folder)),
        None => println!("POSTHOUSE_CORPUS names no folder"),
    }
}

/// What the tree of a message says must be what composing it again says: whatever can be read can be written.
#[test]
fn what_is_read_can_be_composed_again() {
    let mut reader = Reader::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    for name in ["plain.eml", "koi8-r.eml", "nested-rfc822.eml", "report-mdn.eml", "latin1-8bit.eml", "flowed.eml"] {
        let file = folder.join(name);
        let user = format!("reader@{DOMAIN}");
        reader.server.run(&["import", "--account", &user, "--mailbox", "Box", file.to_str().unwrap()], "");
    }
    reader.client.ask(r#"<folderOpen folder="F" mailbox="Box"/>"#).ok();
    for uid in 1..=6 {
        let read =
            |client: &mut Client, uid: u32| client.call(Element::new("folderRead").with("folder", "F").with("UID", uid)).ok().remove(0);
        let first = read(&mut reader.client, uid).first("EMail").unwrap().clone();
        let append = Element::new("messageAppend").with("folder", "F").with("report", "uid").child(first.clone());
        let again: u32 = reader.client.call(append).ok()[0].get("UID").unwrap().parse().unwrap();
        let second = read(&mut reader.client, again).first("EMail").unwrap().clone();
        assert_eq!(texts(&second), texts(&first));
    }
}

/// What a message says: names and texts in order, without what composing may choose (charsets, sizes, part IDs).
fn texts(email: &Element) -> Vec<(String, String)> {
    let mut elements = Vec::new();
    all(email, &mut elements);
    elements.iter().map(|element| (element.name.clone(), element.body())).filter(|(_, text)| !text.trim().is_empty()).collect()
}
