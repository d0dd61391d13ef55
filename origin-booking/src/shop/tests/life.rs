//! An order's life, step by step: what may follow what, who may ask, and the clock at its edges.

use super::{admission, best, hold, named, order_in, plan, refused, selling, stage, tell};
use crate::shop::Done;
use crate::shop::command::{Ask, CheckOut, Command, Heard, Key, News};
use crate::shop::order::{Attempt, HOLD_MS, Method, PAY_MS, Stage};
use crate::shop::refusal::Refusal;
use crate::shop::{Reply, Sale};

fn held() -> Sale {
    let mut sale = admission(10);
    tell(&mut sale, Ask::Hold(hold("ada", "o", best(2))), 0).unwrap();
    sale
}

fn pay(sale: &mut Sale, method: Method, now_ms: u64) -> Reply {
    let (person, order) = ("ada".into(), "o".into());
    tell(sale, Ask::Pay { person, order, method }, now_ms)
}

fn told_of(order: &str, attempt: u32, news: News) -> Heard {
    let payment = Attempt {
        order: order.into(),
        attempt,
        reference: None,
    };
    Heard { payment, news }
}

fn heard(sale: &mut Sale, attempt: u32, news: News, now_ms: u64) -> Reply {
    tell(sale, Ask::Payment(told_of("o", attempt, news)), now_ms)
}

#[test]
fn the_table_of_what_may_follow_what() {
    use Stage::{Cancelled, Confirmed, Created, Expired, Held, Paid, Paying, Refunded, Refunding};
    let allowed = [
        (Created, Held),
        (Created, Cancelled),
        (Held, Paying),
        (Held, Cancelled),
        (Held, Expired),
        (Paying, Held),
        (Paying, Paid),
        (Paying, Cancelled),
        (Paying, Expired),
        (Paid, Confirmed),
        (Paid, Cancelled),
        (Confirmed, Refunding),
        (Confirmed, Refunded),
        (Refunding, Refunded),
    ];
    for from in Stage::ALL {
        for to in Stage::ALL {
            assert_eq!(from.may_become(to), allowed.contains(&(from, to)), "{from:?} {to:?}");
        }
    }
}

#[test]
fn a_card_pays_in_two_steps_and_the_places_are_sold_at_the_first() {
    let mut sale = held();
    assert!(matches!(pay(&mut sale, Method::Card, 1_000), Ok(Done::Charge(_))));
    assert_eq!(
        refused(pay(&mut sale, Method::Card, 1_000)),
        Refusal::WrongStage { stage: Stage::Paying }
    );
    assert!(matches!(
        heard(&mut sale, 1, News::Authorised, 2_000),
        Ok(Done::Capture(_))
    ));
    assert_eq!((sale.sold_seats(), stage(&sale, "o")), (2, Stage::Paid));
    // The webhook says it again, before and after.
    assert!(matches!(
        heard(&mut sale, 1, News::Authorised, 2_000),
        Ok(Done::Capture(_))
    ));
    heard(&mut sale, 1, News::Captured, 3_000).unwrap();
    heard(&mut sale, 1, News::Captured, 3_000).unwrap();
    assert!(matches!(
        heard(&mut sale, 1, News::Authorised, 4_000),
        Ok(Done::Order(_))
    ));
    assert_eq!((stage(&sale, "o"), sale.odd().len()), (Stage::Confirmed, 0));
    heard(&mut sale, 1, News::Refunded, 5_000).unwrap();
    assert_eq!((stage(&sale, "o"), sale.sold_seats()), (Stage::Refunded, 0));
}

/// What is owed is decided here: nobody who owes something pays with nothing.
#[test]
fn o1_whoever_owes_something_cannot_say_that_it_is_free() {
    let mut sale = held();
    for method in [Method::Free, Method::Door] {
        let stage = Stage::Held;
        assert_eq!(
            refused(pay(&mut sale, method, 1_000)),
            Refusal::WrongStage { stage },
            "{method:?}"
        );
    }
    assert_eq!((sale.sold_seats(), stage(&sale, "o")), (0, Stage::Held));
}

