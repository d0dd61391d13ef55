//! HTTP/1 in front of the edge: exact verdicts on hostile bytes, and what the origin got (H1, H5–H8, H16, B4).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod hostile;

use hostile::cases::{self, Want, Want::*};
use hostile::client::{Peer, once};
use hostile::{Stand, stand};

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
    check_all(&stand, cases::SYNTAX).await;
}

/// H1: where a body ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h1_framing_is_plain_or_refused() {
    let stand = stand(|_| {}).await;
    for (rest, want) in cases::FRAMING {
        let bytes = format!("POST /p HTTP/1.1\r\nHost: a\r\n{rest}");
        check(&stand, &rest.escape_debug().to_string(), bytes.as_bytes(), want).await;
    }
    check_all(&stand, cases::BODIES).await;
}

/// H1: a chunked body that breaks the rules on its way is cut off; the connection to the origin is not used again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h1_a_broken_chunk_ends_the_request() {
    let stand = stand(|_| {}).await;
    let long_zeros = "0".repeat(17);
    let extension = format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(100_000));
    let bodies = cases::CHUNKS.iter().copied().chain([&*long_zeros, &*extension]);
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
    for (target, want) in cases::PATHS {
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
    for host in cases::BAD_HOSTS {
        check(
            &stand,
            host,
            format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes(),
            &Refused(400),
        )
        .await;
    }
    check_all(&stand, cases::TARGETS).await;
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
