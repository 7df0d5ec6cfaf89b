//! Between sessions: calls, instant messages, presence, and what a session costs that takes signals.

use crate::crowd::{self, Line, attribute, each, run};
use crate::server::Server;
use crate::{fresh, percentile, row, size};
use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Pairs that call or write each other.
const PAIRS: usize = 100;
/// Messages of a writer that may be under way.
const WINDOW: usize = 10;
/// What an account changes within a while after another change is told later, so those who change something take turns.
const TOGETHER: Duration = Duration::from_millis(300);

/// A description of a session as a telephone writes it.
const SDP: &str = "<sdpText>v=0&#13;\no=- 4711 1 IN IP4 192.0.2.7&#13;\ns=-&#13;\nc=IN IP4 192.0.2.7&#13;\nt=0 0&#13;\n\
    m=audio 49170 RTP/AVP 8 0 101&#13;\na=rtpmap:8 PCMA/8000&#13;\na=rtpmap:0 PCMU/8000&#13;\na=rtpmap:101 telephone-event/8000&#13;\n\
    a=fmtp:101 0-15&#13;\na=sendrecv&#13;\n</sdpText>";

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

async fn bound(server: &Server, count: usize, presence: bool) -> Vec<Line> {
    let address = server.ximss;
    each((0..count).map(|number| Line::bound(address, number, presence))).await
}

/// Two hundred sessions, of which a hundred call the others: ringing, taken, connected, ended by the caller.
pub fn calls() {
    let mut server = crowd::server(&fresh("calls"), 2 * PAIRS, |_| 0..0);
    let calls = size("POSTHOUSE_BENCH_CALLS", 60);
    run(async {
        let mut lines = bound(&server, 2 * PAIRS, false).await;
        let (mut rates, mut processor, mut set_up, mut failed) = (Vec::new(), Vec::new(), Vec::new(), 0);
        for round in 0..3 {
            let (before, begun) = (server.processor_time(), Instant::now());
            let callees = lines.split_off(PAIRS);
            let rung = each(callees.into_iter().map(|line| answer(line, calls)));
            let made = each(lines.into_iter().enumerate().map(|(number, line)| dial(line, number + PAIRS, calls, round)));
            let (made, rung) = tokio::join!(made, rung);
            rates.push((PAIRS * calls) as f64 / begun.elapsed().as_secs_f64());
            processor.push((server.processor_time() - before) * 1e3 / (PAIRS * calls) as f64);
            lines = Vec::new();
            for (line, times, failures) in made {
                lines.push(line);
                set_up.extend(times);
                failed += failures;
            }
            lines.extend(rung);
        }
        row("local calls set up and torn down, 200 sessions", "per s", rates);
        row("the same, until connected, p50", "ms", vec![percentile(&mut set_up, 0.5)]);
        row("the same, until connected, p99", "ms", vec![percentile(&mut set_up, 0.99)]);
        row("the same, server's processor time each", "us", processor);
        row("the same, failed", "calls", vec![f64::from(failed)]);
    });
    server.stop();
}

/// Makes calls, one after the other. Gives how long each took to be connected, and how many were not.
async fn dial(mut line: Line, callee: usize, calls: usize, round: usize) -> (Line, Vec<f64>, u32) {
    let (mut times, mut failed, peer) = (Vec::new(), 0, crowd::address(callee));
    for call in 0..calls {
        let (leg, begun) = (format!("c{round}-{call}"), Instant::now());
        line.send(&format!("<callStart id=\"a\" callLeg=\"{leg}\" peer=\"{peer}\">{SDP}</callStart>\0")).await;
        let (mut connected, mut ended) = (false, false);
        while !connected && !ended {
            line.hear(|frame| {
                connected |= frame.starts_with("<callConnected");
                ended |= frame.starts_with("<callDisconnected") || frame.contains("errorText");
            })
            .await;
        }
        times.push(milliseconds(begun));
        failed += u32::from(!connected);
        line.send(&format!("<callKill id=\"k\" callLeg=\"{leg}\"/>\0")).await;
        let mut killed = false;
        while !killed {
            line.hear(|frame| killed |= frame.starts_with("<response id=\"k\"")).await;
        }
    }
    (line, times, failed)
}

