//! What all sessions together have done and seen: requests by name, how long they took, notices, failures.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

/// Failures that are told in full; the rest is counted.
const TOLD: usize = 30;

/// The count.
#[derive(Default)]
pub struct Tally {
    asked: RefCell<BTreeMap<String, u64>>,
    /// Requests by the power of two of milliseconds that they took at most.
    took: RefCell<[u64; 20]>,
    notices: Cell<u64>,
    failures: RefCell<Vec<String>>,
}

impl Tally {
    /// A request is sent.
    pub fn asked(&self, name: &str) {
        let mut asked = self.asked.borrow_mut();
        match asked.get_mut(name) {
            Some(count) => *count += 1,
            None => drop(asked.insert(name.to_owned(), 1)),
        }
    }

    /// A request was answered.
    pub fn took(&self, time: Duration) {
        let bucket = (u128::BITS - time.as_millis().leading_zeros()) as usize;
        let mut took = self.took.borrow_mut();
        took[bucket.min(19)] += 1;
    }

    /// What requests took before was a crowd at the door.
    pub fn times_count_from_now(&self) {
        *self.took.borrow_mut() = [0; 20];
    }

    /// An expected notice has come.
    pub fn noticed(&self, count: usize) {
        self.notices.set(self.notices.get() + count as u64);
    }

    /// Something is not as it must be.
    pub fn failed(&self, what: String) {
        let mut failures = self.failures.borrow_mut();
        if failures.len() < TOLD {
            eprintln!("FAILED: {}", what.chars().take(600).collect::<String>());
        }
        failures.push(what);
    }

    /// The number of failures.
    pub fn failures(&self) -> usize {
        self.failures.borrow().len()
    }

    /// The number of requests.
    pub fn requests(&self) -> u64 {
        self.asked.borrow().values().sum()
    }

    /// The number of expected notices that have come.
    pub fn notices(&self) -> u64 {
        self.notices.get()
    }

    /// How often an operation was asked for.
    pub fn count(&self, operation: &str) -> u64 {
        self.asked.borrow().get(operation).copied().unwrap_or_default()
    }

    /// The time in milliseconds within which this share of the requests was answered, rounded up to a power of two.
    pub fn within(&self, share: f64) -> u64 {
        let took = self.took.borrow();
        let enough = took.iter().sum::<u64>() as f64 * share;
        let mut sum = 0;
        let bucket = took.iter().position(|count| {
            sum += count;
            sum as f64 >= enough
        });
        1 << bucket.unwrap_or(19)
    }
}
