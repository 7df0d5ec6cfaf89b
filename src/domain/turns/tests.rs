//! Who is next, under attack and without.

use super::*;
use futures_util::FutureExt;
use proptest::prelude::*;
use std::net::IpAddr;

fn network(text: &str) -> Network {
    text.parse::<IpAddr>().unwrap().into()
}

/// Joins; the place of one who has to wait, with what tells him.
fn wait(queue: &mut Queue, from: Network, failures: u32) -> (Place, oneshot::Receiver<()>) {
    let (place, told) = queue.join(from, failures).unwrap();
    (place, told.expect("somebody has the turn"))
}

/// Everybody has his turn, in order.
fn order_of(queue: &mut Queue) -> Vec<Network> {
    let mut order = Vec::new();
    while let Some(place) = queue.holder {
        order.push(place.network);
        queue.leave(place);
    }
    order
}

#[test]
fn without_an_attack_everybody_has_his_turn_as_he_comes() {
    let mut queue = Queue::default();
    let networks: Vec<_> = (1..6).map(|n| network(&format!("192.0.2.{n}"))).collect();
    let (first, told) = queue.join(networks[0], 0).unwrap();
    assert!(told.is_none() && queue.holder == Some(first), "at once");
    let mut others: Vec<_> = networks[1..].iter().map(|from| wait(&mut queue, *from, 0)).collect();
    queue.leave(first);
    assert_eq!(others[0].1.try_recv(), Ok(()));
    assert!(others[1].1.try_recv().is_err(), "one at a time");
    assert_eq!(order_of(&mut queue), networks[1..]);
    assert!(queue.of_network.is_empty() && queue.waiting.is_empty());
}

#[test]
fn a_crowd_from_one_network_waits_for_itself() {
    let mut queue = Queue::default();
    let (crowd, honest) = (network("2001:db8::1"), network("192.0.2.1"));
    let many: Vec<_> = (0..1000).map(|n| queue.join(network(&format!("2001:db8::{n:x}")), 0).unwrap()).collect();
    let one = wait(&mut queue, honest, 0);
    assert_eq!(order_of(&mut queue)[..4], [crowd, honest, crowd, crowd], "one is at it already");
    drop((many, one));
}

#[test]
fn nobody_of_a_network_is_overtaken_by_its_newcomers() {
    let mut queue = Queue::default();
    let home = network("192.0.2.1");
    let mut waiting: std::collections::VecDeque<_> = (0..50).map(|_| queue.join(home, 0).unwrap().0).collect();
    // As the crowd of devices that came back all at once gets smaller, others come.
    for turn in 0..200 {
        let next = waiting.pop_front().unwrap();
        assert_eq!(queue.holder, Some(next), "turn {turn}");
        if turn == 20 {
            queue.welcome(home);
        }
        queue.leave(next);
        if turn >= 45 {
            waiting.push_back(queue.join(home, 0).unwrap().0);
        }
        let other = wait(&mut queue, network("198.51.100.7"), 0).0;
        queue.leave(other);
    }
}

#[test]
fn a_crowd_from_many_networks_that_have_guessed_wrong_waits_for_the_honest() {
    let mut queue = Queue::default();
    let (honest, home) = (network("203.0.113.1"), network("203.0.113.2"));
    queue.welcome(home);
    let crowd: Vec<_> = (0..1000).map(|n| queue.join(network(&format!("10.0.{}.{}", n / 250, n % 250)), 1 + n % 9).unwrap()).collect();
    let fresh: Vec<_> = (0..100).map(|n| wait(&mut queue, network(&format!("10.1.0.{n}")), 0)).collect();
    let both = [wait(&mut queue, honest, 0), wait(&mut queue, home, 0)];
    let order = order_of(&mut queue);
    let place_of = |of| order.iter().position(|network| *network == of).unwrap();
    assert_eq!(place_of(home), 1, "who has logged in before goes before all strangers");
    assert_eq!(place_of(honest), 102, "a stranger goes before those who have failed");
    drop((crowd, fresh, both));
}

#[test]
fn past_the_bound_the_last_is_sent_away() {
    let mut queue = Queue::default();
    let crowd = |n: usize| network(&format!("10.{}.{}.1", n / 250, n % 250));
    let (first, _) = queue.join(crowd(0), 0).unwrap();
    let mut waiting: Vec<_> = (1..=MOST).map(|n| wait(&mut queue, crowd(n), 3)).collect();
    assert_eq!(queue.join(crowd(MOST + 1), 3).unwrap_err(), busy());
    let mut honest = wait(&mut queue, network("192.0.2.1"), 0);
    assert_eq!((queue.waiting.len(), queue.of_network.len()), (MOST, MOST + 1));
    let (last, mut told) = waiting.pop().unwrap();
    assert_eq!(told.try_recv(), Err(oneshot::error::TryRecvError::Closed), "he made room");
    queue.leave(last);
    assert_eq!((queue.waiting.len(), queue.of_network.len()), (MOST, MOST + 1), "he had no place any more");
    queue.leave(first);
    assert_eq!(honest.1.try_recv(), Ok(()));
    assert_eq!(order_of(&mut queue).len(), MOST);
    assert!(queue.of_network.is_empty());
    for n in 0..MOST_FAMILIAR * 2 {
        queue.welcome(crowd(n));
    }
    assert_eq!(queue.familiar.len(), MOST_FAMILIAR);
    assert!(queue.familiar.contains_key(&crowd(MOST_FAMILIAR * 2 - 1)) && !queue.familiar.contains_key(&crowd(0)));
}

#[test]
fn who_goes_away_or_loses_patience_holds_nobody_up() {
    actix::System::new().block_on(async {
        let (turns, here) = (Turns::default(), network("192.0.2.1"));
        let long = Duration::from_secs(600);
        let first = turns.take(here, 0, long).await.unwrap();
        assert_eq!(turns.take(here, 0, Duration::ZERO).await.err(), Some(busy()));
        let (mut second, mut third) = (Box::pin(turns.take(here, 0, long)), Box::pin(turns.take(here, 0, long)));
        assert!((&mut second).now_or_never().is_none() && (&mut third).now_or_never().is_none());
        drop(first);
        // It is the second's turn, and he has gone before he could hear so.
        drop(second);
        drop(third.await.unwrap());
        let queue = turns.lock();
        assert!(queue.holder.is_none() && queue.waiting.is_empty() && queue.of_network.is_empty());
    });
}

proptest! {
    #[test]
    fn counts_are_exact_whoever_comes_and_goes(steps in proptest::collection::vec((0u8..4, 0u32..3, any::<bool>()), 0..200)) {
        let mut queue = Queue::default();
        let mut there: Vec<Place> = Vec::new();
        for (host, failures, joins) in steps {
            if joins || there.is_empty() {
                there.push(queue.join(network(&format!("10.0.0.{host}")), failures).unwrap().0);
            } else {
                queue.leave(there.swap_remove(usize::from(host) % there.len()));
            }
            prop_assert_eq!(queue.holder.is_some(), !there.is_empty(), "somebody has the turn while anybody is there");
            prop_assert_eq!(queue.waiting.len() + 1, there.len().max(1));
            prop_assert_eq!(queue.of_network.values().map(|crowd| crowd.count).sum::<u32>() as usize, there.len());
        }
    }
}
