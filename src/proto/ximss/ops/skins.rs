//! Vocabularies, configurations and the other files of skins.
//!
//! Spec: XIMSS, "Pre-Login Operations" (readStrings), "Service Operations" (readStrings, readConfigFile, skinList,
//! skinFileList, skinFileRead). Modification times of vocabularies and configurations are GMT, those of skin files local.

use crate::domain::skins::{SkinFileName, SkinName, Skins};
use crate::model::fault::{Fault, Outcome};
use crate::model::names::Picture;
use crate::model::time::Timestamp;
use crate::model::value::{Dictionary, Value};
use crate::proto::ximss::request::{Cx, Phase, Request};
use crate::proto::ximss::tcp::xml_limits;
use crate::store::accounts;
use crate::xml::read::document;
use crate::xml::write::is_xml_char;
use crate::xml::{Arg, Attr, Element, FromAttr};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const SKIN: Attr<SkinName> = Attr::new("skinName", "the skin; without it: the unnamed one");
const LANGUAGE: Attr<String> = Attr::new("language", "the language; without it: the one the account prefers");
const MODIFIED: Attr<Timestamp> = Attr::new("timeModified", "send nothing that was not changed after this time");
const CONFIG: Attr<ConfigName> = Attr::new("name", "the configuration");
const FILE: Attr<SkinFileName> = Attr::new("fileName", "the file");
const FILTER: Attr<Picture> = Attr::new("filter", "only names that fit");
const TYPE: Attr<String> = Attr::new("type", "binary: send the data in base64");

