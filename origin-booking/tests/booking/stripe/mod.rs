//! The service with Stripe as its provider, against a small Stripe of our own: whole payments over HTTP in every mood that
//! Stripe's documentation tells of, and with the service killed in between. Not run against Stripe itself.

mod compared;
mod fake;
mod hooks;
mod killed;
mod local;
mod objects;

use std::sync::Arc;
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;
use stanchion_booking::payments::stripe::{Stripe, StripeSettings};
use stanchion_testkit::wait_until_async;

use crate::support::{Booth, With, now_s};
use fake::{Fake, Mood};
use hooks::{SECRET, Style, signed};

/// A service whose money is at the small Stripe; its webhooks go to the service.
async fn open(style: Style) -> (Booth, Fake) {
    stanchion_booking::install_crypto();
    let fake = Fake::start().await;
    let secrets = format!("whsec_older\n{SECRET}\n");
    let settings = StripeSettings::read("sk_test_fake", &secrets).unwrap();
    let mut settings = settings.at(fake.url().parse().unwrap()).unwrap();
    settings.site = Some("https://tickets.example.org/".parse().unwrap());
    let with = With {
        provider: Some(Arc::new(Stripe::new(&settings).unwrap())),
        ..With::default()
    };
    let booth = Booth::open_so(10, with).await;
    fake.hooks().send_to(&booth.url("/api/v1/payments/stripe"), style);
    (booth, fake)
}

impl Booth {
    async fn stage(&self, visitor: &str, order: &str) -> String {
        let seen = self.seen(visitor, &format!("/api/v1/orders/{order}")).await;
        seen.body["order"]["stage"].as_str().unwrap_or("none").to_owned()
    }

    async fn becomes(&self, visitor: &str, order: &str, stage: &str) {
        let is_so = wait_until_async(Duration::from_secs(25), async || {
            self.stage(visitor, order).await == stage
        });
        assert!(is_so.await, "{} instead of {stage}", self.stage(visitor, order).await);
    }

    /// Nothing is listed.
    async fn agrees(&self) {
        let found = self.differences().await;
        for list in ["odd", "unwanted", "doubted", "uncaptured", "refunding", "refused"] {
            assert_eq!(found[list], json!([]), "{list}: {found}");
        }
    }
}

#[tokio::test]
async fn a_card_pays_is_refused_and_is_paid_back() {
    let (booth, fake) = open(Style::Held).await;
    let order = booth.ready("v", 2).await;
    let declined = booth.pay("v", &order, "pm_card_chargeDeclined").await;
    assert_eq!(
        (declined.status, declined.problem()),
        (StatusCode::PAYMENT_REQUIRED, "payment-declined")
    );
    for card in ["pm_unknown", "4242424242424242", ""] {
        let refused = booth.pay("v", &order, card).await;
        assert_eq!(
            (refused.status, refused.problem()),
            (StatusCode::PAYMENT_REQUIRED, "payment-declined"),
            "{card}"
        );
    }
    let paid = booth.pay("v", &order, "pm_card_visa").await;
    assert_eq!(
        (paid.status, &paid.body["order"]["stage"]),
        (StatusCode::CREATED, &json!("confirmed")),
        "{}",
        paid.body
    );
    assert_eq!(fake.money(), (0, 2_500));
    // Everything that was told meanwhile comes now, the last first, and some of it twice.
    for event in fake.hooks().held().iter().rev().chain(&fake.hooks().held()) {
        assert_eq!(fake.hooks().send(event).await, StatusCode::OK);
    }
    assert_eq!(
        (booth.stage("v", &order).await.as_str(), fake.money()),
        ("confirmed", (0, 2_500))
    );
    let refunded = booth.organise("/refunds", json!({ "order": order })).await;
    assert_eq!(
        (refunded.status, &refunded.body["order"]["stage"]),
        (StatusCode::OK, &json!("refunded"))
    );
    for event in fake.hooks().held().iter().rev() {
        assert_eq!(fake.hooks().send(event).await, StatusCode::OK);
    }
    assert_eq!((fake.money(), booth.left("gala").await), ((0, 0), 10));
    booth.agrees().await;
}

#[tokio::test]
async fn webhooks_twice_and_before_each_reply() {
    let (booth, fake) = open(Style::TwiceBeforeTheReply).await;
    let order = booth.ready("v", 2).await;
    let paid = booth.pay("v", &order, "pm_card_visa").await;
    assert!(
        [StatusCode::CREATED, StatusCode::ACCEPTED].contains(&paid.status),
        "{}",
        paid.body
    );
    booth.becomes("v", &order, "confirmed").await;
    assert_eq!(fake.money(), (0, 2_500));
    booth.organise("/refunds", json!({ "order": order })).await;
    booth.becomes("v", &order, "refunded").await;
    assert_eq!((fake.money(), booth.left("gala").await), ((0, 0), 10));
    booth.agrees().await;
}

