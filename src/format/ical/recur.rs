//! When a series happens: rules, further dates, exclusions and exceptions, within a window of time and a bound of work.
//!
//! All is counted on the wall clock of the series' zone, and each start becomes an instant by that clock; rules never see
//! a zone. DTSTART is always the first instance; EXDATE may take it away, as it may any other. A day that is excluded from
//! a series of times takes all its times.
//!
//! Work is counted in steps. Where they run out, the answer ends early and says so; what it has is right: a start of which
//! nobody had the time to say that it is excluded is left out. Spec: RFC 5545 3.8.4.4, 3.8.5.

mod basic;
mod calendar;
mod days;
mod period;
pub mod rule;
mod sink;
mod steady;
#[cfg(test)]
mod tests;

use super::dates::Written;
use crate::model::calendar::{Clock, Entry, Length, Series, WallClock, When};
use crate::model::time::Timestamp;
use rule::Rule;
use std::ops::Range;

/// Two clocks show the same instant at most this many seconds apart.
const APART: i64 = 2 * 86_400;
/// So many dates are looked at, and left alone, for one step of work.
const AT_ONCE: usize = 128;

/// Bounds of one expansion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// Instances in the answer.
    pub instances: usize,
    /// Steps of work on the rules, and again as many on what is excluded; each takes about a microsecond, at most a few.
    pub steps: usize,
}

impl Default for Caps {
    fn default() -> Self {
        Self { instances: crate::model::limits::Limits::default().instances, steps: STEPS }
    }
}

/// The steps of an expansion.
pub const STEPS: usize = 25_000;

/// One time that something happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// The place of its entry in the series.
    pub entry: usize,
    /// When it starts.
    pub start: Timestamp,
    /// When it ends; not before it starts.
    pub end: Timestamp,
    /// It takes whole days: the times are midnights of the session's clock.
    pub all_day: bool,
    /// For an exception, the start of the instance that it stands for.
    pub recurrence_id: Option<Timestamp>,
}

/// The instances of a series in a window.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Expansion {
    /// In the order of their starts.
    pub instances: Vec<Instance>,
    /// There may be more that were not looked for.
    pub capped: bool,
    /// The steps of work that it took.
    pub steps: usize,
}

/// What is left of the work that an expansion may take.
#[derive(Debug)]
pub struct Budget {
    left: usize,
    spent: usize,
    /// It ran out.
    pub capped: bool,
}

impl Budget {
    /// So many steps.
    pub fn new(steps: usize) -> Self {
        Self { left: steps, spent: 0, capped: false }
    }

    /// Takes a step; false when none is left.
    pub(in crate::format::ical) fn spend(&mut self) -> bool {
        self.spend_many(1)
    }

    /// Takes several steps; false when there are not as many left, and then none is.
    pub(in crate::format::ical) fn spend_many(&mut self, steps: usize) -> bool {
        self.capped |= self.left < steps;
        self.spent += steps.min(self.left);
        self.left = self.left.saturating_sub(steps);
        !self.capped
    }

    /// The steps taken so far.
    pub fn spent(&self) -> usize {
        self.spent
    }
}

/// The instances of a series that lie in a window, in whole or in part. Days and floating times are those of the session's
/// clock. A task without any time has none.
pub fn expand(series: &Series, window: Range<Timestamp>, session: &Clock, caps: Caps) -> Expansion {
    let (mut budget, mut checks) = (Budget::new(caps.steps), Budget::new(caps.steps));
    let mut found = Found { window, most: caps.instances, instances: Vec::new() };
    if let Some(main) = series.main()
        && let Some(anchor) = main.start.as_ref().or(main.due.as_ref())
    {
        Recurring::new(series, main, anchor, session).expand(&mut found, &mut budget, &mut checks);
    }
    for (at, entry) in series.entries.iter().enumerate().filter(|(_, entry)| entry.recurrence_id.is_some()) {
        let (Some(anchor), Some(id)) = (entry.anchor(), &entry.recurrence_id) else { continue };
        if !checks.spend() {
            break;
        }
        let clock = clock_of(anchor, session);
        found.add(at, anchor.wall(clock), clock, entry.length, anchor.is_date(), Some(id.instant(session)));
    }
    let mut instances = found.instances;
    instances.sort_by_key(|instance| (instance.start, instance.entry));
    let capped = budget.capped || checks.capped || instances.len() > caps.instances;
    instances.truncate(caps.instances);
    Expansion { instances, capped, steps: budget.spent() + checks.spent() }
}

