//! Exactly N, at full size, through the writer and its durable commits: as many as there are, to as many as there are,
//! and none twice.

use std::collections::BTreeSet;
use std::time::Instant;

use tokio::task::JoinSet;

use super::support::{check, sqlite, start};
use crate::journal::Database;
use crate::shop::Done;
use crate::shop::catalogue::Event;
use crate::shop::command::{Ask, Hold, Key, TakeCoupon};
use crate::shop::coupons::Campaign;
use crate::shop::hall::{Best, Plan};
use crate::shop::refusal::Refusal;
use crate::shop::stock::Want;
use crate::shop::{Reply, Sale};
use crate::writer::{NotDecided, Writer};

/// The writer's queue is bounded: so many ask at one time, as many connections would.
const CLERKS: u64 = 64;

/// Asks everything, from many at once; answers in the order of the asks.
async fn ask_all(writer: &Writer, asks: u64, ask: fn(u64) -> Ask) -> Vec<(u64, Reply)> {
    let mut clerks = JoinSet::new();
    for clerk in 0..CLERKS {
        let writer = writer.clone();
        clerks.spawn(async move {
            let mut replies = Vec::new();
            for number in (clerk..asks).step_by(usize::try_from(CLERKS).unwrap()) {
                let mut applied = writer.submit(ask(number)).await;
                while applied == Err(NotDecided::Busy) {
                    tokio::task::yield_now().await;
                    applied = writer.submit(ask(number)).await;
                }
                replies.push((number, applied.unwrap().reply));
            }
            replies
        });
    }
    clerks.join_all().await.into_iter().flatten().collect()
}

/// 100,000 requests by 60,000 people for 10,000 coupons.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn o1_ten_thousand_coupons_for_sixty_thousand_people() {
    let folder = tempfile::tempdir().unwrap();
    let (writer, thread) = start(Box::new(sqlite(folder.path())), 1);
    let campaign = Campaign {
        id: "c".into(),
        coupons: 10_000,
    };
    writer.submit(Ask::Campaign(campaign)).await.unwrap().reply.unwrap();
    let began = Instant::now();
    let replies = ask_all(&writer, 100_000, |number| {
        Ask::Coupon(TakeCoupon {
            // Everybody once, and 40,000 of them again.
            person: format!("p{}", number * 7 % 60_000).into(),
            campaign: "c".into(),
            code: number.to_string().into(),
        })
    })
    .await;
    let took = began.elapsed();
    let (mut people, mut numbers) = (BTreeSet::new(), BTreeSet::new());
    for (asked, reply) in &replies {
        match reply {
            Ok(Done::Coupon { number, .. }) => {
                assert!(people.insert(asked * 7 % 60_000), "{asked} has two");
                assert!(numbers.insert(*number), "number {number} twice");
            }
            other => assert!(
                matches!(other, Err(Refusal::CouponsGone | Refusal::CouponHad { .. })),
                "{other:?}"
            ),
        }
    }
    assert_eq!(
        (replies.len(), people.len(), numbers.last()),
        (100_000, 10_000, Some(&10_000))
    );
    assert_eq!(writer.look(|sale| sale.coupons().issued("c")), 10_000);
    println!("100,000 requests for 10,000 coupons: {took:?}");
    drop(writer);
    thread.join().unwrap();
    // Enough facts for a snapshot: from it and from the first fact on, the same sale.
    let database = Database::Sqlite(folder.path().join("booking.db"));
    assert!(database.open().unwrap().snapshot().unwrap().is_some());
    assert_eq!(check(&database, &BTreeSet::new(), 1).coupons().issued("c"), 10_000);
}

const HALL: &str = r#"{"zones":[{"id":"A","price_minor":1}],"sections":[{"id":"s","zone":"A","rows":[{"id":"1","rows":100,"seats":50}]}]}"#;

