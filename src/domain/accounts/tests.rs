//! Accounts as they are made, changed and removed.
