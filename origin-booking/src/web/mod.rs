//! HTTP in front of the sale: who may come in, which page or document, what is said when it cannot be.

mod asked;
mod bookings;
mod entry;
mod events;
mod pages;
mod problem;
mod random;
mod refusals;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use tower_http::timeout::TimeoutLayer;

use crate::clock::Clock;
use crate::pass::Guard;
use crate::writer::Writer;

/// Most bytes of a request's body.
const MAX_BODY: usize = 16 * 1024;
const TIMEOUT: Duration = Duration::from_secs(10);

/// What every handler needs. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Site(Arc<Parts>);

struct Parts {
    guard: Guard,
    writer: Writer,
    front_door: String,
    clock: Clock,
    pages: pages::Pages,
}

impl Site {
    pub(crate) fn new(guard: Guard, writer: Writer, front_door: String, clock: Clock) -> anyhow::Result<Site> {
        let pages = pages::Pages::new()?;
        Ok(Site(Arc::new(Parts {
            guard,
            writer,
            front_door,
            clock,
            pages,
        })))
    }
}

pub(crate) fn router(site: Site) -> Router {
    let behind_a_pass = Router::new()
        .route("/", get(pages::front))
        .route("/events/{id}", get(pages::event))
        .route("/api/v1/events", get(events::list))
        .route("/api/v1/events/{id}", get(events::one))
        .route("/api/v1/events/{id}/seats", get(events::seats))
        .route("/bookings", post(bookings::book))
        .route("/leave", post(bookings::leave))
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .layer(axum::middleware::from_fn_with_state(site.clone(), entry::guard));
    Router::new()
        .route("/healthz", get(healthz))
        .route("/healthz/active", get(active))
        .merge(behind_a_pass)
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, TIMEOUT))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(site)
}

async fn healthz() -> &'static str {
    "ok\n"
}

/// 200 from the one process that takes bookings, 503 from those that stand by: what an edge asks before it sends writes.
async fn active(State(site): State<Site>) -> (StatusCode, &'static str) {
    match site.0.writer.is_leading() {
        true => (StatusCode::OK, "active\n"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "standby\n"),
    }
}
