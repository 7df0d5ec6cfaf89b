//! `Scripts`: applications that people write themselves, in Rhai. A script is a file `apps/NAME.rhai` of the account, or
//! of its domain.
//!
//! A script has no thread and no loop of its own. `fn main(state, parameters)` (or another entry) is called at its
//! start, `fn on_event(state, event)` for all that happens after; what either returns, if it is a map, is the state that
//! the next call gets. What a script wants done it says by words that are put down and carried out when it has returned
//! (`words`), so a script can be tried without a server.
//!
//! What must hold: a script reaches nothing but its arguments and those words: no file, no clock but the time of day, no
//! other script. Time, operations, depth, variables, sizes and what it may want at once are bounded; past a bound its
//! task fails and nothing else. Scripts run on a thread of their own, which has a stack for what the bounds allow.
//! Spec: XIMSS, "Real-Time Application Management" (taskStart).

mod engine;
mod events;
mod library;
mod values;
mod words;

pub use library::{Shelf, list, name_of, put, remove};

use crate::domain::access::Caller;
use crate::domain::tasks::programs::{Deed, Happening, Program};
use crate::model::fault::{Fault, Outcome};
use crate::model::task::TaskId;
use crate::model::time::Timestamp;
use crate::store::Store;
use crate::store::workers::Workers;
use rhai::{AST, Dynamic};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The most bytes of a script.
pub const MOST_SOURCE: usize = 64 << 10;
/// The most scripts that run at a time, each with its state.
const MOST_LIVE: usize = 256;
/// The most compiled scripts that are kept.
const MOST_COMPILED: usize = 64;
/// Calls that wait for the thread; further callers wait for a place.
const MOST_WAITING: usize = 256;
/// The stack of the thread: for values nested as deeply as the bounds allow.
const STACK: usize = 32 << 20;

/// Scripts by their source, those used last at the end.
type Compiled = Vec<(Arc<str>, Arc<AST>)>;

/// Finds, compiles and runs scripts. Cloning gives another handle.
#[derive(Clone)]
pub struct Scripts {
    workers: Workers,
    compiled: Arc<Mutex<Compiled>>,
    live: Arc<AtomicUsize>,
}

impl Scripts {
    /// Starts the thread.
    pub fn start() -> std::io::Result<Self> {
        let workers = Workers::start_with_stack("scripts", 1, MOST_WAITING, STACK)?;
        Ok(Self { workers, compiled: Arc::default(), live: Arc::default() })
    }

    /// Runs something where scripts run.
    pub async fn run<T: Send + 'static>(&self, job: impl FnOnce() -> Outcome<T> + Send + 'static) -> Outcome<T> {
        self.workers.run(job).await
    }

    /// Says whether a source can be run; if not, in which line it is wrong.
    pub async fn check(&self, source: String) -> Outcome<()> {
        self.run(move || engine::compile(&source).map(drop)).await
    }

    /// The script of a name, of the account or of its domain, ready to begin at an entry.
    pub async fn find(&self, store: &Store, owner: &Caller, name: &str, entry: &str) -> Outcome<Script> {
        let asked = (owner.clone(), name.to_owned());
        let source = store.read(move |tx| library::find(tx, &asked.0, &asked.1)).await?;
        let source = source.ok_or_else(|| Fault::not_found("application does not exist"))?;
        let scripts = self.clone();
        let ast = self.run(move || scripts.compiled(source)).await?;
        if !engine::has(&ast, entry) {
            return Err(Fault::not_found("application entry does not exist"));
        }
        let alive = Alive::one_more(&self.live)?;
        Ok(Script {
            ast,
            entry: entry.to_owned(),
            state: engine::nothing(),
            starter: None,
            owner: owner.address.to_string(),
            _alive: alive,
        })
    }

    fn compiled(&self, source: String) -> Outcome<Arc<AST>> {
        // A panic while the lock was held cannot leave an entry half made.
        let lock = || self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        {
            let mut known = lock();
            if let Some(at) = known.iter().position(|(text, _)| **text == *source) {
                let used = known.remove(at);
                return Ok(known.push_mut(used).1.clone());
            }
        }
        let ast = Arc::new(engine::compile(&source)?);
        let mut known = lock();
        if known.len() >= MOST_COMPILED {
            known.remove(0);
        }
        known.push((source.into(), ast.clone()));
        Ok(ast)
    }
}

/// One of the scripts that may run at a time.
struct Alive(Arc<AtomicUsize>);

impl Alive {
    fn one_more(live: &Arc<AtomicUsize>) -> Outcome<Self> {
        let alive = Self(live.clone());
        if live.fetch_add(1, Ordering::Relaxed) >= MOST_LIVE { Err(Fault::quota("too many applications run")) } else { Ok(alive) }
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A script that runs.
pub struct Script {
    ast: Arc<AST>,
    entry: String,
    /// What it keeps between two calls.
    state: Dynamic,
    starter: Option<TaskId>,
    owner: String,
    _alive: Alive,
}

impl Program for Script {
    fn hear(&mut self, what: Happening) -> Outcome<Vec<Deed>> {
        let (function, argument) = match what {
            Happening::Begun { starter, parameters } => {
                self.starter = starter;
                (self.entry.as_str(), values::array(parameters))
            }
            what => (engine::ON_EVENT, events::event(what)),
        };
        if !engine::has(&self.ast, function) {
            return Ok(Vec::new());
        }
        let words = words::Words::new(self.starter, self.owner.clone(), Timestamp::now());
        let (state, deeds) = engine::call(&self.ast, function, (self.state.clone(), argument), words)?;
        if state.is_map() {
            self.state = state;
        }
        Ok(deeds)
    }

    fn takes_long(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests;
