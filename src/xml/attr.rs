//! `Attr<T>`: an attribute is a typed constant, as a table of the store is. The same constant reads the attribute,
//! documents it, and gives the tests a sample.

use super::element::Element;
use crate::model::fault::{Fault, Outcome};
use std::marker::PhantomData;

/// A type that an attribute's text can be turned into.
pub trait FromAttr: Sized {
    /// What kind of text it is, for the reference: "number", "mailbox name".
    const KIND: &'static str;
    /// A text that is certainly good, for the tests that walk the table.
    const SAMPLE: &'static str;
    /// The value, or None where the text is none.
    fn from_attr(text: &str) -> Option<Self>;
}

/// A typed attribute of an element.
pub struct Attr<T> {
    name: &'static str,
    doc: &'static str,
    of: PhantomData<fn() -> T>,
}

/// One row of the reference: an attribute of an operation.
#[derive(Debug, Clone, Copy)]
pub struct Arg {
    /// Its name.
    pub name: &'static str,
    /// The kind of its value.
    pub kind: &'static str,
    /// What it says.
    pub doc: &'static str,
    /// A good value.
    pub sample: &'static str,
    /// True when the operation is refused without it.
    pub required: bool,
}

impl<T: FromAttr> Attr<T> {
    /// An attribute with its name and what it says.
    pub const fn new(name: &'static str, doc: &'static str) -> Self {
        Self { name, doc, of: PhantomData }
    }
    /// Its row where the operation needs it.
    pub const fn required(&self) -> Arg {
        Arg { name: self.name, kind: T::KIND, doc: self.doc, sample: T::SAMPLE, required: true }
    }
    /// Its row where the operation can do without.
    pub const fn optional(&self) -> Arg {
        Arg { name: self.name, kind: T::KIND, doc: self.doc, sample: T::SAMPLE, required: false }
    }
    /// The value; its absence is a fault that names it.
    pub fn need(&self, element: &Element) -> Outcome<T> {
        self.get(element)?.ok_or_else(|| Fault::missing(self.name))
    }
    /// The value if the attribute is there; a wrong value is a fault that names it.
    pub fn get(&self, element: &Element) -> Outcome<Option<T>> {
        match element.get(self.name) {
            None => Ok(None),
            Some(text) => T::from_attr(text).map(Some).ok_or_else(|| Fault::incorrect(self.name)),
        }
    }
}

impl FromAttr for String {
    const KIND: &'static str = "text";
    const SAMPLE: &'static str = "text";
    fn from_attr(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

/// `yes` or anything else; the specification takes every other value for no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct YesNo(pub bool);

impl FromAttr for YesNo {
    const KIND: &'static str = "yes or no";
    const SAMPLE: &'static str = "yes";
    fn from_attr(text: &str) -> Option<Self> {
        Some(Self(text.trim().eq_ignore_ascii_case("yes")))
    }
}

impl FromAttr for u32 {
    const KIND: &'static str = "number";
    const SAMPLE: &'static str = "1";
    fn from_attr(text: &str) -> Option<Self> {
        text.trim().parse().ok()
    }
}

impl FromAttr for u64 {
    const KIND: &'static str = "number";
    const SAMPLE: &'static str = "1";
    fn from_attr(text: &str) -> Option<Self> {
        text.trim().parse().ok()
    }
}
