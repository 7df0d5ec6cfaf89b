//! A web connection that is given up when it lies still: no byte has come or gone for so long. The web framework bounds
//! the time for the head of the first request of a connection and the time between requests, but not a later head that
//! is begun and never ended, nor an answer that nobody reads. Its place among the connections of its address goes with it.

use crate::proto::net::limits::Place;
use crate::proto::net::wire::{Ends, Wire};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// A connection, watched.
pub(super) struct Watched {
    wire: Wire,
    /// The longest it may lie still.
    most: Duration,
    /// When a byte last came or went.
    moved: Instant,
    /// How many bytes are still to come at the start, and by when.
    start: Option<(usize, Instant)>,
    /// When it is looked at again; not before it had to wait.
    alarm: Option<Pin<Box<Sleep>>>,
    _place: Option<Place>,
}

impl Watched {
    /// Watches a connection that may lie still for so long.
    pub(super) fn new(wire: Wire, most: Duration, place: Option<Place>) -> Self {
        Self { wire, most, moved: Instant::now(), start: None, alarm: None, _place: place }
    }

    /// The same, given up as well where so many bytes have not come in this time, however they drip.
    pub(super) fn starting_with(self, bytes: usize, patience: Duration) -> Self {
        Self { start: Some((bytes, Instant::now() + patience)), ..self }
    }

    /// What is known of the connection. Fails where it is broken.
    pub(super) fn ends(&self) -> io::Result<Ends> {
        self.wire.ends()
    }

    /// Passes on what came of an attempt to move bytes; while there is nothing, the time is looked at.
    fn watch<T>(&mut self, tried: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if tried.is_ready() {
            self.moved = Instant::now();
            return tried;
        }
        let still = self.moved + self.most;
        let until = self.start.map_or(still, |(_, by)| still.min(by));
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(until)));
        while alarm.as_mut().poll(cx).is_ready() {
            if Instant::now() >= until {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            // Set before bytes last moved.
            alarm.as_mut().reset(until);
        }
        Poll::Pending
    }
}

impl AsyncRead for Watched {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let tried = Pin::new(&mut this.wire).poll_read(cx, buffer);
        let came = buffer.filled().len() - before;
        this.start = this.start.and_then(|(bytes, by)| Some((bytes.checked_sub(came).filter(|rest| *rest > 0)?, by)));
        this.watch(tried, cx)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let tried = Pin::new(&mut this.wire).poll_write(cx, bytes);
        this.watch(tried, cx)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // That there is nothing to flush says nothing of the other side.
        Pin::new(&mut self.get_mut().wire).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let tried = Pin::new(&mut this.wire).poll_shutdown(cx);
        this.watch(tried, cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    async fn pair(most: Duration) -> (Watched, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let other = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (Watched::new(Wire::Clear(listener.accept().await.unwrap().0), most, None), other)
    }

    #[test]
    fn one_that_lies_still_is_given_up() {
        actix::System::new().block_on(async {
            let (mut watched, mut other) = pair(Duration::from_millis(50)).await;
            other.write_all(b"GE").await.unwrap();
            let mut read = [0; 2];
            watched.read_exact(&mut read).await.unwrap();
            assert_eq!(watched.read(&mut read).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
            // So is one that takes nothing of what it is sent.
            let (mut watched, _other) = pair(Duration::from_millis(50)).await;
            let endless = async { while watched.write_all(&[b'x'; 1 << 16]).await.is_ok() {} };
            endless.await;
        });
    }

    #[test]
    fn one_that_drips_at_the_start_is_given_up() {
        actix::System::new().block_on(async {
            let (watched, mut other) = pair(Duration::from_secs(60)).await;
            let mut watched = watched.starting_with(4, Duration::from_millis(50));
            other.write_all(b"PRI").await.unwrap();
            let mut read = [0; 4];
            assert_eq!(watched.read_exact(&mut read).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
            // One that has begun may be slow.
            let (watched, mut other) = pair(Duration::from_secs(60)).await;
            let mut watched = watched.starting_with(4, Duration::from_millis(50));
            other.write_all(b"PRI *").await.unwrap();
            watched.read_exact(&mut read).await.unwrap();
            let later = async {
                tokio::time::sleep(Duration::from_millis(150)).await;
                other.write_all(b" HT").await.unwrap();
            };
            let (read, ()) = futures_util::future::join(watched.read_exact(&mut read), later).await;
            assert_eq!(read.unwrap(), 4);
        });
    }

    #[test]
    fn one_on_which_bytes_move_is_not() {
        actix::System::new().block_on(async {
            let (mut watched, mut other) = pair(Duration::from_millis(400)).await;
            let slowly = async {
                for _ in 0..8 {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    other.write_all(b"x").await.unwrap();
                }
            };
            let mut read = [0; 8];
            let (read, ()) = futures_util::future::join(watched.read_exact(&mut read), slowly).await;
            assert_eq!(read.unwrap(), 8);
        });
    }
}
