//! What commands ask of whoever holds the store: the running server, over `<data>/admin.sock`, or the command itself.
//!
//! A command is a few `AdminRequest`s; each is answered with any number of `AdminReply`s and an end. `Backend`
//! executes them; `wire` carries them, `server` and `client` are the two ends of the socket. The socket has the mode
//! 0600: whoever may open it may do everything.

pub mod client;
pub mod server;
pub mod wire;

use super::applications::{Change, Owner};
use super::preferences::Scope;
use crate::model::fault::Outcome;
use crate::model::flags::Flags;
use crate::model::names::{AccountAddress, DomainName, MailboxName};
use crate::model::time::Timestamp;
use futures_util::future::LocalBoxFuture;
use serde::{Deserialize, Serialize};
use std::fmt;
use zeroize::Zeroize;

/// A text that is not printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret(String);

impl Secret {
    /// Keeps a text from being printed.
    pub fn new(text: String) -> Self {
        Self(text)
    }
    /// The text, for whoever must have it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// What a command asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum AdminRequest {
    /// Make an account with its default mailboxes.
    AccountAdd {
        /// Its name.
        address: AccountAddress,
        /// The person's name.
        real_name: Option<String>,
        /// Whether it administers the server.
        admin: bool,
        /// Its password.
        password: Secret,
    },
    /// All accounts, each as `AdminReply::Account` with the settings of its own.
    AccountList,
    /// One account with all settings in force.
    AccountShow {
        /// Its name.
        address: AccountAddress,
    },
    /// Change settings; an empty value brings a default back.
    AccountSet {
        /// Its name.
        address: AccountAddress,
        /// Settings by name.
        settings: Vec<(String, String)>,
    },
    /// Set another password.
    AccountPassword {
        /// Its name.
        address: AccountAddress,
        /// The new password.
        password: Secret,
    },
    /// Remove an account with all it has.
    AccountRemove {
        /// Its name.
        address: AccountAddress,
    },
    /// Make a domain.
    DomainAdd {
        /// Its name.
        domain: DomainName,
    },
    /// All domains, each as `AdminReply::Domain`, the main one first.
    DomainList,
    /// Remove a domain without accounts.
    DomainRemove {
        /// Its name.
        domain: DomainName,
    },
    /// Change preferences, then show those that are set there, as `AdminReply::Preferences`.
    Preferences {
        /// Whose.
        scope: Scope,
        /// Values by name, in text form; an empty one takes the value away.
        changes: Vec<(String, String)>,
    },
    /// Change scripts, then show those that are there, as `AdminReply::Applications`.
    Applications {
        /// Whose.
        owner: Owner,
        /// What is changed.
        change: Option<Change>,
    },
    /// Store messages: one commit, answered with `AdminReply::Imported`.
    Import {
        /// Whose they become.
        account: AccountAddress,
        /// Where they go, made if it is not there; None for the account's main mailbox for what they are.
        mailbox: Option<MailboxName>,
        /// What they are, which decides the class of a mailbox that is made.
        kind: ItemKind,
        /// The messages.
        items: Vec<ImportItem>,
    },
    /// The mailboxes of an account, each as `AdminReply::Mailbox` followed by its messages as `AdminReply::Item`.
    Export {
        /// Whose.
        account: AccountAddress,
        /// Only this one.
        mailbox: Option<MailboxName>,
    },
}

/// What a request brings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum AdminReply {
    /// An account.
    Account(AccountInfo),
    /// A domain.
    Domain {
        /// Its name.
        name: DomainName,
        /// Whether it is the main one.
        main: bool,
        /// How many accounts it has.
        accounts: u64,
    },
    /// Preferences with their values in text form.
    Preferences(Vec<(String, String)>),
    /// Names of scripts, with their sizes in bytes.
    Applications(Vec<(String, u64)>),
    /// What became of an import.
    Imported {
        /// Messages that are stored.
        imported: u64,
        /// Messages that are not, and why.
        failed: Vec<Refusal>,
    },
    /// A mailbox whose items follow.
    Mailbox {
        /// Its name.
        name: MailboxName,
        /// What it holds.
        kind: ItemKind,
    },
    /// A stored message.
    Item {
        /// When it came.
        received: Timestamp,
        /// Its flags.
        flags: Flags,
        /// Its bytes.
        #[serde(with = "wire::raw")]
        data: Vec<u8>,
    },
}

/// What a mailbox holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum ItemKind {
    /// Mail.
    #[default]
    Mail,
    /// Events or tasks.
    Calendar,
    /// Persons and groups.
    Contacts,
}

/// A message to be stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportItem {
    /// Where it was found, for the report of a failure.
    pub source: String,
    /// When it came; None for the date it bears itself, else the present.
    pub received: Option<Timestamp>,
    /// Its flags.
    pub flags: Flags,
    /// Its bytes, exactly as found.
    #[serde(with = "wire::raw")]
    pub data: Vec<u8>,
}

/// A message that was not stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Where it was found.
    pub source: String,
    /// Why not.
    pub reason: String,
}

/// An account as commands show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountInfo {
    /// Its name.
    pub address: AccountAddress,
    /// The person's name.
    pub real_name: Option<String>,
    /// Whether it administers the server.
    pub admin: bool,
    /// Messages in all mailboxes.
    pub messages: u64,
    /// Bytes of all messages.
    pub bytes: u64,
    /// The login methods that what is kept of its password serves, whether or not they are offered.
    pub methods: Vec<String>,
    /// Settings by name.
    pub settings: Vec<(String, String)>,
}

/// Who takes the replies to a request.
pub trait Replies {
    /// Takes one; waits while the taker is busy.
    fn reply(&mut self, reply: AdminReply) -> LocalBoxFuture<'_, Outcome<()>>;
}

/// Who does what commands ask.
pub trait Executor {
    /// Executes a request, replying as it goes.
    fn execute<'a>(&'a self, request: AdminRequest, replies: &'a mut dyn Replies) -> LocalBoxFuture<'a, Outcome<()>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_print() {
        let address = "alice@example.test".parse().unwrap();
        let request = AdminRequest::AccountPassword { address, password: Secret::new("hunter2".into()) };
        assert!(!format!("{request:?}").contains("hunter2"));
    }
}