/// Replies lost after the effect, busy answers, and failures that a key repeats for a day.
#[tokio::test]
async fn lost_replies_busy_answers_and_failures_end_well() {
    use Mood::{Busy429, Fails500, LoseReply};
    let (booth, fake) = open(Style::Held).await;
    for (verb, moods) in [
        ("create", &[LoseReply, Busy429][..]),
        ("confirm", &[LoseReply]),
        ("capture", &[LoseReply, Busy429]),
        ("confirm", &[Busy429, Fails500]),
        ("capture", &[Fails500]),
        ("capture", &[LoseReply, LoseReply, LoseReply]),
    ] {
        let visitor = format!("{verb}{moods:?}")
            .to_lowercase()
            .replace([' ', '[', ']', ','], "");
        let order = booth.ready(&visitor, 1).await;
        fake.will(verb, moods);
        let paid = booth.pay(&visitor, &order, "pm_card_visa").await;
        if paid.status == StatusCode::PAYMENT_REQUIRED {
            // A confirmation that failed for good: nothing is set aside, and the next payment is another one.
            assert!(verb == "confirm" && moods.contains(&Fails500), "{visitor}");
            let path = format!("/api/v1/orders/{order}/payments");
            let again = booth
                .keyed(
                    &visitor,
                    &path,
                    "again",
                    json!({"method": "card", "card": "pm_card_visa"}),
                )
                .await;
            assert_eq!(again.status, StatusCode::CREATED, "{visitor}: {}", again.body);
        }
        booth.becomes(&visitor, &order, "confirmed").await;
    }
    assert_eq!((fake.money(), booth.left("gala").await), ((0, 6 * 1_250), 4));
    booth.agrees().await;
}

#[tokio::test]
async fn a_capture_that_fails_leaves_no_money_set_aside() {
    let (booth, fake) = open(Style::TwiceBeforeTheReply).await;
    let order = booth.ready("v", 2).await;
    let failed = booth.pay("v", &order, "pm_card_captureFails").await;
    assert!(
        [StatusCode::CONFLICT, StatusCode::ACCEPTED].contains(&failed.status),
        "{}",
        failed.body
    );
    booth.becomes("v", &order, "cancelled").await;
    let let_go = wait_until_async(Duration::from_secs(8), async || {
        fake.money() == (0, 0) && booth.differences().await["unwanted"] == json!([])
    });
    assert!(let_go.await);
    assert_eq!(booth.left("gala").await, 10);
    booth.agrees().await;
}

/// The visitor says yes at the bank and comes back, or never does.
#[tokio::test]
async fn a_bank_that_wants_to_ask_the_visitor() {
    let (booth, fake) = open(Style::TwiceBeforeTheReply).await;
    let (yes, never) = (booth.ready("yes", 1).await, booth.ready("never", 2).await);
    let asked = booth.pay("yes", &yes, "pm_card_authenticationRequired").await;
    assert_eq!(asked.status, StatusCode::ACCEPTED, "{}", asked.body);
    let back = fake.objects(|objects| objects.intents[0]["next_action"]["redirect_to_url"]["return_url"].clone());
    assert_eq!(back, format!("https://tickets.example.org/orders/{yes}"));
    let bank = asked.body["next_action"]["url"].as_str().unwrap();
    booth.client.get(bank).send().await.unwrap();
    booth.becomes("yes", &yes, "confirmed").await;
    booth.pay("never", &never, "pm_card_authenticationRequired").await;
    booth.pass_time(480_000);
    booth.becomes("never", &never, "expired").await;
    // Too late.
    booth
        .client
        .get(format!("{}/bank/pi_2", fake.url()))
        .send()
        .await
        .unwrap();
    assert_eq!((fake.money(), booth.left("gala").await), ((0, 1_250), 9));
    booth.agrees().await;
}

/// The reply never comes, nor any webhook: the provider is asked after a while, long before the hold ends.
#[tokio::test]
async fn what_nobody_says_is_looked_at() {
    let (booth, fake) = open(Style::Held).await;
    let order = booth.ready("v", 1).await;
    fake.will("confirm", &[Mood::LateReplyMs(30_000); 3]);
    let paid = booth.pay("v", &order, "pm_card_visa").await;
    assert_eq!((paid.status, fake.money()), (StatusCode::ACCEPTED, (1_250, 0)));
    booth.becomes("v", &order, "confirmed").await;
    assert_eq!(fake.money(), (0, 1_250));
    booth.agrees().await;
}

