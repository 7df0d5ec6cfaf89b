//! SASL, the server's side, without I/O: what the client sent goes in, a challenge or an outcome comes out.
//!
//! A mechanism never learns whether an account exists: it names a user and what is to be checked, and for SCRAM it is
//! given verifiers, which for an unknown user are made up (`scram::made_up`). So every user goes through the same steps.
//! Spec: RFC 4422; PLAIN is RFC 4616, LOGIN draft-murchison-sasl-login, SCRAM-SHA-256 RFC 5802 and RFC 7677, CRAM-MD5
//! RFC 2195, DIGEST-MD5 RFC 2831.

pub mod argon2id;
pub mod cram;
pub mod digest;
pub mod scram;
pub mod verifiers;

use std::borrow::Cow;
use std::fmt;
use zeroize::Zeroizing;

/// A mechanism that clients may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// Name and password in one message.
    Plain,
    /// Name and password in two.
    Login,
    /// A proof of the password that does not show it.
    ScramSha256,
    /// A proof by MD5, for clients that know nothing better.
    CramMd5,
    /// Another, in which the server proves itself too.
    DigestMd5,
}

impl Mechanism {
    /// All, the best first.
    pub const ALL: [Self; 5] = [Self::ScramSha256, Self::DigestMd5, Self::CramMd5, Self::Plain, Self::Login];

    /// The registered name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::CramMd5 => "CRAM-MD5",
            Self::DigestMd5 => "DIGEST-MD5",
        }
    }

    /// True for what is offered only where the configuration says so.
    pub const fn is_legacy(self) -> bool {
        matches!(self, Self::CramMd5 | Self::DigestMd5)
    }

    /// The mechanism of a name, in whatever case.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mechanism| mechanism.name().eq_ignore_ascii_case(name.trim()))
    }

    /// True when the password itself crosses the wire.
    pub const fn shows_password(self) -> bool {
        matches!(self, Self::Plain | Self::Login)
    }
}

/// What the client sent is not what the mechanism says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

/// A name with the password that is said to go with it.
#[derive(Clone, PartialEq, Eq)]
pub struct NameAndPassword {
    /// The name as the client wrote it.
    pub name: String,
    /// The password.
    pub password: Zeroizing<String>,
}

impl fmt::Debug for NameAndPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NameAndPassword").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// The bytes of exactly `2 * N` hexadecimal digits, in whatever case.
pub(crate) fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let bytes = text.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    });
    bytes.collect::<Option<Vec<u8>>>()?.try_into().ok()
}

fn utf8(bytes: &[u8]) -> Result<&str, Malformed> {
    std::str::from_utf8(bytes).map_err(|_| Malformed)
}

/// Prepares a password as SASLprep says (RFC 4013); one that SASLprep refuses is taken as it is.
pub fn prepared(password: &str) -> Cow<'_, str> {
    stringprep::saslprep(password).unwrap_or(Cow::Borrowed(password))
}

/// Reads a message of PLAIN. Acting for another user is not offered: an authorisation name must be the same or empty.
pub fn plain(message: &[u8]) -> Result<NameAndPassword, Malformed> {
    let mut parts = message.split(|byte| *byte == 0);
    let (Some(acting_as), Some(name), Some(password), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return Err(Malformed);
    };
    let (acting_as, name) = (utf8(acting_as)?, utf8(name)?);
    if name.is_empty() || password.is_empty() || !(acting_as.is_empty() || acting_as == name) {
        return Err(Malformed);
    }
    Ok(NameAndPassword { name: name.to_owned(), password: Zeroizing::new(utf8(password)?.to_owned()) })
}

/// LOGIN: asks for the name, then for the password.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Login {
    name: Option<String>,
}

/// What LOGIN does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoginStep {
    /// It asks for the password.
    Ask(Login, &'static [u8]),
    /// It has both.
    Done(NameAndPassword),
}

impl Login {
    /// The first challenge.
    pub const ASK_NAME: &'static [u8] = b"Username:";
    /// The second.
    pub const ASK_PASSWORD: &'static [u8] = b"Password:";

    /// Takes the client's next message.
    pub fn take(self, message: &[u8]) -> Result<LoginStep, Malformed> {
        let text = utf8(message)?;
        if text.is_empty() || text.contains('\0') {
            return Err(Malformed);
        }
        Ok(match self.name {
            None => LoginStep::Ask(Self { name: Some(text.to_owned()) }, Self::ASK_PASSWORD),
            Some(name) => LoginStep::Done(NameAndPassword { name, password: Zeroizing::new(text.to_owned()) }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_is_three_parts() {
        let read = plain(b"\0tim\0tanstaaftanstaaf").unwrap();
        assert_eq!((read.name.as_str(), read.password.as_str()), ("tim", "tanstaaftanstaaf"));
        assert_eq!(plain(b"tim\0tim\0x").unwrap().name, "tim");
        for bad in [&b""[..], b"tim", b"\0tim", b"\0\0x", b"\0tim\0", b"\0tim\0a\0b", b"kurt\0tim\0x", b"\0\xff\0x"] {
            assert_eq!(plain(bad), Err(Malformed), "{bad:?}");
        }
        assert!(!format!("{read:?}").contains("tanstaaf"));
    }

    #[test]
    fn login_asks_twice() {
        let LoginStep::Ask(login, challenge) = Login::default().take(b"tim").unwrap() else { panic!("it has no password yet") };
        assert_eq!(challenge, b"Password:");
        let LoginStep::Done(read) = login.take("p\u{e4}ss".as_bytes()).unwrap() else { panic!("it has both") };
        assert_eq!((read.name.as_str(), read.password.as_str()), ("tim", "p\u{e4}ss"));
        assert_eq!(Login::default().take(b""), Err(Malformed));
        assert_eq!(Login::default().take(b"a\0b"), Err(Malformed));
    }

    #[test]
    fn passwords_are_prepared() {
        // RFC 4013 3: a soft hyphen goes, compatibility forms are unified, what is forbidden stays as it was typed.
        assert_eq!(prepared("I\u{ad}X"), "IX");
        assert_eq!(prepared("\u{2168}"), "IX");
        assert_eq!(prepared("a\u{308}"), "\u{e4}");
        assert_eq!(prepared("a\u{7}"), "a\u{7}");
    }

    #[test]
    fn names_are_found_in_any_case() {
        assert_eq!(Mechanism::named("scram-sha-256"), Some(Mechanism::ScramSha256));
        assert_eq!(Mechanism::named("CRAM-MD5"), Some(Mechanism::CramMd5));
        assert_eq!(["EXTERNAL", "GSSAPI", "NTLM", "ANONYMOUS", ""].map(Mechanism::named), [None; 5]);
    }

    #[test]
    fn hexadecimal_digits_are_read_back() {
        assert_eq!(hex(&[0, 9, 0xaf, 255]), "0009afff");
        assert_eq!(from_hex::<4>("0009AfFf"), Some([0, 9, 0xaf, 255]));
        for bad in ["", "0009af", "0009aff", "0009afff00", "0009af\u{e4}", "0009a+ff"] {
            assert_eq!(from_hex::<4>(bad), None, "{bad}");
        }
    }
}
