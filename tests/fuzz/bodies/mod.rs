//! What is done with one input of each fuzz target. The targets hand it what the fuzzer makes up, `tests/replay.rs` what
//! has been found and is kept: both run the same lines. A panic is a finding.

pub mod calendar;
pub mod compose;
pub mod contacts;
pub mod forms;
pub mod frames;
pub mod mime;
pub mod names;
pub mod objects;
pub mod recurrence;
pub mod sdp;
pub mod urls;
pub mod websocket;
pub mod xcal;
pub mod xml;
