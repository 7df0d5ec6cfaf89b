//! The applications that are built in. A program hears events and says what is to be done; it does nothing itself.
//!
//! - `echo` tells whoever tells it something the same.
//! - `relay` tells all who have joined it (`join`, `leave`) what one of them tells it: a meeting room.
//! - `click2call` rings the account's own devices and connects the one that answers with its first parameter; it tells
//!   how far it is.
//! - `chatroom` keeps a room open, whose name in the account's domain is its first parameter.
//!
//! Spec: XIMSS, "Real-Time Application Management" (taskStart).

use crate::model::task::{TaskEvent, TaskId};
use crate::model::value::{Dictionary, Value};

/// The most that may join a relay.
const MOST_JOINED: usize = 200;

/// What a program wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// A task is to be told something.
    Tell(TaskId, String, Value),
    /// The account's devices are to be rung, and the one that answers connected with this address.
    Call(String),
    /// A room of this name is to be open for as long as the program runs.
    OpenRoom(String),
    /// The program has ended.
    End,
}

/// A program.
pub trait Program: Send {
    /// It begins; `starter` is the session that started it.
    fn begin(&mut self, starter: TaskId, parameters: &[String]) -> Vec<Deed>;
    /// It is told something.
    fn hear(&mut self, event: &TaskEvent) -> Vec<Deed>;
    /// How far a call is that it wanted made; empty at its end.
    fn call_report(&mut self, _text: &str) -> Vec<Deed> {
        Vec::new()
    }
}

/// The built-in program of a name, with or without the mark of an application.
pub fn built_in(name: &str) -> Option<Box<dyn Program>> {
    match name.trim_start_matches('#') {
        "echo" => Some(Box::new(Echo)),
        "relay" | "meeting" => Some(Box::<Relay>::default()),
        "chatroom" => Some(Box::new(ChatRoom)),
        "click2call" => Some(Box::<ClickToCall>::default()),
        _ => None,
    }
}

struct Echo;

impl Program for Echo {
    fn begin(&mut self, starter: TaskId, parameters: &[String]) -> Vec<Deed> {
        let parameters = parameters.iter().map(|text| Value::String(text.clone())).collect();
        vec![Deed::Tell(starter, "started".to_owned(), Value::Array(parameters))]
    }

    fn hear(&mut self, event: &TaskEvent) -> Vec<Deed> {
        let back = |from| Deed::Tell(from, event.name.clone(), event.parameter.clone());
        event.from.map(back).into_iter().collect()
    }
}

#[derive(Default)]
struct Relay {
    joined: Vec<TaskId>,
}

impl Relay {
    fn all(&self, but: TaskId, name: &str, parameter: &Value) -> Vec<Deed> {
        let others = self.joined.iter().filter(|task| **task != but);
        others.map(|task| Deed::Tell(*task, name.to_owned(), parameter.clone())).collect()
    }

    fn counted(&self) -> Value {
        Value::Dictionary(Dictionary::from([("members".to_owned(), Value::Number(self.joined.len() as i64))]))
    }
}

impl Program for Relay {
    fn begin(&mut self, starter: TaskId, _: &[String]) -> Vec<Deed> {
        self.joined.push(starter);
        Vec::new()
    }

    fn hear(&mut self, event: &TaskEvent) -> Vec<Deed> {
        let Some(from) = event.from else { return Vec::new() };
        match event.name.as_str() {
            "join" if self.joined.contains(&from) => Vec::new(),
            "join" if self.joined.len() >= MOST_JOINED => vec![Deed::Tell(from, "full".to_owned(), self.counted())],
            "join" => {
                self.joined.push(from);
                let mut deeds = self.all(from, "joined", &event.parameter);
                deeds.push(Deed::Tell(from, "welcome".to_owned(), self.counted()));
                deeds
            }
            "leave" => {
                let deeds = self.all(from, "left", &event.parameter);
                self.joined.retain(|task| *task != from);
                if self.joined.is_empty() { vec![Deed::End] } else { deeds }
            }
            // Whoever has not joined is not heard.
            _ if !self.joined.contains(&from) => Vec::new(),
            name => self.all(from, name, &event.parameter),
        }
    }
}

struct ChatRoom;

impl Program for ChatRoom {
    fn begin(&mut self, starter: TaskId, parameters: &[String]) -> Vec<Deed> {
        match parameters.first() {
            Some(name) => vec![Deed::OpenRoom(name.clone())],
            None => vec![Deed::Tell(starter, "failed".to_owned(), Value::from("no name was given")), Deed::End],
        }
    }

    fn hear(&mut self, event: &TaskEvent) -> Vec<Deed> {
        if event.name == "close" { vec![Deed::End] } else { Vec::new() }
    }
}

#[derive(Default)]
struct ClickToCall {
    starter: Option<TaskId>,
}

impl Program for ClickToCall {
    fn begin(&mut self, starter: TaskId, parameters: &[String]) -> Vec<Deed> {
        self.starter = Some(starter);
        match parameters.first() {
            Some(peer) => vec![Deed::Call(peer.clone())],
            None => vec![Deed::Tell(starter, "failed".to_owned(), Value::from("no address was given")), Deed::End],
        }
    }

    fn hear(&mut self, _: &TaskEvent) -> Vec<Deed> {
        Vec::new()
    }

    fn call_report(&mut self, text: &str) -> Vec<Deed> {
        let told = self.starter.map(|starter| Deed::Tell(starter, "report".to_owned(), Value::from(text)));
        let ended = text.is_empty().then_some(Deed::End);
        told.into_iter().chain(ended).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(from: u64, name: &str) -> TaskEvent {
        TaskEvent { from: Some(TaskId(from)), name: name.to_owned(), parameter: Value::from("x") }
    }

    #[test]
    fn a_relay_tells_the_others() {
        let mut relay = built_in("#relay").unwrap();
        relay.begin(TaskId(1), &[]);
        assert_eq!(relay.hear(&event(2, "hello")), [], "whoever has not joined is not heard");
        let joined = relay.hear(&event(2, "join"));
        assert!(
            matches!(&joined[..], [Deed::Tell(TaskId(1), told, _), Deed::Tell(TaskId(2), welcome, _)] if told == "joined" && welcome == "welcome")
        );
        assert_eq!(relay.hear(&event(2, "hello")), [Deed::Tell(TaskId(1), "hello".to_owned(), Value::from("x"))]);
        relay.hear(&event(1, "leave"));
        assert_eq!(relay.hear(&event(2, "leave")), [Deed::End]);
    }

    #[test]
    fn an_echo_answers() {
        let mut echo = built_in("echo").unwrap();
        assert_eq!(echo.hear(&event(7, "ping")), [Deed::Tell(TaskId(7), "ping".to_owned(), Value::from("x"))]);
        assert!(built_in("nothing").is_none());
    }
}
