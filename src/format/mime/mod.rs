//! MIME: raw messages to the model and back. RFC 5322, RFC 2045 to 2049, RFC 2231, RFC 3676.
//!
//! `structure` finds the parts and where they lie; everything else works on its ranges. Nothing here refuses a
//! message: what cannot be understood is shown as far as it can be read.

pub mod build;
pub mod header;
pub mod read;
pub mod reply;
pub mod report;
pub mod search;
pub mod structure;
mod wrap;
