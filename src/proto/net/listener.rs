//! Listening sockets and the loops that accept from them.
//!
//! Clients are dealt to the arbiters by their load (`placement`). A loop outlives every error of accept: where the system has run out of
//! something it waits a little, so that it neither spins nor ends. Clients past the limit of their address hear so
//! before they are let go.

use super::limits::PerAddress;
use super::placement::Placement;
use crate::domain::house::House;
use actix::ArbiterHandle;
use futures_util::FutureExt;
use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};
use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Clients that may wait to be accepted; the system may allow fewer (`net.core.somaxconn`).
const BACKLOG: i32 = 16_384;
/// How long a loop waits when the system has run out of file descriptors or memory.
const PAUSE: Duration = Duration::from_millis(100);
/// Silence after which the system asks whether the other side is still there, and the time between such questions.
const KEEPALIVE: (Duration, Duration) = (Duration::from_secs(120), Duration::from_secs(30));
/// Unanswered questions after which a connection is given up.
const KEEPALIVE_TRIES: u32 = 4;
/// Refused clients that are waited for at once, and how long: closing at once could take the refusal from them.
const LINGERING: (usize, Duration) = (64, Duration::from_secs(1));

/// Why a listener cannot be had, for people.
#[derive(Debug)]
pub struct BindError {
    /// The address that was asked for.
    pub address: SocketAddr,
    /// What the system said.
    pub cause: io::Error,
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let advice = match self.cause.kind() {
            io::ErrorKind::AddrInUse => "another program listens there; stop it or change [listen] in the configuration",
            io::ErrorKind::PermissionDenied => "ports below 1024 need a privilege (CAP_NET_BIND_SERVICE); grant it or use a higher port",
            io::ErrorKind::AddrNotAvailable => "this machine has no such address; change [listen] in the configuration",
            _ => "change [listen] in the configuration",
        };
        write!(f, "cannot listen on {} ({}): {advice}", self.address, self.cause)
    }
}

impl std::error::Error for BindError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.cause)
    }
}

/// Listens on all of these addresses, or on none. `[::]` takes IPv4 as well unless `0.0.0.0` stands beside it.
pub fn bind(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, BindError> {
    let beside = |port| addresses.contains(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)));
    let one = |address: &SocketAddr| {
        let only_v6 = address.ip() == Ipv6Addr::UNSPECIFIED && beside(address.port());
        listen(*address, only_v6).map_err(|cause| BindError { address: *address, cause })
    };
    addresses.iter().map(one).collect()
}

fn listen(address: SocketAddr, only_v6: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(only_v6)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    keep_alive(&socket);
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Has the system find out when the other side is gone without a word. Connections have this from their listener.
fn keep_alive(socket: &Socket) {
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE.0).with_interval(KEEPALIVE.1).with_retries(KEEPALIVE_TRIES);
    if let Err(error) = socket.set_tcp_keepalive(&keepalive) {
        tracing::debug!(%error, "keepalive is not to be had");
    }
}

/// A client at the door.
pub struct Arrival {
    /// The connection, registered with the arbiter that serves it.
    pub stream: tokio::net::TcpStream,
    /// The client's network address.
    pub address: IpAddr,
    /// The address of ours it connected to.
    pub local: IpAddr,
    /// The port of ours it connected to.
    pub port: u16,
}

/// The loops that accept, and what they share.
pub struct Doors {
    house: Arc<House>,
    placement: Placement,
    places: PerAddress,
    lingering: Arc<Semaphore>,
    closed: CancellationToken,
}

impl Doors {
    /// Doors that deal their clients to these arbiters. Without any, all are served on the caller's.
    pub fn new(house: Arc<House>, arbiters: Vec<ArbiterHandle>) -> Self {
        Self {
            house,
            placement: Placement::on(arbiters),
            places: PerAddress::default(),
            lingering: Arc::new(Semaphore::new(LINGERING.0)),
            closed: CancellationToken::new(),
        }
    }

    /// What the front ends share.
    pub fn house(&self) -> &Arc<House> {
        &self.house
    }