/// The first instances of a series, from its beginning on, up to and not including an instant: what an index row keeps.
pub fn first(series: &Series, most: usize, before: Timestamp, session: &Clock) -> Expansion {
    expand(series, Timestamp(i64::MIN / 4)..before, session, Caps { instances: most, ..Caps::default() })
}

/// The clock by which something recurs.
fn clock_of<'a>(when: &'a When, session: &'a Clock) -> &'a Clock {
    const GMT: &Clock = &Clock::GMT;
    match when {
        When::Date(_) | When::Floating(_) => session,
        When::Instant(_) => GMT,
        When::Zoned(_, clock) => clock,
    }
}

struct Found {
    window: Range<Timestamp>,
    /// What recurs is not followed past the first instance above this.
    most: usize,
    instances: Vec<Instance>,
}

impl Found {
    fn add(&mut self, entry: usize, wall: WallClock, clock: &Clock, length: Length, all_day: bool, recurrence_id: Option<Timestamp>) {
        let start = clock.to_instant(wall);
        let end = length.end(wall, clock).max(start);
        let inside = start < self.window.end && (end > self.window.start || start >= self.window.start);
        if inside {
            self.instances.push(Instance { entry, start, end, all_day, recurrence_id });
        }
    }
}

/// An exception that stands for all that follows too.
struct Following<'a> {
    entry: usize,
    id: WallClock,
    start: WallClock,
    clock: &'a Clock,
    length: Length,
    all_day: bool,
}

/// What of a series does not happen.
struct Gone {
    /// Starts, in order.
    times: Vec<WallClock>,
    /// Days of which no start happens, in order.
    days: Vec<WallClock>,
    /// All that lie before this are known.
    known: WallClock,
}

impl Gone {
    fn has(&self, wall: WallClock) -> bool {
        self.times.binary_search(&wall).is_ok() || !self.days.is_empty() && self.days.binary_search(&wall.midnight()).is_ok()
    }
}

/// The time as it is written, on whatever clock that is.
fn written_at(when: &When) -> WallClock {
    match when {
        When::Date(wall) | When::Floating(wall) | When::Zoned(wall, _) => *wall,
        When::Instant(at) => WallClock(at.0),
    }
}

/// True where a time may lie in a range of some other clock.
fn is_near(when: &When, range: (WallClock, WallClock)) -> bool {
    let at = written_at(when);
    range.0.plus(-APART) <= at && at <= range.1.plus(APART)
}

struct Recurring<'a> {
    main: &'a Entry,
    clock: &'a Clock,
    start: WallClock,
    by_day: bool,
    /// What does not happen, or happens as an exception says.
    excluded: Vec<&'a When>,
    following: Vec<Following<'a>>,
}

impl<'a> Recurring<'a> {
    fn new(series: &'a Series, main: &'a Entry, anchor: &'a When, session: &'a Clock) -> Self {
        let clock = clock_of(anchor, session);
        let by_day = anchor.is_date();
        let moved = series.entries.iter().filter_map(|entry| entry.recurrence_id.as_ref());
        let excluded = main.excluded.iter().chain(moved).collect();
        let mut this = Self { main, clock, start: anchor.wall(clock), by_day, excluded, following: Vec::new() };
        for (at, entry) in series.entries.iter().enumerate().filter(|(_, entry)| entry.and_following) {
            if let (Some(id), Some(anchor)) = (&entry.recurrence_id, entry.anchor()) {
                let own = clock_of(anchor, session);
                let (id, start) = (id.wall(clock), anchor.wall(own));
                this.following.push(Following { entry: at, id, start, clock: own, length: entry.length, all_day: anchor.is_date() });
            }
        }
        this.following.sort_by_key(|following| following.id);
        this
    }

    fn expand(&self, found: &mut Found, budget: &mut Budget, checks: &mut Budget) {
        let range = self.range(&found.window);
        let within = |wall: WallClock| range.0 <= wall && wall <= range.1;
        let mut starts: Vec<(WallClock, Option<Length>)> = Vec::new();
        if within(self.start) {
            starts.push((self.start, None));
        }
        budget.spend_many(self.main.dates.len() / AT_ONCE);
        for (when, length) in self.main.dates.iter().filter(|(when, _)| is_near(when, range)) {
            if !budget.spend() {
                break;
            }
            let wall = when.wall(self.clock);
            let wall = if self.by_day { wall.midnight() } else { wall };
            if within(wall) {
                starts.push((wall, *length));
            }
        }
        starts.extend(self.by_rules(&self.main.rules, range, budget).into_iter().map(|wall| (wall, None)));
        starts.sort_by_key(|(wall, length)| (*wall, length.is_none()));
        starts.dedup_by_key(|(wall, _)| *wall);
        let (Some((first, _)), Some((last, _))) = (starts.first(), starts.last()) else { return };
        let gone = self.gone((*first, *last), checks);
        for (wall, length) in starts.into_iter().take_while(|(wall, _)| *wall < gone.known) {
            if found.instances.len() > found.most {
                return;
            }
            if !gone.has(wall) {
                self.add(wall, length, found);
            }
        }
    }

