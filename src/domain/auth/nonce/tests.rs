//! Nonces: once, in time, in their place; both spellings and both readings.

use super::*;
use crate::domain::accounts::{NewAccount, create_with_password, ensure_main_domain};
use crate::domain::auth::tests::{hmac_md5, scene_with};
use crate::domain::house::Settings;

fn place(domain: &str, port: u16) -> Place {
    Place { domain: domain.parse().unwrap(), port }
}

fn here() -> Place {
    place("example.test", 8100)
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

#[test]
fn a_nonce_is_good_once_and_for_five_minutes() {
    let (nonces, start) = (Nonces::new().unwrap(), Instant::now());
    let text = nonces.make(&here(), start).unwrap();
    assert!(text.len() % 4 == 0 && text.bytes().all(|byte| byte.is_ascii_hexdigit()), "{text}");
    assert_ne!(text, nonces.make(&here(), start).unwrap());
    let nonce = nonces.read(&text, &[here()], start + seconds(298)).unwrap();
    assert_eq!(nonces.read(&text, &[here()], start + seconds(301)), None);
    assert!(nonces.is_fresh(&nonce, start) && nonces.is_fresh(&nonce, start), "looking is no use");
    assert!(nonces.spend(&nonce, start + seconds(298)));
    assert!(!nonces.spend(&nonce, start + seconds(298)) && !nonces.is_fresh(&nonce, start + seconds(298)));
}

#[test]
fn a_nonce_is_of_its_place_and_of_this_server() {
    let (nonces, now) = (Nonces::new().unwrap(), Instant::now());
    let text = nonces.make(&here(), now).unwrap();
    assert!(nonces.read(&text, &[place("other.test", 8100), here()], now).is_some());
    assert_eq!(nonces.read(&text, &[place("other.test", 8100)], now), None);
    assert_eq!(nonces.read(&text, &[place("example.test", 9100)], now), None);
    assert_eq!(nonces.read(&text, &[], now), None);
    assert_eq!(Nonces::new().unwrap().read(&text, &[here()], now), None);
    for at in 0..text.len() {
        let mut changed = text.clone().into_bytes();
        changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
        assert_eq!(nonces.read(std::str::from_utf8(&changed).unwrap(), &[here()], now), None, "{at}");
    }
    for bad in ["", "00", "nonce", &text[2..], &format!("{text}00")] {
        assert_eq!(nonces.read(bad, &[here()], now), None, "{bad}");
    }
}

#[test]
fn memory_is_bounded_and_no_used_nonce_is_ever_good_again() {
    let (nonces, start) = (Nonces::new().unwrap(), Instant::now());
    let nonce = |number: usize, expires: u64| {
        let mut mark: Mark = [0; 12];
        mark[..8].copy_from_slice(&(number as u64).to_be_bytes());
        Nonce { mark, expires: nonces.seconds(start) + expires }
    };
    for number in 0..MOST {
        assert!(nonces.spend(&nonce(number, 100), start), "{number}");
    }
    assert!(!nonces.spend(&nonce(MOST, 300), start), "it is full");
    assert!((0..MOST).all(|number| !nonces.spend(&nonce(number, 100), start + seconds(99))));
    assert_eq!(nonces.with(|used| used.len()), MOST);
    assert!(nonces.spend(&nonce(MOST, 300), start + seconds(100)), "those that have expired are forgotten");
    assert_eq!(nonces.with(|used| used.len()), 1);
}

/// Nonce login as a client does it. `decodes`: it takes the nonce for base64. `bare`: it sends the digits alone.
fn shown(nonce: &str, name: &str, password: &str, (decodes, bare): (bool, bool)) -> Shown {
    let challenge = if decodes { BASE64.decode(nonce).unwrap() } else { nonce.as_bytes().to_vec() };
    let digits = hex(&hmac_md5(password, &challenge));
    let answer = if bare { digits } else { format!("{name} {digits}") };
    Shown { nonce: nonce.into(), auth_data: BASE64.encode(answer), user_name: bare.then(|| name.to_owned()) }
}

fn legacy(settings: Settings) -> Settings {
    Settings { legacy_mechanisms: true, ..settings }
}

#[test]
fn all_spellings_and_readings_log_in() {
    scene_with(legacy, |house, id| async move {
        for how in [(false, false), (false, true), (true, false), (true, true)] {
            let nonce = offer(&house, &here()).unwrap().unwrap();
            let shown = shown(&nonce, "Alice", "secret", how);
            let from = "192.0.2.1".parse().unwrap();
            assert_eq!(verify(&house, &shown, &here(), from).await.unwrap().caller.account, id, "{how:?}");
            let again = verify(&house, &shown, &here(), from).await.unwrap_err();
            assert_eq!((again.number, again.text.as_ref()), (515, "nonce is not valid any more"));
        }
    });
}

#[test]
fn what_is_wrong_is_refused_like_a_wrong_password_and_uses_the_nonce_up() {
    scene_with(legacy, |house, id| async move {
        let old = NewAccount::named("old@example.test".parse().unwrap());
        create_with_password(&house.store, &house.keys, old, zeroize::Zeroizing::new("secret".into()), false).await.unwrap();
        for (n, (name, password)) in [("alice", "Secret"), ("nobody", "secret"), ("old", "secret"), ("no body", "")].into_iter().enumerate()
        {
            let nonce = offer(&house, &here()).unwrap().unwrap();
            let from = format!("192.0.2.{n}").parse().unwrap();
            let refused = verify(&house, &shown(&nonce, name, password, (false, false)), &here(), from).await.unwrap_err();
            assert_eq!(refused, Fault::wrong_password(), "{name}");
            let right = shown(&nonce, "alice", "secret", (false, false));
            assert_eq!(verify(&house, &right, &here(), from).await.unwrap_err().text, "nonce is not valid any more");
        }
        let failed = house.store.read(move |tx| crate::store::accounts::activity(tx, id)).await.unwrap().failed;
        assert_eq!(failed.unwrap().from, "192.0.2.0");
    });
}

#[test]
fn a_name_with_its_domain_may_use_a_nonce_of_that_domain() {
    scene_with(legacy, |house, _| async move {
        ensure_main_domain(&house.store, &"other.test".parse().unwrap()).await.unwrap();
        let other = NewAccount::named("alice@other.test".parse().unwrap());
        create_with_password(&house.store, &house.keys, other, zeroize::Zeroizing::new("other".into()), true).await.unwrap();
        let from = "192.0.2.1".parse().unwrap();
        for given in ["example.test", "other.test"] {
            let nonce = offer(&house, &place(given, 8100)).unwrap().unwrap();
            let shown = shown(&nonce, "alice@other.test", "other", (false, false));
            assert!(verify(&house, &shown, &here(), from).await.is_ok(), "{given}");
        }
        let nonce = offer(&house, &place("third.test", 8100)).unwrap().unwrap();
        let shown = shown(&nonce, "alice@other.test", "other", (false, false));
        assert_eq!(verify(&house, &shown, &here(), from).await.unwrap_err().number, 515);
    });
}

#[test]
fn what_cannot_be_read_is_said_to_be_so() {
    scene_with(legacy, |house, _| async move {
        let nonce = offer(&house, &here()).unwrap().unwrap();
        let right = shown(&nonce, "alice", "secret", (false, true));
        let refused = |shown: Shown| {
            let house = house.clone();
            async move { verify(&house, &shown, &here(), "192.0.2.1".parse().unwrap()).await.unwrap_err().text }
        };
        assert_eq!(refused(Shown { user_name: None, ..right.clone() }).await, "required attribute is missing: userName");
        for bad in ["", "***", "YWxpY2U=", "YWxpY2UgYWJj"] {
            let text = refused(Shown { auth_data: bad.into(), ..right.clone() }).await;
            assert_eq!(text, "attribute value is incorrect: authData", "{bad}");
        }
        assert!(verify(&house, &right, &here(), "192.0.2.1".parse().unwrap()).await.is_ok(), "the nonce is as good as before");
    });
    scene_with(
        |settings| settings,
        |house, _| async move {
            assert_eq!(offer(&house, &here()).unwrap(), None);
            let shown = shown(&house.nonces.make(&here(), Instant::now()).unwrap(), "alice", "secret", (false, false));
            assert_eq!(verify(&house, &shown, &here(), "192.0.2.1".parse().unwrap()).await.unwrap_err(), Fault::unsupported());
        },
    );
}
