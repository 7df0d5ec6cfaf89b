//! Documents fetched from a server of the test's own.

use super::*;
use crate::domain::remote_documents::Bounds;
use std::sync::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const LONG: Duration = Duration::from_secs(60);

/// A server that gives each path an answer, and what it was asked for.
struct Server {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

/// The header of a request.
async fn header_of<S: tokio::io::AsyncRead + Unpin>(stream: &mut S) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(head).unwrap()
}

impl Server {
    async fn start(answer: impl Fn(&str, u16) -> String + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = asked.clone();
        actix::spawn(async move {
            let mut open = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let head = header_of(&mut stream).await;
                let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
                log.lock().unwrap().push(head);
                let _ = stream.write_all(answer(&path, port).as_bytes()).await;
                // What is not answered stays open: the client has to lose patience.
                if path == "/silent" || path == "/half" {
                    open.push(stream);
                }
            }
        });
        Self { port, asked }
    }

    fn request(&self, path: &str, bytes: usize) -> Request {
        let url = format!("http://127.0.0.1:{}{path}", self.port).parse().unwrap();
        Request { url, accept: "text/calendar", bounds: Bounds { time: LONG, ..Bounds::bytes(bytes) }, known: Validators::default() }
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Type: text/calendar\r\nETag: \"1\"\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn to(location: &str) -> String {
    format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
}

/// Only this one address of the loopback net: what a test calls public.
fn only_first(address: IpAddr) -> bool {
    address == IpAddr::from([127, 0, 0, 1])
}

fn client() -> HttpDocuments {
    HttpDocuments::with(RootCertStore::empty(), only_first)
}

fn run(test: impl Future<Output = ()>) {
    actix::System::new().block_on(test);
}

async fn refusal(request: Request) -> (u16, String) {
    let fault = client().fetch(request).await.unwrap_err();
    (fault.number, fault.text.into_owned())
}

#[test]
fn a_document_comes_with_what_it_takes_to_ask_again() {
    run(async {
        let server = Server::start(|path, _| match path {
            "/a.ics?x=1" => ok("BEGIN"),
            "/chunks" => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n".into(),
            _ => "HTTP/1.1 304 Not Modified\r\n\r\n".into(),
        })
        .await;
        let validators = Validators { etag: Some("\"1\"".into()), modified: None };
        let expected =
            Document::Fetched { bytes: b"BEGIN".to_vec(), content_type: Some("text/calendar".into()), validators: validators.clone() };
        assert_eq!(client().fetch(server.request("/a.ics?x=1", 5)).await.unwrap(), expected);
        let Document::Fetched { bytes, .. } = client().fetch(server.request("/chunks", 5)).await.unwrap() else { panic!("it is new") };
        assert_eq!(bytes, b"abcde");
        let again = Request { known: validators, ..server.request("/again", 5) };
        assert_eq!(client().fetch(again).await.unwrap(), Document::Unchanged);
        assert!(server.asked.lock().unwrap()[2].to_ascii_lowercase().contains("if-none-match: \"1\""));
    });
}

#[test]
fn redirects_are_followed_and_each_is_checked_again() {
    run(async {
        let server = Server::start(|path, port| match path {
            "/start" => to("/next"),
            "/next" => to(&format!("http://127.0.0.1:{port}/end")),
            "/end" => ok("there"),
            "/private" => to(&format!("http://127.0.0.2:{port}/end")),
            "/mapped" => to(&format!("http://[::ffff:127.0.0.1]:{port}/end")),
            "/file" => to("file:///etc/passwd"),
            "/nowhere" => "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n".into(),
            path => to(&format!("{path}x")),
        })
        .await;
        assert!(matches!(client().fetch(server.request("/start", 9)).await.unwrap(), Document::Fetched { bytes, .. } if bytes == b"there"));
        assert_eq!(server.asked(), 3);
        for path in ["/private", "/mapped"] {
            assert_eq!(refusal(server.request(path, 9)).await, (520, "address is not allowed".into()));
        }
        assert_eq!(server.asked(), 5, "what is not allowed is not connected to");
        for path in ["/file", "/nowhere"] {
            assert_eq!(refusal(server.request(path, 9)).await, (520, "remote server: it redirects to no address".into()));
        }
        let before = server.asked();
        assert_eq!(refusal(server.request("/loop", 9)).await, (520, "remote server: too many redirects".into()));
        assert_eq!(server.asked() - before, 6);
    });
}

