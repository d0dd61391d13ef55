//! What the calls of the API share: one command to the writer, with its key in flight, and its answer as JSON.

use std::collections::HashSet;
use std::time::Duration;

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use parking_lot::Mutex;
use serde_json::json;

use super::Site;
use super::bookings::REPLAYED;
use super::claims;
use super::problem::{Problem, refuse};
use super::refusals::{explained, not_decided, with_retry};
use crate::shop::command::{Ask, Command, Key};
use crate::shop::order::Order;
use crate::shop::{Applied, Done};
use crate::shown::Shown;
pub(super) use crate::shown::order as view;
use crate::writer::{Answer, NotDecided};

/// Most requests with a key that are under way at one time.
const MAX_IN_FLIGHT: usize = 20_000;

/// Keys whose first answer is not out yet.
#[derive(Default)]
pub(super) struct InFlight(Mutex<HashSet<(String, String)>>);

/// Holds a key while its request is under way.
pub(super) struct Flying<'a> {
    in_flight: &'a InFlight,
    key: (String, String),
}

impl Drop for Flying<'_> {
    fn drop(&mut self) {
        self.in_flight.0.lock().remove(&self.key);
    }
}

impl InFlight {
    fn take_off(&self, key: &Key) -> Result<Flying<'_>, Problem> {
        let key = (key.person.to_string(), key.key.to_string());
        let mut flying = self.0.lock();
        if flying.len() >= MAX_IN_FLIGHT {
            let text = "Too many people are booking at this moment. Nothing was booked; please try again.";
            return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "try-again", text));
        }
        if !flying.insert(key.clone()) {
            let text = "The first request with this Idempotency-Key is still under way.";
            return Err(Problem::new(StatusCode::CONFLICT, "in-flight", text));
        }
        Ok(Flying { in_flight: self, key })
    }
}

/// A key that must be there, in the air until the guard is dropped.
fn fly<'a>(site: &'a Site, key: Option<&Key>) -> Result<Flying<'a>, Problem> {
    let required = || {
        let text = "Send an Idempotency-Key: with it, a retry cannot do anything twice.";
        Problem::new(StatusCode::BAD_REQUEST, "key-required", text)
    };
    site.0.in_flight.take_off(key.ok_or_else(required)?)
}

/// Whether a request must bring a key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Keys {
    Required,
    Welcome,
}

/// What a request asks for, its key, and the guard that keeps the key in the air; or the answer that says why not.
pub(super) fn begin<'a, T>(
    site: &'a Site,
    headers: &HeaderMap,
    keys: Keys,
    read: impl FnOnce() -> Result<(T, Option<Key>), Problem>,
) -> Result<(T, Option<Key>, Option<Flying<'a>>), Response> {
    let begun = read().and_then(|(asked, key)| {
        let goes_without = key.is_none() && keys == Keys::Welcome;
        let flying = if goes_without {
            None
        } else {
            Some(fly(site, key.as_ref())?)
        };
        Ok((asked, key, flying))
    });
    begun.map_err(|problem| refuse(site, headers, problem))
}

/// Longest wait for the writer: where it takes longer, that is said before anybody gives up.
const DECIDE_WITHIN: Duration = Duration::from_secs(8);

/// The writer's word. What is not decided in time may still be: the same key finds out.
pub(super) async fn submitted(site: &Site, command: impl Into<Command>) -> Answer {
    let decided = tokio::time::timeout(DECIDE_WITHIN, site.0.writer.submit(command)).await;
    decided.unwrap_or(Err(NotDecided::Unknown))
}

/// The decision, or the answer that says why there is none.
pub(super) async fn decide(
    site: &Site,
    headers: &HeaderMap,
    key: Option<Key>,
    ask: Ask,
) -> Result<(Done, bool), Response> {
    let applied: Applied = match submitted(site, Command { key, ask }).await {
        Ok(applied) => applied,
        Err(why) => return Err(with_retry(refuse(site, headers, not_decided(why)))),
    };
    let replayed = applied.replayed;
    applied.reply.map(|done| (done, replayed)).map_err(|refusal| {
        let mut response = with_retry(refuse(site, headers, explained(refusal)));
        response.headers_mut().extend(replayed.then_some(REPLAYED));
        response
    })
}

/// As [`decide`], where the answer is an order.
pub(super) async fn decide_order(
    site: &Site,
    headers: &HeaderMap,
    key: Option<Key>,
    ask: Ask,
) -> Result<(Order, bool), Response> {
    match decide(site, headers, key, ask).await? {
        (Done::Order(order) | Done::Charge(order) | Done::Capture(order), replayed) => Ok((*order, replayed)),
        // None of the asks that come here is answered so.
        _ => Err(StatusCode::INTERNAL_SERVER_ERROR.into_response()),
    }
}

/// The order under this name in the answer, with its address.
pub(super) fn told(site: &Site, status: StatusCode, name: &str, order: &Order, replayed: bool) -> Response {
    let mut response = (status, Json(json!({ name: shown(site, order) }))).into_response();
    let headers = response.headers_mut();
    headers.extend(replayed.then_some(REPLAYED));
    let place = if name == "hold" { "holds" } else { "orders" };
    if matches!(status, StatusCode::CREATED | StatusCode::ACCEPTED)
        && let Ok(address) = HeaderValue::from_str(&format!("/api/v1/{place}/{}", order.id))
    {
        headers.insert(header::LOCATION, address);
    }
    response
}

pub(super) fn shown(site: &Site, order: &Order) -> Shown {
    site.0.writer.look(|sale| claims::own(sale, order))
}
