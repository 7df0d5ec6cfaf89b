//! Threads for blocking work, behind a bounded queue. A job that panics ends alone; the thread goes on.

use crate::model::fault::{Fault, Outcome};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

type Job = Box<dyn FnOnce() + Send>;

/// A few threads that run jobs in order of arrival. Cloning gives another handle; the threads end with the last handle.
#[derive(Clone)]
pub struct Workers {
    jobs: mpsc::Sender<Job>,
    places: Arc<Semaphore>,
}

impl Workers {
    /// Starts `threads` threads; at most `waiting` jobs are queued or running, further callers wait.
    pub fn start(name: &str, threads: usize, waiting: usize) -> std::io::Result<Self> {
        let (jobs, queue) = mpsc::channel::<Job>();
        let queue = Arc::new(Mutex::new(queue));
        for number in 0..threads {
            let queue = queue.clone();
            std::thread::Builder::new().name(format!("{name}-{number}")).stack_size(1 << 20).spawn(move || {
                loop {
                    // A thread that panicked cannot have held the lock: it is let go before the job runs.
                    let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok(job) = job else { return };
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
