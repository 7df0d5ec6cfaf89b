//! Rows of calendars kept in memory while they are used: a find that comes again reads nothing but the head of the
//! index. Bounded in bytes; what was not asked for the longest goes first, and what is larger than half of the
//! room is not kept at all.

use super::calendars::{self, Head, Part, Rows};
use super::engine::Read;
use crate::model::fault::Outcome;
use crate::model::ids::MailboxId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of all rows kept together.
const MOST: usize = 16 << 20;
/// What keeping a part costs beside its rows.
const OVERHEAD: usize = 160;

type Name = (MailboxId, Part);

/// The rows kept in memory.
#[derive(Default)]
pub struct CalendarCache {
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    parts: HashMap<Name, One>,
    uses: u64,
    bytes: usize,
}

struct One {
    used: u64,
    change: u64,
    bytes: usize,
    rows: Rows,
}

impl CalendarCache {
    /// The rows of a part as this head has them, from memory or from the store.
    pub fn rows(&self, tx: &dyn Read, mailbox: MailboxId, head: &Head, part: Part) -> Outcome<Rows> {
        if let Some(rows) = self.get((mailbox, part), head.change) {
            return Ok(rows);
        }
        let rows = Arc::new(calendars::part(tx, mailbox, part)?);
        self.put((mailbox, part), head.change, &rows);
        Ok(rows)
    }

    fn get(&self, name: Name, change: u64) -> Option<Rows> {
        // A panic while the lock was held cannot leave the map half changed, so poison is passed over here and below.
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.uses += 1;
        let uses = kept.uses;
        let one = kept.parts.get_mut(&name).filter(|one| one.change == change)?;
        one.used = uses;
        Some(one.rows.clone())
    }

    fn put(&self, name: Name, change: u64, rows: &Rows) {
        let bytes = OVERHEAD + rows.iter().map(|row| row.weight()).sum::<usize>();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.forget(&name);
        if bytes > MOST / 2 {
            return;
        }
        kept.uses += 1;
        kept.bytes += bytes;
        let used = kept.uses;
        kept.parts.insert(name, One { used, change, bytes, rows: rows.clone() });
        while kept.bytes > MOST {
            let Some(oldest) = kept.parts.iter().min_by_key(|(_, one)| one.used).map(|(name, _)| *name) else { return };
            kept.forget(&oldest);
        }
    }
}

impl Kept {
    fn forget(&mut self, name: &Name) {
        if let Some(old) = self.parts.remove(name) {
            self.bytes -= old.bytes;
        }
    }
}
