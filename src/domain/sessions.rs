//! `Sessions`: the live sessions of this server, by the ID that their URLs carry, counted per account.
//!
//! A session of any front end registers itself with recipients for what HTTP may ask of it, so that the front ends
//! need not know each other. IDs carry 160 random bits; they are looked up by their SHA-256, so that the time of a
//! lookup says nothing about how much of an ID was right.

use super::access::Caller;
use super::tell::Line;
use super::uploads::Upload;
use crate::model::fault::{Fault, Outcome};
use crate::model::ids::{AccountId, BlobId, MailboxId, Uid};
use crate::model::time::Timestamp;
use actix::Message;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use std::any::Any;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Asks a session for the stored bytes of a message in one of its open folders.
#[derive(Message)]
#[rtype(result = "Outcome<BlobId>")]
pub struct FindMessage {
    /// The folder, by the session's name for it.
    pub folder: String,
    /// The message's UID.
    pub uid: u32,
}

/// Asks a session what it has open under a name.
#[derive(Message)]
#[rtype(result = "Outcome<Opened>")]
pub struct FindOpen {
    /// The session's name for it.
    pub name: String,
}

/// What a session has open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// A folder, and the messages it shows, in order.
    Folder {
        /// Its mailbox.
        mailbox: MailboxId,
        /// The messages.
        uids: Vec<Uid>,
    },
    /// A calendar over a mailbox.
    Calendar {
        /// Its mailbox.
        mailbox: MailboxId,
    },
}

/// Gives a session a file for its "uploaded file set".
#[derive(Message)]
#[rtype(result = "Outcome<()>")]
pub struct AddUpload {
    /// The client's ID for it.
    pub id: String,
    /// The file.
    pub upload: Upload,
}

/// Asks a session for one of its uploaded files.
#[derive(Message)]
#[rtype(result = "Outcome<Upload>")]
pub struct FindUpload {
    /// The client's ID for it.
    pub id: String,
}

/// Ends a session.
#[derive(Message, Debug, Clone, Copy, PartialEq, Eq)]
#[rtype(result = "()")]
pub enum End {
    /// At once and without ceremony.
    Kill,
    /// The server is going down: the client is told so first.
    ShuttingDown,
    /// The same person has begun another session and wants this one gone: the client hears of the end.
    Replaced,
}

/// What a session lives by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// By its connection, and ends with it.
    Connection,
    /// By the time: it outlives its connections until it has been idle for too long.
    Web,
}

/// What a request must show beside a session's ID.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Guard {
    /// The network address it must come from (the preference `IPWatch`); None for any.
    pub address: Option<IpAddr>,
    /// The SHA-256 of the cookie it must bring (the preference `UseCookie`); None for none.
    pub cookie: Option<[u8; 32]>,
}

impl Guard {
    /// A guard that wants this cookie.
    pub fn with_cookie(self, cookie: &str) -> Self {
        Self { cookie: Some(digest(cookie)), ..self }
    }

    /// Whether a request from there (None: unknown), with cookies of these values, may pass. A machine is the same
    /// whichever of its loopback addresses it speaks from.
    pub fn admits<'a>(&self, from: Option<IpAddr>, mut cookies: impl Iterator<Item = &'a str>) -> bool {
        let same = |watched: IpAddr, from: IpAddr| watched == from || (watched.is_loopback() && from.is_loopback());
        let right_place = self.address.is_none_or(|watched| from.is_some_and(|from| same(watched.to_canonical(), from.to_canonical())));
        // Compared by their digests, so that the time it takes says nothing.
        right_place && self.cookie.is_none_or(|wanted| cookies.any(|cookie| digest(cookie) == wanted))
    }
}

/// How to reach a session from outside it.
#[derive(Clone)]
pub struct Reach {
    /// Whose session it is.
    pub caller: Caller,
    /// The client's network address at login.
    pub address: IpAddr,
    /// When it began.
    pub since: Timestamp,
    /// What it lives by.
    pub kind: Kind,
    /// What requests must show beside the ID.
    pub guard: Guard,
    /// What the front end that made the session knows it by; nobody else can make anything of it.
    pub front: Arc<dyn Any + Send + Sync>,
    /// Takes questions for messages.
    pub find_message: Line<FindMessage>,
    /// Takes questions for what is open.
    pub find_open: Line<FindOpen>,
    /// Takes files.
    pub add_upload: Line<AddUpload>,
    /// Takes questions for files.
    pub find_upload: Line<FindUpload>,
    /// Takes the end.
    pub end: Line<End>,
}

