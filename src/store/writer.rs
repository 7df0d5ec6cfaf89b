//! The writer: one thread, one transaction at a time, many jobs in each.
//!
//! It takes what is queued, runs it in one transaction, commits once, publishes and answers all as soon as that is on
//! disk, then takes what came meanwhile; it never waits for company. A job checks before its first write, so its refusal
//! leaves the group whole. One that fails or panics after its first write drops the transaction, and the others run again without it: so a
//! job is `FnMut` and must give the same effects when it is run again.

use super::engine::{Direction, Engine, KeyRange, Read, Transaction, Visit};
use super::feed::Feed;
use super::tables::Table;
use crate::model::change::Change;
use crate::model::fault::{Fault, Outcome};
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// The most jobs in one commit.
const GROUP: usize = 256;

/// A transaction as jobs see it: it also notes what the world will be told after the commit.
pub struct WriteTx<'a> {
    inner: &'a dyn Transaction,
    writes: Cell<u64>,
    changes: RefCell<Vec<Change>>,
}

impl<'a> WriteTx<'a> {
    pub(super) fn new(inner: &'a dyn Transaction) -> Self {
        Self { inner, writes: Cell::new(0), changes: RefCell::default() }
    }

    /// Stores a value under a key.
    pub fn put(&self, table: Table, key: &[u8], value: &[u8]) -> Outcome<()> {
        self.writes.set(self.writes.get() + 1);
        self.inner.put(table, key, value)
    }

    /// Removes a key; true if it was there.
    pub fn delete(&self, table: Table, key: &[u8]) -> Outcome<bool> {
        self.writes.set(self.writes.get() + 1);
        self.inner.delete(table, key)
    }

    /// Removes all keys of a range, collecting at most a few thousand at a time.
    pub fn delete_range(&self, table: Table, range: KeyRange<'_>) -> Outcome<()> {
        loop {
            let mut keys = Vec::new();
            self.scan(table, range, Direction::Forward, &mut |key, _| {
                keys.push(key.to_vec());
                Ok(if keys.len() < 4096 { std::ops::ControlFlow::Continue(()) } else { std::ops::ControlFlow::Break(()) })
            })?;
            if keys.is_empty() {
                return Ok(());
            }
            keys.iter().try_for_each(|key| self.delete(table, key).map(drop))?;
        }
    }

    /// Notes a change to be published once this transaction is on disk.
    pub fn publish(&self, change: Change) {
        self.changes.borrow_mut().push(change);
    }
}

impl Read for WriteTx<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Outcome<Option<Vec<u8>>> {
        self.inner.get(table, key)
    }
    fn scan(&self, table: Table, range: KeyRange<'_>, direction: Direction, visit: Visit<'_>) -> Outcome<()> {
        self.inner.scan(table, range, direction, visit)
    }
}

/// A job with its type hidden.
pub(super) trait Job: Send {
    fn run(&mut self, tx: &WriteTx) -> Outcome<()>;
    fn answer(self: Box<Self>, committed: Outcome<()>);
}

/// A closure, its last result, and where the answer goes.
pub(super) struct Request<T, F> {
    pub(super) job: F,
    pub(super) result: Option<T>,
    pub(super) answer: oneshot::Sender<Outcome<T>>,
    pub(super) _place: OwnedSemaphorePermit,
}

impl<T: Send, F: FnMut(&WriteTx) -> Outcome<T> + Send> Job for Request<T, F> {
    fn run(&mut self, tx: &WriteTx) -> Outcome<()> {
        self.result = Some((self.job)(tx)?);
        Ok(())
    }
    fn answer(self: Box<Self>, committed: Outcome<()>) {
        let Self { result, answer, .. } = *self;
        let result = committed.and_then(|()| result.ok_or_else(Fault::internal));
        // The caller may have gone away; what it asked for is done all the same.
        let _ = answer.send(result);
    }
}

/// What the thread is sent.
pub(super) enum Order {
    Run(Box<dyn Job>),
    Stop(oneshot::Sender<()>),
}

/// The thread's whole life.
pub(super) fn work(engine: &dyn Engine, feed: &Feed, orders: &mpsc::Receiver<Order>) {
    let mut stop = None;
    while stop.is_none()
        && let Ok(first) = orders.recv()
    {
        let mut jobs = Jobs::new();
        let mut next = Some(first);
        while let Some(order) = next.take() {
            match order {
                Order::Run(job) => jobs.push(job),
                Order::Stop(done) => {
                    stop = Some(done);
                    break;
                }
            }
            if jobs.len() < GROUP {
                next = orders.try_recv().ok();
            }
        }
        run_group(engine, feed, jobs);
    }
    engine.close();
    if let Some(done) = stop {
        let _ = done.send(());
    }
}

/// Runs a group until it holds together; publishes and answers when it is on disk.
fn run_group(engine: &dyn Engine, feed: &Feed, jobs: Jobs) {
    let mut next = Some(jobs);
    while let Some(jobs) = next.take() {
        let (waiting, attempted) = (Cell::new(Some(jobs)), Cell::new(None));
        let mut work = |tx: &dyn Transaction| {
            let tx = WriteTx::new(tx);
            let (done, refused, broken) = attempt(&tx, waiting.take().unwrap_or_default());
            refused.into_iter().for_each(|(job, fault)| job.answer(Err(fault)));
            attempted.set(Some((done, broken, tx.changes.into_inner())));
            if broken { Err(Fault::internal()) } else { Ok(()) }
        };
        let committed = engine.transact(&mut work, &mut || {
            let Some((done, _, changes)) = attempted.take() else { return };
            feed.publish(changes);
            done.into_iter().for_each(|job| job.answer(Ok(())));
        });
        let never_begun = waiting.take();
        match (attempted.take(), committed) {
            (Some((done, true, _)), _) => next = Some(done).filter(|jobs| !jobs.is_empty()),
            (_, Ok(())) => {}
            (attempted, Err(fault)) => {
                if never_begun.is_none() {
                    // It may be on disk all the same, though nobody is told so: whoever follows the store looks at all of it.
                    feed.lose_track();
                }
                let unheard = never_begun.into_iter().chain(attempted.map(|(done, ..)| done)).flatten();
                unheard.for_each(|job| job.answer(Err(fault.clone())));
            }
        }
    }
}

type Jobs = Vec<Box<dyn Job>>;
type Refused = Vec<(Box<dyn Job>, Fault)>;

/// Runs each job once. The third value says that the transaction must be dropped: a job failed after writing.
fn attempt(tx: &WriteTx, jobs: Jobs) -> (Jobs, Refused, bool) {
    let (mut done, mut refused) = (Vec::with_capacity(jobs.len()), Vec::new());
    let mut jobs = jobs.into_iter();
    while let Some(mut job) = jobs.next() {
        let (writes, changes) = (tx.writes.get(), tx.changes.borrow().len());
        let outcome = catch_unwind(AssertUnwindSafe(|| job.run(tx))).unwrap_or_else(|_| Err(Fault::logged("a write job panicked", "")));
        match outcome {
            Ok(()) => done.push(job),
            Err(fault) => {
                tx.changes.borrow_mut().truncate(changes);
                refused.push((job, fault));
                if tx.writes.get() != writes {
                    done.extend(jobs);
                    return (done, refused, true);
                }
            }
        }
    }
    (done, refused, false)
}
