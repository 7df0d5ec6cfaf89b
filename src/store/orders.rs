//! Sorted orders of a mailbox's messages: kept in memory while used, and on disk as snapshots, so that neither a
//! second view nor a restart sorts 100,000 texts again. What an order lacks since it was made is brought in by the
//! domain floor, which knows how to compare; this file only keeps.

use super::engine::{Direction, Read};
use super::keys::{self, Key};
use super::tables::ORDERS;
use super::writer::WriteTx;
use crate::model::fault::{Fault, Outcome};
use crate::model::ids::{MailboxId, Uid};
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

/// All messages of a mailbox sorted ascending by one field, ties by UID, as of one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The mailbox's next UID at that moment: messages from it on are missing.
    pub uid_next: Uid,
    /// The messages. Some may have been removed since.
    pub uids: Vec<Uid>,
}

/// Bytes of a chunk on disk: just under a power of two.
const CHUNK: usize = 65_000 / 4 * 4;
/// Bytes of all orders kept in memory together.
const MOST: usize = 8 << 20;

type Name = (MailboxId, String);

/// The orders kept in memory, least recently used ones dropped first.
#[derive(Default)]
pub struct OrderCache {
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    orders: HashMap<Name, (u64, Arc<Order>)>,
    uses: u64,
    bytes: usize,
}

impl OrderCache {
    /// The order of a field, if it is in memory.
    pub fn get(&self, mailbox: MailboxId, field: &str) -> Option<Arc<Order>> {
        // A panic while the lock was held cannot leave the map half changed, so poison is passed over here and below.
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.uses += 1;
        let uses = kept.uses;
        let (used, order) = kept.orders.get_mut(&(mailbox, field.to_owned()))?;
        *used = uses;
        Some(order.clone())
    }

    /// Keeps an order.
    pub fn put(&self, mailbox: MailboxId, field: &str, order: Arc<Order>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.uses += 1;
        let uses = kept.uses;
        kept.bytes += size(&order);
        if let Some((_, old)) = kept.orders.insert((mailbox, field.to_owned()), (uses, order)) {
            kept.bytes -= size(&old);
        }
        while kept.bytes > MOST && kept.orders.len() > 1 {
            let Some(oldest) = kept.orders.iter().min_by_key(|(_, (used, _))| *used).map(|(name, _)| name.clone()) else { return };
            if let Some((_, old)) = kept.orders.remove(&oldest) {
                kept.bytes -= size(&old);
            }
        }
    }
}

/// Bytes that keeping an order takes, its name and place included.
fn size(order: &Order) -> usize {
    order.uids.len() * 4 + 192
}

fn prefix(mailbox: MailboxId, field: &str) -> Key {
    Key::of(mailbox.0).text(field).u8(0)
}

/// The order of a field as last saved.
pub fn load(tx: &dyn Read, mailbox: MailboxId, field: &str) -> Outcome<Option<Order>> {
    let prefix = prefix(mailbox, field);
    let end = prefix.end();
    let (mut uid_next, mut uids, mut found) = (Uid(0), Vec::new(), false);
    tx.scan(ORDERS, keys::within(&prefix, &end), Direction::Forward, &mut |_, value| {
        let mut numbers = value.chunks_exact(4).filter_map(|b| b.try_into().ok()).map(u32::from_le_bytes);
        if !std::mem::replace(&mut found, true) {
            uid_next = Uid(numbers.next().ok_or_else(|| Fault::logged("a saved order is damaged", field))?);
        }
        uids.extend(numbers.map(Uid));
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(found.then_some(Order { uid_next, uids }))
}

/// Saves an order, replacing the one there was.
pub fn save(tx: &WriteTx, mailbox: MailboxId, field: &str, order: &Order) -> Outcome<()> {
    let prefix = prefix(mailbox, field);
    let end = prefix.end();
    tx.delete_range(ORDERS, keys::within(&prefix, &end))?;
    let mut bytes = Vec::with_capacity(4 + order.uids.len() * 4);
    bytes.extend_from_slice(&order.uid_next.0.to_le_bytes());
    order.uids.iter().for_each(|uid| bytes.extend_from_slice(&uid.0.to_le_bytes()));
    for (number, chunk) in bytes.chunks(CHUNK).enumerate() {
        tx.put(ORDERS, prefix.clone().u32(number as u32).bytes(), chunk)?;
    }
    Ok(())
}

/// Forgets all saved orders of a mailbox.
pub fn forget(tx: &WriteTx, mailbox: MailboxId) -> Outcome<()> {
    let prefix = Key::of(mailbox.0);
    let end = prefix.end();
    tx.delete_range(ORDERS, keys::within(&prefix, &end))
}
