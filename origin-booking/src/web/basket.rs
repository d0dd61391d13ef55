//! From chosen places to a ticket, page by page, without a script: hold → basket → pay → confirmation. The same commands
//! as the API's; a button that is pressed twice does nothing twice.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use minijinja::context;
use serde::Deserialize;

use super::Site;
use super::asked;
use super::bookings::name;
use super::calls::{Keys, begin, decide_order};
use super::claims;
use super::contact::contact;
use super::holds;
use super::map::money;
use super::orders::pay_with;
use super::pages;
use super::problem::{Problem, refuse};
use super::refusals::explained;
use super::tickets;
use crate::pass::Visitor;
use crate::shop::command::{Ask, CheckOut, Hold, Key};
use crate::shop::order::{Method, Order, Stage};
use crate::shop::refusal::Refusal;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Chosen {
    event: String,
    count: u32,
    /// Empty: any.
    #[serde(default)]
    zone: String,
    #[serde(default)]
    accessible: Option<String>,
    #[serde(default)]
    key: Option<String>,
}

/// Holds the best seats of a form.
pub(super) async fn take(
    State(site): State<Site>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Response> {
    let read = || -> Result<(Hold, Option<Key>), Problem> {
        let chosen: Chosen = asked::body(&headers, &body, &["count"])?;
        let asked = holds::Asked {
            event: chosen.event,
            count: Some(chosen.count),
            seats: None,
            zone: Some(chosen.zone).filter(|zone| !zone.is_empty()),
            accessible: chosen.accessible.is_some(),
            together: true,
            name: None,
            email: None,
            language: None,
        };
        let key = asked::key(&headers, chosen.key, &visitor, "/basket", &asked)?;
        Ok((asked.hold(&visitor, &headers)?, key))
    };
    let (hold, key, _flying) = begin(&site, &headers, Keys::Welcome, read)?;
    let (order, _) = decide_order(&site, &headers, key, Ask::Hold(hold)).await?;
    Ok(see(&format!("/orders/{}", order.id)))
}

pub(super) async fn page(
    State(site): State<Site>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let Some(order) = claims::theirs(&site, &visitor, &headers, &id) else {
        return refuse(&site, &headers, explained(Refusal::UnknownOrder));
    };
    // A link does not stay in the address bar, where others read it.
    let mut response = match id == order.id.as_str() {
        true => show(&site, StatusCode::OK, &order, None),
        false => see(&format!("/orders/{}", order.id)),
    };
    response.headers_mut().extend(claims::kept(&site, &headers, &order));
    response
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Paying {
    name: String,
    /// Empty: no e-mail.
    #[serde(default)]
    email: String,
    #[serde(default)]
    card: String,
}

/// Puts the name on the order and pays.
pub(super) async fn pay(
    State(site): State<Site>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(order) = claims::theirs(&site, &visitor, &headers, &id) else {
        return refuse(&site, &headers, explained(Refusal::UnknownOrder));
    };
    let read = || -> Result<(CheckOut, String), Problem> {
        let paying: Paying = asked::body(&headers, &body, &[])?;
        let email = Some(paying.email.trim()).filter(|email| !email.is_empty());
        let check_out = CheckOut {
            person: order.person.clone(),
            order: order.id.clone(),
            name: name(&paying.name)?,
            code: None,
            contact: contact(&headers, email, None)?,
        };
        Ok((check_out, paying.card))
    };
    let (check_out, card) = match read() {
        Ok(both) => both,
        Err(problem) => return refuse(&site, &headers, problem),
    };
    let address = format!("/orders/{}", order.id);
    // The second press of the button: what became of the first is on the page.
    if order.stage != Stage::Held {
        return see(&address);
    }
    let code = order.code.clone();
    let check_out = CheckOut { code, ..check_out };
    if let Err(response) = decide_order(&site, &headers, None, Ask::CheckOut(check_out)).await {
        return response;
    }
    let answer = pay_with(&site, &visitor, &headers, None, id.clone(), Method::Card, card).await;
    match (answer.status(), claims::theirs(&site, &visitor, &headers, &id)) {
        (StatusCode::PAYMENT_REQUIRED, Some(order)) if order.stage == Stage::Held => {
            let text = "The payment was declined. Your places are still held; you can try again.";
            show(&site, StatusCode::PAYMENT_REQUIRED, &order, Some(text))
        }
        (StatusCode::BAD_REQUEST, _) => answer,
        (status, _) if status.is_server_error() => answer,
        _ => see(&address),
    }
}

pub(super) async fn release(
    State(site): State<Site>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let (person, order) = claims::actor(&site, &visitor, &headers, &id);
    match decide_order(&site, &headers, None, Ask::Release { person, order }).await {
        Ok((order, _)) => see(&format!("/events/{}", order.event)),
        Err(response) => response,
    }
}

fn show(site: &Site, status: StatusCode, order: &Order, message: Option<&str>) -> Response {
    let left_ms = order.until_ms.saturating_sub((site.0.clock)());
    let state = match order.stage {
        Stage::Created => "waiting",
        Stage::Held if left_ms > 0 => "held",
        Stage::Paying | Stage::Paid => "paying",
        Stage::Confirmed => "confirmed",
        Stage::Held | Stage::Cancelled | Stage::Expired => "over",
        Stage::Refunded => "refunded",
    };
    let values = site.0.writer.look(|sale| {
        let offer = sale.offer(order.event.as_str());
        let seat = |seat| offer?.hall().map(|hall| hall.name_of(seat));
        let seats: Vec<String> = order.places.seats.iter().filter_map(|at| seat(*at)).collect();
        let currency = offer.map_or("", |offer| offer.event().price.currency.as_str());
        let tickets = tickets::of(sale, order);
        let link = tickets.as_ref().map(|(link, _)| link.clone());
        let tickets: Vec<_> = tickets.iter().flat_map(|(_, tickets)| tickets).map(tickets::Shown::value).collect();
        context! {
            writes => sale.outbox().targets().any(|target| target.by_mail), email => order.contact.email.as_deref(),
            link, tickets, id => order.id.as_str(), event => order.event.as_str(), count => order.places.count, name => order.name.as_deref(),
            total => format!("{currency} {}", money(order.total_minor())), discount => order.discount_minor > 0,
            offer => offer.map(pages::shown), seats, state, message, left_ms,
            clock => format!("{}:{:02}", left_ms / 60_000, left_ms / 1_000 % 60),
        }
    });
    site.0.pages.page(status, "order.html", values)
}

fn see(address: &str) -> Response {
    match HeaderValue::from_str(address) {
        Ok(address) => (StatusCode::SEE_OTHER, [(header::LOCATION, address)]).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
