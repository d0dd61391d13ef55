//! Every page of a buyer's way, in a browser.

use serde_json::json;
use stanchion_testkit::browser;

use crate::shopping::arena;
use crate::support::{Booth, TOKEN};

/// Every page of a buyer's way, on a small dark phone and a desktop, with and without a script, in four languages: nothing
/// that axe finds serious on the phone, nothing scrolls sideways anywhere. With `STANCHION_LONG` axe looks at all of them, and
/// at a larger phone. `STANCHION_SHOTS` names a folder for pictures.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_in_a_browser() {
    let booth = Booth::open(10).await;
    assert!(booth.organise("/events", arena()).await.status.is_success());
    let lights = json!({"id": "lights", "title": "Harbour Lights", "venue": "The Dock", "when": "Saturday", "seats": 5,
        "starts_at_ms": 1_797_033_600_000_u64, "price": {"currency": "EUR", "minor": 100}});
    assert!(booth.organise("/events", lights).await.status.is_success());
    let poll = json!({"id": "encore", "question": "Which encore?", "options": ["The slow one", "The fast one"], "until_ms": 0});
    booth.organise("/polls", poll).await;
    booth
        .organise("/campaigns", json!({"id": "early", "coupons": 100}))
        .await;
    booth
        .organise("/codes", json!({"id": "SPRING", "off": {"percent": 10}, "uses": 100}))
        .await;
    let passes: Vec<String> = (0..8).map(|n| booth.signer.pass(&format!("v{n}"))).collect();
    for n in 0..8 {
        let path = "/points";
        let request = booth.post(&format!("/api/v1/organiser{path}")).bearer_auth(TOKEN);
        let request = request.header("idempotency-key", format!("p{n}"));
        let granted = request
            .json(&json!({"person": format!("v{n}"), "points": 9_000}))
            .send()
            .await
            .unwrap();
        assert!(granted.status().is_success());
    }
    let (base, passes) = (booth.url(""), passes.join(" "));
    let shots = std::env::var("STANCHION_SHOTS").unwrap_or_default();
    let said = tokio::task::spawn_blocking(move || {
        let env = [("BASE", base.as_str()), ("PASSES", &passes), ("OUT", &shots)];
        browser::run("shop.mjs", &env)
    });
    println!("{}", said.await.unwrap());
}
