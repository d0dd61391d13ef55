//! `claim`, `touch`, `spent`, `end`: one ticket, one session, until it is over.

use std::time::Duration;

use stanchion_admission::ids::{Place, Stamp, VisitorId};
use stanchion_admission::rate::Rate;
use stanchion_admission::room::bounds::MAX_SPENT_AHEAD;
use stanchion_admission::store::{Claim, End, MAX_BATCH, MAX_ENDED, Session};

use crate::contract::kit::{Bench, Line, START, ms, place, secs, visitor};

pub async fn a_claim_needs_a_granted_slot(bench: &dyn Bench) {
    let mut line = Line::newborn(bench, |_| {}).await;
    line.run(1).await;
    let early = place(1, ms(1));
    assert_eq!(line.claim(early).await, Claim::Waiting);
    assert_eq!(line.tick().await.present, 1, "a claim is a sign of presence");
    line.run(3).await;
    let session = line.inside(early).await;
    assert_eq!(
        (session.claimed_at, session.expires_at),
        (START.plus(secs(4)), START.plus(secs(124)))
    );
    let seen = line.tick().await;
    assert_eq!((seen.admitted, seen.active), (0, 1));
}

/// T3, I4.
pub async fn a_double_claim_is_one_session(bench: &dyn Bench) {
    let mut line = Line::newborn(bench, |_| {}).await;
    line.run_with(3, &[place(1, ms(1))]).await;
    let first = line.inside(place(1, ms(1))).await;
    line.run(10).await;
    assert_eq!(line.inside(place(1, ms(1))).await, first, "not extended either");
    assert_eq!(line.tick().await.active, 1);
}

/// I5.
pub async fn used_places_are_gone(bench: &dyn Bench) {
    let mut line = Line::newborn(bench, |_| {}).await;
    line.entered(place(1, ms(0))).await;
    line.end(place(1, ms(0)), End::Released).await;
    assert_eq!(line.claim(place(1, ms(0))).await, Claim::Gone);
    line.run(400).await;
    assert_eq!(
        line.claim(place(1, ms(0))).await,
        Claim::Gone,
        "also when the index has forgotten it"
    );
}

pub async fn barred_places_are_told(bench: &dyn Bench) {
    let mut line = Line::newborn(bench, |_| {}).await;
    let session = line.entered(place(1, ms(0))).await;
    line.end(place(1, ms(0)), End::Revoked).await;
    assert_eq!(line.claim(place(1, ms(0))).await, Claim::Revoked);
    assert_eq!(line.touch(&[session]).await, vec![visitor(1)]);
    line.entered(place(2, ms(0))).await;
    line.end(place(2, ms(0)), End::Released).await;
    line.end(place(2, ms(0)), End::Revoked).await;
    assert_eq!(
        line.claim(place(2, ms(0))).await,
        Claim::Revoked,
        "released, then barred"
    );
    line.run(179).await;
    assert_eq!(line.claim(place(1, ms(0))).await, Claim::Revoked);
    line.run(1).await;
    assert_eq!(
        line.claim(place(1, ms(0))).await,
        Claim::Gone,
        "after a session's life and a minute it is only used"
    );
}

pub async fn a_granted_slot_is_claimed_while_paused(bench: &dyn Bench) {
    let mut line = Line::newborn(bench, |_| {}).await;
    line.run_with(3, &[place(1, ms(1))]).await;
    line.settings(|s| s.paused = Some("a moment".into())).await;
    line.run_with(2, &[place(2, ms(2))]).await;
    line.inside(place(1, ms(1))).await;
    assert_eq!(line.claim(place(2, ms(2))).await, Claim::Waiting);
}

