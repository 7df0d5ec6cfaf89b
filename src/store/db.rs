//! `Store`: the handle everyone holds. `read` and `write` take closures and run them on the store's threads.

use super::calendar_cache::CalendarCache;
use super::engine::{Engine, Read};
use super::feed::Feed;
use super::migrate;
use super::orders::OrderCache;
use super::redb_engine::RedbEngine;
use super::workers::Workers;
use super::writer::{self, Order, Request, WriteTx};
use crate::model::fault::{Fault, Outcome};
use std::fmt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use tokio::sync::{Semaphore, oneshot};

/// How to open a store.
#[derive(Debug, Clone)]
pub struct Options {
    /// Bytes of the page cache.
    pub cache: usize,
    /// Reading threads.
    pub readers: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { cache: 16 << 20, readers: 2 }
    }
}

/// Why a store cannot be opened, for people.
#[derive(Debug)]
pub enum StoreError {
    /// Another process has it.
    InUse(PathBuf),
    /// It was written by a newer version.
    Newer(PathBuf, u32),
    /// Anything else.
    Failed(PathBuf, String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse(path) => write!(f, "the store {} is in use by another process: stop it first", path.display()),
            Self::Newer(path, version) => {
                write!(f, "the store {} has schema {version}, newer than this binary knows: install a newer posthouse", path.display())
            }
            Self::Failed(path, cause) => write!(f, "the store {} cannot be opened: {cause}", path.display()),
        }
    }
}

impl std::error::Error for StoreError {}

/// The store. Cloning gives another handle.
#[derive(Clone)]
pub struct Store {
    engine: Arc<dyn Engine>,
    feed: Feed,
    orders: Arc<OrderCache>,
    calendars: Arc<CalendarCache>,
    readers: Workers,
    writer: mpsc::Sender<Order>,
    places: Arc<Semaphore>,
}

/// The files of a store in its directory, which belong together: what was committed last may be in the second alone.
pub const FILES: [&str; 2] = ["posthouse.redb", "posthouse.wal"];

/// Writes that may wait at once; further callers wait for a place.
const WAITING_WRITES: usize = 1024;
/// Questions that may wait at once.
const WAITING_READS: usize = 1024;

