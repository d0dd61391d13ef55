//! What a single process remembers over a restart: exactly, after a clean stop; cautiously, after a crash; its own, beside
//! another edge; and what an operator changed, or the change is refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod e2e;

use std::fs;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;

use e2e::{Edge, Origin, Setup, Visitor, eventually};
use serde_json::{Value, json};
use stanchion_testkit::process::Signal;

/// One a second: four may be missing from the file of a killed process.
const ROOM: &str = "capacity = 50\nrate = \"60/min\"\nnear_poll = \"1s\"";

fn with_people(origin: &Origin, people: usize) -> Edge {
    let edge = Edge::start(Setup::new("memory://", origin, ROOM));
    let mut client = edge.client();
    for _ in 0..people {
        let (mut visitor, met) = Visitor::knock(&mut client);
        if !met.is_inside() {
            eventually("inside", || visitor.visit(&mut client).is_inside().then_some(()));
        }
    }
    edge
}

/// With a session, kept for one, or on their way in.
fn counted(room: &Value) -> u64 {
    ["inside", "ghosts", "admitted"]
        .iter()
        .map(|who| room["line"][who].as_u64().unwrap_or(u64::MAX / 4))
        .sum()
}

fn checkpoint(edge: &Edge) -> PathBuf {
    let entries = fs::read_dir(edge.path("keys")).unwrap();
    let mut paths = entries.map(|entry| entry.unwrap().path());
    paths
        .find(|path| path.to_string_lossy().ends_with(".checkpoint.json"))
        .expect("a checkpoint")
}

fn written(edge: &Edge) -> Value {
    serde_json::from_slice(&fs::read(checkpoint(edge)).unwrap()).unwrap()
}

/// F3: a clean stop is remembered to the visitor; `kill -9` is not trusted to the last four seconds, also not when a
/// clean stop came before it.
#[test]
fn f3_a_clean_stop_is_exact_and_a_crash_is_cautious() {
    let origin = Origin::start();
    let mut edge = with_people(&origin, 2);
    edge.stop_and_start();
    let room = edge.room();
    assert_eq!(counted(&room), 2, "nobody is added after a clean stop: {room:#}");
    assert_eq!(
        written(&edge)["stopped_cleanly"],
        false,
        "the mark is gone as soon as it runs"
    );
    edge.stop_and_start();
    assert_eq!(counted(&edge.room()), 2, "and again");

    edge.restart();
    let room = edge.room();
    assert_eq!(counted(&room), 6, "four seconds of the pace after a crash: {room:#}");
}

/// F15: while the disk cannot be written, a change is refused and the old state kept; visitors notice nothing.
#[test]
fn f15_no_change_that_a_restart_would_forget() {
    let origin = Origin::start();
    let mut edge = with_people(&origin, 1);
    let fields = "Content-Type: application/merge-patch+json\r\nIf-Match: *\r\n";
    let pause = json!({ "paused": { "reason": "soon" } }).to_string();
    let degraded = |edge: &Edge| {
        edge.admin("GET", "/readyz", "", b"").json()["degraded"]
            .as_bool()
            .unwrap()
    };
    assert!(!degraded(&edge));

    let file = checkpoint(&edge);
    // A folder in its place cannot be replaced by a file. The edge may be writing meanwhile.
    eventually("a folder in the file's place", || {
        let _ = fs::remove_file(&file);
        fs::create_dir(&file).ok()
    });
    let refused = edge.admin("PATCH", "/api/v1/rooms/sale", fields, pause.as_bytes());
    assert_eq!(refused.status, 507, "{}", refused.text());
    assert_eq!(refused.json()["type"], "urn:stanchion:problem:not-durable");
    assert_eq!(edge.room()["settings"]["paused"], Value::Null, "the old state is kept");
    assert!(degraded(&edge), "/readyz says so");
    let (mut visitor, _) = Visitor::knock(&mut edge.client());
    eventually("visitors go in all the same", || {
        visitor.visit(&mut edge.client()).is_inside().then_some(())
    });

    fs::remove_dir(&file).unwrap();
    eventually("it is written again", || (!degraded(&edge)).then_some(()));
    edge.patch(&json!({ "paused": { "reason": "soon" } }));
    // No write but that of the change itself is waited for.
    edge.restart();
    edge.await_room("paused after a crash", |room| {
        room["settings"]["paused"]["reason"] == "soon"
    });
}

/// F3: two edges that share the folder of keys keep what is theirs.
#[test]
fn f3_two_edges_share_a_folder() {
    let origin = Origin::start();
    let mut one = with_people(&origin, 2);
    let mut two = one.neighbour();
    assert_ne!(one.path("."), two.path("."));
    assert_eq!(counted(&two.room()), 0, "not what the other remembers");
    assert!(two.log().contains("no checkpoint of this edge yet"), "{}", two.log());
    two.stop_and_start();
    one.stop_and_start();
    assert_eq!((counted(&one.room()), counted(&two.room())), (2, 0));
}

/// A stop says whom it awaits and whom it cut off; `edge.drain` bounds it, and a second signal ends it.
#[test]
fn a_stop_says_whom_it_awaits_and_whom_it_cut_off() {
    for (drain, signals) in [("300ms", 1), ("1h", 2)] {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut setup = Setup::new("memory://", &Origin::start(), "mode = \"passthrough\"");
        setup.origin = silent.local_addr().unwrap();
        setup.edge = format!("drain = \"{drain}\"");
        let mut edge = Edge::start(setup);
        let mut stuck = TcpStream::connect(edge.at).unwrap();
        stuck.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        let _under_way = silent.accept().unwrap();
        for _ in 0..signals {
            edge.signal(Signal::Terminate);
            let log = edge.await_log(0, "requests under way are awaited");
            assert!(log.contains("requests=1 connections=1"), "{log}");
        }
        assert!(
            edge.process.wait(e2e::PATIENCE).is_some(),
            "{drain}: it does not end:\n{}",
            edge.log()
        );
        let log = edge.log();
        let cut = log
            .lines()
            .find(|line| line.contains("these were cut off"))
            .unwrap_or_default();
        assert!(
            cut.contains(" WARN ") && cut.contains("requests=1 connections=1"),
            "{drain}: {log}"
        );
        assert_eq!(
            written(&edge)["stopped_cleanly"],
            true,
            "{drain}: in order all the same"
        );
    }
}

/// Two edges with a store in memory and the same keys hold two lines: the second says so.
#[test]
fn a_second_line_in_memory_on_the_same_keys_is_said() {
    let origin = Origin::start();
    let first = Edge::start(Setup::new("memory://", &origin, ROOM));
    assert!(!first.log().contains("do not share a line"), "{}", first.log());
    let second = first.neighbour();
    let log = second.await_log(0, "do not share a line");
    assert!(log.contains(" WARN "), "{log}");
}

/// F16: a file that is changed the moment the edge is there, and again the moment that was taken over, is read.
#[test]
fn f16_no_change_is_lost_between_reading_and_watching() {
    let origin = Origin::start();
    for _ in 0..5 {
        let mut edge = Edge::start(Setup::new("memory://", &origin, ROOM));
        let mut before = 0;
        for region in ["eu-west", "us-east", "ap-south"] {
            edge.setup.edge = format!("region = \"{region}\"");
            edge.configure();
            edge.await_log(before, "the configuration was taken over");
            before = edge.log().len();
        }
    }
}
