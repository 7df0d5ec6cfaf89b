//! Calls in every state, with somebody in them who will be gone, and what those who are left must hear of it.

use super::support::device::{Device, Way};
use super::support::server::{DOMAIN, Server};
use super::support::ximss::parse;
use posthouse::xml::Element;
use std::cell::Cell;

/// What is done in the end by those who are left, where there is more to see than that they have heard.
type After = fn(&mut [Device]);

/// A call in some state.
pub struct Scene {
    name: &'static str,
    /// Who will be gone.
    pub victim: Option<Device>,
    others: Vec<Device>,
    /// What each of the others must hear, in this order.
    expected: Vec<Vec<Element>>,
    after: After,
}

/// The accounts that a scene may use.
pub const ACCOUNTS: [&str; 3] = ["alice", "bob", "carol"];

/// The address of one.
pub fn address(name: &str) -> String {
    format!("{name}@{DOMAIN}")
}

/// Makes devices of accounts, for one scene.
pub struct House<'a> {
    server: &'a Server,
    last: Cell<usize>,
}

/// Who will be gone, and who is left.
type Set = (Device, Vec<(Device, &'static [&'static str])>, After);

/// Sets a scene; the victim comes in this way.
pub type Setting = fn(&House, Way) -> Set;

/// An account's address.
struct Account(String);

/// A description that says this much.
fn sdp(text: &str) -> String {
    format!("<sdp origUser=\"-\" sessionID=\"1\" sessionVersion=\"0\" origIP=\"[127.0.0.1]\" subject=\"{text}\"/>")
}

impl<'a> House<'a> {
    /// On this server.
    pub fn new(server: &'a Server) -> Self {
        Self { server, last: Cell::new(0) }
    }

    /// The next of the accounts.
    fn account(&self) -> Account {
        let at = self.last.replace(self.last.get() + 1);
        Account(address(ACCOUNTS[at]))
    }

    fn device(&self, account: &Account, way: Way) -> Device {
        let mut device = Device::login(self.server, way, &account.0, "secret");
        device.ask("<signalBind/>");
        device
    }

    /// A device of an account of its own.
    fn alone(&self, way: Way) -> (Device, Account) {
        let account = self.account();
        (self.device(&account, way), account)
    }
}

impl Scene {
    /// Sets a scene.
    pub fn new(name: &'static str, house: &House, way: Way, set: Setting) -> Self {
        let (victim, others, after) = set(house, way);
        let (others, expected): (Vec<Device>, Vec<&[&str]>) = others.into_iter().unzip();
        let expected = expected.into_iter().map(|all| all.iter().map(|xml| parse(xml.as_bytes())).collect()).collect();
        Self { name, victim: Some(victim), others, expected, after }
    }

    /// Takes in what has come. True where all have heard what they must.
    pub fn look(&mut self) -> bool {
        for (device, expected) in self.others.iter_mut().zip(&mut self.expected) {
            device.look();
            while let Some(next) = expected.first() {
                // What a message of this name says must be right at once.
                let Some(came) = device.take(|message| message.name == next.name) else { break };
                assert_eq!(came, *next, "{}", self.name);
                expected.remove(0);
            }
        }
        self.expected.iter().all(Vec::is_empty)
    }

    /// What somebody must still hear.
    pub fn missing(&self) -> String {
        let came: Vec<_> = self.others.iter().map(Device::rest).collect();
        format!("{}: {:?} where there came {came:?}", self.name, self.expected)
    }

    /// Plays it to its end. Those who are left release their legs and leave.
    pub fn finish(mut self) {
        (self.after)(&mut self.others);
        for device in &mut self.others {
            device.look();
            assert_eq!(device.take(|message| message.name == "callDisconnected"), None, "{}", self.name);
        }
        self.others.into_iter().for_each(Device::leave);
    }
}

fn start(caller: &mut Device, leg: &str, peer: &Account, offer: bool) {
    let offer = if offer { sdp("offer") } else { String::new() };
    caller.ask(&format!("<callStart callLeg=\"{leg}\" peer=\"{}\">{offer}</callStart>", peer.0));
}

/// A call of this name that rings at these devices.
fn ringing(caller: &mut Device, leg: &str, peer: &Account, devices: &mut [&mut Device]) {
    start(caller, leg, peer, true);
    devices.iter_mut().for_each(|device| drop(device.hear("callIncoming")));
}

fn accept(device: &mut Device) {
    device.ask(&format!("<callAccept callLeg=\"inp1\">{}</callAccept>", sdp("answer")));
}

/// A call of this name that is connected.
fn talking(caller: &mut Device, leg: &str, peer: &Account, device: &mut Device) {
    ringing(caller, leg, peer, &mut [device]);
    accept(device);
    device.hear("callUpdated");
    caller.hear("callConnected");
    caller.ask(&format!("<callUpdateAccept callLeg=\"{leg}\"/>"));
}

