//! STUB until the mime branch lands
use crate::model::time::Timestamp;
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ViewerField {
    Email(String),
    EmailAddress(String),
    Date(String),
    Text(String),
    Pty,
    Uid,
    OrigUid,
    Size,
    InternalDate,
    Flags,
}
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ViewerValue {
    Absent,
    Text(String),
    Date { at: Timestamp, shift: i32 },
}
impl ViewerValue {
    pub fn is_absent(&self) -> bool {
        *self == Self::Absent
    }
}
impl std::str::FromStr for ViewerField {
    type Err = ();
    fn from_str(s: &str) -> Result<Self, ()> {
        Ok(match s {
            "UID" => Self::Uid,
            "FLAGS" => Self::Flags,
            "Date" => Self::Date(s.into()),
            o => Self::Text(o.into()),
        })
    }
}
impl std::fmt::Display for ViewerField {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Uid => f.write_str("UID"),
            Self::Flags => f.write_str("FLAGS"),
            Self::Text(t) | Self::Date(t) => f.write_str(t),
            _ => f.write_str("x"),
        }
    }
}
