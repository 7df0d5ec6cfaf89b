//! The web server: its routes, and what it shares with their handlers.

use super::temporary::Shelf;
use super::{accept, metrics, page, refusal, session_urls};
use crate::domain::house::House;
use crate::proto::net::limits::PerAddress;
use crate::proto::net::proxies::Sender;
use crate::proto::net::wire::{Ends, TakeOver};
use actix_cors::Cors;
use actix_server::{Server, ServerHandle};
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::guard::fn_guard;
use actix_web::http::{Uri, header};
use actix_web::middleware::{Compress, Condition, DefaultHeaders};
use actix_web::{App, HttpRequest, web};
use rustls::ServerConfig;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Seconds for which requests under way may go on when the server stops.
const FAREWELL: u64 = 5;
/// Connections of one worker.
const CONNECTIONS: usize = 2_048;
/// Threads of one worker that read and write files.
const FILE_THREADS: usize = 4;
/// Large messages that may be in memory at once.
const LARGE_MESSAGES: usize = 2;

/// What of the configuration the web server needs to know.
#[derive(Debug, Clone, Default)]
pub struct WebSettings {
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// Origins whose scripts may use this server (CORS), such as `https://mail.example.test`; `*` for all.
    pub allowed_origins: Vec<String>,
    /// All listeners of the server, for the page: the name of each in the configuration, and its addresses.
    pub listeners: Vec<(&'static str, Vec<SocketAddr>)>,
}

/// Adds the URLs of another front end; it is asked on every thread of the web server.
pub type Routes = Arc<dyn Fn(&mut web::ServiceConfig) + Send + Sync>;

/// What other front ends have on the web port. The default is nothing.
#[derive(Clone, Default)]
pub struct Guests {
    /// Their URLs.
    pub routes: Option<Routes>,
    /// Takes connections on which they speak a protocol of their own, whose first byte is `<`.
    pub take_over: Option<TakeOver>,
}

/// Where the web port listens.
#[derive(Default)]
pub struct Listeners {
    /// In clear text.
    pub http: Vec<TcpListener>,
    /// In TLS.
    pub https: Vec<TcpListener>,
    /// The certificate; without it `https` is not served.
    pub tls: Option<Arc<ServerConfig>>,
}

/// Renders the metrics as text.
pub type RenderMetrics = Arc<dyn Fn() -> String + Send + Sync>;

/// What all handlers share.
pub struct Web {
    /// What the front ends share.
    pub house: Arc<House>,
    /// The configuration.
    pub settings: WebSettings,
    /// Renders the metrics.
    pub metrics: RenderMetrics,
    /// Connections per address.
    pub connections: PerAddress,
    /// URLs of other front ends.
    guests: Option<Routes>,
    /// Where files are put for a while.
    pub shelf: Shelf,
    /// Turns at having a large message in memory.
    pub large_messages: Semaphore,
}

impl Web {
    /// Prepares what handlers share, and empties the place for uploads of a server before. Blocks.
    pub(super) fn prepare(house: Arc<House>, settings: WebSettings, metrics: RenderMetrics) -> io::Result<Self> {
        let shelf = Shelf::prepare(&house.settings().data)?;
        Ok(Self {
            house,
            settings,
            metrics,
            guests: None,
            connections: PerAddress::default(),
            shelf,
            large_messages: Semaphore::new(LARGE_MESSAGES),
        })
    }

    /// True when all of a request's way was encrypted, as far as that is known.
    pub fn is_encrypted(&self, request: &HttpRequest, sender: Sender) -> bool {
        let secure = Ends::of(request).is_some_and(|ends| ends.secure);
        sender.is_encrypted(secure, request.headers().get_all("x-forwarded-proto").last().and_then(|value| value.to_str().ok()))
    }

