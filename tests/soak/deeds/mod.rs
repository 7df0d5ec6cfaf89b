//! What people do, and how often. A deed is done by one session; the household then knows what all others must be told.

mod calendars;
mod callers;
mod folders;
mod letters;
mod mailboxes;
mod service;
mod visits;

use crate::household::{Household, SHARED};
use crate::link::Outcome;
use std::future::Future;
use std::pin::Pin;

/// A deed under way.
type Doing<'a> = Pin<Box<dyn Future<Output = Outcome> + 'a>>;

/// A deed: how often, and what. The number is the seat of who does it.
type Deed = (usize, for<'a> fn(&'a mut Household, usize) -> Doing<'a>);

const DEEDS: &[Deed] = &[
    (14, |home, seat| Box::pin(letters::append(home, seat))),
    (8, |home, seat| Box::pin(letters::submit(home, seat))),
    (3, |home, seat| Box::pin(letters::attach(home, seat))),
    (2, |home, seat| Box::pin(letters::pass_on(home, seat))),
    (1, |home, seat| Box::pin(letters::confirm(home, seat))),
    (8, |home, seat| Box::pin(letters::read(home, seat))),
    (10, |home, seat| Box::pin(folders::flag(home, seat))),
    (3, |home, seat| Box::pin(folders::attribute(home, seat))),
    (5, |home, seat| Box::pin(folders::copy(home, seat))),
    (4, |home, seat| Box::pin(folders::shift(home, seat))),
    (8, |home, seat| Box::pin(folders::remove(home, seat))),
    (2, |home, seat| Box::pin(folders::expunge(home, seat))),
    (4, |home, seat| Box::pin(folders::empty(home, seat))),
    (8, |home, seat| Box::pin(folders::browse(home, seat))),
    (4, |home, seat| Box::pin(folders::search(home, seat))),
    (3, |home, seat| Box::pin(folders::reopen(home, seat))),
    (2, |home, seat| Box::pin(mailboxes::manage(home, seat))),
    (2, |home, seat| Box::pin(mailboxes::share(home, seat))),
    (4, |home, seat| Box::pin(service::ask(home, seat))),
    (4, |home, seat| Box::pin(service::talk(home, seat))),
    (1, |home, seat| Box::pin(visits::visit(home, seat))),
    (1, |home, seat| Box::pin(visits::change_password(home, seat))),
    (3, |home, seat| home_again(home, seat)),
    (1, |home, seat| Box::pin(callers::call(home, seat))),
    (1, |home, seat| Box::pin(callers::meet(home, seat))),
    (1, |home, seat| Box::pin(callers::play(home, seat))),
    (1, |home, seat| Box::pin(callers::prefer(home, seat))),
    (1, |home, seat| Box::pin(calendars::arrange(home, seat))),
    (1, |home, seat| Box::pin(calendars::import(home, seat))),
];

fn home_again(home: &mut Household, seat: usize) -> Doing<'_> {
    Box::pin(home.relog(seat))
}

/// Does something.
pub async fn one(home: &mut Household) -> Outcome {
    let seat = home.random.below(home.seats.len());
    let all: usize = DEEDS.iter().map(|(weight, _)| weight).sum();
    let mut dice = home.random.below(all);
    for (weight, deed) in DEEDS {
        if dice < *weight {
            return deed(home, seat).await;
        }
        dice -= weight;
    }
    Ok(())
}

/// Brings mail into every mailbox, as much as is in it at some moment between two clearances.
pub async fn move_in(home: &mut Household) -> Outcome {
    for (seat, mailbox) in [(0, "0/INBOX"), (0, SHARED), (4, "1/INBOX"), (9, "2/INBOX")] {
        for _ in 0..home.random.below(folders::FULL) {
            letters::put(home, seat, mailbox, "<From>someone@elsewhere.example</From>").await?;
        }
        home.settle().await?;
    }
    Ok(())
}

/// Does everything once, so that also a short run has seen all. Each household begins elsewhere: what takes the server
/// long, as passwords do, does not come from all of them at once.
pub async fn all(home: &mut Household) -> Outcome {
    for (_, deed) in DEEDS.iter().cycle().skip(home.number % DEEDS.len()).take(DEEDS.len()) {
        let seat = home.random.below(home.seats.len());
        home.round += 1;
        deed(home, seat).await?;
        home.settle().await?;
    }
    Ok(())
}
