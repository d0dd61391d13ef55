//! Refusals: a page for people, RFC 9457 for machines.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::Site;

#[derive(Clone, Debug)]
pub(super) struct Problem {
    status: StatusCode,
    /// Ends the `type`; names the kind of problem for machines.
    kind: &'static str,
    /// A sentence for people.
    detail: String,
    front_door: Option<String>,
    /// One more member, for machines.
    more: Option<(&'static str, serde_json::Value)>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, kind: &'static str, detail: impl Into<String>) -> Problem {
        Problem {
            status,
            kind,
            detail: detail.into(),
            front_door: None,
            more: None,
        }
    }

    pub(super) fn with(mut self, name: &'static str, value: serde_json::Value) -> Problem {
        self.more = Some((name, value));
        self
    }

    pub(super) fn at_front_door(mut self, address: &str) -> Problem {
        self.front_door = Some(address.to_owned());
        self
    }
}

/// By what the client prefers.
pub(super) fn refuse(site: &Site, headers: &HeaderMap, problem: Problem) -> Response {
    let status = problem.status;
    let title = status.canonical_reason().unwrap_or("Refused");
    let mut response = if wants_page(headers) {
        site.0
            .pages
            .refusal(status, title, &problem.detail, problem.front_door.as_deref())
    } else {
        let mut body = serde_json::json!({
            "type": format!("urn:stanchion-booking:{}", problem.kind),
            "title": title,
            "status": status.as_u16(),
            "detail": problem.detail,
        });
        if let Some(front_door) = problem.front_door {
            body["front_door"] = front_door.into();
        }
        if let Some((name, value)) = problem.more {
            body[name] = value;
        }
        let kind = [(header::CONTENT_TYPE, "application/problem+json")];
        (status, kind, Json(body)).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store, private"));
    headers.insert(header::VARY, HeaderValue::from_static("Accept, Stanchion-Pass"));
    response
}

/// A browser asks for `text/html` by name; whoever does not, gets JSON.
pub(super) fn wants_page(headers: &HeaderMap) -> bool {
    let lists_html = |value: &HeaderValue| value.to_str().is_ok_and(|text| text.contains("text/html"));
    headers.get_all(header::ACCEPT).iter().any(lists_html)
}

pub(super) async fn not_found(State(site): State<Site>, headers: HeaderMap) -> Response {
    refuse(
        &site,
        &headers,
        Problem::new(StatusCode::NOT_FOUND, "not-found", "There is no such page."),
    )
}

pub(super) async fn method_not_allowed(State(site): State<Site>, headers: HeaderMap) -> Response {
    let problem = Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method-not-allowed",
        "That cannot be done here.",
    );
    refuse(&site, &headers, problem)
}
