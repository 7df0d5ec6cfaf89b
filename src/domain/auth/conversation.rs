//! A conversation in a SASL mechanism, for every front end that has one: messages of the client in, challenges out, and
//! in the end somebody verified.
//!
//! Spec: RFC 4422; XIMSS, "Login Operations" (challenge, auth).

use super::{Claim, LookedUp, Use, Verified, answer, gauges, looked_up, verify_password, verify_proof};
use crate::domain::access::Caller;
use crate::domain::house::House;
use crate::domain::throttle::Flow;
use crate::format::sasl::scram::{ClientFirst, Exchange, Proof, made_up};
use crate::format::sasl::{self, LoginStep, Malformed, Mechanism, NameAndPassword, cram, digest, verifiers};
use crate::model::credential::CredentialRecord;
use crate::model::fault::{Fault, Outcome};
use crate::model::ids::ModSeq;
use crate::model::names::DomainName;
use crate::model::time::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

/// A conversation that waits for the client's next message.
#[derive(Debug)]
pub struct Conversation {
    domain: DomainName,
    from: IpAddr,
    state: State,
}

#[derive(Debug)]
enum State {
    /// The mechanism speaks first, or waits for the client to.
    Begun(Mechanism),
    Login(sasl::Login),
    /// The answer to this challenge is awaited.
    CramMd5(String),
    DigestMd5(digest::Exchange),
    /// The client's proof is awaited.
    Scram(Box<Proving>),
    /// The client has the server's proof and says so with an empty message.
    Proved(Verified),
}

#[derive(Debug)]
struct Proving {
    exchange: Exchange,
    claim: Claim,
    found: Option<Found>,
}

/// The account of a claim, if there is one.
#[derive(Debug, Clone)]
struct Found {
    caller: Caller,
    since: ModSeq,
    flow: Option<Flow>,
}

/// What follows from a message.
#[derive(Debug)]
pub enum Step {
    /// The conversation goes on with this challenge.
    Challenge(Box<Conversation>, Vec<u8>),
    /// It has ended well.
    Verified(Verified),
}

fn malformed(_: Malformed) -> Fault {
    Fault::bad("authentication data is malformed")
}

impl Conversation {
    /// A conversation with a client of this network address. Names without a domain belong to `domain`.
    pub fn begin(mechanism: Mechanism, domain: DomainName, from: IpAddr) -> Self {
        Self { domain, from, state: State::Begun(mechanism) }
    }

    fn claim(&self, name: &str) -> Claim {
        Claim { name: name.to_owned(), domain: self.domain.clone(), from: self.from }
    }

    /// Takes the client's next message; None at the beginning where the client sent nothing along. A fault ends the
    /// conversation.
    pub async fn take(self, house: &Arc<House>, message: Option<&[u8]>) -> Outcome<Step> {
        let Some(message) = message else { return self.ask() };
        match self.state {
            State::Begun(Mechanism::Plain) => {
                let shown = sasl::plain(message).map_err(malformed)?;
                self.shown(house, shown).await
            }
            State::Begun(Mechanism::Login) => Self { state: State::Login(sasl::Login::default()), ..self }.login(house, message).await,
            State::Login(_) => self.login(house, message).await,
            State::Begun(Mechanism::ScramSha256) => {
                let first = ClientFirst::read(message).map_err(malformed)?;
                self.scram_begun(house, first).await
            }
            // What the server begins, the client cannot begin.
            State::Begun(Mechanism::CramMd5 | Mechanism::DigestMd5) if message.is_empty() => self.ask(),
            State::Begun(Mechanism::CramMd5 | Mechanism::DigestMd5) => Err(malformed(Malformed)),
            State::CramMd5(ref challenge) => {
                let answer = cram::Answer::read(message).map_err(malformed)?;
                let check = |kept: Option<&CredentialRecord>| {
                    answer.proof.fits(kept.and_then(CredentialRecord::cram_md5), challenge.as_bytes()).then_some(())
                };
                let (verified, ()) = verify_proof(house, &self.claim(&answer.name), check).await?;
                Ok(Step::Verified(verified))
            }
            State::DigestMd5(ref exchange) => {
                let answer = exchange.read(message).map_err(malformed)?;
                let (verified, proof) = self.digest_finished(house, answer).await?;
                Ok(Step::Challenge(Box::new(Self { state: State::Proved(verified), ..self }), proof.into_bytes()))
            }
            State::Scram(proving) => {
                let (domain, from) = (self.domain, self.from);
                let (verified, proof) = scram_finished(house, *proving, message.to_vec()).await?;
                Ok(Step::Challenge(Box::new(Self { domain, from, state: State::Proved(verified) }), proof.into_bytes()))
            }
            State::Proved(verified) if message.is_empty() => Ok(Step::Verified(verified)),
            State::Proved(_) => Err(malformed(Malformed)),
        }
    }

