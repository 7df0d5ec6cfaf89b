//! `Entrance`: the way into a session for clients that do not carry its connection: batches of requests, polls for what
//! it says unasked, and WebSockets that come and go.
//!
//! - Requests of all clients are put before the session in the order in which their batches came. A batch goes on when
//!   its client has gone: with a number, its answers are kept for the client to ask for them again.
//! - What the session says unasked has one reader at a time, the newest; the one before is told to go. What was handed
//!   to a reader of polls counts as arrived when the client confirms it.
//! - Bounded: batches that wait, requests that wait (`waiting_requests`), answers that are kept (`unread_output`, a mebibyte at most).
//!
//! Spec: XIMSS companion 2.2, 2.3.

pub mod answers;
pub mod numbering;
pub mod recording;

use super::outbox::{AnswersTo, Outbox, Outgoing};
use super::session::{Incoming, Session, Touched};
use crate::domain::house::House;
use crate::domain::sessions::Kind;
use crate::domain::tell::tell;
use crate::proto::net::limits::Place;
use crate::xml::Element;
use actix::Addr;
use answers::Answers;
use bytes::Bytes;
use numbering::{Batch, LastBatch, Number, Numbering};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, sleep_until};

/// Batches of requests of one session that may be read or wait to be put before it.
const MOST_BATCHES: usize = 2;
/// Bytes of answers that are kept for one session, for a client that did not hear them.
const MOST_KEPT: usize = 1 << 20;
/// How often a session hears that a client waits for what it says, at least.
const SIGN_OF_LIFE: Duration = Duration::from_secs(15);

/// The way into a session.
pub struct Entrance {
    session: Addr<Session>,
    /// What the session says unasked, and its answers to requests that did not come in a batch with answers.
    outbox: Outbox,
    kind: Kind,
    /// Made when somebody comes: most connections never need it.
    channel: OnceLock<Box<Channel>>,
}

/// What clients of a session share.
struct Channel {
    numbering: Mutex<Numbering>,
    last: Mutex<LastBatch<Arc<Answers>>>,
    /// Held while a batch is put before the session.
    turn: Arc<tokio::sync::Mutex<()>>,
    places: Arc<Semaphore>,
    batches: Arc<Semaphore>,
    /// Held by the reader of what is said unasked.
    reading: Arc<tokio::sync::Mutex<()>>,
    /// The number of the newest reader.
    newest: watch::Sender<u64>,
    /// The place that the session has among those of its network address.
    place: Mutex<Option<Place>>,
    visited: AtomicBool,
}

/// What a poll brought.
#[derive(Debug, PartialEq, Eq)]
pub enum Polled {
    /// Messages.
    Batch(Batch),
    /// Nothing came in time, or another reader came.
    Nothing,
    /// The session has ended and all that it said has arrived.
    Ended,
}

/// A batch of requests that may be read and executed, when its turn has come.
pub struct Turn(OwnedSemaphorePermit);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is changed under these locks is changed by one call, so a panic cannot leave it half changed.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Entrance {
    /// The entrance of a session that says what it says to this outbox.
    pub fn new(session: Addr<Session>, outbox: Outbox, kind: Kind) -> Self {
        Self { session, outbox, kind, channel: OnceLock::new() }
    }

    fn channel(&self, house: &House) -> &Channel {
        self.channel.get_or_init(|| {
            Box::new(Channel {
                numbering: Mutex::default(),
                last: Mutex::default(),
                turn: Arc::default(),
                places: Arc::new(Semaphore::new(house.settings().limits.waiting_requests)),
                batches: Arc::new(Semaphore::new(MOST_BATCHES)),
                reading: Arc::default(),
                newest: watch::Sender::new(0),
                place: Mutex::default(),
                visited: AtomicBool::new(false),
            })
        })
    }

    /// What the session lives by.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The session.
    pub fn session(&self) -> &Addr<Session> {
        &self.session
    }

    /// True when the session has ended; what it said before may still be fetched.
    pub fn has_ended(&self) -> bool {
        self.outbox.is_closed()
    }

    /// Waits for the session's end.
    pub async fn ended(&self) {
        self.outbox.closed().await;
    }

