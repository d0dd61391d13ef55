//! `join` and `present`: who waits and who is there.

use stanchion_admission::ids::Place;
use stanchion_admission::store::{Claim, End, Joined, MAX_BATCH, StoreError};

use crate::contract::kit::{Bench, Line, ms, place, secs};

pub async fn join_indexes_what_is_unknown_once(bench: &dyn Bench) {
    let mut line = Line::newborn(bench, |_| {}).await;
    let [a, b, inside, used, barred] = [1, 2, 3, 4, 5].map(|n| place(n, ms(0)));
    line.entered(inside).await;
    line.spent(&[used]).await;
    line.end(barred, End::Revoked).await;
    let joined = line.join(&[a, b, a, inside, used, barred]).await;
    assert_eq!(joined, Joined { added: 2, refused: 0 });
    assert_eq!(
        line.join(&[a, b]).await,
        Joined { added: 0, refused: 0 },
        "a second time adds nobody"
    );
    line.step(secs(1));
    let seen = line.tick().await;
    assert_eq!(
        (seen.active, seen.waiting, seen.present),
        (1, 0, 0),
        "as old as the frontier and not present: passed over"
    );
}

/// I13, one past the bound.
pub async fn join_stops_at_max_waiting(bench: &dyn Bench) {
    let mut line = Line::newborn(bench, |p| p.max_waiting = 3).await;
    let people: Vec<Place> = (1..=5).map(|n| place(n, secs(1))).collect();
    assert_eq!(line.join(&people).await, Joined { added: 3, refused: 2 });
    assert_eq!(line.join(&people).await, Joined { added: 0, refused: 2 });
    line.step(secs(1));
    assert_eq!(line.tick().await.waiting, 3);
    line.end(people[0], End::Released).await;
    assert_eq!(line.join(&people).await, Joined { added: 1, refused: 1 });
}

pub async fn near_head_places_are_not_bound_by_max_waiting(bench: &dyn Bench) {
    let mut line = Line::newborn(bench, |p| (p.max_waiting, p.capacity) = (2, 0)).await;
    let people: Vec<Place> = (1..=4).map(|n| place(n, secs(1))).collect();
    line.join(&people).await;
    line.present(&people[..3]).await;
    assert_eq!(line.claim(people[3]).await, Claim::Waiting);
    line.step(secs(1));
    let seen = line.tick().await;
    assert_eq!((seen.waiting, seen.present), (4, 4));
}

pub async fn join_works_while_nobody_is_admitted(bench: &dyn Bench) {
    let mut line = Line::unmade(bench, |_| {});
    assert_eq!(line.join(&[place(1, ms(0))]).await.added, 1, "before the first tick");
    line.tick().await;
    assert_eq!(line.join(&[place(2, ms(0))]).await.added, 1, "recovering");
    line.settings(|s| s.paused = Some("soon".into())).await;
    assert_eq!(line.join(&[place(3, ms(0))]).await.added, 1, "paused");
    line.tick().await;
    line.settings(|s| s.closed = true).await;
    assert_eq!(line.join(&[place(4, ms(0))]).await.added, 1, "closed");
    line.step(secs(1));
    assert_eq!(line.tick().await.waiting, 4);
}

/// Present for max(3 × near_poll, 10 s) after a poll near the head.
pub async fn absent_visitors_stop_being_present(bench: &dyn Bench) {
    let mut line = Line::newborn(bench, |p| (p.capacity, p.near_poll) = (0, secs(2))).await;
    line.present(&[place(1, secs(1))]).await;
    let seen = line.run(9).await;
    assert_eq!(seen.present, 1);
    line.present(&[place(2, secs(1))]).await;
    let seen = line.run(1).await;
    assert_eq!(
        (seen.present, seen.waiting),
        (1, 2),
        "the first is absent after 10 s and still waits"
    );
    let seen = line.run(9).await;
    assert_eq!((seen.present, seen.waiting), (0, 2));
}

pub async fn a_known_place_keeps_its_stamp(bench: &dyn Bench) {
    let mut line = Line::newborn(bench, |p| p.capacity = 0).await;
    line.join(&[place(1, secs(1))]).await;
    line.present(&[place(1, secs(9)), place(2, secs(2))]).await;
    line.step(secs(1));
    let sketch = line.tick().await.sketch;
    let stamps: Vec<_> = sketch.iter().map(|point| point.0).collect();
    assert_eq!(stamps, vec![place(1, secs(1)).stamp, place(2, secs(2)).stamp]);
}

pub async fn too_many_in_one_call_are_refused(bench: &dyn Bench) {
    let line = Line::newborn(bench, |_| {}).await;
    let people: Vec<Place> = (0..=MAX_BATCH as u32).map(|n| place(n, secs(1))).collect();
    let store = bench.store();
    assert!(store.join(&line.policy, &people[1..]).await.is_ok());
    assert!(matches!(
        store.join(&line.policy, &people).await,
        Err(StoreError::Refused(_))
    ));
    assert!(matches!(
        store.present(&line.policy, &people).await,
        Err(StoreError::Refused(_))
    ));
    assert!(matches!(
        store.spent(&line.policy, &people).await,
        Err(StoreError::Refused(_))
    ));
}
