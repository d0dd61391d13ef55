//! What a simulated visitor does inside, through the booking service's public calls: chooses seats on the map or takes the
//! best, holds them, pays, and looks at the tickets. Some cards are declined; some give the seats back, some walk off.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::crowd::Visitor;
use super::tally::Tally;

/// Times that somebody looks at the map again after others were quicker.
const MOST_LOOKS: usize = 3;
/// Looks at a payment that takes its time, and the pause between them.
const MOST_PAYMENT_LOOKS: usize = 30;
const PAYMENT_PAUSE: Duration = Duration::from_millis(300);

/// How somebody shops.
pub(super) struct Taste {
    rng: fastrand::Rng,
    seats: usize,
    /// Chooses on the map, where there is one.
    by_map: bool,
    walks_off: bool,
    /// The first card is declined.
    bad_card: bool,
    /// And there is no other.
    gives_up: bool,
    /// To type a name and a number.
    types_for: Duration,
}

impl Taste {
    pub(super) fn draw(rng: &mut fastrand::Rng) -> Taste {
        Taste {
            seats: rng.usize(1..=4),
            by_map: rng.u32(..2) == 0,
            walks_off: rng.u32(..15) == 0,
            bad_card: rng.u32(..6) == 0,
            gives_up: rng.u32(..2) == 0,
            types_for: Duration::from_millis(rng.u64(500..3_000)),
            rng: rng.fork(),
        }
    }
}

pub(super) enum Outcome {
    Bought { tickets: u64 },
    SoldOut,
    GaveBack,
    WalkedOff,
    OnlyLooked,
}

impl Visitor {
    pub(super) async fn shop(&mut self, taste: &Taste, tally: &Tally) -> Result<Outcome, String> {
        let mut rng = taste.rng.clone();
        let Some(order) = self.choose(taste, &mut rng).await? else {
            return Ok(Outcome::SoldOut);
        };
        if taste.walks_off {
            return Ok(Outcome::WalkedOff);
        }
        let named = json!({ "hold": order, "name": format!("Visitor {}", self.number) });
        self.wanted(Method::POST, "/api/v1/orders", Some(named), &[StatusCode::CREATED])
            .await?;
        sleep(taste.types_for).await;
        if taste.bad_card {
            self.pay(&order, "decline", &[StatusCode::PAYMENT_REQUIRED]).await?;
            tally.declined();
            if taste.gives_up {
                let hold = format!("/api/v1/holds/{order}");
                self.wanted(Method::DELETE, &hold, None, &[StatusCode::OK]).await?;
                return Ok(Outcome::GaveBack);
            }
        }
        self.pay(&order, "approve", &[StatusCode::CREATED, StatusCode::ACCEPTED])
            .await?;
        let tickets = self.tickets(&order).await?;
        Ok(Outcome::Bought { tickets })
    }

    /// Holds seats of some event; `None` where there are none to be had.
    async fn choose(&mut self, taste: &Taste, rng: &mut fastrand::Rng) -> Result<Option<String>, String> {
        let (_, all) = self.asked(Method::GET, "/api/v1/events", None).await?;
        let events = all["events"].as_array().ok_or("the origin lists no events")?;
        let has_room = |event: &&Value| event["left"].as_u64().is_some_and(|left| left >= taste.seats as u64);
        let mut open: Vec<&Value> = events.iter().filter(has_room).collect();
        rng.shuffle(&mut open);
        // The numbered ones first, or last.
        open.sort_by_key(|event| (event["numbered"] == true) != taste.by_map);
        for event in open {
            let id = event["id"].as_str().ok_or("an event has no id")?;
            if taste.by_map
                && event["numbered"] == true
                && let Some(order) = self.by_map(id, taste.seats, rng).await?
            {
                return Ok(Some(order));
            }
            if let Some(order) = self.hold(json!({ "event": id, "count": taste.seats })).await? {
                return Ok(Some(order));
            }
        }
        Ok(None)
    }

    /// Seats side by side in a row that has them; looks again where somebody was quicker.
    async fn by_map(&mut self, event: &str, seats: usize, rng: &mut fastrand::Rng) -> Result<Option<String>, String> {
        for _ in 0..MOST_LOOKS {
            let (_, hall) = self
                .asked(Method::GET, &format!("/api/v1/events/{event}/seats"), None)
                .await?;
            let rows = hall["rows"].as_array().map(Vec::as_slice).unwrap_or_default();
            let wish = ".".repeat(seats);
            let fitting: Vec<(&Value, usize)> = (rows.iter())
                .filter_map(|row| Some((row, row["seats"].as_str()?.find(&wish)?)))
                .collect();
            let Some((row, first)) = rng.choice(fitting) else {
                return Ok(None);
            };
            let (section, name) = (row["section"].as_str().unwrap_or(""), row["row"].as_str().unwrap_or(""));
            let wanted: Vec<String> = (first + 1..=first + seats)
                .map(|number| format!("{section}-{name}-{number}"))
                .collect();
            sleep(Duration::from_millis(rng.u64(200..1_500))).await;
            if let Some(order) = self.hold(json!({ "event": event, "seats": wanted })).await? {
                return Ok(Some(order));
            }
        }
        Ok(None)
    }

    /// `None`: taken, or sold out.
    async fn hold(&mut self, wish: Value) -> Result<Option<String>, String> {
        let allowed = [StatusCode::CREATED, StatusCode::CONFLICT];
        let (status, answer) = self.wanted(Method::POST, "/api/v1/holds", Some(wish), &allowed).await?;
        match status {
            StatusCode::CREATED => Ok(Some(
                answer["hold"]["id"].as_str().ok_or("a hold has no id")?.to_owned(),
            )),
            _ => Ok(None),
        }
    }

    async fn pay(&mut self, order: &str, card: &str, allowed: &[StatusCode]) -> Result<(), String> {
        let path = format!("/api/v1/orders/{order}/payments");
        let body = json!({ "method": "card", "card": card });
        self.wanted(Method::POST, &path, Some(body), allowed).await.map(|_| ())
    }

    /// As many as the order has, once it is confirmed.
    async fn tickets(&mut self, order: &str) -> Result<u64, String> {
        let path = format!("/api/v1/orders/{order}/tickets");
        for _ in 0..MOST_PAYMENT_LOOKS {
            let allowed = [StatusCode::OK, StatusCode::CONFLICT];
            let (status, answer) = self.wanted(Method::GET, &path, None, &allowed).await?;
            if status == StatusCode::OK {
                return Ok(answer["tickets"].as_array().map_or(0, Vec::len) as u64);
            }
            sleep(PAYMENT_PAUSE).await;
        }
        Err(format!("{order} was paid and never confirmed"))
    }

    /// The answer, where its status is one of these.
    async fn wanted(
        &mut self,
        method: Method,
        path: &str,
        body: Option<Value>,
        allowed: &[StatusCode],
    ) -> Result<(StatusCode, Value), String> {
        let (status, answer) = self.asked(method, path, body).await?;
        match allowed.contains(&status) {
            true => Ok((status, answer)),
            false => Err(format!("{path}: {status} {}", answer["detail"].as_str().unwrap_or(""))),
        }
    }

    async fn asked(&mut self, method: Method, path: &str, body: Option<Value>) -> Result<(StatusCode, Value), String> {
        let response = self.send(method, path, body).await?;
        let status = response.status();
        let answer = response.json().await.map_err(|error| format!("{path}: {error}"))?;
        Ok((status, answer))
    }
}