pub async fn touching_keeps_a_session(bench: &dyn Bench) {
    let mut line = Line::newborn(bench, |_| {}).await;
    let session = line.entered(place(1, ms(0))).await;
    line.touch(&[session]).await;
    for _ in 0..5 {
        line.run(100).await;
        assert_eq!(line.touch(&[session]).await, Vec::<VisitorId>::new());
    }
    let now = line.inside(place(1, ms(0))).await;
    assert_eq!((now.claimed_at, now.expires_at), (START, START.plus(secs(620))));
}

/// I11.
pub async fn untouched_sessions_end(bench: &dyn Bench) {
    let mut line = Line::newborn(bench, |_| {}).await;
    let session = line.entered(place(1, ms(0))).await;
    line.touch(&[session]).await;
    assert_eq!(line.run(119).await.active, 1);
    assert_eq!(line.run(1).await.active, 0);
    assert_eq!(line.claim(place(1, ms(0))).await, Claim::Gone);
    assert_eq!(line.touch(&[session]).await, vec![visitor(1)]);
}

/// F1: an outage longer than a session puts nobody out.
pub async fn sessions_do_not_run_out_while_no_tick_works(bench: &dyn Bench) {
    let mut line = Line::newborn(bench, |_| {}).await;
    let session = line.entered(place(1, ms(0))).await;
    line.touch(&[session]).await;
    line.run(60).await;
    line.step(secs(600));
    assert_eq!(line.tick().await.active, 1);
    assert_eq!(line.touch(&[session]).await, Vec::<VisitorId>::new());
    assert_eq!(line.inside(place(1, ms(0))).await.expires_at, START.plus(secs(780)));
}

/// I2: a slot may be somebody else's by now, so an old pass does not take one.
pub async fn a_session_that_ran_out_stays_out(bench: &dyn Bench) {
    let mut line = Line::newborn(bench, |p| (p.capacity, p.return_grace) = (1, secs(60))).await;
    let session = line.entered(place(1, ms(0))).await;
    line.touch(&[session]).await;
    line.run(125).await;
    line.entered(place(2, secs(125))).await;
    assert_eq!(line.touch(&[session]).await, vec![visitor(1)]);
    assert_eq!(line.run(1).await.active, 1);
}

/// I11.
pub async fn ending_frees_the_slot_once(bench: &dyn Bench) {
    let mut line = Line::newborn(bench, |p| p.capacity = 2).await;
    line.entered(place(1, ms(0))).await;
    line.entered(place(2, ms(0))).await;
    line.end(place(1, ms(0)), End::Released).await;
    line.end(place(1, ms(0)), End::Released).await;
    assert_eq!(line.run(1).await.active, 1);
    let people = [place(3, secs(1)), place(4, secs(1))];
    line.run_with(3, &people).await;
    line.end(people[0], End::Released).await;
    let seen = line.tick().await;
    assert_eq!((seen.active, seen.admitted), (1, 0), "a granted slot is given up too");
}

/// I13, one past the bound.
pub async fn ended_ids_are_told_and_forgotten(bench: &dyn Bench) {
    let mut line = Line::newborn(bench, |_| {}).await;
    for n in 0..=MAX_ENDED as u32 {
        line.step(ms(1));
        line.end(place(n, ms(0)), End::Released).await;
    }
    line.step(ms(1));
    line.end(place(0, ms(0)), End::Released).await;
    let told = line.tick().await.ended;
    assert_eq!(
        told,
        (1..=MAX_ENDED as u32).map(visitor).collect::<Vec<_>>(),
        "the newest, the newest last"
    );
    let old = Session {
        place: place(0, ms(0)),
        claimed_at: line.now,
        expires_at: line.now.plus(secs(60)),
    };
    assert_eq!(
        line.touch(&[old]).await,
        vec![visitor(0)],
        "remembered longer than told"
    );
    line.run(190).await;
    assert_eq!(line.tick().await.ended, Vec::<VisitorId>::new());
}

