//! SCRAM-SHA-256: the server's three steps.
//!
//! `ClientFirst` is read, the caller finds the user's verifier or makes one up (`made_up`), `begin` gives the challenge,
//! `finish` checks the proof and gives the server's own. Channel binding is not offered: a client that asks for it is
//! refused, one that says it could (`y`) is taken, as nothing was advertised that a man in the middle could have cut out.
//! Spec: RFC 5802 5, 7; RFC 7677.

use super::Malformed;
use crate::model::credential::ScramVerifier;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The longest nonce of a client; real ones have some 24 characters.
const LONGEST_NONCE: usize = 512;

/// The first message of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientFirst {
    /// The name as the client wrote it, decoded.
    pub name: String,
    /// What the client will repeat of channel binding, in base64.
    binding: String,
    /// The message without the part on channel binding.
    bare: String,
    nonce: String,
}

fn value<'a>(part: Option<&'a str>, key: &str) -> Result<&'a str, Malformed> {
    part.and_then(|part| part.strip_prefix(key)).and_then(|rest| rest.strip_prefix('=')).ok_or(Malformed)
}

/// Decodes `=2C` and `=3D`, the only escapes there are.
fn name(text: &str) -> Result<String, Malformed> {
    let mut parts = text.split('=');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (code, rest) = part.split_at_checked(2).ok_or(Malformed)?;
        out.push(match code {
            "2C" => ',',
            "3D" => '=',
            _ => return Err(Malformed),
        });
        out.push_str(rest);
    }
    if out.is_empty() || out.contains('\0') { Err(Malformed) } else { Ok(out) }
}

impl ClientFirst {
    /// Reads the message.
    pub fn read(message: &[u8]) -> Result<Self, Malformed> {
        let text = super::utf8(message)?;
        let mut parts = text.splitn(3, ',');
        let (Some(flag), Some(acting_as), Some(bare)) = (parts.next(), parts.next(), parts.next()) else { return Err(Malformed) };
        if !["n", "y"].contains(&flag) {
            return Err(Malformed);
        }
        let mut fields = bare.split(',');
        let name_of_user = name(value(fields.next(), "n")?)?;
        let nonce = value(fields.next(), "r")?;
        // Acting for another user is not offered.
        if !acting_as.is_empty() && name(value(Some(acting_as), "a")?)? != name_of_user {
            return Err(Malformed);
        }
        let printable = nonce.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',');
        if nonce.is_empty() || nonce.len() > LONGEST_NONCE || !printable {
            return Err(Malformed);
        }
        Ok(Self {
            name: name_of_user,
            binding: STANDARD.encode(format!("{flag},{acting_as},")),
            bare: bare.to_owned(),
            nonce: nonce.to_owned(),
        })
    }

    /// The server's challenge. `nonce`: random, printable, without commas.
    pub fn begin(self, verifier: ScramVerifier, nonce: &str) -> (Exchange, String) {
        let nonce = format!("{}{nonce}", self.nonce);
        let challenge = format!("r={nonce},s={},i={}", STANDARD.encode(&verifier.salt), verifier.iterations);
        let begun = format!("{},{challenge}", self.bare);
        (Exchange { verifier, binding: self.binding, begun, nonce }, challenge)
    }
}

/// An exchange that waits for the client's proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    verifier: ScramVerifier,
    binding: String,
    begun: String,
    nonce: String,
}

/// What came of the client's proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// It is right; this is the server's.
    Right(String),
    /// It is wrong.
    Wrong,
}

impl Exchange {
    /// Checks the client's last message.
    pub fn finish(&self, message: &[u8]) -> Result<Proof, Malformed> {
        let text = super::utf8(message)?;
        let (without_proof, proof) = text.rsplit_once(",p=").ok_or(Malformed)?;
        let mut fields = without_proof.split(',');
        let (binding, nonce) = (value(fields.next(), "c")?, value(fields.next(), "r")?);
        let proof: [u8; 32] = STANDARD.decode(proof).ok().and_then(|proof| proof.try_into().ok()).ok_or(Malformed)?;
        if binding != self.binding || nonce != self.nonce {
            return Ok(Proof::Wrong);
        }
        let signed = format!("{},{without_proof}", self.begun);
        let signature = hmac(&self.verifier.stored_key, signed.as_bytes());
        let mut client_key = [0u8; 32];
        client_key.iter_mut().zip(proof.iter().zip(signature)).for_each(|(key, (proof, signature))| *key = proof ^ signature);
        let stored_key: [u8; 32] = Sha256::digest(client_key).into();
        if !bool::from(stored_key.ct_eq(&self.verifier.stored_key)) {
            return Ok(Proof::Wrong);
        }
        let server_signature = hmac(&self.verifier.server_key, signed.as_bytes());
        Ok(Proof::Right(format!("v={}", STANDARD.encode(server_signature))))
    }
}

