//! The schema: one function per step. A newer store is refused, an older one is brought up step by step.

use super::engine::{Care, Engine};
use super::keys::Key;
use super::records;
use super::tables::META;
use super::writer::WriteTx;
use crate::model::fault::{Fault, Outcome};

/// The schema this binary writes.
pub const SCHEMA: u32 = 1;

/// Steps that lead from schema n to n + 1, in order, beginning with 1 to 2.
const STEPS: &[fn(&WriteTx) -> Outcome<()>] = &[];

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
    let tx = WriteTx::new(engine.transaction()?);
    for step in STEPS.iter().skip((from - 1) as usize) {
        step(&tx)?;
    }
    if found.is_none() {
        let mut secret = [0u8; 32];
        getrandom::fill(&mut secret).map_err(|e| Fault::logged("no random numbers", e))?;
        records::put(&tx, META, &Key::default().text("secret"), &secret)?;
    }
    records::put(&tx, META, &key, &SCHEMA)?;
    tx.commit(Care::Quick)?;
    Ok(())
}
