//! Placement: which arbiter serves a client that comes.
//!
//! Two sessions on one thread tell each other things without waking a core that sleeps, which takes longer than all the
//! rest of an instant message. So clients come to one arbiter as long as that has little to do; once it has more, they
//! come to the one with the least. A session stays where it came in, and what takes long is done on other threads, so
//! one arbiter goes far; but a client that floods has nobody new beside it.

use actix::ArbiterHandle;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::{Handle, RuntimeMetrics};

/// The share of its time that an arbiter may be busy and still be given every client that comes.
const CALM: f64 = 0.25;
/// The least time over which a share is measured.
const SPAN: Duration = Duration::from_millis(100);
/// What a client is taken to add to the share until that is measured again: many that come at once spread.
const NEWCOMER: f64 = 0.005;

/// How busy one arbiter is.
struct Gauge {
    /// All the time it was busy, when last measured.
    busy: Duration,
    /// The share of its time it was busy before that.
    share: f64,
}

/// How busy all are, and which one is given clients.
struct Rota {
    gauges: Vec<Gauge>,
    measured: Instant,
    current: usize,
}

impl Rota {
    fn new(arbiters: usize, now: Instant) -> Self {
        let gauges = (0..arbiters).map(|_| Gauge { busy: Duration::ZERO, share: 0.0 }).collect();
        Self { gauges, measured: now, current: 0 }
    }

    /// The arbiter for a client that comes now. `busy` tells of each how long it was busy since it began.
    fn next(&mut self, now: Instant, busy: impl Fn(usize) -> Duration) -> usize {
        let span = now.saturating_duration_since(self.measured);
        if span >= SPAN {
            self.measured = now;
            for (number, gauge) in self.gauges.iter_mut().enumerate() {
                let before = std::mem::replace(&mut gauge.busy, busy(number));
                gauge.share = gauge.busy.saturating_sub(before).as_secs_f64() / span.as_secs_f64();
            }
        }
        let shares = || self.gauges.iter().map(|gauge| gauge.share).enumerate();
        if shares().any(|(number, share)| number == self.current && share > CALM)
            && let Some((least, _)) = shares().min_by(|a, b| a.1.total_cmp(&b.1))
        {
            self.current = least;
        }
        if let Some(gauge) = self.gauges.get_mut(self.current) {
            gauge.share += NEWCOMER;
        }
        self.current
    }
}

/// The arbiters that serve clients, and which is next. Cloning gives another handle.
#[derive(Clone)]
pub struct Placement {
    arbiters: Arc<Vec<Measured>>,
    rota: Arc<Mutex<Rota>>,
}

/// An arbiter with what its runtime counts; that comes a moment after its start.
struct Measured {
    arbiter: ArbiterHandle,
    metrics: Arc<OnceLock<RuntimeMetrics>>,
}

impl Placement {
    /// Places on these arbiters; without any, on the caller's.
    pub fn on(mut arbiters: Vec<ArbiterHandle>) -> Self {
        if arbiters.is_empty() {
            arbiters.push(actix::Arbiter::current());
        }
        let measured = |arbiter: ArbiterHandle| {
            let metrics = Arc::new(OnceLock::new());
            let slot = metrics.clone();
            // One that has stopped is not measured, and serves nobody.
            arbiter.spawn_fn(move || drop(slot.set(Handle::current().metrics())));
            Measured { arbiter, metrics }
        };
        let arbiters: Vec<_> = arbiters.into_iter().map(measured).collect();
        let rota = Rota::new(arbiters.len(), Instant::now());
        Self { arbiters: Arc::new(arbiters), rota: Arc::new(Mutex::new(rota)) }
    }

    /// The arbiter for the next client.
    pub fn next(&self) -> Option<&ArbiterHandle> {
        let busy = |number: usize| {
            let metrics = self.arbiters.get(number).and_then(|measured| measured.metrics.get());
            metrics.map_or(Duration::ZERO, |metrics| metrics.worker_total_busy_duration(0))
        };
        // A panic while the lock was held leaves numbers, and no promise between them.
        let next = self.rota.lock().unwrap_or_else(PoisonError::into_inner).next(Instant::now(), busy);
        self.arbiters.get(next).map(|measured| &measured.arbiter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_share_a_calm_arbiter_and_leave_a_busy_one_to_itself() {
        let begin = Instant::now();
        let at = |ms: u64| begin + Duration::from_millis(ms);
        let ms = Duration::from_millis;
        let mut rota = Rota::new(3, begin);
        let quiet = |_: usize| Duration::ZERO;
        assert!((0..40).all(|n| rota.next(at(n), quiet) == 0), "few share one");
        // 30 of 200 ms: still calm.
        assert_eq!(rota.next(at(200), |n| ms([30, 0, 0][n])), 0);
        // 100 of the next 200, and the second has 10.
        assert_eq!(rota.next(at(400), |n| ms([130, 10, 0][n])), 2);
        assert_eq!(rota.next(at(450), |n| ms([130, 10, 0][n])), 2, "measured 50 ms ago");
        // The first is calm again: no reason to leave the third.
        assert_eq!(rota.next(at(600), |n| ms([130, 10, 20][n])), 2);
        // All are busy: the least.
        assert_eq!(rota.next(at(800), |n| ms([290, 70, 220][n])), 1);
    }

    #[test]
    fn a_rush_spreads_before_anything_is_measured() {
        let begin = Instant::now();
        let mut rota = Rota::new(2, begin);
        let mut served = [0; 2];
        (0..200).for_each(|_| served[rota.next(begin, |_| Duration::ZERO)] += 1);
        assert!(served.iter().all(|count| *count >= 40), "{served:?}");
    }

    #[test]
    fn the_busy_time_of_a_real_arbiter_is_seen() {
        actix::System::new().block_on(async {
            let arbiters: Vec<_> = (0..2).map(|_| actix::Arbiter::new()).collect();
            let placement = Placement::on(arbiters.iter().map(actix::Arbiter::handle).collect());
            let first = placement.next().unwrap();
            first.spawn(async {
                loop {
                    let until = Instant::now() + Duration::from_millis(1);
                    while Instant::now() < until {
                        std::hint::spin_loop();
                    }
                    tokio::task::yield_now().await;
                }
            });
            while std::ptr::eq(placement.next().unwrap(), first) {
                tokio::time::sleep(SPAN).await;
            }
            assert!(arbiters.iter().all(actix::Arbiter::stop));
        });
    }
}
