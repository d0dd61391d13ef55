//! Time and number: what is too slow or too many is ended, what is in time is not (H9, H11). The deadlines are made short here;
//! that the defaults are the documented ones is tested beside them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod hostile;

use std::time::{Duration, Instant};

use hostile::client::{Peer, once};
use hostile::frames::{self, Fate, H2Peer};
use hostile::{Stand, stand};
use stanchion::edge::{ConnectionCaps, Deadlines, EdgeSettings, Trusted};
use tokio::io::AsyncReadExt;

const SHORT: Deadlines = Deadlines {
    head: Duration::from_millis(600),
    idle: Duration::from_millis(800),
    body_grace: Duration::from_millis(400),
    body_bytes_per_s: 1000,
    write_stall: Duration::from_millis(600),
    tls_handshake: Duration::from_millis(600),
    linger: Duration::from_millis(200),
};
/// By then whatever a short deadline ends has ended, on a busy machine too.
const SOON: Duration = Duration::from_secs(6);

fn hurry(settings: &mut EdgeSettings) {
    settings.tolerance.deadlines = SHORT;
}

/// Sends `bytes`, and then one more byte every 50 ms, until the edge closes. Gives what it said and how long it took.
async fn drip(stand: &Stand, bytes: &[u8], drop: u8) -> (Vec<u8>, Duration) {
    let mut peer = Peer::to(stand.at).await;
    peer.send(bytes).await;
    let began = Instant::now();
    loop {
        let more = tokio::time::timeout(Duration::from_millis(50), peer.tcp.read_buf(&mut peer.buf)).await;
        match more {
            Ok(Ok(0) | Err(_)) => return (peer.buf, began.elapsed()),
            Ok(Ok(_)) => {}
            Err(_) => peer.send(&[drop]).await,
        }
        assert!(began.elapsed() < SOON, "still open after {SOON:?}");
    }
}

/// Waits until no connection is left.
async fn until_empty(stand: &Stand) {
    let began = Instant::now();
    while stand.edge.open_connections() > 0 {
        assert!(
            began.elapsed() < SOON,
            "{} connections left",
            stand.edge.open_connections()
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// H9: a head that drips is answered 408, whatever it consists of.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h9_dripped_heads_are_ended() {
    let stand = stand(hurry).await;
    let heads: [(&str, u8); 4] = [
        ("G", b'G'),
        ("GET /", b'a'),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: ", b'x'),
        ("GET / HTTP/1.1\r\nHost: a\r\nX", b'x'),
    ];
    for (bytes, more) in heads {
        let (said, took) = drip(&stand, bytes.as_bytes(), more).await;
        assert!(
            said.starts_with(b"HTTP/1.1 408 "),
            "{bytes:?}: {:?}",
            String::from_utf8_lossy(&said)
        );
        assert!(
            took >= Duration::from_millis(500),
            "{bytes:?}: ended after {took:?} already"
        );
    }
    let kept = "GET /answer HTTP/1.1\r\nHost: a\r\n\r\nGET /";
    let (said, _) = drip(&stand, kept.as_bytes(), b'a').await;
    assert!(
        String::from_utf8_lossy(&said).contains("HTTP/1.1 408 "),
        "the second head has the same deadline"
    );
    assert!(stand.origin.take().is_empty());
}

/// H9: a connection that says nothing is closed without a word, a new one and a used one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h9_silent_connections_are_closed() {
    let stand = stand(hurry).await;
    let mut new = Peer::to(stand.at).await;
    assert!(new.end().await.is_empty());
    for path in ["/answer", "/x"] {
        let mut used = Peer::to(stand.at).await;
        used.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes())
            .await;
        assert_eq!(used.reply().await.unwrap().status, 200);
        let began = Instant::now();
        assert!(used.end().await.is_empty(), "{path}");
        assert!(
            began.elapsed() >= Duration::from_millis(700) && began.elapsed() < SOON,
            "{path}: {:?}",
            began.elapsed()
        );
    }
    until_empty(&stand).await;
}

/// H9: a body below the slowest rate is ended, at the origin too; one above it is not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h9_dripped_bodies_are_ended() {
    let stand = stand(hurry).await;
    for (framing, first) in [
        ("Content-Length: 100000", "x"),
        ("Transfer-Encoding: chunked", "ffff\r\nx"),
    ] {
        let (said, took) = drip(
            &stand,
            format!("POST /body HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n{first}").as_bytes(),
            b'x',
        )
        .await;
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(said.starts_with("HTTP/1.1 408 "), "{framing}: {said:?}");
        assert!(
            took >= Duration::from_millis(300),
            "{framing}: ended after {took:?} already"
        );
    }
    let mut fair = Peer::to(stand.at).await;
    fair.send(b"POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 10000\r\n\r\n")
        .await;
    for _ in 0..20 {
        fair.send(&[b'y'; 500]).await;
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    assert_eq!(fair.reply().await.unwrap().body, vec![b'y'; 10_000]);
    assert!(
        stand
            .origin
            .take()
            .iter()
            .filter(|seen| !seen.head.starts_with("BROKEN OFF"))
            .count()
            == 1
    );
}

