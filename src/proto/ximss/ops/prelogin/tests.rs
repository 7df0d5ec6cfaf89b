//! Logging in as a client does it: requests in, messages out.

use crate::domain::accounts::{NewAccount, create_with_password, ensure_main_domain, set_password, set_settings};
use crate::domain::house::{ClearText, House, Settings};
use crate::model::limits::Limits;
use crate::proto::ximss::desk::{After, Peer, Way};
use crate::proto::ximss::outbox::Outbox;
use crate::proto::ximss::session::{Incoming, Session};
use crate::store::{Store, accounts};
use crate::xml::read::document;
use crate::xml::{Element, write::to_bytes};
use actix::Addr;
use futures_util::FutureExt;
use std::future::Future;
use std::sync::Arc;
use zeroize::Zeroizing;

fn settings() -> Settings {
    Settings {
        domain: "example.test".parse().unwrap(),
        clear_text: ClearText::Loopback,
        legacy_mechanisms: false,
        signup: false,
        limits: Limits { sessions_per_account: 2, ..Limits::default() },
        data: "/nonexistent".into(),
    }
}

/// Runs a scene in a house where Alice's password is `secret`, in the main domain and, with another name, in a second one.
fn scene<F: Future<Output = ()>>(settings: Settings, play: impl FnOnce(Arc<House>) -> F) {
    actix::System::new().block_on(async {
        let house = Arc::new(House::new(settings, Store::in_memory()).unwrap());
        for (domain, name) in [("example.test", Some("Alice A.")), ("other.test", None)] {
            ensure_main_domain(&house.store, &domain.parse().unwrap()).await.unwrap();
            let address = format!("alice@{domain}").parse().unwrap();
            let new = NewAccount { real_name: name.map(str::to_owned), ..NewAccount::named(address) };
            create_with_password(&house.store, &house.keys, new, Zeroizing::new("secret".into()), false).await.unwrap();
        }
        play(house).await;
    });
}

struct Client {
    session: Addr<Session>,
    outbox: Outbox,
}

impl Client {
    fn connect(house: &Arc<House>, from: &str, secure: bool) -> Self {
        let peer = Peer { address: from.parse().unwrap(), local: "127.0.0.1".parse().unwrap(), port: 11024 };
        let outbox = Outbox::new(1 << 20);
        Self { session: Session::open(house.clone(), peer, Way { secure, can_start_tls: !secure, ..Way::CLEAR }, outbox.clone()), outbox }
    }

    /// Sends a request; gives what the server says, and what the transport is to do.
    async fn ask(&self, request: &str) -> (Vec<Element>, After) {
        let message = document(request.as_bytes(), &Default::default());
        let after = self.session.send(Incoming { message, place: None, answers: None }).await.unwrap();
        let said = self.outbox.take().now_or_never().flatten().unwrap_or_default();
        (said.iter().map(|message| document(message.bytes(), &Default::default()).unwrap()).collect(), after)
    }

    /// The same, as text.
    async fn says(&self, request: &str) -> Vec<String> {
        self.ask(request).await.0.iter().map(|message| String::from_utf8(to_bytes(message)).unwrap()).collect()
    }
}

const RIGHT: &str = r#"<response id="1"/>"#;

