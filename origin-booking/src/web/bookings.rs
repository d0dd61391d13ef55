//! Booking and leaving, as a form or as JSON; and the list of what is on offer.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Deserialize;

use super::Site;
use super::problem::{Problem, refuse, wants_page};
use super::random;
use crate::pass::Visitor;
use crate::sale::{Applied, Book, Booking, Command, MAX_NAME, MAX_SEATS, Order, Outcome, Refusal};
use crate::writer::NotDecided;

/// Tells the edge that this visitor is done: the place goes to the next in line.
const RELEASE: (HeaderName, HeaderValue) = (
    HeaderName::from_static("stanchion-command"),
    HeaderValue::from_static("release"),
);
const REPLAYED: (HeaderName, HeaderValue) = (
    HeaderName::from_static("idempotency-replayed"),
    HeaderValue::from_static("true"),
);
const MAX_KEY: usize = 255;

pub(super) async fn events(State(site): State<Site>) -> Response {
    let view = site.0.writer.view();
    let events: Vec<serde_json::Value> = view
        .offers
        .iter()
        .map(|offer| {
            let event = &offer.event;
            serde_json::json!({
                "id": event.id, "title": event.title, "venue": event.venue, "when": event.when,
                "price": event.price, "seats": event.seats, "left": offer.left(),
            })
        })
        .collect();
    Json(serde_json::json!({ "events": events })).into_response()
}

pub(super) async fn leave(State(site): State<Site>, headers: HeaderMap) -> Response {
    let mut response = match wants_page(&headers) {
        true => site.0.pages.left(&site.0.front_door),
        false => Json(serde_json::json!({ "left": true })).into_response(),
    };
    response.headers_mut().extend([RELEASE]);
    response
}

pub(super) async fn book(
    State(site): State<Site>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let book = match asked(&headers, &body, visitor) {
        Ok(book) => book,
        Err(problem) => return refuse(&site, &headers, problem),
    };
    match site.0.writer.submit(Command::Book(book)).await {
        Ok(Applied {
            outcome: Outcome::Booked(booking),
            replayed,
            ..
        }) => booked(&site, &headers, &booking, replayed),
        Ok(Applied {
            outcome: Outcome::Refused(refusal),
            replayed,
            ..
        }) => {
            let mut response = refuse(&site, &headers, explained(refusal));
            response.headers_mut().extend(replayed.then_some(REPLAYED));
            response
        }
        // A booking is never answered so.
        Ok(Applied {
            outcome: Outcome::Listed,
            ..
        }) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Err(why) => {
            let text = match why {
                NotDecided::Busy => "Too many people are booking at this moment. Nothing was booked; please try again.",
                NotDecided::Away => "Bookings cannot be kept at the moment. Nothing was booked; please try again.",
            };
            let mut response = refuse(
                &site,
                &headers,
                Problem::new(StatusCode::SERVICE_UNAVAILABLE, "try-again", text),
            );
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
            response
        }
    }
}

fn booked(site: &Site, headers: &HeaderMap, booking: &Booking, replayed: bool) -> Response {
    let mut response = if wants_page(headers) {
        let view = site.0.writer.view();
        let offer = view.offers.iter().find(|offer| offer.event.id == booking.order.event);
        site.0.pages.booked(booking, offer, &site.0.front_door)
    } else {
        (StatusCode::CREATED, Json(serde_json::json!({ "booking": booking }))).into_response()
    };
    response.headers_mut().extend([RELEASE]);
    response.headers_mut().extend(replayed.then_some(REPLAYED));
    response
}

