//! Cluster: a slot moves, a master dies.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use stanchion_admission::policy::RoomPolicy;
use stanchion_admission::store::redis::RedisStore;
use stanchion_admission::store::{EdgeMemory, Store, StoreError};
use stanchion_testkit::{Redis, RedisCluster};

use crate::support::{CALL_MOST, is_inside, open, place, policy, somebody_inside, tick, timed, until_well};

fn slot(cluster: &RedisCluster, room: &RoomPolicy) -> u16 {
    cluster.slot_of(&format!("stanchion:{{{}}}:queue", room.name))
}

fn owner(cluster: &RedisCluster, room: &RoomPolicy) -> usize {
    cluster.owner_of(slot(cluster, room)).unwrap()
}

/// Rooms on different masters, in the masters' order.
fn a_room_on_each(cluster: &RedisCluster) -> Vec<RoomPolicy> {
    let on = |master: usize| {
        let mut rooms = (0..200).map(|n| policy(&format!("sale-{n}")));
        rooms.find(|room| owner(cluster, room) == master).unwrap()
    };
    (0..3).map(on).collect()
}

async fn is_still_inside(store: &RedisStore, room: &RoomPolicy, session: &stanchion_admission::store::Session) {
    assert_eq!(is_inside(store, room, session).await, Ok(true));
}

/// F7: while its keys are split between two masters a room answers TRYAGAIN, afterwards as before.
#[tokio::test(flavor = "multi_thread")]
async fn f7_a_room_moves_to_another_master_while_it_is_asked() {
    let cluster = Redis::cluster();
    let (store, room) = (Arc::new(open(&cluster.url()).await), policy("sale"));
    let session = somebody_inside(&store, &room).await;
    let from = owner(&cluster, &room);
    let ended = Arc::new(AtomicBool::new(false));
    let load = {
        let (store, room, ended) = (Arc::clone(&store), room.clone(), Arc::clone(&ended));
        tokio::spawn(async move {
            let mut failed = 0;
            while !ended.load(Ordering::Relaxed) {
                let (result, took) = timed(store.claim(&room, session.place)).await;
                assert!(took <= CALL_MOST, "{took:?}");
                match result {
                    Ok(_) => {}
                    Err(StoreError::Away(_)) => failed += 1,
                    Err(other) => panic!("{other}"),
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            failed
        })
    };
    let moving = cluster.begin_move(slot(&cluster, &room), from, (from + 1) % 3);
    while cluster.move_keys(moving, 1) > 0 {
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    cluster.end_move(moving);
    until_well(&store, &room, Duration::from_secs(5)).await;
    ended.store(true, Ordering::Relaxed);
    println!("{} calls failed while the slot was split", load.await.unwrap());
    is_still_inside(&store, &room, &session).await;
    assert_eq!(owner(&cluster, &room), moving.to);
}

/// F7, I12: one master dies: its rooms are back within seconds, the others' never notice.
#[tokio::test(flavor = "multi_thread")]
async fn f7_a_killed_master_stops_its_own_rooms_only_and_not_for_long() {
    let mut cluster = Redis::cluster();
    let store = open(&cluster.url()).await;
    let rooms = a_room_on_each(&cluster);
    let mut sessions = Vec::new();
    for room in &rooms {
        sessions.push(somebody_inside(&store, room).await);
    }
    let lost = owner(&cluster, &rooms[0]);
    let replicated = |n: usize| cluster.nodes[n].info("keyspace").contains_key("db0");
    assert!(
        stanchion_testkit::wait_until(Duration::from_secs(5), || replicated(3 + lost)),
        "no copy yet"
    );
    cluster.nodes[lost].kill();
    let began = Instant::now();
    let mut others_failed = Vec::new();
    loop {
        for (room, session) in rooms.iter().zip(&sessions).skip(1) {
            let (result, took) = timed(is_inside(&store, room, session)).await;
            assert!(took <= CALL_MOST, "{took:?}");
            if result != Ok(true) {
                others_failed.push((room.name.clone(), began.elapsed(), result));
            }
        }
        if is_inside(&store, &rooms[0], &sessions[0]).await == Ok(true) {
            break;
        }
        assert!(
            began.elapsed() < Duration::from_secs(12),
            "not back: {:?}",
            store.status()
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    println!("back after {:?}; others failed: {others_failed:?}", began.elapsed());
    assert!(others_failed.is_empty(), "{others_failed:?}");
    tick(&store, &rooms[0], &EdgeMemory::default()).await.unwrap();
    store.join(&rooms[0], &[place(9)]).await.unwrap();
}
