//! Tickets: shown to whoever holds the order or the link to it, and taken at the door. The link needs no pass: who bought
//! a ticket does not wait in line again to see it.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use minijinja::{Value, context};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::Site;
use super::asked::{self, bad};
use super::bookings::is_unseen;
use super::browse;
use super::calls::submitted;
use super::claims;
use super::openapi::OrderPath;
use super::problem::{Problem, refuse};
use super::qr;
use super::refusals::{clock_time, explained};
use super::shapes::{CheckInAnswer, CheckedIn, TicketShown, Tickets};
use super::words::Said;
use crate::pass::Visitor;
use crate::shop::command::{Ask, CheckIn};
use crate::shop::order::{Method, Order, Stage};
use crate::shop::refusal::Refusal;
use crate::shop::{Done, Sale};
use crate::shown::{seat, seat_in_english};
use crate::tickets::{Bad, Link, Ticket};

/// Longest name of a gate, in characters.
const MAX_GATE: usize = 40;

/// One ticket of an order, as pages and the API show it.
pub(super) struct Shown {
    number: u32,
    /// `None` without numbered seats.
    seat: Option<String>,
    text: String,
}

/// None before the order is confirmed, and when it is over.
pub(super) fn of(sale: &Sale, order: &Order) -> Option<(String, Vec<Shown>)> {
    let key = sale.doors().key().filter(|_| order.stage == Stage::Confirmed)?;
    let hall = sale.offer(order.event.as_str()).and_then(|offer| offer.hall());
    let shown = |number: u32| {
        let at = usize::try_from(number - 1).ok();
        let seat = at.and_then(|at| order.places.seats.get(at));
        let ticket = Ticket {
            order: order.id.to_string(),
            number,
        };
        Shown {
            number,
            seat: seat.and_then(|seat| Some(hall?.name_of(*seat))),
            text: ticket.text(key),
        }
    };
    let link = format!("/tickets/{}", Link::Tickets.to(order.id.as_str(), key));
    Some((link, (1..=order.places.count).map(shown).collect()))
}

impl Shown {
    fn drawn(&self, said: &Said) -> Option<String> {
        let label = said.filled("tickets.code", &[("n", &self.number.to_string())]);
        qr::svg(&self.text, &label)
    }

    /// What a page needs.
    pub(super) fn value(&self, said: &Said) -> Value {
        let svg = self.drawn(said).map(Value::from_safe_string);
        let seat = self.seat.as_deref().map(|name| seat(said.text("seat"), name));
        context! { number => self.number, seat, text => self.text.as_str(), svg }
    }
}

/// The tickets of a confirmed order of the visitor's.
#[utoipa::path(get, path = "/api/v1/orders/{id}/tickets", tag = "orders", params(OrderPath), operation_id = "tickets", security(("pass" = [])), extensions(("x-problems" = json!(["unknown-order", "wrong-stage"]))),
    responses((status = 200, description = "One a place", body = Tickets)))]
pub(super) async fn of_order(
    State(site): State<Site>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let found = site.0.writer.look(|sale| {
        let order = claims::claimed(sale, &visitor, &headers, &id).ok_or(Refusal::UnknownOrder)?;
        of(sale, order).ok_or(Refusal::WrongStage { stage: order.stage })
    });
    let (link, tickets) = match found {
        Ok(found) => found,
        Err(refusal) => return refuse(&site, &headers, explained(refusal)),
    };
    let shown = |one: Shown| TicketShown {
        number: one.number,
        svg: format!("{link}/{}", one.number),
        seat_name: one.seat.as_deref().map(seat_in_english),
        seat: one.seat,
        ticket: one.text,
    };
    let tickets = tickets.into_iter().map(shown).collect();
    Json(Tickets { link, tickets }).into_response()
}

/// The order that a link leads to.
fn behind(site: &Site, link: &str) -> Option<Order> {
    site.0.writer.look(|sale| {
        let order = Link::Tickets.read(link, sale.doors().key()?)?;
        sale.order(&order).cloned()
    })
}

fn no_such() -> Problem {
    let text = "There are no tickets here. They may have been given back; else please check the address.";
    Problem::new(StatusCode::NOT_FOUND, "unknown-tickets", text)
}

