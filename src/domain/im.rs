//! Where an instant message goes: to the sessions of its addressee that take signals, else to the store to wait for one.
//!
//! Messages between two sessions keep their order: what can be handed over is handed over at once, and what must wait
//! is queued with the writer in the order in which it was sent (`Order`). The sender hears only of failures. A message of
//! a stranger (`domain::strangers`) does not wait: he would learn that there is somebody for whom it does. He is told in
//! time that it reached nobody, whether there is such an account or not.
//! Spec: XIMSS, "Instant Messaging"; RFC 6121 8.5 (messages to an account and to one of its sessions).

use super::access::Caller;
use super::house::House;
use super::journal::{Kind, file_of};
use super::preferences::Preferences;
use super::rooms::room::Occupant;
use super::roster;
use super::signals::{Binding, Inbox, Refused};
use super::strangers::{self, Standing, standing};
use crate::model::fault::{Fault, Outcome};
use crate::model::im::{ChatState, HandedIm, ImContent, ImFailure, InstantMessage};
use crate::model::names::{AccountAddress, Address};
use crate::model::signal::{ClientId, Signal, SignalFailure};
use crate::model::time::Timestamp;
use crate::store::{Read, WriteTx, accounts, offline};
use futures_util::FutureExt;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use tokio::sync::Mutex;

/// The most bytes of one message.
pub const MOST_BYTES: usize = 64 << 10;
/// The most conversations that a session remembers.
const MOST_CONVERSATIONS: usize = 256;

/// A message to be sent.
#[derive(Debug, Clone)]
pub struct Sending {
    /// To whom.
    pub to: Address,
    /// To which of that account's sessions; None for all.
    pub client: Option<ClientId>,
    /// The message.
    pub message: InstantMessage,
    /// The `id` of the request, which a failure repeats.
    pub request: Option<String>,
}

/// What became of a message at the sessions of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Handed {
    /// A session has it.
    Over,
    /// There is none.
    Nobody,
    /// There are, and none has room.
    NoRoom,
}

/// Hands a message to the session of a name; where that is gone or none is named, to all sessions of the account. What
/// is for a room is for no user, and a failure is for nobody but the one that it is told.
fn hand_over(sessions: &[Arc<Binding>], client: Option<&ClientId>, message: &InstantMessage) -> Handed {
    let named = client.and_then(|client| sessions.iter().find(|binding| binding.client == *client));
    let kind = message.kind.as_deref().unwrap_or("chat");
    let reached = match named {
        _ if kind.eq_ignore_ascii_case("groupchat") => &[],
        Some(named) => std::slice::from_ref(named),
        None if kind.eq_ignore_ascii_case("error") => &[],
        None => sessions,
    };
    if reached.is_empty() {
        return Handed::Nobody;
    }
    let mut handed = Handed::Nobody;
    let shared = Arc::new(HandedIm::new(message.clone(), Timestamp::now()));
    for binding in reached {
        match binding.inbox.push(Signal::Im(shared.clone())) {
            Ok(()) => handed = Handed::Over,
            Err(Refused::Full) if handed == Handed::Nobody => handed = Handed::NoRoom,
            Err(_) => {}
        }
    }
    // A session that ended at once could not put back what was still held here.
    if handed == Handed::Over && shared.unheard().is_some() { Handed::Nobody } else { handed }
}

/// What a session that has ended has not brought to its client waits for the next.
pub fn put_back(house: Arc<House>, owner: Caller, unheard: Vec<InstantMessage>) {
    // Outside the threads of actors the server has ended, and its store with it.
    if unheard.is_empty() || actix::Arbiter::try_current().is_none() {
        return;
    }
    begin(async move {
        let (account, address) = (owner.account, owner.address.clone());
        let kept = house.store.write(move |tx| {
            let owner = Caller { account, address: address.clone() };
            if !Preferences::read(tx, &owner)?.get("DelayedIM").is_some_and(|value| value.is_yes()) {
                return Ok(());
            }
            // What does not fit is lost, as it would have been had it come later.
            unheard.iter().try_for_each(|message| offline::keep(tx, account, message).map(drop))
        });
        // After a fault, which the store has logged, there is nothing to hand out.
        if kept.await.is_ok()
            && let Some(binding) = house.signals.of(&owner.address).first()
        {
            let _ = hand_out_waiting(&house, &binding.caller, &binding.inbox).await;
        }
    });
}

