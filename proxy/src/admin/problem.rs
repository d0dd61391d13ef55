//! Refusals as RFC 9457 documents: `application/problem+json`. One type per kind of refusal, a detail for a person,
//! and for bodies every fault at once.

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// The refusal of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct Problem {
    /// Names the kind of refusal; stable.
    #[serde(rename = "type")]
    #[schema(examples("urn:stanchion:problem:stale-etag"))]
    kind: String,
    title: String,
    #[schema(value_type = u16, examples(412))]
    #[serde(serialize_with = "as_number")]
    pub(super) status: StatusCode,
    /// What to do about it.
    detail: String,
    /// Every fault of the body, where it is the body that was refused.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<Fault>,
    #[serde(skip)]
    retry_after: Option<Duration>,
    #[serde(skip)]
    challenge: bool,
}

/// One fault of a body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Fault {
    /// A JSON pointer.
    #[schema(examples("/rate"))]
    pub at: String,
    pub problem: String,
}

impl Fault {
    pub fn new(at: impl Into<String>, problem: impl Into<String>) -> Fault {
        Fault {
            at: at.into(),
            problem: problem.into(),
        }
    }
}

impl Problem {
    pub fn new(status: StatusCode, kind: &str, title: &str, detail: impl Into<String>) -> Problem {
        Problem {
            kind: format!("urn:stanchion:problem:{kind}"),
            title: title.to_owned(),
            status,
            detail: detail.into(),
            problems: Vec::new(),
            retry_after: None,
            challenge: false,
        }
    }

    #[must_use]
    pub fn with_faults(mut self, faults: Vec<Fault>) -> Problem {
        self.problems = faults;
        self
    }

    #[must_use]
    pub fn retry_after(mut self, delay: Duration) -> Problem {
        self.retry_after = Some(delay);
        self
    }

    /// 401: says how to prove who one is.
    pub fn unauthorized() -> Problem {
        let detail = "send the admin token in the header `Authorization: Bearer …`; nowhere else is it read";
        let mut problem = Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", "No valid token", detail);
        problem.challenge = true;
        problem
    }

    pub fn no_such_room() -> Problem {
        Problem::new(
            StatusCode::NOT_FOUND,
            "no-such-room",
            "No such room",
            "no room of that name is configured",
        )
    }

    pub fn not_found() -> Problem {
        Problem::new(
            StatusCode::NOT_FOUND,
            "not-found",
            "Nothing here",
            "see /api/v1/openapi.json for what there is",
        )
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(delay) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(whole_seconds(delay)));
        }
        if self.challenge {
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"stanchion\""),
            );
        }
        response
    }
}

/// Rounded up: nobody is told to come back too early. At least one.
fn whole_seconds(delay: Duration) -> u64 {
    (delay.as_secs() + u64::from(delay.subsec_nanos() > 0)).max(1)
}

fn as_number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_the_rfc_asks_for() {
        let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "x", "Title", "detail")
            .retry_after(Duration::from_millis(1_200));
        let value = serde_json::to_value(&problem).unwrap();
        assert_eq!(
            value,
            serde_json::json!({"type": "urn:stanchion:problem:x", "title": "Title", "status": 429, "detail": "detail"})
        );
        let response = problem.into_response();
        assert_eq!(response.headers()[header::RETRY_AFTER], "2");
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
        assert!(
            Problem::unauthorized()
                .into_response()
                .headers()
                .contains_key(header::WWW_AUTHENTICATE)
        );
    }
}
