//! Names with prefixes. What one client says is put into a document of another, whose parser ends at a prefix that stands
//! for nothing: an element goes there with the declarations that it was written under, or not at all.
//!
//! Spec: Namespaces in XML 1.0.

use super::element::{Element, Node};
use crate::model::fault::{Fault, Outcome};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What the prefix `xml` stands for, declared or not.
const XML: &str = "http://www.w3.org/XML/1998/namespace";

/// An element as it can stand in any document, taken out of the one that it stands in: what is used of the declarations
/// there goes with it. Refused where a prefix stands for nothing, or a name is none.
pub fn standing_alone(element: &Element, within: &Element) -> Outcome<Element> {
    let mut scope = Scope::default();
    scope.of.insert("xml", vec![(1, XML)]);
    for (prefix, uri) in declared(within).filter(|(prefix, uri)| *prefix != "xml" && !uri.is_empty()) {
        scope.of.insert(prefix, vec![(0, uri)]);
    }
    scope.check(element, 1)?;
    let mut out = element.clone();
    let default = within.attributes.iter().find(|(name, _)| name == "xmlns");
    if let Some((name, uri)) = default.filter(|_| !element.attributes.iter().any(|(name, _)| name == "xmlns")) {
        out.set(name, uri);
    }
    for (prefix, uri) in scope.inherited {
        out.set(&format!("xmlns:{prefix}"), uri);
    }
    Ok(out)
}

fn declared(element: &Element) -> impl Iterator<Item = (&str, &str)> {
    element.attributes.iter().filter_map(|(name, uri)| Some((name.strip_prefix("xmlns:")?, uri.as_str())))
}

/// What prefixes stand for at one place of a document.
#[derive(Default)]
struct Scope<'a> {
    /// By prefix: where it was declared, the innermost place last, and as what.
    of: HashMap<&'a str, Vec<(usize, &'a str)>>,
    /// Those that are used and were declared outside.
    inherited: BTreeMap<&'a str, &'a str>,
}

impl<'a> Scope<'a> {
    fn check(&mut self, element: &'a Element, depth: usize) -> Outcome<()> {
        for (prefix, uri) in declared(element) {
            if !is_name(prefix) || uri.is_empty() || prefix == "xmlns" || (prefix == "xml") != (uri == XML) {
                return Err(Fault::bad("an XML prefix is declared in a way that is not allowed"));
            }
            self.of.entry(prefix).or_default().push((depth, uri));
        }
        self.meaning(&element.name)?;
        let mut seen = BTreeSet::new();
        for (name, _) in element.attributes.iter().filter(|(name, _)| name != "xmlns" && !name.starts_with("xmlns:")) {
            // Two names that mean the same are one attribute twice.
            if let Some(meaning) = self.meaning(name)?
                && !seen.insert(meaning)
            {
                return Err(Fault::bad("an XML attribute occurs twice"));
            }
        }
        for child in &element.children {
            if let Node::Element(child) = child {
                self.check(child, depth + 1)?;
            }
        }
        for (prefix, _) in declared(element) {
            self.of.get_mut(prefix).map(Vec::pop);
        }
        Ok(())
    }

    /// What a name with a prefix means: a namespace and a name there.
    fn meaning(&mut self, name: &'a str) -> Outcome<Option<(&'a str, &'a str)>> {
        let (prefix, local) = match name.split_once(':') {
            Some((prefix, local)) => (Some(prefix), local),
            None => (None, name),
        };
        if !is_name(local) {
            return Err(Fault::bad("an XML name is not allowed"));
        }
        let Some(prefix) = prefix else { return Ok(None) };
        let stands_for = self.of.get(prefix).and_then(|places| places.last()).copied();
        let (place, uri) = stands_for.ok_or_else(|| Fault::bad(format!("an XML prefix is not declared: {prefix}")))?;
        if place == 0 {
            self.inherited.insert(prefix, uri);
        }
        Ok(Some((uri, local)))
    }
}

/// True for a name without a prefix, in the letters of XML 1.0.
fn is_name(text: &str) -> bool {
    let begins = |c: char| {
        c == '_'
            || c.is_ascii_alphabetic()
            || matches!(c, '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}' | '\u{370}'..='\u{37D}' | '\u{37F}'..='\u{1FFF}'
                | '\u{200C}'..='\u{200D}' | '\u{2070}'..='\u{218F}' | '\u{2C00}'..='\u{2FEF}' | '\u{3001}'..='\u{D7FF}'
                | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}' | '\u{10000}'..='\u{EFFFF}')
    };
    let goes_on =
        |c: char| begins(c) || c.is_ascii_digit() || matches!(c, '-' | '.' | '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}');
    text.starts_with(begins) && text.chars().all(goes_on)
}

#[cfg(test)]
mod tests {
    use super::super::read::document;
    use super::super::write::to_bytes;
    use super::*;

    /// The first child of a document, standing alone.
    fn alone(text: &str) -> Outcome<String> {
        let root = document(text.as_bytes(), &Default::default()).unwrap();
        standing_alone(root.elements().next().unwrap(), &root).map(|element| String::from_utf8(to_bytes(&element)).unwrap())
    }

    #[test]
    fn declarations_that_are_used_go_along() {
        let given = |text: &str, expected: &str| assert_eq!(alone(text).unwrap(), expected);
        given("<r xmlns:f='u:f' xmlns:g='u:g'><f:a/></r>", "<f:a xmlns:f=\"u:f\"/>");
        given("<r xmlns:f='u:f'><a><b f:x='1'/></a></r>", "<a xmlns:f=\"u:f\"><b f:x=\"1\"/></a>");
        given("<r xmlns:f='u:f'><a xmlns:f='u:own'><f:b/></a></r>", "<a xmlns:f=\"u:own\"><f:b/></a>");
        given("<r xmlns='u:d'><a/></r>", "<a xmlns=\"u:d\"/>");
        given("<r xmlns='u:d'><a xmlns=''><b xmlns='u:e'/></a></r>", "<a xmlns=\"\"><b xmlns=\"u:e\"/></a>");
        given("<r><a xml:lang='de' ä='1'/></r>", "<a xml:lang=\"de\" ä=\"1\"/>");
    }

    #[test]
    fn what_would_end_a_parser_is_refused() {
        assert_eq!(alone("<r><f:a/></r>").unwrap_err(), Fault::bad("an XML prefix is not declared: f"));
        for bad in [
            "<r><a><b f:x='1'/></a></r>",
            "<r><a><b xmlns:f='u'/><f:c/></a></r>",
            "<r xmlns:f=''><f:a/></r>",
            "<r><f:a xmlns:f=''/></r>",
            "<r><xmlns:a/></r>",
            "<r><a xmlns:xmlns='u'/></r>",
            "<r><a xmlns:xml='u'/></r>",
            "<r><a xmlns:f='http://www.w3.org/XML/1998/namespace'/></r>",
            "<r><a xmlns:f='u' xmlns:g='u' f:x='1' g:x='2'/></r>",
            "<r><:a/></r>",
            "<r><a:/></r>",
            "<r xmlns:a='u'><a:b:c/></r>",
            "<r><1/></r>",
            "<r><a b$='1'/></r>",
        ] {
            assert!(alone(bad).is_err(), "{bad}");
        }
    }
}
