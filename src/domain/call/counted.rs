//! How many calls and legs there are, for whoever watches the server: none is to stay behind.

/// Calls that are, by the name that is shown.
pub const CALLS: &str = "posthouse_calls";
/// Legs of calls that are, those included that have ended and that their clients have not released.
pub const LEGS: &str = "posthouse_call_legs";

/// One more of something, as long as this lives.
pub(super) struct Counted(&'static str);

impl Counted {
    /// Of this.
    pub fn new(what: &'static str) -> Self {
        metrics::gauge!(what).increment(1);
        Self(what)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        metrics::gauge!(self.0).decrement(1);
    }
}
