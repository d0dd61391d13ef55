//! What a room looks like, how it is changed, what is refused and how (the Admin/API list of bad inputs).

use std::time::Duration;

use serde_json::json;
use stanchion::admin::Unchanged;
use stanchion_admission::policy::LiveSettings;
use stanchion_admission::rate::Rate;
use stanchion_admission::store::StoreError;

use super::support::{Fake, TOKEN, facts, name, serve};

const ROOM: &str = "/api/v1/rooms/sale";

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
    *fake.refuse.lock() = Some(StoreError::Conflict(9).into());
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
        *fake.refuse.lock() = Some(refusal.clone().into());
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

/// F15: what cannot be written down is not done, and the answer says so.
#[tokio::test]
async fn f15_a_change_that_cannot_be_kept_is_refused() {
    let fake = Fake::with_room("sale");
    let server = serve(fake.clone()).await;
    *fake.refuse.lock() = Some(Unchanged::NotDurable);
    fake.health.lock().checkpoint_works = false;
    let answer = server.patch(ROOM, "\"0\"", r#"{"closed": true}"#).await;
    assert_eq!(answer.status, 507, "{}", answer.body);
    assert_eq!(answer.json()["type"], "urn:stanchion:problem:not-durable");
    assert_eq!(
        server.get(ROOM).await.json()["settings"]["closed"],
        false,
        "the old state stays"
    );
    let ready = server.send("GET", "/readyz", &[], "").await;
    assert_eq!((ready.status, ready.json()["degraded"].as_bool()), (200, Some(true)));
}
