//! `Tasks`: what runs beside the sessions of this server and is told events: applications, and the sessions themselves,
//! which are tasks to each other.
//!
//! Whoever tells an event never waits: a task that has too much to do already does not hear it, one that has ended is
//! said not to be there. Meetings name a task so that others find it; which task that is, is known in memory only.
//! Spec: XIMSS, "Real-Time Application Management".

pub mod called;
pub mod meetings;
pub mod programs;
pub mod task;

use super::access::Caller;
use super::house::House;
use super::signals::Inbox;
use super::tell::tell;
use crate::model::fault::{Fault, Outcome};
use crate::model::ids::AccountId;
use crate::model::signal::Signal;
use crate::model::task::{TaskEvent, TaskId};
use actix::Addr;
use programs::Program;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use task::{Happens, StarterEnded, Task};

/// The most tasks that an account runs at a time, its sessions not counted.
pub const MOST_TASKS: usize = 20;
/// The most events that wait for a task.
pub const MOST_WAITING: usize = 256;
/// The most bytes that they hold.
const MOST_WAITING_BYTES: usize = 2 << 20;
/// The most bytes of one event.
pub const MOST_EVENT_BYTES: usize = 64 << 10;

/// What waits for an application: how many events, and how many bytes they hold.
#[derive(Default)]
struct Waiting {
    events: AtomicUsize,
    bytes: AtomicUsize,
}

impl Waiting {
    /// One event more waits; false where there is no room for it.
    fn take_in(&self, weight: usize) -> bool {
        let (events, bytes) = (self.events.fetch_add(1, Ordering::Relaxed), self.bytes.fetch_add(weight, Ordering::Relaxed));
        let fits = events < MOST_WAITING && bytes + weight <= MOST_WAITING_BYTES;
        if !fits {
            self.let_go(weight);
        }
        fits
    }

    /// One has been heard.
    fn let_go(&self, weight: usize) {
        self.events.fetch_sub(1, Ordering::Relaxed);
        self.bytes.fetch_sub(weight, Ordering::Relaxed);
    }
}

/// Refuses an event that is too large to be told.
fn check_size(event: &TaskEvent) -> Outcome<()> {
    if event.weight() > MOST_EVENT_BYTES { Err(Fault::quota("event is too large")) } else { Ok(()) }
}

/// Where events for a task go.
#[derive(Clone)]
enum Ear {
    /// To an application, with what waits there already.
    Task(Addr<Task>, Arc<Waiting>),
    /// To a session.
    Session(Inbox),
}

struct Running {
    owner: AccountId,
    ear: Ear,
    /// The session or the task that started it, if it was started: one of the same account.
    starter: Option<TaskId>,
}

/// The program of a name: one that is built in, else a script of the account's or of its domain's.
pub async fn program(house: &House, owner: &Caller, name: &str, entry: Option<&str>) -> Outcome<Box<dyn Program>> {
    let entry = entry.filter(|entry| !entry.is_empty());
    if let Some(program) = programs::built_in(name) {
        return match entry {
            None | Some("main") => Ok(program),
            Some(_) => Err(Fault::not_found("application entry does not exist")),
        };
    }
    let script = house.scripts.find(&house.store, owner, name.trim_start_matches('#'), entry.unwrap_or("main")).await?;
    Ok(Box::new(script))
}

/// A meeting by the account it belongs to, its set and its name.
pub type MeetingKey = (AccountId, String, String);

#[derive(Default)]
struct Known {
    running: HashMap<TaskId, Running>,
    /// The applications among them, by account; few each.
    programs: HashMap<AccountId, Vec<TaskId>>,
    meetings: HashMap<MeetingKey, TaskId>,
    last: u64,
}

impl Known {
    fn may_activate(&self, meeting: &MeetingKey, task: TaskId) -> Outcome<()> {
        match self.meetings.get(meeting) {
            Some(other) if *other != task => Err(Fault::state("meeting is active already")),
            _ => Ok(()),
        }
    }

    /// A task has ended. Gives the applications that it started.
    fn end(&mut self, id: TaskId) -> Vec<Addr<Task>> {
        self.meetings.retain(|_, task| *task != id);
        let Some(ended) = self.running.remove(&id) else { return Vec::new() };
        let Some(own) = self.programs.get_mut(&ended.owner) else { return Vec::new() };
        own.retain(|task| *task != id);
        if own.is_empty() {
            self.programs.remove(&ended.owner);
            return Vec::new();
        }
        let started = own.iter().filter_map(|task| self.running.get(task)).filter(|running| running.starter == Some(id));
        let ears = started.filter_map(|running| match &running.ear {
            Ear::Task(task, _) => Some(task.clone()),
            Ear::Session(_) => None,
        });
        ears.collect()
    }
}

