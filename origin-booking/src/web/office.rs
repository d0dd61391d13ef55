//! The organiser's page: what is sold, who has come, what could not be delivered. Behind the token, by a session of hours.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use minijinja::value::Serde;
use minijinja::{Value, context};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Site;
use super::asked;
use super::browse::in_time;
use super::calls::decide;
use super::deliveries::{self, Deliveries};
use super::keeper::{COOKIE, Denied, SESSION_S, Scope};
use super::map::money;
use super::organiser;
use super::problem::{Problem, refuse};
use super::refusals::clock_time;
use crate::shop::order::Stage;
use crate::shop::stock::Offer;
use crate::shop::takings::Takings;
use crate::shop::{Done, Sale};

const HERE: &str = "/organiser";
/// Most holds that are listed.
const MAX_HOLDS: usize = 100;

#[derive(Serialize, ToSchema)]
struct Sales {
    events: Vec<Sold>,
    /// The first 100 to end; `held` of each event counts all.
    holds: Vec<Held>,
    /// The latest 50, the latest first.
    arrivals: Vec<Arrived>,
}

#[derive(Serialize, ToSchema)]
struct Sold {
    id: String,
    title: String,
    when: String,
    capacity: u32,
    sold: u32,
    held: u32,
    left: u32,
    /// Orders on the waiting list.
    waiting: usize,
    arrived: u32,
    currency: String,
    #[serde(flatten)]
    takings: Takings,
    /// For people.
    money: Money,
}

#[derive(Serialize, ToSchema)]
struct Money {
    paid: String,
    owed: String,
    refunded: String,
}

#[derive(Serialize, ToSchema)]
struct Held {
    order: String,
    event: String,
    count: u32,
    stage: Stage,
    expires_at_ms: u64,
    /// For people.
    until: String,
}

#[derive(Serialize, ToSchema)]
struct Arrived {
    order: String,
    number: u32,
    at_ms: u64,
    /// For people.
    at: String,
    gate: String,
}

impl Sales {
    fn of(sale: &Sale) -> Sales {
        let events = in_time(sale).into_iter().map(|offer| Sold::of(sale, offer));
        let holds = sale.holds().take(MAX_HOLDS).map(|order| Held {
            order: order.id.to_string(),
            event: order.event.to_string(),
            count: order.places.count,
            stage: order.stage,
            expires_at_ms: order.until_ms,
            until: clock_time(order.until_ms),
        });
        let arrivals = sale.doors().recent().map(|(order, number, arrival)| Arrived {
            order: order.to_string(),
            number,
            at_ms: arrival.at_ms,
            at: clock_time(arrival.at_ms),
            gate: arrival.gate.to_string(),
        });
        Sales {
            events: events.collect(),
            holds: holds.collect(),
            arrivals: arrivals.collect(),
        }
    }
}

impl Sold {
    fn of(sale: &Sale, offer: &Offer) -> Sold {
        let event = offer.event();
        let takings = sale.takings(event.id.as_str());
        let points = |points: u64| {
            if points > 0 {
                format!(" + {points} points")
            } else {
                String::new()
            }
        };
        Sold {
            id: event.id.to_string(),
            title: event.title.clone(),
            when: event.when.clone(),
            capacity: offer.capacity(),
            sold: offer.sold(),
            held: offer.held(),
            left: offer.left(),
            waiting: offer.waiting_count(),
            arrived: sale.doors().count(event.id.as_str()),
            currency: event.price.currency.clone(),
            money: Money {
                paid: money(takings.paid_minor) + &points(takings.points),
                owed: money(takings.owed_minor),
                refunded: money(takings.refunded_minor) + &points(takings.refunded_points),
            },
            takings,
        }
    }
}

/// Each event with what is sold, held and left, and who came in last.
#[utoipa::path(get, path = "/api/v1/organiser/sales", tag = "organiser", security(("organiser" = [])),
    responses((status = 200, description = "As it is now", body = Sales)))]
pub(super) async fn sales(State(site): State<Site>) -> Response {
    Json(site.0.writer.look(Sales::of)).into_response()
}

pub(super) async fn page(State(site): State<Site>, headers: HeaderMap) -> Response {
    match is_in(&site, &headers) {
        true => shown(&site),
        false => door(&site, StatusCode::OK, None),
    }
}

fn shown(site: &Site) -> Response {
    let (sales, told) = site.0.writer.look(|sale| (Sales::of(sale), Deliveries::of(sale)));
    let active = site.0.writer.is_leading();
    let values = context! { sales => Value::from(Serde(sales)), told => Value::from(Serde(told)), active };
    kept_private(site.0.pages.english_page(StatusCode::OK, "office.html", values))
}

fn door(site: &Site, status: StatusCode, message: Option<&str>) -> Response {
    kept_private((site.0.pages).english_page(status, "office_door.html", context! { message }))
}

fn kept_private(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store, private"));
    response
}

fn is_in(site: &Site, headers: &HeaderMap) -> bool {
    let now_s = (site.0.clock)() / 1_000;
    let cookies = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let sessions = cookies.flat_map(|line| line.split(';')).filter_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        (name == COOKIE).then_some(value)
    });
    // A few at most: a jar full of cookies costs no more than that.
    sessions.take(4).any(|session| site.0.keeper.is_session(session, now_s))
}

/// A browser says where a form came from; one from elsewhere is none of ours.
fn is_foreign(headers: &HeaderMap) -> bool {
    let from = headers.get("sec-fetch-site");
    from.is_some_and(|from| from != "same-origin" && from != "none")
}

