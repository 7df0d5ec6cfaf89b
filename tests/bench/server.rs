//! The server under test: its own process, its own data, ephemeral ports on loopback; memory and processor time from
//! the kernel's accounting.

use crate::process;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A server.
pub struct Server {
    directory: PathBuf,
    process: Option<Child>,
    /// Where XIMSS is spoken in clear text.
    pub ximss: SocketAddr,
    /// Where it is spoken over TLS.
    pub ximss_tls: SocketAddr,
}

fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("loopback has a free port")
}

impl Server {
    /// A server with its data in `directory`; not started.
    pub fn new(directory: &Path) -> Self {
        std::fs::create_dir_all(directory).expect("the directory can be made");
        let (ximss, ximss_tls) = (free_port(), free_port());
        let config = format!(
            "data_dir = {:?}\ndomain = \"bench.test\"\n[listen]\nximss = [\"{ximss}\"]\nximss_tls = [\"{ximss_tls}\"]\nhttp = []\nhttps = []\nsmtp = []\n\
             submission = []\nsubmissions = []\nsip = []\n[limits]\nsessions_per_address = 50000\nsessions_per_account = 50000\nidle_time = 36000\n",
            directory.join("data")
        );
        std::fs::write(directory.join("posthouse.toml"), config).expect("the configuration can be written");
        Self { directory: directory.to_owned(), process: None, ximss, ximss_tls }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_posthouse"));
        command.arg("--config").arg(self.directory.join("posthouse.toml"));
        command
    }

    /// Runs a command beside the server.
    pub fn run(&self, arguments: &[&str], input: &str) {
        let mut child = self.command().args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("the binary runs");
        child.stdin.take().expect("stdin is piped").write_all(input.as_bytes()).expect("the command reads its input");
        assert!(child.wait().expect("the command ends").success(), "{arguments:?} failed");
    }

    /// Adds accounts, all with the password `secret`.
    pub fn add_accounts(&self, names: impl IntoIterator<Item = String>) {
        for name in names {
            self.run(&["account", "add", &format!("{name}@bench.test"), "--password-stdin"], "secret\n");
        }
    }

    /// Starts it and waits until it says that it is ready; gives the time that took.
    pub fn start(&mut self) -> Duration {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.directory.join("log")).expect("the log can be written");
        let begun = Instant::now();
        let mut child = self.command().arg("serve").stdout(Stdio::piped()).stderr(log).spawn().expect("the binary runs");
        let mut lines = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
        let ready = lines.any(|line| line.is_ok_and(|line| line.contains("posthouse ready")));
        assert!(ready, "the server did not start: see {}", self.directory.join("log").display());
        self.process = Some(child);
        begun.elapsed()
    }

    fn signal(&mut self, name: &str) {
        let Some(mut child) = self.process.take() else { return };
        let sent = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status();
        assert!(sent.is_ok_and(|s| s.success()), "the server cannot be signalled");
        child.wait().expect("the server ends");
    }

    /// Stops it in order.
    pub fn stop(&mut self) {
        self.signal("TERM");
    }

    /// Kills it.
    pub fn kill(&mut self) {
        self.signal("KILL");
    }

    fn pid(&self) -> u32 {
        self.process.as_ref().expect("the server runs").id()
    }

    /// Its proportional share of memory, in KB.
    pub fn memory(&self) -> f64 {
        process::memory(self.pid())
    }

    /// From now on, the most memory that it has had at a time is reckoned anew.
    pub fn forget_peak(&self) {
        std::fs::write(format!("/proc/{}/clear_refs", self.pid()), "5").expect("the kernel forgets the peak");
    }

    /// The most memory that it has had at a time, in KB.
    pub fn peak(&self) -> f64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("the kernel tells of memory");
        let line = text.lines().find(|line| line.starts_with("VmHWM:")).expect("there is a line for the peak");
        line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).expect("it is a number")
    }

    /// Its processor time so far, in milliseconds.
    pub fn processor_time(&self) -> f64 {
        process::processor_time(self.pid())
    }

    /// Waits until it has had next to nothing to do for several seconds: what it does in the background begins only
    /// after a while of calm.
    pub fn wait_until_quiet(&self) {
        let (mut before, mut quiet) = (self.processor_time(), 0);
        while quiet < 4 {
            std::thread::sleep(Duration::from_secs(1));
            let now = self.processor_time();
            quiet = if now - before > 10.0 { 0 } else { quiet + 1 };
            before = now;
        }
    }

    /// Bytes it has sent to the disk so far.
    pub fn bytes_written(&self) -> f64 {
        process::bytes_written(self.pid())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.process {
            // A benchmark that failed leaves no server behind.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
