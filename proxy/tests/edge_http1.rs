//! HTTP/1 in front of the edge: exact verdicts on hostile bytes, and what the origin got (H1, H5–H8, H16, B4).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod hostile;

use hostile::client::{Peer, once};
use hostile::{Stand, stand};

/// What must become of some bytes.
#[derive(Debug)]
enum Want {
    /// This status, the connection closed, nothing at the origin.
    Refused(u16),
    /// 200, and the origin saw exactly this line.
    Forwarded(&'static str),
    /// 308 to here, nothing at the origin.
    Redirected(&'static str),
    /// Closed without a word.
    Dropped,
}

use Want::*;

async fn check(stand: &Stand, name: &str, bytes: &[u8], want: &Want) {
    stand.origin.take();
    let mut peer = Peer::to(stand.at).await;
    peer.send(bytes).await;
    if matches!(want, Dropped) {
        tokio::io::AsyncWriteExt::shutdown(&mut peer.tcp).await.unwrap();
    }
    let reply = if bytes.starts_with(b"HEAD ") {
        peer.head_reply().await
    } else {
        peer.reply().await
    };
    let seen = stand.origin.take();
    match want {
        Refused(status) => {
            let reply = reply.unwrap_or_else(|| panic!("{name}: closed without an answer"));
            assert_eq!(reply.status, *status, "{name}: {reply:?}");
            assert!(
                reply.closes() && peer.end().await.is_empty(),
                "{name}: the connection stays open"
            );
            assert!(seen.is_empty(), "{name}: the origin saw {seen:?}");
        }
        Forwarded(line) => {
            let reply = reply.unwrap_or_else(|| panic!("{name}: closed without an answer"));
            assert_eq!(reply.status, 200, "{name}: {reply:?}");
            assert_eq!(seen.iter().map(|s| s.line()).collect::<Vec<_>>(), [*line], "{name}");
        }
        Redirected(to) => {
            let reply = reply.unwrap_or_else(|| panic!("{name}: closed without an answer"));
            assert_eq!((reply.status, reply.value("location")), (308, *to), "{name}");
            assert!(seen.is_empty(), "{name}: the origin saw {seen:?}");
        }
        Dropped => assert!(reply.is_none() && seen.is_empty(), "{name}: {reply:?}, {seen:?}"),
    }
}

async fn check_all(stand: &Stand, cases: &[(&str, Want)]) {
    for (bytes, want) in cases {
        check(stand, &bytes.escape_debug().to_string(), bytes.as_bytes(), want).await;
    }
    assert!(stand.origin.stray().is_empty(), "the origin was sent stray bytes");
}

/// Request lines, line endings, field syntax.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h1_syntax_is_strict() {
    let stand = stand(|_| {}).await;
    let cases: &[(&str, Want)] = &[
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", Forwarded("GET /")),
        ("GET / HTTP/1.0\r\nHost: a\r\n\r\n", Forwarded("GET /")),
        ("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", Forwarded("HEAD /")),
        ("GET /?a=b&c HTTP/1.1\r\nHost: a\r\n\r\n", Forwarded("GET /?a=b&c")),
        ("OPTIONS /x HTTP/1.1\r\nHost: a\r\n\r\n", Forwarded("OPTIONS /x")),
        ("DELETE /x HTTP/1.1\r\nHost: a\r\n\r\n", Forwarded("DELETE /x")),
        ("GET / HTTP/1.1\r\nHost: a\r\nX:\r\n\r\n", Forwarded("GET /")),
        ("GET / HTTP/1.1\r\nHost:a\r\nX:  y\t \r\n\r\n", Forwarded("GET /")),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: caf\u{e9}\r\n\r\n", Forwarded("GET /")),
        ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", Refused(400)),
        ("GET /  HTTP/1.1\r\nHost: a\r\n\r\n", Refused(400)),
        ("GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", Refused(400)),
        ("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", Refused(400)),
        (" GET / HTTP/1.1\r\nHost: a\r\n\r\n", Refused(400)),
        ("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", Refused(400)),
        ("GET /\r\nHost: a\r\n\r\n", Refused(400)),
        ("GET\r\nHost: a\r\n\r\n", Refused(400)),
        ("GET / HTTP/1.1junk\r\nHost: a\r\n\r\n", Refused(400)),
        ("GET / http/1.1\r\nHost: a\r\n\r\n", Refused(400)),
        ("GET / HTTP/1\r\nHost: a\r\n\r\n", Refused(400)),
        ("GET / HTTP/11.1\r\nHost: a\r\n\r\n", Refused(400)),
        ("GET / HTTP/1.2\r\nHost: a\r\n\r\n", Refused(505)),
        ("GET / HTTP/0.9\r\nHost: a\r\n\r\n", Refused(505)),
        ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", Refused(505)),
        ("GET / HTTP/3.0\r\nHost: a\r\n\r\n", Refused(505)),
        ("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", Refused(505)),
        ("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", Refused(400)),
        ("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", Refused(400)),
        ("\0GET / HTTP/1.1\r\nHost: a\r\n\r\n", Refused(400)),
        ("\x16\x03\x01\x02\0\x01\0\x01", Refused(400)),
        (
            "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            Refused(400),
        ),
        ("GET / HTTP/1.1\nHost: a\r\n\r\n", Refused(400)),
        ("GET / HTTP/1.1\r\nHost: a\n\r\n", Refused(400)),
        ("GET / HTTP/1.1\r\nHost: a\r\n\n", Refused(400)),
        ("GET / HTTP/1.1\nHost: a\n\n", Refused(400)),
        ("GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n", Refused(400)),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", Refused(400)),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", Refused(400)),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: a\x01b\r\n\r\n", Refused(400)),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: a\x7fb\r\n\r\n", Refused(400)),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: a\x0bb\r\n\r\n", Refused(400)),
        ("GET / HTTP/1.1\r\nHost: a\r\nX\0: a\r\n\r\n", Refused(400)),
        ("GET / HTTP/1.1\r\nHost: a\r\nX : a\r\n\r\n", Refused(400)),
        ("GET / HTTP/1.1\r\nHost: a\r\nX\t: a\r\n\r\n", Refused(400)),
        ("GET / HTTP/1.1\r\nHost: a\r\n: a\r\n\r\n", Refused(400)),
        ("GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", Refused(400)),
        ("GET / HTTP/1.1\r\nHost: a\r\nX y: a\r\n\r\n", Refused(400)),
        ("GET / HTTP/1.1\r\nHost: a\r\nX(y): a\r\n\r\n", Refused(400)),
        ("GET / HTTP/1.1\r\nHost: a\r\nX\u{e9}: a\r\n\r\n", Refused(400)),
        ("GET / HTTP/1.1\r\n Host: a\r\n\r\n", Refused(400)),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", Refused(400)),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n\tb\r\n\r\n", Refused(400)),
        ("GET / HTTP/1.1\r\nHost: a\r\n \r\n\r\n", Refused(400)),
        ("G ET / HTTP/1.1\r\nHost: a\r\n\r\n", Refused(400)),
        ("G\"ET / HTTP/1.1\r\nHost: a\r\n\r\n", Refused(400)),
        ("get / HTTP/1.1\r\nHost: a\r\n\r\n", Refused(405)),
        ("Get / HTTP/1.1\r\nHost: a\r\n\r\n", Refused(405)),
        ("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", Refused(405)),
        ("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", Refused(405)),
        ("PROPFIND / HTTP/1.1\r\nHost: a\r\n\r\n", Refused(405)),
        ("PURGE / HTTP/1.1\r\nHost: a\r\n\r\n", Refused(405)),
        ("GETX / HTTP/1.1\r\nHost: a\r\n\r\n", Refused(405)),
        ("QUERY / HTTP/1.1\r\nHost: a\r\n\r\n", Refused(405)),
        ("GET / HTTP/1.1\r\nHost: a\r\nExpect: 999\r\n\r\n", Refused(417)),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue, x\r\n\r\n",
            Refused(417),
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nExpect: 100-continue\r\n\r\n",
            Refused(417),
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n",
            Forwarded("GET /"),
        ),
        ("GET / HTTP/1.1\r\nHost: a\r\n", Dropped),
        ("G", Dropped),
        ("", Dropped),
    ];
    check_all(&stand, cases).await;
}

