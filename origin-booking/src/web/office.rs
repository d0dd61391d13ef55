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
use super::calls::decide;
use super::deliveries::{self, Deliveries};
use super::keeper::{COOKIE, Denied, SESSION_S};
use super::pages::in_time;
use super::problem::{Problem, refuse};
use super::refusals::clock_time;
use crate::shop::{Done, Sale};

const HERE: &str = "/organiser";

#[derive(Serialize, ToSchema)]
struct Sales {
    events: Vec<Sold>,
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
        let events = in_time(sale).into_iter().map(|offer| Sold {
            id: offer.event().id.to_string(),
            title: offer.event().title.clone(),
            when: offer.event().when.clone(),
            capacity: offer.capacity(),
            sold: offer.sold(),
            held: offer.held(),
            left: offer.left(),
            waiting: offer.waiting_count(),
            arrived: sale.doors().count(offer.event().id.as_str()),
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
            arrivals: arrivals.collect(),
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
    kept_private(site.0.pages.page(StatusCode::OK, "office.html", values))
}

fn door(site: &Site, status: StatusCode, message: Option<&str>) -> Response {
    kept_private(site.0.pages.page(status, "office_door.html", context! { message }))
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
    match site.0.keeper.check(Some(entering.token.trim()), now_ms) {
        Ok(()) => with_session(site.0.keeper.session(now_ms / 1_000).as_deref(), SESSION_S),
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
