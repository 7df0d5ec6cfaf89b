//! The web port: a page that says what this is, health and metrics, and the URLs of sessions.
//!
//! Knows no other front end: sessions of every kind are found in `house.sessions` and asked through the recipients
//! they left there. A family of URLs is a file with its handlers and a line in `server::routes`. Other front
//! ends bring their URLs along when they have some on this port (`server::Guests`).
//! Spec: XIMSS, "HTTP Access"; RFC 9110.

mod accept;
mod administrator;
mod deliver;
pub mod disposition;
mod download;
mod export;
mod http2;
pub mod metrics;
mod page;
mod part;
mod profile;
pub mod range;
mod refusal;
pub mod server;
pub mod session_urls;
mod temporary;
mod upload;
mod watched;

#[cfg(test)]
mod tests;
