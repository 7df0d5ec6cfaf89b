//! Logging in: by name and password, by a SASL mechanism in several steps, or by a nonce.
//!
//! A step that is answered with a `challenge` gets no response; the last `auth` gets it, after the `session` message.
//! Nonce login is for HTTP; it is taken here in the same spellings.
//! Spec: XIMSS, "Login Operations".

use super::prelogin::{DOMAIN, place, takes_clear_text, target_domain};
use crate::domain::auth::conversation::{Conversation, Step};
use crate::domain::auth::{self, Admitted, Claim, Use, Verified, nonce};
use crate::domain::preferences::Preferences;
use crate::domain::sessions::{Guard, Reach, new_id};
use crate::domain::tell::Line;
use crate::model::fault::{Fault, Outcome};
use crate::model::names::DomainName;
use crate::model::time::Timestamp;
use crate::proto::ximss::desk::{self, After, Exchange, SERVICE};
use crate::proto::ximss::entrance::Entrance;
use crate::proto::ximss::form::session::session_message;
use crate::proto::ximss::request::{Cx, Phase, Request};
use crate::xml::{Arg, Attr, Element, FromAttr};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::sync::Arc;
use zeroize::Zeroizing;

const METHOD: Attr<String> = Attr::new("method", "the SASL mechanism; without it: name and password in clear text");
const AUTH_DATA: Attr<String> =
    Attr::new("authData", "the name of the user; with a method: its first data in base64; with a nonce: what proves the password");
const NONCE: Attr<String> = Attr::new("nonce", "the nonce from the features, for a login by authData alone");
const USER_NAME: Attr<String> = Attr::new("userName", "the name of the user, with a nonce only and if authData bears none");
const PASSWORD: Attr<String> = Attr::new("password", "the password, without a method only");
const VERSION: Attr<Version> = Attr::new("version", "the protocol version the client was made for; 5.4 if missing");
const VALUE: Attr<AuthValue> = Attr::new("value", "data of the mechanism in base64; * ends the login");

/// A protocol version. What follows the second number does not matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Version((u32, u32));

impl FromAttr for Version {
    const KIND: &'static str = "version";
    const SAMPLE: &'static str = "6.1";
    fn from_attr(text: &str) -> Option<Self> {
        let mut numbers = text.trim().split('.').map(|number| number.parse().ok());
        let (major, minor) = (numbers.next()??, numbers.next().unwrap_or(Some(0))?);
        numbers.all(|number| number.is_some()).then_some(Self((major, minor)))
    }
}

/// The version of a client that does not say.
const OLD: Version = Version((5, 4));

fn from_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text.trim()).ok()
}

/// What an `auth` brings.
enum AuthValue {
    /// The client gives up.
    Cancel,
    /// Data of the mechanism.
    Data(Zeroizing<Vec<u8>>),
}

impl FromAttr for AuthValue {
    const KIND: &'static str = "base64 or *";
    const SAMPLE: &'static str = "dGVzdA==";
    fn from_attr(text: &str) -> Option<Self> {
        if text.trim() == "*" { Some(Self::Cancel) } else { from_base64(text).map(|data| Self::Data(Zeroizing::new(data))) }
    }
}

/// How somebody logs in.
enum Way {
    Clear { name: Option<String>, password: Option<Zeroizing<String>> },
    Sasl { method: String, data: Option<Zeroizing<Vec<u8>>> },
    Nonce { nonce: String, data: Option<String>, name: Option<String> },
}

fn way(element: &Element) -> Outcome<Way> {
    let data = AUTH_DATA.get(element)?;
    if let Some(nonce) = NONCE.get(element)? {
        return Ok(Way::Nonce { nonce, data, name: USER_NAME.get(element)? });
    }
    let Some(method) = METHOD.get(element)?.filter(|method| !method.trim().is_empty()) else {
        return Ok(Way::Clear { name: data, password: PASSWORD.get(element)?.map(Zeroizing::new) });
    };
    let data = data.filter(|data| !data.trim().is_empty());
    let decoded = data.map(|data| from_base64(&data).map(Zeroizing::new).ok_or_else(|| Fault::incorrect("authData")));
    Ok(Way::Sasl { method, data: decoded.transpose()? })
}

pub(super) struct Login {
    domain: Option<DomainName>,
    version: Version,
    way: Way,
}

