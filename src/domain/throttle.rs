//! `Throttle`: counts failures by account and by network address, says how long an answer is to be held back, and
//! refuses for a while whom there were too many of.
//!
//! A name is counted whether or not there is such an account. Memory is bounded: past the bound, the counters that hold
//! back least are forgotten first. Time is an argument. Checking and counting are two steps: whoever does both around one
//! verification does it on the thread for keys, of which there is one, so that a crowd of attempts at once gains nothing.
//! The bounds are the limit `failed_logins` and the account setting `FailedLoginFlow`.

use crate::model::fault::{Fault, Outcome};
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The most counters.
const MOST: usize = 16_384;
/// How much longer each failure is answered than the one before it.
const STEP: Duration = Duration::from_millis(200);
/// The longest that an answer is held back; also for what is refused unseen.
pub const LONGEST: Duration = Duration::from_secs(2);

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Failed logins.
    Login,
    /// Signups.
    Signup,
    /// Requests for a code to set a new password.
    Recovery,
}

/// A network: one address of IPv4, or the part of an IPv6 address that one customer has to himself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Network {
    /// One address.
    V4(Ipv4Addr),
    /// The first 64 bits of one.
    V6([u16; 4]),
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Self::V6([a, b, c, d])
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Whom {
    /// The hash of a name, keyed by a secret of this process.
    Name(u64),
    Network(Network),
}

/// Whom failures are counted for, and how many are borne in how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gauge {
    purpose: Purpose,
    whom: Whom,
    flow: Flow,
}

/// So many in so many seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flow {
    /// How many; at least one.
    pub most: u32,
    /// In how long.
    pub within: Duration,
}

impl Flow {
    /// So many in a minute.
    pub fn per_minute(most: u32) -> Self {
        Self { most: most.max(1), within: Duration::from_secs(60) }
    }
}

#[derive(Debug, Clone, Copy)]
struct Counter {
    failures: u32,
    /// When the first of them was.
    since: Instant,
    /// When they stop to count, and refusal ends.
    until: Instant,
    refuses: bool,
}

type Counters = HashMap<(Purpose, Whom), Counter>;

/// What verifying came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict<T> {
    /// It is the owner.
    Right(T),
    /// It is not; the answer is to take so long.
    Wrong(Duration),
    /// It was not looked at: too many have failed.
    Refused(Fault),
}

/// The counters.
#[derive(Default)]
pub struct Throttle {
    counters: Mutex<Counters>,
    names: RandomState,
}

impl Throttle {
    /// The gauge of a name.
    pub fn name(&self, purpose: Purpose, name: &str, flow: Flow) -> Gauge {
        Gauge { purpose, whom: Whom::Name(self.names.hash_one(name)), flow }
    }

    /// The gauge of a network address.
    pub fn address(purpose: Purpose, address: IpAddr, flow: Flow) -> Gauge {
        Gauge { purpose, whom: Whom::Network(address.into()), flow }
    }

    fn lock(&self) -> MutexGuard<'_, Counters> {
        // A panic while the lock was held cannot leave the map half changed: each change is one insertion or removal.
        self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Refuses whom there were too many failures of.
    pub fn check(&self, gauges: &[Gauge], now: Instant) -> Outcome<()> {
        check(&self.lock(), gauges, now)
    }

    /// How many failures are counted now.
    pub fn failures(&self, gauge: &Gauge, now: Instant) -> u32 {
        self.lock().get(&(gauge.purpose, gauge.whom)).filter(|counter| now < counter.until).map_or(0, |counter| counter.failures)
    }

    /// Counts a failure and says how long the answer to it takes.
    pub fn count(&self, gauges: &[Gauge], now: Instant) -> Duration {
        count(&mut self.lock(), gauges, now)
    }

    /// Checks, verifies and counts a failure, all in one. For what is verified in microseconds.
    pub fn judge<T>(&self, gauges: &[Gauge], now: Instant, verify: impl FnOnce() -> Option<T>) -> Verdict<T> {
        let mut counters = self.lock();
        if let Err(fault) = check(&counters, gauges, now) {
            return Verdict::Refused(fault);
        }
        verify().map_or_else(|| Verdict::Wrong(count(&mut counters, gauges, now)), Verdict::Right)
    }

    /// Checks and counts in one step, for what is counted whether or not it succeeds.
    pub fn admit(&self, gauges: &[Gauge], now: Instant) -> Outcome<()> {
        self.check(gauges, now)?;
        self.count(gauges, now);
        Ok(())
    }
}

fn check(counters: &Counters, gauges: &[Gauge], now: Instant) -> Outcome<()> {
    let refused = gauges.iter().any(|g| counters.get(&(g.purpose, g.whom)).is_some_and(|c| c.refuses && now < c.until));
    if refused { Err(Fault::too_many_attempts()) } else { Ok(()) }
}

fn count(counters: &mut Counters, gauges: &[Gauge], now: Instant) -> Duration {
    let mut worst = 0;
    for gauge in gauges {
        make_room(counters, now);
        let counter =
            counters.entry((gauge.purpose, gauge.whom)).or_insert(Counter { failures: 0, since: now, until: now, refuses: false });
        if now >= counter.until {
            *counter = Counter { failures: 0, since: now, until: now + gauge.flow.within, refuses: false };
        }
        counter.failures = counter.failures.saturating_add(1);
        if counter.failures >= gauge.flow.most && !counter.refuses {
            *counter = Counter { until: now + gauge.flow.within, refuses: true, ..*counter };
        }
        worst = worst.max(counter.failures);
    }
    STEP.saturating_mul(worst).min(LONGEST)
}

/// Forgets what has passed; where that is not enough, a quarter of the rest, beginning with what holds back least.
fn make_room(counters: &mut Counters, now: Instant) {
    if counters.len() < MOST {
        return;
    }
    counters.retain(|_, counter| now < counter.until);
    if counters.len() < MOST {
        return;
    }
    let mut order: Vec<_> = counters.iter().map(|(key, counter)| (counter.refuses, counter.failures, counter.since, *key)).collect();
    order.sort_by_key(|(refuses, failures, since, _)| (*refuses, *failures, *since));
    for (_, _, _, key) in order.into_iter().take(MOST / 4) {
        counters.remove(&key);
    }
}

#[cfg(test)]
mod tests;
