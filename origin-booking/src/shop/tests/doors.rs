//! The doors: each ticket once, only of what is confirmed.

use super::{admission, best, hold, refused, tell};
use crate::shop::command::{Ask, CheckIn};
use crate::shop::doors::TicketKey;
use crate::shop::guard::Guard;
use crate::shop::refusal::Refusal;
use crate::shop::{Reply, Sale};

fn come(sale: &mut Sale, order: &str, number: u32, now_ms: u64) -> Reply {
    let check_in = CheckIn {
        order: order.into(),
        number,
        event: None,
        gate: format!("gate {now_ms}").into(),
    };
    tell(sale, Ask::CheckIn(check_in), now_ms)
}

fn booked() -> Sale {
    let mut sale = admission(4);
    tell(&mut sale, Ask::Book(hold("a", "a", best(2))), 0).unwrap();
    sale
}

#[test]
fn each_ticket_lets_one_person_in() {
    let mut sale = booked();
    come(&mut sale, "a", 1, 5).unwrap();
    for now_ms in [6, 7] {
        assert_eq!(
            refused(come(&mut sale, "a", 1, now_ms)),
            Refusal::TicketUsed { at_ms: 5 }
        );
    }
    come(&mut sale, "a", 2, 8).unwrap();
    assert_eq!(
        refused(come(&mut sale, "a", 3, 9)),
        Refusal::TicketCancelled,
        "there are two"
    );
    assert_eq!(sale.doors().count("a"), 2);
    assert_eq!(
        &*sale.doors().arrival("a", 1).unwrap().gate,
        "gate 5",
        "the first stays"
    );
    let recent: Vec<u32> = sale.doors().recent().map(|(_, number, _)| number).collect();
    assert_eq!(recent, [2, 1]);
}

/// The negative control: without the guard, the same steps let two in.
#[test]
fn without_the_guard_a_ticket_would_let_two_in() {
    let mut sale = booked();
    come(&mut sale, "a", 1, 5).unwrap();
    Guard::TicketOnce.without(|| come(&mut sale, "a", 1, 6)).unwrap();
    assert_eq!(sale.doors().count("a"), 2);
}

#[test]
fn what_is_not_confirmed_or_not_here_lets_nobody_in() {
    let mut sale = booked();
    tell(&mut sale, Ask::Hold(hold("b", "b", best(1))), 1).unwrap();
    for order in ["b", "nobody"] {
        assert_eq!(refused(come(&mut sale, order, 1, 2)), Refusal::TicketCancelled);
    }
    let elsewhere = CheckIn {
        order: "a".into(),
        number: 1,
        event: Some("other".into()),
        gate: "".into(),
    };
    assert_eq!(
        refused(tell(&mut sale, Ask::CheckIn(elsewhere), 3)),
        Refusal::WrongEvent
    );
    come(&mut sale, "a", 1, 4).unwrap();
    tell(&mut sale, Ask::Refund { order: "a".into() }, 5).unwrap();
    assert_eq!(refused(come(&mut sale, "a", 2, 6)), Refusal::TicketCancelled);
    assert_eq!((sale.doors().count("a"), sale.doors().recent().count()), (0, 0));
}

#[test]
fn the_first_key_stays_and_is_never_shown() {
    let mut sale = booked();
    let keys: [TicketKey; 2] = [[1; 32].into(), [2; 32].into()];
    for key in &keys {
        tell(&mut sale, Ask::Seal(key.clone()), 0).unwrap();
    }
    assert_eq!(sale.doors().key(), Some(&keys[0]));
    assert_eq!(format!("{:?}", sale.doors().key()), "Some(TicketKey(…))");
}