/// Lets each call ring, takes it, and releases it when the other has ended it.
async fn answer(mut line: Line, calls: usize) -> Line {
    let mut ended = 0;
    while ended < calls {
        let mut replies = String::new();
        line.hear(|frame| {
            let leg = attribute(frame, "callLeg").unwrap_or_default();
            if frame.starts_with("<callIncoming") {
                replies.push_str(&format!(
                    "<callProvision id=\"p\" callLeg=\"{leg}\"/>\0<callAccept id=\"t\" callLeg=\"{leg}\">{SDP}</callAccept>\0"
                ));
            } else if frame.starts_with("<callDisconnected") {
                replies.push_str(&format!("<callKill id=\"k\" callLeg=\"{leg}\"/>\0"));
                ended += 1;
            }
        })
        .await;
        line.send(&replies).await;
    }
    let mut left = true;
    while left {
        line.hear(|frame| left &= !frame.starts_with("<response id=\"k\"")).await;
    }
    line
}

/// When it was sent, then words up to the length of what people write.
fn text(to: &str, since: Instant) -> String {
    let now = since.elapsed().as_nanos();
    format!(
        "<sendIM id=\"m\" peer=\"{to}\" clientID=\"r\">{now:020} and a hundred letters more, as people write to each other in a sentence or two of a talk like this</sendIM>\0"
    )
}

/// Writes and reads until `left`, which is shared, is used up: for each message that comes, one goes. Gives how long
/// each that came was under way, in milliseconds.
async fn correspond(
    mut line: Line,
    to: usize,
    window: usize,
    left: Rc<Cell<usize>>,
    expected: Rc<Cell<usize>>,
    since: Instant,
) -> (Line, Vec<f64>) {
    let (mut times, peer) = (Vec::new(), crowd::address(to));
    let mut may_send = window;
    loop {
        let mut messages = String::new();
        while may_send > 0 && left.get() > 0 {
            left.set(left.get() - 1);
            may_send -= 1;
            messages.push_str(&text(&peer, since));
        }
        if !messages.is_empty() {
            line.send(&messages).await;
        }
        if expected.get() == 0 {
            return (line, times);
        }
        let heard = line.hear(|frame| {
            if let Some(body) = frame.strip_prefix("<readIM").and_then(|frame| frame.split('>').nth(1)) {
                let sent: u128 = body[..20].parse().expect("the message begins with a time");
                times.push((since.elapsed().as_nanos() - sent) as f64 / 1e6);
                may_send += 1;
                expected.set(expected.get() - 1);
            } else {
                assert!(!frame.contains("errorText"), "{frame}");
            }
        });
        // Whoever has nothing more to hear learns from the count that the others are done.
        let _ = tokio::time::timeout(Duration::from_millis(100), heard).await;
    }
}

/// Two clients, one message at a time; then a hundred pairs, ten under way from each.
pub fn messages() {
    let mut server = crowd::server(&fresh("messages"), 2 * PAIRS, |_| 0..0);
    let count = size("POSTHOUSE_BENCH_IMS", 100_000);
    run(async {
        let mut lines = bound(&server, 2 * PAIRS, false).await;
        let mut two = lines.split_off(2 * PAIRS - 2);
        let alone = ping_pong(&mut two, 2_000).await;
        for share in [0.5, 0.99] {
            row(&format!("instant message one way, two clients, p{:.0}", share * 100.0), "ms", vec![percentile(&mut alone.clone(), share)]);
        }
        lines.extend(two);
        let (mut rates, mut processor, mut times) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..3 {
            let (before, begun) = (server.processor_time(), Instant::now());
            let (left, expected) = (Rc::new(Cell::new(count)), Rc::new(Cell::new(count)));
            let work = lines
                .into_iter()
                .enumerate()
                .map(|(number, line)| correspond(line, number ^ 1, WINDOW, left.clone(), expected.clone(), begun));
            let (returned, heard): (Vec<Line>, Vec<Vec<f64>>) = each(work).await.into_iter().unzip();
            rates.push(count as f64 / begun.elapsed().as_secs_f64());
            processor.push((server.processor_time() - before) * 1e3 / count as f64);
            lines = returned;
            times.extend(heard.into_iter().flatten());
        }
        row("instant messages between 100 pairs", "per s", rates);
        row("the same, one way, p50", "ms", vec![percentile(&mut times, 0.5)]);
        row("the same, one way, p99", "ms", vec![percentile(&mut times, 0.99)]);
        row("the same, server's processor time each", "us", processor);
    });
    server.stop();
}

