//! The agent over a real store of one process, with a paused clock: what a proxy may rely on.
#![allow(clippy::unwrap_used, clippy::panic)]

mod floods;
mod house;
mod newcomers;
mod reloads;

use std::time::Duration;

use house::{AWAY, BUSY, DEAF, House, UP, inside, name, policy, waits};
use stanchion_admission::edge::agent::{Agent, Arrival, Refusal, Rejoin, Seen, Status, Touch};
use stanchion_admission::ids::{Place, VisitorId};
use stanchion_admission::policy::{LiveSettings, Mode, RoomPolicy};
use stanchion_admission::store::{End, RoomState, StoreError};
use tokio::time::sleep;

#[tokio::test(start_paused = true)]
async fn an_empty_room_lets_in_at_once_and_a_full_one_as_somebody_leaves() {
    let house = House::new();
    let edge = house.edge(vec![policy(1)]).await;
    let sale = name("sale");
    let first = inside(edge.arrive(&sale, None, None).await);
    let second = edge.arrive(&sale, None, None).await;
    let Arrival::Waiting { fresh: true, facts, .. } = &second else {
        panic!("{second:?}")
    };
    assert_eq!(
        (facts.position, facts.wait),
        (None, None),
        "older ones may be on their way"
    );
    assert!(
        facts.refresh <= Duration::from_millis(1_200),
        "second contact within a second and a fifth"
    );
    let still = waits(&edge, second, 3).await;
    let Arrival::Waiting {
        fresh: false, facts, ..
    } = &still
    else {
        panic!("{still:?}")
    };
    assert_eq!(facts.position, Some(1));
    edge.end(&sale, first.place, End::Released).await;
    assert_eq!(edge.touch(&sale, first), Touch::Ended);
    inside(waits(&edge, still, 4).await);
    let again = edge.arrive(&sale, Some(first.place), None).await;
    assert!(
        matches!(&again, Arrival::Rejoined { why: Rejoin::SessionEnded, place, .. } if *place > first.place),
        "{again:?}"
    );
}

