//! Three edges, one ledger, messages that take their time or are lost, on a fake clock: whatever happens, no window
//! holds more than the limit, and whoever comes to one edge alone gets all of it.

use proptest::prelude::*;

use super::super::Capacity;
use super::super::{Algorithm, Ask};
use super::leases::{Leases, Spent};
use super::*;

const MS: u64 = 1_000;
const SECOND: u64 = 1_000_000;

/// An edge, with at most one message to the ledger under way.
struct Edge {
    leases: Leases,
    number: u64,
    next_sync: u64,
    under_way: Option<(u64, Batch, Option<Exchanged>)>,
}

struct World {
    edges: Vec<Edge>,
    ledger: Ledger,
    algorithm: Algorithm,
    now: u64,
    dice: fastrand::Rng,
    /// One way.
    delay_us: u64,
    away: bool,
    accepted: Vec<(u64, usize)>,
    policy: usize,
}

fn rule(algorithm: Algorithm, on_store_error: OnStoreError) -> GlobalRule {
    GlobalRule {
        name: "all".to_owned(),
        algorithm,
        mode: Mode::Synced,
        on_store_error,
        shadow: false,
    }
}

fn window(count: u32) -> Algorithm {
    Algorithm::SlidingWindow {
        count,
        window_us: 10 * SECOND,
    }
}

impl World {
    fn new(edges: u64, algorithm: Algorithm, seed: u64) -> World {
        let edge = |number| Edge {
            leases: Leases::new([rule(algorithm, OnStoreError::Share)], Capacity(64), [7; 16]),
            number,
            next_sync: number * 31 * MS,
            under_way: None,
        };
        let mut world = World {
            edges: (1..=edges).map(edge).collect(),
            ledger: Ledger::default(),
            algorithm,
            now: 100 * SECOND,
            dice: fastrand::Rng::with_seed(seed),
            delay_us: 500,
            away: false,
            accepted: Vec::new(),
            policy: 0,
        };
        // Everybody is known to everybody.
        for edge in 0..world.edges.len() {
            let _ = world.ledger.sync(world.edges[edge].number, &[], world.now);
        }
        world
    }

    /// One message, if none is under way: the ledger hears it after a delay, the edge the answer after another.
    fn send(&mut self, edge: usize, waiting: &[Vec<Ask>], due: bool) {
        if self.edges[edge].under_way.is_some() {
            return;
        }
        let (batch, _) = self.edges[edge].leases.batch(waiting, due, self.now);
        let (lost, answer_lost) = (self.away, self.dice.u8(..100) == 0);
        let heard = self.now + self.dice.u64(1..=self.delay_us);
        let answer = (!lost).then(|| self.ledger.sync(self.edges[edge].number, &batch.reports, heard));
        let back = heard + self.dice.u64(1..=self.delay_us);
        self.edges[edge].under_way = Some((back, batch, answer.filter(|_| !answer_lost)));
    }

    /// The next millisecond.
    fn step(&mut self) {
        self.now += MS;
        for edge in 0..self.edges.len() {
            let arrived = self.edges[edge].under_way.take_if(|(back, ..)| *back <= self.now);
            if let Some((_, batch, answer)) = arrived {
                self.edges[edge].leases.settle(&batch, answer.as_ref(), self.now);
            }
            if self.now >= self.edges[edge].next_sync {
                self.edges[edge].next_sync = self.now + SYNC_EVERY_US;
                self.send(edge, &[], true);
            }
        }
    }

    /// A request; it waits for the store's answer no longer than it takes, which here is until its next attempt.
    fn ask(&mut self, edge: usize, key: u64) -> bool {
        let asks = [Ask { rule: 0, key, cost: 1 }];
        let spent = match self.edges[edge].leases.spend(&asks, self.now, false) {
            Spent::Asks(_) if self.away => {
                self.policy += 1;
                self.edges[edge].leases.spend_alone(&asks, self.now)
            }
            spent => spent,
        };
        match spent {
            Spent::All(_) => {
                self.accepted.push((self.now, edge));
                true
            }
            Spent::Asks(wanting) => {
                self.send(edge, &[wanting], false);
                false
            }
            Spent::Refused { .. } => false,
        }
    }

    fn accepted_in(&self, from: u64, to: u64) -> usize {
        self.accepted.iter().filter(|(at, _)| *at > from && *at <= to).count()
    }

