//! Clients that mean harm, by calls, messages, requests and rosters: floods are slowed, bounds hold, nobody speaks in
//! another's name, and nobody learns by asking which accounts there are. A second client sees that all goes on.
//!
//! Spec: XIMSS, "Signaling", "Instant Messaging", "XMPP-style requests", "Roster and Presence".

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on panics")]

mod support;

use posthouse::xml::Element;
use support::device::{Device, Way};
use support::server::{DOMAIN, Server, Setup};
use support::ximss::Client;

/// What a request past a pace is answered.
const TOO_FAST: (&str, &str) = ("501", "too many requests of this kind at once");
/// More requests than any pace lets pass at once.
const A_FLOOD: usize = 60_000;

fn server() -> Server {
    let people = ["mallory", "alice", "bob"];
    people.iter().fold(Setup::default(), |setup, name| setup.account(&format!("{name}@{DOMAIN}"), "secret")).start()
}

/// A session that takes signals, of the name of its account.
fn device(server: &Server, name: &str) -> Device {
    let mut device = Device::login(server, Way::Tcp, &format!("{name}@{DOMAIN}"), "secret");
    device.ask(&format!("<signalBind clientID=\"{name}\" presence=\"yes\" readIM=\"1\"/>"));
    device.look();
    device
}

fn owned((number, text): (&str, &str)) -> (String, String) {
    (number.to_owned(), text.to_owned())
}

/// Sends requests as fast as they are answered until one is refused as too fast; gives how many passed before.
fn flood(client: &mut Client, request: &str) -> usize {
    const TOGETHER: usize = 100;
    let mut passed = 0;
    while passed < A_FLOOD {
        let together = format!("{request}\0").repeat(TOGETHER);
        client.send_raw(together.as_bytes());
        let answers: Vec<Element> = (0..TOGETHER).map(|_| client.receive().unwrap()).collect();
        let is_too_fast = |answer: &Element| answer.get("errorNum").zip(answer.get("errorText")) == Some(TOO_FAST);
        match answers.iter().position(is_too_fast) {
            Some(at) => return passed + at,
            None => passed += TOGETHER,
        }
    }
    panic!("{passed} passed at once");
}

#[test]
fn floods_are_slowed_and_others_do_not_notice() {
    let server = server();
    let mut alice = device(&server, "alice");
    let mut mallory = Client::login(server.ximss(), &format!("mallory@{DOMAIN}"), "secret");
    // Requests that cost the sender the least: they are counted before they are looked at.
    for request in [
        "<sendIM id=\"1\" peer=\"no address\">x</sendIM>",
        "<presenceSet id=\"1\" peer=\"no address\"/>",
        "<iqSend id=\"1\" peer=\"no address\" type=\"get\" iqid=\"1\"/>",
        "<rosterSet id=\"1\" peer=\"no address\" subscription=\"subscribe\"/>",
        "<callStart id=\"1\" callLeg=\"c\" peer=\"sip:;x\"/>",
        "<makeCall id=\"1\" peer=\"sip:;x\"/>",
    ] {
        let passed = flood(&mut mallory, request);
        println!("{passed} passed of {request}");
        // The session goes on, and so do others of the same account, each at a pace of its own.
        mallory.ask("<noop/>").ok();
        let mut other = device(&server, "mallory");
        other.ask(&format!("<sendIM peer=\"alice@{DOMAIN}\">hello</sendIM>"));
        assert_eq!(alice.hear("readIM").body_of("body"), "hello");
        other.leave();
    }
}

trait BodyOf {
    fn body_of(&self, name: &str) -> String;
}

impl BodyOf for Element {
    fn body_of(&self, name: &str) -> String {
        self.first(name).map(Element::body).unwrap_or_default()
    }
}

