//! What others are told, as the organiser sees it: what waits, what was put aside and why, and bringing it back.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::Site;
use super::asked;
use super::calls::decide;
use super::problem::refuse;
use crate::shop::command::Ask;
use crate::shop::ids::{MessageId, TargetId};
use crate::shop::outbox::{Kind, Outbox, Replay};
use crate::shop::{Done, Sale};

/// Most that are listed of one target, of those that wait and of those put aside.
const MAX_LISTED: usize = 100;

#[derive(Serialize)]
pub(super) struct Deliveries {
    pub(super) targets: Vec<Told>,
    /// News that was not told because too much waited.
    pub(super) missed: u64,
}

#[derive(Serialize)]
pub(super) struct Told {
    pub(super) target: TargetId,
    waiting: usize,
    parked: usize,
    delivered: u64,
    /// The first of each.
    first_waiting: Vec<Shown>,
    first_parked: Vec<Shown>,
}

#[derive(Serialize)]
struct Shown {
    message: MessageId,
    event: Kind,
    order: String,
    attempts: u32,
    /// When it is tried next, or was put aside.
    at_ms: u64,
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

pub(super) async fn list(State(site): State<Site>) -> Response {
    Json(site.0.writer.look(Deliveries::of)).into_response()
}

#[derive(Deserialize)]
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

/// Brings back one delivery, or as many as may be of a target.
pub(super) async fn replay(State(site): State<Site>, headers: HeaderMap, body: Bytes) -> Response {
    let asked: Asked = match asked::body(&headers, &body, &[]) {
        Ok(asked) => asked,
        Err(problem) => return refuse(&site, &headers, problem),
    };
    match decide(&site, &headers, None, asked.ask()).await {
        Ok((Done::Replayed { count }, _)) => Json(serde_json::json!({ "replayed": count })).into_response(),
        Ok(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Err(response) => response,
    }
}
