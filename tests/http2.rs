//! HTTP/2, which the handshake of TLS agrees on: the same answers as over HTTP/1.1, and bounds that nobody can talk the
//! server out of before it knows who is there. RFC 9113.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on panics")]

mod support;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::net::SocketAddr;
use std::sync::Arc;
use support::http::request;
use support::server::{DOMAIN, Server, Setup};
use support::ximss::parse;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

fn server() -> Server {
    Setup::default().account(&format!("user@{DOMAIN}"), "secret").config("").start()
}

fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
}

/// A connection on which HTTP/2 has been agreed on.
async fn agreed(server: SocketAddr) -> TlsStream<TcpStream> {
    let mut config = (*support::certificate::any()).clone();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = TcpStream::connect(server).await.unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect("localhost".try_into().unwrap(), stream).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    stream
}

async fn connect(server: SocketAddr) -> SendRequest<Full<Bytes>> {
    let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(agreed(server).await)).await.unwrap();
    tokio::spawn(connection);
    sender
}

fn asked(method: &str, path: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    Request::builder().method(method).uri(format!("https://localhost{path}")).body(Full::new(body.into())).unwrap()
}

async fn body(answer: Response<hyper::body::Incoming>) -> Vec<u8> {
    answer.into_body().collect().await.unwrap().to_bytes().to_vec()
}

#[test]
fn what_is_asked_at_once_is_answered_on_one_connection() {
    let server = server();
    run(async {
        let mut http = connect(server.https()).await;
        let login = format!("<XIMSS><login id=\"1\" authData=\"user@{DOMAIN}\" password=\"secret\"/></XIMSS>");
        let [page, health, head, login] = [
            http.send_request(asked("GET", "/", "")),
            http.send_request(asked("GET", "/healthz", "")),
            http.send_request(asked("HEAD", "/", "")),
            http.send_request(asked("POST", "/XIMSSLogin/", login)),
        ];
        let (page, health, head, login) = tokio::join!(page, health, head, login);
        let [page, health, head, login] = [page, health, head, login].map(Result::unwrap);
        assert_eq!([&page, &health, &head, &login].map(|answer| answer.status().as_u16()), [200; 4]);
        assert!(page.headers().contains_key("date") && page.headers()["x-content-type-options"] == "nosniff");
        let length = head.headers()["content-length"].clone();
        assert_eq!(body(head).await, b"");
        assert_eq!(body(page).await.len(), length.to_str().unwrap().parse::<usize>().unwrap());
        let answered = body(login).await;
        let session = parse(&answered).first("session").unwrap().get("urlID").unwrap().to_owned();
        let asked_in = |what: &str| asked("POST", &format!("/Session/{session}/sync"), format!("<XIMSS>{what}</XIMSS>"));
        // The way is known to be encrypted.
        let features = http.send_request(asked("POST", "/XIMSSLogin/", "<XIMSS><listFeatures id=\"1\"/></XIMSS>")).await.unwrap();
        let features = parse(&body(features).await);
        assert_eq!(features.first("features").unwrap().first("connect").unwrap().get("protocol"), Some("https"));
        let noop = http.send_request(asked_in("<noop id=\"2\"/>")).await.unwrap();
        assert_eq!(body(noop).await, b"<XIMSS><response id=\"2\"/></XIMSS>");
        // More than a window of either side.
        let file: Vec<u8> = (0..5_000_000_u32).map(|n| (n % 251) as u8).collect();
        let put = http.send_request(asked("PUT", &format!("/Session/{session}/UPLOAD/f"), file.clone())).await.unwrap();
        assert_eq!(put.status(), 200);
        let got = http.send_request(asked("GET", &format!("/Session/{session}/DOWNLOAD/$UPLOAD$/f"), "")).await.unwrap();
        assert_eq!((got.status().as_u16(), body(got).await == file), (200, true));
        // What is left unread is no trouble to who sends it.
        let dead = http.send_request(asked("POST", "/Session/nobody/sync", file)).await.unwrap();
        assert_eq!(dead.status(), 550);
        assert_eq!(http.send_request(asked("GET", "/healthz", "")).await.unwrap().status(), 200);
    });
}

