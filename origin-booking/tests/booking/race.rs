//! More buyers than seats (O1). Never one seat too many, never one too few; and a control that shows that this race,
//! with the decision taken out of the single writer, does oversell.

use std::sync::{Arc, Barrier, Mutex};

use reqwest::StatusCode;
use stanchion_booking::sale::{Booking, Fact, Order, Sale};
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

/// The same race with the guard off: each buyer looks first and writes later, as a service without a single writer
/// would. The barrier makes certain what is otherwise only likely.
#[test]
fn o1_control_looking_outside_the_writer_oversells() {
    let sale = Mutex::new(Sale::default());
    sale.lock().unwrap().absorb(&Fact::Listed {
        event: event("gala", 10),
    });
    let barrier = Barrier::new(60);
    std::thread::scope(|scope| {
        for buyer in 0..60 {
            let (sale, barrier) = (&sale, &barrier);
            scope.spawn(move || {
                let left = sale.lock().unwrap().offers()[0].left();
                barrier.wait();
                if left >= 1 {
                    let order = Order {
                        event: "gala".into(),
                        seats: 1,
                        name: "Ada".into(),
                    };
                    let booking = Booking {
                        reference: buyer.to_string(),
                        order,
                        booked_at_ms: 0,
                    };
                    sale.lock().unwrap().absorb(&Fact::Booked {
                        visitor: buyer.to_string(),
                        key: None,
                        booking,
                    });
                }
            });
        }
    });
    assert_eq!(
        sale.lock().unwrap().sold_seats(),
        60,
        "the control must oversell, or the race proves nothing"
    );
}
