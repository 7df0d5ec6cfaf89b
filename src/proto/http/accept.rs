//! Connections of the web port, from the door to the protocol that is spoken on them.
//!
//! TLS is shaken hands on here, so that the first byte can be looked at in any case: a `<` begins no HTTP request but a
//! XIMSS message, and such a connection is handed over. All others are HTTP/1.1 or, where the handshake agreed on it,
//! HTTP/2. The handlers find what is known of the connection (`Ends`) with the request.
//! Spec: XIMSS companion 2.1 (XIMSS on the HTTP port).

use super::server::{WINDOWS, Web, app};
use crate::proto::net::wire::{TakeOver, Wire};
use actix_http::{HttpService, KeepAlive, Protocol};
use actix_server::ServerBuilder;
use actix_service::{IntoServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_web::dev::AppConfig;
use actix_web::web;
use rustls::ServerConfig;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

/// Time for the TLS handshake, for the first byte and for the head of a request, each.
const PATIENCE: Duration = Duration::from_secs(15);
/// Time for which a connection may wait for its next request.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// How long a client may take nothing of what it is sent.
const READING: Duration = Duration::from_secs(300);

/// What becomes of a connection that is not HTTP.
#[derive(Debug)]
struct NotHttp;

/// Serves on a listener, in TLS if there is a configuration for it.
pub(super) fn listen(
    builder: ServerBuilder,
    listener: TcpListener,
    web: web::Data<Web>,
    tls: Option<Arc<ServerConfig>>,
    take_over: Option<TakeOver>,
) -> io::Result<ServerBuilder> {
    let stopping = builder.graceful_shutdown_signal();
    let acceptor = tls.map(|config| TlsAcceptor::from(Arc::new(offering_http(&config))));
    builder.listen("web", listener, move || {
        let (acceptor, take_over, stopping) = (acceptor.clone(), take_over.clone(), stopping.clone());
        let http = HttpService::build()
            .keep_alive(KeepAlive::Timeout(KEEP_ALIVE))
            .client_request_timeout(PATIENCE)
            .h2_initial_window_size(WINDOWS.0)
            .h2_initial_connection_window_size(WINDOWS.1)
            // Connections that wait for a request are let go when the server stops.
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            .on_connect_ext(|wire: &Wire, known| drop(wire.ends().map(|ends| known.insert(ends))))
            .finish(map_config(app(web.clone()).into_factory().map_err(|error| error.error_response()), |_| AppConfig::default()));
        fn_service(move |stream: TcpStream| open(stream, acceptor.clone(), take_over.clone())).and_then(http.map_err(|error| {
            tracing::debug!(%error, "a web connection ended");
            NotHttp
        }))
    })
}

/// The same configuration, with the versions of HTTP that are spoken here.
fn offering_http(config: &ServerConfig) -> ServerConfig {
    let mut config = config.clone();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}

/// Begins TLS where it is spoken, and looks at the first byte.
async fn open(
    stream: TcpStream,
    acceptor: Option<TlsAcceptor>,
    take_over: Option<TakeOver>,
) -> Result<(Wire, Protocol, Option<SocketAddr>), NotHttp> {
    // Small answers are not held back; a system that cannot do this still serves.
    let _ = stream.set_nodelay(true);
    // Nor is this a must: a client that takes nothing of an answer for so long is given up.
    let _ = socket2::SockRef::from(&stream).set_tcp_user_timeout(Some(READING));
    let peer = stream.peer_addr().ok();
    let (mut wire, protocol) = match acceptor {
        None => (Wire::Clear(stream), Protocol::Http1),
        Some(acceptor) => {
            let encrypted = timeout(PATIENCE, acceptor.accept(stream)).await.ok().and_then(Result::ok).ok_or(NotHttp)?;
            let is_h2 = encrypted.get_ref().1.alpn_protocol() == Some(b"h2");
            (Wire::Encrypted(Box::new(encrypted)), if is_h2 { Protocol::Http2 } else { Protocol::Http1 })
        }
    };
    let first = timeout(PATIENCE, wire.first_byte()).await.ok().and_then(Result::ok).flatten().ok_or(NotHttp)?;
    match take_over {
        Some(take_over) if first == b'<' => {
            if let Ok(ends) = wire.ends() {
                take_over(wire, ends).await;
            }
            Err(NotHttp)
        }
        _ => Ok((wire, protocol, peer)),
    }
}
