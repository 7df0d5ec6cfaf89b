//! What a client can do before it logs in: find out what is offered, secure the connection, get help with a forgotten
//! password, sign up. Logging in itself is in `login`.
//!
//! Spec: XIMSS, "Pre-Login Operations", "Login Operations".

use super::login::{Auth, Login};
use crate::domain::accounts::{self, NewAccount};
use crate::domain::auth::{self, nonce};
use crate::domain::recovery;
use crate::domain::sessions::Kind;
use crate::domain::throttle::{Flow, Purpose, Throttle};
use crate::model::fault::{Fault, Outcome};
use crate::model::names::{AccountRef, Address, DomainName};
use crate::model::value::Value;
use crate::proto::ximss::desk::After;
use crate::proto::ximss::form::attributes::MaybeAddress;
use crate::proto::ximss::request::{Cx, Op, Phase, Request};
use crate::xml::{Arg, Attr, Element};
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// The family.
pub const OPS: &[Op] =
    &[Op::of::<ListFeatures>(), Op::of::<StartTls>(), Op::of::<RecoverPassword>(), Op::of::<Signup>(), Op::of::<Login>(), Op::of::<Auth>()];

/// The target domain of an operation, and of those that follow.
pub(super) const DOMAIN: Attr<DomainName> = Attr::new("domain", "the target domain from now on, if this server has it");
const USER_NAME: Attr<AccountRef> = Attr::new("userName", "the account");
const PASSWORD: Attr<String> = Attr::new("password", "its password");
const REAL_NAME: Attr<String> = Attr::new("realName", "the name of the person");
const RECOVERY: Attr<MaybeAddress> = Attr::new("recoverPassword", "where a code to set a new password is mailed to");

/// How long `recoverPassword` and `signup` take, whatever comes of them.
const PAUSE: Duration = Duration::from_secs(2);

/// Whether passwords may cross this connection as they are.
pub(super) fn takes_clear_text(cx: &Cx) -> bool {
    auth::takes_clear_text(&cx.house.settings(), cx.desk.secure.get(), cx.desk.peer.address)
}

/// Makes a domain that was named the target domain, if this server has it; gives the target domain.
pub(super) async fn target_domain(cx: &Cx, named: Option<DomainName>) -> Outcome<DomainName> {
    if let Some(named) = named {
        let asked = named.clone();
        if cx.read(move |tx| crate::store::accounts::domain(tx, &asked)).await?.is_some() {
            cx.desk.domain.replace(named);
        }
    }
    Ok(cx.desk.domain.borrow().clone())
}

/// Where nonces of this connection are given and taken.
pub(super) fn place(cx: &Cx, domain: DomainName) -> nonce::Place {
    nonce::Place { domain, port: cx.desk.peer.port }
}

/// What this connection counts against its network address.
fn gauge(cx: &Cx, purpose: Purpose) -> [crate::domain::throttle::Gauge; 1] {
    [Throttle::address(purpose, cx.desk.peer.address, Flow::per_minute(cx.house.settings().limits.failed_logins))]
}

struct ListFeatures(Option<DomainName>);

impl Request for ListFeatures {
    const NAME: &'static str = "listFeatures";
    const DOC: &'static str = "Sends what this connection offers: login methods, TLS, signup.";
    const PHASE: Phase = Phase::BeforeLogin;
    const ARGS: &'static [Arg] = &[DOMAIN.optional()];

    fn read(element: &Element) -> Outcome<Self> {
        Ok(Self(DOMAIN.get(element)?))
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let domain = target_domain(&cx, self.0).await?;
        let (asked, clear_text) = (domain.clone(), takes_clear_text(&cx));
        let record = cx.read(move |tx| crate::store::accounts::domain(tx, &asked)).await?.unwrap_or_default();
        let language = record.preferences.get("Language").and_then(Value::as_str).filter(|language| !language.is_empty());
        let text = |name: &str, text: &str| Element::new(name).text(text);
        let offered = auth::offered(&cx.house.settings(), clear_text).map(|mechanism| text("sasl", mechanism.name()));
        let mut features = Element::new("features").child(text("domain", domain.as_str())).children(offered);
        if cx.desk.can_start_tls.get() {
            features = features.child(Element::new("starttls"));
        }
        features = features.children(nonce::offer(&cx.house, &place(&cx, domain))?.map(|nonce| text("nonce", &nonce)));
        features = features.children(language.map(|language| text("language", language)));
        if cx.house.settings().signup && clear_text {
            features = features.child(Element::new("signup"));
        }
        // On the port where this was asked, no port being named: there XIMSS by itself would be in clear text.
        let over_https = cx.desk.kind == Kind::Web && cx.desk.secure.get();
        let protocol = if over_https { "https" } else { "ximss" };
        cx.send(features.child(Element::new("connect").with("protocol", protocol))).await
    }
}