fn explained(refusal: Refusal) -> Problem {
    let (status, kind, text) = match refusal {
        Refusal::UnknownEvent => (
            StatusCode::NOT_FOUND,
            "unknown-event",
            "There is no such event.".to_owned(),
        ),
        Refusal::SoldOut { left: 0 } => (StatusCode::CONFLICT, "sold-out", "Sold out.".to_owned()),
        Refusal::SoldOut { left } => (StatusCode::CONFLICT, "sold-out", format!("Only {left} left.")),
        Refusal::TooManySeats { held: 0 } => (
            StatusCode::CONFLICT,
            "too-many-seats",
            format!("At most {MAX_SEATS} seats a visitor."),
        ),
        Refusal::TooManySeats { held } => (
            StatusCode::CONFLICT,
            "too-many-seats",
            format!("At most {MAX_SEATS} seats a visitor; you have {held}."),
        ),
        Refusal::KeyReused => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "key-reused",
            "This Idempotency-Key was used for another order.".to_owned(),
        ),
        Refusal::TooManyKeys => (
            StatusCode::TOO_MANY_REQUESTS,
            "too-many-keys",
            "Too many different attempts.".to_owned(),
        ),
        Refusal::Crowded => (
            StatusCode::SERVICE_UNAVAILABLE,
            "try-again",
            "Too many people are booking; please try again.".to_owned(),
        ),
    };
    Problem::new(status, kind, text)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    event: String,
    seats: u32,
    name: String,
    /// What a form carries in place of the header.
    #[serde(default)]
    key: Option<String>,
}

fn asked(headers: &HeaderMap, body: &[u8], visitor: Visitor) -> Result<Book, Problem> {
    let bad = |text: String| Problem::new(StatusCode::BAD_REQUEST, "bad-order", text);
    let asked: Asked = match media_type(headers).as_deref() {
        Some("application/json") => serde_json::from_slice(body).map_err(|error| bad(error.to_string()))?,
        Some("application/x-www-form-urlencoded") => form(body).map_err(bad)?,
        _ => {
            let text = "Send application/json or application/x-www-form-urlencoded.";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type", text));
        }
    };
    let key = key_of(headers, asked.key)?;
    let name = asked.name.trim();
    if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
        return Err(bad(format!("name must be 1-{MAX_NAME} characters")));
    }
    if !(1..=MAX_SEATS).contains(&asked.seats) {
        return Err(bad(format!("seats must be 1-{MAX_SEATS}")));
    }
    let order = Order {
        event: asked.event,
        seats: asked.seats,
        name: name.to_owned(),
    };
    let away = || {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "try-again",
            "Please try again in a moment.",
        )
    };
    Ok(Book {
        visitor: visitor.subject,
        key,
        order,
        reference: random::reference().ok_or_else(away)?,
    })
}

fn form(body: &[u8]) -> Result<Asked, String> {
    let mut fields = std::collections::BTreeMap::new();
    for (name, value) in url::form_urlencoded::parse(body) {
        if !matches!(name.as_ref(), "event" | "seats" | "name" | "key") {
            return Err(format!("there is no field `{}`", name.escape_debug()));
        }
        if fields.insert(name.to_string(), value.into_owned()).is_some() {
            return Err(format!("`{name}` is there twice"));
        }
    }
    let mut take = |name: &str| fields.remove(name).ok_or_else(|| format!("`{name}` is missing"));
    let (event, seats, name, key) = (take("event")?, take("seats")?, take("name")?, take("key").ok());
    let seats = seats.parse().map_err(|_| "seats must be a number".to_owned())?;
    Ok(Asked {
        event,
        seats,
        name,
        key,
    })
}

/// The header counts where both are there.
fn key_of(headers: &HeaderMap, in_form: Option<String>) -> Result<Option<String>, Problem> {
    let bad = || {
        let text = format!("Idempotency-Key must be one of 1-{MAX_KEY} printable ASCII characters");
        Problem::new(StatusCode::BAD_REQUEST, "bad-key", text)
    };
    let mut given = headers.get_all("idempotency-key").iter();
    let key = match (given.next(), given.next()) {
        (None, _) => in_form,
        (Some(key), None) => Some(key.to_str().map_err(|_| bad())?.to_owned()),
        _ => return Err(bad()),
    };
    let good = |key: &String| (1..=MAX_KEY).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    match key {
        None => Ok(None),
        Some(key) if good(&key) => Ok(Some(key)),
        Some(_) => Err(bad()),
    }
}

fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    value.split(';').next().map(|kind| kind.trim().to_ascii_lowercase())
}
