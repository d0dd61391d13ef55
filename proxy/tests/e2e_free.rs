//! Waiting is free: a poll of somebody deep in the line costs the store no command and the edge no memory. Measured on
//! a whole process with a real Redis behind it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod e2e;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use e2e::{Client, Edge, Origin, Setup, Visitor};
use stanchion_testkit::redis::Redis;

/// Nobody is let in: the only slot is taken.
const ROOM: &str = "capacity = 1\nrate = \"60/min\"\nsession_ttl = \"1h\"";
/// Connections that ask at one time.
const ASKERS: usize = 4;
/// More than ever are near the head: these are "deep in the line".
const HEAD: usize = 300;
/// So many of them go on asking, as browsers near the head do.
const HEAD_POLLED: usize = 24;

fn number(name: &str, usual: usize) -> usize {
    std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(usual)
}

/// An edge on Redis whose only slot is taken.
fn full_room(redis: &Redis, origin: &Origin) -> (Edge, Visitor) {
    let edge = Edge::start(Setup::new(&redis.url(), origin, ROOM));
    let (mut inside, met) = Visitor::knock(&mut edge.client());
    assert!(met.is_inside(), "{met:?}");
    // Who never comes back keeps a slot for a minute only.
    assert!(inside.visit(&mut edge.client()).is_inside());
    (edge, inside)
}

/// So many more who wait, indexed by their first poll, over a few connections.
fn join(edge: &Edge, count: usize) -> Vec<Visitor> {
    let some = |share: usize| {
        let mut client = edge.client();
        let visitors = (0..share).map(|_| {
            let (mut visitor, met) = Visitor::knock(&mut client);
            assert!(!met.is_inside());
            visitor.poll(&mut client);
            visitor
        });
        visitors.collect::<Vec<_>>()
    };
    std::thread::scope(|scope| {
        let askers: Vec<_> = (0..ASKERS).map(|_| scope.spawn(|| some(count / ASKERS))).collect();
        askers.into_iter().flat_map(|asker| asker.join().unwrap()).collect()
    })
}

/// Asks `polls` times for those who wait, in turn.
fn poll_all(edge: &Edge, visitors: &[Visitor], polls: usize) {
    let each = polls / ASKERS;
    std::thread::scope(|scope| {
        for asker in 0..ASKERS {
            scope.spawn(move || {
                let mut client = edge.client();
                for n in 0..each {
                    let visitor = &visitors[(asker * each + n) % visitors.len()];
                    let reply = client.get("/.well-known/stanchion/rooms/sale/status", &visitor.fields());
                    assert_eq!(reply.status, 200);
                }
            });
        }
    });
}

/// Keeps the head of the line present while `work` runs, as their browsers would; the polls made.
fn with_a_living_head(edge: &Edge, head: &mut [Visitor], work: impl FnOnce()) -> u64 {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let keeper = scope.spawn(|| {
            let (mut client, mut rounds): (Client, u64) = (edge.client(), 0);
            while !done.load(Ordering::Relaxed) {
                head.iter_mut().for_each(|visitor| drop(visitor.poll(&mut client)));
                rounds += 1;
                std::thread::sleep(Duration::from_secs(2));
            }
            rounds
        });
        work();
        done.store(true, Ordering::Relaxed);
        keeper.join().unwrap()
    })
}

/// 100,000 polls (`STANCHION_POLLS`) of those who wait deep in the line. What Redis sees meanwhile depends on the time
/// that passes and not on the polls: a tick a second, and a batch or a few for each round of polls at the head.
#[test]
fn a_hundred_thousand_polls_cost_the_store_nothing() {
    let polls = number("STANCHION_POLLS", 100_000);
    let (redis, origin) = (Redis::single(), Origin::start());
    let (edge, _inside) = full_room(&redis, &origin);
    let mut head = join(&edge, HEAD);
    let mut client = edge.client();
    head.sort_by_cached_key(|visitor| visitor.clone().learn_position(&mut client));
    head.truncate(HEAD_POLLED);
    let deep = join(&edge, 1_000);
    edge.await_room("all are indexed", |room| room["line"]["waiting"] == HEAD + 1_000);
    // Cookies as they are once a snapshot has told of the epoch.
    let deep: Vec<Visitor> = deep
        .into_iter()
        .map(|mut visitor| {
            visitor.poll(&mut client);
            visitor
        })
        .collect();
    std::thread::sleep(Duration::from_millis(500));

    redis.reset_stats();
    let began = Instant::now();
    let rounds = with_a_living_head(&edge, &mut head, || poll_all(&edge, &deep, polls));
    let took = began.elapsed();
    let stats = redis.commandstats();
    let scripts = stats.get("evalsha").copied().unwrap_or(0) + stats.get("eval").copied().unwrap_or(0);
    let ticks = took.as_secs() + 1;
    println!(
        "{polls} polls in {took:?} ({:.0}/s): {scripts} scripts in Redis; about {ticks} ticks, {rounds} rounds at the head",
        polls as f64 / took.as_secs_f64()
    );
    // A tenth more ticks by their jitter, and some; a poll at the head makes at most one batch.
    let allowed = ticks + ticks / 5 + rounds * HEAD_POLLED as u64 + 5;
    assert!(scripts <= allowed, "{scripts} scripts, {allowed} allowed: {stats:?}");
}

/// An edge's memory does not follow the line: with 20,000 waiting (`STANCHION_WAITING`) it holds what it held with 1,000,
/// but for what allocators and buffers breathe. The measure is the resident set.
#[test]
fn an_edge_does_not_grow_with_the_line() {
    const BREATH_KIB: u64 = 1_024;
    let many = number("STANCHION_WAITING", 20_000);
    let (redis, origin) = (Redis::single(), Origin::start());
    let (edge, _inside) = full_room(&redis, &origin);
    // As many requests as the rest of the test makes, by the same thousand, so that every buffer has its size.
    let first = join(&edge, 1_000);
    edge.await_room("1,000 wait", |room| room["line"]["waiting"] == 1_000);
    let begin = edge.memory_kib("VmRSS");
    poll_all(&edge, &first, 2 * (many - 1_000));
    let small = edge.memory_kib("VmRSS");
    let more = || {
        let before = edge.memory_kib("VmRSS");
        join(&edge, many - 1_000);
        edge.memory_kib("VmRSS").saturating_sub(before)
    };
    // Twice as many as promised: an allocator takes 2 MiB now and then, but a line that costs memory costs it both times.
    let (once, twice) = (more(), more());
    let all = 2 * many - 1_000;
    edge.await_room("all wait", |room| room["line"]["waiting"] == all);
    println!(
        "resident: {begin} KiB with 1,000 waiting, {small} KiB after {} polls of theirs, then {once} and {twice} KiB more for {} each",
        2 * (many - 1_000),
        many - 1_000
    );
    let grown = once.min(twice);
    assert!(
        grown <= BREATH_KIB,
        "{grown} KiB more, {BREATH_KIB} allowed, for {} more who wait",
        many - 1_000
    );
}
