//! `House`: what every session and front end of one server shares. Made once by the app floor.

use super::auth::nonce::Nonces;
use super::call::kept::KeptLegs;
use super::call::stages::{CallRules, NoRules};
use super::iq::PendingRequests;
use super::journal::Journal;
use super::presence::Presences;
use super::remote_documents::RemoteDocuments;
use super::rooms::Rooms;
use super::scripts::Scripts;
use super::sessions::Sessions;
use super::signals::Bindings;
use super::tasks::Tasks;
use super::throttle::Throttle;
use super::turns::Turns;
use crate::model::limits::Limits;
use crate::model::names::DomainName;
use crate::model::time::Timestamp;
use crate::store::Store;
use crate::store::workers::Workers;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

/// What of the configuration the floors below the app need to know.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The main domain.
    pub domain: DomainName,
    /// When clear-text passwords are taken without TLS.
    pub clear_text: ClearText,
    /// CRAM-MD5, DIGEST-MD5 and nonce login.
    pub legacy_mechanisms: bool,
    /// The signup operation.
    pub signup: bool,
    /// Bounds.
    pub limits: Limits,
    /// The data directory.
    pub data: PathBuf,
}

/// When clear-text passwords are taken without TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClearText {
    /// Never.
    Never,
    /// From this machine.
    Loopback,
    /// From everywhere.
    Always,
}

/// What all share. Held in an `Arc`.
pub struct House {
    settings: RwLock<Arc<Settings>>,
    /// When the server started.
    pub begun: Timestamp,
    /// The store.
    pub store: Store,
    /// Live sessions.
    pub sessions: Sessions,
    /// Those of them that take signals.
    pub signals: Bindings,
    /// What the accounts are doing, as their clients say.
    pub presences: Presences,
    /// Who knows what callees want done with calls.
    pub call_rules: Arc<dyn CallRules>,
    /// Legs of calls whose clients have lost their connections.
    pub kept_legs: KeptLegs,
    /// Applications that people write themselves.
    pub scripts: Scripts,
    /// The tasks that run.
    pub tasks: Tasks,
    /// Rooms where several write to each other.
    pub rooms: Rooms,
    /// Lines that are written into files of accounts.
    pub journal: Journal,
    /// Requests between them that wait for an answer.
    pub requests: PendingRequests,
    /// The thread for deriving keys: passwords are slow on purpose.
    pub keys: Workers,
    /// Who is next on it, of those who ask from outside.
    pub turns: Turns,
    /// Counts failed logins.
    pub throttle: Throttle,
    /// Nonces for logging in.
    pub nonces: Nonces,
    /// Documents on other servers.
    pub documents: RemoteDocuments,
    /// Where what is due in the queue is worked off: told when something was queued.
    pub queue_wake: Arc<tokio::sync::Notify>,
}

impl House {
    /// A house over a store. Starts the threads that derive keys and run scripts; fails where the system gives no thread or no random
    /// numbers.
    pub fn new(settings: Settings, store: Store) -> std::io::Result<Self> {
        Ok(Self {
            settings: RwLock::new(Arc::new(settings)),
            begun: Timestamp::now(),
            store,
            sessions: Sessions::default(),
            signals: Bindings::default(),
            presences: Presences::default(),
            call_rules: Arc::new(NoRules),
            kept_legs: KeptLegs::default(),
            scripts: Scripts::start()?,
            tasks: Tasks::default(),
            rooms: Rooms::default(),
            journal: Journal::default(),
            requests: PendingRequests::default(),
            keys: Workers::start_with_rest("keys", 1, 256, crate::format::sasl::argon2id::let_go)?,
            turns: Turns::default(),
            throttle: Throttle::default(),
            nonces: Nonces::new().map_err(std::io::Error::other)?,
            documents: RemoteDocuments::default(),
            queue_wake: Arc::default(),
        })
    }

    /// The configuration as it is now. Hold it for one request: the next may see another.
    pub fn settings(&self) -> Arc<Settings> {
        // A panic while the lock was held cannot leave it half changed: a change is one assignment.
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Another configuration holds from now on.
    pub fn reload(&self, settings: Settings) {
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
    }
}
