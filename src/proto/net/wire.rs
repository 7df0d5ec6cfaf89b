//! A connection at the web port before it is known what is spoken on it: in clear text or encrypted, its first byte to
//! be looked at, and then handed to whoever speaks it.

use actix_web::{HttpMessage, HttpRequest};
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// A connection.
pub enum Wire {
    /// In clear text.
    Clear(TcpStream),
    /// Over TLS.
    Encrypted(Box<TlsStream<TcpStream>>),
}

/// What is known of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ends {
    /// The network address of the other side.
    pub peer: IpAddr,
    /// The address of ours it connected to.
    pub local: SocketAddr,
    /// True when the connection is encrypted.
    pub secure: bool,
}

/// Takes over connections on which another protocol is spoken than the one they came in for.
pub type TakeOver = Arc<dyn Fn(Wire, Ends) -> Pin<Box<dyn Future<Output = ()>>> + Send + Sync>;

impl Ends {
    /// What is known of the connection that a request came on.
    pub fn of(request: &HttpRequest) -> Option<Self> {
        let of_all_requests = request.conn_data::<Self>().copied();
        of_all_requests.or_else(|| request.extensions().get::<Self>().copied())
    }
}

impl Wire {
    /// The first byte, which stays to be read; None where the other side has left without a word.
    pub async fn first_byte(&mut self) -> io::Result<Option<u8>> {
        match self {
            Self::Clear(stream) => {
                let mut first = [0];
                let count = stream.peek(&mut first).await?;
                Ok(first.first().copied().filter(|_| count > 0))
            }
            Self::Encrypted(stream) => Ok(stream.fill_buf().await?.first().copied()),
        }
    }

    /// What is known of it. Fails where the connection is broken.
    pub fn ends(&self) -> io::Result<Ends> {
        let (stream, secure) = match self {
            Self::Clear(stream) => (stream, false),
            Self::Encrypted(stream) => (stream.get_ref().0, true),
        };
        Ok(Ends { peer: stream.peer_addr()?.ip().to_canonical(), local: stream.local_addr()?, secure })
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Clear(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Encrypted(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Clear(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Encrypted(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Clear(stream) => Pin::new(stream).poll_flush(cx),
            Self::Encrypted(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Clear(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Encrypted(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
