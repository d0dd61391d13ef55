//! Holds and the waiting list: places for five minutes, or a place in the line for them.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Site;
use super::asked::{self, bad};
use super::bookings::{REPLAYED, name, reference};
use super::calls::{Keys, begin, decide_order, submitted, told};
use super::claims;
use super::contact::contact;
use super::openapi::{Keyed, OrderPath};
use super::problem::{Problem, refuse};
use super::refusals::{explained, not_decided, with_retry};
use super::shapes::{HoldAnswer, OrderAnswer};
use super::words::Said;
use crate::pass::Visitor;
use crate::shop::Done;
use crate::shop::catalogue::MAX_CAP;
use crate::shop::command::{Ask, Command, Hold, Key};
use crate::shop::hall::Best;
use crate::shop::ids::EventId;
use crate::shop::order::Stage;
use crate::shop::refusal::Refusal;
use crate::shop::stock::Want;
use crate::shown::seat;

/// `seats` names them; otherwise `count` of the best are chosen.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    pub(super) event: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) count: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) seats: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) zone: Option<String>,
    #[serde(default)]
    pub(super) accessible: bool,
    #[serde(default = "yes")]
    pub(super) together: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) email: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) language: Option<String>,
}

/// The two forms that [`Asked`] takes, for the description of the API.
#[derive(ToSchema)]
#[serde(untagged)]
#[allow(dead_code)] // the shape alone
enum HoldAsked {
    /// So many of the best there are.
    Best(BestAsked),
    /// These seats and no others.
    These(SeatsAsked),
}

#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"event": "harbour-lights", "count": 2, "name": "Ada"})))]
#[allow(dead_code)] // as HoldAsked
struct BestAsked {
    event: String,
    #[schema(minimum = 1, maximum = 100)]
    count: u32,
    /// Of a hall: only there.
    zone: Option<String>,
    /// Places for wheelchairs.
    #[schema(default = false, required = false)]
    accessible: bool,
    /// Side by side.
    #[schema(default = true, required = false)]
    together: bool,
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]*[^\s\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069][^\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]*$"
    )]
    name: Option<String>,
    #[schema(format = Email, max_length = 254)]
    email: Option<String>,
    #[schema(pattern = "^[A-Za-z0-9-]{2,35}$")]
    language: Option<String>,
}

#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"event": "four-hands", "seats": ["stalls-1-1", "stalls-1-2"]})))]
#[allow(dead_code)] // as HoldAsked
struct SeatsAsked {
    event: String,
    #[schema(min_items = 1, max_items = 100, value_type = std::collections::BTreeSet<String>)]
    seats: Vec<String>,
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]*[^\s\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069][^\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]*$"
    )]
    name: Option<String>,
    #[schema(format = Email, max_length = 254)]
    email: Option<String>,
    #[schema(pattern = "^[A-Za-z0-9-]{2,35}$")]
    language: Option<String>,
}

fn yes() -> bool {
    true
}

impl Asked {
    pub(super) fn hold(self, visitor: &Visitor, headers: &HeaderMap) -> Result<Hold, Problem> {
        let most = usize::try_from(MAX_CAP).unwrap_or(usize::MAX);
        let want = match (self.count, self.seats) {
            (Some(count), None) if (1..=MAX_CAP).contains(&count) => Want::Best(Best {
                count,
                zone: self.zone,
                accessible: self.accessible,
                together: self.together,
            }),
            (None, Some(seats)) if (1..=most).contains(&seats.len()) && self.zone.is_none() && !self.accessible => {
                Want::Seats(seats)
            }
            _ => {
                return Err(bad(format!(
                    "send a count of 1-{MAX_CAP}, or the names of as many seats"
                )));
            }
        };
        Ok(Hold {
            person: visitor.subject.as_str().into(),
            order: reference()?.into(),
            event: self.event.into(),
            want,
            name: self.name.as_deref().map(name).transpose()?,
            contact: contact(headers, self.email.as_deref(), self.language.as_deref())?,
        })
    }
}

/// Holds places for five minutes: all that are asked for, or none.
#[utoipa::path(post, path = "/api/v1/holds", tag = "holds", params(Keyed), request_body = HoldAsked, security(("pass" = [])), extensions(("x-problems" = json!(["bad-address", "unknown-event", "no-such-seat", "sold-out", "none-together", "too-many-seats", "seat-twice", "seat-taken"]))),
    responses((status = 201, description = "Held", body = HoldAnswer, headers(("Location" = String, description = "The hold")))))]
