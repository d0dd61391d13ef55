//! B1, B2: a new place that costs something, at real edges on one Redis, for programs and in a real browser.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod e2e;

use std::path::Path;
use std::time::Instant;

use e2e::http::Reply;
use e2e::{Client, Edge, Origin, Setup, Visitor, eventually};
use serde_json::Value;
use stanchion_admission::challenge;
use stanchion_testkit::browser;
use stanchion_testkit::redis::Redis;

fn room(challenge: &str) -> String {
    format!("capacity = 1000\nrate = \"6000/min\"\nchallenge = {{ {challenge} }}")
}

fn setup(store: &str, origin: &Origin, challenge: &str) -> Setup {
    let mut setup = Setup::new(store, origin, &room(challenge));
    setup.edge = "trusted_proxies = [\"127.0.0.1/32\"]".into();
    setup
}

/// A newcomer from an address, with an answer or without.
fn knock(edge: &mut Client, from: &str, proof: Option<&str>) -> Reply {
    let proof = proof.map_or_else(String::new, |proof| format!("Stanchion-Proof: {proof}\r\n"));
    let fields = format!("Accept: application/json\r\nX-Forwarded-For: {from}\r\n{proof}");
    edge.send("GET", "/page", &fields, b"")
}

fn asked(reply: &Reply) -> Value {
    assert_eq!(reply.status, 403, "{}", reply.text());
    let problem = reply.json();
    assert_eq!(problem["type"], "urn:stanchion:challenge");
    problem["challenge"].clone()
}

/// Has a place: inside, or in line where the edge cannot let in yet.
fn is_paid(reply: &Reply) -> bool {
    let waits = reply.status == 429 && reply.json()["status"] == "waiting";
    assert!(reply.status == 200 || reply.status == 403 || waits, "{}", reply.text());
    reply.status != 403
}

fn solved(edge: &mut Client, from: &str) -> String {
    let work = asked(&knock(edge, from, None));
    let tries = u32::try_from(work["tries"].as_u64().unwrap()).unwrap();
    challenge::solve(work["task"].as_str().unwrap(), tries).unwrap()
}

fn counted(edge: &Edge, came: &str) -> u64 {
    let metrics = edge.admin("GET", "/metrics", "", b"").text();
    let name = format!("stanchion_challenges_total{{came=\"{came}\",room=\"sale\"}} ");
    let line = metrics.lines().find(|line| line.starts_with(&name));
    line.map_or(0, |line| line[name.len()..].parse().unwrap())
}

/// B2: one answer is one place, for its network alone, at whichever edge, also when fifty bring it at once.
#[test]
fn b2_an_answer_is_good_once() {
    let (redis, origin) = (Redis::single(), Origin::start());
    let first = Edge::start(setup(&redis.url(), &origin, "mode = \"enforce\", free_places = 0"));
    let second = first.sibling();
    let (mut here, mut there) = (first.client(), second.client());
    let answer = solved(&mut here, "10.0.0.1");
    assert!(
        !is_paid(&knock(&mut there, "10.0.1.1", Some(&answer))),
        "another network"
    );
    let reply = knock(&mut there, "10.0.0.77", Some(&answer));
    assert!(is_paid(&reply), "the same network, another edge");
    for edge in [&mut here, &mut there] {
        assert!(!is_paid(&knock(edge, "10.0.0.1", Some(&answer))), "used");
    }
    assert_eq!(counted(&second, "worked"), 1);
    assert_eq!(counted(&first, "used"), 1);
    assert_eq!(counted(&second, "seal"), 1);

    let answer = solved(&mut here, "10.0.0.1");
    let at = [first.at, second.at];
    let in_now: usize = std::thread::scope(|scope| {
        let racers: Vec<_> = (0..50)
            .map(|n| {
                let (answer, at) = (&answer, at[n % 2]);
                scope.spawn(move || is_paid(&knock(&mut Client::to(at), "10.0.0.1", Some(answer))))
            })
            .collect();
        racers.into_iter().map(|racer| usize::from(racer.join().unwrap())).sum()
    });
    assert_eq!(in_now, 1, "of fifty");
}

/// B2: nonsense of any kind gets a new task, and a wrong answer uses its task up.
#[test]
fn b2_what_is_no_answer_gets_a_new_task() {
    let origin = Origin::start();
    let edge = Edge::start(setup("memory://", &origin, "mode = \"enforce\", free_places = 0"));
    let mut client = edge.client();
    let answer = solved(&mut client, "10.0.0.1");
    let task = answer.split('.').next().unwrap().to_owned();
    for proof in [
        "x",
        "..",
        "%00",
        "AAAA.1.2.3.4",
        &"9".repeat(7_000),
        &format!("{}.{}", &task[1..], "1.1.1.1"),
    ] {
        assert_eq!(knock(&mut client, "10.0.0.1", Some(proof)).status, 403);
    }
    let wrong = format!("{task}.4294967295.0.0.0");
    assert_eq!(knock(&mut client, "10.0.0.1", Some(&wrong)).status, 403);
    assert_eq!(
        knock(&mut client, "10.0.0.1", Some(&answer)).status,
        403,
        "used up by the wrong answer"
    );
    assert_eq!((counted(&edge, "wrong"), counted(&edge, "used")), (1, 1));
    let page = client.send(
        "GET",
        "/page",
        "Accept: text/html\r\nX-Forwarded-For: 10.0.0.1\r\n",
        b"",
    );
    assert_eq!((page.status, page.header("retry-after")), (403, Some("10")));
    assert!(page.header("set-cookie").unwrap().starts_with("stanchion1-proof-sale="));
    let status = client.send(
        "GET",
        "/.well-known/stanchion/rooms/sale/status",
        "Accept: text/html\r\nX-Forwarded-For: 10.0.0.1\r\n",
        b"",
    );
    asked(&status);
    let answer = solved(&mut client, "10.0.0.1");
    assert_eq!(knock(&mut client, "10.0.0.1", Some(&answer)).status, 200);
    assert_eq!(origin.seen().len(), 1, "nobody else came through");
}

