//! `relay`: tells all who have joined it what one of them tells it.

use super::{Deed, Happening, Program, takes_no_calls};
use crate::model::fault::Outcome;
use crate::model::task::{TaskEvent, TaskId};
use crate::model::value::{Dictionary, Value};

/// The most that may join a relay.
const MOST_JOINED: usize = 200;

#[derive(Default)]
pub(super) struct Relay {
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
    fn hear(&mut self, what: Happening) -> Outcome<Vec<Deed>> {
        Ok(match what {
            Happening::Begun { starter, .. } => {
                self.joined.extend(starter);
                Vec::new()
            }
            Happening::Told(event) => self.told(&event),
            Happening::StarterEnded(starter) if self.joined.contains(&starter) => self.left(starter, &Value::Null),
            what => takes_no_calls(&what, "the application takes no calls"),
        })
    }
}

impl Relay {
    fn told(&mut self, event: &TaskEvent) -> Vec<Deed> {
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
            "leave" => self.left(from, &event.parameter),
            // Whoever has not joined is not heard.
            _ if !self.joined.contains(&from) => Vec::new(),
            name => self.all(from, name, &event.parameter),
        }
    }

    /// One leaves it; the last one ends it.
    fn left(&mut self, from: TaskId, parameter: &Value) -> Vec<Deed> {
        let deeds = self.all(from, "left", parameter);
        self.joined.retain(|task| *task != from);
        if self.joined.is_empty() { vec![Deed::End] } else { deeds }
    }
}
