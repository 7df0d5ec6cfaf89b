//! What items say of themselves.
