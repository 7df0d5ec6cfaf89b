//! A client that loses its connection in a call and comes back under its fixed name has the call again; nobody else has,
//! and who does not come back has lost it.

use super::support::device::{Device, Way};
use super::support::server::{DOMAIN, Server};
use super::{address, server, wait_until_no_call};

const FIXED: &str = "<signalBind clientID=\"desk\" mode=\"fixed\"/>";

fn sdp(text: &str) -> String {
    format!("<sdp origUser=\"-\" sessionID=\"1\" sessionVersion=\"0\" origIP=\"[127.0.0.1]\" subject=\"{text}\"/>")
}

fn login(server: &Server, way: Way, name: &str) -> Device {
    Device::login(server, way, &address(name), "secret")
}

/// A session that takes signals.
fn bound(server: &Server, way: Way, name: &str) -> Device {
    let mut device = login(server, way, name);
    device.ask("<signalBind/>");
    device
}

/// Bob at his desk, bound so, in a call from alice that is connected: `a` there, `inp1` here. With a session of his that
/// is logged in and has bound nothing yet: it is to come back in.
fn talking(server: &Server, bind: &str, way: Way) -> [Device; 3] {
    let (mut alice, mut bob, next) = (bound(server, Way::WebSocket, "alice"), login(server, Way::Tcp, "bob"), login(server, way, "bob"));
    bind_when_free(&mut bob, bind);
    alice.ask(&format!("<callStart callLeg=\"a\" peer=\"bob@{DOMAIN}\">{}</callStart>", sdp("offer")));
    bob.hear("callIncoming");
    bob.ask(&format!("<callAccept callLeg=\"inp1\">{}</callAccept>", sdp("answer")));
    bob.hear("callUpdated");
    alice.hear("callConnected");
    [alice, bob, next]
}

/// The device is gone, and the server knows.
fn vanish(server: &Server, device: Device) {
    let sessions = || super::figure(server, "posthouse_ximss_sessions").parse::<usize>().unwrap();
    let before = sessions();
    device.vanish();
    while sessions() >= before {
        std::thread::yield_now();
    }
}

/// Binds as soon as the session that has the name is gone.
fn bind_when_free(device: &mut Device, bind: &str) {
    while let Err((number, text)) = device.try_ask(bind) {
        assert_eq!(number, "511", "{text}");
    }
}

/// The device hears that it has this call again, and with whom.
fn has_again(device: &mut Device, leg: &str, peer: &str) {
    // Each leg speaks for itself, in no order.
    let mut hear = |name: &str| loop {
        device.look();
        if let Some(message) = device.take(|message| message.name == name && message.get("callLeg") == Some(leg)) {
            return message;
        }
    };
    let connected = hear("callConnected");
    assert_eq!(connected.get("peer"), Some(address(peer).as_str()));
    assert!(connected.get("callId").is_some() && connected.get("tag").is_some() && connected.elements().count() == 0);
    assert_eq!(hear("callUpdateSolicited").get("tag"), None);
}

fn has_ended(alice: &mut Device) {
    alice.hears("<callDisconnected callLeg=\"a\" signalCode=\"480\" errorText=\"session closed\"/>");
}

/// Nothing of a call has come.
fn has_nothing(device: &mut Device) {
    device.look();
    assert_eq!(device.take(|message| message.name.starts_with("call")), None);
}

