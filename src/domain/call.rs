//! Calls: pure machines for the legs, the fork that rings, and the call that joins two ends; and the actors around them.
//!
//! A [`leg::Leg`] speaks with one client; a [`hub::Hub`] is what the legs of a call have in common, and the only one that
//! each of them talks to. Both know no I/O: events and the time go in, words and deadlines come out. Gateways are further
//! kinds of leg that speak the same words (`model::call`).
//! Spec: XIMSS, "Signaling".

pub mod actors;
pub mod address;
pub mod counted;
pub mod fork;
pub mod hub;
pub mod kept;
pub mod leg;
mod log;
mod moving;
mod shown;
mod slots;
pub mod stages;
