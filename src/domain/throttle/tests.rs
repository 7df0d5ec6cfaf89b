//! Counting under attack: by name, by address, past the bounds, and by many at once.

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

#[test]
fn a_flood_from_everywhere_does_not_make_it_forget_whom_it_is_about() {
    let (throttle, start) = (Throttle::default(), Instant::now());
    let stranger = |n: usize| format!("2001:db8:{:x}:{:x}::1", n >> 16, n & 0xffff);
    // Guesses at one name, each from another network, among failures of names that are guessed at once each.
    let mut looked_at = 0;
    for n in 0..MOST * 4 {
        let name = if n % 1000 == 0 { "alice".to_owned() } else { format!("user{n}") };
        let gauges = gauges(&throttle, &name, &stranger(n));
        match throttle.judge(&gauges, start + Duration::from_micros(n as u64), || None::<()>) {
            Verdict::Refused(_) => assert_eq!(name, "alice"),
            verdict => {
                assert!(matches!(verdict, Verdict::Wrong(_)));
                looked_at += u32::from(name == "alice");
            }
        }
        assert!(throttle.lock().len() <= MOST);
    }
    assert_eq!(looked_at, 10);
    assert!(throttle.check(&[throttle.name(Purpose::Login, "alice", Flow::per_minute(10))], start + seconds(30)).is_err());
}

#[test]
fn a_crowd_at_once_gains_nothing() {
    let (throttle, now) = (Throttle::default(), Instant::now());
    let looked_at = std::sync::atomic::AtomicU32::new(0);
    let guess = |n: u32| {
        let gauges = gauges(&throttle, "alice", &format!("192.0.2.{n}"));
        throttle.judge(&gauges, now, || {
            looked_at.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            None::<()>
        })
    };
    std::thread::scope(|scope| (0..64).for_each(|n| drop(scope.spawn(move || guess(n)))));
    assert_eq!(looked_at.into_inner(), 10);
}

#[test]
fn failures_are_told_while_they_count() {
    let (throttle, start) = (Throttle::default(), Instant::now());
    let both = gauges(&throttle, "alice", "192.0.2.1");
    assert_eq!(throttle.judge(&both, start, || Some(7)), Verdict::Right(7));
    assert_eq!(throttle.failures(&both[1], start), 0);
    throttle.count(&both, start);
    throttle.count(&both, start + seconds(1));
    assert_eq!((throttle.failures(&both[0], start + seconds(59)), throttle.failures(&both[1], start + seconds(59))), (2, 2));
    assert_eq!(throttle.failures(&both[1], start + seconds(61)), 0);
}
