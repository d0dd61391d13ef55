//! More buyers than seats (O1). Never one seat too many, never one too few; and a control that shows that this race,
//! with the decision taken out of the single writer, does oversell.

use std::sync::{Arc, Barrier, Mutex};

use reqwest::StatusCode;
use stanchion_booking::shop::Sale;
use stanchion_booking::shop::command::{Ask, Hold};
use stanchion_booking::shop::fact::Fact;
use stanchion_booking::shop::hall::Best;
use stanchion_booking::shop::stock::Want;
use tokio::task::JoinSet;

use crate::support::{Booth, event, order};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn o1_sixty_buyers_for_ten_seats() {
    let booth = Arc::new(Booth::open(10).await);
    let mut buyers = JoinSet::new();
    for buyer in 0..60 {
        let booth = Arc::clone(&booth);
        buyers.spawn(async move { booth.book(&format!("v{buyer}"), None, order("gala", 1)).await });
    }
    let answers = buyers.join_all().await;
    let count = |status| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!((count(StatusCode::CREATED), count(StatusCode::CONFLICT)), (10, 50));
    let mut references: Vec<_> = answers
        .iter()
        .filter(|answer| answer.released)
        .map(|answer| answer.reference().to_owned())
        .collect();
    references.sort();
    references.dedup();
    assert_eq!(references.len(), 10, "each booking is somebody's own");
    assert_eq!((booth.running.sold_count(), booth.left("gala").await), (10, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn o1_parties_of_three_leave_one_seat_of_ten() {
    let booth = Arc::new(Booth::open(10).await);
    let mut buyers = JoinSet::new();
    for buyer in 0..30 {
        let booth = Arc::clone(&booth);
        buyers.spawn(async move { booth.book(&format!("v{buyer}"), None, order("gala", 3)).await.status });
    }
    let sold = buyers
        .join_all()
        .await
        .into_iter()
        .filter(|status| *status == StatusCode::CREATED)
        .count();
    assert_eq!((sold, booth.running.sold_count()), (3, 9));
}

/// The same race with the decision taken outside: each buyer looks first and books later, as a service without a single
/// writer would. The barrier makes certain what is otherwise only likely.
#[test]
fn o1_control_looking_outside_the_writer_oversells() {
    let mut sale = Sale::default();
    sale.evolve(&Fact::Listed(Box::new(event("gala", 10))));
    let sale = Mutex::new(sale);
    let barrier = Barrier::new(60);
    std::thread::scope(|scope| {
        for buyer in 0..60 {
            let (sale, barrier) = (&sale, &barrier);
            scope.spawn(move || {
                let hold = Hold {
                    person: buyer.to_string().into(),
                    order: buyer.to_string().into(),
                    event: "gala".into(),
                    want: Want::Best(Best::of(1)),
                    name: Some("Ada".into()),
                    contact: Default::default(),
                };
                // Decides on what it saw, writes into what is there then.
                let mut seen = sale.lock().unwrap().clone();
                let decided = seen.apply(&Ask::Book(hold).into(), 0);
                barrier.wait();
                decided.facts.iter().for_each(|fact| sale.lock().unwrap().evolve(fact));
            });
        }
    });
    let sold = sale.lock().unwrap().sold_seats();
    assert_eq!(sold, 60, "the control must oversell, or the race proves nothing");
}
