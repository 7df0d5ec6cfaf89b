//! Plays every file of `tests/conversations/` against a server of its own. The form is told in `support/conversation.rs`.
//!
//! `cargo test --test conversations NAME` plays those whose name holds NAME.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on panics")]

mod support;

use libtest_mimic::{Arguments, Failed, Trial};
use posthouse::xml::{Element, write};
use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};
use support::conversation::{self, Exchange, What};
use support::http;
use support::matching::{Bindings, difference, filled, fits};
use support::server::{Server, Setup};
use support::ximss::{Client, is_notice, parse};

fn main() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conversations");
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "conv"));
    files.sort();
    let trial = |path: PathBuf| {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Trial::test(name, move || play(&fs::read_to_string(&path).unwrap()).map_err(Failed::from))
    };
    libtest_mimic::run(&Arguments::from_args(), files.into_iter().map(trial).collect()).exit();
}

/// A client and what it has got but nobody has asked for yet.
struct Party {
    client: Client,
    answers: VecDeque<Element>,
    notices: VecDeque<Element>,
    closed: bool,
}

impl Party {
    fn new(client: Client) -> Self {
        Self { client, answers: VecDeque::new(), notices: VecDeque::new(), closed: false }
    }

    /// Reads one message more into one of the two queues. False where the connection is closed.
    fn read(&mut self) -> Result<bool, String> {
        match self.client.try_receive() {
            Ok(None) => self.closed = true,
            Ok(Some(message)) if is_notice(&message) => self.notices.push_back(message),
            Ok(Some(message)) => self.answers.push_back(message),
            Err(e) => return Err(format!("the server says nothing ({e}); unasked for are {:?} {:?}", self.answers, self.notices)),
        }
        Ok(!self.closed)
    }

    fn next_answer(&mut self) -> Result<Option<Element>, String> {
        while self.answers.is_empty() && self.read()? {}
        Ok(self.answers.pop_front())
    }

    fn expect(&mut self, expected: &Element, next: bool, bindings: &mut Bindings) -> Result<(), String> {
        if next && !(self.answers.is_empty() && self.notices.is_empty()) {
            return Err(format!("came before it: {:?} {:?}", self.answers, self.notices));
        }
        if next || !is_notice(expected) {
            let got = if next { self.client.receive() } else { self.next_answer()? };
            let got = got.ok_or("the server closed the connection instead")?;
            return match difference(expected, &got, bindings) {
                None => Ok(()),
                Some(difference) => Err(format!("{difference}\n  came: {}", text(&got))),
            };
        }
        loop {
            if let Some(at) = self.notices.iter().position(|notice| difference(expected, notice, bindings).is_none()) {
                self.notices.remove(at);
                return Ok(());
            }
            let others: Vec<String> = self.notices.iter().map(text).collect();
            if !self.read()? {
                return Err(format!("the server closed the connection instead; it had said {others:?}"));
            }
        }
    }

    /// Everything that is left unasked for. Asks the server something, so that what it had to say has come.
    fn left_over(&mut self) -> Result<Vec<String>, String> {
        if !self.closed && self.client.try_send_raw(b"<noop id=\"the end\"/>\0").is_ok() {
            while self.answers.back().is_none_or(|last| last.get("id") != Some("the end")) && self.read()? {}
            self.answers.retain(|answer| answer.get("id") != Some("the end"));
        }
        Ok(self.answers.drain(..).chain(self.notices.drain(..)).map(|message| text(&message)).collect())
    }
}

fn text(message: &Element) -> String {
    String::from_utf8_lossy(&write::to_bytes(message)).into_owned()
}

/// A conversation under way.
#[derive(Default)]
struct Play {
    setup: Setup,
    server: Option<Server>,
    parties: BTreeMap<String, Party>,
    bindings: Bindings,
}

fn play(source: &str) -> Result<(), String> {
    let mut play = Play::default();
    for step in conversation::parse(source)? {
        play.step(&step.what).map_err(|why| format!("line {}: {why}\n{}", step.line, play.log()))?;
    }
    for (name, party) in &mut play.parties {
        let left = party.left_over()?;
        if !left.is_empty() {
            return Err(format!("{name} got what nothing was said about: {left:#?}"));
        }
    }
    Ok(())
}

impl Play {
    fn log(&self) -> String {
        self.server.as_ref().map(Server::log).unwrap_or_default()
    }

    fn server(&mut self) -> &mut Server {
        self.server.get_or_insert_with(|| self.setup.start())
    }

    fn party(&mut self, name: &str) -> &mut Party {
        if !self.parties.contains_key(name) {
            let client = Client::connect(self.server().ximss());
            self.parties.insert(name.to_owned(), Party::new(client));
        }
        self.parties.get_mut(name).expect("it has just been put there")
    }