    /// Drops what was said and not fetched.
    pub fn forget(&self) {
        self.outbox.abort();
    }

    /// True once: for the first client that comes this way.
    pub fn is_first_visit(&self, house: &House) -> bool {
        !self.channel(house).visited.swap(true, Ordering::Relaxed)
    }

    /// The session keeps this place as long as it can be entered.
    pub fn keep(&self, house: &House, place: Place) {
        *lock(&self.channel(house).place) = Some(place);
    }

    /// Gives the place back.
    pub fn give_back(&self) {
        if let Some(channel) = self.channel.get() {
            lock(&channel.place).take();
        }
    }

    /// Another client goes on with the session: it counts from the start.
    pub fn restart(&self, house: &House) {
        let channel = self.channel(house);
        lock(&channel.last).forget();
        lock(&channel.numbering).restart();
    }

    /// The session has heard of a client. A session that is busy has requests and knows so itself.
    pub fn touch(&self) {
        let _ = self.session.try_send(Touched);
    }

    /// What is kept of a batch that has been seen.
    pub fn seen(&self, house: &House, number: &Number) -> Option<Arc<Answers>> {
        lock(&self.channel(house).last).of(number)
    }

    /// Waits until one more batch may be read.
    pub async fn turn(&self, house: &House) -> Option<Turn> {
        self.channel(house).batches.clone().acquire_owned().await.ok().map(Turn)
    }

    /// Begins to execute a batch whose answers come with its answer; with a number only if it has not been seen. The
    /// answers are kept as far as the number and the limits allow. With `notices`, what the session has said unasked
    /// comes after them. Must be called on an arbiter.
    pub fn execute(
        self: &Arc<Self>,
        house: &Arc<House>,
        turn: Turn,
        number: Option<Number>,
        requests: Vec<Element>,
        notices: bool,
    ) -> Arc<Answers> {
        let most = house.settings().limits.unread_output;
        let kept = most.min(MOST_KEPT);
        let answers = match number {
            None => Arc::new(Answers::new(0, &requests)),
            Some(number) => {
                let (answers, begins) = lock(&self.channel(house).last).begin(number, || Arc::new(Answers::new(kept, &requests)));
                if !begins {
                    return answers;
                }
                answers
            }
        };
        let (entrance, house, recorded) = (self.clone(), house.clone(), answers.clone());
        actix::spawn(async move {
            let outbox = Outbox::new(most);
            let feed = entrance.feed(&house, turn, requests, Some(AnswersTo::new(outbox.clone())));
            let patience = Duration::from_secs(house.settings().limits.idle_time);
            futures_util::future::join(feed, recorded.record(&outbox, patience)).await;
            if notices && !recorded.is_empty() {
                entrance.said_unasked(&house).await.into_iter().for_each(|message| recorded.add(message));
            }
            recorded.end();
        });
        answers
    }

    /// Begins to execute a batch whose answers come by the polls; with a number only if it has not been seen.
    pub fn queue(self: &Arc<Self>, house: &Arc<House>, turn: Turn, number: Option<Number>, requests: Vec<Element>) {
        if let Some(number) = number {
            let begin = lock(&self.channel(house).last).begin(number, || Arc::new(Answers::new(0, &[])));
            if !begin.1 {
                return;
            }
        }
        let (entrance, house) = (self.clone(), house.clone());
        actix::spawn(async move { entrance.feed(&house, turn, requests, None).await });
    }

    /// Puts requests before the session, as many as may wait.
    async fn feed(&self, house: &House, turn: Turn, requests: Vec<Element>, to: Option<AnswersTo>) {
        let channel = self.channel(house);
        let _mine = channel.turn.lock().await;
        if requests.is_empty() {
            self.touch();
        }
        for request in requests {
            let Some(place) = self.place(house).await else { return };
            // Bounded: each request holds one of a fixed number of places.
            tell(&self.session, Incoming { message: Ok(request), place: Some(place), answers: to.clone() });
        }
        drop(turn.0);
    }

    /// A place among the requests that wait; None when the session has ended.
    pub async fn place(&self, house: &House) -> Option<OwnedSemaphorePermit> {
        let place = self.channel(house).places.clone().acquire_owned();
        tokio::select! {
            place = place => place.ok().filter(|_| !self.has_ended()),
            () = self.ended() => None,
        }
    }