/// 5,000 seats, 50,000 buyers: half want the best, half name seats, often the same ones.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn o1_five_thousand_seats_for_fifty_thousand_buyers() {
    let folder = tempfile::tempdir().unwrap();
    let (writer, thread) = start(Box::new(sqlite(folder.path())), 1);
    let event = Event {
        id: "h".into(),
        seats: 0,
        hall: Some(serde_json::from_str::<Plan>(HALL).unwrap()),
        ..writer.look(|sale| sale.offer("a").unwrap().event().clone())
    };
    writer.submit(Ask::List(event)).await.unwrap().reply.unwrap();
    let began = Instant::now();
    let replies = ask_all(&writer, 50_000, |number| {
        let seat = number * 31 % 5_000;
        let named = |seat: u64| format!("s-{}-{}", 1 + seat / 50, 1 + seat % 50);
        let want = match number % 4 {
            0 => Want::Seats(vec![named(seat), named((seat + 1) % 5_000)]),
            // The same two, the other way round.
            1 => Want::Seats(vec![named((seat + 1) % 5_000), named(seat)]),
            _ => Want::Best(Best {
                together: number % 3 == 0,
                ..Best::of(1 + (number % 3) as u32)
            }),
        };
        Ask::Hold(Hold {
            person: format!("p{number}").into(),
            order: format!("o{number}").into(),
            event: "h".into(),
            want,
            name: None,
            contact: Default::default(),
        })
    })
    .await;
    let took = began.elapsed();
    let mut seats = BTreeSet::new();
    for (_, reply) in &replies {
        if let Ok(Done::Order(order)) = reply {
            assert!(order.places.seats.iter().all(|seat| seats.insert(*seat)), "{order:?}");
        }
    }
    let left = writer.look(|sale| sale.offer("h").unwrap().left());
    assert_eq!((replies.len(), seats.len() + left as usize), (50_000, 5_000));
    assert_eq!(left, 0, "there were ten buyers a seat");
    println!("50,000 buyers of 5,000 seats: {took:?}");
    drop(writer);
    thread.join().unwrap();
}

/// 7,000 and 5,000 points out of 10,000 at once, again and again: one of the two, every time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn o1_points_are_spent_once() {
    let folder = tempfile::tempdir().unwrap();
    let (writer, thread) = start(Box::new(sqlite(folder.path())), 100_000);
    let rounds: u64 = std::env::var("STANCHION_RACES")
        .ok()
        .and_then(|races| races.parse::<u64>().ok())
        .map_or(40, |races| races / 50);
    for round in 0..rounds.clamp(40, 20_000) {
        let person = format!("p{round}");
        let tell = async |ask: Ask| writer.submit(ask).await.unwrap().reply;
        tell(Ask::Grant {
            person: person.as_str().into(),
            points: 1_000,
        })
        .await
        .unwrap();
        for (order, count) in [(format!("a{round}"), 7), (format!("b{round}"), 5)] {
            let hold = Hold {
                person: person.as_str().into(),
                order: order.into(),
                event: "b".into(),
                want: Want::Best(Best::of(count)),
                name: Some("Ada".into()),
                contact: Default::default(),
            };
            if round == 0 && count == 7 {
                let event = Event {
                    id: "b".into(),
                    cap: 100,
                    ..writer.look(|sale| sale.offer("a").unwrap().event().clone())
                };
                tell(Ask::List(event)).await.unwrap();
            }
            tell(Ask::Hold(hold)).await.unwrap();
        }
        let pay = |order: String| {
            let ask = Ask::Pay {
                person: person.as_str().into(),
                order: order.into(),
                method: crate::shop::order::Method::Points,
            };
            writer.submit(crate::shop::command::Command {
                key: Some(Key {
                    person: person.as_str().into(),
                    key: format!("{ask:?}").into(),
                    fingerprint: "f".into(),
                }),
                ask,
            })
        };
        let (seven, five) = tokio::join!(pay(format!("a{round}")), pay(format!("b{round}")));
        let paid = [seven, five].map(|answer| answer.unwrap().reply.is_ok());
        assert_eq!(paid.iter().filter(|paid| **paid).count(), 1, "round {round}");
    }
    assert_eq!(
        writer.look(|sale: &Sale| (sale.points().sum(), sale.points().lowest() >= 0)),
        (0, true)
    );
    drop(writer);
    thread.join().unwrap();
}
