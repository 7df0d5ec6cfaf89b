//! A small blocking XIMSS client. Messages are `posthouse::xml` elements; framing is done here anew.

use posthouse::xml::read::{Limits, document};
use posthouse::xml::{Element, write};
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// How long a client waits for the next byte before it takes the server for dead. A guard, not a measure.
const PATIENCE: Duration = Duration::from_secs(60);

enum Stream {
    Clear(TcpStream),
    Tls(Box<rustls::StreamOwned<rustls::ClientConnection, TcpStream>>),
    /// Between the two.
    None,
}

impl Stream {
    fn both(&mut self) -> &mut dyn ReadWrite {
        match self {
            Self::Clear(stream) => stream,
            Self::Tls(stream) => stream.as_mut(),
            Self::None => panic!("the connection failed to become secure"),
        }
    }
}

trait ReadWrite: Read + Write {}
impl<T: Read + Write> ReadWrite for T {}

/// One connection.
pub struct Client {
    stream: Stream,
    buffer: Vec<u8>,
    next_id: u32,
    /// Messages without an `id` that came while something else was waited for.
    pub notices: VecDeque<Element>,
}

/// What a request brought.
#[derive(Debug)]
pub struct Reply {
    /// The response.
    pub response: Element,
    /// The data messages before it.
    pub data: Vec<Element>,
}

impl Reply {
    /// The data, where the request must have succeeded.
    pub fn ok(self) -> Vec<Element> {
        assert_eq!(self.response.get("errorText"), None, "{:?}", self.response);
        self.data
    }

    /// Number and text of the refusal.
    pub fn refusal(&self) -> Option<(&str, &str)> {
        Some((self.response.get("errorNum")?, self.response.get("errorText")?))
    }
}

/// Parses a message, with bounds that no honest server comes near.
pub fn parse(bytes: &[u8]) -> Element {
    let limits = Limits { depth: 1_000, attributes: 10_000, attribute_bytes: 64 << 20 };
    document(bytes, &limits).unwrap_or_else(|fault| panic!("the server sent what is no XML ({fault}): {}", String::from_utf8_lossy(bytes)))
}

/// True for messages that come when the server likes, not in answer to a request.
pub fn is_notice(message: &Element) -> bool {
    message.get("id").is_none() && message.name != "response"
}

impl Client {
    /// Connects in clear text.
    pub fn connect(address: SocketAddr) -> Self {
        Self::try_connect(address).expect("the server accepts")
    }

    /// Connects in clear text, if the server lets it.
    pub fn try_connect(address: SocketAddr) -> io::Result<Self> {
        Self::over(TcpStream::connect(address)?)
    }

    fn over(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream: Stream::Clear(stream), buffer: Vec::new(), next_id: 0, notices: VecDeque::new() })
    }

    /// Connects in clear text from an address of this machine, if the server lets it.
    pub fn try_connect_from(source: Ipv4Addr, address: SocketAddr) -> io::Result<Self> {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
        socket.bind(&SocketAddr::from((source, 0)).into())?;
        socket.connect(&address.into())?;
        Self::over(socket.into())
    }

    /// Connects over TLS, taking any certificate.
    pub fn connect_tls(address: SocketAddr) -> Self {
        let mut client = Self::connect(address);
        client.start_tls();
        client
    }

    /// Connects and logs in.
    pub fn login(address: SocketAddr, user: &str, password: &str) -> Self {
        let mut client = Self::connect(address);
        client.log_in(user, password).ok();
        client
    }

    /// Logs in with a clear-text password.
    pub fn log_in(&mut self, user: &str, password: &str) -> Reply {
        self.call(Element::new("login").with("authData", user).with("password", password).with("version", "6.1"))
    }

    /// Turns the connection into one over TLS, taking any certificate.
    pub fn start_tls(&mut self) {
        let Stream::Clear(stream) = std::mem::replace(&mut self.stream, Stream::None) else {
            panic!("the connection is not in clear text")
        };
        let name = "localhost".try_into().expect("a good name");
        let connection = rustls::ClientConnection::new(super::certificate::any(), name).expect("a good configuration");
        self.stream = Stream::Tls(Box::new(rustls::StreamOwned::new(connection, stream)));
    }

    /// Cuts the connection off, as a machine does that is switched off.
    pub fn cut(self) {
        if let Stream::Clear(stream) = &self.stream {
            socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO)).expect("a socket can be told so");
        }
    }

    /// Sends bytes as they are.
    pub fn send_raw(&mut self, bytes: &[u8]) {
        self.try_send_raw(bytes).expect("the server reads");
    }

    /// Sends bytes as they are, if the connection still stands.
    pub fn try_send_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        let stream = self.stream.both();
        stream.write_all(bytes)?;
        stream.flush()
    }

    /// Sends a message as it is written, with its zero byte.
    pub fn send_text(&mut self, text: &str) {
        self.send_raw(&[text.as_bytes(), b"\0"].concat());
    }

    /// Sends a request with an id of its own, which is returned.
    pub fn send(&mut self, request: Element) -> String {
        self.next_id += 1;
        let id = format!("T{}", self.next_id);
        let mut bytes = write::to_bytes(&request.with("id", &id));
        bytes.push(0);
        self.send_raw(&bytes);
        id
    }

    /// The next message; None where the server has closed the connection.
    pub fn receive(&mut self) -> Option<Element> {
        self.try_receive().expect("the server answers")
    }

    /// The next message; None where the server has closed the connection.
    pub fn try_receive(&mut self) -> io::Result<Option<Element>> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == 0) {
                let message = parse(&self.buffer[..end]);
                self.buffer.drain(..=end);
                return Ok(Some(message));
            }
            let mut chunk = vec![0; 64 << 10];
            match self.stream.both().read(&mut chunk) {
                Ok(0) => return Ok(None),
                Ok(n) => self.buffer.extend_from_slice(&chunk[..n]),
                Err(e) if matches!(e.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe) => {
                    return Ok(None);
                }
                Err(e) => return Err(e),
            }
        }
    }

    /// Sends a request and reads until its response. None where the server closed the connection before it.
    pub fn try_call(&mut self, request: Element) -> Option<Reply> {
        let id = self.send(request);
        self.reply(&id)
    }

    /// Sends a request and reads until its response.
    pub fn call(&mut self, request: Element) -> Reply {
        self.try_call(request).expect("the server answers before it closes the connection")
    }

    /// Sends a request written as XML, without an id, and reads until its response.
    pub fn ask(&mut self, xml: &str) -> Reply {
        self.call(parse(xml.as_bytes()))
    }

    /// Reads until the response to a request. Notices are kept aside.
    pub fn reply(&mut self, id: &str) -> Option<Reply> {
        let mut data = Vec::new();
        loop {
            let message = self.receive()?;
            if is_notice(&message) {
                self.notices.push_back(message);
            } else if message.name == "response" {
                assert_eq!(message.get("id"), Some(id), "responses come in order");
                return Some(Reply { response: message, data });
            } else {
                assert_eq!(message.get("id"), Some(id), "data comes with its request: {message:?}");
                data.push(message);
            }
        }
    }
}
