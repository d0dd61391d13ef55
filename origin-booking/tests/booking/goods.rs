//! What is sold beside places, and the organiser who puts it on offer.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{Answer, Booth};

impl Booth {
    async fn put_on_offer(&self, path: &str, body: Value) {
        assert_eq!(self.organise(path, body).await.status, StatusCode::CREATED, "{path}");
    }
}

#[tokio::test]
async fn coupons_and_votes_are_one_a_person() {
    let booth = Booth::open(4).await;
    booth
        .put_on_offer("/campaigns", json!({"id": "tea", "coupons": 1}))
        .await;
    let poll = json!({"id": "encore", "question": "Which?", "options": ["a", "b"]});
    booth.put_on_offer("/polls", poll).await;
    let coupon = async |visitor: &str, key: &str| {
        booth
            .keyed(visitor, "/api/v1/campaigns/tea/coupons", key, json!({}))
            .await
    };
    assert_eq!(coupon("ada", "k1").await.body["coupon"]["number"], 1);
    assert!(coupon("ada", "k1").await.replayed);
    assert_eq!(coupon("ada", "k2").await.problem(), "coupon-had");
    assert_eq!(coupon("bob", "k1").await.problem(), "coupons-gone");
    let vote = async |visitor: &str, key: &str, option: u32| {
        booth
            .keyed(visitor, "/api/v1/polls/encore/votes", key, json!({"option": option}))
            .await
    };
    assert_eq!(vote("ada", "v1", 1).await.status, StatusCode::CREATED);
    assert_eq!(vote("ada", "v2", 1).await.problem(), "voted");
    assert_eq!(vote("bob", "v1", 9).await.problem(), "no-such-option");
    let poll = booth.seen("bob", "/api/v1/polls/encore").await;
    assert_eq!(poll.body["poll"]["options"][1]["votes"], 1);
}

/// 1,250 at half price is 625: 1,000 points are enough once, and not twice. What is refunded goes to whoever waits.
#[tokio::test]
async fn codes_points_refunds_and_the_waiting_list() {
    let booth = Booth::open(4).await;
    booth
        .put_on_offer("/codes", json!({"id": "HALF", "off": {"percent": 50}, "uses": 1}))
        .await;
    booth
        .put_on_offer("/points", json!({"person": "ada", "points": 1_000}))
        .await;
    let order = booth.ready("ada", 1).await;
    let name = |order: &str| json!({"hold": order, "name": "Ada", "code": "HALF"});
    let with_code = booth.call("ada", "/api/v1/orders", name(&order)).await;
    assert_eq!(with_code.body["order"]["total_minor"], 625);
    let other = booth.ready("bob", 1).await;
    let spent = booth.call("bob", "/api/v1/orders", name(&other)).await;
    assert_eq!(spent.problem(), "code-spent");
    let by_points = async |visitor: &str, order: &str| {
        let path = format!("/api/v1/orders/{order}/payments");
        booth.call(visitor, &path, json!({"method": "points"})).await
    };
    assert_eq!(by_points("ada", &order).await.body["order"]["stage"], "confirmed");
    assert_eq!(booth.seen("ada", "/api/v1/points").await.body["points"], 375);
    assert_eq!(by_points("bob", &other).await.problem(), "too-few-points");
    booth.ready("cid", 2).await;
    let waits = json!({"event": "gala", "count": 1});
    let waits = booth.call("dan", "/api/v1/waiting-list", waits).await.body["order"].clone();
    assert_eq!(
        (&waits["stage"], &waits["waiting_before"]),
        (&json!("created"), &json!(0))
    );
    let refunded = booth.organise("/refunds", json!({"order": order})).await;
    assert_eq!(
        (refunded.status, &refunded.body["order"]["stage"]),
        (StatusCode::OK, &json!("refunded"))
    );
    assert_eq!(booth.seen("ada", "/api/v1/points").await.body["points"], 1_000);
    let offered = booth
        .seen("dan", &format!("/api/v1/orders/{}", waits["id"].as_str().unwrap()))
        .await;
    assert_eq!(
        offered.body["order"]["stage"], "held",
        "what came free is offered to whoever waits"
    );
}

#[tokio::test]
async fn a1_the_organisers_calls_need_the_organisers_token() {
    let booth = Booth::open(10).await;
    let campaign = json!({"id": "tea", "coupons": 1});
    for token in [
        None,
        Some("Bearer wrong"),
        Some("Bearer "),
        Some("organiser-token-organiser-token-0"),
    ] {
        let mut request = booth.post("/api/v1/organiser/campaigns").json(&campaign);
        request = request.header("stanchion-pass", booth.signer.pass("v"));
        if let Some(token) = token {
            request = request.header("authorization", token);
        }
        let answer = Answer::of(request.send().await.unwrap()).await;
        assert_eq!(
            (answer.status, answer.problem()),
            (StatusCode::UNAUTHORIZED, "token-required"),
            "{token:?}"
        );
    }
}
