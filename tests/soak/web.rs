//! HTTP over a connection that is kept: a session's requests and polls, and what lies at its URLs.

use crate::link::Outcome;
use crate::support::http::{Answer, answer, written};
use crate::support::web::form;
use crate::support::ximss::parse;
use posthouse::xml::Element;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A client of HTTP, with the session it has begun.
pub struct Web {
    server: SocketAddr,
    stream: Option<TcpStream>,
    session: String,
    sent: u64,
    acknowledged: u64,
}

/// The messages of an answer, which must be one of XIMSS.
fn messages(answer: &Answer) -> Outcome<Vec<Element>> {
    if answer.status != 200 {
        return Err(format!("status {}: {}", answer.status, String::from_utf8_lossy(&answer.body)));
    }
    Ok(parse(&answer.body).elements().cloned().collect())
}

impl Web {
    /// A client that has asked for nothing yet.
    pub fn new(server: SocketAddr) -> Self {
        Self { server, stream: None, session: String::new(), sent: 0, acknowledged: 0 }
    }

    /// Begins a session.
    pub async fn log_in(&mut self, user: &str, password: &str) -> Outcome<Vec<Element>> {
        let body = form(&[("userName", user), ("password", password)]);
        let data = messages(&self.request("POST", "/XIMSSLogin/", &[], body.as_bytes()).await?)?;
        self.session = crate::link::session_id(&data)?;
        Ok(data)
    }

    /// Has a request of the session answered.
    pub async fn sync(&mut self, request: &str) -> Outcome<Vec<Element>> {
        self.sent += 1;
        let path = format!("/Session/{}/sync?reqSeq={}", self.session, self.sent);
        messages(&self.request("POST", &path, &[], format!("<XIMSS>{request}</XIMSS>").as_bytes()).await?)
    }

    /// Fetches what the session has to say, without waiting for more.
    pub async fn poll(&mut self) -> Outcome<Vec<Element>> {
        let path = format!("/Session/{}/?ackSeq={}&maxWait=0", self.session, self.acknowledged);
        let answer = self.request("GET", &path, &[], b"").await?;
        let all = messages(&answer)?;
        if let Some(number) = parse(&answer.body).get("respSeq").and_then(|number| number.parse().ok()) {
            if number != self.acknowledged + 1 {
                return Err(format!("batch {number} follows batch {}", self.acknowledged));
            }
            self.acknowledged = number;
        }
        Ok(all)
    }

    /// Sends a request; where the server has meanwhile closed the connection, over another one.
    pub async fn request(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Outcome<Answer> {
        let bytes = written(self.server, method, path, headers, body, true);
        if let Some(mut kept) = self.stream.take()
            && let Ok(answer) = exchange(&mut kept, &bytes).await
        {
            self.stream = Some(kept);
            return Ok(answer);
        }
        let mut stream = TcpStream::connect(self.server).await.map_err(|error| format!("no connection: {error}"))?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        let answer = exchange(&mut stream, &bytes).await.map_err(|error| format!("{method} {path}: {error}"))?;
        self.stream = Some(stream);
        Ok(answer)
    }
}

async fn exchange(stream: &mut TcpStream, request: &[u8]) -> Outcome<Answer> {
    stream.write_all(request).await.map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    while !is_whole(&bytes) {
        bytes.reserve(8 << 10);
        let count = stream.read_buf(&mut bytes).await.map_err(|error| error.to_string())?;
        if count == 0 {
            return Err("the server closed the connection".to_owned());
        }
    }
    Ok(answer(&bytes))
}

/// True when an answer has come to its end, as its head tells it.
fn is_whole(bytes: &[u8]) -> bool {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
    let mut rest = &bytes[end + 4..];
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")).and_then(|text| text.trim().parse::<usize>().ok());
    if !head.contains("transfer-encoding: chunked") {
        return rest.len() >= length.unwrap_or_default();
    }
    loop {
        let Some(end) = rest.windows(2).position(|two| two == b"\r\n") else { return false };
        let Ok(size) = usize::from_str_radix(String::from_utf8_lossy(&rest[..end]).trim(), 16) else { return false };
        let Some(next) = rest.get(end + 2 + size + 2..) else { return false };
        if size == 0 {
            return true;
        }
        rest = next;
    }
}
