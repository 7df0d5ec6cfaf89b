//! One session's way to the server: XIMSS over TCP, TLS or WebSocket as a stream of messages, or over HTTP. Requests are
//! asked one by one; what the server says unasked is kept until somebody looks.

use crate::support::websocket::{masked, take_frame, upgrade};
use crate::support::ximss::{is_notice, parse};
use crate::support::{certificate, server::Server};
use crate::tally::Tally;
use crate::web::Web;
use posthouse::xml::Element;
use posthouse::xml::write::to_bytes;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::net::TcpStream;

/// What went wrong, in words.
pub type Outcome<T = ()> = Result<T, String>;

/// How long the server may think before it counts as dead. A guard, not a measure.
const PATIENCE: Duration = Duration::from_secs(120);
/// Bytes of what the server says that wait for a session which is about something else.
const UNREAD: usize = 1 << 20;

/// The ways in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// XIMSS in clear text.
    Clear,
    /// XIMSS over TLS.
    Tls,
    /// XIMSS over WebSocket.
    WebSocket,
    /// XIMSS over HTTP.
    Http,
}

/// Where the ways in are.
#[derive(Debug, Clone, Copy)]
pub struct Doors {
    /// XIMSS in clear text.
    pub ximss: SocketAddr,
    /// XIMSS over TLS.
    pub ximss_tls: SocketAddr,
    /// HTTP.
    pub http: SocketAddr,
}

impl Doors {
    /// Those of a server.
    pub fn of(server: &Server) -> Self {
        Self { ximss: server.ximss(), ximss_tls: server.ximss_tls(), http: server.http() }
    }
}

/// What carries bytes both ways.
trait Stream: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Stream for T {}

enum Way {
    /// `masks`: each message goes as a frame of a WebSocket.
    Messages {
        stream: Box<dyn Stream>,
        buffer: Vec<u8>,
        masks: bool,
    },
    Web(Web),
}

/// A connection, or for HTTP what takes the place of one.
pub struct Link {
    way: Way,
    number: u32,
    tally: Rc<Tally>,
    /// What it is.
    kind: Kind,
    /// What the server has said unasked.
    pub notices: Vec<Element>,
}

async fn connect(address: SocketAddr) -> Outcome<TcpStream> {
    let stream = TcpStream::connect(address).await.map_err(|error| format!("no connection: {error}"))?;
    stream.set_nodelay(true).map_err(|error| error.to_string())?;
    Ok(stream)
}

async fn secured(stream: Box<dyn Stream>) -> Outcome<Box<dyn Stream>> {
    let name = "localhost".try_into().map_err(|_| "no name")?;
    let connector = tokio_rustls::TlsConnector::from(certificate::any());
    Ok(Box::new(connector.connect(name, stream).await.map_err(|error| format!("no TLS: {error}"))?))
}

impl Link {
    /// Connects; nobody is logged in.
    pub async fn connect(doors: &Doors, kind: Kind, tally: &Rc<Tally>) -> Outcome<Self> {
        let messages = |stream, masks| Way::Messages { stream, buffer: Vec::new(), masks };
        let way = match kind {
            Kind::Clear => messages(Box::new(connect(doors.ximss).await?), false),
            Kind::Tls => messages(secured(Box::new(connect(doors.ximss_tls).await?)).await?, false),
            Kind::WebSocket => messages(Box::new(web_socket(doors.http).await?), true),
            Kind::Http => Way::Web(Web::new(doors.http)),
        };
        Ok(Self { way, kind, number: 0, tally: tally.clone(), notices: Vec::new() })
    }

