//! HTTP/2 in front of the edge: exact fates of hostile frames (H2, H3, H12), and nothing left over at the origin
//! (#935).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod hostile;

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use hostile::cases2::{self, Want, Want::*};
use hostile::desync::{attack, be_served};
use hostile::frames::*;
use hostile::{Stand, stand};

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
            let whole = seen
                .iter()
                .map(|s| s.line())
                .filter(|line| !line.starts_with("BROKEN OFF"));
            assert_eq!(whole.collect::<Vec<_>>(), [line], "{name}");
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
    for (name, value, want) in cases2::FIELDS {
        check(
            &stand,
            &format!("{name:?}: {value:?}"),
            &bare(&with(&[(name, value)])),
            *want,
        )
        .await;
    }
    for (more, want) in cases2::TWO_FIELDS {
        check(&stand, &format!("{more:?}"), &bare(&with(more)), *want).await;
    }
    assert!(stand.origin.stray().is_empty());
}

/// H3, H7, H8: pseudo fields: method, host and path.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h3_pseudo_fields_are_strict() {
    let stand = stand(|_| {}).await;
    for (method, authority, path, want) in cases2::PSEUDO {
        check(
            &stand,
            &format!("{method:?} {authority:?} {path:?}"),
            &bare(&asking(method, authority, path)),
            *want,
        )
        .await;
    }
    for list in cases2::INCOMPLETE {
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

/// A POST with this length and these DATA frames.
fn post(length: Option<&str>, data: &[(&str, u8)]) -> Vec<u8> {
    let mut list = asking("POST", "a", "/body");
    list.extend(length.map(|length| ("content-length", length)));
    let mut out = frame(HEADERS, END_HEADERS, 1, &fields(&list));
    for (bytes, flags) in data {
        out.extend(frame(DATA, *flags, 1, bytes.as_bytes()));
    }
    out
}

/// H2: a body needs a length, and must keep to it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h2_bodies_need_a_length() {
    let stand = stand(|_| {}).await;
    for (length, data, want) in cases2::BODIES {
        check(&stand, &format!("{length:?} {data:?}"), &post(*length, data), *want).await;
    }
    let get = frame(HEADERS, END_HEADERS, 1, &fields(&with(&[("content-length", "5")])));
    check(
        &stand,
        "GET with body",
        &[get, frame(DATA, END_STREAM, 1, b"hello")].concat(),
        Status(400),
    )
    .await;
    for body in ["hello!", "hell"] {
        stand.origin.take();
        let mut peer = H2Peer::to(stand.at).await;
        peer.send(&post(Some("5"), &[(body, END_STREAM)])).await;
        let fate = peer.fate(1).await;
        assert!(
            matches!(fate, Fate::Reset | Fate::Gone | Fate::Status(400 | 502)),
            "{body}: {fate:?}"
        );
        let seen = stand.origin.take();
        assert!(
            seen.iter().all(|s| s.head.starts_with("BROKEN OFF")),
            "{body}: the origin saw a whole request"
        );
    }
    check(&stand, "afterwards", &bare(&with(&[])), Forwarded("GET /")).await;
    assert!(stand.origin.stray().is_empty());
}

/// H12: what a connection may not do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h12_frames_out_of_place_end_the_connection() {
    let stand = stand(|_| {}).await;
    for (name, list) in cases2::OUT_OF_PLACE {
        let bytes: Vec<u8> = list
            .iter()
            .flat_map(|(kind, flags, stream, payload)| frame(*kind, *flags, *stream, payload))
            .collect();
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
        ("pings", frame(PING, 0, 0, &[0; 8]).repeat(100_000)),
        ("settings", frame(SETTINGS, 0, 0, b"").repeat(100_000)),
        ("priorities", frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 16]).repeat(100_000)),
        ("unknown frames", frame(0xbe, 0, 0, b"").repeat(100_000)),
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

/// H12: whoever opens a hundred streams and takes nothing has a third of them served, and the rest wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h12_streams_that_take_nothing_are_few() {
    let stand = stand(|_| {}).await;
    let mut peer = H2Peer::to(stand.at).await;
    // INITIAL_WINDOW_SIZE = 0
    let mut bytes = frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
    for n in 0..100_u32 {
        let head = fields(&asking("GET", "a", "/big"));
        bytes.extend(frame(HEADERS, END_HEADERS | END_STREAM, 2 * n + 1, &head));
    }
    tokio::io::AsyncWriteExt::write_all(&mut peer.tcp, &bytes)
        .await
        .unwrap();
    let mut seen = 0;
    let served = async {
        while seen < 32 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            seen += stand.origin.take().len();
        }
    };
    tokio::time::timeout(hostile::PATIENCE, served)
        .await
        .expect("32 are served");
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    seen += stand.origin.take().len();
    assert_eq!(seen, 32, "at one time");
    check(&stand, "others", &bare(&with(&[])), Forwarded("GET /")).await;
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

/// H2: bodies without a length that end in an empty frame, from four attackers, while victims use the same origin
/// connections: no victim gets anything but its own answer. `STANCHION_VICTIMS` sets how many requests they make.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn issue_935_no_victim_gets_a_stray_answer() {
    let victims: usize = std::env::var("STANCHION_VICTIMS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(1_000);
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
