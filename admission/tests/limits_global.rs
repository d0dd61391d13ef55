//! Three edges on one real Redis: what they let through together, also while it is killed, stopped, emptied; and how long
//! a request waits then.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use stanchion_admission::clock::SystemClock;
use stanchion_admission::limits::global::{Answer, By, Global, GlobalRule, Leases, Mode, OnStoreError};
use stanchion_admission::limits::{Algorithm, Ask, Capacity};
use stanchion_admission::store::redis::{RedisOptions, RedisStore};
use stanchion_testkit::{Data, Redis, wait_until_async};

const EDGES: u64 = 3;
/// Long enough that nothing that a test counts leaves the window.
const WINDOW: Duration = Duration::from_secs(600);
/// A request's wait, and something for a machine that others use.
const WAIT_MOST: Duration = Duration::from_millis(250);

fn rule(name: &str, count: u32, mode: Mode, on_store_error: OnStoreError) -> GlobalRule {
    GlobalRule {
        name: name.to_owned(),
        algorithm: Algorithm::SlidingWindow {
            count,
            window_us: u64::try_from(WINDOW.as_micros()).unwrap(),
        },
        mode,
        on_store_error,
        shadow: false,
    }
}

/// Edges with stores of their own, all of which know each other.
async fn edges(redis: &Redis, rules: &[GlobalRule]) -> Vec<Arc<Global>> {
    let mut all = Vec::new();
    for number in 1..=EDGES {
        let store = RedisStore::connect(&redis.url(), RedisOptions::default())
            .await
            .unwrap();
        let leases = Leases::new(rules.iter().cloned(), Capacity::default(), [9; 16]);
        let clock = Arc::new(SystemClock::default());
        all.push(Arc::new(Global::start(leases, Arc::new(store), clock, number)));
    }
    let met = wait_until_async(Duration::from_secs(10), async || {
        all.iter().all(|edge| u64::from(edge.watch().edges) == EDGES)
    });
    assert!(
        met.await,
        "{:?}",
        all.iter().map(|edge| edge.watch()).collect::<Vec<_>>()
    );
    all
}

fn one(rule: usize, key: u64) -> [Ask; 1] {
    [Ask { rule, key, cost: 1 }]
}

/// Counts, and the longest that anybody waited.
#[derive(Default, Debug)]
struct Crowd {
    accepted: u32,
    by_policy: u32,
    refused: u32,
    longest: Duration,
}

impl Crowd {
    fn add(&mut self, answer: &Answer, took: Duration) {
        self.longest = self.longest.max(took);
        match answer.refused_by {
            None if answer.findings.iter().any(|(_, by)| *by == By::Policy) => {
                self.by_policy += 1;
                self.accepted += 1;
            }
            None => self.accepted += 1,
            Some(_) => self.refused += 1,
        }
    }

    fn and(mut self, other: Crowd) -> Crowd {
        self.accepted += other.accepted;
        self.by_policy += other.by_policy;
        self.refused += other.refused;
        self.longest = self.longest.max(other.longest);
        self
    }
}

