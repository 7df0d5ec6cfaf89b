//! XIMSS over TCP and TLS: frames in, frames out, one task per connection.
//!
//! An idle connection holds no buffers: bytes are read through the thread's stack, and what is left of an unfinished
//! message is all that is kept. Before login each request is answered before the next is read; after it, up to
//! `waiting_requests` may wait, and past that the connection is not read. A client that has ended its side still gets
//! the answers to what it asked; one that reads nothing for the idle time is cut off.
//! Spec: XIMSS, "Protocol and Message Syntax", starttls.

use super::desk::{After, Peer, Way};
use super::outbox::{Outbox, Outgoing};
use super::session::{ConnectionGone, Incoming, Secured, Session};
use crate::domain::house::House;
use crate::domain::tell::tell;
use crate::model::fault::{Fault, Outcome};
use crate::model::limits::Limits;
use crate::proto::net::wire::Wire;
use crate::xml::Element;
use crate::xml::frame::{Framed, Framer};
use crate::xml::read::{self, document};
use actix::Addr;
use bytes::BytesMut;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Bytes read at a time.
const STEP: usize = 16 << 10;
/// Messages longer than this are parsed on another thread, and written by themselves.
pub(super) const LARGE: usize = 64 << 10;
/// Bytes of a client that are still read after the end.
const FAREWELL: usize = 1 << 20;
/// How long the end may take.
const PARTING: Duration = Duration::from_secs(2);

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
            let mut bytes = [MaybeUninit::uninit(); STEP];
            let mut buffer = ReadBuf::uninit(&mut bytes);
            ready!(self.poll_read(cx, &mut buffer))?;
            into.extend_from_slice(buffer.filled());
            Poll::Ready(Ok(buffer.filled().len()))
        })
        .await
    }

    /// Writes all; given up when the other side takes nothing for so long.
    async fn write(&mut self, mut bytes: &[u8], patience: Duration) -> io::Result<()> {
        while !bytes.is_empty() {
            let step = async {
                match self {
                    Self::Clear(stream) => stream.write(bytes).await,
                    Self::Encrypted(stream) => stream.write(bytes).await,
                    Self::Gone => Err(io::ErrorKind::NotConnected.into()),
                }
            };
            match timeout(patience, step).await?? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                written => bytes = bytes.get(written..).unwrap_or_default(),
            }
        }
        Ok(())
    }

    /// Writes messages, each with its zero: small ones together, large ones without copying them.
    async fn say(&mut self, messages: &VecDeque<Outgoing>, patience: Duration) -> io::Result<()> {
        let all = messages.iter().map(|message| message.bytes().len() + 1).sum::<usize>();
        let mut together = Vec::with_capacity(if all <= LARGE { all } else { 0 });
        for message in messages {
            let bytes = message.bytes();
            if together.len() + bytes.len() > LARGE {
                self.write(&together, patience).await?;
                together.clear();
                self.write(bytes, patience).await?;
            } else {
                together.extend_from_slice(bytes);
            }
            together.push(0);
        }
        self.write(&together, patience).await?;
        timeout(patience, self.flush()).await?
    }

    /// Ends the connection so that what was written arrives: says that no more comes, then reads what the other side was
    /// sending, since closing over unread bytes would take back what is on its way.
    async fn part(mut self) -> io::Result<()> {
        match &mut self {
            Self::Clear(stream) => stream.shutdown().await?,
            Self::Encrypted(stream) => stream.shutdown().await?,
            Self::Gone => return Ok(()),
        }
        let mut unread = BytesMut::new();
        let mut left = FAREWELL;
        while left > 0 {
            let read = self.read(&mut unread).await?;
            if read == 0 {
                break;
            }
            unread.clear();
            left = left.saturating_sub(read);
        }
        Ok(())
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
    converse(Connection::over(house, stream, peer, tls, from_first_byte)).await;
}

/// Serves a connection that came in elsewhere, with a client that has begun to speak XIMSS. With `tls`, `starttls` is
/// offered on one in clear text.
pub async fn serve_wire(house: Arc<House>, wire: Wire, peer: Peer, tls: TlsAcceptor) {
    let (stream, secure) = match wire {
        Wire::Clear(stream) => (Stream::Clear(stream), false),
        Wire::Encrypted(stream) => (Stream::Encrypted(stream), true),
    };
    converse(Connection::over(house, stream, peer, Some(tls), secure)).await;
}

async fn converse(mut connection: Box<Connection>) {
    let ended = connection.run().await;
    if let Err(error) = Box::pin(connection.part(ended)).await {
        tracing::debug!(%error, "a connection ended");
    }
}

async fn encrypt(house: &House, stream: &mut Stream, acceptor: &TlsAcceptor) -> io::Result<()> {
    let Stream::Clear(clear) = std::mem::replace(stream, Stream::Gone) else { return Ok(()) };
    let patience = Duration::from_secs(house.settings().limits.login_time);
    let encrypted = timeout(patience, acceptor.accept(clear)).await??;
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
    /// Places for requests that wait to be answered.
    places: Arc<Semaphore>,
    /// How many places there are.
    most_waiting: u32,
    logged_in: bool,
    tls: Option<TlsAcceptor>,
}

