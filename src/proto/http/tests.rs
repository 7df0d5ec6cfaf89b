//! The web port from outside: a session of no particular kind, its messages and its files.

use super::server::{Guests, Listeners, Web, WebServer, WebSettings, common_headers, routes, start};
use crate::domain::access::Caller;
use crate::domain::accounts;
use crate::domain::files;
use crate::domain::house::{ClearText, House, Settings};
use crate::domain::sessions::{AddUpload, End, FindMessage, FindOpen, FindUpload, Guard, Kind, Opened, Reach, Registration};
use crate::domain::tell::Line;
use crate::domain::testing::new_account;
use crate::domain::uploads::{Upload, Uploads};
use crate::format::mime::header::header_length;
use crate::model::fault::{Fault, Outcome};
use crate::model::files::WriteAt;
use crate::model::ids::{AccountId, BlobId};
use crate::model::limits::Limits;
use crate::model::time::Timestamp;
use crate::store::{Store, WriteTx, blobs};
use actix::{Actor, ActorContext, Addr, Context, Handler};
use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::http::header::HeaderMap;
use actix_web::{App, test, web};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const MAIL: &str = "From: a@b.c\r\nContent-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\nContent-Type: text/html; charset=iso-8859-1\r\n\r\n<p>x</p>\r\n\
    --m\r\nContent-Type: image/gif\r\nContent-Disposition: attachment; filename*=utf-8''gr%C3%BC%C3%9Fe.gif\r\nContent-ID: <logo@x>\r\n\
    Content-Transfer-Encoding: base64\r\n\r\nMDEyMzQ1Njc4OQ==\r\n--m--\r\n";

/// A session that knows one folder, `in`, and keeps files.
struct Somebody {
    messages: HashMap<u32, BlobId>,
    uploads: Uploads,
    most: usize,
}

