//! Where the starts of a rule go: counts them, keeps those of the range, knows when it is enough.

use super::Budget;
use crate::model::calendar::WallClock;

pub(super) struct Sink<'a> {
    start: i64,
    /// The first time that is wanted.
    pub(super) from: i64,
    /// The last time that is wanted or that may be.
    pub(super) last: i64,
    left: Option<u64>,
    first: bool,
    full: bool,
    pub(super) budget: &'a mut Budget,
    out: &'a mut Vec<WallClock>,
}

impl<'a> Sink<'a> {
    pub(super) fn new(start: i64, from: i64, last: i64, count: Option<u64>, budget: &'a mut Budget, out: &'a mut Vec<WallClock>) -> Self {
        Self { start, from, last, left: count, first: true, full: false, budget, out }
    }

    /// Takes the next start; false when no more are wanted.
    pub(super) fn take(&mut self, at: i64) -> bool {
        if at < self.start {
            return self.budget.spend();
        }
        if at > self.last {
            self.full = true;
            return false;
        }
        if std::mem::take(&mut self.first) && at != self.start {
            self.uncount(1);
        }
        if self.left == Some(0) {
            self.full = true;
            return false;
        }
        self.uncount(1);
        if at >= self.from {
            self.out.push(WallClock(at));
        }
        self.budget.spend()
    }

    /// True when COUNT decides.
    pub(super) fn counts(&self) -> bool {
        self.left.is_some()
    }

    /// Leaves out so many instances that lie before the range and are known to be there, the first among them.
    pub(super) fn skip(&mut self, instances: u64) {
        self.first = self.first && instances == 0;
        self.uncount(instances);
    }

    /// True when the rule ended before the range did and nothing said that it may.
    pub(super) fn is_hungry(&self) -> bool {
        !self.full && self.left.is_none_or(|left| left > 0)
    }

    fn uncount(&mut self, instances: u64) {
        self.left = self.left.map(|left| left.saturating_sub(instances));
    }
}