pub async fn spent_places_leave_the_line(bench: &dyn Bench) {
    let mut line = Line::newborn(bench, |p| p.rate = Rate::per_minute(60).unwrap()).await;
    let inside = place(1, ms(0));
    line.entered(inside).await;
    let people = [place(2, ms(1)), place(3, ms(2))];
    line.join(&people).await;
    line.present(&people).await;
    line.spent(&[people[0], inside]).await;
    line.run(3).await;
    assert_eq!(line.claim(people[0]).await, Claim::Gone);
    line.inside(people[1]).await;
}

/// In a room where nothing moves: a place given back before its turn is remembered for a day after it was made.
pub async fn a_place_given_back_is_forgotten_in_a_day(bench: &dyn Bench) {
    let mut line = Line::newborn(bench, |p| p.capacity = 0).await;
    let given_back = place(1, secs(1));
    line.end(given_back, End::Released).await;
    for (after, told) in [(2, Claim::Gone), (86_400, Claim::Gone), (86_401, Claim::Waiting)] {
        line.set(secs(after));
        line.tick().await;
        assert_eq!(line.claim(given_back).await, told, "{after} s after the start");
    }
}

/// B5: of places given back before their turn so many are remembered; the farthest are forgotten first.
pub async fn places_given_back_are_bounded(bench: &dyn Bench) {
    let mut line = Line::newborn(bench, |p| p.capacity = 0).await;
    let most = u32::try_from(MAX_SPENT_AHEAD).unwrap();
    let at = |n: u32| place(n, Duration::from_micros(u64::from(n) + 1));
    for first in (0..most + 2).step_by(MAX_BATCH) {
        let last = (first + MAX_BATCH as u32).min(most + 2);
        line.spent(&(first..last).map(at).collect::<Vec<_>>()).await;
    }
    line.run(1).await;
    for (n, told) in [
        (0, Claim::Gone),
        (most - 1, Claim::Gone),
        (most, Claim::Waiting),
        (most + 1, Claim::Waiting),
    ] {
        assert_eq!(line.claim(at(n)).await, told, "place {n}");
    }
}

/// F3: an edge that had not heard of an end put the session back first. The end wins, and every edge hears of it.
pub async fn an_end_wins_over_a_report_of_activity(bench: &dyn Bench) {
    let mut line = Line::newborn(bench, |_| {}).await;
    let sessions = [line.entered(place(1, ms(0))).await, line.entered(place(2, ms(1))).await];
    line.tick().await;
    line.end(sessions[0].place, End::Released).await;
    line.wipe().await;
    line.run(1).await;
    assert_eq!(
        line.touch(&sessions).await,
        vec![],
        "nobody has told this store of an end"
    );
    line.spent(&[sessions[0].place, sessions[0].place]).await;
    let seen = line.run(1).await;
    assert_eq!((seen.active, seen.ended), (1, vec![visitor(1)]));
    assert_eq!(line.touch(&sessions).await, vec![visitor(1)]);
    line.spent(&[sessions[0].place]).await;
    let seen = line.run(8).await;
    assert_eq!((seen.active, seen.ended.len()), (1, 1), "a second time changes nothing");
    assert_eq!(line.claim(sessions[0].place).await, Claim::Gone);
    assert_eq!(line.inside(sessions[1].place).await.claimed_at, sessions[1].claimed_at);
}

pub async fn leaving_the_line_uses_the_place_up(bench: &dyn Bench) {
    let mut line = Line::newborn(bench, |p| p.capacity = 0).await;
    line.present(&[place(1, secs(1)), place(2, secs(1))]).await;
    line.end(place(1, secs(1)), End::Released).await;
    let seen = line.run(1).await;
    assert_eq!((seen.waiting, seen.present, seen.left_total), (1, 1, 0));
    assert_eq!(line.claim(place(1, secs(1))).await, Claim::Gone);
    let far = Place {
        stamp: Stamp(Stamp::MAX.0),
        visitor: visitor(9),
    };
    assert_eq!(line.claim(far).await, Claim::Waiting, "the latest stamp there is");
}