    fn step(&mut self, what: &What) -> Result<(), String> {
        match what {
            What::Directive(words) => self.directive(&words.iter().map(String::as_str).collect::<Vec<_>>()),
            What::Import { account, mailbox, message } => {
                let file = self.server().folder().join("message.eml");
                fs::write(&file, filled(message, &self.bindings)?).map_err(|e| e.to_string())?;
                let file = file.display().to_string();
                let said = self.server().run(&["import", "--account", account, "--mailbox", mailbox, &file], "");
                if said.contains("imported 1") { Ok(()) } else { Err(said) }
            }
            What::Send { client, text } => {
                let text = filled(text, &self.bindings)?;
                let sent = self.party(client).client.try_send_raw(&[text.as_bytes(), b"\0"].concat());
                sent.map_err(|e| format!("it cannot be sent: {e}"))
            }
            What::Expect { client, text, next } => {
                let expected = parse(text.as_bytes());
                let mut bindings = std::mem::take(&mut self.bindings);
                let done = self.party(client).expect(&expected, *next, &mut bindings);
                self.bindings = bindings;
                done
            }
            What::Http(exchange) => self.http(exchange),
        }
    }

    fn directive(&mut self, words: &[&str]) -> Result<(), String> {
        match words {
            ["account", address, password, real_name @ ..] => {
                let real_name = real_name.join(" ");
                match &self.server {
                    Some(server) => server.add_account(address, password, &real_name),
                    None => self.setup.accounts.push(((*address).to_owned(), (*password).to_owned(), real_name)),
                }
            }
            ["config", line] => {
                let setup = std::mem::take(&mut self.setup);
                self.setup = setup.config(line);
            }
            ["login", client, user, password] => {
                let got = self.party(client).client.log_in(user, password).ok();
                let session = got.first().and_then(|session| session.get("urlID")).ok_or("no session")?.to_owned();
                self.bindings.insert((*client).to_owned(), session);
            }
            ["connect", client] => drop(self.party(client)),
            ["connect", client, "tls"] => {
                let secure = Client::connect_tls(self.server().ximss_tls());
                self.parties.insert((*client).to_owned(), Party::new(secure));
            }
            ["tls", client] => self.party(client).client.start_tls(),
            ["disconnect", client] => drop(self.parties.remove(*client)),
            ["quiet", client] => {
                let left = self.party(client).left_over()?;
                if !left.is_empty() {
                    return Err(format!("there is more: {left:#?}"));
                }
            }
            ["closed", client] => {
                if let Some(more) = self.party(client).client.receive() {
                    return Err(format!("the connection is open: {}", text(&more)));
                }
                self.party(client).closed = true;
            }
            ["run", arguments @ ..] => {
                // A file of the tests, wherever the server runs.
                let file = |word: &&str| {
                    if word.starts_with("tests/") { format!("{}/{word}", env!("CARGO_MANIFEST_DIR")) } else { (*word).to_owned() }
                };
                let arguments: Vec<String> = arguments.iter().map(file).collect();
                drop(self.server().run(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), ""));
            }
            ["stop"] => self.server().stop(),
            ["restart"] => {
                self.parties.clear();
                let server = self.server();
                server.stop();
                server.start();
            }
            other => return Err(format!("no such directive: {other:?}")),
        }
        Ok(())
    }

    fn http(&mut self, exchange: &Exchange) -> Result<(), String> {
        let mut request = exchange.request.iter().map(|line| filled(line, &self.bindings));
        let first = request.next().ok_or("no request")??;
        let (method, path) = first.split_once(' ').ok_or("no path")?;
        let headers = request.collect::<Result<Vec<_>, _>>()?;
        let headers: Vec<(&str, &str)> = headers.iter().filter_map(|line| line.split_once(": ")).collect();
        let answer = http::request(self.server().http(), method, path, &headers, &exchange.body);
        let (status, headers) = exchange.answer.split_first().ok_or("no answer is expected")?;
        if *status != "*" && answer.status.to_string() != *status {
            return Err(format!("came: {} {}", answer.status, String::from_utf8_lossy(&answer.body)));
        }
        for (name, pattern) in headers.iter().filter_map(|line| line.split_once(": ")) {
            let value = answer.header(name).unwrap_or_default();
            if !fits(pattern, value, &mut self.bindings) {
                return Err(format!("{name}: {value}"));
            }
        }
        let body = String::from_utf8_lossy(&answer.body).replace("\r\n", "\n");
        if exchange.text.as_ref().is_some_and(|text| !fits(text, body.trim_end_matches('\n'), &mut self.bindings)) {
            return Err(format!("the body is:\n{body}"));
        }
        if exchange.bytes.as_ref().is_some_and(|bytes| *bytes != answer.body) {
            return Err(format!("the body is {:?}", answer.body));
        }
        Ok(())
    }
}