fn refusal(number: u16, text: &str) -> String {
    format!(r#"<response id="1" errorText="{text}" errorNum="{number}"/>"#)
}

#[test]
fn features_are_those_of_this_connection() {
    scene(Settings { signup: true, ..settings() }, |house| async move {
        let from = |from, secure| Client::connect(&house, from, secure);
        let near = from("127.0.0.1", false).says(r#"<listFeatures id="1"/>"#).await;
        let sasl = "<sasl>SCRAM-SHA-256</sasl><sasl>PLAIN</sasl><sasl>LOGIN</sasl>";
        let expected =
            format!(r#"<features id="1"><domain>example.test</domain>{sasl}<starttls/><signup/><connect protocol="ximss"/></features>"#);
        assert_eq!(near, [expected.as_str(), RIGHT]);
        let far = from("192.0.2.1", false).says(r#"<listFeatures id="1" domain="other.test"/>"#).await;
        let expected =
            r#"<features id="1"><domain>other.test</domain><sasl>SCRAM-SHA-256</sasl><starttls/><connect protocol="ximss"/></features>"#;
        assert_eq!(far, [expected, RIGHT]);
        let secure = from("192.0.2.1", true).says(r#"<listFeatures id="1" domain="nowhere.test"/>"#).await;
        assert!(secure[0].contains("<domain>example.test</domain>") && secure[0].contains("PLAIN") && !secure[0].contains("starttls"));
    });
}

#[test]
fn a_login_in_clear_text_begins_a_session() {
    scene(settings(), |house| async move {
        let client = Client::connect(&house, "127.0.0.1", false);
        assert_eq!(client.says(r#"<noop id="1"/>"#).await, [refusal(501, "not logged in")]);
        let (said, after) = client.ask(r#"<login id="1" authData="alice" password="secret" version="6.1.2"/>"#).await;
        assert_eq!((after, said.len()), (After::LoggedIn, 2));
        let session = &said[0];
        assert_eq!((session.name.as_str(), session.get("id")), ("session", Some("1")));
        let of = |name: &str| session.get(name).unwrap();
        assert_eq!((of("userName"), of("realName"), of("version")), ("alice@example.test", "Alice A.", "6.1"));
        assert!(house.sessions.find(of("urlID")).is_some());
        assert_eq!(client.says(r#"<noop id="1"/>"#).await, [RIGHT]);
        let again = client.says(r#"<login id="1" authData="alice" password="secret"/>"#).await;
        assert_eq!(again, [refusal(501, "already logged in")]);
        let second = Client::connect(&house, "127.0.0.1", false);
        assert_eq!(second.says(r#"<login id="1" authData="alice@example.test" password="secret"/>"#).await.len(), 2);
        let third = Client::connect(&house, "127.0.0.1", false);
        let refused = third.says(r#"<login id="1" authData="alice@example.test" password="secret"/>"#).await;
        assert_eq!(refused, [refusal(501, "too many sessions of this account")]);
    });
}

#[test]
fn refusals_of_a_login() {
    scene(settings(), |house| async move {
        let client = Client::connect(&house, "127.0.0.1", false);
        let wrong = refusal(515, "incorrect password or account name");
        assert_eq!(client.says(r#"<login id="1" authData="alice" password="Secret"/>"#).await, [wrong.as_str()]);
        assert_eq!(client.says(r#"<login id="1" authData="bob" password="secret"/>"#).await, [wrong.as_str()]);
        let refused = [
            (r#"<login id="1"/>"#, 500, "required attribute is missing: authData"),
            (r#"<login id="1" authData="alice"/>"#, 500, "required attribute is missing: password"),
            (r#"<login id="1" authData="alice" password="secret" version="new"/>"#, 500, "attribute value is incorrect: version"),
            (r#"<login id="1" method="PLAIN" authData="!"/>"#, 500, "attribute value is incorrect: authData"),
            (r#"<login id="1" method="GSSAPI"/>"#, 530, "operation is not supported by this server"),
            (r#"<auth id="1" value="AAAA"/>"#, 501, "no login waits for this"),
            (r#"<recoverPassword id="1"/>"#, 500, "required attribute is missing: userName"),
        ];
        for (request, number, text) in refused {
            assert_eq!(client.says(request).await, [refusal(number, text)], "{request}");
        }
        let far = Client::connect(&house, "192.0.2.1", false);
        for request in [
            r#"<login id="1" authData="alice" password="secret"/>"#,
            r#"<login id="1" method="PLAIN"/>"#,
            r#"<login id="1" method="login"/>"#,
        ] {
            assert_eq!(far.says(request).await, [refusal(515, "secure connection is required")], "{request}");
        }
        let secure = Client::connect(&house, "192.0.2.1", true);
        assert_eq!(secure.says(r#"<login id="1" authData="alice" password="secret"/>"#).await.len(), 2);
    });
}

#[test]
fn a_domain_is_chosen_by_attribute_unless_the_name_has_one() {
    scene(settings(), |house| async move {
        let user = |said: &[Element]| said[0].get("userName").unwrap_or_default().to_owned();
        let client = || Client::connect(&house, "127.0.0.1", false);
        let (said, _) = client().ask(r#"<login id="1" domain="other.test" authData="alice" password="secret"/>"#).await;
        assert_eq!((user(&said).as_str(), said[0].get("realName")), ("alice@other.test", None));
        let (said, _) = client().ask(r#"<login id="1" domain="other.test" authData="alice@example.test" password="secret"/>"#).await;
        assert_eq!(user(&said), "alice@example.test");
        let later = client();
        later.ask(r#"<listFeatures id="1" domain="other.test"/>"#).await;
        let (said, _) = later.ask(r#"<login id="1" authData="alice" password="secret"/>"#).await;
        assert_eq!(user(&said), "alice@other.test");
    });
}

#[test]
fn challenges_get_no_response_of_their_own() {
    scene(settings(), |house| async move {
        let client = Client::connect(&house, "127.0.0.1", false);
        // "Username:", "Password:", "alice", "secret"
        let challenge = |value: &str| format!(r#"<challenge id="1" value="{value}"/>"#);
        assert_eq!(client.says(r#"<login id="1" method="LOGIN"/>"#).await, [challenge("VXNlcm5hbWU6")]);
        assert_eq!(client.says(r#"<listFeatures id="2"/>"#).await.len(), 2);
        assert_eq!(client.says(r#"<auth id="1" value="YWxpY2U="/>"#).await, [challenge("UGFzc3dvcmQ6")]);
        assert_eq!(client.says(r#"<auth id="1" value="*"/>"#).await, [refusal(515, "login is cancelled")]);
        assert_eq!(client.says(r#"<auth id="1" value="c2VjcmV0"/>"#).await, [refusal(501, "no login waits for this")]);
        assert_eq!(client.says(r#"<login id="1" method="PLAIN"/>"#).await, [challenge("")]);
        let (said, after) = client.ask(r#"<auth id="1" value="AGFsaWNlAHNlY3JldA=="/>"#).await;
        assert_eq!((said[0].name.as_str(), said.len(), after), ("session", 2, After::LoggedIn));
        let at_once = Client::connect(&house, "127.0.0.1", false);
        let (said, _) = at_once.ask(r#"<login id="1" method="plain" authData="AGFsaWNlAHNlY3JldA=="/>"#).await;
        assert_eq!(said.len(), 2);
    });
}

#[test]
fn starttls_forgets_a_login_that_has_begun() {
    scene(settings(), |house| async move {
        let client = Client::connect(&house, "127.0.0.1", false);
        client.ask(r#"<login id="1" method="LOGIN"/>"#).await;
        let (said, after) = client.ask(r#"<starttls id="1"/>"#).await;
        assert_eq!((said.len(), after), (1, After::StartTls));
        assert_eq!(client.says(r#"<auth id="1" value="YWxpY2U="/>"#).await, [refusal(501, "no login waits for this")]);
        let secure = Client::connect(&house, "127.0.0.1", true);
        assert_eq!(secure.says(r#"<starttls id="1"/>"#).await, [refusal(501, "connection is already secure")]);
    });
}

#[test]
fn recovery_and_signup_take_their_time_and_tell_little() {
    scene(Settings { signup: true, ..settings() }, |house| async move {
        let client = || Client::connect(&house, "127.0.0.1", false);
        let ask = |request: &'static str| {
            let client = client();
            async move {
                let start = std::time::Instant::now();
                let said = client.says(request).await;
                assert!(start.elapsed() >= std::time::Duration::from_secs(2), "{request}");
                said
            }
        };
        let said = futures_util::future::join_all([
            ask(r#"<recoverPassword id="1" userName="alice"/>"#),
            ask(r#"<recoverPassword id="1" userName="nobody"/>"#),
            ask(r#"<signup id="1" userName="carol" password="x" realName="Carol" recoverPassword="carol@example.org"/>"#),
            ask(r#"<signup id="1" userName="alice" password="x"/>"#),
            ask(r#"<signup id="1" userName="postmaster" password="x"/>"#),
            ask(r#"<signup id="1" userName="dave" password=""/>"#),
        ])
        .await;
        assert!(said[..3].iter().all(|said| said == &[RIGHT]), "{said:?}");
        assert_eq!(said[3], [refusal(511, "account already exists")]);
        assert_eq!(said[4], [refusal(513, "access denied")]);
        assert_eq!(said[5], [refusal(500, "attribute value is incorrect: password")]);
        assert_eq!(client().says(r#"<login id="1" authData="carol" password="x"/>"#).await.len(), 2);
        house.reload(settings());
        assert_eq!(
            ask(r#"<signup id="1" userName="erin" password="x"/>"#).await,
            [refusal(530, "operation is not supported by this server")]
        );
    });
}

#[test]
fn a_password_is_changed_by_whoever_knows_it() {
    scene(settings(), |house| async move {
        let client = Client::connect(&house, "127.0.0.1", false);
        client.ask(r#"<login id="1" authData="alice" password="secret"/>"#).await;
        let modify = |attributes: &str| format!(r#"<passwordModify id="1" {attributes}/>"#);
        let wrong = client.says(&modify(r#"oldPassword="wrong" newPassword="new""#)).await;
        assert_eq!(wrong, [refusal(515, "incorrect password or account name")]);
        let empty = client.says(&modify(r#"oldPassword="secret" newPassword="""#)).await;
        assert_eq!(empty, [refusal(500, "attribute value is incorrect: newPassword")]);
        let done = client.says(&modify(r#"oldPassword="secret" newPassword="new" recoveryEmail="me@example.org""#)).await;
        assert_eq!(done, [RIGHT]);
        let (id, record) = house
            .store
            .read(|tx| {
                let id = accounts::find(tx, &"alice@example.test".parse()?)?.unwrap();
                Ok((id, accounts::get(tx, id)?))
            })
            .await
            .unwrap();
        assert_eq!(record.recovery.as_deref(), Some("me@example.org"));
        let other = Client::connect(&house, "127.0.0.1", false);
        assert_eq!(other.says(r#"<login id="1" authData="alice" password="secret"/>"#).await.len(), 1);
        assert_eq!(other.says(r#"<login id="1" authData="alice" password="new"/>"#).await.len(), 2);

        let fixed = [("PWDAllowed".to_owned(), "NO".to_owned())];
        house.store.write(move |tx| set_settings(tx, id, &fixed)).await.unwrap();
        let refused = client.says(&modify(r#"oldPassword="new" newPassword="newer""#)).await;
        assert_eq!(refused, [refusal(513, "this action is not allowed for your account")]);
        assert_eq!(client.says(&modify(r#"oldPassword="new" recoveryEMail="""#)).await, [RIGHT]);
        assert_eq!(house.store.read(move |tx| accounts::get(tx, id)).await.unwrap().recovery, None);
        let by_admin = Zeroizing::new("admin's".to_owned());
        assert!(set_password(&house.store, &house.keys, &record.address, by_admin, false).await.is_ok());
    });
}
