//! What the payment provider tells by itself, at an address of its own. No pass: the signature says who it is. Its answer
//! is good only once what follows from it is on the disk; otherwise the provider tells it again.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::Site;
use super::problem::{Problem, refuse};
use super::refusals::{not_decided, with_retry};
use crate::payments::BadWebhook;

/// Most bytes of an event.
pub(super) const MAX_EVENT: usize = 256 * 1024;

/// Stripe tells of a payment. Signed by one of the secrets of its webhooks.
#[utoipa::path(post, path = "/api/v1/payments/stripe", tag = "payments", request_body = Object, security(()),
    extensions(("x-problems" = json!(["bad-signature", "bad-event", "not-found"]))),
    responses((status = 200, description = "Kept, or nothing of ours")))]
pub(super) async fn stripe(State(site): State<Site>, headers: HeaderMap, body: Bytes) -> Response {
    let signature = headers.get("stripe-signature").and_then(|value| value.to_str().ok());
    let now_s = (site.0.clock)() / 1_000;
    match site.0.till.webhook(signature.unwrap_or_default(), &body, now_s) {
        Ok(Some(event)) => match site.0.till.take_in(event).await {
            Ok(()) => StatusCode::OK.into_response(),
            Err(why) => with_retry(refuse(&site, &headers, not_decided(why))),
        },
        Ok(None) => {
            tracing::debug!("an event of the provider tells nothing of a payment of ours");
            StatusCode::OK.into_response()
        }
        Err(bad) => {
            let (status, kind, text) = explained(bad);
            refuse(&site, &headers, Problem::new(status, kind, text))
        }
    }
}

fn explained(bad: BadWebhook) -> (StatusCode, &'static str, &'static str) {
    match bad {
        BadWebhook::NotTaken => (StatusCode::NOT_FOUND, "not-found", "There is no such page."),
        BadWebhook::Signature(text) => (StatusCode::BAD_REQUEST, "bad-signature", text),
        BadWebhook::Body => (StatusCode::BAD_REQUEST, "bad-event", "The body is no event."),
    }
}
