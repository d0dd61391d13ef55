//! What a lost store does, and what comes back.

use stanchion_admission::ids::{Place, Stamp, VisitorId};
use stanchion_admission::rate::Rate;
use stanchion_admission::store::{Claim, EdgeMemory, End, RoomState, Session};

use crate::contract::kit::{Bench, Line, ms, place, secs, visitor};

fn people(range: std::ops::Range<u32>) -> Vec<Place> {
    range.map(|n| place(n, ms(u64::from(n)))).collect()
}

async fn busy(bench: &dyn Bench, inside: u64) -> (Line<'_>, Vec<Session>) {
    let mut line = Line::newborn(bench, |p| {
        (p.capacity, p.rate) = (inside, Rate::per_minute(6_000).unwrap())
    })
    .await;
    let mut sessions = Vec::new();
    for one in people(0..inside as u32) {
        sessions.push(line.entered(one).await);
    }
    line.join(&people(100..120)).await;
    line.run(5).await;
    (line, sessions)
}

/// F3, I6: whoever polls again stands where they stood, in whatever order they come back.
pub async fn a_wiped_room_recovers_its_order(bench: &dyn Bench) {
    let (mut line, sessions) = busy(bench, 3).await;
    let before = line.tick().await;
    line.wipe().await;
    let seen = line.run(1).await;
    assert_eq!(
        (seen.state, seen.epoch.ordinal, seen.seq),
        (RoomState::Recovering, 2, 1)
    );
    assert_eq!(seen.frontier, before.frontier, "from the edge's memory");
    line.touch(&sessions).await;
    for one in people(100..120).iter().rev() {
        line.join(&[*one]).await;
    }
    let seen = line.tick().await;
    assert_eq!(seen.sketch, before.sketch);
}

/// F3, I2: sessions that nobody has put back yet keep their slots.
pub async fn slots_of_lost_sessions_are_kept(bench: &dyn Bench) {
    let (mut line, _) = busy(bench, 3).await;
    line.wipe().await;
    let seen = line.run(1).await;
    assert_eq!((seen.active, seen.ghosts), (0, 3));
    let seen = line.run_with(20, &people(100..120)).await;
    assert_eq!((seen.state, seen.admitted, seen.ghosts), (RoomState::Full, 0, 3));
}

pub async fn lost_sessions_are_put_back(bench: &dyn Bench) {
    let (mut line, sessions) = busy(bench, 3).await;
    line.wipe().await;
    assert_eq!(
        line.touch(&sessions[..1]).await,
        Vec::<VisitorId>::new(),
        "even before the first tick"
    );
    line.run(1).await;
    assert_eq!(line.touch(&sessions).await, Vec::<VisitorId>::new());
    let seen = line.run(1).await;
    assert_eq!((seen.active, seen.ghosts, seen.admitted_total), (3, 0, 0));
    let again = line.inside(sessions[0].place).await;
    assert_eq!(again.claimed_at, sessions[0].claimed_at, "the same session");
}

pub async fn lost_sessions_that_end_give_up_their_slot(bench: &dyn Bench) {
    let (mut line, sessions) = busy(bench, 3).await;
    line.wipe().await;
    line.run(1).await;
    line.end(sessions[0].place, End::Released).await;
    line.end(sessions[0].place, End::Released).await;
    assert_eq!(line.run(1).await.ghosts, 2);
    let stale = Session {
        expires_at: line.now.minus(secs(30)),
        claimed_at: line.now.minus(secs(150)),
        ..sessions[1]
    };
    assert_eq!(
        line.touch(&[stale, sessions[0]]).await,
        vec![visitor(1), visitor(0)],
        "half a minute past its end; ended"
    );
}

/// I2, B5: who never had a slot gives none up. Else a handful of new tickets, made and left, would open a room that
/// lost its store to twice its capacity.
pub async fn leaving_the_line_frees_no_lost_slot(bench: &dyn Bench) {
    let (mut line, sessions) = busy(bench, 3).await;
    line.wipe().await;
    line.run(1).await;
    for one in people(200..210) {
        line.end(one, End::Released).await;
        line.end(one, End::Revoked).await;
    }
    assert_eq!(line.run(1).await.ghosts, 3);
    line.end(sessions[2].place, End::Released).await;
    assert_eq!(line.run(1).await.ghosts, 2, "the youngest of those who were inside");
}

/// I2, B5: nor does somebody who shows a ticket only, however old: it may be one of many, kept since before the loss.
/// Where its visitor is inside, though, their own slot is free.
pub async fn a_ticket_alone_frees_no_lost_slot(bench: &dyn Bench) {
    let (mut line, sessions) = busy(bench, 3).await;
    line.wipe().await;
    line.run(1).await;
    assert_eq!(line.touch(&sessions[..1]).await, Vec::<VisitorId>::new());
    let hoarded: Vec<Place> = (300..312).map(|n| place(n, ms(0))).collect();
    for one in &hoarded {
        line.spent(&[*one]).await;
    }
    let seen = line.run(1).await;
    assert_eq!((seen.active, seen.ghosts), (1, 2));
    line.spent(&[sessions[0].place]).await;
    let seen = line.run(1).await;
    assert_eq!((seen.active, seen.ghosts), (0, 2));
    line.end(hoarded[0], End::Released).await;
    assert_eq!(line.run(1).await.ghosts, 2, "a place used up is known");
}