/// At every edge four who ask one after the other for so long, each pausing a little.
async fn crowd(edges: &[Arc<Global>], asks: &[Ask], lasts: Duration) -> Crowd {
    let until = Instant::now() + lasts;
    let workers = edges.iter().flat_map(|edge| std::iter::repeat_n(edge, 4)).map(|edge| {
        let (edge, asks) = (Arc::clone(edge), asks.to_vec());
        tokio::spawn(async move {
            let mut crowd = Crowd::default();
            while Instant::now() < until {
                let began = Instant::now();
                let answer = edge.decide(&asks).await;
                crowd.add(&answer, began.elapsed());
                tokio::time::sleep(Duration::from_millis(3)).await;
            }
            crowd
        })
    });
    let mut all = Crowd::default();
    for worker in workers.collect::<Vec<_>>() {
        all = all.and(worker.await.unwrap());
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn b7_three_edges_let_through_the_limit_and_no_more() {
    let redis = Redis::single();
    for (mode, name) in [(Mode::Exact, "exact"), (Mode::Synced, "synced")] {
        let edges = edges(&redis, &[rule(name, 300, mode, OnStoreError::Closed)]).await;
        let all = crowd(&edges, &one(0, 1), Duration::from_millis(1_500)).await;
        assert_eq!((all.accepted, all.by_policy), (300, 0), "{name}: {all:?}");
        // One edge alone gets all of another key's limit.
        let alone = crowd(&edges[..1], &one(0, 2), Duration::from_millis(1_500)).await;
        assert_eq!((alone.accepted, alone.by_policy), (300, 0), "{name}: {alone:?}");
        assert!(all.longest.max(alone.longest) <= WAIT_MOST, "{name}: {all:?} {alone:?}");
    }
}

/// Several rules of both kinds on one request: whoever is refused by one takes nothing from the others.
#[tokio::test(flavor = "multi_thread")]
async fn b7_all_rules_of_all_edges_are_charged_or_none() {
    let redis = Redis::single();
    let rules = [
        rule("wide", 50, Mode::Synced, OnStoreError::Closed),
        rule("narrow", 20, Mode::Exact, OnStoreError::Closed),
        rule("middle", 40, Mode::Exact, OnStoreError::Closed),
    ];
    let edges = edges(&redis, &rules).await;
    let asks = |key| [0, 1, 2].map(|rule| Ask { rule, key, cost: 1 });
    let all = crowd(&edges, &asks(1), Duration::from_millis(1_200)).await;
    assert_eq!(all.accepted, 20, "{all:?}");
    // What is left of the wide one is what the narrow one did not let through.
    let wide = crowd(&edges, &one(0, 1), Duration::from_millis(1_500)).await;
    assert_eq!(wide.accepted, 30, "{wide:?}");
    let middle = crowd(&edges, &one(2, 1), Duration::from_millis(800)).await;
    assert_eq!(middle.accepted, 20, "{middle:?}");
}

/// F1: killed, then stopped, in the middle: nobody waits longer, the shares go on, and all together stay within
/// (2 - 1 / edges) times the limit; back again, the limit is what it was.
#[tokio::test(flavor = "multi_thread")]
async fn b7_a_store_that_is_gone_leaves_each_edge_its_share() {
    for (mode, name) in [(Mode::Exact, "exact"), (Mode::Synced, "synced")] {
        for stopped in [false, true] {
            let mut redis = Redis::single();
            let edges = edges(&redis, &[rule(name, 600, mode, OnStoreError::Share)]).await;
            let before = crowd(&edges, &one(0, 1), Duration::from_millis(120)).await;
            if stopped {
                redis.pause();
            } else {
                redis.kill();
            }
            let during = crowd(&edges, &one(0, 1), Duration::from_secs(3)).await;
            if stopped {
                redis.resume();
            } else {
                redis.restart(Data::Kept);
            }
            let back = wait_until_async(Duration::from_secs(10), async || {
                edges
                    .iter()
                    .all(|edge| edge.watch().reached && edge.watch().unreported == 0)
            });
            assert!(back.await, "{name}: {:?}", edges[0].watch());
            let after = crowd(&edges, &one(0, 1), Duration::from_secs(2)).await;
            let total = before.accepted + during.accepted + after.accepted;
            let told = format!("{name}, stopped {stopped}: {before:?} {during:?} {after:?}");
            assert!(during.by_policy >= 100, "{told}");
            assert!(
                before.longest.max(during.longest).max(after.longest) <= WAIT_MOST,
                "{told}"
            );
            // A killed server forgets its last second.
            let lost = if stopped { 0 } else { before.accepted };
            assert!(total >= 590 && total <= 1_000 + lost, "{total}: {told}");
            assert_eq!(
                crowd(&edges, &one(0, 1), Duration::from_millis(500)).await.accepted,
                0,
                "{told}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn b7_each_rule_does_as_told_while_the_store_is_away() {
    let mut redis = Redis::single();
    let modes = [Mode::Exact, Mode::Synced];
    let policies = [OnStoreError::Open, OnStoreError::Closed, OnStoreError::Share];
    let rules: Vec<_> = modes
        .iter()
        .flat_map(|mode| {
            policies
                .iter()
                .map(move |policy| rule(&format!("{mode:?} {policy:?}"), 30, *mode, *policy))
        })
        .collect();
    let edges = edges(&redis, &rules).await;
    redis.kill();
    for (number, rule) in rules.iter().enumerate() {
        let mut all = Crowd::default();
        for _ in 0..50 {
            let began = Instant::now();
            all.add(&edges[0].decide(&one(number, 1)).await, began.elapsed());
        }
        let most = match rule.on_store_error {
            OnStoreError::Open => 50,
            OnStoreError::Closed => 0,
            OnStoreError::Share => 10,
        };
        assert_eq!(all.accepted, most, "{}: {all:?}", rule.name);
        assert!(all.longest <= WAIT_MOST, "{}: {all:?}", rule.name);
    }
}

/// F5: emptied in the middle, the limit is given once more at most.
#[tokio::test(flavor = "multi_thread")]
async fn b7_an_emptied_store_counts_anew() {
    let redis = Redis::single();
    for (mode, name) in [(Mode::Exact, "exact"), (Mode::Synced, "synced")] {
        let edges = edges(&redis, &[rule(name, 200, mode, OnStoreError::Closed)]).await;
        let before = crowd(&edges, &one(0, 1), Duration::from_secs(1)).await;
        redis.run(&["FLUSHALL"]);
        redis.run(&["SCRIPT", "FLUSH"]);
        // A synced edge that was refused for good asks again only when the store said so.
        let after = crowd(&edges, &one(0, 2), Duration::from_secs(1)).await;
        assert_eq!(before.accepted, 200, "{name}");
        assert!((195..=200).contains(&after.accepted), "{name}: {after:?}");
    }
}
