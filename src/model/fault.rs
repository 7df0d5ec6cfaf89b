//! `Fault`: the only error a client ever sees. Numbers and texts follow one fixed table
//! (the classes 500 to 550); the cause of an internal error goes to the log, never to a client.

use std::borrow::Cow;
use std::fmt;

/// A refusal: a number for programs and a short text for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The `errorNum` of a XIMSS response.
    pub number: u16,
    /// The `errorText`: short, lower case, without paths or addresses of the server.
    pub text: Cow<'static, str>,
}

/// What nearly every question of the house returns.
pub type Outcome<T> = Result<T, Fault>;

impl Fault {
    /// A fault with a number and a text of its own.
    pub fn new(number: u16, text: impl Into<Cow<'static, str>>) -> Self {
        Self { number, text: text.into() }
    }

    /// 500: malformed or unknown input.
    pub fn bad(text: impl Into<Cow<'static, str>>) -> Self {
        Self::new(500, text)
    }
    /// 500: no operation has this name.
    pub fn unknown_command() -> Self {
        Self::bad("unknown command")
    }
    /// 500: the named attribute (or element) must be there.
    pub fn missing(name: &str) -> Self {
        Self::bad(format!("required attribute is missing: {name}"))
    }
    /// 500: the named attribute (or element) has a value that cannot be.
    pub fn incorrect(name: &str) -> Self {
        Self::bad(format!("attribute value is incorrect: {name}"))
    }
    /// 501: right request, wrong moment.
    pub fn state(text: impl Into<Cow<'static, str>>) -> Self {
        Self::new(501, text)
    }
    /// 510: what is named does not exist; `text` says all of it.
    pub fn not_found(text: impl Into<Cow<'static, str>>) -> Self {
        Self::new(510, text)
    }
    /// 510: no such account.
    pub fn no_account() -> Self {
        Self::not_found("account does not exist")
    }
    /// 510: no such mailbox.
    pub fn no_mailbox() -> Self {
        Self::not_found("mailbox does not exist")
    }
    /// 510: no such message.
    pub fn no_message() -> Self {
        Self::not_found("message does not exist")
    }
    /// 511: what is to be made is there already.
    pub fn exists(text: impl Into<Cow<'static, str>>) -> Self {
        Self::new(511, text)
    }
    /// 512: a quota or a size limit.
    pub fn quota(text: impl Into<Cow<'static, str>>) -> Self {
        Self::new(512, text)
    }
    /// 513: the caller lacks a right.
    pub fn denied() -> Self {
        Self::new(513, "access denied")
    }
    /// 513: a setting of the account forbids this.
    pub fn not_allowed() -> Self {
        Self::new(513, "this action is not allowed for your account")
    }
    /// 515: wrong name or wrong password, never saying which.
    pub fn wrong_password() -> Self {
        Self::new(515, "incorrect password or account name")
    }
    /// 515: refused for a minute.
    pub fn too_many_attempts() -> Self {
        Self::new(515, "too many failed attempts")
    }
    /// 515: clear-text secrets are not taken on this connection.
    pub fn insecure() -> Self {
        Self::new(515, "secure connection is required")
    }
    /// 520: another server did not do what was asked of it.
    pub fn remote(what: &str) -> Self {
        Self::new(520, format!("remote server: {what}"))
    }
    /// 520: another server took too long.
    pub fn timed_out() -> Self {
        Self::new(520, "time-out")
    }
    /// 520: requests of users may not reach this network address.
    pub fn address_not_allowed() -> Self {
        Self::new(520, "address is not allowed")
    }
    /// 530: known, but not offered here.
    pub fn unsupported() -> Self {
        Self::new(530, "operation is not supported by this server")
    }
    /// 550: the session is gone.
    pub fn closed() -> Self {
        Self::new(550, "session is closed")
    }
    /// 500: our own failure; the cause must have been logged where it happened.
    pub fn internal() -> Self {
        Self::bad("internal error")
    }

    /// Logs the cause and gives the fault that a client may see.
    pub fn logged(what: &str, cause: impl fmt::Display) -> Self {
        tracing::error!(%cause, "{what}");
        Self::internal()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.text, self.number)
    }
}

impl std::error::Error for Fault {}
