//! What money and orders disagree about, and what is still open: for the organiser. A comparison with the provider's books
//! is begun here; what it found is shown beside the rest.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::Site;
use super::asked::{self, bad};
use super::problem::refuse;
use crate::payments::{MAX_DAYS, USUAL_DAYS};
use crate::shop::order::Order;

/// What is open, and what nobody can explain.
#[derive(Serialize, ToSchema)]
struct Differences {
    /// Money that moved for an order that is not owed any.
    #[schema(value_type = Vec<Object>)]
    odd: Vec<Value>,
    /// Money still to be let go: the order, the attempt and the provider's name of it.
    #[schema(value_type = Vec<Object>)]
    unwanted: Vec<Value>,
    /// Whose time ended while a payment was under way: the provider is being asked.
    doubted: Vec<String>,
    /// Paid, the money not taken yet.
    uncaptured: Vec<String>,
    /// Money on its way back.
    refunding: Vec<String>,
    /// Money that the provider does not give back.
    refused: Vec<String>,
    /// What the last comparison with the provider's books found, since this process began.
    #[schema(value_type = Option<Object>)]
    comparison: Option<Value>,
    /// One is under way.
    comparing: bool,
}

/// Payments that fit no order, orders whose payment nobody knows the end of, and what the last comparison found.
#[utoipa::path(get, path = "/api/v1/organiser/differences", tag = "organiser", operation_id = "differences", security(("organiser" = [])),
    responses((status = 200, description = "Nothing in it: all is well", body = Differences)))]
pub(super) async fn list(State(site): State<Site>) -> Response {
    let (comparison, comparing) = site.0.auditor.last();
    let found = site.0.writer.look(|sale| {
        let ids = |orders: &mut dyn Iterator<Item = &Order>| orders.map(|order| order.id.to_string()).collect();
        let refused =
            |refused: bool| move |order: &&Order| order.refund.is_some_and(|refund| refund.refused == refused);
        Differences {
            odd: sale
                .odd()
                .iter()
                .filter_map(|odd| serde_json::to_value(odd).ok())
                .collect(),
            unwanted: sale
                .unwanted()
                .filter_map(|one| serde_json::to_value(one).ok())
                .collect(),
            doubted: ids(&mut sale.doubted()),
            uncaptured: ids(&mut sale.uncaptured()),
            refunding: ids(&mut sale.refunding().filter(refused(false))),
            refused: ids(&mut sale.refunding().filter(refused(true))),
            comparison: comparison.and_then(|report| serde_json::to_value(report).ok()),
            comparing,
        }
    });
    Json(found).into_response()
}

/// How far back is looked.
#[derive(Deserialize, ToSchema)]
#[schema(as = ComparisonAsked)]
#[serde(deny_unknown_fields)]
struct Asked {
    #[serde(default = "usual_days")]
    #[schema(minimum = 1, maximum = 90)]
    days: u64,
}

fn usual_days() -> u64 {
    USUAL_DAYS
}

#[derive(Serialize, ToSchema)]
struct Comparing {
    comparing: bool,
}

/// Begins a comparison of the orders with the provider's books, where none is under way.
#[utoipa::path(post, path = "/api/v1/organiser/reconciliations", tag = "organiser", request_body = Asked, security(("organiser" = [])),
    responses((status = 202, description = "Begun: look at the differences", body = Comparing)))]
pub(super) async fn compare(State(site): State<Site>, headers: HeaderMap, body: Bytes) -> Response {
    let asked: Asked = match asked::body(&headers, &body, &["days"]) {
        Ok(asked) => asked,
        Err(problem) => return refuse(&site, &headers, problem),
    };
    if !(1..=MAX_DAYS).contains(&asked.days) {
        return refuse(&site, &headers, bad(format!("days is 1-{MAX_DAYS}")));
    }
    site.0.auditor.begin(asked.days);
    (StatusCode::ACCEPTED, Json(Comparing { comparing: true })).into_response()
}