fn foreign(site: &Site, headers: &HeaderMap) -> Response {
    let problem = Problem::new(StatusCode::FORBIDDEN, "cross-site", "That came from another site.");
    refuse(site, headers, problem)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entering {
    token: String,
}

pub(super) async fn enter(State(site): State<Site>, headers: HeaderMap, body: Bytes) -> Response {
    if is_foreign(&headers) {
        return foreign(&site, &headers);
    }
    let entering: Entering = match asked::body(&headers, &body, &[]) {
        Ok(entering) => entering,
        Err(problem) => return refuse(&site, &headers, problem),
    };
    let now_ms = (site.0.clock)();
    match site
        .0
        .keeper
        .check(Some(entering.token.trim()), Scope::Organiser, now_ms)
    {
        Ok(()) => with_session(site.0.keeper.session(now_ms / 1_000).as_deref(), SESSION_S),
        Err(Denied::OtherScope) => {
            let text = "This token is good for check-ins alone.";
            door(&site, StatusCode::FORBIDDEN, Some(text))
        }
        Err(Denied::Wrong) => door(&site, StatusCode::UNAUTHORIZED, Some("This is not the token.")),
        Err(Denied::TooMany { after_s }) => {
            let text = format!("Too many wrong tokens. Try again in {after_s} seconds. The right one is always good.");
            let mut response = door(&site, StatusCode::TOO_MANY_REQUESTS, Some(&text));
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(after_s));
            response
        }
    }
}

pub(super) async fn leave(State(site): State<Site>, headers: HeaderMap) -> Response {
    match is_foreign(&headers) {
        true => foreign(&site, &headers),
        false => with_session(Some(""), 0),
    }
}

fn with_session(session: Option<&str>, seconds: u64) -> Response {
    let cookie = session.and_then(|session| {
        let text = format!("{COOKIE}={session}; Max-Age={seconds}; Path={HERE}; HttpOnly; Secure; SameSite=Strict");
        HeaderValue::from_str(&text).ok()
    });
    match cookie {
        Some(cookie) => {
            let headers = [
                (header::SET_COOKIE, cookie),
                (header::LOCATION, HeaderValue::from_static(HERE)),
            ];
            kept_private((StatusCode::SEE_OTHER, headers).into_response())
        }
        None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refunding {
    order: String,
    /// `yes` on the second page alone.
    #[serde(default)]
    sure: Option<String>,
}

/// Gives an order back: asked for by its reference, done when that is confirmed. The API's decision.
pub(super) async fn refund(State(site): State<Site>, headers: HeaderMap, body: Bytes) -> Response {
    if is_foreign(&headers) {
        return foreign(&site, &headers);
    }
    if !is_in(&site, &headers) {
        return door(&site, StatusCode::UNAUTHORIZED, None);
    }
    let asked: Refunding = match asked::body(&headers, &body, &[]) {
        Ok(asked) => asked,
        Err(problem) => return refuse(&site, &headers, problem),
    };
    let reference = asked.order.trim().to_ascii_uppercase();
    if asked.sure.as_deref() != Some("yes") {
        return confirm(&site, &headers, &reference);
    }
    let mut as_json = headers.clone();
    as_json.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let body = serde_json::json!({ "order": reference }).to_string();
    let answer = organiser::refund(State(site.clone()), as_json, body.into()).await;
    match answer.status().is_success() {
        true => (
            StatusCode::SEE_OTHER,
            [(header::LOCATION, HeaderValue::from_static(HERE))],
        )
            .into_response(),
        false => answer,
    }
}

/// What would be given back, and a button.
fn confirm(site: &Site, headers: &HeaderMap, reference: &str) -> Response {
    let found = site.0.writer.look(|sale| {
        let order = sale.order(reference)?;
        let offer = sale.offer(order.event.as_str());
        let currency = offer.map_or("", |offer| offer.event().price.currency.as_str());
        Some(context! {
            id => order.id.as_str(), title => offer.map(|offer| offer.event().title.as_str()), name => order.name.as_deref(),
            count => order.places.count, total => format!("{currency} {}", money(order.total_minor())),
            stage => Value::from(Serde(order.stage)), method => Value::from(Serde(order.method)),
        })
    });
    match found {
        Some(order) => {
            kept_private((site.0.pages).english_page(StatusCode::OK, "office_refund.html", context! { order }))
        }
        None => {
            let problem = Problem::new(
                StatusCode::NOT_FOUND,
                "unknown-order",
                "There is no order of this reference.",
            );
            refuse(site, headers, problem.back_to(HERE.to_owned()))
        }
    }
}

/// The button beside what was put aside.
pub(super) async fn replay(State(site): State<Site>, headers: HeaderMap, body: Bytes) -> Response {
    if is_foreign(&headers) {
        return foreign(&site, &headers);
    }
    if !is_in(&site, &headers) {
        return door(&site, StatusCode::UNAUTHORIZED, None);
    }
    let asked: deliveries::Asked = match asked::body(&headers, &body, &[]) {
        Ok(asked) => asked,
        Err(problem) => return refuse(&site, &headers, problem),
    };
    match decide(&site, &headers, None, asked.ask()).await {
        Ok((Done::Replayed { .. }, _)) => {
            let back = [(header::LOCATION, HeaderValue::from_static(HERE))];
            (StatusCode::SEE_OTHER, back).into_response()
        }
        Ok(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Err(response) => response,
    }
}
