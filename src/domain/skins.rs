//! Skins: named sets of files (vocabularies, configurations, whatever a client keeps there) that administrators lay out.
//!
//! The unnamed skin stands behind every other. Its files lie in `<data>/skins`, behind them those that are compiled in;
//! a named skin is a directory there. A vocabulary is the file `strings.data`, in another language `<language>.data`;
//! it is merged entry by entry, a language over the default one, a skin over the unnamed one over the compiled-in one.
//! Nothing here is kept in memory but the compiled-in vocabularies: the functions read files and block, so they run on
//! the store's threads for computing. Names are checked so that they cannot lead anywhere else, sizes are bounded.
//! Spec: XIMSS, "Service Operations" (readStrings, readConfigFile, skinList, skinFileList, skinFileRead).

use crate::format::object;
use crate::model::fault::{Fault, Outcome};
use crate::model::names::Picture;
use crate::model::time::Timestamp;
use crate::model::value::{Dictionary, Value};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::LazyLock;
use std::time::UNIX_EPOCH;

/// The most bytes of a file.
const MOST_BYTES: u64 = 4 << 20;
/// The most entries of a directory that are looked at.
const MOST_ENTRIES: usize = 1000;
/// The vocabulary in the default language.
const STRINGS: &str = "strings.data";

/// The files of the unnamed skin that are compiled in, by name.
const BUILT_IN: &[(&str, &[u8])] = &[
    ("client.config.xml", include_bytes!("../../assets/skin/client.config.xml")),
    ("german.data", include_bytes!("../../assets/skin/german.data")),
    (STRINGS, include_bytes!("../../assets/skin/strings.data")),
];

/// When the compiled-in files were last changed: clients that have read them since do not read them again.
const BUILT_IN_MODIFIED: Timestamp = Timestamp(1_795_564_800);

static BUILT_IN_VOCABULARIES: LazyLock<BTreeMap<&'static str, Dictionary>> = LazyLock::new(|| {
    let vocabularies = BUILT_IN.iter().filter(|(name, _)| name.ends_with(".data"));
    vocabularies
        .map(|(name, bytes)| match vocabulary_in(bytes) {
            Ok(words) => (*name, words),
            Err(fault) => panic!("assets/skin/{name} is part of this binary and must be a dictionary: {fault}"),
        })
        .collect()
});

fn built_in(name: &str) -> Option<&'static [u8]> {
    BUILT_IN.iter().find(|(n, _)| *n == name).map(|(_, bytes)| *bytes)
}

/// The name of a skin; empty for the unnamed one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct SkinName(String);

impl SkinName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SkinName {
    type Err = Fault;
    /// Up to 64 ASCII letters, digits and `-_.`, with a letter or digit first.
    fn from_str(text: &str) -> Outcome<Self> {
        let good = text.len() <= 64 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        let first = text.bytes().next().is_none_or(|b| b.is_ascii_alphanumeric());
        if good && first { Ok(Self(text.to_owned())) } else { Err(Fault::incorrect("skinName")) }
    }
}

/// The name of a file in a skin: one level.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SkinFileName(String);

impl SkinFileName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SkinFileName {
    type Err = Fault;
    /// Up to 255 bytes without separators and control characters, and without a dot in front.
    fn from_str(text: &str) -> Outcome<Self> {
        let good = |c: char| !c.is_control() && !matches!(c, '/' | '\\' | ':');
        let bad = text.is_empty() || text.len() > 255 || text.starts_with('.') || !text.chars().all(good);
        if bad { Err(Fault::incorrect("fileName")) } else { Ok(Self(text.to_owned())) }
    }
}

/// A file of a skin, as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: SkinFileName,
    /// Its bytes.
    pub size: u64,
    /// When it was last changed.
    pub modified: Timestamp,
}

/// A file of a skin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkinFile {
    /// Its bytes; None where it is no newer than what was asked for.
    pub bytes: Option<Cow<'static, [u8]>>,
    /// When it was last changed.
    pub modified: Timestamp,
}