fn kept_private(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store, private"));
    headers.insert("x-robots-tag", HeaderValue::from_static("noindex"));
    // The address is a key: it goes nowhere.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// All tickets of an order, to be shown or printed.
pub(super) async fn page(State(site): State<Site>, Path(address): Path<String>, headers: HeaderMap) -> Response {
    let Some(order) = behind(&site, &address) else {
        return refuse(&site, &headers, no_such());
    };
    let values = site.0.writer.look(|sale| {
        let (link, tickets) = of(sale, &order)?;
        let said = site.0.pages.said(&headers);
        let tickets: Vec<Value> = tickets.iter().map(|one| one.value(said)).collect();
        let offer = sale.offer(order.event.as_str()).map(browse::shown);
        Some(context! { link, tickets, offer, id => order.id.as_str(), name => order.name.as_deref() })
    });
    match values {
        Some(values) => kept_private(site.0.pages.page(&headers, StatusCode::OK, "tickets.html", values)),
        None => refuse(&site, &headers, no_such()),
    }
}

/// One code, to be kept.
pub(super) async fn picture(
    State(site): State<Site>,
    Path((address, number)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let order = behind(&site, &address);
    let drawn = order.as_ref().and_then(|order| {
        let (_, tickets) = site.0.writer.look(|sale| of(sale, order))?;
        let said = site.0.pages.said(&headers);
        tickets.iter().find(|one| one.number.to_string() == number)?.drawn(said)
    });
    let Some((order, drawn)) = order.zip(drawn) else {
        return refuse(&site, &headers, no_such());
    };
    let name = format!("attachment; filename=\"ticket-{}-{number}.svg\"", order.id);
    let kind = [
        (header::CONTENT_TYPE, HeaderValue::from_static("image/svg+xml")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("default-src 'none'"),
        ),
    ];
    let mut response = (kind, drawn).into_response();
    if let Ok(name) = HeaderValue::from_str(&name) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    }
    kept_private(response)
}

#[derive(Deserialize, ToSchema)]
#[schema(as = CheckInAsked)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// The text of the code.
    #[schema(pattern = "^ST1-[2-9A-HJ-NP-Z]{1,40}-[1-9][0-9]{0,8}-[2-9A-HJ-NP-Z]{32}$")]
    ticket: String,
    /// Where given, the only event that is let in here.
    #[serde(default)]
    event: Option<String>,
    /// For the record.
    #[serde(default)]
    #[schema(max_length = 40, pattern = r"^[^\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]*$")]
    gate: String,
}

/// Lets in the holder of a ticket, once.
#[utoipa::path(post, path = "/api/v1/check-ins", tag = "doors", request_body = Asked, security(("organiser" = []), ("door" = [])),
    extensions(("x-problems" = json!(["not-a-ticket", "forged-ticket", "unknown-order", "ticket-used", "ticket-cancelled", "wrong-event"]))),
    responses((status = 201, description = "Welcome", body = CheckInAnswer)))]
pub(super) async fn check_in(State(site): State<Site>, headers: HeaderMap, body: Bytes) -> Response {
    let read = || -> Result<CheckIn, Problem> {
        let asked: Asked = asked::body(&headers, &body, &[])?;
        if asked.gate.chars().count() > MAX_GATE || asked.gate.chars().any(is_unseen) {
            return Err(bad(format!("gate must be at most {MAX_GATE} characters")));
        }
        let key = site.0.writer.look(|sale| sale.doors().key().cloned());
        let read = key.map_or(Err(Bad::Forged), |key| Ticket::read(&asked.ticket, &key));
        let ticket = read.map_err(not_good)?;
        Ok(CheckIn {
            order: ticket.order.into(),
            number: ticket.number,
            event: asked.event.map(Into::into),
            gate: asked.gate.into(),
        })
    };
    let check_in = match read() {
        Ok(check_in) => check_in,
        Err(problem) => return refuse(&site, &headers, problem),
    };
    let (order, number) = (check_in.order.clone(), check_in.number);
    match submitted(&site, Ask::CheckIn(check_in)).await {
        Ok(applied) if matches!(applied.reply, Err(Refusal::TicketUsed { .. })) => {
            refuse(&site, &headers, used(&site, order.as_str(), number))
        }
        Ok(applied) => match applied.reply {
            Ok(Done::Order(order)) => let_in(&site, &order, number),
            Ok(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            Err(refusal) => refuse(&site, &headers, explained(refusal)),
        },
        Err(why) => super::refusals::with_retry(refuse(&site, &headers, super::refusals::not_decided(why))),
    }
}

fn not_good(bad: Bad) -> Problem {
    match bad {
        Bad::NotATicket => {
            let text = "This is not one of our tickets.";
            Problem::new(StatusCode::BAD_REQUEST, "not-a-ticket", text)
        }
        Bad::Forged => {
            let text = "This ticket was not made here: let nobody in with it.";
            Problem::new(StatusCode::FORBIDDEN, "forged-ticket", text)
        }
    }
}

fn used(site: &Site, order: &str, number: u32) -> Problem {
    let first = site.0.writer.look(|sale| sale.doors().arrival(order, number).cloned());
    let (at_ms, gate) = first.map_or((0, "".into()), |first| (first.at_ms, first.gate));
    let at = clock_time(at_ms);
    let place = if gate.is_empty() {
        String::new()
    } else {
        format!(", at {gate}")
    };
    let text = format!("Somebody came in with this ticket on {at}{place}.");
    Problem::new(StatusCode::CONFLICT, "ticket-used", text).after_the_first(json!({ "at_ms": at_ms, "gate": gate }))
}

fn let_in(site: &Site, order: &Order, number: u32) -> Response {
    let shown = site.0.writer.look(|sale| {
        let seat = of(sale, order).and_then(|(_, tickets)| tickets.into_iter().find(|one| one.number == number)?.seat);
        let owed = if order.method == Some(Method::Door) {
            order.total_minor()
        } else {
            0
        };
        let first = sale.doors().arrival(order.id.as_str(), number);
        CheckedIn {
            order: order.id.to_string(),
            number,
            of: order.places.count,
            event: order.event.to_string(),
            name: order.name.clone(),
            seat_name: seat.as_deref().map(seat_in_english),
            seat,
            at_ms: first.map(|first| first.at_ms),
            gate: first.map(|first| first.gate.to_string()),
            order_owes_minor: owed,
            arrived: sale.doors().count(order.event.as_str()),
        }
    });
    (StatusCode::CREATED, Json(CheckInAnswer { check_in: shown })).into_response()
}