#[tokio::test]
async fn a_refund_that_fails_is_listed_and_can_be_asked_for_again() {
    let (booth, fake) = open(Style::Held).await;
    let order = booth.ready("v", 2).await;
    assert_eq!(
        booth.pay("v", &order, "pm_card_refundFail").await.status,
        StatusCode::CREATED
    );
    let refused = booth.organise("/refunds", json!({ "order": order })).await;
    assert_eq!(
        (refused.status, refused.problem()),
        (StatusCode::CONFLICT, "refund-refused")
    );
    assert_eq!(
        (booth.differences().await["refused"].clone(), booth.left("gala").await),
        (json!([order]), 10)
    );
    fake.objects(|objects| objects.intents[0]["payment_method"] = json!("pm_card_visa"));
    fake.will("refund", &[Mood::LoseReply, Mood::LoseReply, Mood::LoseReply]);
    let again = booth.organise("/refunds", json!({ "order": order })).await;
    assert_eq!(again.status, StatusCode::ACCEPTED, "{}", again.body);
    assert_eq!(again.body["order"].get("link"), None, "it is the buyer's proof");
    booth.becomes("v", &order, "refunded").await;
    assert_eq!(
        fake.objects(|objects| objects.refunds.len()),
        2,
        "one that failed, one that did not"
    );
    assert_eq!(fake.money(), (0, 0));
    booth.agrees().await;
}

#[tokio::test]
async fn a2_only_stripe_is_believed() {
    let (booth, fake) = open(Style::Held).await;
    let order = booth.ready("v", 1).await;
    fake.will("confirm", &[Mood::LateReplyMs(30_000); 3]);
    booth.pay("v", &order, "pm_card_visa").await;
    let event = fake.hooks().held()[0].to_string();
    let (hooks, now) = (fake.hooks(), now_s());
    for signature in [
        None,
        Some(String::new()),
        Some(signed("whsec_other", now, &event)),
        Some(signed(SECRET, now - 400, &event)),
        Some(signed(SECRET, now, "{}")),
    ] {
        assert_eq!(
            hooks.send_raw(&event, signature.as_deref()).await,
            StatusCode::BAD_REQUEST,
            "{signature:?}"
        );
    }
    assert_eq!(booth.stage("v", &order).await, "paying");
    for strange in [
        "{}",
        "[]",
        "{\"id\":\"evt_9\",\"type\":\"payment_intent.succeeded\",\"data\":{\"object\":{\"id\":\"pi_9\",\"metadata\":{}}}}",
    ] {
        assert_eq!(
            hooks.send_raw(strange, Some(&signed(SECRET, now, strange))).await,
            StatusCode::OK,
            "{strange}"
        );
    }
    assert_eq!(
        hooks.send_raw("no", Some(&signed(SECRET, now, "no"))).await,
        StatusCode::BAD_REQUEST
    );
    let long = "x".repeat(300_000);
    assert_eq!(
        hooks.send_raw(&long, Some(&signed(SECRET, now, &long))).await,
        StatusCode::PAYLOAD_TOO_LARGE
    );
    // The older secret is as good as the newer while both are known.
    assert_eq!(
        hooks.send_raw(&event, Some(&signed("whsec_older", now, &event))).await,
        StatusCode::OK
    );
    booth.becomes("v", &order, "confirmed").await;
    booth.agrees().await;
}

/// Nobody is offered a card that the provider does not know.
#[tokio::test]
async fn the_basket_says_that_cards_are_paid_through_the_api() {
    let (booth, _fake) = open(Style::Held).await;
    let order = booth.ready("v", 2).await;
    let path = format!("/orders/{order}");
    let page = booth.page("v", &path).await;
    assert!(page.contains("paid through the booking API"), "{page}");
    assert!(!page.contains("id=\"card\"") && !page.contains("simulated"), "{page}");
    let request = booth
        .post(&path)
        .header("stanchion-pass", booth.signer.pass("v"))
        .header("accept", "text/html")
        .header("content-type", "application/x-www-form-urlencoded")
        .body("name=Ada");
    assert_eq!(request.send().await.unwrap().status(), StatusCode::BAD_REQUEST);
    assert_eq!(booth.stage("v", &order).await, "held");
}

/// Without a pass and without the organiser's token; a provider that sends no webhooks has no such address.
#[tokio::test]
async fn the_simulated_provider_takes_no_webhooks() {
    let booth = Booth::open(1).await;
    let answer = booth.post("/api/v1/payments/stripe").body("{}").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
}
