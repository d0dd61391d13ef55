//! `tick`: whose turn it is.

use std::time::Duration;

use stanchion_admission::ids::{Place, Stamp};
use stanchion_admission::rate::Rate;
use stanchion_admission::store::{Claim, EdgeMemory, RoomState};

use crate::contract::kit::{Bench, Line, START, ms, place, secs};

/// I1.
pub async fn order_is_by_stamp_then_id(bench: &dyn Bench) {
    let mut line = Line::newborn(bench, |p| p.capacity = 3).await;
    let people = [place(9, ms(1)), place(3, ms(2)), place(4, ms(2)), place(1, ms(3))];
    for one in people.iter().rev() {
        line.join(&[*one]).await;
        line.present(&[*one]).await;
    }
    let seen = line.run(3).await;
    assert_eq!((seen.admitted, seen.waiting, seen.frontier), (3, 1, people[2].stamp));
    for one in &people[..3] {
        line.inside(*one).await;
    }
    assert_eq!(line.claim(people[3]).await, Claim::Waiting);
}

/// An older stamp that comes in late is still granted first.
pub async fn stamps_settle_before_they_are_granted(bench: &dyn Bench) {
    let mut line = Line::newborn(bench, |p| p.capacity = 1).await;
    line.step(secs(1));
    line.present(&[place(2, secs(1))]).await;
    line.step(ms(1_999));
    assert_eq!(line.tick().await.admitted, 0);
    line.present(&[place(1, ms(999))]).await;
    line.step(ms(901));
    assert_eq!(line.tick().await.admitted, 1);
    line.inside(place(1, ms(999))).await;
    assert_eq!(line.claim(place(2, secs(1))).await, Claim::Waiting);
}

pub async fn works_once_per_interval(bench: &dyn Bench) {
    let mut line = Line::newborn(bench, |_| {}).await;
    let first = line.tick().await;
    assert_eq!((first.seq, first.ticked_at), (1, START));
    line.step(ms(899));
    let early = line.tick().await;
    assert_eq!((early.seq, early.ticked_at, early.now), (1, START, START.plus(ms(899))));
    line.step(ms(1));
    let due = line.tick().await;
    assert_eq!((due.seq, due.ticked_at), (2, START.plus(ms(900))));
}

/// F9.
pub async fn a_clock_that_goes_back_counts_as_standing_still(bench: &dyn Bench) {
    let mut line = Line::newborn(bench, |_| {}).await;
    line.run(10).await;
    line.set(secs(7));
    let seen = line.tick().await;
    assert_eq!((seen.now, seen.seq), (START.plus(secs(10)), 11));
    let session = line.entered(place(1, secs(7))).await;
    assert_eq!(
        (session.claimed_at, session.expires_at),
        (START.plus(secs(10)), START.plus(secs(70)))
    );
    line.set(secs(11));
    assert_eq!(line.tick().await.seq, 12);
}

pub async fn an_unclaimed_slot_comes_back_at_the_old_place(bench: &dyn Bench) {
    let mut line = Line::newborn(bench, |p| (p.capacity, p.claim_window) = (1, secs(20))).await;
    let [first, second] = [place(1, ms(1)), place(2, ms(2))];
    line.run_with(2, &[first, second]).await;
    let seen = line.run(1).await;
    assert_eq!((seen.admitted, seen.frontier), (1, first.stamp));
    let seen = line.run_with(19, &[second]).await;
    assert_eq!(
        (seen.admitted, seen.frontier),
        (1, first.stamp),
        "one second of the window is left"
    );
    line.present(&[second]).await;
    let seen = line.run(1).await;
    assert_eq!(
        (seen.admitted, seen.frontier),
        (1, second.stamp),
        "the next got the slot"
    );
    line.inside(second).await;
    assert_eq!(line.claim(first).await, Claim::Waiting, "the place is kept");
    line.end(second, stanchion_admission::store::End::Released).await;
    line.run(1).await;
    line.inside(first).await;
}

/// F12: an outage of a minute uses up three seconds of a claim window.
pub async fn claim_windows_pause_while_no_tick_works(bench: &dyn Bench) {
    let mut line = Line::newborn(bench, |p| (p.capacity, p.claim_window) = (1, secs(20))).await;
    line.run_with(3, &[place(1, ms(1))]).await;
    line.step(secs(60));
    line.tick().await;
    assert_eq!(line.run(15).await.admitted, 1);
    line.inside(place(1, ms(1))).await;
}

/// F11: the absent lose their turn, not their place.
pub async fn the_absent_are_passed_over_and_first_when_back(bench: &dyn Bench) {
    let mut line = Line::newborn(bench, |p| p.capacity = 1).await;
    let [absent, there, later] = [place(1, ms(1)), place(2, ms(2)), place(3, ms(3))];
    line.join(&[absent]).await;
    let seen = line.run_with(3, &[there, later]).await;
    assert_eq!((seen.frontier, seen.waiting), (there.stamp, 1));
    assert_eq!(line.claim(absent).await, Claim::Waiting);
    let seen = line.tick().await;
    assert_eq!(
        (seen.waiting, seen.present),
        (2, 2),
        "back before the frontier counts as waiting"
    );
    line.inside(there).await;
    line.end(there, stanchion_admission::store::End::Released).await;
    line.run(1).await;
    line.inside(absent).await;
    assert_eq!(line.claim(later).await, Claim::Waiting);
}