/// The tasks that run. Cloning gives another handle.
#[derive(Clone, Default)]
pub struct Tasks(Arc<Mutex<Known>>);

/// A task's entry; when it is dropped the task is not there any more, and its meetings have none.
pub struct Entry {
    id: TaskId,
    tasks: Tasks,
}

impl Entry {
    /// The task.
    pub fn id(&self) -> TaskId {
        self.id
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let orphans = self.tasks.with(|known| known.end(self.id));
        orphans.iter().for_each(|task| tell(task, StarterEnded(self.id)));
    }
}

impl Tasks {
    fn with<T>(&self, f: impl FnOnce(&mut Known) -> T) -> T {
        // A panic while the lock was held cannot leave the maps half changed.
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn enter(&self, owner: AccountId, ear: Ear, starter: Option<TaskId>) -> Outcome<Entry> {
        let id = self.with(|known| {
            let id = TaskId(known.last + 1);
            if matches!(ear, Ear::Task(..)) {
                let own = known.programs.entry(owner).or_default();
                if own.len() >= MOST_TASKS {
                    return Err(Fault::quota("too many tasks"));
                }
                own.push(id);
            }
            known.last = id.0;
            known.running.insert(id, Running { owner, ear, starter });
            Ok(id)
        })?;
        Ok(Entry { id, tasks: self.clone() })
    }

    /// A session becomes a task.
    pub fn enter_session(&self, owner: AccountId, inbox: Inbox) -> Outcome<Entry> {
        self.enter(owner, Ear::Session(inbox), None)
    }

    /// Tells a task an event. Refused where it has ended, or the event is too large; one that has too much to do does not hear it.
    pub fn tell(&self, to: TaskId, event: TaskEvent) -> Outcome<()> {
        check_size(&event)?;
        let ear = self.with(|known| known.running.get(&to).map(|running| running.ear.clone()));
        match ear.ok_or_else(|| Fault::state("task does not exist"))? {
            Ear::Session(inbox) => inbox.push(Signal::Task(event)).map_err(|_| Fault::state("task does not exist")),
            Ear::Task(task, waiting) => {
                if !waiting.take_in(event.weight()) {
                    tracing::info!(task = to.0, "a task does not keep up; an event for it is dropped");
                } else {
                    tell(&task, Happens(event));
                }
                Ok(())
            }
        }
    }

    /// The task that has activated a meeting.
    pub fn active(&self, meeting: &MeetingKey) -> Option<TaskId> {
        self.with(|known| known.meetings.get(meeting).copied())
    }

    /// Refuses the activation of a meeting that another task has activated.
    fn may_activate(&self, meeting: &MeetingKey, task: TaskId) -> Outcome<()> {
        self.with(|known| known.may_activate(meeting, task))
    }

    /// A task activates a meeting; refused where another one has.
    pub fn activate(&self, meeting: MeetingKey, task: TaskId) -> Outcome<()> {
        self.with(|known| {
            known.may_activate(&meeting, task)?;
            known.meetings.insert(meeting, task);
            Ok(())
        })
    }

    /// A meeting has no task any more.
    pub fn deactivate(&self, meeting: &MeetingKey) {
        self.with(|known| known.meetings.remove(meeting));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_for_a_task_is_bounded_in_number_and_in_bytes() {
        let waiting = Waiting::default();
        assert!((0..MOST_WAITING).all(|_| waiting.take_in(100)) && !waiting.take_in(100));
        waiting.let_go(100);
        assert!(waiting.take_in(100) && !waiting.take_in(1));
        let waiting = Waiting::default();
        assert_eq!((0..MOST_WAITING).filter(|_| waiting.take_in(MOST_EVENT_BYTES)).count(), MOST_WAITING_BYTES / MOST_EVENT_BYTES);
        (0..MOST_WAITING_BYTES / MOST_EVENT_BYTES).for_each(|_| waiting.let_go(MOST_EVENT_BYTES));
        assert!(waiting.take_in(MOST_EVENT_BYTES));
    }
}
