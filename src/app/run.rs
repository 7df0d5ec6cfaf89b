//! The server's life: lock, listeners, store, doors, and the end in order.
//!
//! Every listener is bound before anything else is begun, so that a port that is taken is told at once. Clients that
//! come while the store opens wait at the door. `Server` can be started in any process: `serve` runs one until a signal
//! comes, `InProcess` runs one for tests.

use super::admin::client::Agent;
use super::admin::server::AdminSocket;
use super::backend::Backend;
use super::config::{Config, Listen, Loaded, Sources, load};
use super::premises::{DataLock, Locked, Premises, make_directory};
use super::problem::{Done, Problem};
use super::supervise::{Background, every};
use super::{first_admin, metrics, notify};
use crate::domain::house::House;
use crate::domain::sessions::End;
use crate::domain::{indexer, queue, sweeper};
use crate::proto::http::server::{self, WebServer, WebSettings};
use crate::proto::net::listener::{self, Doors};
use crate::proto::net::tls::Certificates;
use actix::Arbiter;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// How long a server waits for another process to let go of the data directory: a command, or a server that ends.
const WAIT_FOR_LOCK: Duration = Duration::from_secs(10);
/// How long sessions have to say goodbye.
const WAIT_FOR_SESSIONS: Duration = Duration::from_secs(5);
/// How often what others do is looked at while waiting for it.
const LOOK: Duration = Duration::from_millis(20);
/// How often the certificates are read again, so that a renewed one is used.
const CERTIFICATES: Duration = Duration::from_secs(24 * 3600);
/// How often measurements are folded.
const UPKEEP: Duration = Duration::from_secs(60);

/// The listening sockets, by what is spoken on them.
struct Sockets {
    ximss: Vec<TcpListener>,
    ximss_tls: Vec<TcpListener>,
    http: Vec<TcpListener>,
    https: Vec<TcpListener>,
}

impl Sockets {
    fn bind(listen: &Listen) -> Done<Self> {
        let bind =
            |key: &str, addresses: &[SocketAddr]| listener::bind(addresses).map_err(|e| Problem::plain(format_args!("listen.{key}: {e}")));
        Ok(Self {
            ximss: bind("ximss", &listen.ximss)?,
            ximss_tls: bind("ximss_tls", &listen.ximss_tls)?,
            http: bind("http", &listen.http)?,
            https: bind("https", &listen.https)?,
        })
    }
}

/// Where a server listens: as configured, with the port the system chose where that was 0.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Addresses {
    /// XIMSS in clear text.
    pub ximss: Vec<SocketAddr>,
    /// XIMSS in TLS.
    pub ximss_tls: Vec<SocketAddr>,
    /// The web port in clear text.
    pub http: Vec<SocketAddr>,
    /// The web port in TLS.
    pub https: Vec<SocketAddr>,
}

impl Addresses {
    fn of(sockets: &Sockets) -> Self {
        let all = |of: &[TcpListener]| of.iter().filter_map(|socket| socket.local_addr().ok()).collect();
        let Sockets { ximss, ximss_tls, http, https } = sockets;
        Self { ximss: all(ximss), ximss_tls: all(ximss_tls), http: all(http), https: all(https) }
    }

    /// The addresses by the name of their key.
    fn by_name(&self) -> Vec<(&'static str, Vec<SocketAddr>)> {
        let Self { ximss, ximss_tls, http, https } = self.clone();
        vec![("ximss", ximss), ("ximss_tls", ximss_tls), ("http", http), ("https", https)]
    }
}

/// A server that accepts clients.
pub struct Server {
    premises: Premises,
    config: Config,
    addresses: Addresses,
    fittings: Fittings,
}

/// What works in the house.
struct Fittings {
    certificates: Certificates,
    doors: Doors,
    web: WebServer,
    admin: AdminSocket,
    arbiters: Vec<Arbiter>,
    _background: Background,
}

