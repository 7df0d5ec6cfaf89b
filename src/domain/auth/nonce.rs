//! Nonce login: the server gives a nonce with its features, and the client logs in with it in one step, by what
//! CRAM-MD5 would answer to the nonce as a challenge. For clients that have no connection to hold a conversation on.
//!
//! A nonce is good once, for five minutes, at the listener and for the domain it was given for. It bears all that is
//! needed to see that with a keyed hash, so that nonces which are only asked for take no memory. Those that were used are
//! remembered until they expire, in bounded memory: when that is full, nonces are refused until some have expired.
//! Spec: XIMSS, "Pre-Login Operations" (features); RFC 2195.

use super::{Claim, Verified, verify_proof};
use crate::domain::house::House;
use crate::format::sasl::cram::{Answer, Proof};
use crate::format::sasl::{Malformed, from_hex, hex, verifiers};
use crate::model::credential::CredentialRecord;
use crate::model::fault::{Fault, Outcome};
use crate::model::names::DomainName;
use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use subtle::ConstantTimeEq;

/// How long a nonce is good for.
const LIFETIME: Duration = Duration::from_secs(300);
/// The most used nonces that are remembered.
const MOST: usize = 16_384;
/// Clients differ on whether they pad.
const BASE64: GeneralPurpose =
    GeneralPurpose::new(&base64::alphabet::STANDARD, GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent));

/// Where nonces are given and taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The target domain of the request.
    pub domain: DomainName,
    /// The port of ours that the client came to, by which listeners are told from each other.
    pub port: u16,
}

/// What makes a nonce different from all others.
type Mark = [u8; 12];

/// A nonce that was given for the place where it is taken and has not expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Nonce {
    mark: Mark,
    /// In seconds of the clock of `Nonces`.
    expires: u64,
}

/// The nonces of this process.
pub struct Nonces {
    key: [u8; 32],
    start: Instant,
    /// What the clock showed at the start: random, so that nonces do not tell how long the server has run.
    offset: u64,
    /// Used ones, with when they expire.
    used: Mutex<HashMap<Mark, u64>>,
}

impl Nonces {
    /// Fails where the system gives no random numbers.
    pub fn new() -> Result<Self, getrandom::Error> {
        let mut key = [0; 32];
        getrandom::fill(&mut key)?;
        Ok(Self { key, start: Instant::now(), offset: getrandom::u32()?.into(), used: Mutex::default() })
    }

    fn seconds(&self, now: Instant) -> u64 {
        self.offset + now.saturating_duration_since(self.start).as_secs()
    }

    fn seal(&self, content: &[u8], place: &Place) -> [u8; 32] {
        let port = place.port.to_be_bytes();
        verifiers::keyed_hash(&self.key, &[content, &port, place.domain.as_str().as_bytes()].concat())
    }

    /// A fresh nonce: hexadecimal digits, which stay what they are in URLs and are base64 too.
    fn make(&self, place: &Place, now: Instant) -> Outcome<String> {
        let mut mark: Mark = [0; 12];
        getrandom::fill(&mut mark).map_err(|e| Fault::logged("no random numbers", e))?;
        let expires = self.seconds(now) + LIFETIME.as_secs();
        let content = [expires.to_be_bytes().as_slice(), &mark].concat();
        Ok(hex(&[content.as_slice(), &self.seal(&content, place)].concat()))
    }

    /// Reads a nonce; None if it was not given at one of these places, or has expired.
    fn read(&self, text: &str, places: &[Place], now: Instant) -> Option<Nonce> {
        let bytes: [u8; 52] = from_hex(text)?;
        let (content, seal) = bytes.split_at(20);
        let (expires, mark) = content.split_at(8);
        let nonce = Nonce { expires: u64::from_be_bytes(expires.try_into().ok()?), mark: mark.try_into().ok()? };
        let genuine = places.iter().any(|place| bool::from(self.seal(content, place).ct_eq(seal)));
        (genuine && self.seconds(now) < nonce.expires).then_some(nonce)
    }