/// HMAC-SHA-256.
pub(super) fn hmac(key: &[u8], data: &[u8]) -> [u8; 32] {
    // HMAC takes keys of every length; the type cannot say so.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    mac.update(data);
    mac.finalize().into_bytes().into()
}

/// The verifier of somebody who is not there: the same each time it is asked for, and no password fits it.
pub fn made_up(server_secret: &[u8; 32], name: &str, iterations: u32) -> ScramVerifier {
    let part = |what: &str| hmac(server_secret, format!("scram {what} {name}").as_bytes());
    let salt = part("salt").iter().copied().take(super::verifiers::SALT).collect();
    ScramVerifier { salt, iterations, stored_key: part("stored key"), server_key: part("server key") }
}

#[cfg(test)]
mod tests {
    use super::super::verifiers::scram_sha256;
    use super::*;
    use proptest::prelude::*;

    const FIRST: &[u8] = b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
    const NONCE: &str = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
    const LAST: &str = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";

    fn example() -> ScramVerifier {
        scram_sha256("pencil", STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap(), 4096)
    }

    #[test]
    fn the_example_of_rfc_7677() {
        let first = ClientFirst::read(FIRST).unwrap();
        assert_eq!(first.name, "user");
        let (exchange, challenge) = first.begin(example(), NONCE);
        assert_eq!(challenge, "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
        let proof = exchange.finish(LAST.as_bytes()).unwrap();
        assert_eq!(proof, Proof::Right("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=".into()));
    }

    #[test]
    fn whatever_is_changed_makes_the_proof_wrong() {
        let exchange = |first: &[u8], verifier| ClientFirst::read(first).unwrap().begin(verifier, NONCE).0;
        let other = scram_sha256("pencil", vec![1; 16], 4096);
        assert_eq!(exchange(FIRST, other).finish(LAST.as_bytes()), Ok(Proof::Wrong));
        assert_eq!(exchange(FIRST, made_up(&[7; 32], "user", 4096)).finish(LAST.as_bytes()), Ok(Proof::Wrong));
        assert_eq!(exchange(b"y,,n=user,r=rOprNGfwEbeRWgbNEkqO", example()).finish(LAST.as_bytes()), Ok(Proof::Wrong));
        assert_eq!(exchange(b"n,,n=user,r=rOprNGfwEbeRWgbNEkqX", example()).finish(LAST.as_bytes()), Ok(Proof::Wrong));
        assert_eq!(exchange(FIRST, example()).finish(LAST.replace("dHzb", "eHzb").as_bytes()), Ok(Proof::Wrong));
        for malformed in ["", "c=biws", "c=biws,r=x,p=AA==", "r=x,c=biws,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="] {
            assert_eq!(exchange(FIRST, example()).finish(malformed.as_bytes()), Err(Malformed), "{malformed}");
        }
    }

    #[test]
    fn first_messages_are_checked() {
        assert_eq!(ClientFirst::read(b"y,a=a=2Cb=3D,n=a=2Cb=3D,r=x,ext=1").unwrap().name, "a,b=");
        for bad in [
            &b"p=tls-unique,,n=user,r=x"[..],
            b"n,a=kurt,n=user,r=x",
            b"n,,m=ext,n=user,r=x",
            b"n,,n=,r=x",
            b"n,,n=user,r=",
            b"n,,n=us=er,r=x",
            b"n,,n=user",
            b"n=user,r=x",
            b"\xff",
        ] {
            assert_eq!(ClientFirst::read(bad), Err(Malformed), "{}", String::from_utf8_lossy(bad));
        }
    }

    #[test]
    fn what_is_made_up_stays_the_same() {
        let one = made_up(&[7; 32], "nobody@example.test", 4096);
        assert_eq!(one, made_up(&[7; 32], "nobody@example.test", 4096));
        assert_ne!(one.salt, made_up(&[7; 32], "nobody2@example.test", 4096).salt);
        assert_ne!(one.salt, made_up(&[8; 32], "nobody@example.test", 4096).salt);
        assert_eq!(one.salt.len(), super::super::verifiers::SALT);
    }

    proptest! {
        #[test]
        fn nothing_a_client_sends_makes_it_panic(first in ".{0,40}", last in ".{0,60}") {
            if let Ok(first) = ClientFirst::read(first.as_bytes()) {
                let _ = first.begin(example_cheap(), "x").0.finish(last.as_bytes());
            }
            let _ = super::super::plain(last.as_bytes());
            let _ = ClientFirst::read(FIRST).unwrap().begin(example_cheap(), "x").0.finish(last.as_bytes());
        }
    }

    fn example_cheap() -> ScramVerifier {
        ScramVerifier { salt: vec![0; 16], iterations: 1, stored_key: [0; 32], server_key: [0; 32] }
    }
}
