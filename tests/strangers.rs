//! A stranger asks, in every way there is, for an account that is not there, for ones that are and whose people are not,
//! and for ones that do not want to hear of him: he sees the same, byte for byte. Those who may know hear what is.
//!
//! Spec: XIMSS, "Signaling", "Instant Messaging", "Mailbox Management", "Account Management"; RFC 6121 8.5, 13.11.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on panics")]

mod support;

use posthouse::xml::{Element, write};
use support::device::{Device, Way};
use support::server::{DOMAIN, Server, Setup};
use support::ximss::Client;

/// Where the strangers live.
const ELSEWHERE: &str = "other.dom";
/// Accounts that are there, besides one that is not: nobody of hers is there; refuses those she does not know; nothing
/// more can wait for him; nothing is to wait for him.
const THERE: [&str; 4] = ["alice", "shy", "full", "brisk"];
const NOBODY: &str = "ghost";
/// Refuses those whom she does not know, too, and is there.
const COY: &str = "coy";
/// What the strangers hear of all of them.
const UNREACHED: &str = "errorText=\"nobody can be reached at this address\"";
const UNREACHED_CALL: &str = "signalCode=\"404\" errorText=\"nobody can be reached at this address\"";

fn server() -> Server {
    let mut setup = Setup::default();
    for name in THERE.iter().chain(&[COY, "bob"]) {
        setup = setup.account(&format!("{name}@{DOMAIN}"), "secret");
    }
    let server = setup.start();
    server.run(&["domain", "add", ELSEWHERE], "");
    for name in ["mallory", "eve", "carol", "dave"] {
        server.add_account(&format!("{name}@{ELSEWHERE}"), "secret", "");
    }
    for name in ["shy", COY] {
        server.run(&["preferences", &format!("{name}@{DOMAIN}"), "RosterIMMode=roster"], "");
    }
    server.run(&["preferences", &format!("brisk@{DOMAIN}"), "DelayedIM=NO"], "");
    let mut bob = device(&server, "bob", DOMAIN);
    for n in 0..200 {
        bob.ask(&format!("<sendIM peer=\"full\">{n}</sendIM>"));
    }
    bob.leave();
    server
}

fn device(server: &Server, name: &str, domain: &str) -> Device {
    let mut device = Device::login(server, Way::Tcp, &format!("{name}@{domain}"), "secret");
    device.ask(&format!("<signalBind clientID=\"{name}\" presence=\"yes\" readIM=\"1\"/>"));
    device.look();
    device
}

/// A message as bytes, without what is made up anew each time.
fn bytes(mut message: Element) -> String {
    for random in ["callId", "tag", "gmtTime"] {
        if message.get(random).is_some() {
            message.set(random, "");
        }
    }
    String::from_utf8(write::to_bytes(&message)).unwrap()
}

const SDP: &str = "<sdp origIP=\"[127.0.0.1]\"/>";

/// What two strangers are told when they ask in every way for an account.
struct Asking {
    mallory: Device,
    eve: Device,
    address: String,
    told: Vec<String>,
}

impl Asking {
    fn new(server: &Server, name: &str) -> Self {
        let (mallory, eve) = (device(server, "mallory", ELSEWHERE), device(server, "eve", ELSEWHERE));
        Self { mallory, eve, address: format!("{name}@{DOMAIN}"), told: Vec::new() }
    }

    /// Asks, where `NAME` stands for the address, and notes the answer.
    fn ask(&mut self, request: &str) {
        let answered = self.mallory.try_ask(&request.replace("NAME", &self.address));
        let told = answered.map(|data| data.into_iter().map(bytes).collect::<Vec<_>>());
        self.told.push(format!("{request}: {told:?}"));
    }

    /// Waits for a message to the one or the other. All that came before it is noted, too.
    fn hears(device: &mut Device, told: &mut Vec<String>, name: &str) {
        let last = bytes(device.hear(name));
        while let Some(before) = device.take(|_| true) {
            told.push(bytes(before));
        }
        told.push(last);
    }

    fn hear(&mut self, name: &str) {
        Self::hears(&mut self.mallory, &mut self.told, name);
    }