#[test]
fn who_is_back_in_time_has_his_calls_and_renews_them() {
    let server = server("");
    for way in [Way::Tcp, Way::WebSocket, Way::Http] {
        let [mut alice, mut bob, mut next] = talking(&server, FIXED, way);
        let mut carol = bound(&server, Way::Tcp, "carol");
        bob.ask(&format!("<callStart callLeg=\"out\" peer=\"carol@{DOMAIN}\">{}</callStart>", sdp("offer")));
        carol.hear("callIncoming");
        carol.ask(&format!("<callAccept callLeg=\"inp1\">{}</callAccept>", sdp("answer")));
        bob.hear("callConnected");
        bob.vanish();
        bind_when_free(&mut next, FIXED);
        has_again(&mut next, "out", "carol");
        has_again(&mut next, "inp1", "alice");
        // His media come from elsewhere now.
        next.ask(&format!("<callUpdate callLeg=\"inp1\">{}</callUpdate>", sdp("fresh")));
        assert_eq!(alice.hear("callUpdateRequest").first("sdp").unwrap().get("subject"), Some("fresh"));
        alice.ask(&format!("<callUpdateAccept callLeg=\"a\">{}</callUpdateAccept>", sdp("renewed")));
        assert_eq!(next.hear("callUpdated").first("sdp").unwrap().get("subject"), Some("renewed"));
        carol.ask("<callSendDTMF callLeg=\"inp1\">7</callSendDTMF>");
        next.hears("<callDTMF callLeg=\"out\">7</callDTMF>");
        // The next call has a name of its own.
        carol.ask(&format!("<callStart callLeg=\"more\" peer=\"bob@{DOMAIN}\"/>"));
        assert_eq!(next.hear("callIncoming").get("callLeg"), Some("inp2"));
        for leg in ["inp1", "inp2", "out"] {
            next.ask(&format!("<callKill callLeg=\"{leg}\"/>"));
        }
        alice.hears("<callDisconnected callLeg=\"a\"/>");
        [alice, carol, next].into_iter().for_each(Device::leave);
        wait_until_no_call(&server);
    }
}

#[test]
fn nobody_else_has_them() {
    let server = server("");
    let [mut alice, bob, mut next] = talking(&server, FIXED, Way::Tcp);
    let (mut carol, mut other, mut loose) =
        (login(&server, Way::Tcp, "carol"), login(&server, Way::Tcp, "bob"), login(&server, Way::Tcp, "bob"));
    carol.ask(FIXED);
    bob.vanish();
    other.ask("<signalBind clientID=\"couch\" mode=\"fixed\"/>");
    // The name alone is not enough: whoever would take another may be anyone of the account's.
    loose.ask("<signalBind clientID=\"desk\"/>");
    loose.ask("<signalUnbind/>");
    bind_when_free(&mut next, FIXED);
    has_again(&mut next, "inp1", "alice");
    for device in [&mut carol, &mut other, &mut loose] {
        has_nothing(device);
        assert_eq!(device.refused("<callKill callLeg=\"inp1\"/>").0, "501");
    }
    // Who has them has them once; and loses them with a goodbye.
    next.ask("<signalBind clientID=\"desk\" mode=\"fixed\"/>");
    has_nothing(&mut next);
    next.leave();
    has_ended(&mut alice);
    alice.leave();
    wait_until_no_call(&server);
}

#[test]
fn who_is_not_back_has_lost_them() {
    let server = server("");
    let [mut alice, bob, mut next] = talking(&server, FIXED, Way::Tcp);
    vanish(&server, bob);
    has_ended(&mut alice);
    alice.ask("<callKill callLeg=\"a\"/>");
    bind_when_free(&mut next, FIXED);
    has_nothing(&mut next);
    wait_until_no_call(&server);
}

#[test]
fn the_other_end_may_hang_up_meanwhile() {
    let server = server("");
    let [mut alice, bob, mut next] = talking(&server, FIXED, Way::WebSocket);
    bob.vanish();
    bind_when_free(&mut next, FIXED);
    has_again(&mut next, "inp1", "alice");
    // Gone again, and this time she does not wait. A session over the web is gone when it is told to be.
    next.leave();
    has_ended(&mut alice);
    alice.ask("<callKill callLeg=\"a\"/>");
    wait_until_no_call(&server);

    let [mut alice, bob, mut next] = talking(&server, FIXED, Way::Tcp);
    vanish(&server, bob);
    // Its session is gone, and the leg waits.
    alice.ask("<callKill callLeg=\"a\"/>");
    wait_until_no_call(&server);
    bind_when_free(&mut next, FIXED);
    has_nothing(&mut next);
}