    /// The most in any window of this length.
    fn worst_window(&self, window_us: u64) -> usize {
        let mut first = 0;
        let width = |(last, (at, _)): (usize, &(u64, usize))| {
            while self.accepted[first].0 + window_us <= *at {
                first += 1;
            }
            last + 1 - first
        };
        self.accepted.iter().enumerate().map(width).max().unwrap_or(0)
    }

    fn limit(&self) -> (usize, u64) {
        match self.algorithm {
            Algorithm::SlidingWindow { count, window_us }
            | Algorithm::FixedWindow { count, window_us }
            | Algorithm::TokenBucket { count, window_us } => (count as usize, window_us),
            _ => panic!("not synced"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Random crowds at random edges, slow and lost messages: never more than the limit in any window.
    #[test]
    fn b7_edges_together_never_exceed_a_sliding_window(
        seed in any::<u64>(), count in 1_u32..400, per_ms in 1_u8..4, delay_ms in 1_u64..60, edges in 1_u64..5,
    ) {
        let algorithm = Algorithm::SlidingWindow { count, window_us: 2 * SECOND };
        let mut world = World::new(edges, algorithm, seed);
        world.delay_us = delay_ms * MS;
        for n in 0..5_000_u64 {
            world.step();
            // Now here, now there, now nobody.
            let mood = (n / 700) % 4;
            for _ in 0..if mood == 3 { 0 } else { per_ms } {
                let edge = if mood == 0 { 0 } else { world.dice.usize(..world.edges.len()) };
                world.ask(edge, 1);
            }
        }
        prop_assert!(world.worst_window(2 * SECOND) <= count as usize);
    }
}

/// What three edges let through at a limit, of what one edge with the whole limit would.
fn use_of(world: &mut World, seconds: u64, mut edge_of: impl FnMut(u64, &mut fastrand::Rng) -> usize) -> f64 {
    let (count, window_us) = world.limit();
    let (began, per_second) = (world.now, count as u64 * 5 * SECOND / window_us);
    for n in 0..seconds * 1_000 {
        world.step();
        for _ in 0..(per_second * (n + 1) / 1_000 - per_second * n / 1_000) {
            let edge = edge_of(n, &mut world.dice);
            world.ask(edge, 1);
        }
    }
    // Parts of a window count for one part longer; so much is given when everybody asks all the time.
    let fair = count as f64 * (seconds * SECOND) as f64 / (window_us as f64 * 9.0 / 8.0);
    world.accepted_in(began, world.now) as f64 / fair
}

#[test]
fn b7_a_key_gets_its_whole_limit_wherever_it_arrives() {
    for count in [100, 1_000, 20_000] {
        let mut alone = World::new(3, window(count), 1);
        let used = use_of(&mut alone, 45, |_, _| 0);
        assert!((0.95..=1.3).contains(&used), "{count} at one edge of three: {used:.3}");
        let mut spread = World::new(3, window(count), 2);
        let used = use_of(&mut spread, 45, |_, dice| dice.usize(..3));
        assert!((0.95..=1.3).contains(&used), "{count} at three edges: {used:.3}");
        let mut moving = World::new(3, window(count), 3);
        let used = use_of(&mut moving, 45, |n, _| (n / 1_300 % 3) as usize);
        assert!((0.95..=1.3).contains(&used), "{count} from edge to edge: {used:.3}");
        for world in [&alone, &spread, &moving] {
            assert!(world.worst_window(10 * SECOND) <= count as usize, "never above {count}");
        }
    }
}

/// One request in a while to each of three edges, well within the limit: none is refused for want of an answer.
#[test]
fn b7_what_is_within_the_limit_goes_on() {
    let mut world = World::new(3, window(100), 4);
    let mut refused = 0;
    for n in 0..60_000 {
        world.step();
        if n % 150 == 0 {
            let edge = world.dice.usize(..3);
            let mut went = world.ask(edge, 1);
            for _ in 0..100 {
                if !went {
                    world.step();
                    went = world.ask(edge, 1);
                }
            }
            refused += usize::from(!went);
        }
    }
    assert_eq!(refused, 0);
}

/// A store that goes away and comes back with its counts: before, during and after no more than the limit in a window
/// plus what the shares of edges that had let through less than theirs may add; and never nothing.
#[test]
fn b7_shares_hold_while_the_store_is_away() {
    for (seed, spread) in [(5, true), (6, false)] {
        let mut world = World::new(3, window(300), seed);
        let mut during = 0;
        for n in 0..60_000_u64 {
            world.away = (20_000..40_000).contains(&n);
            world.step();
            let edge = if spread || n > 20_000 { world.dice.usize(..3) } else { 0 };
            let went = world.ask(edge, 1);
            during += usize::from(went && world.away);
        }
        assert!(world.policy > 0 && during >= 300, "{during} while away");
        let worst = world.worst_window(10 * SECOND);
        // Each edge adds at most its share to what the others had: (2 - 1/3) times the limit.
        assert!(worst <= 500, "spread {spread}: {worst} in ten seconds");
        let after = world.accepted_in(world.now - 15 * SECOND, world.now);
        assert!(
            after >= 280,
            "whole again, as soon as what went meanwhile is over: {after}"
        );
    }
}

#[test]
fn b7_a_lost_ledger_gives_the_limit_once_more_at_most() {
    let mut world = World::new(3, window(300), 7);
    for n in 0..40_000 {
        world.step();
        if n == 20_000 {
            world.ledger.forget();
        }
        let edge = world.dice.usize(..3);
        world.ask(edge, 1);
    }
    let worst = world.worst_window(10 * SECOND);
    assert!(worst <= 600 + 30, "{worst}");
}

/// An edge that dies with what it held: it counts as spent, and is everybody's again after the window.
#[test]
fn b7_what_a_dead_edge_held_counts_as_spent() {
    let mut world = World::new(3, window(100), 8);
    for _ in 0..60 {
        world.step();
        world.ask(0, 1);
    }
    world.edges[0].next_sync = u64::MAX;
    let before = world.accepted.len();
    for _ in 0..10_000 {
        world.step();
        world.ask(1, 1);
    }
    let total = world.accepted.len();
    assert!(total <= 100 && total - before >= 20, "{before} + {}", total - before);
    for _ in 0..12_000 {
        world.step();
        world.ask(1, 1);
    }
    assert!(world.accepted.len() - total >= 99, "{}", world.accepted.len() - total);
}

/// A million strangers a minute: an edge's memory keeps its bound and so does the batch; honest keys keep theirs.
#[test]
fn b7_strangers_crowd_out_no_honest_key_of_all_edges() {
    const CAPACITY: usize = 64 * 64;
    let leases = Leases::new([rule(window(100), OnStoreError::Share)], Capacity(CAPACITY), [7; 16]);
    let mut ledger = Ledger::default();
    let ask = |key| [Ask { rule: 0, key, cost: 1 }];
    let honest: Vec<u64> = (0..50_u64).map(|n| leases.key(&n.to_be_bytes())).collect();
    let mut allowed = vec![0; honest.len()];
    let try_one = |key, now: u64, ledger: &mut Ledger| match leases.spend(&ask(key), now, false) {
        Spent::All(_) => true,
        Spent::Refused { .. } => false,
        Spent::Asks(wanting) => {
            let (batch, _) = leases.batch(&[wanting], false, now);
            let answer = ledger.sync(1, &batch.reports, now);
            leases.settle(&batch, Some(&answer), now);
            matches!(leases.spend(&ask(key), now, false), Spent::All(_))
        }
    };
    for n in 0..200_000_u64 {
        let now = 100 * SECOND + n * 90;
        try_one(leases.key(format!("stranger {n}").as_bytes()), now, &mut ledger);
        if n % 500 < 50 {
            let one = (n % 500) as usize;
            allowed[one] += u32::from(try_one(honest[one], now, &mut ledger));
        }
        while n % 1_111 == 0 && leases.dirty() > 0 {
            let (batch, _) = leases.batch(&[], true, now);
            assert!(batch.reports.len() <= MAX_BATCH);
            let answer = ledger.sync(1, &batch.reports, now);
            leases.settle(&batch, Some(&answer), now);
            if batch.reports.len() < MAX_BATCH {
                break;
            }
        }
    }
    assert!(leases.remembered(0) <= CAPACITY, "{}", leases.remembered(0));
    // 18 seconds at 100 in 10: each asked 400 times; at least the limit of 18 s at nine eighths of a window.
    for (n, count) in allowed.iter().enumerate() {
        assert!((150..=200).contains(count), "honest key {n}: {count}");
    }
}

#[test]
fn a_lease_costs_no_more_memory_than_is_written() {
    let size = std::mem::size_of::<(u64, lease::Lease)>();
    assert!(size <= 80, "{size}");
}
