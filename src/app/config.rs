//! `Config`: what the server is told at start, from the configuration file, the command line and the environment.
//!
//! `keys` is the one table of what can be set: it yields reading (`read`), the reference and `config show` (`show`).
//! Nothing reads a file behind the server's back: a changed file counts after SIGHUP or a restart.

pub mod keys;
pub mod read;
pub mod show;

use super::problem::{Done, Problem};
use crate::domain::house::{ClearText, Settings};
use crate::model::limits::Limits;
use crate::model::names::DomainName;
use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

/// Where the configuration is looked for when nobody says where.
const USUAL_FILE: &str = "/etc/posthouse/posthouse.toml";
/// The main domain of a machine that has no usable name.
const FALLBACK_DOMAIN: &str = "home.local";

/// Addresses the server listens on; an empty list turns one off.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listen {
    /// XIMSS in clear text with starttls.
    pub ximss: Vec<SocketAddr>,
    /// XIMSS in TLS from the first byte.
    pub ximss_tls: Vec<SocketAddr>,
    /// The web port in clear text.
    pub http: Vec<SocketAddr>,
    /// The web port in TLS.
    pub https: Vec<SocketAddr>,
    /// Names reserved for front ends that do not exist yet: read, shown, not used.
    pub reserved: BTreeMap<&'static str, Vec<SocketAddr>>,
}

/// All that can be configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where the store and all else of the server lies.
    pub data_dir: PathBuf,
    /// The main domain.
    pub domain: DomainName,
    /// Addresses to listen on.
    pub listen: Listen,
    /// The certificate chain in PEM; None for one that the server makes itself.
    pub certificate: Option<PathBuf>,
    /// The certificate's private key in PEM.
    pub private_key: Option<PathBuf>,
    /// When clear-text passwords are taken without TLS.
    pub clear_text: ClearText,
    /// CRAM-MD5, DIGEST-MD5 and nonce login.
    pub legacy_mechanisms: bool,
    /// The signup operation.
    pub signup: bool,
    /// Whether requests of users may reach private addresses.
    pub allow_private: bool,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// Origins that scripts of other sites may come from.
    pub allowed_origins: Vec<String>,
    /// The URL that `bannerRead` asks; empty for none.
    pub banner_provider: String,
    /// Bounds.
    pub limits: Limits,
}

impl Config {
    /// The built-in configuration, of this machine's name.
    pub fn built_in() -> Self {
        let local = |port| vec![SocketAddr::from(([127, 0, 0, 1], port))];
        Self {
            data_dir: "posthouse-data".into(),
            domain: host_domain(&gethostname::gethostname().to_string_lossy()),
            listen: Listen {
                ximss: local(11024),
                ximss_tls: local(11025),
                http: local(8100),
                https: local(9100),
                reserved: keys::RESERVED.iter().map(|(name, port)| (*name, port.map_or_else(Vec::new, local))).collect(),
            },
            certificate: None,
            private_key: None,
            clear_text: ClearText::Loopback,
            legacy_mechanisms: false,
            signup: false,
            allow_private: false,
            trusted_proxies: Vec::new(),
            allowed_origins: Vec::new(),
            banner_provider: String::new(),
            limits: Limits::default(),
        }
    }

    /// What of it the floors below need to know.
    pub fn settings(&self) -> Settings {
        Settings {
            domain: self.domain.clone(),
            clear_text: self.clear_text,
            legacy_mechanisms: self.legacy_mechanisms,
            signup: self.signup,
            limits: self.limits.clone(),
            data: self.data_dir.clone(),
        }
    }

    /// The certificate and its key, where the file names them.
    pub fn tls_files(&self) -> Option<(PathBuf, PathBuf)> {
        self.certificate.clone().zip(self.private_key.clone())
    }
}

/// The main domain for a machine of this name.
fn host_domain(host: &str) -> DomainName {
    let usable = host.parse().ok().filter(|name: &DomainName| name.as_str() != "localhost");
    // The fallback is a good name: the tests read it.
    usable.unwrap_or_else(|| FALLBACK_DOMAIN.parse().unwrap_or_else(|_| unreachable!("home.local is a domain name")))
}

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Nobody said otherwise.
    Default,
    /// The configuration file.
    File,
    /// The command line.
    Flag,
    /// An environment variable.
    Environment,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Default => "default",
            Self::File => "file",
            Self::Flag => "flag",
            Self::Environment => "environment",
        })
    }
}

/// What the caller of the binary said about the configuration.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--data`.
    pub data: Option<PathBuf>,
    /// `$STATE_DIRECTORY`, as systemd sets it: the first of its paths counts.
    pub state_directory: Option<PathBuf>,
}

