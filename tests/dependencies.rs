//! What the binary is made of may be made of: licences, bans and sources of `.ci/deny.toml`, for what is built on Linux.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on panics")]

use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Command;

fn packages() -> Vec<Value> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", "x86_64-unknown-linux-gnu"]);
    let output = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    // The list of packages holds those of other systems too; the nodes are those that are built here.
    let built: BTreeSet<&str> = metadata["resolve"]["nodes"].as_array().unwrap().iter().filter_map(|node| node["id"].as_str()).collect();
    let all = metadata["packages"].as_array().unwrap();
    all.iter().filter(|package| built.contains(package["id"].as_str().unwrap())).cloned().collect()
}

fn rules() -> toml::Table {
    include_str!("../.ci/deny.toml").parse().unwrap()
}

fn strings(value: &toml::Value) -> BTreeSet<String> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// True where one of the alternatives of a licence expression is made of allowed licences only.
fn allows(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let expression = expression.replace('/', " OR ");
    // `A AND (B OR C)` and `(A OR B) AND C` occur; each term in brackets is an expression of its own.
    let mut depth = 0;
    let (mut terms, mut term) = (vec![], String::new());
    for word in expression.replace('(', " ( ").replace(')', " ) ").split_whitespace() {
        match word {
            "(" => depth += 1,
            ")" => depth -= 1,
            "AND" if depth == 0 => terms.push(std::mem::take(&mut term)),
            word => term = format!("{term} {word}"),
        }
    }
    terms.push(term);
    let one = |licence: &str| licence.split(" AND ").all(|licence| allowed.contains(licence.trim()));
    // Without brackets AND binds more closely than OR.
    if !expression.contains('(') {
        return expression.split(" OR ").any(one);
    }
    terms.iter().all(|term| term.split(" OR ").any(one))
}

#[test]
fn licences_are_allowed() {
    let rules = rules();
    let (allowed, exceptions) = (strings(&rules["licenses"]["allow"]), rules["licenses"]["exceptions"].as_array().unwrap());
    let excepted = |package: &Value| {
        let of = |exception: &&toml::Value| exception["crate"].as_str() == package["name"].as_str();
        exceptions.iter().find(of).map(|exception| strings(&exception["allow"])).unwrap_or_default()
    };
    let wrong: Vec<String> = packages()
        .iter()
        .filter(|package| {
            let licence = package["license"].as_str().unwrap_or_default();
            !allows(licence, &allowed) && !excepted(package).contains(licence)
        })
        .map(|package| format!("{} {}: {}", package["name"], package["version"], package["license"]))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn nothing_banned_is_built() {
    let rules = rules();
    let banned: BTreeSet<&str> = rules["bans"]["deny"].as_array().unwrap().iter().filter_map(|ban| ban["crate"].as_str()).collect();
    let built = packages();
    let found: Vec<&str> = built.iter().filter_map(|package| package["name"].as_str()).filter(|name| banned.contains(name)).collect();
    assert!(found.is_empty(), "{found:?}: `cargo tree -i NAME` tells who wants it");
}

#[test]
fn everything_comes_from_the_registry() {
    let known = strings(&rules()["sources"]["allow-registry"]);
    for package in packages() {
        let (name, source) = (&package["name"], package["source"].as_str());
        let registry = source.is_none_or(|source| known.iter().any(|known| source.ends_with(known.as_str())));
        assert!(registry && (source.is_some() || name == "posthouse"), "{name} comes from {source:?}");
    }
}

#[test]
fn licence_expressions_are_read() {
    let allowed = BTreeSet::from(["MIT".to_owned(), "Zlib".to_owned(), "Unicode-3.0".to_owned()]);
    for good in ["MIT", "MIT OR Apache-2.0", "Apache-2.0/MIT", "(MIT OR Apache-2.0) AND Unicode-3.0", "MIT AND Zlib"] {
        assert!(allows(good, &allowed), "{good}");
    }
    for bad in ["AGPL-3.0-only", "(MIT OR Apache-2.0) AND NCSA", "MIT AND GPL-2.0", ""] {
        assert!(!allows(bad, &allowed), "{bad}");
    }
}
