//! HTTP/2 in front of the edge: exact fates of hostile frames (H2, H3, H12), and nothing left over at the origin
//! (#935).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod hostile;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use hostile::frames::*;
use hostile::{Stand, stand};

/// What a table row expects of its one request.
#[derive(Clone, Copy, Debug)]
enum Want {
    Status(u16),
    /// The stream or the connection ends, without an answer of ours.
    Broken,
    /// 200, and the origin saw exactly this line.
    Forwarded(&'static str),
}

use Want::{Broken, Forwarded, Status};

async fn check(stand: &Stand, name: &str, frames: &[u8], want: Want) {
    stand.origin.take();
    let mut peer = H2Peer::to(stand.at).await;
    peer.send(frames).await;
    let fate = peer.fate(1).await;
    let seen = stand.origin.take();
    match want {
        Status(status) => assert!(
            fate == Fate::Status(status) && seen.is_empty(),
            "{name}: {fate:?}, {seen:?}"
        ),
        Broken => assert!(
            matches!(fate, Fate::Reset | Fate::Gone) && seen.is_empty(),
            "{name}: {fate:?}, {seen:?}"
        ),
        Forwarded(line) => {
            assert_eq!(fate, Fate::Status(200), "{name}");
            assert_eq!(seen.iter().map(|s| s.line()).collect::<Vec<_>>(), [line], "{name}");
        }
    }
}

/// One HEADERS frame with these fields, and nothing after it.
fn bare(list: &[(&str, &str)]) -> Vec<u8> {
    frame(HEADERS, END_STREAM | END_HEADERS, 1, &fields(list))
}

fn with<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut list = vec![
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "a"),
        (":path", "/"),
    ];
    list.extend(more);
    list
}

fn asking<'a>(method: &'a str, authority: &'a str, path: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        (":method", method),
        (":scheme", "http"),
        (":authority", authority),
        (":path", path),
    ]
}

/// H3: fields that are wrong, or right.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h3_fields_are_strict() {
    let stand = stand(|_| {}).await;
    let more: &[(&str, &str, Want)] = &[
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
    for (name, value, want) in more {
        check(
            &stand,
            &format!("{name:?}: {value:?}"),
            &bare(&with(&[(name, value)])),
            *want,
        )
        .await;
    }
    let two: &[(&[(&str, &str)], Want)] = &[
        (&[("host", "a"), ("host", "a")], Status(400)),
        (&[("content-length", "0"), ("content-length", "0")], Status(400)),
        (&[("content-length", "0"), ("content-length", "1")], Broken),
        (&[("x", "y"), (":path", "/late")], Broken),
        (&[("expect", "100-continue"), ("expect", "100-continue")], Status(417)),
    ];
    for (more, want) in two {
        check(&stand, &format!("{more:?}"), &bare(&with(more)), *want).await;
    }
    assert!(stand.origin.stray().is_empty());
}

/// H3, H7, H8: pseudo fields: method, host and path.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h3_pseudo_fields_are_strict() {
    let stand = stand(|_| {}).await;
    let table: &[(&str, &str, &str, Want)] = &[
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
    for (method, authority, path, want) in table {
        check(
            &stand,
            &format!("{method:?} {authority:?} {path:?}"),
            &bare(&asking(method, authority, path)),
            *want,
        )
        .await;
    }
    let missing: &[&[(&str, &str)]] = &[
        &[(":scheme", "http"), (":authority", "a"), (":path", "/")],
        &[(":method", "GET"), (":authority", "a"), (":path", "/")],
        &[(":method", "GET"), (":scheme", "http"), (":authority", "a")],
        &[("x", "y")],
        &[],
    ];
    for list in missing {
        check(&stand, &format!("{list:?}"), &bare(list), Broken).await;
    }
    let hostless = [(":method", "GET"), (":scheme", "http"), (":path", "/")];
    check(&stand, "no host at all", &bare(&hostless), Status(400)).await;
    let by_field = [(":method", "GET"), (":scheme", "http"), (":path", "/"), ("host", "a")];
    check(&stand, "host as a field", &bare(&by_field), Forwarded("GET /")).await;
    let connect = [(":method", "CONNECT"), (":authority", "a:443")];
    check(&stand, "CONNECT", &bare(&connect), Status(405)).await;
}

