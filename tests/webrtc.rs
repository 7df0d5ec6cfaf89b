//! Two browsers call each other: two headless Chromium pages (`webrtc/page.html`) log in over WebSocket, one calls the
//! other with its own session description, sound flows between them on loopback, and one hangs up.
//!
//! The pages come from a server of the test's own, so they are of another origin than the XIMSS server; they tell it
//! every step. Spec: XIMSS, "Signaling"; contract, "Addresses on the web port".

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on panics")]

mod support;

use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;
use support::server::{DOMAIN, Server, Setup};
use tempfile::TempDir;

/// How long nothing may happen before the test gives up. A guard, not a measure.
const PATIENCE: Duration = Duration::from_secs(180);
/// A description of a real browser is at least so long, in bytes.
const A_REAL_ONE: usize = 1_000;

const PAGE: &str = include_str!("webrtc/page.html");

/// A browser that shows one page; gone when it is dropped.
struct Browser {
    process: Child,
    profile: TempDir,
}

fn chromium() -> String {
    let found = |name: &&String| Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    let names = std::env::var("POSTHOUSE_CHROMIUM").into_iter().chain(["chromium", "chromium-browser", "google-chrome"].map(str::to_owned));
    let names: Vec<String> = names.collect();
    names.iter().find(found).expect("there is no Chromium: `make browser` installs it").clone()
}

impl Browser {
    fn open(url: &str) -> Self {
        let profile = tempfile::Builder::new().prefix("posthouse-browser-").tempdir().unwrap();
        let log = File::create(profile.path().join("log")).unwrap();
        let process = Command::new(chromium())
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic"])
            .args(["--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"])
            // A microphone that beeps, and no question whether the page may hear it.
            .args(["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"])
            // The addresses of this machine, loopback among them, as they are.
            .args(["--allow-loopback-in-peer-connection", "--disable-features=WebRtcHideLocalIpsWithMdns"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg(url)
            .env("HOME", profile.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("Chromium runs");
        Self { process, profile }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if thread::panicking() {
            let log = std::fs::read_to_string(self.profile.path().join("log")).unwrap_or_default();
            eprintln!("--- log of a browser ---\n{log}");
        }
    }
}

/// Answers one request of a page: the page itself, or a report, which goes to the test.
fn answer(stream: TcpStream, reports: &Sender<Value>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        head.push(line.trim().to_ascii_lowercase());
    }
    let length = head.iter().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let page = if head.first().is_some_and(|line| line.starts_with("get /?")) { PAGE } else { "" };
    if let Ok(report) = serde_json::from_slice(&body) {
        // A test that is over does not listen any more.
        let _ = reports.send(report);
    }
    let length = page.len();
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    reader.get_mut().write_all(&[head.as_bytes(), page.as_bytes()].concat())
}

/// Serves the page; gives where, and what pages report.
fn serve() -> (SocketAddr, Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (reports, heard) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let reports = reports.clone();
            thread::spawn(move || answer(stream, &reports));
        }
    });
    (address, heard)
}

/// What the pages have told, by who and what.
#[derive(Default)]
struct Told(BTreeMap<(String, String), Value>);

impl Told {
    /// Listens until a page has told something.
    fn wait(&mut self, heard: &Receiver<Value>, role: &str, what: &str) {
        while !self.0.contains_key(&(role.to_owned(), what.to_owned())) {
            let report = heard.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("{role}, {what}: not told; only {:#?}", self.0));
            let word = |name: &str| report[name].as_str().expect("a word").to_owned();
            let key = (word("role"), word("what"));
            assert_ne!(key.1, "error", "{report:#}");
            self.0.insert(key, report);
        }
    }

    fn told(&self, role: &str, what: &str, name: &str) -> &Value {
        &self.0[&(role.to_owned(), what.to_owned())][name]
    }

    fn text(&self, role: &str, what: &str, name: &str) -> &str {
        self.told(role, what, name).as_str().unwrap_or_else(|| panic!("{role}, {what}: no {name}: {:#?}", self.0))
    }
}

fn address(role: &str) -> String {
    format!("{role}@{DOMAIN}")
}

fn open(pages: SocketAddr, server: &Server, role: &str, peer: &str) -> Browser {
    let (server, user, peer) = (server.http(), address(role), address(peer));
    Browser::open(&format!("http://{pages}/?role={role}&server={server}&user={user}&peer={peer}"))
}

#[test]
fn two_browsers_hear_each_other() {
    let (pages, heard) = serve();
    let server = Setup::default()
        .account(&address("caller"), "secret")
        .account(&address("callee"), "secret")
        .config(&format!("[web]\nallowed_origins = [\"http://{pages}\"]"))
        .start();
    let mut told = Told::default();
    let _callee = open(pages, &server, "callee", "caller");
    told.wait(&heard, "callee", "bound");
    let _caller = open(pages, &server, "caller", "callee");
    told.wait(&heard, "caller", "done");
    told.wait(&heard, "callee", "done");
    // Each end has the other's description as it was made.
    assert!(told.text("caller", "offered", "sdp").len() >= A_REAL_ONE);
    assert_eq!(told.text("caller", "offered", "sdp"), told.text("callee", "incoming", "sdp"));
    assert_eq!(told.text("callee", "accepted", "sdp"), told.text("caller", "connected", "sdp"));
    assert_eq!([told.text("callee", "incoming", "peer"), told.text("caller", "connected", "peer")], [address("caller"), address("callee")]);
    assert_eq!((told.text("caller", "key", "key"), told.told("callee", "disconnected", "code")), ("11", &Value::Null));
    for role in ["caller", "callee"] {
        let counted = |way: &str| told.told(role, "packets", way).as_u64().unwrap_or(0);
        println!("{role}: {} packets of sound came, {} went", counted("received"), counted("sent"));
        assert!(counted("received") >= 100 && counted("sent") >= 100, "{role}");
    }
}