/// H1: where a body ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h1_framing_is_plain_or_refused() {
    let stand = stand(|_| {}).await;
    let cases: &[(&str, Want)] = &[
        ("Content-Length: 5\r\n\r\nhello", Forwarded("POST /p")),
        ("Content-Length: 0\r\n\r\n", Forwarded("POST /p")),
        ("\r\n", Forwarded("POST /p")),
        (
            "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            Forwarded("POST /p"),
        ),
        ("transfer-encoding: Chunked\r\n\r\n0\r\n\r\n", Forwarded("POST /p")),
        ("Content-Length:\t5\r\n\r\nhello", Forwarded("POST /p")),
        (
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            Refused(400),
        ),
        (
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
            Refused(400),
        ),
        (
            "Transfer-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello",
            Refused(400),
        ),
        ("Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", Refused(400)),
        ("Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", Refused(400)),
        ("Content-Length: 5, 5\r\n\r\nhello", Refused(400)),
        ("Content-Length: 1, 1\r\n\r\nh", Refused(400)),
        ("Content-Length: 5,\r\n\r\nhello", Refused(400)),
        ("Content-Length: +5\r\n\r\nhello", Refused(400)),
        ("Content-Length: -5\r\n\r\nhello", Refused(400)),
        ("Content-Length: -0\r\n\r\n", Refused(400)),
        ("Content-Length: 0x5\r\n\r\nhello", Refused(400)),
        ("Content-Length: 5 5\r\n\r\nhello", Refused(400)),
        ("Content-Length: 05\r\n\r\nhello", Refused(400)),
        ("Content-Length: \u{665}\r\n\r\nhello", Refused(400)),
        ("Content-Length: \r\n\r\n", Refused(400)),
        ("Content-Length:\r\n\r\n", Refused(400)),
        ("Content-Length: 5;\r\n\r\nhello", Refused(400)),
        ("Content-Length: \"5\"\r\n\r\nhello", Refused(400)),
        ("Content-Length: 1e1\r\n\r\nhello", Refused(400)),
        ("Content-Length: 9223372036854775808\r\n\r\nhello", Refused(400)),
        ("Content-Length: 18446744073709551621\r\n\r\nhello", Refused(400)),
        ("Content-Length: 1073741825\r\n\r\nhello", Refused(413)),
        ("Content-Length : 5\r\n\r\nhello", Refused(400)),
        (" Content-Length: 5\r\n\r\nhello", Refused(400)),
        ("Content-Length: 5\r\n 6\r\n\r\nhello", Refused(400)),
        ("Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", Refused(400)),
        ("Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", Refused(400)),
        ("Transfer-Encoding: chunkedx\r\n\r\n0\r\n\r\n", Refused(400)),
        ("Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", Refused(400)),
        ("Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n", Refused(400)),
        ("Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", Refused(400)),
        ("Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n", Refused(400)),
        ("Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", Refused(400)),
        ("Transfer-Encoding: gzip\r\n\r\n", Refused(400)),
        ("Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", Refused(400)),
        (
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            Refused(400),
        ),
        (
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
            Refused(400),
        ),
        (
            "Transfer-Encoding: chunked\r\ntransfer-encoding: x\r\n\r\n0\r\n\r\n",
            Refused(400),
        ),
        ("Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", Refused(400)),
        ("Transfer-Encoding:\r\n\r\n", Refused(400)),
        ("Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n", Refused(400)),
        ("Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", Refused(400)),
        ("Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n", Refused(400)),
        ("Transfer-Encoding: chu\rnked\r\n\r\n0\r\n\r\n", Refused(400)),
    ];
    for (rest, want) in cases {
        let bytes = format!("POST /p HTTP/1.1\r\nHost: a\r\n{rest}");
        check(&stand, &rest.escape_debug().to_string(), bytes.as_bytes(), want).await;
    }
    let whole: &[(&str, Want)] = &[
        (
            "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            Refused(400),
        ),
        (
            "POST / HTTP/1.0\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi",
            Forwarded("POST /"),
        ),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi", Refused(400)),
        (
            "HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi",
            Refused(400),
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            Refused(400),
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
            Forwarded("GET /"),
        ),
        (
            "DELETE / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi",
            Forwarded("DELETE /"),
        ),
        (
            "OPTIONS / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi",
            Forwarded("OPTIONS /"),
        ),
    ];
    check_all(&stand, whole).await;
}

