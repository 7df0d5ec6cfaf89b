//! Threads for blocking work, behind a bounded queue. A job that panics ends alone; the thread goes on.

use crate::model::fault::{Fault, Outcome};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

type Job = Box<dyn FnOnce() + Send>;

/// How long a thread waits for work before it rests.
const QUIET: Duration = Duration::from_secs(1);
/// The stack of a thread, in bytes.
const STACK: usize = 1 << 20;

/// The jobs that wait. One that comes wakes one thread, and none when all are at work.
#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    some: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    /// Threads that wait for a job.
    idle: usize,
    /// There will be no more jobs.
    closed: bool,
}

impl Queue {
    /// The state. No code that could panic runs while it is held, so poison is passed over here and below.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, job: Job) {
        let mut state = self.lock();
        state.jobs.push_back(job);
        let someone_waits = state.idle > 0;
        drop(state);
        if someone_waits {
            self.some.notify_one();
        }
    }

    /// Takes the next job, resting once when there is none for a while. None when there will be no more.
    fn next(&self, rested: &mut bool, rest: fn()) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.jobs.pop_front() {
                *rested = false;
                return Some(job);
            }
            if state.closed {
                return None;
            }
            state.idle += 1;
            let (mut after, timed_out) = match *rested {
                true => (self.some.wait(state).unwrap_or_else(PoisonError::into_inner), false),
                false => {
                    let (state, waited) = self.some.wait_timeout(state, QUIET).unwrap_or_else(PoisonError::into_inner);
                    (state, waited.timed_out())
                }
            };
            after.idle -= 1;
            if timed_out && after.jobs.is_empty() && !after.closed {
                drop(after);
                rest();
                *rested = true;
                after = self.lock();
            }
            state = after;
        }
    }
}

/// What the handles share; the threads end with the last handle.
struct Handle(Arc<Queue>);

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.some.notify_all();
    }
}

/// A few threads that run jobs in order of arrival. Cloning gives another handle; the threads end with the last handle.
#[derive(Clone)]
pub struct Workers {
    queue: Arc<Handle>,
    places: Arc<Semaphore>,
}

impl Workers {
    /// Starts `threads` threads; at most `waiting` jobs are queued or running, further callers wait.
    pub fn start(name: &str, threads: usize, waiting: usize) -> std::io::Result<Self> {
        Self::start_with_rest(name, threads, waiting, || ())
    }

    /// The same, with something that each thread does when it has had nothing to do for a second.
    pub fn start_with_rest(name: &str, threads: usize, waiting: usize, rest: fn()) -> std::io::Result<Self> {
        Self::start_all(name, threads, waiting, STACK, rest)
    }

    /// The same for jobs that need so many bytes of stack.
    pub fn start_with_stack(name: &str, threads: usize, waiting: usize, stack: usize) -> std::io::Result<Self> {
        Self::start_all(name, threads, waiting, stack, || ())
    }

    fn start_all(name: &str, threads: usize, waiting: usize, stack: usize, rest: fn()) -> std::io::Result<Self> {
        let handle = Handle(Arc::default());
        for number in 0..threads {
            let queue = handle.0.clone();
            std::thread::Builder::new().name(format!("{name}-{number}")).stack_size(stack).spawn(move || {
                let mut rested = true;
                while let Some(job) = queue.next(&mut rested, rest) {
                    if catch_unwind(AssertUnwindSafe(job)).is_err() {
                        tracing::error!("a job panicked; its caller was told so and the server goes on");
                    }
                }
            })?;
        }
        Ok(Self { queue: Arc::new(handle), places: Arc::new(Semaphore::new(waiting)) })
    }

    /// Runs `job` on one of the threads and gives its result. If it panics, the fault is "internal error".
    pub async fn run<T: Send + 'static>(&self, job: impl FnOnce() -> Outcome<T> + Send + 'static) -> Outcome<T> {
        let (answer, answered) = oneshot::channel();
        // The caller may have gone away; then nobody wants the answer.
        self.begin(move || drop(answer.send(job()))).await?;
        answered.await.map_err(|_| Fault::internal())?
    }

    /// Queues `job` for one of the threads, once there is a place for it, and does not wait for its end.
    pub async fn begin(&self, job: impl FnOnce() + Send + 'static) -> Outcome<()> {
        let place: OwnedSemaphorePermit = self.places.clone().acquire_owned().await.map_err(|_| Fault::closed())?;
        let job: Job = Box::new(move || {
            let _place = place;
            job();
        });
        self.queue.0.put(job);
        Ok(())
    }
}