    /// What the server says where the client has said nothing: its challenge, or an empty one.
    fn ask(self) -> Outcome<Step> {
        let (state, challenge) = match self.state {
            State::Begun(Mechanism::Login) => (State::Login(sasl::Login::default()), sasl::Login::ASK_NAME.to_vec()),
            State::Begun(Mechanism::CramMd5) => {
                let challenge = cram::challenge(u64::from_le_bytes(random()?), Timestamp::now(), &self.domain);
                (State::CramMd5(challenge.clone()), challenge.into_bytes())
            }
            State::Begun(Mechanism::DigestMd5) => {
                let (exchange, challenge) = digest::Exchange::begin(self.domain.as_str(), STANDARD_NO_PAD.encode(random::<18>()?));
                (State::DigestMd5(exchange), challenge.into_bytes())
            }
            state => (state, Vec::new()),
        };
        Ok(Step::Challenge(Box::new(Self { state, ..self }), challenge))
    }

    /// Checks an answer of DIGEST-MD5, whose realm is the domain of a name without one: gives who it is, and the server's
    /// proof.
    async fn digest_finished(&self, house: &Arc<House>, answer: digest::Answer) -> Outcome<(Verified, String)> {
        let realm = answer.realm.as_ref().and_then(|realm| realm.parse().ok());
        let claim = Claim { domain: realm.unwrap_or_else(|| self.domain.clone()), ..self.claim(&answer.name) };
        let check = |kept: Option<&CredentialRecord>| {
            let hashes: Vec<_> = kept.into_iter().flat_map(CredentialRecord::digest_ha1).collect();
            if hashes.is_empty() {
                // Everybody can compute what fits this hash: it is for the work only.
                let _ = answer.check([digest::NOBODY; 2].iter());
                return None;
            }
            answer.check(hashes.into_iter())
        };
        verify_proof(house, &claim, check).await
    }

    async fn shown(self, house: &Arc<House>, shown: NameAndPassword) -> Outcome<Step> {
        let claim = self.claim(&shown.name);
        verify_password(house, &claim, shown.password, Use::Login).await.map(Step::Verified)
    }

    async fn login(self, house: &Arc<House>, message: &[u8]) -> Outcome<Step> {
        let State::Login(login) = &self.state else { return Err(Fault::internal()) };
        match login.clone().take(message).map_err(malformed)? {
            LoginStep::Ask(login, challenge) => {
                Ok(Step::Challenge(Box::new(Self { state: State::Login(login), ..self }), challenge.to_vec()))
            }
            LoginStep::Done(shown) => self.shown(house, shown).await,
        }
    }

    async fn scram_begun(self, house: &Arc<House>, first: ClientFirst) -> Outcome<Step> {
        let claim = self.claim(&first.name);
        let LookedUp { known, server_secret } = looked_up(house, &claim).await?;
        let kept = known.as_ref().and_then(|known| known.credential.as_ref()).and_then(CredentialRecord::scram_sha256).cloned();
        let name = claim.address().map_or_else(|| claim.name.clone(), |address| address.to_string());
        // An account without a verifier is treated as one that is not there.
        let found = known.filter(|_| kept.is_some()).map(|k| Found { caller: k.caller, since: k.since, flow: k.flow });
        let verifier = kept.unwrap_or_else(|| made_up(&server_secret, &name, verifiers::ITERATIONS));
        let (exchange, challenge) = first.begin(verifier, &STANDARD_NO_PAD.encode(random::<18>()?));
        let state = State::Scram(Box::new(Proving { exchange, claim, found }));
        Ok(Step::Challenge(Box::new(Self { state, ..self }), challenge.into_bytes()))
    }
}

fn random<const N: usize>() -> Outcome<[u8; N]> {
    let mut bytes = [0u8; N];
    getrandom::fill(&mut bytes).map_err(|e| Fault::logged("no random numbers", e))?;
    Ok(bytes)
}

/// Checks the client's proof: gives who it is, and the server's proof.
async fn scram_finished(house: &Arc<House>, proving: Proving, message: Vec<u8>) -> Outcome<(Verified, String)> {
    let Proving { exchange, claim, found } = proving;
    let caller = found.as_ref().map(|found| found.caller.clone());
    let gauges = gauges(house, &claim, found.as_ref().and_then(|found| found.flow));
    // What cannot be read is no attempt at guessing.
    let proof = exchange.finish(&message).map_err(malformed)?;
    let (right, proof) = match proof {
        Proof::Right(proof) => (true, proof),
        Proof::Wrong => (false, String::new()),
    };
    let verify = move || found.filter(|_| right).map(|found| Verified { caller: found.caller, since: found.since, code: None });
    let verdict = house.throttle.judge(&gauges, Instant::now(), verify);
    Ok((answer(house, verdict, caller, claim.from).await?, proof))
}
