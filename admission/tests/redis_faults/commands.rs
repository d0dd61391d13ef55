//! What the store is asked to do, counted by the server itself.

use std::collections::BTreeMap;

use stanchion_admission::store::{EdgeMemory, Store};
use stanchion_testkit::Redis;

use crate::support::{open_patient, place, policy, tick};

/// Commands of `n` ticks with `waiting` places in the line.
async fn of_ticks(redis: &Redis, n: u64, waiting: u64) -> BTreeMap<String, u64> {
    let (store, room) = (open_patient(&redis.url()).await, policy(&format!("line-{waiting}")));
    tick(&store, &room, &EdgeMemory::default()).await.unwrap();
    for from in (0..waiting).step_by(500) {
        let places: Vec<_> = (from..from + 500).map(place).collect();
        store.join(&room, &places).await.unwrap();
    }
    redis.reset_stats();
    for _ in 0..n {
        tick(&store, &room, &EdgeMemory::default()).await.unwrap();
    }
    let mut stats = redis.commandstats();
    stats.remove("config|resetstat");
    stats.remove("info");
    stats
}

/// I14: what waiting costs is ticks alone, and a tick reads a bounded sketch however long the line is.
#[tokio::test(flavor = "multi_thread")]
async fn waiting_is_free_ticks_cost_the_same_at_any_length() {
    let redis = Redis::single();
    let (short, long) = (of_ticks(&redis, 20, 1_000).await, of_ticks(&redis, 20, 50_000).await);
    assert_eq!(long.get("evalsha"), Some(&20), "{long:?}");
    let known = [
        "evalsha",
        "time",
        "hmget",
        "hset",
        "hget",
        "zcard",
        "zcount",
        "zrange",
        "zrangebyscore",
    ];
    let known = known
        .into_iter()
        .chain(["zremrangebyscore", "zmscore", "zrem", "exists", "zscore"]);
    let known: Vec<_> = known.collect();
    for name in long.keys() {
        assert!(known.contains(&name.as_str()), "{name}: {long:?}");
    }
    let all = |stats: &BTreeMap<String, u64>| stats.values().sum::<u64>();
    assert!(all(&long) <= all(&short) + 20 * 64, "{long:?} against {short:?}");
}

/// A join of 500 is a handful of commands, not one per place.
#[tokio::test(flavor = "multi_thread")]
async fn a_join_of_500_takes_a_handful_of_commands() {
    let redis = Redis::single();
    let (store, room) = (open_patient(&redis.url()).await, policy("sale"));
    tick(&store, &room, &EdgeMemory::default()).await.unwrap();
    redis.reset_stats();
    let places: Vec<_> = (0..500).map(place).collect();
    assert_eq!(store.join(&room, &places).await.unwrap().added, 500);
    let mut stats = redis.commandstats();
    stats.remove("config|resetstat");
    let all = stats.values().sum::<u64>();
    assert!(all <= 12, "{stats:?}");
}
