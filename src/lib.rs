//! Posthouse: messaging, scheduling and signaling for a household or a small office, in one binary. This page is the
//! map of the house.
//!
//! # Floors
//! Imports point down, and `tests/layers.rs` holds them to it:
//!
//! | floor | module | what it is |
//! |---|---|---|
//! | 4 | [`app`] | configuration, commands, import and export, the server's start and end |
//! | 3 | [`proto`] | front ends: XIMSS over TCP, TLS and the web port; each parses at the door and knows no other |
//! | 2 | [`domain`] | decisions and actors: who may do what, folder views, calendars, delivery, the queue, calls, presence |
//! | 1 | [`store`] | the only floor that names its engine: ordered keys, group commit, the change feed |
//! | 1 | [`format`](mod@format) | standard shapes to the model and back: MIME, iCalendar, vCard, SDP, data objects, SASL; pure |
//! | 1 | [`xml`] | bytes to elements and back, within limits; typed attributes |
//! | 0 | [`model`] | plain values and names, checked when they are made; faults; limits |
//!
//! The three modules of floor 1 are strangers to each other. `domain` and `store` know no XML, nothing but `proto/http`
//! and the bindings of XIMSS to HTTP and WebSocket knows the web framework (but that `proto/net/wire` asks it on which
//! connection a request came), nothing but `store` knows the database.
//!
//! # What must hold
//! - What a client is told is done is on disk, mostly by one write and one sync (`store::write_ahead`). Jobs share a
//!   commit when they come together, and none waits for company (`store::writer`); nobody hears of a change before it is
//!   on disk (`store::feed`), and whoever looks then finds it (`store::redb_engine`).
//! - No thread that runs actors ever blocks: store questions run on reading threads, changes on the writer's, key
//!   derivation and scripts on their own.
//! - Ask down, tell up: an actor awaits only what lies below it; upwards goes at most one wake-up at a time
//!   (`domain::tell`).
//! - Memory is bounded by limits that have names (`model::limits`), a client that does not read is cut off
//!   (`proto::ximss::outbox`).
//! - Whoever is not entitled to know hears the same of an account that does not exist and of one that cannot be reached
//!   (`domain::strangers`).
//! - Bad input is a `Fault` with a number and a short text; its cause, if it is ours, is in the log and never on the
//!   wire. A broken invariant is a panic, and ends one job or one actor.
//! - An operation is one struct and one row in the table (`proto::ximss::table`), which dispatches, documents and tests.
//!
//! # Where to start
//! - How a request travels: `proto::ximss::tcp`, `session`, `request`, one of `ops`, then the `domain` function it calls.
//! - Which thread serves a client that comes: `proto::net::placement`.
//! - How mail is delivered: `proto::ximss::ops::sending`, `domain::delivery`, `store::messages`, `store::feed`,
//!   `domain::folder::view`.
//! - How a calendar is read: `proto::ximss::ops::calendars`, `domain::calendar`, `store::calendars`; how an invitation is
//!   sent and worked in: `proto::ximss::ops::scheduling`, `domain::scheduling`.
//! - How a call is made: `proto::ximss::ops::calls`, `domain::call::actors`, then the machines `leg`, `hub` and `fork`, with
//!   the `stages` at which rules have a say; how anything reaches a session unasked: `domain::signals`.
//! - How an application runs, started or called: `domain::tasks::task`, `domain::tasks::programs`, `domain::scripts`.
//! - How the server starts and ends: `main.rs`, [`app::commands`], [`app::serve`], [`app::run`].
//! - What is on disk: `store::tables`, one page, with the order of keys, and `store::write_ahead` before it.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

pub mod app;
pub mod domain;
pub mod format;
pub mod model;
pub mod proto;
pub mod store;
pub mod xml;