#[test]
fn a_request_has_no_more_headers_than_over_http_1() {
    let server = server();
    run(async {
        let mut http = connect(server.https()).await;
        for (count, status) in [(96, 200), (97, 431)] {
            let mut request = asked("GET", "/healthz", "");
            for n in 0..count {
                request.headers_mut().insert(hyper::header::HeaderName::try_from(format!("x-{n}")).unwrap(), "v".parse().unwrap());
            }
            assert_eq!(http.send_request(request).await.unwrap().status(), status, "{count} headers");
        }
    });
}

/// A frame: its type, its flags, its stream and what it holds.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

async fn next_frame(stream: &mut TlsStream<TcpStream>) -> Option<(u8, u32, Vec<u8>)> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.ok()?;
    let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
    stream.read_exact(&mut payload).await.ok()?;
    Some((head[3], u32::from_be_bytes([head[5], head[6], head[7], head[8]]), payload))
}

const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const GO_AWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;

/// The head of a login at `localhost` in HPACK; its body of 1,000 bytes is waited for.
const POST: &[u8] = b"\x83\x04\x0c/XIMSSLogin/\x87\x01\x09localhost\x0f\x0d\x041000";

/// Begins to speak, and gives what the server has set.
async fn begin(stream: &mut TlsStream<TcpStream>) -> Vec<(u16, u32)> {
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    stream.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
    loop {
        let (kind, _, payload) = next_frame(stream).await.unwrap();
        if kind == SETTINGS && !payload.is_empty() {
            let pairs = payload.chunks(6);
            return pairs
                .map(|pair| (u16::from_be_bytes([pair[0], pair[1]]), u32::from_be_bytes([pair[2], pair[3], pair[4], pair[5]])))
                .collect();
        }
    }
}

#[test]
fn a_bomb_of_headers_is_refused() {
    let server = server();
    run(async {
        let mut stream = agreed(server.https()).await;
        let set = begin(&mut stream).await;
        let most = set.iter().find(|(name, _)| *name == 6).expect("the size of the headers is bounded").1;
        assert!(most <= 128 << 10, "{set:?}");
        // One header of 2,000 bytes put into the table, and named a hundred times for each of these bytes.
        let header = [&b"\x40\x01x\x7f\xd1\x0e"[..], &[b'v'; 2_000]].concat();
        let bomb = [POST, &header, &[0xbe; 200_000]].concat();
        let mut pieces = bomb.chunks(16_000).peekable();
        let mut kind = HEADERS;
        while let Some(piece) = pieces.next() {
            let flags = if pieces.peek().is_none() { END_HEADERS } else { 0 };
            // Whoever is refused early may be cut off before all is said.
            if stream.write_all(&frame(kind, flags, 1, piece)).await.is_err() {
                break;
            }
            kind = CONTINUATION;
        }
        // An answer before the body has come is a refusal, too.
        while let Some((kind, ..)) = next_frame(&mut stream).await {
            if matches!(kind, HEADERS | RESET | GO_AWAY) {
                break;
            }
        }
    });
    assert_eq!(request(server.http(), "GET", "/healthz", &[], b"").status, 200);
}

#[test]
fn more_requests_at_once_than_allowed_are_refused() {
    let server = server();
    run(async {
        let mut stream = agreed(server.https()).await;
        let set = begin(&mut stream).await;
        let most = set.iter().find(|(name, _)| *name == 3).expect("the number of streams is bounded").1;
        assert!(most <= 1_000, "{set:?}");
        for n in 0..=most {
            stream.write_all(&frame(HEADERS, END_HEADERS, 2 * n + 1, POST)).await.unwrap();
        }
        let last = 2 * most + 1;
        loop {
            match next_frame(&mut stream).await.expect("the connection goes on") {
                (RESET, refused, why) => {
                    // REFUSED_STREAM: it may be asked again.
                    assert_eq!((refused, why), (last, vec![0, 0, 0, 7]));
                    break;
                }
                (kind @ (HEADERS | GO_AWAY), ..) => panic!("a frame of type {kind}"),
                _ => {}
            }
        }
    });
}