impl Fittings {
    async fn of(house: &Arc<House>, config: &Config, sockets: Sockets, addresses: &Addresses) -> Done<Self> {
        let certificates = load_certificates(config)?;
        first_admin::ensure(house, config).await?;
        let arbiters = (0..cores()).map(|_| Arbiter::try_new()).collect::<Result<Vec<_>, _>>();
        let arbiters = arbiters.map_err(|e| Problem::new(e, "allow the process more threads"))?;
        let doors = Doors::new(house.clone(), arbiters.iter().map(Arbiter::handle).collect());
        let web = open_doors(&doors, sockets, &certificates, web_settings(config, addresses));
        let web = web.map_err(|e| Problem::new(e, "correct the configuration, or allow the process more open files and threads"))?;
        let admin = AdminSocket::open(&config.data_dir, Rc::new(Backend::new(house.clone())))?;
        let background = begin_background(house, &certificates);
        Ok(Self { certificates, doors, web, admin, arbiters, _background: background })
    }
}

impl Server {
    /// Starts a server. Must be called in an actix system; returns when every listener accepts.
    pub async fn start(config: &Config) -> Done<Self> {
        make_directory(&config.data_dir)?;
        let lock = lock(config).await?;
        let sockets = Sockets::bind(&config.listen)?;
        let addresses = Addresses::of(&sockets);
        let premises = Premises::enter(config, lock).await?;
        match Fittings::of(&premises.house, config, sockets, &addresses).await {
            Ok(fittings) => Ok(Self { premises, config: config.clone(), addresses, fittings }),
            Err(problem) => {
                // The store is closed in order, whatever keeps the server from starting.
                premises.leave().await;
                Err(problem)
            }
        }
    }

    /// Where it listens.
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// What all of it shares.
    pub fn house(&self) -> &Arc<House> {
        &self.premises.house
    }

    /// Another configuration holds from now on, as far as it can without a restart; what cannot is logged.
    pub fn reload(&mut self, config: Config) {
        let old = &self.config;
        let fixed = [
            ("data_dir", old.data_dir == config.data_dir),
            ("domain", old.domain == config.domain),
            ("[listen]", old.listen == config.listen),
            ("[tls]: the names of the files", old.tls_files() == config.tls_files()),
            ("[web]", (&old.trusted_proxies, &old.allowed_origins) == (&config.trusted_proxies, &config.allowed_origins)),
        ];
        for (what, _) in fixed.iter().filter(|(_, same)| !same) {
            tracing::warn!("{what} has changed: that counts after a restart");
        }
        let Config { data_dir, domain, listen, .. } = old.clone();
        self.config = Config { data_dir, domain, listen, ..config };
        self.house().reload(self.config.settings());
        match self.fittings.certificates.reload() {
            Ok(()) => tracing::info!("configuration and certificates have been read again"),
            Err(error) => tracing::error!("the certificate in use stays: {error}"),
        }
    }

    /// Ends the server: no new clients, a goodbye to those who are there, a store that is closed in order.
    pub async fn stop(self) {
        let Fittings { doors, admin, web, arbiters, .. } = self.fittings;
        doors.close();
        admin.close();
        let house = &self.premises.house;
        house.sessions.end(None, End::ShuttingDown);
        let gone = async {
            while house.sessions.count() > 0 {
                tokio::time::sleep(LOOK).await;
            }
            // What the sessions said last is on its way out until their connections are gone as well; connections
            // without a session have nothing to say.
            let mut before = usize::MAX;
            while doors.connections() < before {
                before = doors.connections();
                tokio::time::sleep(LOOK).await;
            }
        };
        let gone = tokio::time::timeout(WAIT_FOR_SESSIONS, gone);
        if tokio::join!(gone, web.stop()).0.is_err() {
            tracing::warn!(sessions = house.sessions.count(), "some sessions did not end in time and are cut off");
        }
        for arbiter in &arbiters {
            arbiter.stop();
        }
        self.premises.leave().await;
    }
}

