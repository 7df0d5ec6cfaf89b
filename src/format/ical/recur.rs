//! When a series happens: rules, further dates, exclusions and exceptions, within a window of time and a bound of work.
//!
//! All is counted on the wall clock of the series' zone, and each start becomes an instant by that clock; rules never see
//! a zone. DTSTART is always the first instance; EXDATE may take it away, as it may any other. A day that is excluded from
//! a series of times takes all its times. Spec: RFC 5545 3.8.4.4, 3.8.5.

pub mod rule;
mod sink;
mod steady;
#[cfg(test)]
mod tests;

use super::dates::Written;
use crate::model::calendar::{Clock, Entry, Length, Series, WallClock, When};
use crate::model::time::Timestamp;
use rule::Rule;
use std::collections::HashSet;
use std::ops::Range;

/// Bounds of one expansion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// Instances in the answer.
    pub instances: usize,
    /// Steps of work, each at most a few microseconds.
    pub steps: usize,
}

impl Default for Caps {
    fn default() -> Self {
        Self { instances: crate::model::limits::Limits::default().instances, steps: 50_000 }
    }
}

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
}

/// What is left of the work that an expansion may take.
#[derive(Debug)]
pub struct Budget {
    steps: usize,
    /// It ran out.
    pub capped: bool,
}

impl Budget {
    /// So many steps.
    pub fn new(steps: usize) -> Self {
        Self { steps, capped: false }
    }

    /// Takes a step; false when none is left.
    fn spend(&mut self) -> bool {
        self.capped |= self.steps == 0;
        self.steps = self.steps.saturating_sub(1);
        !self.capped
    }
}

/// The instances of a series that lie in a window, in whole or in part. Days and floating times are those of the session's
/// clock. A task without any time has none.
pub fn expand(series: &Series, window: Range<Timestamp>, session: &Clock, caps: Caps) -> Expansion {
    let mut budget = Budget::new(caps.steps);
    let mut found = Found { window, most: caps.instances, instances: Vec::new() };
    if let Some(main) = series.main()
        && let Some(anchor) = main.start.as_ref().or(main.due.as_ref())
    {
        Recurring::new(series, main, anchor, session).expand(&mut found, &mut budget);
    }
    for (at, entry) in series.entries.iter().enumerate().filter(|(_, entry)| entry.recurrence_id.is_some()) {
        let (Some(anchor), Some(id)) = (entry.anchor(), &entry.recurrence_id) else { continue };
        let clock = clock_of(anchor, session);
        found.add(at, anchor.wall(clock), clock, entry.length, anchor.is_date(), Some(id.instant(session)));
    }
    let mut instances = found.instances;
    instances.sort_by_key(|instance| (instance.start, instance.entry));
    let capped = budget.capped || instances.len() > caps.instances;
    instances.truncate(caps.instances);
    Expansion { instances, capped }
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

struct Recurring<'a> {
    main: &'a Entry,
    clock: &'a Clock,
    start: WallClock,
    by_day: bool,
    /// Instances that do not happen or that an exception stands for.
    gone: HashSet<WallClock>,
    /// Days of which no instance happens.
    gone_days: HashSet<WallClock>,
    following: Vec<Following<'a>>,
}

impl<'a> Recurring<'a> {
    fn new(series: &'a Series, main: &'a Entry, anchor: &'a When, session: &'a Clock) -> Self {
        let clock = clock_of(anchor, session);
        let by_day = anchor.is_date();
        let mut this = Self {
            main,
            clock,
            start: anchor.wall(clock),
            by_day,
            gone: HashSet::with_capacity(main.excluded.len() + series.entries.len()),
            gone_days: HashSet::new(),
            following: Vec::new(),
        };
        for when in main.excluded.iter().chain(series.entries.iter().filter_map(|entry| entry.recurrence_id.as_ref())) {
            let wall = when.wall(clock);
            match (by_day, when.is_date()) {
                (true, _) => this.gone.insert(wall.midnight()),
                (false, true) => this.gone_days.insert(wall),
                (false, false) => this.gone.insert(wall),
            };
        }
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

    fn expand(&self, found: &mut Found, budget: &mut Budget) {
        let range = self.range(&found.window);
        let within = |wall: WallClock| range.0 <= wall && wall <= range.1;
        let mut starts: Vec<(WallClock, Option<Length>)> = Vec::new();
        if within(self.start) {
            starts.push((self.start, None));
        }
        for (when, length) in &self.main.dates {
            let wall = when.wall(self.clock);
            let wall = if self.by_day { wall.midnight() } else { wall };
            if within(wall) {
                starts.push((wall, *length));
            }
        }
        starts.extend(self.by_rules(&self.main.rules, range, budget).into_iter().map(|wall| (wall, None)));
        if starts.is_empty() {
            return;
        }
        let excluded: HashSet<WallClock> = self.by_rules(&self.main.exclusion_rules, range, budget).into_iter().collect();
        starts.sort_by_key(|(wall, length)| (*wall, length.is_none()));
        starts.dedup_by_key(|(wall, _)| *wall);
        for (wall, length) in starts {
            if found.instances.len() > found.most {
                return;
            }
            if self.gone.contains(&wall) || self.gone_days.contains(&wall.midnight()) || excluded.contains(&wall) {
                continue;
            }
            self.add(wall, length, found);
        }
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
        for rule in rules.iter().filter_map(|text| Rule::read(text)) {
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
