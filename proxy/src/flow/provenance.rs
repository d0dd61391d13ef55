//! What a browser says of the page that a request comes from: whether that is a page of the same host, and the way back
//! to it. Pure: the canonical host and the header fields in, an answer out. Decides nothing about rooms.

use std::net::Ipv6Addr;

use http::{HeaderMap, HeaderName, header};

use crate::edge::host::parse_host;

/// A longer way back is not taken.
const MAX_BACK_BYTES: usize = 512;

/// Whether the request comes from a page of this host, or from no page at all. Apps, which send neither field, act for
/// themselves. `host` is canonical: lower case, without port.
#[must_use]
pub fn same_site(host: &str, headers: &HeaderMap) -> bool {
    const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
    if headers.contains_key(SITE) {
        return matches!(only(headers, &SITE), Some("same-origin" | "none"));
    }
    if headers.contains_key(header::ORIGIN) {
        return only(headers, &header::ORIGIN)
            .is_some_and(|origin| matches!(split(origin), Some((of, "")) if same_host(of, host)));
    }
    true
}

/// The page that a request came from, if it is one of this host: always a path of this host.
#[must_use]
pub fn way_back(host: &str, headers: &HeaderMap) -> Option<String> {
    let (_, rest) = only(headers, &header::REFERER)
        .and_then(split)
        .filter(|(of, _)| same_host(of, host))?;
    let back = rest.split('#').next().unwrap_or_default();
    is_path(back).then(|| back.to_owned())
}

/// The field's value, if it is there once and is text.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

/// An `http(s)` address: its authority, and the rest from the slash on.
fn split(address: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = address.split_once("://")?;
    let web = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    web.then(|| rest.split_at(end))
}

/// Ports do not part a site; the spelling of an IPv6 address does not either.
fn same_host(authority: &str, host: &str) -> bool {
    let Ok(named) = parse_host(authority.as_bytes()) else {
        return false;
    };
    *named == *host || (address(host).is_some() && address(&named) == address(host))
}

fn address(host: &str) -> Option<Ipv6Addr> {
    host.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

/// Not `//host`, and nothing that a browser would read as that.
fn is_path(back: &str) -> bool {
    let plain = back.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    back.starts_with('/') && !back.starts_with("//") && plain && back.len() <= MAX_BACK_BYTES
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        let field = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
        };
        fields.iter().map(field).collect()
    }

    /// T7: who may act for a visitor, by what the browser says.
    #[test]
    fn t7_only_pages_of_the_same_host_act() {
        for (host, fields, expected) in [
            ("shop.example", vec![], true),
            ("shop.example", vec![("sec-fetch-site", "same-origin")], true),
            ("shop.example", vec![("sec-fetch-site", "none")], true),
            ("shop.example", vec![("sec-fetch-site", "same-site")], false),
            ("shop.example", vec![("sec-fetch-site", "cross-site")], false),
            ("shop.example", vec![("sec-fetch-site", "SAME-ORIGIN")], false),
            (
                "shop.example",
                vec![("sec-fetch-site", "cross-site"), ("sec-fetch-site", "none")],
                false,
            ),
            (
                "shop.example",
                vec![("sec-fetch-site", "cross-site"), ("origin", "https://shop.example")],
                false,
            ),
            ("shop.example", vec![("origin", "https://shop.example")], true),
            ("shop.example", vec![("origin", "https://Shop.Example")], true),
            ("shop.example", vec![("origin", "http://shop.example:8080")], true),
            ("shop.example", vec![("origin", "https://shop.example.")], true),
            ("shop.example", vec![("origin", "https://shop.example:99999")], false),
            ("shop.example", vec![("origin", "https://shop.example:80:80")], false),
            (
                "shop.example",
                vec![("origin", "https://shop.example.evil.example")],
                false,
            ),
            ("shop.example", vec![("origin", "https://evil.example")], false),
            (
                "shop.example",
                vec![("origin", "https://shop.example@evil.example")],
                false,
            ),
            (
                "shop.example",
                vec![("origin", "https://evil.example/shop.example")],
                false,
            ),
            ("shop.example", vec![("origin", "https://shop.example/x")], false),
            ("shop.example", vec![("origin", "shop.example")], false),
            ("shop.example", vec![("origin", "ftp://shop.example")], false),
            ("shop.example", vec![("origin", "null")], false),
            ("shop.example", vec![("origin", "")], false),
            (
                "shop.example",
                vec![("origin", "https://shop.example"), ("origin", "https://evil.example")],
                false,
            ),
            ("127.0.0.1", vec![("origin", "http://127.0.0.1:8080")], true),
            ("127.0.0.1", vec![("origin", "http://127.0.0.2:8080")], false),
            ("[::1]", vec![("origin", "http://[::1]")], true),
            ("[::1]", vec![("origin", "http://[::1]:8080")], true),
            ("[::1]", vec![("origin", "http://[0:0:0:0:0:0:0:1]:8080")], true),
            ("[2001:db8::1]", vec![("origin", "https://[2001:DB8::1]")], true),
            ("[2001:db8::1]", vec![("origin", "https://[2001:db8::2]")], false),
            ("[2001:db8::1]", vec![("origin", "https://[2001")], false),
            ("[2001:db8::1]", vec![("origin", "https://2001:db8::1")], false),
        ] {
            assert_eq!(same_site(host, &headers(&fields)), expected, "{host} {fields:?}");
        }
    }

    /// H8: the way back never leaves the host.
    #[test]
    fn h8_the_way_back_is_a_path_of_this_host() {
        for (referer, expected) in [
            ("https://shop.example/seats?row=2", Some("/seats?row=2")),
            ("https://shop.example:8443/seats#map", Some("/seats")),
            ("https://shop.example/", Some("/")),
            ("https://shop.example", None),
            ("https://shop.example?x", None),
            ("https://evil.example/seats", None),
            ("https://shop.example//evil.example/", None),
            ("https://shop.example/\\evil.example/", None),
            ("/seats", None),
            ("javascript:alert(1)", None),
            ("", None),
        ] {
            let headers = headers(&[("referer", referer)]);
            assert_eq!(way_back("shop.example", &headers).as_deref(), expected, "{referer}");
        }
        assert_eq!(way_back("shop.example", &HeaderMap::new()), None);
        let long = format!("https://shop.example/{}", "x".repeat(MAX_BACK_BYTES));
        assert_eq!(way_back("shop.example", &headers(&[("referer", &long)])), None);
    }
}
