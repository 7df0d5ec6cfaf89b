//! A client of XIMSS over HTTP, as small as the clients that are out there.

use super::http::{Answer, get, request};
use super::ximss::parse;
use posthouse::xml::Element;
use std::net::SocketAddr;

/// One session and its numbers.
pub struct Web {
    server: SocketAddr,
    /// The session's ID.
    pub id: String,
    /// Header fields of every request.
    pub headers: Vec<(String, String)>,
    sent: u64,
    /// The number of the last batch that arrived.
    pub ack: u64,
}

/// The messages of an answer, which must be one of XIMSS.
pub fn messages(answer: &Answer) -> Vec<Element> {
    let text = String::from_utf8_lossy(&answer.body);
    assert_eq!(answer.status, 200, "{text}");
    assert_eq!(answer.header("content-type"), Some("text/xml; charset=utf-8"), "{text}");
    let root = parse(&answer.body);
    assert_eq!(root.name, "XIMSS", "{text}");
    root.elements().cloned().collect()
}

/// Waits until the server holds no XIMSS session. It asks the metrics, which no session takes for a sign of life.
pub fn wait_until_no_session(server: SocketAddr) {
    loop {
        let metrics = String::from_utf8(get(server, "/metrics").body).expect("metrics are text");
        let sessions = metrics.lines().find_map(|line| line.strip_prefix("posthouse_ximss_sessions "));
        if sessions.is_some_and(|number| number.trim() == "0") {
            return;
        }
    }
}

/// The names of messages.
pub fn names(messages: &[Element]) -> Vec<&str> {
    messages.iter().map(|message| message.name.as_str()).collect()
}

/// A form, encoded.
pub fn form(pairs: &[(&str, &str)]) -> String {
    let encode = |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
    pairs.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect::<Vec<_>>().join("&")
}

/// Sends a login form with these parameters beside name and password.
pub fn log_in(server: SocketAddr, user: &str, password: &str, more: &[(&str, &str)], headers: &[(&str, &str)]) -> Answer {
    let body = form(&[&[("userName", user), ("password", password)], more].concat());
    request(server, "POST", "/XIMSSLogin/", headers, body.as_bytes())
}

impl Web {
    /// The session that an answer to a login begins.
    pub fn of(server: SocketAddr, answer: &Answer) -> Self {
        let messages = messages(answer);
        assert_eq!(names(&messages), ["session", "response"], "{messages:?}");
        Self::known(server, messages[0].get("urlID").expect("a session has an ID"))
    }

    /// A session whose ID is known.
    pub fn known(server: SocketAddr, id: &str) -> Self {
        Self { server, id: id.to_owned(), headers: Vec::new(), sent: 0, ack: 0 }
    }

    /// Logs in.
    pub fn login(server: SocketAddr, user: &str, password: &str) -> Self {
        Self::of(server, &log_in(server, user, password, &[], &[]))
    }

    /// Another client of the same session, which counts anew.
    pub fn again(&self) -> Self {
        Self { headers: self.headers.clone(), ..Self::known(self.server, &self.id) }
    }

    /// Sends a request for one of the session's URLs.
    pub fn request(&self, method: &str, rest: &str, body: &str) -> Answer {
        let headers: Vec<(&str, &str)> = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        request(self.server, method, &format!("/Session/{}/{rest}", self.id), &headers, body.as_bytes())
    }

    /// Sends a batch of requests with a number of its own.
    pub fn post(&mut self, way: &str, requests: &str) -> Answer {
        self.sent += 1;
        self.request("POST", &format!("{way}?reqSeq={}", self.sent), &format!("<XIMSS>{requests}</XIMSS>"))
    }

    /// Has requests answered.
    pub fn sync(&mut self, requests: &str) -> Vec<Element> {
        messages(&self.post("sync", requests))
    }

    /// Polls; the messages count as arrived.
    pub fn poll(&mut self, wait: u32) -> Vec<Element> {
        let answer = self.request("GET", &format!("?ackSeq={}&maxWait={wait}&random=x", self.ack), "");
        let all = messages(&answer);
        let number = parse(&answer.body).get("respSeq").map(str::to_owned);
        assert_eq!(number.is_some(), !all.is_empty());
        if let Some(number) = number {
            self.ack += 1;
            assert_eq!(number, self.ack.to_string(), "numbers go up by one");
        }
        all
    }
}
