//! Orders: a name and a code on a hold, paying, and looking at them. Nobody sees another person's.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::{Duration, Instant};
use utoipa::ToSchema;

use super::Site;
use super::asked::{self, bad};
use super::bookings::{REPLAYED, name};
use super::calls::{Keys, begin, decide, decide_order, shown, told};
use super::claims;
use super::contact::contact;
use super::openapi::{Keyed, OrderPath};
use super::problem::{Problem, refuse};
use super::refusals::explained;
use super::shapes::{HoldAnswer, OrderAnswer, Orders};
use crate::pass::Visitor;
use crate::payments::Settled;
use crate::shop::Done;
use crate::shop::command::{Ask, CheckOut, Key};
use crate::shop::order::{Method, Order, Stage};
use crate::shop::refusal::Refusal;
use crate::shown::Shown;

/// After this a payment goes on without its visitor, who hears where to look.
const ANSWER_WITHIN: Duration = Duration::from_secs(9);
/// Longest name of what a visitor pays with.
const MAX_INSTRUMENT: usize = 200;

#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = OrderAsked, examples(json!({"hold": "7Q2M4K9X", "name": "Ada", "code": "SPRING10"})))]
#[serde(deny_unknown_fields)]
struct Asked {
    hold: String,
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]*[^\s\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069][^\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]*$"
    )]
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = Email, max_length = 254)]
    email: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[A-Za-z0-9-]{2,35}$")]
    language: Option<String>,
}

/// Puts a name, and perhaps a discount code, on a hold.
#[utoipa::path(post, path = "/api/v1/orders", tag = "orders", params(Keyed), request_body = Asked, security(("pass" = [])),
    extensions(("x-problems" = json!(["bad-address", "unknown-order", "unknown-code", "code-spent", "wrong-stage", "hold-over"]))),
    responses((status = 201, description = "The order, ready to be paid", body = OrderAnswer,
        headers(("Location" = String, description = "The order")))))]
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

/// An order of the visitor's. What came to nothing can be looked at for 72 hours.
#[utoipa::path(get, path = "/api/v1/orders/{id}", tag = "orders", params(OrderPath), operation_id = "order", security(("pass" = [])), extensions(("x-problems" = json!(["unknown-order"]))),
    responses((status = 200, description = "The order as it is now", body = OrderAnswer)))]
pub(super) async fn one(
    State(site): State<Site>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    look(&site, &visitor, &id, &headers, "order")
}

/// A hold of the visitor's.
#[utoipa::path(get, path = "/api/v1/holds/{id}", tag = "holds", params(OrderPath), security(("pass" = [])), extensions(("x-problems" = json!(["unknown-order"]))),
    responses((status = 200, description = "The hold as it is now", body = HoldAnswer)))]
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
#[utoipa::path(get, path = "/api/v1/orders", tag = "orders", security(("pass" = [])),
    responses((status = 200, description = "All of them", body = Orders)))]
pub(super) async fn mine(
    State(site): State<Site>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
) -> Response {
    let orders = site.0.writer.look(|sale| {
        let theirs = claims::all_of(sale, &visitor, &headers).into_iter();
        theirs.map(|order| claims::own(sale, order)).collect()
    });
    Json(Orders { orders }).into_response()
}

#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Paying {
    method: PayBy,
    /// In the provider's words; for the simulated one see docs/BOOKING.md.
    #[serde(default)]
    #[schema(max_length = 200, examples("approve"))]
    card: String,
}

/// How a visitor may pay. Whether anything is owed is not theirs to say.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum PayBy {
    /// Through the payment provider.
    Card,
    /// From the visitor's account, one for one of the currency's smallest unit.
    Points,
}

impl From<PayBy> for Method {
    fn from(by: PayBy) -> Method {
        match by {
            PayBy::Card => Method::Card,
            PayBy::Points => Method::Points,
        }
    }
}

/// Nobody knows yet whether it is paid.
#[derive(Serialize, ToSchema)]
struct UnderWay {
    order: Shown,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_action: Option<NextAction>,
}

/// What the visitor must do first.
#[derive(Serialize, ToSchema)]
struct NextAction {
    /// Of the bank that wants to ask them.
    url: String,
}

/// Pays an order that has a name.
#[utoipa::path(post, path = "/api/v1/orders/{id}/payments", tag = "orders", params(OrderPath, Keyed), request_body = Paying, security(("pass" = [])),
    extensions(("x-problems" = json!(["no-name", "payment-declined", "unknown-order", "wrong-stage", "hold-over", "payment-failed",
        "too-few-points"]))),
    responses(
        (status = 201, description = "Paid", body = OrderAnswer, headers(("Location" = String, description = "The order"))),
        (status = 202, description = "Not known yet: look at the order", body = UnderWay,
            headers(("Location" = String, description = "The order"))),
    ))]
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
    Ok(pay_with(&site, &visitor, &headers, key, id, paying.method.into(), paying.card).await)
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
    let until = Instant::now() + ANSWER_WITHIN;
    if instrument.chars().count() > MAX_INSTRUMENT {
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
    let settling = site.0.till.settle(&order, currency, instrument);
    match tokio::time::timeout_at(until, settling)
        .await
        .unwrap_or(Settled::NotKnown)
    {
        Settled::Order(after) => outcome(site, headers, &after, order.attempt),
        Settled::Elsewhere(_) | Settled::NotKnown => not_known(site, &order),
    }
}

/// Perhaps because the visitor has to say yes at the bank first.
fn not_known(site: &Site, order: &Order) -> Response {
    let mut response = told(site, StatusCode::ACCEPTED, "order", order, false);
    if let Some(address) = site.0.till.sent_to(order) {
        let next_action = Some(NextAction { url: address });
        let order = shown(site, order);
        let body = UnderWay { order, next_action };
        response.headers_mut().remove(header::CONTENT_LENGTH);
        *response.body_mut() = Json(body).into_response().into_body();
    }
    response
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
        Stage::Paying | Stage::Paid => not_known(site, order),
        Stage::Confirmed | Stage::Refunding | Stage::Refunded => told(site, StatusCode::CREATED, "order", order, false),
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
