//! Connections counted per network address, exactly: a place is taken at the door and given back when dropped.
//!
//! Spec: the limit `sessions_per_address`.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// The connections there are, by address. Cloning gives another handle.
#[derive(Clone, Default)]
pub struct PerAddress {
    counts: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// A place of an address; given back when dropped.
pub struct Place {
    address: IpAddr,
    of: PerAddress,
}

impl PerAddress {
    fn with<T>(&self, f: impl FnOnce(&mut HashMap<IpAddr, usize>) -> T) -> T {
        // A panic while the lock was held cannot leave a count half changed.
        f(&mut self.counts.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A place for one more connection; None when the address has `most` already.
    pub fn enter(&self, address: IpAddr, most: usize) -> Option<Place> {
        self.with(|counts| {
            let taken = counts.get(&address).copied().unwrap_or_default();
            (taken < most).then(|| counts.insert(address, taken + 1))?;
            Some(Place { address, of: self.clone() })
        })
    }

    /// Connections of an address.
    pub fn count(&self, address: IpAddr) -> usize {
        self.with(|counts| counts.get(&address).copied().unwrap_or_default())
    }

    /// Connections of all addresses.
    pub fn total(&self) -> usize {
        self.with(|counts| counts.values().sum())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let address = self.address;
        self.of.with(|counts| match counts.get_mut(&address) {
            Some(count) if *count > 1 => *count -= 1,
            // Addresses without connections are not remembered.
            _ => drop(counts.remove(&address)),
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

    proptest! {
        #[test]
        fn counts_are_exact_and_nothing_is_remembered(steps in proptest::collection::vec((0u8..3, any::<bool>()), 0..100)) {
            let doors = PerAddress::default();
            let mut held: Vec<Place> = Vec::new();
            for (host, enters) in steps {
                let address = IpAddr::from([10, 0, 0, host]);
                if enters {
                    let had = held.iter().filter(|p| p.address == address).count();
                    let place = doors.enter(address, 4);
                    prop_assert_eq!(place.is_some(), had < 4);
                    held.extend(place);
                } else if let Some(at) = held.iter().position(|p| p.address == address) {
                    held.swap_remove(at);
                }
                prop_assert_eq!(doors.count(address), held.iter().filter(|p| p.address == address).count());
                prop_assert_eq!(doors.total(), held.len());
            }
            held.clear();
            prop_assert!(doors.counts.lock().unwrap().is_empty());
        }
    }
}