    fn with<T>(&self, f: impl FnOnce(&mut HashMap<Mark, u64>) -> T) -> T {
        // A panic while the lock was held cannot leave the map half changed: each change is one insertion or removal.
        f(&mut self.used.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// True while a nonce can be used.
    fn is_fresh(&self, nonce: &Nonce, now: Instant) -> bool {
        let now = self.seconds(now);
        self.with(|used| {
            if used.len() >= MOST {
                used.retain(|_, expires| now < *expires);
            }
            used.len() < MOST && !used.contains_key(&nonce.mark)
        })
    }

    /// Uses a nonce up; false if it was used before.
    fn spend(&self, nonce: &Nonce, now: Instant) -> bool {
        self.is_fresh(nonce, now) && self.with(|used| used.len() < MOST && used.insert(nonce.mark, nonce.expires).is_none())
    }
}

/// A nonce for the features of this place; None where nonce login is not offered.
pub fn offer(house: &House, place: &Place) -> Outcome<Option<String>> {
    house.settings().legacy_mechanisms.then(|| house.nonces.make(place, Instant::now())).transpose()
}

/// What a client logs in with.
#[derive(Debug, Clone)]
pub struct Shown {
    /// The nonce it was given.
    pub nonce: String,
    /// The proof in base64: of a name, a space and hexadecimal digits as CRAM-MD5 has them, or of the digits alone.
    pub auth_data: String,
    /// The name of the user, where the proof may be without one.
    pub user_name: Option<String>,
}

impl Shown {
    fn read(&self) -> Outcome<Answer> {
        let malformed = |_: Malformed| Fault::incorrect("authData");
        // Where a plus sign was put into a URL as it is, a blank comes out.
        let text: String = self.auth_data.trim().chars().map(|c| if c == ' ' { '+' } else { c }).collect();
        let decoded = BASE64.decode(text).map_err(|_| Fault::incorrect("authData"))?;
        match std::str::from_utf8(&decoded).map(str::trim) {
            Ok(digits) if !digits.contains(' ') => {
                let proof = Proof::read(digits).map_err(malformed)?;
                let name = self.user_name.clone().ok_or_else(|| Fault::missing("userName"))?;
                Ok(Answer { name, proof })
            }
            _ => Answer::read(decoded.trim_ascii()).map_err(malformed),
        }
    }
}

/// Verifies a nonce login. A nonce that is not good any more is refused as such; all else is refused like a wrong
/// password, and counted, with the nonce used up.
pub async fn verify(house: &Arc<House>, shown: &Shown, place: &Place, from: IpAddr) -> Outcome<Verified> {
    if !house.settings().legacy_mechanisms {
        return Err(Fault::unsupported());
    }
    let Answer { name, proof } = shown.read()?;
    let claim = Claim { name, domain: place.domain.clone(), from };
    // A client that names its domain with the user may have asked for the features of that domain.
    let own = claim.address().map(|address| Place { domain: address.domain, port: place.port });
    let places: Vec<Place> = std::iter::once(place.clone()).chain(own).collect();
    let text = shown.nonce.trim();
    let now = Instant::now();
    let nonce = house.nonces.read(text, &places, now).filter(|nonce| house.nonces.is_fresh(nonce, now));
    let nonce = nonce.ok_or_else(|| Fault::new(515, "nonce is not valid any more"))?;
    let decoded = BASE64.decode(text).unwrap_or_default();
    let check = |kept: Option<&CredentialRecord>| {
        let key = kept.and_then(CredentialRecord::cram_md5);
        // Clients take the nonce as text or decode it; both are computed.
        let fits = proof.fits(key, text.as_bytes()) | proof.fits(key, &decoded);
        (house.nonces.spend(&nonce, now) && fits).then_some(())
    };
    verify_proof(house, &claim, check).await.map(|(verified, ())| verified)
}

#[cfg(test)]
mod tests;
