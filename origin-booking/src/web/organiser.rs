//! The organiser's calls: what is on offer, points, refunds, and payments that nobody can explain. Guarded by a token of
//! their own, not by a pass; without a token in the configuration there are none.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Site;
use super::asked;
use super::calls::{decide, view};
use super::problem::{Problem, refuse};
use crate::pass::Visitor;
use crate::shop::Done;
use crate::shop::command::Ask;

/// Whose keys the organiser's are: no pass can name this subject.
const ORGANISER: &str = "\0organiser";

pub(super) async fn event(State(site): State<Site>, headers: HeaderMap, body: Bytes) -> Response {
    open(&site, &headers, &body, Ask::List).await
}

pub(super) async fn campaign(State(site): State<Site>, headers: HeaderMap, body: Bytes) -> Response {
    open(&site, &headers, &body, Ask::Campaign).await
}

pub(super) async fn code(State(site): State<Site>, headers: HeaderMap, body: Bytes) -> Response {
    open(&site, &headers, &body, Ask::Code).await
}

pub(super) async fn poll(State(site): State<Site>, headers: HeaderMap, body: Bytes) -> Response {
    open(&site, &headers, &body, Ask::Poll).await
}

/// Named by its id: asking again changes nothing.
async fn open<T: DeserializeOwned>(
    site: &Site,
    headers: &HeaderMap,
    body: &[u8],
    ask: impl FnOnce(T) -> Ask,
) -> Response {
    let what: T = match asked::body(headers, body, &[]) {
        Ok(what) => what,
        Err(problem) => return refuse(site, headers, problem),
    };
    match decide(site, headers, None, ask(what)).await {
        Ok(_) => (StatusCode::CREATED, Json(json!({ "done": true }))).into_response(),
        Err(response) => response,
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Grant {
    person: String,
    points: u64,
}

pub(super) async fn grant(State(site): State<Site>, headers: HeaderMap, body: Bytes) -> Response {
    let organiser = Visitor {
        subject: ORGANISER.to_owned(),
        pass_id: String::new(),
    };
    let read = || -> Result<_, Problem> {
        let grant: Grant = asked::body(&headers, &body, &[])?;
        let key = asked::key(&headers, None, &organiser, "/api/v1/organiser/points", &grant)?;
        let required = || Problem::new(StatusCode::BAD_REQUEST, "key-required", "Send an Idempotency-Key.");
        Ok((grant, key.ok_or_else(required)?))
    };
    let (grant, key) = match read() {
        Ok(both) => both,
        Err(problem) => return refuse(&site, &headers, problem),
    };
    let ask = Ask::Grant {
        person: grant.person.into(),
        points: grant.points,
    };
    match decide(&site, &headers, Some(key), ask).await {
        Ok((Done::Balance { points }, _)) => (StatusCode::CREATED, Json(json!({ "points": points }))).into_response(),
        Ok(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Err(response) => response,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refund {
    order: String,
}

/// Of orders paid with points, at the door, or with nothing.
pub(super) async fn refund(State(site): State<Site>, headers: HeaderMap, body: Bytes) -> Response {
    let refund: Refund = match asked::body(&headers, &body, &[]) {
        Ok(refund) => refund,
        Err(problem) => return refuse(&site, &headers, problem),
    };
    let order = refund.order.into();
    match decide(&site, &headers, None, Ask::Refund { order }).await {
        Ok((Done::Order(order), _)) => {
            let order = site
                .0
                .writer
                .look(|sale| view(&order, sale.offer(order.event.as_str())));
            Json(json!({ "order": order })).into_response()
        }
        Ok(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Err(response) => response,
    }
}

/// Payments that fit no order, and orders whose payment nobody knows the end of.
pub(super) async fn differences(State(site): State<Site>) -> Response {
    let found = site.0.writer.look(|sale| {
        let doubted: Vec<_> = sale.doubted().map(|order| order.id.clone()).collect();
        let uncaptured: Vec<_> = sale.uncaptured().map(|order| order.id.clone()).collect();
        let unwanted: Vec<_> = sale.unwanted().collect();
        json!({ "odd": sale.odd(), "unwanted": unwanted, "doubted": doubted, "uncaptured": uncaptured })
    });
    Json(found).into_response()
}
