//! One ticket, sent again and again: what it costs the store, and what its owner gets.

use std::time::Duration;

use stanchion_admission::edge::agent::{Agent, Arrival, Rejoin, Touch};
use stanchion_admission::ids::{Place, VisitorId};
use stanchion_admission::policy::RoomPolicy;
use stanchion_admission::store::End;
use tokio::time::sleep;

use crate::house::{AWAY, House, SLOW, UP, inside, name, policy};

/// A room whose first visitor's session has run out: their place is used up.
async fn used_place(house: &House, capacity: u64) -> (std::sync::Arc<Agent>, Place) {
    let short = RoomPolicy {
        session_ttl: Duration::from_secs(20),
        ..policy(capacity)
    };
    let edge = house.edge(vec![short]).await;
    let session = inside(edge.arrive(&name("sale"), None, None).await);
    assert!(matches!(edge.touch(&name("sale"), session), Touch::Fine(_)));
    let place = session.place;
    sleep(Duration::from_secs(25)).await;
    (edge, place)
}

/// T3: a used ticket at a full room, a thousand times a second: about one question a second, and one new place for
/// all who send it together. As many different tickets cost a question each.
#[tokio::test(start_paused = true)]
async fn t3_a_used_ticket_sent_again_and_again_costs_a_question_a_second() {
    let house = House::new();
    let (edge, used) = used_place(&house, 1).await;
    let sale = name("sale");
    inside(edge.arrive(&sale, None, None).await);
    let before = house.store.all_but_ticks();
    let mut places = Vec::new();
    for _ in 0..3_000 {
        match edge.arrive(&sale, Some(used), None).await {
            Arrival::Rejoined {
                place,
                why: Rejoin::Lapsed,
                ..
            } => places.push(place),
            other => panic!("{other:?}"),
        }
        sleep(Duration::from_millis(1)).await;
    }
    places.dedup();
    assert!(places.len() <= 5, "{} new places in three seconds", places.len());
    let asked = house.store.all_but_ticks() - before;
    assert!((2..=8).contains(&asked), "{asked} questions in three seconds");
    let before = house.store.count("claim");
    for n in 0..1_000_u64 {
        let mut visitor = [9; 16];
        visitor[..8].copy_from_slice(&n.to_be_bytes());
        let other = Place {
            visitor: VisitorId(visitor),
            ..used
        };
        edge.arrive(&sale, Some(other), None).await;
    }
    assert_eq!(
        house.store.count("claim") - before,
        1_000,
        "of different tickets each is asked about"
    );
}

/// T3: the same ticket at an open room: those who send it within a second share one new session.
#[tokio::test(start_paused = true)]
async fn t3_a_used_ticket_at_an_open_room_takes_one_slot_a_second() {
    let house = House::new();
    let (edge, used) = used_place(&house, 1_000).await;
    let sale = name("sale");
    for _ in 0..300 {
        inside(edge.arrive(&sale, Some(used), None).await);
        sleep(Duration::from_millis(10)).await;
    }
    sleep(Duration::from_secs(2)).await;
    let active = edge.snapshot(&sale).unwrap().0.active;
    assert!((1..=4).contains(&active), "{active} slots in three seconds");
}

/// T3, I4: a hundred tabs at one time get one session of one question; a session that ended is not told again.
#[tokio::test(start_paused = true)]
async fn t3_tabs_at_one_time_share_one_question() {
    let house = House::new();
    let edge = house.edge(vec![policy(2)]).await;
    let sale = name("sale");
    let first = inside(edge.arrive(&sale, None, None).await);
    sleep(Duration::from_secs(2)).await;
    house.store.set(SLOW);
    let before = house.store.count("claim");
    let tabs: Vec<_> = (0..100)
        .map(|_| {
            let (edge, sale) = (edge.clone(), sale.clone());
            tokio::spawn(async move { edge.arrive(&sale, Some(first.place), None).await })
        })
        .collect();
    for tab in tabs {
        let session = inside(tab.await.unwrap());
        assert_eq!((session.place, session.claimed_at), (first.place, first.claimed_at));
    }
    assert_eq!(house.store.count("claim") - before, 1);
    house.store.set(UP);
    edge.end(&sale, first.place, End::Released).await;
    let again = inside(edge.arrive(&sale, Some(first.place), None).await);
    assert!(again.place > first.place, "a newcomer's place: {again:?}");
    assert_eq!(edge.touch(&sale, first), Touch::Ended);
}

/// T3: a question that went unanswered, or whose asker hung up, is asked again at once.
#[tokio::test(start_paused = true)]
async fn t3_what_was_not_answered_is_not_remembered() {
    let house = House::new();
    let edge = house.edge(vec![policy(2)]).await;
    let sale = name("sale");
    let first = inside(edge.arrive(&sale, None, None).await);
    sleep(Duration::from_secs(2)).await;
    house.store.set(AWAY);
    let told = edge.arrive(&sale, Some(first.place), None).await;
    assert!(matches!(told, Arrival::Waiting { fresh: false, .. }), "{told:?}");
    house.store.set(SLOW);
    let asker = tokio::time::timeout(Duration::from_millis(10), edge.arrive(&sale, Some(first.place), None));
    assert!(asker.await.is_err(), "hung up");
    let session = inside(edge.arrive(&sale, Some(first.place), None).await);
    assert_eq!(session.claimed_at, first.claimed_at);
}
