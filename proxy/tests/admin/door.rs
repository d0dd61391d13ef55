//! Who gets in, and what every answer carries (A1, A2).

use super::support::{Fake, TOKEN, name, serve, serve_with};

const ROOM: &str = "/api/v1/rooms/sale";

/// Method, path, headers, status.
type Row<'a> = (&'a str, &'a str, Vec<(&'a str, &'a str)>, u16);

/// A1, A2: what opens which door. The token counts in one header alone.
#[tokio::test]
async fn a1_a2_who_gets_in() {
    let server = serve(Fake::with_room("sale")).await;
    let bearer = format!("Bearer {TOKEN}");
    let rows = rows(&bearer);
    for (method, path, headers, expected) in &rows {
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

/// A2: five wrong tokens in a minute, then guessers of that network are told to wait, and for how long. The operator
/// is not among them.
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
    let answer = server
        .send("GET", ROOM, &[("Authorization", "Bearer guess-5")], "")
        .await;
    assert_eq!(answer.status, 429, "{}", answer.body);
    assert_eq!(server.get(ROOM).await.status, 200, "the right token always opens");
    let changed = server.patch(ROOM, "*", r#"{"message": "Calm, please."}"#).await;
    assert_eq!(changed.status, 200, "{}", changed.body);
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

/// A2: a name that is not ours (DNS rebinding) is not answered, and another site's page changes nothing.
#[tokio::test]
async fn a2_only_our_own_names_and_pages() {
    let fake = Fake::with_room("sale");
    let server = serve(fake.clone()).await;
    let ask = |host: &'static str, path: &'static str| {
        format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n\r\n")
    };
    for (host, path, expected) in [
        ("localhost", ROOM, 200),
        ("127.0.0.1:1", ROOM, 200),
        ("[::1]", ROOM, 200),
        ("evil.example", ROOM, 421),
        ("evil.example", "/", 421),
        ("evil.example", "/metrics", 421),
        ("evil.example", "/healthz", 421),
        ("192.0.2.1", ROOM, 421),
    ] {
        let answer = server.raw(ask(host, path).as_bytes()).await;
        assert_eq!(answer.status, expected, "{host}{path}: {}", answer.body);
    }
    let bearer = format!("Bearer {TOKEN}");
    for origin in [("Origin", "http://evil.example"), ("Sec-Fetch-Site", "cross-site")] {
        let headers = [
            ("Authorization", bearer.as_str()),
            ("Content-Type", "application/merge-patch+json"),
            ("If-Match", "*"),
            origin,
        ];
        let answer = server.send("PATCH", ROOM, &headers, r#"{"closed": true}"#).await;
        assert_eq!(answer.status, 403, "{origin:?}: {}", answer.body);
        assert_eq!(answer.json()["type"], "urn:stanchion:problem:cross-site");
    }
    assert_eq!(fake.puts.lock().len(), 0);
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

/// The token counts in one header alone; no method stands for another.
fn rows(bearer: &str) -> Vec<Row<'_>> {
    let with = || vec![("Authorization", bearer)];
    vec![
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
        ("GET", IN_QUERY, vec![], 401),
        ("GET", ROOM, vec![("Cookie", IN_COOKIE)], 401),
        ("GET", ROOM, vec![("X-Api-Key", TOKEN)], 401),
        ("GET", ROOM, with(), 200),
        ("GET", "/api/v1/rooms", with(), 200),
        ("GET", "/api/v1/rooms/nothing-here", with(), 404),
        ("GET", "/no/such/path", with(), 404),
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
            vec![("Authorization", bearer), ("X-HTTP-Method-Override", "PATCH")],
            405,
        ),
        ("PUT", ROOM, with(), 405),
        ("DELETE", ROOM, with(), 405),
        ("POST", "/healthz", vec![], 405),
    ]
}

const IN_QUERY: &str =
    "/api/v1/rooms/sale?token=the-token-of-this-test-0123456789&access_token=the-token-of-this-test-0123456789";
const IN_COOKIE: &str = "token=the-token-of-this-test-0123456789";

/// Everything that is logged while it lasts, at the finest level. The tests' server runs on the test's own thread.
#[derive(Clone, Default)]
struct Log(std::sync::Arc<parking_lot::Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A2: whoever sends what where, no token is ever written to the log; what was done is.
#[tokio::test]
async fn a2_no_token_reaches_the_log() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone());
    let _guard = tracing::subscriber::set_default(subscriber.finish());
    let server = serve(Fake::with_room("sale")).await;
    // Another test's thread may just have found that nobody listens to these lines, and that would be remembered: once
    // they were passed here, it is asked anew.
    assert_eq!(server.patch(ROOM, "\"0\"", r#"{"closed": true}"#).await.status, 200);
    server.send("GET", ROOM, &[("Authorization", "Bearer wrong")], "").await;
    tracing::callsite::rebuild_interest_cache();
    log.0.lock().clear();
    let guess = "a-guess-that-must-not-be-logged";
    for headers in [
        vec![("Authorization", format!("Bearer {guess}"))],
        vec![("Authorization", format!("Basic {guess}"))],
        vec![("Cookie", format!("token={guess}"))],
    ] {
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(server.send("GET", ROOM, &headers, "").await.status, 401);
    }
    server.get(&format!("{ROOM}?token={guess}")).await;
    assert_eq!(server.patch(ROOM, "\"1\"", r#"{"closed": false}"#).await.status, 200);
    let text = String::from_utf8_lossy(&log.0.lock()).into_owned();
    for words in ["admin: wrong token", "admin: settings changed", "room=sale"] {
        assert!(text.contains(words), "{words} is missing from {text}");
    }
    assert!(!text.contains(guess) && !text.contains(TOKEN), "{text}");
}
