//! XIMSS over TCP and TLS: frames in, frames out, one task per connection.
//!
//! An idle connection holds no buffers: bytes are read through the thread's stack, and what is left of an unfinished
//! message is all that is kept. Before login each request is answered before the next is read; after it, up to
//! `waiting_requests` may wait, and past that the connection is not read.
//! Spec: XIMSS, "Protocol and Message Syntax", starttls.

use super::desk::{After, Peer};
use super::outbox::Outbox;
use super::session::{ConnectionGone, Incoming, Secured, Session};
use crate::domain::house::House;
use crate::domain::tell::tell;
use crate::model::fault::{Fault, Outcome};
use crate::model::limits::Limits;
use crate::xml::Element;
use crate::xml::frame::{Framed, Framer};
use crate::xml::read::{self, document};
use actix::Addr;
use bytes::BytesMut;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, ready};
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Bytes read at a time.
const STEP: usize = 16 << 10;
/// Messages longer than this are parsed on another thread.
const LARGE: usize = 64 << 10;

/// A connection in clear text or encrypted.
enum Stream {
    Clear(TcpStream),
    Encrypted(Box<TlsStream<TcpStream>>),
    /// Between the two, and after a failed handshake.
    Gone,
}

impl Stream {
    fn poll_read(&mut self, cx: &mut std::task::Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Clear(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Encrypted(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Gone => Poll::Ready(Ok(())),
        }
    }

    /// Appends what has come; 0 at the end.
    async fn read(&mut self, into: &mut BytesMut) -> io::Result<usize> {
        poll_fn(|cx| {
            let mut bytes = [0u8; STEP];
            let mut buffer = ReadBuf::new(&mut bytes);
            ready!(self.poll_read(cx, &mut buffer))?;
            into.extend_from_slice(buffer.filled());
            Poll::Ready(Ok(buffer.filled().len()))
        })
        .await
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Clear(stream) => stream.write_all(bytes).await,
            Self::Encrypted(stream) => stream.write_all(bytes).await,
            Self::Gone => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    async fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Clear(stream) => stream.flush().await,
            Self::Encrypted(stream) => stream.flush().await,
            Self::Gone => Ok(()),
        }
    }
}

/// Serves one connection to its end. What is rare (a handshake, a large message) is boxed while it lasts, so that the
/// thousands of futures that wait for an idle client are small. With `tls` and `from_first_byte`, the client speaks TLS at once.
pub async fn serve(house: Arc<House>, stream: TcpStream, peer: Peer, tls: Option<TlsAcceptor>, from_first_byte: bool) {
    // Small answers are not held back; a system that cannot do this still serves.
    let _ = stream.set_nodelay(true);
    let mut stream = Stream::Clear(stream);
    if from_first_byte
        && let Some(acceptor) = &tls
        && Box::pin(encrypt(&house, &mut stream, acceptor)).await.is_err()
    {
        return;
    }
    let outbox = Outbox::new(house.settings().limits.unread_output);
    let can_start_tls = tls.is_some() && !from_first_byte;
    let session = Session::open(house.clone(), peer, from_first_byte, can_start_tls, outbox.clone());
    let mut connection = Box::new(Connection {
        framer: Framer::new(house.settings().limits.message_before_login),
        places: Arc::new(Semaphore::new(house.settings().limits.waiting_requests)),
        incoming: BytesMut::new(),
        logged_in: false,
        house,
        stream,
        session: session.clone(),
        outbox,
        tls: tls.filter(|_| can_start_tls),
    });
    if let Err(error) = connection.run().await {
        tracing::debug!(%error, "a connection ended");
    }
    tell(&session, ConnectionGone);
}

async fn encrypt(house: &House, stream: &mut Stream, acceptor: &TlsAcceptor) -> io::Result<()> {
    let Stream::Clear(clear) = std::mem::replace(stream, Stream::Gone) else { return Ok(()) };
    let patience = std::time::Duration::from_secs(house.settings().limits.login_time);
    let encrypted = tokio::time::timeout(patience, acceptor.accept(clear)).await.map_err(io::Error::from)??;
    *stream = Stream::Encrypted(Box::new(encrypted));
    Ok(())
}

struct Connection {
    house: Arc<House>,
    stream: Stream,
    session: Addr<Session>,
    outbox: Outbox,
    framer: Framer,
    incoming: BytesMut,
    places: Arc<Semaphore>,
    logged_in: bool,
    tls: Option<TlsAcceptor>,
}

/// What woke the connection.
enum Event {
    Arrived(usize),
    Say(std::collections::VecDeque<super::outbox::Outgoing>),
    Ended,
}

