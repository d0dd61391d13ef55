//! Limits that edges count together: two real edges on one real Redis, over HTTP; the store is killed; limits change live.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod e2e;

use std::time::{Duration, Instant};

use e2e::http::Reply;
use e2e::{Client, Edge, Origin, Setup, Visitor, eventually};
use stanchion_testkit::redis::Redis;

const LIMITS: &str = r#"
[[limits]]
name = "exact"
key = "visitor"
limit = "20/1h"
scope = "global"
mode = "exact"
match = { path = ["/exact"] }

[[limits]]
name = "synced"
key = "visitor"
limit = "20/1h"
scope = "global"
match = { path = ["/synced"] }

[[limits]]
name = "narrow"
key = "visitor"
limit = "5/1h"
match = { path = ["/synced/narrow", "/exact/narrow"] }

[[limits]]
name = "watched"
key = "visitor"
limit = "1/1h"
scope = "global"
shadow = true
match = { path = ["/synced"] }

[[limits]]
name = "strict"
key = "visitor"
limit = "20/1h"
scope = "global"
mode = "exact"
on_store_error = "closed"
match = { path = ["/strict"] }
"#;

/// Two edges that know each other.
fn pair(redis: &Redis, origin: &Origin) -> [Edge; 2] {
    let mut setup = Setup::new(&redis.url(), origin, "capacity = 10\nrate = \"600/min\"");
    setup.more = LIMITS.into();
    let first = Edge::start(setup);
    let second = first.sibling();
    for edge in [&first, &second] {
        eventually("both count together", || {
            (metric(edge, "stanchion_limit_edges ") == Some(2)).then_some(())
        });
    }
    [first, second]
}

fn metric(edge: &Edge, name: &str) -> Option<u64> {
    let text = edge.admin("GET", "/metrics", "", b"").text();
    let line = text.lines().find(|line| line.starts_with(name))?;
    line[name.len()..].parse().ok()
}

fn said(edge: &Edge, limit: &str, said: &str) -> u64 {
    let name = format!("stanchion_limit_decisions_total{{limit=\"{limit}\",said=\"{said}\"}} ");
    metric(edge, &name).unwrap_or(0)
}

/// Asks both edges in turn; every answer.
fn in_turn(visitor: &mut Visitor, clients: &mut [Client; 2], path: &str, times: usize) -> Vec<Reply> {
    (0..times).map(|n| visitor.get(&mut clients[n % 2], path)).collect()
}

fn passed(replies: &[Reply]) -> usize {
    replies.iter().filter(|reply| reply.status == 200).count()
}

#[test]
fn b7_two_edges_count_as_one() {
    let (redis, origin) = (Redis::single(), Origin::start());
    let mut edges = pair(&redis, &origin);
    let mut clients = [edges[0].client(), edges[1].client()];
    let (mut first, met) = Visitor::knock(&mut clients[0]);
    assert!(met.is_inside(), "{met:?}");
    let (mut second, _) = Visitor::knock(&mut clients[1]);

    for (path, narrowly) in [("/exact", 10), ("/synced", 0)] {
        // What one edge refuses by a limit of its own (five at each edge) takes nothing from the common one.
        let narrow = in_turn(&mut first, &mut clients, &format!("{path}/narrow"), 14);
        assert_eq!(passed(&narrow), narrowly, "{path}");
        let replies = in_turn(&mut first, &mut clients, path, 26);
        assert_eq!(passed(&replies), 20 - narrowly, "{path}: 20 in all");
        let refused = replies.last().unwrap();
        assert_eq!(refused.status, 429, "{path}");
        let policy = format!("\"{}\";q=20;w=3600", &path[1..]);
        assert_eq!(refused.header("ratelimit-policy"), Some(policy.as_str()));
        let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
        assert!((3_000..=4_050).contains(&wait), "{path}: {wait}");
        assert_eq!(
            passed(&in_turn(&mut second, &mut clients, path, 20)),
            20,
            "another visitor"
        );
    }
    let shadow: u64 = edges.iter().map(|edge| said(edge, "watched", "shadow")).sum();
    assert!(
        shadow >= 28,
        "one for each visitor, the shadow refused nobody: {shadow}"
    );

    // A raised limit counts on from where it was, at both edges.
    for edge in &mut edges {
        let before = edge.log().len();
        edge.setup.more = LIMITS.replace("20/1h", "25/1h");
        edge.configure();
        edge.await_log(before, "the configuration was taken over");
    }
    for path in ["/exact", "/synced"] {
        let replies = in_turn(&mut first, &mut clients, path, 12);
        assert_eq!(passed(&replies), 5, "{path}: five more");
    }
}

#[test]
fn b7_a_dead_store_leaves_the_share_or_503() {
    let (mut redis, origin) = (Redis::single(), Origin::start());
    let edges = pair(&redis, &origin);
    let mut clients = [edges[0].client(), edges[1].client()];
    let (mut visitor, met) = Visitor::knock(&mut clients[0]);
    assert!(met.is_inside(), "{met:?}");
    assert_eq!(passed(&in_turn(&mut visitor, &mut clients, "/strict", 2)), 2);
    redis.kill();
    for path in ["/exact", "/synced"] {
        let began = Instant::now();
        let replies = in_turn(&mut visitor, &mut clients, path, 30);
        assert_eq!(passed(&replies), 20, "{path}: half of the limit at each of two edges");
        assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    }
    let refused = visitor.get(&mut clients[0], "/strict");
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert_eq!(refused.header("retry-after"), Some("5"));
    assert!(said(&edges[0], "exact", "allowed-alone") >= 9);
    assert!(said(&edges[0], "strict", "refused-alone") >= 1);
    eventually("the metric says so", || {
        (metric(&edges[0], "stanchion_limit_store_up ") == Some(0)).then_some(())
    });
}
