//! Argon2id (RFC 9106) with the parameters that suit small machines: 19 MiB, 2 passes, 1 lane.
//!
//! The memory it works in is kept by its thread from one password to the next, since to ask the system for it each
//! time takes as long as the work; `let_go` gives it back once there is nothing to do.

use crate::model::fault::{Fault, Outcome};
use argon2::password_hash::{Error, Output, ParamsString, PasswordHash, SaltString};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use std::cell::RefCell;
use subtle::ConstantTimeEq;

/// Memory in KiB, passes and lanes.
const PARAMETERS: (u32, u32, u32) = (19_456, 2, 1);
/// A hash with the same parameters that no password has: what is checked where there is nothing to check.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5bm9ib2R5bm9ibw$bm9ib2R5bm9ib2R5bm9ib2R5bm9ib2R5bm9ib2R5bm8";
/// Blocks of 1 KiB reserved, though not all are used: an allocator that learns from what is given back (glibc's does,
/// up to 32 MiB) would else keep as much for every thread.
const RESERVED: usize = 33 << 10;

thread_local! {
    static ROOM: RefCell<Vec<Block>> = const { RefCell::new(Vec::new()) };
}

/// Gives the memory of this thread back.
pub fn let_go() {
    ROOM.take();
}

fn run(parameters: Params, password: &[u8], salt: &[u8], out: &mut [u8]) -> argon2::Result<()> {
    let blocks = parameters.block_count();
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters);
    ROOM.with_borrow_mut(|room| {
        if room.capacity() < blocks {
            *room = Vec::with_capacity(RESERVED.max(blocks));
        }
        room.resize(blocks, Block::default());
        argon2.hash_password_into_with_memory(password, salt, out, room)
    })
}

/// The hash of a password with a fresh salt, in the PHC string form.
pub fn hash(password: &[u8], salt: &[u8]) -> Outcome<String> {
    let broken = |e: Error| Fault::logged("a password cannot be hashed", e);
    let (memory, passes, lanes) = PARAMETERS;
    let parameters = Params::new(memory, passes, lanes, None).map_err(|e| broken(e.into()))?;
    let mut out = [0; Params::DEFAULT_OUTPUT_LEN];
    run(parameters.clone(), password, salt, &mut out).map_err(|e| broken(e.into()))?;
    let salt = SaltString::encode_b64(salt).map_err(broken)?;
    let hash = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(&parameters).map_err(broken)?,
        salt: Some(salt.as_salt()),
        hash: Some(Output::new(&out).map_err(broken)?),
    };
    Ok(hash.to_string())
}

/// True when the password has this hash. Without a hash the same work is done, and the answer is no.
pub fn verify(hash: Option<&str>, password: &[u8]) -> bool {
    let fits = fits(hash.unwrap_or(NOBODY), password).unwrap_or_else(|e| {
        tracing::error!(%e, "the hash of a password is damaged; nobody can log in with it");
        false
    });
    fits && hash.is_some()
}

fn fits(hash: &str, password: &[u8]) -> Result<bool, Error> {
    let parsed = PasswordHash::new(hash)?;
    let (Some(salt), Some(expected)) = (parsed.salt, parsed.hash) else { return Err(Error::Password) };
    if parsed.algorithm != Algorithm::Argon2id.ident() || parsed.version != Some(Version::V0x13.into()) {
        return Err(Error::Algorithm);
    }
    let (mut salt_bytes, mut out) = ([0; 64], vec![0; expected.len()]);
    // The parameters are those of the hash, whatever new hashes are made with.
    run(Params::try_from(&parsed)?, password, salt.decode_b64(&mut salt_bytes)?, &mut out)?;
    Ok(out.ct_eq(expected.as_bytes()).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use argon2::password_hash::PasswordVerifier;

    #[test]
    fn a_hash_is_what_others_understand() {
        let text = hash(b"secret", &[7; 16]).unwrap();
        assert!(text.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{text}");
        let parsed = PasswordHash::new(&text).unwrap();
        assert!(Argon2::default().verify_password(b"secret", &parsed).is_ok());
        assert!(verify(Some(&text), b"secret") && !verify(Some(&text), b"Secret") && !verify(None, b"secret"));
        assert!(matches!(fits(NOBODY, b"secret"), Ok(false)), "else checking it would be no work");
        let_go();
        assert!(verify(Some(&text), b"secret"));
        for damaged in
            ["", "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5", "$argon2i$v=19$m=8,t=1,p=1$bm9ib2R5bm9ib2R5$bm9ib2R5bm9ib2R5bm9ib2R5"]
        {
            assert!(!verify(Some(damaged), b"secret"));
        }
    }
}
