//! What others are told: beside the fact that it tells of, tried again by a plan, put aside, brought back.

use std::collections::BTreeSet;

use super::{admission, best, hold, refused, tell};
use crate::shop::command::{Ask, Command, Heard, News};
use crate::shop::fact::{Fact, PostFact};
use crate::shop::order::{Attempt, Method};
use crate::shop::outbox::{Kind, MAX_ATTEMPTS, Outcome, Replay, Report, Target, pause_ms};
use crate::shop::refusal::Refusal;
use crate::shop::{Done, Sale};

fn target(id: &str, kinds: &[Kind], by_mail: bool) -> Target {
    Target {
        id: id.into(),
        kinds: kinds.iter().copied().collect(),
        by_mail,
    }
}

fn telling(targets: &[Target]) -> Sale {
    let mut sale = admission(4);
    tell(&mut sale, Ask::Address(targets.to_vec()), 0).unwrap();
    sale
}

fn ledger() -> Sale {
    telling(&[target("ledger", &Kind::ALL, false)])
}

/// What the facts of one command tell.
fn told(sale: &mut Sale, ask: Ask, now_ms: u64) -> Vec<&'static str> {
    let applied = sale.apply(&Command::from(ask), now_ms);
    assert!(applied.reply.is_ok(), "{:?}", applied.reply);
    let told = applied.facts.iter().filter_map(|fact| match fact {
        Fact::Post(PostFact::Queued(message)) => Some(message.kind.name()),
        _ => None,
    });
    told.collect()
}

fn pay(order: &str, method: Method) -> Ask {
    Ask::Pay {
        person: order.into(),
        order: order.into(),
        method,
    }
}

fn heard(order: &str, news: News) -> Ask {
    Ask::Payment(Heard {
        payment: Attempt {
            order: order.into(),
            attempt: 1,
            reference: None,
        },
        news,
    })
}

#[test]
fn each_step_that_is_news_is_told_with_the_fact_itself() {
    let mut sale = ledger();
    assert!(told(&mut sale, Ask::Hold(hold("a", "a", best(2))), 1).is_empty());
    assert!(told(&mut sale, pay("a", Method::Card), 2).is_empty());
    assert_eq!(told(&mut sale, heard("a", News::Authorised), 3), ["order.paid"]);
    assert_eq!(told(&mut sale, heard("a", News::Captured), 4), ["order.confirmed"]);
    assert!(
        told(&mut sale, heard("a", News::Captured), 5).is_empty(),
        "heard twice, told once"
    );
    assert_eq!(told(&mut sale, heard("a", News::Refunded), 6), ["order.refunded"]);
    assert_eq!(
        told(&mut sale, Ask::Book(hold("b", "b", best(2))), 7),
        ["order.confirmed"]
    );
    tell(&mut sale, Ask::Hold(hold("c", "c", best(2))), 8).unwrap();
    tell(&mut sale, Ask::Wait(hold("d", "d", best(1))), 8).unwrap();
    let release = Ask::Release {
        person: "c".into(),
        order: "c".into(),
    };
    assert_eq!(told(&mut sale, release, 9), ["order.offered"], "the one who waits");
    tell(&mut sale, pay("d", Method::Card), 10).unwrap();
    tell(&mut sale, heard("d", News::Authorised), 11).unwrap();
    assert_eq!(
        told(&mut sale, heard("d", News::CaptureFailed), 12),
        ["order.cancelled"]
    );
    let (waiting, ..) = sale.outbox().counts("ledger");
    assert_eq!(waiting, 7);
}

#[test]
fn nobody_is_told_what_they_did_not_ask_for() {
    let mut sale = telling(&[target("paid", &[Kind::Paid], false), target("mail", &Kind::ALL, true)]);
    assert!(
        told(&mut sale, Ask::Book(hold("a", "a", best(1))), 1).is_empty(),
        "no address, nobody for it"
    );
    let mut silent = admission(4);
    assert!(told(&mut silent, Ask::Book(hold("a", "a", best(1))), 1).is_empty());
}

fn report(sale: &mut Sale, outcome: Outcome, now_ms: u64) -> Option<u64> {
    let report = Report {
        message: "msg_a_confirmed".into(),
        target: "ledger".into(),
        outcome,
        jitter: 0,
    };
    tell(sale, Ask::Report(report), now_ms).unwrap();
    sale.outbox().waiting("ledger").next().map(|(due_ms, _)| *due_ms)
}

fn failed() -> Outcome {
    Outcome::Failed {
        why: "it answered\r\n500".to_owned(),
        pause_ms: 0,
    }
}

