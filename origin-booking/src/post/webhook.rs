//! Signed webhooks by the Standard Webhooks specification (<https://www.standardwebhooks.com>): a POST with the message's
//! id, the moment of the attempt, and a signature by each secret. Redirects are not followed; an answer's body is not read.

use std::time::Duration;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode};
use serde_json::json;
use sha2::Sha256;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Carrier, Endpoint, Letter, Secret};
use crate::shop::outbox::Outcome;

pub(super) struct Webhook {
    endpoint: Endpoint,
    client: Client,
}

impl Webhook {
    pub(super) fn new(endpoint: Endpoint) -> anyhow::Result<Webhook> {
        let client = Client::builder()
            .redirect(Policy::none())
            .timeout(Duration::from_millis(endpoint.timeout_ms))
            .user_agent(concat!("stanchion-booking/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Webhook { endpoint, client })
    }
}

#[async_trait]
impl Carrier for Webhook {
    async fn carry(&self, letter: &Letter, now_ms: u64) -> Outcome {
        let (body, now_s) = (body(letter), now_ms / 1_000);
        let request = self
            .client
            .post(self.endpoint.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", letter.id.as_str())
            .header("webhook-timestamp", now_s)
            .header(
                "webhook-signature",
                signatures(&self.endpoint.secrets, letter.id.as_str(), now_s, &body),
            )
            .body(body);
        match request.send().await {
            Ok(response) => judge(&response),
            Err(error) if error.is_timeout() => failed(format!("no answer within {} ms", self.endpoint.timeout_ms)),
            Err(error) => failed(cause(&error.without_url())),
        }
    }
}

/// The innermost reason: the outer ones say only that sending failed.
fn cause(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(next) = inner.source() {
        inner = next;
    }
    inner.to_string()
}

fn failed(why: String) -> Outcome {
    Outcome::Failed { why, pause_ms: 0 }
}

fn judge(response: &Response) -> Outcome {
    let status = response.status();
    let why = format!("it answered {}", status.as_u16());
    match status {
        _ if status.is_success() => Outcome::Delivered,
        // By the specification: it wants nothing any more.
        StatusCode::GONE => Outcome::Refused { why },
        _ if status.is_redirection() => failed(format!("{why}; redirects are not followed")),
        _ => {
            let after = response.headers().get(RETRY_AFTER);
            let after_s: Option<u64> = after.and_then(|value| value.to_str().ok()?.parse().ok());
            Outcome::Failed {
                why,
                pause_ms: after_s.unwrap_or(0).saturating_mul(1_000),
            }
        }
    }
}

/// The same at each attempt, for as long as this version runs.
fn body(letter: &Letter) -> String {
    let seconds = i64::try_from(letter.at_ms / 1_000).unwrap_or(0);
    let at = OffsetDateTime::from_unix_timestamp(seconds).ok();
    let data = json!({ "order": letter.order, "event": letter.event });
    json!({
        "type": letter.kind,
        "timestamp": at.and_then(|at| at.format(&Rfc3339).ok()),
        "data": data,
    })
    .to_string()
}

/// `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`, one for each secret.
fn signatures(secrets: &[Secret], id: &str, now_s: u64, body: &str) -> String {
    let sign = |secret: &Secret| {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.bytes()).ok()?;
        mac.update(format!("{id}.{now_s}.{body}").as_bytes());
        Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
    };
    secrets.iter().filter_map(sign).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's own libraries.
    #[test]
    fn the_known_signature() {
        let secret = Secret::from_text("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed = signatures(
            std::slice::from_ref(&secret),
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            "{\"test\": 2432232314}",
        );
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let other = Secret::from_text("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").unwrap();
        let both = signatures(
            &[other, secret],
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            "{\"test\": 2432232314}",
        );
        assert!(
            both.ends_with(&format!(" {signed}")) && both.split(' ').count() == 2,
            "{both}"
        );
    }
}