#[test]
fn o1_a_hold_ends_at_its_millisecond_and_not_before() {
    let mut sale = held();
    let check_out = |now_ms: u64, sale: &mut Sale| {
        let check_out = CheckOut {
            person: "ada".into(),
            order: "o".into(),
            name: "Ada".into(),
            code: None,
            contact: Default::default(),
        };
        tell(sale, Ask::CheckOut(check_out), now_ms)
    };
    assert!(check_out(HOLD_MS - 1, &mut sale).is_ok());
    assert_eq!(sale.next_end_ms(), Some(HOLD_MS));
    assert_eq!(refused(check_out(HOLD_MS, &mut sale)), Refusal::HoldOver);
    assert_eq!(
        (stage(&sale, "o"), sale.offer("a").unwrap().left()),
        (Stage::Expired, 10)
    );
}

#[test]
fn paying_extends_a_hold_once() {
    let mut sale = held();
    let last = HOLD_MS - 1;
    let extended = order_in(&pay(&mut sale, Method::Card, last)).until_ms;
    assert_eq!(extended, last + PAY_MS);
    heard(&mut sale, 1, News::Declined, last).unwrap();
    assert_eq!(stage(&sale, "o"), Stage::Held);
    let again = order_in(&pay(&mut sale, Method::Card, extended - 1)).until_ms;
    assert_eq!(again, extended, "not a second time");
    // An early payment needs no extension.
    let mut sale = held();
    assert_eq!(order_in(&pay(&mut sale, Method::Card, 1)).until_ms, HOLD_MS);
}

#[test]
fn a_payment_that_nobody_knows_of_keeps_its_places_until_the_provider_has_answered() {
    for (news, then) in [
        (News::LetGo, Stage::Expired),
        (News::Declined, Stage::Expired),
        (News::Authorised, Stage::Paid),
    ] {
        let mut sale = held();
        pay(&mut sale, Method::Card, 0).unwrap();
        tell(&mut sale, Ask::Tick, HOLD_MS + PAY_MS).unwrap();
        assert_eq!(stage(&sale, "o"), Stage::Paying);
        assert_eq!((sale.doubted().count(), sale.offer("a").unwrap().left()), (1, 8));
        assert_eq!(sale.next_end_ms(), None, "asked for once, not again and again");
        heard(&mut sale, 1, news, HOLD_MS * 3).unwrap();
        assert_eq!((stage(&sale, "o"), sale.doubted().count()), (then, 0));
    }
}

#[test]
fn money_for_a_dead_order_is_let_go_or_listed() {
    let mut sale = held();
    pay(&mut sale, Method::Card, 0).unwrap();
    heard(&mut sale, 1, News::Declined, 1).unwrap();
    assert_eq!(
        heard(&mut sale, 1, News::Authorised, 2),
        Ok(Done::LetGo),
        "declined, then not"
    );
    assert_eq!(
        heard(&mut sale, 7, News::Authorised, 2),
        Ok(Done::LetGo),
        "an attempt that never was"
    );
    tell(&mut sale, Ask::Tick, HOLD_MS).unwrap();
    assert_eq!(heard(&mut sale, 1, News::Authorised, HOLD_MS), Ok(Done::LetGo));
    // Until the provider says that it let go; asked once or twice, it is on the list once.
    assert_eq!(sale.unwanted().count(), 2);
    heard(&mut sale, 7, News::LetGo, HOLD_MS).unwrap();
    assert_eq!((sale.unwanted().count(), sale.odd().len()), (1, 0));
    heard(&mut sale, 1, News::Captured, HOLD_MS).unwrap();
    assert_eq!((sale.unwanted().count(), sale.odd().len()), (0, 1), "taken after all");
    heard(&mut sale, 1, News::Captured, HOLD_MS).unwrap();
    let nobody = told_of("nobody", 1, News::Authorised);
    assert_eq!(tell(&mut sale, Ask::Payment(nobody), HOLD_MS), Ok(Done::LetGo));
}

#[test]
fn a_capture_that_fails_gives_the_places_back() {
    let mut sale = held();
    pay(&mut sale, Method::Card, 0).unwrap();
    heard(&mut sale, 1, News::Authorised, 1).unwrap();
    heard(&mut sale, 1, News::CaptureFailed, 2).unwrap();
    assert_eq!(
        (stage(&sale, "o"), sale.offer("a").unwrap().left()),
        (Stage::Cancelled, 10)
    );
}

#[test]
fn only_the_holder() {
    let mut sale = held();
    let (eve, order) = (|| "eve".into(), || "o".into());
    let release = Ask::Release {
        person: eve(),
        order: order(),
    };
    assert_eq!(refused(tell(&mut sale, release, 0)), Refusal::UnknownOrder);
    let pay = Ask::Pay {
        person: eve(),
        order: order(),
        method: Method::Card,
    };
    assert_eq!(refused(tell(&mut sale, pay, 0)), Refusal::UnknownOrder);
    let release = Ask::Release {
        person: "ada".into(),
        order: order(),
    };
    tell(&mut sale, release, 0).unwrap();
    assert_eq!(stage(&sale, "o"), Stage::Cancelled);
}