    /// Makes calls.
    fn call(&mut self) {
        for (peer, sdp) in [("NAME", SDP), ("NAME", ""), ("sip:NAME", SDP), ("sip:NAME;transport=udp", ""), ("NAME/phone", SDP)] {
            self.ask(&format!("<callStart callLeg=\"c\" peer=\"{peer}\">{sdp}</callStart>"));
            self.hear("callDisconnected");
            self.ask("<callKill callLeg=\"c\"/>");
        }
        // By the server: his own device answers, and is told how it went.
        self.ask("<makeCall peer=\"NAME\"/>");
        self.mallory.hear("callIncoming");
        self.ask(&format!("<callAccept callLeg=\"inp1\">{SDP}</callAccept>"));
        let mut heard = Vec::new();
        Self::hears(&mut self.mallory, &mut heard, "callDisconnected");
        while !heard.iter().any(|message| message == "<makeCallReport/>") {
            Self::hears(&mut self.mallory, &mut heard, "makeCallReport");
        }
        // Reports and the leg's words come by different ways.
        heard.sort();
        self.told.append(&mut heard);
        // By somebody who turns his call there: to one, and to several of which another is no secret.
        for more in ["", "<To>eve</To>", "<To>mallory/nowhere</To>", "<To>nobody</To>", "<To>#nothing</To>"] {
            self.ask(&format!("<callStart callLeg=\"r\" peer=\"eve\">{SDP}</callStart>"));
            let leg = self.eve.hear("callIncoming").get("callLeg").unwrap().to_owned();
            self.eve.ask(&format!("<callRedirect callLeg=\"{leg}\">{more}<To>{}</To></callRedirect>", self.address));
            if more == "<To>eve</To>" {
                // That one goes in circles, so far as it goes.
                self.eve.look();
            }
            self.hear("callDisconnected");
            self.ask("<callKill callLeg=\"r\"/>");
        }
        // By a transfer, of which both of them hear.
        self.ask(&format!("<callStart callLeg=\"t\" peer=\"eve\">{SDP}</callStart>"));
        let leg = self.eve.hear("callIncoming").get("callLeg").unwrap().to_owned();
        self.eve.ask(&format!("<callAccept callLeg=\"{leg}\">{SDP}</callAccept>"));
        self.mallory.hear("callConnected");
        self.eve.hear("callUpdated");
        self.ask("<callTransfer callLeg=\"t\" peer=\"NAME\"/>");
        self.eve.hear("callUpdateSolicited");
        self.eve.ask(&format!("<callUpdate callLeg=\"{leg}\">{SDP}</callUpdate>"));
        self.hear("callOpFailed");
        Self::hears(&mut self.eve, &mut self.told, "callUpdated");
        self.ask("<callKill callLeg=\"t\"/>");
        // By an application of his.
        self.ask("<taskStart programName=\"click2call\"><param>NAME</param></taskStart>");
        self.mallory.hear("callIncoming");
        self.ask(&format!("<callAccept callLeg=\"inp2\">{SDP}</callAccept>"));
        self.hear("callDisconnected");
        loop {
            let event = self.mallory.hear("taskEvent");
            let dead = event.get("eventName") == Some("[Dead]");
            self.told.push(bytes(event));
            if dead {
                break;
            }
        }
    }

    /// Sends messages of all types.
    fn write(&mut self) {
        let states = ["<composing/>", "<paused/>", "<gone/>"];
        let types = ["", "type=\"chat\"", "type=\"normal\"", "type=\"headline\"", "type=\"groupchat\"", "type=\"error\"", "type=\"x\""];
        for kind in types {
            for client in ["", "clientID=\"phone\""] {
                for state in states {
                    self.ask(&format!("<sendIM peer=\"NAME\" {kind} {client}>{state}</sendIM>"));
                }
                self.ask(&format!("<sendIM peer=\"NAME\" {kind} {client}><body>text</body><subject>s</subject></sendIM>"));
                if !kind.contains("error") {
                    self.hear("errorIM");
                }
            }
        }
        self.ask("<closeIM peer=\"NAME\"/>");
        self.ask(&format!("<sendIM peer=\"NAME\">{}</sendIM>", "x".repeat(70_000)));
        self.hear("errorIM");
        self.ask("<sendIM peer=\"NAME\">last</sendIM>");
        self.hear("errorIM");
    }

