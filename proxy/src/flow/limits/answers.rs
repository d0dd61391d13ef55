//! What a client is told where a limit refuses: 429, or 503 where the limit cannot be counted, or 403 where a request lacks
//! what it is counted by. Decides nothing.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use stanchion_admission::limits::Finding;
use stanchion_admission::limits::global::By;
use stanchion_config::{Limit, Quota};

use super::super::speak;
use super::{Decision, Judged, Outcome, Said};
use crate::edge::gate::{Answer, Asked};

pub(super) fn decision<'a>(limit: &'a Limit, finding: &Finding, by: By) -> Decision<'a> {
    let said = match (finding.allowed, limit.shadow, by) {
        (true, _, By::Counts) => Said::Allowed,
        (true, _, By::Policy) => Said::AllowedAlone,
        (false, true, _) => Said::Shadow,
        (false, false, By::Counts) => Said::Refused,
        (false, false, By::Policy) => Said::RefusedAlone,
    };
    Decision {
        limit: &limit.name,
        said,
    }
}

pub(super) fn lacks_key<'a>(limit: &'a Limit, asked: &Asked<'_>) -> Judged<'a> {
    let reason = format!("The request lacks what the limit {} counts by.", limit.name);
    let refused = Decision {
        limit: &limit.name,
        said: Said::Refused,
    };
    Judged {
        decisions: vec![refused],
        outcome: Outcome::Refused(speak::refusal(Some(asked), StatusCode::FORBIDDEN, &reason)),
    }
}

/// 503: the limit cannot be counted, and is told to refuse then. It is nobody's fault who asks.
pub(super) fn closed(limit: &Limit, asked: &Asked<'_>) -> Answer {
    let name = &limit.name;
    let reason = format!("The limit {name} cannot be counted now. Try again in 5 s.");
    let mut answer = speak::refusal(Some(asked), StatusCode::SERVICE_UNAVAILABLE, &reason);
    set(&mut answer.headers, header::RETRY_AFTER, "5");
    answer
}

/// 429, with the limit and the wait in the fields of draft-ietf-httpapi-ratelimit-headers.
pub(super) fn refusal(limit: &Limit, finding: &Finding, asked: &Asked<'_>) -> Answer {
    let seconds = |us: u64| us.div_ceil(1_000_000).max(1);
    let wait = finding.retry_us.map_or(1, seconds);
    let (name, quota) = (&limit.name, finding.limit);
    let (policy, what) = match limit.quota {
        Quota::PerWindow { window, .. } => {
            let window = seconds(u64::try_from(window.as_micros()).unwrap_or(u64::MAX));
            (format!("\"{name}\";q={quota};w={window}"), "so often")
        }
        Quota::Concurrent(_) => (
            format!("\"{name}\";q={quota};qu=\"concurrent-requests\""),
            "so many at a time",
        ),
    };
    let reason = format!("The limit {name} does not allow requests {what}. Try again in {wait} s.");
    let mut answer = speak::refusal(Some(asked), StatusCode::TOO_MANY_REQUESTS, &reason);
    let left = format!("\"{name}\";r={};t={}", finding.remaining, seconds(finding.reset_us));
    set(&mut answer.headers, header::RETRY_AFTER, &wait.to_string());
    set(
        &mut answer.headers,
        HeaderName::from_static("ratelimit-policy"),
        &policy,
    );
    set(&mut answer.headers, HeaderName::from_static("ratelimit"), &left);
    answer
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