type Digested = [u8; 32];

#[derive(Default)]
struct Live {
    by_id: HashMap<Digested, Box<Reach>>,
    per_account: HashMap<AccountId, usize>,
}

/// The live sessions. Cloning gives another handle.
#[derive(Clone, Default)]
pub struct Sessions {
    live: Arc<Mutex<Live>>,
}

/// A session's entry; it goes when this is dropped.
pub struct Registration {
    id: Digested,
    account: AccountId,
    sessions: Sessions,
}

/// What a session is known by where its ID must not be: the SHA-256 of the ID.
pub fn digest(id: &str) -> Digested {
    Sha256::digest(id.as_bytes()).into()
}

/// A fresh session ID: letters, digits, `-` and `_`.
pub fn new_id() -> Outcome<String> {
    let mut random = [0u8; 20];
    getrandom::fill(&mut random).map_err(|e| Fault::logged("no random numbers", e))?;
    Ok(URL_SAFE_NO_PAD.encode(random))
}

impl Sessions {
    fn with<T>(&self, f: impl FnOnce(&mut Live) -> T) -> T {
        // A panic while the lock was held cannot leave the maps half changed: each change is one insertion or removal.
        f(&mut self.live.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Enters a session; refused when the account has `most` already.
    pub fn register(&self, id: &str, reach: Reach, most: usize) -> Outcome<Registration> {
        let (digest, account) = (digest(id), reach.caller.account);
        self.with(|live| {
            let count = live.per_account.entry(account).or_default();
            if *count >= most {
                return Err(Fault::state("too many sessions of this account"));
            }
            *count += 1;
            live.by_id.insert(digest, Box::new(reach));
            Ok(Registration { id: digest, account, sessions: self.clone() })
        })
    }

    /// The session of an ID.
    pub fn find(&self, id: &str) -> Option<Reach> {
        let digest = digest(id);
        self.with(|live| live.by_id.get(&digest).map(|reach| Reach::clone(reach)))
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.with(|live| live.by_id.len())
    }

    /// Ends the sessions of an account, or all.
    pub fn end(&self, of: Option<AccountId>, how: End) {
        let those: Vec<_> = self.with(|live| {
            let fits = live.by_id.values().filter(|r| of.is_none_or(|account| r.caller.account == account));
            fits.map(|r| r.end.clone()).collect()
        });
        those.iter().for_each(|session| session.tell(how));
    }

    /// Takes an account's sessions of one kind out and ends them: from now on their IDs are unknown and they do not
    /// count, whenever they get round to ending.
    pub fn replace(&self, account: AccountId, kind: Kind) {
        let those: Vec<Box<Reach>> = self.with(|live| {
            let out: Vec<_> = live.by_id.extract_if(|_, reach| reach.caller.account == account && reach.kind == kind).collect();
            out.iter().for_each(|_| live.forget(account));
            out.into_iter().map(|(_, reach)| reach).collect()
        });
        those.iter().for_each(|reach| reach.end.tell(End::Replaced));
    }
}

impl Registration {
    /// From now on requests must show this beside the ID.
    pub fn set_guard(&self, guard: Guard) {
        self.sessions.with(|live| {
            if let Some(reach) = live.by_id.get_mut(&self.id) {
                reach.guard = guard;
            }
        });
    }
}

impl Live {
    /// One session of the account less.
    fn forget(&mut self, account: AccountId) {
        if let Some(count) = self.per_account.get_mut(&account) {
            *count -= 1;
            if *count == 0 {
                self.per_account.remove(&account);
            }
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.sessions.with(|live| {
            // One that was replaced has been taken out already.
            if live.by_id.remove(&self.id).is_some() {
                live.forget(self.account);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix::{Actor, Context, Handler};

    #[test]
    fn a_guard_wants_the_place_and_the_cookie() {
        let ip = |text: &str| Some(text.parse::<IpAddr>().unwrap());
        let open = Guard::default();
        assert!(open.admits(None, [].into_iter()));
        let tied = Guard { address: ip("192.0.2.1"), cookie: None };
        assert!(tied.admits(ip("::ffff:192.0.2.1"), [].into_iter()));
        assert!(!tied.admits(ip("192.0.2.2"), [].into_iter()) && !tied.admits(None, [].into_iter()));
        let near = Guard { address: ip("127.0.0.1"), cookie: None };
        assert!(near.admits(ip("::1"), [].into_iter()) && !near.admits(ip("192.0.2.1"), [].into_iter()));
        let both = tied.with_cookie("right");
        assert!(both.admits(ip("192.0.2.1"), ["other", "right"].into_iter()));
        assert!(!both.admits(ip("192.0.2.1"), ["Right"].into_iter()) && !both.admits(ip("192.0.2.2"), ["right"].into_iter()));
    }

    /// Hears how it is to end.
    #[derive(Default)]
    struct Somebody(Arc<Mutex<Vec<End>>>);
    impl Actor for Somebody {
        type Context = Context<Self>;
    }
    impl Handler<End> for Somebody {
        type Result = ();
        fn handle(&mut self, how: End, _: &mut Self::Context) {
            self.0.lock().unwrap().push(how);
        }
    }
    impl Handler<FindMessage> for Somebody {
        type Result = Outcome<BlobId>;
        fn handle(&mut self, _: FindMessage, _: &mut Self::Context) -> Self::Result {
            Err(Fault::no_message())
        }
    }
    impl Handler<FindOpen> for Somebody {
        type Result = Outcome<Opened>;
        fn handle(&mut self, _: FindOpen, _: &mut Self::Context) -> Self::Result {
            Err(Fault::state("no open folder with this name"))
        }
    }
    impl Handler<AddUpload> for Somebody {
        type Result = Outcome<()>;
        fn handle(&mut self, _: AddUpload, _: &mut Self::Context) -> Self::Result {
            Ok(())
        }
    }
    impl Handler<FindUpload> for Somebody {
        type Result = Outcome<Upload>;
        fn handle(&mut self, _: FindUpload, _: &mut Self::Context) -> Self::Result {
            Err(Fault::not_found("no file"))
        }
    }

    #[test]
    fn sessions_that_are_replaced_make_room_at_once() {
        actix::System::new().block_on(async {
            let sessions = Sessions::default();
            let heard = Arc::<Mutex<Vec<End>>>::default();
            let enter = |id: &str, account: u64, kind: Kind| {
                let somebody = Somebody(heard.clone()).start();
                let reach = Reach {
                    caller: Caller { account: AccountId(account), address: "a@home.test".parse().unwrap() },
                    address: IpAddr::from([127, 0, 0, 1]),
                    since: Timestamp::now(),
                    kind,
                    guard: Guard::default(),
                    front: Arc::new(()),
                    find_message: Line::to(&somebody),
                    find_open: Line::to(&somebody),
                    add_upload: Line::to(&somebody),
                    find_upload: Line::to(&somebody),
                    end: Line::to(&somebody),
                };
                sessions.register(id, reach, 2)
            };
            let old = enter("old", 1, Kind::Web).unwrap();
            let connection = enter("connection", 1, Kind::Connection).unwrap();
            let other = enter("other", 2, Kind::Web).unwrap();
            assert!(enter("one too many", 1, Kind::Web).is_err());
            sessions.replace(AccountId(1), Kind::Web);
            assert!(sessions.find("old").is_none() && sessions.find("connection").is_some() && sessions.find("other").is_some());
            let new = enter("new", 1, Kind::Web).unwrap();
            drop(old);
            assert!(enter("one too many", 1, Kind::Web).is_err(), "one that was replaced does not count twice");
            while heard.lock().unwrap().is_empty() {
                tokio::task::yield_now().await;
            }
            assert_eq!(heard.lock().unwrap().as_slice(), [End::Replaced]);
            drop((connection, other, new));
            assert_eq!(sessions.count(), 0);
        });
    }
}
