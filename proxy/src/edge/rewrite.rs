//! What changes in a message on its way through: a request is made fit for the origin, and the origin's answer is relieved
//! of what is meant for us alone. Pure; knows no connection.

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use pingora::http::{RequestHeader, ResponseHeader};

use super::fields;
use super::gate::OriginCommand;
use super::proxy::Plan;

/// Makes a request fit for the origin: what the client may not say goes, what only we may say is set last.
pub fn to_origin(upstream: &mut RequestHeader, plan: &Plan, bodyless: bool) -> pingora::Result<()> {
    for name in names(&upstream.headers, fields::stops_here) {
        upstream.remove_header(&name);
    }
    if fields::cookies_need_care(&upstream.headers, &plan.forward.strip_cookies) {
        match fields::join_cookies(&upstream.headers, &plan.forward.strip_cookies) {
            Some(joined) => upstream.insert_header(header::COOKIE, joined)?,
            None => drop(upstream.remove_header(&header::COOKIE)),
        }
    }
    if bodyless && matches!(upstream.method, Method::POST | Method::PUT | Method::PATCH) {
        upstream.insert_header(header::CONTENT_LENGTH, HeaderValue::from_static("0"))?;
    }
    upstream.insert_header("X-Forwarded-For", plan.client.to_string())?;
    upstream.insert_header(
        "X-Forwarded-Proto",
        HeaderValue::from_static(if plan.tls { "https" } else { "http" }),
    )?;
    if let Some(host) = upstream.headers.get(header::HOST).cloned() {
        upstream.insert_header("X-Forwarded-Host", host)?;
    }
    if let Some(host) = &plan.group.settings.host_header {
        upstream.insert_header(header::HOST, host.as_str())?;
    }
    upstream.insert_header("X-Request-Id", plan.request_id.as_str())?;
    if let Some(pass) = &plan.forward.pass {
        upstream.insert_header("Stanchion-Pass", pass.as_str())?;
    }
    Ok(())
}

/// The names in a map that match; empty, and without allocation, in the usual case.
pub fn names(headers: &HeaderMap, matches: fn(&HeaderName) -> bool) -> Vec<HeaderName> {
    headers.keys().filter(|name| matches(name)).cloned().collect()
}

/// Fields of an origin's answer that visitors never see.
pub fn is_for_us_alone(name: &HeaderName) -> bool {
    let name = name.as_str();
    name.starts_with("stanchion-") || matches!(name, "keep-alive" | "proxy-connection")
}

pub fn take_command(headers: &HeaderMap) -> Option<OriginCommand> {
    static COMMAND: HeaderName = HeaderName::from_static("stanchion-command");
    let value = headers.get(&COMMAND)?.as_bytes().trim_ascii();
    match value {
        b"release" => Some(OriginCommand::Release),
        b"revoke" => Some(OriginCommand::Revoke),
        other => {
            tracing::warn!(command = %other.escape_ascii(), "an origin gave a command that does not exist");
            None
        }
    }
}

/// The head is all there is. (Answers to HEAD need not count: such a request has no body to wait for.)
pub fn has_no_body(response: &ResponseHeader) -> bool {
    let zero = |length: &HeaderValue| length.as_bytes() == b"0";
    matches!(response.status.as_u16(), 204 | 304) || response.headers.get(header::CONTENT_LENGTH).is_some_and(zero)
}

/// An answer that carries somebody's pass must not be kept by a cache before us, whatever the origin says of it.
pub fn keep_private(response: &mut ResponseHeader) -> pingora::Result<()> {
    for name in [
        "expires",
        "cdn-cache-control",
        "surrogate-control",
        "cloudflare-cdn-cache-control",
    ] {
        response.remove_header(name);
    }
    response.insert_header(header::CACHE_CONTROL, HeaderValue::from_static("no-store, private"))
}