/// H1: a chunked body that breaks the rules on its way is cut off; the connection to the origin is not used again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h1_a_broken_chunk_ends_the_request() {
    let stand = stand(|_| {}).await;
    let long_zeros = "0".repeat(17);
    let extension = format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(100_000));
    let bodies: &[&str] = &[
        "g\r\n",
        "5 \r\nhello\r\n0\r\n\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "5\r\nhelloX\r\n0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5;x=1\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "-1\r\n",
        "5_0\r\n",
        "5\r\nhello\r\n0\r\nX: y\r\n\r\n",
        "5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n",
        "ffffffffffffffff\r\n",
        "10000000000000000\r\n",
        &long_zeros,
        &extension,
        "\r\n\r\n",
    ];
    for body in bodies {
        stand.origin.take();
        let mut peer = Peer::to(stand.at).await;
        peer.send(format!("POST /chunk HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{body}").as_bytes())
            .await;
        let reply = peer.reply().await;
        let name: String = body.escape_debug().take(40).collect();
        assert!(
            matches!(reply.as_ref().map(|r| r.status), Some(400 | 413)),
            "{name}: {reply:?}"
        );
        assert!(peer.end().await.is_empty(), "{name}");
        assert!(
            stand
                .origin
                .take()
                .iter()
                .all(|seen| seen.head.starts_with("BROKEN OFF")),
            "{name}: the origin saw a whole request"
        );
        let victim = once(stand.at, b"GET /victim HTTP/1.1\r\nHost: a\r\n\r\n")
            .await
            .unwrap();
        assert_eq!(
            (victim.status, victim.text().as_str()),
            (200, "hello"),
            "{name}: the next visitor got a wrong answer"
        );
    }
    assert!(stand.origin.stray().is_empty());
}