/// What woke the connection.
enum Event {
    Arrived(usize),
    Say(VecDeque<Outgoing>),
    Ended,
}

impl Connection {
    /// Opens the session of a connection.
    fn over(house: Arc<House>, stream: Stream, peer: Peer, tls: Option<TlsAcceptor>, secure: bool) -> Box<Self> {
        let settings = house.settings();
        let limits = &settings.limits;
        let outbox = Outbox::new(limits.unread_output);
        let can_start_tls = tls.is_some() && !secure;
        Box::new(Self {
            session: Session::open(house.clone(), peer, Way { secure, can_start_tls, ..Way::CLEAR }, outbox.clone()),
            framer: Framer::new(limits.message_before_login),
            places: Arc::new(Semaphore::new(limits.waiting_requests)),
            most_waiting: u32::try_from(limits.waiting_requests).unwrap_or(u32::MAX),
            incoming: BytesMut::new(),
            logged_in: false,
            house,
            stream,
            outbox,
            tls: tls.filter(|_| can_start_tls),
        })
    }

    /// The end: the session hears of it, and a client that may still listen is seen off.
    async fn part(self: Box<Self>, ended: io::Result<()>) -> io::Result<()> {
        // Whoever still waits for the client to read, waits in vain.
        self.outbox.abort();
        tell(&self.session, ConnectionGone);
        let stream = self.stream;
        ended?;
        timeout(PARTING, stream.part()).await.unwrap_or(Ok(()))
    }

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
                Event::Ended => return Ok(()),
                Event::Say(messages) => Box::pin(self.write(messages)).await?,
                Event::Arrived(0) => return Box::pin(self.answer_the_rest()).await,
                Event::Arrived(_) => {}
            }
            if self.take_requests().await?.is_break() {
                return Box::pin(self.say_the_rest()).await;
            }
            if self.incoming.is_empty() {
                self.incoming = BytesMut::new();
            }
        }
    }

    /// The session has ended or is about to: what it still says is written.
    async fn say_the_rest(&mut self) -> io::Result<()> {
        while let Some(messages) = self.outbox.take().await {
            self.write(messages).await?;
        }
        Ok(())
    }

    /// The client says no more: what it asked is answered, then the connection ends.
    async fn answer_the_rest(&mut self) -> io::Result<()> {
        let all = self.places.clone().acquire_many_owned(self.most_waiting);
        tokio::pin!(all);
        loop {
            let answered = tokio::select! {
                biased;
                said = self.outbox.take() => match said {
                    Some(messages) => {
                        self.write(messages).await?;
                        false
                    }
                    None => true,
                },
                _ = &mut all => true,
            };
            if answered {
                return self.write_waiting().await;
            }
        }
    }

    /// Writes what the session has said so far.
    async fn write_waiting(&mut self) -> io::Result<()> {
        while let Some(Some(messages)) = futures_util::FutureExt::now_or_never(self.outbox.take()) {
            self.write(messages).await?;
        }
        Ok(())
    }

    async fn write(&mut self, messages: VecDeque<Outgoing>) -> io::Result<()> {
        let patience = Duration::from_secs(self.house.settings().limits.idle_time);
        let outbox = self.outbox.clone();
        tokio::select! {
            biased;
            // The session is killed, or has had enough of a client that does not read.
            () = outbox.aborted() => Err(io::ErrorKind::ConnectionAborted.into()),
            written = self.stream.say(&messages, patience) => written,
        }
    }

    /// Hands on the requests that are complete, as far as places allow. Break: the connection is to be closed.
    async fn take_requests(&mut self) -> io::Result<std::ops::ControlFlow<()>> {
        use std::ops::ControlFlow;
        loop {
            let Ok(place) = self.places.clone().try_acquire_owned() else { return Ok(ControlFlow::Continue(())) };
            let too_long = || Err(Fault::bad("message is too long"));
            let message = match self.framer.next(&mut self.incoming) {
                Framed::Incomplete if !self.framer.is_skipping() || self.logged_in => return Ok(ControlFlow::Continue(())),
                Framed::Incomplete | Framed::Skipped if !self.logged_in => {
                    Box::pin(self.ask(Incoming { message: too_long(), place: None, answers: None })).await?;
                    self.outbox.close();
                    return Ok(ControlFlow::Break(()));
                }
                Framed::Incomplete | Framed::Skipped => too_long(),
                Framed::Message(bytes) => parse(&self.house, bytes).await,
            };
            let incoming = Incoming { message, place: Some(place), answers: None };
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

    async fn start_tls(&mut self) -> io::Result<()> {
        let Some(acceptor) = self.tls.take() else { return Ok(()) };
        self.write_waiting().await?;
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
pub(super) async fn parse(house: &House, bytes: BytesMut) -> Outcome<Element> {
    let limits = xml_limits(&house.settings().limits);
    if bytes.len() > LARGE {
        return Box::pin(house.store.compute(move || document(&bytes, &limits))).await;
    }
    document(&bytes, &limits)
}

#[cfg(test)]
mod tests;