impl FromAttr for SkinName {
    const KIND: &'static str = "skin name";
    const SAMPLE: &'static str = "";
    fn from_attr(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl FromAttr for SkinFileName {
    const KIND: &'static str = "file name";
    const SAMPLE: &'static str = "strings.data";
    fn from_attr(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

/// The name of a configuration, and the file that holds it.
struct ConfigName {
    name: String,
    file: SkinFileName,
}

impl FromAttr for ConfigName {
    const KIND: &'static str = "configuration name";
    const SAMPLE: &'static str = "client";
    fn from_attr(text: &str) -> Option<Self> {
        Some(Self { name: text.to_owned(), file: format!("{text}.config.xml").parse().ok()? })
    }
}

fn skins(cx: &Cx) -> Skins {
    Skins::of(&cx.house.settings().data)
}

pub(super) struct ReadStrings {
    skin: SkinName,
    language: Option<String>,
    newer_than: Option<Timestamp>,
}

impl Request for ReadStrings {
    const NAME: &'static str = "readStrings";
    const DOC: &'static str = "Sends the vocabulary: words, button names, texts.";
    const PHASE: Phase = Phase::Always;
    const ARGS: &'static [Arg] = &[SKIN.optional(), LANGUAGE.optional(), MODIFIED.optional()];

    fn read(element: &Element) -> Outcome<Self> {
        let (skin, language, newer_than) = (SKIN.get(element)?, LANGUAGE.get(element)?, MODIFIED.get(element)?);
        Ok(Self { skin: skin.unwrap_or_default(), language, newer_than })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let Self { skin, language, newer_than } = self;
        let language = match language {
            Some(language) => language,
            None => preferred_language(&cx).await?,
        };
        let skins = skins(&cx);
        let vocabulary = cx.store().compute(move || skins.vocabulary(&skin, &language, newer_than)).await?;
        let strings = Element::new("strings")
            .with("skinName", vocabulary.skin.as_str())
            .with("language", vocabulary.language)
            .with("timeModified", vocabulary.modified.gmt_bare());
        cx.send(strings.children(vocabulary.words.iter().flat_map(words))).await
    }
}

/// The language the account prefers; before login, the one its domain does.
async fn preferred_language(cx: &Cx) -> Outcome<String> {
    if cx.desk.is_logged_in() {
        return Ok(cx.preferences().text("Language").to_owned());
    }
    let domain = cx.desk.domain.borrow().clone();
    let record = cx.read(move |tx| accounts::domain(tx, &domain)).await?;
    Ok(record.and_then(|domain| Some(domain.preferences.get("Language")?.as_str()?.to_owned())).unwrap_or_default())
}

/// The entries of a vocabulary.
fn words(of: &Dictionary) -> impl Iterator<Item = Element> {
    of.iter().map(|(name, value)| word(Some(name), value))
}

fn word(name: Option<&String>, value: &Value) -> Element {
    let element = |kind: &str| Element::new(kind).with_some("name", name);
    match value {
        Value::Dictionary(entries) => element("strings").children(words(entries)),
        Value::Array(values) => element("strings").children(values.iter().map(|value| word(None, value))),
        Value::String(text) => element("string").text(text.as_str()),
        Value::Number(number) => element("string").text(number.to_string()),
        // Nothing else is a word.
        _ => element("string"),
    }
}

pub(super) struct ReadConfigFile {
    skin: SkinName,
    config: ConfigName,
    newer_than: Option<Timestamp>,
}

impl Request for ReadConfigFile {
    const NAME: &'static str = "readConfigFile";
    const DOC: &'static str = "Sends a configuration for clients.";
    const ARGS: &'static [Arg] = &[SKIN.optional(), CONFIG.required(), MODIFIED.optional()];

    fn read(element: &Element) -> Outcome<Self> {
        let (skin, config, newer_than) = (SKIN.get(element)?, CONFIG.need(element)?, MODIFIED.get(element)?);
        Ok(Self { skin: skin.unwrap_or_default(), config, newer_than })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let Self { skin, config: ConfigName { name, file }, newer_than } = self;
        let (skins, limits, of) = (skins(&cx), xml_limits(&cx.house.settings().limits), skin.clone());
        let read = move || {
            let found = skins.file(&of, &file, newer_than)?;
            let config = found.bytes.map(|bytes| document(&bytes, &limits)).transpose()?;
            match config.as_ref().is_none_or(|config| config.name == "config") {
                true => Ok((config, found.modified)),
                false => Err(Fault::bad("the file holds no configuration")),
            }
        };
        let (config, modified) = cx.store().compute(read).await?;
        let message = Element::new("configFile").with("skinName", skin.as_str()).with("name", name);
        cx.send(message.with("timeModified", modified.gmt_bare()).children(config)).await
    }
}

pub(super) struct SkinList {
    filter: Option<Picture>,
}

impl Request for SkinList {
    const NAME: &'static str = "skinList";
    const DOC: &'static str = "Lists the skins; the unnamed one has an empty name.";
    const ARGS: &'static [Arg] = &[FILTER.optional()];

    fn read(element: &Element) -> Outcome<Self> {
        Ok(Self { filter: FILTER.get(element)? })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let skins = skins(&cx);
        for skin in cx.store().compute(move || skins.list(self.filter.as_ref())).await? {
            cx.send(Element::new("skinInfo").with("skinName", skin.as_str())).await?;
        }
        Ok(())
    }
}

pub(super) struct SkinFileList {
    skin: SkinName,
    filter: Option<Picture>,
}

impl Request for SkinFileList {
    const NAME: &'static str = "skinFileList";
    const DOC: &'static str = "Lists the files of a skin, without those it inherits from the unnamed one.";
    const ARGS: &'static [Arg] = &[SKIN.optional(), FILTER.optional()];

    fn read(element: &Element) -> Outcome<Self> {
        Ok(Self { skin: SKIN.get(element)?.unwrap_or_default(), filter: FILTER.get(element)? })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let Self { skin, filter } = self;
        let (skins, zone, of) = (skins(&cx), cx.zone(), skin.clone());
        for file in cx.store().compute(move || skins.files(&of, filter.as_ref())).await? {
            let info = Element::new("skinFileInfo").with("skinName", skin.as_str()).with("fileName", file.name.as_str());
            cx.send(info.with("size", file.size).with("timeModified", file.modified.local(&zone))).await?;
        }
        Ok(())
    }
}

pub(super) struct SkinFileRead {
    skin: SkinName,
    file: SkinFileName,
    binary: bool,
}

impl Request for SkinFileRead {
    const NAME: &'static str = "skinFileRead";
    const DOC: &'static str = "Sends a file of a skin, or else the unnamed skin's file of that name.";
    const ARGS: &'static [Arg] = &[SKIN.optional(), FILE.required(), TYPE.optional()];

    fn read(element: &Element) -> Outcome<Self> {
        let (skin, file) = (SKIN.get(element)?.unwrap_or_default(), FILE.need(element)?);
        Ok(Self { skin, file, binary: TYPE.get(element)?.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("binary")) })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let Self { skin, file, binary } = self;
        let (skins, zone, name) = (skins(&cx), cx.zone(), file.clone());
        let read = move || {
            let found = skins.file(&skin, &file, None)?;
            let bytes = found.bytes.unwrap_or_default();
            Ok((found.modified, if binary { Ok(STANDARD.encode(&bytes)) } else { text_of(bytes.into_owned()) }?))
        };
        let (modified, data) = cx.store().compute(read).await?;
        let message = Element::new("skinFileData").with("fileName", name.as_str()).with("timeModified", modified.local(&zone));
        let message = if binary { message.child(Element::new("base64").text(data)) } else { message.text(data) };
        cx.send(message).await
    }
}

/// The text of a file that can stand in XML.
fn text_of(bytes: Vec<u8>) -> Outcome<String> {
    let text = String::from_utf8(bytes).ok().filter(|text| text.chars().all(is_xml_char));
    text.ok_or_else(|| Fault::bad("the file is not text: type must be binary"))
}
