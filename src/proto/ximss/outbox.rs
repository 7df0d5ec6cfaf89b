//! The outbox: what a session has to say and its transport has not yet taken. Bounded in bytes.
//!
//! Answers wait for room, so a long answer is made as the client reads it. Notices cannot wait; a client that lets
//! them pile up past the limit is cut off. What is said comes out in the order in which it was put in, so a notice
//! stands between two messages of an answer at most, never inside one.

use crate::model::fault::{Fault, Outcome};
use crate::xml::Element;
use crate::xml::write::to_bytes;
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::timeout;

/// Answers wait while this many bytes are unread.
const ROOM: usize = 128 << 10;
/// What a waiting message costs beside its bytes.
const OVERHEAD: usize = 64;

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

    /// The bytes of the message, without the rest.
    pub fn into_bytes(self) -> Bytes {
        match self {
            Self::Answer(bytes) | Self::Notice(bytes) => bytes,
        }
    }
}

/// The way to an outbox for all answers of one batch of requests. When the last handle goes, no request is left to
/// answer, be it that the session ended, and the outbox closes.
#[derive(Clone)]
pub struct AnswersTo(Arc<ClosedWhenDropped>);

struct ClosedWhenDropped(Outbox);

impl AnswersTo {
    /// A way to this outbox.
    pub fn new(outbox: Outbox) -> Self {
        Self(Arc::new(ClosedWhenDropped(outbox)))
    }

    /// The outbox.
    pub fn outbox(&self) -> &Outbox {
        &self.0.0
    }
}

impl Drop for ClosedWhenDropped {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// The place of a message in the order of all that was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

#[derive(Default)]
struct State {
    waiting: VecDeque<Outgoing>,
    /// Bytes of all that waits.
    bytes: usize,
    /// Bytes of the notices among it.
    notices: usize,
    /// Messages put in so far.
    said: u64,
    /// Messages taken out so far.
    taken: u64,
    closed: bool,
    aborted: bool,
}

impl State {
    fn push(&mut self, message: Outgoing) -> Ticket {
        self.bytes += message.bytes().len() + OVERHEAD;
        self.waiting.push_back(message);
        self.said += 1;
        Ticket(self.said)
    }
}

struct Shared {
    state: Mutex<State>,
    most: usize,
    /// How long an answer waits for room before the client counts as gone; None where the transport finds out itself.
    patience: Option<Duration>,
    /// Told when something was put in; whoever takes waits for it.
    filled: Notify,
    /// Told when something was taken out or nothing more will be; answers and confirmations wait for it.
    drained: Notify,
}

/// A handle to the outbox; the session and the transport each hold one.
#[derive(Clone)]
pub struct Outbox(Arc<Shared>);

impl Outbox {
    /// An outbox that closes when more than `most` bytes of notices are unread.
    pub fn new(most: usize) -> Self {
        Self::with(most, None)
    }

    /// The same for a client that comes for what is said when it likes: when it does not for so long, though an answer
    /// waits, the outbox closes.
    pub fn patient(most: usize, patience: Duration) -> Self {
        Self::with(most, Some(patience))
    }

    fn with(most: usize, patience: Option<Duration>) -> Self {
        Self(Arc::new(Shared { state: Mutex::default(), most, patience, filled: Notify::new(), drained: Notify::new() }))
    }

