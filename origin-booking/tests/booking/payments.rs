//! A provider in every mood: money and places agree in the end, and none is set aside for a dead order.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use async_trait::async_trait;
use reqwest::StatusCode;
use stanchion_booking::payments::{Charge, Payment, Provider, Said};
use stanchion_booking::shop::command::News;
use stanchion_testkit::wait_until_async;
use tokio::sync::Notify;

use crate::support::{Booth, TOKEN};

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

/// Sets money aside after it has said that it let it go, and does not answer the first time that it is told again.
#[derive(Default)]
struct Stubborn {
    wakes: Notify,
    cancels: AtomicU32,
}

#[async_trait]
impl Provider for Stubborn {
    async fn authorise(&self, _: &Charge) -> Option<Said> {
        self.wakes.notified().await;
        Some(News::Authorised.into())
    }

    async fn capture(&self, _: &Payment) -> Option<News> {
        Some(News::Captured)
    }

    async fn look(&self, _: &Payment) -> Option<News> {
        Some(News::LetGo)
    }

    async fn cancel(&self, _: &Payment) -> Option<News> {
        let told = self.cancels.fetch_add(1, SeqCst) + 1;
        (told != 2).then_some(News::LetGo)
    }
}

#[tokio::test]
async fn money_that_comes_for_a_dead_order_is_let_go_until_the_provider_says_so() {
    let provider = Arc::new(Stubborn::default());
    let booth = Arc::new(Booth::open_with(10, Arc::clone(&provider) as Arc<dyn Provider>).await);
    let order = booth.ready("ada", 2).await;
    let paying = {
        let (booth, order) = (Arc::clone(&booth), order.clone());
        tokio::spawn(async move { booth.pay("ada", &order, "").await })
    };
    let is = async |stage: &str| {
        let look = async || booth.seen("ada", &format!("/api/v1/orders/{order}")).await.body["order"]["stage"] == stage;
        assert!(wait_until_async(Duration::from_secs(8), look).await, "{stage}");
    };
    is("paying").await;
    booth.pass_time(480_000);
    is("expired").await;
    assert_eq!((booth.left("gala").await, provider.cancels.load(SeqCst)), (10, 1));
    provider.wakes.notify_one();
    assert_eq!(paying.await.unwrap().status, StatusCode::ACCEPTED);
    let gone = wait_until_async(Duration::from_secs(8), async || {
        let differences = booth.get("/api/v1/organiser/differences").bearer_auth(TOKEN);
        let differences: serde_json::Value = differences.send().await.unwrap().json().await.unwrap();
        provider.cancels.load(SeqCst) >= 3 && differences["unwanted"] == serde_json::json!([])
    });
    assert!(gone.await, "{} cancels", provider.cancels.load(SeqCst));
    assert_eq!((booth.left("gala").await, booth.running.sold_count()), (10, 0));
}

/// The provider tells of everything twice by itself, the first time before it answers.
#[tokio::test]
async fn webhooks_twice_and_before_the_reply_change_nothing() {
    let booth = Booth::open(10).await;
    let order = booth.ready("v", 2).await;
    let paid = booth.pay("v", &order, "webhooks").await;
    assert_eq!(
        (paid.status, &paid.body["order"]["stage"]),
        (StatusCode::CREATED, &"confirmed".into())
    );
    let refunded = booth.organise("/refunds", serde_json::json!({ "order": order })).await;
    assert_eq!(
        (refunded.status, &refunded.body["order"]["stage"]),
        (StatusCode::OK, &"refunded".into())
    );
    assert_eq!(refunded.body["order"].get("link"), None, "it is the buyer's proof");
    assert_eq!((booth.left("gala").await, booth.provider.taken_minor()), (10, 0));
    assert_eq!(booth.differences().await["odd"], serde_json::json!([]));
}

/// Places and tickets go at the decision, the money when the provider gives it back; it can be asked again.
#[tokio::test]
async fn a_refund_that_the_provider_refuses_is_listed_and_can_be_asked_for_again() {
    let booth = Booth::open(10).await;
    let order = booth.ready("v", 3).await;
    assert_eq!(booth.pay("v", &order, "refund-fails").await.status, StatusCode::CREATED);
    let refused = booth.organise("/refunds", serde_json::json!({ "order": order })).await;
    assert_eq!(
        (refused.status, refused.problem()),
        (StatusCode::CONFLICT, "refund-refused")
    );
    assert_eq!((booth.left("gala").await, booth.provider.taken_minor()), (10, 3_750));
    let tickets = booth.seen("v", &format!("/api/v1/orders/{order}/tickets")).await;
    assert!(!tickets.status.is_success(), "{}", tickets.body);
    assert_eq!(booth.differences().await["refused"], serde_json::json!([order]));
    assert!(booth.page("v", "/").await.contains("Refund under way"));
    let page = booth.page("v", &format!("/orders/{order}")).await;
    assert!(page.contains("<h1>Your refund is under way</h1>"), "{page}");
    let again = booth.organise("/refunds", serde_json::json!({ "order": order })).await;
    assert_eq!(
        (again.status, &again.body["order"]["stage"]),
        (StatusCode::OK, &"refunded".into())
    );
    let once_more = booth.organise("/refunds", serde_json::json!({ "order": order })).await;
    assert_eq!(
        (once_more.status, once_more.problem()),
        (StatusCode::CONFLICT, "wrong-stage")
    );
    assert_eq!(
        (
            booth.differences().await["refused"].clone(),
            booth.provider.taken_minor()
        ),
        (serde_json::json!([]), 0)
    );
}
