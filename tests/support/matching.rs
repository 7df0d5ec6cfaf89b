//! Expected messages against those that came: structure, not text.
//!
//! In expected values and texts `*` stands for any text, and `${name}` for what it was when it first occurred (the
//! first occurrence takes any text and remembers it). The attribute `_` allows further attributes, the element `<_/>`
//! further children. The order of attributes and white space between elements do not count.

use posthouse::xml::{Element, Node};
use std::collections::BTreeMap;

/// What `${name}` stands for.
pub type Bindings = BTreeMap<String, String>;

enum Token<'a> {
    Literal(&'a str),
    Anything,
    Variable(&'a str),
}

fn tokens(mut pattern: &str) -> Vec<Token<'_>> {
    let mut out = Vec::new();
    while !pattern.is_empty() {
        if let Some(rest) = pattern.strip_prefix('*') {
            out.push(Token::Anything);
            pattern = rest;
        } else if let Some((name, rest)) = pattern.strip_prefix("${").and_then(|rest| rest.split_once('}')) {
            out.push(Token::Variable(name));
            pattern = rest;
        } else {
            let first = pattern.chars().next().map_or(0, char::len_utf8);
            let end = pattern[first..].find(['*', '$']).map_or(pattern.len(), |at| at + first);
            out.push(Token::Literal(&pattern[..end]));
            pattern = &pattern[end..];
        }
    }
    out
}

/// True where a text fits a pattern; binds the variables of the pattern if it does.
pub fn fits(pattern: &str, text: &str, bindings: &mut Bindings) -> bool {
    let mut trial = bindings.clone();
    let fits = fits_tokens(&tokens(pattern), text, &mut trial);
    if fits {
        *bindings = trial;
    }
    fits
}

fn fits_tokens(tokens: &[Token<'_>], text: &str, bindings: &mut Bindings) -> bool {
    let Some((first, rest)) = tokens.split_first() else { return text.is_empty() };
    let ends = || text.char_indices().map(|(at, _)| at).chain([text.len()]);
    match first {
        Token::Literal(literal) => text.strip_prefix(literal).is_some_and(|tail| fits_tokens(rest, tail, bindings)),
        Token::Anything if rest.is_empty() => true,
        Token::Anything => ends().any(|at| fits_tokens(rest, &text[at..], bindings)),
        Token::Variable(name) => match bindings.get(*name).cloned() {
            Some(known) => text.strip_prefix(known.as_str()).is_some_and(|tail| fits_tokens(rest, tail, bindings)),
            None => ends().filter(|at| *at > 0).any(|at| {
                bindings.insert((*name).to_owned(), text[..at].to_owned());
                let fits = fits_tokens(rest, &text[at..], bindings);
                if !fits {
                    bindings.remove(*name);
                }
                fits
            }),
        },
    }
}

/// Puts what variables stand for in the place of `${name}`, and repetitions in that of `${repeat N text}`; `${nul}` is a zero byte.
pub fn filled(text: &str, bindings: &Bindings) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, tail)) = rest.split_once("${") {
        let (name, after) = tail.split_once('}').ok_or_else(|| format!("no end of ${{{tail}"))?;
        out.push_str(before);
        match name.strip_prefix("repeat ").and_then(|repeat| repeat.split_once(' ')) {
            Some((count, unit)) => out.push_str(&unit.repeat(count.parse().map_err(|_| format!("no number: {count}"))?)),
            None if name == "nul" => out.push('\0'),
            None => out.push_str(bindings.get(name).ok_or_else(|| format!("nothing is known as ${{{name}}}"))?),
        }
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// What is different about a message, or nothing. Binds variables only where nothing is.
pub fn difference(expected: &Element, actual: &Element, bindings: &mut Bindings) -> Option<String> {
    let mut trial = bindings.clone();
    let difference = compare(expected, actual, &mut trial, &expected.name);
    if difference.is_none() {
        *bindings = trial;
    }
    difference
}

fn compare(expected: &Element, actual: &Element, bindings: &mut Bindings, place: &str) -> Option<String> {
    if expected.name != actual.name {
        return Some(format!("{place}: is the element {}", actual.name));
    }
    let open = expected.attributes.iter().any(|(name, _)| name == "_");
    for (name, pattern) in expected.attributes.iter().filter(|(name, _)| name != "_") {
        match actual.attributes.iter().find(|(n, _)| n == name) {
            None => return Some(format!("{place}: has no attribute {name}")),
            Some((_, value)) if !fits(pattern, value, bindings) => return Some(format!("{place}: {name} is {value:?}")),
            Some(_) => {}
        }
    }
    let unasked = actual.attributes.iter().find(|(name, _)| !open && !expected.attributes.iter().any(|(n, _)| n == name));
    if let Some((name, value)) = unasked {
        return Some(format!("{place}: has the attribute {name}={value:?} too"));
    }
    compare_content(expected, actual, bindings, place)
}

fn compare_content(expected: &Element, actual: &Element, bindings: &mut Bindings, place: &str) -> Option<String> {
    if expected.elements().next().is_none() {
        let text = expected.body();
        return match actual.elements().next() {
            Some(inner) if text != "*" => Some(format!("{place}: has the element {} inside", inner.name)),
            _ if fits(&text, &actual.body(), bindings) => None,
            _ => Some(format!("{place}: says {:?}", actual.body())),
        };
    }
    let (wanted, got) = (significant(expected), significant(actual));
    for (index, node) in wanted.iter().enumerate() {
        let difference = match (node, got.get(index)) {
            (Node::Element(rest), _) if rest.name == "_" => return None,
            (Node::Element(wanted), Some(Node::Element(got))) => compare(wanted, got, bindings, &format!("{place}/{}", wanted.name)),
            (Node::Text(wanted), Some(Node::Text(got))) if fits(wanted.trim(), got.trim(), bindings) => None,
            (Node::Element(wanted), None) => Some(format!("{place}: has no {} at the end", wanted.name)),
            (_, got) => Some(format!("{place}: has {got:?} as child {index}")),
        };
        if difference.is_some() {
            return difference;
        }
    }
    got.get(wanted.len()).map(|more| format!("{place}: has {more:?} too"))
}

/// The children without white space between elements.
fn significant(element: &Element) -> Vec<&Node> {
    element.children.iter().filter(|node| !matches!(node, Node::Text(text) if text.trim().is_empty())).collect()
}
