//! From a password to what is kept of it, and back to yes or no. Slow on purpose: runs on the thread for keys.
//!
//! Spec: RFC 9106 (Argon2id, with the parameters that suit small machines: 19 MiB, 2 passes, 1 lane), RFC 5802 3,
//! RFC 2104 (the states of HMAC), RFC 2831 2.1.2.1 (HA1).

use super::argon2id;
use super::prepared;
use super::scram::hmac;
use crate::model::credential::{CredentialRecord, HmacMd5Key, ScramVerifier, Verifier};
use crate::model::fault::{Fault, Outcome};
use crate::model::names::AccountAddress;
use crate::model::time::Timestamp;
use md5::Digest as _;
use md5::block_api::compress;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Bytes of a salt.
pub const SALT: usize = 16;
/// The iterations of SCRAM for a new password. A client has to go through them too.
pub const ITERATIONS: u32 = 16_384;

/// What MD5 begins with (RFC 1321 3.3).
const MD5_START: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
fn random<const N: usize>() -> Outcome<[u8; N]> {
    let mut bytes = [0u8; N];
    getrandom::fill(&mut bytes).map_err(|e| Fault::logged("no random numbers", e))?;
    Ok(bytes)
}

/// Everything that is kept of a new password. `legacy`: what CRAM-MD5 and DIGEST-MD5 need too.
pub fn derive(password: &str, of: &AccountAddress, legacy: bool, now: Timestamp) -> Outcome<CredentialRecord> {
    let mut verifiers = vec![
        Verifier::Argon2id(argon2id::hash(prepared(password).as_bytes(), &random::<SALT>()?)?),
        Verifier::ScramSha256(scram_sha256(password, random::<SALT>()?.to_vec(), ITERATIONS)),
    ];
    if legacy {
        verifiers.push(Verifier::CramMd5(cram_md5(password)));
        verifiers.extend(digest_ha1(password, of));
    }
    Ok(CredentialRecord { set: now, verifiers, devices: Vec::new(), code: None })
}

/// True when the password has this hash. Without a hash the same work is done, and the answer is no.
pub fn is_password(hash: Option<&str>, password: &str) -> bool {
    argon2id::verify(hash, prepared(password).as_bytes())
}

/// What SCRAM-SHA-256 needs of a password.
pub fn scram_sha256(password: &str, salt: Vec<u8>, iterations: u32) -> ScramVerifier {
    let salted = Zeroizing::new(pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(prepared(password).as_bytes(), &salt, iterations));
    let stored_key = Sha256::digest(hmac(&*salted, b"Client Key")).into();
    ScramVerifier { salt, iterations, stored_key, server_key: hmac(&*salted, b"Server Key") }
}

/// A keyed hash, for what is random enough to need no slow one (HMAC-SHA-256).
pub fn keyed_hash(key: &[u8; 32], data: &[u8]) -> [u8; 32] {
    hmac(key, data)
}

/// What CRAM-MD5 needs of a password: HMAC's key is only ever used at the start of its two hashes.
pub fn cram_md5(password: &str) -> HmacMd5Key {
    let mut key = Zeroizing::new([0u8; 64]);
    let digest = md5::Md5::digest(password.as_bytes());
    let bytes = if password.len() > key.len() { digest.as_slice() } else { password.as_bytes() };
    key.iter_mut().zip(bytes).for_each(|(key, byte)| *key = *byte);
    let state = |padding: u8| {
        let mut state = MD5_START;
        compress(&mut state, &[key.map(|byte| byte ^ padding)]);
        bytes_of(state)
    };
    HmacMd5Key { inner: state(0x36), outer: state(0x5c) }
}

fn bytes_of(state: [u32; 4]) -> [u8; 16] {
    let mut bytes = [0u8; 16];
    bytes.chunks_exact_mut(4).zip(state).for_each(|(chunk, word)| chunk.copy_from_slice(&word.to_le_bytes()));
    bytes
}

/// HMAC-MD5 from a stored key.
pub(super) fn hmac_md5(key: &HmacMd5Key, data: &[u8]) -> [u8; 16] {
    resume_md5(&key.outer, &resume_md5(&key.inner, data))
}

/// MD5 of a block that is known by the state after it, and of the data behind it (RFC 1321 3.1, 3.2).
fn resume_md5(from: &[u8; 16], data: &[u8]) -> [u8; 16] {
    let mut state = [0u32; 4];
    for (word, bytes) in state.iter_mut().zip(from.chunks_exact(4)) {
        *word = bytes.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte));
    }
    let mut rest = [data, &[0x80]].concat();
    rest.resize((rest.len() + 8).next_multiple_of(64) - 8, 0);
    rest.extend_from_slice(&((64 + data.len() as u64) * 8).to_le_bytes());
    let (blocks, _) = rest.as_chunks::<64>();
    compress(&mut state, blocks);
    bytes_of(state)
}