#[test]
fn nobody_keeps_another_from_calling_by_calling() {
    let server = server();
    let (mut alice, mut bob, mut mallory) = (device(&server, "alice"), device(&server, "bob"), device(&server, "mallory"));
    for leg in 0..64 {
        mallory.ask(&format!("<callStart callLeg=\"{leg}\" peer=\"alice@{DOMAIN}\"/>"));
    }
    assert_eq!(mallory.refused(&format!("<callStart callLeg=\"more\" peer=\"alice@{DOMAIN}\"/>")), owned(("501", "too many calls")));
    for _ in 0..64 {
        assert_eq!(alice.hear("callIncoming").get("peer"), Some(format!("mallory@{DOMAIN}").as_str()));
    }
    // She is busy for others, and can call them.
    bob.ask(&format!("<callStart callLeg=\"b\" peer=\"alice@{DOMAIN}\"/>"));
    assert_eq!(bob.hear("callDisconnected").get("signalCode"), Some("486"));
    alice.look();
    assert_eq!(alice.take(|message| message.name == "callIncoming"), None);
    alice.ask(&format!("<callStart callLeg=\"a\" peer=\"bob@{DOMAIN}\"/>"));
    bob.hear("callIncoming");
    // A leg that is released makes room; all end with their session.
    mallory.ask("<callKill callLeg=\"7\"/>");
    assert_eq!(alice.hear("callDisconnected").get("signalCode"), None);
    mallory.ask("<callStart callLeg=\"more\" peer=\"nobody\"/>");
    mallory.vanish();
    for _ in 0..63 {
        alice.hear("callDisconnected");
    }
    alice.ask("<noop/>");
}

#[test]
fn names_of_legs_and_descriptions_are_looked_at() {
    let server = server();
    let (mut alice, mut mallory) = (device(&server, "alice"), device(&server, "mallory"));
    let peer = format!("peer=\"alice@{DOMAIN}\"");
    for name in ["inp", "inp1", "INPUT", "iNp 7"] {
        let refused = mallory.refused(&format!("<callStart callLeg=\"{name}\" {peer}/>"));
        assert_eq!(refused, owned(("500", "attribute value is incorrect: callLeg")), "{name}");
    }
    for name in [String::new(), " ".to_owned(), "&#9;".to_owned(), "x".repeat(256)] {
        assert_eq!(mallory.refused(&format!("<callStart callLeg=\"{name}\" {peer}/>")).0, "500", "{name}");
    }
    // What is no description begins nothing and changes nothing.
    let bad = [
        "<sdpText/>",
        "<sdpText>hello</sdpText>",
        "<sdpText>v=1&#13;&#10;</sdpText>",
        "<sdpText>v=0&#13;&#10;m=audio&#13;&#10;</sdpText>",
        "<sdpText>v=0&#13;&#10;m=audio 65536 RTP/AVP 0&#13;&#10;</sdpText>",
        "<sdp ip=\"127.0.0.1\"/>",
        "<sdp subject=\"x&#10;m=audio 9 RTP/AVP 0\"/>",
        "<sdp><media protocol=\"RTP/AVP\"/></sdp>",
        "<sdp sessionVersion=\"-1\"/>",
    ];
    let too_long = format!("<sdpText>v=0&#10;a={}&#10;</sdpText>", "x".repeat(64 << 10));
    let incorrect = owned(("500", "attribute value is incorrect: SDP"));
    for sdp in bad.into_iter().chain([too_long.as_str()]) {
        assert_eq!(mallory.refused(&format!("<callStart callLeg=\"c\" {peer}>{sdp}</callStart>")), incorrect, "{sdp}");
        assert_eq!(mallory.refused(&format!("<signalBind clientID=\"x\">{sdp}</signalBind>")), incorrect, "{sdp}");
    }
    mallory.ask(&format!("<callStart callLeg=\"c\" {peer}/>"));
    assert_eq!(mallory.refused(&format!("<callStart callLeg=\"c\" {peer}/>")), owned(("511", "call leg already exists")));
    let leg = alice.hear("callIncoming").get("callLeg").unwrap().to_owned();
    for operation in ["callProvision", "callAccept", "callUpdate", "callUpdateAccept"] {
        let refused = alice.refused(&format!("<{operation} callLeg=\"{leg}\">{}</{operation}>", bad[1]));
        assert_eq!(refused, incorrect, "{operation}");
    }
    assert!(alice.refused(&format!("<callAccept callLeg=\"{leg}\"/>")).1.contains("SDP"));
    alice.ask(&format!("<callAccept callLeg=\"{leg}\"><sdp origIP=\"[127.0.0.1]\"/></callAccept>"));
    mallory.hear("callConnected");
}

