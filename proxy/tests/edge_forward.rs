//! Forwarding: what the origin sees and what it does not, what comes back, and what happens when it fails (B4, F17,
//! H4–H6, H15, T6).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod hostile;

use hostile::client::{Peer, Reply, once};
use hostile::gate::session;
use hostile::origin::Seen;
use hostile::{Stand, spoofs, stand};
use stanchion::edge::Trusted;
use stanchion::edge::gate::OriginCommand;

/// Sends a GET with these extra fields; gives the reply and what the origin saw.
async fn get(stand: &Stand, path: &str, fields: &str) -> (Reply, Vec<Seen>) {
    stand.origin.take();
    let reply = once(
        stand.at,
        format!("GET {path} HTTP/1.1\r\nHost: shop.example:81\r\n{fields}\r\n").as_bytes(),
    )
    .await;
    (reply.unwrap(), stand.origin.take())
}

/// The origin gets the edge's word on identity and address, and nobody else's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h6_only_the_edge_says_who_it_is() {
    let stand = stand(|_| {}).await;
    let (_, seen) = get(&stand, "/", "").await;
    let expect = [
        ("host", "shop.example:81"),
        ("stanchion-pass", "the.real.pass"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", "shop.example:81"),
    ];
    for (name, value) in expect {
        assert_eq!(seen[0].values(name), [value], "{name}");
    }
    assert_eq!(seen[0].values("x-request-id")[0].len(), 24);
    for name in spoofs::SPOOFED {
        let (reply, seen) = get(
            &stand,
            "/",
            &format!("{name}: evil\r\n{name}: eviler\r\nX-Kept: yes\r\n"),
        )
        .await;
        assert_eq!(reply.status, 200, "{name}");
        assert!(
            !seen[0].head.contains("evil"),
            "{name} reached the origin:\n{}",
            seen[0].head
        );
        assert_eq!(seen[0].values("x-kept"), ["yes"], "{name}");
        assert_eq!(seen[0].values("stanchion-pass"), ["the.real.pass"], "{name}");
    }
    let (_, seen) = get(&stand, "/bare", "Stanchion-Pass: forged\r\n").await;
    assert!(
        seen[0].values("stanchion-pass").is_empty(),
        "no pass, and certainly not the client's"
    );
}

/// H6: what only the edge may say comes last; what the client said goes before it, once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h6_the_edge_has_the_last_word() {
    let stand = stand(|_| {}).await;
    let fields = "X-ONE:1\r\nx-Forwarded-FOR: 6.6.6.6\r\nCookie: a=1\r\nx-two: \t2 \r\ncookie: ours=x; b=2\r\n";
    let (_, seen) = get(&stand, "/p?q=1", fields).await;
    let lines: Vec<&str> = seen[0].head.trim_end().lines().collect();
    let (theirs, ours) = lines.split_at(5);
    let mut theirs = theirs.to_vec();
    theirs[1..].sort_unstable();
    let told = [
        "GET /p?q=1 HTTP/1.1",
        "Host: shop.example:81",
        "cookie: a=1; b=2",
        "x-one: 1",
        "x-two: 2",
    ];
    assert_eq!(theirs, told, "{}", seen[0].head);
    let names: Vec<&str> = ours.iter().filter_map(|line| line.split(':').next()).collect();
    let last = [
        "x-forwarded-host",
        "x-forwarded-for",
        "x-forwarded-proto",
        "x-request-id",
        "stanchion-pass",
    ];
    assert_eq!(names, last, "{}", seen[0].head);
}

/// H5: a nomination removes nothing; it is refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h5_nominations_are_refused() {
    let stand = stand(|_| {}).await;
    for value in spoofs::NOMINATIONS {
        let (reply, seen) = get(&stand, "/", &format!("Cookie: a=1\r\nConnection: {value}\r\n")).await;
        assert_eq!((reply.status, seen.len()), (400, 0), "{value}");
    }
    for value in [
        "close",
        "keep-alive",
        "Keep-Alive, TE",
        "upgrade",
        "close,,",
        "\tclose\t",
    ] {
        let (reply, seen) = get(
            &stand,
            "/",
            &format!("Cookie: a=1\r\nConnection: {value}\r\nTE: trailers\r\n"),
        )
        .await;
        assert_eq!((reply.status, seen[0].values("cookie")), (200, vec!["a=1"]), "{value}");
        assert!(
            seen[0].values("te").is_empty() && seen[0].values("connection").is_empty(),
            "{value}"
        );
    }
}

