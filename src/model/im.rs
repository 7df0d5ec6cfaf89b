//! Instant messages, and requests in the manner of XMPP.
//!
//! Spec: XIMSS, "Instant Messaging", "XMPP-style requests"; RFC 6121 5, XEP-0085 (states), XEP-0203 (delay).

use super::names::Address;
use super::signal::{ClientId, Fragment};
use super::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What the writer is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChatState {
    /// Writing.
    Composing,
    /// Has stopped writing for now.
    Paused,
    /// Has left the conversation.
    Gone,
}

impl ChatState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Composing, Self::Paused, Self::Gone];

    /// The element that says it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Composing => "composing",
            Self::Paused => "paused",
            Self::Gone => "gone",
        }
    }
}

/// What a message says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ImContent {
    /// Only what the writer is doing.
    State(ChatState),
    /// A text.
    Text {
        /// The text; None where only a subject was sent.
        body: Option<String>,
        /// The subject.
        subject: Option<String>,
        /// Other elements, for those who read the extended form.
        extra: Fragment,
    },
}

/// An instant message on its way to a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstantMessage {
    /// Who wrote it.
    pub from: Address,
    /// The writer's real name.
    pub from_name: Option<String>,
    /// The session it was written in.
    pub from_client: Option<ClientId>,
    /// The type: `chat`, `normal`, `headline`, `groupchat`, `error`.
    pub kind: Option<String>,
    /// The writer's identifier of it.
    pub id: Option<String>,
    /// What it says.
    pub content: ImContent,
    /// When it was written, where it had to wait for a session.
    pub waited_since: Option<Timestamp>,
}

impl InstantMessage {
    /// True for what may wait for a session: a text of the kinds that people write to each other.
    pub fn may_wait(&self) -> bool {
        let kind = self.kind.as_deref().unwrap_or("chat");
        matches!(self.content, ImContent::Text { .. }) && (kind.eq_ignore_ascii_case("chat") || kind.eq_ignore_ascii_case("normal"))
    }

    /// True for what is never answered by a failure: a failure itself, and the mere state of a writer.
    pub fn fails_silently(&self) -> bool {
        matches!(self.content, ImContent::State(_)) || self.kind.as_deref().is_some_and(|kind| kind.eq_ignore_ascii_case("error"))
    }

    /// About how many bytes it holds.
    pub fn weight(&self) -> usize {
        let text = match &self.content {
            ImContent::State(_) => 0,
            ImContent::Text { body, subject, extra } => {
                [body, subject].into_iter().flatten().map(String::len).sum::<usize>() + extra.0.len()
            }
        };
        let optional = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        128 + text + optional(&self.from_name) + optional(&self.kind) + optional(&self.id)
    }
}

/// A message that has been handed to sessions, and whether a client has got it: where none has when the last session that
/// holds it ends, it is to wait for another.
#[derive(Debug)]
pub struct HandedIm {
    /// The message.
    pub message: InstantMessage,
    since: Timestamp,
    heard: AtomicBool,
}

impl HandedIm {
    /// A message that is handed over now.
    pub fn new(message: InstantMessage, now: Timestamp) -> Self {
        Self { message, since: now, heard: AtomicBool::new(false) }
    }

    /// A client has got it.
    pub fn is_heard(&self) {
        self.heard.store(true, Ordering::Relaxed);
    }

    /// The message as it waits from now on, where nobody else holds it, no client has got it, and it may wait.
    pub fn unheard(self: Arc<Self>) -> Option<InstantMessage> {
        let Self { message, since, heard } = Arc::into_inner(self)?;
        let waits = !heard.into_inner() && message.may_wait();
        waits.then(|| InstantMessage { waited_since: message.waited_since.or(Some(since)), ..message })
    }
}

impl PartialEq for HandedIm {
    fn eq(&self, other: &Self) -> bool {
        self.message == other.message
    }
}

impl Eq for HandedIm {}

/// A message that did not reach anyone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImFailure {
    /// To whom it was written.
    pub to: Address,
    /// The code of RFC 3261.
    pub code: u16,
    /// In words.
    pub text: String,
    /// The `id` of the request that sent it.
    pub request: Option<String>,
}

/// The types of a request and its answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IqKind {
    /// Asks for something.
    Get,
    /// Asks to change something.
    Set,
    /// Answers.
    Result,
    /// Refuses.
    Error,
}

impl IqKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Get, Self::Set, Self::Result, Self::Error];

    /// As the wire spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Set => "set",
            Self::Result => "result",
            Self::Error => "error",
        }
    }

    /// True for what wants an answer.
    pub fn asks(self) -> bool {
        matches!(self, Self::Get | Self::Set)
    }
}

/// A request or an answer, as the session that gets it sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Iq {
    /// Who sent it: an address or a domain.
    pub from: String,
    /// The session it came from.
    pub from_client: Option<ClientId>,
    /// The type.
    pub kind: IqKind,
    /// The sender's identifier, which an answer repeats.
    pub id: String,
    /// What it says.
    pub body: Fragment,
}