/// H10: sizes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h10_heads_are_bounded_here_too() {
    let stand = stand(|_| {}).await;
    let long_path = format!("/{}", "a".repeat(8192));
    check(
        &stand,
        "8193 bytes of path",
        &bare(&asking("GET", "a", &long_path)),
        Status(414),
    )
    .await;
    let names: Vec<String> = (0..101).map(|n| format!("x{n}")).collect();
    let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "y")).collect();
    check(&stand, "101 fields", &bare(&with(&many)), Status(431)).await;
    let large = "v".repeat(16_000);
    check(
        &stand,
        "17 KiB",
        &bare(&with(&[("x", &large), ("y", &"w".repeat(300))])),
        Status(431),
    )
    .await;
}

/// H2: a body needs a length, and must keep to it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h2_bodies_need_a_length() {
    let stand = stand(|_| {}).await;
    let post = |length: Option<&str>, data: &[(&[u8], u8)]| {
        let mut list = vec![
            (":method", "POST"),
            (":scheme", "http"),
            (":authority", "a"),
            (":path", "/body"),
        ];
        list.extend(length.map(|length| ("content-length", length)));
        let mut out = frame(HEADERS, END_HEADERS, 1, &fields(&list));
        for (bytes, flags) in data {
            out.extend(frame(DATA, *flags, 1, bytes));
        }
        out
    };
    check(
        &stand,
        "with length",
        &post(Some("5"), &[(b"hello", END_STREAM)]),
        Forwarded("POST /body"),
    )
    .await;
    check(
        &stand,
        "empty last frame",
        &post(Some("5"), &[(b"hello", 0), (b"", END_STREAM)]),
        Forwarded("POST /body"),
    )
    .await;
    check(
        &stand,
        "in pieces",
        &post(Some("5"), &[(b"he", 0), (b"", 0), (b"llo", END_STREAM)]),
        Forwarded("POST /body"),
    )
    .await;
    check(
        &stand,
        "none",
        &post(Some("0"), &[(b"", END_STREAM)]),
        Forwarded("POST /body"),
    )
    .await;
    check(&stand, "no length", &post(None, &[(b"hello", END_STREAM)]), Status(411)).await;
    check(
        &stand,
        "no length, empty last frame",
        &post(None, &[(b"hello", 0), (b"", END_STREAM)]),
        Status(411),
    )
    .await;
    check(
        &stand,
        "no length, only an empty frame",
        &post(None, &[(b"", END_STREAM)]),
        Status(411),
    )
    .await;
    check(
        &stand,
        "beyond the limit",
        &post(Some("1073741825"), &[(b"hello", 0)]),
        Status(413),
    )
    .await;
    check(&stand, "a list", &post(Some("5, 5"), &[(b"hello", END_STREAM)]), Broken).await;
    check(
        &stand,
        "leading zero",
        &post(Some("05"), &[(b"hello", END_STREAM)]),
        Status(400),
    )
    .await;
    let get = frame(HEADERS, END_HEADERS, 1, &fields(&with(&[("content-length", "5")])));
    check(
        &stand,
        "GET with body",
        &[get, frame(DATA, END_STREAM, 1, b"hello")].concat(),
        Status(400),
    )
    .await;
    for (name, frames) in [
        ("longer", post(Some("5"), &[(b"hello!", END_STREAM)])),
        ("shorter", post(Some("5"), &[(b"hell", END_STREAM)])),
    ] {
        stand.origin.take();
        let mut peer = H2Peer::to(stand.at).await;
        peer.send(&frames).await;
        let fate = peer.fate(1).await;
        assert!(
            matches!(fate, Fate::Reset | Fate::Gone | Fate::Status(400 | 502)),
            "{name}: {fate:?}"
        );
        assert!(
            stand.origin.take().iter().all(|s| s.head.starts_with("BROKEN OFF")),
            "{name}: the origin saw a whole request"
        );
    }
    check(&stand, "afterwards", &bare(&with(&[])), Forwarded("GET /")).await;
    assert!(stand.origin.stray().is_empty());
}

