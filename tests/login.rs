//! Mechanisms that prove the password, over the wire: SCRAM-SHA-256 (RFC 7677), and CRAM-MD5 (RFC 2195), DIGEST-MD5
//! (RFC 2831) and nonce login where the configuration has them. Everything is computed here anew from the password. What
//! can be written down of logging in is in `conversations/login.conv` and `legacy-login.conv`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on panics")]

mod support;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use md5::Md5;
use posthouse::xml::Element;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use support::http;
use support::server::{DOMAIN, Server, Setup};
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
    logged_in(client, &session)
}

/// The end of a login that has succeeded.
fn logged_in(client: &mut Client, session: &Element) -> Result<(), Ended> {
    assert_eq!(session.name, "session");
    let response = client.receive().unwrap();
    assert_eq!((response.name.as_str(), response.get("errorText")), ("response", None));
    Err(Ended::LoggedIn(session.get("userName").map(str::to_owned)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// HMAC-MD5 in hexadecimal digits (RFC 2104), for passwords of up to 64 bytes.
fn hmac_md5(password: &str, text: &[u8]) -> String {
    use md5::Digest;
    let mut key = password.as_bytes().to_vec();
    key.resize(64, 0);
    let padded = |padding: u8| key.iter().map(|byte| byte ^ padding).collect::<Vec<u8>>();
    let inner = Md5::digest([padded(0x36).as_slice(), text].concat());
    hex(&Md5::digest([padded(0x5c).as_slice(), inner.as_slice()].concat()))
}

fn cram_md5(client: &mut Client, user: &str, password: &str) -> Result<(), Ended> {
    let asked = challenge(&step(client, "login", &[("method", "CRAM-MD5")])?);
    assert!(asked.starts_with('<') && asked.ends_with(&format!("@{DOMAIN}>")), "{asked}");
    let answer = STANDARD.encode(format!("{user} {}", hmac_md5(password, asked.as_bytes())));
    let session = step(client, "auth", &[("value", &answer)])?;
    logged_in(client, &session)
}

fn digest_md5(client: &mut Client, user: &str, password: &str) -> Result<(), Ended> {
    use md5::Digest;
    let asked = challenge(&step(client, "login", &[("method", "DIGEST-MD5")])?);
    let fields = pairs(&asked);
    let field = |name: &str| fields[name].trim_matches('"');
    assert_eq!((field("qop"), field("algorithm"), field("charset")), ("auth", "md5-sess", "utf-8"));
    let (realm, nonce) = (field("realm"), field("nonce"));
    let hash = |text: &[u8]| hex(&Md5::digest(text));
    let secret = Md5::digest(format!("{user}:{realm}:{password}"));
    let a1 = hash(&[secret.as_slice(), format!(":{nonce}:clientnonce").as_bytes()].concat());
    let proof = |method: &str| {
        let a2 = hash(format!("{method}:ximss/{realm}").as_bytes());
        hash(format!("{a1}:{nonce}:00000001:clientnonce:auth:{a2}").as_bytes())
    };
    let answer = format!(
        "username=\"{user}\",realm=\"{realm}\",nonce=\"{nonce}\",cnonce=\"clientnonce\",nc=00000001,qop=auth,\
         digest-uri=\"ximss/{realm}\",response={},charset=utf-8",
        proof("AUTHENTICATE")
    );
    let server = challenge(&step(client, "auth", &[("value", &STANDARD.encode(answer))])?);
    assert_eq!(server, format!("rspauth={}", proof("")), "the server has shown that it knows the password");
    let session = step(client, "auth", &[("value", "")])?;
    logged_in(client, &session)
}

/// What the server offers: the mechanisms, and the nonce.
fn features(client: &mut Client) -> (Vec<String>, Option<String>) {
    let said = client.ask("<listFeatures/>").ok();
    let texts = |name: &str| said[0].elements().filter(|child| child.name == name).map(Element::body).collect::<Vec<String>>();
    (texts("sasl"), texts("nonce").pop())
}

/// Nonce login. `decodes`: the client takes the nonce for base64. `bare`: it sends the proof without the name.
fn nonce(client: &mut Client, user: &str, password: &str, (decodes, bare): (bool, bool)) -> Result<(), Ended> {
    let Some(nonce) = features(client).1 else { return Err(Ended::Refused(Some("no nonce".to_owned()))) };
    let read = if decodes { STANDARD.decode(&nonce).unwrap() } else { nonce.clone().into_bytes() };
    let digits = hmac_md5(password, &read);
    let answer = STANDARD.encode(if bare { digits } else { format!("{user} {digits}") });
    let mut attributes = vec![("nonce", nonce.as_str()), ("authData", answer.as_str())];
    attributes.extend(bare.then_some(("userName", user)));
    let session = step(client, "login", &attributes)?;
    logged_in(client, &session)
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

/// A server with `legacy_mechanisms`, and one account whose password was set before that was so.
fn legacy_server() -> Server {
    let mut server = Server::prepare("[auth]\nlegacy_mechanisms = false");
    server.add_account(&format!("old@{DOMAIN}"), "pencil", "");
    switch(&server, true);
    server.add_account(&format!("user1@{DOMAIN}"), "pencil", "");
    server.start();
    server
}

fn switch(server: &Server, on: bool) {
    let file = server.folder().join("posthouse.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let (from, to) = (format!("legacy_mechanisms = {}", !on), format!("legacy_mechanisms = {on}"));
    assert!(text.contains(&from));
    std::fs::write(&file, text.replace(&from, &to)).unwrap();
}

type Way = fn(&mut Client, &str, &str) -> Result<(), Ended>;

const LEGACY: [(&str, Way); 6] = [
    ("CRAM-MD5", cram_md5),
    ("DIGEST-MD5", digest_md5),
    ("nonce", |client, user, password| nonce(client, user, password, (false, false))),
    ("nonce, bare", |client, user, password| nonce(client, user, password, (false, true))),
    ("nonce, decoded", |client, user, password| nonce(client, user, password, (true, false))),
    ("nonce, decoded and bare", |client, user, password| nonce(client, user, password, (true, true))),
];

#[test]
fn legacy_mechanisms_where_they_are_on() {
    let server = legacy_server();
    let user = format!("user1@{DOMAIN}");
    let go = |way: Way, name: &str, password: &str| way(&mut Client::connect(server.ximss()), name, password).unwrap_err();
    for (what, way) in LEGACY {
        for name in ["user1", &user] {
            assert_eq!(go(way, name, "pencil"), Ended::LoggedIn(Some(user.clone())), "{what} {name}");
        }
    }
    let scram = |name: &str| scram(&mut Client::connect(server.ximss()), name, "pencil", false).unwrap_err();
    assert_eq!([scram("user1"), scram("old")], ["user1", "old"].map(|name| Ended::LoggedIn(Some(format!("{name}@{DOMAIN}")))));
    let offered = features(&mut Client::connect(server.ximss())).0;
    assert_eq!(offered, ["SCRAM-SHA-256", "DIGEST-MD5", "CRAM-MD5", "PLAIN", "LOGIN"]);
    let nonces = [0, 1].map(|_| features(&mut Client::connect(server.ximss())).1.unwrap());
    assert_ne!(nonces[0], nonces[1]);
}

#[test]
fn legacy_mechanisms_refuse_all_alike() {
    let server = legacy_server();
    let refused = Ended::Refused(Some("incorrect password or account name".to_owned()));
    // Three names in three ways: fewer than the failures that one address is borne.
    for (what, way) in &LEGACY[..3] {
        for (name, password) in [("user1", "Pencil"), ("nobody", "pencil"), ("old", "pencil")] {
            let outcome = way(&mut Client::connect(server.ximss()), name, password).unwrap_err();
            assert_eq!(outcome, refused, "{what} {name}");
        }
    }
}

#[test]
fn what_an_account_can_be_logged_in_to_with_is_shown_and_follows_its_password() {
    let mut server = legacy_server();
    let shown = |server: &Server, name: &str| {
        let text = server.run(&["account", "show", &format!("{name}@{DOMAIN}")], "");
        text.lines().find_map(|line| line.strip_prefix("login methods")).unwrap().trim().to_owned()
    };
    let (modern, all) = ("clear text, SCRAM-SHA-256, PLAIN, LOGIN", "clear text, SCRAM-SHA-256, DIGEST-MD5, CRAM-MD5, PLAIN, LOGIN, nonce");
    assert_eq!((shown(&server, "old").as_str(), shown(&server, "user1").as_str()), (modern, all));
    let set = |server: &Server| server.run(&["account", "password", &format!("old@{DOMAIN}"), "--password-stdin"], "eraser\n");
    set(&server);
    assert_eq!(shown(&server, "old"), all);
    let user = Ended::LoggedIn(Some(format!("old@{DOMAIN}")));
    assert_eq!(cram_md5(&mut Client::connect(server.ximss()), "old", "eraser").unwrap_err(), user);

    server.stop();
    switch(&server, false);
    server.start();
    assert_eq!(shown(&server, "old"), all, "what was kept is kept");
    assert_eq!(features(&mut Client::connect(server.ximss())), (["SCRAM-SHA-256", "PLAIN", "LOGIN"].map(str::to_owned).to_vec(), None));
    let unsupported = Ended::Refused(Some("operation is not supported by this server".to_owned()));
    for way in [cram_md5, digest_md5] {
        assert_eq!(way(&mut Client::connect(server.ximss()), "old", "eraser").unwrap_err(), unsupported);
    }
    set(&server);
    assert_eq!(shown(&server, "old"), modern, "and goes with the next password");
}

#[test]
fn a_nonce_is_good_once_and_where_it_was_given() {
    let server = legacy_server();
    let given = |client: &mut Client| features(client).1.unwrap();
    let log_in = |client: &mut Client, nonce: &str| {
        let answer = STANDARD.encode(format!("user1 {}", hmac_md5("pencil", nonce.as_bytes())));
        step(client, "login", &[("nonce", nonce), ("authData", &answer)])
    };
    let stale = Err(Ended::Refused(Some("nonce is not valid any more".to_owned())));
    let (mut one, mut two, mut secure) =
        (Client::connect(server.ximss()), Client::connect(server.ximss()), Client::connect_tls(server.ximss_tls()));
    let nonce = given(&mut one);
    assert_eq!(log_in(&mut secure, &nonce), stale, "another listener");
    assert_eq!(log_in(&mut two, &nonce).unwrap().name, "session", "another connection may use it");
    assert_eq!(log_in(&mut one, &nonce), stale);
    let nonce = given(&mut secure);
    assert_eq!(log_in(&mut secure, &nonce).unwrap().name, "session");
}

/// As clients do it that speak HTTP only: the features by one request, the login by the next, in both spellings.
#[test]
fn nonce_login_over_http() {
    let server = legacy_server();
    let ask = |headers: &[(&str, &str)], body: &str| {
        let answer = http::request(server.http(), "POST", "/XIMSSLogin/", headers, body.as_bytes());
        assert_eq!(answer.status, 200);
        support::ximss::parse(&answer.body)
    };
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let escaped = |base64: &str| base64.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    for bare in [false, true] {
        let said = ask(&[("Content-Type", "text/xml")], "<XIMSS><listFeatures id=\"1\"/></XIMSS>");
        let nonce = said.first("features").and_then(|features| features.first("nonce")).unwrap().body();
        let digits = hmac_md5("pencil", nonce.as_bytes());
        let answer = STANDARD.encode(if bare { digits } else { format!("user1 {digits}") });
        let body = format!("errorAsXML=1&userName=user1&nonce={nonce}&authData={}", escaped(&answer));
        assert_eq!(ask(&form, &body).elements().next().unwrap().name, "session", "{bare}");
        let again = ask(&form, &body);
        assert_eq!(again.first("response").unwrap().get("errorText"), Some("nonce is not valid any more"));
    }
}