/// Everything that a client might write to look like somebody else.
const AS_ALICE: &str = "from=\"alice@example.dom\" sender=\"alice@example.dom\" peerName=\"Alice\" transferredBy=\"alice@example.dom\"";

#[test]
fn nobody_speaks_in_anothers_name() {
    let server = server();
    let (mut bob, mut mallory) = (device(&server, "bob"), device(&server, "mallory"));
    let himself = format!("mallory@{DOMAIN}");
    let is_himself = |message: &Element| {
        assert_eq!(message.get("peer"), Some(himself.as_str()), "{message:?}");
        assert!(["peerName", "transferredBy", "from", "sender"].iter().all(|name| message.get(name).is_none()), "{message:?}");
        assert!(message.get("clientID").is_none_or(|client| client == "mallory"), "{message:?}");
    };
    let to_bob = format!("peer=\"bob@{DOMAIN}\" {AS_ALICE}");
    mallory.ask(&format!("<callStart callLeg=\"c\" {to_bob}/>"));
    is_himself(&bob.hear("callIncoming"));
    mallory.ask("<callKill callLeg=\"c\"/>");
    let inside = "<body>x</body><message from=\"alice@example.dom\"/><delay from=\"alice@example.dom\"/><iq/><presence/><stream:x/>";
    mallory.ask(&format!("<sendIM {to_bob}>{inside}</sendIM>"));
    let message = bob.hear("readIM");
    is_himself(&message);
    assert_eq!(message.elements().map(|element| element.name.as_str()).collect::<Vec<_>>(), ["body"]);
    mallory.ask(&format!("<presenceSet {to_bob}><presence>online</presence></presenceSet>"));
    is_himself(&bob.hear("presence"));
    mallory.ask(&format!("<iqSend {to_bob} clientID=\"bob\" type=\"set\" iqid=\"1\"><x xmlns=\"urn:x\"/></iqSend>"));
    is_himself(&bob.hear("iqRead"));
    // A subscription is asked for in one's own name, too.
    mallory.ask(&format!("<rosterSet {to_bob} subscription=\"subscribe\"/>"));
    is_himself(&bob.hear("presence"));
    // Another's roster is not his to change or to see.
    for request in ["<rosterSet accountName=\"bob\" peer=\"alice\" subscription=\"subscribed\"/>", "<rosterList accountName=\"bob\"/>"] {
        assert_eq!(mallory.refused(request).0, "513", "{request}");
    }
}

#[test]
fn nobody_answers_anothers_requests() {
    let server = server();
    let (mut alice, mut bob, mut mallory) = (device(&server, "alice"), device(&server, "bob"), device(&server, "mallory"));
    alice.ask(&format!("<iqSend peer=\"bob@{DOMAIN}\" clientID=\"bob\" type=\"get\" iqid=\"q\"><x xmlns=\"urn:x\"/></iqSend>"));
    bob.hear("iqRead");
    for kind in ["result", "error"] {
        for (asker, id) in [("alice", "q"), ("Alice", "q"), ("alice", "Q")] {
            let to = format!("peer=\"{asker}@{DOMAIN}\" clientID=\"alice\" type=\"{kind}\" iqid=\"{id}\"");
            mallory.ask(&format!("<iqSend {to}><forged xmlns=\"urn:x\"/></iqSend>"));
            mallory.ask(&format!("<iqSend {to} from=\"bob@{DOMAIN}\"><forged xmlns=\"urn:x\"/></iqSend>"));
        }
    }
    // Not even by taking the name of the session that was asked, in an account of his own.
    mallory.ask("<signalBind clientID=\"bob\"/>");
    let to_alice = format!("peer=\"alice@{DOMAIN}\" clientID=\"alice\" type=\"result\" iqid=\"q\"");
    mallory.ask(&format!("<iqSend {to_alice}><forged xmlns=\"urn:x\"/></iqSend>"));
    bob.ask(&format!("<iqSend {to_alice}><true xmlns=\"urn:x\"/></iqSend>"));
    let answer = alice.hear("iqRead");
    assert_eq!((answer.get("peer"), answer.elements().next().unwrap().name.as_str()), (Some("bob@example.dom"), "true"));
    bob.ask(&format!("<iqSend {to_alice}><again xmlns=\"urn:x\"/></iqSend>"));
    alice.look();
    assert_eq!(alice.take(|message| message.name == "iqRead"), None);
}