/// H9: an answer that nobody takes ends the connection; a slow origin does not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h9_silent_readers_are_ended() {
    let stand = stand(hurry).await;
    let mut silent = Peer::to(stand.at).await;
    silent.send(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let mut other = H2Peer::to(stand.at).await;
    let request = [
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "a"),
        (":path", "/big"),
    ];
    other
        .send(&frames::frame(
            frames::HEADERS,
            frames::END_STREAM | frames::END_HEADERS,
            1,
            &frames::fields(&request),
        ))
        .await;
    until_empty(&stand).await;
    drop((silent, other));
}

/// H9: the same over HTTP/2: nothing, an unfinished head, a dripped body.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h9_http2_has_deadlines_too() {
    let stand = stand(hurry).await;
    let mut preface_only = Peer::to(stand.at).await;
    preface_only.send(frames::PREFACE).await;
    let mut half_preface = Peer::to(stand.at).await;
    half_preface.send(&frames::PREFACE[..20]).await;
    let mut idle = H2Peer::to(stand.at).await;
    let mut half_head = H2Peer::to(stand.at).await;
    half_head
        .send(&frames::frame(
            frames::HEADERS,
            0,
            1,
            &frames::fields(&[(":method", "GET")]),
        ))
        .await;
    let mut trickle = H2Peer::to(stand.at).await;
    let post = [
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", "a"),
        (":path", "/body"),
        ("content-length", "100000"),
    ];
    trickle
        .send(&frames::frame(
            frames::HEADERS,
            frames::END_HEADERS,
            1,
            &frames::fields(&post),
        ))
        .await;
    trickle.send(&frames::frame(frames::DATA, 0, 1, b"x")).await;
    let began = Instant::now();
    preface_only.end().await;
    half_preface.end().await;
    idle.until_gone().await;
    half_head.until_gone().await;
    assert!(matches!(trickle.fate(1).await, Fate::Reset | Fate::Gone));
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    drop(trickle);
    until_empty(&stand).await;
}

/// H9: hundreds of slow connections end in time, and the others are served meanwhile. `STANCHION_SLOW` sets how many.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h9_a_slow_crowd_is_outlived() {
    let crowd: usize = std::env::var("STANCHION_SLOW")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(200);
    let stand = stand(hurry).await;
    let mut peers = Vec::new();
    for n in 0..crowd {
        let mut peer = Peer::to(stand.at).await;
        let start: &[u8] = match n % 3 {
            0 => b"GET / HTTP/1.1\r\nHost: a\r\nX: ",
            1 => b"POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nx",
            _ => b"",
        };
        peer.send(start).await;
        peers.push(peer);
    }
    let began = Instant::now();
    while stand.edge.open_connections() > 0 {
        assert!(
            began.elapsed() < SOON,
            "{} of {crowd} still open",
            stand.edge.open_connections()
        );
        assert_eq!(
            once(
                stand.at,
                b"GET /answer HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
            )
            .await
            .unwrap()
            .status,
            200
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// H11: one connection too many of a network, or in all, is closed at once; a closed one makes room; trusted hops are exempt.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h11_connections_are_counted() {
    let caps = |overall, per_prefix| ConnectionCaps {
        overall: Some(overall),
        per_prefix,
    };
    for (name, overall, per_prefix, trusted, admitted) in [
        ("per prefix", 100, 5, false, 5),
        ("in all", 5, 100, false, 5),
        ("trusted", 100, 5, true, 20),
    ] {
        let stand = stand(|s| {
            s.connections = caps(overall, per_prefix);
            if trusted {
                s.trusted_proxies = Trusted::new(vec!["127.0.0.1/32".parse().unwrap()]);
            }
        })
        .await;
        let ask = b"GET /answer HTTP/1.1\r\nHost: a\r\n\r\n";
        let mut inside = Vec::new();
        for _ in 0..admitted {
            let mut peer = Peer::to(stand.at).await;
            peer.send(ask).await;
            assert_eq!(peer.reply().await.unwrap().status, 200, "{name}");
            inside.push(peer);
        }
        if trusted {
            continue;
        }
        let mut outside = Peer::to(stand.at).await;
        outside.send(ask).await;
        assert!(outside.end().await.is_empty(), "{name}: one too many was served");
        drop(inside.pop());
        let began = Instant::now();
        while stand.edge.open_connections() >= admitted {
            assert!(began.elapsed() < SOON);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(
            once(stand.at, ask).await.unwrap().status,
            200,
            "{name}: there is room again"
        );
    }
}