/// H12: what a connection may not do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h12_frames_out_of_place_end_the_connection() {
    let stand = stand(|_| {}).await;
    let ok = || fields(&with(&[]));
    let long = vec![0; 16_385];
    let table: Vec<(&str, Vec<u8>)> = vec![
        ("data on stream 0", frame(DATA, 0, 0, b"x")),
        (
            "headers on stream 0",
            frame(HEADERS, END_HEADERS | END_STREAM, 0, &ok()),
        ),
        (
            "headers on an even stream",
            frame(HEADERS, END_HEADERS | END_STREAM, 2, &ok()),
        ),
        ("data on an idle stream", frame(DATA, 0, 1, b"x")),
        ("a frame too long", frame(DATA, 0, 1, &long)),
        ("settings on a stream", frame(SETTINGS, 0, 1, &[])),
        ("settings of an odd size", frame(SETTINGS, 0, 0, &[0; 5])),
        ("settings ack with payload", frame(SETTINGS, 1, 0, &[0; 6])),
        (
            "window size too large",
            frame(SETTINGS, 0, 0, &[0, 4, 0xff, 0xff, 0xff, 0xff]),
        ),
        ("frame size too small", frame(SETTINGS, 0, 0, &[0, 5, 0, 0, 0, 1])),
        ("ping of an odd size", frame(PING, 0, 0, &[0; 7])),
        ("ping on a stream", frame(PING, 0, 1, &[0; 8])),
        ("window update of 0", frame(WINDOW_UPDATE, 0, 0, &[0; 4])),
        ("window update of an odd size", frame(WINDOW_UPDATE, 0, 0, &[0; 3])),
        (
            "window overflow",
            [
                frame(WINDOW_UPDATE, 0, 0, &[0x7f, 0xff, 0xff, 0xff]),
                frame(WINDOW_UPDATE, 0, 0, &[0x7f, 0xff, 0xff, 0xff]),
            ]
            .concat(),
        ),
        ("reset of an idle stream", frame(RST_STREAM, 0, 1, &[0; 4])),
        ("reset on stream 0", frame(RST_STREAM, 0, 0, &[0; 4])),
        (
            "continuation out of nowhere",
            frame(CONTINUATION, END_HEADERS, 1, &ok()),
        ),
        (
            "something between headers and continuation",
            [frame(HEADERS, END_STREAM, 1, &ok()), frame(PING, 0, 0, &[0; 8])].concat(),
        ),
        ("a push promise", frame(5, END_HEADERS, 1, &[0, 0, 0, 2])),
        (
            "an HPACK index of 0",
            frame(HEADERS, END_HEADERS | END_STREAM, 1, &[0x80]),
        ),
        (
            "an HPACK index beyond the table",
            frame(HEADERS, END_HEADERS | END_STREAM, 1, &[0xff, 0xff, 0xff, 0x7f]),
        ),
        (
            "a table resize beyond the limit",
            frame(HEADERS, END_HEADERS | END_STREAM, 1, &[0x3f, 0xff, 0xff, 0x7f]),
        ),
        (
            "padding longer than the frame",
            frame(HEADERS, END_HEADERS | END_STREAM | 8, 1, &[200, 0x82]),
        ),
        (
            "a header block cut short",
            frame(HEADERS, END_HEADERS | END_STREAM, 1, &[0x00, 0x7f]),
        ),
    ];
    for (name, bytes) in table {
        let mut peer = H2Peer::to(stand.at).await;
        peer.send(&bytes).await;
        let fate = peer.fate(1).await;
        assert!(matches!(fate, Fate::Gone | Fate::Reset), "{name}: {fate:?}");
    }
    let mut wrong = hostile::client::Peer::to(stand.at).await;
    wrong
        .send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .await;
    wrong.end().await;
    assert!(stand.origin.take().is_empty());
}

