//! The doors XIMSS comes in by: listening sockets handed to `tcp`.

use super::desk::Peer;
use super::tcp;
use crate::proto::net::listener::Doors;
use crate::proto::net::wire::TakeOver;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio_rustls::TlsAcceptor;

/// What a client past the limit of its address is told.
const REFUSAL: &[u8] = b"<response errorText=\"too many connections from this address\" errorNum=\"501\"/>\0<bye/>\0";

/// How long a refusal may take.
const PATIENCE: Duration = Duration::from_secs(1);

impl Doors {
    /// Serves XIMSS on a listener: with an `acceptor` `starttls` is offered, or TLS is spoken `from_first_byte`.
    /// Fails where the listener cannot be registered with the caller's arbiter.
    pub fn serve_ximss(&self, listener: TcpListener, acceptor: Option<TlsAcceptor>, from_first_byte: bool) -> io::Result<()> {
        let house = self.house().clone();
        // In a TLS connection nothing can be said before the handshake.
        let refusal = if from_first_byte { &[] } else { REFUSAL };
        self.open(listener, refusal, move |arrival| {
            let peer = Peer { address: arrival.address, local: arrival.local, port: arrival.port };
            tcp::serve(house.clone(), arrival.stream, peer, acceptor.clone(), from_first_byte)
        })
    }
}

impl Doors {
    /// Serves XIMSS on connections that came in by the web port. They count like all others; on those in clear text
    /// `starttls` is offered.
    pub fn take_over(&self, acceptor: TlsAcceptor) -> TakeOver {
        let (house, places) = (self.house().clone(), self.places().clone());
        Arc::new(move |mut wire, ends| {
            let (house, places, acceptor) = (house.clone(), places.clone(), acceptor.clone());
            Box::pin(async move {
                match places.enter(ends.peer, house.settings().limits.sessions_per_address) {
                    Some(place) => {
                        tcp::serve_wire(house, wire, Peer::at(ends.peer, ends.local), acceptor).await;
                        drop(place);
                    }
                    None => {
                        metrics::counter!("posthouse_connections_refused").increment(1);
                        // It is refused all the same when it does not listen.
                        let refused = async { wire.write_all(REFUSAL).await.and(wire.shutdown().await) };
                        let _ = tokio::time::timeout(PATIENCE, refused).await;
                    }
                }
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::house::{ClearText, House, Settings};
    use crate::model::limits::Limits;
    use crate::proto::net::listener::bind;
    use crate::store::Store;
    use std::net::{IpAddr, Ipv4Addr, SocketAddr};
    use std::sync::Arc;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    fn house(sessions_per_address: usize) -> Arc<House> {
        let settings = Settings {
            domain: "home.test".parse().unwrap(),
            clear_text: ClearText::Loopback,
            legacy_mechanisms: false,
            signup: false,
            limits: Limits { sessions_per_address, ..Limits::default() },
            data: std::env::temp_dir(),
        };
        Arc::new(House::new(settings, Store::in_memory()).unwrap())
    }

    #[test]
    fn a_client_is_served_and_one_too_many_hears_why_not() {
        actix::System::new().block_on(async {
            let doors = Doors::new(house(1), Vec::new());
            let listener = bind(&[SocketAddr::from((Ipv4Addr::LOCALHOST, 0))]).unwrap().pop().unwrap();
            let here = listener.local_addr().unwrap();
            doors.serve_ximss(listener, None, false).unwrap();
            let mut first = TcpStream::connect(here).await.unwrap();
            first.write_all(b"<nonsense id=\"1\"/>\0").await.unwrap();
            let mut answer = Vec::new();
            while !answer.ends_with(b"\0") {
                assert!(first.read_buf(&mut answer).await.unwrap() > 0);
            }
            assert!(String::from_utf8(answer).unwrap().contains("id=\"1\""));
            let mut refusal = Vec::new();
            TcpStream::connect(here).await.unwrap().read_to_end(&mut refusal).await.unwrap();
            assert_eq!(refusal, REFUSAL);
        });
    }

    #[test]
    fn a_waiting_connection_is_small() {
        actix::System::new().block_on(async {
            let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
            let serving = tcp::serve(house(1), stream, Peer { address, local: address, port: 0 }, None, false);
            let size = std::mem::size_of_val(&serving);
            assert!(size <= 800, "{size} bytes for each of thousands of idle clients: box what is rare");
        });
    }
}
