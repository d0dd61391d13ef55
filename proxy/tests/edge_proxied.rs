//! B4: one mechanism per listener says who the client is. Where that is the PROXY protocol it is required, of trusted
//! peers only, and no field counts; everywhere else its header is no request.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod hostile;

use hostile::client::Peer;
use hostile::{Stand, stand, stand_with};
use stanchion::edge::{EdgeSettings, ListenerSettings, Trusted};

const FROM_192: &[u8] = b"PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n";
const PLAIN: &[u8] = b"GET /ok HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

async fn proxied(adjust: impl FnOnce(&mut EdgeSettings)) -> Stand {
    let listener = ListenerSettings {
        proxy_protocol: true,
        ..ListenerSettings::default()
    };
    stand_with(listener, |settings| {
        settings.trusted_proxies = Trusted::new(vec!["127.0.0.0/8".parse().unwrap(), "10.0.0.0/8".parse().unwrap()]);
        adjust(settings);
    })
    .await
}

/// What the origin is told of the client; nothing where no request reached it.
async fn told(stand: &Stand, bytes: &[u8]) -> Option<String> {
    let mut peer = Peer::to(stand.at).await;
    peer.send(bytes).await;
    let reply = peer.reply().await;
    let seen = stand.origin.take();
    assert_eq!(reply.is_some_and(|reply| reply.status == 200), !seen.is_empty());
    seen.first().map(|seen| seen.values("x-forwarded-for").join(" | "))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b4_the_hop_says_who_it_is_and_no_field_does() {
    let stand = proxied(|_| {}).await;
    let v2 = |source: [u8; 4]| {
        let rest = [&source[..], &[198, 51, 100, 1, 0x12, 0x67, 1, 187]].concat();
        [b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c", &rest[..]].concat()
    };
    let inside = b"PROXY TCP4 10.0.0.9 198.51.100.1 4711 443\r\n";
    let unknown = b"PROXY UNKNOWN\r\n";
    let fields = |fields: &str| format!("GET /ok HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n");
    let cases: &[(&[u8], &str, &str)] = &[
        (FROM_192, "", "192.0.2.7"),
        (&v2([192, 0, 2, 8]), "", "192.0.2.8"),
        (unknown, "", "127.0.0.1"),
        (FROM_192, "X-Forwarded-For: 6.6.6.6\r\n", "192.0.2.7"),
        (FROM_192, "Forwarded: for=6.6.6.6\r\n", "192.0.2.7"),
        (FROM_192, "X-Real-IP: 6.6.6.6\r\n", "192.0.2.7"),
        (FROM_192, "CF-Connecting-IP: 6.6.6.6\r\n", "192.0.2.7"),
        (
            FROM_192,
            "True-Client-IP: 6.6.6.6\r\nX-Forwarded-For: 7.7.7.7, 127.0.0.1\r\n",
            "192.0.2.7",
        ),
        // Nor where the client is itself in a trusted network, or the hop speaks for itself.
        (inside, "X-Forwarded-For: 6.6.6.6\r\n", "10.0.0.9"),
        (&v2([10, 0, 0, 8]), "X-Forwarded-For: 6.6.6.6\r\n", "10.0.0.8"),
        (unknown, "X-Forwarded-For: 6.6.6.6\r\n", "127.0.0.1"),
    ];
    for (header, more, client) in cases {
        let sent = [header, fields(more).as_bytes()].concat();
        assert_eq!(told(&stand, &sent).await.as_deref(), Some(*client), "{header:?} {more}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b4_without_a_good_header_there_is_no_request() {
    let stand = proxied(|_| {}).await;
    let bad: &[&[u8]] = &[
        b"",
        b"proxy TCP4 192.0.2.7 198.51.100.1 4711 443\r\n",
        b"PROXY TCP4 192.0.2.256 198.51.100.1 4711 443\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\nPROXY TCP4 192.0.2.9 198.51.100.1 4711 443\r\n",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x04\x01\x02\x03\x04",
    ];
    for header in bad {
        assert_eq!(told(&stand, &[header, PLAIN].concat()).await, None, "{header:?}");
    }
    let unclean = stand
        .edge
        .stats()
        .preface_failed
        .load(std::sync::atomic::Ordering::Relaxed);
    assert!(unclean >= 6, "counted: {unclean}");
    assert_eq!(
        told(&stand, &[FROM_192, PLAIN].concat()).await.as_deref(),
        Some("192.0.2.7")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b4_a_header_from_anybody_else_is_refused() {
    let stranger =
        proxied(|settings| settings.trusted_proxies = Trusted::new(vec!["10.0.0.0/8".parse().unwrap()])).await;
    assert_eq!(
        told(&stranger, &[FROM_192, PLAIN].concat()).await,
        None,
        "nobody trusts this peer"
    );
    assert_eq!(told(&stranger, PLAIN).await, None, "nor is it served without");
    let plain = stand(|settings| settings.trusted_proxies = Trusted::new(vec!["127.0.0.0/8".parse().unwrap()])).await;
    assert_eq!(
        told(&plain, &[FROM_192, PLAIN].concat()).await,
        None,
        "this listener knows no such header"
    );
    assert_eq!(told(&plain, PLAIN).await.as_deref(), Some("127.0.0.1"));
}

/// H11: places are counted for the network of the client, not of the hop.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h11_behind_a_hop_each_network_has_its_own_places() {
    let stand = proxied(|settings| settings.connections.per_prefix = 2).await;
    let kept = b"GET /ok HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut held = Vec::new();
    for (header, served) in [
        (FROM_192, true),
        (FROM_192, true),
        (FROM_192, false),
        (b"PROXY TCP4 203.0.113.5 198.51.100.1 1 443\r\n".as_slice(), true),
    ] {
        let mut peer = Peer::to(stand.at).await;
        peer.send(&[header, kept].concat()).await;
        assert_eq!(
            peer.reply().await.is_some(),
            served,
            "{}",
            String::from_utf8_lossy(header)
        );
        held.push(peer);
    }
}
