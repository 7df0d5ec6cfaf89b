//! STUB until the mime branch lands
pub mod header {
    use crate::model::{mail::Envelope, viewer::*};
    pub fn from_envelope(_: &Envelope, _: &ViewerField) -> Option<ViewerValue> {
        Some(ViewerValue::Absent)
    }
    pub fn from_header(_: &[u8], _: &ViewerField) -> ViewerValue {
        ViewerValue::Absent
    }
    pub fn sort_text(_: &ViewerValue) -> String {
        String::new()
    }
}
pub mod search {
    pub fn body_contains(_: &[u8], _: &str) -> bool {
        false
    }
    pub fn header_contains(_: &[u8], _: &str) -> bool {
        false
    }
}