#[test]
fn private_addresses_are_reached_only_where_that_is_allowed() {
    run(async {
        let server = Server::start(|_, _| ok("x")).await;
        let refused = HttpDocuments::new(false).fetch(server.request("/", 9)).await.unwrap_err();
        assert_eq!((refused.number, server.asked()), (520, 0));
        let name = Request { url: format!("http://localhost:{}/", server.port).parse().unwrap(), ..server.request("/", 9) };
        assert_eq!(HttpDocuments::new(false).fetch(name).await.unwrap_err().number, 520);
        assert_eq!(server.asked(), 0, "a name that leads to a private address is none the better for it");
        assert!(HttpDocuments::new(true).fetch(server.request("/", 9)).await.is_ok());
    });
}

#[test]
fn what_is_too_large_or_too_slow_is_cut_off() {
    run(async {
        let server = Server::start(|path, _| match path {
            "/said" => "HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n".into(),
            "/unsaid" => format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(11)),
            "/short" => "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nxyz".into(),
            "/half" => "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nxyz".into(),
            "/header" => format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(200_000)),
            "/packed" => "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx".into(),
            "/silent" => String::new(),
            _ => "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".into(),
        })
        .await;
        for (path, text) in [
            ("/said", "remote server: the document is too large"),
            ("/unsaid", "remote server: the document is too large"),
            ("/short", "remote server: its answer breaks off"),
            ("/header", "remote server: its answer cannot be read"),
            ("/packed", "remote server: the document is encoded"),
            ("/none", "remote server: status 404"),
        ] {
            assert_eq!(refusal(server.request(path, 10)).await, (520, text.to_owned()), "{path}");
        }
        for path in ["/silent", "/half"] {
            let bounds = Bounds { time: Duration::from_millis(100), ..Bounds::bytes(10) };
            assert_eq!(refusal(Request { bounds, ..server.request(path, 10) }).await, (520, "time-out".into()), "{path}");
        }
        drop(server);
    });
}

#[test]
fn passwords_go_over_tls_to_the_server_they_are_for() {
    run(async {
        let names = vec!["127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let certificate = made.cert.der().clone();
        let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let builder = rustls::ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config.with_single_cert(vec![certificate.clone()], key).unwrap()));
        let elsewhere = Server::start(|_, _| ok("elsewhere")).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, other) = (listener.local_addr().unwrap().port(), elsewhere.port);
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = asked.clone();
        actix::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let head = header_of(&mut stream).await;
                let answer = if head.starts_with("GET /away ") { to(&format!("http://127.0.0.1:{other}/")) } else { ok("here") };
                log.lock().unwrap().push(head);
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        });
        let mut roots = RootCertStore::empty();
        roots.add(certificate).unwrap();
        let trusting = HttpDocuments::with(roots, only_first);
        let request = |path: &str| {
            let url = format!("https://joe:s%20p@127.0.0.1:{port}{path}").parse().unwrap();
            Request { url, ..elsewhere.request("/", 20) }
        };
        assert!(matches!(trusting.fetch(request("/")).await.unwrap(), Document::Fetched { bytes, .. } if bytes == b"here"));
        assert!(asked.lock().unwrap()[0].contains("Basic am9lOnMgcA=="));
        assert!(matches!(trusting.fetch(request("/away")).await.unwrap(), Document::Fetched { bytes, .. } if bytes == b"elsewhere"));
        assert!(!elsewhere.asked.lock().unwrap()[0].to_ascii_lowercase().contains("authorization"));
        assert_eq!(refusal(request("/")).await, (520, "remote server: no secure connection".into()), "nobody vouches for it");
    });
}
