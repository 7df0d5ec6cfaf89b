//! STUB until the auth branch lands
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct CredentialRecord {}
