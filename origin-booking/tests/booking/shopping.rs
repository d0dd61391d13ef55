//! The pages beside the map: search, codes and points on an order, polls, coupons, large halls, languages, refunds (O1, O2).

use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use stanchion_booking::Database;

use crate::support::{Booth, TOKEN};

struct Person<'a> {
    booth: &'a Booth,
    client: Client,
    name: &'a str,
    language: &'a str,
}

impl<'a> Person<'a> {
    fn new(booth: &'a Booth, name: &'a str) -> Person<'a> {
        let client = Client::builder().redirect(Policy::none()).build().unwrap();
        Person {
            booth,
            client,
            name,
            language: "en",
        }
    }

    fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, self.booth.url(path));
        let request = request.header("stanchion-pass", self.booth.signer.pass(self.name));
        request
            .header("accept", "text/html")
            .header("accept-language", self.language)
    }

    async fn page(&self, path: &str) -> (StatusCode, String) {
        read(self.ask(Method::GET, path).send().await.unwrap()).await
    }

    async fn form(&self, path: &str, form: &str) -> (StatusCode, String) {
        read(self.posted(path, form).await).await
    }

    async fn posted(&self, path: &str, form: &str) -> Response {
        let request = self.ask(Method::POST, path).body(form.to_owned());
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        request.send().await.unwrap()
    }

    /// Where the answer leads.
    async fn led(&self, path: &str, form: &str) -> String {
        let response = self.posted(path, form).await;
        assert_eq!(response.status(), StatusCode::SEE_OTHER, "{path} {form}");
        response.headers()["location"].to_str().unwrap().to_owned()
    }
}

async fn read(response: Response) -> (StatusCode, String) {
    (response.status(), response.text().await.unwrap())
}

