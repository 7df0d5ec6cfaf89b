//! redb as the engine. Its errors are logged here and go up as the fault "internal error".

use super::engine::{Care, Direction, Engine, KeyRange, Read, Transaction, Visit};
use super::tables::{self, Table};
use crate::model::fault::{Fault, Outcome};
use redb::{
    Database, ReadOnlyTable, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition, TableError, TableHandle, WriteTransaction,
};
use std::collections::HashSet;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{PoisonError, RwLock};

type Definition = TableDefinition<'static, &'static [u8], &'static [u8]>;

fn definition(table: Table) -> Definition {
    TableDefinition::new(table.0)
}

fn failed(cause: impl std::fmt::Display) -> Fault {
    Fault::logged("the store failed", cause)
}

/// A redb database; None once it is closed.
pub(super) struct RedbEngine {
    database: RwLock<Option<Database>>,
}

impl RedbEngine {
    /// Opens or makes the file. `cache` is the size of the page cache in bytes; `repairing` is told the share done (0 to 1).
    pub(super) fn open(path: &Path, cache: usize, repairing: impl Fn(f64) + Send + 'static) -> Result<Self, redb::DatabaseError> {
        let mut builder = Database::builder();
        builder.set_cache_size(cache);
        builder.set_repair_callback(move |session| repairing(session.progress()));
        Ok(Self::of(builder.create(path)?))
    }

    /// An engine over another kind of storage: memory, or one that fails on purpose.
    #[cfg(test)]
    pub(super) fn over(backend: impl redb::StorageBackend) -> Result<Self, redb::DatabaseError> {
        Ok(Self::of(Database::builder().create_with_backend(backend)?))
    }

    fn of(database: Database) -> Self {
        Self { database: RwLock::new(Some(database)) }
    }

    fn with<T, E: std::fmt::Display>(&self, f: impl FnOnce(&Database) -> Result<T, E>) -> Outcome<T> {
        // A panic while the lock was held cannot leave it half changed: the only change takes the database out.
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        f(database.as_ref().ok_or_else(Fault::closed)?).map_err(failed)
    }

    /// Makes every table that is not there yet, so that readers find them all.
    pub(super) fn make_tables(&self) -> Outcome<()> {
        let there: HashSet<_> = self.with(Database::begin_read)?.list_tables().map_err(failed)?.map(|t| t.name().to_owned()).collect();
        if tables::ALL.iter().all(|table| there.contains(table.0)) {
            return Ok(());
        }
        let tx = self.with(Database::begin_write)?;
        for table in tables::ALL {
            tx.open_table(definition(*table)).map_err(failed)?;
        }
        tx.commit().map_err(failed)
    }
}

impl Engine for RedbEngine {
    fn snapshot(&self) -> Outcome<Box<dyn Read + '_>> {
        Ok(Box::new(RedbSnapshot(self.with(Database::begin_read)?)))
    }
    fn transaction(&self) -> Outcome<Box<dyn Transaction + '_>> {
        Ok(Box::new(RedbTransaction(self.with(Database::begin_write)?)))
    }
    fn close(&self) {
        let database = self.database.write().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Err(cause)) = database.map(Database::close) {
            tracing::error!(%cause, "the store was not closed in order: the next start will repair it");
        }
    }
}

struct RedbSnapshot(ReadTransaction);

impl RedbSnapshot {
    fn table(&self, table: Table) -> Outcome<Option<ReadOnlyTable<&'static [u8], &'static [u8]>>> {
        match self.0.open_table(definition(table)) {
            Ok(table) => Ok(Some(table)),
            Err(TableError::TableDoesNotExist(_)) => Ok(None),
            Err(e) => Err(failed(e)),
        }
    }
}

impl Read for RedbSnapshot {
    fn get(&self, table: Table, key: &[u8]) -> Outcome<Option<Vec<u8>>> {
        let Some(table) = self.table(table)? else { return Ok(None) };
        Ok(table.get(key).map_err(failed)?.map(|guard| guard.value().to_vec()))
    }
    fn scan(&self, table: Table, range: KeyRange<'_>, direction: Direction, visit: Visit<'_>) -> Outcome<()> {
        self.table(table)?.map_or(Ok(()), |table| scan_table(&table, range, direction, visit))
    }
}

struct RedbTransaction(WriteTransaction);

impl Read for RedbTransaction {
    fn get(&self, table: Table, key: &[u8]) -> Outcome<Option<Vec<u8>>> {
        let table = self.0.open_table(definition(table)).map_err(failed)?;
        let value = table.get(key).map_err(failed)?.map(|guard| guard.value().to_vec());
        Ok(value)
    }
    fn scan(&self, table: Table, range: KeyRange<'_>, direction: Direction, visit: Visit<'_>) -> Outcome<()> {
        let table = self.0.open_table(definition(table)).map_err(failed)?;
        scan_table(&table, range, direction, visit)
    }
}

impl Transaction for RedbTransaction {
    fn put(&self, table: Table, key: &[u8], value: &[u8]) -> Outcome<()> {
        let mut table = self.0.open_table(definition(table)).map_err(failed)?;
        table.insert(key, value).map_err(failed)?;
        Ok(())
    }
    fn delete(&self, table: Table, key: &[u8]) -> Outcome<bool> {
        let mut table = self.0.open_table(definition(table)).map_err(failed)?;
        let was_there = table.remove(key).map_err(failed)?.is_some();
        Ok(was_there)
    }
    fn commit(self: Box<Self>, care: Care) -> Outcome<()> {
        let mut tx = self.0;
        if care == Care::ForQuickStart {
            tx.set_quick_repair(true);
        }
        tx.commit().map_err(failed)
    }
}

fn scan_table(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    range: KeyRange<'_>,
    direction: Direction,
    visit: Visit<'_>,
) -> Outcome<()> {
    let mut pairs = table.range::<&[u8]>(range).map_err(failed)?;
    loop {
        let pair = match direction {
            Direction::Forward => pairs.next(),
            Direction::Backward => pairs.next_back(),
        };
        let Some(pair) = pair else { return Ok(()) };
        let (key, value) = pair.map_err(failed)?;
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
