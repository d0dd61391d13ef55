//! The real binary, killed between what Stripe did and what the service kept: started again, it ends where money and
//! places agree (O1, I19).

use std::time::Duration;

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use stanchion_testkit::wait_until_async;
use tempfile::TempDir;

use super::fake::{Fake, Mood};
use super::hooks::{SECRET, Style};
use crate::crash::{Service, serve_jwks};
use crate::support::{Answer, Signer, TOKEN};

struct Stand {
    folder: TempDir,
    jwks: String,
    signer: Signer,
    client: Client,
    fake: Fake,
}

impl Stand {
    async fn new() -> Stand {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("key", "sk_test_fake\n"), ("secret", SECRET), ("token", TOKEN)] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let signer = Signer::new("k1", 7);
        Stand {
            folder,
            jwks: serve_jwks(signer.jwks().to_string()).await,
            signer,
            client: Client::builder().timeout(Duration::from_secs(30)).build().unwrap(),
            fake: Fake::start().await,
        }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn start(&self) -> Service {
        let service = Service::start_with(
            &format!("sqlite:{}", self.path("booking.db")),
            &self.jwks,
            &[
                "--payments",
                "stripe",
                "--stripe-url",
                self.fake.url(),
                "--stripe-key-file",
                &self.path("key"),
                "--stripe-webhook-secret-file",
                &self.path("secret"),
                "--organiser-token",
                &self.path("token"),
            ],
        );
        self.fake
            .hooks()
            .send_to(&service.url("/api/v1/payments/stripe"), Style::Held);
        service
    }

    async fn call(&self, service: &Service, method: Method, path: &str, body: Value) -> Answer {
        let request = self.client.request(method.clone(), service.url(path));
        let request = request
            .header("stanchion-pass", self.signer.pass("v"))
            .bearer_auth(TOKEN);
        let request = match method {
            Method::GET => request,
            _ => request.header("idempotency-key", format!("k{path}")).json(&body),
        };
        Answer::of(request.send().await.unwrap()).await
    }

    async fn hold(&self, service: &Service) -> String {
        let body = json!({"event": "small-hours", "count": 1, "name": "Ada"});
        let held = self.call(service, Method::POST, "/api/v1/holds", body).await;
        assert_eq!(held.status, StatusCode::CREATED, "{}", held.body);
        held.body["hold"]["id"].as_str().unwrap().to_owned()
    }

    /// Begins, and is killed as soon as Stripe has done this.
    async fn killed_once(&self, mut service: Service, path: &str, body: Value, done: impl Fn(&Fake) -> bool) {
        let request = self
            .client
            .post(service.url(path))
            .header("stanchion-pass", self.signer.pass("v"));
        let request = request
            .header("idempotency-key", format!("k{path}"))
            .bearer_auth(TOKEN)
            .json(&body);
        let asking = tokio::spawn(request.send());
        assert!(wait_until_async(Duration::from_secs(10), async || done(&self.fake)).await);
        service.kill();
        assert!(asking.await.unwrap().is_err(), "killed before it answered");
    }

    async fn becomes(&self, service: &Service, order: &str, stage: &str) {
        let look = async || {
            let seen = self
                .call(service, Method::GET, &format!("/api/v1/orders/{order}"), Value::Null)
                .await;
            seen.body["order"]["stage"].clone()
        };
        let is_so = wait_until_async(Duration::from_secs(25), async || look().await == stage);
        assert!(is_so.await, "{} instead of {stage}", look().await);
    }

    async fn agrees(&self, service: &Service) {
        let found = self
            .call(service, Method::GET, "/api/v1/organiser/differences", Value::Null)
            .await
            .body;
        for list in ["odd", "unwanted", "doubted", "uncaptured", "refunding", "refused"] {
            assert_eq!(found[list], json!([]), "{list}: {found}");
        }
    }
}

const LATE: Mood = Mood::LateReplyMs(20_000);

/// Nobody hears that the money is set aside, and no webhook comes.
#[tokio::test]
async fn i19_killed_between_authorise_and_commit() {
    let stand = Stand::new().await;
    let service = stand.start();
    let order = stand.hold(&service).await;
    stand.fake.will("confirm", &[LATE]);
    let (path, card) = (
        format!("/api/v1/orders/{order}/payments"),
        json!({"method": "card", "card": "pm_card_visa"}),
    );
    stand.killed_once(service, &path, card, |fake| fake.money().0 > 0).await;
    let service = stand.start();
    stand.becomes(&service, &order, "confirmed").await;
    assert_eq!(stand.fake.money().0, 0);
    assert!(stand.fake.money().1 > 0);
    // What Stripe told nobody meanwhile comes now.
    for event in stand.fake.hooks().held() {
        assert_eq!(stand.fake.hooks().send(&event).await, StatusCode::OK);
    }
    stand.agrees(&service).await;
}

/// The places are sold and the money is taken; nobody has kept that it is.
#[tokio::test]
async fn i19_killed_between_commit_and_capture_and_in_a_refund() {
    let stand = Stand::new().await;
    let service = stand.start();
    let order = stand.hold(&service).await;
    stand.fake.will("capture", &[LATE]);
    let (path, card) = (
        format!("/api/v1/orders/{order}/payments"),
        json!({"method": "card", "card": "pm_card_visa"}),
    );
    stand.killed_once(service, &path, card, |fake| fake.money().1 > 0).await;
    let service = stand.start();
    stand.becomes(&service, &order, "confirmed").await;
    // The same for the way back.
    stand.fake.will("refund", &[LATE]);
    let path = "/api/v1/organiser/refunds";
    stand
        .killed_once(service, path, json!({ "order": order }), |fake| fake.money().1 == 0)
        .await;
    let service = stand.start();
    stand.becomes(&service, &order, "refunded").await;
    assert_eq!(
        (stand.fake.money(), stand.fake.objects(|objects| objects.refunds.len())),
        ((0, 0), 1)
    );
    stand.agrees(&service).await;
}
