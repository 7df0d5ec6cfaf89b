//! redb as the engine, behind a write-ahead log. Its errors are logged here and go up as the fault "internal error".
//!
//! A commit goes to the log and is then taken in by redb in memory (`write_ahead`). Who waits for it is told as soon as
//! it is in the log; whoever asks for a snapshot meanwhile waits until redb has it, a moment later.
//!
//! Where the log is nearly full, or the commit is a large one, redb writes everything to its file: a checkpoint, which
//! also stores what lets the file open at once after a kill, and the number of the lap that the log begins with it.
//!
//! Once the disk has failed, redb refuses everything until the file is opened anew. So the next question after a
//! failure opens it anew: with the disk still failing it is refused too, and when the disk is well again the store is.
//! It waits for what still reads the old one, which holds the lock on the file as long.

use super::engine::{Direction, Done, Engine, KeyRange, Read, Transaction, Visit, Work};
use super::tables::{self, META, Table};
use super::write_ahead::{self, Record, WriteAhead};
use crate::model::fault::{Fault, Outcome};
use redb::{
    Database, DatabaseError, Durability, ReadOnlyTable, ReadTransaction, ReadableDatabase, ReadableTable, StorageBackend, StorageError,
    TableDefinition, TableError, TableHandle, WriteTransaction,
};
use std::cell::RefCell;
use std::collections::HashSet;
use std::ops::ControlFlow;
use std::path::Path;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

type Definition = TableDefinition<'static, &'static [u8], &'static [u8]>;
type Source = Box<dyn Fn() -> Result<(Database, Box<dyn StorageBackend>), DatabaseError> + Send + Sync>;

/// Where the number of the log's lap stands in `META`.
const LAP: &[u8] = b"lap";

fn definition(table: Table) -> Definition {
    TableDefinition::new(table.0)
}

/// Remembers that the disk has failed.
#[derive(Default)]
struct Health(AtomicBool);

impl Health {
    /// The fault of a failure; one of the disk is remembered.
    fn failed(&self, cause: impl Into<redb::Error>) -> Fault {
        let cause = cause.into();
        if matches!(cause, redb::Error::Io(_) | redb::Error::PreviousIo | redb::Error::LockPoisoned(_)) {
            self.0.store(true, Ordering::Release);
        }
        Fault::logged("the store failed", cause)
    }
}

/// The files.
enum State {
    Open(Database, Arc<Mutex<WriteAhead>>),
    /// It could not be opened again after a failure.
    Lost,
    Closed,
}

/// A redb database.
pub(super) struct RedbEngine {
    state: RwLock<State>,
    /// Held by whatever goes on in the open file, as long as it does: opening it anew waits for them, closing does not.
    users: RwLock<()>,
    /// Held from when somebody may have been told of a commit until the database has taken it in: no snapshot begins then.
    taking_in: RwLock<()>,
    source: Source,
    /// Bytes of the log.
    log: u64,
    health: Health,
}

/// Opens the files. The cause of a failure is in words.
fn open_files(source: &Source, size: u64) -> Result<State, DatabaseError> {
    let (database, file) = source()?;
    let mut log = WriteAhead::new(file, size).map_err(StorageError::Io)?;
    catch_up(&database, &mut log).map_err(|e| StorageError::Io(std::io::Error::other(e.to_string())))?;
    Ok(State::Open(database, Arc::new(Mutex::new(log))))
}

/// What the log holds that the database does not is done again, in memory as it was.
fn catch_up(database: &Database, log: &mut WriteAhead) -> Result<(), redb::Error> {
    let Some(lap) = stored_lap(database)? else { return Ok(()) };
    let mut tx = database.begin_write()?;
    tx.set_durability(Durability::None)?;
    log.replay(lap, &mut |step| {
        let mut table = tx.open_table(TableDefinition::<&[u8], &[u8]>::new(step.table))?;
        match step.value {
            Some(value) => table.insert(step.key, value)?,
            None => table.remove(step.key)?,
        };
        Ok(())
    })?;
    if log.has_records() { Ok(tx.commit()?) } else { Ok(tx.abort()?) }
}

fn stored_lap(database: &Database) -> Result<Option<u64>, redb::Error> {
    let table = match database.begin_read()?.open_table(definition(META)) {
        Err(TableError::TableDoesNotExist(_)) => return Ok(None),
        table => table?,
    };
    Ok(table.get(LAP)?.and_then(|lap| lap.value().try_into().ok()).map(u64::from_be_bytes))
}

