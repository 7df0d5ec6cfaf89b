//! Clearing away what removed mailboxes leave behind, a few messages to a commit, so that nobody waits for it.

use crate::model::fault::Outcome;
use crate::store::{Store, mailboxes};

/// Messages cleared in one commit.
const STEP: usize = 500;

/// Clears away all there is. Called at start and after each removal; what a stop interrupts goes on with the next call.
pub async fn sweep(store: &Store) -> Outcome<()> {
    while store.write(|tx| mailboxes::sweep(tx, STEP)).await? {}
    Ok(())
}