/// What a session hears and is answered when it asks all it can about an account, with the account's name taken out.
fn all_that_is_told(asker: &mut Device, name: &str, session: &str) -> String {
    let mut told = Vec::new();
    let address = format!("{name}@{DOMAIN}");
    let queries = [
        "<ping xmlns=\"urn:xmpp:ping\"/>",
        "<query xmlns=\"http://jabber.org/protocol/disco#info\"/>",
        "<query xmlns=\"http://jabber.org/protocol/disco#items\"/>",
        "<query xmlns=\"jabber:iq:version\"/>",
        "<query xmlns=\"jabber:iq:last\"/>",
        "<vCard xmlns=\"vcard-temp\"/>",
        "<x xmlns=\"urn:x\"/>",
    ];
    for (query, kind) in queries.iter().flat_map(|query| [(query, "get"), (query, "set")]) {
        for client in [String::new(), format!("clientID=\"{session}\"")] {
            asker.ask(&format!("<iqSend peer=\"{address}\" {client} type=\"{kind}\" iqid=\"1\">{query}</iqSend>"));
            told.push(format!("{:?}", asker.hear("iqRead")));
        }
    }
    for request in [
        format!("<rosterSet peer=\"{address}\" subscription=\"subscribe\" name=\"x\"/>"),
        format!("<rosterSet peer=\"{address}\" subscription=\"unsubscribe\"/>"),
        format!("<rosterSet peer=\"{address}\" subscription=\"subBoth\"/>"),
        format!("<rosterSet peer=\"{address}\" subscription=\"unsubscribed\"/>"),
        "<rosterList/>".to_owned(),
        format!("<rosterSet peer=\"{address}\" subscription=\"remove\"/>"),
        format!("<rosterList accountName=\"{address}\"/>"),
        format!("<rosterSet accountName=\"{address}\" peer=\"x\" subscription=\"update\"/>"),
        format!("<rosterGroupSet accountName=\"{address}\" group=\"x\" mode=\"add\"/>"),
        format!("<presenceSet peer=\"{address}\"/>"),
        format!("<presenceSet peer=\"{address}\" clientID=\"{session}\" type=\"unavailable\"/>"),
        format!("<closeIM peer=\"{address}\"/>"),
    ] {
        let mut answered = asker.try_ask(&request);
        answered.iter_mut().flatten().for_each(|message| message.set("id", ""));
        told.push(format!("{answered:?}"));
        asker.look();
        // The news of the roster are in order.
        while let Some(news) = asker.take(|message| message.name == "rosterItem") {
            told.push(format!("{news:?}"));
        }
    }
    told.join("\n").replace(name, "NAME").replace(session, "SESSION")
}

#[test]
fn nobody_learns_by_asking_which_accounts_there_are() {
    let server = server();
    let (mut mallory, mut bob) = (device(&server, "mallory"), device(&server, "bob"));
    bob.look();
    let there = all_that_is_told(&mut mallory, "alice", "nowhere");
    let nobody = all_that_is_told(&mut mallory, "ghost", "nowhere");
    assert_eq!(there, nobody);
    // And the same of one whose sessions are there, which he cannot name.
    assert_eq!(all_that_is_told(&mut mallory, "bob", "nowhere"), nobody);
}

