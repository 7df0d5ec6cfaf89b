//! Service operations against a store in memory.

use crate::domain::access::Caller;
use crate::domain::house::House;
use crate::domain::sessions::AddUpload;
use crate::domain::testing::{house, house_in, new_account};
use crate::domain::uploads::{TemporaryFile, Upload};
use crate::model::limits::Limits;
use crate::model::time::Timestamp;
use crate::proto::ximss::testing::{Client, text};
use crate::store::accounts::{self, Activity, Attempt};
use std::future::Future;
use std::sync::Arc;

/// Runs a scene with Alice, logged in.
fn scene<F: Future<Output = ()>>(play: impl FnOnce(Arc<House>, Caller, Client) -> F) {
    scene_in(house(), play);
}

fn scene_in<F: Future<Output = ()>>(house: Arc<House>, play: impl FnOnce(Arc<House>, Caller, Client) -> F) {
    actix::System::new().block_on(async {
        let alice = new_account(&house.store, "alice@example.test").await;
        let client = Client::logged_in(&house, &alice).await;
        play(house, alice, client).await;
    });
}

#[test]
fn the_session_and_the_time_can_be_read() {
    scene(|_, _, client| async move {
        let session = client.data("<readSession id='a'/>").await;
        let expected = format!("<session id=\"a\" urlID=\"{}\" userName=\"alice@example.test\" version=\"6.1\"/>", client.url_id);
        assert_eq!(text(&session[0]), expected);
        let time = client.data("<readTime id='b'/>").await;
        let now: Timestamp = time[0].get("gmtTime").unwrap().parse().unwrap();
        assert!((Timestamp::now().0 - now.0).abs() < 60 && !time[0].get("gmtTime").unwrap().ends_with('Z'));
        assert!(time[0].get("localTime").unwrap().parse::<Timestamp>().is_ok());
    });
}

#[test]
fn idle_time_is_what_was_asked_for_or_more() {
    scene(|_, _, client| async move {
        let idle = |client| async move {
            let status: Vec<crate::xml::Element> = Client::data(client, "<readStatus id='s'/>").await;
            status[0].first("timeout").unwrap().get("idle").unwrap().to_owned()
        };
        assert_eq!(idle(&client).await, "600");
        for (asked, got) in [("60", "60"), ("1", "60"), ("2h", "7200"), ("86400", "86400"), ("0", "60")] {
            let answer = client.response(&format!("<setSessionOption id='a' name='idleTimeout' value='{asked}'/>")).await;
            assert_eq!((answer.as_str(), idle(&client).await.as_str()), ("<response id=\"a\"/>", got));
        }
        for bad in ["86401", "-1", "soon", ""] {
            let answer = client.response(&format!("<setSessionOption id='a' name='idleTimeout' value='{bad}'/>")).await;
            assert!(answer.contains("attribute value is incorrect: value"), "{bad}: {answer}");
        }
        assert_eq!(idle(&client).await, "60");
    });
}

#[test]
fn the_status_shows_what_holds() {
    scene(|house, alice, client| async move {
        let status = text(&client.data("<readStatus id='a'/>").await[0]);
        let settings = "<RulesAllowed>Filter Only</RulesAllowed><SignalRulesAllowed>Any</SignalRulesAllowed>\
                        <RPOPAllowed>NO</RPOPAllowed><PWDAllowed>YES</PWDAllowed>";
        let services = "<option>WebCAL</option><option>Signal</option><option>PBX</option>";
        let timeout = "<timeout limit=\"2147483647\" idle=\"600\"/>";
        assert_eq!(status, format!("<currentStatus id=\"a\"><messageStore used=\"0\"/>{settings}{services}{timeout}</currentStatus>"));
        let account = alice.account;
        let change = move |tx: &crate::store::WriteTx| {
            let mut record = accounts::get(tx, account)?;
            record.settings.insert("MaxAccountSize".into(), "2K".into());
            record.settings.insert("RulesAllowed".into(), "Any".into());
            accounts::put(tx, account, &record)?;
            let attempt = |at| Some(Attempt { at: Timestamp(at), from: "192.0.2.1".into() });
            accounts::put_activity(tx, account, &Activity { login: attempt(5), failed: attempt(1_178_094_793) })
        };
        house.store.write(change).await.unwrap();
        let status = client.data("<readStatus id='b'/>").await;
        assert_eq!(status[0].first("messageStore").unwrap().get("limit"), Some("2048"));
        assert_eq!(status[0].first("RulesAllowed").unwrap().body(), "Any");
        let failed = status[0].first("LastFailedLogin").unwrap();
        assert_eq!((failed.get("gmtTime"), failed.get("ip")), (Some("20070502T083313"), Some("192.0.2.1")));
        assert!(status[0].first("PrevLogin").is_none(), "the session's own login is no previous one");
    });
}

