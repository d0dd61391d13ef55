//! No pass, no booking (O3, H18): whatever is wrong with it, the answer is 401, the way to the front door, and nothing
//! is sold.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::{Answer, Booth, Signer, now_s, order};

fn unsigned(signer: &Signer, alg: &str) -> String {
    let good = signer.pass("v");
    let header = json!({"typ": "stanchion-pass+jwt", "alg": alg, "kid": signer.kid}).to_string();
    format!(
        "{}.{}.",
        URL_SAFE_NO_PAD.encode(header),
        good.split('.').nth(1).unwrap()
    )
}

fn bad_passes(signer: &Signer) -> Vec<(&'static str, String)> {
    let typ = "stanchion-pass+jwt";
    let with = |claims| signer.pass_with("v", typ, claims);
    let now = now_s();
    let stranger = Signer::new("k1", 8);
    let unknown = Signer::new("k2", 7);
    let good = signer.pass("v");
    let mut tampered = good.clone();
    let middle = good.find('.').unwrap() + 10;
    tampered.replace_range(middle..=middle, if &good[middle..=middle] == "A" { "B" } else { "A" });
    vec![
        ("empty", String::new()),
        ("rubbish", "hello".to_owned()),
        ("dots", "..".to_owned()),
        ("two parts", good.rsplit_once('.').unwrap().0.to_owned()),
        ("padded", format!("{good}==")),
        ("long", "x".repeat(2_000)),
        ("tampered", tampered),
        ("another's key under our kid", stranger.pass("v")),
        ("unknown key", unknown.pass("v")),
        ("alg none", unsigned(signer, "none")),
        ("alg HS256", unsigned(signer, "HS256")),
        ("alg EdDSA, no signature", unsigned(signer, "EdDSA")),
        ("typ JWT", signer.pass_with("v", "JWT", json!({}))),
        (
            "typ of a ticket",
            signer.pass_with("v", "stanchion-ticket+jwt", json!({})),
        ),
        ("other room", with(json!({"aud": "other"}))),
        ("list of rooms", with(json!({"aud": ["other", "more"]}))),
        ("other issuer", with(json!({"iss": "https://evil.example"}))),
        ("no issuer", with(json!({"iss": null}))),
        ("expired", with(json!({"exp": now - 31}))),
        ("exp as text", with(json!({"exp": (now + 600).to_string()}))),
        ("exp null", with(json!({"exp": null}))),
        ("exp negative", with(json!({"exp": -1}))),
        ("not yet", with(json!({"nbf": now + 60}))),
        ("issued tomorrow", with(json!({"iat": now + 86_400}))),
        ("nbf as text", with(json!({"nbf": "0"}))),
        ("no subject", with(json!({"sub": null}))),
        ("no id", with(json!({"jti": null}))),
    ]
}

#[tokio::test]
async fn o3_a_bad_pass_opens_no_door_and_books_nothing() {
    let booth = Booth::open(10).await;
    let doors = [
        (Method::GET, "/"),
        (Method::GET, "/events/gala"),
        (Method::GET, "/api/v1/events"),
        (Method::POST, "/bookings"),
        (Method::POST, "/leave"),
        (Method::GET, "/nowhere"),
        (Method::DELETE, "/bookings"),
    ];
    for (name, pass) in bad_passes(&booth.signer) {
        for (method, path) in &doors {
            let request = booth
                .client
                .request(method.clone(), booth.url(path))
                .json(&order("gala", 1));
            let answer = Answer::of(request.header("stanchion-pass", &pass).send().await.unwrap()).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{name} at {method} {path}");
            assert!(!answer.released, "{name} at {method} {path}");
        }
    }
    assert_eq!((booth.running.sold_count(), booth.left("gala").await), (0, 10));
}

#[tokio::test]
async fn h18_without_a_pass_a_page_for_people_and_a_problem_for_machines_name_the_front_door() {
    let booth = Booth::open(10).await;
    let answer = Answer::of(booth.get("/").send().await.unwrap()).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    assert_eq!(answer.headers["www-authenticate"], "Stanchion-Pass room=\"sale\"");
    assert_eq!(answer.headers["cache-control"], "no-store, private");
    assert_eq!(answer.problem(), "pass-required");
    assert_eq!(answer.body["front_door"], crate::support::FRONT_DOOR);

    let page = booth.get("/").header("accept", "text/html,*/*").send().await.unwrap();
    assert_eq!(page.status(), StatusCode::UNAUTHORIZED);
    let page = page.text().await.unwrap();
    assert!(page.contains("come in by the front door"), "{page}");
    assert!(page.contains("b=&lt;x&gt;") && !page.contains("<x>"), "escaped: {page}");
}

#[tokio::test]
async fn o3_two_passes_are_none_even_if_both_are_good() {
    let booth = Booth::open(10).await;
    let pass = booth.signer.pass("v");
    let request = booth
        .get("/")
        .header("stanchion-pass", &pass)
        .header("stanchion-pass", &pass);
    assert_eq!(request.send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn health_needs_no_pass() {
    let booth = Booth::open(10).await;
    assert_eq!(
        booth.get("/healthz").send().await.unwrap().text().await.unwrap(),
        "ok\n"
    );
}

#[tokio::test]
async fn another_sites_form_books_nothing() {
    let booth = Booth::open(10).await;
    let pass = booth.signer.pass("v");
    for path in ["/bookings", "/leave"] {
        let request = booth
            .post(path)
            .header("stanchion-pass", &pass)
            .header("sec-fetch-site", "cross-site");
        let answer = Answer::of(request.json(&order("gala", 1)).send().await.unwrap()).await;
        assert_eq!(
            (answer.status, answer.released),
            (StatusCode::FORBIDDEN, false),
            "{path}"
        );
    }
    assert_eq!(booth.running.sold_count(), 0);
}
