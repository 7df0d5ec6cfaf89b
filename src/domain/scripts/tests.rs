//! What scripts can do, and what they cannot: every bound, from a script that runs into it.

use super::*;
use crate::domain::call::leg::Command;
use crate::domain::tasks::meetings::MeetingChange;
use crate::domain::testing::{house, new_account};
use crate::model::call::{CallEvent, CallId, CallParty, LegName};
use crate::model::limits::Limits;
use crate::model::signal::Sdp;
use crate::model::task::TaskEvent;
use crate::model::value::Value;
use proptest::prelude::*;

fn script(source: &str) -> Script {
    let ast = Arc::new(engine::compile(source).unwrap());
    let alive = Alive::one_more(&Arc::default()).unwrap();
    let owner = "alice@example.test".to_owned();
    Script { ast, entry: "main".to_owned(), state: engine::nothing(), starter: None, owner, _alive: alive }
}

/// On a thread as scripts have it.
fn run<T: Send + 'static>(job: impl FnOnce() -> T + Send + 'static) -> T {
    std::thread::Builder::new().stack_size(STACK).spawn(job).unwrap().join().unwrap()
}

fn begun() -> Happening {
    Happening::Begun { starter: Some(TaskId(7)), parameters: vec!["one".to_owned()] }
}

fn told(parameter: Value) -> Happening {
    Happening::Told(TaskEvent { from: Some(TaskId(9)), name: "ping".to_owned(), parameter })
}

/// What a script with this body does at its start.
fn does(body: &str) -> Outcome<Vec<Deed>> {
    // Whoever calls `many` keeps 900 long names at each depth.
    let many = "fn many(s, depth) { let m = #{}; for i in 0..900 { m[s + depth.to_string() + i.to_string()] = i; } if depth > 0 { many(s, depth - 1); } m.len() }";
    let source = format!("fn main(state, params) {{ {body} }}\n{many}");
    run(move || script(&source).hear(begun()))
}

fn fails(body: &str) -> String {
    does(body).unwrap_err().text.into_owned()
}

