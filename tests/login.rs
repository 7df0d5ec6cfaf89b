//! SCRAM-SHA-256 over the wire (RFC 7677), computed here anew from the password. What can be written down of logging in
//! is in `conversations/login.conv`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on panics")]

mod support;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use posthouse::xml::Element;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use support::server::{DOMAIN, Setup};
use support::ximss::Client;

fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length will do");
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

/// `a=1,b=2` by letters.
fn pairs(text: &str) -> BTreeMap<&str, &str> {
    text.split(',').filter_map(|pair| pair.split_once('=')).collect()
}

/// How an exchange went.
#[derive(Debug, PartialEq)]
enum Ended {
    LoggedIn(Option<String>),
    Refused(Option<String>),
}

/// One step: what the client says in, what the server says out. Err where the server refuses.
fn step(client: &mut Client, name: &str, attributes: &[(&str, &str)]) -> Result<Element, Ended> {
    let request = attributes.iter().fold(Element::new(name).with("id", "S"), |request, (name, value)| request.with(name, value));
    client.send_raw(&[posthouse::xml::write::to_bytes(&request), vec![0]].concat());
    let answer = client.receive().expect("an answer");
    if answer.name == "response" { Err(Ended::Refused(answer.get("errorText").map(str::to_owned))) } else { Ok(answer) }
}

fn challenge(answer: &Element) -> String {
    assert_eq!((answer.name.as_str(), answer.get("id")), ("challenge", Some("S")), "{answer:?}");
    String::from_utf8(STANDARD.decode(answer.get("value").unwrap()).unwrap()).unwrap()
}

/// A whole exchange. `spoil` changes the proof.
fn scram(client: &mut Client, user: &str, password: &str, spoil: bool) -> Result<(), Ended> {
    let bare = format!("n={},r=rOprNGfwEbeRWgbNEkqO", user.replace('=', "=3D").replace(',', "=2C"));
    let begin = STANDARD.encode(format!("n,,{bare}"));
    let first = challenge(&step(client, "login", &[("method", "SCRAM-SHA-256"), ("authData", &begin)])?);
    let fields = pairs(&first);
    let (nonce, salt, rounds) = (fields["r"], STANDARD.decode(fields["s"]).unwrap(), fields["i"].parse().unwrap());
    assert!(nonce.starts_with("rOprNGfwEbeRWgbNEkqO") && nonce.len() >= 40, "{first}");
    assert!(rounds >= 4_096 && salt.len() >= 8, "{first}");

    let mut salted = [0; 32];
    pbkdf2::pbkdf2::<Hmac<Sha256>>(password.as_bytes(), &salt, rounds, &mut salted).expect("any length will do");
    let client_key = hmac(&salted, b"Client Key");
    let without_proof = format!("c=biws,r={nonce}");
    let signed = format!("{bare},{first},{without_proof}");
    let signature = hmac(&Sha256::digest(&client_key), signed.as_bytes());
    let mut proof: Vec<u8> = client_key.iter().zip(signature).map(|(a, b)| a ^ b).collect();
    proof[0] ^= u8::from(spoil);
    let last = STANDARD.encode(format!("{without_proof},p={}", STANDARD.encode(proof)));
    let verifier = challenge(&step(client, "auth", &[("value", &last)])?);
    let of_server = STANDARD.encode(hmac(&hmac(&salted, b"Server Key"), signed.as_bytes()));
    assert_eq!(verifier, format!("v={of_server}"), "the server has shown that it knows the password");

    let session = step(client, "auth", &[])?;
    assert_eq!(session.name, "session");
    let response = client.receive().unwrap();
    assert_eq!((response.name.as_str(), response.get("errorText")), ("response", None));
    Err(Ended::LoggedIn(session.get("userName").map(str::to_owned)))
}

#[test]
fn scram_sha_256() {
    let user = format!("user1@{DOMAIN}");
    let server = Setup::default().account(&user, "pencil").start();
    let go = |name: &str, password: &str, spoil: bool| scram(&mut Client::connect(server.ximss()), name, password, spoil).unwrap_err();
    assert_eq!(go("user1", "pencil", false), Ended::LoggedIn(Some(user.clone())));
    assert_eq!(go(&user, "pencil", false), Ended::LoggedIn(Some(user.clone())));
    let refused = Ended::Refused(Some("incorrect password or account name".to_owned()));
    assert_eq!(go(&user, "pencil", true), refused);
    assert_eq!(go(&user, "Pencil", false), refused);
    // A name that is not there is led through the same steps, with a salt of its own that stays the same.
    assert_eq!(go("nobody", "pencil", false), refused);
}

#[test]
fn what_the_server_says_of_a_name_tells_nothing() {
    let server = Setup::default().account(&format!("user1@{DOMAIN}"), "pencil").start();
    let first = |name: &str| {
        let begin = STANDARD.encode(format!("n,,n={name},r=abcdefghijklmnop"));
        let mut client = Client::connect(server.ximss());
        let said = challenge(&step(&mut client, "login", &[("method", "SCRAM-SHA-256"), ("authData", &begin)]).unwrap());
        let fields = pairs(&said);
        (fields["s"].len(), fields["s"].to_owned(), fields["i"].to_owned())
    };
    let (there, not_there, again) = (first("user1"), first("nobody"), first("nobody"));
    assert_eq!((there.0, &there.2), (not_there.0, &not_there.2));
    assert_eq!(not_there.1, again.1, "a salt that changes would tell that there is no account");
    assert_ne!(there.1, not_there.1);
}
