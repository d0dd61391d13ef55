//! Speaks the admin API: one request for a look, two for a change (read the version, then change that version). The
//! token is read from a file or the environment, and never leaves in the clear for another machine.

use std::path::Path;
use std::time::Duration;

use reqwest::{Method, Response, StatusCode, header};
use serde_json::Value;
use url::{Host, Url};

use crate::admin::token;

const DEFAULT_ADMIN: &str = "http://127.0.0.1:9090";
const URL_VARIABLE: &str = "STANCHION_ADMIN_URL";
const TOKEN_VARIABLE: &str = "STANCHION_ADMIN_TOKEN";
const TIMEOUT: Duration = Duration::from_secs(15);
/// Longest answer that is read: every room of a large edge.
const MAX_ANSWER: usize = 4 << 20;

/// Why it was not done, and the exit code that says so.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    pub code: u8,
    pub text: String,
}

impl Failure {
    fn refused(text: String) -> Failure {
        Failure { code: 1, text }
    }

    pub fn usage(text: impl Into<String>) -> Failure {
        Failure {
            code: 2,
            text: text.into(),
        }
    }

    fn away(text: String) -> Failure {
        Failure { code: 3, text }
    }

    fn token(text: String) -> Failure {
        Failure { code: 4, text }
    }
}

pub struct Client {
    http: reqwest::Client,
    base: Url,
    token: String,
}

impl Client {
    pub fn new(admin: Option<&str>, token_file: Option<&Path>) -> Result<Client, Failure> {
        let from_environment = std::env::var(URL_VARIABLE).ok();
        let base = address(admin.or(from_environment.as_deref()).unwrap_or(DEFAULT_ADMIN))?;
        let token = match token_file {
            Some(file) => token::read(file).map_err(Failure::usage)?,
            None => std::env::var(TOKEN_VARIABLE)
                .map_err(|_| Failure::usage(format!("no token: give --token-file FILE, or set {TOKEN_VARIABLE}")))?,
        };
        // Already there where another part of the process installed it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // A proxy from the environment must not see the token; a redirect must not carry it elsewhere.
        let http = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none());
        let http = http
            .build()
            .map_err(|error| Failure::usage(format!("no HTTP client: {error}")))?;
        Ok(Client { http, base, token })
    }

    pub async fn rooms(&self) -> Result<Value, Failure> {
        Ok(self.send(Method::GET, "/api/v1/rooms", None).await?.0)
    }

    pub async fn room(&self, room: &str) -> Result<Value, Failure> {
        Ok(self.send(Method::GET, &path(room), None).await?.0)
    }

    /// Changes the version that it reads first. Somebody faster is not overwritten.
    pub async fn change(&self, room: &str, change: &Value) -> Result<Value, Failure> {
        let (_, etag) = self.send(Method::GET, &path(room), None).await?;
        let etag = etag.ok_or_else(|| {
            Failure::away("the edge does not know the room's settings yet: its store has not answered".to_owned())
        })?;
        Ok(self.send(Method::PATCH, &path(room), Some((&etag, change))).await?.0)
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        change: Option<(&str, &Value)>,
    ) -> Result<(Value, Option<String>), Failure> {
        let mut url = self.base.clone();
        url.set_path(path);
        let mut request = self
            .http
            .request(method, url)
            .bearer_auth(&self.token)
            .header(header::ACCEPT, "application/json");
        if let Some((etag, body)) = change {
            request = request
                .header(header::IF_MATCH, etag)
                .header(header::CONTENT_TYPE, "application/merge-patch+json")
                .body(body.to_string());
        }
        let answer = request
            .send()
            .await
            .map_err(|error| Failure::away(unreachable(&self.base, error)))?;
        let status = answer.status();
        let etag = answer
            .headers()
            .get(header::ETAG)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        let body = read(answer).await?;
        match serde_json::from_slice::<Value>(&body) {
            Ok(value) if status == StatusCode::OK => Ok((value, etag)),
            Ok(problem) => Err(failure(status, &problem)),
            Err(_) => Err(Failure::away(format!(
                "{} is no admin API: it answered {status} without JSON",
                self.base
            ))),
        }
    }
}

