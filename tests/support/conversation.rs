//! Conversations as text: what clients and server say, as in the specification.
//!
//! ```text
//! # a remark
//! @account user1@example.dom 123rtu User J. Smith    the account is there when the server starts
//! @config [limits]                                   a line of the server's configuration
//! @message user1@example.dom INBOX                   a message is imported: the lines up to @end
//! @login C user1@example.dom 123rtu                  the client C logs in; ${C} is its session's ID in URLs
//! C: <noop id="A001"/>                               it sends a message, over as many lines as it takes
//! S: <response id="A001"/>                           the server answers it; see `matching` for * and ${name}
//! S!: <bye/>                                         the very next message must be this one
//! C2: <noop id="B001"/>                              another client; S2: is what it gets
//! @quiet C                                           nothing else is waiting for it
//! @closed C                                          the server closes the connection
//! @tls C                                             the client begins TLS
//! @connect C tls                                     it connects over TLS instead of in clear text
//! @run account set user1@example.dom PWDAllowed=NO   a command of the binary
//! @stop                                              the server is asked to end, and ends
//! @restart                                           it ends, if it runs, and starts again
//! H: GET /Session/${C}/MIME/INBOX/1-P.txt            an HTTP request; more H: lines are its header fields
//! H> text                                            a line of its body (H64> for base64)
//! R: 200                                             the status; more R: lines are header fields of the answer
//! R> text                                            a line of the body (R64> for base64)
//! ```
//!
//! What comes without an `id` may come in any place between the answers; what comes and is not expected is an error.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use posthouse::xml::read::{Limits, document};

/// A step with the line it begins on.
#[derive(Debug)]
pub struct Step {
    /// Its first line.
    pub line: usize,
    /// What happens.
    pub what: What,
}

/// What happens in a step. Clients go by their marker, `C` or `C2`.
#[derive(Debug)]
pub enum What {
    /// A directive: its words.
    Directive(Vec<String>),
    /// A message is imported into a mailbox of an account.
    Import { account: String, mailbox: String, message: String },
    /// A client sends this text.
    Send { client: String, text: String },
    /// A client gets this; `next` if nothing may come before it.
    Expect { client: String, text: String, next: bool },
    /// An HTTP request and its answer.
    Http(Exchange),
}

/// An HTTP request and what is expected of the answer.
#[derive(Debug, Default)]
pub struct Exchange {
    /// Method and path, then header fields.
    pub request: Vec<String>,
    /// The body of the request.
    pub body: Vec<u8>,
    /// Status, then header fields.
    pub answer: Vec<String>,
    /// The body as text with patterns.
    pub text: Option<String>,
    /// The body as bytes.
    pub bytes: Option<Vec<u8>>,
}

/// A marker and the rest of its line: `C2: <noop/>` is `("C2:", "<noop/>")`.
fn marker(line: &str) -> Option<(&str, &str)> {
    let end = line.find([':', '>']).filter(|end| *end <= 4)?;
    let (mark, rest) = line.split_at(end + 1);
    let known = match mark.strip_suffix(':') {
        Some("H" | "R") => true,
        Some(name) => {
            name.strip_suffix('!').unwrap_or(name).strip_prefix(['C', 'S']).is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()))
        }
        None => matches!(mark, "H>" | "R>" | "H64>" | "R64>"),
    };
    known.then(|| (mark, rest.strip_prefix(' ').unwrap_or(rest)))
}

fn begins_something(line: &str) -> bool {
    line.starts_with(['@', '#']) || marker(line).is_some()
}

fn complete(text: &str) -> bool {
    let limits = Limits { depth: 1_000, attributes: 10_000, attribute_bytes: 1 << 20 };
    document(text.as_bytes(), &limits).is_ok()
}

/// Reads a conversation. A message ends where it is a whole element, or before the next marker, remark or directive.
pub fn parse(source: &str) -> Result<Vec<Step>, String> {
    let mut lines = source.lines().enumerate().map(|(index, line)| (index + 1, line)).peekable();
    let mut steps: Vec<Step> = Vec::new();
    while let Some((number, line)) = lines.next() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(directive) = line.strip_prefix('@') {
            let words: Vec<String> = directive.split_whitespace().map(str::to_owned).collect();
            let what = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
                ["message", account, mailbox] => {
                    let inner: Vec<&str> = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "@end").collect();
                    What::Import { account: account.to_owned(), mailbox: mailbox.to_owned(), message: inner.join("\r\n") + "\r\n" }
                }
                ["config", ..] => What::Directive(vec!["config".to_owned(), directive.trim_start_matches("config").trim().to_owned()]),
                _ => What::Directive(words),
            };
            steps.push(Step { line: number, what });
            continue;
        }
        let (mark, rest) = marker(line).ok_or_else(|| format!("line {number} says nothing known: {line}"))?;
        if mark.starts_with(['H', 'R']) {
            add_http(&mut steps, number, mark, rest)?;
            continue;
        }
        let mut text = rest.to_owned();
        while !complete(&text) {
            match lines.peek() {
                Some((_, next)) if !begins_something(next) => text = format!("{text}\n{next}"),
                _ => break,
            }
            lines.next();
        }
        let name = mark.trim_end_matches(':');
        let next = name.ends_with('!');
        let client = format!("C{}", name.trim_end_matches('!').trim_start_matches(['C', 'S']));
        let what = if name.starts_with('C') { What::Send { client, text } } else { What::Expect { client, text, next } };
        steps.push(Step { line: number, what });
    }
    Ok(steps)
}

fn add_http(steps: &mut Vec<Step>, line: usize, mark: &str, rest: &str) -> Result<(), String> {
    let begins = mark == "H:" && !matches!(steps.last(), Some(Step { what: What::Http(last), .. }) if last.answer.is_empty());
    if begins {
        steps.push(Step { line, what: What::Http(Exchange::default()) });
    }
    let Some(Step { what: What::Http(exchange), .. }) = steps.last_mut() else { return Err(format!("line {line}: no request before it")) };
    let decoded = || STANDARD.decode(rest.trim()).map_err(|_| format!("line {line}: no base64"));
    match mark {
        "H:" => exchange.request.push(rest.to_owned()),
        "R:" => exchange.answer.push(rest.to_owned()),
        "H>" => exchange.body.extend([rest.as_bytes(), b"\r\n"].concat()),
        "H64>" => exchange.body.extend(decoded()?),
        "R64>" => exchange.bytes.get_or_insert_default().extend(decoded()?),
        _ => {
            let text = exchange.text.take();
            exchange.text = Some(text.map_or_else(|| rest.to_owned(), |text| format!("{text}\n{rest}")));
        }
    }
    Ok(())
}

/// The names of the operations that clients ask for in a conversation.
pub fn operations(source: &str) -> Vec<String> {
    let begin = |line: &str| {
        let (mark, rest) = marker(line)?;
        let name = rest.trim_start().strip_prefix('<').filter(|_| mark.starts_with('C'))?;
        let end = name.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(name.len());
        Some(name[..end].to_owned())
    };
    source.lines().filter_map(begin).collect()
}