/// Arbiters: one per core, and two at least, so that one client's work does not hold up all others.
fn cores() -> usize {
    std::thread::available_parallelism().map_or(2, |n| n.get().max(2))
}

/// The lock of the data directory, once others have let go of it.
async fn lock(config: &Config) -> Done<DataLock> {
    let wait = async {
        loop {
            match DataLock::take(&config.data_dir, "serve")? {
                Locked::Ours(lock) => return Ok(Ok(lock)),
                Locked::Theirs(holder) => match Agent::server(&config.data_dir).await? {
                    Some(_) => return Ok(Err(holder)),
                    None => tokio::time::sleep(LOOK).await,
                },
            }
        }
    };
    let holder = match tokio::time::timeout(WAIT_FOR_LOCK, wait).await {
        Ok(Ok(Ok(lock))) => return Ok(lock),
        Ok(Ok(Err(holder))) => holder,
        Ok(Err(problem)) => return Err(problem),
        Err(_) => "another process".to_owned(),
    };
    let what = format_args!("the data directory {} is in use by {holder}", config.data_dir.display()).to_string();
    Err(Problem::new(what, "stop that first, or give another --data"))
}

fn load_certificates(config: &Config) -> Done<Certificates> {
    let mut names = vec![config.domain.as_str().to_owned(), "localhost".to_owned()];
    let host = gethostname::gethostname().to_string_lossy().to_lowercase();
    if host.parse::<crate::model::names::DomainName>().is_ok() && !names.contains(&host) {
        names.push(host);
    }
    Certificates::load(config.tls_files(), &config.data_dir, &names).map_err(Problem::plain)
}

fn web_settings(config: &Config, addresses: &Addresses) -> WebSettings {
    WebSettings {
        trusted_proxies: config.trusted_proxies.clone(),
        allowed_origins: config.allowed_origins.clone(),
        listeners: addresses.by_name(),
    }
}

fn open_doors(doors: &Doors, sockets: Sockets, certificates: &Certificates, settings: WebSettings) -> std::io::Result<WebServer> {
    let acceptor = certificates.acceptor();
    for socket in sockets.ximss {
        doors.serve_ximss(socket, Some(acceptor.clone()), false)?;
    }
    for socket in sockets.ximss_tls {
        doors.serve_ximss(socket, Some(acceptor.clone()), true)?;
    }
    let metrics = metrics::start(doors.house());
    server::start(doors.house().clone(), settings, sockets.http, sockets.https, Some(certificates.web()), metrics)
}

fn begin_background(house: &Arc<House>, certificates: &Certificates) -> Background {
    let mut background = Background::default();
    let worker = house.clone();
    background.keep("queue", move || queue::run(worker.clone()));
    let indexed = house.clone();
    background.keep("indexer", move || indexer::run(indexed.clone()));
    let store = house.store.clone();
    background.keep("sweeper", move || {
        let store = store.clone();
        // A failure has been logged where it happened; the next start or removal sweeps again.
        async move { drop(sweeper::sweep(&store).await) }
    });
    let certificates = certificates.clone();
    background.keep("certificates", move || {
        let certificates = certificates.clone();
        every(CERTIFICATES, async move || {
            if let Err(error) = certificates.reload() {
                tracing::error!("the certificate in use stays: {error}");
            }
        })
    });
    background.keep("metrics", || every(UPKEEP, async || metrics::upkeep()));
    let store = house.store.clone();
    background.keep("watchdog", move || notify::watch(store.clone()));
    background
}

