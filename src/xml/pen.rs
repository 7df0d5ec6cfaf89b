//! `Pen`: one message, written as it is thought of. Long answers are made with it: an `Element` costs a string for each
//! name and each value before it is written. What comes out is what the same `Element` would give.

use super::write::escape;
use std::fmt::{Display, Write as _};

/// A message under way.
#[derive(Debug)]
pub struct Pen {
    out: String,
    open: Vec<&'static str>,
    /// The start tag of the innermost element may still take attributes.
    in_tag: bool,
}

impl Pen {
    /// Begins a message.
    pub fn begin(name: &'static str) -> Self {
        let mut pen = Self { out: String::with_capacity(1_024), open: Vec::with_capacity(4), in_tag: false };
        pen.open(name);
        pen
    }

    /// Begins an element inside.
    pub fn open(&mut self, name: &'static str) {
        self.end_tag();
        self.out.push('<');
        self.out.push_str(name);
        self.open.push(name);
        self.in_tag = true;
    }

    /// Adds an attribute to the element that was begun last; each name once.
    pub fn attribute(&mut self, name: &str, value: &str) {
        self.begin_attribute(name);
        escape(&mut self.out, value, true);
        self.out.push('"');
    }

    /// The same with a value that needs no escaping: a number, a date.
    pub fn plain(&mut self, name: &str, value: impl Display) {
        self.begin_attribute(name);
        // Writing to a string does not fail.
        let _ = write!(self.out, "{value}");
        self.out.push('"');
    }

    /// The same with a value that is appended by whoever knows it.
    pub fn appended(&mut self, name: &str, value: impl FnOnce(&mut String)) {
        self.begin_attribute(name);
        value(&mut self.out);
        self.out.push('"');
    }

    fn begin_attribute(&mut self, name: &str) {
        debug_assert!(self.in_tag, "attributes come before what stands inside");
        self.out.push(' ');
        self.out.push_str(name);
        self.out.push_str("=\"");
    }

    /// Adds text; empty text adds nothing.
    pub fn text(&mut self, text: &str) {
        if !text.is_empty() {
            self.end_tag();
            escape(&mut self.out, text, false);
        }
    }

    /// Ends the element that was begun last.
    pub fn close(&mut self) {
        let Some(name) = self.open.pop() else { return };
        if std::mem::take(&mut self.in_tag) {
            self.out.push_str("/>");
        } else {
            self.out.push_str("</");
            self.out.push_str(name);
            self.out.push('>');
        }
    }

    /// The bytes of the message; what is open ends.
    pub fn finish(mut self) -> Vec<u8> {
        while !self.open.is_empty() {
            self.close();
        }
        self.out.into_bytes()
    }

    fn end_tag(&mut self) {
        if std::mem::take(&mut self.in_tag) {
            self.out.push('>');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::element::{Element, Node};
    use super::super::write::to_bytes;
    use super::*;
    use proptest::prelude::*;

    const NAMES: [&str; 4] = ["event", "summary", "a", "dateFrom"];

    fn element() -> impl Strategy<Value = Element> {
        let attributes = || proptest::collection::btree_map(0usize..4, "\\PC{0,12}|[\r\n\t<>&\"\u{1}]{0,6}", 0..4);
        let made = |name: usize, attributes: std::collections::BTreeMap<usize, String>| {
            attributes.iter().fold(Element::new(NAMES[name]), |element, (name, value)| element.with(NAMES[*name], value))
        };
        let leaf = (0usize..4, attributes(), "\\PC{0,12}|[\r\n<>&\"]{0,6}").prop_map(move |(name, of, text)| made(name, of).text(text));
        leaf.prop_recursive(3, 16, 4, move |inner| {
            (0usize..4, attributes(), proptest::collection::vec(inner, 0..4)).prop_map(move |(name, of, all)| made(name, of).children(all))
        })
    }

    fn draw(pen: &mut Pen, element: &Element) {
        element.attributes.iter().for_each(|(name, value)| pen.attribute(name, value));
        for node in &element.children {
            match node {
                Node::Text(text) => pen.text(text),
                Node::Element(inner) => {
                    pen.open(NAMES.into_iter().find(|name| *name == inner.name).unwrap());
                    draw(pen, inner);
                    pen.close();
                }
            }
        }
    }

    proptest! {
        #[test]
        fn a_pen_writes_what_an_element_gives(element in element()) {
            let mut pen = Pen::begin(NAMES.into_iter().find(|name| *name == element.name).unwrap());
            draw(&mut pen, &element);
            prop_assert_eq!(String::from_utf8(pen.finish()).unwrap(), String::from_utf8(to_bytes(&element)).unwrap());
        }
    }

    #[test]
    fn values_of_other_kinds_are_attributes_too() {
        let mut pen = Pen::begin("event");
        pen.plain("UID", 12);
        pen.appended("timeFrom", |out| out.push_str("20250101"));
        assert_eq!(pen.finish(), b"<event UID=\"12\" timeFrom=\"20250101\"/>");
    }
}
