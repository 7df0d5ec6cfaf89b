//! `Bindings`: the sessions that take signals, by account and name; and `Inbox`, what such a session has not yet heard.
//!
//! An inbox belongs to a session and lives as long; a binding is its entry in the directory and may come and go. Whoever
//! has something for a session puts it into the inbox, from any thread, and never waits: an inbox that is full refuses,
//! one that is closed says so. The session is told once and fetches all there is.
//! Spec: XIMSS, "Signaling" (signalBind, signalUnbind).

use super::access::Caller;
use super::call::actors::CallLeg;
use super::preferences::Preferences;
use super::sessions::{self, End};
use super::tell::tell_recipient;
use crate::model::call::LegName;
use crate::model::fault::{Fault, Outcome};
use crate::model::names::AccountAddress;
use crate::model::signal::{ClientId, Sdp, Signal};
use actix::{Addr, Message, Recipient};
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The most signals that wait in an inbox.
const MOST_WAITING: usize = 8_192;
/// The most bytes that they hold.
const MOST_BYTES: usize = 2 << 20;

/// Wakes a session: its inbox holds something. At most one is under way.
#[derive(Message, Debug, Clone, Copy, PartialEq, Eq)]
#[rtype(result = "()")]
pub struct SignalsWaiting;

/// Why an inbox did not take a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The session is gone.
    Gone,
    /// It does not keep up.
    Full,
}

/// What waits in an inbox.
#[derive(Clone)]
pub enum Item {
    /// Something to tell the client.
    Signal(Signal),
    /// A call rings: what the client does with it, the leg is told.
    Call(LegName, Addr<CallLeg>),
}

#[derive(Default)]
struct Waiting {
    items: VecDeque<Item>,
    bytes: usize,
    told: bool,
    closed: bool,
}

struct Shared {
    waiting: Mutex<Waiting>,
    wake: Recipient<SignalsWaiting>,
    calls: AtomicU64,
}

/// What a session has not yet heard. Cloning gives another handle.
#[derive(Clone)]
pub struct Inbox(Arc<Shared>);

impl Inbox {
    /// The inbox of a session, which is woken when something comes.
    pub fn new(wake: Recipient<SignalsWaiting>) -> Self {
        Self(Arc::new(Shared { waiting: Mutex::default(), wake, calls: AtomicU64::new(0) }))
    }