/// Begins to do something at once, and goes on with it beside what else this thread does: what need not wait is done when
/// this returns, and what asks the store has asked it.
pub fn begin(work: impl Future<Output = ()> + 'static) {
    let mut work = Box::pin(work);
    if work.as_mut().now_or_never().is_none() {
        actix::spawn(work);
    }
}

/// The order in which one session or task sends. A message has its turn until it is with its addressee or has been
/// given to the writer: questions to the store are asked one after the other, and messages that wait are still committed
/// together. Cloning gives another handle.
#[derive(Debug, Clone, Default)]
pub struct Order(Arc<Mutex<()>>);

/// Sends a message, in its order. What fails is said in `failures`, later; a message that must wait is on disk when this
/// ends.
pub async fn send(house: &House, failures: &Inbox, order: &Order, sending: Sending) {
    let failed = match try_to_send(house, order, &sending).await {
        Err(failure) if !sending.message.fails_silently() => failure,
        _ => return,
    };
    let failure = ImFailure { to: sending.to, code: failed.code, text: failed.text, request: sending.request };
    // A sender that is gone does not hear of it.
    let _ = failures.push(Signal::ImFailed(failure));
}

async fn try_to_send(house: &House, order: &Order, sending: &Sending) -> Result<(), SignalFailure> {
    if sending.message.weight() > MOST_BYTES {
        return Err(SignalFailure::new(413, "message is too large"));
    }
    let to = sending.to.account().ok_or_else(strangers::nobody)?;
    if let Some(said) = say_in_room(house, &to, sending) {
        return said;
    }
    let turn = order.0.lock().await;
    let sessions = house.signals.of(&to);
    let mut welcome = true;
    if sessions.iter().any(|binding| binding.takes_contacts_only()) {
        let (to, from) = (to.clone(), sending.message.from.clone());
        let asked = house.store.read(move |tx| is_welcome(tx, &to, &from)).await;
        welcome = asked.map_err(|fault| SignalFailure::new(500, fault.text))?;
    }
    let handed = if welcome { hand_over(&sessions, sending.client.as_ref(), &sending.message) } else { Handed::Nobody };
    if handed == Handed::Over {
        note(house, &to, &sending.message);
        return Ok(());
    }
    // What fails, fails there, whatever the reason: as late for one as for the other.
    let message = InstantMessage { waited_since: Some(Timestamp::now()), ..sending.message.clone() };
    let addressee = to.clone();
    let mut waiting = pin!(house.store.write(move |tx| wait(tx, &addressee, &message, handed)));
    // The first step gives it to the writer, or queues for a place there.
    let done = waiting.as_mut().now_or_never();
    drop(turn);
    let waited = match done {
        Some(done) => done,
        None => waiting.await,
    };
    let waited = waited.unwrap_or_else(|fault| Err(SignalFailure::new(500, fault.text)));
    if waited.is_ok() {
        note(house, &to, &sending.message);
        // A session that came while the message was being stored has looked for waiting ones too early.
        if let Some(binding) = house.signals.of(&to).first() {
            let handed = hand_out_waiting(house, &binding.caller, &binding.inbox).await;
            return handed.map_err(|fault| SignalFailure::new(500, fault.text));
        }
    }
    waited
}