    /// Asks for all else of an account.
    fn ask_around(&mut self) {
        for request in [
            "<mailboxList filter=\"~NAME/*\"/>",
            "<mailboxList filter=\"~NAME/INBOX\" pureFolder=\"yes\"/>",
            "<mailboxSubUpdate><mailboxSubscription mailbox=\"~NAME/INBOX\" mode=\"add\"/></mailboxSubUpdate>",
            "<mailboxSubList filter=\"~NAME/*\"/>",
            "<mailboxAliasUpdate><mailboxAlias name=\"Theirs\" mode=\"add\">~NAME/INBOX</mailboxAlias></mailboxAliasUpdate>",
            "<mailboxAliasList/>",
            "<mailboxList filter=\"Theirs\"/>",
            "<folderOpen folder=\"f\" mailbox=\"Theirs\" sortField=\"Date\"><field>From</field></folderOpen>",
            "<folderOpen folder=\"f\" mailbox=\"~NAME/INBOX\" sortField=\"Date\"><field>From</field></folderOpen>",
            "<calendarOpen calendar=\"c\" mailbox=\"~NAME/Calendar\"/>",
            "<mailboxRightsGet mailbox=\"~NAME/INBOX\"/>",
            "<mailboxACLList mailbox=\"~NAME/INBOX\"/>",
            "<mailboxACLUpdate mailbox=\"~NAME/INBOX\"><aclElem pattern=\"anyone\">l</aclElem></mailboxACLUpdate>",
            "<mailboxCreate mailbox=\"~NAME/New\"/>",
            "<mailboxCreate mailbox=\"~NAME/INBOX\"/>",
            "<mailboxCreate mailbox=\"~NAME/INBOX/Inside\"/>",
            "<mailboxRename mailbox=\"~NAME/INBOX\" newName=\"~NAME/Other\"/>",
            "<mailboxRename mailbox=\"~NAME/INBOX\" newName=\"Mine\"/>",
            "<mailboxRename mailbox=\"Drafts\" newName=\"~NAME/Drafts\"/>",
            "<mailboxRemove mailbox=\"~NAME/Sent\"/>",
            "<mailboxRemove mailbox=\"~NAME/INBOX\" children=\"yes\"/>",
            "<accountRightsGet userName=\"NAME\"/>",
            "<accountACLList userName=\"NAME\"/>",
            "<accountACLUpdate userName=\"NAME\"><aclElem pattern=\"mallory\">l</aclElem></accountACLUpdate>",
            "<freeBusyRead userName=\"NAME\" timeFrom=\"20270104T000000Z\" timeTill=\"20270104T235959Z\"/>",
            "<signalBind accountName=\"NAME\"/>",
            "<signalUnbind accountName=\"NAME\"/>",
            "<rosterList accountName=\"NAME\"/>",
            "<rosterSet accountName=\"NAME\" peer=\"x\" subscription=\"update\"/>",
            "<rosterGroupSet accountName=\"NAME\" group=\"x\" mode=\"add\"/>",
            "<messageSubmit><EMail><From>NAME</From><To>eve@other.dom</To><Subject>x</Subject></EMail></messageSubmit>",
            "<messageSubmit><EMail><From>mallory@other.dom</From><Sender>NAME</Sender><To>eve@other.dom</To></EMail></messageSubmit>",
            "<messageAppend targetMailbox=\"~NAME/INBOX\"><EMail><To>eve@other.dom</To></EMail></messageAppend>",
            "<presenceSet peer=\"NAME\"><presence>online</presence></presenceSet>",
            "<presenceSet peer=\"NAME\" clientID=\"phone\" type=\"unavailable\"/>",
            "<rosterSet peer=\"NAME\" subscription=\"subscribe\"/>",
            "<rosterList/>",
            "<rosterSet peer=\"NAME\" subscription=\"remove\"/>",
            "<taskStart programName=\"chatroom\"><param>NAME</param></taskStart>",
        ] {
            self.ask(request);
        }
        // What does not ask for anything is not answered.
        for kind in ["get", "set", "result", "error"] {
            for query in ["<ping xmlns=\"urn:xmpp:ping\"/>", "<query xmlns=\"jabber:iq:last\"/>", "<vCard xmlns=\"vcard-temp\"/>"] {
                for client in ["", "clientID=\"phone\""] {
                    self.ask(&format!("<iqSend peer=\"NAME\" {client} type=\"{kind}\" iqid=\"1\">{query}</iqSend>"));
                    if ["get", "set"].contains(&kind) {
                        self.hear("iqRead");
                    }
                }
            }
        }
        self.mallory.look();
        while let Some(message) = self.mallory.take(|_| true) {
            self.told.push(bytes(message));
        }
    }

