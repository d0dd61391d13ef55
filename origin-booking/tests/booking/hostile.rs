//! What nobody should send (O1, O2, O3, A2): each with its exact answer, and nothing sold or held by any of it.

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::json;

use crate::support::{Answer, Booth};

const JSON: &str = "application/json";

impl Booth {
    fn raw(&self, path: &str, kind: &str, body: impl Into<reqwest::Body>) -> RequestBuilder {
        let request = self.post(path).header("stanchion-pass", self.signer.pass("v"));
        request
            .header("idempotency-key", "hostile")
            .header("content-type", kind)
            .body(body)
    }

    async fn with_a_hall(&self) {
        let plan = json!({"zones": [{"id": "A", "price_minor": 3000}], "sections": [
            {"id": "main", "zone": "A", "rows": [{"id": "1", "rows": 2, "seats": 64}]}]});
        let event = json!({"id": "hall", "title": "Hall", "venue": "Dock", "when": "Today", "cap": 100,
            "price": {"currency": "EUR", "minor": 0}, "seats": 0, "hall": plan});
        assert_eq!(self.organise("/events", event).await.status, StatusCode::CREATED);
    }

    /// Nothing was sold, held or ordered.
    pub async fn assert_untouched(&self, seats: u64) {
        assert_eq!((self.running.sold_count(), self.left("gala").await), (0, seats));
        for visitor in ["v", "w"] {
            assert_eq!(
                self.seen(visitor, "/api/v1/orders").await.body,
                json!({"orders": []}),
                "{visitor}"
            );
        }
    }
}

/// The status and the kind of problem, told in a way that helps.
pub fn assert_refused(answer: &Answer, status: u16, kind: &str, what: &str) {
    let detail = answer.body["detail"].as_str().unwrap_or_default();
    assert_eq!(
        (answer.status.as_u16(), answer.problem()),
        (status, kind),
        "{what}: {detail}"
    );
    assert_eq!(answer.headers["content-type"], "application/problem+json", "{what}");
    assert_eq!(answer.body["status"], status, "{what}");
    let title = answer.body["title"].as_str().unwrap_or_default();
    let readable = (10..=400).contains(&detail.chars().count()) && !detail.contains(char::is_control);
    assert!(readable && !title.is_empty(), "{what}: {title:?}, {detail:?}");
    assert_eq!(answer.headers.contains_key("retry-after"), status == 503, "{what}");
}

async fn each_body_is_refused(booth: &Booth, path: &str, cases: &[(String, u16, &str)]) {
    for (body, status, kind) in cases {
        let answer = Answer::of(booth.raw(path, JSON, body.clone()).send().await.unwrap()).await;
        assert_refused(&answer, *status, kind, &format!("{path} {body:.80}"));
    }
}

fn seats_of_the_hall(many: usize) -> String {
    let names: Vec<String> = (0..many)
        .map(|n| format!("main-{}-{}", n / 64 + 1, n % 64 + 1))
        .collect();
    json!({"event": "hall", "seats": names}).to_string()
}

