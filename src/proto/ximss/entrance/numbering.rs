//! Numbers of the HTTP binding: which messages a poll brings, and which batch of requests has been executed. Pure.
//!
//! Asynchronous messages go out in batches numbered 1, 2, 3... (`respSeq`). A batch is kept until the client names its
//! number (`ackSeq`), and until then every poll brings it again; what comes meanwhile goes into a later one. A client that
//! names no number confirms by coming again. Of the batches of requests only the last is kept, by its number
//! (`reqSeq`) and how it was sent: the same again is not executed again.
//! Spec: XIMSS companion 2.2, "Numbering".

use crate::proto::ximss::outbox::{Outgoing, Ticket};
use bytes::Bytes;
use std::collections::VecDeque;

/// The longest `reqSeq`, in bytes.
const LONGEST_NUMBER: usize = 32;

/// The messages of a batch and its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// `respSeq`.
    pub number: u64,
    /// The messages in order.
    pub messages: Vec<Bytes>,
}

/// Batches of asynchronous messages.
#[derive(Debug, Default)]
pub struct Numbering {
    /// The number of the last batch.
    last: u64,
    unconfirmed: Option<(Vec<Bytes>, Option<Ticket>)>,
}

impl Numbering {
    /// A poll: gives the batch that has to be brought again, if there is one, and what is known to have arrived.
    pub fn poll(&mut self, ack: Option<u64>) -> (Option<Batch>, Option<Ticket>) {
        let confirmed = match ack {
            None => true,
            Some(number) => number == self.last,
        };
        if confirmed {
            return (None, self.unconfirmed.take().and_then(|(_, ticket)| ticket));
        }
        let again = |(messages, _): &(Vec<Bytes>, _)| Batch { number: self.last, messages: messages.clone() };
        (self.unconfirmed.as_ref().map(again), None)
    }

    /// Makes the next batch of messages that were taken up to the ticket. To be called when the last poll found
    /// nothing to bring again.
    pub fn offer(&mut self, messages: VecDeque<Outgoing>, ticket: Ticket) -> Batch {
        let messages: Vec<Bytes> = messages.into_iter().map(Outgoing::into_bytes).collect();
        self.last += 1;
        self.unconfirmed = Some((messages.clone(), Some(ticket)));
        Batch { number: self.last, messages }
    }

    /// Takes what has not been confirmed, to bring it another way.
    pub fn take_unconfirmed(&mut self) -> (Vec<Bytes>, Option<Ticket>) {
        self.unconfirmed.take().unwrap_or_default()
    }

    /// Keeps messages that another way could not bring. They go before what is to come.
    pub fn put_back(&mut self, messages: impl IntoIterator<Item = Bytes>) {
        let (mut all, ticket) = self.take_unconfirmed();
        all.extend(messages);
        if !all.is_empty() {
            self.last += 1;
            self.unconfirmed = Some((all, ticket));
        }
    }

    /// Another client goes on with the session: numbers begin anew, and nothing that was not confirmed is lost.
    pub fn restart(&mut self) {
        self.last = u64::from(self.unconfirmed.is_some());
    }
}

/// How a batch of requests was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// The answers are in the answer.
    Sync,
    /// The answers come by the polls.
    Async,
}

/// What the repetition of a batch of requests is known by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Number {
    manner: Manner,
    number: String,
}

impl Number {
    /// A batch of this `reqSeq`; None for what is none.
    pub fn new(manner: Manner, number: &str) -> Option<Self> {
        let good = !number.is_empty() && number.len() <= LONGEST_NUMBER && number.bytes().all(|b| b.is_ascii_graphic());
        good.then(|| Self { manner, number: number.to_owned() })
    }
}

/// The last batch of requests that had a number, and what is kept of its answers.
#[derive(Debug)]
pub struct LastBatch<T>(Option<(Number, T)>);

impl<T> Default for LastBatch<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Clone> LastBatch<T> {
    /// What is kept of a batch that has been seen.
    pub fn of(&self, number: &Number) -> Option<T> {
        self.0.as_ref().filter(|(last, _)| last == number).map(|(_, kept)| kept.clone())
    }

    /// A batch begins, unless it has been seen. Gives what is kept of it, and whether it begins.
    pub fn begin(&mut self, number: Number, make: impl FnOnce() -> T) -> (T, bool) {
        if let Some(kept) = self.of(&number) {
            return (kept, false);
        }
        let kept = make();
        self.0 = Some((number, kept.clone()));
        (kept, true)
    }