/// H12: floods end in GOAWAY or a closed connection, and others are served meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h12_floods_are_ended() {
    let stand = stand(|_| {}).await;
    let get = |stream: u32| frame(HEADERS, END_HEADERS | END_STREAM, stream, &fields(&with(&[])));
    let resets: Vec<u8> = (0..10_000u32)
        .flat_map(|n| [get(2 * n + 1), frame(RST_STREAM, 0, 2 * n + 1, &[0, 0, 0, 8])].concat())
        .collect();
    let malformed: Vec<u8> = (0..10_000u32)
        .flat_map(|n| {
            frame(
                HEADERS,
                END_HEADERS | END_STREAM,
                2 * n + 1,
                &fields(&asking("GET", "a", "/a\rb")),
            )
        })
        .collect();
    let mut continuations = frame(HEADERS, END_STREAM, 1, &fields(&with(&[])));
    continuations.extend((0..10_000).flat_map(|_| frame(CONTINUATION, 0, 1, &fields(&[("x", "y")]))));
    let mut empty = frame(
        HEADERS,
        END_HEADERS,
        1,
        &fields(&[asking("POST", "a", "/body"), vec![("content-length", "5")]].concat()),
    );
    empty.extend((0..1_000_000).flat_map(|_| frame(DATA, 0, 1, b"")));
    for (name, bytes) in [
        ("resets", resets),
        ("malformed requests", malformed),
        ("continuations", continuations),
        ("empty data", empty),
    ] {
        let mut peer = H2Peer::to(stand.at).await;
        let (mut reader, mut writer) = peer.tcp.into_split();
        let sent = tokio::spawn(async move {
            let _ = tokio::io::AsyncWriteExt::write_all(&mut writer, &bytes).await;
        });
        let mut sink = Vec::new();
        let read = tokio::io::AsyncReadExt::read_to_end(&mut reader, &mut sink);
        let ended = tokio::time::timeout(hostile::PATIENCE, read).await;
        assert!(ended.is_ok(), "{name}: the connection stays open");
        let _ = sent.await;
        check(&stand, name, &get(1), Forwarded("GET /")).await;
        peer = H2Peer::to(stand.at).await;
        drop(peer);
    }
    assert!(stand.origin.stray().is_empty());
}

/// Several cookie crumbs become one field; the gate sees the same request as over HTTP/1.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t6_crumbs_are_joined() {
    let stand = stand(|_| {}).await;
    let list = with(&[
        ("cookie", "a=1"),
        ("cookie", "ours=t"),
        ("cookie", "b=2"),
        ("stanchion-pass", "forged"),
        ("x_y", "z"),
    ]);
    check(&stand, "crumbs", &bare(&list), Forwarded("GET /")).await;
    stand.origin.take();
    let mut peer = H2Peer::to(stand.at).await;
    peer.send(&bare(&list)).await;
    assert_eq!(peer.fate(1).await, Fate::Status(200));
    let seen = stand.origin.take();
    assert_eq!(
        (seen[0].values("cookie"), seen[0].values("stanchion-pass")),
        (vec!["a=1; b=2"], vec!["the.real.pass"])
    );
    assert_eq!((seen[0].values("host"), seen[0].values("x_y").len()), (vec!["a"], 0));
}

