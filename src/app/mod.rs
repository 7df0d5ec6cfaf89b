//! [4] The app: reads what it is told, opens the store, runs the server or one command, and ends in order.
//!
//! Imports everything; nothing imports it. `cli` reads the command line, `config` the configuration, `commands` runs a
//! command through `admin`, `run` runs the server.

pub mod admin;
pub mod cli;
pub mod config;
pub mod ops;
pub mod problem;
