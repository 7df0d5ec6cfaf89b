//! A recording: the answers of a batch of requests, as they are made and for whoever asks for them again. Pure.
//!
//! Up to a limit all of it is kept, and anybody may listen from the start. Past it only what the one listener has not
//! heard is kept, and whoever makes the answers waits for that listener; without one, they are let go. One may listen
//! while they are made, the last one who came; once they are complete, and all there, anybody may have them.

use bytes::Bytes;
use std::collections::VecDeque;

/// Unheard bytes past which whoever makes answers waits, once not all are kept.
const AHEAD: usize = 128 << 10;

/// Who listens. Only the newest hears anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listener(u64);

/// What a listener hears.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// The next message.
    Message(Bytes),
    /// Nothing yet.
    NotYet,
    /// That was all.
    End,
    /// It will not hear the rest: another one listens, or it was too slow.
    Never,
}

/// Answers of a batch.
#[derive(Debug)]
pub struct Recording {
    /// Messages that are kept.
    kept: VecDeque<Bytes>,
    /// Bytes of those.
    bytes: usize,
    /// Messages that were let go before the first that is kept.
    gone: usize,
    /// How many bytes may be kept for those who come later.
    most: usize,
    /// False once not all can be heard from the start.
    whole: bool,
    /// The listener and the number of the next message it hears.
    listener: Option<(Listener, usize)>,
    listeners: u64,
    ended: bool,
}

impl Recording {
    /// A recording that keeps up to so many bytes.
    pub fn new(most: usize) -> Self {
        Self { kept: VecDeque::new(), bytes: 0, gone: 0, most, whole: true, listener: None, listeners: 0, ended: false }
    }

    /// Adds a message.
    pub fn add(&mut self, message: Bytes) {
        self.bytes += message.len();
        self.kept.push_back(message);
        self.whole &= self.bytes <= self.most;
        self.let_go();
    }

    /// Nothing more comes.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// True when nothing more comes.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// How many messages there were so far.
    pub fn count(&self) -> usize {
        self.gone + self.kept.len()
    }

    /// Bytes that are kept.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether more may be added; otherwise the listener is to be waited for.
    pub fn wants_more(&self) -> bool {
        self.whole || self.listener.is_none() || self.bytes < AHEAD
    }

    /// Listens from the start, in the place of whoever did; None where it cannot be heard from the start any more.
    pub fn listen(&mut self) -> Option<Listener> {
        if !self.whole {
            return None;
        }
        self.listeners += 1;
        let listener = Listener(self.listeners);
        self.listener = Some((listener, self.gone));
        Some(listener)
    }

    /// All of it, whoever else listens; None before it has ended, or where it has not all been kept.
    pub fn all(&self) -> Option<Vec<Bytes>> {
        (self.whole && self.ended).then(|| self.kept.iter().cloned().collect())
    }

    /// What the listener hears next.
    pub fn next(&mut self, listener: Listener) -> Heard {
        let at = match &mut self.listener {
            Some((one, at)) if *one == listener => at,
            _ => return Heard::Never,
        };
        match self.kept.get(*at - self.gone).cloned() {
            Some(message) => {
                *at += 1;
                self.let_go();
                Heard::Message(message)
            }
            None if self.ended => Heard::End,
            None => Heard::NotYet,
        }
    }

    /// A listener has left.
    pub fn leave(&mut self, listener: Listener) {
        if self.listener.is_some_and(|(one, _)| one == listener) {
            self.drop_listener();
        }
    }

    /// Nobody listens any more.
    pub fn drop_listener(&mut self) {
        self.listener = None;
        self.let_go();
    }

    fn let_go(&mut self) {
        if self.whole {
            return;
        }
        let heard = self.listener.map_or(usize::MAX, |(_, at)| at);
        while self.gone < heard
            && let Some(message) = self.kept.pop_front()
        {
            self.bytes -= message.len();
            self.gone += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_short_recording_is_heard_by_everyone_who_comes() {
        let mut recording = Recording::new(10);
        let early = recording.listen().unwrap();
        assert_eq!(recording.next(early), Heard::NotYet);
        recording.add(Bytes::from_static(b"12345"));
        assert_eq!(recording.next(early), Heard::Message(Bytes::from_static(b"12345")));
        let late = recording.listen().unwrap();
        assert_eq!(recording.next(early), Heard::Never);
        recording.add(Bytes::from_static(b"67890"));
        recording.end();
        let mut all = Vec::new();
        while let Heard::Message(message) = recording.next(late) {
            all.extend_from_slice(&message);
        }
        assert_eq!((all.as_slice(), recording.next(late)), (&b"1234567890"[..], Heard::End));
        recording.leave(early);
        assert_eq!(recording.next(late), Heard::End);
        assert!(recording.listen().is_some());
    }

    #[test]
    fn a_long_one_waits_for_its_listener_and_is_let_go_without() {
        let mut recording = Recording::new(1 << 20);
        let listener = recording.listen().unwrap();
        let piece = Bytes::from(vec![0; 64 << 10]);
        (0..17).for_each(|_| recording.add(piece.clone()));
        assert!(!recording.wants_more() && recording.listen().is_none());
        (0..16).for_each(|_| assert_eq!(recording.next(listener), Heard::Message(piece.clone())));
        assert!(recording.wants_more() && recording.bytes() == piece.len());
        recording.add(piece.clone());
        assert!(!recording.wants_more());
        recording.leave(listener);
        assert!(recording.wants_more() && recording.bytes() == 0 && recording.count() == 18);
        recording.add(piece);
        recording.end();
        assert_eq!((recording.bytes(), recording.next(listener)), (0, Heard::Never));
    }

    proptest! {
        #[test]
        fn a_listener_hears_all_in_order_and_little_is_kept(
            most in 0usize..2_000,
            steps in proptest::collection::vec((any::<bool>(), 0usize..300), 0..60),
        ) {
            let mut recording = Recording::new(most);
            let listener = recording.listen().unwrap();
            let (mut sent, mut heard, mut longest) = (Vec::new(), Vec::new(), 0);
            for (number, (adds, size)) in steps.into_iter().enumerate() {
                if adds && recording.wants_more() {
                    let message = Bytes::from(vec![number as u8; size]);
                    longest = longest.max(size);
                    recording.add(message.clone());
                    sent.push(message);
                } else if let Heard::Message(message) = recording.next(listener) {
                    heard.push(message);
                }
                prop_assert!(recording.bytes() <= most.max(AHEAD) + longest);
                prop_assert_eq!(recording.count(), sent.len());
            }
            recording.end();
            while let Heard::Message(message) = recording.next(listener) {
                heard.push(message);
            }
            prop_assert_eq!(recording.next(listener), Heard::End);
            prop_assert_eq!(heard, sent);
        }
    }
}
