//! Ports: what the house asks of the world outside, as the floor of decisions sees it. The floors above plug in who does it.

use super::remote_documents::{Document, Request};
use crate::model::fault::Outcome;
use futures_util::future::BoxFuture;

/// Fetches documents from other servers.
pub trait FetchDocument: Send + Sync {
    /// Fetches one within the bounds of the request. Faults are those of remote servers (520).
    fn fetch(&self, request: Request) -> BoxFuture<'static, Outcome<Document>>;
}
