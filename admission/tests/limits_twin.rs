//! The scripts of the global limits do what the plain model does: one seeded walk of charges, reports, silences and
//! steps of the clock on both; every number of every answer must agree. `STANCHION_SEEDS` walks more.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use stanchion_admission::ids::Stamp;
use stanchion_admission::limits::Algorithm;
use stanchion_admission::limits::global::{Charge, Counts, Ledger, Report};
use stanchion_admission::store::redis::{RedisOptions, RedisStore};
use stanchion_testkit::Redis;
use stanchion_testkit::redis::Value;

const START_US: u64 = 1_700_000_000_000_000;
const STEPS: usize = 400;

async fn open(redis: &Redis, now: &Arc<AtomicU64>) -> RedisStore {
    let patient = RedisOptions {
        call_within: Some(Duration::from_secs(5)),
        ..RedisOptions::default()
    };
    let now = Arc::clone(now);
    let store = RedisStore::connect(&redis.url(), patient).await.unwrap();
    store.with_clock(move || Stamp(now.load(Ordering::Relaxed)))
}

fn algorithm(dice: &mut fastrand::Rng, queue: bool) -> Algorithm {
    let count = [1, 3, 20, 1_000_000_000][dice.usize(..4)];
    // Reports may go far beyond a limit here: numbers are exact up to 2^53 ns.
    let longest = if queue { 30 * 86_400_000_000 } else { 8_640_000_000 };
    let window_us = [8, 1_000, 777_777, 10_000_000, longest][dice.usize(..5)];
    match dice.u8(..if queue { 4 } else { 3 }) {
        0 => Algorithm::SlidingWindow { count, window_us },
        1 => Algorithm::FixedWindow { count, window_us },
        2 => Algorithm::TokenBucket { count, window_us },
        _ => Algorithm::LeakyBucket {
            count,
            window_us,
            max_delay_us: 5_000_000,
        },
    }
}

fn step(dice: &mut fastrand::Rng, now: &AtomicU64) {
    let by = match dice.u8(..10) {
        0..3 => 0,
        3..7 => dice.u64(..50_000),
        7 => dice.u64(..3_000_000),
        8 => dice.u64(..20_000_000),
        _ => {
            now.fetch_sub(dice.u64(..30_000), Ordering::Relaxed);
            return;
        }
    };
    now.fetch_add(by, Ordering::Relaxed);
}

fn seeds() -> u64 {
    std::env::var("STANCHION_SEEDS").map_or(12, |text| text.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn b7_exact_verdicts_are_those_of_the_pure_engine() {
    let redis = Redis::single();
    let now = Arc::new(AtomicU64::new(START_US));
    let store = open(&redis, &now).await;
    for seed in 0..seeds() {
        let (mut dice, mut model) = (fastrand::Rng::with_seed(seed), Ledger::default());
        let rules: Vec<_> = (0..dice.u64(1..6))
            .map(|_| (algorithm(&mut dice, true), dice.bool()))
            .collect();
        for at in 0..STEPS {
            step(&mut dice, &now);
            let charges: Vec<_> = rules
                .iter()
                .enumerate()
                .map(|(n, (algorithm, shadow))| Charge {
                    name: seed << 32 | (n as u64) << 8 | dice.u64(..2),
                    algorithm: *algorithm,
                    cost: dice.u32(1..4),
                    shadow: *shadow,
                })
                .collect();
            let expected = model.exact(&charges, now.load(Ordering::Relaxed));
            assert_eq!(
                store.exact(&charges).await.unwrap(),
                expected,
                "seed {seed} step {at}: {charges:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn b7_exchanged_counts_are_those_of_the_model() {
    let redis = Redis::single();
    let now = Arc::new(AtomicU64::new(START_US));
    let store = open(&redis, &now).await;
    for seed in 0..seeds() {
        redis.run(&["FLUSHALL"]);
        let (mut dice, mut model) = (fastrand::Rng::with_seed(seed), Ledger::default());
        let rules: Vec<_> = (0..3).map(|_| algorithm(&mut dice, false)).collect();
        for at in 0..STEPS {
            step(&mut dice, &now);
            let reports: Vec<_> = rules
                .iter()
                .take(dice.usize(..4))
                .enumerate()
                .map(|(n, algorithm)| Report {
                    name: n as u64,
                    algorithm: *algorithm,
                    spent: dice.u32(..3),
                    keeps: dice.u32(..3),
                    wants: dice.u32(..9),
                    needs: dice.u32(..4),
                })
                .collect();
            let edge = dice.u64(1..4);
            let expected = model.sync(edge, &reports, now.load(Ordering::Relaxed));
            let answer = store.sync(edge, &reports).await.unwrap();
            assert_eq!(answer, expected, "seed {seed} step {at}: {reports:?}");
        }
    }
}

/// What is counted goes by itself, and nothing is written of a request that was refused.
#[tokio::test(flavor = "multi_thread")]
async fn b7_redis_forgets_what_no_longer_counts() {
    let redis = Redis::single();
    let store = RedisStore::connect(&redis.url(), RedisOptions::default())
        .await
        .unwrap();
    let charge = |name| Charge {
        name,
        algorithm: Algorithm::SlidingWindow {
            count: 1,
            window_us: 400_000,
        },
        cost: 1,
        shadow: false,
    };
    for name in 0..200 {
        assert_eq!(store.exact(&[charge(name)]).await.unwrap().refused_by, None);
    }
    let refused = store.exact(&[charge(1_000), charge(199)]).await.unwrap();
    assert_eq!(refused.refused_by, Some(1));
    assert_eq!(
        redis.command(&["EXISTS", "stanchion:{~limits}:00000000000003e8"]),
        Value::Integer(0)
    );
    let gone = stanchion_testkit::wait_until_async(Duration::from_secs(5), async || {
        redis.command(&["KEYS", "stanchion:{~limits}:*"]) == Value::Array(Vec::new())
    });
    assert!(gone.await, "{:?}", redis.command(&["KEYS", "*"]));
}
