//! Skins of a data directory over the built-in one: what is found where, and what may not be named.

use super::*;
use sha2::{Digest, Sha256};

/// The digest of the compiled-in files that belongs to `BUILT_IN_MODIFIED`.
const BUILT_IN_DIGEST: &str = "05650f9bb927f6d1";

#[test]
fn the_date_of_the_compiled_in_files_is_theirs() {
    let mut all = Sha256::new();
    BUILT_IN.iter().for_each(|(name, bytes)| {
        all.update(name);
        all.update(bytes);
    });
    let digest: String = all.finalize().iter().take(8).map(|b| format!("{b:02x}")).collect();
    assert_eq!(digest, BUILT_IN_DIGEST, "assets/skin changed: set BUILT_IN_MODIFIED to a later time, and this digest");
}

/// A data directory with an overlay: two named skins, and things that must not be offered.
fn overlay() -> (tempfile::TempDir, Skins) {
    let data = tempfile::tempdir().unwrap();
    let skins = data.path().join("skins");
    for directory in ["blue", "red", ".hidden", "not a skin"] {
        fs::create_dir_all(skins.join(directory)).unwrap();
    }
    fs::write(data.path().join("secret"), "secret").unwrap();
    fs::write(skins.join("strings.data"), "{OKButton=Fine; AppendModes={simple=Plain;};}").unwrap();
    fs::write(skins.join("klingon.data"), "{OKButton=HIja;}").unwrap();
    fs::write(skins.join("logo.png"), [0u8, 159, 146]).unwrap();
    fs::write(skins.join(".htaccess"), "x").unwrap();
    fs::write(skins.join("blue/strings.data"), "{OKButton=Blue; KnownFields=(Only);}").unwrap();
    fs::write(skins.join("blue/broken.data"), "{OKButton=").unwrap();
    let found = Skins::of(data.path());
    (data, found)
}

fn skin(name: &str) -> SkinName {
    name.parse().unwrap()
}

fn words(of: &Skins, name: &str, language: &str) -> (String, Dictionary) {
    let found = of.vocabulary(&skin(name), language, None).unwrap();
    (found.language, found.words.unwrap())
}

fn at<'a>(words: &'a Dictionary, path: &str) -> &'a str {
    let mut keys = path.split('/');
    let first = words.get(keys.next().unwrap()).unwrap();
    let found = keys.fold(first, |value, key| match value {
        Value::Dictionary(entries) => entries.get(key).unwrap(),
        other => panic!("{other:?}"),
    });
    found.as_str().unwrap()
}

#[test]
fn the_compiled_in_vocabulary_has_all_kinds_and_german_covers_it() {
    let none = Skins::of(Path::new("/nonexistent"));
    let (english, german) = (words(&none, "", "").1, words(&none, "", " German ").1);
    assert!(english.len() > 200);
    assert_eq!((at(&english, "AppendButton"), at(&german, "AppendButton")), ("Append", "Anhängen"));
    assert_eq!((at(&english, "AppendModes/simple"), at(&german, "MailboxNames/Trash")), ("Simple Mode", "Papierkorb"));
    assert!(matches!(&english["KnownFields"], Value::Array(fields) if fields[0] == "From".into()));
    assert_eq!(english.keys().collect::<Vec<_>>(), german.keys().collect::<Vec<_>>());
    for (key, value) in &BUILT_IN_VOCABULARIES["german.data"] {
        let same = match (value, &english[key]) {
            (Value::Dictionary(a), Value::Dictionary(b)) => a.keys().eq(b.keys()),
            (Value::Array(a), Value::Array(b)) => a.len() == b.len(),
            (Value::String(_), Value::String(_)) => true,
            _ => false,
        };
        assert!(same, "{key} differs in kind or entries");
    }
}

#[test]
fn a_language_lies_over_the_default_and_a_skin_over_the_unnamed_one() {
    let (_data, skins) = overlay();
    let (language, english) = words(&skins, "", "");
    assert_eq!((language.as_str(), at(&english, "OKButton"), at(&english, "AppendModes/simple")), ("", "Fine", "Plain"));
    assert_eq!(at(&english, "AppendModes/advanced"), "Advanced Mode", "a dictionary is merged entry by entry");
    let (_, blue) = words(&skins, "blue", "");
    assert_eq!((at(&blue, "OKButton"), at(&blue, "AppendModes/simple")), ("Blue", "Plain"));
    assert_eq!(blue["KnownFields"], Value::Array(vec!["Only".into()]), "an array is replaced");
    let (language, german) = words(&skins, "blue", "german");
    assert_eq!((language.as_str(), at(&german, "OKButton"), at(&german, "AppendModes/simple")), ("german", "OK", "Einfache Ansicht"));
    assert_eq!(at(&words(&skins, "red", "klingon").1, "OKButton"), "HIja");
    for unknown in ["elvish", "../secret", "strings", "a/b", "broken/..", ""] {
        assert_eq!(words(&skins, "blue", unknown), (String::new(), blue.clone()), "{unknown}");
    }
    assert_eq!(words(&skins, "blue", "broken").1, blue, "a damaged file is passed over");
    let missing = skins.vocabulary(&skin("green"), "", None).unwrap();
    assert_eq!((missing.skin, missing.words.unwrap()), (SkinName::default(), english));
}

