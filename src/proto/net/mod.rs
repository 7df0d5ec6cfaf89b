//! The doors of the house: listening sockets, TLS, and how many may come in from one address.
//!
//! Knows no protocol: who opens a door says what is to be done with a client. Serves all front ends. Also the way out,
//! to documents on other servers.

pub mod basic;
pub mod cookies;
pub mod documents;
pub mod limits;
pub mod listener;
pub mod placement;
pub mod proxies;
mod self_signed;
pub mod tls;
pub mod unread;
pub mod wire;