/// Makes everything durable in the database itself, and begins a lap of the log.
fn checkpoint(mut tx: WriteTransaction, log: &mut WriteAhead) -> Result<(), redb::Error> {
    let lap = write_ahead::lap()?;
    tx.open_table(definition(META))?.insert(LAP, lap.to_be_bytes().as_slice())?;
    tx.set_quick_repair(true);
    tx.commit()?;
    log.begin(Some(lap));
    Ok(())
}

impl RedbEngine {
    /// Opens or makes the files. `cache` is the size of the page cache in bytes; `repairing` is told the share done (0 to 1).
    pub(super) fn open(
        path: &Path,
        log: &Path,
        cache: usize,
        repairing: impl Fn(f64) + Send + Sync + 'static,
    ) -> Result<Self, DatabaseError> {
        let (path, log, repairing) = (path.to_owned(), log.to_owned(), Arc::new(repairing));
        let source = move || {
            let mut builder = Database::builder();
            builder.set_cache_size(cache);
            let repairing = repairing.clone();
            builder.set_repair_callback(move |session| repairing(session.progress()));
            let database = builder.create(&path)?;
            let log = std::fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&log);
            let log: Box<dyn StorageBackend> = Box::new(redb::backends::FileBackend::new(log.map_err(StorageError::Io)?)?);
            Ok((database, log))
        };
        Self::from(Box::new(source), write_ahead::SIZE)
    }

    /// An engine over files that `source` opens, the first time and after each failure: the database, and a log of so many bytes.
    pub(super) fn from(source: Source, log: u64) -> Result<Self, DatabaseError> {
        let state = RwLock::new(open_files(&source, log)?);
        Ok(Self { state, users: RwLock::default(), taking_in: RwLock::default(), source, log, health: Health::default() })
    }

    /// An engine over memory.
    #[cfg(test)]
    pub(super) fn in_memory() -> Result<Self, DatabaseError> {
        use redb::backends::InMemoryBackend;
        let source = || Ok((Database::builder().create_with_backend(InMemoryBackend::new())?, Box::new(InMemoryBackend::new()) as _));
        Self::from(Box::new(source), 64 << 10)
    }

    /// Begins something over the open database, which is not opened anew as long as the guard is held. The caller's thread
    /// must hold none.
    fn begin<T, E: Into<redb::Error>>(
        &self,
        f: impl FnOnce(&Database, &Arc<Mutex<WriteAhead>>) -> Result<T, E>,
    ) -> Outcome<(T, RwLockReadGuard<'_, ()>)> {
        if self.health.0.load(Ordering::Acquire) {
            self.open_anew()?;
        }
        let user = self.users.read().unwrap_or_else(PoisonError::into_inner);
        // A panic while the lock was held cannot leave it half changed: each change is one assignment.
        let begun = match &*self.state.read().unwrap_or_else(PoisonError::into_inner) {
            State::Open(database, log) => f(database, log).map_err(|e| self.health.failed(e)),
            State::Lost => Err(Fault::internal()),
            State::Closed => Err(Fault::closed()),
        };
        Ok((begun?, user))
    }

    fn open_anew(&self) -> Outcome<()> {
        let _nobody = self.users.write().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if !self.health.0.load(Ordering::Acquire) || matches!(*state, State::Closed) {
            return Ok(());
        }
        // The old handle goes first: it holds the lock on the file.
        *state = State::Lost;
        *state =
            open_files(&self.source, self.log).map_err(|cause| Fault::logged("the store failed and cannot be opened again yet", cause))?;
        self.health.0.store(false, Ordering::Release);
        tracing::warn!("the store failed and has been opened again");
        Ok(())
    }

    /// Makes every table that is not there yet, so that readers find them all.
    pub(super) fn make_tables(&self) -> Outcome<()> {
        let failed = |e: redb::Error| self.health.failed(e);
        let there: HashSet<_> = {
            let (tables, _open) = self.begin(|database, _| database.begin_read())?;
            tables.list_tables().map_err(|e| failed(e.into()))?.map(|t| t.name().to_owned()).collect()
        };
        if tables::ALL.iter().all(|table| there.contains(table.0)) {
            return Ok(());
        }
        let (tx, _open) = self.begin(|database, _| database.begin_write())?;
        for table in tables::ALL {
            tx.open_table(definition(*table)).map_err(|e| failed(e.into()))?;
        }
        tx.commit().map_err(|e| failed(e.into()))
    }
}

