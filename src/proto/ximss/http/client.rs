//! Who sends a request: its network address, how it is connected, what cookies it brings.

use crate::domain::house::{ClearText, House};
use crate::domain::sessions::Kind;
use crate::model::fault::{Fault, Outcome};
use crate::proto::net::cookies;
use crate::proto::net::proxies::Sender;
use crate::proto::net::wire::Ends;
use crate::proto::ximss::desk::{Peer, Way, Wishes};
use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderValue};
use std::net::{IpAddr, SocketAddr};

/// The sender of a request.
#[derive(Debug, Clone, Copy)]
pub struct Client {
    /// Where it is.
    pub sender: Sender,
    /// True when all of its way here is encrypted, as far as that is known.
    pub secure: bool,
    /// The address of ours it came to.
    local: SocketAddr,
}

impl Client {
    /// Who sent this request; None where that cannot be known.
    pub fn of(request: &HttpRequest, trusted_proxies: &[IpAddr]) -> Option<Self> {
        let peer = request.peer_addr()?.ip();
        let header = |name: &'static str| request.headers().get_all(name).map(|value| value.to_str().unwrap_or("unreadable"));
        let forwarded_for: Vec<&str> = header("x-forwarded-for").collect();
        let sender = Sender::of(peer, forwarded_for.into_iter(), trusted_proxies);
        let ends = Ends::of(request);
        let secure = sender.is_encrypted(ends.is_some_and(|ends| ends.secure), header("x-forwarded-proto").last());
        Some(Self { sender, secure, local: ends.map_or_else(|| SocketAddr::from((peer, 0)), |ends| ends.local) })
    }

    /// How a session that begins here is connected.
    pub fn peer(self) -> Peer {
        Peer::at(self.sender.address, self.local)
    }

    /// The same, with the client's wishes.
    pub fn way(self, wishes: Wishes) -> Way {
        Way { secure: self.secure, can_start_tls: false, kind: Kind::Web, wishes }
    }

    /// Refuses a client whose way here is not known where it matters: one that a stranger has passed on would count as
    /// this machine, from which passwords are taken in clear text.
    pub fn check(self, house: &House) -> Outcome<()> {
        let near = self.sender.address.is_loopback() && house.settings().clear_text == ClearText::Loopback;
        if self.sender.relayed && near && !self.secure {
            return Err(Fault::new(515, "the proxy in between is not among trusted_proxies"));
        }
        Ok(())
    }
}

/// The values of the cookies of a request.
pub fn cookies(request: &HttpRequest) -> impl Iterator<Item = &str> {
    cookies::values(request.headers().get_all(header::COOKIE).map(HeaderValue::as_bytes))
}
