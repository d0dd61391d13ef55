//! `enter`: at once where there is no line.

use stanchion_admission::policy::Mode;
use stanchion_admission::rate::Rate;
use stanchion_admission::store::{Claim, End, Enter};

use crate::contract::kit::{Bench, Line, START, ms, place, secs};

pub async fn enters_at_once_where_there_is_no_line(bench: &dyn Bench) {
    let mut line = Line::newborn(bench, |_| {}).await;
    let session = line.entered(place(1, ms(0))).await;
    assert_eq!(session.place, place(1, ms(0)));
    assert_eq!(session.claimed_at, START);
    assert_eq!(session.expires_at, START.plus(secs(60)), "until they come back");
    let seen = line.run(1).await;
    assert_eq!((seen.active, seen.admitted_total, seen.frontier), (1, 1, START));
}

/// T3, I4: a retry after a lost answer.
pub async fn gives_the_same_session_again(bench: &dyn Bench) {
    let mut line = Line::newborn(bench, |_| {}).await;
    let first = line.entered(place(1, ms(0))).await;
    line.run(5).await;
    assert_eq!(line.entered(place(1, ms(0))).await, first);
    assert_eq!(line.inside(place(1, ms(0))).await.claimed_at, first.claimed_at);
    assert_eq!(line.tick().await.admitted_total, 1);
}

pub async fn a_refusal_makes_a_line_for_four_seconds(bench: &dyn Bench) {
    let mut line = Line::newborn(bench, |p| p.rate = Rate::per_minute(60).unwrap()).await;
    for n in 0..3 {
        line.entered(place(n, ms(0))).await;
    }
    assert_eq!(
        line.enter(place(3, ms(0))).await,
        Enter::Queue,
        "the batch of three is used up"
    );
    line.set(ms(3_999));
    assert_eq!(line.enter(place(4, ms(3_999))).await, Enter::Queue);
    line.set(ms(7_998));
    assert_eq!(
        line.enter(place(5, ms(7_998))).await,
        Enter::Queue,
        "the last refusal counts"
    );
    line.set(ms(11_998));
    line.entered(place(6, ms(11_998))).await;
}

/// I7: nobody enters before somebody who waits.
pub async fn nobody_enters_past_a_line(bench: &dyn Bench) {
    let mut line = Line::newborn(bench, |_| {}).await;
    line.join(&[place(1, ms(0))]).await;
    line.set(secs(30));
    assert_eq!(line.enter(place(2, secs(30))).await, Enter::Queue);
    line.end(place(1, ms(0)), End::Released).await;
    line.set(secs(34));
    line.entered(place(3, secs(34))).await;
}

pub async fn refuses_while_the_room_is_not_open(bench: &dyn Bench) {
    for mode in [Mode::Closed, Mode::Passthrough] {
        let line = Line::newborn(bench, |p| p.mode = mode).await;
        assert_eq!(line.enter(place(1, ms(0))).await, Enter::Queue, "{mode:?}");
        line.wipe().await;
    }
    let mut line = Line::newborn(bench, |p| p.opens_at = Some(START.plus(secs(60)))).await;
    line.set(ms(59_999));
    assert_eq!(
        line.enter(place(1, ms(59_999))).await,
        Enter::Queue,
        "before the doors open"
    );
    line.set(secs(64));
    line.entered(place(2, secs(64))).await;
}

pub async fn refuses_without_space_or_pace(bench: &dyn Bench) {
    let line = Line::newborn(bench, |p| p.capacity = 1).await;
    line.entered(place(1, ms(0))).await;
    assert_eq!(line.enter(place(2, ms(0))).await, Enter::Queue, "no slot");
    line.wipe().await;

    let mut line = Line::newborn(bench, |p| p.rate = Rate::per_minute(1).unwrap()).await;
    line.entered(place(1, ms(0))).await;
    line.set(secs(57));
    assert_eq!(line.enter(place(2, secs(57))).await, Enter::Queue, "no pace");
    line.set(secs(61));
    line.entered(place(3, secs(61))).await;
}

/// I5.
pub async fn refuses_used_and_barred_and_admitted_places(bench: &dyn Bench) {
    let mut line = Line::newborn(bench, |_| {}).await;
    let [used, barred, admitted] = [place(1, ms(0)), place(2, ms(0)), place(3, ms(0))];
    line.spent(&[used]).await;
    line.end(barred, End::Revoked).await;
    line.run_with(3, &[admitted]).await;
    for (place, why) in [(used, "used"), (barred, "barred"), (admitted, "admitted")] {
        line.step(secs(3));
        assert_eq!(line.enter(place).await, Enter::Queue, "{why}");
    }
    assert!(matches!(line.claim(admitted).await, Claim::Inside(_)));
}

pub async fn an_unmade_room_refuses(bench: &dyn Bench) {
    let mut line = Line::unmade(bench, |_| {});
    assert_eq!(line.enter(place(1, ms(0))).await, Enter::Queue);
    line.tick_newborn().await;
    line.set(secs(4));
    line.entered(place(2, secs(4))).await;
}

pub async fn an_operator_can_close_and_pause(bench: &dyn Bench) {
    let mut line = Line::newborn(bench, |_| {}).await;
    line.settings(|s| s.closed = true).await;
    assert_eq!(line.enter(place(1, ms(0))).await, Enter::Queue, "closed");
    line.run(3).await;
    line.settings(|s| (s.closed, s.paused) = (false, Some("back at noon".into())))
        .await;
    assert_eq!(line.enter(place(2, secs(3))).await, Enter::Queue, "paused");
    line.run(4).await;
    line.settings(|s| s.paused = None).await;
    line.entered(place(3, secs(7))).await;
}