impl Connection {
    async fn run(&mut self) -> io::Result<()> {
        loop {
            let full = self.places.available_permits() == 0;
            let event = tokio::select! {
                biased;
                said = self.outbox.take() => said.map_or(Event::Ended, Event::Say),
                read = self.stream.read(&mut self.incoming), if !full => Event::Arrived(read?),
                _ = self.places.acquire(), if full => Event::Arrived(usize::MAX),
            };
            match event {
                Event::Ended => return self.stream.flush().await,
                Event::Say(messages) => self.write(messages).await?,
                Event::Arrived(0) => return Ok(()),
                Event::Arrived(_) => {}
            }
            if self.take_requests().await?.is_break() {
                while let Some(messages) = self.outbox.take().await {
                    self.write(messages).await?;
                }
                return self.stream.flush().await;
            }
            if self.incoming.is_empty() {
                self.incoming = BytesMut::new();
            }
        }
    }

    async fn write(&mut self, messages: std::collections::VecDeque<super::outbox::Outgoing>) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(messages.iter().map(|m| m.bytes().len() + 1).sum());
        for message in &messages {
            bytes.extend_from_slice(message.bytes());
            bytes.push(0);
        }
        self.stream.write(&bytes).await?;
        self.stream.flush().await
    }

    /// Hands on the requests that are complete, as far as places allow. Break: the connection is to be closed.
    async fn take_requests(&mut self) -> io::Result<std::ops::ControlFlow<()>> {
        use std::ops::ControlFlow;
        loop {
            let Ok(place) = self.places.clone().try_acquire_owned() else { return Ok(ControlFlow::Continue(())) };
            let message = match self.framer.next(&mut self.incoming) {
                Framed::Incomplete if self.framer.is_skipping() && !self.logged_in => {
                    Box::pin(self.refuse(Fault::bad("message is too long"))).await;
                    self.outbox.close();
                    return Ok(ControlFlow::Break(()));
                }
                Framed::Incomplete => return Ok(ControlFlow::Continue(())),
                Framed::Skipped => Err(Fault::bad("message is too long")),
                Framed::Message(bytes) => parse(&self.house, bytes).await,
            };
            let incoming = Incoming { message, place: Some(place) };
            if self.logged_in {
                // Bounded: each request holds one of a fixed number of places.
                tell(&self.session, incoming);
                continue;
            }
            let Some(after) = Box::pin(self.ask(incoming)).await? else { return Ok(ControlFlow::Break(())) };
            match after {
                After::GoOn => {}
                After::Close => return Ok(ControlFlow::Break(())),
                After::LoggedIn => {
                    self.logged_in = true;
                    self.framer.set_most(self.house.settings().limits.message);
                }
                After::StartTls => Box::pin(self.start_tls()).await?,
            }
        }
    }

    /// Has one request answered, writing what the session says meanwhile. None when the session has ended.
    async fn ask(&mut self, incoming: Incoming) -> io::Result<Option<After>> {
        let answered = self.session.send(incoming);
        tokio::pin!(answered);
        loop {
            tokio::select! {
                biased;
                said = self.outbox.take() => match said {
                    Some(messages) => self.write(messages).await?,
                    None => return Ok(answered.await.ok()),
                },
                after = &mut answered => return Ok(after.ok()),
            }
        }
    }

    async fn refuse(&mut self, fault: Fault) {
        let incoming = Incoming { message: Err(fault), place: None };
        // The session is told so that the refusal comes behind the answers before it.
        let _ = self.session.send(incoming).await;
    }

    async fn start_tls(&mut self) -> io::Result<()> {
        let Some(acceptor) = self.tls.take() else { return Ok(()) };
        while let Some(Some(messages)) = futures_util::FutureExt::now_or_never(self.outbox.take()) {
            self.write(messages).await?;
        }
        // What came in clear text behind the request could have been put there by anybody on the way.
        self.incoming = BytesMut::new();
        self.framer = Framer::new(self.house.settings().limits.message_before_login);
        encrypt(&self.house, &mut self.stream, &acceptor).await?;
        self.session.send(Secured).await.map_err(io::Error::other)
    }
}

/// The limits of the XML reader.
pub fn xml_limits(limits: &Limits) -> read::Limits {
    read::Limits { depth: limits.xml_depth, attributes: limits.xml_attributes, attribute_bytes: limits.xml_attribute_bytes }
}

/// Parses a message; a large one on another thread.
async fn parse(house: &House, bytes: BytesMut) -> Outcome<Element> {
    let limits = xml_limits(&house.settings().limits);
    if bytes.len() > LARGE {
        return Box::pin(house.store.compute(move || document(&bytes, &limits))).await;
    }
    document(&bytes, &limits)
}
