//! Decisions in the words of each kind of proxy: codes, fields to the origin, cookies to the visitor.

use crate::asking::{Asking, service};

/// What the gate lets through: to the origin the pass and the visitor's cookies without ours, to the visitor ours.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_yes_brings_what_the_origin_and_the_visitor_get() {
    let stand = service().await;
    for (asking, status) in [
        (Asking::nginx("/nginx", "/ok"), 204),
        (Asking::forward_auth("/forward-auth", "/ok"), 200),
        (Asking::forward_auth("/forward-auth/redirect", "/ok"), 200),
        (Asking::as_it_came("/envoy", "/ok"), 200),
    ] {
        let reply = asking
            .clone()
            .with("Cookie", "ours=x; a=1")
            .with("Stanchion-Pass", "mine")
            .put(stand.at)
            .await;
        assert_eq!(reply.status, status, "{asking:?}");
        assert_eq!(reply.values("stanchion-pass"), ["the.real.pass"]);
        assert_eq!(reply.values("cookie"), ["a=1"]);
        assert_eq!(reply.values("set-cookie"), ["ours=new; Path=/"]);
        assert_eq!(reply.values("stanchion-set-cookie-1"), ["ours=new; Path=/"]);
        assert_eq!(reply.values("stanchion-client-place"), ["kept"]);
        assert_eq!(reply.value("cache-control"), "no-store");
        assert!(reply.body.is_empty());

        let only_ours = asking.clone().with("Cookie", "ours=x").put(stand.at).await;
        assert_eq!(
            only_ours.values("cookie"),
            [""],
            "what is left of the visitor's cookies is sent, and be it nothing"
        );
        assert_eq!(asking.put(stand.at).await.values("cookie"), [""; 0]);
    }
}

/// Where the origin gets no pass, a visitor's own words under that name do not reach it either.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_pass_the_field_is_overwritten() {
    let stand = service().await;
    for asking in Asking::of_each_kind("/bare") {
        let reply = asking.clone().with("Stanchion-Pass", "mine").put(stand.at).await;
        let (status, pass): (u16, &[&str]) = match &*asking.target {
            // nginx leaves out what is empty.
            "/nginx" => (204, &[]),
            "/nginx/page" => (307, &[]),
            _ => (200, &["none"]),
        };
        assert_eq!(
            (reply.status, &*reply.values("stanchion-pass")),
            (status, pass),
            "{asking:?}"
        );
    }
}

/// A proxy that sets no cookies on what it lets through sends the visitor round once, with its cookies.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cookies_that_could_be_lost_are_brought_by_a_redirect() {
    let stand = service().await;
    let asking = Asking::forward_auth("/forward-auth/redirect", "/cookies-only?q=1");
    let reply = asking.put(stand.at).await;
    assert_eq!(
        (reply.status, reply.value("location")),
        (307, "https://shop.example/cookies-only?q=1")
    );
    assert_eq!(reply.values("set-cookie"), ["ours=new; Path=/"]);
    assert_eq!(reply.value("stanchion-pass"), "");
    let plain = asking
        .but("X-Forwarded-Proto", "http")
        .but("X-Forwarded-Host", "shop.example:8080");
    assert_eq!(
        plain.put(stand.at).await.value("location"),
        "http://shop.example:8080/cookies-only?q=1"
    );
    // Where the proxy hands them on itself there is no need to.
    assert_eq!(
        Asking::forward_auth("/forward-auth", "/cookies-only")
            .put(stand.at)
            .await
            .status,
        200
    );
    // Let in between the question and the page.
    let page = Asking::nginx("/nginx/page", "/cookies-only?q=1").put(stand.at).await;
    assert_eq!((page.status, page.value("location")), (307, "/cookies-only?q=1"));
    assert_eq!(page.values("set-cookie"), ["ours=new; Path=/"]);
}

/// Negative control of the whole service: nothing but a yes of the gate is ever a success.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_but_a_yes_is_a_success() {
    let stand = service().await;
    for (uri, nginx, forward, envoy) in [
        ("/answer", 401, 429, 429),
        ("/answer-close", 401, 429, 429),
        ("/panic", 401, 500, 500),
        ("//ok", 401, 308, 308),
        ("/a%2fb", 403, 400, 400),
    ] {
        let status = async |asking: Asking| asking.put(stand.at).await.status;
        assert_eq!(status(Asking::nginx("/nginx", uri)).await, nginx, "{uri}");
        assert_eq!(
            status(Asking::forward_auth("/forward-auth", uri)).await,
            forward,
            "{uri}"
        );
        assert_eq!(
            status(Asking::forward_auth("/forward-auth/redirect", uri)).await,
            forward,
            "{uri}"
        );
        assert_eq!(status(Asking::as_it_came("/envoy", uri)).await, envoy, "{uri}");
    }
    let page = Asking::nginx("/nginx/page", "/answer").put(stand.at).await;
    assert_eq!(
        (page.status, &*page.text()),
        (200, "waiting"),
        "the page itself is as the edge gives it"
    );
    let waiting = Asking::forward_auth("/forward-auth", "/answer").put(stand.at).await;
    assert_eq!((waiting.value("retry-after"), &*waiting.text()), ("5", "waiting"));
    let nginx = Asking::nginx("/nginx", "/answer").put(stand.at).await;
    assert!(nginx.body.is_empty(), "nginx has no use for a body");
    let better = Asking::as_it_came("/envoy", "//ok?q=1").put(stand.at).await;
    assert_eq!(better.value("location"), "https://shop.example/ok?q=1");
}

/// Stanchion's own addresses are answered as they are, and nothing is let through by that way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn own_addresses_are_answered_and_never_let_through() {
    let stand = service().await;
    let own = |rest: &str| Asking::as_it_came("/.well-known/stanchion/", rest);
    // This gate lets everything through that it does not know; a real one has an answer for each of these.
    assert_eq!(own("rooms/sale/status").put(stand.at).await.status, 404);
    assert_eq!(
        stand.gate.asked.lock().pop().unwrap().path,
        "/.well-known/stanchion/rooms/sale/status"
    );
    assert_eq!(own("../../ok").put(stand.at).await.status, 308);
    assert_eq!(own("x").without("X-Forwarded-For").put(stand.at).await.status, 400);
    assert!(stand.gate.asked.lock().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_are_posts_with_a_pass_and_a_word() {
    let stand = service().await;
    let command = |method: &str, fields: &[(&str, &str)]| {
        let asking = Asking::nginx("/command", "/ok").without("X-Real-IP");
        let asking = fields
            .iter()
            .fold(asking, |asking, (name, value)| asking.with(name, value));
        Asking {
            method: method.to_owned(),
            ..asking
        }
    };
    let (pass, release) = (("Stanchion-Pass", "a.b.c"), ("Stanchion-Command", "release"));
    for (method, fields, status) in [
        ("GET", &[pass, release][..], 400),
        ("POST", &[pass], 400),
        ("POST", &[release], 400),
        ("POST", &[pass, pass, release], 400),
        ("POST", &[pass, ("Stanchion-Command", "open")], 400),
        // Well said; but this gate knows no pass.
        ("POST", &[pass, release], 404),
    ] {
        assert_eq!(
            command(method, fields).put(stand.at).await.status,
            status,
            "{method} {fields:?}"
        );
    }
}