impl Request for Login {
    const NAME: &'static str = "login";
    const DOC: &'static str = "Authenticates the user and begins a session.";
    const PHASE: Phase = Phase::BeforeLogin;
    const ARGS: &'static [Arg] = &[
        DOMAIN.optional(),
        METHOD.optional(),
        AUTH_DATA.optional(),
        PASSWORD.optional(),
        VERSION.optional(),
        NONCE.optional(),
        USER_NAME.optional(),
    ];

    fn read(element: &Element) -> Outcome<Self> {
        Ok(Self { domain: DOMAIN.get(element)?, version: VERSION.get(element)?.unwrap_or(OLD), way: way(element)? })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        drop(cx.desk.take_exchange());
        match self.way {
            Way::Clear { name, password } => {
                let name = name.ok_or_else(|| Fault::missing("authData"))?;
                let password = password.ok_or_else(|| Fault::missing("password"))?;
                if !takes_clear_text(&cx) {
                    return Err(Fault::insecure());
                }
                let claim = Claim { name, domain: target_domain(&cx, self.domain).await?, from: cx.desk.peer.address };
                let verified = auth::verify_password(&cx.house, &claim, password, Use::Login).await?;
                begin_session(&cx, verified, self.version.0).await
            }
            Way::Sasl { method, data } => {
                let mechanism = auth::mechanism(&cx.house.settings(), takes_clear_text(&cx), &method)?;
                let conversation = Conversation::begin(mechanism, target_domain(&cx, self.domain).await?, cx.desk.peer.address);
                go_on(&cx, Box::new(conversation), self.version.0, data).await
            }
            Way::Nonce { nonce, data, name } => {
                let auth_data = data.ok_or_else(|| Fault::missing("authData"))?;
                let shown = nonce::Shown { nonce, auth_data, user_name: name };
                let place = place(&cx, target_domain(&cx, self.domain).await?);
                let verified = nonce::verify(&cx.house, &shown, &place, cx.desk.peer.address).await?;
                begin_session(&cx, verified, self.version.0).await
            }
        }
    }
}

pub(super) struct Auth(AuthValue);

impl Request for Auth {
    const NAME: &'static str = "auth";
    const DOC: &'static str = "Answers the challenge of a login.";
    const PHASE: Phase = Phase::BeforeLogin;
    const ARGS: &'static [Arg] = &[VALUE.optional()];

    fn read(element: &Element) -> Outcome<Self> {
        Ok(Self(VALUE.get(element)?.unwrap_or(AuthValue::Data(Zeroizing::default()))))
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let exchange = cx.desk.take_exchange().ok_or_else(|| Fault::state("no login waits for this"))?;
        match self.0 {
            AuthValue::Cancel => Err(Fault::new(515, "login is cancelled")),
            AuthValue::Data(data) => go_on(&cx, exchange.conversation, exchange.version, Some(data)).await,
        }
    }
}

/// One step of a mechanism.
async fn go_on(cx: &Cx, conversation: Box<Conversation>, version: (u32, u32), data: Option<Zeroizing<Vec<u8>>>) -> Outcome<()> {
    match conversation.take(&cx.house, data.as_ref().map(|data| data.as_slice())).await? {
        Step::Challenge(conversation, challenge) => {
            cx.send(Element::new("challenge").with("value", STANDARD.encode(challenge))).await?;
            cx.desk.expect_auth(Exchange { conversation, version });
            Ok(())
        }
        Step::Verified(verified) => begin_session(cx, verified, version).await,
    }
}

/// Turns a connection with somebody verified at its other end into a session.
async fn begin_session(cx: &Cx, verified: Verified, version: (u32, u32)) -> Outcome<()> {
    let (session, from, url_id, kind) = (cx.desk.session()?, cx.desk.peer.address, new_id()?, cx.desk.kind);
    let (caller, since) = (verified.caller.clone(), verified.since);
    let entrance = Arc::new(Entrance::new(session.clone(), cx.desk.outbox.clone(), kind));
    let reach = Reach {
        caller: caller.clone(),
        address: from,
        since: Timestamp::now(),
        kind,
        guard: Guard::default(),
        front: entrance.clone(),
        find_message: Line::to(&session),
        find_open: Line::to(&session),
        add_upload: Line::to(&session),
        find_upload: Line::to(&session),
        end: Line::to(&session),
    };
    if cx.desk.wishes.kill_old {
        cx.house.sessions.replace(caller.account, kind);
    }
    // Before it is admitted: whoever removes the account in this moment finds the session and ends it.
    let most = cx.house.settings().limits.sessions_per_account;
    let registration = cx.house.sessions.register(&url_id, reach, most)?;
    let Admitted { record, previous, preferences } = auth::admit(&cx.house, verified, from, SERVICE).await?;
    let (guard, cookie) = guard(cx, &preferences)?;
    // In time: nobody knows the ID before the session message.
    registration.set_guard(guard);
    let real_name = record.real_name().map(str::to_owned);
    let login = desk::Login { caller, real_name, url_id, version, previous, since, cookie, entrance, registration };
    let message = session_message(&login);
    cx.desk.begin(login, preferences)?;
    cx.afterwards(After::LoggedIn);
    cx.send(message).await
}

/// What requests for the session's URLs must show, by the client's wishes and the account's preferences; and the cookie,
/// if that is part of it.
fn guard(cx: &Cx, preferences: &Preferences) -> Outcome<(Guard, Option<String>)> {
    let preferred = |name: &str| preferences.text(name).eq_ignore_ascii_case("YES");
    let wishes = cx.desk.wishes;
    let watched = wishes.watch_address.unwrap_or_else(|| preferred("IPWatch"));
    let cookie = wishes.use_cookie.unwrap_or_else(|| preferred("UseCookie")).then(new_id).transpose()?;
    let guard = Guard { address: watched.then_some(cx.desk.peer.address), cookie: None };
    Ok((cookie.iter().fold(guard, |guard, cookie| guard.with_cookie(cookie)), cookie))
}
