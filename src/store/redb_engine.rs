//! redb as the engine. Its errors are logged here and go up as the fault "internal error".
//!
//! Once the disk has failed, redb refuses everything until the file is opened anew. So the next question after a
//! failure opens it anew: with the disk still failing it is refused too, and when the disk is well again the store is.
//! It waits for what still reads the old one, which holds the lock on the file as long.

use super::engine::{Care, Direction, Engine, KeyRange, Read, Transaction, Visit};
use super::tables::{self, Table};
use crate::model::fault::{Fault, Outcome};
use redb::{
    Database, DatabaseError, ReadOnlyTable, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition, TableError, TableHandle,
    WriteTransaction,
};
use std::collections::HashSet;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

type Definition = TableDefinition<'static, &'static [u8], &'static [u8]>;
type Source = Box<dyn Fn() -> Result<Database, DatabaseError> + Send + Sync>;

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

/// The file.
enum State {
    Open(Database),
    /// It could not be opened again after a failure.
    Lost,
    Closed,
}

/// A redb database.
pub(super) struct RedbEngine {
    state: RwLock<State>,
    /// Held by whatever goes on in the open file, as long as it does: opening it anew waits for them, closing does not.
    users: RwLock<()>,
    source: Source,
    health: Health,
}

impl RedbEngine {
    /// Opens or makes the file. `cache` is the size of the page cache in bytes; `repairing` is told the share done (0 to 1).
    pub(super) fn open(path: &Path, cache: usize, repairing: impl Fn(f64) + Send + Sync + 'static) -> Result<Self, DatabaseError> {
        let (path, repairing) = (path.to_owned(), std::sync::Arc::new(repairing));
        Self::from(Box::new(move || {
            let mut builder = Database::builder();
            builder.set_cache_size(cache);
            let repairing = repairing.clone();
            builder.set_repair_callback(move |session| repairing(session.progress()));
            builder.create(&path)
        }))
    }

    /// An engine over files that `source` opens, the first time and after each failure.
    pub(super) fn from(source: Source) -> Result<Self, DatabaseError> {
        Ok(Self { state: RwLock::new(State::Open(source()?)), users: RwLock::default(), source, health: Health::default() })
    }

    /// An engine over memory.
    #[cfg(test)]
    pub(super) fn in_memory() -> Result<Self, DatabaseError> {
        Self::from(Box::new(|| Database::builder().create_with_backend(redb::backends::InMemoryBackend::new())))
    }

    /// Begins something over the open database, which is not opened anew as long as the guard is held. The caller's thread
    /// must hold none.
    fn begin<T, E: Into<redb::Error>>(&self, f: impl FnOnce(&Database) -> Result<T, E>) -> Outcome<(T, RwLockReadGuard<'_, ()>)> {
        if self.health.0.load(Ordering::Acquire) {
            self.open_anew()?;
        }
        let user = self.users.read().unwrap_or_else(PoisonError::into_inner);
        // A panic while the lock was held cannot leave it half changed: each change is one assignment.
        let begun = match &*self.state.read().unwrap_or_else(PoisonError::into_inner) {
            State::Open(database) => f(database).map_err(|e| self.health.failed(e)),
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
        let database = (self.source)().map_err(|cause| Fault::logged("the store failed and cannot be opened again yet", cause))?;
        *state = State::Open(database);
        self.health.0.store(false, Ordering::Release);
        tracing::warn!("the store failed and has been opened again");
        Ok(())
    }

    /// Makes every table that is not there yet, so that readers find them all.
    pub(super) fn make_tables(&self) -> Outcome<()> {
        let failed = |e: redb::Error| self.health.failed(e);
        let there: HashSet<_> = {
            let (tables, _open) = self.begin(Database::begin_read)?;
            tables.list_tables().map_err(|e| failed(e.into()))?.map(|t| t.name().to_owned()).collect()
        };
        if tables::ALL.iter().all(|table| there.contains(table.0)) {
            return Ok(());
        }
        let (tx, _open) = self.begin(Database::begin_write)?;
        for table in tables::ALL {
            tx.open_table(definition(*table)).map_err(|e| failed(e.into()))?;
        }
        tx.commit().map_err(|e| failed(e.into()))
    }
}

impl Engine for RedbEngine {
    fn snapshot(&self) -> Outcome<Box<dyn Read + '_>> {
        let (tx, open) = self.begin(Database::begin_read)?;
        Ok(Box::new(RedbSnapshot { tx, health: &self.health, _open: open }))
    }
    fn transaction(&self) -> Outcome<Box<dyn Transaction + '_>> {
        let (tx, open) = self.begin(Database::begin_write)?;
        Ok(Box::new(RedbTransaction { tx, health: &self.health, _open: open }))
    }
    fn close(&self) {
        let state = std::mem::replace(&mut *self.state.write().unwrap_or_else(PoisonError::into_inner), State::Closed);
        if let State::Open(database) = state
            && let Err(cause) = database.close()
        {
            tracing::error!(%cause, "the store was not closed in order: the next start will repair it");
        }
    }
}

