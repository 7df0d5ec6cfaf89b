//! Documents from other servers over HTTP/1.1, for whoever asks on behalf of a user.
//!
//! Each step of a redirect is a request of its own: the name is looked up once, every address that comes of it is
//! checked, and the connection goes to one of those that passed, so that no name can lead elsewhere than where it was
//! checked. One connection per request; time and bytes are bounded as the request says, the headers by this file.
//! Names are looked up with the server's own resolver: a static binary must not load the system's.
//! Spec: RFC 9110 (15.4 redirects, 13.1 conditional requests, 11.4 Basic).

mod address;

use crate::domain::ports::FetchDocument;
use crate::domain::remote_documents::{Document, RemoteUrl, Request, Validators};
use crate::model::fault::{Fault, Outcome};
use address::is_public;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::BoxFuture;
use hickory_resolver::TokioResolver;
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{self, HeaderMap, HeaderName};
use hyper::rt::{Read, Write};
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use url::{Host, Url};

/// How long one address may take to answer a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// The most addresses of a name that are tried.
const MOST_ADDRESSES: usize = 4;
/// The most bytes of an answer's header.
const HEADER: usize = 64 << 10;

/// Fetches documents over HTTP.
#[derive(Clone)]
pub struct HttpDocuments {
    tls: TlsConnector,
    may_reach: fn(IpAddr) -> bool,
}

impl HttpDocuments {
    /// Trusts the authorities that browsers trust; `allow_private` lets it reach addresses that are not public.
    pub fn new(allow_private: bool) -> Self {
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        Self::with(roots, if allow_private { |_| true } else { is_public })
    }

    fn with(roots: RootCertStore, may_reach: fn(IpAddr) -> bool) -> Self {
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = super::tls::with_versions(builder).with_root_certificates(roots).with_no_client_auth();
        Self { tls: TlsConnector::from(Arc::new(config)), may_reach }
    }

    /// Asks, and follows where the server sends it.
    async fn follow(&self, request: &Request) -> Outcome<Document> {
        let mut at = request.url.bare();
        let first = at.origin();
        for _ in 0..=request.bounds.redirects {
            let credentials = request.url.credentials().filter(|_| at.origin() == first);
            match self.ask(request, &at, credentials).await? {
                Step::Done(document) => return Ok(document),
                Step::Elsewhere(next) => at = next,
            }
        }
        Err(Fault::remote("too many redirects"))
    }

    async fn ask(&self, request: &Request, at: &Url, credentials: Option<(&str, &str)>) -> Outcome<Step> {
        let wire = wire_request(request, at, credentials)?;
        let stream = self.connect(at).await?;
        if at.scheme() != "https" {
            return exchange(TokioIo::new(stream), wire, request, at).await;
        }
        let name = match at.host() {
            Some(Host::Domain(name)) => ServerName::try_from(name.to_owned()).map_err(|_| Fault::incorrect("url"))?,
            Some(Host::Ipv4(address)) => ServerName::from(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => ServerName::from(IpAddr::V6(address)),
            None => return Err(Fault::incorrect("url")),
        };
        let secured = self.tls.connect(name, stream).await.map_err(|e| failed("no secure connection", &e))?;
        exchange(TokioIo::new(secured), wire, request, at).await
    }

    /// A connection to the first address that may be reached and answers.
    async fn connect(&self, at: &Url) -> Outcome<TcpStream> {
        let port = at.port_or_known_default().unwrap_or(80);
        let mut addresses = addresses(at).await?;
        addresses.retain(|address| (self.may_reach)(*address));
        if addresses.is_empty() {
            return Err(Fault::address_not_allowed());
        }
        for address in addresses.into_iter().take(MOST_ADDRESSES) {
            if let Ok(Ok(stream)) = tokio::time::timeout(CONNECT, TcpStream::connect(SocketAddr::new(address, port))).await {
                return Ok(stream);
            }
        }
        Err(Fault::remote("it cannot be reached"))
    }
}

impl FetchDocument for HttpDocuments {
    fn fetch(&self, request: Request) -> BoxFuture<'static, Outcome<Document>> {
        let own = self.clone();
        Box::pin(async move {
            let within = tokio::time::timeout(request.bounds.time, own.follow(&request));
            within.await.unwrap_or_else(|_| Err(Fault::timed_out()))
        })
    }
}

/// What came of one request.
enum Step {
    Done(Document),
    Elsewhere(Url),
}

fn failed(text: &'static str, cause: &dyn std::fmt::Display) -> Fault {
    tracing::debug!(%cause, "a remote document was not fetched: {text}");
    Fault::remote(text)
}

