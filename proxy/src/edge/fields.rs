//! Header fields on their way through: which ones are never passed on, how several `Cookie` fields become one, which
//! `Connection` options are tolerated. Pure; knows no values but cookies'.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::refusal::Refusal;

/// The origin sees the edge's word on these, never the client's.
const FORWARDING: &[&str] = &[
    "forwarded",
    "via",
    "x-forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-forwarded-scheme",
    "x-forwarded-server",
    "x-forwarded-ssl",
    "x-forwarded-prefix",
    "x-forwarded-path",
    "x-forwarded-uri",
    "x-forwarded-by",
    "x-forwarded-client-cert",
    "x-original-forwarded-for",
    "x-original-for",
    "x-original-host",
    "x-original-proto",
    "x-original-uri",
    "x-original-url",
    "x-original-method",
    "x-rewrite-url",
    "x-host",
    "x-http-host-override",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-remote-ip",
    "x-remote-addr",
    "x-originating-ip",
    "x-proxyuser-ip",
    "client-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "cf-connecting-ipv6",
    "cf-pseudo-ipv4",
    "cf-ipcountry",
    "fastly-client-ip",
    "x-azure-clientip",
    "x-azure-socketip",
    "x-appengine-user-ip",
    "x-envoy-external-address",
    "x-request-id",
    "proxy",
    "proxy-connection",
];

/// These concern one connection. An upgrade that may be is asked for anew.
const HOP_BY_HOP: &[&str] = &[
    "connection",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The options a client may name in `Connection`. Anything else would make a proxy remove a field that others rely on.
const CONNECTION_OPTIONS: &[&str] = &["close", "keep-alive", "upgrade", "te", "http2-settings"];

/// Whether a client's field stops at the edge: ours in any spelling, forwarding claims, what concerns one connection
/// only, and every name with an underscore, which CGI-like origins cannot tell from its hyphenated twin.
pub fn stops_here(name: &HeaderName) -> bool {
    let name = name.as_str();
    name.contains('_')
        || name.starts_with("stanchion-")
        || name.starts_with("x-stanchion")
        || name == "stanchion"
        || HOP_BY_HOP.contains(&name)
        || FORWARDING.contains(&name)
}

/// Refuses a `Connection` field that names anything but a connection option.
pub fn check_nominations(headers: &HeaderMap) -> Result<(), Refusal> {
    for field in headers.get_all(header::CONNECTION) {
        for token in field.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            let known = CONNECTION_OPTIONS
                .iter()
                .any(|option| option.as_bytes().eq_ignore_ascii_case(token));
            if !known && !token.is_empty() {
                return Err(Refusal::Nomination);
            }
        }
    }
    Ok(())
}

/// All cookies of all `Cookie` fields in one field, without those named in `strip`. `None`: nothing is left.
pub fn join_cookies(headers: &HeaderMap, strip: &[String]) -> Option<HeaderValue> {
    let mut joined: Vec<u8> = Vec::new();
    for field in headers.get_all(header::COOKIE) {
        let mut rest = field.as_bytes();
        while !rest.is_empty() {
            let end = memchr::memchr(b';', rest).unwrap_or(rest.len());
            let pair = rest.get(..end).unwrap_or_default().trim_ascii();
            rest = rest.get(end + 1..).unwrap_or_default();
            let name = match memchr::memchr(b'=', pair) {
                Some(at) => pair.get(..at).unwrap_or_default().trim_ascii(),
                None => pair,
            };
            if pair.is_empty() || strip.iter().any(|ours| ours.as_bytes() == name) {
                continue;
            }
            if !joined.is_empty() {
                joined.extend_from_slice(b"; ");
            }
            joined.extend_from_slice(pair);
        }
    }
    if joined.is_empty() {
        None
    } else {
        HeaderValue::from_bytes(&joined).ok()
    }
}

/// Whether the cookies have to be rewritten at all: several fields, or one that holds a cookie of ours.
pub fn cookies_need_care(headers: &HeaderMap, strip: &[String]) -> bool {
    let mut fields = headers.get_all(header::COOKIE).iter();
    match (fields.next(), fields.next()) {
        (None, _) => false,
        (Some(_), Some(_)) => true,
        (Some(only), None) => !strip.is_empty() && memchr::memchr(b'=', only.as_bytes()).is_some(),
    }
}

