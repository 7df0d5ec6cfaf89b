//! A crowd: many clients in one thread, each a task, and the accounts that they need, put into the store while the
//! server is down, since to derive a thousand passwords would take longer than what is measured.

use crate::server::Server;
use argon2::password_hash::{PasswordHasher, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use posthouse::model::credential::{CredentialRecord, Verifier};
use posthouse::model::fault::Outcome;
use posthouse::model::ids::AccountId;
use posthouse::model::roster::{RosterItem, Subscription};
use posthouse::model::time::Timestamp;
use posthouse::model::value::Value;
use posthouse::store::accounts::{self, AccountRecord};
use posthouse::store::{Options, Store, WriteTx, mailboxes, roster};
use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The password `secret` by a hash that costs next to nothing.
fn cheap_credential() -> CredentialRecord {
    let parameters = Params::new(8, 1, 1, None).expect("these parameters are allowed");
    let salt = SaltString::encode_b64(b"for benchmarks").expect("the salt is short");
    let hash = Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters).hash_password(b"secret", &salt).expect("it can be hashed");
    CredentialRecord { set: Timestamp(0), verifiers: vec![Verifier::Argon2id(hash.to_string())], devices: Vec::new(), code: None }
}

/// The address of an account of the crowd.
pub fn address(number: usize) -> String {
    format!("u{number}@bench.test")
}

/// A started server with accounts `u0`, `u1` and so on, of which each has those of `contacts` as contacts who see its
/// presence and whose presence it sees.
pub fn server(directory: &Path, count: usize, contacts: impl Fn(usize) -> std::ops::Range<usize> + Send + Sync + 'static) -> Server {
    let mut server = Server::new(directory);
    server.start();
    server.stop();
    run(async {
        let store = Store::open(&directory.join("data"), &Options::default(), |_| {}).expect("the server has let go of its store");
        let credential = cheap_credential();
        let contacts = std::sync::Arc::new(contacts);
        for begin in (0..count).step_by(100) {
            let (credential, contacts) = (credential.clone(), contacts.clone());
            let some = store
                .write(move |tx| (begin..count.min(begin + 100)).try_for_each(|number| make(tx, number, &credential, contacts(number))));
            some.await.expect("the accounts are stored");
        }
        store.close().await;
    });
    server.start();
    server
}

fn make(tx: &WriteTx, number: usize, credential: &CredentialRecord, contacts: std::ops::Range<usize>) -> Outcome<()> {
    let mut record = AccountRecord {
        address: address(number).parse()?,
        created: Timestamp::now(),
        admin: false,
        settings: Default::default(),
        acl: Default::default(),
        recovery: None,
    };
    record.settings.insert("MaxRosterItems".into(), Value::String("-1".to_owned()));
    let id: AccountId = accounts::create(tx, &record)?;
    accounts::put_credential(tx, id, credential)?;
    mailboxes::create(tx, id, &"INBOX".parse()?, "", Default::default(), Timestamp::now())?;
    for contact in contacts.filter(|contact| *contact != number) {
        let mut item = RosterItem::new(address(contact).parse()?);
        item.subscription = Subscription { to: true, from: true, ..Subscription::default() };
        item.listed = true;
        roster::put(tx, id, &item, false)?;
    }
    Ok(())
}

/// Runs what a crowd does, in this thread.
pub fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be made");
    tokio::task::LocalSet::new().block_on(&runtime, work)
}

/// Does the same for many at once; gives what each came to.
pub async fn each<T: 'static, F: Future<Output = T> + 'static>(all: impl IntoIterator<Item = F>) -> Vec<T> {
    let tasks: Vec<_> = all.into_iter().map(tokio::task::spawn_local).collect();
    let mut out = Vec::with_capacity(tasks.len());
    for task in tasks {
        out.push(task.await.expect("a client ends well"));
    }
    out
}

/// A client of the crowd, logged in.
pub struct Line {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Line {
    /// Connects and logs in as the account of a number.
    pub async fn login(server: SocketAddr, number: usize) -> Self {
        let stream = TcpStream::connect(server).await.expect("the server accepts");
        stream.set_nodelay(true).expect("the socket takes the option");
        let mut line = Self { stream, buffer: Vec::new() };
        line.ask(&format!("<login id=\"l\" authData=\"{}\" password=\"secret\" version=\"6.1\"/>", address(number))).await;
        line
    }

    /// Logs in and takes signals.
    pub async fn bound(server: SocketAddr, number: usize, presence: bool) -> Self {
        let mut line = Self::login(server, number).await;
        line.bind(presence).await;
        line
    }

    /// Takes signals from now on.
    pub async fn bind(&mut self, presence: bool) {
        let presence = if presence { "yes" } else { "no" };
        self.ask(&format!("<signalBind id=\"s\" clientID=\"r\" presence=\"{presence}\"/>")).await;
    }

    /// Sends a request that has an id and waits for its response.
    pub async fn ask(&mut self, request: &str) {
        self.send(&format!("{request}\0")).await;
        let mut answered = false;
        while !answered {
            self.hear(|frame| {
                if frame.starts_with("<response") {
                    assert!(!frame.contains("errorText"), "{frame}");
                    answered = true;
                }
            })
            .await;
        }
    }

    /// Sends messages, each with its zero.
    pub async fn send(&mut self, messages: &str) {
        self.stream.write_all(messages.as_bytes()).await.expect("the server reads");
    }

    /// Waits for more and looks at each message that is complete.
    pub async fn hear(&mut self, mut each: impl FnMut(&str)) {
        self.buffer.reserve(16 << 10);
        let count = self.stream.read_buf(&mut self.buffer).await.expect("the server answers");
        assert!(count > 0, "the server closed the connection");
        let mut begin = 0;
        for end in memchr::memchr_iter(0, &self.buffer) {
            each(std::str::from_utf8(&self.buffer[begin..end]).expect("messages are UTF-8"));
            begin = end + 1;
        }
        self.buffer.drain(..begin);
    }

    /// Drops what is there to hear until nothing has come for a moment.
    pub async fn drain(&mut self) {
        let moment = std::time::Duration::from_millis(20);
        while tokio::time::timeout(moment, self.hear(|_| {})).await.is_ok() {}
    }
}

/// An attribute of a message.
pub fn attribute<'a>(frame: &'a str, name: &str) -> Option<&'a str> {
    let begin = frame.find(&format!(" {name}=\""))? + name.len() + 3;
    frame[begin..].split('"').next()
}
