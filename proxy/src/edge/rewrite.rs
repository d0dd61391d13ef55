//! What changes in a message on its way through: a request is made fit for the origin, and the origin's answer is relieved
//! of what is meant for us alone. Pure; knows no connection.

use bytes::{BufMut, Bytes, BytesMut};
use http::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, HOST, HeaderName, HeaderValue, TRANSFER_ENCODING,
    UPGRADE,
};
use http::request::Parts;
use http::{HeaderMap, Method};
use pingora::http::{RequestHeader, ResponseHeader};

use super::fields;
use super::gate::OriginCommand;
use super::guard::head::Head;
use super::proxy::Plan;
use super::request::Checked;

/// Fields that the proxy machinery has to see, to know where the body ends and whether another request may follow.
const SHOWN: [HeaderName; 5] = [HOST, CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, EXPECT];

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const STANCHION_PASS: HeaderName = HeaderName::from_static("stanchion-pass");

/// Makes a request's fields fit for the origin: what the client may not say goes, what only we may say is set last.
pub fn fit_for_origin(headers: &mut HeaderMap, method: &Method, bodyless: bool, plan: &Plan) {
    for name in names(headers, fields::stops_here) {
        headers.remove(name);
    }
    let strip = &plan.forward.strip_cookies;
    if fields::cookies_need_care(headers, strip) {
        match fields::join_cookies(headers, strip) {
            Some(joined) => drop(headers.insert(COOKIE, joined)),
            None => drop(headers.remove(COOKIE)),
        }
    }
    if bodyless && matches!(*method, Method::POST | Method::PUT | Method::PATCH) {
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    if plan.upgrade {
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    }
    if let Some(host) = headers.get(HOST).cloned() {
        headers.insert(X_FORWARDED_HOST, host);
    }
    if let Some(host) = &plan.group.settings.host_header {
        headers.insert(HOST, host.clone());
    }
    let scheme = if plan.tls { "https" } else { "http" };
    headers.insert(X_FORWARDED_FOR, plan.client_text.clone());
    headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static(scheme));
    headers.insert(X_REQUEST_ID, plan.request_id.clone());
    if let Some(pass) = &plan.forward.pass {
        headers.insert(STANCHION_PASS, pass.clone());
    }
}

/// What the proxy machinery is to see of an HTTP/1 head. The other fields wait in the plan.
pub fn outline(head: &Head, checked: &Checked<'_>, upgrade: bool) -> Bytes {
    let mut out = BytesMut::with_capacity(256 + head.target.len());
    out.put_slice(head.method.as_str().as_bytes());
    out.put_slice(b" ");
    out.put_slice(checked.path.as_bytes());
    if let Some(query) = checked.query {
        out.put_slice(b"?");
        out.put_slice(query.as_bytes());
    }
    out.put_slice(if head.old { b" HTTP/1.0\r\n" } else { b" HTTP/1.1\r\n" });
    for name in SHOWN.iter().chain(upgrade.then_some(&UPGRADE)) {
        for value in head.headers.get_all(name) {
            out.put_slice(name.as_str().as_bytes());
            out.put_slice(b": ");
            out.put_slice(value.as_bytes());
            out.put_slice(b"\r\n");
        }
    }
    out.put_slice(b"\r\n");
    out.freeze()
}

/// Changes all fields of a request at once.
pub fn with_fields(request: &mut RequestHeader, change: impl FnOnce(&mut Parts)) {
    let nothing = RequestHeader::from(http::Request::new(()).into_parts().0);
    let mut parts = Parts::from(std::mem::replace(request, nothing));
    change(&mut parts);
    *request = parts.into();
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
    matches!(response.status.as_u16(), 204 | 304) || response.headers.get(CONTENT_LENGTH).is_some_and(zero)
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
    response.insert_header(CACHE_CONTROL, HeaderValue::from_static("no-store, private"))
}
