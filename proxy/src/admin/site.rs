//! Whose request is it? The admin plane answers under its own names only, and takes changes from its own pages only: a
//! web page whose name is made to lead here (DNS rebinding), or one of another site, gets nothing. Tokens are no
//! business of this file.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, Uri, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::problem::Problem;
use super::state::Admin;
use crate::edge::Hosts;
use crate::edge::host::parse_host;

/// What the two checks look at.
#[derive(Clone)]
pub struct Site {
    pub admin: Arc<Admin>,
    /// Where the listener is.
    pub bound: SocketAddr,
}

pub async fn require_own_name(State(site): State<Site>, request: Request, next: Next) -> Response {
    let named = (request.uri(), request.headers(), request.version());
    if is_ours(named, site.bound.ip(), &site.admin.door.names) {
        return next.run(request).await;
    }
    let detail = "this listener does not answer under that name: ask by address, or add the name to admin.hosts";
    Problem::new(
        StatusCode::MISDIRECTED_REQUEST,
        "misdirected",
        "Not under this name",
        detail,
    )
    .into_response()
}

pub async fn require_own_pages(request: Request, next: Next) -> Response {
    if is_safe(request.method()) || comes_from_us(request.headers()) {
        return next.run(request).await;
    }
    let detail = "changes are taken from this listener's own pages, or from programs that are no browser";
    Problem::new(StatusCode::FORBIDDEN, "cross-site", "Not from another site", detail).into_response()
}

/// Both the target's authority and `Host` must be ours, where they are there. HTTP/1.0 may go without.
fn is_ours((uri, headers, version): (&Uri, &HeaderMap, Version), bound: IpAddr, names: &Hosts) -> bool {
    let ours = |host: &[u8]| parse_host(host).is_ok_and(|host| is_our_name(&host, bound, names));
    let mut fields = headers.get_all(header::HOST).iter();
    let field_is_ours = match (fields.next(), fields.next()) {
        (Some(host), None) => ours(host.as_bytes()),
        (Some(_), Some(_)) => false,
        (None, _) => uri.authority().is_some() || version < Version::HTTP_11,
    };
    field_is_ours
        && uri
            .authority()
            .is_none_or(|authority| ours(authority.as_str().as_bytes()))
}

/// A name is only as good as whoever answers for it; an address cannot be made to lead elsewhere.
fn is_our_name(host: &str, bound: IpAddr, names: &Hosts) -> bool {
    let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    match literal.map(|address| address.to_canonical()) {
        Ok(address) => {
            address.is_loopback() || bound.is_unspecified() || address == bound.to_canonical() || names.serves(host)
        }
        Err(_) => host == "localhost" || names.serves(host),
    }
}

fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Programs that are no browser send neither field.
fn comes_from_us(headers: &HeaderMap) -> bool {
    const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
    let sites_are_good = headers
        .get_all(SITE)
        .iter()
        .all(|site| matches!(site.as_bytes(), b"same-origin" | b"none"));
    let host = headers
        .get(header::HOST)
        .map(|host| host.as_bytes())
        .unwrap_or_default();
    let ours = |origin: &[u8]| {
        let authority = origin
            .strip_prefix(b"http://")
            .or_else(|| origin.strip_prefix(b"https://"));
        authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
    };
    sites_are_good
        && headers
            .get_all(header::ORIGIN)
            .iter()
            .all(|origin| ours(origin.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        let field = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
        };
        fields.iter().map(field).collect()
    }

    /// A2: DNS rebinding: a name that is not ours is not answered, whatever it resolves to.
    #[test]
    fn a2_only_our_own_names_are_answered() {
        let names = Hosts::from_patterns(["edge-1", "*.internal"]);
        let rows: &[(&str, &str, bool)] = &[
            ("127.0.0.1", "127.0.0.1:9090", true),
            ("127.0.0.1", "localhost:9090", true),
            ("127.0.0.1", "LOCALHOST.", true),
            ("127.0.0.1", "[::1]:9090", true),
            ("127.0.0.1", "127.0.0.2", true),
            ("127.0.0.1", "edge-1:9090", true),
            ("127.0.0.1", "a.internal", true),
            ("127.0.0.1", "internal", false),
            ("127.0.0.1", "10.0.0.5:9090", false),
            ("127.0.0.1", "evil.example:9090", false),
            ("127.0.0.1", "localhost.evil.example", false),
            ("127.0.0.1", "127.0.0.1.evil.example", false),
            ("127.0.0.1", "evil.example@localhost", false),
            ("127.0.0.1", "", false),
            ("127.0.0.1", "localhost:x", false),
            ("10.0.0.5", "10.0.0.5:9090", true),
            ("10.0.0.5", "10.0.0.6:9090", false),
            ("10.0.0.5", "evil.example", false),
            ("0.0.0.0", "10.0.0.6:9090", true),
            ("0.0.0.0", "[2001:db8::1]:9090", true),
            ("::", "[2001:db8::1]:9090", true),
            ("::", "evil.example:9090", false),
            ("2001:db8::1", "[2001:db8:0::1]:9090", true),
            ("2001:db8::1", "[2001:db8::2]:9090", false),
        ];
        for (bound, host, expected) in rows {
            let (uri, headers) = (Uri::from_static("/api/v1/rooms"), headers(&[("host", host)]));
            let got = is_ours((&uri, &headers, Version::HTTP_11), bound.parse().unwrap(), &names);
            assert_eq!(got, *expected, "{host:?} at {bound}");
        }
        let loopback = "127.0.0.1".parse().unwrap();
        for (uri, fields, version, expected) in [
            ("/", vec![], Version::HTTP_11, false),
            ("/", vec![], Version::HTTP_10, true),
            (
                "/",
                vec![("host", "localhost"), ("host", "localhost")],
                Version::HTTP_11,
                false,
            ),
            (
                "http://evil.example/",
                vec![("host", "localhost")],
                Version::HTTP_11,
                false,
            ),
            (
                "http://localhost/",
                vec![("host", "evil.example")],
                Version::HTTP_11,
                false,
            ),
            ("http://localhost/", vec![("host", "localhost")], Version::HTTP_11, true),
        ] {
            let got = is_ours((&Uri::from_static(uri), &headers(&fields), version), loopback, &names);
            assert_eq!(got, expected, "{uri} {fields:?} {version:?}");
        }
    }

    /// A2: what another site's page sends is not taken, even with the token.
    #[test]
    fn a2_changes_come_from_our_own_pages() {
        let host = ("host", "127.0.0.1:9090");
        for (fields, expected) in [
            (vec![host], true),
            (vec![host, ("sec-fetch-site", "same-origin")], true),
            (vec![host, ("sec-fetch-site", "none")], true),
            (vec![host, ("sec-fetch-site", "same-site")], false),
            (vec![host, ("sec-fetch-site", "cross-site")], false),
            (
                vec![host, ("sec-fetch-site", "none"), ("sec-fetch-site", "cross-site")],
                false,
            ),
            (vec![host, ("origin", "http://127.0.0.1:9090")], true),
            (vec![host, ("origin", "https://127.0.0.1:9090")], true),
            (vec![host, ("origin", "http://127.0.0.1:3000")], false),
            (vec![host, ("origin", "http://127.0.0.1")], false),
            (vec![host, ("origin", "null")], false),
            (vec![host, ("origin", "http://evil.example")], false),
            (
                vec![
                    host,
                    ("origin", "http://evil.example"),
                    ("sec-fetch-site", "same-origin"),
                ],
                false,
            ),
        ] {
            assert_eq!(comes_from_us(&headers(&fields)), expected, "{fields:?}");
        }
    }
}
