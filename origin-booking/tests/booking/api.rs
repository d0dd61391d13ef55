//! Hold → order → payment → confirmed over HTTP (O1, O2, O3), for one person, for two who want the same, and for a
//! provider in every mood.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Answer, Booth};

impl Booth {
    /// A call with a key of its own.
    pub async fn call(&self, visitor: &str, path: &str, body: Value) -> Answer {
        let key = format!("{path}-{body}")
            .bytes()
            .fold(7_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        self.keyed(visitor, path, &format!("k{key}"), body).await
    }

    pub async fn keyed(&self, visitor: &str, path: &str, key: &str, body: Value) -> Answer {
        let request = self.post(path).header("stanchion-pass", self.signer.pass(visitor));
        Answer::of(request.header("idempotency-key", key).json(&body).send().await.unwrap()).await
    }

    pub async fn seen(&self, visitor: &str, path: &str) -> Answer {
        self.asked(visitor, Method::GET, path).await
    }

    pub async fn asked(&self, visitor: &str, method: Method, path: &str) -> Answer {
        let request = self.client.request(method, self.url(path));
        Answer::of(
            request
                .header("stanchion-pass", self.signer.pass(visitor))
                .send()
                .await
                .unwrap(),
        )
        .await
    }

    /// A hold with a name on it, ready to be paid.
    pub async fn ready(&self, visitor: &str, count: u32) -> String {
        let answer = self
            .call(
                visitor,
                "/api/v1/holds",
                json!({"event": "gala", "count": count, "name": "Ada"}),
            )
            .await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
        answer.body["hold"]["id"].as_str().unwrap().to_owned()
    }

    pub async fn pay(&self, visitor: &str, order: &str, card: &str) -> Answer {
        let path = format!("/api/v1/orders/{order}/payments");
        self.call(visitor, &path, json!({"method": "card", "card": card})).await
    }
}

#[tokio::test]
async fn a_hold_becomes_an_order_and_is_paid() {
    let booth = Booth::open(10).await;
    let held = booth
        .call("v", "/api/v1/holds", json!({"event": "gala", "count": 2}))
        .await;
    assert_eq!(held.status, StatusCode::CREATED, "{}", held.body);
    let hold = &held.body["hold"];
    let id = hold["id"].as_str().unwrap();
    assert_eq!(held.headers["location"], format!("/api/v1/holds/{id}"));
    assert_eq!((&hold["stage"], &hold["total_minor"]), (&json!("held"), &json!(2_500)));
    let lasts_ms = hold["expires_at_ms"].as_u64().unwrap() - hold["created_at_ms"].as_u64().unwrap();
    assert_eq!((lasts_ms, booth.left("gala").await), (300_000, 8));
    let unnamed = booth.pay("v", id, "approve").await;
    assert_eq!(
        (unnamed.status, unnamed.problem()),
        (StatusCode::BAD_REQUEST, "no-name")
    );
    let order = booth
        .call("v", "/api/v1/orders", json!({"hold": id, "name": "Ada"}))
        .await;
    assert_eq!(
        (order.status, &order.body["order"]["name"]),
        (StatusCode::CREATED, &json!("Ada"))
    );
    let path = format!("/api/v1/orders/{id}/payments");
    let paid = booth.keyed("v", &path, "pay", json!({"method": "card"})).await;
    assert_eq!(
        (paid.status, &paid.body["order"]["stage"]),
        (StatusCode::CREATED, &json!("confirmed"))
    );
    let again = booth.keyed("v", &path, "pay", json!({"method": "card"})).await;
    assert_eq!(
        (again.status, again.body, again.replayed),
        (paid.status, paid.body, true)
    );
    assert_eq!(
        (
            booth.running.sold_count(),
            booth.provider.taken_minor(),
            booth.provider.set_aside_minor()
        ),
        (2, 2_500, 0)
    );
    let mine = booth.seen("v", "/api/v1/orders").await;
    assert_eq!(mine.body["orders"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn o3_nobody_sees_pays_or_releases_another_persons_order() {
    let booth = Booth::open(10).await;
    let order = booth.ready("ada", 1).await;
    let pay = booth.pay("eve", &order, "approve").await;
    let look = booth.seen("eve", &format!("/api/v1/orders/{order}")).await;
    let release = booth
        .asked("eve", Method::DELETE, &format!("/api/v1/holds/{order}"))
        .await;
    let check_out = booth
        .call("eve", "/api/v1/orders", json!({"hold": order, "name": "Eve"}))
        .await;
    for answer in [pay, look, release, check_out] {
        assert_eq!(
            (answer.status, answer.problem()),
            (StatusCode::NOT_FOUND, "unknown-order")
        );
    }
    assert_eq!(booth.seen("eve", "/api/v1/orders").await.body, json!({"orders": []}));
    for _ in 0..2 {
        let released = booth
            .asked("ada", Method::DELETE, &format!("/api/v1/holds/{order}"))
            .await;
        assert_eq!(
            (released.status, &released.body["hold"]["stage"]),
            (StatusCode::OK, &json!("cancelled"))
        );
    }
    assert_eq!(booth.left("gala").await, 10);
    for (path, body) in [
        ("/api/v1/holds", json!({})),
        ("/booking", json!({})),
        ("/pay", json!({})),
        ("/api/v1/waiting-list", json!({})),
    ] {
        let answer = Answer::of(booth.post(path).json(&body).send().await.unwrap()).await;
        assert_eq!(
            (answer.status, answer.problem()),
            (StatusCode::UNAUTHORIZED, "pass-required"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn o2_keys_are_required_and_bound_to_their_request() {
    let booth = Booth::open(10).await;
    let hold = |count: u32| json!({"event": "gala", "count": count});
    let bare = booth
        .post("/api/v1/holds")
        .header("stanchion-pass", booth.signer.pass("v"));
    let bare = Answer::of(bare.json(&hold(1)).send().await.unwrap()).await;
    assert_eq!((bare.status, bare.problem()), (StatusCode::BAD_REQUEST, "key-required"));
    let first = booth.keyed("v", "/api/v1/holds", "k", hold(1)).await;
    let again = booth.keyed("v", "/api/v1/holds", "k", hold(1)).await;
    assert_eq!(
        (&first.body, first.replayed, again.replayed),
        (&again.body, false, true)
    );
    let other = booth.keyed("v", "/api/v1/holds", "k", hold(2)).await;
    assert_eq!(
        (other.status, other.problem()),
        (StatusCode::UNPROCESSABLE_ENTITY, "key-reused")
    );
    let elsewhere = booth.keyed("v", "/api/v1/waiting-list", "k", hold(1)).await;
    assert_eq!(elsewhere.problem(), "key-reused");
    assert_eq!(booth.left("gala").await, 9);
    // While the provider thinks, the same key is told that its first request is under way.
    let order = booth.ready("w", 1).await;
    let path = format!("/api/v1/orders/{order}/payments");
    let slow = json!({"method": "card", "card": "delay"});
    let (paid, meanwhile) = tokio::join!(booth.keyed("w", &path, "pay", slow.clone()), async {
        let paying = stanchion_testkit::wait_until_async(std::time::Duration::from_secs(5), async || {
            booth.seen("w", &format!("/api/v1/orders/{order}")).await.body["order"]["stage"] == "paying"
        });
        assert!(paying.await);
        booth.keyed("w", &path, "pay", slow.clone()).await
    });
    assert_eq!(
        (meanwhile.status, meanwhile.problem()),
        (StatusCode::CONFLICT, "in-flight")
    );
    assert_eq!(paid.status, StatusCode::CREATED);
}

#[tokio::test]
async fn named_seats_go_to_one_of_two() {
    let booth = Booth::open(10).await;
    let plan = json!({"zones": [{"id": "A", "price_minor": 3000}], "sections": [
        {"id": "main", "zone": "A", "rows": [{"id": "1", "rows": 2, "seats": 5, "accessible": [1]}]}]});
    let event = json!({"id": "hall", "title": "Hall", "venue": "The Dock", "when": "Today", "starts_at_ms": 1_797_033_600_000_u64,
        "price": {"currency": "EUR", "minor": 0}, "seats": 0, "hall": plan});
    assert_eq!(
        booth.organise("/events", event.clone()).await.status,
        StatusCode::CREATED
    );
    assert_eq!(
        booth.organise("/events", event).await.status,
        StatusCode::CREATED,
        "again: nothing changes"
    );
    let seats = |seats: &[&str]| json!({"event": "hall", "seats": seats});
    let (ada, bob) = tokio::join!(
        booth.call("ada", "/api/v1/holds", seats(&["main-1-2", "main-1-3"])),
        booth.call("bob", "/api/v1/holds", seats(&["main-1-3", "main-1-2"])),
    );
    let (won, lost) = if ada.status == StatusCode::CREATED {
        (ada, bob)
    } else {
        (bob, ada)
    };
    assert_eq!(won.body["hold"]["seats"], json!(["main-1-2", "main-1-3"]));
    assert_eq!((lost.status, lost.problem()), (StatusCode::CONFLICT, "seat-taken"));
    let map = booth.seen("cid", "/api/v1/events/hall/seats").await;
    assert_eq!(map.body["rows"][0]["seats"], ".xx..");
    assert_eq!(
        booth.seen("cid", "/api/v1/events/gala/seats").await.problem(),
        "not-numbered"
    );
    let best = booth
        .call("cid", "/api/v1/holds", json!({"event": "hall", "count": 3}))
        .await;
    assert_eq!(best.body["hold"]["seats"], json!(["main-2-3", "main-2-4", "main-2-5"]));
    for (body, kind) in [
        (seats(&["main-9-1"]), "no-such-seat"),
        (seats(&["main-2-2", "main-2-2"]), "seat-twice"),
        (seats(&[]), "bad-order"),
        (json!({"event": "hall", "count": 0}), "bad-order"),
        (json!({"event": "hall", "count": -1}), "bad-order"),
        (json!({"event": "hall", "count": 2_147_483_648_u64}), "bad-order"),
        (json!({"event": "hall", "count": 1.5}), "bad-order"),
        (json!({"event": "hall", "count": 1, "seats": ["main-2-1"]}), "bad-order"),
        (json!({"event": "hall", "count": 1, "price_minor": 1}), "bad-order"),
        (json!({"event": "hall", "count": 5}), "none-together"),
        (json!({"event": "hall", "count": 1, "zone": "Z"}), "no-such-seat"),
    ] {
        assert_eq!(
            booth.call("dan", "/api/v1/holds", body.clone()).await.problem(),
            kind,
            "{body}"
        );
    }
    let found = booth
        .seen(
            "v",
            "/api/v1/events?search=hall&place=dock&from=2026-12-12&to=2026-12-12",
        )
        .await;
    assert_eq!(
        (&found.body["total"], &found.body["events"][0]["id"]),
        (&json!(1), &json!("hall"))
    );
    let page = booth.seen("v", "/events/?search=gala&page=2&per_page=1").await;
    assert_eq!((&page.body["total"], &page.body["events"]), (&json!(1), &json!([])));
    assert_eq!(booth.seen("v", "/api/v1/events?page=0").await.problem(), "bad-query");
}

#[tokio::test]
async fn the_short_forms_book_and_pay() {
    let booth = Booth::open(10).await;
    let pass = booth.signer.pass("v");
    let send = async |path: &str, body: Value| {
        let request = booth.post(path).header("stanchion-pass", &pass).json(&body);
        Answer::of(request.send().await.unwrap()).await
    };
    let booked = send("/booking", json!({"event": "gala", "count": 2, "name": "Ada"})).await;
    assert_eq!(booked.status, StatusCode::CREATED);
    let paid = send("/pay", json!({"booking": booked.body["booking"]["id"]})).await;
    assert_eq!(
        (paid.status, &paid.body["order"]["stage"]),
        (StatusCode::CREATED, &json!("confirmed"))
    );
    assert_eq!(booth.running.sold_count(), 2);
}
