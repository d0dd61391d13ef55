//! Requests to Stripe: a form there, a bounded JSON document back, within a deadline, tried again where that is harmless.
//! Refuses to know what the documents mean.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderValue, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::Value;
use url::Url;
use url::form_urlencoded::Serializer;

use super::settings::StripeSecret;

/// The version of the API whose documents are read here.
const VERSION: &str = "2024-06-20";
/// Most bytes of an answer: a hundred payments with all that belongs to them.
const MAX_ANSWER: usize = 4 * 1024 * 1024;
const CONNECT: Duration = Duration::from_secs(2);
/// One try; whoever asks has a deadline of their own for all of them.
const ONE_TRY: Duration = Duration::from_secs(5);
/// Before the second and the third try.
const PAUSES: [Duration; 2] = [Duration::from_millis(250), Duration::from_millis(900)];

pub(super) struct Http {
    client: Client,
    api: Url,
    key: HeaderValue,
}

pub(super) enum Answer {
    Document(Value),
    /// Stripe says no: the status, and the error's `type` and `code`.
    Refused(u16, String),
    /// The first try with this key failed at Stripe, and each further one with it will say the same.
    Spoilt,
    /// Nobody knows what happened.
    Unknown,
}

impl Http {
    pub(super) fn new(api: Url, key: &StripeSecret) -> anyhow::Result<Http> {
        let mut key = HeaderValue::from_str(&format!("Bearer {}", key.reveal()))?;
        key.set_sensitive(true);
        let client = Client::builder()
            .redirect(Policy::none())
            .connect_timeout(CONNECT)
            .timeout(ONE_TRY)
            .user_agent(concat!("stanchion-booking/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Http { client, api, key })
    }

    pub(super) async fn get(&self, path: &[&str], query: &[(&str, &str)]) -> Answer {
        let Some(mut url) = self.url(path) else {
            return Answer::Unknown;
        };
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.send(|| self.request(Method::GET, &url)).await
    }

    /// With the same key it is done once, however often it is sent. Without one it must be harmless to do it again.
    pub(super) async fn post(&self, path: &[&str], form: &[(&str, &str)], key: Option<&str>) -> Answer {
        let Some(url) = self.url(path) else {
            return Answer::Unknown;
        };
        let body = Serializer::new(String::new()).extend_pairs(form).finish();
        self.send(|| {
            let request = self.request(Method::POST, &url);
            let request = match key {
                Some(key) => request.header("idempotency-key", key),
                None => request,
            };
            request
                .header("content-type", "application/x-www-form-urlencoded")
                .body(body.clone())
        })
        .await
    }

    fn url(&self, path: &[&str]) -> Option<Url> {
        let mut url = self.api.clone();
        url.path_segments_mut().ok()?.pop_if_empty().push("v1").extend(path);
        Some(url)
    }

    fn request(&self, method: Method, url: &Url) -> RequestBuilder {
        let request = self.client.request(method, url.clone());
        request
            .header(AUTHORIZATION, self.key.clone())
            .header("stripe-version", VERSION)
    }

    async fn send(&self, request: impl Fn() -> RequestBuilder) -> Answer {
        for pause in PAUSES.map(Some).into_iter().chain([None]) {
            let (answer, at_least) = match request().send().await {
                Ok(response) => judge(response).await,
                Err(error) => {
                    tracing::warn!(error = %error.without_url(), "Stripe did not answer");
                    (Answer::Unknown, None)
                }
            };
            match (answer, pause) {
                (Answer::Unknown, Some(pause)) => tokio::time::sleep(pause.max(at_least.unwrap_or_default())).await,
                (answer, _) => return answer,
            }
        }
        Answer::Unknown
    }
}

/// What it says, and how long it wants to be left alone.
async fn judge(response: Response) -> (Answer, Option<Duration>) {
    let (status, headers) = (response.status(), response.headers().clone());
    let replayed = headers.get("idempotent-replayed").is_some_and(|value| value == "true");
    let after: Option<u64> = headers
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    let after = after.map(|seconds| Duration::from_secs(seconds.min(5)));
    let document = body(response).await;
    let answer = match (status, document) {
        (status, Some(document)) if status.is_success() => Answer::Document(document),
        // Too many at one time, or the first with this key is still under way.
        (StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS, _) => Answer::Unknown,
        (status, document) if status.is_client_error() => {
            let word = |name: &str| {
                let text = document.as_ref()?.pointer(&format!("/error/{name}"))?.as_str()?;
                Some(text.chars().take(60).collect::<String>())
            };
            let why = [word("type"), word("code")].into_iter().flatten().collect::<Vec<_>>();
            let why = why.join(" ");
            match status {
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                    tracing::error!(status = status.as_u16(), why, "Stripe does not accept the key");
                }
                _ => tracing::info!(status = status.as_u16(), why, "Stripe refused"),
            }
            Answer::Refused(status.as_u16(), why)
        }
        _ if replayed => Answer::Spoilt,
        (status, _) => {
            tracing::warn!(status = status.as_u16(), "Stripe did not do it, or did not say");
            Answer::Unknown
        }
    };
    (answer, after)
}

/// `None`: too long, cut short, or no JSON.
async fn body(mut response: Response) -> Option<Value> {
    let mut text = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        if text.len() + chunk.len() > MAX_ANSWER {
            return None;
        }
        text.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&text).ok()
}
