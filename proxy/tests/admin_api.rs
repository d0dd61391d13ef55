//! The admin API over a real listener: who gets in, how a change is made, what is refused and how (A1, A2, and the
//! Admin/API list of bad inputs).

mod admin_support;

use std::time::Duration;

use admin_support::{Fake, TOKEN, facts, name, serve, serve_with};
use serde_json::json;
use stanchion_admission::policy::LiveSettings;
use stanchion_admission::rate::Rate;
use stanchion_admission::store::StoreError;

/// Method, path, headers, status.
type Row<'a> = (&'a str, &'a str, Vec<(&'a str, &'a str)>, u16);

const ROOM: &str = "/api/v1/rooms/sale";

/// A1, A2: what opens which door. The token counts in one header alone.
#[tokio::test]
async fn a1_a2_who_gets_in() {
    let server = serve(Fake::with_room("sale")).await;
    let bearer = format!("Bearer {TOKEN}");
    let in_query = format!("{ROOM}?token={TOKEN}&access_token={TOKEN}");
    let cookie = format!("token={TOKEN}");
    let table: &[Row<'_>] = &[
        ("GET", "/healthz", vec![], 200),
        ("GET", "/readyz", vec![], 200),
        ("GET", "/metrics", vec![], 200),
        ("GET", "/", vec![], 200),
        ("GET", "/rooms/sale", vec![], 200),
        ("GET", "/api/v1/rooms", vec![], 401),
        ("GET", ROOM, vec![], 401),
        ("PATCH", ROOM, vec![], 401),
        ("GET", "/api/v1/openapi.json", vec![], 401),
        ("GET", "/api/v1/rooms/nothing-here", vec![], 401),
        ("GET", "/no/such/path", vec![], 401),
        ("GET", &in_query, vec![], 401),
        ("GET", ROOM, vec![("Cookie", &cookie)], 401),
        ("GET", ROOM, vec![("X-Api-Key", TOKEN)], 401),
        ("GET", ROOM, vec![("Authorization", &bearer)], 200),
        ("GET", "/api/v1/rooms", vec![("Authorization", &bearer)], 200),
        (
            "GET",
            "/api/v1/rooms/nothing-here",
            vec![("Authorization", &bearer)],
            404,
        ),
        ("GET", "/no/such/path", vec![("Authorization", &bearer)], 404),
        (
            "OPTIONS",
            ROOM,
            vec![
                ("Origin", "https://evil.example"),
                ("Access-Control-Request-Method", "PATCH"),
            ],
            401,
        ),
        (
            "POST",
            ROOM,
            vec![("Authorization", &bearer), ("X-HTTP-Method-Override", "PATCH")],
            405,
        ),
        ("PUT", ROOM, vec![("Authorization", &bearer)], 405),
        ("DELETE", ROOM, vec![("Authorization", &bearer)], 405),
        ("POST", "/healthz", vec![], 405),
    ];
    for (method, path, headers, expected) in table {
        let answer = server.send(method, path, headers, "").await;
        assert_eq!(answer.status, *expected, "{method} {path} {headers:?}: {}", answer.body);
        assert_eq!(
            answer.header("access-control-allow-origin"),
            None,
            "no other site may read it"
        );
        if *expected >= 400 {
            assert_eq!(
                answer.header("content-type"),
                Some("application/problem+json"),
                "{method} {path}"
            );
            assert_eq!(answer.json()["status"], *expected);
        }
        if *expected == 401 {
            assert!(
                answer
                    .header("www-authenticate")
                    .is_some_and(|value| value.starts_with("Bearer")),
                "{method} {path}"
            );
        }
    }
}

/// A2: five wrong tokens in a minute, then the door is shut for that network, and says for how long.
#[tokio::test]
async fn a2_guessing_is_shut_out() {
    let server = serve(Fake::with_room("sale")).await;
    for number in 0..5 {
        let wrong = format!("Bearer guess-{number}");
        assert_eq!(
            server.send("GET", ROOM, &[("Authorization", &wrong)], "").await.status,
            401
        );
    }
    let answer = server.get(ROOM).await;
    assert_eq!(answer.status, 429, "even with the right token");
    let wait: u64 = answer
        .header("retry-after")
        .and_then(|value| value.parse().ok())
        .unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(
        server.send("GET", "/healthz", &[], "").await.status,
        200,
        "health is not part of it"
    );
    assert!(server.metrics.text().contains("stanchion_admin_wrong_tokens_total 5"));
}

