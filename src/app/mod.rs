//! The app, floor 4: reads what it is told, opens the store, runs the server or one command, and ends in order.
//!
//! Imports everything; nothing imports it. `cli` reads the command line, `config` the configuration. `serve` runs the
//! server (`run`); every other command (`commands`) asks through `admin` whoever holds the store: the running server, or the
//! command itself, which opens the `premises`. `backend` does what they ask.

pub mod admin;
pub mod applications;
pub mod backend;
mod calendars;
pub mod cli;
pub mod commands;
pub mod config;
pub mod export;
pub mod first_admin;
pub mod import;
pub mod in_process;
pub mod log;
pub mod metrics;
pub mod notify;
pub mod ops;
pub mod password;
pub mod preferences;
pub mod premises;
pub mod problem;
pub mod run;
pub mod serve;
pub mod supervise;
