//! The organiser's calls: what is on offer, points, refunds, and payments that nobody can explain. Guarded by a token of
//! their own, not by a pass; without a token in the configuration there are none.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Site;
use super::asked;
use super::calls::{decide, view};
use super::openapi::Keyed;
use super::problem::{Problem, refuse};
use super::shapes::{DoneAnswer, OrderAnswer, PointsAnswer};
use crate::pass::Visitor;
use crate::payments::Settled;
use crate::shop::Done;
use crate::shop::catalogue::Event;
use crate::shop::codes::Code;
use crate::shop::command::Ask;
use crate::shop::coupons::Campaign;
use crate::shop::order::{Order, Refund, Stage};
use crate::shop::polls::Poll;

/// Longest subject of a pass that is given points, in characters.
const MAX_PERSON: usize = 255;

/// Whose keys the organiser's are: no pass can name this subject.
const ORGANISER: &str = "\0organiser";

/// Puts an event on offer. What is named by an id that is known stays as it is.
#[utoipa::path(post, path = "/api/v1/organiser/events", tag = "organiser", operation_id = "open_event", request_body = Event, security(("organiser" = [])), extensions(("x-problems" = json!(["bad-listing"]))),
    responses((status = 201, description = "It is so now", body = DoneAnswer)))]
pub(super) async fn event(State(site): State<Site>, headers: HeaderMap, body: Bytes) -> Response {
    open(&site, &headers, &body, Ask::List).await
}

/// Opens a campaign of coupons.
#[utoipa::path(post, path = "/api/v1/organiser/campaigns", tag = "organiser", operation_id = "open_campaign", request_body = Campaign, security(("organiser" = [])), extensions(("x-problems" = json!(["bad-listing"]))),
    responses((status = 201, description = "It is so now", body = DoneAnswer)))]
pub(super) async fn campaign(State(site): State<Site>, headers: HeaderMap, body: Bytes) -> Response {
    open(&site, &headers, &body, Ask::Campaign).await
}

/// Makes a discount code good. A use is counted while the code is on an order that is not over; once a person.
#[utoipa::path(post, path = "/api/v1/organiser/codes", tag = "organiser", operation_id = "open_code", request_body = Code, security(("organiser" = [])), extensions(("x-problems" = json!(["bad-listing"]))),
    responses((status = 201, description = "It is so now", body = DoneAnswer)))]
pub(super) async fn code(State(site): State<Site>, headers: HeaderMap, body: Bytes) -> Response {
    open(&site, &headers, &body, Ask::Code).await
}

/// Opens a poll.
#[utoipa::path(post, path = "/api/v1/organiser/polls", tag = "organiser", operation_id = "open_poll", request_body = Poll, security(("organiser" = [])), extensions(("x-problems" = json!(["bad-listing"]))),
    responses((status = 201, description = "It is so now", body = DoneAnswer)))]
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
        Ok(_) => (StatusCode::CREATED, Json(DoneAnswer::DONE)).into_response(),
        Err(response) => response,
    }
}

#[derive(Serialize, Deserialize, ToSchema)]
#[schema(examples(json!({"person": "ada", "points": 1000})))]
#[serde(deny_unknown_fields)]
struct Grant {
    /// The `sub` of a pass.
    #[schema(min_length = 1, max_length = 255)]
    person: String,
    #[schema(minimum = 1, maximum = 1_000_000_000)]
    points: u64,
}

/// Puts points on somebody's account.
#[utoipa::path(post, path = "/api/v1/organiser/points", tag = "organiser", params(Keyed), request_body = Grant, security(("organiser" = [])), extensions(("x-problems" = json!(["nothing-asked"]))),
    responses((status = 201, description = "The account as it is now", body = PointsAnswer)))]
pub(super) async fn grant(State(site): State<Site>, headers: HeaderMap, body: Bytes) -> Response {
    let organiser = Visitor {
        subject: ORGANISER.to_owned(),
        pass_id: String::new(),
    };
    let read = || -> Result<_, Problem> {
        let grant: Grant = asked::body(&headers, &body, &[])?;
        if !(1..=MAX_PERSON).contains(&grant.person.chars().count()) {
            return Err(asked::bad(format!("person must be 1-{MAX_PERSON} characters")));
        }
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
        Ok((Done::Balance { points }, _)) => (StatusCode::CREATED, Json(PointsAnswer { points })).into_response(),
        Ok(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Err(response) => response,
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Refunding {
    order: String,
}

/// Gives an order back: places and tickets at once, points with them. What a card paid is on its way back after this.
#[utoipa::path(post, path = "/api/v1/organiser/refunds", tag = "organiser", request_body = Refunding, security(("organiser" = [])),
    extensions(("x-problems" = json!(["unknown-order", "wrong-stage", "refund-refused"]))),
    responses(
        (status = 200, description = "Given back", body = OrderAnswer),
        (status = 202, description = "Not known yet whether the money is back", body = OrderAnswer),
    ))]
pub(super) async fn refund(State(site): State<Site>, headers: HeaderMap, body: Bytes) -> Response {
    let refund: Refunding = match asked::body(&headers, &body, &[]) {
        Ok(refund) => refund,
        Err(problem) => return refuse(&site, &headers, problem),
    };
    let order = refund.order.into();
    match decide(&site, &headers, None, Ask::Refund { order }).await {
        Ok((Done::Order(order), _)) if order.stage == Stage::Refunding => given_back(&site, &headers, &order).await,
        Ok((Done::Order(order), _)) => Json(without_link(&site, &order)).into_response(),
        Ok(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Err(response) => response,
    }
}

async fn given_back(site: &Site, headers: &HeaderMap, order: &Order) -> Response {
    let after = match site.0.till.refund(order).await {
        Settled::Order(after) => *after,
        Settled::Elsewhere(_) | Settled::NotKnown => order.clone(),
    };
    let status = match (after.stage, after.refund) {
        (Stage::Refunding, Some(Refund { refused: true, .. })) => {
            let text = "The provider does not give the money back. The places are free; ask again to try again.";
            return refuse(
                site,
                headers,
                Problem::new(StatusCode::CONFLICT, "refund-refused", text),
            );
        }
        (Stage::Refunding, _) => StatusCode::ACCEPTED,
        _ => StatusCode::OK,
    };
    (status, Json(without_link(site, &after))).into_response()
}

/// The link proves who the buyer is; the organiser is not.
fn without_link(site: &Site, order: &Order) -> OrderAnswer {
    let order = (site.0.writer).look(|sale| view(order, sale.offer(order.event.as_str())));
    OrderAnswer { order }
}
