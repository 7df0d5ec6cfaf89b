//! Posthouse: the map of the house.
#![allow(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

pub mod app;
pub mod domain;
pub mod format;
pub mod model;
pub mod proto;
pub mod store;
pub mod xml;
