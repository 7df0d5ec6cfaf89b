//! Meetings on disk, by account, set and name.
//!
//! Spec: XIMSS, "Real-Time Application Management" (taskCreateMeeting, taskFindMeeting).

use super::engine::{Direction, Read};
use super::keys::{self, Key};
use super::records;
use super::tables::MEETINGS;
use super::writer::WriteTx;
use crate::model::fault::Outcome;
use crate::model::ids::AccountId;
use crate::model::task::Meeting;
use crate::model::time::Timestamp;
use std::ops::ControlFlow;

fn key(account: AccountId, set: &str, name: &str) -> Key {
    Key::of(account.0).text(set).text(name)
}

/// A meeting, whether its time is over or not.
pub fn get(tx: &dyn Read, account: AccountId, set: &str, name: &str) -> Outcome<Option<Meeting>> {
    records::get(tx, MEETINGS, &key(account, set, name))
}

/// Keeps a meeting.
pub fn put(tx: &WriteTx, account: AccountId, set: &str, name: &str, meeting: &Meeting) -> Outcome<()> {
    records::put(tx, MEETINGS, &key(account, set, name), meeting)
}

/// Forgets a meeting; false where there was none.
pub fn remove(tx: &WriteTx, account: AccountId, set: &str, name: &str) -> Outcome<bool> {
    tx.delete(MEETINGS, key(account, set, name).bytes())
}

/// Forgets an account's meetings whose time is over. Gives how many are left.
pub fn sweep(tx: &WriteTx, account: AccountId, now: Timestamp) -> Outcome<usize> {
    let prefix = Key::of(account.0);
    let (mut over, mut left) = (Vec::new(), 0);
    tx.scan(MEETINGS, keys::within(&prefix, &prefix.end()), Direction::Forward, &mut |key, value| {
        if records::decode::<Meeting>(value)?.expires <= now {
            over.push(key.to_vec())
        } else {
            left += 1
        }
        Ok(ControlFlow::Continue(()))
    })?;
    for key in over {
        tx.delete(MEETINGS, &key)?;
    }
    Ok(left)
}

/// Forgets all meetings of an account: it is gone.
pub fn forget(tx: &WriteTx, account: AccountId) -> Outcome<()> {
    let prefix = Key::of(account.0);
    tx.delete_range(MEETINGS, keys::within(&prefix, &prefix.end()))
}
