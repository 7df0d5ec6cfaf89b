//! Calls between sessions that end in every way, in every state of a call, on every transport: whoever is left is told,
//! nobody rings on, and no leg stays behind. Descriptions pass byte for byte.
//!
//! Spec: XIMSS, "Signaling".

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on panics")]

#[path = "calls/back.rs"]
mod back;
#[path = "calls/scenes.rs"]
mod scenes;
mod support;

use posthouse::xml::Element;
use scenes::{ACCOUNTS, ALL, House, Scene, Setting, address};
use std::time::{Duration, Instant};
use support::device::{Device, Way};
use support::http::get;
use support::server::{DOMAIN, Server, Setup};
use support::web::wait_until_no_session;

/// How long what must happen is waited for. A guard, not a measure.
const PATIENCE: Duration = Duration::from_secs(120);

fn figure(server: &Server, name: &str) -> String {
    let metrics = String::from_utf8(get(server.http(), "/metrics").body).unwrap();
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned));
    line.unwrap_or_default()
}

/// Waits until the server has no call and no leg.
fn wait_until_no_call(server: &Server) {
    let until = Instant::now() + PATIENCE;
    let figures = || [figure(server, "posthouse_calls"), figure(server, "posthouse_call_legs")];
    while figures() != ["0", "0"] {
        assert!(Instant::now() < until, "calls and legs: {:?}", figures());
    }
}

/// Waits until all who are left have heard what they must; their sessions are kept alive.
fn wait_for_all(scene: &mut Scene) {
    let until = Instant::now() + PATIENCE;
    while !scene.look() {
        assert!(Instant::now() < until, "{}", scene.missing());
        // Each look asks every session something, which takes its time.
    }
}

/// Plays scenes; the victims come in these ways in turn, and are lost as told.
fn play(server: &Server, scenes: impl Iterator<Item = &'static (&'static str, Setting)>, ways: &[Way], lose: fn(Device)) {
    for ((name, set), way) in scenes.zip(ways.iter().cycle()) {
        let mut scene = Scene::new(name, &House::new(server), *way, *set);
        lose(scene.victim.take().unwrap());
        wait_for_all(&mut scene);
        scene.finish();
        wait_until_no_session(server.http());
        wait_until_no_call(server);
    }
}

#[test]
fn a_cut_connection_ends_the_calls_of_its_session() {
    play(&server(""), ALL.iter(), &[Way::Tcp], Device::vanish);
}

#[test]
fn a_session_that_leaves_ends_its_calls() {
    play(&server(""), ALL.iter(), &[Way::Http, Way::WebSocket], Device::leave);
}

/// Each costs the time after which a session ends that nobody asks for anything.
#[test]
fn a_session_that_runs_out_ends_its_calls() {
    // Longer than a busy machine takes from one request of a scene to the next.
    let server = server("[limits]\nidle_time = 12");
    play(&server, ALL.iter().step_by(6), &[Way::WebSocket, Way::Http], Device::vanish);
}

/// Two accounts with a device each.
fn pair(server: &Server, ways: [Way; 2], bind: &str) -> [Device; 2] {
    let mut devices = [("alice", ways[0]), ("bob", ways[1])].map(|(name, way)| {
        let mut device = Device::login(server, way, &address(name), "secret");
        device.ask(&format!("<signalBind clientID=\"{name}\">{bind}</signalBind>"));
        device
    });
    devices.iter_mut().for_each(Device::look);
    devices
}

fn server(config: &str) -> Server {
    ACCOUNTS.iter().fold(Setup::default(), |setup, name| setup.account(&address(name), "secret")).config(config).start()
}

/// An element with this text inside, as it is written.
fn described(sdp: &str) -> String {
    let element = Element::new("sdpText").text(sdp);
    String::from_utf8(posthouse::xml::write::to_bytes(&element)).unwrap()
}

