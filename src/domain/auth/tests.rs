//! Verifying, admitting and recovering.

use super::conversation::{Conversation, Step};
use super::*;
use crate::domain::accounts::{NewAccount, create_with_password, ensure_main_domain, remove, set_password, set_settings};
use crate::domain::recovery::recover;
use crate::format::sasl::{Mechanism, hex, verifiers::scram_sha256};
use crate::model::ids::{AccountId, Uid};
use crate::model::limits::Limits;
use crate::model::names::MailboxName;
use crate::store::{Store, blobs, ledger, mailboxes, queue};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use std::future::Future;
use std::ops::ControlFlow;

const ALICE: &str = "alice@example.test";

/// Runs a scene in a house where Alice's password is `secret`; three failed logins are borne.
fn scene<F: Future<Output = ()>>(play: impl FnOnce(Arc<House>, AccountId) -> F) {
    scene_with(|settings| settings, play);
}

/// The same with other settings, which hold when the password is set.
pub(super) fn scene_with<F: Future<Output = ()>>(change: impl FnOnce(Settings) -> Settings, play: impl FnOnce(Arc<House>, AccountId) -> F) {
    actix::System::new().block_on(async {
        let settings = Settings {
            domain: "example.test".parse().unwrap(),
            clear_text: ClearText::Loopback,
            legacy_mechanisms: false,
            signup: false,
            limits: Limits { failed_logins: 3, ..Limits::default() },
            data: "/nonexistent".into(),
        };
        let house = Arc::new(House::new(change(settings), Store::in_memory()).unwrap());
        ensure_main_domain(&house.store, &"example.test".parse().unwrap()).await.unwrap();
        let id = make(&house, ALICE, Some("bob@example.test")).await;
        play(house, id).await;
    });
}

async fn make(house: &House, name: &str, recovery: Option<&str>) -> AccountId {
    let new = NewAccount { recovery: recovery.map(|to| to.parse().unwrap()), ..NewAccount::named(name.parse().unwrap()) };
    create_with_password(&house.store, &house.keys, new, Zeroizing::new("secret".into()), house.settings().legacy_mechanisms).await.unwrap()
}

/// HMAC-MD5 as RFC 2104 defines it.
pub(super) fn hmac_md5(password: &str, data: &[u8]) -> Vec<u8> {
    use md5::{Digest, Md5};
    let mut key = if password.len() > 64 { Md5::digest(password).to_vec() } else { password.as_bytes().to_vec() };
    key.resize(64, 0);
    let padded = |padding: u8| key.iter().map(|byte| byte ^ padding).collect::<Vec<u8>>();
    let inner = Md5::digest([padded(0x36).as_slice(), data].concat());
    Md5::digest([padded(0x5c).as_slice(), inner.as_slice()].concat()).to_vec()
}

fn claim(name: &str, from: &str) -> Claim {
    Claim { name: name.into(), domain: "example.test".parse().unwrap(), from: from.parse().unwrap() }
}

async fn login(house: &Arc<House>, name: &str, password: &str, from: &str) -> Outcome<Verified> {
    verify_password(house, &claim(name, from), Zeroizing::new(password.into()), Use::Login).await
}

#[test]
fn a_wrong_name_and_a_wrong_password_are_the_same() {
    scene(|house, id| async move {
        assert_eq!(login(&house, "alice", "secret", "192.0.2.1").await.unwrap().caller.account, id);
        assert_eq!(login(&house, " Alice@Example.TEST", "secret", "192.0.2.1").await.unwrap().caller.account, id);
        for (name, password) in
            [("alice", "Secret"), ("nobody", "secret"), ("no body", "secret"), ("alice@elsewhere.test", "secret"), ("", "")]
        {
            let from = format!("192.0.2.{}", 10 + name.len());
            let start = Instant::now();
            assert_eq!(login(&house, name, password, &from).await.unwrap_err(), Fault::wrong_password(), "{name:?}");
            assert!(start.elapsed() >= Duration::from_millis(200), "it takes its time");
        }
        let activity = house.store.read(move |tx| accounts::activity(tx, id)).await.unwrap();
        assert_eq!(activity.failed.unwrap().from, "192.0.2.15");
        assert!(activity.login.is_none(), "verifying is no login yet");
    });
}

