//! Identifiers. Each is a type of its own so that one is never passed for another.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident($of:ty);)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        pub struct $name(pub $of);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

ids! {
    /// An account of this server. Never reused.
    AccountId(u64);
    /// A mailbox, unique on the server and never reused; a renamed mailbox keeps it.
    MailboxId(u64);
    /// A message's number in its mailbox (`UID`), ascending, never reused within a UIDVALIDITY.
    Uid(u32);
    /// A stored item's number in its account, from 256 up, never reused. A copy is a new item.
    ItemId(u64);
    /// A change number of an account: every commit that changes its mail takes the next one.
    ModSeq(u64);
    /// The stored bytes of a message; several messages may share one blob.
    BlobId(u64);
    /// An entry of the outgoing queue.
    QueueId(u64);
}

impl Uid {
    /// The following number; saturates, and an exhausted mailbox refuses appends.
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}
