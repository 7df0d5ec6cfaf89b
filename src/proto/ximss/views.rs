//! The open folders, or the open calendars, of a session: actors by the names that the client has given them.

use crate::model::fault::{Fault, Outcome};
use actix::{Actor, Addr};
use std::cell::RefCell;

/// The most that a session may have open of a kind.
const MOST: usize = 64;

/// Open views of one kind.
pub struct Views<V: Actor> {
    /// What they are called when something is wrong: `folder`.
    kind: &'static str,
    /// Few, so that a list is smaller than a map and as quick.
    open: RefCell<Vec<(String, Addr<V>)>>,
}

impl<V: Actor> Views<V> {
    /// None yet.
    pub fn new(kind: &'static str) -> Self {
        Self { kind, open: RefCell::default() }
    }

    /// Refuses a name that is taken, and one view too many.
    pub fn check_new(&self, name: &str) -> Outcome<()> {
        let open = self.open.borrow();
        if open.iter().any(|(known, _)| known == name) {
            return Err(Fault::state(format!("{} with this name is already open", self.kind)));
        }
        if open.len() >= MOST { Err(Fault::state(format!("too many open {}s", self.kind))) } else { Ok(()) }
    }

    /// Puts one more there.
    pub fn add(&self, name: String, view: Addr<V>) {
        let mut open = self.open.borrow_mut();
        // Most sessions have one open and no more: room for four would be a fortieth of what an idle one takes.
        if open.is_empty() {
            open.reserve_exact(1);
        }
        open.push((name, view));
    }

    fn missing(&self) -> Fault {
        Fault::state(format!("no open {} with this name", self.kind))
    }

    /// The one of a name.
    pub fn find(&self, name: &str) -> Outcome<Addr<V>> {
        let open = self.open.borrow();
        open.iter().find(|(known, _)| known == name).map(|(_, view)| view.clone()).ok_or_else(|| self.missing())
    }

    /// All of them.
    pub fn all(&self) -> Vec<(String, Addr<V>)> {
        self.open.borrow().clone()
    }

    /// Takes one away.
    pub fn take(&self, name: &str) -> Outcome<Addr<V>> {
        let mut open = self.open.borrow_mut();
        let at = open.iter().position(|(known, _)| known == name).ok_or_else(|| self.missing())?;
        Ok(open.swap_remove(at).1)
    }

    /// Takes all away.
    pub fn take_all(&self) -> Vec<(String, Addr<V>)> {
        self.open.take()
    }
}