#[tokio::test]
async fn only_allowed_peers() {
    let server = serve_with(Fake::with_room("sale"), vec!["10.0.0.0/8".parse().unwrap()], false).await;
    for path in ["/healthz", "/", ROOM] {
        assert_eq!(server.get(path).await.status, 403, "{path}");
    }
}

#[tokio::test]
async fn metrics_behind_the_token_where_asked() {
    let server = serve_with(Fake::with_room("sale"), vec![], true).await;
    assert_eq!(server.send("GET", "/metrics", &[], "").await.status, 401);
    let answer = server.get("/metrics").await;
    assert_eq!(answer.status, 200);
    for line in [
        "stanchion_room_visitors{room=\"sale\",where=\"waiting\"} 120",
        "stanchion_room_visitors{room=\"sale\",where=\"inside\"} 96",
        "stanchion_room_state{room=\"sale\",state=\"queueing\"} 1",
        "stanchion_room_snapshot_age_seconds{room=\"sale\"} 0.3",
        "stanchion_store_up 1",
        "stanchion_store_clock_uncertainty_seconds 0.001",
    ] {
        assert!(
            answer.body.lines().any(|have| have == line),
            "{line} is missing from\n{}",
            answer.body
        );
    }
}

/// Every answer says that nobody may keep, frame or sniff it; the pages run no script but their own.
#[tokio::test]
async fn answers_are_guarded() {
    let server = serve(Fake::with_room("sale")).await;
    for path in [
        "/",
        "/rooms/sale",
        ROOM,
        "/healthz",
        "/metrics",
        "/assets/admin.js",
        "/no/such/path",
    ] {
        let answer = server.get(path).await;
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        let csp = answer.header("content-security-policy").unwrap();
        assert!(
            csp.contains("default-src 'none'") && csp.contains("frame-ancestors 'none'"),
            "{path}: {csp}"
        );
        assert!(!csp.contains("unsafe"), "{path}: {csp}");
    }
    let page = server.send("GET", "/rooms/sale", &[], "").await.body;
    assert!(page.contains("data-room=\"sale\""), "{page}");
    assert!(
        !page.contains("<script>") && !page.contains(" style=") && !page.contains(" onclick="),
        "nothing inline: {page}"
    );
    assert!(!page.contains(TOKEN));
    for odd in [
        "/rooms/%3Cscript%3E",
        "/rooms/SALE",
        "/rooms/a%2Fb",
        "/rooms/%00",
        "/rooms/x%22onload",
    ] {
        let answer = server.send("GET", odd, &[], "").await;
        assert_eq!(answer.status, 404, "{odd}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_room_as_documented() {
    let server = serve(Fake::with_room("sale")).await;
    let answer = server.get(ROOM).await;
    assert_eq!(answer.header("etag"), Some("\"0\""));
    let room = answer.json();
    assert_eq!(room["room"], "sale");
    assert_eq!(room["state"], "queueing");
    assert_eq!(room["in_force"], json!({"capacity": 100, "rate": "60/min"}));
    assert_eq!(
        room["configured"],
        json!({"mode": "fifo", "capacity": 100, "rate": "60/min"})
    );
    assert_eq!(room["line"]["waiting"], 120);
    assert_eq!(room["line"]["inside"], 96);
    let wait = &room["line"]["wait_seconds"];
    assert!(
        wait["low"].as_u64() <= wait["high"].as_u64() && wait["low"].as_u64() > Some(0),
        "{wait}"
    );
    assert_eq!(
        room["snapshot"],
        json!({"age_ms": 300, "stale": false, "epoch": 1, "seq": 10})
    );
    let list = server.get("/api/v1/rooms").await.json();
    assert_eq!(list["rooms"][0], room);
}

/// What the store has not said yet is null, not zero, and cannot be changed.
#[tokio::test]
async fn a_room_before_the_first_answer() {
    let fake = Fake::with_room("sale");
    fake.rooms.lock()[0].line = None;
    let server = serve(fake).await;
    let answer = server.get(ROOM).await;
    let room = answer.json();
    assert_eq!(
        (room["state"].as_str(), &room["line"], &room["settings"]),
        (Some("unknown"), &json!(null), &json!(null))
    );
    assert_eq!(answer.header("etag"), None);
    let refused = server.patch(ROOM, "\"0\"", r#"{"closed": true}"#).await;
    assert_eq!(refused.status, 503);
    assert!(refused.header("retry-after").is_some());
}

#[tokio::test]
async fn a_change_is_made_and_told() {
    let fake = Fake::with_room("sale");
    let server = serve(fake.clone()).await;
    let body = r#"{"capacity": 80, "rate": "500/min", "paused": {"reason": "Back at ten."}, "message": "Hello"}"#;
    let answer = server.patch(ROOM, "\"0\"", body).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.header("etag"), Some("\"1\""));
    let expected = LiveSettings {
        version: 1,
        capacity: Some(80),
        rate: Rate::per_minute(500),
        paused: Some("Back at ten.".into()),
        closed: false,
        message: Some("Hello".into()),
    };
    let put = fake.puts.lock()[0].clone();
    assert_eq!(put, (name("sale"), 0, LiveSettings { version: 0, ..expected }));
    let room = answer.json();
    assert_eq!(room["state"], "paused");
    let settings = json!({"version": 1, "capacity": 80, "rate": "500/min", "paused": {"reason": "Back at ten."}, "closed": false, "message": "Hello"});
    assert_eq!(room["settings"], settings);
    let resumed = server.patch(ROOM, "\"1\"", r#"{"paused": null}"#).await;
    assert_eq!(resumed.json()["state"], "queueing");
    assert_eq!(resumed.json()["settings"]["capacity"], 80, "what is not named stays");
}

/// A change that changes nothing is no new version: a replayed request does no harm.
#[tokio::test]
async fn the_same_again_changes_nothing() {
    let fake = Fake::with_room("sale");
    let server = serve(fake.clone()).await;
    assert_eq!(server.patch(ROOM, "\"0\"", r#"{"closed": true}"#).await.status, 200);
    let again = server.patch(ROOM, "\"1\"", r#"{"closed": true}"#).await;
    assert_eq!((again.status, again.header("etag")), (200, Some("\"1\"")));
    assert_eq!(
        server.patch(ROOM, "\"0\"", r#"{"closed": true}"#).await.status,
        412,
        "a replay of the first"
    );
    assert_eq!(fake.puts.lock().len(), 1);
}

/// Two operators at once: one wins, the other is told and loses nothing.
#[tokio::test]
async fn concurrent_edits() {
    let fake = Fake::with_room("sale");
    let server = serve(fake.clone()).await;
    for (if_match, status) in [
        ("\"1\"", 412),
        ("W/\"0\"", 412),
        ("0", 400),
        ("\"0", 400),
        ("\"7\", \"0\"", 200),
        ("*", 200),
    ] {
        let body = format!(r#"{{"capacity": {}}}"#, 50 + if_match.len());
        let answer = server.patch(ROOM, if_match, &body).await;
        assert_eq!(answer.status, status, "If-Match: {if_match}: {}", answer.body);
    }
    let bearer = format!("Bearer {TOKEN}");
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    assert_eq!(
        server.send("PATCH", ROOM, &headers, r#"{"closed": true}"#).await.status,
        428
    );
    *fake.refuse.lock() = Some(StoreError::Conflict(9));
    let lost = server.patch(ROOM, "*", r#"{"closed": true}"#).await;
    assert_eq!(lost.status, 412, "somebody on another edge was faster");
    assert!(lost.json()["detail"].as_str().unwrap().contains("version 9"));
}

#[tokio::test]
async fn a_store_that_is_away() {
    for (refusal, words) in [
        (StoreError::Away("deadline".into()), "not known whether"),
        (StoreError::Busy, "nothing was changed"),
        (
            StoreError::Refused("OOM password=hunter2".into()),
            "nothing was changed",
        ),
        (StoreError::Nonsense("x".into()), "makes no sense"),
    ] {
        let fake = Fake::with_room("sale");
        *fake.refuse.lock() = Some(refusal.clone());
        let answer = serve(fake).await.patch(ROOM, "\"0\"", r#"{"closed": true}"#).await;
        assert_eq!(answer.status, 503, "{refusal:?}");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(
            detail.contains(words) && !detail.contains("hunter2"),
            "{refusal:?}: {detail}"
        );
        assert_eq!(answer.header("retry-after"), Some("2"));
    }
}

/// The Admin/API list of bad inputs: each refused for what it is, nothing changed.
#[tokio::test]
async fn bad_bodies_are_refused_and_change_nothing() {
    let fake = Fake::with_room("sale");
    let server = serve(fake.clone()).await;
    let huge = format!(r#"{{"message": "{}"}}"#, "x".repeat(70 * 1024));
    let deep = format!(r#"{{"capacity": {}1{}}}"#, "[".repeat(5_000), "]".repeat(5_000));
    for (body, status) in [
        (huge.as_str(), 413),
        (deep.as_str(), 400),
        ("", 400),
        ("{", 400),
        ("[1, 2]", 422),
        ("{}", 422),
        (r#"{"capacity": "900"}"#, 422),
        (r#"{"capacity": 900, "unknown": 1}"#, 422),
        (r#"{"capacity": 1, "capacity": 2}"#, 422),
        (r#"{"message": "\ud800"}"#, 400),
    ] {
        let answer = server.patch(ROOM, "\"0\"", body).await;
        let shown: String = body.chars().take(50).collect();
        assert_eq!(answer.status, status, "{shown}: {}", answer.body);
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json"),
            "{shown}"
        );
    }
    let answer = server
        .patch(ROOM, "\"0\"", r#"{"capacity": 0, "rate": 5, "colour": "red"}"#)
        .await;
    let at: Vec<_> = answer.json()["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| fault["at"].clone())
        .collect();
    assert_eq!(at, ["/capacity", "/rate", "/colour"], "all at once");
    let bearer = format!("Bearer {TOKEN}");
    for content_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json-patch+json",
        "",
    ] {
        let headers = [
            ("Authorization", bearer.as_str()),
            ("If-Match", "*"),
            ("Content-Type", content_type),
        ];
        assert_eq!(
            server.send("PATCH", ROOM, &headers, "{}").await.status,
            415,
            "{content_type:?}"
        );
    }
    assert!(fake.puts.lock().is_empty(), "nothing reached the store");
}

#[tokio::test]
async fn readiness_over_http() {
    let fake = Fake::with_room("sale");
    let server = serve(fake.clone()).await;
    let ready = server.send("GET", "/readyz", &[], "").await;
    assert_eq!((ready.status, ready.json()["ready"].as_bool()), (200, Some(true)));
    fake.health.lock().store_reachable = false;
    let degraded = server.send("GET", "/readyz", &[], "").await;
    assert_eq!(
        (degraded.status, degraded.json()["degraded"].as_bool()),
        (200, Some(true)),
        "F1: the page stays up"
    );
    fake.health.lock().rooms_without_snapshot = vec![name("sale")];
    let answer = server.send("GET", "/readyz", &[], "").await;
    assert_eq!(answer.status, 503);
    assert_eq!(
        server.send("GET", "/healthz", &[], "").await.status,
        200,
        "alive all the same"
    );
}

/// "Admitted per minute" comes from the store's totals, seen over time.
#[tokio::test]
async fn admitted_per_minute() {
    let fake = Fake::with_room("sale");
    let server = serve(fake.clone()).await;
    assert_eq!(
        server.get(ROOM).await.json()["line"]["admitted_per_minute"],
        json!(null),
        "too early to say"
    );
    let mut later = facts("sale");
    let line = later.line.as_mut().unwrap();
    let mut snapshot = (*line.snapshot).clone();
    snapshot.ticked_at = snapshot.ticked_at.plus(Duration::from_secs(20));
    snapshot.admitted_total += 10;
    line.snapshot = snapshot.into();
    *fake.rooms.lock() = vec![later];
    assert_eq!(
        server.get(ROOM).await.json()["line"]["admitted_per_minute"],
        json!(30.0)
    );
}