    /// All that has been said unasked and has not arrived. Whoever reads otherwise is told to go.
    async fn said_unasked(&self, house: &House) -> Vec<Bytes> {
        if self.kind == Kind::Connection {
            return Vec::new();
        }
        let (channel, mut reader) = (self.channel(house), self.reader(house));
        let Some(_reading) = reader.begin().await else { return Vec::new() };
        let (mut messages, ticket) = lock(&channel.numbering).take_unconfirmed();
        ticket.into_iter().for_each(|ticket| self.outbox.confirm(ticket));
        let now = futures_util::FutureExt::now_or_never(self.outbox.take());
        messages.extend(now.flatten().unwrap_or_default().into_iter().map(Outgoing::into_bytes));
        messages
    }

    /// The next of what is said unasked, up to a while from now. `ack`: the number of the last batch that arrived.
    pub async fn poll(&self, house: &House, ack: Option<u64>, wait: Duration) -> Polled {
        let deadline = Instant::now() + wait;
        let sign_of_life = SIGN_OF_LIFE.min(Duration::from_secs(house.settings().limits.idle_time) / 2);
        let mut reader = self.reader(house);
        let Some(_reading) = reader.begin().await else { return Polled::Nothing };
        let numbering = &self.channel(house).numbering;
        let (again, confirmed) = lock(numbering).poll(ack);
        confirmed.into_iter().for_each(|ticket| self.outbox.confirm(ticket));
        if let Some(batch) = again {
            return Polled::Batch(batch);
        }
        loop {
            self.touch();
            let pause = deadline.min(Instant::now() + sign_of_life);
            let said = async {
                match self.kind {
                    Kind::Web => self.outbox.take_unconfirmed().await,
                    // The connection brings what is said.
                    Kind::Connection => {
                        self.ended().await;
                        None
                    }
                }
            };
            tokio::select! {
                biased;
                () = reader.displaced() => return Polled::Nothing,
                said = said => return match said {
                    Some((messages, ticket)) => Polled::Batch(lock(numbering).offer(messages, ticket)),
                    None => Polled::Ended,
                },
                () = sleep_until(pause) => {
                    if pause >= deadline {
                        return Polled::Nothing;
                    }
                }
            }
        }
    }

    /// A new reader of what is said unasked; the one before is told to go.
    pub fn reader(&self, house: &House) -> Reader {
        let channel = self.channel(house);
        let mut number = 0;
        channel.newest.send_modify(|newest| {
            *newest += 1;
            number = *newest;
        });
        Reader { number, newest: channel.newest.subscribe(), reading: channel.reading.clone() }
    }

    /// What was said, handed over and not confirmed, for a reader that holds the right to read.
    pub fn take_over(&self, house: &House) -> VecDeque<Bytes> {
        let (messages, ticket) = lock(&self.channel(house).numbering).take_unconfirmed();
        ticket.into_iter().for_each(|ticket| self.outbox.confirm(ticket));
        messages.into()
    }

    /// Keeps what a reader has taken and could not bring.
    pub fn put_back(&self, house: &House, messages: impl IntoIterator<Item = Bytes>) {
        lock(&self.channel(house).numbering).put_back(messages);
    }

    /// What the session says, for a reader that holds the right to read.
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }
}

/// Somebody who reads what a session says unasked, until another one comes.
pub struct Reader {
    number: u64,
    newest: watch::Receiver<u64>,
    reading: Arc<tokio::sync::Mutex<()>>,
}

impl Reader {
    /// The right to read, once the reader before has gone; None when another one came meanwhile.
    pub async fn begin(&mut self) -> Option<OwnedMutexGuard<()>> {
        let reading = self.reading.clone().lock_owned();
        tokio::select! {
            biased;
            () = self.displaced() => None,
            reading = reading => Some(reading),
        }
    }

    /// Waits until another reader comes.
    pub async fn displaced(&mut self) {
        let number = self.number;
        // The other side is gone with the session, which the reader hears of elsewhere.
        if self.newest.wait_for(|newest| *newest > number).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