/// Says it in the room of that address; None where there is none.
fn say_in_room(house: &House, room: &AccountAddress, sending: &Sending) -> Option<Result<(), SignalFailure>> {
    if !house.rooms.is_one(room) {
        return None;
    }
    let who = sending.message.from.account().zip(sending.message.from_client.clone());
    let Some((account, client)) = who else { return Some(Err(SignalFailure::new(403, "only who is in the room can speak there"))) };
    let who = Occupant { account, client };
    house.rooms.message(&house.signals, room, &who, sending.client.as_ref(), &sending.message, Timestamp::now())
}

/// A message that has reached its account, or waits for it, is noted on both sides.
fn note(house: &House, to: &AccountAddress, message: &InstantMessage) {
    let ImContent::Text { body: Some(text), .. } = &message.content else { return };
    let now = Timestamp::now();
    let file = |peer: &str| format!("private/IM/{}.log", file_of(peer));
    let from = message.from.to_string();
    house.journal.note(to, Kind::Message, file(&from), now, &["<", text]);
    if let Some(writer) = message.from.account() {
        house.journal.note(&writer, Kind::Message, file(&to.to_string()), now, &[">", text]);
    }
}

/// True where an account takes messages of this address: its own, that of a contact, or anybody's.
fn is_welcome(tx: &dyn Read, to: &AccountAddress, from: &Address) -> Outcome<bool> {
    let Some(account) = accounts::find(tx, to)? else { return Ok(true) };
    let owner = Caller { account, address: to.clone() };
    let everybody = !Preferences::read(tx, &owner)?.takes_contacts_only();
    Ok(everybody || from.account().as_ref() == Some(to) || roster::knows(tx, &owner, from)?)
}

/// Keeps a message that no session has taken, or says why not.
fn wait(tx: &WriteTx, to: &AccountAddress, message: &InstantMessage, handed: Handed) -> Outcome<Result<(), SignalFailure>> {
    let refused = |code: u16, text: &str| Ok(Err(SignalFailure::new(code, text)));
    if accounts::domain(tx, &to.domain)?.is_none() {
        return refused(404, "remote server is not found");
    }
    let stands = message.from.account().map(|from| standing(tx, &from, to)).transpose()?;
    if stands != Some(Standing::Entitled) {
        return Ok(Err(strangers::nobody()));
    }
    let Some(account) = accounts::find(tx, to)? else { return refused(404, "account does not exist") };
    if !is_welcome(tx, to, &message.from)? {
        return refused(403, "the user takes messages of contacts only");
    }
    if handed == Handed::NoRoom {
        return refused(486, "the user's client does not keep up");
    }
    let preferences = Preferences::read(tx, &Caller { account, address: to.clone() })?;
    let delayed = preferences.get("DelayedIM").is_some_and(|value| value.is_yes());
    if !message.may_wait() || !delayed {
        return refused(480, "the user is not reachable");
    }
    match offline::keep(tx, account, message)? {
        true => Ok(Ok(())),
        false => refused(486, "too many messages wait for the user"),
    }
}

/// Hands what has been waiting for an account to a session of it that takes signals from now on.
pub async fn hand_out_waiting(house: &House, caller: &Caller, inbox: &Inbox) -> Outcome<()> {
    let account = caller.account;
    if !house.store.read(move |tx| offline::any(tx, account)).await? {
        return Ok(());
    }
    let mut waiting = house.store.write(move |tx| offline::take(tx, account)).await?.into_iter();
    while let Some(message) = waiting.next() {
        let handed = Arc::new(HandedIm::new(message.clone(), Timestamp::now()));
        if inbox.push(Signal::Im(handed)).is_err() {
            // The session ended meanwhile: what it has not got waits for the next.
            let rest: Vec<_> = std::iter::once(message).chain(waiting).collect();
            return house.store.write(move |tx| rest.iter().try_for_each(|message| offline::keep(tx, account, message).map(drop))).await;
        }
    }
    Ok(())
}

/// What a session remembers of its conversations: with whom, at which of the other's sessions, and whether the other
/// is to hear of its end. Bounded: the one that rested longest is forgotten first.
#[derive(Debug, Default)]
pub struct Conversations(Vec<Conversation>);