/// What DIGEST-MD5 needs of a password. The realm is the account's domain. Clients take the name with or without the
/// domain, and encode it all in UTF-8 or, as the mechanism demands where that is possible, in Latin-1.
pub fn digest_ha1(password: &str, of: &AccountAddress) -> Vec<Verifier> {
    let realm = of.domain.to_string();
    let mut hashes: Vec<[u8; 16]> = Vec::new();
    for name in [of.name.to_string(), of.to_string()] {
        for encoded in [utf8_bytes, latin1_bytes] {
            let password = Zeroizing::new(encoded(password));
            let text = Zeroizing::new([&encoded(&name), b":".as_slice(), &encoded(&realm), b":", &password].concat());
            let hash = md5::Md5::digest(&text).into();
            if !hashes.contains(&hash) {
                hashes.push(hash);
            }
        }
    }
    hashes.into_iter().map(|ha1| Verifier::DigestHa1 { realm: realm.clone(), ha1 }).collect()
}

fn utf8_bytes(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

/// The text in Latin-1, or in UTF-8 if it has other characters.
fn latin1_bytes(text: &str) -> Vec<u8> {
    let encoded: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
    encoded.unwrap_or_else(|| utf8_bytes(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alice() -> AccountAddress {
        "alice@example.test".parse().unwrap()
    }

    #[test]
    fn passwords_fit_what_is_kept_of_them() {
        let record = derive("p\u{e4}sswort", &alice(), false, Timestamp(9)).unwrap();
        assert_eq!((record.set, record.verifiers.len()), (Timestamp(9), 2));
        let hash = record.argon2id().unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(is_password(Some(hash), "p\u{e4}sswort"));
        assert!(is_password(Some(hash), "pa\u{308}sswort"), "prepared in the same way");
        assert!(!is_password(Some(hash), "passwort"));
        let scram = record.scram_sha256().unwrap();
        assert_eq!(*scram, scram_sha256("pa\u{308}sswort", scram.salt.clone(), ITERATIONS));
        assert_ne!(derive("p\u{e4}sswort", &alice(), false, Timestamp(9)).unwrap(), record, "salts are random");
    }

    #[test]
    fn nobody_has_a_password() {
        assert!(!is_password(None, ""));
        assert!(!is_password(None, "nobody"));
        assert!(!is_password(Some("rubbish"), "rubbish"));
    }

    #[test]
    fn legacy_verifiers_are_kept_only_where_they_are_wanted() {
        let kinds = |legacy| format!("{:?}", derive("x", &alice(), legacy, Timestamp(0)).unwrap().verifiers);
        assert_eq!(kinds(false), "[Argon2id, ScramSha256]");
        assert_eq!(kinds(true), "[Argon2id, ScramSha256, CramMd5, DigestHa1, DigestHa1]");
    }

    /// HMAC-MD5 as RFC 2104 defines it.
    fn hmac_md5_by_the_book(key: &[u8], data: &[u8]) -> [u8; 16] {
        let mut block = if key.len() > 64 { md5::Md5::digest(key).to_vec() } else { key.to_vec() };
        block.resize(64, 0);
        let padded = |padding: u8| block.iter().map(|byte| byte ^ padding).collect::<Vec<u8>>();
        let inner = md5::Md5::digest([padded(0x36).as_slice(), data].concat());
        md5::Md5::digest([padded(0x5c).as_slice(), inner.as_slice()].concat()).into()
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn cram_md5_states_give_the_digest_of_rfc_2195() {
        let digest = hmac_md5(&cram_md5("tanstaaftanstaaf"), b"<1896.697170952@postoffice.reston.mci.net>");
        assert_eq!(hex(&digest), "b913a602c7eda7a495b4e6e7334d3890");
        for length in [0, 1, 55, 56, 63, 64, 65, 200] {
            let password = "p".repeat(length);
            let data = "d".repeat(200 - length);
            assert_eq!(
                hmac_md5(&cram_md5(&password), data.as_bytes()),
                hmac_md5_by_the_book(password.as_bytes(), data.as_bytes()),
                "{length}"
            );
        }
    }

    #[test]
    fn ha1_is_the_hash_of_name_realm_and_password() {
        let hashes = |password: &str| -> Vec<[u8; 16]> {
            let all = digest_ha1(password, &"user@example.org".parse().unwrap());
            let hash = |verifier| match verifier {
                Verifier::DigestHa1 { realm, ha1 } if realm == "example.org" => ha1,
                other => panic!("{other:?}"),
            };
            all.into_iter().map(hash).collect()
        };
        let md5 = |text: &[u8]| <[u8; 16]>::from(md5::Md5::digest(text));
        assert_eq!(hashes("secret"), [md5(b"user:example.org:secret"), md5(b"user@example.org:example.org:secret")]);
        let accented = hashes("p\u{e4}ss");
        assert_eq!(accented.len(), 4);
        assert_eq!(accented[..2], [md5("user:example.org:p\u{e4}ss".as_bytes()), md5(b"user:example.org:p\xe4ss")]);
        assert_eq!(hashes("\u{20ac}").len(), 2, "what Latin-1 does not have is in UTF-8 only");
    }
}