    fn lock<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        // A panic while the lock was held cannot leave the queue half changed.
        f(&mut self.0.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until `look` finds something in the state. It is asked at once and whenever something was taken out.
    async fn once_drained<T>(&self, mut look: impl FnMut(&mut State) -> Option<T>) -> T {
        loop {
            // Made before the look: it hears what is told from here on.
            let drained = self.0.drained.notified();
            if let Some(found) = self.lock(&mut look) {
                return found;
            }
            drained.await;
        }
    }

    /// Adds part of an answer, once there is room.
    pub async fn answer(&self, message: &Element) -> Outcome<()> {
        self.answer_written(to_bytes(message)).await
    }

    /// The same with a message that is written already.
    pub async fn answer_written(&self, message: Vec<u8>) -> Outcome<()> {
        let bytes = Bytes::from(message);
        let put_in = |state: &mut State| match state {
            State { closed: true, .. } => Some(Err(Fault::closed())),
            State { bytes: waiting, .. } if *waiting >= ROOM => None,
            state => Some(Ok(state.push(Outgoing::Answer(bytes.clone())))),
        };
        let put = self.once_drained(put_in);
        match self.0.patience {
            None => put.await?,
            Some(patience) => timeout(patience, put).await.unwrap_or_else(|_| {
                tracing::info!("a client does not fetch its answers; its session is closed");
                self.abort();
                Err(Fault::closed())
            })?,
        };
        self.0.filled.notify_one();
        Ok(())
    }

    /// Adds a message nobody asked for. None where nothing more is taken in: the outbox is closed, or closes for what
    /// the client has let pile up.
    pub fn notice(&self, message: &Element) -> Option<Ticket> {
        let bytes = Bytes::from(to_bytes(message));
        let (ticket, overfull) = self.lock(|state| {
            if state.closed {
                return (None, false);
            }
            state.notices += bytes.len() + OVERHEAD;
            (Some(state.push(Outgoing::Notice(bytes))), state.notices > self.0.most)
        });
        if overfull {
            tracing::info!("a client does not read what it is sent; its session is closed");
            self.abort();
            return None;
        }
        self.0.filled.notify_one();
        ticket
    }

    /// Waits until the transport has taken this message; false if it never will.
    pub async fn taken(&self, Ticket(number): Ticket) -> bool {
        self.once_drained(|state| if state.taken >= number { Some(true) } else { state.aborted.then_some(false) }).await
    }

    /// How far what was said has been taken.
    pub fn taken_so_far(&self) -> Ticket {
        self.lock(|state| Ticket(state.taken))
    }

    /// Waits until nothing more is added.
    pub async fn closed(&self) {
        self.once_drained(|state| state.closed.then_some(())).await;
    }

    /// Waits until all is dropped.
    pub async fn aborted(&self) {
        self.once_drained(|state| state.aborted.then_some(())).await;
    }

    /// No more is added; what is there may still be taken.
    pub fn close(&self) {
        self.close_with(&[]);
    }

    /// Adds last messages that nobody asked for, to be taken in one go, and no more after them.
    pub fn close_with(&self, last: &[Element]) {
        self.lock(|state| {
            let last = if state.closed { &[] } else { last };
            for message in last {
                state.push(Outgoing::Notice(to_bytes(message).into()));
            }
            state.closed = true;
        });
        self.tell_all();
    }

    /// No more is added and what is there is dropped.
    pub fn abort(&self) {
        self.lock(|state| *state = State { closed: true, aborted: true, taken: state.taken, ..State::default() });
        self.tell_all();
    }

    fn tell_all(&self) {
        self.0.drained.notify_waiters();
        self.0.filled.notify_waiters();
        // For whoever has looked and not yet begun to wait.
        self.0.filled.notify_one();
    }

    /// Takes what there is, waiting until there is something; None once the outbox is closed and empty.
    pub async fn take(&self) -> Option<VecDeque<Outgoing>> {
        let (taken, ticket) = self.take_unconfirmed().await?;
        self.confirm(ticket);
        Some(taken)
    }

    /// Takes what there is, as `take` does, without counting it as taken: what was said up to the ticket arrives with
    /// the client when that is confirmed.
    pub async fn take_unconfirmed(&self) -> Option<(VecDeque<Outgoing>, Ticket)> {
        loop {
            let filled = self.0.filled.notified();
            let (taken, said, closed) = self.lock(|state| {
                (state.bytes, state.notices) = (0, 0);
                (std::mem::take(&mut state.waiting), state.said, state.closed)
            });
            if !taken.is_empty() {
                // There is room from here on.
                self.0.drained.notify_waiters();
                return Some((taken, Ticket(said)));
            }
            if closed {
                return None;
            }
            filled.await;
        }
    }

    /// What was said up to the ticket has arrived.
    pub fn confirm(&self, Ticket(number): Ticket) {
        self.lock(|state| state.taken = state.taken.max(number));
        self.0.drained.notify_waiters();
    }

    /// True once nothing more is added.
    pub fn is_closed(&self) -> bool {
        self.lock(|state| state.closed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use std::future::Future;
    use std::task::Poll;

    fn message(bytes: usize) -> Element {
        Element::new("m").text("x".repeat(bytes))
    }

    /// What waits, as `a` for an answer and `n` for a notice; None once closed and empty.
    fn take(outbox: &Outbox) -> Option<String> {
        let taken = outbox.take().now_or_never()?.unwrap_or_default();
        Some(taken.iter().map(|m| if matches!(m, Outgoing::Answer(_)) { 'a' } else { 'n' }).collect())
    }

    fn answered(outbox: &Outbox, bytes: usize) -> Option<Outcome<()>> {
        outbox.answer(&message(bytes)).now_or_never()
    }

    #[test]
    fn what_is_said_comes_out_in_order() {
        let outbox = Outbox::new(1 << 20);
        assert_eq!(take(&outbox), None);
        assert_eq!(answered(&outbox, 1), Some(Ok(())));
        assert!(outbox.notice(&message(1)).is_some());
        assert_eq!(answered(&outbox, 1), Some(Ok(())));
        assert_eq!(take(&outbox).unwrap(), "ana");
        assert_eq!(take(&outbox), None);
        assert_eq!(outbox.lock(|state| (state.waiting.capacity(), state.bytes, state.notices)), (0, 0, 0), "an idle outbox holds nothing");
    }

    #[tokio::test]
    async fn an_answer_waits_for_room_and_goes_on_when_there_is() {
        let outbox = Outbox::new(1 << 20);
        let (writer, reader) = (outbox.clone(), outbox.clone());
        let long_answer = async move {
            for _ in 0..100 {
                writer.answer(&message(10_000)).await.unwrap();
            }
            writer.close();
        };
        let slow_client = async move {
            let mut all = 0;
            while let Some(messages) = reader.take().await {
                let bytes: usize = messages.iter().map(|m| m.bytes().len()).sum();
                assert!(bytes <= ROOM + 20_000, "{bytes}");
                all += messages.len();
                tokio::task::yield_now().await;
            }
            all
        };
        let ((), all) = tokio::join!(long_answer, slow_client);
        assert_eq!(all, 100);
    }

    #[test]
    fn a_client_that_does_not_read_notices_is_cut_off_at_the_limit() {
        let each = to_bytes(&message(100)).len() + OVERHEAD;
        let outbox = Outbox::new(3 * each);
        for _ in 0..3 {
            assert!(outbox.notice(&message(100)).is_some() && !outbox.is_closed());
        }
        assert!(outbox.notice(&message(100)).is_none() && outbox.is_closed());
        assert_eq!(take(&outbox).unwrap(), "");
        assert!(outbox.notice(&message(1)).is_none());
    }

    #[test]
    fn a_long_answer_does_not_count_against_the_limit() {
        let outbox = Outbox::new(1000);
        assert_eq!(answered(&outbox, 5_000_000), Some(Ok(())));
        assert!(outbox.notice(&message(10)).is_some() && !outbox.is_closed());
        assert_eq!(answered(&outbox, 1), None, "there is no room");
        assert_eq!(take(&outbox).unwrap(), "an");
    }

    #[test]
    fn what_was_taken_has_arrived_once_it_is_confirmed() {
        let outbox = Outbox::new(1 << 20);
        let first = outbox.notice(&message(1)).unwrap();
        let (taken, ticket) = outbox.take_unconfirmed().now_or_never().flatten().unwrap();
        assert_eq!((taken.len(), ticket), (1, first));
        assert_eq!(outbox.taken(first).now_or_never(), None);
        let second = outbox.notice(&message(1)).unwrap();
        outbox.confirm(ticket);
        assert_eq!((outbox.taken(first).now_or_never(), outbox.taken(second).now_or_never()), (Some(true), None));
    }

    #[tokio::test]
    async fn a_client_that_fetches_nothing_is_given_up_after_a_while() {
        let outbox = Outbox::patient(1 << 20, Duration::from_millis(1));
        outbox.answer(&message(ROOM)).await.unwrap();
        assert_eq!(outbox.answer(&message(1)).await, Err(Fault::closed()));
        assert!(outbox.is_closed() && outbox.take().await.is_none());
    }

    #[test]
    fn an_outbox_closes_when_nobody_is_left_to_answer() {
        let outbox = Outbox::new(1 << 20);
        let one = AnswersTo::new(outbox.clone());
        let another = one.clone();
        drop(one);
        assert!(!outbox.is_closed());
        drop(another);
        assert!(outbox.is_closed());
    }

    #[test]
    fn what_was_said_before_the_end_may_still_be_taken() {
        let outbox = Outbox::new(1 << 20);
        let ticket = outbox.notice(&message(1)).unwrap();
        outbox.close_with(&[Element::new("bye")]);
        outbox.close_with(&[Element::new("bye")]);
        assert_eq!(answered(&outbox, 1), Some(Err(Fault::closed())));
        assert_eq!(outbox.taken(ticket).now_or_never(), None);
        assert_eq!(take(&outbox).unwrap(), "nn");
        assert_eq!(outbox.taken(ticket).now_or_never(), Some(true));
        assert_eq!(take(&outbox).unwrap(), "");
    }

    #[tokio::test]
    async fn whoever_waits_hears_of_the_end() {
        for abort in [false, true] {
            let outbox = Outbox::new(1 << 20);
            outbox.answer(&message(ROOM)).await.unwrap();
            let ticket = outbox.notice(&message(1)).unwrap();
            let end = async {
                tokio::task::yield_now().await;
                if abort {
                    outbox.abort()
                } else {
                    outbox.close()
                }
                outbox.take().await.is_some()
            };
            let one_more = message(1);
            let (answer, taken, left) = tokio::join!(outbox.answer(&one_more), outbox.taken(ticket), end);
            assert_eq!((answer, taken, left), (Err(Fault::closed()), !abort, !abort));
            assert_eq!(outbox.take().await, None);
            assert_eq!(outbox.aborted().now_or_never().is_some(), abort);
        }
    }

    #[tokio::test]
    async fn a_wake_up_is_not_lost_when_taking_is_given_up_halfway() {
        let outbox = Outbox::new(1 << 20);
        for _ in 0..3 {
            {
                let taking = outbox.take();
                tokio::pin!(taking);
                assert!(std::future::poll_fn(|cx| Poll::Ready(taking.as_mut().poll(cx).is_pending())).await);
                assert_eq!(answered(&outbox, 1), Some(Ok(())));
            }
            assert_eq!(outbox.take().await.unwrap().len(), 1);
        }
    }
}
