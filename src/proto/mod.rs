//! Floor 3. The front ends: each a folder that speaks one protocol. They import the floors below, never each other,
//! but for `net` and `http`, which serve them all.

pub mod http;
pub mod net;
pub mod ximss;