fn nothing(_: &mut [Device]) {}

const CANCELLED: &str = "<callDisconnected callLeg=\"inp1\"/>";
const CALLEE_GONE: &str = "<callDisconnected callLeg=\"c1\" signalCode=\"480\" errorText=\"the client is gone\"/>";
const CLOSED_HERE: &str = "<callDisconnected callLeg=\"c1\" signalCode=\"480\" errorText=\"session closed\"/>";
const CLOSED_THERE: &str = "<callDisconnected callLeg=\"inp1\" signalCode=\"480\" errorText=\"session closed\"/>";

/// All of them.
pub const ALL: &[(&str, Setting)] = &[
    ("the caller, before anybody rings", |house, way| {
        let ((mut caller, _), callee) = (house.alone(way), house.account());
        let (mut one, mut two) = (house.device(&callee, Way::Tcp), house.device(&callee, Way::WebSocket));
        ringing(&mut caller, "c1", &callee, &mut [&mut one, &mut two]);
        (caller, vec![(one, &[CANCELLED]), (two, &[CANCELLED])], |left| {
            let disconnected = ("501".to_owned(), "call is disconnected".to_owned());
            assert_eq!(left[0].refused("<callProvision callLeg=\"inp1\"/>"), disconnected);
            left[0].ask("<callKill callLeg=\"inp1\"/>");
        })
    }),
    ("the caller, while one device rings", |house, way| {
        let ((mut caller, _), callee) = (house.alone(way), house.account());
        let (mut one, mut two) = (house.device(&callee, Way::WebSocket), house.device(&callee, Way::Http));
        ringing(&mut caller, "c1", &callee, &mut [&mut one, &mut two]);
        one.ask("<callProvision callLeg=\"inp1\"/>");
        caller.hear("callProvisioned");
        (caller, vec![(one, &[CANCELLED]), (two, &[CANCELLED])], nothing)
    }),
    ("the caller, while a device sends early media", |house, way| {
        let ((mut caller, _), callee) = (house.alone(way), house.account());
        let (mut one, mut two) = (house.device(&callee, Way::Tcp), house.device(&callee, Way::Tcp));
        ringing(&mut caller, "c1", &callee, &mut [&mut one, &mut two]);
        one.ask(&format!("<callProvision callLeg=\"inp1\">{}</callProvision>", sdp("early")));
        caller.hear("callProvisioned");
        (caller, vec![(one, &[CANCELLED]), (two, &[CANCELLED])], nothing)
    }),
    ("the only device that rings", |house, way| {
        let ((mut caller, _), (mut callee, address)) = (house.alone(Way::Tcp), house.alone(way));
        ringing(&mut caller, "c1", &address, &mut [&mut callee]);
        (callee, vec![(caller, &[CALLEE_GONE])], |left| {
            // The name is free again, and the call goes nowhere.
            left[0].ask("<callKill callLeg=\"c1\"/>");
            left[0].ask("<callStart callLeg=\"c1\" peer=\"nobody\"/>");
            left[0].hear("callDisconnected");
        })
    }),
    ("one of two devices that ring", |house, way| {
        let ((mut caller, _), callee) = (house.alone(Way::Http), house.account());
        let (mut one, mut two) = (house.device(&callee, way), house.device(&callee, Way::Tcp));
        ringing(&mut caller, "c1", &callee, &mut [&mut one, &mut two]);
        (one, vec![(caller, &[]), (two, &[])], |left| {
            // The one that is gone does not keep the call waiting.
            left[1].ask("<callReject callLeg=\"inp1\" signalCode=\"486\"/>");
            left[0].hears("<callDisconnected callLeg=\"c1\" signalCode=\"486\" errorText=\"Busy Here\"/>");
        })
    }),
    ("a device that sends early media", |house, way| {
        let ((mut caller, _), (mut callee, address)) = (house.alone(Way::WebSocket), house.alone(way));
        ringing(&mut caller, "c1", &address, &mut [&mut callee]);
        callee.ask(&format!("<callProvision callLeg=\"inp1\">{}</callProvision>", sdp("early")));
        caller.hear("callProvisioned");
        (callee, vec![(caller, &[CALLEE_GONE])], nothing)
    }),
    ("a device that has made its offer and waits for the answer", |house, way| {
        let ((mut caller, _), (mut callee, address)) = (house.alone(Way::Tcp), house.alone(way));
        start(&mut caller, "c1", &address, false);
        callee.hear("callIncoming");
        accept(&mut callee);
        caller.hear("callConnected");
        (callee, vec![(caller, &[CLOSED_HERE])], nothing)
    }),
    ("the caller, who has yet to answer the offer", |house, way| {
        let ((mut caller, _), (mut callee, address)) = (house.alone(way), house.alone(Way::Tcp));
        start(&mut caller, "c1", &address, false);
        callee.hear("callIncoming");
        accept(&mut callee);
        caller.hear("callConnected");
        let expected: &[&str] = &["<callUpdated callLeg=\"inp1\" signalCode=\"480\" errorText=\"session closed\"/>", CLOSED_THERE];
        (caller, vec![(callee, expected)], nothing)
    }),
    ("the caller of a call that is connected", |house, way| {
        let ((mut caller, _), (mut callee, address)) = (house.alone(way), house.alone(Way::Http));
        talking(&mut caller, "c1", &address, &mut callee);
        (caller, vec![(callee, &[CLOSED_THERE])], nothing)
    }),
    ("the callee of a call that is connected", |house, way| {
        let ((mut caller, _), (mut callee, address)) = (house.alone(Way::WebSocket), house.alone(way));
        talking(&mut caller, "c1", &address, &mut callee);
        (callee, vec![(caller, &[CLOSED_HERE])], nothing)
    }),
    ("who is held", |house, way| {
        let ((mut caller, _), (mut callee, address)) = (house.alone(Way::Tcp), house.alone(way));
        talking(&mut caller, "c1", &address, &mut callee);
        caller.ask(&format!("<callUpdate callLeg=\"c1\">{}</callUpdate>", sdp("hold")));
        callee.hear("callUpdateRequest");
        callee.ask(&format!("<callUpdateAccept callLeg=\"inp1\">{}</callUpdateAccept>", sdp("held")));
        caller.hear("callUpdated");
        (callee, vec![(caller, &[CLOSED_HERE])], nothing)
    }),
    ("who waits for the answer to an update", |house, way| {
        let ((mut caller, _), (mut callee, address)) = (house.alone(way), house.alone(Way::Tcp));
        talking(&mut caller, "c1", &address, &mut callee);
        caller.ask(&format!("<callUpdate callLeg=\"c1\">{}</callUpdate>", sdp("video")));
        callee.hear("callUpdateRequest");
        (caller, vec![(callee, &[CLOSED_THERE])], |left| {
            let answer = format!("<callUpdateAccept callLeg=\"inp1\">{}</callUpdateAccept>", sdp("late"));
            assert_eq!(left[0].refused(&answer), ("501".to_owned(), "call is disconnected".to_owned()));
        })
    }),
    ("who has yet to answer an update", |house, way| {
        let ((mut caller, _), (mut callee, address)) = (house.alone(Way::Tcp), house.alone(way));
        talking(&mut caller, "c1", &address, &mut callee);
        caller.ask(&format!("<callUpdate callLeg=\"c1\">{}</callUpdate>", sdp("video")));
        callee.hear("callUpdateRequest");
        (callee, vec![(caller, &[CLOSED_HERE])], |left| assert_eq!(left[0].take(|message| message.name == "callUpdated"), None))
    }),
    ("who transfers, before the other has made an offer", |house, way| {
        let (leaving, kept, target) = transferring(house, [Way::Tcp, way, Way::Tcp]);
        (leaving, vec![(kept, &[]), (target, &[])], |left| {
            offer_for_transfer(left);
            be_connected_by_transfer(left);
        })
    }),
    ("who transfers, while the target rings", |house, way| {
        let (leaving, kept, target) = transferring(house, [Way::WebSocket, way, Way::Http]);
        let mut both = [kept, target];
        offer_for_transfer(&mut both);
        let [kept, target] = both;
        (leaving, vec![(kept, &[]), (target, &[])], be_connected_by_transfer)
    }),
    ("who is transferred, before the offer", |house, way| {
        let (leaving, kept, target) = transferring(house, [way, Way::Tcp, Way::Tcp]);
        (kept, vec![(leaving, &[CLOSED_THERE]), (target, &[])], |left| {
            left[1].look();
            assert!(left[1].rest().is_empty(), "nobody rings there");
        })
    }),
    ("who is transferred, while the target rings", |house, way| {
        let (leaving, kept, target) = transferring(house, [way, Way::Tcp, Way::WebSocket]);
        let mut both = [kept, target];
        offer_for_transfer(&mut both);
        let [kept, target] = both;
        (kept, vec![(leaving, &[CLOSED_THERE]), (target, &[CANCELLED])], nothing)
    }),
    ("the target of a transfer", |house, way| {
        let (leaving, kept, target) = transferring(house, [Way::Tcp, Way::Tcp, way]);
        let mut both = [kept, target];
        offer_for_transfer(&mut both);
        let [kept, target] = both;
        let failed: &[&str] = &["<callOpFailed callLeg=\"inp1\" signalCode=\"480\" errorText=\"the client is gone\"/>"];
        let updated: &[&str] = &["<callUpdated callLeg=\"c1\" signalCode=\"480\" errorText=\"the client is gone\"/>"];
        (target, vec![(kept, updated), (leaving, failed)], |left| {
            // All is as it was.
            left[1].ask("<callSendDTMF callLeg=\"inp1\">7</callSendDTMF>");
            left[0].hears("<callDTMF callLeg=\"c1\">7</callDTMF>");
        })
    }),
    ("one end that is being joined", |house, way| {
        let [middle, first, second] = joining(house, [Way::Tcp, way, Way::Tcp]);
        (first, vec![(middle, &[CLOSED_HERE]), (second, &[])], |left| {
            // The other end has been asked by a call that is over.
            left[1].ask(&format!("<callUpdateAccept callLeg=\"inp1\">{}</callUpdateAccept>", sdp("late")));
            left[0].hears("<callDisconnected callLeg=\"c2\"/>");
            left[1].hears("<callDisconnected callLeg=\"inp1\" signalCode=\"480\" errorText=\"the other call has ended\"/>");
        })
    }),
    ("the other end that is being joined", |house, way| {
        let [middle, first, second] = joining(house, [Way::Tcp, Way::WebSocket, way]);
        let ended: &[&str] = &[
            "<callDisconnected callLeg=\"c2\" signalCode=\"480\" errorText=\"session closed\"/>",
            "<callOpFailed callLeg=\"c1\" signalCode=\"480\" errorText=\"the other call has ended\"/>",
        ];
        let updated: &[&str] = &["<callUpdated callLeg=\"inp1\" signalCode=\"480\" errorText=\"the other call has ended\"/>"];
        (second, vec![(middle, ended), (first, updated)], |left| {
            left[1].ask("<callSendDTMF callLeg=\"inp1\">7</callSendDTMF>");
            left[0].hears("<callDTMF callLeg=\"c1\">7</callDTMF>");
        })
    }),
    ("who joins two others", |house, way| {
        let [middle, first, second] = joining(house, [way, Way::Tcp, Way::Http]);
        let updated: &[&str] = &[
            "<callUpdated callLeg=\"inp1\" signalCode=\"480\" errorText=\"the other call has ended\"/>",
            "<callDisconnected callLeg=\"inp1\" signalCode=\"480\" errorText=\"the other call has ended\"/>",
        ];
        (middle, vec![(first, updated), (second, &[CLOSED_THERE])], nothing)
    }),
];

