//! Floor 0. Plain values: what the house talks about, without bytes on a wire or on a disk.
//!
//! Imports nothing of the house. Everything here is `Send`, cheap to clone and free of I/O.

pub mod calendar;
pub mod call;
pub mod change;
pub mod component;
pub mod contact;
pub mod credential;
pub mod draft;
pub mod fault;
pub mod files;
pub mod flags;
pub mod ids;
pub mod im;
pub mod limits;
pub mod mail;
pub mod names;
pub mod presence;
pub mod rights;
pub mod roster;
pub mod rule;
pub mod sdp;
pub mod signal;
pub mod task;
pub mod time;
pub mod value;
pub mod viewer;