pub async fn after_the_grace_a_place_is_gone(bench: &dyn Bench) {
    let mut line = Line::newborn(bench, |p| (p.capacity, p.return_grace) = (1, secs(32))).await;
    let [absent, there, last] = [place(1, ms(1)), place(2, ms(2)), place(3, ms(3))];
    line.join(&[absent]).await;
    line.run_with(3, &[there]).await;
    line.inside(there).await;
    line.join(&[last]).await;
    let seen = line.run(31).await;
    assert_eq!(
        (seen.left_total, seen.grace_frontier),
        (0, Stamp::ZERO),
        "a grace is never shorter than said"
    );
    let seen = line.run(4).await;
    assert_eq!((seen.left_total, seen.grace_frontier), (1, there.stamp));
    assert_eq!(line.claim(absent).await, Claim::Gone);
    assert_eq!(line.join(&[absent]).await.added, 0);
    assert_eq!(
        line.claim(last).await,
        Claim::Waiting,
        "beyond the frontier nobody loses a place"
    );
}

/// F14.
pub async fn capacity_halved_and_doubled(bench: &dyn Bench) {
    let people: Vec<Place> = (0..20).map(|n| place(n, ms(u64::from(n)))).collect();
    let mut line = Line::newborn(bench, |p| (p.capacity, p.rate) = (8, Rate::per_minute(600).unwrap())).await;
    let seen = line.run_with(3, &people).await;
    assert_eq!((seen.admitted, seen.state), (8, RoomState::Full));
    for one in &people[..8] {
        line.inside(*one).await;
    }
    line.settings(|s| s.capacity = Some(4)).await;
    let seen = line.run_with(5, &people[8..]).await;
    assert_eq!(
        (seen.active, seen.admitted, seen.capacity),
        (8, 0, 4),
        "nobody is put out"
    );
    for one in &people[..4] {
        line.end(*one, stanchion_admission::store::End::Released).await;
    }
    assert_eq!(
        line.run_with(1, &people[8..]).await.admitted,
        0,
        "four of four are still inside"
    );
    line.settings(|s| s.capacity = Some(16)).await;
    let seen = line.run_with(2, &people[8..]).await;
    assert_eq!((seen.active, seen.admitted), (4, 12));
}

/// I3: an idle hour buys one batch.
pub async fn the_spike_after_idling_is_one_batch(bench: &dyn Bench) {
    let mut line = Line::newborn(bench, |p| p.capacity = 1_000).await;
    line.set(secs(3_600));
    line.tick().await;
    let people: Vec<Place> = (0..200).map(|n| place(n, secs(3_600))).collect();
    let seen = line.run_with(2, &people).await;
    assert_eq!(seen.admitted_total, 3, "one visitor and two seconds of the rate");
    let seen = line.run_with(58, &people).await;
    assert_eq!(seen.admitted_total, 61, "rate and one batch in the minute");
}

pub async fn a_new_rate_holds_at_once(bench: &dyn Bench) {
    let people: Vec<Place> = (0..200).map(|n| place(n, ms(1))).collect();
    let mut line = Line::newborn(bench, |p| p.capacity = 1_000).await;
    assert_eq!(line.run_with(3, &people).await.admitted_total, 4 - 1);
    line.settings(|s| s.rate = Rate::new(10, Duration::from_secs(1))).await;
    let seen = line.run_with(2, &people).await;
    assert_eq!((seen.admitted_total, seen.rate), (23, Rate::new(10, secs(1)).unwrap()));
}

/// F11, I10: two hundred at the head are gone; the living behind them are reached and admitted, at any pace.
pub async fn the_horizon_reaches_the_living_behind_the_dead(bench: &dyn Bench) {
    let mut line = Line::newborn(bench, |p| (p.capacity, p.rate) = (10, Rate::per_minute(1).unwrap())).await;
    let dead: Vec<Place> = (0..200).map(|n| place(n, ms(u64::from(n)))).collect();
    let living: Vec<Place> = (200..210).map(|n| place(n, ms(u64::from(n)))).collect();
    line.join(&dead).await;
    line.join(&living).await;
    let mut seen = line.run(1).await;
    assert_eq!(seen.horizon, dead[64].stamp);
    let mut waited = 0;
    while seen.admitted_total == 0 {
        waited += 1;
        assert!(waited < 60, "the dead block the living");
        let near: Vec<Place> = living.iter().copied().filter(|p| p.stamp <= seen.horizon).collect();
        seen = line.run_with(1, &near).await;
    }
    assert_eq!(seen.horizon, Stamp::MAX, "two doublings reach the end");
    line.inside(living[0]).await;
    let stranger = line.tick_of(&EdgeMemory::default()).await;
    assert_eq!(
        stranger.sketch.first(),
        Some(&(living[1].stamp, 0)),
        "the dead are passed"
    );
}
