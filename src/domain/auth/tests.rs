//! Verifying, admitting and recovering.
