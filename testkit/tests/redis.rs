//! The helpers themselves, against the installed Redis.

use std::path::Path;
use std::time::{Duration, Instant};

use stanchion_testkit::redis::Connection;
use stanchion_testkit::{Data, Pipe, Redis, wait_until};

fn alive(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

#[test]
fn a_single_server_keeps_or_loses_its_data_on_the_same_port_and_ends_with_its_test() {
    let mut redis = Redis::single();
    redis.run(&["SET", "k", "v"]);
    let port = redis.port();
    redis.restart(Data::Kept);
    assert!(wait_until(Duration::from_secs(5), || redis
        .command(&["GET", "k"])
        .text()
        == "v"));
    redis.restart(Data::Lost);
    assert_eq!(redis.command(&["EXISTS", "k"]).integer(), 0);
    assert_eq!(redis.port(), port);
    redis.reset_stats();
    redis.run(&["GET", "k"]);
    assert_eq!(redis.commandstats().get("get"), Some(&1));
    let pid = redis.pid();
    let panicked = std::thread::spawn(move || {
        let _held = redis;
        panic!("on purpose");
    });
    assert!(panicked.join().is_err());
    assert!(!alive(pid), "the server outlived the panic of its test");
}

#[test]
fn a_stopped_server_accepts_and_says_nothing_until_it_goes_on() {
    let redis = Redis::single();
    let mut connection = redis.connect();
    redis.pause();
    assert!(connection.try_command(&["PING"]).is_err());
    redis.resume();
    assert_eq!(redis.command(&["PING"]).text(), "PONG");
}

#[test]
fn sentinels_replace_a_killed_master() {
    let mut group = Redis::sentinel();
    let first = group.master();
    group.servers[first].kill();
    let replaced = || {
        group
            .master_port()
            .is_some_and(|port| port != group.servers[first].port())
    };
    assert!(wait_until(Duration::from_secs(15), replaced), "no new master");
}

#[test]
fn a_cluster_serves_its_slots_and_moves_one() {
    let cluster = Redis::cluster();
    let slot = cluster.slot_of("stanchion:{room}:queue");
    let from = cluster.owner_of(slot).unwrap();
    let to = (from + 1) % 3;
    cluster.nodes[from].run(&["SET", "{room}k", "v"]);
    let moving = cluster.begin_move(slot, from, to);
    assert_eq!(cluster.move_keys(moving, 10), 1);
    cluster.end_move(moving);
    assert_eq!(cluster.nodes[to].run(&["GET", "{room}k"]).text(), "v");
    assert!(wait_until(Duration::from_secs(5), || cluster.owner_of(slot) == Some(to)));
}

#[test]
fn a_pipe_delays_cuts_and_mends() {
    let redis = Redis::single();
    let pipe = Pipe::to(redis.port());
    let mut connection = Connection::open(pipe.port()).unwrap();
    assert_eq!(connection.command(&["PING"]).text(), "PONG");
    pipe.delay(Duration::from_millis(50));
    let began = Instant::now();
    assert_eq!(connection.command(&["PING"]).text(), "PONG");
    assert!(began.elapsed() >= Duration::from_millis(100), "{:?}", began.elapsed());
    pipe.cut();
    assert!(connection.try_command(&["PING"]).is_err());
    pipe.mend();
    assert_eq!(Connection::open(pipe.port()).unwrap().command(&["PING"]).text(), "PONG");
}