    fn with<T>(&self, f: impl FnOnce(&mut Waiting) -> T) -> T {
        // A panic while the lock was held cannot leave the queue half changed.
        f(&mut self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts a signal in.
    pub fn push(&self, signal: Signal) -> Result<(), Refused> {
        let weight = signal.weight();
        self.put(Item::Signal(signal), weight)
    }

    /// Puts a leg in whose call rings. What it has to say comes after it.
    pub fn push_call(&self, name: LegName, leg: Addr<CallLeg>) -> Result<(), Refused> {
        self.put(Item::Call(name, leg), 128)
    }

    fn put(&self, item: Item, weight: usize) -> Result<(), Refused> {
        let wake = self.with(|waiting| {
            if waiting.closed {
                return Err(Refused::Gone);
            }
            if waiting.items.len() >= MOST_WAITING || waiting.bytes + weight > MOST_BYTES {
                return Err(Refused::Full);
            }
            waiting.bytes += weight;
            waiting.items.push_back(item);
            Ok(!std::mem::replace(&mut waiting.told, true))
        })?;
        if wake {
            tell_recipient(&self.0.wake, SignalsWaiting);
        }
        Ok(())
    }

    /// A name for one more incoming call of this session.
    pub fn next_call(&self) -> LegName {
        LegName::incoming(self.0.calls.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// Takes the name of an incoming call of that number, if no call of this session has had it.
    pub fn take_number(&self, number: u64) -> bool {
        self.0.calls.fetch_max(number, Ordering::Relaxed) < number
    }

    /// Takes out what a call has to say that has been released.
    pub fn forget_call(&self, name: &LegName) {
        self.with(|Waiting { items, bytes, .. }| {
            items.retain(|item| match item {
                Item::Signal(signal @ Signal::Call(of, _)) if of == name => {
                    *bytes -= signal.weight();
                    false
                }
                _ => true,
            });
        });
    }

    /// True when both are of the same session.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Takes all there is, oldest first.
    pub fn take(&self) -> VecDeque<Item> {
        self.with(|waiting| {
            (waiting.bytes, waiting.told) = (0, false);
            std::mem::take(&mut waiting.items)
        })
    }

    /// Nothing more is taken in: the session has ended. Gives what nobody has heard.
    pub fn close(&self) -> VecDeque<Item> {
        self.with(|waiting| std::mem::replace(waiting, Waiting { closed: true, ..Waiting::default() }).items)
    }
}

/// What a session wants to hear, and how.
#[derive(Debug, Clone, Default)]
pub struct Wants {
    /// Roster and presence.
    pub presence: bool,
    /// Instant messages in the extended form.
    pub extended_im: bool,
    /// Session descriptions in their native text.
    pub sdp_text: bool,
    /// What its media engine can do; None where it did not say.
    pub capabilities: Option<Sdp>,
    /// Instant messages of the account's contacts only (the preference `RosterIMMode`, as it is when the session comes).
    pub only_contacts: bool,
    /// Others are to see that the account is in a call (the preference `AutoOnPhone`, as it is when the session comes).
    pub show_calls: bool,
    /// Its media address differs from the one it is connected from: it sits behind a NAT.
    pub far_end_nat: bool,
}

/// What is to happen when a session of the account has the name already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameTaken {
    /// The new one gets another name.
    Rename,
    /// The new one is refused.
    Refuse,
    /// The old session is ended.
    Kill,
}

/// A session that takes signals.
pub struct Binding {
    /// Whose it is.
    pub caller: Caller,
    /// The person's name.
    pub real_name: Option<String>,
    /// Its name.
    pub client: ClientId,
    /// What it wants to hear.
    pub wants: Wants,
    /// Where signals for it go.
    pub inbox: Inbox,
    end: Recipient<End>,
    serial: u64,
    /// As the account's preferences say now.
    only_contacts: AtomicBool,
    show_calls: AtomicBool,
}

impl Binding {
    fn new(applicant: Applicant, client: ClientId, serial: u64) -> Arc<Self> {
        let Applicant { caller, real_name, wants, inbox, end, .. } = applicant;
        let (only_contacts, show_calls) = (AtomicBool::new(wants.only_contacts), AtomicBool::new(wants.show_calls));
        Arc::new(Self { caller, real_name, client, wants, inbox, end, serial, only_contacts, show_calls })
    }

    /// It takes instant messages of the account's contacts only.
    pub fn takes_contacts_only(&self) -> bool {
        self.only_contacts.load(Ordering::Relaxed)
    }

    /// Others are to see that the account is in a call.
    pub fn shows_calls(&self) -> bool {
        self.show_calls.load(Ordering::Relaxed)
    }
}

#[derive(Default)]
struct Directory {
    by_account: HashMap<AccountAddress, Vec<Arc<Binding>>>,
    /// Sessions of others that take calls for an account.
    for_others: HashMap<AccountAddress, Vec<Arc<Binding>>>,
    last_serial: u64,
}

/// The directory. Cloning gives another handle.
#[derive(Clone, Default)]
pub struct Bindings(Arc<Mutex<Directory>>);

/// A session's entry; it goes when this is dropped.
pub struct Bound {
    binding: Arc<Binding>,
    /// Whose calls it takes, where it takes those of another account.
    on_behalf: Option<AccountAddress>,
    bindings: Bindings,
}

impl Bound {
    /// The entry.
    pub fn binding(&self) -> &Arc<Binding> {
        &self.binding
    }

    /// Whose calls it takes, where it takes those of another account.
    pub fn on_behalf(&self) -> Option<&AccountAddress> {
        self.on_behalf.as_ref()
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        let serial = self.binding.serial;
        self.bindings.with(|directory| match &self.on_behalf {
            Some(account) => remove(&mut directory.for_others, account, serial),
            None => remove(&mut directory.by_account, &self.binding.caller.address, serial),
        });
    }
}

/// A session that wants to take signals.
pub struct Applicant {
    /// Whose it is.
    pub caller: Caller,
    /// The person's name.
    pub real_name: Option<String>,
    /// The name it would like; None for any.
    pub client: Option<ClientId>,
    /// What it wants to hear.
    pub wants: Wants,
    /// Where signals for it go.
    pub inbox: Inbox,
    /// Ends it.
    pub end: Recipient<End>,
}

impl Bindings {
    fn with<T>(&self, f: impl FnOnce(&mut Directory) -> T) -> T {
        // A panic while the lock was held cannot leave an account half entered: each change is one insertion or removal.
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Enters a session; an entry that it has goes, unless it is refused. A generated name cannot be guessed by others of
    /// the account's correspondents.
    pub fn bind(&self, applicant: Applicant, taken: NameTaken) -> Outcome<Bound> {
        let inbox = applicant.inbox.clone();
        let wished = match applicant.client.clone() {
            Some(client) => client,
            None => sessions::new_id()?.get(..12).unwrap_or("session").parse()?,
        };
        let (binding, replaced) = self.with(|directory| {
            directory.last_serial += 1;
            let serial = directory.last_serial;
            let others = directory.by_account.entry(applicant.caller.address.clone()).or_default();
            let has = |other: &Arc<Binding>, name: &ClientId| other.client == *name && !other.inbox.is(&inbox);
            let holder = others.iter().position(|other| has(other, &wished));
            let (client, replaced) = match (holder, taken) {
                (None, _) => (wished, None),
                (Some(_), NameTaken::Refuse) => return Err(Fault::exists("a session with this clientID already exists")),
                (Some(at), NameTaken::Kill) => (wished, Some(others.remove(at))),
                (Some(_), NameTaken::Rename) => {
                    // Ends: there are fewer sessions than numbers.
                    let free = (2..).map(|number| wished.numbered(number)).find(|name| !others.iter().any(|other| has(other, name)));
                    (free.ok_or_else(Fault::internal)?, None)
                }
            };
            others.retain(|other| !other.inbox.is(&inbox));
            let binding = Binding::new(applicant, client, serial);
            others.push(binding.clone());
            Ok((binding, replaced))
        })?;
        replaced.iter().for_each(|old| tell_recipient(&old.end, End::Replaced));
        Ok(Bound { binding, on_behalf: None, bindings: self.clone() })
    }

    /// Enters a session for the calls of another account, whose rights let it. They are looked at again when it rings.
    pub fn bind_for(&self, account: AccountAddress, applicant: Applicant) -> Outcome<Bound> {
        let client = match applicant.client.clone() {
            Some(client) => client,
            None => sessions::new_id()?.get(..12).unwrap_or("session").parse()?,
        };
        let binding = self.with(|directory| {
            directory.last_serial += 1;
            let binding = Binding::new(applicant, client, directory.last_serial);
            directory.for_others.entry(account.clone()).or_default().push(binding.clone());
            binding
        });
        Ok(Bound { binding, on_behalf: Some(account), bindings: self.clone() })
    }

    /// The preferences of an account are these now: its sessions are met by others as they say.
    pub fn follow(&self, account: &AccountAddress, preferences: &Preferences) {
        let (only_contacts, show_calls) = (preferences.takes_contacts_only(), preferences.shows_calls());
        self.with(|directory| {
            let own = directory.by_account.get(account).into_iter().flatten();
            let of_it = |binding: &&Arc<Binding>| binding.caller.address == *account;
            for binding in own.chain(directory.for_others.values().flatten().filter(of_it)) {
                binding.only_contacts.store(only_contacts, Ordering::Relaxed);
                binding.show_calls.store(show_calls, Ordering::Relaxed);
            }
        });
    }

    /// Sessions of others that want to take the calls of an account.
    pub fn on_behalf_of(&self, account: &AccountAddress) -> Vec<Arc<Binding>> {
        self.with(|directory| directory.for_others.get(account).cloned().unwrap_or_default())
    }

    /// The accounts that have a session that wants to hear of presence.
    pub fn hearing_presence(&self) -> Vec<AccountAddress> {
        self.with(|directory| {
            let hears = |bindings: &[Arc<Binding>]| bindings.iter().any(|binding| binding.wants.presence);
            directory.by_account.iter().filter(|(_, bindings)| hears(bindings)).map(|(account, _)| account.clone()).collect()
        })
    }

    /// The sessions of an account, in the order in which they came.
    pub fn of(&self, account: &AccountAddress) -> Vec<Arc<Binding>> {
        self.with(|directory| directory.by_account.get(account).cloned().unwrap_or_default())
    }

    /// The session of a name.
    pub fn find(&self, account: &AccountAddress, client: &ClientId) -> Option<Arc<Binding>> {
        self.with(|directory| directory.by_account.get(account)?.iter().find(|binding| binding.client == *client).cloned())
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.with(|directory| directory.by_account.values().map(Vec::len).sum())
    }
}

fn remove(of: &mut HashMap<AccountAddress, Vec<Arc<Binding>>>, account: &AccountAddress, serial: u64) {
    let Some(bindings) = of.get_mut(account) else { return };
    bindings.retain(|binding| binding.serial != serial);
    if bindings.is_empty() {
        of.remove(account);
    }
}

#[cfg(test)]
mod tests;
