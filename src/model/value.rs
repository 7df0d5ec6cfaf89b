//! `Value`: the data objects that travel through preferences, message attributes, datasets and records.
//! Booleans do not exist: they are the strings `YES` and `NO`, and a missing key counts as `NO`.

use super::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A dictionary, its keys in byte order.
pub type Dictionary = BTreeMap<String, Value>;

/// One data object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub enum Value {
    /// The null object; storing it removes.
    #[default]
    Null,
    /// Text.
    String(String),
    /// A number of 64 bits.
    Number(i64),
    /// An instant.
    Time(Timestamp),
    /// A network address as text, such as `[10.0.44.55]:25`.
    NetAddress(String),
    /// Bytes.
    Data(Vec<u8>),
    /// Values in order.
    Array(Vec<Value>),
    /// Values by key.
    Dictionary(Dictionary),
    /// The source of an XML document.
    Xml(String),
}

impl Value {
    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }
    /// About how many bytes it holds.
    pub fn weight(&self) -> usize {
        size_of::<Self>()
            + match self {
                Self::Null | Self::Number(_) | Self::Time(_) => 0,
                Self::String(text) | Self::NetAddress(text) | Self::Xml(text) => text.len(),
                Self::Data(data) => data.len(),
                Self::Array(values) => values.iter().map(Self::weight).sum(),
                Self::Dictionary(entries) => entries.iter().map(|(key, value)| size_of::<String>() + key.len() + value.weight()).sum(),
            }
    }
    /// True for `YES`.
    pub fn is_yes(&self) -> bool {
        self.as_str().is_some_and(|t| t.eq_ignore_ascii_case("YES"))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}
