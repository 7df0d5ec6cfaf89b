//! The server's life: lock, listeners, store, doors, and the end in order.
//!
//! Every listener is bound before anything else is begun, so that a port that is taken is told at once. Clients that
//! come while the store opens wait at the door. `serve` runs a server until a signal comes, `in_process` one inside a test.

use super::admin::client::Agent;
use super::admin::server::AdminSocket;
use super::backend::Backend;
use super::config::{Config, Listen};
use super::premises::{DataLock, Locked, Premises, make_directory};
use super::problem::{Done, Problem};
use super::supervise::{Background, every};
use super::{first_admin, metrics, notify};
use crate::domain::house::House;
use crate::domain::sessions::End;
use crate::domain::{indexer, journal, queue, sweeper};
use crate::proto::http::server::{self, Guests, Listeners, WebServer, WebSettings};
use crate::proto::net::documents::HttpDocuments;
use crate::proto::net::listener::{self, Doors};
use crate::proto::net::tls::Certificates;
use crate::proto::ximss::http::Binding;
use actix::Arbiter;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

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
        house.documents.plug(Arc::new(HttpDocuments::new(config.allow_private)));
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
        self.house().documents.plug(Arc::new(HttpDocuments::new(self.config.allow_private)));
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

/// Arbiters: one per core, and two at least, so that clients who come have another where one is busy (`net::placement`).
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
    let WebSettings { trusted_proxies, allowed_origins, .. } = settings.clone();
    let binding = Binding::new(doors.house().clone(), doors.places().clone(), trusted_proxies, allowed_origins);
    let guests = Guests { routes: Some(Arc::new(move |app| binding.mount(app))), take_over: Some(doors.take_over(acceptor)) };
    let listeners = Listeners { http: sockets.http, https: sockets.https, tls: Some(certificates.web()) };
    server::start(doors.house().clone(), settings, listeners, guests, metrics)
}

fn begin_background(house: &Arc<House>, certificates: &Certificates) -> Background {
    let mut background = Background::default();
    let worker = house.clone();
    background.keep("queue", move || queue::run(worker.clone()));
    let indexed = house.clone();
    let written = house.clone();
    background.keep("journal", move || journal::run(written.clone()));
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