#[derive(Debug)]
struct Conversation {
    peer: Address,
    client: Option<ClientId>,
    /// True once this session has said something.
    spoken: bool,
}

impl Conversations {
    fn with(&mut self, peer: &Address) -> &mut Conversation {
        let known = self.0.iter().position(|conversation| conversation.peer.same_as(peer));
        let conversation = match known {
            Some(at) => self.0.remove(at),
            None => Conversation { peer: peer.clone(), client: None, spoken: false },
        };
        if self.0.len() >= MOST_CONVERSATIONS {
            self.0.remove(0);
        }
        self.0.push_mut(conversation)
    }

    /// The peer has written: answers go to the session it wrote in.
    pub fn heard(&mut self, message: &InstantMessage) {
        let gone = matches!(message.content, ImContent::State(ChatState::Gone));
        self.with(&message.from).client = if gone { None } else { message.from_client.clone() };
    }

    /// This session writes: gives the session of the peer's that the conversation is with.
    pub fn speak(&mut self, peer: &Address, content: &ImContent) -> Option<ClientId> {
        let conversation = self.with(peer);
        conversation.spoken = !matches!(content, ImContent::State(ChatState::Gone));
        conversation.client.clone()
    }

    /// The peer is about in another way: it may have moved to another of its sessions.
    pub fn unlock(&mut self, peer: &Address) {
        self.0.iter_mut().filter(|conversation| conversation.peer.same_as(peer)).for_each(|conversation| conversation.client = None);
    }

    /// The conversation is over. Gives where to say so, if the peer is to hear of it.
    pub fn close(&mut self, peer: &Address) -> Option<Option<ClientId>> {
        let at = self.0.iter().position(|conversation| conversation.peer.same_as(peer))?;
        let conversation = self.0.remove(at);
        conversation.spoken.then_some(conversation.client)
    }
}

/// A peer as a client names it: an address, with the account's own domain where none is given.
pub fn peer(text: &str, caller: &Caller) -> Outcome<Address> {
    let text = text.trim();
    let full = if text.contains('@') { text.to_owned() } else { format!("{text}@{}", caller.address.domain) };
    full.parse().map_err(|_| Fault::incorrect("peer"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(from: &str, client: Option<&str>, content: ImContent) -> InstantMessage {
        let from_client = client.map(|name| name.parse().unwrap());
        InstantMessage { from: from.parse().unwrap(), from_name: None, from_client, kind: None, id: None, content, waited_since: None }
    }

    fn text() -> ImContent {
        ImContent::Text { body: Some("hi".to_owned()), subject: None, extra: Default::default() }
    }

    #[test]
    fn a_conversation_stays_with_the_session_that_answered() {
        let (mut conversations, bob) = (Conversations::default(), "Bob@example.test".parse::<Address>().unwrap());
        assert_eq!(conversations.speak(&bob, &text()), None);
        conversations.heard(&message("bob@example.test", Some("phone"), text()));
        assert_eq!(conversations.speak(&bob, &text()).unwrap().as_str(), "phone");
        conversations.unlock(&bob);
        assert_eq!(conversations.speak(&bob, &text()), None);
        assert_eq!(conversations.close(&bob), Some(None));
        assert_eq!(conversations.close(&bob), None);
        conversations.heard(&message("bob@example.test", Some("phone"), text()));
        assert_eq!(conversations.close(&bob), None, "whoever has said nothing does not say goodbye");
    }

    #[test]
    fn conversations_are_bounded() {
        let mut conversations = Conversations::default();
        for n in 0..1_000 {
            conversations.speak(&format!("u{n}@example.test").parse().unwrap(), &text());
        }
        assert_eq!(conversations.0.len(), MOST_CONVERSATIONS);
        assert!(conversations.close(&"u999@example.test".parse().unwrap()).is_some());
    }
}