    /// Who sent a request; None where that cannot be known.
    pub fn sender(&self, request: &HttpRequest) -> Option<Sender> {
        let forwarded: Vec<&str> = request.headers().get_all("x-forwarded-for").map(|v| v.to_str().unwrap_or("unreadable")).collect();
        Some(Sender::of(request.peer_addr()?.ip(), forwarded.into_iter(), &self.settings.trusted_proxies))
    }
}

/// The URLs there are. The first line that fits answers.
pub(super) fn routes(app: &mut web::ServiceConfig, guests: Option<&Routes>) {
    if let Some(guests) = guests {
        guests(app);
    }
    app.service(web::resource("/").wrap(Compress::default()).get(page::serve).head(page::serve))
        .service(web::resource("/healthz").get(page::health).head(page::health))
        .service(web::resource("/metrics").wrap(Compress::default()).get(metrics::serve))
        .service(web::resource("/{path:.*}").guard(fn_guard(session_urls::are_these)).to(session_urls::serve))
        .default_service(web::to(|| async { refusal::not_found() }));
}

/// Headers that every answer has.
pub(super) fn common_headers() -> DefaultHeaders {
    DefaultHeaders::new().add((header::X_CONTENT_TYPE_OPTIONS, "nosniff")).add((header::REFERRER_POLICY, "no-referrer"))
}

/// Answers to scripts of other origins.
fn cors(origins: &[String]) -> Cors {
    let methods = ["GET", "HEAD", "POST", "PUT"];
    let exposed = [header::CONTENT_RANGE, header::ACCEPT_RANGES, header::ETAG, header::CONTENT_DISPOSITION];
    let cors = Cors::default().allowed_methods(methods).allow_any_header().expose_headers(exposed).max_age(3600);
    if origins.iter().any(|origin| origin == "*") {
        return cors.allow_any_origin();
    }
    origins.iter().fold(cors, |cors, origin| cors.allowed_origin(origin))
}

fn check_origins(origins: &[String]) -> io::Result<()> {
    let is_origin = |origin: &str| {
        let Ok(uri) = origin.parse::<Uri>() else { return false };
        uri.scheme().is_some() && uri.authority().is_some() && matches!(uri.path(), "" | "/") && !origin.ends_with('/')
    };
    match origins.iter().find(|origin| *origin != "*" && !is_origin(origin)) {
        None => Ok(()),
        Some(wrong) => {
            let text = format!("[web] allowed_origins: {wrong} is no origin: write it like https://mail.example.test");
            Err(io::Error::new(io::ErrorKind::InvalidInput, text))
        }
    }
}

/// A running web server.
pub struct WebServer {
    handle: Option<ServerHandle>,
}

impl WebServer {
    /// Stops it: no more connections, and a few seconds for requests under way.
    pub async fn stop(&self) {
        if let Some(handle) = &self.handle {
            handle.stop(true).await;
        }
    }
}

/// The app of one thread.
pub(super) fn app(
    web: web::Data<Web>,
) -> App<
    impl ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse<impl MessageBody>, Error = actix_web::Error, InitError = ()>,
> {
    let origins = &web.settings.allowed_origins;
    let cors = Condition::new(!origins.is_empty(), cors(origins));
    App::new().app_data(web.clone()).configure(|app| routes(app, web.guests.as_ref())).wrap(cors).wrap(common_headers())
}

/// Serves HTTP on these listeners, on threads of its own, until stopped. Without listeners there is nothing to serve.
/// Errors: a place for uploads cannot be made, an origin is none, the system gives no threads. Blocks for a moment; call
/// it inside a `System`.
pub fn start(
    house: Arc<House>,
    settings: WebSettings,
    listeners: Listeners,
    guests: Guests,
    metrics: RenderMetrics,
) -> io::Result<WebServer> {
    check_origins(&settings.allowed_origins)?;
    let Listeners { http, https, tls } = listeners;
    let tls = tls.filter(|_| !https.is_empty());
    let nothing_to_do = http.is_empty() && tls.is_none();
    let web = web::Data::new(Web { guests: guests.routes, ..Web::prepare(house, settings, metrics)? });
    if nothing_to_do {
        return Ok(WebServer { handle: None });
    }
    let mut builder = Server::build()
        .workers(std::thread::available_parallelism().map_or(1, |n| n.get().min(2)))
        .worker_max_blocking_threads(FILE_THREADS)
        .max_concurrent_connections(CONNECTIONS)
        .shutdown_timeout(FAREWELL)
        .disable_signals();
    for listener in http {
        builder = accept::listen(builder, listener, web.clone(), None, guests.take_over.clone())?;
    }
    for listener in https.into_iter().filter(|_| tls.is_some()) {
        builder = accept::listen(builder, listener, web.clone(), tls.clone(), guests.take_over.clone())?;
    }
    let server = builder.run();
    let handle = Some(server.handle());
    actix::spawn(async move {
        if let Err(error) = server.await {
            tracing::error!(%error, "the web server ended");
        }
    });
    Ok(WebServer { handle })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_checked_at_the_start() {
        let check = |origin: &str| check_origins(&[origin.to_owned()]).is_ok();
        assert!(check("https://mail.example.test") && check("http://localhost:3000") && check("*"));
        assert!(!check("mail.example.test") && !check("https://a.test/") && !check("https://a.test/x") && !check(""));
    }
}
