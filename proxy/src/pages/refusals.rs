//! The page or problem document (RFC 9457) for a request that cannot be served. The page tells a visitor what they can
//! do; the reason is for the developer who reads the document.

use bytes::Bytes;
use http::StatusCode;
use serde::Serialize;

use super::PageAsk;
use super::accept::Form;
use super::headers::{self, Loads};
use super::html;
use crate::edge::gate::Answer;

#[derive(Serialize)]
struct Problem<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
}

/// `reason` is plain English and carries nothing secret. `retry_after` in seconds, where coming again may help.
#[must_use]
pub fn refusal(status: StatusCode, reason: &str, retry_after: Option<u64>, ask: &PageAsk<'_>) -> Answer {
    let (mut headers, body) = match ask.form() {
        Form::Html => {
            let language = ask.language();
            let mut headers = headers::common("text/html; charset=utf-8");
            headers::page(&mut headers, language.tag, ask.nonce, Loads::Nothing);
            (headers, html::refusal(status.as_u16(), group(status), ask, language))
        }
        Form::Json => (headers::common("application/problem+json"), problem(status, reason)),
    };
    if let Some(seconds) = retry_after {
        headers::retry_after(&mut headers, seconds);
    }
    Answer {
        status,
        headers,
        body: Bytes::from(body),
        close: false,
    }
}

fn problem(status: StatusCode, reason: &str) -> String {
    let problem = Problem {
        kind: "about:blank",
        title: status.canonical_reason().unwrap_or("Refused"),
        status: status.as_u16(),
        detail: reason,
    };
    serde_json::to_string(&problem).unwrap_or_default()
}

/// Under which of the translations' `refusal` texts a status falls.
fn group(status: StatusCode) -> &'static str {
    match status.as_u16() {
        404 | 410 => "missing",
        401 | 403 | 451 => "forbidden",
        429 => "slow-down",
        502 | 504 => "away",
        503 => "busy",
        400..=499 => "bad",
        _ => "error",
    }
}
