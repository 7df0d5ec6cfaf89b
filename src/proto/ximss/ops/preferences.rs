//! Preferences and what an account tells the public of itself. Spec: XIMSS, "Preferences".

use crate::domain::preferences::{self, Layer, PreferenceName, Preferences};
use crate::model::fault::{Fault, Outcome};
use crate::model::value::{Dictionary, Value};
use crate::proto::ximss::form::value::{to_value, with_value};
use crate::proto::ximss::request::{Cx, Op, Request};
use crate::store::prefs;
use crate::xml::{Arg, Attr, Element, FromAttr};

/// The family.
pub const OPS: &[Op] = &[Op::of::<PrefsRead>(), Op::of::<PrefsStore>(), Op::of::<PrefsReload>()];

const TYPE: Attr<Kind> = Attr::new("type", "default, custom or publicInfo; without it: what holds");
const STORED: Attr<Stored> = Attr::new("type", "publicInfo; without it: the account's own preferences");

/// The most elements in a body.
const MOST_ELEMENTS: usize = 1_000;

/// The values that a request reads.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Layer(Layer),
    Public,
}

impl FromAttr for Kind {
    const KIND: &'static str = "default, custom or publicInfo";
    const SAMPLE: &'static str = "custom";
    fn from_attr(text: &str) -> Option<Self> {
        let is = |name: &str| text.trim().eq_ignore_ascii_case(name);
        let found = [
            ("", Self::Layer(Layer::Effective)),
            ("default", Self::Layer(Layer::Default)),
            ("custom", Self::Layer(Layer::Custom)),
            ("publicInfo", Self::Public),
        ];
        found.into_iter().find(|(name, _)| is(name)).map(|(_, kind)| kind)
    }
}

/// The values that a request stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stored {
    Own,
    Public,
}

impl FromAttr for Stored {
    const KIND: &'static str = "publicInfo";
    const SAMPLE: &'static str = "publicInfo";
    fn from_attr(text: &str) -> Option<Self> {
        match Kind::from_attr(text)? {
            Kind::Public => Some(Self::Public),
            Kind::Layer(Layer::Effective | Layer::Custom) => Some(Self::Own),
            Kind::Layer(Layer::Default) => None,
        }
    }
}

fn check_length(element: &Element) -> Outcome<()> {
    if element.elements().count() > MOST_ELEMENTS { Err(Fault::bad("too many elements in one request")) } else { Ok(()) }
}

struct PrefsRead {
    kind: Kind,
    /// How the client wrote it.
    written: Option<String>,
    /// None of them: all.
    names: Vec<String>,
}

impl PrefsRead {
    /// The values that are asked for; the parts of the sender's address go with it.
    fn selected(&self, values: Dictionary) -> Dictionary {
        let wants = |name: &str| self.names.is_empty() || self.names.iter().any(|wanted| wanted == name);
        let parts = wants(preferences::FROM);
        let mut values = match self.kind {
            Kind::Public => values,
            Kind::Layer(_) => preferences::with_parts(values),
        };
        let is_part = |name: &str| [preferences::ADDRESS, preferences::NAME].contains(&name);
        values.retain(|name, _| wants(name) || parts && is_part(name));
        values
    }
}

impl Request for PrefsRead {
    const NAME: &'static str = "prefsRead";
    const DOC: &'static str = "Sends preferences, or what the account tells the public of itself.";
    const ARGS: &'static [Arg] = &[TYPE.optional()];
    const SAMPLE_BODY: &'static str = "<name>TimeZone</name>";

    fn read(element: &Element) -> Outcome<Self> {
        check_length(element)?;
        let names = element.named("name").map(|name| name.body().trim().to_owned()).collect();
        let kind = TYPE.get(element)?.unwrap_or(Kind::Layer(Layer::Effective));
        Ok(Self { kind, written: element.get("type").map(str::to_owned), names })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let (caller, kind) = (cx.caller()?, self.kind);
        let values = cx.read(move |tx| match kind {
            Kind::Layer(layer) => preferences::read(tx, &caller, layer),
            Kind::Public => prefs::public(tx, caller.account),
        });
        let values = self.selected(values.await?);
        let elements = values.iter().map(|(name, value)| with_value(Element::new(name), value));
        cx.send(Element::new("prefs").with_some("type", self.written.as_ref()).children(elements)).await
    }
}

struct PrefsStore {
    stored: Stored,
    changes: Vec<(PreferenceName, Value)>,
}

/// The parts of the sender's address become the whole, which takes the place of one that is given too.
fn join_sender(changes: &mut Vec<(PreferenceName, Value)>) -> Outcome<()> {
    let mut take = |part: &str| {
        let found = changes.iter().rev().find(|(name, _)| name.as_str() == part).map(|(_, value)| value.clone());
        changes.retain(|(name, _)| name.as_str() != part);
        match found {
            None => Ok(None),
            Some(Value::String(text)) if text.trim() == "default" => Ok(Some(String::new())),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(Value::Null) => Ok(Some(String::new())),
            Some(_) => Err(Fault::incorrect(part)),
        }
    };
    let (address, name) = (take(preferences::ADDRESS)?, take(preferences::NAME)?);
    let whole = match (address, name) {
        (None, None) => return Ok(()),
        (None, Some(_)) => return Err(Fault::missing(preferences::ADDRESS)),
        (Some(address), _) if address.trim().is_empty() => Value::Null,
        (Some(address), name) => Value::String(preferences::composed(&address, name.as_deref())?),
    };
    changes.push((preferences::FROM.parse()?, whole));
    Ok(())
}

impl Request for PrefsStore {
    const NAME: &'static str = "prefsStore";
    const DOC: &'static str = "Changes the account's own preferences, or what it tells the public of itself.";
    const ARGS: &'static [Arg] = &[STORED.optional()];
    const SAMPLE_BODY: &'static str = "<TimeZone>Europe/Berlin</TimeZone><Language>default</Language>";

    fn read(element: &Element) -> Outcome<Self> {
        check_length(element)?;
        let stored = STORED.get(element)?.unwrap_or(Stored::Own);
        let mut changes = element.elements().map(|e| Ok((e.name.parse()?, to_value(e)?))).collect::<Outcome<_>>()?;
        if stored == Stored::Own {
            join_sender(&mut changes)?;
        }
        Ok(Self { stored, changes })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let (caller, Self { stored, changes }) = (cx.caller()?, self);
        if stored == Stored::Public {
            return cx.write(move |tx| preferences::store_public(tx, &caller, &changes)).await;
        }
        let now = cx.write(move |tx| {
            preferences::store(tx, &caller, &changes)?;
            Preferences::read(tx, &caller)
        });
        // What the session has stored holds for it at once; what others store, after `prefsReload`.
        take_up(&cx, now.await?)
    }
}

/// The session works with these from now on. What others meet of the account's is the same at all of its sessions.
fn take_up(cx: &Cx, preferences: Preferences) -> Outcome<()> {
    cx.house.signals.follow(&cx.caller()?.address, &preferences);
    cx.desk.set_preferences(preferences);
    Ok(())
}

struct PrefsReload;

impl Request for PrefsReload {
    const NAME: &'static str = "prefsReload";
    const DOC: &'static str = "Makes the session work with the preferences as they are.";

    fn read(_: &Element) -> Outcome<Self> {
        Ok(Self)
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let caller = cx.caller()?;
        take_up(&cx, cx.read(move |tx| Preferences::read(tx, &caller)).await?)
    }
}
