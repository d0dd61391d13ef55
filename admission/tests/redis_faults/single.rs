//! One server: killed, stopped, slow, full, without its scripts, wrongly configured.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use stanchion_admission::store::redis::{BreakerState, ConfigFinding, RedisOptions, RedisStore};
use stanchion_admission::store::{Store, StoreError};
use stanchion_testkit::{Data, Pipe, Redis, wait_until_async};

use crate::support::{
    CALL_MOST, REFUSAL_MOST, is_inside, open, place, policy, somebody_inside, tick, timed, until_open, until_well,
};

#[tokio::test(flavor = "multi_thread")]
async fn f1_a_killed_server_costs_no_time_and_comes_back_with_its_sessions() {
    let mut redis = Redis::single();
    let (store, room) = (open(&redis.url()).await, policy("sale"));
    let session = somebody_inside(&store, &room).await;
    redis.kill();
    for _ in 0..20 {
        let (result, took) = timed(store.claim(&room, place(2))).await;
        assert!(matches!(result, Err(StoreError::Away(_))), "{result:?}");
        assert!(took <= CALL_MOST, "{took:?}");
    }
    let (_, took) = timed(store.claim(&room, place(2))).await;
    assert!(took <= REFUSAL_MOST, "without a connection nobody waits: {took:?}");
    assert!(!store.status().connected && store.status().trouble.is_some());
    redis.restart(Data::Kept);
    until_well(&store, &room, Duration::from_secs(4)).await;
    assert_eq!(is_inside(&store, &room, &session).await, Ok(true));
}

#[tokio::test(flavor = "multi_thread")]
async fn f1_a_stopped_server_opens_the_breaker_and_is_found_again() {
    let redis = Redis::single();
    let (store, room) = (open(&redis.url()).await, policy("sale"));
    let session = somebody_inside(&store, &room).await;
    redis.pause();
    let opened = until_open(&store, &room).await;
    assert!(opened <= Duration::from_secs(2), "{opened:?}");
    let (_, took) = timed(store.claim(&room, place(2))).await;
    assert!(took <= REFUSAL_MOST, "{took:?}");
    redis.resume();
    until_well(&store, &room, Duration::from_secs(5)).await;
    assert_eq!(is_inside(&store, &room, &session).await, Ok(true));
}

