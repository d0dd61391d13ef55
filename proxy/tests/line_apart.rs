//! F1: however busy the visitors' threads are, a healthy store does not look away, the line is ticked and the admin
//! plane answers: they have threads of their own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use stanchion::serve::{Bound, start};
use stanchion_admission::clock::SystemClock;
use stanchion_admission::edge::agent::Agent;
use stanchion_admission::entropy::SystemEntropy;
use stanchion_admission::ids::RoomName;
use stanchion_admission::store::memory::MemoryStore;
use stanchion_config::{Config, NotLooking};
use stanchion_testkit::net::wait_until;
use stanchion_testkit::redis::Redis;
use tokio::runtime::{Builder, Runtime};

const PATIENCE: Duration = Duration::from_secs(10);
const LOOKED_AT: Duration = Duration::from_secs(3);
/// A tick a second, and one may be late.
const OLD: Duration = Duration::from_millis(2_200);

fn room() -> RoomName {
    RoomName::new("sale").unwrap()
}

fn configuration(store: &str, keys: &std::path::Path) -> Config {
    let text = format!(
        "[edge]\nlisten = [\"127.0.0.1:0\"]\nadmin = \"127.0.0.1:0\"\n[store]\nurl = \"{store}\"\n\
         [keys]\ndir = \"{}\"\n[[origins]]\nname = \"origin\"\nservers = [\"127.0.0.1:9\"]\n\
         [[rooms]]\nname = \"sale\"\norigin = \"origin\"\nhosts = [\"*\"]\npaths = [\"/\"]\n\
         capacity = 1\nrate = \"60/min\"",
        keys.display()
    );
    stanchion_config::check(&text, &NotLooking).unwrap()
}

/// One thread for everything that visitors ask.
fn visitors() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
}

/// Keeps the visitors' only thread until what it returns is dropped.
fn hold(visitors: &Runtime) -> Sender<()> {
    let (until, dropped) = channel();
    visitors.spawn(async move {
        let _ = dropped.recv();
    });
    until
}

/// How old `agent`'s news became, and whether the store was always near.
fn watched(agent: &Agent) -> (Duration, bool) {
    let began = Instant::now();
    let (mut oldest, mut near) = (Duration::ZERO, true);
    let watched_long_enough = wait_until(PATIENCE, || {
        oldest = oldest.max(agent.snapshot(&room()).unwrap().1);
        near &= agent.health().store_reachable;
        began.elapsed() > LOOKED_AT
    });
    assert!(watched_long_enough);
    (oldest, near)
}

/// The first line of the answer; nothing where none comes within a second.
fn asked(address: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let mut head = [0; 15];
    stream.read_exact(&mut head).ok()?;
    Some(String::from_utf8_lossy(&head).into_owned())
}

#[test]
fn f1_a_rush_of_visitors_keeps_neither_ticks_nor_the_operator_waiting() {
    let (redis, keys) = (Redis::single(), tempfile::tempdir().unwrap());
    let config = configuration(&redis.url(), keys.path());
    let visitors = visitors();
    let running = visitors
        .block_on(start(&config, Bound::bind(&config).unwrap(), HashMap::new()))
        .unwrap();
    assert!(wait_until(PATIENCE, || running.agent.snapshot(&room()).is_some()));
    let held = hold(&visitors);
    let (oldest, near) = watched(&running.agent);
    assert!(
        near && oldest < OLD,
        "a healthy store looked away, or its news were {oldest:?} old"
    );
    assert_eq!(asked(running.admin, "/healthz").as_deref(), Some("HTTP/1.1 200 OK"));
    let edge = running.edge.addresses()[0];
    assert_eq!(
        asked(edge, "/"),
        None,
        "the visitors' thread is held: this test means something"
    );
    drop(held);
    visitors.block_on(running.stop(Duration::from_secs(1), std::future::pending()));
}

/// A room's loop on the visitors' threads: what must not be.
#[test]
fn a_loop_on_the_visitors_threads_is_noticed() {
    let visitors = visitors();
    let keys = tempfile::tempdir().unwrap();
    let config = configuration("memory://", keys.path());
    let agent = {
        let _here = visitors.enter();
        let clock = Arc::new(SystemClock::default());
        let rooms = stanchion::serve::assemble::policies(&config);
        let store = Arc::new(MemoryStore::new(clock.clone()));
        Agent::start(store, clock, Arc::new(SystemEntropy), rooms, true, Vec::new())
    };
    assert!(wait_until(PATIENCE, || agent.snapshot(&room()).is_some()));
    let _held = hold(&visitors);
    let (oldest, _) = watched(&agent);
    assert!(oldest > OLD, "{oldest:?}");
}