    /// Logs in with a password; gives the session's ID for its URLs.
    pub async fn log_in(&mut self, user: &str, password: &str) -> Outcome<String> {
        let data = match &mut self.way {
            Way::Web(web) => {
                self.tally.asked("login");
                web.log_in(user, password).await?
            }
            Way::Messages { .. } => self.ask(&format!(r#"<login authData="{user}" password="{password}" version="6.1"/>"#)).await?,
        };
        session_id(&data)
    }

    /// Goes on over TLS, which the server has agreed to.
    pub async fn start_tls(&mut self) -> Outcome {
        let Way::Messages { stream, .. } = &mut self.way else { return Err("HTTP has no starttls".to_owned()) };
        let clear = std::mem::replace(stream, Box::new(tokio::io::empty()));
        *stream = secured(clear).await?;
        Ok(())
    }

    /// Logs in by SASL in two steps: the server asks for the data, which it then gets.
    pub async fn log_in_when_asked(&mut self, method: &str, data: &str) -> Outcome {
        self.tally.asked("login");
        self.send(&format!(r#"<login id="sasl" method="{method}"/>"#)).await?;
        let challenge = self.next().await?;
        if challenge.name != "challenge" {
            return Err(format!("no challenge: {challenge:?}"));
        }
        session_id(&self.ask(&format!(r#"<auth value="{data}"/>"#)).await?).map(drop)
    }

    /// Has a request answered that must succeed; gives the data it brought.
    pub async fn ask(&mut self, request: &str) -> Outcome<Vec<Element>> {
        let (response, data) = self.answered(request).await?;
        match response.get("errorText") {
            None => Ok(data),
            Some(text) => Err(format!("{request}: {text}")),
        }
    }

    /// Has a request answered; gives the response and the data before it.
    async fn answered(&mut self, request: &str) -> Outcome<(Element, Vec<Element>)> {
        let end = request.find([' ', '/', '>']).ok_or("a request has a name")?;
        let (name, rest) = request.split_at(end);
        self.number += 1;
        let id = format!("s{}", self.number);
        let text = format!("{name} id=\"{id}\"{rest}");
        self.tally.asked(&name[1..]);
        let begun = Instant::now();
        let answer = tokio::time::timeout(PATIENCE, self.exchange(&text, &id)).await.map_err(|_| format!("{request}: no answer"))?;
        self.tally.took(begun.elapsed());
        answer.map_err(|error| format!("{request}: {error}"))
    }

    async fn exchange(&mut self, text: &str, id: &str) -> Outcome<(Element, Vec<Element>)> {
        let mut data = Vec::new();
        if let Way::Web(web) = &mut self.way {
            let mut messages = web.sync(text).await?;
            let at = messages.iter().position(|message| message.name == "response").ok_or("no response")?;
            let response = messages.remove(at);
            let (notices, answers): (Vec<_>, Vec<_>) = messages.into_iter().partition(is_notice);
            self.notices.extend(notices);
            return Ok((response, answers));
        }
        self.send(text).await?;
        loop {
            let message = self.next().await?;
            if is_notice(&message) {
                self.notices.push(message);
            } else if message.get("id") != Some(id) {
                return Err(format!("an answer to something else: {message:?}"));
            } else if message.name == "response" {
                return Ok((message, data));
            } else {
                data.push(message);
            }
        }
    }

    /// Waits for a notice of a name that contains a text; others before it are passed over.
    pub async fn expect(&mut self, name: &str, text: &str) -> Outcome<Element> {
        let begun = Instant::now();
        loop {
            let is_it = |notice: &Element| notice.name == name && String::from_utf8_lossy(&to_bytes(notice)).contains(text);
            if let Some(at) = self.notices.iter().position(is_it) {
                self.tally.noticed(1);
                return Ok(self.notices.drain(..=at).next_back().unwrap_or_else(|| Element::new(name)));
            }
            if begun.elapsed() > PATIENCE {
                return Err(format!("lost notice: {name} with {text}; there are {:?}", self.notices));
            }
            self.look().await?;
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Lets notices that are there come in: by a request that does nothing, or by a poll.
    pub async fn look(&mut self) -> Outcome {
        if let Way::Web(web) = &mut self.way {
            let polled = tokio::time::timeout(PATIENCE, web.poll()).await.map_err(|_| "a poll has no answer")??;
            self.notices.extend(polled);
            return Ok(());
        }
        let kind = self.kind;
        self.ask("<noop/>").await.map(drop).map_err(|error| format!("{error} (of the kind {kind:?})"))
    }

    async fn send(&mut self, text: &str) -> Outcome {
        let Way::Messages { stream, masks, .. } = &mut self.way else { return Err("HTTP has no stream".to_owned()) };
        let bytes = if *masks { masked(0x81, text.as_bytes()) } else { [text.as_bytes(), b"\0"].concat() };
        stream.write_all(&bytes).await.map_err(|error| error.to_string())?;
        stream.flush().await.map_err(|error| error.to_string())
    }

    async fn next(&mut self) -> Outcome<Element> {
        let Way::Messages { stream, buffer, .. } = &mut self.way else { return Err("HTTP has no stream".to_owned()) };
        loop {
            if let Some(end) = buffer.iter().position(|byte| *byte == 0) {
                let message = parse(&buffer[..end]);
                buffer.drain(..=end);
                return Ok(message);
            }
            read(stream, buffer).await?;
        }
    }
}

/// Opens a WebSocket, and gives the end at which what the server says comes as messages with a zero behind each.
async fn web_socket(server: SocketAddr) -> Outcome<DuplexStream> {
    let mut stream = connect(server).await?;
    stream.write_all(upgrade(server, "/ximss/ws", &[]).as_bytes()).await.map_err(|error| error.to_string())?;
    let mut buffer = Vec::new();
    let end = loop {
        if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        read(&mut stream, &mut buffer).await?;
    };
    let head: Vec<u8> = buffer.drain(..end + 4).collect();
    if !head.starts_with(b"HTTP/1.1 101") {
        return Err(format!("no WebSocket: {}", String::from_utf8_lossy(&head)));
    }
    let (near, far) = tokio::io::duplex(UNREAD);
    tokio::task::spawn_local(browse(stream, buffer, far));
    Ok(near)
}

/// Stands between a WebSocket and its session, as a browser does: the server's questions are answered at once, whatever
/// the session is about. What either end closes, it closes.
async fn browse(mut server: TcpStream, mut buffer: Vec<u8>, mut session: DuplexStream) -> std::io::Result<()> {
    let mut asked = Vec::new();
    loop {
        while let Some((first, mut payload)) = take_frame(&mut buffer) {
            match first {
                0x81 => {
                    payload.push(0);
                    session.write_all(&payload).await?;
                }
                0x89 => server.write_all(&masked(0x8A, &payload)).await?,
                _ => return Ok(()),
            }
        }
        buffer.reserve(8 << 10);
        tokio::select! {
            count = server.read_buf(&mut buffer) => if count? == 0 { return Ok(()) },
            count = session.read_buf(&mut asked) => {
                if count? == 0 {
                    return Ok(());
                }
                server.write_all(&asked).await?;
                asked.clear();
            }
        }
    }
}

async fn read(stream: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>) -> Outcome {
    buffer.reserve(8 << 10);
    match stream.read_buf(buffer).await {
        Ok(0) => Err("the server closed the connection".to_owned()),
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

/// The ID of the session that a login began.
pub fn session_id(data: &[Element]) -> Outcome<String> {
    let id = data.iter().find(|message| message.name == "session").and_then(|session| session.get("urlID"));
    id.map(str::to_owned).ok_or_else(|| format!("no session: {data:?}"))
}
