//! Where the starts of a rule go: counts them, keeps those of the range, knows when it is enough.

use super::Budget;
use crate::model::calendar::WallClock;

pub(super) struct Sink<'a> {
    /// DTSTART: what lies before is no instance.
    pub(super) start: i64,
    /// The first time that is wanted.
    pub(super) from: i64,
    /// The last time that is wanted or that may be.
    pub(super) last: i64,
    left: Option<u64>,
    first: bool,
    pub(super) budget: &'a mut Budget,
    out: &'a mut Vec<WallClock>,
}

impl<'a> Sink<'a> {
    pub(super) fn new(start: i64, from: i64, last: i64, count: Option<u64>, budget: &'a mut Budget, out: &'a mut Vec<WallClock>) -> Self {
        Self { start, from, last, left: count, first: true, budget, out }
    }

    /// Takes the next start; false when no more are wanted.
    pub(super) fn take(&mut self, at: i64) -> bool {
        if at < self.start {
            return self.budget.spend();
        }
        if at > self.last {
            return false;
        }
        self.begin(at);
        if self.is_done() {
            return false;
        }
        self.uncount(1);
        if at >= self.from {
            self.out.push(WallClock(at));
        }
        self.budget.spend()
    }

    /// Leaves out so many instances that lie before the range, the first of them at this time.
    pub(super) fn skip(&mut self, instances: u64, first: i64) {
        if instances > 0 {
            self.begin(first);
            self.uncount(instances);
        }
    }

    /// True when COUNT decides.
    pub(super) fn counts(&self) -> bool {
        self.left.is_some()
    }

    /// True once COUNT is reached.
    pub(super) fn is_done(&self) -> bool {
        self.left == Some(0)
    }

    /// DTSTART counts whether the rule gives it or not.
    fn begin(&mut self, at: i64) {
        if std::mem::take(&mut self.first) && at != self.start {
            self.uncount(1);
        }
    }

    fn uncount(&mut self, instances: u64) {
        self.left = self.left.map(|left| left.saturating_sub(instances));
    }
}