#[tokio::test(flavor = "multi_thread")]
async fn f2_200_ms_of_latency_opens_the_breaker_within_two_seconds_and_keeps_it_open() {
    let redis = Redis::single();
    let pipe = Pipe::to(redis.port());
    let store = open(&format!("redis://127.0.0.1:{}", pipe.port())).await;
    let room = policy("sale");
    somebody_inside(&store, &room).await;
    pipe.delay(Duration::from_millis(100));
    let opened = until_open(&store, &room).await;
    assert!(opened <= Duration::from_secs(2), "{opened:?}");
    // Reconnecting to a slow server must not let everybody wait again: almost all are refused at once.
    let (mut waited, mut calls) = (0, 0);
    let until = tokio::time::Instant::now() + Duration::from_secs(3);
    while tokio::time::Instant::now() < until {
        let (result, took) = timed(store.claim(&room, place(2))).await;
        assert!(result.is_err() && took <= CALL_MOST, "{result:?} {took:?}");
        waited += u32::from(took > REFUSAL_MOST);
        calls += 1;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(
        waited <= 10,
        "{waited} of {calls} calls waited for a store known to be slow"
    );
    pipe.delay(Duration::ZERO);
    until_well(&store, &room, Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f6_script_flush_under_load_fails_at_most_one_claim_each_time() {
    let redis = Redis::single();
    let store = Arc::new(open(&redis.url()).await);
    let room = Arc::new(policy("sale"));
    somebody_inside(&store, &room).await;
    let (ended, failed, done) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
        Arc::new(AtomicU64::new(0)),
    );
    let load: Vec<_> = (0..4)
        .map(|worker| {
            let (store, room) = (Arc::clone(&store), Arc::clone(&room));
            let (ended, failed, done) = (Arc::clone(&ended), Arc::clone(&failed), Arc::clone(&done));
            tokio::spawn(async move {
                while !ended.load(Ordering::Relaxed) {
                    let result = store.claim(&room, place(10 + worker)).await;
                    failed.fetch_add(u64::from(result.is_err()), Ordering::Relaxed);
                    done.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let flushes = 20;
    for _ in 0..flushes {
        let before = done.load(Ordering::Relaxed);
        redis.run(&["SCRIPT", "FLUSH"]);
        let went_on = wait_until_async(Duration::from_secs(5), async || {
            done.load(Ordering::Relaxed) > before + 50
        })
        .await;
        assert!(went_on, "no claims after a flush");
    }
    ended.store(true, Ordering::Relaxed);
    for worker in load {
        worker.await.unwrap();
    }
    let failed = failed.load(Ordering::Relaxed);
    assert!(failed <= flushes, "{failed} failed claims in {flushes} flushes");
}

#[tokio::test(flavor = "multi_thread")]
async fn f8_an_evicting_policy_is_refused_at_start_and_shown_later() {
    let redis = Redis::with(&[("maxmemory-policy", "allkeys-lru"), ("maxmemory", "100mb")]);
    let refused = RedisStore::connect(&redis.url(), RedisOptions::default()).await.err();
    let Some(StoreError::Refused(why)) = refused else {
        panic!("{refused:?}")
    };
    assert!(why.contains("allkeys-lru") && why.contains("noeviction"), "{why}");
    redis.run(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    let store = open(&redis.url()).await;
    assert!(
        !store.status().findings.iter().any(ConfigFinding::is_refused),
        "{:?}",
        store.status()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn f8_findings_are_values_that_can_be_shown() {
    let redis = Redis::with(&[("appendonly", "no")]);
    let store = open(&redis.url()).await;
    let findings = store.status().findings;
    assert!(findings.contains(&ConfigFinding::NoAppendOnlyFile), "{findings:?}");
    assert!(findings.contains(&ConfigFinding::NoMaxMemory), "{findings:?}");
    assert!(!findings.iter().any(ConfigFinding::is_refused));
}

#[tokio::test(flavor = "multi_thread")]
async fn f8_a_full_server_refuses_newcomers_and_still_knows_who_is_inside() {
    let redis = Redis::single();
    let (store, room) = (open(&redis.url()).await, policy("sale"));
    let session = somebody_inside(&store, &room).await;
    redis.run(&["CONFIG", "SET", "maxmemory", "1"]);
    let refused = store.join(&room, &[place(2)]).await;
    assert!(
        matches!(&refused, Err(StoreError::Refused(why)) if why.contains("OOM")),
        "{refused:?}"
    );
    assert_eq!(is_inside(&store, &room, &session).await, Ok(true));
    assert!(store.health().await.is_err(), "health must write");
    assert_eq!(
        store.status().breaker,
        BreakerState::Closed,
        "a full server is there, and quick"
    );
    redis.run(&["CONFIG", "SET", "maxmemory", "0"]);
    assert_eq!(store.join(&room, &[place(2)]).await.unwrap().added, 1);
    store.health().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn f1_one_call_more_than_may_be_in_flight_is_refused_at_once() {
    let redis = Redis::single();
    let (store, room) = (Arc::new(open(&redis.url()).await), Arc::new(policy("sale")));
    tick(&store, &room, &Default::default()).await.unwrap();
    redis.pause();
    let calls: Vec<_> = (0..300)
        .map(|n| {
            let (store, room) = (Arc::clone(&store), Arc::clone(&room));
            tokio::spawn(async move { timed(store.claim(&room, place(n))).await })
        })
        .collect();
    let mut busy = 0;
    for call in calls {
        let (result, took) = call.await.unwrap();
        assert!(took <= CALL_MOST, "{took:?}");
        busy += u32::from(result == Err(StoreError::Busy));
    }
    assert_eq!(busy, 300 - 256);
    assert_eq!(store.status().in_flight, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn f1_an_absent_server_is_no_reason_not_to_start() {
    let mut redis = Redis::single();
    let url = redis.url();
    redis.kill();
    let store = RedisStore::open(&url, RedisOptions::default()).unwrap();
    let room = policy("sale");
    let (result, took) = timed(store.claim(&room, place(1))).await;
    assert!(
        matches!(result, Err(StoreError::Away(_))) && took <= REFUSAL_MOST,
        "{result:?} {took:?}"
    );
    redis.restart(Data::Lost);
    until_well(&store, &room, Duration::from_secs(4)).await;
}