#[test]
fn several_seats_at_once_or_none() {
    let mut sale = selling(super::event("a", 0, Some(plan(1, 5)), 8));
    tell(&mut sale, Ask::Hold(hold("ada", "o1", named(&["main-1-3"]))), 0).unwrap();
    let both = hold("eve", "o2", named(&["main-1-2", "main-1-3"]));
    assert_eq!(refused(tell(&mut sale, Ask::Hold(both), 0)), Refusal::SeatTaken);
    assert_eq!(sale.offer("a").unwrap().left(), 4, "not even the free one");
    // The same seats in opposite order: one has them, the other hears so.
    tell(
        &mut sale,
        Ask::Hold(hold("eve", "o3", named(&["main-1-1", "main-1-2"]))),
        0,
    )
    .unwrap();
    let other_way = hold("bob", "o4", named(&["main-1-2", "main-1-1"]));
    assert_eq!(refused(tell(&mut sale, Ask::Hold(other_way), 0)), Refusal::SeatTaken);
    for (seats, why) in [
        (vec!["main-1-4", "main-1-4"], Refusal::SeatTwice),
        (vec!["main-1-6"], Refusal::NoSuchSeat),
        (vec!["main-1-0"], Refusal::NoSuchSeat),
        (vec!["main-1-04"], Refusal::NoSuchSeat),
        (vec!["main-1--1"], Refusal::NoSuchSeat),
        (vec!["main-1-4294967297"], Refusal::NoSuchSeat),
        (vec![""], Refusal::NoSuchSeat),
        (vec![], Refusal::NothingAsked),
    ] {
        assert_eq!(
            refused(tell(&mut sale, Ask::Hold(hold("bob", "o5", named(&seats))), 0)),
            why,
            "{seats:?}"
        );
    }
}

#[test]
fn points_seven_and_five_thousand_out_of_ten() {
    let mut event = super::event("a", 200, None, 100);
    event.price.minor = 200;
    let mut sale = selling(event);
    let person = || "ada".into();
    tell(
        &mut sale,
        Ask::Grant {
            person: person(),
            points: 10_000,
        },
        0,
    )
    .unwrap();
    for (order, count) in [("o7", 35), ("o5", 25)] {
        tell(&mut sale, Ask::Hold(hold("ada", order, best(count))), 0).unwrap();
    }
    let mut pay = |order: &str| {
        let (order, method) = (order.into(), Method::Points);
        tell(
            &mut sale,
            Ask::Pay {
                person: person(),
                order,
                method,
            },
            0,
        )
    };
    assert_eq!(order_in(&pay("o7")).stage, Stage::Confirmed);
    assert_eq!(refused(pay("o5")), Refusal::TooFewPoints { balance: 3_000 });
    assert_eq!((sale.points().balance("ada"), sale.points().sum()), (3_000, 0));
    tell(&mut sale, Ask::Refund { order: "o7".into() }, 1).unwrap();
    assert_eq!((sale.points().balance("ada"), sale.points().sum()), (10_000, 0));
    assert_eq!(
        refused(tell(&mut sale, Ask::Refund { order: "o7".into() }, 1)),
        Refusal::WrongStage { stage: Stage::Refunded }
    );
}

#[test]
fn o2_a_key_is_remembered_for_three_days() {
    let mut sale = admission(10);
    let keyed = |order: &str, key: &str| Command {
        key: Some(Key {
            person: "ada".into(),
            key: key.into(),
            fingerprint: "f".into(),
        }),
        ask: Ask::Hold(hold("ada", order, best(1))),
    };
    let hour_ms = 3_600_000;
    let first = sale.apply(&keyed("o1", "k"), 0);
    let again = sale.apply(&keyed("o2", "k"), 72 * hour_ms);
    assert!(again.replayed && again.reply == first.reply, "{again:?}");
    // The days are counted when something else is kept.
    sale.apply(&keyed("o3", "other"), 72 * hour_ms + 1);
    let later = sale.apply(&keyed("o4", "k"), 72 * hour_ms + 1);
    assert!(!later.replayed && later.reply.is_ok(), "{later:?}");
}
