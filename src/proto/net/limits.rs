//! Connections counted per network address, exactly: a place is taken at the door and given back when dropped. Addresses
//! of IPv6 that one customer has to himself count as one (`Network`).
//!
//! Spec: the limit `sessions_per_address`.

use crate::domain::throttle::Network;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// The connections there are, by address. Cloning gives another handle.
#[derive(Clone, Default)]
pub struct PerAddress {
    counts: Arc<Mutex<HashMap<Network, usize>>>,
}

/// A place of an address; given back when dropped.
pub struct Place {
    network: Network,
    of: PerAddress,
}

impl PerAddress {
    fn with<T>(&self, f: impl FnOnce(&mut HashMap<Network, usize>) -> T) -> T {
        // A panic while the lock was held cannot leave a count half changed.
        f(&mut self.counts.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A place for one more connection; None when the address has `most` already.
    pub fn enter(&self, address: IpAddr, most: usize) -> Option<Place> {
        let network = address.into();
        self.with(|counts| {
            let taken = counts.get(&network).copied().unwrap_or_default();
            (taken < most).then(|| counts.insert(network, taken + 1))?;
            Some(Place { network, of: self.clone() })
        })
    }

    /// Connections of an address.
    pub fn count(&self, address: IpAddr) -> usize {
        self.with(|counts| counts.get(&address.into()).copied().unwrap_or_default())
    }

    /// Connections of all addresses.
    pub fn total(&self) -> usize {
        self.with(|counts| counts.values().sum())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let network = self.network;
        self.of.with(|counts| match counts.get_mut(&network) {
            Some(count) if *count > 1 => *count -= 1,
            // Addresses without connections are not remembered.
            _ => drop(counts.remove(&network)),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_last_place_is_given_once_and_comes_back() {
        let (doors, a, b) = (PerAddress::default(), IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2]));
        let first = doors.enter(a, 2).unwrap();
        let _second = doors.enter(a, 2).unwrap();
        assert!(doors.enter(a, 2).is_none() && doors.enter(b, 2).is_some());
        drop(first);
        assert!(doors.enter(a, 2).is_some());
        assert!(doors.enter(a, 0).is_none());
    }

    #[test]
    fn all_addresses_of_one_customer_are_one() {
        let doors = PerAddress::default();
        let held: Vec<_> = (0..100).filter_map(|n| doors.enter(format!("2001:db8:0:1::{n:x}").parse().unwrap(), 3)).collect();
        assert_eq!((held.len(), doors.count("2001:db8:0:1:ffff::".parse().unwrap())), (3, 3));
        assert!(doors.enter("2001:db8:0:2::1".parse().unwrap(), 3).is_some());
        assert_eq!(doors.count("::ffff:192.0.2.1".parse().unwrap()), doors.count("192.0.2.1".parse().unwrap()));
    }

    proptest! {
        #[test]
        fn counts_are_exact_and_nothing_is_remembered(steps in proptest::collection::vec((0u8..3, any::<bool>()), 0..100)) {
            let doors = PerAddress::default();
            let mut held: Vec<Place> = Vec::new();
            for (host, enters) in steps {
                let address = IpAddr::from([10, 0, 0, host]);
                if enters {
                    let had = held.iter().filter(|p| p.network == address.into()).count();
                    let place = doors.enter(address, 4);
                    prop_assert_eq!(place.is_some(), had < 4);
                    held.extend(place);
                } else if let Some(at) = held.iter().position(|p| p.network == address.into()) {
                    held.swap_remove(at);
                }
                prop_assert_eq!(doors.count(address), held.iter().filter(|p| p.network == address.into()).count());
                prop_assert_eq!(doors.total(), held.len());
            }
            held.clear();
            prop_assert!(doors.counts.lock().unwrap().is_empty());
        }
    }
}
