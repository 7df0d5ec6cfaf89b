//! What the tests that speak the protocol share: a server of their own, a XIMSS client, an HTTP client.
//!
//! All of it is blocking and made of plain sockets, so that nothing of the server's own machinery can hide a fault of it.

#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on panics")]

pub mod certificate;
pub mod conversation;
pub mod device;
pub mod http;
pub mod matching;
pub mod process;
pub mod server;
pub mod web;
pub mod websocket;
pub mod ximss;
