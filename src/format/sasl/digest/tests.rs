//! DIGEST-MD5 by the example of its specification, and by what clients make of it.

use super::*;
use proptest::prelude::*;

const NONCE: &str = "OA6MG9tEQGm2hh";
const ANSWER: &str = r#"charset=utf-8,username="chris",realm="elwood.innosoft.com",nonce="OA6MG9tEQGm2hh",nc=00000001,cnonce="OA6MHXh6VqTrRk",digest-uri="imap/elwood.innosoft.com",response=d388dad90d4bbd760a152321f2143af7,qop=auth"#;

fn exchange() -> Exchange {
    Exchange::begin("elwood.innosoft.com", NONCE.into()).0
}

fn read(answer: &str) -> Result<Answer, Malformed> {
    exchange().read(answer.as_bytes())
}

fn ha1(text: &str) -> [u8; 16] {
    Md5::digest(text).into()
}

#[test]
fn the_example_of_rfc_2831() {
    let challenge = Exchange::begin("elwood.innosoft.com", NONCE.into()).1;
    assert_eq!(challenge, r#"realm="elwood.innosoft.com",nonce="OA6MG9tEQGm2hh",qop="auth",charset=utf-8,algorithm=md5-sess"#);
    let answer = read(ANSWER).unwrap();
    assert_eq!((answer.name.as_str(), answer.realm.as_deref()), ("chris", Some("elwood.innosoft.com")));
    let (wrong, right) = (ha1("chris:elwood.innosoft.com:Secret"), ha1("chris:elwood.innosoft.com:secret"));
    let proof = Some("rspauth=ea40f60335c427b5527b84dbabcdfffd".to_owned());
    assert_eq!(answer.check([right].iter()), proof);
    assert_eq!(answer.check([wrong, right, NOBODY].iter()), proof, "whichever fits");
    assert_eq!(answer.check([wrong].iter()), None);
    assert_eq!(answer.check([].iter()), None);
}

#[test]
fn an_answer_to_another_challenge_is_wrong() {
    let other = Exchange::begin("elwood.innosoft.com", "OA6MG9tEQGm2hX".into()).0;
    let answer = other.read(ANSWER.as_bytes()).unwrap();
    assert_eq!(answer.check([ha1("chris:elwood.innosoft.com:secret")].iter()), None);
    let all_changed = other.read(ANSWER.replace(NONCE, "OA6MG9tEQGm2hX").as_bytes()).unwrap();
    assert_eq!(all_changed.check([ha1("chris:elwood.innosoft.com:secret")].iter()), None);
}

#[test]
fn the_name_acted_for_is_part_of_the_proof() {
    let with = |name: &str| read(&format!("{ANSWER},authzid=\"{name}\""));
    let answer = with("chris").unwrap();
    assert_eq!(answer.check([ha1("chris:elwood.innosoft.com:secret")].iter()), None, "it was computed without");
    assert_eq!(with("root"), Err(Malformed));
}

#[test]
fn answers_are_read_as_clients_write_them() {
    let spaced = ANSWER.replace(',', " ,\r\n  ,").replace("username", "UserName").replace('=', " = ");
    assert_eq!(read(&spaced), read(ANSWER));
    let unquoted = ANSWER.replace("\"imap/elwood.innosoft.com\"", "imap/elwood.innosoft.com");
    assert_eq!(read(&unquoted), read(ANSWER));
    assert_eq!(read(&ANSWER.replace("chris", "ch\\\"ri\\\\s")).unwrap().name, "ch\"ri\\s");
    assert_eq!(read(&ANSWER.replace(r#"realm="elwood.innosoft.com","#, "")).unwrap().realm, None);
    assert_eq!(read(&ANSWER.replace(",qop=auth", "")), read(ANSWER), "it is the default");
    let latin1: Vec<u8> = ANSWER.replace("chris", "chr\u{ee}s").chars().map(|c| c as u8).collect();
    assert_eq!(exchange().read(&latin1).unwrap().name, "chr\u{ee}s");
}

#[test]
fn what_is_missing_or_not_offered_is_refused() {
    for name in ["username", "nonce", "nc", "cnonce", "digest-uri", "response"] {
        assert_eq!(read(&ANSWER.replace(name, &format!("x{name}"))), Err(Malformed), "{name}");
    }
    for (from, to) in [
        ("nc=00000001", "nc=00000002"),
        ("qop=auth", "qop=auth-int"),
        ("charset=utf-8", "charset=ebcdic"),
        ("\"chris\"", "\"\""),
        ("response=d3", "response=d"),
        ("response=d3", "response=xx"),
        ("\"chris\"", "\"chris"),
        ("\"chris\",", "\"chris\" x,"),
        ("qop=auth", "qop"),
        ("qop=auth", "nc=00000001"),
        ("qop=auth", "=auth"),
    ] {
        assert_eq!(read(&ANSWER.replace(from, to)), Err(Malformed), "{to}");
    }
    assert_eq!(read(&format!("{ANSWER},x=\"{}\"", "y".repeat(LONGEST))), Err(Malformed));
}

proptest! {
    #[test]
    fn nothing_a_client_sends_makes_it_panic(message in proptest::collection::vec(any::<u8>(), 0..80)) {
        let _ = exchange().read(&message);
        let _ = exchange().read(&[ANSWER.as_bytes(), b",", &message].concat());
    }

    #[test]
    fn quoted_values_come_back(value in proptest::collection::vec(any::<u8>(), 0..40)) {
        let quoted: Vec<u8> = value.iter().flat_map(|byte| [b'\\', *byte]).collect();
        let message = [b"a = \"".as_slice(), &quoted, b"\" , b=c"].concat();
        let Ok(directives) = Directives::read(&message) else { panic!("it is well formed") };
        prop_assert_eq!(directives.get("a"), Some(value.as_slice()));
        prop_assert_eq!(directives.get("b"), Some(b"c".as_slice()));
    }
}