#[test]
fn uploaded_files_are_listed_and_cleared() {
    scene(|_, _, client| async move {
        for (id, subtype) in [("b", Some("gif")), ("a", None)] {
            let file = Arc::new(TemporaryFile::new("/nonexistent/upload".into()));
            let (file_name, subtype) = (subtype.map(|_| "cat.gif".to_owned()), subtype.map(str::to_owned));
            let upload = Upload { file, size: 7, file_name, kind: "image".into(), subtype, charset: None };
            client.session.send(AddUpload { id: id.into(), upload }).await.unwrap().unwrap();
        }
        assert_eq!(client.notices().await, ["<newUploaded uploadID=\"b\"/>", "<newUploaded uploadID=\"a\"/>"]);
        let a = "<uploadedFile id=\"1\" uploadID=\"a\" size=\"7\" type=\"image\"/>";
        let b = "<uploadedFile id=\"1\" uploadID=\"b\" fileName=\"cat.gif\" size=\"7\" type=\"image\" subtype=\"gif\"/>";
        assert_eq!(client.ask("<listUploaded id='1'/>").await, [a, b, "<response id=\"1\"/>"]);
        assert_eq!(client.ask("<listUploaded id='1' uploadID='b'/>").await, [b, "<response id=\"1\"/>"]);
        let missing = "<response id=\"2\" errorText=\"file does not exist\" errorNum=\"510\"/>";
        assert_eq!(client.ask("<listUploaded id='2' uploadID='c'/>").await, [missing]);
        assert_eq!(client.ask("<clearUploaded id='2' uploadID='c'/>").await, [missing]);
        assert_eq!(client.ask("<clearUploaded id='3' uploadID='a'/>").await, ["<response id=\"3\"/>"]);
        assert_eq!(client.ask("<listUploaded id='1'/>").await, [b, "<response id=\"1\"/>"]);
        assert_eq!(client.ask("<clearUploaded id='4'/>").await, ["<response id=\"4\"/>"]);
        assert_eq!(client.ask("<listUploaded id='5'/>").await, ["<response id=\"5\"/>"]);
    });
}

#[test]
fn the_vocabulary_is_read_before_and_after_login() {
    scene(|house, _, client| async move {
        let stranger = Client::connected(&house);
        let (before, after) = (stranger.data("<readStrings id='a'/>").await, client.data("<readStrings id='a'/>").await);
        assert_eq!(before, after);
        let strings = &after[0];
        assert_eq!((strings.get("id"), strings.get("skinName"), strings.get("language")), (Some("a"), Some(""), Some("")));
        let named = |kind: &str, name: &str| strings.named(kind).find(|e| e.get("name") == Some(name)).map(text).unwrap();
        assert_eq!(named("string", "AppendButton"), "<string name=\"AppendButton\">Append</string>");
        let modes = "<string name=\"advanced\">Advanced Mode</string><string name=\"simple\">Simple Mode</string>";
        assert_eq!(named("strings", "AppendModes"), format!("<strings name=\"AppendModes\">{modes}</strings>"));
        assert!(named("strings", "KnownFields").starts_with("<strings name=\"KnownFields\"><string>From</string>"));
        let modified = strings.get("timeModified").unwrap();
        assert!(!modified.ends_with('Z'));
        let again = client.data(&format!("<readStrings id='b' language='german' timeModified='{modified}'/>")).await;
        let expected = format!("<strings id=\"b\" skinName=\"\" language=\"german\" timeModified=\"{modified}\"/>");
        assert_eq!(text(&again[0]), expected);
        let older = client.data("<readStrings id='c' language='german' timeModified='20200101T000000Z'/>").await;
        assert!(older[0].children.len() > 200);
        assert!(client.response("<readStrings id='d' timeModified='yesterday'/>").await.contains("timeModified"));
    });
}

