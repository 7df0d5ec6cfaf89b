//! Connections of the web port, from the door to the protocol that is spoken on them.
//!
//! TLS is shaken hands on here, so that the first byte can be looked at in any case: a `<` begins no HTTP request but a
//! XIMSS message, and such a connection is handed over. All others are HTTP/1.1 or, where the handshake agreed on it,
//! HTTP/2. Connections of one address are counted, so that nobody can take them all; trusted proxies are not, as they
//! stand for many. The handlers find what is known of the connection (`Ends`) with the request.
//! Spec: XIMSS companion 2.1 (XIMSS on the HTTP port).

use super::http2;
use super::server::{Web, app};
use super::watched::Watched;
use crate::proto::net::limits::Place;
use crate::proto::net::wire::{TakeOver, Wire};
use actix_http::{HttpService, KeepAlive};
use actix_server::ServerBuilder;
use actix_service::{IntoServiceFactory, Service, ServiceFactory, ServiceFactoryExt, fn_factory, fn_service, map_config};
use actix_web::dev::AppConfig;
use actix_web::web;
use rustls::ServerConfig;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

/// The most time for the TLS handshake, for the first byte and for the head of the first request, each; less where the
/// time to log in is less.
const PATIENCE: Duration = Duration::from_secs(15);
/// Time for which a connection may wait for its next request.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// How long a connection may lie still while it is waited for, and a client take nothing of what it is sent.
const STILL: Duration = Duration::from_secs(300);
/// How long a refused client is waited for.
const LINGERING: Duration = Duration::from_secs(1);
/// Connections of an address for each session that it may have.
const PER_SESSION: usize = 4;
/// What one too many is told, where it can be told without a handshake.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\
    too many connections from this address\n";

/// What becomes of a connection that is not HTTP.
#[derive(Debug)]
struct NotHttp;

/// A connection on which HTTP is spoken.
struct Opened {
    wire: Watched,
    peer: Option<SocketAddr>,
    is_http2: bool,
}

/// Serves on a listener, in TLS if there is a configuration for it.
pub(super) fn listen(
    builder: ServerBuilder,
    listener: TcpListener,
    web: web::Data<Web>,
    tls: Option<Arc<ServerConfig>>,
    take_over: Option<TakeOver>,
) -> io::Result<ServerBuilder> {
    let stopping = builder.graceful_shutdown_signal();
    // Connections that wait for a request are let go when the server stops.
    let stopped = move || {
        let stopping = stopping.clone();
        async move { stopping.notified().await }
    };
    let acceptor = tls.map(|config| TlsAcceptor::from(Arc::new(offering_http(&config))));
    builder.listen("web", listener, move || {
        let (web, acceptor, take_over, stopped) = (web.clone(), acceptor.clone(), take_over.clone(), stopped.clone());
        let handlers = || {
            let app = app(web.clone()).into_factory().map_err(|error| error.error_response());
            map_config(app, |_| AppConfig::default())
        };
        let http1 = HttpService::build()
            .keep_alive(KeepAlive::Timeout(KEEP_ALIVE))
            .client_request_timeout(patience(&web))
            .graceful_shutdown_signal(stopped.clone())
            .on_connect_ext(|wire: &Watched, known| drop(wire.ends().map(|ends| known.insert(ends))))
            .h1(handlers());
        let (http1, http2) = (Rc::new(http1), Rc::new(handlers()));
        fn_factory(move || {
            let (web, acceptor, take_over, stopped) = (web.clone(), acceptor.clone(), take_over.clone(), stopped.clone());
            let (http1, http2) = (http1.clone(), http2.clone());
            async move {
                let (http1, http2) = (Rc::new(http1.new_service(()).await?), Rc::new(http2.new_service(()).await?));
                Ok::<_, ()>(fn_service(move |stream: TcpStream| {
                    let opened = open(web.clone(), stream, acceptor.clone(), take_over.clone());
                    let (http1, http2, stopped) = (http1.clone(), http2.clone(), stopped.clone());
                    async move {
                        let Opened { wire, peer, is_http2 } = opened.await?;
                        let ended = if is_http2 {
                            http2::serve(wire, peer, http2, KEEP_ALIVE, stopped()).await.map_err(|error| error.to_string())
                        } else {
                            http1.call((wire, peer)).await.map_err(|error| error.to_string())
                        };
                        ended.map_err(|error| {
                            tracing::debug!(error, "a web connection ended");
                            NotHttp
                        })
                    }
                }))
            }
        })
    })
}

/// The same configuration, with the versions of HTTP that are spoken here.
fn offering_http(config: &ServerConfig) -> ServerConfig {
    let mut config = config.clone();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}

fn patience(web: &Web) -> Duration {
    PATIENCE.min(Duration::from_secs(web.house.settings().limits.login_time))
}

/// A place among the connections of an address; None within where it needs none, Err where all are taken.
fn place(web: &Web, stream: &TcpStream) -> Result<Option<Place>, NotHttp> {
    let address = stream.peer_addr().map_err(|_| NotHttp)?.ip().to_canonical();
    if web.settings.trusted_proxies.contains(&address) {
        return Ok(None);
    }
    let most = web.house.settings().limits.sessions_per_address.saturating_mul(PER_SESSION);
    web.connections.enter(address, most).map(Some).ok_or(NotHttp)
}

/// Tells a client that it is one too many. What it was sending is read, or closing would take the refusal from it.
async fn refuse(mut stream: TcpStream) -> io::Result<()> {
    stream.write_all(FULL).await?;
    stream.shutdown().await?;
    let mut unread = [0; 512];
    while stream.read(&mut unread).await? > 0 {}
    Ok(())
}

/// Begins TLS where it is spoken, and looks at the first byte.
async fn open(
    web: web::Data<Web>,
    stream: TcpStream,
    acceptor: Option<TlsAcceptor>,
    take_over: Option<TakeOver>,
) -> Result<Opened, NotHttp> {
    let Ok(place) = place(&web, &stream) else {
        metrics::counter!("posthouse_connections_refused").increment(1);
        if acceptor.is_none() {
            // It is refused all the same when it does not listen.
            let _ = timeout(LINGERING, refuse(stream)).await;
        }
        return Err(NotHttp);
    };
    let patience = patience(&web);
    // Small answers are not held back; a system that cannot do this still serves.
    let _ = stream.set_nodelay(true);
    // Nor is this a must: a client that takes nothing of an answer for so long is given up.
    let _ = socket2::SockRef::from(&stream).set_tcp_user_timeout(Some(STILL));
    let peer = stream.peer_addr().ok();
    let (mut wire, is_http2) = match acceptor {
        None => (Wire::Clear(stream), false),
        Some(acceptor) => {
            let encrypted = timeout(patience, acceptor.accept(stream)).await.ok().and_then(Result::ok).ok_or(NotHttp)?;
            let is_http2 = encrypted.get_ref().1.alpn_protocol() == Some(b"h2");
            (Wire::Encrypted(Box::new(encrypted)), is_http2)
        }
    };
    let first = timeout(patience, wire.first_byte()).await.ok().and_then(Result::ok).flatten().ok_or(NotHttp)?;
    match take_over {
        Some(take_over) if first == b'<' => {
            if let Ok(ends) = wire.ends() {
                take_over(wire, ends).await;
            }
            Err(NotHttp)
        }
        _ => {
            let wire = Watched::new(wire, STILL, place);
            let wire = if is_http2 { wire.starting_with(http2::PREFACE, patience) } else { wire };
            Ok(Opened { wire, peer, is_http2 })
        }
    }
}