/// H8: one path, matched and forwarded (the whole table is in `path.rs`; here the way through the edge).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h8_the_path_matched_is_the_path_forwarded() {
    let stand = stand(|_| {}).await;
    let cases: &[(&str, Want)] = &[
        ("/a/b.c;x=1", Forwarded("GET /a/b.c;x=1")),
        ("/%7euser/%61", Forwarded("GET /~user/a")),
        ("/caf%c3%a9?q=%2e%2e//x", Forwarded("GET /caf%C3%A9?q=%2e%2e//x")),
        ("/%252e%252e/x", Forwarded("GET /%252e%252e/x")),
        ("/a|b", Forwarded("GET /a%7Cb")),
        ("/a?b?c/../d", Forwarded("GET /a?b?c/../d")),
        ("/?", Forwarded("GET /?")),
        (
            "/.well-known/stanchion/rooms/r/status",
            Forwarded("GET /.well-known/stanchion/rooms/r/status"),
        ),
        ("/.Well-Known/Stanchion/x", Forwarded("GET /.Well-Known/Stanchion/x")),
        ("/a/../admin", Redirected("/admin")),
        ("/a/%2e%2e/admin?x=1", Redirected("/admin?x=1")),
        ("//admin", Redirected("/admin")),
        ("//evil.example/", Redirected("/evil.example/")),
        ("///evil.example/..", Redirected("/")),
        ("/./a", Redirected("/a")),
        ("/a/.", Redirected("/a/")),
        ("/..", Redirected("/")),
        ("http://a//x/../y", Redirected("/y")),
        ("/a\\..\\admin", Refused(400)),
        ("/\\evil.example", Refused(400)),
        ("/a%2fb", Refused(400)),
        ("/a%2Fb", Refused(400)),
        ("/a%5cb", Refused(400)),
        ("/a%00", Refused(400)),
        ("/a%0d%0aX:y", Refused(400)),
        ("/a%09", Refused(400)),
        ("/%", Refused(400)),
        ("/%g1", Refused(400)),
        ("/%ff", Refused(400)),
        ("/%c0%ae%c0%ae/x", Refused(400)),
        ("/..;/admin", Refused(400)),
        ("/a/..;x/admin", Refused(400)),
        ("/;/admin", Refused(400)),
        ("/a#b", Refused(400)),
        ("/a?b#c", Refused(400)),
        ("/a?\u{e9}", Refused(400)),
        ("/a?\x01", Refused(400)),
    ];
    for (target, want) in cases {
        check(
            &stand,
            target,
            format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes(),
            want,
        )
        .await;
        if let Forwarded(line) = want {
            let asked = stand.gate.asked.lock().last().unwrap().clone();
            let target = asked.path + &asked.query.map(|q| format!("?{q}")).unwrap_or_default();
            assert_eq!(format!("GET {target}"), *line, "matched and forwarded differ");
        }
    }
    for target in ["/a/../admin", "//admin", "/./a", "/a/%2e%2e/x"] {
        let post = format!("POST {target} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
        check(&stand, target, post.as_bytes(), &Refused(400)).await;
    }
    let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(8191));
    check(
        &stand,
        "8192 bytes",
        long.as_bytes(),
        &Forwarded(Box::leak(format!("GET /{}", "a".repeat(8191)).into_boxed_str())),
    )
    .await;
    let longer = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(8192));
    check(&stand, "8193 bytes", longer.as_bytes(), &Refused(414)).await;
}