async fn read(mut answer: Response) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(part) = answer
        .chunk()
        .await
        .map_err(|error| Failure::away(error.without_url().to_string()))?
    {
        body.extend_from_slice(&part);
        if body.len() > MAX_ANSWER {
            return Err(Failure::away("the answer is too long".to_owned()));
        }
    }
    Ok(body)
}

fn path(room: &str) -> String {
    format!(
        "/api/v1/rooms/{}",
        percent_encoding::utf8_percent_encode(room, percent_encoding::NON_ALPHANUMERIC)
    )
    .replace("%2D", "-")
}

/// Plain HTTP is for this machine alone.
fn address(text: &str) -> Result<Url, Failure> {
    let url = Url::parse(text).map_err(|error| Failure::usage(format!("{text}: {error}")))?;
    let here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    match url.scheme() {
        "https" => Ok(url),
        "http" if here => Ok(url),
        "http" => Err(Failure::usage(format!(
            "{text}: the token is not sent over plain HTTP to another machine; use https, or a tunnel to 127.0.0.1"
        ))),
        other => Err(Failure::usage(format!("{text}: not http or https but {other}"))),
    }
}

fn unreachable(base: &Url, error: reqwest::Error) -> String {
    let mut text = format!("{base} does not answer");
    let mut cause: Option<&dyn std::error::Error> = Some(&error);
    // The innermost cause is the one that helps: "connection refused".
    while let Some(source) = cause.and_then(std::error::Error::source) {
        cause = Some(source);
    }
    if let Some(cause) = cause {
        text.push_str(&format!(": {cause}"));
    }
    text
}

fn failure(status: StatusCode, problem: &Value) -> Failure {
    let word = |name: &str| problem.get(name).and_then(Value::as_str).unwrap_or_default();
    let mut text = format!(
        "{}: {}",
        if word("title").is_empty() {
            status.as_str()
        } else {
            word("title")
        },
        word("detail")
    );
    for fault in problem.get("problems").and_then(Value::as_array).into_iter().flatten() {
        let part = |name: &str| fault.get(name).and_then(Value::as_str).unwrap_or_default();
        text.push_str(&format!(
            "\n  {} {}",
            part("at").trim_start_matches('/'),
            part("problem")
        ));
    }
    let text = super::show::plain(&text);
    match status.as_u16() {
        401 | 403 | 429 => Failure::token(text),
        500.. => Failure::away(text),
        _ => Failure::refused(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// A2: the token goes in the clear to this machine alone.
    #[test]
    fn a2_plain_http_is_for_this_machine() {
        for good in [
            "http://127.0.0.1:9090",
            "http://localhost:9090",
            "http://[::1]:9090",
            "https://edge.example:9090",
            "http://127.8.9.1",
        ] {
            assert!(address(good).is_ok(), "{good}");
        }
        for bad in [
            "http://192.0.2.1:9090",
            "http://edge.example",
            "http://127.0.0.1.evil.example",
            "http://localhost.evil.example",
            "http://[2001:db8::1]:9090",
            "http://0.0.0.0:9090",
            "ftp://127.0.0.1",
            "127.0.0.1:9090",
            "",
        ] {
            assert_eq!(address(bad).map_err(|failure| failure.code), Err(2), "{bad}");
        }
    }

    #[test]
    fn room_names_stay_in_their_segment() {
        assert_eq!(path("early-bird"), "/api/v1/rooms/early-bird");
        assert_eq!(path("../../metrics"), "/api/v1/rooms/%2E%2E%2F%2E%2E%2Fmetrics");
    }

    #[test]
    fn failures_have_codes_and_name_every_fault() {
        let problem =
            json!({"title": "Not a change", "detail": "2 parts", "problems": [{"at": "/rate", "problem": "is bad"}]});
        let told = failure(StatusCode::UNPROCESSABLE_ENTITY, &problem);
        assert_eq!(
            told,
            Failure {
                code: 1,
                text: "Not a change: 2 parts\n  rate is bad".to_owned()
            }
        );
        for (status, code) in [(401, 4), (403, 4), (429, 4), (404, 1), (412, 1), (503, 3), (500, 3)] {
            assert_eq!(
                failure(StatusCode::from_u16(status).unwrap(), &json!({})).code,
                code,
                "{status}"
            );
        }
    }
}
