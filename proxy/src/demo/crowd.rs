//! Simulated visitors. Each speaks plain HTTP to the edge, as a browser or an app would: it arrives, polls as told,
//! enters, looks around, books and leaves; some lose patience. It knows the public address and nothing else.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, Method, Response, StatusCode};
use serde::Deserialize;
use tokio::time::sleep;

use super::tally::{Step, Tally};

/// Once the crowd has gone in, so many visitors are about all the same, so that there is a line to look at.
const MOST_FOLLOWERS: usize = 40;
/// One follower at most in this time: faster than the room lets people in.
const FOLLOW_EVERY: Duration = Duration::from_millis(250);

/// One visitor's temperament, drawn from a seed so that a demo can be repeated.
struct Temper {
    arrives_after: Duration,
    patience: Duration,
    looks_around: Duration,
    books: bool,
    seats: u32,
}

impl Temper {
    fn draw(rng: &mut fastrand::Rng, spread: Duration) -> Temper {
        let hurried = rng.u32(..10) == 0;
        Temper {
            arrives_after: spread.mul_f64(rng.f64()),
            patience: Duration::from_secs(if hurried { rng.u64(5..30) } else { 3600 }),
            looks_around: Duration::from_millis(rng.u64(1_000..8_000)),
            books: rng.u32(..10) > 0,
            seats: rng.u32(1..=4),
        }
    }
}

/// Sends `size` visitors to `site` (`http://host:port`), spread over `spread`. As they leave, others follow, so that
/// [`MOST_FOLLOWERS`] (or the crowd's size, where that is less) are about for as long as this is polled.
pub async fn run(site: &str, size: usize, spread: Duration, seed: u64, tally: Arc<Tally>) -> reqwest::Result<()> {
    let client = Client::builder()
        .timeout(Duration::from_secs(20))
        .redirect(reqwest::redirect::Policy::none())
        .build()?;
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut visitors = tokio::task::JoinSet::new();
    let mut come = |visitors: &mut tokio::task::JoinSet<()>, number, spread| {
        let visitor = Visitor {
            client: client.clone(),
            site: site.to_owned(),
            jar: BTreeMap::new(),
            number,
        };
        visitors.spawn(visitor.live(Temper::draw(&mut rng, spread), tally.clone()));
    };
    (0..size).for_each(|number| come(&mut visitors, number, spread));
    let mut number = size;
    let mut moments = tokio::time::interval(FOLLOW_EVERY);
    loop {
        tokio::select! {
            Some(_) = visitors.join_next() => {}
            _ = moments.tick() => {
                if visitors.len() < size.min(MOST_FOLLOWERS) {
                    come(&mut visitors, number, FOLLOW_EVERY);
                    number += 1;
                }
            }
        }
    }
}

struct Visitor {
    client: Client,
    site: String,
    jar: BTreeMap<String, String>,
    number: usize,
}

/// The part of the status document a visitor acts on.
#[derive(Deserialize)]
struct Status {
    status: String,
    room: String,
    refresh_ms: u64,
}

enum Met {
    Waiting(Status),
    Inside,
    TurnedAway,
}

impl Visitor {
    async fn live(mut self, temper: Temper, tally: Arc<Tally>) {
        sleep(temper.arrives_after).await;
        tally.note(Step::Came);
        match tokio::time::timeout(temper.patience, self.wait_for_entry()).await {
            Err(_) => return tally.note(Step::GaveUp),
            Ok(Err(problem)) => return tally.failed(Step::FailedOutside, problem),
            Ok(Ok(false)) => return tally.note(Step::TurnedAway),
            Ok(Ok(true)) => tally.note(Step::LetIn),
        }
        sleep(temper.looks_around).await;
        let outcome = if temper.books {
            self.book(temper.seats).await
        } else {
            self.leave().await
        };
        match outcome {
            Ok(StatusCode::CREATED) => tally.note(Step::Booked),
            Ok(StatusCode::CONFLICT) => {
                tally.note(Step::SoldOut);
                let _ = self.leave().await;
            }
            Ok(status) if status.is_success() => tally.note(Step::LeftWithoutBooking),
            Ok(status) => tally.failed(Step::FailedInside, format!("the origin answered {status}")),
            Err(problem) => tally.failed(Step::FailedInside, problem),
        }
    }

    /// `false`: there is no place to be had.
    async fn wait_for_entry(&mut self) -> Result<bool, String> {
        let mut met = self.knock("/api/v1/events").await?;
        loop {
            match met {
                Met::Inside => return Ok(true),
                Met::TurnedAway => return Ok(false),
                Met::Waiting(status) => {
                    sleep(Duration::from_millis(status.refresh_ms)).await;
                    met = self
                        .knock(&format!("/.well-known/stanchion/rooms/{}/status", status.room))
                        .await?;
                }
            }
        }
    }

    async fn knock(&mut self, path: &str) -> Result<Met, String> {
        let response = self.send(Method::GET, path, None).await?;
        if matches!(response.status(), StatusCode::FORBIDDEN | StatusCode::GONE) {
            return Ok(Met::TurnedAway);
        }
        let body: serde_json::Value = response.json().await.map_err(|e| format!("{path}: {e}"))?;
        Ok(match serde_json::from_value::<Status>(body) {
            Ok(status) if status.status == "waiting" => Met::Waiting(status),
            _ => Met::Inside,
        })
    }

    async fn book(&mut self, seats: u32) -> Result<StatusCode, String> {
        let events = self.send(Method::GET, "/api/v1/events", None).await?;
        let events: serde_json::Value = events.json().await.map_err(|e| format!("events: {e}"))?;
        let list = events.get("events").unwrap_or(&events);
        let event = list
            .get(0)
            .and_then(|event| event.get("id"))
            .cloned()
            .ok_or("the origin lists no event")?;
        let order = serde_json::json!({ "event": event, "seats": seats, "name": format!("Visitor {}", self.number) });
        Ok(self.send(Method::POST, "/bookings", Some(order)).await?.status())
    }

    async fn leave(&mut self) -> Result<StatusCode, String> {
        Ok(self
            .send(Method::POST, "/leave", Some(serde_json::json!({})))
            .await?
            .status())
    }

    async fn send(&mut self, method: Method, path: &str, body: Option<serde_json::Value>) -> Result<Response, String> {
        let mut request = self
            .client
            .request(method, format!("{}{path}", self.site))
            .header("accept", "application/json");
        if !self.jar.is_empty() {
            let cookies: Vec<String> = self.jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header("cookie", cookies.join("; "));
        }
        if let Some(body) = body {
            request = request
                .header("idempotency-key", format!("demo-{}", self.number))
                .json(&body);
        }
        let response = request.send().await.map_err(|e| format!("{path}: {e}"))?;
        self.keep_cookies(&response);
        Ok(response)
    }

    fn keep_cookies(&mut self, response: &Response) {
        for line in response
            .headers()
            .get_all("set-cookie")
            .iter()
            .filter_map(|value| value.to_str().ok())
        {
            let (pair, attributes) = line.split_once(';').unwrap_or((line, ""));
            let Some((name, value)) = pair.split_once('=') else {
                continue;
            };
            if attributes.contains("Max-Age=0") {
                self.jar.remove(name);
            } else {
                self.jar.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}