/// T6: cookies arrive in one field, without ours.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t6_cookies_arrive_joined_and_without_ours() {
    let stand = stand(|_| {}).await;
    let table: &[(&str, &[&str])] = &[
        ("", &[]),
        ("Cookie: a=1\r\n", &["a=1"]),
        ("Cookie: a=1\r\nCookie: b=2\r\n", &["a=1; b=2"]),
        ("Cookie: ours=t\r\n", &[]),
        ("Cookie: a=1; ours=t; b=2\r\ncookie: ours=u\r\n", &["a=1; b=2"]),
        ("Cookie: a=\"ours=t\"\r\n", &["a=\"ours=t\""]),
    ];
    for (fields, want) in table {
        let (_, seen) = get(&stand, "/", fields).await;
        assert_eq!(seen[0].values("cookie"), *want, "{fields:?}");
    }
    let many: String = (0..180).map(|n| format!("c{n}=v; ")).collect();
    let (_, seen) = get(&stand, "/", &format!("Cookie: {many}ours=t\r\n")).await;
    assert_eq!(seen[0].values("cookie"), [many.trim_end_matches("; ")]);
}

/// B4: the address the gate and the origin are told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b4_the_client_is_who_trusted_hops_say() {
    let untrusting = stand(|_| {}).await;
    let trusting = stand(|s| s.trusted_proxies = Trusted::new(vec!["127.0.0.0/8".parse().unwrap()])).await;
    let table = [
        ("X-Forwarded-For: 1.2.3.4\r\n", "1.2.3.4"),
        ("X-Forwarded-For: 6.6.6.6, 1.2.3.4, 127.0.0.9\r\n", "1.2.3.4"),
        ("X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 1.2.3.4\r\n", "1.2.3.4"),
        ("X-Forwarded-For: 1.2.3.4, unknown\r\n", "127.0.0.1"),
        ("X_Forwarded_For: 1.2.3.4\r\n", "127.0.0.1"),
        ("Forwarded: for=1.2.3.4\r\n", "127.0.0.1"),
        ("X-Real-IP: 1.2.3.4\r\n", "127.0.0.1"),
        ("CF-Connecting-IP: 1.2.3.4\r\n", "127.0.0.1"),
        ("X-Forwarded-For: 2001:db8::1\r\n", "2001:db8::1"),
    ];
    for (fields, client) in table {
        for (stand, client) in [(&trusting, client), (&untrusting, "127.0.0.1")] {
            let (_, seen) = get(stand, "/", fields).await;
            assert_eq!(stand.gate.asked.lock().last().unwrap().client, client, "{fields:?}");
            assert_eq!(seen[0].values("x-forwarded-for"), [client], "{fields:?}");
        }
    }
}

/// One connection, many requests: each is judged, whoever answers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h1_a_kept_connection_is_judged_request_by_request() {
    let stand = stand(|_| {}).await;
    let mut peer = Peer::to(stand.at).await;
    for round in 0..20 {
        for (bytes, body) in [
            ("GET /answer HTTP/1.1\r\nHost: a\r\n\r\n", "waiting"),
            ("GET /x HTTP/1.1\r\nHost: a\r\n\r\n", "hello"),
            (
                "POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nping",
                "ping",
            ),
            (
                "POST /answer HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nping",
                "waiting",
            ),
            (
                "POST /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\npi\r\n2\r\nng\r\n0\r\n\r\n",
                "ping",
            ),
        ] {
            peer.send(bytes.as_bytes()).await;
            let reply = peer
                .reply()
                .await
                .unwrap_or_else(|| panic!("round {round}: closed at {bytes:?}"));
            assert_eq!(
                (reply.status, reply.text().as_str()),
                (200, body),
                "round {round}: {bytes:?}"
            );
            assert!(!reply.closes(), "round {round}: {bytes:?}");
        }
    }
    peer.send(b"HEAD /answer HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let head = peer.head_reply().await.unwrap();
    assert_eq!((head.value("content-length"), head.closes()), ("7", false));
    peer.send(b"GET /x HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n").await;
    assert_eq!(
        peer.reply().await.unwrap().status,
        400,
        "the hundred-and-first is judged like the first"
    );
    assert!(peer.end().await.is_empty());
}

/// Pipelined requests are answered in order, and bytes of the next never become a body of the last.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h1_pipelined_requests_keep_their_order() {
    let stand = stand(|_| {}).await;
    let mut all = String::new();
    for n in 0..50 {
        all += &format!("POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n{n:03}");
        all += "GET /answer HTTP/1.1\r\nHost: a\r\n\r\n";
    }
    let mut peer = Peer::to(stand.at).await;
    peer.send(all.as_bytes()).await;
    for n in 0..50 {
        assert_eq!(peer.reply().await.expect("closed early").text(), format!("{n:03}"));
        assert_eq!(peer.reply().await.expect("closed early").text(), "waiting");
    }
    assert!(stand.origin.stray().is_empty());
}

/// An answer while the body is still on its way closes the connection, and the client gets to read it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_early_answer_is_read_in_spite_of_the_body() {
    let stand = stand(|_| {}).await;
    for path in ["/answer", "/early", "/early-bare", "/answer-close"] {
        let mut peer = Peer::to(stand.at).await;
        peer.send(format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n").as_bytes())
            .await;
        peer.send(&[b'x'; 100_000]).await;
        let reply = peer.reply().await.unwrap_or_else(|| panic!("{path}: no answer"));
        assert!(reply.closes() && matches!(reply.status, 200 | 413), "{path}: {reply:?}");
        peer.end().await;
    }
}

