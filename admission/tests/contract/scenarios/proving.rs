//! B1, B5: who enters at once has shown nothing yet. Their slot is kept for a minute; when their pass or ticket comes back,
//! for a session's life.

use stanchion_admission::store::{Claim, End};

use crate::contract::kit::{Bench, Line, ms, place, secs, visitor};

pub async fn an_entry_is_kept_for_a_minute_until_they_come_back(bench: &dyn Bench) {
    let mut line = Line::newborn(bench, |_| {}).await;
    let silent = line.entered(place(1, ms(0))).await;
    let back = line.entered(place(2, ms(1))).await;
    assert_eq!(silent.expires_at, line.now.plus(secs(60)), "told as it is kept");
    line.run(30).await;
    assert_eq!(line.touch(&[back]).await, vec![]);
    assert_eq!(line.run(29).await.active, 2);
    assert_eq!(line.run(2).await.active, 1, "whoever came back has a session's life");
    assert_eq!(line.run(88).await.active, 1);
    assert_eq!(line.run(2).await.active, 0);
    assert_eq!(line.claim(back.place).await, Claim::Gone, "theirs was used up");
}

pub async fn a_ticket_proves_as_a_pass_does(bench: &dyn Bench) {
    let mut line = Line::newborn(bench, |_| {}).await;
    let entered = line.entered(place(1, ms(0))).await;
    line.run(10).await;
    let again = line.inside(entered.place).await;
    assert_eq!(again.claimed_at, entered.claimed_at, "the same session");
    assert_eq!(again.expires_at, line.now.plus(secs(120)));
    line.run(5).await;
    assert_eq!(line.inside(entered.place).await, again, "only once");
    assert_eq!(line.run(110).await.active, 1);
    assert_eq!(line.run(10).await.active, 0);
}

pub async fn a_short_session_is_no_longer_unproven(bench: &dyn Bench) {
    let mut line = Line::newborn(bench, |p| p.session_ttl = secs(20)).await;
    let entered = line.entered(place(1, ms(0))).await;
    assert_eq!(entered.expires_at, line.now.plus(secs(20)));
    assert_eq!(line.run(21).await.active, 0);
}

/// I2: as many as there are free slots, and no more.
pub async fn an_entry_that_ran_out_goes_on_where_a_slot_is_free(bench: &dyn Bench) {
    let mut line = Line::newborn(bench, |p| p.capacity = 3).await;
    let mut ran_out = Vec::new();
    for n in 0..3 {
        ran_out.push(line.entered(place(n, ms(u64::from(n)))).await);
        line.run(1).await;
    }
    // Their passes say more than the store keeps.
    for session in &mut ran_out {
        session.expires_at = session.claimed_at.plus(secs(120));
    }
    assert_eq!(line.run(64).await.active, 0);
    let newcomer = line.entered(place(9, secs(70))).await;
    assert_eq!(line.touch(&[newcomer]).await, vec![]);
    assert_eq!(line.touch(&ran_out).await, vec![visitor(2)], "two of three fit");
    let seen = line.run(1).await;
    assert_eq!((seen.active, seen.admitted_total), (3, 4));
    assert_eq!(line.inside(ran_out[0].place).await.claimed_at, ran_out[0].claimed_at);
    assert_eq!(line.run(100).await.active, 3, "for a session's life");
}

/// Whoever ran out and finds the room full is first in the line, by their stamp.
pub async fn an_entry_that_ran_out_is_first_in_a_full_room(bench: &dyn Bench) {
    let mut line = Line::newborn(bench, |p| p.capacity = 1).await;
    let mut ran_out = line.entered(place(1, ms(0))).await;
    ran_out.expires_at = ran_out.claimed_at.plus(secs(120));
    line.run(62).await;
    let occupant = line.entered(place(2, secs(62))).await;
    line.touch(&[occupant]).await;
    let waiting = place(3, secs(63));
    line.run_with(3, &[waiting]).await;
    assert_eq!(line.touch(&[ran_out]).await, vec![visitor(1)]);
    assert_eq!(line.claim(ran_out.place).await, Claim::Waiting);
    line.end(occupant.place, End::Released).await;
    let seen = line.run_with(2, &[waiting]).await;
    assert_eq!(seen.admitted, 1);
    line.inside(ran_out.place).await;
    assert_eq!(line.claim(waiting).await, Claim::Waiting);
}

pub async fn an_entry_that_was_ended_stays_ended(bench: &dyn Bench) {
    let mut line = Line::newborn(bench, |_| {}).await;
    let entered = line.entered(place(1, ms(0))).await;
    line.end(entered.place, End::Released).await;
    line.run(65).await;
    assert_eq!(line.touch(&[entered]).await, vec![visitor(1)]);
    assert_eq!(line.claim(entered.place).await, Claim::Gone);
}