/// H7: one host, agreed on by everything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h7_hosts_are_strict() {
    let stand = stand(|_| {}).await;
    let good: &[(&str, &str)] = &[
        ("a", "a"),
        ("A.Example", "a.example"),
        ("a.example.", "a.example"),
        ("a:80", "a"),
        ("127.0.0.1:8080", "127.0.0.1"),
        ("[::1]:80", "[::1]"),
    ];
    for (host, name) in good {
        check(
            &stand,
            host,
            format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes(),
            &Forwarded("GET /"),
        )
        .await;
        assert_eq!(stand.gate.asked.lock().last().unwrap().host, *name);
    }
    for host in [
        "",
        " ",
        "a b",
        "a/b",
        "a?b",
        "a#b",
        "a@b",
        "u:p@a",
        "a\\b",
        "a,b",
        "a:",
        "a:0",
        "a:99999",
        "a:8x",
        "a:80:80",
        "..",
        ".a",
        "a..b",
        "[::1",
        "::1",
        "[1.2.3.4]",
        "[::1%25lo]",
        "caf\u{e9}",
        "a%41",
        "*",
        "a;b",
        "<a>",
        "a\"",
    ] {
        check(
            &stand,
            host,
            format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes(),
            &Refused(400),
        )
        .await;
    }
    let cases: &[(&str, Want)] = &[
        ("GET / HTTP/1.1\r\n\r\n", Refused(400)),
        ("GET / HTTP/1.0\r\n\r\n", Refused(400)),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", Refused(400)),
        ("GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n", Refused(400)),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost:\r\n\r\n", Refused(400)),
        ("GET http://a/x HTTP/1.1\r\nHost: a\r\n\r\n", Forwarded("GET /x")),
        ("GET HTTP://A/x?y HTTP/1.1\r\nHost: a\r\n\r\n", Forwarded("GET /x?y")),
        ("GET http://a HTTP/1.1\r\nHost: a\r\n\r\n", Forwarded("GET /")),
        ("GET https://a/x HTTP/1.1\r\nHost: a\r\n\r\n", Forwarded("GET /x")),
        ("GET http://a/x HTTP/1.1\r\n\r\n", Forwarded("GET /x")),
        ("GET http://b/x HTTP/1.1\r\nHost: a\r\n\r\n", Refused(400)),
        ("GET http://a:81/x HTTP/1.1\r\nHost: a\r\n\r\n", Refused(400)),
        ("GET http://u@a/x HTTP/1.1\r\nHost: a\r\n\r\n", Refused(400)),
        ("GET http://a@b/x HTTP/1.1\r\nHost: a@b\r\n\r\n", Refused(400)),
        ("GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n", Refused(400)),
        ("GET http://a?x HTTP/1.1\r\nHost: a\r\n\r\n", Refused(400)),
        ("GET ftp://a/x HTTP/1.1\r\nHost: a\r\n\r\n", Refused(400)),
        ("GET a/x HTTP/1.1\r\nHost: a\r\n\r\n", Refused(400)),
        ("GET a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", Refused(400)),
        ("GET * HTTP/1.1\r\nHost: a\r\n\r\n", Refused(400)),
        ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", Refused(400)),
        ("GET \\ HTTP/1.1\r\nHost: a\r\n\r\n", Refused(400)),
    ];
    check_all(&stand, cases).await;
}

/// H7: a host that is not configured is no default room.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h7_unknown_hosts_are_misdirected() {
    let stand = stand(|s| s.hosts = stanchion::edge::Hosts::from_patterns(["shop.example", "*.wild.example"])).await;
    for (host, status) in [
        ("shop.example", 200),
        ("SHOP.example:8080", 200),
        ("a.wild.example", 200),
        ("wild.example", 421),
        ("evil.example", 421),
        ("shop.example.evil", 421),
    ] {
        let reply = once(stand.at, format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes())
            .await
            .unwrap();
        assert_eq!(reply.status, status, "{host}");
    }
}
