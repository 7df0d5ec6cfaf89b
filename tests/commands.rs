//! The binary as scripts and service managers see it: exit statuses, one line per error, commands beside a running
//! server and without one, readiness, signals.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on panics")]

use posthouse::format::ical;
use posthouse::model::component::Component;
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

struct Place {
    folder: tempfile::TempDir,
    ximss: SocketAddr,
}

/// A port that was free a moment ago, on an address that no other test process uses.
fn free_port() -> SocketAddr {
    let [_, _, high, low] = std::process::id().to_be_bytes();
    TcpListener::bind((Ipv4Addr::new(127, 251, high, low | 1), 0)).unwrap().local_addr().unwrap()
}

impl Place {
    fn new() -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap(), ximss: free_port() };
        place.configure("");
        place
    }

    fn configure(&self, more: &str) {
        let listen = format!("[listen]\nximss = [\"{}\"]\nximss_tls = []\nhttp = []\nhttps = []\nsmtp = []\n", self.ximss);
        let text = format!("data_dir = \"data\"\ndomain = \"example.test\"\n{listen}submission = []\nsubmissions = []\nsip = []\n{more}\n");
        fs::write(self.path("posthouse.toml"), text).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_posthouse"));
        command
            .env_remove("NOTIFY_SOCKET")
            .env_remove("WATCHDOG_USEC")
            .env_remove("WATCHDOG_PID")
            .env_remove("STATE_DIRECTORY")
            .env_remove("RUST_LOG")
            .env("JOURNAL_STREAM", "1:2");
        command.arg("--config").arg(self.path("posthouse.toml")).args(arguments).current_dir(self.folder.path());
        command
    }

    fn run(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = self.command(arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // A command that does not read its input may be gone already.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }

    fn done(&self, arguments: &[&str], input: &str) -> String {
        let output = self.run(arguments, input);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    fn refused(&self, arguments: &[&str], status: i32) -> String {
        let output = self.run(arguments, "");
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {error}");
        assert!(
            error.starts_with("posthouse: ") && error.matches('\n').count() == 1 && error[11..].contains(": "),
            "{arguments:?}: {error}"
        );
        error
    }

    fn serve(&self) -> Running {
        self.serve_watched(None)
    }

    /// A server that is to say every so many microseconds that it lives.
    fn serve_watched(&self, patience: Option<u32>) -> Running {
        let notified = UnixDatagram::bind(self.path("notify")).unwrap();
        let mut command = self.command(&["serve"]);
        command.env("NOTIFY_SOCKET", self.path("notify")).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if let Some(patience) = patience {
            command.env("WATCHDOG_USEC", patience.to_string());
        }
        let mut process = command.spawn().unwrap();
        let mut out = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let log = BufReader::new(process.stderr.take().unwrap());
        if line.is_empty() {
            let problem = log.lines().map_while(Result::ok).collect::<Vec<_>>().join("\n");
            panic!("the server ended: {problem}");
        }
        assert_eq!(line, "posthouse ready\n");
        Running { process, notified, log }
    }

    fn greeting(&self) -> String {
        let mut stream = TcpStream::connect(self.ximss).unwrap();
        stream.write_all(b"<noop id=\"1\"/>\0").unwrap();
        let mut answer = Vec::new();
        BufReader::new(stream).read_until(0, &mut answer).unwrap();
        text(&answer)
    }
}

struct Running {
    process: Child,
    notified: UnixDatagram,
    log: BufReader<std::process::ChildStderr>,
}

impl Running {
    fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.process.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    fn state(&self) -> String {
        let mut bytes = [0; 200];
        let length = self.notified.recv(&mut bytes).unwrap();
        text(&bytes[..length])
    }

    /// Reads the log up to a line that holds this text.
    fn logs(&mut self, part: &str) -> String {
        let mut line = String::new();
        while self.log.read_line(&mut line).unwrap() > 0 {
            if line.contains(part) {
                return line;
            }
            line.clear();
        }
        panic!("{part:?} is not in the log");
    }

    fn stop(mut self, place: &Place) {
        self.signal("TERM");
        let status = self.process.wait().unwrap();
        assert_eq!(status.code(), Some(0));
        fs::remove_file(place.path("notify")).unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A test that failed leaves its server behind.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn accounts_can_be_kept(place: &Place, name: &str) {
    let address = format!("{name}@example.test");
    place.done(&["account", "add", &address, "--real-name", "A Person", "--password-stdin"], "secret\n");
    assert!(place.refused(&["account", "add", &address], 1).contains("already exists"));
    let made = place.done(&["account", "add", &format!("{name}-2@example.test"), "--admin"], "");
    assert!(made.trim().len() >= 16 && made.lines().count() == 1, "{made}");
    place.done(&["account", "set", &address, "PWDAllowed=NO", "RealName=Someone Else"], "");
    let shown = place.done(&["account", "show", &address], "");
    assert!(shown.lines().any(|l| l.starts_with("PWDAllowed") && l.ends_with("NO")) && shown.contains("Someone Else"), "{shown}");
    assert!(place.refused(&["account", "set", &address, "Nonsense=1"], 1).contains("Nonsense"));
    place.done(&["account", "password", &address, "--password-stdin"], "other\n");
    let listed: serde_json::Value = serde_json::from_str(&place.done(&["account", "list", "--json"], "")).unwrap();
    let found = listed.as_array().unwrap().iter().find(|a| a["address"] == address.as_str()).unwrap();
    assert_eq!((&found["real_name"], &found["admin"]), (&"Someone Else".into(), &false.into()));
    place.done(&["account", "remove", &address], "");
    assert!(place.refused(&["account", "show", &address], 1).contains("does not exist"));
    let domain = format!("{name}.test");
    place.done(&["domain", "add", &domain], "");
    assert!(place.done(&["domain", "list"], "").lines().any(|l| l.starts_with(&domain)));
    place.done(&["domain", "remove", &domain], "");
    place.refused(&["domain", "remove", "example.test"], 1);
}

fn mail_comes_back_as_it_went_in(place: &Place, name: &str) {
    let folder = place.path(name);
    fs::create_dir_all(folder.join("box/cur")).unwrap();
    fs::create_dir_all(folder.join("box/new")).unwrap();
    let put = |path: &str, bytes: &[u8]| fs::write(folder.join(path), bytes).unwrap();
    put("box/cur/1204680122.x:2,S", b"A: 1\r\n\r\nmaildir\r\n");
    put("c.eml", b"From nobody\nB: 2\n\n\xff\0 no mail at all\n");
    put("d.ics", b"BEGIN:VCALENDAR\r\n");
    put("e", b"From x Thu Jan  1 00:00:10 1970\nC: 3\n\n>From the start\n\n");
    put("README", b"text\n");
    let address = format!("{name}@example.test");
    place.done(&["account", "add", &address, "--password-stdin"], "secret\n");
    let import = ["import", "--account", &address, "--mailbox", "Old/mail", folder.to_str().unwrap()];
    assert_eq!(place.done(&import, "").lines().last(), Some("imported 3, skipped 2, failed 0"));
    let out = place.path(&format!("{name}.mbox"));
    place.done(&["export", "--account", &address, "--mailbox", "Old/mail", out.to_str().unwrap()], "");
    let expected = b"From MAILER-DAEMON Wed Mar  5 01:22:02 2008\nA: 1\r\n\r\nmaildir\r\n\nFrom MAILER-DAEMON ";
    let exported = fs::read(&out).unwrap();
    assert!(exported.starts_with(expected), "{}", String::from_utf8_lossy(&exported));
    assert!(exported.windows(28).any(|w| w == b">From nobody\nB: 2\n\n\xff\0 no mai"));
    assert!(exported.ends_with(b"From MAILER-DAEMON Thu Jan  1 00:00:10 1970\nC: 3\n\n>From the start\n\n"));
    assert_eq!(mode(&out), 0o600);
    let printed = place.run(&["export", "--account", &address, "--mailbox", "Old/mail", "-"], "");
    assert_eq!(printed.stdout, exported);
    assert!(place.refused(&["export", "--account", &address, "--mailbox", "None", "-"], 1).contains("does not exist"));
    assert!(place.refused(&["import", "--account", "nobody@example.test", folder.to_str().unwrap()], 1).contains("does not exist"));
    assert!(place.refused(&["import", "--account", &address, "/no/where"], 1).contains("/no/where"));
}

fn contacts_come_back_as_they_went_in(place: &Place, name: &str) {
    let folder = place.path(&format!("{name}-cards"));
    fs::create_dir_all(&folder).unwrap();
    let cards = "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Ann\r\nUID:1\r\nitem1.X-A;X-B=c:d;e\r\nEND:VCARD\r\nBEGIN:VGROUP\r\nNAME:All\r\nUID:2\r\nEND:VGROUP\r\n";
    fs::write(folder.join("a.vcf"), format!("{cards}BEGIN:VCARD\r\nFN:cut\r\n")).unwrap();
    fs::write(folder.join("b.eml"), "A: 1\r\n\r\n").unwrap();
    let address = format!("{name}@example.test");
    // Cards go to the address book, mail to INBOX; what cannot be read is told.
    let output = place.run(&["import", "--account", &address, folder.to_str().unwrap()], "");
    assert_eq!(text(&output.stdout).lines().last(), Some("imported 3, skipped 0, failed 1"));
    assert!(text(&output.stderr).contains("a.vcf, line 11: it has no end"), "{}", text(&output.stderr));
    let printed = place.run(&["export", "--account", &address, "--mailbox", "Contacts", "-"], "");
    assert_eq!(text(&printed.stdout), cards);
    let mail = place.run(&["export", "--account", &address, "-"], "");
    assert!(text(&mail.stderr).contains("2 items of calendars and address books are left out"), "{}", text(&mail.stderr));
    let file = folder.join("a.vcf");
    fs::write(&file, cards).unwrap();
    place.done(&["import", "--account", &address, "--mailbox", "More people", file.to_str().unwrap()], "");
    assert_eq!(text(&place.run(&["export", "--account", &address, "--mailbox", "More people", "-"], "").stdout), cards);
}

/// Every component of a text but its zones, as text, in an order of its own, without the UIDs that the server makes up.
fn items(text: &[u8]) -> Vec<String> {
    let calendars = ical::parse(text).unwrap();
    let all = calendars.into_iter().flat_map(|calendar| if calendar.is("VCALENDAR") { calendar.components } else { vec![calendar] });
    let written = |mut component: Component| {
        component.properties.retain(|property| property.name != "UID" || !property.value.ends_with("@example.test"));
        ical::write(&component)
    };
    let mut out: Vec<String> = all.filter(|component| !component.is("VTIMEZONE")).map(written).collect();
    out.sort();
    out
}

/// The zones that a text defines, of those that its items use, by name; where it defines one in several ways, the first.
fn zones(text: &[u8]) -> BTreeMap<String, String> {
    let calendars = ical::parse(text).unwrap();
    let used: Vec<String> = calendars.iter().flat_map(ical::zone::names).collect();
    let mut out = BTreeMap::new();
    for zone in calendars.iter().flat_map(|calendar| calendar.inside("VTIMEZONE")) {
        if let Some(id) = zone.text("TZID").filter(|id| used.contains(id)) {
            out.entry(id).or_insert_with(|| ical::write(zone));
        }
    }
    out
}

/// Calendars go in and come out property by property: our own, and those of the folder in `POSTHOUSE_CALENDARS`.
fn calendars_come_back_as_they_went_in(place: &Place, name: &str) {
    let address = format!("{name}@example.test");
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/ics");
    let folders = [Some(ours), std::env::var_os("POSTHOUSE_CALENDARS").map(Into::into)];
    let files = folders.into_iter().flatten().flat_map(|folder| fs::read_dir(folder).unwrap()).map(|file| file.unwrap().path());
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|extension| extension == "ics")).collect();
    files.sort();
    assert!(!files.is_empty());
    for (number, file) in files.iter().enumerate() {
        let (mailbox, path) = (format!("Calendars/{number}"), file.display());
        let imported = place.run(&["import", "--account", &address, "--mailbox", &mailbox, file.to_str().unwrap()], "");
        let last = text(&imported.stdout).lines().last().unwrap_or_default().to_owned();
        assert!(last.ends_with("failed 0"), "{path}: {last} {}", text(&imported.stderr));
        let exported = place.run(&["export", "--account", &address, "--mailbox", &mailbox, "-"], "").stdout;
        let original = fs::read(file).unwrap();
        assert_eq!(items(&exported), items(&original), "{path}");
        assert_eq!(zones(&exported), zones(&original), "{path}");
    }
    // Where no mailbox is named, events and tasks find their own; what is imported again is there once.
    let both = place.path(&format!("{name}.ics"));
    let lines = [
        "BEGIN:VCALENDAR",
        "BEGIN:VEVENT",
        "UID:e",
        "DTSTART:20240101T100000Z",
        "END:VEVENT",
        "BEGIN:VTODO",
        "UID:t",
        "SUMMARY:x",
        "END:VTODO",
        "END:VCALENDAR",
        "",
    ];
    fs::write(&both, lines.join("\r\n")).unwrap();
    for _ in 0..2 {
        let output = place.run(&["import", "--account", &address, both.to_str().unwrap()], "");
        assert_eq!(text(&output.stdout).lines().last(), Some("imported 2, skipped 0, failed 0"));
    }
    for (mailbox, uid) in [("Calendar", "UID:e"), ("Tasks", "UID:t")] {
        let exported = text(&place.run(&["export", "--account", &address, "--mailbox", mailbox, "-"], "").stdout).to_owned();
        assert_eq!((exported.matches("UID:").count(), exported.contains(uid)), (1, true), "{exported}");
    }
}

#[test]
fn commands_work_without_a_server() {
    let place = Place::new();
    accounts_can_be_kept(&place, "alice");
    mail_comes_back_as_it_went_in(&place, "bob");
    contacts_come_back_as_they_went_in(&place, "bob");
    calendars_come_back_as_they_went_in(&place, "bob");
    assert_eq!(mode(&place.path("data")), 0o700);
}

#[test]
fn commands_work_beside_a_server() {
    let place = Place::new();
    place.done(&["account", "add", "first@example.test", "--password-stdin"], "secret\n");
    let server = place.serve();
    assert_eq!(server.state().trim(), "READY=1");
    assert_eq!(mode(&place.path("data/admin.sock")), 0o600);
    accounts_can_be_kept(&place, "alice");
    mail_comes_back_as_it_went_in(&place, "bob");
    contacts_come_back_as_they_went_in(&place, "bob");
    assert!(place.refused(&["serve"], 1).contains("in use by serve"));
    server.stop(&place);
    assert!(!place.path("data/admin.sock").exists());
    accounts_can_be_kept(&place, "carol");
}

#[test]
fn the_first_server_makes_an_administrator() {
    let place = Place::new();
    let server = place.serve();
    let file = place.path("data/initial-admin");
    let told = fs::read_to_string(&file).unwrap();
    assert!(told.contains("postmaster@example.test") && told.contains("password:"), "{told}");
    assert_eq!(mode(&file), 0o600);
    let listed = place.done(&["account", "list"], "");
    assert!(listed.starts_with("postmaster@example.test") && listed.contains("admin"), "{listed}");
    server.stop(&place);
    fs::remove_file(&file).unwrap();
    place.serve().stop(&place);
    assert!(!file.exists());
}

#[test]
fn signals_reload_and_stop() {
    let place = Place::new();
    place.done(&["account", "add", "alice@example.test", "--password-stdin"], "secret\n");
    let mut server = place.serve();
    assert_eq!(server.state().trim(), "READY=1");
    let mut alice = TcpStream::connect(place.ximss).unwrap();
    alice.write_all(b"<login id=\"1\" authData=\"alice@example.test\" password=\"secret\"/>\0<noop id=\"2\"/>\0").unwrap();
    let mut heard = Vec::new();
    let mut from_server = BufReader::new(alice);
    while !text(&heard).contains("id=\"2\"") {
        assert!(from_server.read_until(0, &mut heard).unwrap() > 0, "{}", text(&heard));
    }
    assert!(place.greeting().starts_with("<response"), "{}", place.greeting());
    place.configure("[limits]\nidle_tyme = 5\n");
    server.signal("HUP");
    assert!(server.state().starts_with("RELOADING=1"));
    let line = server.logs("stays");
    assert!(line.starts_with("<3>") && line.contains("did you mean \"idle_time\"?"), "{line}");
    assert_eq!(server.state().trim(), "READY=1");
    place.configure("[auth]\nclear_text = \"never\"\n");
    server.signal("HUP");
    server.logs("have been read again");
    let mut state = String::new();
    server.signal("INT");
    while state != "STOPPING=1" {
        state = server.state().trim().to_owned();
    }
    from_server.read_to_end(&mut heard).unwrap();
    let heard = text(&heard);
    assert!(heard.contains("<session ") && heard.contains("<alert ") && heard.trim_end_matches('\0').ends_with("<bye/>"), "{heard}");
    server.stop(&place);
}

#[test]
fn the_watchdog_hears_of_the_server_until_it_ends() {
    let place = Place::new();
    let server = place.serve_watched(Some(600_000));
    let heard: Vec<String> = (0..5).map(|_| server.state().trim().to_owned()).collect();
    // One READY among them, wherever the first sign of life falls.
    assert_eq!(heard.iter().filter(|state| *state == "WATCHDOG=1").count(), 4, "{heard:?}");
    assert!(heard.contains(&"READY=1".to_owned()), "{heard:?}");
    server.stop(&place);
}

#[test]
fn what_is_wrong_is_said_in_one_line() {
    let place = Place::new();
    place.refused(&["no-such-command"], 2);
    place.refused(&[], 2);
    place.refused(&["account", "add", "no address"], 2);
    place.refused(&["account", "password", "a@example.test"], 2);
    assert!(place.refused(&["account", "add", "a@elsewhere.test"], 1).contains("domain does not exist"));
    let taken = TcpListener::bind(place.ximss).unwrap();
    let error = place.refused(&["serve"], 1);
    assert!(error.contains("listen.ximss") && error.contains(&place.ximss.to_string()), "{error}");
    drop(taken);
    fs::write(place.path("posthouse.toml"), "[listen]\nximms = []\n").unwrap();
    assert!(place.refused(&["config", "check"], 1).contains("line 2: unknown key \"ximms\" in [listen]: did you mean \"ximss\"?"));
    assert!(place.refused(&["--data", "x", "serve"], 1).contains("ximms"));
}

#[test]
fn the_configuration_is_shown_and_checked() {
    let place = Place::new();
    assert!(place.done(&["config", "check"], "").contains("is good"));
    let shown = place.done(&["--data", "elsewhere", "config", "show"], "");
    let line = |start: &str| shown.lines().find(|l| l.starts_with(start)).unwrap().to_owned();
    assert!(line("data_dir").contains("\"elsewhere\"") && line("data_dir").ends_with("# flag"), "{shown}");
    assert!(line("domain").contains("# file") && line("idle_time").ends_with("# default"), "{shown}");
    assert!(place.done(&["config", "show", "--defaults"], "").contains("[limits]"));
    assert!(place.done(&["ops"], "").contains("mailboxCreate") && place.done(&["ops", "--markdown"], "").starts_with("# Operations"));
}

#[test]
fn scripts_are_checked_and_put() {
    let place = Place::new();
    let good = "fn main(state, params) { state }\n";
    fs::write(place.path("menu.rhai"), good).unwrap();
    fs::write(place.path("wrong.rhai"), "fn main(state, params) {\n    let = 5;\n}\n").unwrap();
    fs::write(place.path("my menu.rhai"), good).unwrap();
    fs::write(place.path("bytes.rhai"), [0xff, 0xfe]).unwrap();
    place.done(&["account", "add", "alice@example.test", "--password-stdin"], "secret\n");
    assert_eq!(place.done(&["apps", "check", "menu.rhai"], ""), "menu.rhai is good\n");
    for (arguments, expected) in [
        (&["apps", "check", "wrong.rhai"] as &[&str], "wrong.rhai, line 2, column "),
        (&["apps", "put", "alice@example.test", "wrong.rhai"], "wrong.rhai, line 2, column "),
        (&["apps", "put", "alice@example.test", "nothing.rhai"], "cannot read nothing.rhai"),
        (&["apps", "put", "alice@example.test", "bytes.rhai"], "is not UTF-8 text"),
        (&["apps", "put", "alice@example.test", "my menu.rhai"], "with --name"),
        (&["apps", "put", "bob@example.test", "menu.rhai"], "account does not exist"),
        (&["apps", "put", "other.test", "menu.rhai"], "domain does not exist"),
        (&["apps", "remove", "alice@example.test", "menu"], "application does not exist"),
    ] {
        let error = place.refused(arguments, 1);
        assert!(error.contains(expected), "{arguments:?}: {error}");
    }
    // Without a server and beside one.
    place.done(&["apps", "put", "alice@example.test", "menu.rhai"], "");
    let server = place.serve();
    place.done(&["apps", "put", "example.test", "my menu.rhai", "--name", "night"], "");
    assert!(place.done(&["apps", "list", "alice@example.test"], "").starts_with("menu "));
    assert!(place.done(&["apps", "list", "example.test"], "").starts_with("night "));
    place.done(&["apps", "remove", "alice@example.test", "menu.rhai"], "");
    assert_eq!(place.done(&["apps", "list", "alice@example.test"], ""), "");
    place.done(&["apps", "remove", "example.test", "night"], "");
    drop(server);
}
