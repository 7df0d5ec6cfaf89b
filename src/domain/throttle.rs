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
mod tests {
    use super::*;

    fn gauges(throttle: &Throttle, name: &str, address: &str) -> [Gauge; 2] {
        let flow = Flow::per_minute(10);
        [throttle.name(Purpose::Login, name, flow), Throttle::address(Purpose::Login, address.parse().unwrap(), flow)]
    }

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn after_ten_failures_a_name_is_refused_for_a_minute() {
        let (throttle, start) = (Throttle::default(), Instant::now());
        let mut last = Duration::ZERO;
        for n in 0..10u32 {
            let from = gauges(&throttle, "alice@example.test", &format!("192.0.2.{n}"));
            assert!(throttle.check(&from, start + seconds(n.into())).is_ok(), "{n}");
            let delay = throttle.count(&from, start + seconds(n.into()));
            assert!(delay > last && delay <= LONGEST, "{n}: {delay:?}");
            last = delay;
        }
        let elsewhere = gauges(&throttle, "alice@example.test", "198.51.100.1");
        let fault = throttle.check(&elsewhere, start + seconds(10)).unwrap_err();
        assert_eq!((fault.number, fault.text.as_ref()), (515, "too many failed attempts"));
        assert!(throttle.check(&elsewhere, start + seconds(68)).is_err());
        assert!(throttle.check(&elsewhere, start + seconds(69)).is_ok());
        assert!(throttle.check(&gauges(&throttle, "bob@example.test", "192.0.2.1"), start + seconds(10)).is_ok());
        assert_eq!(throttle.count(&elsewhere, start + seconds(70)), STEP, "it begins anew");
    }

    #[test]
    fn an_address_is_counted_over_all_names() {
        let (throttle, start) = (Throttle::default(), Instant::now());
        for n in 0..10 {
            throttle.count(&gauges(&throttle, &format!("user{n}"), &format!("2001:db8:0:1::{n}")), start);
        }
        assert!(throttle.check(&gauges(&throttle, "user99", "2001:db8:0:1:ffff::"), start).is_err(), "one network");
        assert!(throttle.check(&gauges(&throttle, "user99", "2001:db8:0:2::1"), start).is_ok());
        let v4 = |text: &str| Throttle::address(Purpose::Login, text.parse().unwrap(), Flow::per_minute(10));
        assert_eq!(v4("::ffff:192.0.2.1"), v4("192.0.2.1"));
    }

    #[test]
    fn failures_that_are_a_minute_apart_do_not_add_up() {
        let (throttle, start) = (Throttle::default(), Instant::now());
        for n in 0..40 {
            let at = start + seconds(n * 7);
            let gauges = gauges(&throttle, "alice", "192.0.2.1");
            assert!(throttle.check(&gauges, at).is_ok());
            throttle.count(&gauges, at);
        }
    }

    #[test]
    fn purposes_are_counted_apart() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        let signup = [Throttle::address(Purpose::Signup, "192.0.2.1".parse().unwrap(), Flow::per_minute(2))];
        assert!(throttle.admit(&signup, now).is_ok() && throttle.admit(&signup, now).is_ok());
        assert!(throttle.admit(&signup, now).is_err());
        assert!(throttle.check(&gauges(&throttle, "alice", "192.0.2.1"), now).is_ok());
    }

    #[test]
    fn memory_is_bounded_and_refusals_are_kept_longest() {
        let (throttle, start) = (Throttle::default(), Instant::now());
        let flow = Flow::per_minute(10);
        let attacked = [throttle.name(Purpose::Login, "alice", flow)];
        assert_eq!((0..10).map(|_| throttle.count(&attacked, start)).max(), Some(LONGEST));
        for n in 0..(MOST * 2) {
            throttle.count(&[throttle.name(Purpose::Login, &format!("user{n}"), flow)], start);
            assert!(throttle.lock().len() <= MOST);
        }
        assert!(throttle.check(&attacked, start).is_err());
        throttle.count(&[throttle.name(Purpose::Login, "late", flow)], start + seconds(61));
        assert!(throttle.lock().len() <= MOST);
    }
}