struct StartTls(Option<DomainName>);

impl Request for StartTls {
    const NAME: &'static str = "starttls";
    const DOC: &'static str = "Begins TLS on this connection after the response.";
    const PHASE: Phase = Phase::BeforeLogin;
    const ARGS: &'static [Arg] = &[DOMAIN.optional()];

    fn read(element: &Element) -> Outcome<Self> {
        Ok(Self(DOMAIN.get(element)?))
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        if cx.desk.secure.get() {
            return Err(Fault::state("connection is already secure"));
        }
        if !cx.desk.can_start_tls.get() {
            return Err(Fault::unsupported());
        }
        target_domain(&cx, self.0).await?;
        // What was begun in clear text does not go on under TLS.
        drop(cx.desk.take_exchange());
        cx.afterwards(After::StartTls);
        Ok(())
    }
}

struct RecoverPassword {
    domain: Option<DomainName>,
    user: AccountRef,
}

impl Request for RecoverPassword {
    const NAME: &'static str = "recoverPassword";
    const DOC: &'static str = "Mails a code that stands for the forgotten password once; succeeds in any case.";
    const PHASE: Phase = Phase::BeforeLogin;
    const ARGS: &'static [Arg] = &[DOMAIN.optional(), USER_NAME.required()];

    fn read(element: &Element) -> Outcome<Self> {
        Ok(Self { domain: DOMAIN.get(element)?, user: USER_NAME.need(element)? })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let domain = target_domain(&cx, self.domain).await?;
        let work = async {
            cx.house.throttle.admit(&gauge(&cx, Purpose::Recovery), Instant::now())?;
            recovery::recover(&cx.house, self.user.within(&domain)).await
        };
        let (done, ()) = futures_util::future::join(work, tokio::time::sleep(PAUSE)).await;
        if let Err(fault) = done {
            // Nothing of it may be told to the client.
            tracing::debug!(%fault, "no code was mailed");
        }
        Ok(())
    }
}

struct Signup {
    domain: Option<DomainName>,
    user: AccountRef,
    password: Zeroizing<String>,
    real_name: Option<String>,
    recovery: Option<Address>,
}

impl Signup {
    async fn create(self, cx: &Cx) -> Outcome<()> {
        let settings = cx.house.settings();
        if !settings.signup {
            return Err(Fault::unsupported());
        }
        if !takes_clear_text(cx) {
            return Err(Fault::insecure());
        }
        accounts::check_new_password(&self.password).map_err(|_| Fault::incorrect("password"))?;
        let address = self.user.within(&target_domain(cx, self.domain).await?);
        if accounts::is_reserved(&address) {
            return Err(Fault::denied());
        }
        cx.house.throttle.admit(&gauge(cx, Purpose::Signup), Instant::now())?;
        let new = NewAccount { real_name: self.real_name, recovery: self.recovery, ..NewAccount::named(address.clone()) };
        let _turn = auth::turn(&cx.house, cx.desk.peer.address).await?;
        let (store, keys) = (&cx.house.store, &cx.house.keys);
        accounts::create_with_password(store, keys, new, self.password, settings.legacy_mechanisms).await?;
        cx.house.rooms.give_way(&cx.house.signals, &address);
        Ok(())
    }
}

impl Request for Signup {
    const NAME: &'static str = "signup";
    const DOC: &'static str = "Creates an account, where the server lets people do so.";
    const PHASE: Phase = Phase::BeforeLogin;
    const ARGS: &'static [Arg] = &[DOMAIN.optional(), USER_NAME.required(), PASSWORD.required(), REAL_NAME.optional(), RECOVERY.optional()];

    fn read(element: &Element) -> Outcome<Self> {
        Ok(Self {
            domain: DOMAIN.get(element)?,
            user: USER_NAME.need(element)?,
            password: Zeroizing::new(PASSWORD.need(element)?),
            real_name: REAL_NAME.get(element)?,
            recovery: RECOVERY.get(element)?.and_then(|address| address.0),
        })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        futures_util::future::join(self.create(&cx), tokio::time::sleep(PAUSE)).await.0
    }
}

#[cfg(test)]
mod tests;
