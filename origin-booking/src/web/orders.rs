//! Orders: a name and a code on a hold, paying, and looking at them. Nobody sees another person's.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Site;
use super::asked::{self, bad};
use super::bookings::{REPLAYED, name};
use super::calls::{Keys, begin, decide, decide_order, told};
use super::claims;
use super::contact::contact;
use super::problem::{Problem, refuse};
use super::refusals::explained;
use crate::pass::Visitor;
use crate::payments::Settled;
use crate::shop::Done;
use crate::shop::command::{Ask, CheckOut, Key};
use crate::shop::order::{Method, Order, Stage};
use crate::shop::refusal::Refusal;

/// Longest name of what a visitor pays with.
const MAX_INSTRUMENT: usize = 200;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    hold: String,
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    language: Option<String>,
}

/// Puts a name, and perhaps a discount code, on a hold.
pub(super) async fn check_out(
    State(site): State<Site>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Response> {
    let read = || -> Result<(CheckOut, Option<Key>), Problem> {
        let asked: Asked = asked::body(&headers, &body, &[])?;
        let key = asked::key(&headers, None, &visitor, "/api/v1/orders", &asked)?;
        let (person, order) = claims::actor(&site, &visitor, &headers, &asked.hold);
        let check_out = CheckOut {
            person,
            order,
            name: name(&asked.name)?,
            code: asked.code.map(Into::into),
            contact: contact(&headers, asked.email.as_deref(), asked.language.as_deref())?,
        };
        Ok((check_out, key))
    };
    let (check_out, key, _flying) = begin(&site, &headers, Keys::Required, read)?;
    let (order, replayed) = decide_order(&site, &headers, key, Ask::CheckOut(check_out)).await?;
    Ok(told(&site, StatusCode::CREATED, "order", &order, replayed))
}

pub(super) async fn one(
    State(site): State<Site>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    look(&site, &visitor, &id, &headers, "order")
}

pub(super) async fn one_hold(
    State(site): State<Site>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    look(&site, &visitor, &id, &headers, "hold")
}

fn look(site: &Site, visitor: &Visitor, id: &str, headers: &HeaderMap, name: &str) -> Response {
    let found = site.0.writer.look(|sale| {
        let order = claims::claimed(sale, visitor, headers, id)?;
        Some(claims::own(sale, order))
    });
    match found {
        Some(order) => Json(json!({ name: order })).into_response(),
        None => refuse(site, headers, explained(Refusal::UnknownOrder)),
    }
}

/// The visitor's orders that did not come to nothing.
pub(super) async fn mine(
    State(site): State<Site>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
) -> Response {
    let orders: Vec<Value> = site.0.writer.look(|sale| {
        let theirs = claims::all_of(sale, &visitor, &headers).into_iter();
        theirs.map(|order| claims::own(sale, order)).collect()
    });
    Json(json!({ "orders": orders })).into_response()
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Paying {
    method: Method,
    /// In the provider's words; for the simulated one see docs/BOOKING.md.
    #[serde(default)]
    card: String,
}

pub(super) async fn pay(
    State(site): State<Site>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Response> {
    let read = || -> Result<(Paying, Option<Key>), Problem> {
        let paying: Paying = asked::body(&headers, &body, &[])?;
        let key = asked::key(
            &headers,
            None,
            &visitor,
            &format!("/api/v1/orders/{id}/payments"),
            &paying,
        )?;
        Ok((paying, key))
    };
    let (paying, key, _flying) = begin(&site, &headers, Keys::Required, read)?;
    Ok(pay_with(&site, &visitor, &headers, key, id, paying.method, paying.card).await)
}

/// 201 paid, 202 not known yet, 402 declined.
pub(super) async fn pay_with(
    site: &Site,
    visitor: &Visitor,
    headers: &HeaderMap,
    key: Option<Key>,
    id: String,
    method: Method,
    instrument: String,
) -> Response {
    if instrument.len() > MAX_INSTRUMENT {
        return refuse(
            site,
            headers,
            bad(format!("card is at most {MAX_INSTRUMENT} characters")),
        );
    }
    let (person, order) = claims::actor(site, visitor, headers, &id);
    let (order, replayed) = match decide(site, headers, key, Ask::Pay { person, order, method }).await {
        Ok((Done::Order(order), replayed)) => return told(site, StatusCode::CREATED, "order", &order, replayed),
        Ok((Done::Charge(order), replayed)) => (order, replayed),
        Ok(_) => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Err(response) => return response,
    };
    if replayed {
        let mut response = replay(site, headers, &order);
        response.headers_mut().extend([REPLAYED]);
        return response;
    }
    let currency = site.0.writer.look(|sale| {
        let offer = sale.offer(order.event.as_str());
        offer.map_or_else(String::new, |offer| offer.event().price.currency.clone())
    });
    match site.0.till.settle(&order, currency, instrument).await {
        Settled::Order(after) => outcome(site, headers, &after, order.attempt),
        Settled::NotKnown => told(site, StatusCode::ACCEPTED, "order", &order, false),
    }
}

/// The same key again: what became of that attempt.
fn replay(site: &Site, headers: &HeaderMap, then: &Order) -> Response {
    let now = site.0.writer.look(|sale| sale.order(then.id.as_str()).cloned());
    match now {
        Some(now) => outcome(site, headers, &now, then.attempt),
        None => refuse(site, headers, explained(Refusal::HoldOver)),
    }
}

fn outcome(site: &Site, headers: &HeaderMap, order: &Order, attempt: u32) -> Response {
    let declined = || {
        let text = "The payment was declined. Your places are still held; you can try again.";
        refuse(
            site,
            headers,
            Problem::new(StatusCode::PAYMENT_REQUIRED, "payment-declined", text),
        )
    };
    match order.stage {
        _ if order.attempt != attempt => declined(),
        Stage::Created | Stage::Held => declined(),
        Stage::Paying | Stage::Paid => told(site, StatusCode::ACCEPTED, "order", order, false),
        Stage::Confirmed | Stage::Refunded => told(site, StatusCode::CREATED, "order", order, false),
        Stage::Expired => refuse(site, headers, explained(Refusal::HoldOver)),
        Stage::Cancelled => {
            let text = "The money could not be taken. The order was cancelled; nothing is owed.";
            refuse(
                site,
                headers,
                Problem::new(StatusCode::CONFLICT, "payment-failed", text),
            )
        }
    }
}
