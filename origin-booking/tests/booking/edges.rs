//! As `hostile.rs`: names, keys, tokens, and the clock at its edges (H18, O2, O3, A2).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::hostile::assert_refused;
use crate::support::{Answer, Booth, DOOR_TOKEN, TOKEN, With, now_s};

#[tokio::test]
async fn h18_names_are_kept_as_they_are_or_refused() {
    let booth = Booth::open(1_000).await;
    let hold = |name: &str| json!({"event": "gala", "count": 1, "name": name});
    let (longest, too_long) = ("\u{1f3ad}".repeat(100), "x".repeat(101));
    for (visitor, name) in [
        "Ada",
        "\u{1f469}\u{200d}\u{1f680} Zo\u{eb}",
        "\u{645}\u{631}\u{64a}\u{645}",
        "<script>alert(1)</script>",
        "Robert'); DROP TABLE booking_journal;--",
        "{{ 7 * 7 }}",
        "%s%n",
        &longest,
    ]
    .into_iter()
    .enumerate()
    {
        let answer = booth.call(&format!("n{visitor}"), "/api/v1/holds", hold(name)).await;
        assert_eq!(
            (answer.status, &answer.body["hold"]["name"]),
            (StatusCode::CREATED, &json!(name)),
            "{}",
            answer.body
        );
    }
    let left = booth.left("gala").await;
    for name in [
        "",
        " ",
        "\u{a0}",
        "Ada\0",
        "Ada\r\nBcc: eve@example.org",
        "\u{1b}[31m",
        "\u{7f}",
        "\u{85}",
        "Ada\u{202e}nimda",
        "\u{2066}",
        &too_long,
    ] {
        assert_refused(
            &booth.call("v", "/api/v1/holds", hold(name)).await,
            400,
            "bad-order",
            &format!("{name:?}"),
        );
    }
    assert_eq!(booth.left("gala").await, left);
}

#[tokio::test]
async fn o2_keys_of_every_wrong_form() {
    let booth = Booth::open(10).await;
    let hold = json!({"event": "gala", "count": 1});
    let too_long = "k".repeat(256);
    for path in [
        "/api/v1/holds",
        "/api/v1/waiting-list",
        "/api/v1/campaigns/tea/coupons",
        "/api/v1/organiser/points",
    ] {
        let body = if path.ends_with("points") {
            json!({"person": "v", "points": 1})
        } else {
            hold.clone()
        };
        let request = || {
            booth
                .post(path)
                .header("stanchion-pass", booth.signer.pass("v"))
                .bearer_auth(TOKEN)
                .json(&body)
        };
        let bare = Answer::of(request().send().await.unwrap()).await;
        assert_refused(&bare, 400, "key-required", path);
        for key in [
            b"".as_slice(),
            b" ",
            b"a b",
            b"k\xc3\xa9",
            b"\xff",
            b"a\tb",
            too_long.as_bytes(),
        ] {
            let answer = Answer::of(request().header("idempotency-key", key).send().await.unwrap()).await;
            assert_refused(&answer, 400, "bad-key", &format!("{path} {key:?}"));
        }
        let twice = request().header("idempotency-key", "a").header("idempotency-key", "b");
        assert_refused(&Answer::of(twice.send().await.unwrap()).await, 400, "bad-key", path);
    }
    booth.assert_untouched(10).await;
}

/// The millisecond at which a pass and a hold end, and the one before.
#[tokio::test]
async fn o3_the_clock_at_its_edges() {
    const LEEWAY_S: u64 = 30;
    let now = now_s();
    let clock = Arc::new(AtomicU64::new(now * 1_000));
    let read = Arc::clone(&clock);
    let booth = Booth::open_so(
        10,
        With {
            clock: Some(Arc::new(move || read.load(Relaxed))),
            ..With::default()
        },
    )
    .await;
    let pass = booth.signer.pass_with(
        "v",
        "stanchion-pass+jwt",
        json!({"nbf": now, "iat": now, "exp": now + 600}),
    );
    let events = async || {
        let request = booth.get("/api/v1/events").header("stanchion-pass", &pass);
        Answer::of(request.send().await.unwrap()).await
    };
    let (begins_ms, ends_ms) = ((now - LEEWAY_S) * 1_000, (now + 600 + LEEWAY_S) * 1_000);
    for (at_ms, good) in [
        (begins_ms - 1, false),
        (begins_ms, true),
        (ends_ms - 1, true),
        (ends_ms, false),
    ] {
        clock.store(at_ms, Relaxed);
        let answer = events().await;
        assert_eq!(answer.status == StatusCode::OK, good, "{at_ms}");
        if !good {
            assert_refused(&answer, 401, "pass-required", "a pass out of its time");
        }
    }
    clock.store(now * 1_000, Relaxed);
    let (early, late) = (booth.ready("ada", 1).await, booth.ready("bob", 1).await);
    clock.store(now * 1_000 + 299_999, Relaxed);
    assert_eq!(booth.pay("ada", &early, "approve").await.status, StatusCode::CREATED);
    clock.store(now * 1_000 + 300_000, Relaxed);
    assert_refused(
        &booth.pay("bob", &late, "approve").await,
        409,
        "hold-over",
        "a hold whose time is over",
    );
    assert_eq!((booth.running.sold_count(), booth.left("gala").await), (1, 9));
}

#[tokio::test]
async fn a2_a_token_for_the_doors_opens_the_doors_alone() {
    let booth = Booth::open(10).await;
    let answer = async |token: &str, method: Method, path: &str| {
        let request = booth
            .client
            .request(method, booth.url(path))
            .bearer_auth(token)
            .json(&json!({"ticket": "x"}));
        Answer::of(request.send().await.unwrap()).await
    };
    for token in [TOKEN, DOOR_TOKEN] {
        assert_refused(
            &answer(token, Method::POST, "/api/v1/check-ins").await,
            400,
            "not-a-ticket",
            token,
        );
    }
    for path in [
        "/api/v1/organiser/sales",
        "/api/v1/organiser/deliveries",
        "/api/v1/organiser/differences",
    ] {
        assert_eq!(answer(TOKEN, Method::GET, path).await.status, StatusCode::OK);
        assert_refused(&answer(DOOR_TOKEN, Method::GET, path).await, 403, "wrong-scope", path);
    }
    for path in [
        "/events",
        "/campaigns",
        "/codes",
        "/polls",
        "/points",
        "/refunds",
        "/replays",
    ] {
        let path = format!("/api/v1/organiser{path}");
        assert_refused(
            &answer(DOOR_TOKEN, Method::POST, &path).await,
            403,
            "wrong-scope",
            &path,
        );
    }
    let page = booth
        .post("/organiser/enter")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("token={DOOR_TOKEN}"))
        .send()
        .await
        .unwrap();
    assert_eq!(page.status(), StatusCode::FORBIDDEN);
    // A good token that is for something else is no guess.
    assert_refused(
        &answer("wrong", Method::POST, "/api/v1/check-ins").await,
        401,
        "token-required",
        "after all of them",
    );
}