/// Whoever cannot work waits: after the time that was named the task is enough, once, and for so many a minute.
#[test]
fn waiting_is_enough() {
    let origin = Origin::start();
    let rules = "mode = \"enforce\", free_places = 0, waiting_instead = 1";
    let edge = Edge::start(setup("memory://", &origin, rules));
    let mut client = edge.client();
    let mut tasks = Vec::new();
    for _ in 0..2 {
        let work = asked(&knock(&mut client, "10.0.0.1", None));
        assert_eq!(work["wait_seconds"], 10);
        tasks.push(work["task"].as_str().unwrap().to_owned());
    }
    let began = Instant::now();
    let early = asked(&knock(&mut client, "10.0.0.1", Some(&tasks[0])));
    assert_eq!(early["task"], tasks[0].as_str(), "the same, with less to wait");
    let waited = eventually("the time is over", || {
        let reply = knock(&mut client, "10.0.0.1", Some(&tasks[0]));
        (reply.status == 200).then(|| began.elapsed())
    });
    assert!(waited.as_secs() >= 8, "{waited:?}");
    let other = asked(&knock(&mut client, "10.0.0.1", Some(&tasks[1])));
    assert_eq!(other["task"], tasks[1].as_str(), "one a minute: it keeps its task");
    asked(&knock(&mut client, "10.0.0.1", Some(&tasks[0])));
    assert_eq!(counted(&edge, "waited"), 1);
}

/// The first places of a network are free; its neighbours pay nothing; who has a ticket or a pass is not asked.
#[test]
fn the_first_places_are_free() {
    let origin = Origin::start();
    let edge = Edge::start(setup("memory://", &origin, "mode = \"enforce\", free_places = 3"));
    let mut client = edge.client();
    let statuses: Vec<u16> = (0..5)
        .map(|n| knock(&mut client, &format!("10.0.0.{n}"), None).status)
        .collect();
    assert_eq!(statuses, [200, 200, 200, 403, 403]);
    assert_eq!(knock(&mut client, "10.0.1.1", None).status, 200, "another network");
    let mut inside = Visitor::default();
    inside.keep(&knock(&mut client, "10.0.2.1", None));
    for _ in 0..3 {
        knock(&mut client, "10.0.2.2", None);
    }
    asked(&knock(&mut client, "10.0.2.3", None));
    let fields = format!("X-Forwarded-For: 10.0.2.1\r\n{}", inside.fields());
    assert_eq!(client.send("GET", "/page", &fields, b"").status, 200);
}

#[test]
fn observing_asks_nobody() {
    let origin = Origin::start();
    let edge = Edge::start(setup("memory://", &origin, "mode = \"observe\", free_places = 2"));
    let mut client = edge.client();
    let all_in = (0..5).all(|_| knock(&mut client, "10.0.0.1", None).status == 200);
    assert!(all_in);
    assert_eq!((counted(&edge, "would-ask"), counted(&edge, "asked")), (3, 0));
}

/// While the store is away an answer still is a place, and a used one is not.
#[test]
fn a_store_that_is_away_stops_nobody() {
    let (mut redis, origin) = (Redis::single(), Origin::start());
    let edge = Edge::start(setup(&redis.url(), &origin, "mode = \"enforce\", free_places = 0"));
    let mut client = edge.client();
    let answers = [solved(&mut client, "10.0.0.1"), solved(&mut client, "10.0.0.1")];
    redis.kill();
    let reply = knock(&mut client, "10.0.0.1", Some(&answers[0]));
    assert_eq!(reply.json()["status"], "waiting", "{}", reply.text());
    asked(&knock(&mut client, "10.0.0.1", Some(&answers[0])));
    let reply = knock(&mut client, "10.0.0.1", Some(&answers[1]));
    assert_eq!(reply.json()["status"], "waiting", "{}", reply.text());
}

/// In Chromium: by work, and with JavaScript off by waiting; with pictures.
#[test]
fn a_person_gets_in() {
    let origin = Origin::start();
    let edge = Edge::start(setup("memory://", &origin, "mode = \"enforce\", free_places = 0"));
    let pictures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/screenshots");
    let (base, out) = (format!("http://{}", edge.at), pictures.display().to_string());
    println!("{}", browser::run("challenge.mjs", &[("BASE", &base), ("OUT", &out)]));
    assert!(counted(&edge, "worked") >= 2 && counted(&edge, "waited") >= 1);
}
