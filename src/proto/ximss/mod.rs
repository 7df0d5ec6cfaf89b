//! XIMSS: the XML Interface to Messaging, Scheduling and Signaling, protocol version 6.1.
//!
//! `session` knows no transport; `tcp`, `http` and `ws` carry it over TCP and TLS, HTTP requests and WebSockets. An operation is a struct in `ops` and a row in its
//! family's table; `form` turns the specification's data elements into the model and back.

pub mod desk;
pub mod entrance;
pub mod form;
pub mod http;
mod listen;
pub mod measures;
pub mod ops;
pub mod outbox;
pub mod request;
pub mod session;
pub mod signaling;
pub mod table;
pub mod tcp;
#[cfg(test)]
pub(crate) mod testing;
pub mod views;
pub mod ws;