/// A vocabulary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vocabulary {
    /// The skin it comes from: the unnamed one where there is none of the name that was asked for.
    pub skin: SkinName,
    /// The language; empty for the default one, also where the language that was asked for is not known.
    pub language: String,
    /// When any part of it was last changed.
    pub modified: Timestamp,
    /// The words; None where they are no newer than what was asked for.
    pub words: Option<Dictionary>,
}

/// The skins of a server.
#[derive(Debug, Clone)]
pub struct Skins {
    directory: PathBuf,
}

impl Skins {
    /// The skins that lie in this data directory.
    pub fn of(data: &Path) -> Self {
        Self { directory: data.join("skins") }
    }

    fn path(&self, skin: &SkinName) -> PathBuf {
        match skin.as_str() {
            "" => self.directory.clone(),
            name => self.directory.join(name),
        }
    }

    /// The directories in which the files of a skin lie, the unnamed skin's first. Refused where there is no such skin.
    fn layers(&self, skin: &SkinName) -> Outcome<Vec<PathBuf>> {
        let mut layers = vec![self.directory.clone()];
        if !skin.as_str().is_empty() {
            let own = self.path(skin);
            if !own.is_dir() {
                return Err(Fault::not_found("skin does not exist"));
            }
            layers.push(own);
        }
        Ok(layers)
    }

    /// The skins that fit, in order; the unnamed one is always there.
    pub fn list(&self, fits: Option<&Picture>) -> Outcome<Vec<SkinName>> {
        let mut all = vec![SkinName::default()];
        for (name, about) in entries(&self.directory)? {
            all.extend(name.parse::<SkinName>().ok().filter(|_| about.is_dir()));
        }
        all.retain(|name| fits.is_none_or(|picture| picture.matches(name.as_str())));
        all.sort();
        Ok(all)
    }

    /// The skin's own files that fit, in order. The compiled-in ones are the unnamed skin's.
    pub fn files(&self, skin: &SkinName, fits: Option<&Picture>) -> Outcome<Vec<Listed>> {
        self.layers(skin)?;
        let mut all = BTreeMap::new();
        for (name, about) in entries(&self.path(skin))? {
            if let Ok(name) = name.parse::<SkinFileName>()
                && about.is_file()
            {
                all.insert(name.clone(), Listed { name, size: about.len(), modified: modified(&about) });
            }
        }
        if skin.as_str().is_empty() {
            for (name, bytes) in BUILT_IN {
                let name = SkinFileName((*name).to_owned());
                let listed = Listed { name: name.clone(), size: bytes.len() as u64, modified: BUILT_IN_MODIFIED };
                all.entry(name).or_insert(listed);
            }
        }
        Ok(all.into_values().filter(|file| fits.is_none_or(|picture| picture.matches(file.name.as_str()))).collect())
    }

    /// A file of the skin, or else of the unnamed one; its bytes only where it was changed after `newer_than`.
    pub fn file(&self, skin: &SkinName, name: &SkinFileName, newer_than: Option<Timestamp>) -> Outcome<SkinFile> {
        for layer in self.layers(skin)?.iter().rev() {
            if let Some(file) = read(&layer.join(name.as_str()), newer_than)? {
                return Ok(file);
            }
        }
        let bytes = built_in(name.as_str()).ok_or_else(|| Fault::not_found("file does not exist"))?;
        let wanted = newer_than.is_none_or(|since| BUILT_IN_MODIFIED > since);
        Ok(SkinFile { bytes: wanted.then_some(Cow::Borrowed(bytes)), modified: BUILT_IN_MODIFIED })
    }

    /// The vocabulary of a skin in a language; its words only where any part of it was changed after `newer_than`. Of a
    /// skin or a language that is not there, the unnamed skin's or the default language's is given.
    pub fn vocabulary(&self, skin: &SkinName, language: &str, newer_than: Option<Timestamp>) -> Outcome<Vocabulary> {
        let (skin, layers) = match self.layers(skin) {
            Ok(layers) => (skin.clone(), layers),
            Err(_) => (SkinName::default(), self.layers(&SkinName::default())?),
        };
        let known = language_file(language)
            .filter(|file| BUILT_IN_VOCABULARIES.contains_key(file.as_str()) || layers.iter().any(|layer| layer.join(file).is_file()));
        let language = if known.is_some() { language.trim().to_owned() } else { String::new() };
        let files: Vec<String> = std::iter::once(STRINGS.to_owned()).chain(known).collect();
        let modified = self.last_change(&layers, &files);
        let words = match newer_than.is_none_or(|since| modified > since) {
            true => Some(merged(&layers, &files)?),
            false => None,
        };
        Ok(Vocabulary { skin, language, modified, words })
    }

