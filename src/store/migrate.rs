//! The schema: one function per step. A newer store is refused, an older one is brought up step by step.

use super::engine::{Direction, Engine, Read, Transaction};
use super::keys::{self, Key};
use super::ledger;
use super::records;
use super::tables::{BLOBS, LEDGER, META, Table};
use super::writer::WriteTx;
use crate::model::fault::{Fault, Outcome};
use crate::model::ids::{MailboxId, Uid};
use std::ops::{Bound, ControlFlow};

/// The schema this binary writes.
pub const SCHEMA: u32 = 3;

/// Steps that lead from schema n to n + 1, in order, beginning with 1 to 2.
const STEPS: &[fn(&WriteTx) -> Outcome<()>] = &[gather, log_ahead];

/// Why the schema cannot be brought up.
pub(super) enum Failure {
    Newer(u32),
    Failed(Fault),
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Failed(fault)
    }
}

/// Brings the schema to `SCHEMA`, marking a new store with it and giving it its secret.
pub(super) fn run(engine: &dyn Engine) -> Result<(), Failure> {
    let key = Key::default().text("schema");
    let found: Option<u32> = records::get(&*engine.snapshot()?, META, &key)?;
    let from = match found {
        Some(SCHEMA) => return Ok(()),
        Some(newer) if newer > SCHEMA => return Err(Failure::Newer(newer)),
        Some(older) => older,
        None => SCHEMA,
    };
    let mut migrate = |tx: &dyn Transaction| {
        let tx = WriteTx::new(tx);
        for step in STEPS.iter().skip((from - 1) as usize) {
            step(&tx)?;
        }
        if found.is_none() {
            let mut secret = [0u8; 32];
            getrandom::fill(&mut secret).map_err(|e| Fault::logged("no random numbers", e))?;
            records::put(&tx, META, &Key::default().text("secret"), &secret)?;
        }
        records::put(&tx, META, &key, &SCHEMA)
    };
    Ok(engine.transact(&mut migrate, &mut || ())?)
}

/// 1 to 2: what an append changes lies together. Envelopes and counters of mailboxes stand in the ledger, and what is
/// known of a blob before its bytes.
fn gather(tx: &WriteTx) -> Outcome<()> {
    let mailbox = |key: &[u8]| MailboxId(keys::u64_at(key, 0));
    move_rows(tx, Table("envelopes"), LEDGER, |key| ledger::envelope_key(mailbox(key), Uid(keys::u32_at(key, 8))))?;
    move_rows(tx, Table("mailbox_state"), LEDGER, |key| ledger::state_key(mailbox(key)))?;
    move_rows(tx, Table("blob_info"), BLOBS, |key| Key::of(keys::u64_at(key, 0)))
}

/// 2 to 3: commits stand in the write-ahead log first. No row changes, but a binary that does not know of the log must not
/// open the store: it would miss what only the log has.
fn log_ahead(_: &WriteTx) -> Outcome<()> {
    Ok(())
}

/// Moves all rows of a table to other keys of another, some thousands at a time.
fn move_rows(tx: &WriteTx, from: Table, to: Table, new_key: impl Fn(&[u8]) -> Key) -> Outcome<()> {
    loop {
        let mut rows = Vec::new();
        tx.scan(from, (Bound::Unbounded, Bound::Unbounded), Direction::Forward, &mut |key, value| {
            rows.push((key.to_vec(), value.to_vec()));
            Ok(if rows.len() < 4096 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })?;
        if rows.is_empty() {
            return Ok(());
        }
        for (key, value) in rows {
            tx.put(to, new_key(&key).bytes(), &value)?;
            tx.delete(from, &key)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::redb_engine::RedbEngine;
    use super::*;

    #[test]
    fn rows_of_the_first_schema_are_found_where_the_second_has_them() {
        let engine = RedbEngine::in_memory().unwrap();
        engine.make_tables().unwrap();
        let schema = Key::default().text("schema");
        let first_schema = |tx: &dyn Transaction| {
            let tx = WriteTx::new(tx);
            records::put(&tx, META, &schema, &1u32)?;
            for uid in 1..10_000 {
                tx.put(Table("envelopes"), Key::of(7).u32(uid).bytes(), &uid.to_be_bytes())?;
            }
            tx.put(Table("mailbox_state"), Key::of(7).bytes(), b"state")?;
            tx.put(Table("blob_info"), Key::of(9).bytes(), b"info")
        };
        engine.transact(&mut |tx| first_schema(tx), &mut || ()).unwrap();
        assert!(run(&engine).is_ok());
        let now = engine.snapshot().unwrap();
        for uid in 1..10_000u32 {
            let value = now.get(LEDGER, ledger::envelope_key(MailboxId(7), Uid(uid)).bytes()).unwrap();
            assert_eq!(value, Some(uid.to_be_bytes().to_vec()));
        }
        assert_eq!(now.get(LEDGER, ledger::state_key(MailboxId(7)).bytes()).unwrap(), Some(b"state".to_vec()));
        assert_eq!(now.get(BLOBS, Key::of(9).bytes()).unwrap(), Some(b"info".to_vec()));
        assert_eq!(now.get(Table("envelopes"), Key::of(7).u32(1).bytes()).unwrap(), None);
        assert_eq!(records::get(&*now, META, &schema).unwrap(), Some(SCHEMA));
    }
}
