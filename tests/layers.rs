//! The plan of the house holds: imports point down, each outside crate lives where it is at home, rooms are small, and
//! every file says what it is. Reads the text of `src/`; `src/lib.rs` tells the same as a map.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on panics")]

use std::fs;
use std::path::{Path, PathBuf};

/// What each part of the house may import of the others. A part may always import itself.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("xml", &["model::fault"]),
    ("format", &["model"]),
    ("store", &["model"]),
    ("domain", &["model", "format", "store"]),
    ("proto", &["model", "xml", "format", "store", "domain"]),
    ("app", &["model", "xml", "format", "store", "domain", "proto"]),
    ("lib.rs", &["model", "xml", "format", "store", "domain", "proto", "app"]),
    ("main.rs", &[]),
];

/// Front ends are strangers to each other; what they share lies in `net`.
const FRONT_ENDS: &[&str] = &["ximss", "http", "soap"];

/// Outside crates that only one part of the house may know.
const AT_HOME: &[(&str, &[&str])] = &[
    ("redb", &["store/"]),
    (
        "actix_web",
        &[
            "proto/http/",
            "proto/http.rs",
            "proto/net/wire.rs",
            "proto/soap/",
            "proto/ximss/http.rs",
            "proto/ximss/http/",
            "proto/ximss/ws.rs",
            "proto/ximss/ws/",
        ],
    ),
    ("actix_http", &["proto/http/", "proto/ximss/ws/"]),
    ("actix_server", &["proto/http/"]),
    ("actix_service", &["proto/http/"]),
    ("actix_multipart", &["proto/http/"]),
    ("actix_cors", &["proto/http/"]),
    ("hyper", &["proto/net/", "proto/http/http2.rs"]),
    ("hyper_util", &["proto/net/", "proto/http/http2.rs"]),
    ("http_body_util", &["proto/net/", "proto/http/http2.rs"]),
    ("hickory_resolver", &["proto/net/"]),
    ("quick_xml", &["xml/"]),
    ("mail_parser", &["format/"]),
    ("mail_builder", &["format/"]),
    ("sdp_types", &["format/"]),
    ("rhai", &["domain/scripts.rs", "domain/scripts/"]),
    ("clap", &["app/"]),
    ("toml", &["app/"]),
    ("rustls", &["proto/net/", "proto/http/", "proto/ximss/", "app/"]),
    ("tokio_rustls", &["proto/net/", "proto/http/", "proto/ximss/"]),
];

/// The most lines of a file.
const LONGEST: usize = 500;
/// Tables of data, which may be longer.
const TABLES: &[&str] = &[];

struct Source {
    /// Its path below `src/`.
    name: String,
    text: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut folders, mut out): (Vec<PathBuf>, Vec<Source>) = (vec![root.clone()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
                out.push(Source { name, text: fs::read_to_string(path).unwrap() });
            }
        }
    }
    out.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(out.len() > 50, "the sources are where they are looked for");
    out
}

impl Source {
    /// The part of the house it belongs to.
    fn part(&self) -> &str {
        let first = self.name.split('/').next().unwrap();
        if ["lib.rs", "main.rs"].contains(&first) { first } else { first.trim_end_matches(".rs") }
    }

    /// The front end it belongs to, if any.
    fn front_end(&self) -> Option<&str> {
        let inner = self.name.strip_prefix("proto/")?;
        FRONT_ENDS.iter().copied().find(|end| inner.starts_with(&format!("{end}/")) || inner == format!("{end}.rs"))
    }

    /// Lines of code with their numbers, without comments.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line)).filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}

/// The paths in a line that begin at the root of the crate, without `crate::`.
fn paths(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices("crate::").filter_map(|(at, _)| {
        let fresh = line[..at].chars().next_back().is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != '$');
        let rest = &line[at + "crate::".len()..];
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != ':').unwrap_or(rest.len());
        fresh.then(|| &rest[..end])
    })
}

fn is_within(path: &str, allowed: &str) -> bool {
    path == allowed || path.strip_prefix(allowed).is_some_and(|rest| rest.starts_with("::"))
}

#[test]
fn imports_point_down() {
    let mut wrong = Vec::new();
    for source in sources() {
        let part = source.part();
        let allowed = MAY_IMPORT.iter().find(|(name, _)| *name == part).unwrap_or_else(|| panic!("{part} is no part of the plan")).1;
        for (line, text) in source.code() {
            for path in paths(text) {
                let down = is_within(path, part) || allowed.iter().any(|allowed| is_within(path, allowed));
                let stranger = source
                    .front_end()
                    .is_some_and(|own| FRONT_ENDS.iter().any(|end| *end != own && is_within(path, &format!("proto::{end}"))));
                if !down || stranger {
                    wrong.push(format!("src/{}:{line}: imports crate::{path}", source.name));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_path_climbs_out_of_its_part() {
    let mut wrong = Vec::new();
    for source in sources() {
        let levels = source.name.split('/').count() - usize::from(source.name.ends_with("/mod.rs"));
        for (line, text) in source.code() {
            // A module inside the file, which is indented, begins one level further down.
            let levels = levels + usize::from(text.starts_with(' '));
            let climbs = text.split(|c: char| !c.is_alphanumeric() && c != ':' && c != '_').map(|path| path.matches("super::").count());
            if climbs.max().unwrap_or_default() >= levels.max(1) {
                wrong.push(format!("src/{}:{line}: {}", source.name, text.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn outside_crates_are_at_home_in_one_place() {
    let mut wrong = Vec::new();
    for source in sources() {
        for (line, text) in source.code() {
            for (name, homes) in AT_HOME {
                let begins = |path: &str| path.strip_prefix(name).is_some_and(|rest| rest.starts_with("::"));
                let named = text.split(|c: char| !c.is_alphanumeric() && c != ':' && c != '_').any(begins);
                if named && !homes.iter().any(|home| source.name.starts_with(home)) {
                    wrong.push(format!("src/{}:{line}: knows {name}", source.name));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn files_are_short_and_say_what_they_are() {
    let mut wrong = Vec::new();
    for source in sources() {
        let lines = source.text.lines().count();
        let longest = if source.name == "main.rs" { 40 } else { LONGEST };
        if lines > longest && !TABLES.contains(&source.name.as_str()) {
            wrong.push(format!("src/{}: {lines} lines, at most {longest}", source.name));
        }
        if !source.text.starts_with("//!") {
            wrong.push(format!("src/{}: does not open with //!", source.name));
        }
        let name = source.name.rsplit('/').next().unwrap();
        if ["util.rs", "utils.rs", "common.rs", "helpers.rs", "manager.rs", "misc.rs"].contains(&name) {
            wrong.push(format!("src/{}: a name that says nothing", source.name));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
