//! Work that goes on in the background for as long as the server runs: if it panics, it is logged and begun again.

use std::future::Future;
use std::time::Duration;
use tokio::task::JoinSet;

/// How long a failed task rests before it is begun again.
const REST: Duration = Duration::from_secs(5);

/// The background tasks of a server; they end with it.
pub struct Background {
    tasks: JoinSet<()>,
    rest: Duration,
}

impl Default for Background {
    fn default() -> Self {
        Self { tasks: JoinSet::new(), rest: REST }
    }
}

impl Background {
    /// Keeps a task going: begun again after a panic, done when it ends by itself. Must be called on a thread that runs
    /// local tasks.
    pub fn keep<F, T>(&mut self, name: &'static str, begin: F)
    where
        F: Fn() -> T + 'static,
        T: Future<Output = ()> + 'static,
    {
        let rest = self.rest;
        self.tasks.spawn_local(async move {
            // The panic itself has been logged where it happened.
            while tokio::task::spawn_local(begin()).await.is_err_and(|e| e.is_panic()) {
                tracing::error!(task = name, "a background task failed; it is begun again in {} seconds", rest.as_secs());
                tokio::time::sleep(rest).await;
            }
        });
    }
}

/// Does something again and again, the first time after one period.
pub async fn every(period: Duration, act: impl AsyncFn()) {
    loop {
        tokio::time::sleep(period).await;
        act().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::rc::Rc;

    #[test]
    fn a_task_that_panics_is_begun_again_and_one_that_ends_is_not() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        tokio::task::LocalSet::new().block_on(&runtime, async {
            let runs = Rc::new(Cell::new(0));
            let mut background = Background { rest: Duration::ZERO, ..Background::default() };
            let seen = runs.clone();
            background.keep("test", move || {
                let seen = seen.clone();
                async move {
                    seen.set(seen.get() + 1);
                    assert!(seen.get() > 2, "a panic, as planned");
                }
            });
            while background.tasks.join_next().await.is_some() {}
            assert_eq!(runs.get(), 3);
        });
    }
}
