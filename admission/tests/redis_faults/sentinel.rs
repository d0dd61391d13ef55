//! Sentinel: a master dies, a replica that lags takes over.

use std::time::Duration;

use stanchion_admission::store::{EdgeMemory, RoomState, Store, StoreError};
use stanchion_testkit::{Data, Redis, wait_until};

use crate::support::{open, place, policy, tick, until_well};

/// F4: the promoted replica has not seen the last second; the edge that has notices, and the room recovers.
#[tokio::test(flavor = "multi_thread")]
async fn f4_a_lagged_replica_is_promoted_and_the_room_recovers_by_itself() {
    let mut group = Redis::sentinel();
    let (store, room) = (open(&group.url()).await, policy("sale"));
    let first = group.master();
    let replica = 1 - first;
    tick(&store, &room, &EdgeMemory::default()).await.unwrap();
    store
        .join(&room, &(0..100).map(place).collect::<Vec<_>>())
        .await
        .unwrap();
    let caught_up = || {
        group.servers[replica]
            .run(&["EXISTS", "stanchion:{sale}:queue"])
            .integer()
            == 1
    };
    assert!(
        wait_until(Duration::from_secs(5), caught_up),
        "the replica did not follow"
    );
    group.cut_off(replica);
    tokio::time::sleep(Duration::from_millis(950)).await;
    let seen = tick(&store, &room, &EdgeMemory::default()).await.unwrap();
    assert!(seen.seq >= 2, "the replica misses a working tick");
    group.servers[first].kill();
    let back = until_well(&store, &room, Duration::from_secs(20)).await;
    println!("back after {back:?}");
    let memory = EdgeMemory {
        epoch: seen.epoch,
        seq: seen.seq,
        frontier: seen.frontier,
        as_of: seen.now,
        ..EdgeMemory::default()
    };
    let now = tick(&store, &room, &memory).await.unwrap();
    assert_eq!(
        (now.epoch.ordinal, now.state),
        (seen.epoch.ordinal + 1, RoomState::Recovering)
    );
    assert_eq!(
        now.waiting, 100,
        "the places that the replica knew; one of them polled since"
    );

    // The old master comes back, is told to follow, and nobody talks to it.
    group.servers[first].restart(Data::Kept);
    let follows = || {
        group.servers[first]
            .info("replication")
            .get("role")
            .is_some_and(|role| role == "slave")
    };
    assert!(
        wait_until(Duration::from_secs(20), follows),
        "the old master did not become a replica"
    );
    assert_eq!(store.join(&room, &[place(500)]).await.unwrap().added, 1);
}

/// F4/F7: demoted without dying, the old master answers READONLY; the store looks for the new one.
#[tokio::test(flavor = "multi_thread")]
async fn f4_a_demoted_master_is_left_for_the_new_one() {
    let group = Redis::sentinel();
    let (store, room) = (open(&group.url()).await, policy("sale"));
    tick(&store, &room, &EdgeMemory::default()).await.unwrap();
    let first = group.master();
    let mut sentinel = stanchion_testkit::redis::Connection::open(group.sentinels[0].port()).unwrap();
    let started = wait_until(Duration::from_secs(10), || {
        sentinel.command(&["SENTINEL", "FAILOVER", group.master_name()]).text() == "OK"
    });
    assert!(started, "the fail-over was not started");
    let moved = || {
        group.servers[first]
            .info("replication")
            .get("role")
            .is_some_and(|role| role == "slave")
    };
    assert!(wait_until(Duration::from_secs(20), moved), "the master was not demoted");
    let back = until_well(&store, &room, Duration::from_secs(10)).await;
    println!("back after {back:?}");
    let result = store.join(&room, &[place(7)]).await;
    assert!(!matches!(result, Err(StoreError::Refused(_))), "{result:?}");
}
