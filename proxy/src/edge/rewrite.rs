//! What changes in a message on its way through: a request is made fit for the origin, and the origin's answer is relieved
//! of what is meant for us alone. Pure; knows no connection.

use bytes::{BufMut, Bytes, BytesMut};
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, COOKIE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use pingora::http::{RequestHeader, ResponseHeader};

use super::fields;
use super::gate::OriginCommand;
use super::guard::head::{Framing, Head};
use super::proxy::Plan;
use super::request::Checked;

/// More than our own fields and their names take, without the pass.
const ROOM_FOR_OURS: usize = 512;

/// The head of an HTTP/1 request, fit for the origin: what the client may not say is left out, what only we may say
/// comes last. This, and not what came, is what the proxy machinery reads.
pub fn head_for_origin(head: &Head, checked: &Checked<'_>, plan: &Plan) -> Bytes {
    let strip = &plan.forward.strip_cookies;
    let cookies_need_care = fields::cookies_need_care(&head.headers, strip);
    let pass_bytes = plan.forward.pass.as_ref().map_or(0, HeaderValue::len);
    let mut out = BytesMut::with_capacity(head.bytes.len() + ROOM_FOR_OURS + pass_bytes);
    put_request_line(&mut out, head, checked);
    for (name, value) in head.fields() {
        let is = |other: &str| name.eq_ignore_ascii_case(other.as_bytes());
        let upgrades = || is("upgrade") || is("http2-settings");
        if fields::stops_here(name) || (cookies_need_care && is("cookie")) || (!plan.upgrade && upgrades()) {
            continue;
        }
        match &plan.group.settings.host_header {
            Some(host) if is("host") => put_field(&mut out, name, host.as_bytes()),
            _ => put_field(&mut out, name, value),
        }
    }
    if cookies_need_care && let Some(joined) = fields::join_cookies(&head.headers, strip) {
        put_field(&mut out, b"Cookie", joined.as_bytes());
    }
    if head.framing == Framing::Empty && wants_length(&head.method) && !head.headers.contains_key(CONTENT_LENGTH) {
        put_field(&mut out, b"Content-Length", b"0");
    }
    for (name, value) in ours(plan, head.headers.get(HOST)) {
        put_field(&mut out, name.as_bytes(), value);
    }
    out.put_slice(b"\r\n");
    out.freeze()
}

fn put_request_line(out: &mut BytesMut, head: &Head, checked: &Checked<'_>) {
    out.put_slice(head.method.as_str().as_bytes());
    out.put_slice(b" ");
    out.put_slice(checked.path.as_bytes());
    if let Some(query) = checked.query {
        out.put_slice(b"?");
        out.put_slice(query.as_bytes());
    }
    out.put_slice(if head.old { b" HTTP/1.0\r\n" } else { b" HTTP/1.1\r\n" });
}

fn put_field(out: &mut BytesMut, name: &[u8], value: &[u8]) {
    out.put_slice(name);
    out.put_slice(b": ");
    out.put_slice(value);
    out.put_slice(b"\r\n");
}

/// The same for an HTTP/2 request, which Pingora has already read.
pub fn to_origin(upstream: &mut RequestHeader, plan: &Plan, bodyless: bool) -> pingora::Result<()> {
    for name in names(&upstream.headers, |name| fields::stops_here(name.as_str().as_bytes())) {
        upstream.remove_header(&name);
    }
    if fields::cookies_need_care(&upstream.headers, &plan.forward.strip_cookies) {
        match fields::join_cookies(&upstream.headers, &plan.forward.strip_cookies) {
            Some(joined) => upstream.insert_header(COOKIE, joined)?,
            None => drop(upstream.remove_header(&COOKIE)),
        }
    }
    if bodyless && wants_length(&upstream.method) {
        upstream.insert_header(CONTENT_LENGTH, HeaderValue::from_static("0"))?;
    }
    let host = upstream.headers.get(HOST).cloned();
    if let Some(host) = &plan.group.settings.host_header {
        upstream.insert_header(HOST, host.as_str())?;
    }
    for (name, value) in ours(plan, host.as_ref()) {
        upstream.insert_header(name, value)?;
    }
    Ok(())
}

/// What only we may say to an origin. `host` is the client's word for it.
fn ours<'a>(plan: &'a Plan, host: Option<&'a HeaderValue>) -> impl Iterator<Item = (&'static str, &'a [u8])> {
    let always = [
        ("X-Forwarded-For", plan.client_text.as_bytes()),
        ("X-Forwarded-Proto", if plan.tls { b"https" } else { b"http" }),
        ("X-Request-Id", plan.request_id.as_bytes()),
    ];
    let host = host.map(|host| ("X-Forwarded-Host", host.as_bytes()));
    let pass = plan.forward.pass.as_ref();
    let pass = pass.map(|pass| ("Stanchion-Pass", pass.as_bytes()));
    always.into_iter().chain(host).chain(pass)
}

/// An origin expects a length with these, even of nothing.
fn wants_length(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::PATCH)
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