/// The origin's commands reach the gate, and nobody else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_origins_command_is_carried_out_and_not_shown() {
    let stand = stand(|_| {}).await;
    for (path, command) in [
        ("/release", Some(OriginCommand::Release)),
        ("/revoke", Some(OriginCommand::Revoke)),
        ("/nonsense", None),
    ] {
        let (reply, _) = get(&stand, path, "").await;
        assert!(
            !reply.head.to_lowercase().contains("command") && !reply.head.contains("Stanchion-Other"),
            "{path}: {}",
            reply.head
        );
        let cookies = reply.values("set-cookie");
        assert_eq!(
            stand.gate.commands.lock().pop(),
            command.map(|command| (session(), command)),
            "{path}"
        );
        let expect = if command.is_some() {
            vec!["ours=new; Path=/", "ours=; Max-Age=0"]
        } else {
            vec!["ours=new; Path=/"]
        };
        assert_eq!(cookies, expect, "{path}");
        assert_eq!(reply.value("stanchion-place"), "kept", "what the gate adds is kept");
    }
    let (reply, _) = get(&stand, "/trailers", "").await;
    assert!(
        reply.text().contains("hello") && !reply.text().contains("Command"),
        "{:?}",
        reply.text()
    );
    assert!(stand.gate.commands.lock().is_empty(), "a trailer is no command");
}

/// H14: an answer that carries somebody's cookies is for no cache, whatever the origin says; others are left alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h14_a_pass_is_never_cached_on_its_way() {
    let stand = stand(|_| {}).await;
    let (reply, _) = get(&stand, "/cached", "").await;
    assert_eq!(reply.values("cache-control"), ["no-store, private"], "{}", reply.head);
    assert!(reply.values("expires").is_empty(), "{}", reply.head);
    let (reply, _) = get(&stand, "/bare", "").await;
    assert_eq!(reply.values("cache-control"), ["public, max-age=600"], "{}", reply.head);
    assert_eq!(reply.values("expires").len(), 1, "{}", reply.head);
}

/// H4: an upgrade happens only where the gate allows it, and only after the origin's 101.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h4_upgrades_are_denied_unless_allowed() {
    let stand = stand(|_| {}).await;
    let ask = |path: &str, upgrade: &str| {
        format!(
            "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: {upgrade}\r\nSec-WebSocket-Key: x\r\n\r\n"
        )
    };
    for (path, upgrade) in [
        ("/x", "websocket"),
        ("/x", "h2c"),
        ("/open/x", "h2c"),
        ("/open/x", "websocket, h2c"),
    ] {
        let reply = once(stand.at, ask(path, upgrade).as_bytes()).await.unwrap();
        let seen = stand.origin.take();
        assert_eq!(reply.status, 200, "{path} {upgrade}");
        assert!(
            seen[0].values("upgrade").is_empty() && seen[0].values("connection").is_empty(),
            "{path} {upgrade}"
        );
    }
    for round in 0..50 {
        let mut peer = Peer::to(stand.at).await;
        peer.send(ask("/open/switch", "websocket").as_bytes()).await;
        assert_eq!(peer.reply().await.unwrap().status, 101, "tunnel {round}");
        assert_eq!(stand.origin.take()[0].values("upgrade"), ["websocket"]);
        peer.send(b"ping").await;
        assert_eq!(
            peer.bytes(4).await,
            b"ping",
            "tunnel {round} works both ways however soon the 101 came"
        );
    }

    let mut forced = Peer::to(stand.at).await;
    forced.send(ask("/switch", "websocket").as_bytes()).await;
    let reply = forced.reply().await;
    assert!(
        reply.is_none_or(|r| r.status == 502),
        "a 101 nobody asked for opens no tunnel"
    );

    let mut early = Peer::to(stand.at).await;
    early
        .send(
            format!(
                "{}GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
                ask("/open/x", "websocket")
            )
            .as_bytes(),
        )
        .await;
    early.reply().await;
    early.end().await;
    assert!(stand.origin.take().iter().all(|seen| !seen.line().contains("smuggled")));
    assert!(stand.origin.stray().is_empty());
}

/// F17: a panic in the gate costs one request, whoever panics.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f17_a_panic_costs_one_request() {
    let stand = stand(|_| {}).await;
    for _ in 0..3 {
        let (reply, seen) = get(&stand, "/panic", "").await;
        assert_eq!((reply.status, seen.len()), (500, 0));
        assert_eq!(get(&stand, "/fine", "").await.0.status, 200);
    }
    let (reply, _) = get(&stand, "/nowhere", "").await;
    assert_eq!(reply.status, 502, "an origin nobody configured");
    assert_eq!(stand.edge.stats().panics.load(std::sync::atomic::Ordering::Relaxed), 3);
}