impl RedbEngine {
    fn commit(&self, work: Work<'_>, done: Done<'_>) -> Outcome<()> {
        let (begun, _open) = self.begin(|database, log| Ok::<_, redb::Error>((database.begin_write()?, log.clone())))?;
        // Goes before the guard, as what comes later goes first: nobody opens the file anew while this has it.
        let (mut tx, log) = begun;
        let failed = |e: redb::Error| self.health.failed(e);
        let record = {
            let during = RedbTransaction { tx: &tx, tables: OpenTables::new(), record: RefCell::new(Record::new()), health: &self.health };
            work(&during)?;
            during.record.into_inner()
        };
        if record.is_empty() {
            done();
            return tx.abort().map_err(|e| failed(e.into()));
        }
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        if !log.has_room(&record) {
            checkpoint(tx, &mut log).map_err(failed)?;
            done();
            return Ok(());
        }
        tx.set_durability(Durability::None).map_err(|e| failed(e.into()))?;
        log.append(record).map_err(|e| failed(e.into()))?;
        // As long as redb takes it in, in memory, and waits for no disk but in the rare case that its file has to grow.
        let _taking_in = self.taking_in.write().unwrap_or_else(PoisonError::into_inner);
        done();
        // It is on disk: a database that does not take it in is opened anew, and reads it from the log.
        tx.commit().map_err(|e| {
            self.health.0.store(true, Ordering::Release);
            failed(e.into())
        })
    }

    /// Begins a new lap of the log before it is full, when nobody waits for a commit; readers go on meanwhile.
    fn begin_lap_in_time(&self) {
        let begun = self.begin(|database, log| {
            let nearly_full = log.lock().unwrap_or_else(PoisonError::into_inner).is_nearly_full();
            Ok::<_, redb::Error>(if nearly_full { Some((database.begin_write()?, log.clone())) } else { None })
        });
        // A failure was logged and is remembered. What was committed is in the log, whatever became of the new lap.
        let Ok((Some((tx, log)), _open)) = begun else { return };
        if let Err(cause) = checkpoint(tx, &mut log.lock().unwrap_or_else(PoisonError::into_inner)) {
            // Nobody knows which lap the database has stored: it is opened anew, and the log goes on with that.
            self.health.0.store(true, Ordering::Release);
            self.health.failed(cause);
        }
    }
}

impl Engine for RedbEngine {
    fn snapshot(&self) -> Outcome<Box<dyn Read + '_>> {
        let (tx, open) = self.begin(|database, _| {
            let _taken_in = self.taking_in.read().unwrap_or_else(PoisonError::into_inner);
            database.begin_read()
        })?;
        Ok(Box::new(RedbSnapshot { tx, tables: OpenTables::new(), health: &self.health, _open: open }))
    }
    fn transact(&self, work: Work<'_>, done: Done<'_>) -> Outcome<()> {
        self.commit(work, done)?;
        self.begin_lap_in_time();
        Ok(())
    }
    fn close(&self) {
        let state = std::mem::replace(&mut *self.state.write().unwrap_or_else(PoisonError::into_inner), State::Closed);
        let State::Open(database, log) = state else { return };
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        let settled =
            if log.has_records() { database.begin_write().map_err(Into::into).and_then(|tx| checkpoint(tx, &mut log)) } else { Ok(()) };
        if let Err(cause) = settled.and_then(|()| Ok(database.close()?)) {
            tracing::error!(%cause, "the store was not closed in order: the next start will see to it");
        }
    }
}

/// Tables that were opened once in a snapshot or a transaction: finding one takes as long as reading a value in it.
struct OpenTables<T>(RefCell<Vec<(Table, Rc<T>)>>);

impl<T> OpenTables<T> {
    fn new() -> Self {
        Self(RefCell::new(Vec::new()))
    }

    fn get(&self, table: Table, open: impl FnOnce() -> Outcome<T>) -> Outcome<Rc<T>> {
        if let Some((_, there)) = self.0.borrow().iter().find(|(name, _)| *name == table) {
            return Ok(there.clone());
        }
        let opened = Rc::new(open()?);
        self.0.borrow_mut().push((table, opened.clone()));
        Ok(opened)
    }
}