pub(super) async fn hold(
    State(site): State<Site>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Response> {
    place(&site, &visitor, &headers, &body, "/api/v1/holds").await
}

/// Waits for places that are not there. The offer is a hold: look at the order.
#[utoipa::path(post, path = "/api/v1/waiting-list", tag = "holds", params(Keyed), request_body = BestAsked, security(("pass" = [])), extensions(("x-problems" = json!(["bad-address", "unknown-event", "no-such-seat", "sold-out", "none-together", "too-many-seats", "seat-twice", "seat-taken", "nothing-to-wait-for", "waits-already"]))),
    responses((status = 201, description = "On the list", body = OrderAnswer, headers(("Location" = String, description = "The order")))))]
pub(super) async fn wait(
    State(site): State<Site>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Response> {
    place(&site, &visitor, &headers, &body, WAITING_LIST).await
}

const WAITING_LIST: &str = "/api/v1/waiting-list";

async fn place(
    site: &Site,
    visitor: &Visitor,
    headers: &HeaderMap,
    body: &[u8],
    path: &str,
) -> Result<Response, Response> {
    let read = || -> Result<(Hold, Option<Key>), Problem> {
        let asked: Asked = asked::body(headers, body, &["count"])?;
        let key = asked::key(headers, None, visitor, path, &asked)?;
        Ok((asked.hold(visitor, headers)?, key))
    };
    let (hold, key, _flying) = begin(site, headers, Keys::Required, read)?;
    let waits = path == WAITING_LIST;
    let ask = if waits { Ask::Wait(hold) } else { Ask::Hold(hold) };
    let name = if waits { "order" } else { "hold" };
    let taken = Taken::of(&ask);
    let applied = match submitted(site, Command { key, ask }).await {
        Ok(applied) => applied,
        Err(why) => return Err(with_retry(refuse(site, headers, not_decided(why)))),
    };
    match applied.reply {
        Ok(Done::Order(order)) => Ok(told(site, StatusCode::CREATED, name, &order, applied.replayed)),
        Ok(_) => Err(StatusCode::INTERNAL_SERVER_ERROR.into_response()),
        Err(refusal) => {
            let problem = taken.named(site, refusal, site.0.pages.said(headers));
            let mut response = with_retry(refuse(site, headers, problem));
            response.headers_mut().extend(applied.replayed.then_some(REPLAYED));
            Err(response)
        }
    }
}

/// The seats that somebody asked for by name, to say which of them are taken.
struct Taken {
    event: EventId,
    seats: Vec<String>,
}

impl Taken {
    fn of(ask: &Ask) -> Taken {
        let (event, seats) = match ask {
            Ask::Hold(hold) | Ask::Wait(hold) => match &hold.want {
                Want::Seats(seats) => (hold.event.clone(), seats.clone()),
                Want::Best(_) => (hold.event.clone(), Vec::new()),
            },
            _ => ("".into(), Vec::new()),
        };
        Taken { event, seats }
    }

    /// The refusal, with the seats that are not free now: `taken` for machines, a sentence for people, in the language of
    /// a map that shows it.
    fn named(self, site: &Site, refusal: Refusal, said: &Said) -> Problem {
        let problem = explained(refusal);
        if refusal != Refusal::SeatTaken {
            return problem;
        }
        let taken: Vec<String> = site.0.writer.look(|sale| {
            let offer = sale.offer(self.event.as_str());
            let is_free = |name: &String| {
                let seat = offer.and_then(|offer| offer.hall()?.seat_named(name));
                seat.is_some_and(|seat| offer.is_some_and(|offer| offer.is_free(seat)))
            };
            self.seats.iter().filter(|name| !is_free(name)).cloned().collect()
        });
        if taken.is_empty() {
            return problem;
        }
        let names: Vec<String> = taken.iter().map(|name| seat(said.text("seat"), name)).collect();
        let rest = if taken.len() < self.seats.len() {
            "map.lost_rest"
        } else {
            "map.lost"
        };
        let text = said.filled(rest, &[("seat", &names.join(" · "))]);
        Problem::new(problem.status(), "seat-taken", text).naming(taken)
    }
}

/// Gives the places back, or leaves the waiting list. Again: nothing more happens.
#[utoipa::path(delete, path = "/api/v1/holds/{id}", tag = "holds", params(OrderPath), security(("pass" = [])), extensions(("x-problems" = json!(["unknown-order", "wrong-stage"]))),
    responses((status = 200, description = "Given back", body = HoldAnswer)))]
pub(super) async fn release(
    State(site): State<Site>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let released = site.0.writer.look(|sale| {
        let order = claims::claimed(sale, &visitor, &headers, &id);
        order.filter(|order| order.stage == Stage::Cancelled).cloned()
    });
    if let Some(order) = released {
        return told(&site, StatusCode::OK, "hold", &order, true);
    }
    let (person, order) = claims::actor(&site, &visitor, &headers, &id);
    match decide_order(&site, &headers, None, Ask::Release { person, order }).await {
        Ok((order, _)) => told(&site, StatusCode::OK, "hold", &order, false),
        Err(response) => response,
    }
}
