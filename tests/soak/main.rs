//! The soak: a server lives through the days of many households. `make soak` runs a thousand sessions for an hour;
//! `make soak SECONDS=120 SESSIONS=200` less of it; as a part of `make test` it is over in moments.
//!
//! It fails, with status 1, if a request is refused that must succeed, if a change is not told to everybody who has
//! the mailbox open within so and so many rounds, if the server's memory grows, or if the server logs an error or does
//! not end in order, or if an operation did not occur in a minute or more.
//!
//! Memory is looked at once all is in its usual state: households bring their mail with them, as much as they have at
//! some moment of a long life, and in a long run they first live some rounds without pauses, until the server's caches
//! and the buffers of its connections are as full as they get.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "what cannot go on panics")]
#![allow(clippy::disallowed_methods, reason = "people pause between what they do")]

mod deeds;
mod household;
mod link;
#[path = "../bench/mail.rs"]
#[allow(dead_code, reason = "the benchmarks use more of it")]
mod mail;
#[path = "../support/mod.rs"]
mod support;
mod tally;
mod verdict;
mod view;
mod web;

use household::{Household, PASSWORD, PATIENCE, Run, SEATS, accounts, callers};
use link::Doors;
use mail::{Maker, SMALL};
use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};
use support::server::{Server, Setup};
use tally::Tally;
use verdict::{Memory, Verdict};

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|n| n.parse().ok()).unwrap_or(default)
}

/// What every household does in a run that is as short as can be.
const DEEDS_AT_LEAST: u64 = 200;

/// A run of so many seconds is a long one.
const LONG: u64 = 60;

/// What every household does in a long run before its memory counts.
const DEEDS_BEFORE: u64 = 300;

/// How much of it.
#[derive(Clone, Copy)]
struct Extent {
    seconds: u64,
    households: usize,
    pause: Duration,
}

fn main() {
    let seconds = number("POSTHOUSE_SOAK_SECONDS", 0);
    let sessions = number("POSTHOUSE_SOAK_SESSIONS", SEATS as u64) as usize;
    let pause = Duration::from_millis(number("POSTHOUSE_SOAK_PAUSE", if seconds == 0 { 0 } else { 1_000 }));
    let extent = Extent { seconds, households: sessions.div_ceil(SEATS).max(1), pause };
    let config = "[auth]\nsignup = true\n[limits]\nsessions_per_address = 100000\nfailed_logins = 1000000\nidle_time = 36000";
    let mut server = Setup::default().config(config).start();
    add_accounts(&server, extent.households);
    println!("soak: {} sessions of {} households for {seconds} s", extent.households * SEATS, extent.households);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let tally = Rc::new(Tally::default());
    let memory = tokio::task::LocalSet::new().block_on(&runtime, live(&server, extent, &tally));
    drop(runtime);
    if tally.failures() == 0 {
        // Everybody has said goodbye: no session is left.
        support::web::wait_until_no_session(server.http());
    }
    server.stop();
    let verdict = Verdict { tally: &tally, memory: &memory, log: &server.log(), is_long: seconds >= LONG };
    std::process::exit(if verdict.tell() { 0 } else { 1 });
}

fn add_accounts(server: &Server, households: usize) {
    let next = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let household = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    if household >= households {
                        return;
                    }
                    let all = accounts(household).into_iter().chain(callers(household));
                    all.for_each(|address| server.add_account(&address, PASSWORD, ""));
                }
            });
        }
    });
}

/// Lets all households live until the time is over; gives what the server's memory was meanwhile.
async fn live(server: &Server, extent: Extent, tally: &Rc<Tally>) -> Memory {
    let letters = Maker::new(7, SMALL).take(200).map(|raw| String::from_utf8_lossy(&raw).replace(['<', '>', '&', '\r'], " ")).collect();
    let doors = Doors::of(server);
    let run = Rc::new(Run { doors, letters, tally: tally.clone(), begun: Cell::default(), end: Cell::default() });
    let homes = (0..extent.households).map(|number| tokio::task::spawn_local(life(number, run.clone(), extent)));
    let tasks: Vec<_> = homes.collect();
    let begun = Instant::now();
    while run.begun.get() < extent.households && !tasks.iter().all(|task| task.is_finished()) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    println!("soak: all are at home after {:.1} s, {} requests", begun.elapsed().as_secs_f64(), tally.requests());
    tally.times_count_from_now();
    let end = Instant::now() + Duration::from_secs(extent.seconds);
    run.end.set(Some(end));
    let memory = watch(server, extent, tally, end).await;
    for task in tasks {
        if let Err(error) = task.await {
            tally.failed(format!("a household broke down: {error}"));
        }
    }
    memory
}

/// One household, to its last word.
async fn life(number: usize, run: Rc<Run>, extent: Extent) {
    let home = Household::begin(number, run.clone()).await;
    let home = match home {
        Ok(mut home) => settle_in(&mut home, extent).await.map(|()| home),
        Err(error) => Err(error),
    };
    run.begun.set(run.begun.get() + 1);
    match home {
        Ok(home) => day(home, extent.pause).await,
        Err(error) => run.tally.failed(format!("household {number} cannot begin: {error}")),
    }
}

/// All that a household does before it counts.
async fn settle_in(home: &mut Household, extent: Extent) -> Result<(), String> {
    deeds::move_in(home).await?;
    deeds::all(home).await?;
    let rounds = if extent.seconds >= LONG { DEEDS_BEFORE } else { 0 };
    for _ in 0..rounds {
        round(home).await?;
    }
    Ok(())
}

/// A deed, and what follows from it.
async fn round(home: &mut Household) -> Result<(), String> {
    home.round += 1;
    deeds::one(home).await?;
    home.settle().await
}

async fn day(mut home: Household, pause: Duration) {
    let least = if pause.is_zero() { DEEDS_AT_LEAST } else { 0 };
    let outcome = async {
        while !home.run.is_over() || home.round < least {
            round(&mut home).await?;
            // Between a half and one and a half of it, so that households do not march in step.
            tokio::time::sleep(pause.mul_f64(0.5 + home.random.unit())).await;
        }
        for _ in 0..=PATIENCE {
            home.round += 1;
            home.settle().await?;
            if home.is_settled() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        for seat in 0..home.seats.len() {
            home.leave(seat).await?;
        }
        Ok::<(), String>(())
    };
    if let Err(error) = outcome.await {
        home.run.tally.failed(format!("household {} in round {}: {error}", home.number, home.round));
    }
}

/// Samples the server's memory, and tells how it goes.
async fn watch(server: &Server, extent: Extent, tally: &Tally, end: Instant) -> Memory {
    let (mut memory, begun) = (Memory::default(), Instant::now());
    let pid = server.process_id().expect("the server runs");
    let step = Duration::from_secs_f64((extent.seconds as f64 / 60.0).clamp(0.5, 60.0));
    let mut told = Instant::now();
    while Instant::now() < end {
        tokio::time::sleep(step).await;
        memory.sample(pid);
        if told.elapsed() >= Duration::from_secs(10) {
            told = Instant::now();
            let (requests, notices, failures) = (tally.requests(), tally.notices(), tally.failures());
            let seconds = begun.elapsed().as_secs();
            println!("soak: {seconds} s, {requests} requests, {notices} notices, {failures} failures, {} KB", memory.last());
        }
    }
    memory
}
