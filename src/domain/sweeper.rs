//! Clearing away what removed mailboxes, accounts and large files leave behind, a little to a commit, so that nobody waits for it.

use crate::model::fault::Outcome;
use crate::store::{Store, departed, files, mailboxes};

/// Messages, lists of rights, or chunks of files that are seen to in one commit.
const STEP: usize = 500;

/// Clears away all there is. Called at start and after each removal; what a stop interrupts goes on with the next call.
pub async fn sweep(store: &Store) -> Outcome<()> {
    // Lists of rights first: until they are done, the name of a removed account cannot be given anew.
    while store.write(|tx| departed::sweep(tx, STEP)).await? {}
    while store.write(|tx| mailboxes::sweep(tx, STEP)).await? {}
    while store.write(|tx| files::sweep(tx, STEP)).await? {}
    Ok(())
}