#[test]
fn words_are_sent_only_when_something_is_newer() {
    let none = Skins::of(Path::new("/nonexistent"));
    let sent = |of: &Skins, since: Timestamp| of.vocabulary(&skin(""), "german", Some(since)).unwrap().words.is_some();
    assert!(sent(&none, BUILT_IN_MODIFIED.plus(-1)) && !sent(&none, BUILT_IN_MODIFIED) && !sent(&none, BUILT_IN_MODIFIED.plus(1)));
    let (data, skins) = overlay();
    let touch = |path: &str, seconds: u64| {
        let at = UNIX_EPOCH + std::time::Duration::from_secs(seconds);
        File::open(data.path().join(path)).unwrap().set_modified(at).unwrap();
    };
    let base = BUILT_IN_MODIFIED.0 as u64;
    touch("skins/strings.data", base + 100);
    touch("skins", base + 50);
    assert_eq!(skins.vocabulary(&skin(""), "", None).unwrap().modified, BUILT_IN_MODIFIED.plus(100));
    assert!(sent(&skins, BUILT_IN_MODIFIED.plus(99)) && !sent(&skins, BUILT_IN_MODIFIED.plus(100)));
    fs::remove_file(data.path().join("skins/strings.data")).unwrap();
    touch("skins", base + 200);
    assert!(sent(&skins, BUILT_IN_MODIFIED.plus(100)), "a file that was taken away is a change");
}

#[test]
fn files_are_found_in_the_skin_then_in_the_unnamed_one_then_in_the_binary() {
    let (_data, skins) = overlay();
    let read = |name: &str, file: &str| skins.file(&skin(name), &file.parse().unwrap(), None).map(|f| f.bytes.unwrap().into_owned());
    assert!(read("blue", "strings.data").unwrap().starts_with(b"{OKButton=Blue"));
    assert!(read("red", "strings.data").unwrap().starts_with(b"{OKButton=Fine"));
    assert_eq!(read("red", "logo.png").unwrap(), [0, 159, 146]);
    assert!(read("red", "client.config.xml").unwrap().starts_with(b"<config>"));
    assert_eq!(read("red", "nothing").unwrap_err(), Fault::not_found("file does not exist"));
    assert_eq!(read("", "blue").unwrap_err(), Fault::not_found("file does not exist"), "a directory is no file");
    assert_eq!(read("green", "strings.data").unwrap_err(), Fault::not_found("skin does not exist"));
}

#[test]
fn lists_name_what_may_be_read() {
    let (_data, skins) = overlay();
    let listed = |filter: Option<&str>| {
        let picture = filter.map(|f| f.parse().unwrap());
        skins.list(picture.as_ref()).unwrap().iter().map(|s| s.as_str().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(listed(None), ["", "blue", "red"]);
    assert_eq!((listed(Some("B*")), listed(Some("*")).len(), listed(Some("x*")).len()), (vec!["blue".to_owned()], 3, 0));
    let files = |name: &str, filter: Option<&str>| {
        let picture = filter.map(|f| f.parse().unwrap());
        let found = skins.files(&skin(name), picture.as_ref()).unwrap();
        found.iter().map(|f| (f.name.as_str().to_owned(), f.size)).collect::<Vec<_>>()
    };
    let names = |of: Vec<(String, u64)>| of.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names(files("", None)), ["client.config.xml", "german.data", "klingon.data", "logo.png", "strings.data"]);
    assert_eq!(files("", Some("*.png")), [("logo.png".to_owned(), 3)]);
    assert_eq!(names(files("blue", None)), ["broken.data", "strings.data"]);
    assert!(files("red", None).is_empty());
    let none = Skins::of(Path::new("/nonexistent"));
    assert_eq!((none.list(None).unwrap().len(), none.files(&skin(""), None).unwrap().len()), (1, BUILT_IN.len()));
}

#[test]
fn names_lead_nowhere_else() {
    for bad in ["..", ".", "../secret", "a/b", "a\\b", "/etc", "a\0", "a b", ".x", "ä", &"x".repeat(65)] {
        assert!(bad.parse::<SkinName>().is_err(), "{bad:?}");
    }
    for bad in ["", "..", ".", "../secret", "a/b", "a\\b", "/etc/passwd", "a\0", ".x", "c:x", "a\n", &"x".repeat(256)] {
        assert!(bad.parse::<SkinFileName>().is_err(), "{bad:?}");
    }
    assert!("Grün mit Leerzeichen.data".parse::<SkinFileName>().is_ok() && "XChange-2.1".parse::<SkinName>().is_ok());
}

#[test]
fn files_have_a_largest_size() {
    let (data, skins) = overlay();
    let path = data.path().join("skins/large");
    let name: SkinFileName = "large".parse().unwrap();
    for (size, good) in [(MOST_BYTES, true), (MOST_BYTES + 1, false)] {
        File::create(&path).unwrap().set_len(size).unwrap();
        assert_eq!(skins.file(&skin(""), &name, None).is_ok(), good, "{size}");
    }
}
