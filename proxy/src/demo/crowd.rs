//! Simulated visitors. Each speaks plain HTTP to the edge, as a browser or an app would: it arrives, polls as told,
//! enters, looks around, books and leaves; some lose patience. It knows the public address and nothing else.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reqwest::{Client, Method, Response, StatusCode};
use serde::Deserialize;
use tokio::time::sleep;

/// What became of the crowd so far.
#[derive(Debug, Default)]
pub struct Tally {
    pub arrived: AtomicU64,
    pub admitted: AtomicU64,
    pub booked: AtomicU64,
    pub sold_out: AtomicU64,
    pub gave_up: AtomicU64,
    pub turned_away: AtomicU64,
    /// Unexpected answers and broken connections; the last one is kept for the summary.
    pub errors: AtomicU64,
    pub last_error: parking_lot::Mutex<Option<String>>,
}

impl Tally {
    fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    fn error(&self, what: String) {
        Self::count(&self.errors);
        *self.last_error.lock() = Some(what);
    }
}

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

/// Sends `size` visitors to `site` (`http://host:port`), spread over `spread`; ends when all have left.
pub async fn run(site: &str, size: usize, spread: Duration, seed: u64, tally: Arc<Tally>) -> reqwest::Result<()> {
    let client = Client::builder()
        .timeout(Duration::from_secs(20))
        .redirect(reqwest::redirect::Policy::none())
        .build()?;
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut visitors = tokio::task::JoinSet::new();
    for number in 0..size {
        let temper = Temper::draw(&mut rng, spread);
        let visitor = Visitor {
            client: client.clone(),
            site: site.to_owned(),
            jar: BTreeMap::new(),
            number,
        };
        visitors.spawn(visitor.live(temper, tally.clone()));
    }
    while visitors.join_next().await.is_some() {}
    Ok(())
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
        Tally::count(&tally.arrived);
        match tokio::time::timeout(temper.patience, self.wait_for_entry()).await {
            Err(_) => return Tally::count(&tally.gave_up),
            Ok(Err(problem)) => return tally.error(problem),
            Ok(Ok(false)) => return Tally::count(&tally.turned_away),
            Ok(Ok(true)) => Tally::count(&tally.admitted),
        }
        sleep(temper.looks_around).await;
        let outcome = if temper.books {
            self.book(temper.seats).await
        } else {
            self.leave().await
        };
        match outcome {
            Ok(StatusCode::CREATED) => Tally::count(&tally.booked),
            Ok(StatusCode::CONFLICT) => {
                Tally::count(&tally.sold_out);
                let _ = self.leave().await;
            }
            Ok(status) if status.is_success() => {}
            Ok(status) => tally.error(format!("the origin answered {status}")),
            Err(problem) => tally.error(problem),
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
