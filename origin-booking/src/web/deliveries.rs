//! What others are told, as the organiser sees it: what waits, what was put aside and why, and bringing it back.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Site;
use super::asked;
use super::calls::decide;
use super::problem::refuse;
use super::shapes::Replayed;
use crate::shop::command::Ask;
use crate::shop::ids::{MessageId, TargetId};
use crate::shop::outbox::{Kind, Outbox, Replay};
use crate::shop::{Done, Sale};

/// Most that are listed of one target, of those that wait and of those put aside.
const MAX_LISTED: usize = 100;

#[derive(Serialize, ToSchema)]
pub(super) struct Deliveries {
    pub(super) targets: Vec<Told>,
    /// News that was not told because too much waited.
    pub(super) missed: u64,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Told {
    #[schema(value_type = String)]
    pub(super) target: TargetId,
    waiting: usize,
    parked: usize,
    delivered: u64,
    /// The first of each.
    first_waiting: Vec<Shown>,
    first_parked: Vec<Shown>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Delivery)]
struct Shown {
    #[schema(value_type = String)]
    message: MessageId,
    event: Kind,
    order: String,
    attempts: u32,
    /// When it is tried next, or was put aside.
    at_ms: u64,
    #[schema(value_type = Option<String>)]
    why: Option<std::sync::Arc<str>>,
}

impl Deliveries {
    pub(super) fn of(sale: &Sale) -> Deliveries {
        let outbox = sale.outbox();
        let told = |target: &crate::shop::outbox::Target| {
            let id = target.id.as_str();
            let (waiting, parked, delivered) = outbox.counts(id);
            Told {
                target: target.id.clone(),
                waiting,
                parked,
                delivered,
                first_waiting: listed(outbox, id, outbox.waiting(id)),
                first_parked: listed(outbox, id, outbox.parked(id)),
            }
        };
        Deliveries {
            targets: outbox.targets().map(told).collect(),
            missed: outbox.missed(),
        }
    }
}

fn listed<'a>(outbox: &Outbox, target: &str, which: impl Iterator<Item = &'a (u64, MessageId)>) -> Vec<Shown> {
    let shown = |(at_ms, id): &(u64, MessageId)| {
        let message = outbox.message(id.as_str())?;
        let delivery = message.to.get(target)?;
        Some(Shown {
            message: id.clone(),
            event: message.kind,
            order: message.order.id.to_string(),
            attempts: delivery.attempts,
            at_ms: *at_ms,
            why: delivery.why.clone(),
        })
    };
    which.take(MAX_LISTED).filter_map(shown).collect()
}

/// What others are told: what waits, what was put aside and why.
#[utoipa::path(get, path = "/api/v1/organiser/deliveries", tag = "organiser", operation_id = "deliveries", security(("organiser" = [])),
    responses((status = 200, description = "Of each that is told", body = Deliveries)))]
pub(super) async fn list(State(site): State<Site>) -> Response {
    Json(site.0.writer.look(Deliveries::of)).into_response()
}

#[derive(Deserialize, ToSchema)]
#[schema(as = ReplayAsked)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    pub(super) target: String,
    #[serde(default)]
    pub(super) message: Option<String>,
}

impl Asked {
    pub(super) fn ask(self) -> Ask {
        Ask::Replay(Replay {
            target: self.target.into(),
            message: self.message.map(Into::into),
        })
    }
}

/// Brings back one delivery that was put aside, or the oldest 1,000 of a target.
#[utoipa::path(post, path = "/api/v1/organiser/replays", tag = "organiser", request_body = Asked, security(("organiser" = [])), extensions(("x-problems" = json!(["unknown-delivery"]))),
    responses((status = 200, description = "So many wait again", body = Replayed)))]
pub(super) async fn replay(State(site): State<Site>, headers: HeaderMap, body: Bytes) -> Response {
    let asked: Asked = match asked::body(&headers, &body, &[]) {
        Ok(asked) => asked,
        Err(problem) => return refuse(&site, &headers, problem),
    };
    match decide(&site, &headers, None, asked.ask()).await {
        Ok((Done::Replayed { count }, _)) => Json(Replayed { replayed: count }).into_response(),
        Ok(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Err(response) => response,
    }
}