#[test]
fn the_pauses_grow_to_a_bound_and_never_meet() {
    let planned = [5, 20, 80, 320, 1_280, 5_120, 20_480, 21_600, 21_600];
    for (failures, planned_s) in (1..).zip(planned) {
        let (least, most) = (pause_ms(failures, 0), pause_ms(failures, u16::MAX));
        assert_eq!((least, most), (planned_s * 750, planned_s * 1_250), "{failures}");
        assert!((least..most).contains(&pause_ms(failures, 30_000)));
    }
    assert_eq!(pause_ms(u32::MAX, 0), pause_ms(9, 0));
}

#[test]
fn what_keeps_failing_is_put_aside_and_can_be_brought_back() {
    let mut sale = ledger();
    tell(&mut sale, Ask::Book(hold("a", "a", best(1))), 0).unwrap();
    let mut now_ms = 0;
    for _ in 1..MAX_ATTEMPTS {
        let due_ms = report(&mut sale, failed(), now_ms).expect("it is tried again");
        assert!(due_ms > now_ms);
        now_ms = due_ms;
    }
    assert!(now_ms > 20 * 3_600_000, "{now_ms}");
    assert_eq!(report(&mut sale, failed(), now_ms), None);
    let delivery = &sale.outbox().message("msg_a_confirmed").unwrap().to["ledger"];
    assert_eq!(
        (delivery.attempts, delivery.why.as_deref()),
        (MAX_ATTEMPTS, Some("it answered  500"))
    );
    assert_eq!(
        report(&mut sale, Outcome::Delivered, now_ms),
        None,
        "too late to be heard"
    );
    let replay = |target: &str, message: Option<&str>| {
        Ask::Replay(Replay {
            target: target.into(),
            message: message.map(Into::into),
        })
    };
    for (target, message) in [("nobody", None), ("ledger", Some("msg_b_confirmed"))] {
        assert_eq!(
            refused(tell(&mut sale, replay(target, message), now_ms)),
            Refusal::UnknownDelivery
        );
    }
    assert_eq!(
        tell(&mut sale, replay("ledger", None), now_ms),
        Ok(Done::Replayed { count: 1 })
    );
    assert_eq!(sale.outbox().counts("ledger"), (1, 0, 0));
    report(&mut sale, Outcome::Delivered, now_ms);
    assert_eq!(sale.outbox().counts("ledger"), (0, 0, 1));
    assert!(
        sale.outbox().message("msg_a_confirmed").is_none(),
        "nothing is left of it"
    );
}

#[test]
fn a_refusal_for_good_is_put_aside_at_once_and_so_is_what_nobody_hears_any_more() {
    let mut sale = ledger();
    tell(&mut sale, Ask::Book(hold("a", "a", best(1))), 0).unwrap();
    let why = "410".to_owned();
    report(&mut sale, Outcome::Refused { why }, 1);
    assert_eq!(sale.outbox().counts("ledger"), (0, 1, 0));
    tell(&mut sale, Ask::Book(hold("b", "b", best(1))), 2).unwrap();
    let applied = sale.apply(&Command::from(Ask::Address(Vec::new())), 3);
    assert_eq!(applied.facts.len(), 2, "{:?}", applied.facts);
    assert_eq!(sale.outbox().counts("ledger"), (0, 2, 0));
    let same = sale.apply(&Command::from(Ask::Address(Vec::new())), 4);
    assert!(same.facts.is_empty(), "said again, nothing happens");
}

/// The journal and a snapshot make the same outbox.
#[test]
fn i19_what_is_to_be_told_survives_a_restart() {
    let mut sale = ledger();
    let mut facts = Vec::new();
    for (number, ask) in [
        Ask::Book(hold("a", "a", best(1))),
        Ask::Book(hold("b", "b", best(1))),
        Ask::Report(Report {
            message: "msg_a_confirmed".into(),
            target: "ledger".into(),
            outcome: failed(),
            jitter: 9,
        }),
    ]
    .into_iter()
    .enumerate()
    {
        facts.extend(sale.apply(&Command::from(ask), number as u64).facts);
    }
    let mut again = ledger();
    for fact in &facts {
        let kept: Fact = serde_json::from_str(&serde_json::to_string(fact).unwrap()).unwrap();
        again.evolve(&kept);
    }
    assert!(again == sale);
    let snapshot: Sale = serde_json::from_str(&serde_json::to_string(&sale).unwrap()).unwrap();
    assert!(snapshot == sale);
    let ids: BTreeSet<_> = sale.outbox().waiting("ledger").map(|(_, id)| id.to_string()).collect();
    assert_eq!(ids.len(), 2);
}