/// One writes, the other reads: as long as a message is under way, nobody does anything else.
async fn ping_pong(two: &mut [Line], rounds: usize) -> Vec<f64> {
    let [writer, reader] = two else { panic!("there are two") };
    let since = Instant::now();
    let mut times = Vec::new();
    for _ in 0..rounds {
        let begun = Instant::now();
        writer.send(&text(&crowd::address(2 * PAIRS - 1), since)).await;
        let mut read = false;
        while !read {
            reader.hear(|frame| read |= frame.starts_with("<readIM")).await;
        }
        times.push(milliseconds(begun));
    }
    writer.drain().await;
    times
}

/// One changes its presence: until the last of those who see it has heard.
pub fn presence() {
    for watchers in [99, 1_000] {
        let count = watchers + 1;
        let mut server = crowd::server(&fresh("presence"), count, move |number| if number < 20 { 0..count } else { 0..20 });
        run(async {
            let mut lines = bound(&server, count, true).await;
            for line in &mut lines[..20] {
                line.ask("<presenceSet id=\"p\"><presence>online</presence></presenceSet>").await;
            }
            lines = each(lines.into_iter().map(|mut line| async {
                line.drain().await;
                line
            }))
            .await;
            tokio::time::sleep(TOGETHER).await;
            let (mut last, before) = (Vec::new(), server.processor_time());
            for round in 0..40 {
                let source = round % 20;
                let begun = Instant::now();
                let detail = ["away", "busy"][round / 20];
                lines[source]
                    .send(&format!("<presenceSet id=\"p\"><presence>{detail}</presence><status>s{round}</status></presenceSet>\0"))
                    .await;
                let heard = lines.into_iter().enumerate().map(|(number, mut line)| {
                    let wanted = format!("<status>s{round}</status>");
                    async move {
                        let mut heard = number == source;
                        while !heard {
                            line.hear(|frame| heard |= frame.contains(&wanted)).await;
                        }
                        (line, begun.elapsed().as_secs_f64() * 1e3)
                    }
                });
                let (returned, times): (Vec<Line>, Vec<f64>) = each(heard).await.into_iter().unzip();
                lines = returned;
                last.push(times.into_iter().fold(0.0, f64::max));
                tokio::time::sleep(TOGETHER / 10).await;
            }
            let each = (server.processor_time() - before) * 1e3 / (40 * watchers) as f64;
            row(&format!("presence change to {watchers} watchers, last one p50"), "ms", vec![percentile(&mut last.clone(), 0.5)]);
            row(&format!("presence change to {watchers} watchers, last one p99"), "ms", vec![percentile(&mut last, 0.99)]);
            row("the same, server's processor time for each that hears", "us", vec![each]);
        });
        server.stop();
    }
}

/// Memory of a session that takes signals, beside that of one that is merely logged in.
pub fn bindings() {
    let count = size("POSTHOUSE_BENCH_SESSIONS", 2_000);
    let mut server = crowd::server(&fresh("bindings"), count, |_| 0..0);
    run(async {
        let first = bound(&server, 200, true).await;
        server.wait_until_quiet();
        let before = server.memory();
        let address = server.ximss;
        let lines = each((200..count).map(|number| Line::login(address, number))).await;
        server.wait_until_quiet();
        let logged_in = server.memory();
        let lines = each(lines.into_iter().map(|mut line| async {
            line.bind(true).await;
            line.ask("<presenceSet id=\"p\"><presence>online</presence></presenceSet>").await;
            line
        }))
        .await;
        server.wait_until_quiet();
        let all = lines.len() as f64;
        row(&format!("memory of one of {count} sessions, logged in"), "KB", vec![(logged_in - before) / all]);
        row("what it takes more when bound, with presence", "KB", vec![(server.memory() - logged_in) / all]);
        drop((first, lines));
    });
    server.stop();
}