impl Actor for Somebody {
    type Context = Context<Self>;
}
impl Handler<FindMessage> for Somebody {
    type Result = Outcome<BlobId>;
    fn handle(&mut self, asked: FindMessage, _: &mut Self::Context) -> Self::Result {
        if asked.folder != "in" {
            return Err(Fault::state("no open folder with this name"));
        }
        self.messages.get(&asked.uid).copied().ok_or_else(Fault::no_message)
    }
}
impl Handler<FindOpen> for Somebody {
    type Result = Outcome<Opened>;
    fn handle(&mut self, _: FindOpen, _: &mut Self::Context) -> Self::Result {
        Err(Fault::state("no open folder with this name"))
    }
}
impl Handler<AddUpload> for Somebody {
    type Result = Outcome<()>;
    fn handle(&mut self, AddUpload { id, upload }: AddUpload, _: &mut Self::Context) -> Self::Result {
        self.uploads.add(id, upload, self.most)
    }
}
impl Handler<FindUpload> for Somebody {
    type Result = Outcome<Upload>;
    fn handle(&mut self, FindUpload { id }: FindUpload, _: &mut Self::Context) -> Self::Result {
        self.uploads.get(&id)
    }
}
impl Handler<End> for Somebody {
    type Result = ();
    fn handle(&mut self, _: End, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

struct Scene {
    house: Arc<House>,
    data: tempfile::TempDir,
    somebody: Addr<Somebody>,
    _registration: Registration,
}

/// A house with a session `theID` that has these messages, numbered from 1.
async fn scene(mails: Vec<Vec<u8>>) -> Scene {
    let data = tempfile::tempdir().unwrap();
    let settings = Settings {
        domain: "home.test".parse().unwrap(),
        clear_text: ClearText::Loopback,
        legacy_mechanisms: false,
        signup: false,
        limits: Limits { file_size: 1000, ..Limits::default() },
        data: data.path().to_owned(),
    };
    let house = Arc::new(House::new(settings, Store::in_memory()).unwrap());
    let mut messages = HashMap::new();
    for (number, raw) in mails.into_iter().enumerate() {
        let blob = house.store.write(move |tx| {
            let blob = blobs::put(tx, &raw, header_length(&raw))?;
            blobs::share(tx, blob, 1).map(|()| blob)
        });
        messages.insert(number as u32 + 1, blob.await.unwrap());
    }
    let somebody = Somebody { messages, uploads: Uploads::default(), most: 2 }.start();
    let reach = Reach {
        caller: Caller { account: AccountId(1), address: "a@home.test".parse().unwrap() },
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        since: Timestamp::now(),
        kind: Kind::Connection,
        guard: Guard::default(),
        front: Arc::new(()),
        find_message: Line::to(&somebody),
        find_open: Line::to(&somebody),
        add_upload: Line::to(&somebody),
        find_upload: Line::to(&somebody),
        end: Line::to(&somebody),
    };
    let registration = house.sessions.register("theID", reach, 10).unwrap();
    Scene { house, data, somebody, _registration: registration }
}

impl Scene {
    fn app(
        &self,
    ) -> App<impl ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse, Error = actix_web::Error, InitError = ()> + use<>>
    {
        let web = Web::prepare(self.house.clone(), WebSettings::default(), Arc::new(|| "counted 1\n".to_owned()));
        App::new().app_data(web::Data::new(web.unwrap())).configure(|app| routes(app, None)).wrap(common_headers())
    }
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// Asks an app; the type of its requests has no name here.
async fn ask<S, R, B>(app: &S, request: R) -> Answer
where
    S: Service<R, Response = ServiceResponse<B>, Error = actix_web::Error>,
    B: MessageBody,
{
    let response = app.call(request).await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Answer { status, headers, body: test::read_body(response).await.to_vec() }
}

fn get(path: &str) -> test::TestRequest {
    test::TestRequest::get().uri(path).peer_addr(SocketAddr::from((Ipv4Addr::LOCALHOST, 4000)))
}

fn files_in(data: &Path) -> usize {
    std::fs::read_dir(data.join("uploads")).unwrap().count()
}

#[test]
async fn messages_and_parts_are_sent_as_they_are() {
    let scene = scene(vec![MAIL.into(), b"Subject: x\nContent-Transfer-Encoding: quoted-printable\n\na=3Db\n".to_vec()]).await;
    let app = test::init_service(scene.app()).await;
    let raw = ask(&app, get("/Session/theID/MIME/in/1-P.txt").to_request()).await;
    assert_eq!((raw.status, raw.text()), (200, MAIL));
    assert_eq!((raw.header("content-type"), raw.header("x-content-type-options")), ("text/plain; charset=utf-8", "nosniff"));
    assert_eq!((raw.header("content-disposition"), raw.header("referrer-policy")), ("inline", "no-referrer"));
    let head = ask(&app, get("/Session/theID/MIME/in/1-H.txt").to_request()).await;
    assert_eq!(head.text(), &MAIL[..header_length(MAIL.as_bytes())]);

    let html = ask(&app, get("/Session/theID/MIME/in/1-01-B.html").to_request()).await;
    assert_eq!((html.text(), html.header("content-type")), ("<p>x</p>", "text/html; charset=iso-8859-1"));
    assert!(html.header("content-disposition").starts_with("attachment") && html.header("content-security-policy").contains("sandbox"));
    let image = ask(&app, get("/Session/theID/MIME/in/1-01-R/logo%40x").to_request()).await;
    assert_eq!((image.text(), image.header("content-type")), ("0123456789", "image/gif"));
    assert_eq!(image.header("content-disposition"), "inline; filename=\"gr__e.gif\"; filename*=UTF-8''gr%C3%BC%C3%9Fe.gif");
    let body = ask(&app, get("/Session/theID/MIME/in/2-B.txt/name.txt").to_request()).await;
    assert_eq!((body.text(), body.header("content-disposition")), ("a=b\n", "inline; filename=\"name.txt\""));

    for (path, status) in [
        ("/Session/theID/MIME/in/3-P.txt", 404),
        ("/Session/theID/MIME/other/1-P.txt", 404),
        ("/Session/theID/MIME/in/1-09-B", 404),
        ("/Session/theID/MIME/in/1-01-R/none", 404),
        ("/Session/theID/MIME/in/1-P.txt?OffsetFrom=x", 400),
        ("/Session/theID/Other/x", 404),
        ("/Session/otherID/MIME/in/1-P.txt", 550),
        ("/Session/otherID/anything", 550),
        ("/Session/", 404),
        ("/other", 404),
    ] {
        let refused = ask(&app, get(path).to_request()).await;
        assert_eq!((refused.status, refused.header("content-type")), (status, "text/plain; charset=utf-8"), "{path}");
    }
    let wrong = ask(&app, test::TestRequest::post().uri("/Session/theID/MIME/in/1-P.txt").to_request()).await;
    assert_eq!((wrong.status, wrong.header("allow")), (405, "GET, HEAD"));
}

#[test]
async fn pieces_are_sent_by_range_and_by_offset() {
    let large = [b"Subject: x\r\n\r\n".to_vec(), (0..500_000u32).map(|n| n as u8).collect()].concat();
    let scene = scene(vec![MAIL.into(), large.clone()]).await;
    let app = test::init_service(scene.app()).await;
    let part = "/Session/theID/MIME/in/1-02-B.gif";
    let whole = ask(&app, get(part).to_request()).await;
    let tag = whole.header("etag").to_owned();
    let piece = ask(&app, get(part).insert_header(("Range", "bytes=2-4")).to_request()).await;
    assert_eq!((piece.status, piece.text(), piece.header("content-range")), (206, "234", "bytes 2-4/10"));
    let two = ask(&app, get(part).insert_header(("Range", "bytes=0-0,-1")).to_request()).await;
    assert_eq!((two.status, two.text()), (200, "0123456789"));
    let none = ask(&app, get(part).insert_header(("Range", "bytes=10-")).to_request()).await;
    assert_eq!((none.status, none.header("content-range")), (416, "bytes */10"));
    for (named, status) in [(tag.as_str(), 206), ("\"other\"", 200), ("Wed, 21 Oct 2015 07:28:00 GMT", 200)] {
        let answer = ask(&app, get(part).insert_header(("Range", "bytes=1-")).insert_header(("If-Range", named)).to_request()).await;
        assert_eq!(answer.status, status, "{named}");
    }
    let unchanged = ask(&app, get(part).insert_header(("If-None-Match", format!("\"a\", W/{tag}"))).to_request()).await;
    assert_eq!((unchanged.status, unchanged.body.len()), (304, 0));

    let offset = ask(&app, get(&format!("{part}?OffsetFrom=3&OffsetTill=5")).to_request()).await;
    assert_eq!((offset.status, offset.text(), offset.header("content-range")), (200, "34", ""));
    assert_ne!(offset.header("etag"), tag);
    assert_eq!(ask(&app, get(&format!("{part}?OffsetFrom=11")).to_request()).await.status, 416);

    let raw = ask(&app, get("/Session/theID/MIME/in/2-P.txt").to_request()).await;
    assert!(raw.body == large);
    let piece = ask(&app, get("/Session/theID/MIME/in/2-B").insert_header(("Range", "bytes=100000-399999")).to_request()).await;
    assert!(piece.body == large[14 + 100_000..14 + 400_000]);
}

#[test]
async fn large_parts_are_decoded_into_a_file_that_goes() {
    let data: Vec<u8> = (0..1_500_000u32).map(|n| (n / 7) as u8).collect();
    let encoded: Vec<u8> = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &data).into_bytes();
    let lines = encoded.chunks(76).collect::<Vec<_>>().join(&b"\r\n"[..]);
    let head = b"Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n".to_vec();
    let scene = scene(vec![[head, lines].concat()]).await;
    let app = test::init_service(scene.app()).await;
    let answer = ask(&app, get("/Session/theID/MIME/in/1-B.pdf").insert_header(("Range", "bytes=1000-1400000")).to_request()).await;
    assert_eq!((answer.status, answer.header("content-disposition")), (206, "attachment"));
    assert!(answer.body == data[1000..=1_400_000]);
    assert_eq!(files_in(scene.data.path()), 0);
}

#[test]
async fn files_are_sent_fetched_replaced_and_limited() {
    let scene = scene(Vec::new()).await;
    let app = test::init_service(scene.app()).await;
    let send = |id: &str, kind: &str, body: &[u8]| {
        let request = test::TestRequest::post().uri(&format!("/Session/theID/UPLOAD/{id}"));
        request.insert_header(("Content-Type", kind.to_owned())).set_payload(body.to_vec()).to_request()
    };
    assert_eq!(ask(&app, send("att%2001", "text/plain; charset=utf-8", b"hello")).await.status, 200);
    let fetched = ask(&app, get("/Session/theID/DOWNLOAD/$UPLOAD$/att%2001").to_request()).await;
    assert_eq!((fetched.text(), fetched.header("content-type")), ("hello", "text/plain; charset=utf-8"));
    let tail = ask(&app, get("/Session/theID/DOWNLOAD/%24UPLOAD%24/att%2001").insert_header(("Range", "bytes=-2")).to_request()).await;
    assert_eq!((tail.status, tail.text()), (206, "lo"));

    let form = b"--b\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\nno file\r\n--b\r\n\
            Content-Disposition: form-data; name=\"fileData\"; filename=\"C:\\\\dir\\\\gr\xc3\xbc\xc3\x9fe.gif\"\r\nContent-Type: image/gif\r\n\r\nGIF\r\n--b\r\n\
            Content-Disposition: form-data; name=\"second\"; filename=\"2\"\r\n\r\nignored\r\n--b--\r\n";
    assert_eq!(ask(&app, send("att%2001", "multipart/form-data; boundary=b", form)).await.status, 200);
    let fetched = ask(&app, get("/Session/theID/DOWNLOAD/$UPLOAD$/att%2001").to_request()).await;
    assert_eq!((fetched.text(), fetched.header("content-type")), ("GIF", "image/gif"));
    assert!(fetched.header("content-disposition").ends_with("filename*=UTF-8''gr%C3%BC%C3%9Fe.gif"));
    assert_eq!(files_in(scene.data.path()), 1, "the replaced file is gone");

    assert_eq!(ask(&app, send("2", "", &[0; 1000])).await.status, 200);
    for (id, kind, body, why) in [
        ("3", "", &[0u8; 1][..], "too many files"),
        ("2", "", &[0; 1001], "file is too large"),
        (
            "2",
            "multipart/form-data; boundary=b",
            b"--b\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\ny\r\n--b--\r\n",
            "the form holds no file",
        ),
        ("2", "multipart/form-data; boundary=b", &form[..150], "the upload broke off"),
    ] {
        let refused = ask(&app, send(id, kind, body)).await;
        assert_eq!((refused.status, refused.text().trim()), (500, why));
    }
    assert_eq!(files_in(scene.data.path()), 2, "what was refused left nothing behind");
    let unknown = ask(&app, test::TestRequest::put().uri("/Session/x/UPLOAD/1").set_payload("x").to_request()).await;
    assert_eq!(unknown.status, 550);
    for other in ["$UPLOAD$/3", "private/file"] {
        assert_eq!(ask(&app, get(&format!("/Session/theID/DOWNLOAD/{other}")).to_request()).await.status, 404);
    }
}

#[test]
async fn a_stored_profile_and_its_properties_are_sent() {
    let scene = scene(Vec::new()).await;
    let app = test::init_service(scene.app()).await;
    assert_eq!(ask(&app, get("/Session/theID/PROFILE").to_request()).await.status, 404);
    let card = "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:A. Person\r\nNOTE:grüß\\, dich\r\nPHOTO;ENCODING=b;TYPE=GIF:R0lG\r\nEND:VCARD\r\n";
    let write = move |tx: &WriteTx| {
        let name = "profile.vcf".parse()?;
        files::write(tx, AccountId(1), &name, card.as_bytes(), WriteAt::Replace, &Limits::default(), Timestamp::now())
    };
    let caller = new_account(&scene.house.store, "a@home.test").await;
    assert_eq!(caller.account, AccountId(1), "the account of the scene's session");
    scene.house.store.write(write).await.unwrap();
    let whole = ask(&app, get("/Session/theID/PROFILE").to_request()).await;
    assert_eq!((whole.status, whole.text(), whole.header("content-type")), (200, card, "text/vcard; charset=utf-8"));
    let photo = ask(&app, get("/Session/theID/PROFILE/PHOTO/0/avatar.gif").to_request()).await;
    assert_eq!((photo.status, photo.body.as_slice(), photo.header("content-type")), (200, b"GIF".as_slice(), "image/gif"));
    assert!(photo.header("content-disposition").contains("avatar.gif"));
    let note = ask(&app, get("/Session/theID/PROFILE/note").to_request()).await;
    assert_eq!((note.status, note.text(), note.header("content-type")), (200, "grüß, dich", "text/plain; charset=utf-8"));
    for missing in ["PROFILE/PHOTO/1", "PROFILE/TEL"] {
        assert_eq!(ask(&app, get(&format!("/Session/theID/{missing}")).to_request()).await.status, 404, "{missing}");
    }
    assert_eq!(ask(&app, get("/Session/otherID/PROFILE").to_request()).await.status, 550);
}

#[test]
async fn a_session_can_be_killed() {
    let scene = scene(Vec::new()).await;
    let app = test::init_service(scene.app()).await;
    assert_eq!(ask(&app, get("/Session/theID/KILL").to_request()).await.status, 200);
    while scene.somebody.connected() {
        tokio::task::yield_now().await;
    }
    assert_eq!(ask(&app, get("/Session/theID/MIME/in/1-P.txt").to_request()).await.status, 550);
}

#[test]
async fn the_page_health_and_metrics_answer() {
    let scene = scene(Vec::new()).await;
    let app = test::init_service(scene.app()).await;
    let page = ask(&app, get("/").to_request()).await;
    assert!(page.text().contains("Posthouse") && page.header("content-security-policy").starts_with("default-src 'none'"));
    assert_eq!(ask(&app, get("/healthz").to_request()).await.text(), "ok\n");
    assert_eq!(ask(&app, get("/metrics").to_request()).await.text(), "counted 1\n");
    let elsewhere = get("/metrics").peer_addr(SocketAddr::from(([192, 0, 2, 1], 4000)));
    assert_eq!(ask(&app, elsewhere.to_request()).await.status, 403);
    assert_eq!(ask(&app, get("/metrics").insert_header(("X-Forwarded-For", "192.0.2.1")).to_request()).await.status, 403);
}

#[test]
async fn an_administrator_reads_the_metrics_from_elsewhere() {
    use base64::Engine as _;
    let scene = scene(Vec::new()).await;
    let House { store, keys, .. } = &*scene.house;
    accounts::ensure_main_domain(store, &"home.test".parse().unwrap()).await.unwrap();
    for (address, admin) in [("boss@home.test", true), ("guest@home.test", false)] {
        let new = accounts::NewAccount { admin, ..accounts::NewAccount::named(address.parse().unwrap()) };
        accounts::create_with_password(store, keys, new, "a long password".to_owned().into(), false).await.unwrap();
    }
    let app = test::init_service(scene.app()).await;
    let asked = |credentials: &str| {
        let basic = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(credentials));
        let request = get("/metrics").peer_addr(SocketAddr::from(([192, 0, 2, 1], 4000))).insert_header(("Authorization", basic));
        request.to_request()
    };
    let encrypted = Settings { clear_text: ClearText::Always, ..Settings::clone(&scene.house.settings()) };
    assert_eq!(ask(&app, asked("boss:a long password")).await.status, 403, "not in clear text");
    scene.house.reload(encrypted);
    assert_eq!(ask(&app, asked("boss:a long password")).await.text(), "counted 1\n");
    assert_eq!(ask(&app, asked("guest:a long password")).await.status, 403);
    let wrong = ask(&app, asked("boss:another")).await;
    assert_eq!((wrong.status, wrong.header("www-authenticate").get(..5)), (401, Some("Basic")));
}

async fn exchange<S: AsyncReadExt + AsyncWriteExt + Unpin>(mut stream: S, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A server that closes TLS without a word has still said all.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

#[test]
async fn a_server_serves_in_clear_text_and_over_tls_and_stops() {
    use crate::proto::net::{listener::bind, tls::Certificates};
    let scene = scene(vec![MAIL.into()]).await;
    let mut listeners = bind(&[SocketAddr::from((Ipv4Addr::LOCALHOST, 0)); 2]).unwrap();
    let [clear, encrypted] = [0, 1].map(|at: usize| listeners[at].local_addr().unwrap());
    let https = listeners.split_off(1);
    let names = ["localhost".to_owned()];
    let tls = Certificates::load(None, scene.data.path(), &names).unwrap().web();
    let settings = WebSettings { allowed_origins: vec!["https://a.test".into()], ..WebSettings::default() };
    let server: WebServer = start(
        scene.house.clone(),
        settings,
        Listeners { http: listeners, https, tls: Some(tls) },
        Guests::default(),
        Arc::new(String::new),
    )
    .unwrap();

    let request = "HEAD /Session/theID/MIME/in/1-P.txt HTTP/1.1\r\nHost: x\r\nOrigin: https://a.test\r\nConnection: close\r\n\r\n";
    let answer = exchange(tokio::net::TcpStream::connect(clear).await.unwrap(), request).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200") && head.contains(&format!("content-length: {}", MAIL.len())) && body.is_empty(), "{answer}");
    assert!(head.contains("access-control-allow-origin: https://a.test"), "{head}");

    let certificate = std::fs::read(scene.data.path().join("self-signed-certificate.pem")).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(rustls::pki_types::pem::PemObject::from_pem_slice(&certificate).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let client = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(client.with_root_certificates(roots).with_no_client_auth()));
    let stream = tokio::net::TcpStream::connect(encrypted).await.unwrap();
    let stream = connector.connect("localhost".try_into().unwrap(), stream).await.unwrap();
    let answer = exchange(stream, "GET /Session/none/sync HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 550") && answer.ends_with("session is closed\n"), "{answer}");

    server.stop().await;
    assert!(tokio::net::TcpStream::connect(clear).await.is_err());
}

/// A handler that panics costs its connection; the thread goes on with the others.
#[test]
async fn a_handler_that_panics_ends_one_connection() {
    let scene = scene(vec![MAIL.into()]).await;
    let listeners = crate::proto::net::listener::bind(&[SocketAddr::from((Ipv4Addr::LOCALHOST, 0))]).unwrap();
    let here = listeners[0].local_addr().unwrap();
    let broken: super::server::Routes = Arc::new(|app| {
        app.route("/broken", web::get().to(|| async { std::hint::black_box(None::<&str>).expect("as this test asks") }));
    });
    let guests = Guests { routes: Some(broken), ..Guests::default() };
    let listeners = Listeners { http: listeners, ..Listeners::default() };
    let server = start(scene.house.clone(), WebSettings::default(), listeners, guests, Arc::new(String::new)).unwrap();
    let ask = async |path: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        exchange(tokio::net::TcpStream::connect(here).await.unwrap(), &request).await
    };
    for _ in 0..8 {
        assert_eq!(ask("/broken").await, "");
        assert!(ask("/Session/theID/MIME/in/1-P.txt").await.starts_with("HTTP/1.1 200"));
    }
    server.stop().await;
}