/// What Chromium offers for sound, picture and data.
const OFFER: &str = include_str!("webrtc/offer.sdp");

#[test]
fn a_browser_s_offer_passes_byte_for_byte() {
    assert!(OFFER.len() > 7_000 && OFFER.contains("\r\n"));
    let server = server("");
    let small = described("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n");
    let text = |message: &Element| message.first("sdpText").map(Element::body).unwrap();
    // Each end is of another way in, and each says something else.
    for ways in [[Way::Tcp, Way::WebSocket], [Way::WebSocket, Way::Http], [Way::Http, Way::Tcp]] {
        let [mut alice, mut bob] = pair(&server, ways, &small);
        let versions: Vec<String> = ["answer", "update", "updated"].iter().map(|word| format!("{OFFER}a=x-word:{word}\r\n")).collect();
        alice.ask(&format!("<callStart callLeg=\"c\" peer=\"bob@{DOMAIN}\">{}</callStart>", described(OFFER)));
        let incoming = bob.hear("callIncoming");
        assert_eq!(text(&incoming), OFFER);
        let leg = incoming.get("callLeg").unwrap().to_owned();
        bob.ask(&format!("<callAccept callLeg=\"{leg}\">{}</callAccept>", described(&versions[0])));
        assert_eq!(text(&alice.hear("callConnected")), versions[0]);
        alice.ask("<callUpdateAccept callLeg=\"c\"/>");
        bob.ask(&format!("<callUpdate callLeg=\"{leg}\">{}</callUpdate>", described(&versions[1])));
        assert_eq!(text(&alice.hear("callUpdateRequest")), versions[1]);
        alice.ask(&format!("<callUpdateAccept callLeg=\"c\">{}</callUpdateAccept>", described(&versions[2])));
        bob.hear("callUpdated");
        assert_eq!(text(&bob.hear("callUpdated")), versions[2]);
        alice.leave();
        bob.leave();
    }
    wait_until_no_call(&server);
}

#[test]
fn whoever_unbinds_keeps_the_calls_there_are_and_gets_no_new_ones() {
    let server = server("");
    let [mut alice, mut bob] = pair(&server, [Way::Tcp, Way::WebSocket], "");
    let call = |device: &mut Device, leg: &str| {
        let sdp = "<sdp origIP=\"[127.0.0.1]\"/>";
        device.ask(&format!("<callStart callLeg=\"{leg}\" peer=\"bob@{DOMAIN}\">{sdp}</callStart>"));
    };
    call(&mut alice, "talks");
    let talks = bob.hear("callIncoming").get("callLeg").unwrap().to_owned();
    bob.ask(&format!("<callAccept callLeg=\"{talks}\"><sdp origIP=\"[127.0.0.1]\"/></callAccept>"));
    alice.hear("callConnected");
    call(&mut alice, "rings");
    let rings = bob.hear("callIncoming").get("callLeg").unwrap().to_owned();
    bob.ask("<signalUnbind/>");
    call(&mut alice, "new");
    alice.hears("<callDisconnected callLeg=\"new\" signalCode=\"480\" errorText=\"the user is not reachable\"/>");
    bob.ask(&format!("<callSendDTMF callLeg=\"{talks}\">5</callSendDTMF>"));
    alice.hears("<callDTMF callLeg=\"talks\">5</callDTMF>");
    bob.ask(&format!("<callAccept callLeg=\"{rings}\"><sdp origIP=\"[127.0.0.1]\"/></callAccept>"));
    assert_eq!(alice.hear("callConnected").get("callLeg"), Some("rings"));
    bob.ask(&format!("<callKill callLeg=\"{talks}\"/>"));
    alice.hears("<callDisconnected callLeg=\"talks\"/>");
    bob.leave();
    alice.hears("<callDisconnected callLeg=\"rings\" signalCode=\"480\" errorText=\"session closed\"/>");
    alice.leave();
    wait_until_no_call(&server);
}
