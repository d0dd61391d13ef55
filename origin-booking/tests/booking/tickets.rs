//! Tickets as their holders and the people at the doors meet them (T1, T2, O3): the code on the page is read as a scanner
//! reads it, and lets one person in.

use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::support::{Answer, Booth, TOKEN, order};

/// Draws our SVG and reads what a scanner reads.
pub fn scan(svg: &str) -> String {
    let size: usize = between(svg, "viewBox=\"0 0 ", " ").parse().unwrap();
    let mut dark = vec![false; size * size];
    let path = svg.rsplit("<path d=\"").next().unwrap().split('"').next().unwrap();
    for run in path.split('M').filter(|run| !run.is_empty()) {
        let (x, rest) = run.split_once(' ').unwrap();
        let (y, rest) = rest.split_once('h').unwrap();
        let (length, _) = rest.split_once('v').unwrap();
        let [x, y, length]: [usize; 3] = [x, y, length].map(|number| number.parse().unwrap());
        dark[y * size + x..y * size + x + length].fill(true);
    }
    let scale = 4;
    let mut seen = rqrr::PreparedImage::prepare_from_greyscale(size * scale, size * scale, |x, y| {
        if dark[y / scale * size + x / scale] { 0 } else { 255 }
    });
    let grids = seen.detect_grids();
    assert_eq!(grids.len(), 1, "one code");
    grids[0].decode().unwrap().1
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    text.split_once(start).unwrap().1.split_once(end).unwrap().0
}

impl Booth {
    async fn own(&self, visitor: &str, path: &str) -> Answer {
        let request = self.get(path).header("stanchion-pass", self.signer.pass(visitor));
        Answer::of(request.send().await.unwrap()).await
    }

    async fn door(&self, ask: Value) -> Answer {
        let request = self.post("/api/v1/check-ins").bearer_auth(TOKEN).json(&ask);
        Answer::of(request.send().await.unwrap()).await
    }
}

async fn page(request: RequestBuilder) -> (StatusCode, String) {
    let response = request.header("accept", "text/html").send().await.unwrap();
    (response.status(), response.text().await.unwrap())
}

#[tokio::test]
async fn the_code_on_the_page_lets_one_person_in() {
    let booth = Booth::open(10).await;
    let booked = booth.book("ada", None, order("gala", 2)).await;
    let tickets = booth
        .own("ada", &format!("/api/v1/orders/{}/tickets", booked.reference()))
        .await;
    let link = tickets.body["link"].as_str().unwrap().to_owned();
    // Without any pass: whoever bought does not wait again.
    let (status, shown) = page(booth.get(&link)).await;
    assert_eq!(status, StatusCode::OK, "{shown}");
    let codes: Vec<String> = shown.split("<svg").skip(1).map(scan).collect();
    let told: Vec<&str> = [0, 1]
        .map(|n| tickets.body["tickets"][n]["ticket"].as_str().unwrap())
        .to_vec();
    assert_eq!(codes, told);
    let picture = booth
        .get(tickets.body["tickets"][1]["svg"].as_str().unwrap())
        .send()
        .await
        .unwrap();
    let saved = picture.headers()["content-disposition"].to_str().unwrap().to_owned();
    assert_eq!(
        saved,
        format!("attachment; filename=\"ticket-{}-2.svg\"", booked.reference())
    );
    assert_eq!(picture.headers()["cache-control"], "no-store, private");
    assert_eq!(scan(&picture.text().await.unwrap()), codes[1]);

    let came = booth
        .door(json!({"ticket": codes[0], "event": "gala", "gate": "north"}))
        .await;
    assert_eq!(came.status, StatusCode::CREATED, "{}", came.body);
    let came = &came.body["check_in"];
    assert_eq!(
        (&came["number"], &came["of"], &came["name"]),
        (&json!(1), &json!(2), &json!("Ada"))
    );
    assert_eq!(
        (&came["order_owes_minor"], &came["arrived"]),
        (&json!(2_500), &json!(1)),
        "to be paid at the door"
    );
    let again = booth.door(json!({"ticket": codes[0], "gate": "south"})).await;
    assert_eq!((again.status, again.problem()), (StatusCode::CONFLICT, "ticket-used"));
    assert_eq!(
        (&again.body["first"]["gate"], &again.body["first"]["at_ms"]),
        (&json!("north"), &came["at_ms"])
    );
    assert!(
        again.body["detail"].as_str().unwrap().ends_with("UTC, at north."),
        "{}",
        again.body
    );
    assert_eq!(
        booth.door(json!({"ticket": codes[1]})).await.status,
        StatusCode::CREATED
    );
}