#[test]
fn calls_end_at_once_without_a_fixed_name_and_after_a_goodbye() {
    let server = server("");
    type Loss = fn(Device);
    let lost: [(&str, Loss); 5] = [
        ("<signalBind clientID=\"desk\"/>", Device::vanish),
        ("<signalBind clientID=\"desk\" mode=\"kill\"/>", Device::vanish),
        ("<signalBind mode=\"fixed\"/>", Device::vanish),
        (FIXED, Device::leave),
        (FIXED, |mut device: Device| {
            device.ask("<signalUnbind/>");
            device.vanish();
        }),
    ];
    for (bind, lose) in lost {
        let [mut alice, bob, mut next] = talking(&server, bind, Way::Tcp);
        lose(bob);
        // If they waited, they would be found.
        bind_when_free(&mut next, FIXED);
        has_ended(&mut alice);
        has_nothing(&mut next);
        [alice, next].into_iter().for_each(Device::leave);
        wait_until_no_call(&server);
    }
    // A session that another of its name ends has been told so.
    let [mut alice, _bob, mut next] = talking(&server, FIXED, Way::Tcp);
    next.ask("<signalBind clientID=\"desk\" mode=\"kill\"/>");
    has_ended(&mut alice);
    has_nothing(&mut next);
    [alice, next].into_iter().for_each(Device::leave);
    // What rings is not waited for, however it is bound.
    let (mut alice, mut bob, mut next) =
        (bound(&server, Way::Tcp, "alice"), login(&server, Way::Tcp, "bob"), login(&server, Way::Tcp, "bob"));
    bob.ask(FIXED);
    alice.ask(&format!("<callStart callLeg=\"a\" peer=\"bob@{DOMAIN}\">{}</callStart>", sdp("offer")));
    bob.hear("callIncoming");
    bob.vanish();
    alice.hears("<callDisconnected callLeg=\"a\" signalCode=\"480\" errorText=\"the client is gone\"/>");
    bind_when_free(&mut next, FIXED);
    has_nothing(&mut next);
}

#[test]
fn a_call_gets_another_name_where_its_own_is_taken() {
    let server = server("");
    let [mut alice, bob, mut next] = talking(&server, FIXED, Way::Tcp);
    // This session of his has had an `inp1` of its own.
    next.ask("<signalBind clientID=\"other\"/>");
    let mut carol = bound(&server, Way::Tcp, "carol");
    carol.ask(&format!("<callStart callLeg=\"c\" peer=\"bob@{DOMAIN}/other\"/>"));
    assert_eq!(next.hear("callIncoming").get("callLeg"), Some("inp1"));
    bob.vanish();
    bind_when_free(&mut next, FIXED);
    has_again(&mut next, "inp2", "alice");
    next.ask("<callKill callLeg=\"inp2\"/>");
    alice.hears("<callDisconnected callLeg=\"a\"/>");
    next.ask("<callReject callLeg=\"inp1\" signalCode=\"486\"/>");
    assert_eq!(carol.hear("callDisconnected").get("signalCode"), Some("486"));
    [alice, carol, next].into_iter().for_each(Device::leave);
    wait_until_no_call(&server);
}

#[test]
fn a_server_that_ends_says_once_that_a_call_is_over() {
    let over = |leg: &str| format!("<callDisconnected callLeg=\"{leg}\" signalCode=\"503\" errorText=\"the server is shutting down\"/>");
    // One end waits for its client.
    let mut waiting = server("");
    let [mut alice, bob, next] = talking(&waiting, FIXED, Way::Tcp);
    next.leave();
    vanish(&waiting, bob);
    waiting.stop();
    alice.hears(&over("a"));

    let mut talks = server("");
    let [mut alice, mut bob, _next] = talking(&talks, FIXED, Way::Tcp);
    talks.stop();
    alice.hears(&over("a"));
    bob.hears(&over("inp1"));

    let mut hung_up = server("");
    let [mut alice, mut bob, _next] = talking(&hung_up, FIXED, Way::Tcp);
    bob.ask("<callKill callLeg=\"inp1\"/>");
    alice.hears("<callDisconnected callLeg=\"a\"/>");
    hung_up.stop();
    for mut device in [alice, bob] {
        // It comes last.
        device.hear("alert");
        assert!(device.take(|message| message.name == "callDisconnected").is_none());
    }
}