/// I14: a hundred polls of somebody far from the head, and the store hears of ticks only.
#[tokio::test(start_paused = true)]
async fn i14_waiting_polls_far_from_the_head_cost_no_command() {
    let house = House::new();
    let edge = house.edge(vec![policy(1)]).await;
    let sale = name("sale");
    inside(edge.arrive(&sale, None, None).await);
    let mut line = Vec::new();
    for _ in 0..600 {
        let Arrival::Waiting { place, .. } = edge.arrive(&sale, None, None).await else {
            panic!("no ticket")
        };
        line.push(place);
    }
    for place in &line {
        assert!(matches!(edge.status(&sale, *place, None), Status::Waiting(_)));
    }
    sleep(Duration::from_secs(3)).await;
    let last = *line.last().unwrap();
    let mut seen: Option<Seen> = None;
    let poll = |seen: &mut Option<Seen>| match edge.status(&sale, last, *seen) {
        Status::Waiting(facts) => {
            *seen = Some(facts.seen);
            facts
        }
        other => panic!("{other:?}"),
    };
    poll(&mut seen);
    sleep(Duration::from_secs(1)).await;
    let before = house.store.all_but_ticks();
    for _ in 0..100 {
        let facts = poll(&mut seen);
        assert_eq!(facts.position, Some(600));
        sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(house.store.all_but_ticks(), before);
    assert!(house.store.count("tick") > 5);
}

/// F1: passes go on, waiting answers are marked stale, newcomers get tickets; what was ended meanwhile is told later.
#[tokio::test(start_paused = true)]
async fn f1_a_store_that_is_away_stops_nobody() {
    let house = House::new();
    let edge = house.edge(vec![policy(2)]).await;
    let sale = name("sale");
    let (first, second) = (
        inside(edge.arrive(&sale, None, None).await),
        inside(edge.arrive(&sale, None, None).await),
    );
    let waiting = edge.arrive(&sale, None, None).await;
    house.store.set(AWAY);
    sleep(Duration::from_secs(7)).await;
    assert!(!edge.health().store_reachable);
    let Arrival::Waiting { facts, fresh: true, .. } = edge.arrive(&sale, None, None).await else {
        panic!("a newcomer gets a ticket")
    };
    assert!(facts.stale);
    assert!(matches!(edge.touch(&sale, second), Touch::Fine(_)));
    let asked = house.store.count("claim");
    let Arrival::Waiting { facts, .. } = edge.arrive(&sale, Some(second.place), None).await else {
        panic!("a claim waits")
    };
    assert!(
        facts.stale && house.store.count("claim") == asked,
        "nobody waits for a store that is away"
    );
    edge.end(&sale, first.place, End::Released).await;
    house.store.set(UP);
    sleep(Duration::from_secs(3)).await;
    assert!(edge.health().store_reachable);
    let again = inside(edge.arrive(&sale, Some(second.place), None).await);
    assert_eq!(again.claimed_at, second.claimed_at);
    inside(waits(&edge, waiting, 4).await);
}

/// F1: a queue that is full at this edge is no store that is away: claims go on being asked.
#[tokio::test(start_paused = true)]
async fn f1_a_full_queue_is_no_store_that_is_away() {
    let house = House::new();
    let edge = house.edge(vec![policy(2)]).await;
    let sale = name("sale");
    let session = inside(edge.arrive(&sale, None, None).await);
    sleep(Duration::from_secs(3)).await;
    house.store.set(BUSY);
    sleep(Duration::from_secs(3)).await;
    assert!(edge.health().store_reachable);
    house.store.set(UP);
    let again = inside(edge.arrive(&sale, Some(session.place), None).await);
    assert_eq!(
        again.claimed_at, session.claimed_at,
        "asked at once, before the next tick"
    );
    house.store.set(AWAY);
    sleep(Duration::from_secs(3)).await;
    assert!(!edge.health().store_reachable);
}

/// T3: an entry and a claim whose answers were lost take one slot each, and the same session comes of asking again.
#[tokio::test(start_paused = true)]
async fn t3_a_lost_answer_costs_no_second_slot() {
    let house = House::new();
    let edge = house.edge(vec![policy(2)]).await;
    let sale = name("sale");
    house.store.set(DEAF);
    let lost = edge.arrive(&sale, None, None).await;
    house.store.set(UP);
    let first = inside(waits(&edge, lost, 3).await);
    let (snapshot, _) = edge.snapshot(&sale).unwrap();
    assert_eq!(snapshot.active, 1);
    let again = inside(edge.arrive(&sale, Some(first.place), None).await);
    assert_eq!((again.place, again.claimed_at), (first.place, first.claimed_at));
}

/// F3: after a wipe the sessions that this edge verified are inside again, the line stands in its order, and nobody
/// else gets their slots.
#[tokio::test(start_paused = true)]
async fn f3_a_wiped_store_hears_again_who_is_inside() {
    let house = House::new();
    let edge = house.edge(vec![policy(2)]).await;
    let sale = name("sale");
    let sessions = [
        inside(edge.arrive(&sale, None, None).await),
        inside(edge.arrive(&sale, None, None).await),
    ];
    let waiting = edge.arrive(&sale, None, None).await;
    let waiting = waits(&edge, waiting, 2).await;
    house.store.inner.wipe();
    sleep(Duration::from_secs(2)).await;
    let (snapshot, _) = edge.snapshot(&sale).unwrap();
    assert_eq!((snapshot.state, snapshot.active), (RoomState::Recovering, 2));
    let waiting = waits(&edge, waiting, 6).await;
    let Arrival::Waiting { facts, .. } = &waiting else {
        panic!("{waiting:?}")
    };
    assert_eq!((facts.state, facts.position), (RoomState::Full, Some(1)));
    edge.end(&sale, sessions[0].place, End::Released).await;
    inside(waits(&edge, waiting, 4).await);
    assert!(matches!(edge.touch(&sale, sessions[1]), Touch::Fine(_)));
}

#[tokio::test(start_paused = true)]
async fn settings_are_in_force_here_at_once_and_elsewhere_within_two_seconds() {
    let house = House::new();
    let (here, there) = (house.edge(vec![policy(5)]).await, house.edge(vec![policy(5)]).await);
    let sale = name("sale");
    let paused = LiveSettings {
        paused: Some("a fire drill".to_owned()),
        ..LiveSettings::default()
    };
    let put = here.put_settings(&sale, 0, paused.clone()).await.unwrap();
    assert_eq!(put.version, 1);
    assert_eq!(here.snapshot(&sale).unwrap().0.state, RoomState::Paused);
    sleep(Duration::from_secs(2)).await;
    let told = there.arrive(&sale, None, None).await;
    let Arrival::Waiting { facts, .. } = told else {
        panic!("{told:?}")
    };
    assert_eq!(facts.paused_reason.as_deref(), Some("a fire drill"));
    assert_eq!(facts.wait, None);
    assert_eq!(
        there.put_settings(&sale, 0, paused).await,
        Err(StoreError::Conflict(1)),
        "somebody else was first"
    );
}

#[tokio::test(start_paused = true)]
async fn rooms_come_change_and_go_without_a_restart() {
    let house = House::new();
    let edge = house.edge(vec![policy(5)]).await;
    let other = RoomPolicy {
        name: name("tour"),
        mode: Mode::Passthrough,
        ..policy(1)
    };
    let closed = RoomPolicy {
        mode: Mode::Closed,
        ..policy(5)
    };
    edge.reconfigure(vec![closed, other]);
    let before = house.store.all_but_ticks();
    inside(edge.arrive(&name("tour"), None, None).await);
    assert_eq!(
        house.store.all_but_ticks(),
        before,
        "a room that counts nobody asks nobody"
    );
    let told = edge.arrive(&name("sale"), None, None).await;
    assert!(
        matches!(
            told,
            Arrival::Refused {
                why: Refusal::Closed,
                ..
            }
        ),
        "{told:?}"
    );
    edge.reconfigure(vec![policy(5)]);
    let told = edge.arrive(&name("tour"), None, None).await;
    assert!(
        matches!(
            told,
            Arrival::Refused {
                why: Refusal::UnknownRoom,
                ..
            }
        ),
        "{told:?}"
    );
    sleep(Duration::from_secs(2)).await;
    assert_eq!(edge.health().rooms.len(), 1);
    assert_eq!(edge.memories().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_delivers_what_has_gathered() {
    let house = House::new();
    let edge = house.edge(vec![policy(1)]).await;
    let sale = name("sale");
    inside(edge.arrive(&sale, None, None).await);
    let Arrival::Waiting { place, .. } = edge.arrive(&sale, None, None).await else {
        panic!("no ticket")
    };
    assert!(matches!(edge.status(&sale, place, None), Status::Waiting(_)));
    let before = house.store.count("present") + house.store.count("join");
    edge.shutdown().await;
    assert_eq!(house.store.count("present") + house.store.count("join"), before + 1);
    let ticks = house.store.count("tick");
    sleep(Duration::from_secs(5)).await;
    assert_eq!(house.store.count("tick"), ticks, "its loops have stopped");
}

/// I7, found by the simulation: an edge that still believes in a line gives a ticket while the store is open again, and
/// a second later somebody enters past it at another edge.
#[tokio::test(start_paused = true)]
async fn i7_nobody_enters_past_a_ticket_that_another_edge_just_gave() {
    let house = House::new();
    let here = house.edge(vec![policy(2)]).await;
    sleep(Duration::from_millis(430)).await;
    let there = house.edge(vec![policy(2)]).await;
    let sale = name("sale");
    let (mut tickets, mut entries) = (0, 0);
    for step in 0..200 {
        a_line_forms_and_goes(&here).await;
        sleep(Duration::from_millis(step * 30)).await;
        let first = here.arrive(&sale, None, None).await;
        sleep(Duration::from_millis(200 + step)).await;
        let second = there.arrive(&sale, None, None).await;
        match (&first, &second) {
            (Arrival::Waiting { .. }, Arrival::Inside(_)) => panic!("step {step}: overtaken"),
            (Arrival::Waiting { .. }, _) => tickets += 1,
            _ => entries += 1,
        }
        for (edge, arrival) in [(&here, first), (&there, second)] {
            let session = inside(waits(edge, arrival, 8).await);
            edge.end(&sale, session.place, End::Released).await;
        }
    }
    assert!(
        tickets > 10 && entries > 10,
        "{tickets} tickets, {entries} entries: both must occur"
    );
}

/// I2, B5: a room that lost its store keeps a slot for each session it no longer knows, whoever leaves with no more than
/// a ticket, were it one kept since before the loss. Who was inside and shows a ticket leaves their slot to the next.
#[tokio::test(start_paused = true)]
async fn b5_leaving_with_a_ticket_frees_no_lost_slot() {
    let house = House::new();
    let (gone, edge) = (house.edge(vec![policy(3)]).await, house.edge(vec![policy(3)]).await);
    let sale = name("sale");
    let first = inside(edge.arrive(&sale, None, None).await);
    for _ in 0..2 {
        inside(gone.arrive(&sale, None, None).await);
    }
    sleep(Duration::from_secs(3)).await;
    gone.shutdown().await;
    house.store.inner.wipe();
    sleep(Duration::from_secs(3)).await;
    let slots = || edge.snapshot(&sale).map(|(seen, _)| (seen.active, seen.ghosts));
    assert_eq!(slots(), Some((1, 2)));
    for n in 0..5 {
        let hoarded = Place {
            visitor: VisitorId([n; 16]),
            ..first.place
        };
        house.store.set(if n == 4 { AWAY } else { UP });
        edge.leave(&sale, hoarded).await;
    }
    house.store.set(UP);
    sleep(Duration::from_secs(3)).await;
    assert_eq!(slots(), Some((1, 2)));
    edge.leave(&sale, first.place).await;
    assert_eq!(edge.touch(&sale, first), Touch::Ended);
    sleep(Duration::from_secs(3)).await;
    assert_eq!(slots(), Some((0, 2)));
    assert_eq!(house.store.count("end"), 0);
}

/// Three where two fit; each leaves as soon as they were in.
async fn a_line_forms_and_goes(edge: &Agent) {
    let sale = name("sale");
    let mut arrivals = Vec::new();
    for _ in 0..3 {
        arrivals.push(edge.arrive(&sale, None, None).await);
    }
    for arrival in arrivals {
        let session = inside(waits(edge, arrival, 8).await);
        edge.end(&sale, session.place, End::Released).await;
    }
}
