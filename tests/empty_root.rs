//! The static binary where there is nothing but itself: no library, no `/etc`, no `/proc`, no `/dev`. `make test-static`
//! builds what is run here. Without `POSTHOUSE_BINARY` there is nothing to try, and that is said; with it, a system
//! that lets nobody change the root folder is a failure.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on panics")]

mod support;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use support::http;
use support::ximss::Client;

/// Kills what it holds when the test is over, however it ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A command of the binary with this folder as its root. Who is not root becomes it in a user namespace.
fn inside(root: &Path, arguments: &[&str]) -> Command {
    let is_root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    let mut command = Command::new(if is_root { "chroot" } else { "unshare" });
    if !is_root {
        command.args(["--map-root-user", "--root"]);
    }
    command.arg(root).args(["/posthouse", "--config", "/posthouse.toml"]).args(arguments);
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    command
}

fn start(root: &Path) -> Running {
    let mut server = Running(inside(root, &["serve"]).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(server.0.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line == "posthouse ready"), "the server ended before it was ready");
    server
}

fn stop(mut server: Running) {
    let told = Command::new("kill").args(["-TERM", &server.0.id().to_string()]).status().unwrap();
    assert!(told.success() && server.0.wait().unwrap().success());
}

#[test]
fn nothing_but_the_binary_is_needed() {
    let Some(binary) = std::env::var_os("POSTHOUSE_BINARY") else {
        return eprintln!("NOT TRIED: POSTHOUSE_BINARY names no static binary; make test-static builds one");
    };
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs::copy(binary, root.join("posthouse")).unwrap();
    // All are held at once, or the system might give the same port twice.
    let held = [(); 3].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    let [ximss, tls, web]: [SocketAddr; 3] = [0, 1, 2].map(|at: usize| held[at].local_addr().unwrap());
    drop(held);
    let none = "https = []\nsmtp = []\nsubmission = []\nsubmissions = []\nsip = []\n";
    let listen = format!("[listen]\nximss = [\"{ximss}\"]\nximss_tls = [\"{tls}\"]\nhttp = [\"{web}\"]\n{none}");
    fs::write(root.join("posthouse.toml"), format!("data_dir = \"/data\"\ndomain = \"example.dom\"\n{listen}")).unwrap();
    let mut add = inside(root, &["account", "add", "alice@example.dom", "--password-stdin"]).stdin(Stdio::piped()).spawn().unwrap();
    add.stdin.take().unwrap().write_all(b"secret\n").unwrap();
    assert!(add.wait().unwrap().success(), "no command can be run with another root folder");

    let server = start(root);
    let mut client = Client::login(ximss, "alice@example.dom", "secret");
    let email = r#"<EMail><Subject>Grüße</Subject><Date>20260102T030405Z</Date><MIME type="text" subtype="plain">all of it</MIME></EMail>"#;
    client.ask(&format!(r#"<messageAppend targetMailbox="Kept" mailboxClass="">{email}</messageAppend>"#)).ok();
    client.ask("<bye/>").ok();
    stop(server);

    let server = start(root);
    let mut client = Client::connect_tls(tls);
    let session = client.log_in("alice@example.dom", "secret").ok()[0].get("urlID").unwrap().to_owned();
    client.ask(r#"<folderOpen folder="Kept"><field>Subject</field></folderOpen>"#).ok();
    let rows = client.ask(r#"<folderBrowse folder="Kept"><index>0</index></folderBrowse>"#).ok();
    assert_eq!(rows[0].first("Subject").unwrap().body(), "Grüße");
    let part = http::get(web, &format!("/Session/{session}/MIME/Kept/1-B.txt"));
    assert_eq!((part.status, String::from_utf8_lossy(&part.body).trim_end()), (200, "all of it"));
    client.ask("<bye/>").ok();
    stop(server);
    let left: Vec<_> = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 3, "what is in the root folder: {left:?}");
}