    /// All that they were told, without the name.
    fn told(self) -> Vec<String> {
        let name = self.address.split('@').next().unwrap().to_owned();
        let told = self.told.iter().map(|told| told.replace(&name, "NAME")).collect();
        self.mallory.leave();
        self.eve.leave();
        told
    }
}

/// Asks in one way for one account and for the one that is not there, and compares what was told.
fn tells_nothing(server: &Server, names: &[&str], ask: fn(&mut Asking)) -> Vec<String> {
    let told = |name: &str| {
        let mut asking = Asking::new(server, name);
        ask(&mut asking);
        asking.told()
    };
    let nobody = told(NOBODY);
    for name in names {
        let there = told(name);
        for (there, nobody) in there.iter().zip(&nobody) {
            assert_eq!(there, nobody, "{name}");
        }
        assert_eq!(there.len(), nobody.len(), "{name}");
    }
    nobody
}

#[test]
fn calls_tell_a_stranger_nothing() {
    let server = server();
    let told = tells_nothing(&server, &THERE, Asking::call);
    let disconnected = format!("<callDisconnected callLeg=\"c\" {UNREACHED_CALL}/>");
    assert_eq!(told.iter().filter(|message| **message == disconnected).count(), 5, "{told:#?}");
    assert!(told.contains(&format!("<callOpFailed callLeg=\"t\" {UNREACHED_CALL}/>")), "{told:#?}");
    assert!(!told.iter().any(|message| message.contains("callProvisioned")));
}

#[test]
fn messages_tell_a_stranger_nothing_and_none_of_them_is_kept() {
    let server = server();
    // She takes no signals of people whom she does not know.
    let mut coy = device(&server, COY, DOMAIN);
    let names: Vec<&str> = THERE.into_iter().chain([COY]).collect();
    let told = tells_nothing(&server, &names, Asking::write);
    let failures = told.iter().filter(|message| message.starts_with("<errorIM") && message.contains(UNREACHED) && message.contains("404"));
    let failures = failures.count();
    assert_eq!(failures, 13, "{told:#?}");
    assert!(told.iter().any(|message| message.contains("signalCode=\"413\"")));
    coy.look();
    assert!(coy.rest().is_empty(), "{:?}", coy.rest());
    for (name, waiting) in [("alice", 0), ("shy", 0), ("full", 200), ("brisk", 0)] {
        let mut device = device(&server, name, DOMAIN);
        let mut came = 0;
        while let Some(message) = device.take(|message| message.name == "readIM") {
            assert_eq!(message.get("peer"), Some(format!("bob@{DOMAIN}").as_str()));
            came += 1;
        }
        assert_eq!(came, waiting, "{name}");
    }
}

#[test]
fn nothing_else_tells_a_stranger_either() {
    let server = server();
    let told = tells_nothing(&server, &THERE, Asking::ask_around);
    // No request fails for a reason that has nothing to do with the account.
    assert!(!told.iter().any(|told| told.contains("not implemented") || told.contains("Err((\"500\", \"attribute")), "{told:#?}");
}

#[test]
fn who_is_asked_for_still_gets_messages_in_the_order_of_sending() {
    let server = server();
    let mut writer = Client::login(server.ximss(), &format!("{COY}@{DOMAIN}"), "secret");
    let write = |writer: &mut Client, first: usize, last: usize| {
        let numbered = |n| format!("<sendIM id=\"{n}\" peer=\"{COY}\">{n}</sendIM>\0");
        writer.send_raw((first..last).map(numbered).collect::<String>().as_bytes());
        for n in first..last {
            assert_eq!(writer.receive().unwrap().get("id"), Some(n.to_string().as_str()));
        }
    };
    // First they wait, then a session that asks the store for each of them is there.
    write(&mut writer, 0, 150);
    let mut coy = device(&server, COY, DOMAIN);
    for n in 0..150 {
        assert_eq!(coy.hear("readIM").first("body").unwrap().body(), n.to_string());
    }
    write(&mut writer, 150, 650);
    for n in 150..650 {
        assert_eq!(coy.hear("readIM").first("body").unwrap().body(), n.to_string());
    }
}