#[test]
fn skins_and_configurations_are_read() {
    let data = tempfile::tempdir().unwrap();
    let red = data.path().join("skins/red");
    std::fs::create_dir_all(&red).unwrap();
    std::fs::write(red.join("note.txt"), "a & b").unwrap();
    std::fs::write(red.join("dot.gif"), [0xffu8, 0]).unwrap();
    std::fs::write(red.join("odd.config.xml"), "<other/>").unwrap();
    let house = house_in(data.path().to_owned(), Limits::default());
    scene_in(house, |_, _, client| async move {
        let skins = client.data("<skinList id='a'/>").await;
        assert_eq!(
            skins.iter().map(text).collect::<Vec<_>>(),
            ["<skinInfo id=\"a\" skinName=\"\"/>", "<skinInfo id=\"a\" skinName=\"red\"/>"]
        );
        let files = client.data("<skinFileList id='b' skinName='red' filter='*.txt'/>").await;
        assert_eq!((files.len(), files[0].get("fileName"), files[0].get("size")), (1, Some("note.txt"), Some("5")));
        assert!(files[0].get("timeModified").unwrap().parse::<Timestamp>().is_ok());
        let note = client.data("<skinFileRead id='c' skinName='red' fileName='note.txt'/>").await;
        assert!(text(&note[0]).ends_with(">a &amp; b</skinFileData>"));
        let dot = client.data("<skinFileRead id='d' skinName='red' fileName='dot.gif' type='binary'/>").await;
        assert!(text(&dot[0]).ends_with("><base64>/wA=</base64></skinFileData>"));
        for (request, fault) in [
            ("<skinFileRead id='e' skinName='red' fileName='dot.gif'/>", "errorNum=\"500\""),
            ("<skinFileRead id='e' skinName='red' fileName='../red/note.txt'/>", "fileName"),
            ("<skinFileRead id='e' skinName='../skins' fileName='x'/>", "skinName"),
            ("<skinFileRead id='e' skinName='blue' fileName='x'/>", "skin does not exist"),
            ("<skinFileList id='e' skinName='blue'/>", "skin does not exist"),
            ("<readConfigFile id='e' name='none'/>", "file does not exist"),
            ("<readConfigFile id='e' name='../x'/>", "attribute value is incorrect: name"),
            ("<readConfigFile id='e' skinName='red' name='odd'/>", "errorNum=\"500\""),
        ] {
            let answer = client.response(request).await;
            assert!(answer.contains(fault), "{request}: {answer}");
        }
        let config = client.data("<readConfigFile id='f' name='client'/>").await;
        assert_eq!(config[0].elements().map(|e| e.name.as_str()).collect::<Vec<_>>(), ["config"]);
        let modified = config[0].get("timeModified").unwrap();
        let again = client.data(&format!("<readConfigFile id='g' name='client' timeModified='{modified}'/>")).await;
        assert!(again[0].children.is_empty() && again[0].get("name") == Some("client"));
    });
}

#[test]
fn known_values_are_listed() {
    scene(|_, _, client| async move {
        let known = client.data("<listKnownValues id='a'/>").await;
        assert!(known[0].named("tzid").count() > 400 && known[0].named("charset").count() > 20);
        let store = known[0].named("mailRuleAction").next().map(text).unwrap();
        assert_eq!(store, "<mailRuleAction name=\"Store in\" allowedSet=\"Filter Only\"/>");
    });
}
