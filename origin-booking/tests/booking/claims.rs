//! A buyer who comes back with a new pass after the session ended goes on with the order; a stranger cannot (O3, T2, T4).

use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

use crate::support::{Answer, Booth};

/// A browser: it keeps the cookie of its orders, and its pass changes.
struct Browser<'a> {
    booth: &'a Booth,
    client: Client,
    cookie: String,
    https: bool,
}

impl<'a> Browser<'a> {
    fn new(booth: &'a Booth) -> Browser<'a> {
        let client = Client::builder().redirect(Policy::none()).build().unwrap();
        let (cookie, https) = (String::new(), false);
        Browser {
            booth,
            client,
            cookie,
            https,
        }
    }

    fn ask(&self, visitor: &str, method: Method, path: &str) -> RequestBuilder {
        let mut request = self.client.request(method, self.booth.url(path));
        request = request.header("stanchion-pass", self.booth.signer.pass(visitor));
        request = request.header("cookie", format!("other=1; {}", self.cookie));
        match self.https {
            true => request.header("x-forwarded-proto", "https"),
            false => request,
        }
    }

    async fn sent(&mut self, request: RequestBuilder) -> Response {
        let response = request.header("accept", "text/html").send().await.unwrap();
        if let Some(set) = response.headers().get("set-cookie") {
            self.cookie = set.to_str().unwrap().split(';').next().unwrap().to_owned();
        }
        response
    }

    async fn get(&mut self, visitor: &str, path: &str) -> Response {
        self.sent(self.ask(visitor, Method::GET, path)).await
    }

    async fn post(&mut self, visitor: &str, path: &str, form: &str) -> Response {
        let request = self.ask(visitor, Method::POST, path).body(form.to_owned());
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        self.sent(request).await
    }

    /// Two seats in the basket; its address.
    async fn basket(&mut self, visitor: &str) -> String {
        let held = self.post(visitor, "/basket", "event=gala&count=2").await;
        let address = held.headers()["location"].to_str().unwrap().to_owned();
        assert_eq!(self.get(visitor, &address).await.status(), StatusCode::OK);
        address
    }
}

#[tokio::test]
async fn with_a_new_pass_the_same_browser_goes_on_and_a_stranger_sees_nothing() {
    let booth = Booth::open(10).await;
    let (mut hers, mut strangers) = (Browser::new(&booth), Browser::new(&booth));
    let basket = hers.basket("ada").await;
    assert!(hers.cookie.starts_with("stanchion-orders="), "{}", hers.cookie);
    assert_eq!(strangers.get("eve", &basket).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(
        strangers.post("eve", &basket, "name=Eve&card=approve").await.status(),
        StatusCode::NOT_FOUND
    );
    // Half of a cookie is none; one of another order neither.
    let mut other = Browser::new(&booth);
    other.basket("eve").await;
    let whole = hers.cookie.clone();
    for forged in [
        &whole[..whole.len() - 1],
        other.cookie.as_str(),
        "stanchion-orders=",
        "stanchion-orders=....-.-",
    ] {
        strangers.cookie = forged.to_owned();
        assert_eq!(
            strangers.get("eve", &basket).await.status(),
            StatusCode::NOT_FOUND,
            "{forged}"
        );
    }
    let event = hers.get("ada-again", "/events/gala").await.text().await.unwrap();
    assert!(event.contains(&basket), "the event's page knows the basket: {event}");
    let page = hers.get("ada-again", &basket).await;
    assert_eq!(page.status(), StatusCode::OK);
    let declined = hers.post("ada-again", &basket, "name=Ada&card=decline").await;
    assert_eq!(declined.status(), StatusCode::PAYMENT_REQUIRED);
    let paid = hers.post("ada-later", &basket, "name=Ada&card=approve").await;
    assert_eq!(paid.headers()["location"].to_str().unwrap(), basket);
    let page = hers.get("ada-later", &basket).await.text().await.unwrap();
    assert!(
        page.contains("Paid. See you there!") && page.contains("Each code lets"),
        "{page}"
    );
    let api = hers.ask("ada-later", Method::GET, &format!("/api/v1{basket}/tickets"));
    assert_eq!(Answer::of(api.send().await.unwrap()).await.status, StatusCode::OK);
    let mine = hers
        .ask("ada-later", Method::GET, "/api/v1/orders")
        .send()
        .await
        .unwrap();
    let mine: Value = mine.json().await.unwrap();
    assert_eq!(mine["orders"].as_array().unwrap().len(), 1, "{mine}");
    assert_eq!(booth.running.sold_count(), 2);
}

#[tokio::test]
async fn o3_the_cookie_and_the_link_are_worth_nothing_without_a_pass() {
    let booth = Booth::open(10).await;
    let mut hers = Browser::new(&booth);
    let basket = hers.basket("ada").await;
    let link = link(&booth, "ada", &basket).await;
    for path in [basket.as_str(), link.as_str()] {
        for method in [Method::GET, Method::POST] {
            let bare = hers
                .client
                .request(method, booth.url(path))
                .header("cookie", &hers.cookie);
            let answer = bare.header("accept", "text/html").send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{path}");
            assert!(!answer.headers().contains_key("set-cookie"));
        }
    }
    for from in ["cross-site", "same-site"] {
        let foreign = hers.ask("ada", Method::POST, &format!("{basket}/release"));
        let foreign = foreign.header("sec-fetch-site", from);
        assert_eq!(hers.sent(foreign).await.status(), StatusCode::FORBIDDEN, "{from}");
    }
}

/// As the API says it.
async fn link(booth: &Booth, visitor: &str, basket: &str) -> String {
    let seen = booth.seen(visitor, &format!("/api/v1{basket}")).await;
    seen.body["order"]["link"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_link_is_as_good_as_the_cookie_and_does_not_stay_in_the_address_bar() {
    let booth = Booth::open(10).await;
    let basket = Browser::new(&booth).basket("ada").await;
    let link = link(&booth, "ada", &basket).await;
    assert!(
        link.starts_with(&format!("{basket}-")) && link.len() > basket.len() + 30,
        "{link}"
    );
    let mut phone = Browser::new(&booth);
    let led = phone.get("ada-again", &link).await;
    assert_eq!(led.status(), StatusCode::SEE_OTHER);
    assert_eq!(led.headers()["location"].to_str().unwrap(), basket);
    assert_eq!(phone.get("ada-again", &basket).await.status(), StatusCode::OK);
    // An app names the order by its link.
    let app = booth.seen("app", &format!("/api/v1{link}")).await;
    assert_eq!(
        (app.status, &app.body["order"]["stage"]),
        (StatusCode::OK, &json!("held"))
    );
    assert_eq!(
        booth.seen("app", &format!("/api/v1{basket}")).await.problem(),
        "unknown-order"
    );
    let released = booth
        .asked("app", Method::DELETE, &link.replace("/orders/", "/api/v1/holds/"))
        .await;
    assert_eq!(released.status, StatusCode::OK, "{}", released.body);
    assert_eq!(booth.left("gala").await, 10);
}

#[tokio::test]
async fn over_https_the_cookie_is_for_this_host_alone_and_it_holds_eight_orders() {
    let booth = Booth::open(100).await;
    let mut hers = Browser::new(&booth);
    hers.https = true;
    let first = hers.basket("ada").await;
    let set = hers.get("ada", &first).await.headers()["set-cookie"]
        .to_str()
        .unwrap()
        .to_owned();
    for part in [
        "__Host-stanchion-orders=",
        "; Secure",
        "; HttpOnly",
        "; SameSite=Lax",
        "; Path=/",
    ] {
        assert!(set.contains(part) && !set.contains("Domain"), "{set}");
    }
    for n in 1..8 {
        hers.basket(&format!("ada-{n}")).await;
    }
    assert_eq!(hers.cookie.matches('.').count(), 7);
    assert!(hers.cookie.len() < 400, "{}", hers.cookie);
    assert_eq!(
        hers.get("new", &first).await.status(),
        StatusCode::OK,
        "it is the latest now"
    );
    hers.basket("ada-8").await;
    assert_eq!(hers.get("new", &first).await.status(), StatusCode::OK);
    for n in 9..16 {
        hers.basket(&format!("ada-{n}")).await;
    }
    assert_eq!(hers.cookie.matches('.').count(), 7);
    hers.basket("ada-16").await;
    assert_eq!(
        hers.get("new", &first).await.status(),
        StatusCode::NOT_FOUND,
        "one too many"
    );
    let left = hers.post("ada-16", "/leave", "forget=yes").await;
    assert!(left.headers()["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    assert_eq!(hers.cookie, "__Host-stanchion-orders=");
}
