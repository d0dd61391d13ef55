//! What a proxy tells of a visitor's request: once and clearly, or there is no yes. B4, H5, H6, H7, H8.

use crate::asking::{Asking, networks, service, service_with};
use crate::hostile::Stand;
use crate::hostile::client::{Peer, once};

/// The gate was not asked, the answer names the fault, and it is a plain 400.
async fn is_a_fault(stand: &Stand, asking: &Asking, reason: &str) {
    let reply = asking.put(stand.at).await;
    assert_eq!(reply.status, 400, "{asking:?}");
    assert_eq!(reply.value("stanchion-reason"), reason, "{asking:?}");
    assert!(stand.gate.asked.lock().is_empty(), "{asking:?}");
    assert_eq!(stand.origin.take().len(), 0, "nothing is ever forwarded");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_part_is_told_once_or_there_is_no_answer() {
    let stand = service().await;
    for asking in Asking::of_each_kind("/ok") {
        // Where it is not one of the parts, `Host` is the service's own.
        let parts = asking
            .names()
            .into_iter()
            .filter(|name| name != "Host" || asking.target == "/envoy/ok");
        for part in parts {
            let name = part.to_lowercase();
            is_a_fault(&stand, &asking.clone().without(&part), &format!("{name} is missing")).await;
            for second in ["192.0.2.7", "/other", "GET", "https", "shop.example"] {
                let twice = asking.clone().with(&part, second);
                is_a_fault(&stand, &twice, &format!("{name} is there more than once")).await;
            }
        }
    }
}

/// Fields, and what they cannot hold.
const UNMEANT: &[(&str, &[&str])] = &[
    (
        "X-Real-IP",
        &[
            "",
            "unknown",
            "unix:",
            "192.0.2.7:80",
            "192.0.2.7, 10.0.0.1",
            "192.0.2.07",
            "[::1]",
            "a",
        ],
    ),
    (
        "X-Forwarded-For",
        &[
            "",
            "unknown",
            "192.0.2.7, unknown",
            "192.0.2.7,",
            "_hidden",
            "fe80::1%eth0",
        ],
    ),
    ("X-Forwarded-Proto", &["", "HTTPS", "https, http", "h2", "ftp"]),
    ("X-Original-Method", &["", "GET POST", "G(T", "GET,POST"]),
    ("X-Forwarded-Method", &["", "GET POST", "G(T", "GET,POST"]),
    (
        "X-Original-URI",
        &[
            "",
            "ok",
            "*",
            "?a",
            "http://shop.example/ok",
            "https://evil.example/",
            "\\ok",
        ],
    ),
    (
        "X-Forwarded-Uri",
        &[
            "",
            "ok",
            "*",
            "?a",
            "http://shop.example/ok",
            "https://evil.example/",
            "\\ok",
        ],
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_meant_is_not_guessed() {
    let stand = service().await;
    let mut tried = 0;
    for asking in Asking::of_each_kind("/ok") {
        for (part, values) in UNMEANT
            .iter()
            .filter(|(part, _)| asking.names().iter().any(|name| name == part))
        {
            for value in *values {
                let reason = format!("{} is not valid", part.to_lowercase());
                is_a_fault(&stand, &asking.clone().but(part, value), &reason).await;
                tried += 1;
            }
        }
    }
    assert!(tried > 80, "{tried}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_is_nothing_at_other_addresses() {
    let stand = service().await;
    for target in [
        "/",
        "/nginx/",
        "/envoy",
        "/envoyx/ok",
        "/forward-auth/x",
        "/NGINX",
        "//nginx",
        "/x/../nginx",
    ] {
        let asking = Asking {
            target: target.to_owned(),
            ..Asking::nginx("/nginx", "/ok")
        };
        is_a_fault(&stand, &asking, "the decision service has nothing at this address").await;
    }
}

/// Whatever else a visitor writes is not what the proxy tells. One mechanism for each kind of proxy.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b4_other_fields_do_not_count() {
    let stand = service().await;
    let spoofs = [
        ("X-Forwarded-For", "6.6.6.6"),
        ("X-Real-IP", "6.6.6.6"),
        ("Forwarded", "for=6.6.6.6;host=evil.example;proto=http"),
        ("CF-Connecting-IP", "6.6.6.6"),
        ("True-Client-IP", "6.6.6.6"),
        ("X-Envoy-External-Address", "6.6.6.6"),
        ("X-Forwarded-Host", "evil.example"),
        ("X-Original-Host", "evil.example"),
        ("X-Forwarded-Uri", "/evil"),
        ("X-Original-URI", "/evil"),
        ("X-Original-URL", "/evil"),
        ("X-Rewrite-URL", "/evil"),
        ("X-Forwarded-Method", "DELETE"),
        ("X-Original-Method", "DELETE"),
        ("X-HTTP-Method-Override", "DELETE"),
        ("X-Forwarded-Prefix", "/evil"),
        ("X-Envoy-Original-Path", "/evil"),
        ("Connection", "keep-alive, Cookie"),
        ("x_real_ip", "6.6.6.6"),
    ];
    for asking in Asking::of_each_kind("/ok?q=1") {
        for (name, value) in spoofs {
            if asking.names().iter().any(|known| known == name) {
                continue;
            }
            let reply = asking.clone().with(name, value).put(stand.at).await;
            assert!(reply.status < 400, "{asking:?} {name}: {}", reply.status);
            let asked = stand.gate.asked.lock().pop().unwrap();
            let seen = (
                &*asked.method,
                &*asked.host,
                &*asked.path,
                asked.query.as_deref(),
                &*asked.client,
                asked.tls,
            );
            assert_eq!(
                seen,
                ("GET", "shop.example", "/ok", Some("q=1"), "192.0.2.7", true),
                "{asking:?} {name}"
            );
        }
    }
}

/// `X-Forwarded-For` is read from the right: what the proxy has seen itself, and on only over trusted hops.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b4_the_last_hop_that_somebody_vouches_for() {
    let stand = service_with(|settings| settings.trusted_proxies = networks(&["10.0.0.0/8"])).await;
    for (value, client) in [
        ("192.0.2.7", "192.0.2.7"),
        ("6.6.6.6, 192.0.2.7", "192.0.2.7"),
        ("6.6.6.6, 192.0.2.7, 10.0.0.9", "192.0.2.7"),
        ("unknown, 192.0.2.7", "192.0.2.7"),
        ("unknown, 10.0.0.9", "10.0.0.9"),
        ("10.0.0.8, 10.0.0.9", "10.0.0.8"),
        ("192.0.2.7:4711", "192.0.2.7"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
    ] {
        for asking in [
            Asking::forward_auth("/forward-auth", "/ok"),
            Asking::as_it_came("/envoy", "/ok"),
        ] {
            asking.but("X-Forwarded-For", value).put(stand.at).await;
            assert_eq!(stand.gate.asked.lock().pop().unwrap().client, client, "{value}");
        }
    }
    // nginx says who it is in a field of its own, which nobody else may have lengthened.
    Asking::nginx("/nginx", "/ok")
        .but("X-Real-IP", "10.0.0.9")
        .put(stand.at)
        .await;
    assert_eq!(stand.gate.asked.lock().pop().unwrap().client, "10.0.0.9");
}

/// H7, H8: the same paths, hosts and methods are refused as at the edge; to the proxy that is never a yes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h8_a_visitors_address_is_read_as_strictly_as_at_the_edge() {
    let stand = service_with(|settings| {
        settings.hosts = stanchion::edge::Hosts::from_patterns(["shop.example"]);
    })
    .await;
    let huge = format!("/{}", "a".repeat(8 * 1024));
    // The visitor's address, what nginx is told, what the others are.
    for (uri, nginx, others) in [
        ("/ok", 204, 200),
        ("/ok?a=%2F", 204, 200),
        ("/%6fk", 204, 200),
        ("//ok", 401, 308),
        ("/a/../ok", 401, 308),
        ("/a/%2e%2e/ok", 401, 308),
        ("/a%2fok", 403, 400),
        ("/a%5cok", 403, 400),
        ("/a\\ok", 403, 400),
        ("/ok%00", 403, 400),
        ("/ok%", 403, 400),
        ("/..;/ok", 403, 400),
        ("/a ok", 403, 400),
        ("/ok#x", 403, 400),
        ("/ok?a b", 403, 400),
        (&huge, 403, 414),
    ] {
        for asking in Asking::of_each_kind(uri) {
            // A blank cannot be in a request line.
            if asking.target.contains(' ') {
                continue;
            }
            let wanted = match &*asking.target {
                "/nginx" => nginx,
                "/nginx/page" if others == 200 => 307,
                _ => others,
            };
            let reply = asking.put(stand.at).await;
            assert_eq!(reply.status, wanted, "{uri} {}", asking.target);
            let asked = stand.gate.asked.lock().drain(..).len();
            assert_eq!(asked, usize::from(others == 200), "{uri} {}", asking.target);
        }
    }
    for (part, value, nginx, others) in [
        ("Host", "evil.example", 403, 421),
        ("Host", "shop.example, evil.example", 403, 400),
        ("Host", "shop.example:x", 403, 400),
        ("Method", "TRACE", 403, 405),
        ("Method", "get", 403, 405),
    ] {
        let asking = Asking::nginx("/nginx", "/ok").but(&format!("X-Original-{part}"), value);
        assert_eq!(asking.put(stand.at).await.status, nginx, "{value}");
        let asking = Asking::nginx("/nginx/page", "/ok").but(&format!("X-Original-{part}"), value);
        assert_eq!(asking.put(stand.at).await.status, others, "{value}");
        let asking = Asking::forward_auth("/forward-auth", "/ok").but(&format!("X-Forwarded-{part}"), value);
        assert_eq!(asking.put(stand.at).await.status, others, "{value}");
    }
    assert!(stand.gate.asked.lock().is_empty());
}

/// H10: a visitor's largest head fits in with what the proxy adds; one that is larger is no request.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h10_a_head_as_large_as_at_the_edge_fits_in() {
    let stand = service().await;
    let mut large = Asking::nginx("/nginx", &format!("/{}", "a".repeat(7 * 1024)));
    for number in 0..15 {
        large = large.with(&format!("X-{number}"), &"b".repeat(1000));
    }
    assert_eq!(large.put(stand.at).await.status, 204);
    let reply = large.with("X-Huge", &"b".repeat(16 * 1024)).put(stand.at).await;
    assert_eq!(reply.status, 431);
}

/// Only those who are named are heard at all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_get_no_answer() {
    let asking = Asking::nginx("/nginx", "/ok").bytes();
    let closed = service_with(|settings| settings.decision_peers = networks(&["10.0.0.0/8"])).await;
    assert_eq!(once(closed.at, &asking).await, None);
    assert!(closed.gate.asked.lock().is_empty());
    let nobody = service_with(|settings| settings.decision_peers = networks(&[])).await;
    assert_eq!(once(nobody.at, &asking).await, None);
    // The same words from somebody who is named.
    let open = service().await;
    assert_eq!(once(open.at, &asking).await.unwrap().status, 204);
}

/// A proxy's connection goes on after every answer; HTTP/2 and bodies have no business there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_connection_carries_many_questions() {
    let stand = service().await;
    let mut peer = Peer::to(stand.at).await;
    for (uri, status) in [
        ("/ok", 204),
        ("/answer-close", 401),
        ("/a%2fb", 403),
        ("/panic", 401),
        ("/ok", 204),
    ] {
        peer.send(&Asking::nginx("/nginx", uri).bytes()).await;
        let reply = peer.reply().await.unwrap();
        assert_eq!((reply.status, reply.closes()), (status, false), "{uri}");
    }
    peer.send(b"GET /nginx HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")
        .await;
    assert_eq!(peer.reply().await.unwrap().status, 400);
    let reply = once(stand.at, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    assert!(reply.is_none_or(|reply| reply.status >= 400));
}
