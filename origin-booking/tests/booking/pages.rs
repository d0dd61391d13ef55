//! The pages (O1, O2): a hall as a map, and the way to a ticket without any script.

use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use stanchion_testkit::browser;

use crate::support::Booth;

const HOSTILE: &str = "</title><script>alert(1)</script>\"'{{7*7}}&";

/// Two sections, three prices, 12 + 12 + 4 seats.
fn hall(title: &str) -> Value {
    let plan = json!({
        "zones": [{"id": "A", "price_minor": 4500}, {"id": "B", "price_minor": 2900}, {"id": "C", "price_minor": 900}],
        "sections": [
            {"id": "stalls", "zone": "A", "rows": [{"id": "C", "seats": 12, "aisles": [6]}, {"id": "D", "seats": 12, "zone": "B"}]},
            {"id": "box", "zone": "C", "rows": [{"id": "W", "seats": 4, "accessible": [1]}]},
        ],
    });
    json!({"id": "recital", "title": title, "venue": HOSTILE, "when": "Today", "starts_at_ms": 1_797_033_600_000_u64,
        "price": {"currency": "EUR", "minor": 0}, "seats": 0, "hall": plan})
}

struct Person<'a> {
    booth: &'a Booth,
    client: Client,
    name: &'a str,
}

impl<'a> Person<'a> {
    fn new(booth: &'a Booth, name: &'a str) -> Person<'a> {
        let client = Client::builder().redirect(Policy::none()).build().unwrap();
        Person { booth, client, name }
    }

    async fn get(&self, path: &str) -> (StatusCode, String) {
        let request = self.client.get(self.booth.url(path)).header("accept", "text/html");
        let pass = self.booth.signer.pass(self.name);
        let response = request.header("stanchion-pass", pass).send().await.unwrap();
        (response.status(), response.text().await.unwrap())
    }

    /// As a form does.
    async fn post(&self, path: &str, form: &str) -> Response {
        let request = self.client.post(self.booth.url(path)).header("accept", "text/html");
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let pass = self.booth.signer.pass(self.name);
        let request = request.header("stanchion-pass", pass).body(form.to_owned());
        request.send().await.unwrap()
    }

    /// Where the answer leads.
    async fn sent(&self, path: &str, form: &str) -> String {
        let response = self.post(path, form).await;
        assert_eq!(response.status(), StatusCode::SEE_OTHER, "{path} {form}");
        response.headers()["location"].to_str().unwrap().to_owned()
    }
}

async fn open(title: &str) -> Booth {
    let booth = Booth::open(10).await;
    let listed = booth.organise("/events", hall(title)).await;
    assert!(listed.status.is_success(), "{}", listed.body);
    booth
}

#[tokio::test]
async fn the_map_says_of_each_seat_what_it_costs_and_whether_it_is_free() {
    let booth = open("Recital").await;
    let taken = json!({"event": "recital", "seats": ["stalls-C-3"]});
    booth.call("ada", "/api/v1/holds", taken).await;
    let (status, page) = Person::new(&booth, "bob").get("/events/recital").await;
    assert_eq!(status, StatusCode::OK);
    let seat = |id: &str| {
        let start = page.find(&format!("<rect id=\"{id}\"")).unwrap();
        page[start..].split_once("/>").unwrap().0.to_owned()
    };
    let (free, gone, chair) = (seat("stalls-C-4"), seat("stalls-C-3"), seat("box-W-1"));
    assert!(
        free.contains("aria-label=\"Row C seat 4, 45.00, free\"") && !free.contains("aria-disabled"),
        "{free}"
    );
    assert!(
        gone.contains("class=\"x\" aria-disabled=\"true\"") && gone.contains("45.00, taken\""),
        "{gone}"
    );
    assert!(
        chair.contains("\"Row W seat 1, wheelchair place, 9.00, free\""),
        "{chair}"
    );
    assert_eq!(page.matches("role=\"checkbox\"").count(), 28);
    assert!(
        page.contains("Zone B: EUR 29.00") && page.contains("aria-label=\"Stalls\""),
        "{page}"
    );
    assert!(!page.contains("To your basket"));
    let (_, own) = Person::new(&booth, "ada").get("/events/recital").await;
    assert!(own.contains("To your basket"));
}