/// `posthouse serve`: runs a server until SIGTERM or Ctrl-C.
pub fn serve(sources: &Sources, loaded: &Loaded) -> Done {
    actix::System::new().block_on(async {
        let system = |e: std::io::Error| Problem::new(e, "check what the system allows the process");
        // Listening for signals begins before the start, so that none is lost.
        let mut hang_up = signal(SignalKind::hangup()).map_err(system)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(system)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(system)?;
        loaded.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
        let mut server = tokio::select! {
            started = Server::start(&loaded.config) => started?,
            // Before it serves anybody there is nothing to end in order.
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
        };
        let addresses = server.addresses();
        tracing::info!(domain = %loaded.config.domain, data = %loaded.config.data_dir.display(), ?addresses, "version {} is ready", env!("CARGO_PKG_VERSION"));
        // Whoever started the server may not be listening.
        let _ = writeln!(std::io::stdout(), "posthouse ready").and_then(|()| std::io::stdout().flush());
        notify::ready();
        loop {
            tokio::select! {
                _ = hang_up.recv() => {
                    notify::reloading();
                    match load(sources) {
                        Ok(loaded) => {
                            loaded.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
                            server.reload(loaded.config);
                        }
                        Err(problem) => tracing::error!("the configuration in use stays: {problem}"),
                    }
                    notify::ready();
                }
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
            }
        }
        notify::stopping();
        tracing::info!("stopping");
        server.stop().await;
        tracing::info!("stopped");
        Ok(())
    })
}

/// A server in a thread of this process, for tests.
pub struct InProcess {
    /// Where it listens.
    pub addresses: Addresses,
    /// What all of it shares.
    pub house: Arc<House>,
    stop: tokio::sync::oneshot::Sender<()>,
    thread: std::thread::JoinHandle<()>,
}

impl InProcess {
    /// Starts a server; returns when every listener accepts. Port 0 in the configuration stands for any free port.
    pub fn start(config: Config) -> Done<Self> {
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let (started, start) = std::sync::mpsc::channel();
        let thread = std::thread::Builder::new().name("server".into()).spawn(move || {
            actix::System::new().block_on(async {
                match Server::start(&config).await {
                    Ok(server) => {
                        // If the one who started it is gone, so is the sender of the stop.
                        let _ = started.send(Ok((server.addresses().clone(), server.house().clone())));
                        let _ = stopped.await;
                        server.stop().await;
                    }
                    Err(problem) => drop(started.send(Err(problem))),
                }
            });
        });
        let thread = thread.map_err(|e| Problem::new(e, "allow the process more threads"))?;
        let ended = |_| Problem::new("the server's thread has ended", "look into the log");
        let (addresses, house) = start.recv().map_err(ended)??;
        Ok(Self { addresses, house, stop, thread })
    }

    /// Stops it, as SIGTERM would, and waits for its end.
    pub fn stop(self) {
        drop(self.stop);
        // A panic of the server has been logged; whoever stops it has no use for it.
        let _ = self.thread.join();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::net::TcpStream;

    fn config(folder: &tempfile::TempDir, ximss: SocketAddr) -> Config {
        let mut config = Config::built_in();
        config.data_dir = folder.path().to_owned();
        config.domain = "example.test".parse().unwrap();
        config.listen = Listen { ximss: vec![ximss], ..Listen::default() };
        config
    }

    #[test]
    fn servers_start_and_stop_in_a_process_and_release_what_they_held() {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let first = InProcess::start(config(&folders[0], any)).unwrap();
        let here = first.addresses.ximss[0];
        assert!(InProcess::start(config(&folders[1], here)).is_err_and(|e| e.to_string().contains("listen.ximss")));
        assert!(InProcess::start(config(&folders[0], any)).is_err_and(|e| e.to_string().contains("in use by serve")));
        let second = InProcess::start(config(&folders[1], any)).unwrap();
        let mut client = TcpStream::connect(here).unwrap();
        client.write_all(b"<noop id=\"1\"/>\0").unwrap();
        let mut answer = [0; 9];
        client.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"<response");
        first.stop();
        second.stop();
        InProcess::start(config(&folders[0], here)).unwrap().stop();
    }
}