/// What nobody can have, and how that is said.
fn impossible() -> Vec<(String, u16, &'static str)> {
    let count = |count: &str| format!(r#"{{"event": "gala", "count": {count}}}"#);
    let seats = |seats: &str| format!(r#"{{"event": "hall", "seats": {seats}}}"#);
    let mut cases = Vec::new();
    for never in [
        "0",
        "-1",
        "101",
        "2147483648",
        "18446744073709551616",
        "1e400",
        "1.5",
        "1.0",
        "\"1\"",
        "null",
        "true",
        "[1]",
    ] {
        cases.push((count(never), 400, "bad-order"));
    }
    for never in [
        "[]",
        "null",
        "1",
        "\"main-1-1\"",
        "[1]",
        "[null]",
        "[[\"main-1-1\"]]",
        "{}",
    ] {
        cases.push((seats(never), 400, "bad-order"));
    }
    for nowhere in [
        "",
        "main",
        "main-1",
        "main-1-0",
        "main-1-65",
        "main-1--1",
        "main-1-01",
        "main-1-1.5",
        "MAIN-1-1",
        "main-9-1",
        "main-1-2147483648",
        "main-1-1\\u0000",
        "\u{1f3ad}",
    ] {
        cases.push((seats(&format!("[\"{nowhere}\"]")), 404, "no-such-seat"));
    }
    cases.push((seats(r#"["main-1-1", "main-1-1"]"#), 400, "seat-twice"));
    cases.push((seats_of_the_hall(101), 400, "bad-order"));
    cases.push((count("65"), 409, "too-many-seats"));
    cases.push((count("1").replace("gala", "nothing"), 404, "unknown-event"));
    cases.push((
        r#"{"event": "gala", "count": 1, "seats": ["main-1-1"]}"#.to_owned(),
        400,
        "bad-order",
    ));
    cases
}

#[tokio::test]
async fn o1_counts_and_seats_that_cannot_be() {
    let booth = Booth::open(10).await;
    booth.with_a_hall().await;
    let cases = impossible();
    for path in ["/api/v1/holds", "/booking"] {
        for (number, (body, status, kind)) in cases.iter().enumerate() {
            let request = booth.raw(path, JSON, body.clone());
            let request = request.header("x-case", number.to_string());
            let mut request = request.build().unwrap();
            let key = format!("{path}-{number}").parse().unwrap();
            request.headers_mut().insert("idempotency-key", key);
            // A visitor has 64 keys.
            let pass = booth
                .signer
                .pass(if number % 2 == 0 { "v" } else { "w" })
                .parse()
                .unwrap();
            request.headers_mut().insert("stanchion-pass", pass);
            let answer = Answer::of(booth.client.execute(request).await.unwrap()).await;
            assert_refused(&answer, *status, kind, &format!("{path} {body:.80}"));
        }
    }
    booth.assert_untouched(10).await;
    // 65 seats of two rows, which the organiser allows: all of them, or none.
    let held = booth
        .call(
            "ada",
            "/api/v1/holds",
            serde_json::from_str(&seats_of_the_hall(65)).unwrap(),
        )
        .await;
    assert_eq!(
        (held.status, held.body["hold"]["total_minor"].as_u64()),
        (StatusCode::CREATED, Some(65 * 3_000))
    );
}

#[tokio::test]
async fn o1_nobody_names_a_price_or_says_that_nothing_is_owed() {
    let booth = Booth::open(10).await;
    let order = booth.ready("ada", 1).await;
    let path = format!("/api/v1/orders/{order}/payments");
    for (path, body) in [
        ("/api/v1/holds", json!({"event": "gala", "count": 1, "price_minor": 1})),
        ("/api/v1/holds", json!({"event": "gala", "count": 1, "total_minor": 0})),
        ("/api/v1/holds", json!({"event": "gala", "count": 1, "currency": "THB"})),
        ("/api/v1/holds", json!({"event": "gala", "count": 1, "person": "bob"})),
        (
            "/api/v1/orders",
            json!({"hold": order, "name": "Ada", "discount_minor": 1_250}),
        ),
        (
            "/api/v1/orders",
            json!({"hold": order, "name": "Ada", "stage": "confirmed"}),
        ),
        (&path, json!({"method": "card", "amount_minor": 1})),
        (&path, json!({"method": "free"})),
        (&path, json!({"method": "door"})),
        (&path, json!({"method": "none"})),
        (
            "/bookings",
            json!({"event": "gala", "seats": 1, "name": "Ada", "price_minor": 1}),
        ),
        ("/pay", json!({"booking": order, "method": "free"})),
    ] {
        let answer = booth.call("ada", path, body.clone()).await;
        assert_refused(&answer, 400, "bad-order", &format!("{path} {body}"));
    }
    let seen = booth.seen("ada", &format!("/api/v1/orders/{order}")).await;
    assert_eq!(
        (&seen.body["order"]["stage"], &seen.body["order"]["total_minor"]),
        (&json!("held"), &json!(1_250))
    );
    assert_eq!(
        (
            booth.running.sold_count(),
            booth.left("gala").await,
            booth.provider.taken_minor()
        ),
        (0, 9, 0)
    );
}

#[tokio::test]
async fn bodies_that_nobody_can_read() {
    let booth = Booth::open(10).await;
    let good = r#"{"event": "gala", "count": 1}"#;
    let cases: Vec<(String, u16, &str)> = [
        "",
        " ",
        "{",
        "[]",
        "null",
        "true",
        "1",
        "\"gala\"",
        "{}",
        "{}{}",
        "nul",
        "{'event': 'gala'}",
        r#"{"event": "gala", "count": 1} x"#,
        r#"{"event": "gala", "count": 1, "count": 2}"#,
        r#"{"event": "gala", "count": 1,}"#,
        r#"{"event": "\ud800", "count": 1}"#,
        r#"{"event": ["gala"], "count": 1}"#,
        r#"{"__proto__": {}, "event": "gala", "count": 1}"#,
    ]
    .into_iter()
    .map(|body| (body.to_owned(), 400, "bad-order"))
    .chain([
        (format!("\u{feff}{good}"), 400, "bad-order"),
        ("[".repeat(10_000), 400, "bad-order"),
        (format!(r#"{{"event": {}}}"#, "{\"a\":".repeat(2_000)), 400, "bad-order"),
        (format!(r#"{{"{}": 1}}"#, "x\u{1b}[31m".repeat(500)), 400, "bad-order"),
        (format!("{good}{}", " ".repeat(17_000)), 413, "too-large"),
    ])
    .collect();
    for path in ["/api/v1/holds", "/api/v1/waiting-list"] {
        each_body_is_refused(&booth, path, &cases).await;
    }
    for (what, body) in [
        ("not UTF-8", b"{\"event\": \"\xff\xfe\", \"count\": 1}".to_vec()),
        ("UTF-16", good.encode_utf16().flat_map(u16::to_le_bytes).collect()),
    ] {
        let answer = Answer::of(booth.raw("/api/v1/holds", JSON, body).send().await.unwrap()).await;
        assert_refused(&answer, 400, "bad-order", what);
    }
    for kind in [
        "text/plain",
        "application/jsonx",
        "multipart/form-data; boundary=x",
        "text/json",
        "",
        "\u{e9}",
    ] {
        let answer = Answer::of(booth.raw("/api/v1/holds", kind, good).send().await.unwrap()).await;
        assert_refused(&answer, 415, "media-type", kind);
    }
    for coding in ["gzip", "br", "identity", "chunked"] {
        let request = booth
            .raw("/api/v1/holds", JSON, good)
            .header("content-encoding", coding);
        assert_refused(
            &Answer::of(request.send().await.unwrap()).await,
            415,
            "media-type",
            coding,
        );
    }
    booth.assert_untouched(10).await;
}

#[tokio::test]
async fn methods_and_addresses_that_are_not_there() {
    let booth = Booth::open(10).await;
    let send = async |method: Method, path: &str| booth.asked("v", method, path).await;
    for (method, path, allow) in [
        (Method::GET, "/api/v1/holds", "POST"),
        (Method::PUT, "/api/v1/holds", "POST"),
        (Method::DELETE, "/api/v1/events", "GET"),
        (Method::PATCH, "/api/v1/orders/x", "GET"),
        (Method::POST, "/api/v1/events/gala/seats", "GET"),
        (Method::OPTIONS, "/api/v1/holds", "POST"),
        (Method::from_bytes(b"BREW").unwrap(), "/api/v1/points", "GET"),
    ] {
        let answer = send(method.clone(), path).await;
        assert_refused(&answer, 405, "method-not-allowed", &format!("{method} {path}"));
        assert!(
            answer.headers["allow"].to_str().unwrap().contains(allow),
            "{method} {path}"
        );
    }
    for (path, status, kind) in [
        ("/api/v1/events/", 404, "not-found"),
        ("/api/v1/events/gala/", 404, "not-found"),
        ("/api/v1/EVENTS", 404, "not-found"),
        ("//api/v1/events", 404, "not-found"),
        ("/api/v1/events/gala%00", 404, "unknown-event"),
        ("/api/v1/events/gala%2f..%2fgala", 404, "unknown-event"),
        ("/api/v1/events/GALA", 404, "unknown-event"),
        ("/api/v1/events/%e2%80%ae", 404, "unknown-event"),
        ("/api/v1/events/%ff", 400, "bad-request"),
        ("/api/v1/orders/%c0%af", 400, "bad-request"),
        ("/api/v1/events?page=0", 400, "bad-query"),
        ("/api/v1/events?page=1&page=2", 400, "bad-query"),
        ("/api/v1/events?page=%31x", 400, "bad-query"),
        ("/api/v1/events?drop=table", 400, "bad-query"),
        ("/api/v1/events?from=2026-02-30", 400, "bad-query"),
        ("/api/v1/events/gala/changes?after=-1", 400, "bad-query"),
    ] {
        assert_refused(&send(Method::GET, path).await, status, kind, path);
    }
    assert_eq!(
        send(Method::GET, "/api/v1/events/%67ala").await.body["event"]["id"],
        "gala"
    );
    // The same without a body.
    for (path, status) in [
        ("/api/v1/events/gala", StatusCode::OK),
        ("/api/v1/events/nothing", StatusCode::NOT_FOUND),
        ("/api/v1/holds", StatusCode::METHOD_NOT_ALLOWED),
    ] {
        let head = booth
            .client
            .head(booth.url(path))
            .header("stanchion-pass", booth.signer.pass("v"));
        let head = head.send().await.unwrap();
        assert_eq!(head.status(), status, "{path}");
        assert!(head.bytes().await.unwrap().is_empty(), "{path}");
    }
    booth.assert_untouched(10).await;
}
