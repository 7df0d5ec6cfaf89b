//! The answers of a batch of requests, recorded while they are made, and those who listen to them.

use super::recording::{Heard, Listener, Recording};
use crate::proto::ximss::outbox::{Outbox, Outgoing};
use crate::xml::Element;
use bytes::Bytes;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::timeout;

/// Answers of this many bytes or less are waited for before the first of them is sent.
const SHORT: usize = 64 << 10;

/// Answers of a batch. Held in an `Arc` by whoever makes them, whoever listens and whoever keeps them.
pub struct Answers {
    recording: Mutex<Recording>,
    /// Told of every change; all who wait look again.
    changed: Notify,
    /// The ids of the requests, for those who come too late to hear the answers.
    ids: Vec<Option<String>>,
    /// True when the answers hold a secret of the session.
    secret: bool,
}

/// What somebody hears who asks for the answers.
pub enum Hearing {
    /// All of the answers, which are short.
    All(Vec<Bytes>),
    /// The answers as they come.
    Long(Audience),
    /// The session ended before it answered anything.
    SessionEnded,
    /// They have been let go.
    Gone,
}

impl Answers {
    /// A recording of the answers to these requests, which keeps up to so many bytes for repetitions.
    pub fn new(most: usize, requests: &[Element]) -> Self {
        Self {
            recording: Mutex::new(Recording::new(most)),
            changed: Notify::new(),
            ids: requests.iter().map(|request| request.get("id").map(str::to_owned)).collect(),
            secret: requests.iter().any(|request| request.name.eq_ignore_ascii_case("readSession")),
        }
    }

    /// The ids of the requests.
    pub fn ids(&self) -> &[Option<String>] {
        &self.ids
    }

    /// True when the answers hold a secret of the session.
    pub fn is_secret(&self) -> bool {
        self.secret
    }

    fn change<T>(&self, change: impl FnOnce(&mut Recording) -> T) -> T {
        // A panic while the lock was held cannot leave it half changed: its changes do not panic.
        let done = change(&mut self.recording.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_waiters();
        done
    }

    /// Waits until `look` finds something. It is asked at once and after every change.
    async fn once<T>(&self, mut look: impl FnMut(&mut Recording) -> Option<T>) -> T {
        loop {
            // Made before the look: it hears what is told from here on.
            let changed = self.changed.notified();
            if let Some(found) = look(&mut self.recording.lock().unwrap_or_else(PoisonError::into_inner)) {
                return found;
            }
            changed.await;
        }
    }

    /// Adds a message.
    pub fn add(&self, message: Bytes) {
        self.change(|recording| recording.add(message));
    }

    /// Nothing more comes.
    pub fn end(&self) {
        self.change(Recording::end);
    }

    /// True when there have been no answers.
    pub fn is_empty(&self) -> bool {
        self.change(|recording| recording.count() == 0) && !self.ids.is_empty()
    }

    /// Records what comes out of an outbox until it closes. A listener that hears nothing for so long is let go.
    pub async fn record(&self, outbox: &Outbox, patience: Duration) {
        while let Some(messages) = outbox.take().await {
            messages.into_iter().map(Outgoing::into_bytes).for_each(|message| self.add(message));
            let room = self.once(|recording| recording.wants_more().then_some(()));
            if timeout(patience, room).await.is_err() {
                self.change(Recording::drop_listener);
            }
        }
    }

    /// Listens from the start, in the place of whoever did.
    pub async fn listen(self: &Arc<Self>) -> Hearing {
        let Some(listener) = self.change(Recording::listen) else { return Hearing::Gone };
        let audience = Audience { answers: self.clone(), listener };
        self.once(|recording| (recording.has_ended() || recording.bytes() > SHORT).then_some(())).await;
        let is_long = self.change(|recording| !recording.has_ended());
        if is_long {
            return Hearing::Long(audience);
        }
        // Who asks again on another connection does not take them from who asked before.
        let whole = self.change(|recording| recording.all());
        if let Some(all) = whole {
            return if all.is_empty() && !self.ids.is_empty() { Hearing::SessionEnded } else { Hearing::All(all) };
        }
        let mut all = Vec::new();
        loop {
            match self.change(|recording| recording.next(listener)) {
                Heard::Message(message) => all.push(message),
                Heard::End if all.is_empty() && !self.ids.is_empty() => return Hearing::SessionEnded,
                Heard::End => return Hearing::All(all),
                Heard::NotYet | Heard::Never => return Hearing::Gone,
            }
        }
    }
}

/// A listener; it leaves when dropped.
pub struct Audience {
    answers: Arc<Answers>,
    listener: Listener,
}

impl Audience {
    /// The next message; None at the end. An error when the rest will not be heard.
    pub async fn next(&self) -> Result<Option<Bytes>, Unheard> {
        let listener = self.listener;
        let heard = self.answers.once(|recording| match recording.next(listener) {
            Heard::NotYet => None,
            heard => Some(heard),
        });
        match heard.await {
            Heard::Message(message) => {
                // There may be room for more.
                self.answers.changed.notify_waiters();
                Ok(Some(message))
            }
            Heard::End | Heard::NotYet => Ok(None),
            Heard::Never => Err(Unheard),
        }
    }
}

impl Drop for Audience {
    fn drop(&mut self) {
        self.answers.change(|recording| recording.leave(self.listener));
    }
}

/// The rest of the answers will not be heard: the client has asked for them again, or was too slow.
#[derive(Debug)]
pub struct Unheard;

impl std::fmt::Display for Unheard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the answers are sent elsewhere")
    }
}

impl std::error::Error for Unheard {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asked_first_hears_all_though_another_has_asked_again() {
        actix::System::new().block_on(async {
            let answers = Arc::new(Answers::new(1 << 10, &[Element::new("noop")]));
            let listeners: Vec<_> = (0..3)
                .map(|_| {
                    actix::spawn({
                        let answers = answers.clone();
                        async move { answers.listen().await }
                    })
                })
                .collect();
            tokio::task::yield_now().await;
            answers.add(Bytes::from_static(b"<response/>"));
            answers.end();
            for listener in listeners {
                let Hearing::All(all) = listener.await.unwrap() else { panic!("it is not heard") };
                assert_eq!(all, [&b"<response/>"[..]]);
            }
        });
    }
}
