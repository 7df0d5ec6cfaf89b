//! A client that does as little as it can, so that the server is what is measured: bytes out, frames in.

use rustls::{ClientConnection, StreamOwned};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

/// A connection of either kind.
trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

/// A logged-in client.
pub struct Client {
    stream: Box<dyn Stream>,
    buffer: Vec<u8>,
    number: u32,
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("the server accepts");
    stream.set_nodelay(true).expect("the socket takes the option");
    stream
}

impl Client {
    /// Connects and logs in; every account of a benchmark has the password `secret`.
    pub fn login(address: SocketAddr, account: &str) -> Self {
        Self::begin(Box::new(connect(address)), account)
    }

    /// The same over TLS.
    pub fn login_with_tls(address: SocketAddr, account: &str) -> Self {
        let name = "localhost".try_into().expect("it is a name");
        let session = ClientConnection::new(crate::certificate::any(), name).expect("the configuration is complete");
        Self::begin(Box::new(StreamOwned::new(session, connect(address))), account)
    }

    fn begin(stream: Box<dyn Stream>, account: &str) -> Self {
        let mut client = Self { stream, buffer: Vec::new(), number: 0 };
        client.ask(&format!("<login authData=\"{account}\" password=\"secret\" version=\"6.1\"/>"));
        client
    }

    /// Sends a request and waits for its response; gives all that came, the response last.
    pub fn ask(&mut self, request: &str) -> String {
        let id = self.send(request);
        self.answer(&id)
    }

    /// Sends a request that may be refused and waits for its response.
    pub fn try_ask(&mut self, request: &str) {
        let id = self.send(request);
        let wanted = format!("<response id=\"{id}\"");
        while !self.frame().starts_with(&wanted) {}
    }

    /// Sends a request and gives its id.
    pub fn send(&mut self, request: &str) -> String {
        self.number += 1;
        let id = format!("b{}", self.number);
        let end = request.find([' ', '/', '>']).expect("a request has a name");
        let (name, rest) = request.split_at(end);
        self.stream.write_all(format!("{name} id=\"{id}\"{rest}\0").as_bytes()).expect("the server reads");
        id
    }

    /// Reads up to the response of a request.
    pub fn answer(&mut self, id: &str) -> String {
        let (wanted, mut all) = (format!("<response id=\"{id}\""), String::new());
        loop {
            let frame = self.frame();
            all.push_str(&frame);
            if frame.starts_with(&wanted) {
                assert!(!frame.contains("errorText"), "{frame}");
                return all;
            }
        }
    }

    /// The next message of the server.
    pub fn frame(&mut self) -> String {
        let mut looked_at = 0;
        loop {
            if let Some(at) = self.buffer.get(looked_at..).and_then(|new| new.iter().position(|b| *b == 0)) {
                let rest = self.buffer.split_off(looked_at + at + 1);
                let mut frame = std::mem::replace(&mut self.buffer, rest);
                frame.pop();
                return String::from_utf8(frame).expect("messages are UTF-8");
            }
            looked_at = self.buffer.len();
            let mut bytes = [0; 65_536];
            let count = self.stream.read(&mut bytes).expect("the server answers");
            assert!(count > 0, "the server closed the connection");
            self.buffer.extend_from_slice(&bytes[..count]);
        }
    }
}

/// A number in an attribute of the first element that has it.
pub fn attribute(answer: &str, name: &str) -> usize {
    let begin = format!(" {name}=\"");
    let at = answer.find(&begin).unwrap_or_else(|| panic!("no {name} in {answer}")) + begin.len();
    answer[at..].split('"').next().and_then(|n| n.parse().ok()).expect("the attribute is a number")
}
