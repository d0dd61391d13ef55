//! The shortest way: book so many places at once, to be paid at the door; and leave. As a form or as JSON.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};

use super::Site;
use super::asked::{self, bad};
use super::calls::submitted;
use super::claims;
use super::contact::contact;
use super::problem::{Problem, refuse, wants_page};
use super::random;
use super::refusals::{explained, not_decided, with_retry};
use crate::pass::Visitor;
use crate::shop::Done;
use crate::shop::catalogue::USUAL_CAP;
use crate::shop::command::{Ask, Command, Hold};
use crate::shop::hall::Best;
use crate::shop::order::{MAX_NAME, Order};
use crate::shop::stock::Want;

/// Tells the edge that this visitor is done: the place goes to the next in line.
const RELEASE: (HeaderName, HeaderValue) = (
    HeaderName::from_static("stanchion-command"),
    HeaderValue::from_static("release"),
);
pub(super) const REPLAYED: (HeaderName, HeaderValue) = (
    HeaderName::from_static("idempotency-replayed"),
    HeaderValue::from_static("true"),
);

/// With `forget` in the form, this browser forgets its orders too.
pub(super) async fn leave(State(site): State<Site>, headers: HeaderMap, body: Bytes) -> Response {
    let mut response = match wants_page(&headers) {
        true => site.0.pages.left(&headers, &site.0.front_door),
        false => Json(serde_json::json!({ "left": true })).into_response(),
    };
    response.headers_mut().extend([RELEASE]);
    if url::form_urlencoded::parse(&body).any(|(name, _)| name == "forget") {
        response.headers_mut().extend(claims::forgotten(&headers));
    }
    response
}

pub(super) async fn book(
    State(site): State<Site>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let command = match command(&headers, &body, &visitor) {
        Ok(command) => command,
        Err(problem) => return refuse(&site, &headers, problem),
    };
    let applied = match submitted(&site, command).await {
        Ok(applied) => applied,
        Err(why) => return with_retry(refuse(&site, &headers, not_decided(why))),
    };
    let mut response = match applied.reply {
        Ok(Done::Order(order)) => booked(&site, &headers, &order),
        // A booking is never answered so.
        Ok(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Err(refusal) => with_retry(refuse(&site, &headers, explained(refusal))),
    };
    response.headers_mut().extend(applied.replayed.then_some(REPLAYED));
    response
}

fn booked(site: &Site, headers: &HeaderMap, order: &Order) -> Response {
    let mut response = if wants_page(headers) {
        site.0.pages.booked(headers, site, order)
    } else {
        let booking = serde_json::json!({
            "reference": order.id, "event": order.event, "seats": order.places.count,
            "name": order.name, "booked_at_ms": order.settled_at_ms,
        });
        (StatusCode::CREATED, Json(serde_json::json!({ "booking": booking }))).into_response()
    };
    response.headers_mut().extend([RELEASE]);
    response
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    event: String,
    seats: u32,
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    language: Option<String>,
    /// What a form carries in place of the header.
    #[serde(default, skip_serializing)]
    key: Option<String>,
}

fn command(headers: &HeaderMap, body: &[u8], visitor: &Visitor) -> Result<Command, Problem> {
    let asked: Asked = asked::body(headers, body, &["seats"])?;
    let key = asked::key(headers, asked.key.clone(), visitor, "/bookings", &asked)?;
    if !(1..=USUAL_CAP).contains(&asked.seats) {
        return Err(bad(format!("seats must be 1-{USUAL_CAP}")));
    }
    let hold = Hold {
        person: visitor.subject.as_str().into(),
        order: reference()?.into(),
        event: asked.event.into(),
        want: Want::Best(Best::of(asked.seats)),
        name: Some(name(&asked.name)?),
        contact: contact(headers, asked.email.as_deref(), asked.language.as_deref())?,
    };
    Ok(Command {
        key,
        ask: Ask::Book(hold),
    })
}

/// Control characters, and those that turn the direction of what stands around them.
pub(super) fn is_unseen(character: char) -> bool {
    character.is_control() || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The name on an order, as it is kept.
pub(super) fn name(text: &str) -> Result<String, Problem> {
    let name = text.trim();
    match name.is_empty() || text.chars().count() > MAX_NAME || text.chars().any(is_unseen) {
        true => Err(bad(format!("name must be 1-{MAX_NAME} characters")).worded("bad-name")),
        false => Ok(name.to_owned()),
    }
}

pub(super) fn reference() -> Result<String, Problem> {
    let text = "Please try again in a moment.";
    random::reference().ok_or_else(|| Problem::new(StatusCode::SERVICE_UNAVAILABLE, "try-again", text))
}