#[test]
fn the_state_is_kept_between_events() {
    let source = "
        fn main(state, params) { state.count = 0; send_event(starter(), `started`, params); state }
        fn on_event(state, event) {
            if event.kind != `told` { return; }
            state.count += 1;
            send_event(event.from, event.name, #{ count: state.count, was: event.parameter });
            state
        }";
    run(move || {
        let mut script = script(source);
        let started = script.hear(begun()).unwrap();
        assert_eq!(started, [Deed::Tell(TaskId(7), "started".to_owned(), Value::Array(vec![Value::from("one")]))]);
        for count in 1..4 {
            let Ok([Deed::Tell(TaskId(9), name, Value::Dictionary(told))]) =
                <[Deed; 1]>::try_from(script.hear(told(Value::from("x"))).unwrap())
            else {
                panic!()
            };
            assert_eq!((name.as_str(), &told["count"], &told["was"]), ("ping", &Value::Number(count), &Value::from("x")));
            assert_eq!(script.hear(Happening::Timer("t".to_owned())), Ok(vec![]));
        }
    });
}

#[test]
fn words_become_deeds() {
    let said = does(
        "
        send_im(`bob`, `hi`); after(5, `later`); forget(`later`); preference(`Language`); log(`x`);
        start_task(`echo`, [`a`, 1]); start_task(`menu`, `night`, ()); make_call(`bob`); stay();
        meeting_create(``, `chess`, `board`); meeting_find(``, `chess`); close();
    ",
    )
    .unwrap();
    let text = |text: &str| text.to_owned();
    assert_eq!(
        said,
        [
            Deed::Write(text("bob"), text("hi")),
            Deed::After(5, text("later")),
            Deed::Forget(text("later")),
            Deed::ReadPreference(text("Language")),
            Deed::Log(text("x")),
            Deed::Start { program: text("echo"), entry: None, parameters: vec![text("a"), text("1")] },
            Deed::Start { program: text("menu"), entry: Some(text("night")), parameters: vec![] },
            Deed::MakeCall(text("bob")),
            Deed::Stay,
            Deed::ChangeMeeting(MeetingChange::Create(Some(text("board"))), text(""), text("chess")),
            Deed::FindMeeting(text(""), text("chess")),
            Deed::End,
        ]
    );
}

#[test]
fn calls_are_taken_and_turned() {
    let source = "
        fn main(state, params) { }
        fn on_event(state, event) {
            if event.kind != `call` { return; }
            switch event.name {
                `incoming` if event.peer == `bob@example.test` => redirect(event.leg, [`#voicemail`]),
                `incoming` => { provision(event.leg); accept(event.leg, mirrored(event.sdp)); }
                `dtmf` => send_dtmf(event.leg, event.key),
                _ => disconnect(event.leg),
            }
        }";
    let call = |said| Happening::Call(LegName::incoming(1), said);
    let incoming = |peer: &str| {
        let from = CallParty { address: peer.to_owned(), name: None };
        let sdp = Sdp("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n".to_owned());
        CallEvent::Incoming { call_id: CallId("c".to_owned()), from, transferred_by: None, sdp: Some(sdp) }
    };
    let events =
        [incoming("bob@example.test"), incoming("carol@example.test"), CallEvent::Dtmf(11), CallEvent::UpdateSolicited { tag: None }];
    let said: Vec<Vec<Deed>> = run(move || {
        let mut script = script(source);
        events.map(|event| script.hear(call(event)).unwrap()).to_vec()
    });
    let leg = || LegName::incoming(1);
    assert_eq!(said[0], [Deed::Redirect { leg: leg(), to: vec!["#voicemail".to_owned()], ring_on: false }]);
    assert!(matches!(&said[1][..], [Deed::Leg(_, Command::Provision(None)), Deed::Leg(_, Command::Accept(Some(_)))]));
    assert_eq!(said[2], [Deed::Leg(leg(), Command::Dtmf(11))]);
    assert_eq!(said[3], [Deed::Leg(leg(), Command::Kill)]);
}

#[test]
fn scripts_that_do_not_end_are_ended() {
    for body in ["loop { }", "let a = 0; while true { a += 1 }", "for i in 0..9_000_000_000 { }"] {
        let text = fails(body);
        assert!(text.contains("it takes too"), "{text}");
    }
    let slow = fails("let s = ``; s.pad(30_000, 'x'); loop { s.replace(`y`, `z`); s.index_of(`y`); }");
    assert!(slow.contains("it takes too"), "{slow}");
}

#[test]
fn memory_is_bounded() {
    for body in [
        "let s = `x`; loop { s += s; }",
        "let s = ``; s.pad(1_000_000_000, 'x');",
        "let a = []; loop { a.push(1); }",
        "let a = []; a.pad(1_000_000_000, 1);",
        "let a = [`x`]; loop { a += a; }",
        "let m = #{}; for i in 0..100_000 { m[i.to_string()] = i; }",
        "let s = `x`; s.pad(30_000, 'x'); let a = []; loop { a.push(s); }",
        "let s = `x`; s.pad(30_000, 'x'); state.a = s; state.b = s; state",
        "loop { log(`x`); }",
        "let s = `x`; s.pad(30_000, 'x'); s.replace(`x`, s);",
        "let s = `x`; s.pad(30_000, 'x'); s.replace('x', s);",
        "let s = ``; s.pad(30_000, 'x'); s.replace(``, s);",
        "let a = []; a.pad(2000, `abc`); a.reduce(|sum, x| sum + x + sum, ``);",
        // Names count, too.
        "let s = ``; s.pad(30_000, 'x'); for i in 0..10 { state[s + i.to_string()] = i; } state",
        "let s = ``; s.pad(30_000, 'x'); let m = #{}; for i in 0..3 { m[s + i.to_string()] = i; } send_event(starter(), `x`, m);",
        "let s = ``; s.pad(32_000, 'x'); many(s, 20);",
    ] {
        let text = fails(body);
        let bounded = ["exceeds", "too large", "too much", "Size of", "Length of", "it takes too"].iter().any(|word| text.contains(word));
        assert!(bounded, "{body}: {text}");
    }
}

#[test]
fn depth_is_bounded() {
    let deep = run(|| script("fn main(state, params) { main(state, params) }").hear(begun())).unwrap_err();
    assert!(deep.text.contains("Stack overflow") || deep.text.contains("too deep"), "{deep}");
    // Values inside values: as deep as sizes allow while the script runs, not so deep in what it keeps or gives away.
    for value in ["[a]", "#{ a: a }"] {
        let nest = |end: &str| format!("let a = 1; for i in 0..900 {{ a = {value}; }} {end}");
        assert_eq!(does(&nest("let b = a; let c = b == a;")), Ok(vec![]));
        assert!(fails(&nest("state.a = a; state")).contains("too deeply"));
        assert!(fails(&nest("send_event(starter(), `x`, a);")).contains("too deeply"));
    }
    assert!(fails("state.f = |x| x; state").contains("no data"));
    let brackets = format!("fn main(state, params) {{ {}1{} }}", "(".repeat(5_000), ")".repeat(5_000));
    assert!(run(move || engine::compile(&brackets).map(drop)).is_err());
    let blocks = format!("fn main(state, params) {{ {}1{} }}", "{".repeat(20_000), "}".repeat(20_000));
    assert!(run(move || engine::compile(&blocks).map(drop)).is_err());
}

#[test]
fn errors_say_where() {
    assert_eq!(fails("\n  throw `no such luck`;"), "line 2, column 3: no such luck");
    assert!(fails("unknown(1)").starts_with("line 1, column "), "{}", fails("unknown(1)"));
    assert!(fails("1 / 0").contains("by zero"), "{}", fails("1 / 0"));
    assert!(fails("throw 5;").contains("was thrown"));
    let compiled = |source: &'static str| run(move || engine::compile(source).unwrap_err().text.into_owned());
    assert!(compiled("fn main(state, params) {\n  let = 5;\n}").starts_with("line 2, column "));
    assert_eq!(compiled("// nothing"), "a script has no function");
    assert!(compiled("fn main(state, params) { eval(`1`) }").starts_with("line 1"));
    assert!(compiled("import `x` as y; fn main(state, params) { }").starts_with("line 1"));
}

#[test]
fn scripts_reach_nothing_else() {
    for body in [
        "sleep(5)",
        "timestamp()",
        "open(`/etc/passwd`)",
        "parse_json(`{}`)",
        "exit(1)",
        "x",
        "starter() = 1",
        "Fn(`main`)",
        "`x`.chars()",
        "blob(5)",
    ] {
        assert!(run({
            let source = format!("fn main(state, params) {{ {body} }}");
            move || engine::compile(&source).and_then(|_| script(&source).hear(begun())).is_err()
        }));
    }
    // A task cannot be made up.
    assert!(fails("send_event(1, `x`);").contains("Function not found"));
    assert_eq!(does("if starter() == starter() { close(); }"), Ok(vec![Deed::End]));
}

#[test]
fn a_word_that_makes_no_sense_can_be_caught() {
    let caught = does("try { accept(`inp1`, `no sdp`); } catch(e) { log(e); } try { reject(`inp1`, 200); } catch { }");
    assert_eq!(caught, Ok(vec![Deed::Log("this is not a session description".to_owned())]));
    assert!(fails("send_dtmf(`inp1`, 16);").contains("between 0 and 15"));
}

#[actix::test]
async fn scripts_are_found_and_kept_compiled() {
    let house = house();
    let alice = new_account(&house.store, "alice@example.test").await;
    let (account, domain) = (Shelf::Account(alice.address.clone()), Shelf::Domain(alice.address.domain.clone()));
    let put = |of: Shelf, name: &'static str, source: &'static str| {
        house.store.write(move |tx| library::put(tx, &of, name, source, &Limits::default(), Timestamp(0)))
    };
    let own = "fn main(state, params) { log(`own`); } fn night(state, params) { log(`night`); }";
    put(domain.clone(), "menu", "fn main(state, params) { log(`shared`); }").await.unwrap();
    let find = async |name, entry| house.scripts.find(&house.store, &alice, name, entry).await;
    let says = async |name, entry| {
        let mut script = find(name, entry).await.unwrap();
        house.scripts.run(move || script.hear(begun())).await.unwrap()
    };
    assert_eq!(says("menu", "main").await, [Deed::Log("shared".to_owned())]);
    put(account.clone(), "menu.rhai", own).await.unwrap();
    assert_eq!(says("menu", "main").await, [Deed::Log("own".to_owned())]);
    assert_eq!(says("menu", "night").await, [Deed::Log("night".to_owned())]);
    assert_eq!(find("menu", "day").await.err().unwrap().number, 510);
    for name in ["nothing", "../menu", "", "a/b"] {
        assert_eq!(find(name, "main").await.err().unwrap().text, "application does not exist", "{name}");
    }
    let listed = house.store.read({
        let account = account.clone();
        move |tx| library::list(tx, &account)
    });
    assert_eq!(listed.await.unwrap(), [("menu".to_owned(), own.len() as u64)]);
    house.store.write(move |tx| library::remove(tx, &account, "menu")).await.unwrap();
    assert_eq!(says("menu", "main").await, [Deed::Log("shared".to_owned())]);
    house.store.write(move |tx| library::remove(tx, &domain, "menu")).await.unwrap();
    assert_eq!(find("menu", "main").await.err().unwrap().number, 510);
    assert_eq!(house.scripts.compiled.lock().unwrap().len(), 2);
}

#[test]
fn only_so_many_live() {
    let live = Arc::default();
    let all: Vec<Alive> = (0..MOST_LIVE).map(|_| Alive::one_more(&live).unwrap()).collect();
    assert!(Alive::one_more(&live).is_err() && Alive::one_more(&live).is_err());
    drop(all);
    assert_eq!(live.load(Ordering::Relaxed), 0);
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![Just(Value::Null), ".{0,8}".prop_map(Value::String), any::<i64>().prop_map(Value::Number)];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            proptest::collection::btree_map("[a-z]{1,4}", inner, 0..4).prop_map(Value::Dictionary),
        ]
    })
}

proptest! {
    #[test]
    fn values_go_through_scripts_unchanged(value in value()) {
        prop_assert_eq!(values::from_script(values::to_script(value.clone()).unwrap()).unwrap(), value);
    }

    /// Whatever stands in a script, it is refused or compiled, and what is compiled ends.
    #[test]
    fn any_text_is_harmless(words in proptest::collection::vec(prop_oneof![
        Just("fn main(state, params) {"), Just("}"), Just("loop {"), Just("state"), Just("params"), Just("+="), Just("="), Just("["), Just("]"),
        Just("let x"), Just(";"), Just("main("), Just(")"), Just("|x|"), Just("x"), Just("`s`"), Just("#{"), Just("close()"), Just("throw"),
    ], 0..40)) {
        let source = format!("fn main(state, params) {{ {} }}", words.join(" "));
        let _ = run(move || engine::compile(&source).map(|_| script(&source).hear(begun()).map(drop)));
    }
}