/// None for one that is not there.
type KnownTable = Option<ReadOnlyTable<&'static [u8], &'static [u8]>>;

struct RedbSnapshot<'a> {
    tx: ReadTransaction,
    tables: OpenTables<KnownTable>,
    health: &'a Health,
    /// Goes after the transaction: fields go in order.
    _open: RwLockReadGuard<'a, ()>,
}

impl RedbSnapshot<'_> {
    fn table(&self, table: Table) -> Outcome<Rc<KnownTable>> {
        self.tables.get(table, || match self.tx.open_table(definition(table)) {
            Ok(table) => Ok(Some(table)),
            Err(TableError::TableDoesNotExist(_)) => Ok(None),
            Err(e) => Err(self.health.failed(e)),
        })
    }
}

impl Read for RedbSnapshot<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Outcome<Option<Vec<u8>>> {
        let table = self.table(table)?;
        let Some(table) = &*table else { return Ok(None) };
        Ok(table.get(key).map_err(|e| self.health.failed(e))?.map(|guard| guard.value().to_vec()))
    }
    fn scan(&self, table: Table, range: KeyRange<'_>, direction: Direction, visit: Visit<'_>) -> Outcome<()> {
        let table = self.table(table)?;
        table.as_ref().as_ref().map_or(Ok(()), |table| scan_table(table, self.health, range, direction, visit))
    }
}

type WrittenTable<'a> = redb::Table<'a, &'static [u8], &'static [u8]>;

struct RedbTransaction<'a> {
    tx: &'a WriteTransaction,
    tables: OpenTables<RefCell<WrittenTable<'a>>>,
    /// What it has done, for the log.
    record: RefCell<Record>,
    health: &'a Health,
}

impl<'a> RedbTransaction<'a> {
    fn table(&self, table: Table) -> Outcome<Rc<RefCell<WrittenTable<'a>>>> {
        self.tables.get(table, || self.tx.open_table(definition(table)).map(RefCell::new).map_err(|e| self.health.failed(e)))
    }

    /// Changes a table, which nobody may be scanning.
    fn change<T>(&self, table: Table, f: impl FnOnce(&mut WrittenTable<'a>) -> Result<T, StorageError>) -> Outcome<T> {
        let table = self.table(table)?;
        let mut table = table.try_borrow_mut().map_err(|_| Fault::logged("a table was changed while it was visited", ""))?;
        f(&mut table).map_err(|e| self.health.failed(e))
    }
}

impl Read for RedbTransaction<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Outcome<Option<Vec<u8>>> {
        let table = self.table(table)?;
        let table = table.borrow();
        let value = table.get(key).map_err(|e| self.health.failed(e))?.map(|guard| guard.value().to_vec());
        Ok(value)
    }
    fn scan(&self, table: Table, range: KeyRange<'_>, direction: Direction, visit: Visit<'_>) -> Outcome<()> {
        let table = self.table(table)?;
        scan_table(&*table.borrow(), self.health, range, direction, visit)
    }
}

impl Transaction for RedbTransaction<'_> {
    fn put(&self, table: Table, key: &[u8], value: &[u8]) -> Outcome<()> {
        self.change(table, |table| table.insert(key, value).map(drop))?;
        self.record.borrow_mut().put(table, key, value);
        Ok(())
    }
    fn delete(&self, table: Table, key: &[u8]) -> Outcome<bool> {
        let was_there = self.change(table, |table| Ok(table.remove(key)?.is_some()))?;
        if was_there {
            self.record.borrow_mut().delete(table, key);
        }
        Ok(was_there)
    }
}

fn scan_table(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    health: &Health,
    range: KeyRange<'_>,
    direction: Direction,
    visit: Visit<'_>,
) -> Outcome<()> {
    let mut pairs = table.range::<&[u8]>(range).map_err(|e| health.failed(e))?;
    loop {
        let pair = match direction {
            Direction::Forward => pairs.next(),
            Direction::Backward => pairs.next_back(),
        };
        let Some(pair) = pair else { return Ok(()) };
        let (key, value) = pair.map_err(|e| health.failed(e))?;
        if let ControlFlow::Break(()) = visit(key.value(), value.value())? {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests;