struct RedbSnapshot<'a> {
    tx: ReadTransaction,
    health: &'a Health,
    /// Goes after the transaction: fields go in order.
    _open: RwLockReadGuard<'a, ()>,
}

impl RedbSnapshot<'_> {
    fn table(&self, table: Table) -> Outcome<Option<ReadOnlyTable<&'static [u8], &'static [u8]>>> {
        match self.tx.open_table(definition(table)) {
            Ok(table) => Ok(Some(table)),
            Err(TableError::TableDoesNotExist(_)) => Ok(None),
            Err(e) => Err(self.health.failed(e)),
        }
    }
}

impl Read for RedbSnapshot<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Outcome<Option<Vec<u8>>> {
        let Some(table) = self.table(table)? else { return Ok(None) };
        Ok(table.get(key).map_err(|e| self.health.failed(e))?.map(|guard| guard.value().to_vec()))
    }
    fn scan(&self, table: Table, range: KeyRange<'_>, direction: Direction, visit: Visit<'_>) -> Outcome<()> {
        self.table(table)?.map_or(Ok(()), |table| scan_table(&table, self.health, range, direction, visit))
    }
}

struct RedbTransaction<'a> {
    tx: WriteTransaction,
    health: &'a Health,
    /// Goes after the transaction: fields go in order.
    _open: RwLockReadGuard<'a, ()>,
}

impl RedbTransaction<'_> {
    fn table(&self, table: Table) -> Outcome<redb::Table<'_, &'static [u8], &'static [u8]>> {
        self.tx.open_table(definition(table)).map_err(|e| self.health.failed(e))
    }
}

impl Read for RedbTransaction<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Outcome<Option<Vec<u8>>> {
        let table = self.table(table)?;
        let value = table.get(key).map_err(|e| self.health.failed(e))?.map(|guard| guard.value().to_vec());
        Ok(value)
    }
    fn scan(&self, table: Table, range: KeyRange<'_>, direction: Direction, visit: Visit<'_>) -> Outcome<()> {
        scan_table(&self.table(table)?, self.health, range, direction, visit)
    }
}

impl Transaction for RedbTransaction<'_> {
    fn put(&self, table: Table, key: &[u8], value: &[u8]) -> Outcome<()> {
        self.table(table)?.insert(key, value).map_err(|e| self.health.failed(e))?;
        Ok(())
    }
    fn delete(&self, table: Table, key: &[u8]) -> Outcome<bool> {
        let was_there = self.table(table)?.remove(key).map_err(|e| self.health.failed(e))?.is_some();
        Ok(was_there)
    }
    fn commit(self: Box<Self>, care: Care) -> Outcome<()> {
        let Self { mut tx, health, _open } = *self;
        if care == Care::ForQuickStart {
            tx.set_quick_repair(true);
        }
        tx.commit().map_err(|e| health.failed(e))
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
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[test]
    fn a_closed_store_opens_without_repair_even_while_someone_holds_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.redb");
        let repaired = Arc::new(AtomicBool::new(false));
        let open = || {
            let repaired = repaired.clone();
            let engine = RedbEngine::open(&path, 1 << 20, move |_| repaired.store(true, Ordering::Relaxed)).unwrap();
            engine.make_tables().unwrap();
            engine
        };
        let first = open();
        let tx = first.transaction().unwrap();
        tx.put(tables::META, b"k", b"v").unwrap();
        tx.commit(Care::Quick).unwrap();
        let snapshot = first.snapshot().unwrap();
        first.close();
        assert!(first.snapshot().is_err() && first.transaction().is_err());
        let second = open();
        assert_eq!(second.snapshot().unwrap().get(tables::META, b"k").unwrap(), Some(b"v".to_vec()));
        assert!(!repaired.load(Ordering::Relaxed));
        drop(snapshot);
    }
}
