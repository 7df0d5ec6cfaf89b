//! `Change`: what the store tells the world after a commit, in commit order.

use super::flags::Flags;
use super::ids::{AccountId, MailboxId, ModSeq, Uid};
use super::names::MailboxName;
use super::roster::RosterNews;
use super::time::Timestamp;

/// One commit's change to one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Whose data changed.
    pub account: AccountId,
    /// The account's change number after it.
    pub modseq: ModSeq,
    /// What changed.
    pub what: What,
}

/// What changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Messages of a mailbox came, went or got other flags.
    Messages {
        /// The mailbox.
        mailbox: MailboxId,
        /// Its name at that moment.
        name: MailboxName,
        /// New messages, ascending.
        added: Vec<Uid>,
        /// Messages with their new flags. The content of a message never changes.
        updated: Vec<(Uid, Flags)>,
        /// Messages that are gone, ascending.
        removed: Vec<Uid>,
    },
    /// A mailbox is gone.
    MailboxRemoved {
        /// The mailbox.
        mailbox: MailboxId,
        /// The name it had.
        name: MailboxName,
    },
    /// A mailbox was made, renamed, or its rights or class changed.
    MailboxChanged {
        /// The mailbox.
        mailbox: MailboxId,
        /// Its name now.
        name: MailboxName,
    },
    /// Something is new in the account's roster.
    Roster(RosterNews),
    /// Preferences of the account changed.
    Preferences,
    /// An alert was posted to the account.
    Alert {
        /// When.
        at: Timestamp,
        /// What it says.
        text: String,
    },
    /// The account was removed, or its password or settings changed: its sessions look again.
    Account,
}
