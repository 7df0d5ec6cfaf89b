//! The operations, a file per family. A family's table stands at the head of its file.

pub mod prelogin;
pub mod service;
