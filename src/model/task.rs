//! Real-time tasks and meetings: what they tell each other.
//!
//! Spec: XIMSS, "Real-Time Application Management".

use super::time::Timestamp;
use super::value::Value;
use serde::{Deserialize, Serialize};

/// A task of this server since it was started. A session is one, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskId(pub u64);

/// What one task tells another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskEvent {
    /// Who tells it; None for the server itself.
    pub from: Option<TaskId>,
    /// Its name.
    pub name: String,
    /// What comes with it.
    pub parameter: Value,
}

impl TaskEvent {
    /// About how many bytes it holds.
    pub fn weight(&self) -> usize {
        128 + self.name.len() + self.parameter.weight()
    }
}

/// What is kept of a meeting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meeting {
    /// The text that was given when it was made.
    pub parameter: Option<String>,
    /// When it was made.
    pub created: Timestamp,
    /// When it is forgotten, unless it is used before.
    pub expires: Timestamp,
}
