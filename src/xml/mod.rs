//! Floor 1. XML: the small tree that every message is, read and written within limits, and typed attributes.
//!
//! Imports `model::fault` only. Knows no operation and no socket. `frame` and `read` take bytes from strangers:
//! whatever they are given, they answer with a value or a `Fault`.

pub mod attr;
pub mod element;
pub mod frame;
pub mod namespaces;
pub mod pen;
pub mod read;
pub mod write;

pub use attr::{Arg, Attr, FromAttr};
pub use element::{Element, Node};
pub use pen::Pen;
