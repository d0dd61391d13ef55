//! Which path is whose, and what every answer carries.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tower_http::timeout::TimeoutLayer;

use super::problem::Problem;
use super::site::Site;
use super::state::Admin;
use super::{auth, health, openapi, pages, rooms, scrape, site};

/// No handler takes longer, the store included.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Scripts and styles of our own alone; no frame, no form, no other address.
const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
                   base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const ALWAYS: [(HeaderName, &str); 6] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CONTENT_SECURITY_POLICY, CSP),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// `bound`: where the listener is.
pub fn router(admin: Arc<Admin>, bound: SocketAddr) -> Router {
    let site = Site {
        admin: Arc::clone(&admin),
        bound,
    };
    let open = Router::new()
        .route("/healthz", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/", get(pages::index))
        .route("/rooms/{room}", get(pages::room))
        .route("/assets/admin.js", get(pages::script))
        .route("/assets/admin.css", get(pages::style))
        .route("/assets/icon.svg", get(pages::icon));
    let metrics = Router::new().route("/metrics", get(scrape::metrics));
    let guarded = Router::new()
        .route("/api/v1/rooms", get(rooms::list))
        .route("/api/v1/rooms/{room}", get(rooms::show).patch(rooms::change))
        .route("/api/v1/openapi.json", get(openapi::describe));
    let (open, guarded) = if admin.metrics_need_token {
        (open, guarded.merge(metrics))
    } else {
        (open.merge(metrics), guarded)
    };
    let guarded = guarded
        .fallback(|| async { Problem::not_found() })
        .method_not_allowed_fallback(|| async { method_not_allowed() })
        .layer(middleware::from_fn_with_state(Arc::clone(&admin), auth::require_token));
    open.method_not_allowed_fallback(|| async { method_not_allowed() })
        .merge(guarded)
        .layer(DefaultBodyLimit::max(rooms::MAX_BODY))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, TIMEOUT))
        .layer(middleware::from_fn(site::require_own_pages))
        .layer(middleware::from_fn_with_state(site, site::require_own_name))
        .layer(middleware::from_fn_with_state(Arc::clone(&admin), auth::require_peer))
        .layer(middleware::from_fn(add_headers))
        .with_state(admin)
}

async fn add_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

fn method_not_allowed() -> Response {
    let detail = "this path takes other methods: see Allow";
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method-not-allowed",
        "Not with this method",
        detail,
    )
    .into_response()
}
