//! When the origin fails, and when the settings change under way (H15).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod hostile;

use std::time::{Duration, Instant};

use hostile::client::{Peer, once};
use hostile::stand;
use stanchion::edge::OriginSettings;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// H15: a failing origin gives a page in time, and is not asked twice for what may not be done twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h15_a_failing_origin_gives_a_page_in_time() {
    let stand = stand(|s| s.origins[0].read_timeout = Duration::from_millis(300)).await;
    for (path, status) in [("/silent", 504), ("/hangup", 502), ("/garbage", 502)] {
        for method in ["GET", "POST"] {
            stand.origin.take();
            let began = Instant::now();
            let bytes = format!("{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
            let reply = once(stand.at, bytes.as_bytes()).await.unwrap();
            assert_eq!(reply.status, status, "{method} {path}");
            assert_eq!(
                (reply.values("set-cookie"), reply.value("stanchion-place")),
                (vec!["ours=new; Path=/"], "kept"),
                "{method} {path}: whoever was let in just now keeps their session"
            );
            assert!(
                reply.text().contains(&format!("at {path}")),
                "the page knows the place: {}",
                reply.text()
            );
            assert!(
                began.elapsed() < Duration::from_secs(3),
                "{method} {path} took {:?}",
                began.elapsed()
            );
            if method == "POST" {
                assert_eq!(stand.origin.take().len(), 1, "{path}: a POST is sent once");
            }
            // A success closes the breaker again.
            assert_eq!(
                once(stand.at, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                    .await
                    .unwrap()
                    .status,
                200
            );
        }
    }
    let reply = once(stand.at, b"GET /cut HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(
        reply.is_none(),
        "an answer that breaks off breaks off here too: {reply:?}"
    );
}

/// H15: with one server of two dead, nobody notices; with all dead, the answer comes at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h15_a_dead_server_is_passed_over() {
    let dead = || hostile::socket().local_addr().unwrap().to_string();
    let (one, two) = (dead(), dead());
    let stand = stand(|s| {
        s.origins[0].servers.push(one);
        s.origins.push(OriginSettings::new("other", vec![two]));
    })
    .await;
    for n in 0..20 {
        let bytes = format!("POST /{n} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
        assert_eq!(
            once(stand.at, bytes.as_bytes()).await.unwrap().status,
            200,
            "request {n}"
        );
    }
    assert_eq!(stand.origin.take().len(), 20, "each arrived once");
    assert_eq!(
        stand.edge.origin_health(),
        [("o".to_string(), 1, 2), ("other".to_string(), 1, 1)]
    );
    for _ in 0..5 {
        let began = Instant::now();
        assert_eq!(
            once(stand.at, b"GET /other/x HTTP/1.1\r\nHost: a\r\n\r\n")
                .await
                .unwrap()
                .status,
            502
        );
        assert!(began.elapsed() < Duration::from_secs(1));
    }
    assert_eq!(
        stand.edge.origin_health()[1],
        ("other".to_string(), 0, 1),
        "its breaker is open"
    );
}

/// The lines of the log that this thread's runtime writes.
#[derive(Clone, Default)]
struct Log(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn lines_with(&self, words: &str) -> Vec<String> {
        let text = String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned();
        text.lines()
            .filter(|line| line.contains(words))
            .map(str::to_owned)
            .collect()
    }
}

/// H15: an operator reads once that a server fails, which one and why, and once that it works again.
#[tokio::test]
async fn h15_a_failing_server_is_in_the_log_once() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || writer.clone());
    let _guard = tracing::subscriber::set_default(subscriber.finish());
    let spare = hostile::socket().local_addr().unwrap();
    let stand = stand(|s| s.origins.push(OriginSettings::new("other", vec![spare.to_string()]))).await;
    let ask = b"GET /other/x HTTP/1.1\r\nHost: a\r\n\r\n";
    let until = Instant::now() + hostile::PATIENCE;
    while log.lines_with("an origin's server fails").is_empty() {
        assert!(Instant::now() < until, "no line");
        once(stand.at, ask).await.unwrap();
        // Another test's thread may have found that nobody listens; it is asked anew.
        tracing::callsite::rebuild_interest_cache();
    }
    for _ in 0..20 {
        assert_eq!(once(stand.at, ask).await.unwrap().status, 502);
    }
    let lines = log.lines_with("an origin's server fails");
    assert_eq!(lines.len(), 1, "{lines:?}");
    let place = format!("origin=\"other\" server=\"{spare}\"");
    for words in ["WARN", &place, "it refuses connections"] {
        assert!(lines[0].contains(words), "{words} is missing from {}", lines[0]);
    }
    let back = tokio::net::TcpListener::bind(spare).await.unwrap();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = back.accept().await {
            let _ = client.read(&mut [0; 1024]).await;
            let _ = client.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
        }
    });
    while log.lines_with("works again").is_empty() {
        assert!(Instant::now() < until, "no line");
        once(stand.at, ask).await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(log.lines_with("works again").len(), 1);
    assert!(log.lines_with("works again")[0].contains(&place));
}

