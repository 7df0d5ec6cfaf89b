//! The page at `/`: what this is, where it listens, how to connect. And `/healthz`, for whoever watches over it.
//!
//! The page stands on its own: its one style sheet is in it, and nothing else may be loaded.

use super::refusal;
use super::server::Web;
use crate::format::html::escaped;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::net::SocketAddr;
use std::time::Duration;

const PAGE: &str = include_str!("../../../assets/page.html");
const STYLE: &str = include_str!("../../../assets/page.css");
/// How long the store may take to answer before the server counts as ill.
const PATIENCE: Duration = Duration::from_secs(5);

/// What stands behind each listener, by its name in the configuration.
const ABOUT: &[(&str, &str, &str)] = &[
    ("ximss", "XIMSS", "clear text; <code>starttls</code> turns encryption on"),
    ("ximss_tls", "XIMSS", "encrypted from the first byte"),
    ("http", "HTTP", "this page, session URLs, XIMSS over HTTP and WebSocket"),
    ("https", "HTTPS", "the same, encrypted"),
];

/// Answers `/`.
pub async fn serve(request: HttpRequest, web: web::Data<Web>) -> HttpResponse {
    let host = request.connection_info().host().to_owned();
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        STANDARD.encode(Sha256::digest(STYLE))
    );
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CONTENT_SECURITY_POLICY, policy))
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .body(render(&web.settings.listeners, without_port(&host)))
}

/// Answers `/healthz`: 200 while the store answers.
pub async fn health(web: web::Data<Web>) -> HttpResponse {
    let answered = tokio::time::timeout(PATIENCE, web.house.store.read(|_| Ok(()))).await;
    match answered {
        Ok(Ok(())) => refusal::with(StatusCode::OK, "ok"),
        _ => refusal::with(StatusCode::SERVICE_UNAVAILABLE, "the store does not answer"),
    }
}

/// The page, for somebody who reached this server as `host`.
fn render(listeners: &[(&'static str, Vec<SocketAddr>)], host: &str) -> String {
    let mut rows = String::new();
    for (name, addresses) in listeners {
        let (title, about) = ABOUT.iter().find(|(known, ..)| known == name).map_or((*name, ""), |(_, title, about)| (title, about));
        for address in addresses {
            let address = escaped(&reachable(address, host));
            // Writing to a string cannot fail.
            let _ = write!(rows, "<tr><td>{title}</td><td><code>{address}</code></td><td>{about}</td></tr>");
        }
    }
    let ximss = listeners.iter().find(|(name, _)| *name == "ximss").and_then(|(_, addresses)| addresses.first());
    let (ximss_host, port) = match ximss {
        Some(address) if address.ip().is_unspecified() => (host.to_owned(), address.port()),
        Some(address) => (address.ip().to_string(), address.port()),
        None => (host.to_owned(), 11024),
    };
    PAGE.replace("{{style}}", STYLE)
        .replace("{{version}}", env!("CARGO_PKG_VERSION"))
        .replace("{{listeners}}", &rows)
        .replace("{{port}}", &port.to_string())
        .replace("{{host}}", &escaped(&ximss_host))
}

/// An address somebody can connect to: a listener on all addresses is reached by the name that led here.
fn reachable(address: &SocketAddr, host: &str) -> String {
    if address.ip().is_unspecified() { format!("{host}:{}", address.port()) } else { address.to_string() }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && (name.ends_with(']') || !name.contains(':')) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_names_the_listeners_and_nothing_a_stranger_wrote_is_html() {
        let listeners = [("ximss", vec!["0.0.0.0:11024".parse().unwrap()]), ("https", vec!["127.0.0.1:9100".parse().unwrap()])];
        let page = render(&listeners, "<script>");
        assert!(page.contains("&lt;script&gt;:11024") && page.contains("127.0.0.1:9100") && page.contains(env!("CARGO_PKG_VERSION")));
        assert!(!page.contains("{{") && !page.contains("<script"));
        assert!(page.contains(&format!("<style>{STYLE}</style>")), "the policy allows this style and no other");
    }

    #[test]
    fn ports_are_taken_off() {
        assert_eq!(["a.test:80", "a.test", "[::1]:80", "[::1]"].map(without_port), ["a.test", "a.test", "[::1]", "[::1]"]);
    }
}
