//! Simulated visitors. Each speaks plain HTTP to the edge, as a browser or an app would: it arrives, polls as told,
//! enters, looks around, shops and leaves; some lose patience. It knows the public address and nothing else.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, Method, Response, StatusCode};
use serde::Deserialize;
use tokio::sync::watch;
use tokio::time::sleep;

use super::shopping::{Outcome, Taste};
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
    /// `None`: only looks.
    taste: Option<Taste>,
}

impl Temper {
    fn draw(rng: &mut fastrand::Rng, spread: Duration) -> Temper {
        let hurried = rng.u32(..10) == 0;
        Temper {
            arrives_after: spread.mul_f64(rng.f64()),
            patience: Duration::from_secs(if hurried { rng.u64(5..30) } else { 3600 }),
            looks_around: Duration::from_millis(rng.u64(1_000..6_000)),
            taste: (rng.u32(..12) > 0).then(|| Taste::draw(rng)),
        }
    }
}

/// Sends `size` visitors to `site` (`http://host:port`), spread over `spread`. As they leave, others follow, so that
/// [`MOST_FOLLOWERS`] (or the crowd's size, where that is less) are about until `stop` is true. Then nobody else comes,
/// those who wait or look around go, and those who are at the till finish: what they paid for they have.
pub async fn run(
    site: &str,
    (size, spread): (usize, Duration),
    seed: u64,
    tally: Arc<Tally>,
    mut stop: watch::Receiver<bool>,
) -> reqwest::Result<()> {
    let client = Client::builder()
        .timeout(Duration::from_secs(20))
        .redirect(reqwest::redirect::Policy::none())
        .build()?;
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut visitors = tokio::task::JoinSet::new();
    let stopping = stop.clone();
    let mut come = |visitors: &mut tokio::task::JoinSet<()>, number, spread| {
        let visitor = Visitor {
            client: client.clone(),
            site: site.to_owned(),
            jar: BTreeMap::new(),
            number,
            asked: 0,
        };
        let temper = Temper::draw(&mut rng, spread);
        visitors.spawn(visitor.live(temper, tally.clone(), stopping.clone()));
    };
    (0..size).for_each(|number| come(&mut visitors, number, spread));
    let mut number = size;
    let mut moments = tokio::time::interval(FOLLOW_EVERY);
    loop {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => break,
            Some(_) = visitors.join_next() => {}
            _ = moments.tick() => {
                if visitors.len() < size.min(MOST_FOLLOWERS) {
                    come(&mut visitors, number, FOLLOW_EVERY);
                    number += 1;
                }
            }
        }
    }
    while visitors.join_next().await.is_some() {}
    Ok(())
}

pub(super) struct Visitor {
    client: Client,
    site: String,
    jar: BTreeMap<String, String>,
    pub(super) number: usize,
    /// How often something was asked that may happen once.
    asked: u32,
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
    async fn live(mut self, temper: Temper, tally: Arc<Tally>, mut stop: watch::Receiver<bool>) {
        let came_in = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            came_in = self.come_in(&temper, &tally) => came_in,
        };
        if !came_in {
            return;
        }
        let outcome = match &temper.taste {
            Some(taste) => self.shop(taste, &tally).await,
            None => Ok(Outcome::OnlyLooked),
        };
        match outcome {
            Ok(Outcome::Bought { tickets }) => tally.bought(tickets),
            Ok(Outcome::SoldOut) => tally.note(Step::SoldOut),
            Ok(Outcome::GaveBack) => tally.note(Step::GaveBack),
            Ok(Outcome::WalkedOff) => tally.note(Step::WalkedOff),
            Ok(Outcome::OnlyLooked) => tally.note(Step::LeftWithoutBooking),
            Err(problem) => tally.failed(Step::FailedInside, problem),
        }
        // The place goes to the next in line.
        let _ = self.send(Method::POST, "/leave", Some(serde_json::json!({}))).await;
    }

    /// Arrives, waits, and looks around.
    async fn come_in(&mut self, temper: &Temper, tally: &Tally) -> bool {
        sleep(temper.arrives_after).await;
        tally.note(Step::Came);
        match tokio::time::timeout(temper.patience, self.wait_for_entry()).await {
            Err(_) => tally.note(Step::GaveUp),
            Ok(Err(problem)) => tally.failed(Step::FailedOutside, problem),
            Ok(Ok(false)) => tally.note(Step::TurnedAway),
            Ok(Ok(true)) => {
                tally.note(Step::LetIn);
                sleep(temper.looks_around).await;
                return true;
            }
        }
        false
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

    pub(super) async fn send(
        &mut self,
        method: Method,
        path: &str,
        body: Option<serde_json::Value>,
    ) -> Result<Response, String> {
        let mut request = self
            .client
            .request(method, format!("{}{path}", self.site))
            .header("accept", "application/json");
        if !self.jar.is_empty() {
            let cookies: Vec<String> = self.jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header("cookie", cookies.join("; "));
        }
        if let Some(body) = body {
            self.asked += 1;
            request = request
                .header("idempotency-key", format!("demo-{}-{}", self.number, self.asked))
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
