//! What the XIMSS front end counts, by the names that `/metrics` shows.

/// Sessions that are open, logged in or not.
pub const SESSIONS: &str = "posthouse_ximss_sessions";
/// Requests so far.
pub const REQUESTS: &str = "posthouse_ximss_requests";
/// Requests so far that were refused or failed.
pub const REFUSALS: &str = "posthouse_ximss_refusals";

/// Says to the recorder what each is. To be called once, after the recorder has been installed.
pub fn describe() {
    metrics::describe_gauge!(SESSIONS, "XIMSS sessions that are open, logged in or not");
    metrics::describe_counter!(REQUESTS, "XIMSS requests so far");
    metrics::describe_counter!(REFUSALS, "XIMSS requests so far that were refused or failed");
}
