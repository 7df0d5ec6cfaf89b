//! DIGEST-MD5: a challenge, the client's proof, and the server's.
//!
//! Offered as far as clients use it: quality of protection `auth`, algorithm `md5-sess`, no re-authentication. The realm of
//! the challenge is the target domain. A client that knows better may name another: the account is looked for there.
//! Spec: RFC 2831 2.1, 7.1.

use super::{Malformed, from_hex, hex};
use md5::{Digest as _, Md5};
use subtle::ConstantTimeEq;

/// The longest answer of a client (RFC 2831 2.1.2: less than this).
const LONGEST: usize = 4096;

/// An exchange that waits for the client's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    nonce: String,
}

impl Exchange {
    /// Begins one with an unguessable nonce, which must hold neither quotes nor backslashes; gives the challenge.
    pub fn begin(realm: &str, nonce: String) -> (Self, String) {
        let challenge = format!(r#"realm="{realm}",nonce="{nonce}",qop="auth",charset=utf-8,algorithm=md5-sess"#);
        (Self { nonce }, challenge)
    }

    /// Reads the client's answer to the challenge.
    pub fn read(&self, message: &[u8]) -> Result<Answer, Malformed> {
        if message.len() >= LONGEST {
            return Err(Malformed);
        }
        let directives = Directives::read(message)?;
        let need = |name| directives.get(name).ok_or(Malformed);
        let is = |name, expected: &str| directives.get(name).is_none_or(|value| value.eq_ignore_ascii_case(expected.as_bytes()));
        let name = text(need("username")?);
        // Acting for another user is not offered.
        let acting_as = directives.get("authzid").map(<[u8]>::to_vec);
        if name.is_empty() || name.contains('\0') || acting_as.as_ref().is_some_and(|other| !other.is_empty() && text(other) != name) {
            return Err(Malformed);
        }
        let (client_nonce, uri) = (need("cnonce")?.to_vec(), need("digest-uri")?.to_vec());
        let one = need("nc")? == b"00000001";
        if client_nonce.is_empty() || uri.is_empty() || !one || !is("qop", "auth") || !is("charset", "utf-8") {
            return Err(Malformed);
        }
        let response = std::str::from_utf8(need("response")?).ok().and_then(from_hex).ok_or(Malformed)?;
        Ok(Answer {
            name,
            realm: directives.get("realm").map(text).filter(|realm| !realm.is_empty()),
            is_to_this: bool::from(need("nonce")?.ct_eq(self.nonce.as_bytes())),
            nonce: self.nonce.clone(),
            acting_as,
            client_nonce,
            uri,
            response,
        })
    }
}

/// A client's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The name as the client wrote it.
    pub name: String,
    /// The realm that it said the name to be of.
    pub realm: Option<String>,
    /// Whether the nonce that it repeats is that of the challenge.
    is_to_this: bool,
    nonce: String,
    acting_as: Option<Vec<u8>>,
    client_nonce: Vec<u8>,
    uri: Vec<u8>,
    response: [u8; 16],
}

impl Answer {
    /// What proves the server to the client if the answer is right by one of these hashes of name, realm and password;
    /// None if it is not. How long it takes depends on how many there are, not on which of them is right.
    pub fn check<'a>(&self, hashes: impl Iterator<Item = &'a [u8; 16]>) -> Option<String> {
        let mut right = None;
        for ha1 in hashes {
            let (of_client, of_server) = (self.digest(ha1, b"AUTHENTICATE:"), self.digest(ha1, b":"));
            if bool::from(of_client.ct_eq(&self.response)) {
                right = Some(of_server);
            }
        }
        right.filter(|_| self.is_to_this).map(|of_server| format!("rspauth={}", hex(&of_server)))
    }

    /// `response-value` with `method` before the URI of A2 (RFC 2831 2.1.2.1).
    fn digest(&self, ha1: &[u8; 16], method: &[u8]) -> [u8; 16] {
        let nonce = self.nonce.as_bytes();
        let acting_as = self.acting_as.as_ref().map(|name| [b":", name.as_slice()].concat()).unwrap_or_default();
        let a1 = Md5::digest([ha1.as_slice(), b":", nonce, b":", &self.client_nonce, &acting_as].concat());
        let a2 = Md5::digest([method, &self.uri].concat());
        let (a1, a2) = (hex(&a1), hex(&a2));
        Md5::digest([a1.as_bytes(), b":", nonce, b":00000001:", &self.client_nonce, b":auth:", a2.as_bytes()].concat()).into()
    }
}

/// Text of a client: UTF-8, or Latin-1 from one that does not know it.
fn text(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).map_or_else(|_| bytes.iter().map(|byte| char::from(*byte)).collect(), str::to_owned)
}

/// Names in lower case with their values, unquoted.
struct Directives(Vec<(String, Vec<u8>)>);

impl Directives {
    /// Reads `name=value, name="value"` (RFC 2831 7.1). A name that comes twice makes it malformed.
    fn read(message: &[u8]) -> Result<Self, Malformed> {
        let mut all = Self(Vec::new());
        let mut rest = message;
        loop {
            rest = after_blanks(rest, b", \t\r\n");
            if rest.is_empty() {
                return Ok(all);
            }
            let (name, behind) = rest.split_at(rest.iter().position(|byte| !is_token(*byte)).unwrap_or(rest.len()));
            let name = std::str::from_utf8(name).map_err(|_| Malformed)?.to_ascii_lowercase();
            let value = after_blanks(behind, b" \t\r\n").strip_prefix(b"=").ok_or(Malformed)?;
            let (value, behind) = value_of(after_blanks(value, b" \t\r\n"))?;
            if name.is_empty() || all.get(&name).is_some() {
                return Err(Malformed);
            }
            all.0.push((name, value));
            rest = after_blanks(behind, b" \t\r\n");
            if !(rest.is_empty() || rest.starts_with(b",")) {
                return Err(Malformed);
            }
        }
    }

    fn get(&self, name: &str) -> Option<&[u8]> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_slice())
    }
}

fn after_blanks<'a>(text: &'a [u8], blanks: &[u8]) -> &'a [u8] {
    text.get(text.iter().take_while(|byte| blanks.contains(byte)).count()..).unwrap_or_default()
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?={}".contains(&byte)
}

/// A value with what comes after it. An unquoted one goes to the next comma: clients leave quotes out of URIs too.
fn value_of(text: &[u8]) -> Result<(Vec<u8>, &[u8]), Malformed> {
    let Some(quoted) = text.strip_prefix(b"\"") else {
        let (value, rest) = text.split_at(text.iter().position(|byte| *byte == b',').unwrap_or(text.len()));
        return Ok((value.trim_ascii_end().to_vec(), rest));
    };
    let mut value = Vec::new();
    let mut bytes = quoted.iter().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => return Ok((value, quoted.get(at + 1..).unwrap_or_default())),
            b'\\' => value.extend(bytes.next().map(|(_, byte)| *byte)),
            byte => value.push(*byte),
        }
    }
    Err(Malformed)
}

/// The hash of a name that is not there: as much work as for one that is.
pub const NOBODY: [u8; 16] = [0; 16];

#[cfg(test)]
mod tests;
