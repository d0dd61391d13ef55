//! The waiting list: what comes free goes to whoever waits, first come first, before anybody else can ask.

use super::{admission, best, hold, refused, stage, tell};
use crate::shop::command::Ask;
use crate::shop::order::{HOLD_MS, Stage};
use crate::shop::refusal::Refusal;

#[test]
fn places_that_come_free_are_held_for_the_first_who_waits() {
    let mut sale = admission(4);
    tell(&mut sale, Ask::Hold(hold("ada", "o1", best(4))), 0).unwrap();
    for (person, order, count) in [("bob", "w1", 3), ("cid", "w2", 2), ("dan", "w3", 1)] {
        tell(&mut sale, Ask::Wait(hold(person, order, best(count))), 1).unwrap();
    }
    assert_eq!(
        sale.offer("a").unwrap().place_in_line(sale.order("w2").unwrap()),
        Some(1)
    );
    assert_eq!(
        refused(tell(&mut sale, Ask::Wait(hold("cid", "w4", best(1))), 1)),
        Refusal::WaitsAlready
    );
    // Somebody asks in the same moment in which the hold ends, and comes too late.
    let late = tell(&mut sale, Ask::Hold(hold("eve", "o2", best(1))), HOLD_MS);
    assert_eq!(refused(late), Refusal::SoldOut { left: 0 });
    assert_eq!(
        (stage(&sale, "w1"), stage(&sale, "w2"), stage(&sale, "w3")),
        (Stage::Held, Stage::Created, Stage::Held)
    );
    assert_eq!(sale.order("w1").unwrap().until_ms, 2 * HOLD_MS, "an offer is a hold");
    assert_eq!(
        refused(tell(&mut sale, Ask::Wait(hold("eve", "w5", best(5))), HOLD_MS)),
        Refusal::SoldOut { left: 0 }
    );
    // Nobody takes the offers: on to the next.
    tell(&mut sale, Ask::Tick, 2 * HOLD_MS).unwrap();
    assert_eq!((stage(&sale, "w1"), stage(&sale, "w2")), (Stage::Expired, Stage::Held));
    assert_eq!(
        refused(tell(&mut sale, Ask::Wait(hold("eve", "w6", best(1))), 2 * HOLD_MS)),
        Refusal::NothingToWaitFor
    );
}

#[test]
fn whoever_waits_can_leave() {
    let mut sale = admission(1);
    tell(&mut sale, Ask::Hold(hold("ada", "o1", best(1))), 0).unwrap();
    tell(&mut sale, Ask::Wait(hold("bob", "w1", best(1))), 1).unwrap();
    let leave = Ask::Release {
        person: "bob".into(),
        order: "w1".into(),
    };
    tell(&mut sale, leave, 2).unwrap();
    tell(&mut sale, Ask::Tick, HOLD_MS).unwrap();
    assert_eq!(
        (stage(&sale, "w1"), sale.offer("a").unwrap().left()),
        (Stage::Cancelled, 1)
    );
}