/// A client of the `h2` crate on a connection of its own.
async fn client(at: SocketAddr) -> h2::client::SendRequest<Bytes> {
    let tcp = tokio::net::TcpStream::connect(at).await.unwrap();
    let (client, connection) = h2::client::handshake(tcp).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn exchange(
    client: &mut h2::client::SendRequest<Bytes>,
    method: &str,
    path: &str,
    body: Option<&[&'static [u8]]>,
    length: bool,
) -> Option<(u16, Vec<u8>)> {
    let mut request = http::Request::builder().method(method).uri(format!("http://a{path}"));
    if let (Some(parts), true) = (body, length) {
        request = request.header("content-length", parts.iter().map(|p| p.len()).sum::<usize>());
    }
    *client = client.clone().ready().await.ok()?;
    let (response, mut stream) = client.send_request(request.body(()).unwrap(), body.is_none()).ok()?;
    if let Some(parts) = body {
        for part in parts {
            let _ = stream.send_data(Bytes::from_static(part), false);
        }
        let _ = stream.send_data(Bytes::new(), true);
    }
    let response = response.await.ok()?;
    let status = response.status().as_u16();
    let (mut body, mut all) = (response.into_body(), Vec::new());
    while let Some(Ok(bytes)) = body.data().await {
        let _ = body.flow_control().release_capacity(bytes.len());
        all.extend_from_slice(&bytes);
    }
    Some((status, all))
}

/// H2: bodies without a length that end in an empty frame, from four attackers, while victims use the same origin
/// connections: no victim gets anything but its own answer. `STANCHION_VICTIMS` sets how many requests they make.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn issue_935_no_victim_gets_a_stray_answer() {
    let victims: usize = std::env::var("STANCHION_VICTIMS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(2_000);
    let stand = Arc::new(stand(|_| {}).await);
    let left = Arc::new(AtomicUsize::new(victims));
    let attackers: Vec<_> = (0..4)
        .map(|n| tokio::spawn(attack(stand.clone(), left.clone(), n)))
        .collect();
    let served: Vec<_> = (0..4)
        .map(|n| tokio::spawn(be_served(stand.clone(), left.clone(), n)))
        .collect();
    let mut right = 0;
    for task in served {
        right += task.await.unwrap();
    }
    let mut refused = 0;
    for task in attackers {
        refused += task.await.unwrap();
    }
    assert_eq!(right, victims, "wrong answers: {}", victims - right);
    assert!(refused > 10, "the attack took place: {refused}");
    assert!(
        stand.origin.stray().is_empty(),
        "stray bytes: {:?}",
        String::from_utf8_lossy(&stand.origin.stray())
    );
}

/// Attacks until the victims are through; counts refusals. With a length, the same body is let through: harmless, by
/// now.
async fn attack(stand: Arc<Stand>, left: Arc<AtomicUsize>, n: usize) -> usize {
    let mut refused = 0;
    let mut attacker = client(stand.at).await;
    while left.load(Ordering::Relaxed) > 0 {
        let path = format!("/attack{n}");
        match exchange(&mut attacker, "POST", &path, Some(&[b"x", b""]), refused % 4 == 3).await {
            Some((411, _)) => refused += 1,
            Some((200, _)) => refused += 1,
            Some(other) => panic!("an attack was answered {other:?}"),
            None => attacker = client(stand.at).await,
        }
    }
    refused
}

/// Makes requests that only their own answer fits; counts the right ones.
async fn be_served(stand: Arc<Stand>, left: Arc<AtomicUsize>, n: usize) -> usize {
    let mut right = 0;
    let mut victim = client(stand.at).await;
    loop {
        let ours = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        let Ok(number) = ours else { return right };
        let path = format!("/who?victim={n}.{number}");
        let (status, body) = exchange(&mut victim, "GET", &path, None, false)
            .await
            .expect("a victim was cut off");
        let expected = format!("GET {path} HTTP/1.1\r\n");
        right += usize::from(status == 200 && body.starts_with(expected.as_bytes()));
    }
}
