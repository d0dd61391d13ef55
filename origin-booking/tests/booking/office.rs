//! The organiser's page and who may see it (A2), in a browser too.

use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use stanchion_booking::post::AfterSale;
use stanchion_testkit::{browser, wait_until_async};

use crate::support::{Booth, TOKEN, With, order};

/// A booth that tells somebody who is not there, with two deliveries parked, somebody inside and somebody who waits; and
/// the link to tickets that are not used.
async fn busy() -> (Booth, String) {
    let gone = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let text = format!(
        "[[webhook]]\nname = \"ledger\"\nurl = \"http://{gone}/\"\nsecrets = [\"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"]"
    );
    let with = With {
        after_sale: AfterSale::read(&text, |_| None).unwrap(),
        ..With::default()
    };
    let booth = Booth::open_so(2, with).await;
    let inside = tickets(&booth, "ada", "gala").await;
    let outside = tickets(&booth, "eve", "matinee").await;
    let door = booth.post("/api/v1/check-ins").bearer_auth(TOKEN);
    let came = door.json(&json!({"ticket": inside["tickets"][0]["ticket"], "gate": "<north>"}));
    assert_eq!(came.send().await.unwrap().status(), StatusCode::CREATED);
    let waits = booth
        .post("/api/v1/waiting-list")
        .header("stanchion-pass", booth.signer.pass("bob"));
    let waits = waits
        .header("idempotency-key", "w")
        .json(&json!({"event": "gala", "count": 1}));
    assert_eq!(waits.send().await.unwrap().status(), StatusCode::CREATED);
    let parked = wait_until_async(std::time::Duration::from_secs(30), async || {
        booth.pass_time(8 * 3_600_000);
        deliveries(&booth).await["targets"][0]["parked"] == 2
    });
    assert!(parked.await, "{}", deliveries(&booth).await);
    (booth, outside["link"].as_str().unwrap().to_owned())
}

async fn tickets(booth: &Booth, visitor: &str, event: &str) -> Value {
    let booked = booth.book(visitor, None, order(event, 2)).await;
    let path = format!("/api/v1/orders/{}/tickets", booked.reference());
    let request = booth.get(&path).header("stanchion-pass", booth.signer.pass(visitor));
    request.send().await.unwrap().json().await.unwrap()
}

async fn deliveries(booth: &Booth) -> Value {
    let request = booth.get("/api/v1/organiser/deliveries").bearer_auth(TOKEN);
    request.send().await.unwrap().json().await.unwrap()
}

async fn form(booth: &Booth, path: &str, body: &str, more: &[(&str, &str)]) -> Response {
    let client = Client::builder().redirect(Policy::none()).build().unwrap();
    let mut request = client.post(booth.url(path)).header("accept", "text/html");
    for (name, value) in more {
        request = request.header(*name, *value);
    }
    let kind = "application/x-www-form-urlencoded";
    request
        .header("content-type", kind)
        .body(body.to_owned())
        .send()
        .await
        .unwrap()
}

#[tokio::test]
async fn a2_the_office_opens_to_the_token_alone() {
    let (booth, _) = busy().await;
    let shut = booth.get("/organiser").send().await.unwrap().text().await.unwrap();
    assert!(shut.contains("For the organiser") && !shut.contains("gala"), "{shut}");
    let token = format!("token={TOKEN}");
    let entered = form(&booth, "/organiser/enter", &token, &[]).await;
    assert_eq!(
        (entered.status(), &entered.headers()["location"]),
        (StatusCode::SEE_OTHER, &"/organiser".parse().unwrap())
    );
    let cookie = entered.headers()["set-cookie"].to_str().unwrap();
    for part in ["HttpOnly", "Secure", "SameSite=Strict", "Path=/organiser"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains(TOKEN));
    let session = cookie.split(';').next().unwrap().to_owned();
    let page = booth.get("/organiser").header("cookie", &session).send().await.unwrap();
    assert_eq!(page.headers()["cache-control"], "no-store, private");
    let page = page.text().await.unwrap();
    for said in [
        "&lt;b&gt;gala",
        "&lt;north&gt;",
        "2 parked",
        "This server takes bookings",
        "order.confirmed",
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
    assert!(!page.contains("<north>") && !page.contains(TOKEN));
    let sales = booth.get("/api/v1/organiser/sales").bearer_auth(TOKEN);
    let sales: Value = sales.send().await.unwrap().json().await.unwrap();
    let gala = &sales["events"][0];
    assert_eq!(
        (&gala["sold"], &gala["waiting"], &gala["arrived"]),
        (&json!(2), &json!(1), &json!(1)),
        "{sales}"
    );

    let replay = "target=ledger";
    let elsewhere = [("cookie", session.as_str()), ("sec-fetch-site", "cross-site")];
    assert_eq!(
        form(&booth, "/organiser/replays", replay, &elsewhere).await.status(),
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        form(&booth, "/organiser/replays", replay, &[]).await.status(),
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(deliveries(&booth).await["targets"][0]["parked"], 2, "nothing happened");
    let inside = [("cookie", session.as_str()), ("sec-fetch-site", "same-origin")];
    assert_eq!(
        form(&booth, "/organiser/replays", replay, &inside).await.status(),
        StatusCode::SEE_OTHER
    );
    assert_eq!(deliveries(&booth).await["targets"][0]["parked"], 0);
    booth.pass_time(12 * 3_600_000);
    let late = booth.get("/organiser").header("cookie", &session).send().await.unwrap();
    assert!(
        late.text().await.unwrap().contains("For the organiser"),
        "the session is over"
    );
}

#[tokio::test]
async fn a2_wrong_tokens_lock_out_wrong_tokens_alone() {
    let booth = Booth::open(2).await;
    let wrong = async |token: &str| {
        let request = booth.get("/api/v1/organiser/sales").bearer_auth(token);
        request.send().await.unwrap()
    };
    for _ in 0..5 {
        assert_eq!(wrong("guess").await.status(), StatusCode::UNAUTHORIZED);
    }
    let locked = wrong("guess").await;
    assert_eq!(locked.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(
        locked.headers()["retry-after"]
            .to_str()
            .unwrap()
            .parse::<u64>()
            .unwrap()
            <= 60
    );
    let page = form(&booth, "/organiser/enter", "token=guess", &[]).await;
    assert_eq!(page.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(wrong(TOKEN).await.status(), StatusCode::OK, "the right one is good");
    let entered = form(&booth, "/organiser/enter", &format!("token={TOKEN}"), &[]).await;
    assert_eq!(entered.status(), StatusCode::SEE_OTHER);
    booth.pass_time(60_000);
    assert_eq!(wrong("guess").await.status(), StatusCode::UNAUTHORIZED);
}

/// The office and the tickets on a phone and a desktop; nothing that axe finds serious. `STANCHION_SHOTS` names a folder
/// for pictures.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_office_and_the_tickets_in_a_browser() {
    let (booth, link) = busy().await;
    let base = booth.url("");
    let shots = std::env::var("STANCHION_SHOTS").unwrap_or_default();
    let said = tokio::task::spawn_blocking(move || {
        let env = [
            ("BASE", base.as_str()),
            ("LINK", &link),
            ("TOKEN", TOKEN),
            ("OUT", &shots),
        ];
        browser::run("office.mjs", &env)
    });
    println!("{}", said.await.unwrap());
}
