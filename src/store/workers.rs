//! Threads for blocking work, behind a bounded queue. A job that panics ends alone; the thread goes on.

use crate::model::fault::{Fault, Outcome};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

type Job = Box<dyn FnOnce() + Send>;

/// How long a thread waits for work before it rests.
const QUIET: Duration = Duration::from_secs(1);

/// Takes the next job, resting once when there is none for a while. None when there will be no more.
fn next(queue: &Mutex<mpsc::Receiver<Job>>, rested: &mut bool, rest: fn()) -> Option<Job> {
    loop {
        // A thread that panicked cannot have held the lock: it is let go before the job runs.
        let queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
        let job = if *rested { queue.recv().map_err(RecvTimeoutError::from) } else { queue.recv_timeout(QUIET) };
        drop(queue);
        match job {
            Ok(job) => {
                *rested = false;
                return Some(job);
            }
            Err(RecvTimeoutError::Timeout) => {
                rest();
                *rested = true;
            }
            Err(RecvTimeoutError::Disconnected) => return None,
        }
    }
}

/// A few threads that run jobs in order of arrival. Cloning gives another handle; the threads end with the last handle.
#[derive(Clone)]
pub struct Workers {
    jobs: mpsc::Sender<Job>,
    places: Arc<Semaphore>,
}

impl Workers {
    /// Starts `threads` threads; at most `waiting` jobs are queued or running, further callers wait.
    pub fn start(name: &str, threads: usize, waiting: usize) -> std::io::Result<Self> {
        Self::start_with_rest(name, threads, waiting, || ())
    }

    /// The same, with something that each thread does when it has had nothing to do for a second.
    pub fn start_with_rest(name: &str, threads: usize, waiting: usize, rest: fn()) -> std::io::Result<Self> {
        let (jobs, queue) = mpsc::channel::<Job>();
        let queue = Arc::new(Mutex::new(queue));
        for number in 0..threads {
            let queue = queue.clone();
            std::thread::Builder::new().name(format!("{name}-{number}")).stack_size(1 << 20).spawn(move || {
                let mut rested = true;
                loop {
                    let job = next(&queue, &mut rested, rest);
                    let Some(job) = job else { return };
                    if catch_unwind(AssertUnwindSafe(job)).is_err() {
                        tracing::error!("a job panicked; its caller was told so and the server goes on");
                    }
                }
            })?;
        }
        Ok(Self { jobs, places: Arc::new(Semaphore::new(waiting)) })
    }

    /// Runs `job` on one of the threads and gives its result. If it panics, the fault is "internal error".
    pub async fn run<T: Send + 'static>(&self, job: impl FnOnce() -> Outcome<T> + Send + 'static) -> Outcome<T> {
        let place: OwnedSemaphorePermit = self.places.clone().acquire_owned().await.map_err(|_| Fault::closed())?;
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move || {
            let _place = place;
            // The caller may have gone away; then nobody wants the answer.
            let _ = answer.send(job());
        });
        self.jobs.send(job).map_err(|_| Fault::closed())?;
        answered.await.map_err(|_| Fault::internal())?
    }
}
