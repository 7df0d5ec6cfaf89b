//! What fuzzing has found stays found: every input in `fuzz/found/TARGET`, and every message of the corpus, goes through
//! the same lines as the target. An input is kept there under a name that says what it was about.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on panics")]

#[path = "fuzz/bodies/mod.rs"]
mod bodies;

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

/// The body of a target.
type Body = fn(&[u8]);

const TARGETS: &[(&str, Body)] = &[
    ("calendar", bodies::calendar::run),
    ("compose", bodies::compose::run),
    ("contacts", bodies::contacts::run),
    ("forms", bodies::forms::run),
    ("frames", bodies::frames::run),
    ("mime", bodies::mime::run),
    ("names", bodies::names::run),
    ("objects", bodies::objects::run),
    ("recurrence", bodies::recurrence::run),
    ("sdp", bodies::sdp::run),
    ("urls", bodies::urls::run),
    ("websocket", bodies::websocket::run),
    ("xcal", bodies::xcal::run),
    ("xml", bodies::xml::run),
];

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect();
    files.sort();
    files
}

/// The files at which a body panics.
fn replay(body: Body, files: &[PathBuf]) -> Vec<PathBuf> {
    let panics = |file: &&PathBuf| catch_unwind(|| body(&fs::read(file).unwrap())).is_err();
    files.iter().filter(panics).cloned().collect()
}

#[test]
fn what_was_found_is_no_finding_any_more() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut wrong = Vec::new();
    for (name, body) in TARGETS {
        let found = files(&tests.join("fuzz/found").join(name));
        assert!(!found.is_empty(), "{name} has inputs");
        wrong.extend(replay(*body, &found));
        // Other people's mail is hard for every reader, not only for that of mail.
        wrong.extend(replay(*body, &files(&tests.join("corpus"))));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_target_is_replayed() {
    let name = |path: &PathBuf| path.file_stem().unwrap().to_string_lossy().into_owned();
    let targets: BTreeSet<String> = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/targets")).iter().map(name).collect();
    assert_eq!(targets, TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect());
}

#[test]
fn an_input_that_panics_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (good, bad) = (folder.path().join("good"), folder.path().join("bad"));
    fs::write(&good, "good").unwrap();
    fs::write(&bad, "bad").unwrap();
    let body: Body = |bytes| assert_eq!(bytes, b"good", "as this test asks");
    assert_eq!(replay(body, &[good, bad.clone()]), [bad]);
}
