//! The instances of one period: some days, each with the same times. However many these are, only those that are
//! wanted are looked at; the ones before them are counted without being made.
//!
//! Spec: RFC 5545 3.3.10 (BYHOUR, BYMINUTE, BYSECOND, BYSETPOS).

use super::rule::{Frequency, Rule};
use super::sink::Sink;

const DAY: i64 = 86_400;
/// So many times cost one step of work to list.
const AT_ONCE: usize = 128;

/// The seconds after its beginning at which things happen in a day, an hour or a minute, by the frequency of the rule.
pub(super) fn times(rule: &Rule, start: i64, sink: &mut Sink) -> Vec<i64> {
    let own = start.rem_euclid(DAY);
    if !rule.times.is_empty() && rule.frequency <= Frequency::Daily {
        return rule.times.clone();
    }
    let among = |list: &[i16], own: i64, longest: Frequency| -> Vec<i64> {
        match rule.frequency <= longest {
            // A period shorter than this has none to choose from.
            false => vec![0],
            true if list.is_empty() => vec![own],
            true => list.iter().map(|n| i64::from(*n)).collect(),
        }
    };
    let hours = among(&rule.hours, own / 3_600, Frequency::Daily);
    let minutes = among(&rule.minutes, own % 3_600 / 60, Frequency::Hourly);
    let seconds = among(&rule.seconds, own % 60, Frequency::Minutely);
    let count = hours.len() * minutes.len() * seconds.len();
    sink.budget.spend_many(count / AT_ONCE);
    let mut all = Vec::with_capacity(count);
    for hour in &hours {
        for minute in &minutes {
            all.extend(seconds.iter().map(|second| hour * 3_600 + minute * 60 + second));
        }
    }
    all
}

/// Takes the instances of a period whose days (or hours, or minutes) begin at these times, in order. Gives how many there
/// are; None when no more are wanted.
pub(super) fn take(days: &[i64], times: &[i64], positions: &[i16], sink: &mut Sink) -> Option<usize> {
    let count = days.len() * times.len();
    let at = |place: usize| Some(days.get(place / times.len())? + times.get(place % times.len())?);
    if count == 0 {
        return Some(0);
    }
    if !positions.is_empty() {
        let place = |n: &i16| {
            let n = isize::from(*n);
            if n > 0 { Some(n.unsigned_abs() - 1) } else { count.checked_sub(n.unsigned_abs()) }
        };
        let mut places: Vec<usize> = positions.iter().filter_map(place).filter(|place| *place < count).collect();
        places.sort_unstable();
        places.dedup();
        return places.iter().filter_map(|place| at(*place)).all(|at| sink.take(at)).then_some(places.len());
    }
    let before = |bound: i64| {
        let last = days.partition_point(|day| *day <= bound).saturating_sub(1);
        last * times.len() + times.partition_point(|time| days.get(last).is_some_and(|day| day + time < bound))
    };
    let (first, wanted) = (before(sink.start), before(sink.start.max(sink.from)));
    sink.skip((wanted - first) as u64, at(first).unwrap_or(sink.start));
    (wanted..count).filter_map(at).all(|at| sink.take(at)).then_some(count)
}
