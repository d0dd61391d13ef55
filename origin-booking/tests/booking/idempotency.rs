//! One key, one outcome (O2).

use reqwest::StatusCode;
use serde_json::json;

use crate::support::{Answer, Booth, order};

#[tokio::test]
async fn o2_a_retry_gets_the_first_answer_and_another_order_none() {
    let booth = Booth::open(10).await;
    let first = booth.book("v", Some("k"), order("gala", 2)).await;
    let again = booth.book("v", Some("k"), order("gala", 2)).await;
    assert_eq!((first.status, again.status), (StatusCode::CREATED, StatusCode::CREATED));
    assert_eq!(first.body, again.body);
    assert_eq!((first.replayed, again.replayed, again.released), (false, true, true));
    for other in [
        order("gala", 1),
        order("matinee", 2),
        json!({"event": "gala", "seats": 2, "name": "Eve"}),
    ] {
        let answer = booth.book("v", Some("k"), other).await;
        assert_eq!(
            (answer.status, answer.problem()),
            (StatusCode::UNPROCESSABLE_ENTITY, "key-reused")
        );
    }
    assert_eq!(booth.running.sold_count(), 2);
    // Another visitor's key of the same name is another key; so is no key.
    assert_eq!(
        booth.book("w", Some("k"), order("gala", 2)).await.status,
        StatusCode::CREATED
    );
    assert_eq!(
        booth.book("v", None, order("gala", 2)).await.status,
        StatusCode::CREATED
    );
    assert_eq!(booth.running.sold_count(), 6);
}

#[tokio::test]
async fn o2_a_refusal_is_an_outcome_too() {
    let booth = Booth::open(1).await;
    let first = booth.book("v", Some("k"), order("gala", 2)).await;
    let again = booth.book("v", Some("k"), order("gala", 2)).await;
    assert_eq!(
        (first.status, again.status),
        (StatusCode::CONFLICT, StatusCode::CONFLICT)
    );
    assert_eq!((first.body, again.replayed), (again.body, true));
    assert_eq!(
        booth.book("v", Some("k2"), order("gala", 1)).await.status,
        StatusCode::CREATED
    );
}

#[tokio::test]
async fn o2_twenty_at_once_with_one_key_are_one_booking() {
    let booth = Booth::open(100).await;
    let answers = futures_all((0..20).map(|_| booth.book("v", Some("k"), order("gala", 1)))).await;
    assert!(answers.iter().all(|answer| answer.status == StatusCode::CREATED));
    assert!(
        answers
            .iter()
            .all(|answer| answer.reference() == answers[0].reference())
    );
    assert_eq!(answers.iter().filter(|answer| !answer.replayed).count(), 1);
    assert_eq!(booth.running.sold_count(), 1);
}

#[tokio::test]
async fn o2_keys_of_a_wrong_form_are_refused() {
    let booth = Booth::open(10).await;
    let (longest, too_long) = ("k".repeat(255), "k".repeat(256));
    for (key, good) in [
        ("", false),
        (too_long.as_str(), false),
        ("a b", false),
        ("k\u{e9}", false),
        (longest.as_str(), true),
    ] {
        let answer = booth.book("v", Some(key), order("gala", 1)).await;
        assert_eq!(answer.status == StatusCode::CREATED, good, "{key}: {}", answer.status);
    }
    let twice = booth.post("/bookings").header("stanchion-pass", booth.signer.pass("w"));
    let twice = twice
        .header("idempotency-key", "a")
        .header("idempotency-key", "a")
        .json(&order("gala", 1));
    assert_eq!(Answer::of(twice.send().await.unwrap()).await.problem(), "bad-key");
    assert_eq!(booth.running.sold_count(), 1);
}

#[tokio::test]
async fn o2_a_visitor_has_so_many_keys_and_no_more() {
    let booth = Booth::open(1).await;
    for key in 0..64 {
        let answer = booth.book("v", Some(&format!("k{key}")), order("gala", 2)).await;
        assert_eq!(answer.status, StatusCode::CONFLICT);
    }
    let answer = booth.book("v", Some("one-more"), order("gala", 1)).await;
    assert_eq!(
        (answer.status, answer.problem()),
        (StatusCode::TOO_MANY_REQUESTS, "too-many-keys")
    );
    assert_eq!(
        booth.book("w", Some("k"), order("gala", 1)).await.status,
        StatusCode::CREATED
    );
}

async fn futures_all<F: Future<Output = Answer>>(asked: impl Iterator<Item = F>) -> Vec<Answer> {
    // All are polled from the first moment on; the order of the answers does not matter.
    let mut waiting: Vec<_> = asked.map(Box::pin).collect();
    let mut answers = Vec::new();
    std::future::poll_fn(|context| {
        waiting.retain_mut(|one| match one.as_mut().poll(context) {
            std::task::Poll::Ready(answer) => {
                answers.push(answer);
                false
            }
            std::task::Poll::Pending => true,
        });
        if waiting.is_empty() {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    answers
}
