//! HTTP/2 requests with the exact fate of each. Data only.

/// What a table row expects of its one request.
#[derive(Clone, Copy, Debug)]
pub enum Want {
    Status(u16),
    /// The stream or the connection ends, without an answer of ours.
    Broken,
    /// 200, and the origin saw exactly this line.
    Forwarded(&'static str),
}

use Want::{Broken, Forwarded, Status};

/// One field more than a plain GET has.
pub const FIELDS: &[(&str, &str, Want)] = &[
    ("accept", "*/*", Forwarded("GET /")),
    ("te", "trailers", Forwarded("GET /")),
    ("host", "a", Forwarded("GET /")),
    ("content-length", "0", Forwarded("GET /")),
    ("expect", "100-continue", Forwarded("GET /")),
    ("Accept", "x", Broken),
    ("connection", "close", Broken),
    ("connection", "cookie", Broken),
    ("keep-alive", "x", Broken),
    ("proxy-connection", "x", Broken),
    ("transfer-encoding", "chunked", Broken),
    ("upgrade", "websocket", Broken),
    ("te", "gzip", Broken),
    (":path", "/other", Broken),
    (":method", "POST", Broken),
    (":authority", "b", Broken),
    (":unknown", "x", Broken),
    (":status", "200", Broken),
    ("", "x", Broken),
    ("a b", "x", Broken),
    ("x:y", "x", Broken),
    ("x", "a\r\nevil: b", Broken),
    ("x", "a\nb", Broken),
    ("x", "a\0b", Broken),
    ("x\r\n", "a", Broken),
    ("content-length", "x", Broken),
    ("content-length", "-1", Broken),
    ("content-length", "+1", Broken),
    ("content-length", "5", Broken),
    ("host", "b", Status(400)),
    ("host", "a@b", Status(400)),
    ("expect", "999", Status(417)),
];

/// Two fields more.
pub const TWO_FIELDS: &[(&[(&str, &str)], Want)] = &[
    (&[("host", "a"), ("host", "a")], Status(400)),
    (&[("content-length", "0"), ("content-length", "0")], Status(400)),
    (&[("content-length", "0"), ("content-length", "1")], Broken),
    (&[("x", "y"), (":path", "/late")], Broken),
    (&[("expect", "100-continue"), ("expect", "100-continue")], Status(417)),
];

/// `:method`, `:authority` and `:path`.
pub const PSEUDO: &[(&str, &str, &str, Want)] = &[
    ("GET", "a", "/x?y", Forwarded("GET /x?y")),
    ("HEAD", "a", "/x", Forwarded("HEAD /x")),
    ("DELETE", "a.example:8080", "/x", Forwarded("DELETE /x")),
    ("GET", "a", "/%7euser", Forwarded("GET /~user")),
    ("GET", "a", "/caf%c3%a9", Forwarded("GET /caf%C3%A9")),
    ("GET", "a", "/a/../b", Status(308)),
    ("HEAD", "a", "//b", Status(308)),
    ("POST", "a", "/a/../b", Status(400)),
    ("GET", "a", "/a%2fb", Status(400)),
    ("GET", "a", "/a%5cb", Status(400)),
    ("GET", "a", "/a%00", Status(400)),
    ("GET", "a", "/%c0%ae", Status(400)),
    ("GET", "a", "/..;/x", Status(400)),
    ("GET", "a", "/a\\b", Status(400)),
    ("GET", "a", "/a b", Broken),
    ("GET", "a", "/a\r\nx: y", Broken),
    ("GET", "a", "/a\tb", Broken),
    ("GET", "a", "", Broken),
    ("GET", "a", "x", Broken),
    ("GET", "a", "*", Status(400)),
    ("GET", "a", "http://b/x", Broken),
    ("TRACE", "a", "/", Status(405)),
    ("get", "a", "/", Status(405)),
    ("PROPFIND", "a", "/", Status(405)),
    ("G T", "a", "/", Broken),
    ("", "a", "/", Broken),
    ("GET", "", "/", Broken),
    ("GET", "a@b", "/", Status(400)),
    ("GET", "a/b", "/", Broken),
    ("GET", "a b", "/", Broken),
    ("GET", "a:x", "/", Status(400)),
    ("GET", "a..b", "/", Status(400)),
    ("GET", "[::1]", "/", Forwarded("GET /")),
];

/// Requests that lack something.
pub const INCOMPLETE: &[&[(&str, &str)]] = &[
    &[(":scheme", "http"), (":authority", "a"), (":path", "/")],
    &[(":method", "GET"), (":authority", "a"), (":path", "/")],
    &[(":method", "GET"), (":scheme", "http"), (":authority", "a")],
    &[("x", "y")],
    &[],
];

/// `content-length`, DATA frames with their flags, and what becomes of the POST.
type Body = (Option<&'static str>, &'static [(&'static str, u8)], Want);

/// H2: bodies with and without a length.
pub const BODIES: &[Body] = &[
    (Some("5"), &[("hello", 1)], Forwarded("POST /body")),
    (Some("5"), &[("hello", 0), ("", 1)], Forwarded("POST /body")),
    (Some("5"), &[("he", 0), ("", 0), ("llo", 1)], Forwarded("POST /body")),
    (Some("0"), &[("", 1)], Forwarded("POST /body")),
    (None, &[("hello", 1)], Status(411)),
    (None, &[("hello", 0), ("", 1)], Status(411)),
    (None, &[("", 1)], Status(411)),
    (None, &[("", 0), ("hello", 0)], Status(411)),
    (Some("1073741825"), &[("hello", 0)], Status(413)),
    (Some("5, 5"), &[("hello", 1)], Broken),
    (Some("05"), &[("hello", 1)], Status(400)),
];

/// `GET http://a/` in HPACK, by the static table.
const GOOD: &[u8] = b"\x82\x86\x84\x41\x01a";

/// Kind, flags, stream, payload.
type Raw = (u8, u8, u32, &'static [u8]);

/// H12: frames where, or as, they may not be. 0 DATA, 1 HEADERS (1 END_STREAM, 4 END_HEADERS, 8 PADDED), 3 RST_STREAM,
/// 4 SETTINGS, 5 PUSH_PROMISE, 6 PING, 8 WINDOW_UPDATE, 9 CONTINUATION.
pub const OUT_OF_PLACE: &[(&str, &[Raw])] = &[
    ("a frame too long", &[(0, 0, 1, &[0; 16_385])]),
    ("data on stream 0", &[(0, 0, 0, b"x")]),
    ("headers on stream 0", &[(1, 5, 0, GOOD)]),
    ("headers on an even stream", &[(1, 5, 2, GOOD)]),
    ("data on an idle stream", &[(0, 0, 1, b"x")]),
    ("settings on a stream", &[(4, 0, 1, b"")]),
    ("settings of an odd size", &[(4, 0, 0, &[0; 5])]),
    ("settings ack with payload", &[(4, 1, 0, &[0; 6])]),
    ("window size too large", &[(4, 0, 0, &[0, 4, 0xff, 0xff, 0xff, 0xff])]),
    ("frame size too small", &[(4, 0, 0, &[0, 5, 0, 0, 0, 1])]),
    ("ping of an odd size", &[(6, 0, 0, &[0; 7])]),
    ("ping on a stream", &[(6, 0, 1, &[0; 8])]),
    ("window update of 0", &[(8, 0, 0, &[0; 4])]),
    ("window update of an odd size", &[(8, 0, 0, &[0; 3])]),
    (
        "window overflow",
        &[
            (8, 0, 0, &[0x7f, 0xff, 0xff, 0xff]),
            (8, 0, 0, &[0x7f, 0xff, 0xff, 0xff]),
        ],
    ),
    ("reset of an idle stream", &[(3, 0, 1, &[0; 4])]),
    ("reset on stream 0", &[(3, 0, 0, &[0; 4])]),
    ("continuation out of nowhere", &[(9, 4, 1, GOOD)]),
    (
        "something between headers and continuation",
        &[(1, 1, 1, GOOD), (6, 0, 0, &[0; 8])],
    ),
    ("continuation on another stream", &[(1, 1, 1, GOOD), (9, 4, 3, b"")]),
    ("a push promise", &[(5, 4, 1, &[0, 0, 0, 2])]),
    ("an HPACK index of 0", &[(1, 5, 1, &[0x80])]),
    (
        "an HPACK index beyond the table",
        &[(1, 5, 1, &[0xff, 0xff, 0xff, 0x7f])],
    ),
    (
        "a table resize beyond the limit",
        &[(1, 5, 1, &[0x3f, 0xff, 0xff, 0x7f])],
    ),
    (
        "a Huffman string with the end mark",
        &[(1, 5, 1, &[0x82, 0x86, 0x84, 0x41, 0x84, 0xff, 0xff, 0xff, 0xff])],
    ),
    ("padding longer than the frame", &[(1, 13, 1, &[200, 0x82])]),
    ("a header block cut short", &[(1, 5, 1, &[0x00, 0x7f])]),
];
