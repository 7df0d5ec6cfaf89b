//! Connections over a real socket.

use super::*;
use crate::domain::accounts::{NewAccount, create_with_password};
use crate::domain::testing::house_in;
use crate::proto::net::tls::Certificates;
use crate::proto::ximss::testing::peer;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

const LOGIN: &[u8] = b"<login id='in' authData='alice' password='correct horse'/>\0";

/// A house in which Alice lives.
async fn house(limits: Limits) -> Arc<House> {
    let house = house_in("/nonexistent".into(), limits);
    let domain = house.settings().domain.clone();
    house.store.write(move |tx| crate::store::accounts::create_domain(tx, &domain, Default::default())).await.unwrap();
    let new = NewAccount::named("alice@example.test".parse().unwrap());
    create_with_password(&house.store, &house.keys, new, "correct horse".to_owned().into(), false).await.unwrap();
    house
}

/// A client's socket, and the task that serves it.
async fn connect(house: &Arc<House>, tls: Option<TlsAcceptor>) -> (TcpStream, JoinHandle<()>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    (client, actix::spawn(serve(house.clone(), stream, peer(), tls, false)))
}

/// Messages up to the end of the connection.
async fn rest(client: &mut (impl AsyncRead + Unpin)) -> Vec<String> {
    let mut bytes = Vec::new();
    client.read_to_end(&mut bytes).await.unwrap();
    let mut messages: Vec<String> = String::from_utf8(bytes).unwrap().split('\0').map(str::to_owned).collect();
    assert_eq!(messages.pop().as_deref(), Some(""), "a message ends with its zero");
    messages
}

/// The next message.
async fn next(client: &mut (impl AsyncRead + Unpin)) -> String {
    let mut bytes = Vec::new();
    loop {
        match client.read_u8().await.unwrap() {
            0 => return String::from_utf8(bytes).unwrap(),
            byte => bytes.push(byte),
        }
    }
}

/// A TLS client that trusts the certificate which was made in this directory.
fn trusting(data: &std::path::Path) -> tokio_rustls::TlsConnector {
    let certificate = std::fs::read(data.join("self-signed-certificate.pem")).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(rustls::pki_types::pem::PemObject::from_pem_slice(&certificate).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let client = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(client.with_root_certificates(roots).with_no_client_auth()).into()
}

#[test]
fn a_client_that_ends_its_side_gets_all_answers() {
    actix::System::new().block_on(async {
        let house = house(Limits { waiting_requests: 4, ..Limits::default() }).await;
        let (mut client, serving) = connect(&house, None).await;
        client.write_all(LOGIN).await.unwrap();
        for number in 0..50 {
            client.write_all(format!("<readTime id='{number}'/>\0").as_bytes()).await.unwrap();
        }
        client.shutdown().await.unwrap();
        let said = rest(&mut client).await;
        assert_eq!((said.len(), said.last().unwrap().as_str()), (102, "<response id=\"49\"/>"));
        serving.await.unwrap();
        assert_eq!(house.sessions.count(), 0);
    });
}

#[test]
fn what_stands_behind_bye_is_not_done_and_takes_nothing_back() {
    actix::System::new().block_on(async {
        let house = house(Limits::default()).await;
        let (mut client, serving) = connect(&house, None).await;
        client.write_all(LOGIN).await.unwrap();
        client.write_all(b"<noop id='1'/>\0<bye id='2'/>\0").await.unwrap();
        client.write_all("<noop id='3'/>\0".repeat(1000).as_bytes()).await.unwrap();
        let said = rest(&mut client).await;
        assert_eq!(said[1..], ["<response id=\"in\"/>", "<response id=\"1\"/>", "<response id=\"2\"/>"]);
        drop(client);
        serving.await.unwrap();
        assert_eq!(house.sessions.count(), 0);
    });
}

#[test]
fn a_message_may_be_so_long_before_login_and_so_long_after() {
    actix::System::new().block_on(async {
        let limits = Limits { message_before_login: 100, message: 1000, ..Limits::default() };
        let house = house(limits).await;
        let noop = |bytes: usize| {
            let bare = "<noop id='x'></noop>";
            format!("<noop id='x'>{}</noop>\0", " ".repeat(bytes - bare.len()))
        };
        let too_long = "<response errorText=\"message is too long\" errorNum=\"500\"/>";
        for whole in [true, false] {
            let (mut client, _) = connect(&house, None).await;
            client.write_all(noop(100).as_bytes()).await.unwrap();
            assert!(next(&mut client).await.contains("not logged in"));
            let mut long = noop(101);
            long.truncate(if whole { 102 } else { 101 });
            client.write_all(format!("{long}{}", if whole { "<noop/>\0" } else { "" }).as_bytes()).await.unwrap();
            assert_eq!(rest(&mut client).await, [too_long], "and the connection is closed");
        }
        let (mut client, _) = connect(&house, None).await;
        client.write_all(LOGIN).await.unwrap();
        client.write_all(format!("{}{}{}", noop(1000), noop(1001), noop(50_000)).as_bytes()).await.unwrap();
        client.write_all(b"<noop id='y'/>\0<bye/>\0").await.unwrap();
        let expected = ["<response id=\"in\"/>", "<response id=\"x\"/>", too_long, too_long, "<response id=\"y\"/>", "<response/>"];
        assert_eq!(rest(&mut client).await[1..], expected);
    });
}

#[test]
fn what_follows_starttls_in_clear_text_is_dropped() {
    actix::System::new().block_on(async {
        let (house, data) = (house(Limits::default()).await, tempfile::tempdir().unwrap());
        let certificates = Certificates::load(None, data.path(), &["localhost".to_owned()]).unwrap();
        let (mut client, serving) = connect(&house, Some(certificates.acceptor())).await;
        client.write_all(b"<starttls id='1'/>\0<noop id='planted'/>\0<no").await.unwrap();
        assert_eq!(next(&mut client).await, "<response id=\"1\"/>");
        let mut client = trusting(data.path()).connect("localhost".try_into().unwrap(), client).await.unwrap();
        client.write_all(b"<starttls id='2'/>\0").await.unwrap();
        client.write_all(LOGIN).await.unwrap();
        client.write_all(b"<bye id='3'/>\0").await.unwrap();
        let said = rest(&mut client).await;
        assert!(said[0].starts_with("<response id=\"2\" errorText"), "{said:?}");
        assert_eq!(said[2..], ["<response id=\"in\"/>", "<response id=\"3\"/>"]);
        serving.await.unwrap();
    });
}

#[test]
fn a_client_that_asks_much_and_reads_nothing_is_let_go() {
    actix::System::new().block_on(async {
        let house = house(Limits { idle_time: 1, ..Limits::default() }).await;
        let (mut client, serving) = connect(&house, None).await;
        client.write_all(LOGIN).await.unwrap();
        let ask = async {
            // Far more than the sockets hold; given up when the server has gone.
            while client.write_all("<listKnownValues id='x'/>\0".repeat(64).as_bytes()).await.is_ok() {}
        };
        let (served, ()) = tokio::join!(serving, ask);
        served.unwrap();
        assert_eq!(house.sessions.count(), 0, "no session is left behind");
    });
}
