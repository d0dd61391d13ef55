//! Looking, booking, leaving: for people and for machines.

use reqwest::StatusCode;
use serde_json::{Value, json};

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
    let seats = |seats: Value| json!({"event": "gala", "seats": seats, "name": "A"});
    let name = |name: &str| json!({"event": "gala", "seats": 1, "name": name});
    let event = |event: Value| json!({"event": event, "seats": 1, "name": "A"});
    let numbers = [
        json!(0),
        json!(-1),
        json!(1.5),
        json!(9),
        json!(1_u64 << 31),
        json!(1_u64 << 32),
        json!("1"),
        json!(null),
    ];
    let bad = numbers.map(seats).into_iter().chain([
        name(""),
        name("  "),
        name("a\u{0}b"),
        name(&"x".repeat(101)),
        event(json!(1)),
        json!({"event": "gala", "seats": 1}),
        json!({"event": "gala", "seats": 1, "name": "A", "price": 0}),
        json!([]),
        json!(null),
    ]);
    for body in bad {
        let answer = booth.book("v", None, body.clone()).await;
        assert_eq!(
            (answer.status, answer.problem()),
            (StatusCode::BAD_REQUEST, "bad-order"),
            "{body}"
        );
        assert!(!answer.released, "{body}");
    }
    for unknown in ["nothing", "", "GALA", "../gala"] {
        let answer = booth.book("v", None, event(json!(unknown))).await;
        assert_eq!(
            (answer.status, answer.problem()),
            (StatusCode::NOT_FOUND, "unknown-event"),
            "{unknown}"
        );
    }
    assert_eq!(booth.running.sold_count(), 0);
}

#[tokio::test]
async fn bodies_of_a_wrong_form_are_refused() {
    let booth = Booth::open(10).await;
    let (form, json) = ("application/x-www-form-urlencoded", "application/json");
    let (bad, huge) = (StatusCode::BAD_REQUEST, "x".repeat(20_000));
    for (kind, body, status) in [
        (form, "event=gala&seats=1&seats=2&name=A", bad),
        (form, "event=gala&seats=x&name=A", bad),
        (form, "event=gala&seats=1", bad),
        (form, "event=gala&seats=1&name=A&admin=1", bad),
        (form, "", bad),
        (json, "", bad),
        (json, "{", bad),
        (json, r#"{"event":"gala","seats":1,"seats":2,"name":"A"}"#, bad),
        ("text/plain", "gala", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (json, huge.as_str(), StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        let request = booth.post("/bookings").header("stanchion-pass", booth.signer.pass("v"));
        let request = request.header("content-type", kind).body(body.to_owned());
        assert_eq!(request.send().await.unwrap().status(), status, "{kind} {body:.40}");
    }
    assert_eq!(booth.running.sold_count(), 0);
}

#[tokio::test]
async fn what_was_possible_and_is_not_any_more_is_a_conflict() {
    let booth = Booth::open(10).await;
    assert_eq!(
        booth.book("v", None, order("gala", 8)).await.status,
        StatusCode::CREATED
    );
    let more = booth.book("v", None, order("gala", 1)).await;
    assert_eq!((more.status, more.problem()), (StatusCode::CONFLICT, "too-many-seats"));
    let rest = booth.book("w", None, order("gala", 3)).await;
    assert_eq!(
        (rest.status, rest.problem(), rest.released),
        (StatusCode::CONFLICT, "sold-out", false)
    );
    assert_eq!(rest.body["detail"], "Only 2 left.");
    assert_eq!(booth.running.sold_count(), 8);
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