#[tokio::test]
async fn a_hostile_title_is_text_and_only_the_scripts_of_the_page_may_run() {
    let booth = open(HOSTILE).await;
    let ada = Person::new(&booth, "ada");
    let basket = ada.sent("/basket", "event=recital&count=1").await;
    let paid = ada.sent(&basket, "name=%3Cimg+src%3Dx%3E&card=approve").await;
    for path in ["/", "/events/recital", basket.as_str(), paid.as_str()] {
        let (_, page) = ada.get(path).await;
        assert!(page.contains("&lt;script&gt;alert(1)"), "{path}: {page}");
        assert!(!page.contains("<script>") && !page.contains("<img"), "{path}: {page}");
        assert!(page.contains("{{7*7}}"), "{path}: nothing of it is evaluated");
    }
    let request = booth
        .get("/events/recital")
        .header("stanchion-pass", booth.signer.pass("ada"));
    let policy = request.send().await.unwrap().headers()["content-security-policy"].clone();
    let policy = policy.to_str().unwrap();
    assert!(
        policy.contains("default-src 'none'") && policy.contains("script-src 'nonce-"),
        "{policy}"
    );
    assert!(!policy.contains("unsafe"), "{policy}");
}

#[tokio::test]
async fn a_ticket_without_any_script() {
    let booth = open("Recital").await;
    let (ada, eve) = (Person::new(&booth, "ada"), Person::new(&booth, "eve"));
    let form = "event=recital&count=2&zone=B&key=page-1";
    let basket = ada.sent("/basket", form).await;
    assert_eq!(ada.sent("/basket", form).await, basket, "pressed twice, held once");
    let (_, page) = ada.get(&basket).await;
    assert!(
        page.contains("EUR 58.00") && page.contains("Stalls, row D, seat ") && !page.contains("stalls-D"),
        "{page}"
    );
    assert!(page.contains("role=\"timer\""), "{page}");
    for answer in [eve.get(&basket).await.0, eve.post(&basket, "name=Eve").await.status()] {
        assert_eq!(answer, StatusCode::NOT_FOUND, "another's basket");
    }
    assert_eq!(
        ada.post(&basket, "name=+&card=approve").await.status(),
        StatusCode::BAD_REQUEST
    );
    let declined = ada.post(&basket, "name=Ada&card=decline").await;
    assert_eq!(declined.status(), StatusCode::PAYMENT_REQUIRED);
    assert!(declined.text().await.unwrap().contains("declined"));
    for _ in 0..2 {
        assert_eq!(ada.sent(&basket, "name=Ada&card=approve").await, basket);
    }
    let (_, page) = ada.get(&basket).await;
    assert!(
        page.contains("Paid. See you there!") && page.contains("2 seats for Ada"),
        "{page}"
    );
    assert_eq!(booth.running.sold_count(), 2);
}

#[tokio::test]
async fn a_basket_whose_time_is_over_or_that_is_given_back_sells_nothing() {
    let booth = open("Recital").await;
    let ada = Person::new(&booth, "ada");
    let basket = ada.sent("/basket", "event=recital&count=1&accessible=yes").await;
    assert!(ada.get(&basket).await.1.contains("Box, row W, seat 1"));
    assert_eq!(ada.sent(&format!("{basket}/release"), "").await, "/events/recital");
    assert!(ada.get(&basket).await.1.contains("This basket is closed"));
    let basket = ada.sent("/basket", "event=recital&count=1").await;
    booth.pass_time(5 * 60_000);
    assert!(ada.get(&basket).await.1.contains("This basket is closed"));
    let late = ada.post(&basket, "name=Ada&card=approve").await.status();
    assert!(!late.is_success(), "{late}");
    assert_eq!(booth.running.sold_count(), 0);
}

/// Two people on one map; a purchase by keyboard alone; nothing that axe finds serious. `STANCHION_SHOTS` names a folder
/// for pictures.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_map_in_a_browser() {
    let booth = open("Recital").await;
    let (base, ada, bob) = (booth.url(""), booth.signer.pass("ada"), booth.signer.pass("bob"));
    let shots = std::env::var("STANCHION_SHOTS").unwrap_or_default();
    let said = tokio::task::spawn_blocking(move || {
        let env = [("BASE", base.as_str()), ("ADA", &ada), ("BOB", &bob), ("OUT", &shots)];
        browser::run("booking.mjs", &env)
    });
    println!("{}", said.await.unwrap());
    assert_eq!(booth.running.sold_count(), 2);
}
