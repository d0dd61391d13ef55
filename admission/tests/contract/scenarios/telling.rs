//! The snapshot: what everybody is told.

use stanchion_admission::ids::{Place, RoomName, Stamp};
use stanchion_admission::policy::{LiveSettings, Mode, RoomPolicy};
use stanchion_admission::rate::Rate;
use stanchion_admission::store::{RoomState, StoreError};

use crate::contract::kit::{Bench, Line, START, ms, place, secs};

pub async fn states(bench: &dyn Bench) {
    type Change = fn(&mut RoomPolicy);
    let cases: [(Change, RoomState); 4] = [
        (|_| {}, RoomState::Open),
        (|p| p.mode = Mode::Closed, RoomState::Closed),
        (|p| p.mode = Mode::Passthrough, RoomState::Open),
        (|p| p.opens_at = Some(START.plus(secs(1_000))), RoomState::Prequeue),
    ];
    for (change, state) in cases {
        let mut line = Line::newborn(bench, change).await;
        assert_eq!(line.run(1).await.state, state);
        line.wipe().await;
    }
    let mut line = Line::newborn(bench, |p| p.capacity = 1).await;
    line.entered(place(1, ms(0))).await;
    assert_eq!(line.run(1).await.state, RoomState::Queueing, "used up, nobody waits");
    line.join(&[place(2, secs(1))]).await;
    assert_eq!(line.tick().await.state, RoomState::Full);
    line.settings(|s| s.capacity = Some(5)).await;
    assert_eq!(line.tick().await.state, RoomState::Queueing);
    line.settings(|s| s.paused = Some("rain".into())).await;
    assert_eq!(line.tick().await.state, RoomState::Paused);
    line.settings(|s| s.closed = true).await;
    assert_eq!(line.tick().await.state, RoomState::Closed);
    line.settings(|s| (s.closed, s.paused) = (false, None)).await;
    line.end(place(2, secs(1)), stanchion_admission::store::End::Released)
        .await;
    line.step(ms(3_999));
    assert_eq!(
        line.tick().await.state,
        RoomState::Queueing,
        "the line was there a moment ago"
    );
    line.step(secs(2));
    assert_eq!(line.tick().await.state, RoomState::Open);
}

pub async fn the_sketch_tells_ranks(bench: &dyn Bench) {
    let mut line = Line::newborn(bench, |p| p.capacity = 0).await;
    let people: Vec<Place> = (0..1_000).map(|n| place(n, ms(1 + u64::from(n)))).collect();
    for some in people.chunks(500) {
        line.join(some).await;
    }
    let seen = line.run(1).await;
    assert_eq!(seen.waiting, 1_000);
    assert!(
        seen.sketch.len() > 48 && seen.sketch.len() <= 64,
        "{} points",
        seen.sketch.len()
    );
    for (stamp, rank) in &seen.sketch {
        assert_eq!(people[*rank as usize].stamp, *stamp);
    }
    assert!(
        seen.sketch[..16]
            .iter()
            .enumerate()
            .all(|(i, point)| point.1 == i as u64)
    );
    assert_eq!(seen.sketch.last().map(|p| p.1), Some(999));
    assert_eq!(
        seen.horizon,
        people[64 + 20].stamp,
        "64 and two presence windows at one a second"
    );
}

pub async fn the_sketch_counts_those_back_before_the_frontier(bench: &dyn Bench) {
    let mut line = Line::newborn(bench, |p| p.capacity = 1).await;
    let [absent, there, later] = [place(1, ms(1)), place(2, ms(2)), place(3, ms(3))];
    line.join(&[absent, later]).await;
    line.run_with(3, &[there]).await;
    assert_eq!(line.tick().await.sketch, vec![(later.stamp, 0)]);
    line.present(&[absent]).await;
    let seen = line.tick().await;
    assert_eq!((seen.sketch, seen.waiting), (vec![(later.stamp, 1)], 2));
    let twins = [place(7, secs(9)), place(8, secs(9)), place(9, secs(10))];
    line.join(&twins).await;
    let points = line.tick().await.sketch;
    assert_eq!(
        points[1..],
        [(twins[0].stamp, 2), (twins[2].stamp, 4)],
        "equal stamps share a point"
    );
}

pub async fn counts_and_totals(bench: &dyn Bench) {
    let mut line = Line::newborn(bench, |p| (p.capacity, p.rate) = (4, Rate::per_minute(600).unwrap())).await;
    line.entered(place(0, ms(0))).await;
    let people: Vec<Place> = (1..8).map(|n| place(n, ms(u64::from(n)))).collect();
    line.run_with(3, &people).await;
    line.inside(people[0]).await;
    let seen = line.tick().await;
    assert_eq!((seen.active, seen.admitted, seen.waiting, seen.present), (2, 2, 4, 4));
    assert_eq!((seen.admitted_total, seen.left_total, seen.capacity), (4, 0, 4));
    assert_eq!(
        (seen.frontier, seen.grace_frontier, seen.horizon),
        (people[2].stamp, Stamp::ZERO, Stamp::MAX)
    );
}

pub async fn settings_are_replaced_by_version(bench: &dyn Bench) {
    let mut line = Line::newborn(bench, |_| {}).await;
    let store = bench.store();
    let one = LiveSettings {
        version: 77,
        message: Some("Willkommen".into()),
        capacity: Some(2),
        ..LiveSettings::default()
    };
    let stored = store.settings_put(&line.policy, 0, one.clone()).await.unwrap();
    assert_eq!(stored, LiveSettings { version: 1, ..one });
    let refused = store.settings_put(&line.policy, 0, LiveSettings::default()).await;
    assert_eq!(refused, Err(StoreError::Conflict(1)));
    let seen = line.tick().await;
    assert_eq!((seen.settings, seen.capacity), (stored, 2));
    let two = store
        .settings_put(&line.policy, 1, LiveSettings::default())
        .await
        .unwrap();
    assert_eq!(
        two,
        LiveSettings {
            version: 2,
            ..LiveSettings::default()
        }
    );
    assert_eq!(line.tick().await.capacity, 5, "as configured again");
}

pub async fn long_texts_are_refused(bench: &dyn Bench) {
    let line = Line::newborn(bench, |_| {}).await;
    let text = |n: usize| LiveSettings {
        message: Some("é".repeat(n)),
        ..LiveSettings::default()
    };
    let store = bench.store();
    assert!(matches!(
        store.settings_put(&line.policy, 0, text(251)).await,
        Err(StoreError::Refused(_))
    ));
    assert_eq!(
        store.settings_put(&line.policy, 0, text(250)).await.map(|s| s.version),
        Ok(1)
    );
}

/// I12.
pub async fn rooms_do_not_touch_each_other(bench: &dyn Bench) {
    let mut line = Line::newborn(bench, |p| p.capacity = 1).await;
    let other = RoomName::new(&format!("{}-b", line.policy.name)).unwrap();
    let mut second = Line::newborn(bench, |p| p.name = other).await;
    line.entered(place(1, ms(0))).await;
    second.entered(place(1, ms(0))).await;
    second
        .end(place(1, ms(0)), stanchion_admission::store::End::Revoked)
        .await;
    second.settings(|s| s.closed = true).await;
    assert_eq!(second.tick().await.state, RoomState::Closed);
    line.inside(place(1, ms(0))).await;
    assert_eq!(line.run(1).await.active, 1);
    second.wipe().await;
}
