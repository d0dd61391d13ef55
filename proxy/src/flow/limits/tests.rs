//! Whom a limit looks at, whom it counts together, and what it says.

use http::{HeaderMap, Method};

use super::*;

fn limit(text: &str) -> Limit {
    let file = format!(
        "[[origins]]\nname = \"o\"\nservers = [\"127.0.0.1:9\"]\n[[rooms]]\nname = \"r\"\norigin = \"o\"\ncapacity = 1\n\
         rate = \"1/min\"\n[[limits]]\nname = \"l\"\n{text}"
    );
    let config = config::check(&file, &config::NotLooking).expect("a good file");
    config.limits[0].clone()
}

struct Request {
    client: &'static str,
    host: &'static str,
    path: &'static str,
    headers: HeaderMap,
}

fn request() -> Request {
    Request {
        client: "192.0.2.7",
        host: "shop.example",
        path: "/api/x",
        headers: HeaderMap::new(),
    }
}

fn ask<'a>(limits: &'a Limits, request: &Request) -> Judged<'a> {
    let asked = Asked {
        method: &Method::GET,
        host: request.host,
        path: request.path,
        query: None,
        headers: &request.headers,
        client: request.client.parse().unwrap(),
        tls: false,
        request_id: "1",
    };
    let nowhere = |_| Whereabouts::default();
    let sender = Sender {
        visitor: None,
        whereabouts: &nowhere,
    };
    // Nothing waits where no limit is global.
    let judged = limits.judge(&asked, &sender, Duration::from_secs(100));
    futures::executor::block_on(judged)
}

/// The status of a request, 200 where it goes on.
fn status(judged: &Judged) -> u16 {
    match &judged.outcome {
        Outcome::Go { .. } => 200,
        Outcome::Refused(answer) => answer.status.as_u16(),
    }
}

/// Two requests under "one in an hour": whether the second is counted with the first.
fn together(key: &str, other: Request) -> bool {
    let limits = Limits::new(&[limit(&format!("limit = \"1/1h\"\nkey = {key}"))], None);
    assert_eq!(status(&ask(&limits, &request())), 200);
    status(&ask(&limits, &other)) == 429
}

#[test]
fn b7_a_key_says_who_is_counted_together() {
    let from = |client| Request { client, ..request() };
    let v6 = |key, other| {
        let limits = Limits::new(&[limit(&format!("limit = \"1/1h\"\nkey = {key}"))], None);
        assert_eq!(status(&ask(&limits, &from("2001:db8:1:2::1"))), 200);
        status(&ask(&limits, &from(other))) == 429
    };
    assert!(together("\"ip\"", from("::ffff:192.0.2.7")));
    assert!(!together("\"ip\"", from("192.0.2.8")));
    assert!(together("\"prefix\"", from("192.0.2.8")));
    assert!(!together("\"prefix\"", from("192.0.3.7")));
    assert!(v6("\"ip\"", "2001:db8:1:2:ffff::1") && !v6("\"ip\"", "2001:db8:1:3::1"));
    assert!(v6("\"prefix\"", "2001:db8:1:3::1") && !v6("\"prefix\"", "2001:db8:2:2::1"));
    assert!(together("\"all\"", from("203.0.113.1")));
    assert!(together(
        "\"path\"",
        Request {
            path: "/API/x",
            ..from("203.0.113.1")
        }
    ));
    assert!(!together(
        "[\"ip\", \"path\"]",
        Request {
            path: "/api/y",
            ..request()
        }
    ));
    assert!(together("[\"ip\", \"host\"]", request()));
}

#[test]
fn a_missing_key_is_skipped_shared_or_refused() {
    for (rule, statuses) in [("skip", [200, 200]), ("share", [200, 429]), ("refuse", [403, 403])] {
        let text = format!("limit = \"1/1h\"\nkey = \"header:x-app\"\non_missing_key = \"{rule}\"");
        let limits = Limits::new(&[limit(&text)], None);
        let found = [0; 2].map(|_| status(&ask(&limits, &request())));
        assert_eq!(found, statuses, "{rule}");
    }
}

#[test]
fn a_limit_looks_only_at_what_it_matches() {
    for (wanted, looks) in [
        ("path = [\"/api\"]", true),
        ("path = [\"/ap\"]", false),
        ("host = [\"*.example\"]", true),
        ("host = [\"shop.test\"]", false),
        ("method = [\"POST\"]", false),
        ("header = [\"x-app\"]", false),
        ("country = [\"DE\"]", false),
        ("network = [64500]", false),
    ] {
        let limits = Limits::new(
            &[limit(&format!(
                "limit = \"1/1h\"\nkey = \"all\"\nmatch = {{ {wanted} }}"
            ))],
            None,
        );
        assert_eq!(!ask(&limits, &request()).decisions.is_empty(), looks, "{wanted}");
    }
}

#[test]
fn places_under_way_are_given_back_and_a_queue_holds_back() {
    let at_once = Limits::new(&[limit("limit = 1\nkey = \"all\"\nalgorithm = \"concurrency\"")], None);
    let first = ask(&at_once, &request());
    assert_eq!(status(&ask(&at_once, &request())), 429);
    drop(first);
    assert_eq!(status(&ask(&at_once, &request())), 200);
    let queue = Limits::new(
        &[limit("limit = \"1/2s\"\nkey = \"all\"\nalgorithm = \"leaky-bucket\"")],
        None,
    );
    let delays: Vec<_> = (0..4)
        .map(|_| match ask(&queue, &request()).outcome {
            Outcome::Go { delay, .. } => Some(delay.as_secs()),
            Outcome::Refused(_) => None,
        })
        .collect();
    assert_eq!(
        delays,
        [Some(0), Some(2), Some(4), None],
        "nobody is held longer than 5 s"
    );
}