/// Settings and origins can be replaced while it runs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_are_replaced_while_it_runs() {
    let stand = stand(|_| {}).await;
    let mut peer = Peer::to(stand.at).await;
    let ask = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    peer.send(ask).await;
    assert_eq!(peer.reply().await.unwrap().status, 200);
    let elsewhere = hostile::StrictOrigin::start().await;
    let origins = vec![OriginSettings::new("o", vec![elsewhere.address.to_string()])];
    stand
        .edge
        .replace(stanchion::edge::EdgeSettings {
            origins,
            ..Default::default()
        })
        .await;
    stand.origin.take();
    peer.send(ask).await;
    assert_eq!(peer.reply().await.unwrap().status, 200);
    assert_eq!(
        (stand.origin.take().len(), elsewhere.take().len()),
        (0, 1),
        "the open connection follows"
    );
    stand
        .edge
        .replace(stanchion::edge::EdgeSettings {
            hosts: stanchion::edge::Hosts::from_patterns(["b"]),
            ..Default::default()
        })
        .await;
    peer.send(ask).await;
    assert_eq!(peer.reply().await.unwrap().status, 421);
}

/// An origin may be called by a name of its own; what the visitor called it is passed on beside that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_origin_may_have_a_name_of_its_own() {
    let stand = stand(|s| s.origins[0].host_header = Some(http::HeaderValue::from_static("inner.example"))).await;
    once(stand.at, b"GET /x HTTP/1.1\r\nHost: outer.example:81\r\n\r\n")
        .await
        .unwrap();
    let mut two = hostile::frames::H2Peer::to(stand.at).await;
    let request = [
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "outer.example:81"),
        (":path", "/x"),
    ];
    two.send(&hostile::frames::frame(1, 5, 1, &hostile::frames::fields(&request)))
        .await;
    assert_eq!(two.fate(1).await, hostile::frames::Fate::Status(200));
    for seen in stand.origin.take() {
        assert_eq!(
            (seen.values("host"), seen.values("x-forwarded-host")),
            (vec!["inner.example"], vec!["outer.example:81"])
        );
    }
}

/// H13: a process that holds all the memory it may forwards nothing and keeps no connection, and still answers itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h13_short_of_memory_the_waiting_page_is_served_on() {
    let stand = stand(|settings| settings.max_memory = Some(1)).await;
    let mut peer = Peer::to(stand.at).await;
    peer.send(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let reply = peer.reply().await.unwrap();
    assert_eq!(
        (reply.status, reply.values("retry-after")),
        (503, vec!["5"]),
        "{}",
        reply.head
    );
    assert!(stand.origin.take().is_empty());
    let mut peer = Peer::to(stand.at).await;
    peer.send(b"GET /answer HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let reply = peer.reply().await.unwrap();
    assert!(reply.status == 200 && reply.closes(), "{}", reply.head);
}

/// Where a room allows it, a stream of events may be silent for longer than other answers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn event_streams_may_be_silent_where_they_are_allowed() {
    let stand = stand(|settings| settings.origins[0].read_timeout = Duration::from_millis(300)).await;
    for (path, accept, whole) in [
        ("/open/events", "text/event-stream", true),
        ("/open/events", "*/*", false),
        ("/events", "text/event-stream", false),
    ] {
        let mut peer = Peer::to(stand.at).await;
        peer.send(
            format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAccept: {accept}\r\n\r\n").as_bytes(),
        )
        .await;
        let all = String::from_utf8(peer.end().await).unwrap();
        assert!(all.contains("data: one"), "{path} {accept}: {all}");
        assert_eq!(all.contains("data: two"), whole, "{path} {accept}: {all}");
    }
}
