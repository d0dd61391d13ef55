//! The part of the admin listener that is kept for health checks: few connections, each for one short answer. The oldest
//! makes room for the next, so that clients who hold theirs keep nobody out.

use std::collections::VecDeque;

use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::task::AbortHandle;

use super::problem::Problem;

const HEALTH: [&str; 2] = ["/healthz", "/readyz"];

/// The connections of the reserve, the oldest first.
pub struct Reserve {
    open: VecDeque<AbortHandle>,
    max: usize,
}

impl Reserve {
    pub fn new(max: usize) -> Reserve {
        Reserve {
            open: VecDeque::new(),
            max,
        }
    }

    /// One more; ends the oldest that is still open where there would be too many.
    pub fn keep(&mut self, connection: AbortHandle) {
        self.open.retain(|connection| !connection.is_finished());
        while self.open.len() >= self.max.max(1) {
            if let Some(oldest) = self.open.pop_front() {
                oldest.abort();
            }
        }
        self.open.push_back(connection);
    }
}

/// Nothing but health is answered here.
pub async fn health_only(request: Request, next: Next) -> Response {
    if HEALTH.contains(&request.uri().path()) {
        return next.run(request).await;
    }
    let detail = "the admin listener has all the connections it bears; health alone is answered beyond them";
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "too-many-connections",
        "Too many connections",
        detail,
    )
    .into_response()
}