    /// Opens a door: every client that comes is given to `serve`, on one of the arbiters. A client past the limit of
    /// its address is sent `refusal` and let go. Accepts on the caller's arbiter until `close`. Fails where the
    /// listener cannot be registered with it.
    pub fn open<S, F>(&self, listener: TcpListener, refusal: &'static [u8], serve: S) -> io::Result<()>
    where
        S: Fn(Arrival) -> F + Clone + Send + 'static,
        F: Future<Output = ()> + 'static,
    {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let door = Door {
            house: self.house.clone(),
            placement: self.placement.clone(),
            places: self.places.clone(),
            lingering: self.lingering.clone(),
            refusal,
        };
        let closed = self.closed.clone();
        actix::spawn(async move {
            // The listener goes with the loop: who comes later is refused by the system.
            closed.run_until_cancelled(door.accept(listener, serve)).await;
        });
        Ok(())
    }

    /// The counter of connections per address, for those that come in otherwise.
    pub fn places(&self) -> &PerAddress {
        &self.places
    }

    /// Connections that are being served.
    pub fn connections(&self) -> usize {
        self.places.total()
    }

    /// Stops accepting on all doors. Connections go on.
    pub fn close(&self) {
        self.closed.cancel();
    }
}

impl Drop for Doors {
    fn drop(&mut self) {
        self.close();
    }
}

/// One accepting loop.
struct Door {
    house: Arc<House>,
    placement: Placement,
    places: PerAddress,
    lingering: Arc<Semaphore>,
    refusal: &'static [u8],
}

impl Door {
    async fn accept<S, F>(self, listener: tokio::net::TcpListener, serve: S)
    where
        S: Fn(Arrival) -> F + Clone + Send + 'static,
        F: Future<Output = ()> + 'static,
    {
        let mut complaining = true;
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    complaining = true;
                    self.admit(stream, peer, &serve);
                }
                // The client went away while it waited.
                Err(error) if is_of_one_client(&error) => {}
                Err(error) => {
                    if std::mem::take(&mut complaining) {
                        tracing::error!(%error, "clients cannot be accepted for now");
                    }
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    fn admit<S, F>(&self, stream: tokio::net::TcpStream, peer: SocketAddr, serve: &S)
    where
        S: Fn(Arrival) -> F + Clone + Send + 'static,
        F: Future<Output = ()> + 'static,
    {
        let address = peer.ip().to_canonical();
        let Some(place) = self.places.enter(address, self.house.settings().limits.sessions_per_address) else {
            metrics::counter!("posthouse_connections_refused").increment(1);
            return self.refuse(stream);
        };
        // Without an address of our own the connection is broken already.
        let (Ok(local), Ok(stream)) = (stream.local_addr(), stream.into_std()) else { return };
        let (local, port) = (local.ip().to_canonical(), local.port());
        let serve = serve.clone();
        let Some(arbiter) = self.placement.next() else { return };
        // A stopped arbiter drops the client, as the server is going down then.
        arbiter.spawn_fn(move || match tokio::net::TcpStream::from_std(stream) {
            Ok(stream) => {
                // Not an async block around it: that would have room for the future twice.
                actix::spawn(serve(Arrival { stream, address, local, port }).map(move |()| drop(place)));
            }
            Err(error) => tracing::warn!(%error, "a client cannot be served"),
        });
    }

    fn refuse(&self, mut stream: tokio::net::TcpStream) {
        let Ok(permit) = self.lingering.clone().try_acquire_owned() else { return };
        let refusal = self.refusal;
        actix::spawn(async move {
            let goodbye = async {
                stream.write_all(refusal).await?;
                stream.shutdown().await?;
                let mut unread = [0; 512];
                while stream.read(&mut unread).await? > 0 {}
                io::Result::Ok(())
            };
            // It is refused all the same when it does not listen.
            let _ = tokio::time::timeout(LINGERING.1, goodbye).await;
            drop(permit);
        });
    }
}

/// True for what says nothing of the next client.
fn is_of_one_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::house::{ClearText, Settings};
    use crate::model::limits::Limits;
    use crate::store::Store;
    use std::rc::Rc;
    use tokio::sync::mpsc::unbounded_channel;

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

    fn loopback() -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
    }

    async fn all_that_comes(stream: &mut tokio::net::TcpStream) -> String {
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    }

    #[test]
    fn clients_are_served_on_the_arbiters_and_one_too_many_is_told_so() {
        actix::System::new().block_on(async {
            let arbiters: Vec<_> = (0..2).map(|_| actix::Arbiter::new()).collect();
            let doors = Doors::new(house(2), arbiters.iter().map(actix::Arbiter::handle).collect());
            let listener = bind(&[loopback()]).unwrap().pop().unwrap();
            let here = listener.local_addr().unwrap();
            let (heard, mut hears) = unbounded_channel();
            doors
                .open(listener, b"full", move |mut arrival| {
                    let heard = heard.clone();
                    async move {
                        // What is served need not be fit to be sent to other threads.
                        let local = Rc::new(arrival.local);
                        let kept = socket2::SockRef::from(&arrival.stream).keepalive().unwrap();
                        heard.send((std::thread::current().id(), arrival.address, *local, kept)).unwrap();
                        let mut asked = [0; 1];
                        let _ = arrival.stream.read_exact(&mut asked).await;
                    }
                })
                .unwrap();
            let mut first = tokio::net::TcpStream::connect(here).await.unwrap();
            let one = hears.recv().await.unwrap();
            assert!(one.3, "the listener's keepalive");
            let second = tokio::net::TcpStream::connect(here).await.unwrap();
            let two = hears.recv().await.unwrap();
            let here_is = std::thread::current().id();
            assert!(one.0 == two.0 && one.0 != here_is, "a calm arbiter is shared");
            assert!(one.1 == here.ip() && two.2 == here.ip());
            let mut third = tokio::net::TcpStream::connect(here).await.unwrap();
            assert_eq!(all_that_comes(&mut third).await, "full");
            first.write_all(b"x").await.unwrap();
            assert_eq!(all_that_comes(&mut first).await, "");
            while doors.connections() == 2 {
                tokio::task::yield_now().await;
            }
            let fourth = tokio::net::TcpStream::connect(here).await.unwrap();
            hears.recv().await.unwrap();
            drop((second, fourth));
            doors.close();
            while tokio::net::TcpStream::connect(here).await.is_ok() {
                tokio::task::yield_now().await;
            }
            assert!(arbiters.iter().all(actix::Arbiter::stop));
        });
    }

    #[test]
    fn an_address_is_had_once_and_the_error_says_what_to_do() {
        let first = bind(&[loopback()]).unwrap();
        let error = bind(&[loopback(), first[0].local_addr().unwrap()]).unwrap_err();
        assert_eq!(error.cause.kind(), io::ErrorKind::AddrInUse);
        assert!(error.to_string().contains("another program listens there"), "{error}");
    }
}
