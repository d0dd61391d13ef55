//! A provider in every mood: money and places agree in the end, and none is set aside for a dead order.

use reqwest::StatusCode;

use crate::support::Booth;

#[tokio::test]
async fn a_declined_card_can_be_replaced_and_a_failed_capture_costs_nothing() {
    let booth = Booth::open(10).await;
    let order = booth.ready("v", 3).await;
    let declined = booth.pay("v", &order, "decline").await;
    assert_eq!(
        (declined.status, declined.problem()),
        (StatusCode::PAYMENT_REQUIRED, "payment-declined")
    );
    assert_eq!(booth.left("gala").await, 7, "still held");
    assert_eq!(booth.pay("v", &order, "approve").await.status, StatusCode::CREATED);
    // The first attempt stays declined, whatever came after it.
    let again = booth.pay("v", &order, "decline").await;
    assert_eq!((again.status, again.replayed), (StatusCode::PAYMENT_REQUIRED, true));
    let order = booth.ready("w", 3).await;
    let failed = booth.pay("w", &order, "capture-fails").await;
    assert_eq!(
        (failed.status, failed.problem()),
        (StatusCode::CONFLICT, "payment-failed")
    );
    assert_eq!((booth.left("gala").await, booth.provider.set_aside_minor()), (7, 0));
}

/// The provider never answers; the hold ends; the provider is asked before anything is freed.
#[tokio::test]
async fn a_provider_that_says_nothing_is_asked_before_places_are_freed() {
    let booth = Booth::open(10).await;
    let (lost, silent) = (booth.ready("ada", 1).await, booth.ready("bob", 2).await);
    let (paid, waited) = tokio::join!(booth.pay("ada", &lost, "lost"), booth.pay("bob", &silent, "time-out"));
    assert_eq!(
        (paid.status, waited.status),
        (StatusCode::ACCEPTED, StatusCode::ACCEPTED)
    );
    assert_eq!(paid.headers["location"], format!("/api/v1/orders/{lost}"));
    assert_eq!((booth.left("gala").await, booth.running.sold_count()), (7, 0));
    booth.pass_time(480_000);
    let stage = async |visitor: &str, order: &str| {
        let seen = booth.seen(visitor, &format!("/api/v1/orders/{order}")).await;
        seen.body["order"]["stage"].clone()
    };
    let settled = stanchion_testkit::wait_until_async(std::time::Duration::from_secs(8), async || {
        stage("ada", &lost).await == "confirmed" && stage("bob", &silent).await == "expired"
    });
    assert!(
        settled.await,
        "{} {}",
        stage("ada", &lost).await,
        stage("bob", &silent).await
    );
    assert_eq!((booth.left("gala").await, booth.running.sold_count()), (9, 1));
    let late = booth.pay("bob", &silent, "approve").await;
    assert_eq!((late.status, late.problem()), (StatusCode::CONFLICT, "hold-over"));
    assert_eq!(
        (booth.provider.set_aside_minor(), booth.provider.taken_minor()),
        (0, 1_250)
    );
}