#[test]
fn rosters_are_bounded() {
    let server = server();
    let (mut alice, mut mallory) = (device(&server, "alice"), device(&server, "mallory"));
    server.run(&["account", "set", &format!("mallory@{DOMAIN}"), "MaxRosterItems=20"], "");
    for n in 0..20 {
        mallory.ask(&format!("<rosterSet peer=\"p{n}@elsewhere.example\" subscription=\"update\" name=\"{n}\"/>"));
    }
    let full = owned(("512", "too many contacts"));
    for verb in ["update", "subscribe", "subscribed", "subBoth"] {
        assert_eq!(mallory.refused(&format!("<rosterSet peer=\"alice@{DOMAIN}\" subscription=\"{verb}\" name=\"x\"/>")), full, "{verb}");
    }
    alice.look();
    assert_eq!(alice.take(|message| message.name == "presence"), None, "what was refused was not said");
    mallory.ask("<rosterSet peer=\"p0@elsewhere.example\" subscription=\"update\" name=\"changed\"/>");
    mallory.ask("<rosterSet peer=\"p0@elsewhere.example\" subscription=\"remove\"/>");
    mallory.ask(&format!("<rosterSet peer=\"alice@{DOMAIN}\" subscription=\"subscribe\"/>"));
    alice.hear("presence");
    assert_eq!(mallory.ask("<rosterList/>").len(), 20);
    // Groups: of a roster, of a contact, and how long their names are.
    let groups = |from: usize, till: usize| (from..till).map(|n| format!("<group>g{n}</group>")).collect::<String>();
    let update = |groups: String| format!("<rosterSet peer=\"p1@elsewhere.example\" subscription=\"update\">{groups}</rosterSet>");
    assert_eq!(mallory.refused(&update(groups(0, 33))), owned(("500", "attribute value is incorrect: group")));
    for begin in (0..192).step_by(32) {
        mallory.ask(&update(groups(begin, begin + 32)));
    }
    assert_eq!(mallory.refused(&update(groups(190, 201))), owned(("512", "too many groups")));
    mallory.ask(&update(groups(190, 200)));
    assert_eq!(mallory.refused("<rosterGroupSet group=\"one more\" mode=\"add\"/>"), owned(("512", "too many groups")));
    mallory.ask("<rosterGroupSet group=\"g0\" mode=\"delete\"/>");
    assert_eq!(mallory.refused(&format!("<rosterGroupSet group=\"{}\" mode=\"add\"/>", "x".repeat(256))).0, "500");
    mallory.ask(&format!("<rosterGroupSet group=\"{}\" mode=\"add\"/>", "x".repeat(255)));
    assert_eq!(mallory.refused("<rosterGroupSet group=\"g1\" mode=\"add\"/>"), owned(("511", "group already exists")));
}

#[test]
fn bindings_are_bounded_by_sessions() {
    let config = "[limits]\nsessions_per_account = 5";
    let server = Setup::default().account(&format!("mallory@{DOMAIN}"), "secret").config(config).start();
    let mut devices: Vec<Device> = (0..5).map(|_| Device::login(&server, Way::Tcp, &format!("mallory@{DOMAIN}"), "secret")).collect();
    let refused = Client::connect(server.ximss()).log_in(&format!("mallory@{DOMAIN}"), "secret");
    assert!(refused.refusal().is_some());
    // A session has one name, however often it binds.
    for device in &mut devices {
        for n in 0..50 {
            device.ask(&format!("<signalBind clientID=\"n{n}\"/>"));
        }
    }
    devices[0].ask(&format!("<sendIM peer=\"mallory@{DOMAIN}\">all</sendIM>"));
    for device in &mut devices {
        assert_eq!(device.hear("readIM").body(), "all");
        device.look();
        assert_eq!(device.take(|message| message.name == "readIM"), None);
    }
    // One name at a time: the second is refused or gets another, or takes the place of the first.
    assert_eq!(devices[1].refused("<signalBind clientID=\"n49\" mode=\"fixed\"/>").0, "511");
    // Whoever is refused keeps the name it has, without which nothing can be asked.
    devices[1].ask(&format!("<iqSend peer=\"{DOMAIN}\" type=\"get\" iqid=\"1\"><ping xmlns=\"urn:xmpp:ping\"/></iqSend>"));
    for long in ["x".repeat(2_000), "a/b".repeat(400)] {
        assert_eq!(devices[2].refused(&format!("<signalBind clientID=\"{long}\"/>")).0, "500");
    }
}
