//! F14: rooms that come, go and come back while the edge runs. A room is its name.

use std::time::Duration;

use stanchion_admission::edge::agent::{Arrival, Touch};
use stanchion_admission::policy::RoomPolicy;
use stanchion_admission::store::RoomState;
use tokio::time::sleep;

use crate::house::{House, inside, name, policy, waits};

fn tour() -> RoomPolicy {
    RoomPolicy {
        name: name("tour"),
        ..policy(2)
    }
}

/// F14: no ticket of a room can exist that nobody has served: nobody waits for it to recover.
#[tokio::test(start_paused = true)]
async fn f14_a_room_that_is_new_opens_at_once() {
    let house = House::new();
    let edge = house.edge(vec![policy(2)]).await;
    sleep(Duration::from_secs(30)).await;
    edge.reconfigure(vec![policy(2), tour()]);
    sleep(Duration::from_millis(10)).await;
    let seen = edge.snapshot(&name("tour")).unwrap().0;
    assert_eq!(seen.state, RoomState::Open);
    inside(edge.arrive(&name("tour"), None, None).await);
}

/// F14: a room that comes back under its name is the same room: passes and tickets go on, in their order.
#[tokio::test(start_paused = true)]
async fn f14_a_room_that_comes_back_is_the_same_room() {
    let house = House::new();
    let one = RoomPolicy {
        capacity: 1,
        ..policy(1)
    };
    let edge = house.edge(vec![one.clone()]).await;
    let sale = name("sale");
    let session = inside(edge.arrive(&sale, None, None).await);
    let waiting = edge.arrive(&sale, None, None).await;
    let waiting = waits(&edge, waiting, 2).await;
    edge.reconfigure(vec![tour()]);
    sleep(Duration::from_secs(60)).await;
    edge.reconfigure(vec![one, tour()]);
    sleep(Duration::from_secs(2)).await;
    assert!(matches!(edge.touch(&sale, session), Touch::Fine(_)));
    let newcomer = edge.arrive(&sale, None, None).await;
    edge.end(&sale, session.place, stanchion_admission::store::End::Released)
        .await;
    let Arrival::Waiting { place: first, .. } = waiting else {
        panic!("{waiting:?}")
    };
    assert_eq!(inside(waits(&edge, waiting, 4).await).place, first);
    assert!(matches!(newcomer, Arrival::Waiting { .. }), "{newcomer:?}");
}

/// F14, F3: whoever lost their data while the room was away hears of it: the room is put back together first.
#[tokio::test(start_paused = true)]
async fn f14_a_room_that_comes_back_to_an_empty_store_recovers() {
    let house = House::new();
    let edge = house.edge(vec![policy(2)]).await;
    let sale = name("sale");
    let session = inside(edge.arrive(&sale, None, None).await);
    sleep(Duration::from_secs(2)).await;
    edge.reconfigure(vec![tour()]);
    house.store.inner.wipe();
    edge.reconfigure(vec![policy(2), tour()]);
    sleep(Duration::from_millis(10)).await;
    let seen = edge.snapshot(&sale).unwrap().0;
    assert_eq!((seen.state, seen.ghosts), (RoomState::Recovering, 1));
    assert!(matches!(edge.touch(&sale, session), Touch::Fine(_)));
    sleep(Duration::from_secs(2)).await;
    let seen = edge.snapshot(&sale).unwrap().0;
    assert_eq!((seen.active, seen.ghosts), (1, 0));
}