/// The addresses of the host. The resolver is made for each look-up, so that it follows the system's configuration.
async fn addresses(at: &Url) -> Outcome<Vec<IpAddr>> {
    let name = match at.host() {
        Some(Host::Ipv4(address)) => return Ok(vec![address.into()]),
        Some(Host::Ipv6(address)) => return Ok(vec![address.into()]),
        Some(Host::Domain(name)) => name,
        None => return Err(Fault::incorrect("url")),
    };
    let unknown = |cause: &dyn std::fmt::Display| failed("its name cannot be found", cause);
    let resolver = TokioResolver::builder_tokio().and_then(|builder| builder.build()).map_err(|e| unknown(&e))?;
    Ok(resolver.lookup_ip(name).await.map_err(|e| unknown(&e))?.iter().collect())
}

fn decoded(text: &str) -> Vec<u8> {
    percent_encoding::percent_decode_str(text).collect()
}

fn wire_request(request: &Request, at: &Url, credentials: Option<(&str, &str)>) -> Outcome<hyper::Request<Empty<Bytes>>> {
    let path = at.query().map_or_else(|| at.path().to_owned(), |query| format!("{}?{query}", at.path()));
    let host = match (at.host_str().unwrap_or_default(), at.port()) {
        (host, Some(port)) => format!("{host}:{port}"),
        (host, None) => host.to_owned(),
    };
    let mut wire = hyper::Request::get(path)
        .header(header::HOST, host)
        .header(header::USER_AGENT, "Posthouse")
        .header(header::ACCEPT, request.accept)
        .header(header::ACCEPT_ENCODING, "identity")
        .header(header::CONNECTION, "close");
    let known = [(header::IF_NONE_MATCH, &request.known.etag), (header::IF_MODIFIED_SINCE, &request.known.modified)];
    for (name, value) in known {
        if let Some(value) = value {
            wire = wire.header(name, value);
        }
    }
    if let Some((name, password)) = credentials {
        let both = [&decoded(name)[..], b":", &decoded(password)].concat();
        wire = wire.header(header::AUTHORIZATION, format!("Basic {}", STANDARD.encode(both)));
    }
    wire.body(Empty::new()).map_err(|_| Fault::incorrect("url"))
}

/// Sends a request over a connection of its own and takes the answer, no more of it than the bounds say.
async fn exchange<S: Read + Write + Unpin + Send + 'static>(
    stream: S,
    wire: hyper::Request<Empty<Bytes>>,
    request: &Request,
    at: &Url,
) -> Outcome<Step> {
    let broken = |cause: hyper::Error| failed("its answer cannot be read", &cause);
    let (mut sender, connection) = http1::Builder::new().max_buf_size(HEADER).handshake(stream).await.map_err(broken)?;
    // Ends with this function, whatever the connection is at then.
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    let response = sender.send_request(wire).await.map_err(broken)?;
    match response.status() {
        StatusCode::OK => document(response, request.bounds.bytes).await.map(Step::Done),
        StatusCode::NOT_MODIFIED => Ok(Step::Done(Document::Unchanged)),
        StatusCode::MOVED_PERMANENTLY
        | StatusCode::FOUND
        | StatusCode::SEE_OTHER
        | StatusCode::TEMPORARY_REDIRECT
        | StatusCode::PERMANENT_REDIRECT => elsewhere(response.headers(), at).map(Step::Elsewhere),
        status => Err(Fault::remote(&format!("status {}", status.as_u16()))),
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// Where a redirect leads: an address as good as one that is asked for; a name and a password in it are not used.
fn elsewhere(headers: &HeaderMap, at: &Url) -> Outcome<Url> {
    let wrong = || Fault::remote("it redirects to no address");
    let next = at.join(&text(headers, header::LOCATION).ok_or_else(wrong)?).map_err(|_| wrong())?;
    let next: RemoteUrl = next.as_str().parse().map_err(|_| wrong())?;
    Ok(next.bare())
}

async fn document(response: Response<Incoming>, most: usize) -> Outcome<Document> {
    let too_large = || Fault::remote("the document is too large");
    let (head, mut body) = response.into_parts();
    if text(&head.headers, header::CONTENT_ENCODING).is_some_and(|coding| !coding.eq_ignore_ascii_case("identity")) {
        return Err(Fault::remote("the document is encoded"));
    }
    if hyper::body::Body::size_hint(&body).lower() > most as u64 {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|e| failed("its answer breaks off", &e))?;
        let data = frame.data_ref().map(|data| &data[..]).unwrap_or_default();
        if data.len() > most - bytes.len() {
            return Err(too_large());
        }
        bytes.extend_from_slice(data);
    }
    let validators = Validators { etag: text(&head.headers, header::ETAG), modified: text(&head.headers, header::LAST_MODIFIED) };
    Ok(Document::Fetched { bytes, content_type: text(&head.headers, header::CONTENT_TYPE), validators })
}

#[cfg(test)]
mod tests;