impl Sources {
    /// The same with what the environment says.
    pub fn with_environment(mut self) -> Self {
        let paths = std::env::var_os("STATE_DIRECTORY").filter(|v| !v.is_empty());
        self.state_directory = paths.and_then(|v| v.to_string_lossy().split(':').next().map(PathBuf::from));
        self
    }
}

/// A configuration with its history.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// What holds.
    pub config: Config,
    /// Where the values that are no defaults come from, by key.
    pub from: BTreeMap<&'static str, Source>,
    /// The file that was read, if any.
    pub file: Option<PathBuf>,
    /// What is accepted but has no effect, for the log.
    pub warnings: Vec<String>,
}

/// Reads the configuration.
pub fn load(sources: &Sources) -> Done<Loaded> {
    let usual = || Some(PathBuf::from(USUAL_FILE)).filter(|path| path.exists());
    let file = sources.config.clone().or_else(usual);
    let text = match &file {
        Some(path) => std::fs::read_to_string(path).map_err(|e| Problem::file("read the configuration", path, &e))?,
        None => String::new(),
    };
    let mut loaded = of_text(&text, file.as_deref())?;
    let directory = match (&sources.data, loaded.from.get("data_dir"), &sources.state_directory) {
        (Some(path), ..) => Some((path, Source::Flag)),
        (None, None, Some(path)) => Some((path, Source::Environment)),
        _ => None,
    };
    if let Some((path, source)) = directory {
        loaded.config.data_dir = path.clone();
        loaded.from.insert("data_dir", source);
    }
    Ok(loaded)
}

/// The configuration that a file's text gives. Relative paths in it start at the file's folder.
pub fn of_text(text: &str, file: Option<&Path>) -> Done<Loaded> {
    let name = file.map_or_else(|| "configuration".to_owned(), |path| path.display().to_string());
    let mut loaded = Loaded { config: Config::built_in(), from: BTreeMap::new(), file: file.map(Path::to_owned), warnings: Vec::new() };
    read::apply(text, &mut loaded).map_err(|e| match e.line {
        Some(line) => Problem::new(format_args!("{name}, line {line}: {}", e.what), e.to_do),
        None => Problem::new(format_args!("{name}: {}", e.what), e.to_do),
    })?;
    if let Some(folder) = file.and_then(Path::parent) {
        let Config { data_dir, certificate, private_key, .. } = &mut loaded.config;
        let named = loaded.from.contains_key("data_dir").then_some(data_dir);
        named.into_iter().chain(certificate).chain(private_key).for_each(|path| *path = folder.join(&path));
    }
    Ok(loaded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_main_domain_is_the_hosts_name_where_that_is_one() {
        assert_eq!(host_domain("mail.Example.test").as_str(), "mail.example.test");
        assert_eq!(
            (host_domain("localhost").as_str(), host_domain("").as_str(), host_domain("a b").as_str()),
            ("home.local", "home.local", "home.local")
        );
    }

    #[test]
    fn the_data_directory_is_the_flags_then_the_files_then_systemds() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("posthouse.toml");
        std::fs::write(&file, "data_dir = \"here\"\n[tls]\ncertificate = \"c.pem\"\nkey = \"/k.pem\"\n").unwrap();
        let mut sources = Sources { config: Some(file.clone()), data: Some("flag".into()), state_directory: Some("/state".into()) };
        let of = |sources: &Sources| {
            let loaded = load(sources).unwrap();
            (loaded.config.data_dir.clone(), loaded.from.get("data_dir").copied())
        };
        assert_eq!(of(&sources), ("flag".into(), Some(Source::Flag)));
        sources.data = None;
        assert_eq!(of(&sources), (folder.path().join("here"), Some(Source::File)));
        std::fs::write(&file, "").unwrap();
        assert_eq!(of(&sources), ("/state".into(), Some(Source::Environment)));
        sources.state_directory = None;
        assert_eq!(of(&sources), ("posthouse-data".into(), None));
    }

    #[test]
    fn paths_of_the_file_start_at_its_folder() {
        let loaded =
            of_text("[tls]\ncertificate = \"c.pem\"\nkey = \"/k.pem\"\n", Some(Path::new("/etc/posthouse/posthouse.toml"))).unwrap();
        assert_eq!(loaded.config.tls_files(), Some(("/etc/posthouse/c.pem".into(), "/k.pem".into())));
        assert_eq!(loaded.config.data_dir, PathBuf::from("posthouse-data"));
    }

    #[test]
    fn a_file_that_was_named_must_be_there() {
        let sources = Sources { config: Some("/nowhere/posthouse.toml".into()), ..Sources::default() };
        assert!(load(&sources).unwrap_err().to_string().contains("/nowhere/posthouse.toml"));
    }
}