/// Who is called transfers the caller, who is asked for an offer: the one that leaves, the one that is kept, the target.
fn transferring(house: &House, [kept, leaving, target]: [Way; 3]) -> (Device, Device, Device) {
    let ((mut kept, _), (mut leaving, address)) = (house.alone(kept), house.alone(leaving));
    let (target, to) = house.alone(target);
    talking(&mut kept, "c1", &address, &mut leaving);
    leaving.ask(&format!("<callTransfer callLeg=\"inp1\" peer=\"{}\"/>", to.0));
    kept.hear("callUpdateSolicited");
    (leaving, kept, target)
}

/// The first makes the offer, and the second rings.
fn offer_for_transfer(both: &mut [Device]) {
    both[0].ask(&format!("<callUpdate callLeg=\"c1\">{}</callUpdate>", sdp("mine")));
    assert!(both[1].hear("callIncoming").get("transferredBy").is_some());
}

/// The second takes the call, and the two talk.
fn be_connected_by_transfer(both: &mut [Device]) {
    accept(&mut both[1]);
    both[0].hear("callTransferred");
    assert_eq!(both[0].hear("callUpdated").get("signalCode"), None);
    both[1].hear("callUpdated");
    both[1].ask("<callSendDTMF callLeg=\"inp1\">3</callSendDTMF>");
    both[0].hears("<callDTMF callLeg=\"c1\">3</callDTMF>");
    both[0].ask("<callKill callLeg=\"c1\"/>");
    both[1].hears(CANCELLED);
}

/// Somebody with two calls joins them: the first end has made its offer, and the second has it.
fn joining(house: &House, [middle, first, second]: [Way; 3]) -> [Device; 3] {
    let ((mut middle, _), (mut first, one), (mut second, two)) = (house.alone(middle), house.alone(first), house.alone(second));
    talking(&mut middle, "c1", &one, &mut first);
    talking(&mut middle, "c2", &two, &mut second);
    middle.ask("<callTransfer callLeg=\"c1\" otherLeg=\"c2\"/>");
    first.hear("callUpdateSolicited");
    first.ask(&format!("<callUpdate callLeg=\"inp1\">{}</callUpdate>", sdp("mine")));
    second.hear("callUpdateRequest");
    [middle, first, second]
}