    /// What does not happen in a range of the wall clock, as far as there is work left to find it out.
    fn gone(&self, range: (WallClock, WallClock), checks: &mut Budget) -> Gone {
        let mut gone = Gone { times: Vec::new(), days: Vec::new(), known: WallClock(i64::MAX) };
        checks.spend_many(self.excluded.len() / AT_ONCE);
        let mut near: Vec<&When> = self.excluded.iter().copied().filter(|when| is_near(when, range)).collect();
        near.sort_by_key(|when| written_at(when));
        for when in near {
            if !checks.spend() {
                gone.known = written_at(when).plus(-APART);
                break;
            }
            let wall = when.wall(self.clock);
            match (self.by_day, when.is_date()) {
                (true, _) => gone.times.push(wall.midnight()),
                (false, true) => gone.days.push(wall),
                (false, false) => gone.times.push(wall),
            }
        }
        let rules = &self.main.exclusion_rules;
        for rule in rules {
            // Each has its share, so that all are known to some time.
            let mut share = Budget::new(checks.left / rules.len());
            let before = gone.times.len();
            gone.times.extend(self.by_rules(std::slice::from_ref(rule), range, &mut share));
            if share.capped {
                let last = gone.times.get(before..).and_then(<[_]>::last).copied().unwrap_or(range.0);
                gone.known = gone.known.min(last);
                checks.capped = true;
            }
            checks.spend_many(share.spent().min(checks.left));
        }
        gone.times.sort_unstable();
        gone.days.sort_unstable();
        gone
    }

    fn add(&self, wall: WallClock, length: Option<Length>, found: &mut Found) {
        let passed = self.following.partition_point(|following| following.id <= wall);
        match passed.checked_sub(1).and_then(|last| self.following.get(last)) {
            None => found.add(0, wall, self.clock, length.unwrap_or(self.main.length), self.by_day, None),
            Some(f) => {
                let moved = f.start.plus(wall.0.saturating_sub(f.id.0));
                found.add(f.entry, moved, f.clock, length.unwrap_or(f.length), f.all_day, Some(self.clock.to_instant(wall)));
            }
        }
    }

    fn by_rules(&self, rules: &[String], range: (WallClock, WallClock), budget: &mut Budget) -> Vec<WallClock> {
        let mut starts = Vec::new();
        for text in rules {
            // To read one is work too.
            if !budget.spend_many(1 + text.len() / AT_ONCE) {
                break;
            }
            let Some(rule) = Rule::read(text) else { continue };
            rule.starts(self.start, self.until(&rule), range, budget, &mut starts);
        }
        starts
    }

    /// UNTIL on the clock of the series. A day means all of it.
    fn until(&self, rule: &Rule) -> Option<WallClock> {
        Some(match rule.until? {
            Written::Date(day) => day.plus(86_399),
            Written::Local(wall) => wall,
            Written::Utc(at) => self.clock.to_wall(Timestamp(at)),
        })
    }

    /// The times of the wall clock between which a start must lie if any of its instance is to lie in the window.
    fn range(&self, window: &Range<Timestamp>) -> (WallClock, WallClock) {
        let lengths = self.main.dates.iter().filter_map(|(_, length)| *length);
        let lengths = lengths.chain(self.following.iter().map(|following| following.length)).chain([self.main.length]);
        let longest = lengths.map(Length::seconds).max().unwrap_or(0).max(0);
        let moved = self.following.iter().map(|f| f.start.0.saturating_sub(f.id.0).saturating_abs().saturating_add(86_400)).max();
        let slack = |at: Timestamp| {
            let (before, after) = (self.clock.shift_at(at.plus(-86_400)), self.clock.shift_at(at.plus(86_400)));
            i64::from((before - after).abs()).saturating_add(moved.unwrap_or(0))
        };
        let first = window.start.plus(-longest);
        let from = self.clock.to_wall(first).plus(-slack(first) - i64::from(longest > 0) * 7_200);
        (from, self.clock.to_wall(window.end).plus(slack(window.end)))
    }
}
