//! `Device`: a client that takes signals, over any of the ways in. What comes unasked is kept until it is looked for.

use super::server::Server;
use super::web::Web;
use super::websocket::Socket;
use super::ximss::{Client, is_notice, parse};
use posthouse::xml::Element;
use std::collections::VecDeque;

/// The ways in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// XIMSS over TCP.
    Tcp,
    /// XIMSS over WebSocket.
    WebSocket,
    /// XIMSS over HTTP, polled.
    Http,
}

enum Link {
    Tcp(Client),
    WebSocket(Socket),
    Http(Web),
}

/// A client and what it has heard.
pub struct Device {
    link: Link,
    heard: VecDeque<Element>,
}

impl Device {
    /// Logs in.
    pub fn login(server: &Server, way: Way, user: &str, password: &str) -> Self {
        let link = match way {
            Way::Tcp => Link::Tcp(Client::login(server.ximss(), user, password)),
            Way::WebSocket => {
                let mut socket = Socket::connect(server.http(), "/ximss/ws", &[]).expect("the server accepts");
                let answered = socket.ask(&format!("<login id=\"0\" authData=\"{user}\" password=\"{password}\"/>"));
                assert_eq!(answered.last().expect("an answer").get("errorText"), None, "{answered:?}");
                Link::WebSocket(socket)
            }
            Way::Http => Link::Http(Web::login(server.http(), user, password)),
        };
        Self { link, heard: VecDeque::new() }
    }

    /// Asks for something; gives the data, or number and text of the refusal.
    pub fn try_ask(&mut self, xml: &str) -> Result<Vec<Element>, (String, String)> {
        let mut request = parse(xml.as_bytes());
        request.set("id", "1");
        let text = String::from_utf8(posthouse::xml::write::to_bytes(&request)).expect("text");
        let mut all = match &mut self.link {
            Link::Tcp(client) => {
                let reply = client.ask(xml);
                self.heard.append(&mut client.notices);
                let mut all = reply.data;
                all.push(reply.response);
                all
            }
            Link::WebSocket(socket) => socket.ask(&text),
            Link::Http(web) => web.sync(&text),
        };
        let response = all.pop().expect("there is an answer");
        assert_eq!(response.name, "response", "{all:?}");
        let (notices, data): (Vec<Element>, Vec<Element>) = all.into_iter().partition(is_notice);
        self.heard.extend(notices);
        let word = |name: &str| response.get(name).unwrap_or_default().to_owned();
        if response.get("errorText").is_some() { Err((word("errorNum"), word("errorText"))) } else { Ok(data) }
    }

    /// Asks for what must be granted; gives the data.
    pub fn ask(&mut self, xml: &str) -> Vec<Element> {
        self.try_ask(xml).unwrap_or_else(|(number, text)| panic!("{xml}: {number} {text}"))
    }

    /// Asks for what must be refused; gives number and text.
    pub fn refused(&mut self, xml: &str) -> (String, String) {
        self.try_ask(xml).expect_err(xml)
    }

    /// Takes in what has come; the session lives on.
    pub fn look(&mut self) {
        self.ask("<noop/>");
        if let Link::Http(web) = &mut self.link {
            self.heard.extend(web.poll(0));
        }
    }

    /// Takes what fits out of what has come.
    pub fn take(&mut self, fits: impl FnMut(&Element) -> bool) -> Option<Element> {
        let at = self.heard.iter().position(fits)?;
        self.heard.remove(at)
    }

    /// Waits for a message of a name.
    pub fn hear(&mut self, name: &str) -> Element {
        loop {
            if let Some(found) = self.take(|message| message.name == name) {
                return found;
            }
            // Each gives up in its own time.
            match &mut self.link {
                Link::Tcp(client) => self.heard.push_back(client.receive().expect("the connection stands")),
                Link::WebSocket(socket) => self.heard.push_back(socket.message()),
                Link::Http(web) => self.heard.extend(web.poll(30)),
            }
            assert!(self.heard.iter().all(|message| message.name != "bye"), "no {name}; there was {:#?}", self.heard);
        }
    }

    /// Waits for this very message.
    pub fn hears(&mut self, xml: &str) {
        let expected = parse(xml.as_bytes());
        assert_eq!(self.hear(&expected.name), expected);
    }

    /// What has come and nobody has looked for.
    pub fn rest(&self) -> &VecDeque<Element> {
        &self.heard
    }

    /// Says goodbye.
    pub fn leave(mut self) {
        self.ask("<bye/>");
    }

    /// Is gone without a word.
    pub fn vanish(self) {
        match self.link {
            Link::Tcp(client) => client.cut(),
            Link::WebSocket(socket) => socket.cut(),
            Link::Http(_) => {}
        }
    }
}
