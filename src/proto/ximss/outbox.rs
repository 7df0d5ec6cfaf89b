//! The outbox: what a session has to say and its transport has not yet taken. Bounded in bytes.
//!
//! Answers wait for room, so a long answer is made as the client reads it. Notices cannot wait; a client that lets
//! them pile up past the limit is cut off.

use crate::model::fault::{Fault, Outcome};
use crate::xml::Element;
use crate::xml::write::to_bytes;
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

/// Answers wait while this many bytes are unread.
const ROOM: usize = 128 << 10;

/// What a transport takes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outgoing {
    /// Part of the answer to a request.
    Answer(Bytes),
    /// A message nobody asked for.
    Notice(Bytes),
}

impl Outgoing {
    /// The bytes of the message.
    pub fn bytes(&self) -> &Bytes {
        match self {
            Self::Answer(bytes) | Self::Notice(bytes) => bytes,
        }
    }
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Outgoing>,
    bytes: usize,
    closed: bool,
}

struct Shared {
    state: Mutex<State>,
    most: usize,
    filled: Notify,
    drained: Notify,
}

/// A handle to the outbox; the session and the transport each hold one.
#[derive(Clone)]
pub struct Outbox(Arc<Shared>);

impl Outbox {
    /// An outbox that closes when more than `most` bytes are unread.
    pub fn new(most: usize) -> Self {
        Self(Arc::new(Shared { state: Mutex::default(), most, filled: Notify::new(), drained: Notify::new() }))
    }

    fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        // A panic while the lock was held cannot leave the queue half changed.
        f(&mut self.0.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds part of an answer, once there is room.
    pub async fn answer(&self, message: &Element) -> Outcome<()> {
        let bytes = Bytes::from(to_bytes(message));
        loop {
            let drained = self.0.drained.notified();
            let full = self.with(|state| match state {
                State { closed: true, .. } => Err(Fault::closed()),
                State { bytes, .. } => Ok(*bytes >= ROOM),
            })?;
            if !full {
                break;
            }
            drained.await;
        }
        self.push(Outgoing::Answer(bytes));
        Ok(())
    }

    /// Adds a message nobody asked for; closes the outbox when the client has let too much pile up.
    pub fn notice(&self, message: &Element) {
        self.push(Outgoing::Notice(Bytes::from(to_bytes(message))));
        let overfull = self.with(|state| state.bytes > self.0.most);
        if overfull {
            tracing::info!("a client does not read what it is sent; its session is closed");
            self.abort();
        }
    }

    fn push(&self, message: Outgoing) {
        self.with(|state| {
            if !state.closed {
                state.bytes += message.bytes().len();
                state.waiting.push_back(message);
            }
        });
        self.0.filled.notify_one();
    }

    /// No more is added; what is there may still be taken.
    pub fn close(&self) {
        self.with(|state| state.closed = true);
        self.0.filled.notify_one();
        self.0.drained.notify_one();
    }

    /// No more is added and what is there is dropped.
    pub fn abort(&self) {
        self.with(|state| *state = State { closed: true, ..State::default() });
        self.0.filled.notify_one();
        self.0.drained.notify_one();
    }

    /// Takes what there is, waiting until there is something; None once the outbox is closed and empty.
    pub async fn take(&self) -> Option<VecDeque<Outgoing>> {
        loop {
            let filled = self.0.filled.notified();
            let (taken, closed) = self.with(|state| {
                state.bytes = 0;
                (std::mem::take(&mut state.waiting), state.closed)
            });
            if !taken.is_empty() {
                self.0.drained.notify_one();
                return Some(taken);
            }
            if closed {
                return None;
            }
            filled.await;
        }
    }

    /// True once nothing more is added.
    pub fn is_closed(&self) -> bool {
        self.with(|state| state.closed)
    }
}