/// The code that a call comes to, and that of a message, if any.
fn codes(device: &mut Device, to: &str) -> (String, Option<String>) {
    let code = |message: Element| message.get("signalCode").unwrap().to_owned();
    device.ask(&format!("<callStart callLeg=\"c\" peer=\"{to}\"/>"));
    let call = code(device.hear("callDisconnected"));
    device.ask("<callKill callLeg=\"c\"/>");
    device.ask(&format!("<sendIM peer=\"{to}\">text</sendIM>"));
    // The writer comes to the next message after this one, though what came of them can be told in either order.
    device.ask("<sendIM peer=\"nobody\">text</sendIM>");
    let nobody = |message: &Element| message.get("peer").is_some_and(|peer| peer.starts_with("nobody"));
    let mut first = device.hear("errorIM");
    if nobody(&first) {
        device.look();
        match device.take(|message| message.name == "errorIM") {
            Some(message) => first = message,
            None => return (call, None),
        }
    } else {
        assert!(nobody(&device.hear("errorIM")));
    }
    (call, Some(code(first)))
}

#[test]
fn who_may_know_is_told() {
    let server = server();
    let known = |call: &str, message: Option<&str>| (call.to_owned(), message.map(str::to_owned));
    let (alice, shy, full, ghost) = ["alice", "shy", "full", NOBODY].map(|name| format!("{name}@{DOMAIN}")).into();
    // Of the same domain.
    let mut bob = device(&server, "bob", DOMAIN);
    assert_eq!(codes(&mut bob, &ghost), known("404", Some("404")));
    assert_eq!(codes(&mut bob, &alice), known("480", None));
    assert_eq!(codes(&mut bob, &shy), known("480", Some("403")));
    assert_eq!(codes(&mut bob, &full), known("480", Some("486")));
    let refused = |request: &str, device: &mut Device| device.refused(request).1;
    assert_eq!(refused(&format!("<accountACLList userName=\"{ghost}\"/>"), &mut bob), "account does not exist");
    assert_eq!(refused(&format!("<accountACLList userName=\"{alice}\"/>"), &mut bob), "access denied");
    // Whom she lets see her presence, once she does; and whom she has given a right.
    let mut carol = device(&server, "carol", ELSEWHERE);
    assert_eq!(codes(&mut carol, &alice), known("404", Some("404")));
    carol.ask(&format!("<rosterSet peer=\"{alice}\" subscription=\"subscribe\"/>"));
    assert_eq!(codes(&mut carol, &alice), known("404", Some("404")));
    let mut her = Device::login(&server, Way::Tcp, &alice, "secret");
    her.ask(&format!("<rosterSet peer=\"carol@{ELSEWHERE}\" subscription=\"subscribed\"/>"));
    assert_eq!(codes(&mut carol, &alice), known("480", None));
    assert_eq!(codes(&mut carol, &ghost), known("404", Some("404")));
    carol.ask(&format!("<freeBusyRead userName=\"{alice}\" timeFrom=\"20270104T000000Z\" timeTill=\"20270104T235959Z\"/>"));
    // Not any more.
    her.ask(&format!("<rosterSet peer=\"carol@{ELSEWHERE}\" subscription=\"unsubscribed\"/>"));
    assert_eq!(codes(&mut carol, &alice), known("404", Some("404")));
    let mut dave = device(&server, "dave", ELSEWHERE);
    assert_eq!(codes(&mut dave, &shy), known("404", Some("404")));
    let mut she = Device::login(&server, Way::Tcp, &shy, "secret");
    she.ask(&format!("<accountACLUpdate><aclElem pattern=\"dave@{ELSEWHERE}\">k</aclElem></accountACLUpdate>"));
    assert_eq!(codes(&mut dave, &shy), known("480", Some("403")));
    // A stranger reaches whoever is there and has nothing against it.
    let mut alices = device(&server, "alice", DOMAIN);
    alices.hear("readIM");
    alices.hear("readIM");
    dave.ask(&format!("<sendIM peer=\"{alice}\">hello</sendIM>"));
    assert_eq!(alices.hear("readIM").get("peer"), Some(format!("dave@{ELSEWHERE}").as_str()));
    dave.ask(&format!("<callStart callLeg=\"c\" peer=\"{alice}\"/>"));
    let leg = alices.hear("callIncoming").get("callLeg").unwrap().to_owned();
    alices.ask(&format!("<callReject callLeg=\"{leg}\" signalCode=\"486\"/>"));
    assert_eq!(dave.hear("callDisconnected").get("signalCode"), Some("486"));
}