/// Whether the client asks for a WebSocket, and for nothing else.
pub fn asks_for_websocket(headers: &HeaderMap) -> bool {
    let mut fields = headers.get_all(header::UPGRADE).iter();
    let only = fields.next().filter(|_| fields.next().is_none());
    let nominated = headers.get_all(header::CONNECTION).iter().any(|field| {
        field
            .as_bytes()
            .split(|byte| *byte == b',')
            .any(|token| token.trim_ascii().eq_ignore_ascii_case(b"upgrade"))
    });
    nominated && only.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Whether the answer may be a stream of server-sent events.
pub fn asks_for_events(headers: &HeaderMap) -> bool {
    let events = |range: &[u8]| {
        let kind = range.split(|byte| *byte == b';').next().unwrap_or(range);
        kind.trim_ascii().eq_ignore_ascii_case(b"text/event-stream")
    };
    let mut fields = headers.get_all(header::ACCEPT).iter();
    fields.any(|field| field.as_bytes().split(|byte| *byte == b',').any(events))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            map.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
        }
        map
    }

    /// H6: every spelling of a name of ours, and every forwarding claim, stops at the edge.
    #[test]
    fn aliases_and_claims_stop_here() {
        for name in [
            "Stanchion-Pass",
            "STANCHION-PASS",
            "stanchion_pass",
            "Stanchion_Pass",
            "X-Stanchion-Pass",
            "x_stanchion_pass",
            "X-Stanchion_Pass",
            "Stanchion-Command",
            "Stanchion-Anything",
            "Stanchion",
            "X-Stanchion",
            "X-Forwarded-For",
            "x_forwarded_for",
            "Forwarded",
            "X-Real-IP",
            "CF-Connecting-IP",
            "True-Client-IP",
            "X-Original-URL",
            "X-Rewrite-URL",
            "Proxy",
            "X-HTTP-Method-Override",
            "X-Request-Id",
            "any_underscore",
        ] {
            assert!(stops_here(&HeaderName::from_bytes(name.as_bytes()).unwrap()), "{name}");
        }
        for name in [
            "Accept",
            "Cookie",
            "Authorization",
            "X-Custom",
            "Content-Type",
            "Stanchions",
            "X-Requested-With",
            "Via-Test",
        ] {
            assert!(!stops_here(&HeaderName::from_bytes(name.as_bytes()).unwrap()), "{name}");
        }
    }

    /// H5: a hop-by-hop nomination cannot remove a field.
    #[test]
    fn only_connection_options_may_be_nominated() {
        for value in [
            "close",
            "Keep-Alive",
            "keep-alive, Upgrade",
            "TE",
            "close,",
            ", close",
            "Upgrade, HTTP2-Settings",
            "",
        ] {
            assert_eq!(check_nominations(&headers(&[("Connection", value)])), Ok(()), "{value}");
        }
        for value in [
            "Cookie",
            "cookie",
            "Authorization",
            "Stanchion-Pass",
            "close, Cookie",
            "keep-alive,stanchion-pass",
            "\"Cookie\"",
            "Host",
            "Content-Length",
            "Transfer-Encoding",
            "X-Forwarded-For",
            ":authority",
            "Cookie;x",
            "X-Foo",
            "close keep-alive",
            "Stanchion_Pass",
        ] {
            assert_eq!(
                check_nominations(&headers(&[("Connection", value)])),
                Err(Refusal::Nomination),
                "{value}"
            );
        }
    }

    /// T6: several fields become one, ours are taken out, everybody else's stay as they were.
    #[test]
    fn cookies_are_joined_without_ours() {
        let cases: &[(&[&str], Option<&str>)] = &[
            (&["a=1"], Some("a=1")),
            (&["a=1", "b=2"], Some("a=1; b=2")),
            (&["a=1;b=2"], Some("a=1; b=2")),
            (&["ours=x; a=1"], Some("a=1")),
            (&["ours=x"], None),
            (&["ours=x", "ours=y"], None),
            (&["a=1; ours=x; b=2", "ours=z; c=3"], Some("a=1; b=2; c=3")),
            (&["oursx=1; xours=2"], Some("oursx=1; xours=2")),
            (&["ours"], None),
            (&[" ours =x; a=1"], Some("a=1")),
            (&["a=ours=x"], Some("a=ours=x")),
            (&["a=1;;; b=2;"], Some("a=1; b=2")),
            (&[], None),
        ];
        for (fields, want) in cases {
            let map = headers(&fields.iter().map(|field| ("Cookie", *field)).collect::<Vec<_>>());
            let got = join_cookies(&map, &["ours".to_string()]);
            assert_eq!(got.as_ref().map(|v| v.to_str().unwrap()), *want, "{fields:?}");
        }
    }

    #[test]
    fn a_websocket_is_asked_for_in_one_way_only() {
        let yes = headers(&[("Connection", "keep-alive, Upgrade"), ("Upgrade", "WebSocket")]);
        assert!(asks_for_websocket(&yes));
        for fields in [
            &[("Upgrade", "websocket")][..],
            &[("Connection", "upgrade"), ("Upgrade", "h2c")],
            &[("Connection", "upgrade"), ("Upgrade", "websocket, h2c")],
            &[("Connection", "upgrade"), ("Upgrade", "websocket"), ("Upgrade", "h2c")],
            &[("Connection", "close"), ("Upgrade", "websocket")],
        ] {
            assert!(!asks_for_websocket(&headers(fields)), "{fields:?}");
        }
    }

    #[test]
    fn events_are_asked_for_by_name() {
        for (accept, asks) in [
            ("text/event-stream", true),
            ("application/json, Text/Event-Stream;q=0.9", true),
            ("*/*", false),
            ("text/event-streams", false),
            ("", false),
        ] {
            assert_eq!(asks_for_events(&headers(&[("Accept", accept)])), asks, "{accept}");
        }
    }
}
