//! Against localstripe (PyPI), which somebody else wrote: create, confirm, capture, decline, cancel, refund and its list,
//! and webhooks. It knows no idempotency keys, no `return_url`, no times in lists and no `amount_capturable_updated`; for
//! those there is the small Stripe.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::routing::post;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use stanchion_booking::payments::stripe::{Stripe, StripeSettings};
use stanchion_testkit::{Process, free_port, wait_until_async};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::support::{Booth, With};

const INSTALL: &str =
    "python3 -m venv target/tools/python && target/tools/python/bin/pip install -r testkit/python/requirements.txt";
const KEY: &str = "sk_test_local";

struct LocalStripe {
    _process: Process,
    _folder: TempDir,
    url: String,
    client: Client,
}

impl LocalStripe {
    async fn start() -> LocalStripe {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let program = root.join("target/tools/python/bin/localstripe");
        assert!(program.is_file(), "localstripe is missing; install it with: {INSTALL}");
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        let mut command = Command::new(program);
        command
            .args(["--from-scratch", "--port", &port.to_string()])
            .current_dir(folder.path());
        command.env("HOME", folder.path()).env("TMPDIR", folder.path());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let local = LocalStripe {
            _process: Process::spawn(&mut command).unwrap(),
            _folder: folder,
            url: format!("http://127.0.0.1:{port}"),
            client: Client::new(),
        };
        let answers = wait_until_async(Duration::from_secs(20), async || {
            local.get("/v1/refunds").await.is_some()
        });
        assert!(answers.await, "localstripe does not answer");
        local
    }

    async fn get(&self, path: &str) -> Option<Value> {
        let answer = self
            .client
            .get(format!("{}{path}", self.url))
            .bearer_auth(KEY)
            .send()
            .await;
        answer.ok()?.json().await.ok()
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let request = self
            .client
            .post(format!("{}{path}", self.url))
            .bearer_auth(KEY)
            .json(&body);
        request.send().await.unwrap().json().await.unwrap_or_default()
    }

    async fn card(&self, number: &str) -> String {
        let card = json!({"number": number, "exp_month": 12, "exp_year": 2040, "cvc": "123"});
        let made = self
            .post("/v1/payment_methods", json!({"type": "card", "card": card}))
            .await;
        made["id"].as_str().expect("a payment method").to_owned()
    }

    async fn statuses(&self) -> Vec<String> {
        let list = self.get("/v1/payment_intents?limit=100").await.unwrap();
        let status = |intent: &Value| intent["status"].as_str().unwrap().to_owned();
        list["data"].as_array().unwrap().iter().map(status).collect()
    }
}

/// Takes webhooks as they are.
async fn listen(heard: mpsc::Sender<(String, Bytes)>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let take = async move |headers: HeaderMap, body: Bytes| {
        let signature = headers["stripe-signature"].to_str().unwrap().to_owned();
        let _ = heard.send((signature, body)).await;
    };
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/", post(take))).await });
    url
}

/// A service whose money is at localstripe, and its webhooks.
async fn open() -> (LocalStripe, Booth, mpsc::Receiver<(String, Bytes)>) {
    stanchion_booking::install_crypto();
    let local = LocalStripe::start().await;
    let settings = StripeSettings::read(KEY, "whsec_local")
        .unwrap()
        .at(local.url.parse().unwrap())
        .unwrap();
    let with = With {
        provider: Some(Arc::new(Stripe::new(&settings).unwrap())),
        ..With::default()
    };
    let booth = Booth::open_so(10, with).await;
    let (heard, hooks) = mpsc::channel(16);
    let ear = listen(heard).await;
    local
        .post("/_config/webhooks/ours", json!({"url": ear, "secret": "whsec_local"}))
        .await;
    (local, booth, hooks)
}

#[tokio::test]
async fn localstripe_is_paid_refused_and_pays_back() {
    let (local, booth, mut hooks) = open().await;
    let order = booth.ready("v", 2).await;
    let declined = booth.pay("v", &order, &local.card("4000000000000341").await).await;
    assert_eq!(
        (declined.status, declined.problem()),
        (StatusCode::PAYMENT_REQUIRED, "payment-declined")
    );
    let paid = booth.pay("v", &order, &local.card("4242424242424242").await).await;
    assert_eq!(
        (paid.status, &paid.body["order"]["stage"]),
        (StatusCode::CREATED, &json!("confirmed")),
        "{}",
        paid.body
    );
    let refunded = booth.organise("/refunds", json!({ "order": order })).await;
    assert_eq!(
        (refunded.status, &refunded.body["order"]["stage"]),
        (StatusCode::OK, &json!("refunded"))
    );
    let refunds = local.get("/v1/refunds").await.unwrap();
    assert_eq!(
        (refunds["data"].as_array().unwrap().len(), &refunds["data"][0]["amount"]),
        (1, &json!(2_500))
    );

    // It wants to ask the visitor, and has no page for that: given up, and cancelled there.
    let asks = booth.ready("w", 1).await;
    let asked = booth.pay("w", &asks, &local.card("4000002500003155").await).await;
    assert_eq!(
        (asked.status, asked.problem()),
        (StatusCode::PAYMENT_REQUIRED, "payment-declined"),
        "{}",
        asked.body
    );
    let mut statuses = local.statuses().await;
    statuses.sort();
    assert_eq!(statuses, ["canceled", "requires_payment_method", "succeeded"]);
    // Its webhooks come a second later. They are signed as ours are expected to be, and change nothing any more.
    for _ in 0..2 {
        let (signature, body) = tokio::time::timeout(Duration::from_secs(10), hooks.recv())
            .await
            .unwrap()
            .unwrap();
        let request = booth
            .post("/api/v1/payments/stripe")
            .header("stripe-signature", &signature);
        let said = request.body(body.clone()).send().await.unwrap();
        assert_eq!(
            said.status(),
            StatusCode::OK,
            "{signature} {}",
            String::from_utf8_lossy(&body)
        );
    }
    assert_eq!(
        (
            booth.stage("v", &order).await.as_str(),
            booth.stage("w", &asks).await.as_str()
        ),
        ("refunded", "held")
    );
    booth.agrees().await;
}