impl Store {
    /// Opens the store in `directory`, making it if it is not there. Blocks; `repairing` hears how far a repair after a kill is.
    pub fn open(directory: &Path, options: &Options, repairing: impl Fn(f64) + Send + Sync + 'static) -> Result<Self, StoreError> {
        let [path, log] = FILES.map(|name| directory.join(name));
        // Before the engine makes them, so that nobody else can ever read them. A file that cannot be opened is its to report.
        for path in [&path, &log] {
            let _ = std::fs::OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path);
        }
        let opened = RedbEngine::open(&path, &log, options.cache, repairing);
        let engine = opened.map_err(|e| match e {
            redb::DatabaseError::DatabaseAlreadyOpen => StoreError::InUse(path.clone()),
            other => StoreError::Failed(path.clone(), other.to_string()),
        })?;
        Self::over(engine, &path, options)
    }

    /// A store in memory, for tests: it goes with the process.
    #[cfg(test)]
    pub(crate) fn in_memory() -> Self {
        let engine = RedbEngine::in_memory().unwrap();
        Self::over(engine, Path::new("memory"), &Options::default()).unwrap()
    }

    pub(super) fn over(engine: RedbEngine, path: &Path, options: &Options) -> Result<Self, StoreError> {
        let failed = |what: String| StoreError::Failed(path.to_owned(), what);
        engine.make_tables().map_err(|f| failed(f.text.into_owned()))?;
        let engine: Arc<dyn Engine> = Arc::new(engine);
        migrate::run(&*engine).map_err(|e| match e {
            migrate::Failure::Newer(version) => StoreError::Newer(path.to_owned(), version),
            migrate::Failure::Failed(fault) => failed(fault.text.into_owned()),
        })?;
        let readers = Workers::start("reader", options.readers, WAITING_READS).map_err(|e| failed(e.to_string()))?;
        let feed = Feed::default();
        let (writer, orders) = mpsc::channel();
        let (its_engine, its_feed) = (engine.clone(), feed.clone());
        let thread = std::thread::Builder::new().name("writer".into()).stack_size(1 << 20);
        thread.spawn(move || writer::work(&*its_engine, &its_feed, &orders)).map_err(|e| failed(e.to_string()))?;
        let places = Arc::new(Semaphore::new(WAITING_WRITES));
        Ok(Self { engine, feed, orders: Arc::default(), calendars: Arc::default(), readers, writer, places })
    }

    /// Asks a question of the last commit, on a reading thread. The closure may also compute: what it takes long for
    /// holds one of few threads, so long work is cut into questions.
    pub async fn read<T: Send + 'static>(&self, question: impl FnOnce(&dyn Read) -> Outcome<T> + Send + 'static) -> Outcome<T> {
        let engine = self.engine.clone();
        self.readers.run(move || question(&*engine.snapshot()?)).await
    }

    /// Computes on a reading thread, without looking at the store.
    pub async fn compute<T: Send + 'static>(&self, work: impl FnOnce() -> Outcome<T> + Send + 'static) -> Outcome<T> {
        self.readers.run(work).await
    }

    /// Changes the store; on Ok it is on disk and published. The closure must check before it writes, and may be run again.
    pub async fn write<T, F>(&self, job: F) -> Outcome<T>
    where
        T: Send + 'static,
        F: FnMut(&WriteTx) -> Outcome<T> + Send + 'static,
    {
        let place = self.places.clone().acquire_owned().await.map_err(|_| Fault::closed())?;
        let (answer, answered) = oneshot::channel();
        let request = Request { job, result: None, answer, _place: place };
        self.writer.send(Order::Run(Box::new(request))).map_err(|_| Fault::closed())?;
        answered.await.map_err(|_| Fault::closed())?
    }

    /// Prepares on a reading thread, as `read` does, and changes the store with what was prepared, as `write` does, without
    /// coming back to the caller in between.
    pub async fn prepare_and_write<P, T, F>(&self, prepare: impl FnOnce(&dyn Read) -> Outcome<P> + Send + 'static, mut job: F) -> Outcome<T>
    where
        P: Send + 'static,
        T: Send + 'static,
        F: FnMut(&WriteTx, &P) -> Outcome<T> + Send + 'static,
    {
        let place = self.places.clone().acquire_owned().await.map_err(|_| Fault::closed())?;
        let (answer, answered) = oneshot::channel();
        let (engine, writer) = (self.engine.clone(), self.writer.clone());
        let preparing = move || {
            let prepared = engine.snapshot().and_then(|snapshot| prepare(&*snapshot));
            match prepared {
                Ok(prepared) => {
                    let job = move |tx: &WriteTx| job(tx, &prepared);
                    let request = Request { job, result: None, answer, _place: place };
                    if let Err(mpsc::SendError(Order::Run(request))) = writer.send(Order::Run(Box::new(request))) {
                        request.answer(Err(Fault::closed()));
                    }
                }
                // The caller may have gone away; then nobody wants the answer.
                Err(fault) => drop(answer.send(Err(fault))),
            }
        };
        self.readers.begin(preparing).await?;
        answered.await.map_err(|_| Fault::internal())?
    }

    /// Where to hear of changes.
    pub fn feed(&self) -> &Feed {
        &self.feed
    }

    /// The sorted orders that are kept in memory.
    pub fn orders(&self) -> Arc<OrderCache> {
        self.orders.clone()
    }

    /// The rows of calendars that are kept in memory.
    pub fn calendars(&self) -> Arc<CalendarCache> {
        self.calendars.clone()
    }

    /// Ends the writer after what is queued, leaving the file ready for a quick start.
    pub async fn close(&self) {
        let (done, is_done) = oneshot::channel();
        if self.writer.send(Order::Stop(done)).is_ok() {
            let _ = is_done.await;
        }
    }
}
