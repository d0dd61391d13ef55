//! Looking, booking, leaving: for people and for machines.

use reqwest::StatusCode;
use serde_json::json;

use crate::support::{Answer, Booth, order};

#[tokio::test]
async fn a_booking_gives_a_reference_and_the_place_back() {
    let booth = Booth::open(10).await;
    let answer = booth.book("v", None, order("gala", 3)).await;
    assert_eq!(
        (answer.status, answer.released, answer.replayed),
        (StatusCode::CREATED, true, false)
    );
    assert_eq!(answer.reference().len(), 10);
    assert_eq!(answer.body["booking"]["seats"], 3);
    assert_eq!((booth.running.sold_count(), booth.left("gala").await), (3, 7));
}

#[tokio::test]
async fn a_form_books_too_and_its_page_escapes_what_was_typed() {
    let booth = Booth::open(10).await;
    let pass = booth.signer.pass("v");
    let page = booth
        .get("/events/gala")
        .header("stanchion-pass", &pass)
        .header("accept", "text/html");
    let page = page.send().await.unwrap();
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    let page = page.text().await.unwrap();
    assert!(page.contains("&lt;b&gt;gala&lt;&#x2f;b&gt;"), "{page}");
    let nonce = policy.split("'nonce-").nth(1).unwrap().split('\'').next().unwrap();
    assert!(page.contains(&format!("<style nonce=\"{nonce}\">")), "{policy}");
    let key = page
        .split("name=\"key\" value=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .to_owned();

    let form = format!("event=gala&seats=2&name=%3Cscript%3E+%26+Co&key={key}");
    let send = || {
        let request = booth
            .post("/bookings")
            .header("stanchion-pass", &pass)
            .header("accept", "text/html");
        request
            .header("content-type", "application/x-www-form-urlencoded; charset=utf-8")
            .body(form.clone())
            .send()
    };
    let (first, second) = (send().await.unwrap(), send().await.unwrap());
    assert_eq!(
        (first.status(), second.status()),
        (StatusCode::CREATED, StatusCode::CREATED)
    );
    assert_eq!(first.headers()["stanchion-command"], "release");
    assert!(
        second.headers().contains_key("idempotency-replayed"),
        "the button was pressed twice"
    );
    let page = first.text().await.unwrap();
    assert!(
        page.contains("&lt;script&gt; &amp; Co") && !page.contains("<script>"),
        "{page}"
    );
    assert_eq!(booth.running.sold_count(), 2);
}

#[tokio::test]
async fn orders_that_cannot_be_are_refused_with_a_reason() {
    let booth = Booth::open(10).await;
    let pass = booth.signer.pass("v");
    let long = "x".repeat(101);
    let (bad, conflict) = (StatusCode::BAD_REQUEST, StatusCode::CONFLICT);
    for (body, status, kind) in [
        (json!({"event": "gala", "seats": 0, "name": "A"}), bad, "bad-order"),
        (json!({"event": "gala", "seats": -1, "name": "A"}), bad, "bad-order"),
        (json!({"event": "gala", "seats": 1.5, "name": "A"}), bad, "bad-order"),
        (
            json!({"event": "gala", "seats": 2_147_483_648_u64, "name": "A"}),
            bad,
            "bad-order",
        ),
        (
            json!({"event": "gala", "seats": 4_294_967_296_u64, "name": "A"}),
            bad,
            "bad-order",
        ),
        (json!({"event": "gala", "seats": "1", "name": "A"}), bad, "bad-order"),
        (json!({"event": "gala", "seats": 9, "name": "A"}), bad, "bad-order"),
        (json!({"event": "gala", "seats": 1}), bad, "bad-order"),
        (json!({"event": "gala", "seats": 1, "name": ""}), bad, "bad-order"),
        (json!({"event": "gala", "seats": 1, "name": "  "}), bad, "bad-order"),
        (
            json!({"event": "gala", "seats": 1, "name": "a\u{0}b"}),
            bad,
            "bad-order",
        ),
        (json!({"event": "gala", "seats": 1, "name": long}), bad, "bad-order"),
        (
            json!({"event": "gala", "seats": 1, "name": "A", "price": 0}),
            bad,
            "bad-order",
        ),
        (
            json!({"event": "nothing", "seats": 1, "name": "A"}),
            StatusCode::NOT_FOUND,
            "unknown-event",
        ),
        (
            json!({"event": "", "seats": 1, "name": "A"}),
            StatusCode::NOT_FOUND,
            "unknown-event",
        ),
        (json!({"event": 1, "seats": 1, "name": "A"}), bad, "bad-order"),
        (json!([]), bad, "bad-order"),
        (json!(null), bad, "bad-order"),
    ] {
        let answer = booth.book("v", None, body.clone()).await;
        assert_eq!((answer.status, answer.problem()), (status, kind), "{body}");
        assert!(!answer.released, "{body}");
    }
    for (form, kind) in [
        ("event=gala&seats=1&seats=2&name=A", "bad-order"),
        ("event=gala&seats=x&name=A", "bad-order"),
        ("event=gala&seats=1", "bad-order"),
        ("event=gala&seats=1&name=A&admin=1", "bad-order"),
        ("", "bad-order"),
    ] {
        let request = booth.post("/bookings").header("stanchion-pass", &pass).body(form);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let answer = Answer::of(request.send().await.unwrap()).await;
        assert_eq!((answer.status, answer.problem()), (bad, kind), "{form}");
    }
    let plain = booth.post("/bookings").header("stanchion-pass", &pass).body("gala");
    assert_eq!(plain.send().await.unwrap().status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let huge = booth
        .post("/bookings")
        .header("stanchion-pass", &pass)
        .header("content-type", "application/json");
    let huge = huge.body("x".repeat(20_000)).send().await.unwrap();
    assert_eq!(huge.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(booth.running.sold_count(), 0);

    // What can be, but not any more.
    assert_eq!(
        booth.book("v", None, order("gala", 8)).await.status,
        StatusCode::CREATED
    );
    let more = booth.book("v", None, order("gala", 1)).await;
    assert_eq!((more.status, more.problem()), (conflict, "too-many-seats"));
    let rest = booth.book("w", None, order("gala", 3)).await;
    assert_eq!(
        (rest.status, rest.problem(), rest.released),
        (conflict, "sold-out", false)
    );
    assert_eq!(rest.body["detail"], "Only 2 left.");
}

#[tokio::test]
async fn leaving_gives_the_place_back() {
    let booth = Booth::open(10).await;
    let request = booth.post("/leave").header("stanchion-pass", booth.signer.pass("v"));
    let answer = Answer::of(request.send().await.unwrap()).await;
    assert_eq!((answer.status, answer.released), (StatusCode::OK, true));
}

#[tokio::test]
async fn pages_are_never_kept_by_anybody_on_the_way() {
    let booth = Booth::open(0).await;
    for (path, status) in [
        ("/", 200),
        ("/events/gala", 200),
        ("/events/x", 404),
        ("/api/v1/events", 200),
        ("/x", 404),
    ] {
        let request = booth
            .get(path)
            .header("stanchion-pass", booth.signer.pass("v"))
            .header("accept", "text/html");
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), status, "{path}");
        assert_eq!(response.headers()["cache-control"], "no-store, private", "{path}");
        let text = response.text().await.unwrap();
        assert!(path != "/events/gala" || text.contains("Sold out"), "{text}");
    }
}
