//! The doors XIMSS comes in by: listening sockets handed to `tcp`.

use super::desk::Peer;
use super::tcp;
use crate::proto::net::listener::Doors;
use std::io;
use std::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// What a client past the limit of its address is told.
const REFUSAL: &[u8] = b"<response errorText=\"too many connections from this address\" errorNum=\"501\"/>\0<bye/>\0";

impl Doors {
    /// Serves XIMSS on a listener: with an `acceptor` `starttls` is offered, or TLS is spoken `from_first_byte`.
    /// Fails where the listener cannot be registered with the caller's arbiter.
    pub fn serve_ximss(&self, listener: TcpListener, acceptor: Option<TlsAcceptor>, from_first_byte: bool) -> io::Result<()> {
        let house = self.house().clone();
        // In a TLS connection nothing can be said before the handshake.
        let refusal = if from_first_byte { &[] } else { REFUSAL };
        self.open(listener, refusal, move |arrival| {
            let peer = Peer { address: arrival.address, local: arrival.local };
            tcp::serve(house.clone(), arrival.stream, peer, acceptor.clone(), from_first_byte)
        })
    }
}
