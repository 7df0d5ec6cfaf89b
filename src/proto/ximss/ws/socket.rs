//! A WebSocket as its two ends see it: messages of the client, and what it is sent. At most one message lies between the
//! session and the connection.

use super::frames::{self, Broken, Frames, Received};
use crate::proto::ximss::outbox::Outgoing;
use actix_http::ws::handshake;
use actix_web::body::{BodyStream, MessageBody};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

/// How often the client is asked whether it is still there; one that was not heard of for twice as long is not.
const PING: Duration = Duration::from_secs(30);
/// How long a client may take nothing of what it is sent.
const PATIENCE: Duration = Duration::from_secs(60);
/// Pieces of frames on their way to the connection.
const ON_THE_WAY: usize = 2;

/// Why a connection is closed from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The session has ended.
    SessionEnded,
    /// The client breaks the rules.
    Protocol,
    /// It sent a binary message.
    Binary,
    /// It sent a message longer than allowed.
    TooLong,
    /// Another reader has taken this one's place.
    Displaced,
}

impl Reason {
    fn frame(self) -> Bytes {
        match self {
            Self::SessionEnded => frames::close(1000, "session is closed"),
            Self::Protocol => frames::close(1002, "protocol error"),
            Self::Binary => frames::close(1003, "text frames only"),
            Self::TooLong => frames::close(1009, "message is too long"),
            Self::Displaced => frames::close(4001, "the session is read elsewhere"),
        }
    }
}

/// What came from the client.
pub enum Heard {
    /// A document.
    Document(BytesMut),
    /// One that was too long; it has been, or is being, passed over.
    TooLong,
    /// The connection must be closed.
    Close(Reason),
    /// It is gone.
    Gone,
}

/// The connection is gone.
#[derive(Debug)]
pub struct Gone;

/// A WebSocket.
pub struct Socket {
    payload: web::Payload,
    incoming: BytesMut,
    frames: Frames,
    outgoing: mpsc::Sender<Bytes>,
    heard: Instant,
    asked: Instant,
}

impl Socket {
    /// Shakes hands: gives the answer to the request and the socket, for messages of so many bytes.
    pub fn open(request: &HttpRequest, payload: web::Payload, most: usize) -> Result<(HttpResponse, Self), Box<HttpResponse>> {
        let mut response = handshake(request.head()).map_err(|wrong| Box::new(actix_http::Response::from(wrong).into()))?;
        let (outgoing, pieces) = mpsc::channel::<Bytes>(ON_THE_WAY);
        let pieces = stream::unfold(pieces, |mut pieces| async { Some((Ok::<_, Infallible>(pieces.recv().await?), pieces)) });
        let response = response.message_body(BodyStream::new(pieces).boxed()).map_err(|error| Box::new(HttpResponse::from_error(error)))?;
        let now = Instant::now();
        Ok((response.into(), Self { payload, incoming: BytesMut::new(), frames: Frames::new(most), outgoing, heard: now, asked: now }))
    }

    /// From now on, messages of at most `most` bytes.
    pub fn set_most(&mut self, most: usize) {
        self.frames.set_most(most);
    }

    /// Waits for what comes from the client; questions are answered and asked meanwhile. Nothing is lost when this is
    /// given up halfway. `hasty`: a message that is too long is told before its end.
    pub async fn next(&mut self, hasty: bool) -> Heard {
        loop {
            match self.frames.next(&mut self.incoming) {
                Ok(Received::Text(document)) => return Heard::Document(document),
                Ok(Received::TooLong) => return Heard::TooLong,
                Ok(Received::Binary) => return Heard::Close(Reason::Binary),
                // A client that asks faster than it reads is not answered every time.
                Ok(Received::Ping(payload)) => drop(self.outgoing.try_send(frames::pong(&payload))),
                Ok(Received::Pong) => {}
                Ok(Received::Close) => return Heard::Close(Reason::SessionEnded),
                Ok(Received::Incomplete) if hasty && self.frames.is_skipping() => return Heard::TooLong,
                Ok(Received::Incomplete) => {
                    if self.incoming.is_empty() {
                        self.incoming = BytesMut::new();
                    }
                    if let Err(Gone) = self.read().await {
                        return Heard::Gone;
                    }
                }
                Err(Broken) => return Heard::Close(Reason::Protocol),
            }
        }
    }

    async fn read(&mut self) -> Result<(), Gone> {
        loop {
            let quiet = sleep_until(self.heard.max(self.asked) + PING);
            tokio::select! {
                biased;
                () = self.outgoing.closed() => return Err(Gone),
                piece = self.payload.next() => {
                    let piece = piece.and_then(Result::ok).ok_or(Gone)?;
                    self.heard = Instant::now();
                    self.incoming.extend_from_slice(&piece);
                    return Ok(());
                }
                () = quiet => {
                    let now = Instant::now();
                    if now.duration_since(self.heard) >= 2 * PING {
                        return Err(Gone);
                    }
                    self.asked = now;
                    // One that does not read what it is sent will be found out by that.
                    let _ = self.outgoing.try_send(frames::ping());
                }
            }
        }
    }

    /// Sends a message.
    pub async fn send(&self, message: Bytes) -> Result<(), Gone> {
        let both = async {
            // Together or not at all: a head without its text would spoil all that follows.
            let mut places = self.outgoing.reserve_many(2).await.map_err(|_| Gone)?;
            let head = frames::text_head(message.len());
            [head, message].into_iter().zip(&mut places).for_each(|(piece, place)| place.send(piece));
            Ok(())
        };
        timeout(PATIENCE, both).await.unwrap_or(Err(Gone))
    }

    /// Sends messages.
    pub async fn say(&self, messages: impl IntoIterator<Item = Outgoing>) -> Result<(), Gone> {
        for message in messages {
            self.send(message.into_bytes()).await?;
        }
        Ok(())
    }

    /// Ends the connection.
    pub async fn close(self, reason: Reason) {
        // It is closed all the same when the client does not listen.
        let _ = timeout(PATIENCE, self.outgoing.send(reason.frame())).await;
    }
}
