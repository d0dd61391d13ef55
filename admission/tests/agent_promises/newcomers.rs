//! B1, B5: those who enter an open room and never come back, and those who come back late.

use std::time::Duration;

use stanchion_admission::edge::agent::{Arrival, Touch};
use stanchion_admission::store::Session;
use tokio::time::sleep;

use crate::house::{House, inside, name, policy, waits};

/// What a pass says: `session_ttl`, whatever the store keeps.
fn pass(session: Session) -> Session {
    Session {
        expires_at: session.claimed_at.plus(policy(1).session_ttl),
        ..session
    }
}

/// B5: a loop without cookies holds no more than what it took in the last minute; a browser beside it keeps its session.
#[tokio::test(start_paused = true)]
async fn b5_a_loop_without_cookies_does_not_fill_the_room() {
    let house = House::new();
    let edge = house.edge(vec![policy(200)]).await;
    let sale = name("sale");
    let browser = pass(inside(edge.arrive(&sale, None, None).await));
    let touches = house.store.count("touch");
    assert!(matches!(edge.touch(&sale, browser), Touch::Fine(_)));
    sleep(Duration::from_millis(200)).await;
    assert_eq!(
        house.store.count("touch"),
        touches + 1,
        "the first request is reported at once"
    );
    for second in 0..300 {
        inside(edge.arrive(&sale, None, None).await);
        if second % 2 == 0 {
            assert!(matches!(edge.touch(&sale, browser), Touch::Fine(_)));
        }
        sleep(Duration::from_secs(1)).await;
    }
    let seen = edge.snapshot(&sale).unwrap().0;
    assert!((55..=64).contains(&seen.active), "{} slots", seen.active);
    assert!(house.store.count("touch") <= touches + 12, "then every half minute");
    inside(edge.arrive(&sale, Some(browser.place), None).await);
}

/// T3: whoever reads the first page for longer than a minute goes on with the same pass, where there is space; where there is none
/// they are next.
#[tokio::test(start_paused = true)]
async fn a_slow_reader_goes_on_or_is_next() {
    let house = House::new();
    let edge = house.edge(vec![policy(1)]).await;
    let sale = name("sale");
    let reader = pass(inside(edge.arrive(&sale, None, None).await));
    sleep(Duration::from_secs(90)).await;
    assert_eq!(edge.snapshot(&sale).unwrap().0.active, 0);
    assert!(matches!(edge.touch(&sale, reader), Touch::Fine(_)));
    sleep(Duration::from_secs(2)).await;
    assert_eq!(edge.snapshot(&sale).unwrap().0.active, 1, "their slot again");

    let house = House::new();
    let edge = house.edge(vec![policy(1)]).await;
    let reader = pass(inside(edge.arrive(&sale, None, None).await));
    sleep(Duration::from_secs(90)).await;
    let other = pass(inside(edge.arrive(&sale, None, None).await));
    assert!(matches!(edge.touch(&sale, other), Touch::Fine(_)));
    let behind = edge.arrive(&sale, None, None).await;
    let behind = waits(&edge, behind, 2).await;
    assert!(
        matches!(edge.touch(&sale, reader), Touch::Fine(_)),
        "until the store has answered"
    );
    sleep(Duration::from_secs(1)).await;
    assert_eq!(edge.touch(&sale, reader), Touch::Ended);
    let next = edge.arrive(&sale, Some(reader.place), None).await;
    assert!(
        matches!(&next, Arrival::Waiting { place, .. } if *place == reader.place),
        "{next:?}"
    );
    edge.end(&sale, other.place, stanchion_admission::store::End::Released)
        .await;
    let again = inside(waits(&edge, next, 3).await);
    assert_eq!(again.place, reader.place, "before whoever came later");
    assert!(matches!(edge.touch(&sale, pass(again)), Touch::Fine(_)));
    assert!(matches!(waits(&edge, behind, 2).await, Arrival::Waiting { .. }));
}
