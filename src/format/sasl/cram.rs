//! CRAM-MD5: one challenge, one answer. The same answer serves nonce login, where the nonce is the challenge.
//!
//! Spec: RFC 2195.

use super::verifiers::hmac_md5;
use super::{Malformed, from_hex, utf8};
use crate::model::credential::HmacMd5Key;
use crate::model::names::DomainName;
use crate::model::time::Timestamp;
use subtle::ConstantTimeEq;

/// The challenge: random digits, the time, the domain.
pub fn challenge(random: u64, now: Timestamp, domain: &DomainName) -> String {
    format!("<{random}.{}@{domain}>", now.0)
}

/// The proof of a password: HMAC-MD5 of a challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proof([u8; 16]);

impl Proof {
    /// Reads the hexadecimal digits.
    pub fn read(text: &str) -> Result<Self, Malformed> {
        from_hex(text).map(Self).ok_or(Malformed)
    }

    /// True when it is that of this challenge. Without a key the same work is done, and the answer is no.
    pub fn fits(&self, key: Option<&HmacMd5Key>, challenge: &[u8]) -> bool {
        let right = hmac_md5(key.unwrap_or(&HmacMd5Key::default()), challenge);
        bool::from(right.ct_eq(&self.0)) && key.is_some()
    }
}

/// The client's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The name as the client wrote it.
    pub name: String,
    /// The proof that goes with it.
    pub proof: Proof,
}

impl Answer {
    /// Reads the name, a space, and the proof.
    pub fn read(message: &[u8]) -> Result<Self, Malformed> {
        let (name, digits) = utf8(message)?.rsplit_once(' ').ok_or(Malformed)?;
        if name.is_empty() || name.contains('\0') {
            return Err(Malformed);
        }
        Ok(Self { name: name.to_owned(), proof: Proof::read(digits)? })
    }
}

#[cfg(test)]
mod tests {
    use super::super::verifiers::cram_md5;
    use super::*;
    use proptest::prelude::*;

    const CHALLENGE: &[u8] = b"<1896.697170952@postoffice.reston.mci.net>";

    #[test]
    fn the_example_of_rfc_2195() {
        let made = challenge(1896, Timestamp(697_170_952), &"postoffice.reston.mci.net".parse().unwrap());
        assert_eq!(made.as_bytes(), CHALLENGE);
        let answer = Answer::read(b"tim b913a602c7eda7a495b4e6e7334d3890").unwrap();
        assert_eq!(answer.name, "tim");
        let key = cram_md5("tanstaaftanstaaf");
        assert!(answer.proof.fits(Some(&key), CHALLENGE));
        assert!(!answer.proof.fits(Some(&key), b"<1897.697170952@postoffice.reston.mci.net>"));
        assert!(!answer.proof.fits(Some(&cram_md5("tanstaaftanstaag")), CHALLENGE));
    }

    #[test]
    fn without_a_key_nothing_fits() {
        let proof = Proof(hmac_md5(&HmacMd5Key::default(), CHALLENGE));
        assert!(!proof.fits(None, CHALLENGE));
    }

    #[test]
    fn answers_are_checked() {
        let digits = "b913a602c7eda7a495b4e6e7334d3890";
        assert_eq!(Answer::read(format!("a b@c {}", digits.to_uppercase()).as_bytes()).unwrap().name, "a b@c");
        for bad in ["", "tim", digits, &format!(" {digits}"), &format!("tim {digits}0"), &format!("tim {}", &digits[1..]), "a\0b b913"] {
            assert_eq!(Answer::read(bad.as_bytes()), Err(Malformed), "{bad}");
        }
        assert_eq!(Answer::read(b"\xff b913a602c7eda7a495b4e6e7334d3890"), Err(Malformed));
    }

    proptest! {
        #[test]
        fn nothing_a_client_sends_makes_it_panic(message in proptest::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(answer) = Answer::read(&message) {
                prop_assert!(!answer.proof.fits(None, &message));
            }
        }
    }
}