#[test]
fn too_many_failures_are_refused_even_with_the_right_password() {
    scene(|house, _| async move {
        let wrong = (0..3).map(|n| {
            let house = house.clone();
            async move { login(&house, "alice", "wrong", &format!("192.0.2.{n}")).await }
        });
        // All at once: a crowd gains nothing.
        for outcome in futures_util::future::join_all(wrong).await {
            assert_eq!(outcome.unwrap_err(), Fault::wrong_password());
        }
        assert_eq!(login(&house, "alice", "secret", "192.0.2.99").await.unwrap_err(), Fault::too_many_attempts());
        make(&house, "bob@example.test", None).await;
        assert!(login(&house, "bob", "secret", "192.0.2.99").await.is_ok());
    });
    scene(|house, id| async move {
        let flow = [("FailedLoginFlow".to_owned(), "1,1m".to_owned())];
        house.store.write(move |tx| set_settings(tx, id, &flow)).await.unwrap();
        assert_eq!(login(&house, "alice", "wrong", "192.0.2.1").await.unwrap_err(), Fault::wrong_password());
        assert_eq!(login(&house, "alice", "secret", "192.0.2.1").await.unwrap_err(), Fault::too_many_attempts());
    });
}

async fn until(it_is_so: impl Fn() -> bool) {
    while !it_is_so() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[test]
fn a_flood_of_guesses_does_not_hold_up_who_logs_in_from_home() {
    scene(|house, id| async move {
        // To become known.
        assert_eq!(login(&house, "alice", "secret", "192.0.2.1").await.unwrap().caller.account, id);
        let elsewhere = |from: &str| {
            let (turns, from) = (house.turns.clone(), from.parse::<IpAddr>().unwrap());
            async move { turns.take(from.into(), 0, Duration::from_secs(60)).await }
        };
        // Nobody has a turn until all have queued; and one who came before the flood stands between the honest and it.
        let (held, next) = (elsewhere("203.0.113.1").await.unwrap(), actix::spawn(elsewhere("203.0.113.2")));
        until(|| house.turns.waiting() == 1).await;
        let strangers: Vec<String> = (0..40).map(|n| format!("198.51.100.{n}")).collect();
        let guess = |from: &String| {
            let (house, from) = (house.clone(), from.clone());
            actix::spawn(async move { login(&house, &format!("victim-{from}"), "guess", &from).await })
        };
        let flood: Vec<_> = strangers.iter().map(guess).collect();
        until(|| house.turns.waiting() == 41).await;
        let honest = {
            let house = house.clone();
            actix::spawn(async move { login(&house, "alice", "secret", "192.0.2.1").await })
        };
        until(|| house.turns.waiting() == 42).await;
        let counted = || {
            let gauge = |from: &String| Throttle::address(Purpose::Login, from.parse().unwrap(), Flow::per_minute(3));
            strangers.iter().map(|from| house.throttle.failures(&gauge(from), Instant::now())).sum::<u32>()
        };
        drop(held);
        assert_eq!(honest.await.unwrap().unwrap().caller.account, id);
        let next = next.await.unwrap().unwrap();
        assert_eq!(counted(), 0, "guesses that were looked at first");
        drop(next);
        for outcome in futures_util::future::join_all(flood).await {
            assert_eq!(outcome.unwrap(), Err(Fault::wrong_password()));
        }
        assert_eq!(counted(), 40, "all have had their turn");
    });
}

#[test]
fn a_login_is_noted_and_needs_the_service() {
    scene(|house, id| async move {
        let from: IpAddr = "192.0.2.1".parse().unwrap();
        let verified = login(&house, "alice", "secret", "192.0.2.1").await.unwrap();
        let admitted = admit(&house, verified.clone(), from, "XIMSS").await.unwrap();
        assert_eq!((admitted.previous, admitted.record.address.to_string().as_str()), (None, ALICE));
        let admitted = admit(&house, verified.clone(), "192.0.2.2".parse().unwrap(), "XIMSS").await.unwrap();
        assert_eq!(admitted.previous.unwrap().from, "192.0.2.1");
        let only_mail = [("AccessModes".to_owned(), "Mail,IMAP".to_owned())];
        house.store.write(move |tx| set_settings(tx, id, &only_mail)).await.unwrap();
        assert_eq!(admit(&house, verified, from, "XIMSS").await.unwrap_err(), Fault::not_allowed());
    });
}

#[test]
fn what_happens_between_verifying_and_admitting_counts() {
    scene(|house, id| async move {
        let from: IpAddr = "192.0.2.1".parse().unwrap();
        let verified = login(&house, "alice", "secret", "192.0.2.1").await.unwrap();
        set_password(&house.store, &house.keys, &ALICE.parse().unwrap(), Zeroizing::new("other".into()), false).await.unwrap();
        assert_eq!(admit(&house, verified, from, "XIMSS").await.unwrap_err(), Fault::wrong_password());
        let verified = login(&house, "alice", "other", "192.0.2.1").await.unwrap();
        house.store.write(move |tx| remove(tx, id)).await.unwrap();
        assert_eq!(admit(&house, verified, from, "XIMSS").await.unwrap_err(), Fault::wrong_password());
    });
}

fn hmac(key: &[u8], data: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(data);
    mac.finalize().into_bytes().to_vec()
}

/// What a client answers to the challenge of SCRAM-SHA-256.
fn proof(bare: &str, challenge: &str, password: &str) -> String {
    let field = |key: &str| challenge.split(',').find_map(|part| part.strip_prefix(key)).unwrap();
    let (salt, iterations): (_, u32) = (STANDARD.decode(field("s=")).unwrap(), field("i=").parse().unwrap());
    let mut salted = [0u8; 32];
    pbkdf2::pbkdf2_hmac::<Sha256>(password.as_bytes(), &salt, iterations, &mut salted);
    assert_eq!(scram_sha256(password, salt, iterations).server_key.to_vec(), hmac(&salted, b"Server Key"));
    let client_key = hmac(&salted, b"Client Key");
    let without_proof = format!("c=biws,r={}", field("r="));
    let signature = hmac(&Sha256::digest(&client_key), format!("{bare},{challenge},{without_proof}").as_bytes());
    let proof: Vec<u8> = client_key.iter().zip(signature).map(|(key, signature)| key ^ signature).collect();
    format!("{without_proof},p={}", STANDARD.encode(proof))
}

async fn say(house: &Arc<House>, conversation: Conversation, message: &str) -> Outcome<Step> {
    conversation.take(house, Some(message.as_bytes())).await
}

fn challenge(step: Step) -> (Conversation, String) {
    match step {
        Step::Challenge(conversation, challenge) => (*conversation, String::from_utf8(challenge).unwrap()),
        Step::Verified(_) => panic!("a challenge is expected"),
    }
}

async fn scram(house: &Arc<House>, name: &str, password: &str) -> Outcome<Verified> {
    let from = format!("192.0.2.{}", name.len()).parse().unwrap();
    let begun = Conversation::begin(Mechanism::ScramSha256, "example.test".parse().unwrap(), from);
    let (begun, nothing) = challenge(begun.take(house, None).await?);
    assert_eq!(nothing, "");
    let bare = format!("n={name},r=fyko+d2lbbFgONRv9qkxdawL");
    let (proving, asked) = challenge(say(house, begun, &format!("n,,{bare}")).await?);
    assert!(asked.starts_with("r=fyko+d2lbbFgONRv9qkxdawL") && asked.contains(",i=16384"), "{asked}");
    let (proved, server) = challenge(say(house, proving, &proof(&bare, &asked, password)).await?);
    assert!(server.starts_with("v="), "{server}");
    match say(house, proved, "").await? {
        Step::Verified(verified) => Ok(verified),
        Step::Challenge(..) => panic!("it has ended"),
    }
}

#[test]
fn scram_leads_everybody_through_the_same_steps() {
    scene(|house, id| async move {
        assert_eq!(scram(&house, "alice", "secret").await.unwrap().caller.account, id);
        for (name, password) in [("alice", "wrong"), ("nobody", "secret"), ("a=2Cb", "secret")] {
            assert_eq!(scram(&house, name, password).await.unwrap_err(), Fault::wrong_password(), "{name}");
        }
        let failed = house.store.read(move |tx| accounts::activity(tx, id)).await.unwrap().failed;
        assert_eq!(failed.unwrap().from, "192.0.2.5");
        let begun = || Conversation::begin(Mechanism::ScramSha256, "example.test".parse().unwrap(), "192.0.2.77".parse().unwrap());
        let salt = |asked: &str| asked.split(",s=").nth(1).unwrap().to_owned();
        let first = challenge(say(&house, begun(), "n,,n=nobody,r=x").await.unwrap()).1;
        let again = challenge(say(&house, begun(), "n,,n=nobody,r=x").await.unwrap()).1;
        assert!(first != again && salt(&first) == salt(&again), "{first} {again}");
        assert_eq!(say(&house, begun(), "rubbish").await.unwrap_err().number, 500);
    });
}

#[test]
fn plain_and_login_show_the_password() {
    scene(|house, id| async move {
        let begun = |mechanism| Conversation::begin(mechanism, "example.test".parse().unwrap(), "192.0.2.1".parse().unwrap());
        let verified = |step| match step {
            Step::Verified(Verified { caller, .. }) => caller.account,
            Step::Challenge(..) => panic!("it has ended"),
        };
        let (plain, nothing) = challenge(begun(Mechanism::Plain).take(&house, None).await.unwrap());
        assert_eq!(nothing, "");
        assert_eq!(verified(say(&house, plain, "\0alice\0secret").await.unwrap()), id);
        assert_eq!(verified(say(&house, begun(Mechanism::Plain), "\0alice\0secret").await.unwrap()), id);
        assert_eq!(say(&house, begun(Mechanism::Plain), "\0alice\0wrong").await.unwrap_err(), Fault::wrong_password());
        let (login, asked) = challenge(begun(Mechanism::Login).take(&house, None).await.unwrap());
        assert_eq!(asked, "Username:");
        let (login, asked) = challenge(say(&house, login, "alice").await.unwrap());
        assert_eq!(asked, "Password:");
        assert_eq!(verified(say(&house, login, "secret").await.unwrap()), id);
        let (login, asked) = challenge(say(&house, begun(Mechanism::Login), "alice").await.unwrap());
        assert_eq!(asked, "Password:");
        assert_eq!(verified(say(&house, login, "secret").await.unwrap()), id);
    });
}

async fn cram_md5(house: &Arc<House>, name: &str, password: &str) -> Outcome<Verified> {
    let from = format!("192.0.2.{}", name.len()).parse().unwrap();
    let begun = Conversation::begin(Mechanism::CramMd5, "example.test".parse().unwrap(), from);
    let (begun, asked) = challenge(begun.take(house, None).await?);
    assert!(asked.starts_with('<') && asked.ends_with("@example.test>"), "{asked}");
    match say(house, begun, &format!("{name} {}", hex(&hmac_md5(password, asked.as_bytes())))).await? {
        Step::Verified(verified) => Ok(verified),
        Step::Challenge(..) => panic!("it has ended"),
    }
}

/// What a client answers to a challenge of DIGEST-MD5, and what the server must say then.
fn digest_answer(asked: &str, name: &str, realm: &str, password: &str) -> (String, String) {
    use md5::{Digest, Md5};
    let nonce = asked.split("nonce=\"").nth(1).unwrap().split('"').next().unwrap();
    let hash = |text: &[u8]| hex(&Md5::digest(text));
    let mut a1 = Md5::digest(format!("{name}:{realm}:{password}")).to_vec();
    a1.extend(format!(":{nonce}:OA6MHXh6VqTrRk").bytes());
    let response = |method: &str| {
        let a2 = hash(format!("{method}:ximss/example.test").as_bytes());
        hash(format!("{}:{nonce}:00000001:OA6MHXh6VqTrRk:auth:{a2}", hash(&a1)).as_bytes())
    };
    let answer = format!(
        r#"charset=utf-8,username="{name}",realm="{realm}",nonce="{nonce}",nc=00000001,cnonce="OA6MHXh6VqTrRk",digest-uri="ximss/example.test",response={},qop=auth"#,
        response("AUTHENTICATE")
    );
    (answer, format!("rspauth={}", response("")))
}

async fn digest_md5(house: &Arc<House>, name: &str, realm: &str, password: &str) -> Outcome<Verified> {
    let from = format!("192.0.2.{}", name.len()).parse().unwrap();
    let begun = Conversation::begin(Mechanism::DigestMd5, "example.test".parse().unwrap(), from);
    let (begun, asked) = challenge(begun.take(house, Some(b"")).await?);
    assert!(asked.starts_with(r#"realm="example.test",nonce=""#), "{asked}");
    let (answer, proof) = digest_answer(&asked, name, realm, password);
    let (proved, server) = challenge(say(house, begun, &answer).await?);
    assert_eq!(server, proof);
    match say(house, proved, "").await? {
        Step::Verified(verified) => Ok(verified),
        Step::Challenge(..) => panic!("it has ended"),
    }
}

fn legacy(settings: Settings) -> Settings {
    Settings { legacy_mechanisms: true, ..settings }
}

#[test]
fn methods_are_those_that_the_verifiers_serve() {
    assert!(methods(&CredentialRecord::default()).is_empty());
    let of = |legacy| methods(&verifiers::derive("secret", &ALICE.parse().unwrap(), legacy, Timestamp(0)).unwrap());
    assert_eq!(of(false), ["clear text", "SCRAM-SHA-256", "PLAIN", "LOGIN"]);
    assert_eq!(of(true), ["clear text", "SCRAM-SHA-256", "DIGEST-MD5", "CRAM-MD5", "PLAIN", "LOGIN", "nonce"]);
}

#[test]
fn legacy_mechanisms_prove_the_password() {
    scene_with(legacy, |house, id| async move {
        for name in ["alice", "Alice@Example.TEST"] {
            assert_eq!(cram_md5(&house, name, "secret").await.unwrap().caller.account, id, "{name}");
        }
        for name in ["alice", ALICE] {
            assert_eq!(digest_md5(&house, name, "example.test", "secret").await.unwrap().caller.account, id, "{name}");
        }
        // Mechanisms that the server begins.
        for mechanism in [Mechanism::CramMd5, Mechanism::DigestMd5] {
            let begun = Conversation::begin(mechanism, "example.test".parse().unwrap(), "192.0.2.1".parse().unwrap());
            assert_eq!(say(&house, begun, "alice 00").await.unwrap_err().number, 500);
        }
    });
}

#[test]
fn legacy_mechanisms_refuse_everybody_else_alike() {
    scene_with(legacy, |house, _| async move {
        house.reload(Settings { legacy_mechanisms: false, ..(*house.settings()).clone() });
        make(&house, "old@example.test", None).await;
        let wrong = Fault::wrong_password();
        for (name, password) in [("alice", "wrong"), ("nobody", "secret"), ("old", "secret"), ("no one here", "")] {
            assert_eq!(cram_md5(&house, name, password).await.unwrap_err(), wrong, "{name}");
            assert_eq!(digest_md5(&house, name, "example.test", password).await.unwrap_err(), wrong, "{name}");
        }
        assert_eq!(digest_md5(&house, "alice@", "elsewhere.test", "secret").await.unwrap_err(), wrong);
    });
}

#[test]
fn a_realm_is_the_domain_of_a_name_without_one() {
    scene_with(legacy, |house, _| async move {
        ensure_main_domain(&house.store, &"other.test".parse().unwrap()).await.unwrap();
        let there = make(&house, "bob@other.test", None).await;
        assert_eq!(digest_md5(&house, "bob", "other.test", "secret").await.unwrap().caller.account, there);
        assert_eq!(digest_md5(&house, "bob@other.test", "other.test", "secret").await.unwrap().caller.account, there);
        assert!(digest_md5(&house, "bob", "example.test", "secret").await.is_err());
    });
}

/// The messages of an INBOX.
async fn inbox(house: &House, of: AccountId) -> Vec<String> {
    let look = move |tx: &dyn Read| {
        let inbox = mailboxes::find(tx, of, &MailboxName::inbox())?.unwrap();
        let mut blobs_of = Vec::new();
        ledger::visit(tx, inbox.id, Uid(0), &mut |row| {
            blobs_of.push(row.blob);
            Ok(ControlFlow::Continue(()))
        })?;
        blobs_of.into_iter().map(|blob| Ok(String::from_utf8(blobs::whole(tx, blob)?).unwrap())).collect()
    };
    house.store.read(look).await.unwrap()
}

#[test]
fn a_code_opens_one_session_and_changes_one_password() {
    scene(|house, id| async move {
        let bob = make(&house, "bob@example.test", None).await;
        recover(&house, ALICE.parse().unwrap()).await.unwrap();
        recover(&house, ALICE.parse().unwrap()).await.unwrap();
        recover(&house, "nobody@example.test".parse().unwrap()).await.unwrap();
        recover(&house, "bob@example.test".parse().unwrap()).await.unwrap();
        let letters = inbox(&house, bob).await;
        assert_eq!(letters.len(), 2, "a welcome and one code: another has to wait");
        let code = letters[1].lines().map(str::trim).find(|line| line.len() == 19 && line.matches('-').count() == 3).unwrap().to_owned();
        let stored = house.store.read(move |tx| accounts::credential(tx, id)).await.unwrap().unwrap();
        assert!(!format!("{stored:?}").contains(&code));

        let from: IpAddr = "192.0.2.1".parse().unwrap();
        let (one, two) =
            (login(&house, "alice", &code, "192.0.2.1").await.unwrap(), login(&house, "alice", &code, "192.0.2.1").await.unwrap());
        assert!(admit(&house, one, from, "XIMSS").await.is_ok());
        assert_eq!(admit(&house, two, from, "XIMSS").await.unwrap_err(), Fault::wrong_password(), "of two, one gets in");
        assert_eq!(login(&house, "alice", &code, "192.0.2.1").await.unwrap_err(), Fault::wrong_password());
        assert!(login(&house, "alice", "secret", "192.0.2.1").await.is_ok(), "the password is as good as before");

        let given = Zeroizing::new(code.to_uppercase());
        let verified = verify_password(&house, &claim(ALICE, "192.0.2.2"), given.clone(), Use::Change).await.unwrap();
        let confirm = move |tx: &WriteTx| verified.confirm(tx, Use::Change, Timestamp::now()).map(drop);
        house.store.write(confirm.clone()).await.unwrap();
        assert_eq!(house.store.write(confirm).await.unwrap_err(), Fault::wrong_password());
        assert!(verify_password(&house, &claim(ALICE, "192.0.2.2"), given, Use::Change).await.is_err());
    });
}

#[test]
fn codes_for_elsewhere_are_queued_and_an_account_may_have_none() {
    scene(|house, _| async move {
        let carol = make(&house, "carol@example.test", Some("carol@elsewhere.test")).await;
        let none = [("PasswordRecovery".to_owned(), "NO".to_owned())];
        house.store.write(move |tx| set_settings(tx, carol, &none)).await.unwrap();
        let waiting = || house.store.read(|tx| Ok(queue::first(tx)?.map(|(_, _, record)| record.recipients)));
        recover(&house, "carol@example.test".parse().unwrap()).await.unwrap();
        assert_eq!(waiting().await.unwrap(), None);
        let again = [("PasswordRecovery".to_owned(), String::new())];
        house.store.write(move |tx| set_settings(tx, carol, &again)).await.unwrap();
        recover(&house, "carol@example.test".parse().unwrap()).await.unwrap();
        assert_eq!(waiting().await.unwrap(), Some(vec!["carol@elsewhere.test".parse().unwrap()]));
        assert_eq!(inbox(&house, carol).await.len(), 1, "the welcome");
    });
}

#[test]
fn clear_text_is_taken_where_it_is_safe() {
    let settings = |clear_text| Settings {
        domain: "example.test".parse().unwrap(),
        clear_text,
        legacy_mechanisms: false,
        signup: false,
        limits: Limits::default(),
        data: "/nonexistent".into(),
    };
    let takes = |clear_text, secure, from: &str| takes_clear_text(&settings(clear_text), secure, from.parse().unwrap());
    assert!(takes(ClearText::Never, true, "192.0.2.1") && !takes(ClearText::Never, false, "127.0.0.1"));
    assert!(takes(ClearText::Loopback, false, "::1") && takes(ClearText::Loopback, false, "::ffff:127.0.0.1"));
    assert!(!takes(ClearText::Loopback, false, "192.0.2.1") && takes(ClearText::Always, false, "192.0.2.1"));
}
