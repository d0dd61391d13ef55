//! Two masters: the old one is cut off from its replica, which was promoted; some edges still reach the old one.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use stanchion_admission::ids::Place;
use stanchion_admission::policy::RoomPolicy;
use stanchion_admission::rate::Rate;
use stanchion_admission::store::redis::RedisStore;
use stanchion_admission::store::{EdgeMemory, Snapshot, Store, StoreError};
use stanchion_testkit::{Redis, wait_until};

use crate::support::{open_patient, place, policy, tick};

const RATE_PER_S: u64 = 50;
/// `min-replicas-max-lag` of the old master, in seconds.
const LAG_S: u64 = 2;

/// An edge as far as the store sees it: it tells who is here, ticks, and remembers.
struct Edge {
    store: RedisStore,
    memory: EdgeMemory,
}

impl Edge {
    async fn on(redis: &Redis) -> Edge {
        Edge {
            store: open_patient(&redis.url()).await,
            memory: EdgeMemory::default(),
        }
    }

    async fn second(&mut self, room: &RoomPolicy, line: &[Place]) -> Result<Snapshot, StoreError> {
        self.store.present(room, line).await?;
        let seen = tick(&self.store, room, &self.memory).await?;
        self.memory = EdgeMemory {
            epoch: seen.epoch,
            seq: seen.seq,
            frontier: seen.frontier.max(self.memory.frontier),
            active: seen.active,
            admitted: seen.admitted,
            as_of: seen.now,
            ..self.memory.clone()
        };
        Ok(seen)
    }
}

/// A second replica that can fall silent without hanging up, as behind a broken network: its master cannot know.
struct Listener {
    silent: Arc<AtomicBool>,
    gone: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    fn to(master: &Redis) -> Listener {
        let mut tcp = TcpStream::connect(master.address()).unwrap();
        tcp.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        tcp.write_all(b"PSYNC ? -1\r\n").unwrap();
        let (silent, gone) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let flags = (silent.clone(), gone.clone());
        let thread = std::thread::spawn(move || {
            let mut sink = vec![0; 1 << 16];
            while !flags.1.load(Ordering::Relaxed) {
                let _ = tcp.read(&mut sink);
                if !flags.0.load(Ordering::Relaxed) {
                    let _ = tcp.write_all(b"*3\r\n$8\r\nREPLCONF\r\n$3\r\nACK\r\n$1\r\n0\r\n");
                }
            }
        });
        Listener {
            silent,
            gone,
            thread: Some(thread),
        }
    }

    fn fall_silent(&self) {
        self.silent.store(true, Ordering::Relaxed);
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.gone.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Replicas that the master would write for.
fn good_replicas(master: &Redis) -> String {
    let info = master.info("replication");
    info.get("min_slaves_good_slaves").cloned().unwrap_or_default()
}

fn follows(replica: &Redis) -> bool {
    replica
        .info("replication")
        .get("master_link_status")
        .is_some_and(|status| status == "up")
}

/// F5: the old master grants on for `min-replicas-max-lag` and no longer; whoever stayed with it goes over to the new one.
#[tokio::test(flavor = "multi_thread")]
async fn f5_a_cut_off_master_admits_no_longer_than_its_lag() {
    let old = Redis::with(&[("min-replicas-max-lag", "2"), ("repl-ping-replica-period", "1")]);
    let new = Redis::with(&[("replicaof", &format!("127.0.0.1 {}", old.port()))]);
    let listener = Listener::to(&old);
    assert!(
        wait_until(Duration::from_secs(10), || follows(&new)),
        "the replica did not follow"
    );
    old.run(&["CONFIG", "SET", "min-replicas-to-write", "1"]);
    let both = wait_until(Duration::from_secs(15), || good_replicas(&old) == "2");
    assert!(both, "{:?}", old.info("replication"));
    let room = RoomPolicy {
        rate: Rate::new(RATE_PER_S, Duration::from_secs(1)).unwrap(),
        ..policy("sale")
    };
    let line: Vec<Place> = (0..400).map(place).collect();
    let mut edge = Edge::on(&old).await;
    let mut seen = edge.second(&room, &line).await.unwrap();
    let began = Instant::now();
    while seen.admitted_total < RATE_PER_S {
        tokio::time::sleep(Duration::from_millis(200)).await;
        seen = edge.second(&room, &line).await.unwrap();
        assert!(
            began.elapsed() < Duration::from_secs(15),
            "nobody is admitted: {seen:?}"
        );
    }

    new.run(&["REPLICAOF", "NO", "ONE"]);
    listener.fall_silent();
    let (at_split, split) = (seen.clone(), Instant::now());
    let mut moved = Edge {
        store: open_patient(&new.url()).await,
        memory: edge.memory.clone(),
    };
    let (mut last, mut refused_after) = (at_split.admitted_total, None);
    while split.elapsed() < Duration::from_secs(LAG_S + 4) {
        match edge.second(&room, &line).await {
            Ok(seen) => last = seen.admitted_total,
            Err(StoreError::Refused(why)) if why.contains("NOREPLICAS") => {
                refused_after.get_or_insert(split.elapsed());
            }
            // Refused often enough, it is not asked for a while.
            Err(StoreError::Away(_)) if refused_after.is_some() => {}
            Err(other) => panic!("{other}"),
        }
        moved.second(&room, &line).await.unwrap();
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let over = last - at_split.admitted_total;
    let bound = RATE_PER_S * (LAG_S + 2) + RATE_PER_S;
    assert!(refused_after.is_some(), "the old master never stopped");
    assert!(
        over > 0 && over <= bound,
        "{over} admitted by the old master after the split, at most {bound}; refused after {refused_after:?}"
    );

    // The edge that stayed behind goes over to the new master, which never ran behind the line it took over.
    edge.store = open_patient(&new.url()).await;
    let after = edge.second(&room, &line).await.unwrap();
    assert!(
        after.epoch.ordinal >= at_split.epoch.ordinal && after.frontier >= at_split.frontier,
        "{after:?}"
    );
}