#[tokio::test]
async fn what_is_on_is_found_by_words_and_days_and_a_page_at_a_time() {
    let booth = Booth::open(10).await;
    for n in 1..=25 {
        let title = if n == 25 { "Tâm sự <i>" } else { "Series" };
        let listed = json!({"id": format!("s-{n}"), "title": title, "venue": "Boathouse", "when": "Then", "seats": 5,
            "starts_at_ms": 1_797_033_600_000_u64 + n * 86_400_000, "price": {"currency": "EUR", "minor": 100}});
        assert!(booth.organise("/events", listed).await.status.is_success());
    }
    let ada = Person::new(&booth, "ada");
    let (_, first) = ada.page("/?search=boathouse&from=&to=").await;
    assert!(first.contains("25 events") && first.contains("Page 1 of 2"), "{first}");
    assert_eq!(first.matches("class=\"card\" href=\"/events/").count(), 20);
    assert!(first.contains("search=boathouse&amp;page=2"), "{first}");
    let (_, second) = ada.page("/?search=boathouse&page=2").await;
    assert_eq!(second.matches("class=\"card\" href=\"/events/").count(), 5);
    let (_, one) = ada.page("/?search=T%C3%82M").await;
    assert!(one.contains("One event") && one.contains("Tâm sự &lt;i&gt;"), "{one}");
    let (_, days) = ada.page("/?from=2026-12-13&to=2026-12-14").await;
    assert!(days.contains("2 events"), "{days}");
    let (_, none) = ada.page("/?search=%3Cscript%3E").await;
    assert!(
        none.contains("Nothing matches") && none.contains("value=\"&lt;script&gt;\""),
        "{none}"
    );
    assert_eq!(ada.page("/?from=yesterday").await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_code_on_the_order_shows_what_it_takes_off_or_why_not() {
    let booth = Booth::open(10).await;
    let code = json!({"id": "SPRING", "off": {"percent": 10}, "uses": 1});
    assert!(booth.organise("/codes", code).await.status.is_success());
    let (ada, bob) = (Person::new(&booth, "ada"), Person::new(&booth, "bob"));
    let basket = ada.led("/basket", "event=gala&count=2").await;
    let (status, page) = ada.page(&format!("{basket}?code=WINTER")).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(
        page.contains("This code is not good here.") && page.contains("Pay EUR 25.00"),
        "{page}"
    );
    let (_, page) = ada.page(&format!("{basket}?code=SPRING")).await;
    assert!(page.contains("−EUR 2.50") && page.contains("Pay EUR 22.50"), "{page}");
    // Somebody else is quicker.
    let other = bob.led("/basket", "event=gala&count=1").await;
    bob.led(&other, "name=Bob&code=SPRING&card=approve").await;
    let (status, page) = ada.form(&basket, "name=Ada+L&email=&code=SPRING&card=approve").await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(
        page.contains("used up") && page.contains("value=\"Ada L\"") && page.contains("Pay EUR 25.00"),
        "{page}"
    );
    let (status, page) = ada.form(&basket, "name=Ada&email=nonsense&card=approve").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(
        page.contains("has an @ in it") && page.contains("value=\"nonsense\"") || page.contains("has an @ in it"),
        "{page}"
    );
    // Guessing ends.
    for n in 0..10 {
        ada.page(&format!("{basket}?code=GUESS{n}")).await;
    }
    let (status, _) = ada.page(&format!("{basket}?code=SPRING")).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(ada.led(&basket, "name=Ada&card=approve").await, basket);
    assert_eq!(booth.running.sold_count(), 3);
}

#[tokio::test]
async fn points_pay_where_there_are_enough() {
    let booth = Booth::open(10).await;
    let grant = json!({"person": "ada", "points": 3_000});
    assert!(booth.organise("/points", grant).await.status.is_success());
    let ada = Person::new(&booth, "ada");
    let basket = ada.led("/basket", "event=gala&count=2").await;
    assert!(ada.page(&basket).await.1.contains("Pay with 2500 of your 3000 points"));
    assert_eq!(ada.led(&basket, "name=Ada&method=points").await, basket);
    let again = ada.led("/basket", "event=gala&count=1").await;
    assert!(
        ada.page(&again)
            .await
            .1
            .contains("You have 500 points; this costs 1250.")
    );
    let (status, page) = ada.form(&again, "name=Ada&method=points").await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(page.contains("that is not enough"), "{page}");
    assert_eq!(booth.running.sold_count(), 2);
}

#[tokio::test]
async fn a_poll_and_coupons_each_once_a_person() {
    let booth = Booth::open(10).await;
    let poll = json!({"id": "encore", "question": "Which <encore>?", "options": ["Slow", "Fast"], "until_ms": 0});
    assert!(booth.organise("/polls", poll).await.status.is_success());
    assert!(
        booth
            .organise("/campaigns", json!({"id": "early", "coupons": 1}))
            .await
            .status
            .is_success()
    );
    let (ada, bob) = (Person::new(&booth, "ada"), Person::new(&booth, "bob"));
    let (_, page) = ada.page("/polls/encore").await;
    assert!(
        page.contains("Which &lt;encore&gt;?") && page.contains("type=\"radio\""),
        "{page}"
    );
    assert_eq!(ada.led("/polls/encore", "option=1&key=k1").await, "/polls/encore");
    assert_eq!(
        ada.led("/polls/encore", "option=1&key=k1").await,
        "/polls/encore",
        "pressed twice"
    );
    let (_, page) = ada.page("/polls/encore").await;
    assert!(
        page.contains("You have voted") && page.contains("1 vote<") && !page.contains("type=\"radio\""),
        "{page}"
    );
    let (status, page) = ada.form("/polls/encore", "option=0").await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(page.contains("You have voted."), "{page}");

    assert!(
        ada.page("/campaigns/early")
            .await
            .1
            .contains("One coupon of 1 is left.")
    );
    ada.led("/campaigns/early", "key=k2").await;
    let (_, page) = ada.page("/campaigns/early").await;
    assert!(page.contains("Your coupon") && page.contains("Number 1 of 1"), "{page}");
    let (_, page) = bob.page("/campaigns/early").await;
    assert!(
        page.contains("All 1 coupons are gone.") && !page.contains("Your coupon"),
        "{page}"
    );
    assert_eq!(bob.form("/campaigns/early", "").await.0, StatusCode::CONFLICT);
    for unknown in ["/polls/x", "/campaigns/x"] {
        assert_eq!(ada.page(unknown).await.0, StatusCode::NOT_FOUND, "{unknown}");
    }
}

/// Two sections of 2,000 seats, and one of a single row.
pub fn arena() -> Value {
    let rows = json!([{"id": "1", "rows": 40, "seats": 50}]);
    json!({"id": "arena", "title": "Arena", "venue": "Arena", "when": "Then", "starts_at_ms": 1_797_033_600_000_u64,
        "price": {"currency": "EUR", "minor": 0}, "seats": 0,
        "hall": {"zones": [{"id": "A", "price_minor": 4500}, {"id": "B", "price_minor": 900}],
            "sections": [{"id": "north", "zone": "A", "rows": rows}, {"id": "south", "zone": "A", "rows": rows},
                {"id": "south", "zone": "B", "rows": [{"id": "W", "seats": 5}]}]}})
}

#[tokio::test]
async fn a_large_hall_is_drawn_a_section_at_a_time() {
    let booth = Booth::open(10).await;
    assert!(booth.organise("/events", arena()).await.status.is_success());
    let ada = Person::new(&booth, "ada");
    let (_, page) = ada.page("/events/arena").await;
    assert!(
        page.contains("?section=north#map") && page.contains("2005 seats free"),
        "{page}"
    );
    assert!(
        page.contains("9.00–45.00") && !page.contains("role=\"checkbox\""),
        "{page}"
    );
    let (_, page) = ada.page("/events/arena?section=south").await;
    assert_eq!(page.matches("role=\"checkbox\"").count(), 2_005);
    assert!(page.contains("id=\"south-W-5\"") && !page.contains("id=\"north-1-1\""));
    assert!(
        !ada.page("/events/arena?section=x")
            .await
            .1
            .contains("role=\"checkbox\"")
    );
}

#[tokio::test]
async fn o1_of_two_chosen_seats_the_lost_one_is_named() {
    let booth = Booth::open(10).await;
    assert!(booth.organise("/events", arena()).await.status.is_success());
    let hold = |seats: Value| json!({"event": "arena", "seats": seats});
    booth.call("bob", "/api/v1/holds", hold(json!(["north-2-13"]))).await;
    let refused = booth
        .call("ada", "/api/v1/holds", hold(json!(["north-2-13", "north-2-14"])))
        .await;
    assert_eq!(
        (refused.status, refused.problem()),
        (StatusCode::CONFLICT, "seat-taken")
    );
    assert_eq!(refused.body["taken"], json!(["north-2-13"]));
    let said = refused.body["detail"].as_str().unwrap();
    assert!(
        said.starts_with("North, row 2, seat 13 has just been taken") && said.contains("still yours"),
        "{said}"
    );
    let hold = booth.call("ada", "/api/v1/holds", hold(json!(["north-2-14"]))).await;
    assert_eq!(hold.body["hold"]["seat_names"], json!(["North, row 2, seat 14"]));
    assert_eq!(hold.body["hold"]["seats"], json!(["north-2-14"]));
}

#[tokio::test]
async fn pages_speak_the_browsers_language_refusals_too() {
    let booth = Booth::open(10).await;
    for (language, lang, on, none) in [
        ("ko-KR,en;q=0.5", "ko", "공연 목록", "그런 공연이 없습니다."),
        ("th", "th", "รายการแสดง", "ไม่มีรายการแสดงนี้"),
        ("vi", "vi", "Chương trình", "Không có chương trình này."),
        ("de", "en", "What is on", "There is no such event."),
    ] {
        let reader = Person {
            language,
            ..Person::new(&booth, "ada")
        };
        let front = reader.ask(Method::GET, "/").send().await.unwrap();
        assert!(front.headers()["vary"].to_str().unwrap().contains("Accept-Language"));
        let front = front.text().await.unwrap();
        assert!(
            front.contains(&format!("<html lang=\"{lang}\">")) && front.contains(on),
            "{front}"
        );
        let (status, page) = reader.page("/events/x").await;
        assert!(status == StatusCode::NOT_FOUND && page.contains(none), "{page}");
        let (_, page) = reader.form("/basket", "event=gala&count=99").await;
        assert!(page.contains(&format!("<html lang=\"{lang}\">")), "{page}");
    }
}

/// The cookie of somebody who gave the token.
async fn in_the_office(booth: &Booth) -> String {
    let nobody = Person::new(booth, "-");
    let entered = nobody.posted("/organiser/enter", &format!("token={TOKEN}")).await;
    let cookie = entered.headers()["set-cookie"].to_str().unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn the_office_counts_money_and_gives_an_order_back_after_asking() {
    let booth = Booth::open(10).await;
    let ada = Person::new(&booth, "ada");
    booth
        .organise("/points", json!({"person": "ada", "points": 9_000}))
        .await;
    let by_points = ada.led("/basket", "event=gala&count=2").await;
    ada.led(&by_points, "name=Ada&method=points").await;
    let by_card = ada.led("/basket", "event=gala&count=1").await;
    ada.led(&by_card, "name=Ada&card=approve").await;
    ada.led("/basket", "event=gala&count=1").await;
    booth.book("bob", None, crate::support::order("gala", 3)).await;
    let session = in_the_office(&booth).await;
    let office = async |method: Method, path: &str, form: &str| {
        let request = ada
            .client
            .request(method, booth.url(path))
            .header("accept", "text/html");
        let request = request.header("cookie", &session).body(form.to_owned());
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        read(request.send().await.unwrap()).await
    };
    let sales = async || {
        let sales = booth.get("/api/v1/organiser/sales").bearer_auth(TOKEN);
        sales.send().await.unwrap().json::<Value>().await.unwrap()
    };
    let gala = sales().await["events"][0].clone();
    assert_eq!(gala["paid_minor"], 1_250, "{gala}");
    assert_eq!(
        (&gala["points"], &gala["owed_minor"]),
        (&json!(2_500), &json!(3_750)),
        "{gala}"
    );
    assert_eq!(sales().await["holds"].as_array().unwrap().len(), 1);
    let (_, page) = office(Method::GET, "/organiser", "").await;
    assert!(page.contains("12.50 + 2500 points") && page.contains("37.50"), "{page}");
    let order = by_points.rsplit('/').next().unwrap();
    let (status, page) = office(
        Method::POST,
        "/organiser/refunds",
        &format!("order={}", order.to_lowercase()),
    )
    .await;
    assert!(
        status == StatusCode::OK && page.contains("Give this order back?") && page.contains("EUR 25.00"),
        "{page}"
    );
    assert_eq!(sales().await["events"][0]["refunded_points"], 0, "only asked");
    let (status, _) = office(Method::POST, "/organiser/refunds", &format!("order={order}&sure=yes")).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let gala = sales().await["events"][0].clone();
    assert_eq!(
        (&gala["refunded_points"], &gala["sold"]),
        (&json!(2_500), &json!(4)),
        "{gala}"
    );
    let (status, page) = office(Method::POST, "/organiser/refunds", "order=NOSUCHONE2").await;
    assert!(
        status == StatusCode::NOT_FOUND && page.contains("no order of this reference"),
        "{page}"
    );
}

#[tokio::test]
async fn i19_the_journal_alone_adds_up_to_what_was_sold() {
    let booth = Booth::open(10).await;
    let ada = Person::new(&booth, "ada");
    let basket = ada.led("/basket", "event=gala&count=3").await;
    ada.led(&basket, "name=Ada&card=approve").await;
    ada.led("/basket", "event=gala&count=1").await;
    booth.book("bob", None, crate::support::order("gala", 2)).await;
    let (sold, folder) = (booth.running.sold_count(), booth.folder);
    booth.running.stop().await;
    let database = Database::Sqlite(folder.path().join("booking.db"));
    let audit = tokio::task::spawn_blocking(move || database.audit())
        .await
        .unwrap()
        .unwrap();
    assert_eq!((sold, audit.sold_places), (5, 5));
    assert!(audit.facts > 5, "{audit:?}");
}
