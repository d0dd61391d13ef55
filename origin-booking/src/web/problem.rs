//! Refusals: a page for people, RFC 9457 for machines.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use minijinja::context;
use serde::Serialize;
use utoipa::ToSchema;

use super::Site;
use super::refusals::with_retry;
use super::words::Said;

#[derive(Clone, Debug)]
pub(super) struct Problem {
    status: StatusCode,
    /// Ends the `type`; names the kind of problem for machines.
    kind: &'static str,
    /// A sentence for people.
    detail: String,
    more: Box<More>,
    /// Where the words for people are not those of `kind`.
    worded: Option<&'static str>,
    /// What is in the sentence, for those in other languages.
    values: Vec<(&'static str, String)>,
}

/// What few problems have.
#[derive(Clone, Default, Debug)]
struct More {
    front_door: Option<String>,
    /// Of a ticket that was used.
    first: Option<serde_json::Value>,
    /// Of seats that were asked for by name.
    taken: Vec<String>,
    /// Where a page leads back to, instead of to what is on.
    back: Option<String>,
}

/// As it goes out.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct ProblemShape {
    /// Names the kind of problem; stable.
    #[serde(rename = "type")]
    #[schema(pattern = "^urn:stanchion-booking:[a-z-]+$")]
    kind: String,
    title: &'static str,
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// A sentence for people, in their language.
    #[schema(min_length = 1)]
    detail: String,
    /// Where to come in.
    #[serde(skip_serializing_if = "Option::is_none")]
    front_door: Option<String>,
    /// When and where somebody came in with this ticket first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    first: Option<serde_json::Value>,
    /// The seats that are not free any more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    taken: Vec<String>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, kind: &'static str, detail: impl Into<String>) -> Problem {
        Problem {
            status,
            kind,
            detail: detail.into(),
            more: Box::default(),
            worded: None,
            values: Vec::new(),
        }
    }

    pub(super) fn after_the_first(mut self, first: serde_json::Value) -> Problem {
        self.more.first = Some(first);
        self
    }

    pub(super) fn naming(mut self, taken: Vec<String>) -> Problem {
        self.more.taken = taken;
        self
    }

    /// Says it in the words of that name.
    pub(super) fn worded(mut self, name: &'static str) -> Problem {
        self.worded = Some(name);
        self
    }

    pub(super) fn about(mut self, name: &'static str, value: impl ToString) -> Problem {
        self.values.push((name, value.to_string()));
        self
    }

    pub(super) fn back_to(mut self, address: String) -> Problem {
        self.more.back = Some(address);
        self
    }

    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    /// The sentence in the reader's language.
    pub(super) fn told(&self, said: &Said) -> String {
        let name = self.worded.unwrap_or(self.kind);
        said.refusal(name, &self.values).unwrap_or_else(|| self.detail.clone())
    }

    pub(super) fn at_front_door(mut self, address: &str) -> Problem {
        self.more.front_door = Some(address.to_owned());
        self
    }
}

/// By what the client prefers.
pub(super) fn refuse(site: &Site, headers: &HeaderMap, problem: Problem) -> Response {
    let status = problem.status;
    let title = status.canonical_reason().unwrap_or("Refused");
    let detail = problem.told(site.0.pages.said(headers));
    let mut response = if wants_page(headers) {
        let values = context! { title, detail, front_door => problem.more.front_door, back => problem.more.back };
        site.0.pages.page(headers, status, "refusal.html", values)
    } else {
        let body = ProblemShape {
            kind: format!("urn:stanchion-booking:{}", problem.kind),
            title,
            status: status.as_u16(),
            detail,
            front_door: problem.more.front_door,
            first: problem.more.first,
            taken: problem.more.taken,
        };
        let kind = [(header::CONTENT_TYPE, "application/problem+json")];
        (status, kind, Json(body)).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store, private"));
    headers.insert(
        header::VARY,
        HeaderValue::from_static("Accept, Accept-Language, Cookie, Stanchion-Pass"),
    );
    response
}

/// What axum and its layers refuse in their own words (a body too large, a path that is no text, a wrong method, no answer
/// in time) is refused in ours.
pub(super) async fn in_our_words(State(site): State<Site>, request: Request, next: Next) -> Response {
    let mut accept = HeaderMap::new();
    for value in request.headers().get_all(header::ACCEPT) {
        accept.append(header::ACCEPT, value.clone());
    }
    let response = next.run(request).await;
    let kind = response
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let ours = kind.is_some_and(|kind| kind.starts_with("application/problem+json") || kind.starts_with("text/html"));
    if ours || !(response.status().is_client_error() || response.status().is_server_error()) {
        return response;
    }
    let allow = response.headers().get(header::ALLOW).cloned();
    let mut translated = with_retry(refuse(&site, &accept, translated(response.status())));
    if let Some(allow) = allow {
        translated.headers_mut().insert(header::ALLOW, allow);
    }
    translated
}

fn translated(status: StatusCode) -> Problem {
    let (status, kind, text) = match status {
        StatusCode::PAYLOAD_TOO_LARGE => (status, "too-large", "This is too long: a request has at most 16 KiB."),
        StatusCode::METHOD_NOT_ALLOWED => (status, "method-not-allowed", "That cannot be done here."),
        StatusCode::SERVICE_UNAVAILABLE => (status, "not-known", NO_ANSWER),
        _ if status.is_client_error() => (StatusCode::BAD_REQUEST, "bad-request", "This request cannot be read."),
        _ => (
            status,
            "failed",
            "Something is wrong here; it was written down. Please try again later.",
        ),
    };
    Problem::new(status, kind, text)
}

/// What is said when the time is over.
const NO_ANSWER: &str = "This takes longer than a request should. Ask again with the same Idempotency-Key to find out.";

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
