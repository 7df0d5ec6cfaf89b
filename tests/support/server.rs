//! `Server`: the real binary on a data directory and a loopback address of its own, gone when the test is.
//!
//! Every server gets its own address of 127/8 and asks the system for free ports there, so that servers of tests that
//! run at the same time cannot take each other's.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// The main domain of every test server.
pub const DOMAIN: &str = "example.dom";

/// What of a server a test may choose before it starts.
#[derive(Default)]
pub struct Setup {
    /// Lines of the configuration, behind the `listen` section.
    pub config: String,
    /// Addresses with passwords and real names (which may be empty).
    pub accounts: Vec<(String, String, String)>,
}

impl Setup {
    /// A setup with one account more.
    pub fn account(mut self, address: &str, password: &str) -> Self {
        self.accounts.push((address.to_owned(), password.to_owned(), String::new()));
        self
    }

    /// A setup with more configuration.
    pub fn config(mut self, lines: &str) -> Self {
        self.config.push_str(lines);
        self.config.push('\n');
        self
    }

    /// Starts the server.
    pub fn start(&self) -> Server {
        let mut server = Server::prepare(&self.config);
        for (address, password, real_name) in &self.accounts {
            server.add_account(address, password, real_name);
        }
        server.start();
        server
    }
}

/// A server and its data.
pub struct Server {
    folder: tempfile::TempDir,
    address: Ipv4Addr,
    ports: [u16; 4],
    process: Option<Child>,
}

