//! The door: no request goes on without one good pass. Decided before any body is read.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Site;
use super::problem::{Problem, refuse};
use crate::pass::{Denied, Visitor};

pub(super) const PASS: &str = "stanchion-pass";

pub(super) async fn guard(State(site): State<Site>, mut request: Request, next: Next) -> Response {
    match admitted(&site, request.headers()).await {
        Err(denied) => turned_away(&site, request.headers(), denied),
        Ok(_) if sent_from_elsewhere(&request) => {
            let problem = Problem::new(StatusCode::FORBIDDEN, "cross-site", "That came from another site.");
            refuse(&site, request.headers(), problem)
        }
        Ok(visitor) => {
            request.extensions_mut().insert(visitor);
            let mut response = next.run(request).await;
            let headers = response.headers_mut();
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store, private"));
            headers.insert(
                header::VARY,
                HeaderValue::from_static("Accept, Accept-Language, Cookie, Stanchion-Pass"),
            );
            response
        }
    }
}

async fn admitted(site: &Site, headers: &HeaderMap) -> Result<Visitor, Denied> {
    let mut passes = headers.get_all(PASS).iter();
    let pass = passes.next().ok_or(Denied::Missing)?;
    if passes.next().is_some() {
        return Err(Denied::Several);
    }
    let pass = pass.to_str().map_err(|_| Denied::Malformed)?;
    site.0.guard.check(pass, (site.0.clock)() / 1000).await
}

/// A browser says so itself, of a neighbouring host of the domain too; other clients say nothing and hold the pass
/// themselves.
fn sent_from_elsewhere(request: &Request) -> bool {
    let says = request
        .headers()
        .get("sec-fetch-site")
        .is_some_and(|site| site == "cross-site" || site == "same-site");
    says && request.method() != Method::GET && request.method() != Method::HEAD
}

/// What is wrong with a pass is told to the log; the visitor is told where to go.
fn turned_away(site: &Site, headers: &HeaderMap, denied: Denied) -> Response {
    if denied == Denied::NoKeys {
        let text = "Passes cannot be checked at the moment. Please try again in a few seconds.";
        let mut response = refuse(
            site,
            headers,
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "keys-away", text),
        );
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from_static("10"));
        return response;
    }
    if denied != Denied::Missing {
        tracing::info!(reason = %denied, "a pass was refused");
    }
    let text = "This page is behind a waiting room. Please come in by the front door.";
    let problem = Problem::new(StatusCode::UNAUTHORIZED, "pass-required", text).at_front_door(&site.0.front_door);
    let mut response = refuse(site, headers, problem);
    let challenge = format!("Stanchion-Pass room=\"{}\"", site.0.guard.audience());
    if let Ok(challenge) = HeaderValue::from_str(&challenge) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    response.into_response()
}