    /// When any of the files was last changed. The directories count, too: a file that was taken away leaves its trace there.
    fn last_change(&self, layers: &[PathBuf], files: &[String]) -> Timestamp {
        let paths = layers.iter().flat_map(|layer| files.iter().map(|file| layer.join(file)).chain([layer.clone()]));
        let times = paths.filter_map(|path| fs::metadata(path).ok()).map(|about| modified(&about));
        times.fold(BUILT_IN_MODIFIED, Timestamp::max)
    }
}

/// The file of a language; None for the default one and for what cannot be a language's name.
fn language_file(language: &str) -> Option<String> {
    let name = language.trim().to_lowercase();
    let good = !name.is_empty() && name.len() <= 64 && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | ' '));
    good.then(|| format!("{name}.data")).filter(|file| file != STRINGS)
}

/// All layers of all files, each over those before it. A damaged file is passed over, so that clients have the others.
fn merged(layers: &[PathBuf], files: &[String]) -> Outcome<Dictionary> {
    let mut words = Dictionary::new();
    for file in files {
        if let Some(built_in) = BUILT_IN_VOCABULARIES.get(file.as_str()) {
            merge(&mut words, built_in.clone());
        }
        for layer in layers {
            let Some(SkinFile { bytes: Some(bytes), .. }) = read(&layer.join(file), None)? else { continue };
            match vocabulary_in(&bytes) {
                Ok(over) => merge(&mut words, over),
                Err(fault) => tracing::warn!(%fault, file = %layer.join(file).display(), "a vocabulary cannot be read and is passed over"),
            }
        }
    }
    Ok(words)
}

fn vocabulary_in(bytes: &[u8]) -> Outcome<Dictionary> {
    let text = std::str::from_utf8(bytes).map_err(|_| Fault::bad("the file is not UTF-8"))?;
    match object::parse(text)? {
        Value::Dictionary(words) => Ok(words),
        _ => Err(Fault::bad("the file is no dictionary")),
    }
}

/// Puts entries over others: dictionaries entry by entry, all else as a whole.
fn merge(under: &mut Dictionary, over: Dictionary) {
    for (key, value) in over {
        match (under.get_mut(&key), value) {
            (Some(Value::Dictionary(below)), Value::Dictionary(above)) => merge(below, above),
            (_, value) => drop(under.insert(key, value)),
        }
    }
}

/// What lies in a directory; nothing where there is none.
fn entries(directory: &Path) -> Outcome<Vec<(String, Metadata)>> {
    let found = match fs::read_dir(directory) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Fault::logged("a directory of skins cannot be read", error)),
    };
    // What cannot be looked at, or has a name that is no text, is not offered.
    let named = |entry: fs::DirEntry| Some((entry.file_name().into_string().ok()?, fs::metadata(entry.path()).ok()?));
    Ok(found.take(MOST_ENTRIES).filter_map(|entry| named(entry.ok()?)).collect())
}

/// A file on disk, if it is there.
fn read(path: &Path, newer_than: Option<Timestamp>) -> Outcome<Option<SkinFile>> {
    let failed = |error| Fault::logged("a file of a skin cannot be read", error);
    // Looked at before it is opened: opening a pipe would wait for somebody to write into it.
    if !path.is_file() {
        return Ok(None);
    }
    let file = File::open(path).map_err(failed)?;
    let modified = modified(&file.metadata().map_err(failed)?);
    if newer_than.is_some_and(|since| modified <= since) {
        return Ok(Some(SkinFile { bytes: None, modified }));
    }
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(Fault::quota("file is too large"));
    }
    Ok(Some(SkinFile { bytes: Some(Cow::Owned(bytes)), modified }))
}

fn modified(about: &Metadata) -> Timestamp {
    let since = about.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    Timestamp(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
