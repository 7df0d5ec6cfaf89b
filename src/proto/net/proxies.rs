//! Who sent a request, when a reverse proxy may stand in between.
//!
//! `X-Forwarded-For` is read from its end, where the nearest proxy wrote, and only as far as proxies are trusted: what
//! a stranger put in front of it is never believed. Spec: the setting `web.trusted_proxies`.

use std::net::IpAddr;

/// The sender of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sender {
    /// Its network address, as far as it is known.
    pub address: IpAddr,
    /// True when somebody who is not trusted says to have passed the request on.
    pub relayed: bool,
    /// True when it came through a proxy that is trusted.
    pub by_trusted: bool,
}

impl Sender {
    /// The sender of a request that `peer` delivered, with the values of its `X-Forwarded-For` headers in order.
    pub fn of<'a>(peer: IpAddr, forwarded_for: impl DoubleEndedIterator<Item = &'a str>, trusted: &[IpAddr]) -> Self {
        let mut address = peer.to_canonical();
        let by_trusted = trusted.contains(&address);
        let mut hops = forwarded_for.rev().flat_map(|value| value.rsplit(',')).map(str::trim).filter(|hop| !hop.is_empty());
        while trusted.contains(&address) {
            match hops.next().map(parse) {
                Some(Some(before)) => address = before.to_canonical(),
                Some(None) => return Self { address, relayed: true, by_trusted },
                None => return Self { address, relayed: false, by_trusted },
            }
        }
        // Behind the last proxy that is trusted the address is known; what the sender says of others is its own affair.
        Self { address, relayed: !by_trusted && hops.next().is_some(), by_trusted }
    }

    /// True when all of the request's way, as far as it is known, was encrypted. `secure`: this connection is;
    /// `forwarded_proto`: what a proxy says of the client's own (`X-Forwarded-Proto`), believed where it is trusted.
    pub fn is_encrypted(self, secure: bool, forwarded_proto: Option<&str>) -> bool {
        secure || (self.by_trusted && forwarded_proto.is_some_and(|proto| proto.trim().eq_ignore_ascii_case("https")))
    }

    /// True for this machine, speaking for itself.
    pub fn is_this_machine(self) -> bool {
        self.address.is_loopback() && !self.relayed
    }
}

/// An address, perhaps with a port, as proxies write it.
fn parse(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|rest| rest.split_once(']')).map_or(hop, |(inside, _)| inside);
    bare.parse().ok().or_else(|| hop.parse::<std::net::SocketAddr>().ok().map(|a| a.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_trusted_proxies_are_believed() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let trusted = [ip("127.0.0.1"), ip("10.0.0.1")];
        let of = |peer: &str, headers: &[&str]| Sender::of(ip(peer), headers.iter().copied(), &trusted);
        let stranger = |address: &str, relayed| Sender { address: ip(address), relayed, by_trusted: false };
        let sender = |address: &str, relayed| Sender { by_trusted: true, ..stranger(address, relayed) };
        assert_eq!(of("192.0.2.1", &[]), stranger("192.0.2.1", false));
        assert_eq!(of("192.0.2.1", &["127.0.0.1"]), stranger("192.0.2.1", true));
        let https = Some(" HTTPS");
        assert!(of("127.0.0.1", &["192.0.2.7"]).is_encrypted(false, https) && !of("192.0.2.1", &[]).is_encrypted(false, https));
        assert!(!of("127.0.0.1", &["192.0.2.7"]).is_encrypted(false, Some("http")) && of("192.0.2.1", &[]).is_encrypted(true, None));
        assert_eq!(of("127.0.0.1", &[]), sender("127.0.0.1", false));
        assert_eq!(of("::ffff:127.0.0.1", &["127.0.0.1, 192.0.2.7"]), sender("192.0.2.7", false));
        assert_eq!(of("127.0.0.1", &["127.0.0.1", "192.0.2.7:1234, 10.0.0.1"]), sender("192.0.2.7", false));
        assert_eq!(of("127.0.0.1", &["[2001:db8::1]:443"]), sender("2001:db8::1", false));
        assert_eq!(of("127.0.0.1", &["unknown"]), sender("127.0.0.1", true));
        // Nobody vouches for this one: it is not this machine speaking for itself.
        assert!(!Sender::of(ip("127.0.0.1"), ["192.0.2.7"].into_iter(), &[]).is_this_machine());
        assert!(Sender::of(ip("::1"), [].into_iter(), &[]).is_this_machine());
    }

    proptest! {
        #[test]
        fn any_header_gives_a_sender(header in "[0-9a-f.:, \\[\\]]{0,60}") {
            let peer = IpAddr::from([10, 0, 0, 1]);
            let _ = Sender::of(peer, [header.as_str()].into_iter(), &[peer]);
        }
    }
}