pub async fn settings_survive_a_wipe(bench: &dyn Bench) {
    let (mut line, _) = busy(bench, 3).await;
    line.settings(|s| (s.paused, s.capacity) = (Some("fog".into()), Some(7)))
        .await;
    line.tick().await;
    line.wipe().await;
    let seen = line.run(1).await;
    assert_eq!(
        (seen.settings.version, seen.settings.paused.as_deref(), seen.capacity),
        (1, Some("fog"), 7)
    );
}

/// F4: fewer ticks, or a lower frontier, than this edge has seen.
pub async fn a_lagged_replica_is_noticed(bench: &dyn Bench) {
    let (mut line, _) = busy(bench, 3).await;
    let seen = line.tick().await;
    line.memory.seq += 2;
    line.memory.active = 5;
    line.memory.as_of = line.now.plus(secs(2));
    let lost = line.run(1).await;
    assert_eq!(
        (lost.epoch.ordinal, lost.state),
        (seen.epoch.ordinal + 1, RoomState::Recovering)
    );
    assert_eq!(
        (lost.active, lost.ghosts),
        (3, 2),
        "what the replica knows, and what it does not"
    );
    assert_eq!(line.run(10).await.epoch, lost.epoch, "noticed once");
    line.memory.frontier = line.now;
    let lost = line.run(1).await;
    assert_eq!(
        (lost.epoch.ordinal, lost.frontier),
        (seen.epoch.ordinal + 2, line.now.minus(secs(1)))
    );
}

/// I9: a lower epoch is ignored, but what it remembers still counts.
pub async fn an_edge_that_was_behind_is_no_loss(bench: &dyn Bench) {
    let (mut line, _) = busy(bench, 3).await;
    let mut behind = line.memory.clone();
    line.wipe().await;
    line.run(30).await;
    behind.frontier = line.now;
    let seen = line.tick_of(&behind).await;
    assert_eq!((seen.epoch.ordinal, seen.frontier), (2, line.now));
    assert_eq!(seen.state, RoomState::Queueing);
    let stranger = EdgeMemory::default();
    assert_eq!(line.tick_of(&stranger).await.epoch, seen.epoch);
}

/// A process that starts again with its keys: tickets exist somewhere.
pub async fn a_first_tick_that_is_not_newborn_recovers(bench: &dyn Bench) {
    let mut line = Line::unmade(bench, |_| {});
    let seen = line.tick().await;
    assert_eq!((seen.state, seen.epoch.ordinal), (RoomState::Recovering, 1));
    line.wipe().await;
    let mut line = Line::unmade(bench, |_| {});
    line.join(&[place(1, ms(0))]).await;
    assert_eq!(
        line.tick_newborn().await.state,
        RoomState::Recovering,
        "somebody holds a ticket"
    );
    line.wipe().await;
    let line = Line::newborn(bench, |_| {}).await;
    assert_eq!(line.memory.epoch.ordinal, 1);
    line.entered(place(2, ms(0))).await;
}

/// I11: slots kept for nobody come free when those sessions must have ended.
pub async fn ghosts_fade(bench: &dyn Bench) {
    let (mut line, _) = busy(bench, 3).await;
    let as_of = line.memory.as_of;
    line.wipe().await;
    line.run(1).await;
    while line.now < as_of.plus(secs(119)) {
        assert_eq!(line.run(1).await.ghosts, 3);
    }
    assert_eq!(line.run(1).await.ghosts, 0);
}

/// I5: the index may not know yet that a place was used.
pub async fn nothing_is_claimed_while_recovering(bench: &dyn Bench) {
    let mut line = Line::newborn(bench, |_| {}).await;
    line.run_with(3, &people(0..2)).await;
    line.inside(place(0, ms(0))).await;
    line.memory.seq += 1;
    line.memory.as_of = Stamp(line.now.0 + 1);
    line.tick().await;
    assert_eq!(line.claim(place(1, ms(1))).await, Claim::Waiting);
    line.spent(&[place(1, ms(1))]).await;
    line.run(7).await;
    assert_eq!(line.claim(place(1, ms(1))).await, Claim::Gone);
}

/// F3.
pub async fn admission_resumes_within_fifteen_seconds(bench: &dyn Bench) {
    for near_poll in [ms(500), secs(2), secs(30)] {
        let mut line = Line::newborn(bench, |p| {
            (p.near_poll, p.capacity, p.rate) = (near_poll, 100, Rate::per_minute(600).unwrap());
        })
        .await;
        line.run_with(5, &people(0..50)).await;
        let before = line.tick().await.admitted_total;
        assert!(before > 0);
        line.wipe().await;
        let mut waited = 0;
        while line.run_with(1, &people(50..100)).await.admitted_total == 0 {
            waited += 1;
            assert!(waited < 15, "near poll {near_poll:?}");
        }
        assert!(waited >= 6, "it waits for those who are next: {waited} s");
        line.wipe().await;
    }
}