#[tokio::test]
async fn t1_each_ticket_that_is_not_good_is_refused_for_what_it_is() {
    let booth = Booth::open(10).await;
    let stranger = Booth::open(10).await;
    let tickets_of = async |booth: &Booth| {
        let booked = booth.book("ada", None, order("gala", 1)).await;
        let path = format!("/api/v1/orders/{}/tickets", booked.reference());
        let ticket = booth.own("ada", &path).await.body;
        (
            booked.reference().to_owned(),
            ticket["tickets"][0]["ticket"].as_str().unwrap().to_owned(),
        )
    };
    let (id, good) = tickets_of(&booth).await;
    let (_, foreign) = tickets_of(&stranger).await;
    let forged = format!("ST1-{id}-1-{}", "2".repeat(32));
    for (ask, status, problem) in [
        (json!({"ticket": "hello"}), 400, "not-a-ticket"),
        (json!({"ticket": ""}), 400, "not-a-ticket"),
        (json!({"ticket": forged}), 403, "forged-ticket"),
        (json!({"ticket": foreign}), 403, "forged-ticket"),
        (json!({"ticket": good, "event": "matinee"}), 409, "wrong-event"),
        (json!({"ticket": good, "gate": "x".repeat(41)}), 400, "bad-order"),
        (json!({"ticket": 7}), 400, "bad-order"),
        (json!({"tickets": good}), 400, "bad-order"),
    ] {
        let answer = booth.door(ask.clone()).await;
        assert_eq!((answer.status.as_u16(), answer.problem()), (status, problem), "{ask}");
    }
    let without = booth.post("/api/v1/check-ins").json(&json!({"ticket": good}));
    assert_eq!(without.send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    let link = booth.own("ada", &format!("/api/v1/orders/{id}/tickets")).await.body["link"].clone();
    booth.organise("/refunds", json!({"order": id})).await;
    let cancelled = booth.door(json!({"ticket": good})).await;
    assert_eq!(
        (cancelled.status, cancelled.problem()),
        (StatusCode::GONE, "ticket-cancelled")
    );
    assert_eq!(
        page(booth.get(link.as_str().unwrap())).await.0,
        StatusCode::NOT_FOUND,
        "given back"
    );
}

#[tokio::test]
async fn o3_nobody_sees_tickets_that_are_not_theirs() {
    let booth = Booth::open(10).await;
    let booked = booth.book("ada", None, order("gala", 1)).await;
    let path = format!("/api/v1/orders/{}/tickets", booked.reference());
    assert_eq!(booth.own("eve", &path).await.status, StatusCode::NOT_FOUND);
    let link = booth.own("ada", &path).await.body["link"].as_str().unwrap().to_owned();
    let guess = format!("/tickets/{}-{}", booked.reference(), "2".repeat(32));
    for path in [
        guess,
        link.replace("tickets/", "tickets/x"),
        format!("{link}/2"),
        format!("{link}/one"),
    ] {
        assert_eq!(page(booth.get(&path)).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    let held = booth
        .post("/api/v1/holds")
        .header("stanchion-pass", booth.signer.pass("bob"));
    let held = held
        .header("idempotency-key", "h")
        .json(&json!({"event": "gala", "count": 1}));
    let held = Answer::of(held.send().await.unwrap()).await;
    let path = format!("/api/v1/orders/{}/tickets", held.body["hold"]["id"].as_str().unwrap());
    assert_eq!(
        booth.own("bob", &path).await.problem(),
        "wrong-stage",
        "nothing is paid yet"
    );
}

/// A ticket is good after a restart, and its second use is known.
#[tokio::test]
async fn i19_tickets_and_arrivals_survive_a_restart() {
    let booth = Booth::open(10).await;
    let booked = booth.book("ada", None, order("gala", 2)).await;
    let path = format!("/api/v1/orders/{}/tickets", booked.reference());
    let before = booth.own("ada", &path).await.body;
    assert_eq!(
        booth
            .door(json!({"ticket": before["tickets"][0]["ticket"]}))
            .await
            .status,
        StatusCode::CREATED
    );
    let Booth { running, folder, .. } = booth;
    running.stop().await;
    let booth = Booth::reopen(folder, 10).await;
    assert_eq!(booth.own("ada", &path).await.body, before);
    assert_eq!(
        booth
            .door(json!({"ticket": before["tickets"][0]["ticket"]}))
            .await
            .problem(),
        "ticket-used"
    );
    assert_eq!(
        booth
            .door(json!({"ticket": before["tickets"][1]["ticket"]}))
            .await
            .status,
        StatusCode::CREATED
    );
}
