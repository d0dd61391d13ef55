//! `/metrics`: the edge's counters, and every room's figures as they are at the moment of asking.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::problem::Problem;
use super::state::Admin;
use crate::metrics::RoomGauges;

/// Metrics for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "health", responses(
    (status = 200, description = "Prometheus text", content_type = "text/plain", body = String),
    (status = 401, description = "No valid token, where metrics.require_token is on", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "Too many wrong tokens from this network", body = Problem, content_type = "application/problem+json"),
))]
pub async fn metrics(State(admin): State<Arc<Admin>>) -> Response {
    let rooms = admin.observe();
    let gauges = rooms.iter().filter_map(|room| {
        let line = room.line.as_ref()?;
        Some(RoomGauges {
            room: room.policy.name.as_str(),
            snapshot: &line.snapshot,
            age: line.age,
        })
    });
    let health = admin.rooms.health();
    admin.metrics.set_rooms(gauges);
    admin
        .metrics
        .set_store(health.store_reachable, health.clock_uncertainty);
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        admin.metrics.text(),
    )
        .into_response()
}
