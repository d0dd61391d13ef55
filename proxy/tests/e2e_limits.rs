//! Limits on those who are inside: a real edge, a real origin, one visitor who asks too often.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod e2e;

use e2e::http::Reply;
use e2e::{Client, Edge, Origin, Setup, Visitor};

const LIMITS: &str = r#"
[[limits]]
name = "per-visitor"
key = "visitor"
limit = "3/1h"
algorithm = "sliding-log"
match = { path = ["/api"] }

[[limits]]
name = "watched"
key = "ip"
limit = "1/1h"
shadow = true
match = { path = ["/api"], method = ["GET"] }
"#;

fn roomy(origin: &Origin) -> Setup {
    let mut setup = Setup::new("memory://", origin, "capacity = 10\nrate = \"600/min\"");
    setup.more = LIMITS.into();
    setup
}

fn two_inside(client: &mut Client) -> (Visitor, Visitor) {
    let (first, met) = Visitor::knock(client);
    assert!(met.is_inside(), "{met:?}");
    let (second, met) = Visitor::knock(client);
    assert!(met.is_inside(), "{met:?}");
    (first, second)
}

fn statuses(times: usize, mut ask: impl FnMut() -> Reply) -> Vec<u16> {
    (0..times).map(|_| ask().status).collect()
}

#[test]
fn whoever_asks_too_often_is_told_when_to_come_again() {
    let origin = Origin::start();
    let edge = Edge::start(roomy(&origin));
    let mut client = edge.client();
    let (mut first, mut second) = two_inside(&mut client);
    let before = origin.seen().len();
    assert_eq!(statuses(3, || first.get(&mut client, "/api/seats")), [200; 3]);
    let refused = first.get(&mut client, "/api/seats?again=1");
    assert_eq!(refused.status, 429, "{}", refused.text());
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((3_590..=3_600).contains(&wait), "{wait}");
    assert_eq!(refused.header("ratelimit-policy"), Some("\"per-visitor\";q=3;w=3600"));
    let left = refused.header("ratelimit").unwrap();
    assert!(left.starts_with("\"per-visitor\";r=0;t=3"), "{left}");
    assert_eq!(refused.header("cache-control"), Some("no-store, private"));
    let problem = first.send(&mut client, "POST", "/api/seats");
    assert_eq!(problem.status, 429, "every method counts");
    assert_eq!(origin.seen().len(), before + 3, "the origin saw what was allowed");

    assert_eq!(
        statuses(3, || second.get(&mut client, "/api/seats")),
        [200; 3],
        "another visitor"
    );
    assert_eq!(
        statuses(4, || first.get(&mut client, "/elsewhere")),
        [200; 4],
        "another path"
    );
    // What an origin might read as the same path counts as the same.
    assert_eq!(first.get(&mut client, "/API;x=1/seats").status, 429);

    let metrics = edge.admin("GET", "/metrics", "", b"").text();
    let count = |limit: &str, said: &str| {
        let name = format!("stanchion_limit_decisions_total{{limit=\"{limit}\",said=\"{said}\"}} ");
        let line = metrics.lines().find(|line| line.starts_with(&name));
        line.map_or(0, |line| line[name.len()..].parse().unwrap())
    };
    assert_eq!(
        (count("per-visitor", "allowed"), count("per-visitor", "refused")),
        (6, 3)
    );
    assert_eq!(
        (
            count("watched", "allowed"),
            count("watched", "refused"),
            count("watched", "shadow")
        ),
        (1, 0, 7),
        "one was allowed; the shadow refused nobody"
    );
}

/// A reload that leaves the limits alone forgets nothing; one that changes them begins anew.
#[test]
fn what_was_counted_survives_a_reload() {
    let origin = Origin::start();
    let mut edge = Edge::start(roomy(&origin));
    let mut client = edge.client();
    let (mut first, _) = two_inside(&mut client);
    assert_eq!(statuses(4, || first.get(&mut client, "/api")), [200, 200, 200, 429]);
    let before = edge.log().len();
    edge.setup.room = edge.setup.room.replace("capacity = 10", "capacity = 11");
    edge.configure();
    edge.await_log(before, "the configuration was taken over");
    assert_eq!(first.get(&mut client, "/api").status, 429);
    let before = edge.log().len();
    edge.setup.more = LIMITS.replace("3/1h", "5/1h");
    edge.configure();
    edge.await_log(before, "the configuration was taken over");
    assert_eq!(
        statuses(6, || first.get(&mut client, "/api")),
        [200, 200, 200, 200, 200, 429]
    );
}
