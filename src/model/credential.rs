//! Credentials: what an account keeps to recognise its owner. Verifiers only: no password can be read from them, and
//! none of it is ever printed.
//!
//! A verifier belongs to one mechanism. Variants are added at the end, as the stored form counts them.

use super::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What an account keeps to recognise its owner.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CredentialRecord {
    /// When the password was set.
    pub set: Timestamp,
    /// Verifiers of the account's password: one of each kind at most, but for `DigestHa1`, which is there once for each
    /// way in which clients spell the name and encode the text.
    pub verifiers: Vec<Verifier>,
    /// Secrets of single devices and programs, each good for itself only.
    pub devices: Vec<DeviceSecret>,
    /// A code that was mailed to an owner who has forgotten the password.
    pub code: Option<RecoveryCode>,
}

impl CredentialRecord {
    /// The hash of the password, in the PHC string form.
    pub fn argon2id(&self) -> Option<&str> {
        self.verifiers.iter().find_map(|v| if let Verifier::Argon2id(hash) = v { Some(hash.as_str()) } else { None })
    }

    /// What SCRAM-SHA-256 needs.
    pub fn scram_sha256(&self) -> Option<&ScramVerifier> {
        self.verifiers.iter().find_map(|v| if let Verifier::ScramSha256(scram) = v { Some(scram) } else { None })
    }

    /// What CRAM-MD5 and nonce login need.
    pub fn cram_md5(&self) -> Option<&HmacMd5Key> {
        self.verifiers.iter().find_map(|v| if let Verifier::CramMd5(key) = v { Some(key) } else { None })
    }

    /// What DIGEST-MD5 needs: each is as good as the others.
    pub fn digest_ha1(&self) -> impl Iterator<Item = &[u8; 16]> {
        self.verifiers.iter().filter_map(|v| if let Verifier::DigestHa1 { ha1, .. } = v { Some(ha1) } else { None })
    }
}

/// What recognises a secret by one mechanism.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verifier {
    /// Argon2id in the PHC string form (RFC 9106): clear text, PLAIN, LOGIN.
    Argon2id(String),
    /// SCRAM-SHA-256 (RFC 7677).
    ScramSha256(ScramVerifier),
    /// CRAM-MD5 (RFC 2195).
    CramMd5(HmacMd5Key),
    /// DIGEST-MD5: the hash of name, realm and password (RFC 2831 2.1.2.1).
    DigestHa1 {
        /// The realm.
        realm: String,
        /// MD5 of `name:realm:password`.
        ha1: [u8; 16],
    },
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Argon2id(_) => "Argon2id",
            Self::ScramSha256(_) => "ScramSha256",
            Self::CramMd5(_) => "CramMd5",
            Self::DigestHa1 { .. } => "DigestHa1",
        })
    }
}

/// A key of HMAC-MD5 as it is used: MD5's states after the inner and the outer key block (RFC 2104 4). The password cannot
/// be read from it.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HmacMd5Key {
    /// After the key block with the inner padding.
    pub inner: [u8; 16],
    /// After the key block with the outer padding.
    pub outer: [u8; 16],
}

impl fmt::Debug for HmacMd5Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HmacMd5Key")
    }
}

/// What a SCRAM server keeps (RFC 5802 3).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScramVerifier {
    /// The salt.
    pub salt: Vec<u8>,
    /// The iteration count.
    pub iterations: u32,
    /// Recognises the client.
    pub stored_key: [u8; 32],
    /// Lets the server prove itself.
    pub server_key: [u8; 32],
}

impl fmt::Debug for ScramVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ScramVerifier")
    }
}

/// The secret of one device or program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceSecret {
    /// How its owner calls it.
    pub label: String,
    /// When it was made.
    pub created: Timestamp,
    /// What recognises it.
    pub verifier: Verifier,
}

/// A code that stands for the password of somebody who has forgotten it: for one login, and for one change of password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveryCode {
    /// A keyed hash of it.
    pub hash: [u8; 32],
    /// When it was mailed.
    pub issued: Timestamp,
    /// The last moment it is good for.
    pub expires: Timestamp,
    /// True once it has opened a session: from then on it is good for a change of password only.
    pub opened: bool,
}

impl fmt::Debug for RecoveryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecoveryCode").field("expires", &self.expires).field("opened", &self.opened).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_is_printed() {
        let scram = ScramVerifier { salt: vec![201; 16], iterations: 4096, stored_key: [202; 32], server_key: [203; 32] };
        let record = CredentialRecord {
            set: Timestamp(1),
            verifiers: vec![
                Verifier::Argon2id("$argon2id$deadbeef".into()),
                Verifier::ScramSha256(scram.clone()),
                Verifier::CramMd5(HmacMd5Key { inner: [204; 16], outer: [205; 16] }),
                Verifier::DigestHa1 { realm: "example.test".into(), ha1: [206; 16] },
            ],
            devices: vec![DeviceSecret { label: "phone".into(), created: Timestamp(2), verifier: Verifier::ScramSha256(scram) }],
            code: Some(RecoveryCode { hash: [207; 32], issued: Timestamp(3), expires: Timestamp(4), opened: false }),
        };
        let printed = format!("{record:?}");
        assert!(!printed.contains("deadbeef"), "{printed}");
        assert!((201..=207).all(|byte| !printed.contains(&byte.to_string())), "{printed}");
    }
}
