//! Floor 1. Standard shapes to and from the model, pure: bytes and values in, bytes and values out.
//!
//! Imports `model` and the parsers' crates. Knows no store, no XIMSS and no clock.
pub mod base64_text;
mod content_line;
pub mod html;
pub mod ical;
pub mod mime;
pub mod object;
pub mod sasl;
pub mod sdp;
pub mod vcard;