fn own_address() -> Ipv4Addr {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let (process, count) = (std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let byte = |number: u32| u8::try_from(number).expect("taken modulo what fits");
    Ipv4Addr::new(127, byte(1 + process % 250), byte(process / 250 % 250), byte(1 + count % 250))
}

/// The program under test: what this build made, or what `POSTHOUSE_BINARY` names, run by `POSTHOUSE_RUNNER`.
fn program() -> Command {
    let binary = std::env::var("POSTHOUSE_BINARY").unwrap_or_else(|_| env!("CARGO_BIN_EXE_posthouse").to_owned());
    match std::env::var("POSTHOUSE_RUNNER") {
        Ok(runner) => {
            let mut command = Command::new(runner);
            command.arg(binary);
            command
        }
        Err(_) => Command::new(binary),
    }
}

impl Server {
    /// A data directory with a configuration, and ports that were free a moment ago; nothing runs yet.
    pub fn prepare(config: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("posthouse-test-").tempdir().expect("a temporary directory");
        let address = own_address();
        // All four are held at once, or the system might give the same port twice.
        let held: Vec<TcpListener> = (0..4).map(|_| TcpListener::bind((address, 0)).expect("a free port")).collect();
        let ports = [0, 1, 2, 3].map(|i: usize| held[i].local_addr().expect("a bound port").port());
        let [ximss, ximss_tls, http, https] = ports;
        let text = format!(
            "data_dir = \"{data}\"\ndomain = \"{DOMAIN}\"\n[listen]\nximss = [\"{address}:{ximss}\"]\n\
             ximss_tls = [\"{address}:{ximss_tls}\"]\nhttp = [\"{address}:{http}\"]\nhttps = [\"{address}:{https}\"]\n\
             smtp = []\nsubmission = []\nsubmissions = []\nlmtp = []\nsip = []\nsips = []\n{config}\n",
            data = folder.path().join("data").display(),
        );
        std::fs::write(folder.path().join("posthouse.toml"), text).expect("the configuration can be written");
        Self { folder, address, ports, process: None }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program();
        command.arg("--config").arg(self.folder.path().join("posthouse.toml")).args(arguments);
        // What the person who runs the tests has set must not change what they find.
        command.env_remove("STATE_DIRECTORY").env_remove("JOURNAL_STREAM").env_remove("NOTIFY_SOCKET").env_remove("RUST_LOG");
        command.env("TZ", "UTC").current_dir(self.folder.path());
        command
    }

    /// Runs one command of the binary and returns what came of it.
    pub fn try_run(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = self.command(arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
        // A command that does not read closes its end; what it says about it is in its output.
        let _ = child.stdin.take().expect("stdin is piped").write_all(input.as_bytes());
        child.wait_with_output().expect("the binary ends")
    }

    /// Runs one command that must succeed; returns its standard output.
    pub fn run(&self, arguments: &[&str], input: &str) -> String {
        let output = self.try_run(arguments, input);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "posthouse {arguments:?}: {}: {errors}", output.status);
        String::from_utf8(output.stdout).expect("output is UTF-8")
    }

    /// Adds an account.
    pub fn add_account(&self, address: &str, password: &str, real_name: &str) {
        let mut arguments = vec!["account", "add", address, "--password-stdin"];
        if !real_name.is_empty() {
            arguments.extend(["--real-name", real_name]);
        }
        self.run(&arguments, &format!("{password}\n"));
    }

    /// Starts `posthouse serve` and waits until it says that it is ready.
    pub fn start(&mut self) {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.log_file()).expect("the log can be written");
        self.start_with(log.into());
    }

    /// The same, with a log whose reader is gone.
    pub fn start_unheard(&mut self) {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        self.start_with(writer.into());
    }

    fn start_with(&mut self, log: Stdio) {
        let mut child = self.command(&["serve"]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn().expect("the binary runs");
        let lines = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
        let ready = lines.map_while(Result::ok).any(|line| line.trim() == "posthouse ready");
        self.process = Some(child);
        assert!(ready, "the server ended before it was ready:\n{}", self.log());
    }

    /// Ends the server without a warning, as a power failure would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.process.take() {
            child.kill().expect("a child can be killed");
            child.wait().expect("a killed child ends");
        }
    }

    /// Asks the server to end and waits until it has.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.process.take() {
            let told = Command::new("sh").arg("-c").arg(format!("kill -TERM {}", child.id())).status().expect("sh runs");
            assert!(told.success());
            let status = child.wait().expect("the server ends");
            assert!(status.success(), "the server ended with {status}:\n{}", self.log());
        }
    }

    /// Has the server read its configuration again.
    pub fn reload(&self) {
        let process = self.process_id().expect("the server runs");
        assert!(Command::new("sh").arg("-c").arg(format!("kill -HUP {process}")).status().expect("sh runs").success());
    }

    /// The process number of the running server.
    pub fn process_id(&self) -> Option<u32> {
        self.process.as_ref().map(Child::id)
    }

    /// The most memory that the running server has had at once, in bytes.
    pub fn peak_memory(&self) -> u64 {
        let process = self.process_id().expect("the server runs");
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("Linux tells of processes");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("and of their memory");
        line.trim().trim_end_matches("kB").trim().parse::<u64>().expect("a number") << 10
    }

    /// From now on no file of the running server can become larger than so many bytes, or with None as large as it likes:
    /// what a full disk does, and with 0 one that takes no writes at all.
    pub fn limit_files(&self, most: Option<u64>) {
        let process = self.process_id().expect("the server runs").to_string();
        let most = most.map_or_else(|| "unlimited".to_owned(), |most| most.to_string());
        // The hard limit stays, or it could not be lifted again.
        let done = Command::new("prlimit").args(["--pid", &process, &format!("--fsize={most}:")]).status().expect("prlimit runs");
        assert!(done.success());
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("server.log")
    }

    /// What the server has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// A folder for files of the test; goes with the server.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The data directory.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Where XIMSS is served in clear text.
    pub fn ximss(&self) -> SocketAddr {
        (self.address, self.ports[0]).into()
    }

    /// Where XIMSS is served over TLS.
    pub fn ximss_tls(&self) -> SocketAddr {
        (self.address, self.ports[1]).into()
    }

    /// Where HTTP is served.
    pub fn http(&self) -> SocketAddr {
        (self.address, self.ports[2]).into()
    }

    /// Where HTTP is served over TLS.
    pub fn https(&self) -> SocketAddr {
        (self.address, self.ports[3]).into()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.process {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            eprintln!("--- log of the server ---\n{}", self.log());
        }
    }
}