    /// Forgets it: another client begins to count.
    pub fn forget(&mut self) {
        self.0 = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::ximss::outbox::Outbox;
    use crate::xml::Element;
    use futures_util::FutureExt;
    use proptest::prelude::*;

    fn taken(outbox: &Outbox) -> Option<(VecDeque<Outgoing>, Ticket)> {
        outbox.take_unconfirmed().now_or_never().flatten()
    }

    /// A poll as the server answers it when nothing is waited for.
    fn poll(numbering: &mut Numbering, outbox: &Outbox, ack: Option<u64>) -> Option<Batch> {
        let (again, confirmed) = numbering.poll(ack);
        confirmed.into_iter().for_each(|ticket| outbox.confirm(ticket));
        again.or_else(|| taken(outbox).map(|(messages, ticket)| numbering.offer(messages, ticket)))
    }

    fn texts(batch: &Batch) -> Vec<String> {
        batch.messages.iter().map(|m| String::from_utf8(m.to_vec()).unwrap()).collect()
    }

    #[test]
    fn a_batch_comes_again_until_it_is_confirmed() {
        let (outbox, mut numbering) = (Outbox::new(1 << 20), Numbering::default());
        assert_eq!(poll(&mut numbering, &outbox, Some(0)), None);
        let told = outbox.notice(&Element::new("a")).unwrap();
        let first = poll(&mut numbering, &outbox, Some(0)).unwrap();
        assert_eq!((first.number, texts(&first)), (1, vec!["<a/>".to_owned()]));
        outbox.notice(&Element::new("b"));
        assert_eq!(poll(&mut numbering, &outbox, Some(0)), Some(first));
        assert_eq!(outbox.taken(told).now_or_never(), None, "it may have been lost");
        let second = poll(&mut numbering, &outbox, Some(1)).unwrap();
        assert_eq!((second.number, texts(&second)), (2, vec!["<b/>".to_owned()]));
        assert_eq!(outbox.taken(told).now_or_never(), Some(true));
        assert_eq!(poll(&mut numbering, &outbox, None), None);
    }

    #[test]
    fn another_client_begins_at_one_and_finds_what_was_not_confirmed() {
        let (outbox, mut numbering) = (Outbox::new(1 << 20), Numbering::default());
        for number in 1..4 {
            outbox.notice(&Element::new("a"));
            assert_eq!(poll(&mut numbering, &outbox, Some(number - 1)).unwrap().number, number);
        }
        numbering.restart();
        assert_eq!(poll(&mut numbering, &outbox, Some(0)).unwrap().number, 1);
        outbox.notice(&Element::new("b"));
        assert_eq!(poll(&mut numbering, &outbox, Some(1)).unwrap().number, 2);
        numbering.put_back([Bytes::from_static(b"<c/>")]);
        numbering.restart();
        let back = poll(&mut numbering, &outbox, Some(0)).unwrap();
        assert_eq!((back.number, texts(&back)), (1, vec!["<b/>".to_owned(), "<c/>".to_owned()]));
    }

    #[test]
    fn the_same_number_is_not_executed_again() {
        let number = |manner, text: &str| Number::new(manner, text).unwrap();
        let mut last = LastBatch::default();
        assert_eq!(last.begin(number(Manner::Sync, "0"), || 1), (1, true));
        assert_eq!(last.begin(number(Manner::Sync, "0"), || 2), (1, false));
        assert_eq!(last.begin(number(Manner::Async, "0"), || 3), (3, true));
        assert_eq!(last.begin(number(Manner::Sync, "0"), || 4), (4, true));
        last.forget();
        assert_eq!(last.of(&number(Manner::Sync, "0")), None);
        assert!(Number::new(Manner::Sync, "").is_none() && Number::new(Manner::Sync, &"1".repeat(33)).is_none());
    }

    #[derive(Debug, Clone)]
    enum Event {
        /// The session says something.
        Notice,
        /// The client polls, and the answer arrives or is lost.
        Poll(bool),
        /// An old poll comes late, its answer unheard.
        Late,
        /// Another client takes over; what the old one had confirmed is its own.
        Restart,
    }

    fn events() -> impl Strategy<Value = Vec<Event>> {
        let event = prop_oneof![
            3 => Just(Event::Notice),
            4 => any::<bool>().prop_map(Event::Poll),
            1 => Just(Event::Late),
            1 => Just(Event::Restart),
        ];
        proptest::collection::vec(event, 0..60)
    }

    proptest! {
        #[test]
        fn every_message_arrives_once_and_in_order(events in events()) {
            let (outbox, mut numbering) = (Outbox::new(1 << 20), Numbering::default());
            let (mut said, mut heard, mut ack) = (0u32, Vec::new(), 0u64);
            let events = events.into_iter().chain([Event::Poll(true), Event::Poll(true), Event::Poll(true)]);
            for event in events {
                match event {
                    Event::Notice => {
                        outbox.notice(&Element::new("n").with("v", said));
                        said += 1;
                    }
                    Event::Late => {
                        poll(&mut numbering, &outbox, Some(ack.wrapping_sub(1)));
                    }
                    Event::Restart => {
                        // It heard all that was sent: what was not confirmed comes again to its successor.
                        poll(&mut numbering, &outbox, Some(ack));
                        numbering.restart();
                        ack = 0;
                    }
                    Event::Poll(arrives) => {
                        let batch = poll(&mut numbering, &outbox, Some(ack));
                        if let Some(batch) = batch.filter(|_| arrives) {
                            prop_assert_eq!(batch.number, ack + 1, "steps are exactly one");
                            ack = batch.number;
                            heard.extend(texts(&batch));
                        }
                    }
                }
            }
            let expected: Vec<String> = (0..said).map(|n| format!("<n v=\"{n}\"/>")).collect();
            prop_assert_eq!(heard, expected);
        }
    }
}
